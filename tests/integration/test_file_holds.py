"""A lead file's open holds are settled together: each as it would be alone, and none twice or by mistake."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, select

from core.database import let_others_write
from core.errors import Forbidden, InvalidInput, NotFound, StorageUnavailable
from core.verification import Finding
from dnc import file_holds
from dnc.audit import compare_records
from dnc.file_holds import SettledHolds, close_file_holds, opt_out_file_holds
from dnc.holds import HoldReason, close_hold
from dnc.models import OptOut
from tests.held import CHILD, MARKED, entries, every_hold, feed, held_by_file, reported, staff
from tests.integration.seeds import beside, dialer_of
from tests.seeding import Seeded, number_of, opt_out

WRONG_COLUMN = "kolumnen var en annan"
NUMBERS = [number_of(written).value for written in MARKED]
Settle = Callable[..., SettledHolds]


def close_all(seeded: Seeded, lead_file_id: str, **how: Any) -> SettledHolds:  # Any: as the function takes it
    """Close the file's holds as customer service."""
    return close_file_holds(seeded.service.store, staff(), lead_file_id=lead_file_id, resolution=WRONG_COLUMN, **how)


def opt_out_all(seeded: Seeded, lead_file_id: str, **how: Any) -> SettledHolds:  # Any: as the function takes it
    """Opt the numbers of the file's holds out as customer service."""
    return opt_out_file_holds(seeded.service.store, staff(), lead_file_id=lead_file_id, **how)


