"""A screening that was cut off, cancelled or left gives the same file when it goes on, or an honest end."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from core.errors import StorageUnavailable
from core.ledger import LedgerEntry
from dnc.screenings.errors import (
    ScreenedFileChanged,
    ScreeningBusy,
    ScreeningNotRunning,
)
from dnc.screenings.left_alone import LEFT, give_up_left
from dnc.screenings.models import Screening, ScreeningPart
from dnc.screenings.recording import PART_KIND
from dnc.screenings.rows import file_layout
from dnc.screenings.service import ALIVE_FOR, Wanted, cancel_screening, resume_screening
from dnc.screenings.terms import ScreeningState
from dnc.screenings.work import resume_file
from dnc.screenings.writing import CsvOutput
from leads.intake import plain_at
from tests.integration.seeds import verified
from tests.screened import CELLS, file_in, report, rows_of, screen_into, screened, screenings
from tests.seeding import (
    CAMPAIGN,
    OPERATOR,
    Seeded,
    opt_out,
)


def test_a_screening_that_is_cut_off_anywhere_gives_the_same_file_when_it_goes_on(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = file_in(tmp_path), tmp_path / "sedan.csv"
    _, whole = screened(seeded, source)
    for steps in range(6):
        ids: list[str] = []
        _cut_off(monkeypatch, steps)
        with pytest.raises(KeyboardInterrupt):
            screen_into(screenings(seeded), OPERATOR, Wanted(CAMPAIGN), source=source, target=target, asked=ids.append)
        monkeypatch.undo()
        assert not target.exists()
        opt_out(seeded.service, "+46980319200", None)  # something else happens meanwhile
        with seeded.service.store.writing() as session:
            session.execute(update(Screening).values(ran_at=seeded.clock.now() - ALIVE_FOR))

        resume_file(screenings(seeded), OPERATOR, ids[0], source=source, target=target)

        assert target.read_bytes() == whole.read_bytes()
        done = report(seeded, ids[0])
        assert (done.state, done.rows) == (ScreeningState.DONE, len(CELLS))
        assert done.verdicts == {"allow": 2, "deny": 4, "unknown": 2}
        target.unlink()
    with seeded.service.store.reading() as session:
        parts = session.scalar(select(func.count()).select_from(ScreeningPart))
        entries = session.scalar(select(func.count()).where(LedgerEntry.kind == PART_KIND))
    assert parts == entries == 7 * 3
    assert verified(seeded.service).findings == ()


def _cut_off(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """End the process, as it were, before or after putting a part on record: at the step of this number."""
    left = [steps]

    def stepped(run: Callable[..., Any]) -> Callable[..., Any]:
        def run_or_end(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return run(*args, **kwargs)

        return run_or_end

    from dnc.screenings import recording, running

    monkeypatch.setattr(running, "record_part", stepped(recording.record_part))
    monkeypatch.setattr(CsvOutput, "write", stepped(CsvOutput.write))


def test_a_screening_whose_result_the_disk_does_not_take_leaves_none(
    on_sqlite: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target, ids, real = file_in(tmp_path), tmp_path / "ut.csv", list[str](), os.open

    def full(path: Any, flags: int, *how: Any, **named: Any) -> int:
        return real("/dev/full", os.O_WRONLY) if str(path).endswith(".part") else real(path, flags, *how, **named)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(StorageUnavailable, match="could not be written"):
        screen_into(screenings(on_sqlite), OPERATOR, Wanted(CAMPAIGN), source=source, target=target, asked=ids.append)

    assert list(tmp_path.glob("ut.csv*")) == []
    monkeypatch.undo()
    on_sqlite.clock.at += ALIVE_FOR
    resume_file(screenings(on_sqlite), OPERATOR, ids[0], source=source, target=target)
    assert len(rows_of(target)) == len(CELLS)


def test_a_screening_that_was_cancelled_is_put_on_record_no_further(seeded: Seeded, tmp_path: Path) -> None:
    source, target, ids = file_in(tmp_path), tmp_path / "ut.csv", list[str]()

    def cancel(_rows: int, _share: float) -> None:
        with seeded.service.store.writing() as session:
            cancel_screening(session, OPERATOR, ids[0], seeded.clock.now())

    with pytest.raises(ScreeningNotRunning):
        screen_into(
            screenings(seeded),
            OPERATOR,
            Wanted(CAMPAIGN),
            source=source,
            target=target,
            asked=ids.append,
            progress=cancel,
        )

    stopped = report(seeded, ids[0])
    assert (stopped.state, stopped.rows) == (ScreeningState.CANCELLED, 3)
    assert 0 < stopped.progress < 1
    assert list(tmp_path.glob("ut.csv*")) == []
    resume_file(screenings(seeded), OPERATOR, ids[0], source=source, target=target)
    assert report(seeded, ids[0]).state is ScreeningState.DONE
    assert len(rows_of(target)) == len(CELLS)


def test_one_who_works_on_a_screening_keeps_others_from_it(on_sqlite: Seeded, tmp_path: Path) -> None:
    source, seeded = file_in(tmp_path), on_sqlite
    ids: list[str] = []
    refused: list[str] = []

    def another(_rows: int, _share: float) -> None:
        with pytest.raises(ScreeningBusy):
            resume_file(screenings(seeded), OPERATOR, ids[0], source=source, target=tmp_path / "2.csv")
        with seeded.service.store.writing() as session:
            session.execute(update(Screening).values(ran_at=seeded.clock.now() - ALIVE_FOR))
        resume_file(screenings(seeded), OPERATOR, ids[0], source=source, target=tmp_path / "2.csv")
        refused.append("done by another")

    with pytest.raises((ScreeningBusy, ScreeningNotRunning)):
        screen_into(
            screenings(seeded),
            OPERATOR,
            Wanted(CAMPAIGN),
            source=source,
            target=tmp_path / "ut.csv",
            asked=ids.append,
            progress=another,
        )
    assert refused
    assert report(seeded, ids[0]).rows == len(CELLS)


def test_a_screening_goes_on_only_with_the_file_that_it_began_with(on_sqlite: Seeded, tmp_path: Path) -> None:
    screening_id, target = screened(on_sqlite, file_in(tmp_path))
    other = file_in(tmp_path, CELLS[:2])

    with pytest.raises(ScreenedFileChanged):
        resume_file(screenings(on_sqlite), OPERATOR, screening_id, source=other, target=target)


def test_a_screening_does_not_go_on_where_its_file_is_read_otherwise_by_now(
    on_sqlite: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later release may take another column for the number's: no answer may stand beside another number than its."""
    source, target = file_in(tmp_path), tmp_path / "ut.csv"
    screening_id, _ = screened(on_sqlite, source)
    target.unlink()
    by_another = replace(file_layout(plain_at(source), None), number_place=0)
    monkeypatch.setattr("dnc.screenings.work.file_layout", lambda *_, **__: by_another)

    with pytest.raises(ScreenedFileChanged, match="screen it again"):
        resume_file(screenings(on_sqlite), OPERATOR, screening_id, source=source, target=target)

    assert list(tmp_path.glob("ut.csv*")) == []


def test_a_screening_that_its_command_left_is_said_to_have_failed(on_sqlite: Seeded, tmp_path: Path) -> None:
    ids: list[str] = []

    def leave(_rows: int, _share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        screen_into(
            screenings(on_sqlite),
            OPERATOR,
            Wanted(CAMPAIGN),
            source=file_in(tmp_path),
            target=tmp_path / "ut.csv",
            asked=ids.append,
            progress=leave,
        )
    on_sqlite.clock.at += timedelta(hours=2)
    with on_sqlite.service.store.writing() as session:
        assert give_up_left(session, on_sqlite.clock.now()) == 1

    left = report(on_sqlite, ids[0])
    assert (left.state, left.failure) == (ScreeningState.FAILED, LEFT)
    with on_sqlite.service.store.writing() as session:
        resumed = resume_screening(session, OPERATOR, ids[0], on_sqlite.clock.now(), has_file=True)
        assert resumed.state == ScreeningState.RUNNING
