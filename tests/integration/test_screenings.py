"""Whole files screened: by the rules of a check, on record, and the same file however often it was cut off."""

import csv
import io
import json
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select, update

from core.access import Caller, Role
from core.errors import Forbidden, NotFound
from core.ids import new_id
from core.ledger import LedgerEntry
from core.numbers import Number
from dnc.audit import compare_records
from dnc.deciding import Decider, Kept
from dnc.decision import Decision
from dnc.gate import Question, UnknownCampaign
from dnc.gathering import read_standing
from dnc.models import Campaign, Contact, Hold, OptOut, Restriction
from dnc.recorded import decided_otherwise
from dnc.screenings.engine import Screener
from dnc.screenings.errors import (
    ScreenedFileChanged,
    ScreeningBusy,
    ScreeningDamaged,
    ScreeningNotRunning,
    UnknownScreening,
)
from dnc.screenings.kept import LEFT, forget_screened_files, give_up_left, open_result
from dnc.screenings.models import Screening, ScreeningPart
from dnc.screenings.recording import PART_KIND
from dnc.screenings.reports import ScreeningReport, answers_on, report_screening
from dnc.screenings.service import ALIVE_FOR, KEPT_FOR, ask_screening, cancel_screening, resume_screening
from dnc.screenings.standing import read_ahead
from dnc.screenings.terms import ScreeningState
from dnc.screenings.work import Screenings, Wanted, resume_file, screen_file, what_if, work_on
from dnc.screenings.writing import CsvOutput
from leads.models import Lead, LeadFile, Source
from tests.integration.seeds import KINDS, dialer_of, seeded_service, verified
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SOURCE,
    LISTED,
    OF_OTHER_SELLER,
    OPERATOR,
    OPTED_OUT,
    OTHER_CAMPAIGN,
    PARTNER_SAYS,
    PARTNER_SOURCE,
    WITHOUT_SOURCE,
    Seeded,
    opt_out,
)

TWO = "0701740605 / 0701740606"
CELLS = (FROM_PARTNER, "070-174 06 06", LISTED, OPTED_OUT, "", WITHOUT_SOURCE, TWO, OF_OTHER_SELLER)
FIRST = 46846500400


@pytest.fixture(params=KINDS)
def seeded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seeded]:
    """Return a seeded service, on each kind of database."""
    with seeded_service(request, request.param, tmp_path) as made:
        yield made


@pytest.fixture(params=["sqlite"])
def on_sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seeded]:
    """Return a seeded service where one kind of database tells all."""
    with seeded_service(request, request.param, tmp_path) as made:
        yield made


def screenings(seeded: Seeded, part_rows: int = 3) -> Screenings:
    """Return what screenings are worked on with, in parts of a few rows."""
    return Screenings(seeded.service.store, seeded.service.shelf.listed_of, part_rows)


def file_in(folder: Path, cells: Sequence[str] = CELLS) -> Path:
    """Write a file whose second column holds the numbers."""
    path = folder / "ring.csv"
    path.write_text(
        "Kund;Telefon\r\n" + "".join(f"K{at};{cell}\r\n" for at, cell in enumerate(cells)), encoding="utf-8", newline=""
    )
    return path