def close_one(seeded: Seeded, hold_id: str, resolution: str = "ringde upp") -> None:
    """Close one hold, as a colleague does on the page."""
    with seeded.service.store.writing() as session:
        now = seeded.clock.now()
        by = staff(name="robin")
        close_hold(session, by, seeded.service.keyring, hold_id=hold_id, resolution=resolution, now=now)


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Act once, after the first transaction of those that settle many."""
    acts = iter([act])

    def let_others(engine: Engine) -> None:
        next(acts, lambda: None)()
        let_others_write(engine)

    monkeypatch.setattr(file_holds, "let_others_write", let_others)


def faults(seeded: Seeded) -> list[Finding]:
    """Return where the tables differ from the ledger."""
    with seeded.service.store.snapshot() as session:
        return compare_records(session, seeded.service.keyring)


def test_all_holds_of_a_file_are_closed_each_with_an_entry_and_a_change_of_its_own(
    seeded: Seeded, tmp_path: Path
) -> None:
    service = seeded.service
    file = held_by_file(service, tmp_path)
    other = held_by_file(service, tmp_path, [CHILD], name="annan")
    call = reported(service, seeded.seller_id, "vill inte")

    assert close_all(seeded, file) == SettledHolds(5, [], 0, 0)

    closed = [hold for hold in every_hold(service.store) if hold.closed_at is not None]
    assert sorted(hold.number for hold in closed) == NUMBERS
    assert {(hold.closed_at, hold.closed_by, hold.resolution) for hold in closed} == {
        (seeded.clock.now(), "user:kim", WRONG_COLUMN)
    }
    on_record = entries(service.store, "hold.closed")
    assert [entry.subject for entry in on_record] == [hold.id for hold in closed]
    assert {entry.actor for entry in on_record} == {"user:kim"}
    assert {json.loads(entry.payload or "")["resolution"] for entry in on_record} == {WRONG_COLUMN}
    assert feed(service.store)[-5:] == [("hold_closed", hold.number) for hold in closed]
    assert faults(seeded) == []
    assert close_all(seeded, file) == SettledHolds(0, [], 0, 0)
    assert close_all(seeded, other).closed == 1
    [left] = [hold for hold in every_hold(service.store) if hold.closed_at is None]
    assert left.id == call.id


def test_all_holds_of_a_file_become_opt_outs_that_say_where_they_came_from(seeded: Seeded, tmp_path: Path) -> None:
    service = seeded.service
    file = held_by_file(service, tmp_path)
    made_at = seeded.clock.now()
    opt_out(service, MARKED[0], seeded.seller_id)
    seeded.clock.at += timedelta(hours=3)

    assert opt_out_all(seeded, file) == SettledHolds(5, [], 4, 0)

    with service.store.reading() as session:
        made = session.scalars(select(OptOut).where(OptOut.recorded_by == "user:kim").order_by(OptOut.number)).all()
        assert [one.number for one in made] == NUMBERS[1:]
        for one in made:
            assert (one.via, one.received_at, one.recorded_at) == ("lead_file", made_at, seeded.clock.now())
            assert one.note == f"lead file {file} says that the number is not to be called"
    assert {hold.resolution for hold in every_hold(service.store)} == {"opt_out"}
    assert len(entries(service.store, "hold.closed")) == 5
    assert faults(seeded) == []


def test_the_numbers_are_opted_out_in_the_feed_before_their_holds_end_there(seeded: Seeded, tmp_path: Path) -> None:
    """Whoever follows the changes reads them by the page: what came first may be all that it has."""
    file = held_by_file(seeded.service, tmp_path)

    opt_out_all(seeded, file)

    assert [kind for kind, _ in feed(seeded.service.store)[-10:]] == ["opt_out"] * 5 + ["hold_closed"] * 5


def test_those_for_one_reason_are_settled_and_the_others_wait(seeded: Seeded, tmp_path: Path) -> None:
    file = held_by_file(seeded.service, tmp_path, MARKED, [CHILD])

    assert close_all(seeded, file, reason=HoldReason.OBJECTED) == SettledHolds(5, [], 0, 0)

    [left] = [hold for hold in every_hold(seeded.service.store) if hold.closed_at is None]
    assert (left.number, left.reason) == (number_of(CHILD).value, "minor")
    assert opt_out_all(seeded, file) == SettledHolds(1, [], 1, 0)


def test_what_a_person_reported_is_not_settled_with_a_file_that_its_note_names(seeded: Seeded, tmp_path: Path) -> None:
    file = held_by_file(seeded.service, tmp_path)
    [mark] = {hold.note for hold in every_hold(seeded.service.store)}
    call = reported(seeded.service, seeded.seller_id, mark)

    assert close_all(seeded, file).closed == 5

    [left] = [hold for hold in every_hold(seeded.service.store) if hold.closed_at is None]
    assert left.id == call.id


def test_so_many_at_a_time_are_settled_until_none_is_left(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_holds, "AT_ONCE", 2)
    file = held_by_file(seeded.service, tmp_path, MARKED, [CHILD])

    counts = [close_all(seeded, file, at_most=4) for _ in range(3)]

    assert counts == [SettledHolds(4, [], 0, 2), SettledHolds(2, [], 0, 0), SettledHolds(0, [], 0, 0)]


@pytest.mark.parametrize("settle", [close_all, opt_out_all])
def test_a_hold_that_somebody_else_closed_meanwhile_is_told_and_stays_as_it_was_settled(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settle: Settle
) -> None:
    monkeypatch.setattr(file_holds, "AT_ONCE", 2)
    file = held_by_file(seeded.service, tmp_path)
    last = every_hold(seeded.service.store)[-1]
    meanwhile(monkeypatch, lambda: close_one(seeded, last.id))

    settled = settle(seeded, file)

    assert (settled.closed, settled.closed_before, settled.still_open) == (4, [last.id], 0)
    kept = every_hold(seeded.service.store)[-1]
    assert (kept.closed_by, kept.resolution) == ("user:robin", "ringde upp")
    with seeded.service.store.reading() as session:
        assert session.scalars(select(OptOut).where(OptOut.number == last.number)).all() == []


@pytest.mark.parametrize("settle", [close_all, opt_out_all])
def test_what_was_cut_off_in_the_middle_stands_and_goes_on(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settle: Settle
) -> None:
    monkeypatch.setattr(file_holds, "AT_ONCE", 2)
    file = held_by_file(seeded.service, tmp_path)

    def cut_off() -> None:
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as patched:
        meanwhile(patched, cut_off)
        with pytest.raises(StorageUnavailable):
            settle(seeded, file)
    assert len(entries(seeded.service.store, "hold.closed")) == 2

    assert settle(seeded, file).closed == 3
    assert [entry.subject for entry in entries(seeded.service.store, "hold.closed")] == [
        hold.id for hold in every_hold(seeded.service.store)
    ]


def test_two_who_settle_the_same_holds_at_once_settle_each_hold_once(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_holds, "AT_ONCE", 2)
    file = held_by_file(seeded.service, tmp_path)
    both, real = Barrier(2), file_holds._batches
    other = beside(seeded)

    def read_together(*args: Any) -> list[Any]:  # Any: whatever it takes
        found = list(real(*args))
        if found:
            both.wait()
        return found

    monkeypatch.setattr(file_holds, "_batches", read_together)
    try:
        with ThreadPoolExecutor(2) as pool:
            closing = pool.submit(
                close_file_holds, seeded.service.store, staff(), lead_file_id=file, resolution=WRONG_COLUMN
            )
            opting_out = pool.submit(opt_out_file_holds, other.store, staff(name="robin"), lead_file_id=file)
            closed, opted_out = closing.result(), opting_out.result()
    finally:
        other.close()

    holds = every_hold(seeded.service.store)
    assert closed.closed + opted_out.closed == 5
    assert sorted([*closed.closed_before, *opted_out.closed_before]) == [hold.id for hold in holds]
    by = [hold.closed_by for hold in holds]
    assert (by.count("user:kim"), by.count("user:robin")) == (closed.closed, opted_out.opted_out)
    assert len(entries(seeded.service.store, "hold.closed")) == 5
    assert faults(seeded) == []


@pytest.mark.parametrize("resolution", ["", " \t\n", "\u200b", "opt_out", "  Opt_Out "])
def test_holds_are_not_closed_without_a_word_or_as_if_they_had_become_opt_outs(
    seeded: Seeded, tmp_path: Path, resolution: str
) -> None:
    file = held_by_file(seeded.service, tmp_path, MARKED[:1])
    [hold] = every_hold(seeded.service.store)

    with pytest.raises(InvalidInput):
        close_file_holds(seeded.service.store, staff(), lead_file_id=file, resolution=resolution)
    with pytest.raises(InvalidInput):
        close_one(seeded, hold.id, resolution)

    assert [hold.closed_at for hold in every_hold(seeded.service.store)] == [None]


def test_only_who_may_and_only_for_their_seller(seeded: Seeded, tmp_path: Path) -> None:
    file = held_by_file(seeded.service, tmp_path, MARKED[:1])
    store = seeded.service.store

    for caller, error in ((dialer_of(seeded), Forbidden), (staff(seeded.other_seller_id), NotFound)):
        with pytest.raises(error):
            close_file_holds(store, caller, lead_file_id=file, resolution=WRONG_COLUMN)
        with pytest.raises(error):
            opt_out_file_holds(store, caller, lead_file_id=file)

    assert close_file_holds(store, staff(seeded.seller_id), lead_file_id=file, resolution=WRONG_COLUMN).closed == 1
