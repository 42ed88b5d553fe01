"""Which screenings a number stands in: all of them, the newest first, and never "not there" of what cannot be read."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import delete, func, select, update

from core.access import Caller, Role
from core.erasure import erase_payloads
from core.errors import Forbidden, InvalidInput
from core.ledger import LedgerEntry, Position
from dnc.arrivals import screen_arrivals
from dnc.screenings import lookups, running
from dnc.screenings.errors import ScreeningDamaged, ScreeningErased, ScreeningNotRunning
from dnc.screenings.lookups import ScreeningsOfNumber, WhyUnread, answers_on, look_up_screenings
from dnc.screenings.models import Screening, ScreeningPart
from dnc.screenings.packing import pack_rows, unpack_rows
from dnc.screenings.recording import PART_KIND
from dnc.screenings.service import Wanted, ask_screening, cancel_screening
from dnc.screenings.terms import ScreeningState, Subject
from dnc.screenings.work import Screenings, what_if, work_on
from tests.commands import run_command
from tests.integration.tampering import tamper
from tests.screened import file_in, screen_into, screened, screenings
from tests.seeding import (
    CAMPAIGN,
    FROM_PARTNER,
    LISTED,
    OPERATOR,
    OTHER_CAMPAIGN,
    OTHER_SELLER,
    SELLER,
    WITHOUT_SOURCE,
    Seeded,
    number_of,
    opt_out,
)

THREE_PARTS = [FROM_PARTNER, LISTED, "070-174 06 05", "", LISTED, "Test Testsson", LISTED, "0701740605"]
"""In parts of three rows: twice in the first, not in the second, once in the third."""


def seller_s(seeded: Seeded, role: Role, seller_id: str | None = None) -> Caller:
    return Caller("key-1", "key", "key", role, seller_id or seeded.seller_id)


def looked_up(
    seeded: Seeded, number: str = FROM_PARTNER, caller: Caller = OPERATOR, cursor: str | None = None
) -> ScreeningsOfNumber:
    return look_up_screenings(seeded.service.store, caller, number=number_of(number), cursor=cursor)


def every_page(seeded: Seeded, number: str = FROM_PARTNER) -> list[ScreeningsOfNumber]:
    pages, cursor = [], None
    while True:
        pages.append(looked_up(seeded, number, cursor=cursor))
        cursor = pages[-1].next_cursor
        if cursor is None:
            return pages


def told(page: ScreeningsOfNumber) -> list[tuple[str, list[tuple[list[int], object]]]]:
    return [(one.id, [(list(part.rows), part.answer["verdict"]) for part in one.answers]) for one in page.screenings]


def unread(page: ScreeningsOfNumber) -> list[tuple[int, int, WhyUnread]]:
    return [(gap.first_row, gap.last_row, gap.why) for one in page.screenings for gap in one.unread]


def screen_leads(seeded: Seeded, part_rows: int = 2) -> str:
    service, now = seeded.service, seeded.clock.now()
    with service.store.writing() as session:
        screening_id = ask_screening(session, OPERATOR, campaign=CAMPAIGN, file=None, now=now).id
    work_on(Screenings(service.store, service.shelf.listed_of, part_rows), service.screened_files, screening_id)
    return screening_id


def test_a_number_is_found_in_every_screening_it_stands_in_with_each_answer_as_it_was_given(
    seeded: Seeded, tmp_path: Path
) -> None:
    asked_at = seeded.clock.now()
    oldest, _ = screened(seeded, file_in(tmp_path, THREE_PARTS))
    seeded.clock.at += timedelta(minutes=1)
    opt_out(seeded.service, FROM_PARTNER, None)
    leads = screen_leads(seeded)
    screened(seeded, file_in(tmp_path, [LISTED, "", "0701740605 / 0701740606"]))
    newest, _ = screened(seeded, file_in(tmp_path, [LISTED, FROM_PARTNER]))

    page = looked_up(seeded)

    assert [one.id for one in page.screenings] == [newest, leads, oldest]
    assert (page.next_cursor, page.number) == (None, number_of(FROM_PARTNER))
    assert told(page)[0][1] == [([2], "deny")]
    assert [verdict for rows, verdict in told(page)[1][1]] == ["deny"]
    assert told(page)[2][1] == [([1, 3], "allow"), ([8], "allow")]
    first, _, last = page.screenings
    assert (first.seller, first.campaign, first.subject, first.file_name) == (
        SELLER,
        CAMPAIGN,
        Subject.FILE,
        "ring.csv",
    )
    assert (first.state, first.rows, first.asked_by) == (ScreeningState.DONE, 2, OPERATOR.actor)
    assert (page.screenings[1].subject, page.screenings[1].file_name) == (Subject.CAMPAIGN, None)
    assert (last.asked_at, last.answers[0].decided_at) == (asked_at, asked_at)
    assert [reason["code"] for reason in first.answers[0].answer["reasons"]] == ["opted_out"]  # type: ignore[attr-defined] # JSON
    assert unread(page) == []
    assert looked_up(seeded, WITHOUT_SOURCE).screenings == []


@pytest.mark.parametrize(("rows", "several"), [(1, 500), (7, 500), (10**9, 1), (10**9, 2), (1, 1)])
def test_a_page_looks_through_so_many_rows_and_tells_where_to_go_on_even_if_nothing_was_found(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, several: int
) -> None:
    screened(seeded, file_in(tmp_path, THREE_PARTS))
    screened(seeded, file_in(tmp_path, [LISTED] * 8))
    screen_leads(seeded)
    [whole] = every_page(seeded)
    monkeypatch.setattr(lookups, "ROWS_AT_ONCE", rows)
    monkeypatch.setattr(lookups, "SCREENINGS_AT_ONCE", several)

    pages = every_page(seeded)

    with seeded.service.store.reading() as session:
        assert sum(page.rows for page in pages) == whole.rows == session.scalar(select(func.sum(Screening.rows)))
    found = [(id_, answer) for page in pages for id_, answers in told(page) for answer in answers]
    assert found == [(id_, answer) for id_, answers in told(whole) for answer in answers]
    assert len(pages) > 1
    assert several > 1 or any(not page.screenings and page.next_cursor is not None for page in pages)
    assert all(page.rows <= rows + 2 for page in pages)  # a part has three rows at most


def test_a_screening_that_runs_or_was_cancelled_is_told_as_far_as_it_is_on_record(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids: list[str] = []

    def cancelled(rows: int, _share: float) -> None:
        if rows == 3:
            with seeded.service.store.writing() as session:
                cancel_screening(session, OPERATOR, ids[-1], seeded.clock.now())

    def killed(rows: int, _share: float) -> None:
        if rows == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(running, "PARTS_AT_ONCE", 1)
    source, target, wanted = file_in(tmp_path, THREE_PARTS), tmp_path / "ut.csv", Wanted(CAMPAIGN)
    for stop, end in ((cancelled, ScreeningNotRunning), (killed, KeyboardInterrupt)):
        made = screenings(seeded)
        with pytest.raises(end):
            screen_into(made, OPERATOR, wanted, source=source, target=target, asked=ids.append, progress=stop)

    [newest, oldest] = looked_up(seeded).screenings

    assert [oldest.id, newest.id] == ids
    assert (newest.state, oldest.state) == (ScreeningState.RUNNING, ScreeningState.CANCELLED)
    for one in (newest, oldest):
        assert [(list(part.rows), one.rows, list(one.unread)) for part in one.answers] == [([1, 3], 3, [])]


def broken(no: int, seeded: Seeded) -> None:
    tamper(seeded.service, update(ScreeningPart).where(ScreeningPart.no == no).values(packed=b"broken"))


def put_in_its_place(no: int, seeded: Seeded) -> None:
    """As by somebody who takes the number out of the part, and writes the SHA-256 of that."""
    with seeded.service.store.reading() as session:
        part = session.scalars(select(ScreeningPart).where(ScreeningPart.no == no)).one()
        values, places = unpack_rows(part.packed, part.sha256)
    packed = pack_rows(values * 0 + int(LISTED), places)
    changed = update(ScreeningPart).where(ScreeningPart.no == no)
    tamper(seeded.service, changed.values(packed=packed.content, sha256=packed.sha256))


def moved(no: int, seeded: Seeded) -> None:
    tamper(seeded.service, update(ScreeningPart).where(ScreeningPart.no == no).values(decided_at=seeded.clock.now()))


def taken_away(no: int, seeded: Seeded) -> None:
    tamper(seeded.service, delete(ScreeningPart).where(ScreeningPart.no == no))


def taken_from_the_ledger(no: int, seeded: Seeded) -> None:
    tamper(seeded.service, delete(LedgerEntry).where(*entry_of(no)))


def answered_otherwise(no: int, seeded: Seeded) -> None:
    with seeded.service.store.reading() as session:
        payload = session.scalars(select(LedgerEntry.payload).where(*entry_of(no))).one() or ""
    changed = payload.replace('"verdict":"allow"', '"verdict":"deny"')
    assert changed != payload
    tamper(seeded.service, update(LedgerEntry).where(*entry_of(no)).values(payload=changed))


def entry_of(no: int) -> tuple[Any, ...]:  # Any: conditions
    return LedgerEntry.kind == PART_KIND, LedgerEntry.subject.endswith(f":{no}")


DAMAGE: dict[str, Callable[[int, Seeded], None]] = {
    "bytes that are broken": broken,
    "other rows in its place": put_in_its_place,
    "another moment": moved,
    "a part that is gone": taken_away,
    "an entry that is gone": taken_from_the_ledger,
}


@pytest.mark.parametrize("no", [0, 1, 2])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_rows_are_told_and_never_taken_for_rows_without_the_number(
    seeded: Seeded, tmp_path: Path, damage: str, no: int
) -> None:
    screening_id, _ = screened(seeded, file_in(tmp_path, THREE_PARTS))
    seeded.clock.at += timedelta(minutes=1)
    DAMAGE[damage](no, seeded)

    page = looked_up(seeded)

    rows = [(1, 3), (4, 6), (7, 8)]
    assert unread(page) == [(*rows[no], WhyUnread.DAMAGED)]
    whole = [([1, 3], "allow"), ([8], "allow")]
    assert told(page) == [(screening_id, [one for one in whole if not rows[no][0] <= one[0][0] <= rows[no][1]])]
    assert unread(looked_up(seeded, WITHOUT_SOURCE)) == unread(page)
    with seeded.service.store.reading() as session, pytest.raises(ScreeningDamaged):
        list(answers_on(session, OPERATOR, screening_id, int(WITHOUT_SOURCE)))


def test_an_answer_that_was_changed_is_not_told(seeded: Seeded, tmp_path: Path) -> None:
    screening_id, _ = screened(seeded, file_in(tmp_path, THREE_PARTS))
    answered_otherwise(2, seeded)

    page = looked_up(seeded)

    assert (told(page), unread(page)) == ([(screening_id, [([1, 3], "allow")])], [(7, 8, WhyUnread.DAMAGED)])
    with seeded.service.store.reading() as session, pytest.raises(ScreeningDamaged):
        list(answers_on(session, OPERATOR, screening_id, int(FROM_PARTNER)))


def test_erased_answers_are_told_to_be_erased(seeded: Seeded, tmp_path: Path) -> None:
    screening_id, _ = screened(seeded, file_in(tmp_path, THREE_PARTS))
    with seeded.service.store.writing() as session:
        entries = session.scalars(
            select(LedgerEntry).where(LedgerEntry.kind == PART_KIND).order_by(LedgerEntry.seq).limit(2)
        ).all()
        erase_payloads(session, OPERATOR, [Position(one.chain, one.seq) for one in entries], "retention has ended")

    page = looked_up(seeded)

    assert (told(page), unread(page)) == ([(screening_id, [([8], "allow")])], [(1, 6, WhyUnread.ERASED)])
    with seeded.service.store.reading() as session, pytest.raises(ScreeningErased):
        list(answers_on(session, OPERATOR, screening_id, int(FROM_PARTNER)))


def test_who_acts_for_one_seller_finds_that_seller_s_screenings_alone(seeded: Seeded, tmp_path: Path) -> None:
    mine, _ = screened(seeded, file_in(tmp_path, THREE_PARTS))
    theirs, _ = screened(seeded, file_in(tmp_path, THREE_PARTS), campaign=OTHER_CAMPAIGN)
    ours, others = (seller_s(seeded, Role.COMPLIANCE, one) for one in (seeded.seller_id, seeded.other_seller_id))

    assert [one.id for one in looked_up(seeded).screenings] == [theirs, mine]
    assert [one.id for one in looked_up(seeded, caller=ours).screenings] == [mine]
    [found] = looked_up(seeded, caller=others).screenings
    assert (found.id, found.seller) == (theirs, OTHER_SELLER)
    assert looked_up(seeded, caller=ours, cursor=f"{theirs}:0").rows == looked_up(seeded, caller=ours).rows
    broken(0, seeded)
    assert [one.id for one in looked_up(seeded, caller=ours).screenings] == [mine]


@pytest.mark.parametrize("role", [Role.DIALER, Role.SALES, Role.LEAD_MANAGER, Role.ADMIN])
def test_who_does_not_see_a_number_s_full_origin_finds_no_screening(on_sqlite: Seeded, role: Role) -> None:
    with pytest.raises(Forbidden):
        looked_up(on_sqlite, caller=seller_s(on_sqlite, role))


def test_each_page_of_a_look_up_is_on_record_without_the_number(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screening_id, _ = screened(seeded, file_in(tmp_path, THREE_PARTS))
    monkeypatch.setattr(lookups, "ROWS_AT_ONCE", 30)
    caller = seller_s(seeded, Role.CUSTOMER_SERVICE)
    cursor = looked_up(seeded, caller=caller).next_cursor
    looked_up(seeded, caller=caller, cursor=cursor)

    with seeded.service.store.reading() as session:
        entries = session.execute(
            select(LedgerEntry.actor, LedgerEntry.seller_id, LedgerEntry.payload)
            .where(LedgerEntry.kind == "number.screenings_looked_up")
            .order_by(LedgerEntry.chain, LedgerEntry.seq)
        ).all()
    number = seeded.service.keyring.number_hash(int(FROM_PARTNER))
    assert [tuple(one)[:2] for one in entries] == [(caller.actor, seeded.seller_id)] * 2
    assert [json.loads(one.payload or "") for one in entries] == [
        {"number": number, "later_page": False, "screenings": [screening_id]},
        {"number": number, "later_page": True, "screenings": [screening_id]},
    ]
    assert not any(FROM_PARTNER[1:] in (one.payload or "") for one in entries)


@pytest.mark.parametrize("cursor", ["", "1", "x" * 36, "00000000-0000-7000-8000-000000000000:", "0" * 36 + ":-1"])
def test_a_cursor_that_was_never_given_is_refused(on_sqlite: Seeded, cursor: str) -> None:
    with pytest.raises(InvalidInput):
        looked_up(on_sqlite, cursor=cursor)


def test_what_only_counts_or_asks_what_if_leaves_no_answer_to_be_found(seeded: Seeded, tmp_path: Path) -> None:
    service, source = seeded.service, file_in(tmp_path)
    assert screen_arrivals(service.store, service.shelf.listed, seeded.clock.now()) > 0
    what_if(
        screenings(seeded), OPERATOR, Wanted(CAMPAIGN), source=source, target=tmp_path / "ut.csv", at=seeded.clock.now()
    )

    page = looked_up(seeded)

    assert (page.screenings, page.rows) == ([], 0)


def test_the_command_goes_on_to_the_end_and_tells_what_it_could_not_read(
    on_sqlite: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screening_id, _ = screened(on_sqlite, file_in(tmp_path, THREE_PARTS))
    screened(on_sqlite, file_in(tmp_path, [LISTED] * 12), part_rows=100)
    monkeypatch.setattr(lookups, "ROWS_AT_ONCE", 1)

    def run(*words: str) -> Result:
        return run_command(on_sqlite.service.settings, "number", "screenings", *words)

    found = run("070-174 06 05")

    at, by = "2026-11-24T09:00:00Z", OPERATOR.actor
    head = f"{screening_id}  {at}  {CAMPAIGN} of {SELLER}, by {by}, done: ring.csv"
    assert found.stdout.splitlines() == [head, f"  row 1, 3: allow, at {at}", f"  row 8: allow, at {at}"]
    assert found.exit_code == 0
    document = json.loads(run("070-174 06 05", "--json").stdout)
    assert (document["number"], document["rows"]) == (FROM_PARTNER, len(THREE_PARTS) + 12)
    [one] = document["screenings"]
    assert [part["rows"] for part in one["answers"]] == [[1, 3], [8]]
    rows = ", ".join(map(str, range(1, 11)))
    assert f"  row {rows} and 2 more: deny on_register, at {at}" in run(LISTED).stdout.splitlines()
    assert (
        run(WITHOUT_SOURCE).stdout
        == f"the number stands in none of the {len(THREE_PARTS) + 12} rows that were screened\n"
    )

    tamper(on_sqlite.service, delete(ScreeningPart).where(ScreeningPart.no == 1))
    found = run(WITHOUT_SOURCE)
    gap = "  rows 4 to 6: damaged; nobody can tell whether the number is among them"
    assert (found.stdout.splitlines(), found.exit_code) == ([head, gap], 1)
    assert run("hej").exit_code == 2
