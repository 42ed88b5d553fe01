"""From a complaint back to every source, and all of them quarantined in one act."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.access import Caller, Role
from core.changes import changes_after
from core.errors import Forbidden, InvalidInput, NotFound
from core.ledger import LedgerEntry
from dnc.oversight.complaints import ComplaintKind, RecordedComplaint, complaints_on, record_complaint
from dnc.oversight.walk_back import Part, WalkBack, walk_back
from leads.pauses import pause_source, resume_lead_file, resume_source, resume_supplier
from leads.quarantines import (
    Quarantined,
    quarantine_lead_file,
    quarantine_sources_on,
    quarantine_supplier,
)
from tests.overseen import FIRST, NOW, OPERATOR, Overseen, overseen_store
from tests.seeding import number_of

COMPLAINED, ELSEWHERE = FIRST, FIRST + 60


@pytest.fixture
def overseen(database_url: str, tmp_path: Path) -> Iterator[Overseen]:
    with overseen_store(database_url, tmp_path) as found:
        yield found


def complain(overseen: Overseen, caller: Caller = OPERATOR, **how: object) -> RecordedComplaint:
    said: dict[str, object] = {
        "number": COMPLAINED,
        "seller_id": overseen.seller_id,
        "kind": ComplaintKind.NIX_BOARD,
        "via": "letter",
        "note": "ärende 26-101",
        "received_at": None,
        "now": overseen.clock.now(),
    }
    with overseen.store.writing() as session:
        return record_complaint(session, caller, overseen.store.keyring, **(said | how))  # type: ignore[arg-type] # given by name


def walk(overseen: Overseen, caller: Caller = OPERATOR, number: int = COMPLAINED, **how: object) -> WalkBack:
    return walk_back(overseen.store, caller, number=number_of(f"+{number}"), **how)  # type: ignore[arg-type] # given by name


def every_page(overseen: Overseen, part: Part, limit: int) -> list[object]:
    found: list[object] = []
    cursor = None
    while True:
        page = walk(overseen, part=part, limit=limit, cursor=cursor)
        assert page.page is not None
        assert len(page.page) <= limit
        found += page.page
        if page.cursor is None:
            return found
        cursor = page.cursor


def quarantine(overseen: Overseen, caller: Caller = OPERATOR, reason: str = "klagomål") -> Quarantined:
    with overseen.store.writing() as session:
        return quarantine_sources_on(
            session,
            caller,
            number=COMPLAINED,
            seller_id=overseen.seller_id,
            reason=reason,
            now=overseen.clock.now(),
        )


def entries(overseen: Overseen, *kinds: str) -> list[str]:
    with overseen.store.reading() as session:
        rows = session.execute(
            select(LedgerEntry.kind, LedgerEntry.payload)
            .where(LedgerEntry.kind.in_(kinds))
            .order_by(LedgerEntry.chain, LedgerEntry.seq)
        )
        return [f"{kind} {payload}" for kind, payload in rows]


def test_a_complaint_keeps_the_leads_that_were_on_the_number_even_when_they_are_gone(overseen: Overseen) -> None:
    in_contest = overseen.deliver("tavling", [ELSEWHERE, COMPLAINED])
    in_list = overseen.deliver("lista", [COMPLAINED])
    overseen.deliver("hemtavling", [COMPLAINED])

    complain(overseen)
    overseen.deliver("enkat", [COMPLAINED])

    with overseen.store.reading() as session:
        [found] = complaints_on(session, COMPLAINED, overseen.seller_id)
        assert {(one.lead_file_id, one.row_no) for one in found.origins} == {(in_contest, 2), (in_list, 1)}
        assert (found.complaint.kind, found.complaint.note) == ("nix_board", "ärende 26-101")
    [entry] = entries(overseen, "complaint.recorded")
    assert in_contest in entry
    assert str(COMPLAINED) not in entry


def test_a_complaint_blocks_nothing_by_itself(overseen: Overseen) -> None:
    overseen.deliver("tavling", [COMPLAINED])

    complain(overseen)

    assert overseen.verdict(COMPLAINED) == ("allow", [])


def test_a_complaint_that_says_too_little_or_too_much_is_refused(overseen: Overseen) -> None:
    for via, note, received_at in (
        (" ", "", None),
        ("b" * 41, "", None),
        ("letter", "x" * 501, None),
        ("letter", "", NOW + timedelta(hours=1)),
    ):
        with pytest.raises(InvalidInput):
            complain(overseen, via=via, note=note, received_at=received_at)


def test_only_customer_service_and_compliance_record_and_walk_back_complaints(overseen: Overseen) -> None:
    overseen.deliver("tavling", [COMPLAINED])
    for role in Role:
        caller = overseen.role(role)
        if role in (Role.CUSTOMER_SERVICE, Role.COMPLIANCE):
            complain(overseen, caller)
            assert len(walk(overseen, caller).leads) == 1
            continue
        with pytest.raises(Forbidden):
            complain(overseen, caller)
        with pytest.raises(Forbidden):
            walk(overseen, caller)


def test_a_complaint_to_another_seller_cannot_be_told_from_one_to_nobody(overseen: Overseen) -> None:
    with pytest.raises(NotFound):
        complain(overseen, overseen.role(Role.CUSTOMER_SERVICE), seller_id=overseen.other_seller_id)


def test_a_number_is_walked_back_to_file_source_supplier_and_everybody_else_from_there(overseen: Overseen) -> None:
    contest = [FIRST + place for place in range(20)]
    overseen.deliver("tavling", contest[:12])
    overseen.deliver("tavling", contest[12:])
    overseen.deliver("lista", [COMPLAINED, ELSEWHERE])
    overseen.deliver("enkat", [FIRST + 70])
    overseen.call(contest[:3])
    overseen.call([COMPLAINED], outcome="objected", at=NOW - timedelta(days=1))
    overseen.call([FIRST + 70, FIRST + 71])
    complain(overseen)

    found = walk(overseen)

    assert [(lead.source_name, lead.row_no) for lead in found.leads] == [
        ("Källan Tavling 2026", 1),
        ("Källan Lista 2026", 1),
    ]
    assert [(one.source.slug, one.files, one.leads) for one in found.sources] == [("lista", 1, 2), ("tavling", 2, 20)]
    assert len(found.complaints) == 1
    assert found.check_counts == {"allow": 2}
    assert found.contact_counts == {"declined_offer": 1, "objected": 1}
    assert [contact.outcome for contact in found.contacts] == ["objected", "declined_offer"]
    assert found.others is not None
    assert found.others.leads == 20
    assert found.others.checks == {"allow": 2}
    assert found.others.contacts == {"declined_offer": 2}
    assert found.page is not None
    assert [one.number for one in found.page] == [*contest[1:], ELSEWHERE]
    assert found.cursor is None


def test_pages_give_every_other_lead_check_and_contact_once(overseen: Overseen) -> None:
    numbers = [FIRST + place for place in range(8)]
    overseen.deliver("tavling", numbers)
    overseen.deliver("lista", numbers[:4])
    for _ in range(2):
        overseen.call(numbers[:5])

    for limit in (1, 3, 7, 50):
        leads = every_page(overseen, Part.LEADS, limit)
        assert sorted(one.number for one in leads) == sorted([*numbers[1:], *numbers[1:4]])  # type: ignore[attr-defined] # leads
        for part in (Part.CHECKS, Part.CONTACTS):
            rows = every_page(overseen, part, limit)
            assert sorted(one.number for one in rows) == sorted(2 * numbers[1:5])  # type: ignore[attr-defined] # checks or contacts
            assert len({one.id for one in rows}) == 8  # type: ignore[attr-defined] # as above


def test_the_counts_are_told_once_and_not_with_later_pages(overseen: Overseen) -> None:
    overseen.deliver("tavling", [FIRST + place for place in range(5)])

    first = walk(overseen, limit=2)
    assert first.others is not None
    assert walk(overseen, limit=2, cursor=first.cursor).others is None


def test_customer_service_sees_the_origin_and_the_counts_but_nobody_elses_number(overseen: Overseen) -> None:
    overseen.deliver("lista", [FIRST + place for place in range(5)])

    found = walk(overseen, overseen.role(Role.CUSTOMER_SERVICE))

    assert [lead.supplier_name for lead in found.leads] == ["Adressbolaget"]
    assert found.others is not None
    assert found.others.leads == 4
    assert found.page is None
    assert found.cursor is None


def test_another_sellers_leads_checks_and_contacts_are_not_told(overseen: Overseen) -> None:
    overseen.deliver("hemtavling", [COMPLAINED, ELSEWHERE])
    overseen.deliver("tavling", [COMPLAINED, ELSEWHERE])
    overseen.call([COMPLAINED, ELSEWHERE], seller_id=overseen.other_seller_id)

    own = walk(overseen, overseen.role(Role.COMPLIANCE))

    assert [one.source.slug for one in own.sources] == ["tavling"]
    assert (own.check_counts, own.contact_counts) == ({}, {})
    assert own.others is not None
    assert (own.others.leads, own.others.checks, own.others.contacts) == (1, {}, {})
    whole = walk(overseen)
    assert whole.others is not None
    assert whole.others.contacts == {"declined_offer": 1}


def test_a_walk_back_is_on_record_without_the_number(overseen: Overseen) -> None:
    overseen.deliver("tavling", [COMPLAINED, ELSEWHERE])

    walk(overseen)

    [entry] = entries(overseen, "number.walked_back")
    assert '"numbers_shown":1' in entry
    assert str(COMPLAINED) not in entry


def test_a_cursor_that_was_never_given_is_refused(overseen: Overseen) -> None:
    overseen.deliver("tavling", [COMPLAINED, ELSEWHERE])
    for cursor in ("", "x", f"{FIRST}", "x:1", f"{FIRST}:x", "9" * 40 + ":1", f"{FIRST}:" + "9" * 40):
        with pytest.raises(InvalidInput):
            walk(overseen, cursor=cursor)


def test_one_act_quarantines_every_source_and_the_next_check_is_denied_until_compliance_ends_it(
    overseen: Overseen,
) -> None:
    other = FIRST + 1
    overseen.deliver("tavling", [COMPLAINED, other])
    overseen.deliver("lista", [COMPLAINED])
    overseen.deliver("hemtavling", [COMPLAINED])
    overseen.deliver("enkat", [ELSEWHERE])
    assert overseen.verdict(other) == ("allow", [])

    done = quarantine(overseen, overseen.role(Role.COMPLIANCE))

    assert sorted(done.sources) == ["lista", "tavling"]
    for number in (COMPLAINED, other):
        assert overseen.verdict(number) == ("deny", ["source_paused"])
    assert overseen.verdict(ELSEWHERE) == ("allow", [])
    with pytest.raises(Forbidden, match="only compliance"), overseen.store.writing() as session:
        resume_source(session, overseen.role(Role.LEAD_MANAGER), slug="tavling", now=overseen.clock.now())
    assert overseen.verdict(other) == ("deny", ["source_paused"])
    with overseen.store.writing() as session:
        resume_source(session, overseen.role(Role.COMPLIANCE), slug="tavling", now=overseen.clock.now())
    assert overseen.verdict(other) == ("allow", [])
    with overseen.store.reading() as session:
        assert list(changes_after(session, 0, seller_id=None, limit=9)) == []


def test_a_quarantine_is_all_or_nothing_and_a_second_one_notes_its_reason(overseen: Overseen) -> None:
    overseen.deliver("tavling", [COMPLAINED])
    overseen.deliver("lista", [COMPLAINED])
    with overseen.store.writing() as session:
        quarantine_sources_on(session, OPERATOR, number=COMPLAINED, seller_id=overseen.seller_id, reason="x", now=NOW)
        session.rollback()
        session.info.clear()
    assert overseen.verdict(COMPLAINED) == ("allow", [])

    quarantine(overseen)
    again = quarantine(overseen, reason="nytt klagomål")

    assert (again.sources, sorted(again.already)) == ((), ["lista", "tavling"])
    noted = entries(overseen, "source.reason_added")
    assert len(noted) == 2
    assert "nytt klagomål" in noted[0]


def test_a_pause_becomes_a_quarantine_and_a_pause_never_takes_one_back(overseen: Overseen) -> None:
    overseen.deliver("tavling", [COMPLAINED])
    manager, now = overseen.role(Role.LEAD_MANAGER), overseen.clock.now()
    with overseen.store.writing() as session:
        pause_source(session, manager, slug="tavling", reason="för säkerhets skull", now=now)

    quarantine(overseen)

    with overseen.store.writing() as session:
        pause_source(session, manager, slug="tavling", reason="fler klagomål", now=now)
    with pytest.raises(Forbidden), overseen.store.writing() as session:
        resume_source(session, manager, slug="tavling", now=now)
    told = entries(overseen, "source.paused", "source.quarantined", "source.reason_added")
    assert [entry.split(" ")[0] for entry in told] == ["source.paused", "source.quarantined", "source.reason_added"]
    assert "för säkerhets skull" in told[1]
    assert "fler klagomål" in told[2]


def test_nobody_but_compliance_quarantines_and_only_with_a_reason(overseen: Overseen) -> None:
    overseen.deliver("tavling", [COMPLAINED])
    for role in set(Role) - {Role.COMPLIANCE}:
        with pytest.raises(Forbidden):
            quarantine(overseen, overseen.role(role))
    for reason in ("", "  ", "x" * 1001):
        with pytest.raises(InvalidInput):
            quarantine(overseen, reason=reason)
    assert overseen.verdict(COMPLAINED) == ("allow", [])


def test_suppliers_and_files_are_quarantined_as_sources_are(overseen: Overseen) -> None:
    lead_file = overseen.deliver("tavling", [COMPLAINED])
    now = overseen.clock.now()
    every_seller = Caller("k", "k", "key", Role.COMPLIANCE, None)
    manager = Caller("k", "k", "key", Role.LEAD_MANAGER, None)
    with overseen.store.writing() as session:
        assert quarantine_supplier(session, every_seller, slug="kronan", reason="x", now=now)
        assert quarantine_lead_file(session, every_seller, lead_file_id=lead_file, reason="x", now=now)
    for resume, named in ((resume_supplier, {"slug": "kronan"}), (resume_lead_file, {"lead_file_id": lead_file})):
        assert overseen.verdict(COMPLAINED) == ("deny", ["source_paused"])
        with pytest.raises(Forbidden), overseen.store.writing() as session:
            resume(session, manager, **named, now=now)
        with overseen.store.writing() as session:
            resume(session, every_seller, **named, now=now)
    assert overseen.verdict(COMPLAINED) == ("allow", [])


def test_a_number_without_a_lead_has_nothing_to_quarantine(overseen: Overseen) -> None:
    overseen.deliver("hemtavling", [COMPLAINED])

    with pytest.raises(NotFound):
        quarantine(overseen)
    assert walk(overseen, overseen.role(Role.COMPLIANCE)).leads == []