def screened(seeded: Seeded, source: Path, caller: Caller = OPERATOR, **wanted: Any) -> tuple[str, Path]:
    """Screen the file; return the screening's id and where the result lies."""
    target = source.with_name(f"ut{source.suffix}")
    return screen_file(screenings(seeded), caller, Wanted(CAMPAIGN, **wanted), source=source, target=target), target


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a screened file."""
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), delimiter=";"))


def report(seeded: Seeded, screening_id: str, caller: Caller = OPERATOR) -> ScreeningReport:
    """Return the screening as it stands."""
    with seeded.service.store.reading() as session:
        return report_screening(session, caller, screening_id)


def test_each_row_gets_what_a_check_of_its_number_answers(seeded: Seeded, tmp_path: Path) -> None:
    source = file_in(tmp_path)

    screening_id, target = screened(seeded, source)

    rows = rows_of(target)
    asked = [Question(cell) for cell in CELLS]
    checks = [json.loads(one.json) for one in seeded.service.gate.ask_many(OPERATOR, CAMPAIGN, asked)]
    assert [row["Telefon"] for row in rows] == list(CELLS)
    assert [row["verdict"] for row in rows] == [check["verdict"] for check in checks]
    assert [row["reasons"].split() for row in rows] == [[one["code"] for one in check["reasons"]] for check in checks]
    assert [row["valid_until"] or None for row in rows] == [check["valid_until"] for check in checks]
    assert [row["fault"] for row in rows if row["fault"]] == ["empty", "ambiguous"]
    assert (rows[0]["ground"], rows[0]["basis"], rows[0]["say"]) == ("lead", "legitimate_interest", PARTNER_SAYS)
    assert target.read_bytes().count(b"\r\n") == len(CELLS) + 1
    summary = report(seeded, screening_id)
    assert (summary.state, summary.rows, summary.progress) == (ScreeningState.DONE, len(CELLS), 1.0)
    assert summary.verdicts == {"allow": 2, "deny": 4, "unknown": 2}
    assert summary.reasons["invalid_number"] == 2
    assert summary.registers == ("nix:2026-11-15",)
    assert summary.policies == ("se-2026-1",)


def told(decision: Decision) -> tuple[object, ...]:
    """Return what a screening tells of a decision."""
    ground = decision.ground
    named = None if ground is None else (ground.kind, ground.source_id, ground.basis)
    codes = tuple(reason.code for reason in decision.reasons)
    return decision.verdict, codes, named, decision.valid_until, decision.retry_at, decision.policy, decision.register


@pytest.mark.parametrize("next_hour", [False, True])
def test_numbers_are_decided_together_as_each_would_be_alone(
    seeded: Seeded, next_hour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = np.array([*range(FIRST, FIRST + 100), *range(46701740605, 46701740700), 447700900123], dtype=np.int64)
    numbers.sort()
    _fill_at_random(seeded, numbers.tolist())
    store, now = seeded.service.store, seeded.clock.now()
    results: list[list[tuple[object, ...]]] = []
    alone: list[tuple[object, ...]] = []
    for looked_up, is_ahead in ((10**6, False), (0, False), (0, True)):  # by index, then table by table, then before
        monkeypatch.setattr("dnc.screenings.standing.LOOKED_UP_AT_MOST", looked_up)
        monkeypatch.setattr("dnc.screenings.standing.WORTH_A_SCAN", 10**6)
        with store.snapshot() as session:
            card = read_standing(session.connection(), campaigns=[CAMPAIGN], numbers=(), now=now).campaigns[CAMPAIGN]
            screener = Screener(session.connection(), seeded.service.shelf.listed_of, card, now, next_hour=next_hour)
            if is_ahead:
                screener.ahead = partial(read_ahead, session.connection(), len(numbers), card, now)
            found = screener.screen(numbers)
            results.append([told(found.decided[code].decision) for code in found.codes])
            alone = []
            for number in numbers.tolist():
                standing = read_standing(session.connection(), campaigns=(), numbers=[number], now=now)
                at = screener.moment(Number(number).country).at
                if next_hour:
                    standing.rows.get(number, {}).pop("reservation", None)
                decider = Decider(Kept(seeded.service.shelf.listed), session.connection(), standing, at)
                known, key = decider.known(Number(number), card)
                alone.append(told(decider.decided(Number(number), card, known, key).decision))

    assert results[0] == alone
    assert results[1] == alone
    assert results[2] == alone
    assert len(set(alone)) > 12


def _fill_at_random(seeded: Seeded, numbers: list[int]) -> None:
    """Put on record, for many of the numbers, whatever may speak of one, at times around now."""
    from consent.models import Consent, CustomerRelation

    chance, now = random.Random(20261122), seeded.clock.now()
    store = seeded.service.store

    def near() -> datetime:
        return now + chance.choice([-1, 1]) * chance.choice(
            [timedelta(minutes=5), timedelta(hours=5), timedelta(days=1), timedelta(days=40), timedelta(days=400)]
        )

    def seller() -> str:
        return chance.choice([seeded.seller_id, seeded.seller_id, seeded.other_seller_id])

    check_id = seeded.service.gate.ask(dialer_of(seeded), CAMPAIGN, Question(FROM_PARTNER)).id
    with store.writing() as session:
        campaigns = session.scalars(select(Campaign.id)).all()
        sources = session.scalars(select(Source.no)).all()
        files = session.scalars(select(LeadFile.no)).all()
        session.execute(update(LeadFile).where(LeadFile.no == files[0]).values(paused_at=now, paused_reason="x"))
        placed = {row[0]: row[1] for row in session.execute(select(Lead.number, Lead.source_no))}
        common = {"recorded_at": now, "recorded_by": "operator:tests"}
        for row_no, number in enumerate(numbers, 1000):
            for source_no in chance.sample(list(sources), chance.choice([0, 0, 1, 1, 2, 3])):
                if placed.get(number) is None:
                    session.add(
                        Lead(
                            number=number,
                            source_no=source_no,
                            file_no=chance.choice(files),
                            row_no=row_no,
                            birth_date=chance.choice([None, None, date(1980, 1, 1), date(2012, 5, 5)]),
                            collected_at=chance.choice([None, near()]),
                            expires_at=near(),
                            person=None,
                        )
                    )
            if chance.random() < 0.2:
                channels = chance.choice(["voice", "automated_voice,voice", "automated_voice"])
                session.add(
                    OptOut(
                        id=new_id(),
                        seller_id=chance.choice([seller(), None]),
                        number=number,
                        channels=channels,
                        via="phone",
                        note="",
                        received_at=now,
                        **common,
                    )
                )
            if chance.random() < 0.1:
                session.add(
                    Hold(id=new_id(), seller_id=seller(), number=number, reason="x", note="", made_at=now, made_by="x")
                )
            if chance.random() < 0.1:
                session.add(
                    Restriction(
                        id=new_id(),
                        seller_id=chance.choice([seller(), None]),
                        number=number,
                        kind="deceased",
                        note="",
                        made_at=now,
                        made_by="x",
                    )
                )
            if chance.random() < 0.3:
                session.add(
                    Consent(
                        id=new_id(),
                        seller_id=seller(),
                        number=number,
                        channels="voice",
                        names_seller=chance.random() < 0.8,
                        text_version="1",
                        evidence="",
                        given_at=near(),
                        expires_at=chance.choice([None, near()]),
                        **common,
                    )
                )
            if chance.random() < 0.2:
                session.add(
                    CustomerRelation(
                        id=new_id(),
                        seller_id=seller(),
                        number=number,
                        product=chance.choice(["electricity", "insurance"]),
                        reference="r",
                        started_at=near(),
                        fulfilled_at=chance.choice([None, near()]),
                        **common,
                    )
                )
            for _ in range(chance.choice([0, 0, 0, 1, 3])):
                session.add(
                    Contact(
                        id=new_id(),
                        check_id=check_id,
                        seller_id=seeded.seller_id,
                        campaign_id=chance.choice(campaigns),
                        number=number,
                        call_id=new_id(),
                        started_at=now - chance.choice([timedelta(hours=1), timedelta(hours=6), timedelta(days=2)]),
                        outcome="no_answer",
                        recorded_at=now,
                        logged_by="key:tests",
                    )
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
            screen_file(screenings(seeded), OPERATOR, Wanted(CAMPAIGN), source=source, target=target, begun=ids.append)
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


def test_a_screening_that_was_cancelled_is_put_on_record_no_further(seeded: Seeded, tmp_path: Path) -> None:
    source, target, ids = file_in(tmp_path), tmp_path / "ut.csv", list[str]()

    def cancel(_rows: int, _share: float) -> None:
        with seeded.service.store.writing() as session:
            cancel_screening(session, OPERATOR, ids[0], seeded.clock.now())

    with pytest.raises(ScreeningNotRunning):
        screen_file(
            screenings(seeded),
            OPERATOR,
            Wanted(CAMPAIGN),
            source=source,
            target=target,
            begun=ids.append,
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
        screen_file(
            screenings(seeded),
            OPERATOR,
            Wanted(CAMPAIGN),
            source=source,
            target=tmp_path / "ut.csv",
            begun=ids.append,
            progress=another,
        )
    assert refused
    assert report(seeded, ids[0]).rows == len(CELLS)


def test_a_screening_goes_on_only_with_the_file_that_it_began_with(on_sqlite: Seeded, tmp_path: Path) -> None:
    screening_id, target = screened(on_sqlite, file_in(tmp_path))
    other = file_in(tmp_path, CELLS[:2])

    with pytest.raises(ScreenedFileChanged):
        resume_file(screenings(on_sqlite), OPERATOR, screening_id, source=other, target=target)


def test_the_answer_to_any_number_is_shown_and_decided_again_from_the_record(seeded: Seeded, tmp_path: Path) -> None:
    screening_id, _ = screened(seeded, file_in(tmp_path, [*CELLS, *CELLS]))
    opt_out(seeded.service, FROM_PARTNER, None)  # what is known later changes nothing that was answered

    with seeded.service.store.reading() as session:
        rows = list(answers_on(session, OPERATOR, screening_id, int(FROM_PARTNER)))
        entries = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == PART_KIND)).all()

    assert [(row.row, row.answer["verdict"]) for row in rows] == [(1, "allow"), (9, "allow")]
    assert rows[0].decided_at == seeded.clock.now()
    assert "collected_at" not in rows[0].answer["source"]  # type: ignore[operator] # an object of the wire form
    decisions = [decision for entry in entries for decision in json.loads(entry or "")["decisions"]]
    assert [decided_otherwise(decision) for decision in decisions] == [None] * len(decisions)
    assert sum(decision["rows"] for decision in decisions) == 2 * len(CELLS)
    assert not any(cell.lstrip("+") in (entry or "") for entry in entries for cell in (FROM_PARTNER, LISTED, OPTED_OUT))


def test_a_changed_record_is_never_told(on_sqlite: Seeded, tmp_path: Path) -> None:
    screening_id, _ = screened(on_sqlite, file_in(tmp_path))
    store = on_sqlite.service.store
    with store.reading() as session:
        assert compare_records(session, store.keyring) == []
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER screening_parts_no_update")
        connection.exec_driver_sql("UPDATE screening_parts SET packed = CAST(packed || x'00' AS BLOB) WHERE no = 0")

    with store.reading() as session, pytest.raises(ScreeningDamaged):
        list(answers_on(session, OPERATOR, screening_id, int(FROM_PARTNER)))
    with store.reading() as session:
        [finding] = compare_records(session, store.keyring)
    assert finding.detail == "a part of a screening was changed"


def test_what_if_answers_for_its_moment_and_records_nothing(on_sqlite: Seeded, tmp_path: Path) -> None:
    source, target = file_in(tmp_path), tmp_path / "ut.csv"
    night = on_sqlite.clock.now() + timedelta(hours=12)

    summary = what_if(screenings(on_sqlite), OPERATOR, Wanted(CAMPAIGN), source=source, target=target, at=night)

    assert summary.whole.verdicts["allow"] == 0
    assert all("outside_hours" in row["reasons"] for row in rows_of(target) if not row["fault"])
    with on_sqlite.service.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Screening)) == 0


def test_at_night_the_next_opening_can_be_asked_for(on_sqlite: Seeded, tmp_path: Path) -> None:
    on_sqlite.clock.at += timedelta(hours=12)

    _, target = screened(on_sqlite, file_in(tmp_path), next_hour=True)

    [first, *_] = rows_of(target)
    assert first["verdict"] == "allow"
    assert datetime.fromisoformat(first["valid_until"]) > on_sqlite.clock.now() + timedelta(hours=8)


def test_a_workbook_comes_back_as_a_workbook_of_texts(on_sqlite: Seeded, tmp_path: Path) -> None:
    import xlsxwriter

    from leads.spreadsheets import SpreadsheetReader

    source = tmp_path / "ring.xlsx"
    with xlsxwriter.Workbook(str(source)) as book:
        sheet = book.add_worksheet()
        written: list[list[str | int]] = [
            ["Kund", "Telefon"],
            ["=2+2", FROM_PARTNER],
            ["b", ""],
            ["c", int(LISTED[1:])],
        ]
        for at, row in enumerate(written):
            for column, cell in enumerate(row):
                sheet.write_string(at, column, cell) if isinstance(cell, str) else sheet.write(at, column, cell)

    _, target = screened(on_sqlite, source)

    rows = [list(row.cells) for row in SpreadsheetReader(target).rows()]
    assert [row[:4] for row in rows] == [
        ["=2+2", FROM_PARTNER, "allow", ""],
        ["b", "", "unknown", "invalid_number"],
        ["c", LISTED[1:], "deny", "on_register no_source"],
    ] or [row[2] for row in rows] == ["allow", "unknown", "deny"]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16"])
def test_a_file_keeps_its_encoding(on_sqlite: Seeded, tmp_path: Path, encoding: str) -> None:
    source = tmp_path / "ring.csv"
    source.write_text(f"Ort;Telefon\nÅmål;{FROM_PARTNER}\n", encoding=encoding)

    _, target = screened(on_sqlite, source)

    read = target.read_text(encoding=encoding)
    assert read.startswith("Ort;Telefon;verdict;")
    assert f"Åmål;{FROM_PARTNER};allow;" in read


def test_rows_that_cannot_be_told_apart_are_unknown_and_stay_in_their_place(on_sqlite: Seeded, tmp_path: Path) -> None:
    source = tmp_path / "ring.csv"
    lines = ["Kund;Telefon", f"a;{FROM_PARTNER};x", f'"b;{FROM_PARTNER}', "c", f'"d";"{FROM_PARTNER}"', f"e;{LISTED};"]
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")

    _, target = screened(on_sqlite, source)

    rows = rows_of(target)
    assert [row["verdict"] for row in rows] == ["unknown", "unknown", "unknown", "allow", "deny"]
    assert rows[0]["Kund"] == lines[1]
    assert rows[1]["Kund"] == lines[2]


def test_a_campaign_is_screened_by_its_seller_s_leads_each_number_once(seeded: Seeded) -> None:
    store, shelf = seeded.service.store, seeded.service.screened_files
    with store.writing() as session:
        whole = ask_screening(session, OPERATOR, campaign=CAMPAIGN, file=None, now=seeded.clock.now()).id
        some = ask_screening(
            session, OPERATOR, campaign=CAMPAIGN, file=None, sources=[LIST_SOURCE], now=seeded.clock.now()
        ).id
    for screening_id in (whole, some):
        work_on(Screenings(store, seeded.service.shelf.listed_of, 2), shelf, screening_id)

    with store.reading() as session:
        file, name = open_result(session, shelf, OPERATOR, whole)
        with file:
            rows = list(csv.DictReader(io.TextIOWrapper(file, "utf-8")))
    numbers = [row["number"] for row in rows]
    assert name.endswith(".csv")
    assert numbers == sorted(set(numbers))
    assert {FROM_PARTNER, FROM_LIST, LISTED, OPTED_OUT} <= set(numbers)
    assert report(seeded, some).rows < report(seeded, whole).rows
    assert report(seeded, some).sources.keys() <= {LIST_SOURCE, "-"}


def test_a_dialer_sees_only_its_own_seller_s_screenings_and_no_bought_list(seeded: Seeded, tmp_path: Path) -> None:
    dialer, stranger = dialer_of(seeded), dialer_of(seeded, seeded.other_seller_id)
    screening_id, _ = screened(seeded, file_in(tmp_path), dialer)

    assert set(report(seeded, screening_id, dialer).sources) == {"-", "list", PARTNER_SOURCE}
    assert LIST_SOURCE in report(seeded, screening_id).sources
    with pytest.raises(UnknownScreening):
        report(seeded, screening_id, stranger)
    with pytest.raises(UnknownCampaign):
        screened(seeded, file_in(tmp_path), stranger)
    with pytest.raises(Forbidden):
        screened(seeded, file_in(tmp_path), Caller("1", "s", "key", Role.SALES, seeded.seller_id))
    store, now = seeded.service.store, seeded.clock.now()
    with store.writing() as session, pytest.raises(NotFound):
        ask_screening(session, stranger, campaign=OTHER_CAMPAIGN, file=None, sources=[PARTNER_SOURCE], now=now)


def test_kept_files_go_when_their_time_has_come_and_the_answers_stay(on_sqlite: Seeded) -> None:
    store, shelf = on_sqlite.service.store, on_sqlite.service.screened_files
    with store.writing() as session:
        screening_id = ask_screening(session, OPERATOR, campaign=CAMPAIGN, file=None, now=on_sqlite.clock.now()).id
    work_on(screenings(on_sqlite), shelf, screening_id)
    assert len(shelf.places()) == 1

    later = datetime.now(on_sqlite.clock.now().tzinfo) + KEPT_FOR + timedelta(days=4)
    assert forget_screened_files(store, shelf, later) == 1

    assert not shelf.places()
    assert not report(on_sqlite, screening_id).result
    with store.reading() as session:
        assert list(answers_on(session, OPERATOR, screening_id, int(FROM_PARTNER)))


def test_a_screening_that_its_command_left_is_said_to_have_failed(on_sqlite: Seeded, tmp_path: Path) -> None:
    ids: list[str] = []

    def leave(_rows: int, _share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        screen_file(
            screenings(on_sqlite),
            OPERATOR,
            Wanted(CAMPAIGN),
            source=file_in(tmp_path),
            target=tmp_path / "ut.csv",
            begun=ids.append,
            progress=leave,
        )
    on_sqlite.clock.at += timedelta(hours=2)
    with on_sqlite.service.store.writing() as session:
        assert give_up_left(session, on_sqlite.clock.now()) == 1

    left = report(on_sqlite, ids[0])
    assert (left.state, left.failure) == (ScreeningState.FAILED, LEFT)
    with on_sqlite.service.store.writing() as session:
        assert resume_screening(session, OPERATOR, ids[0], on_sqlite.clock.now()).state == ScreeningState.RUNNING
