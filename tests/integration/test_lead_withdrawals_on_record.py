"""What stands on record of a withdrawn lead file: for good, by whom, and what of it is counted."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from core.access import Caller, Role
from core.errors import Forbidden, InvalidInput, NotFound
from dnc.arrivals import report_arrival, source_arrivals
from dnc.history.events import EventKind
from dnc.history.timeline import timeline
from dnc.oversight.complaints import ComplaintKind, record_complaint
from dnc.oversight.policy import OVERSIGHT_2026_1
from dnc.oversight.standings import league
from dnc.oversight.walk_back import walk_back
from leads.errors import LeadFileWithdrawn
from leads.pauses import pause_lead_file, resume_lead_file
from leads.quarantines import quarantine_lead_file
from leads.receipts import receipt_of
from leads.reports import lead_file_report
from tests.deliveries import lead_manager
from tests.integration.tampering import found, tamper
from tests.rereadings import PAUSED, SOURCE, WRONG, born, codes, deliver, with_source, withdraw
from tests.seeding import (
    OPERATOR,
    WITHOUT_SOURCE,
    Seeded,
    number_of,
)


@pytest.fixture
def reread(seeded: Seeded) -> Iterator[Seeded]:
    """Return a service with one more source, on each kind of database."""
    with with_source(seeded) as made:
        yield made


def test_it_is_for_good(reread: Seeded) -> None:
    first = deliver(reread, [born(WITHOUT_SOURCE)])
    assert first.id is not None
    assert withdraw(reread, first.id) is True
    assert withdraw(reread, first.id, reason="ett skäl till") is False
    now = reread.clock.now()
    for verb in (
        lambda session: resume_lead_file(session, OPERATOR, lead_file_id=first.id or "", now=now),
        lambda session: pause_lead_file(session, OPERATOR, lead_file_id=first.id or "", reason="x", now=now),
        lambda session: quarantine_lead_file(session, OPERATOR, lead_file_id=first.id or "", reason="x", now=now),
    ):
        with pytest.raises(LeadFileWithdrawn), reread.service.store.writing() as session:
            verb(session)
    assert codes(reread, WITHOUT_SOURCE) == {PAUSED}


def test_its_numbers_history_tells_when_and_why(reread: Seeded) -> None:
    first = deliver(reread, [born(WITHOUT_SOURCE)])
    reread.clock.at += timedelta(minutes=1)
    withdraw(reread, first.id, reason="fel kolumn")
    withdrawn_at = reread.clock.now()

    with reread.service.store.reading() as session:
        told = timeline(
            session,
            OPERATOR,
            reread.service.shelf.listed,
            number=number_of(WITHOUT_SOURCE),
            as_of=withdrawn_at,
            known_at=withdrawn_at,
            now=withdrawn_at,
        ).history
    [event] = [one for one in told if one.kind is EventKind.WITHDRAWN]
    assert (event.true_at, event.subject) == (withdrawn_at, first.id)


def test_who_may_withdraw(reread: Seeded) -> None:
    first = deliver(reread, [born(WITHOUT_SOURCE)])
    for role in (Role.SALES, Role.DIALER, Role.CUSTOMER_SERVICE, Role.ADMIN):
        with pytest.raises(Forbidden):
            withdraw(reread, first.id, Caller("k", "k", "key", role, None))
    with pytest.raises(NotFound):
        withdraw(reread, first.id, lead_manager(reread.other_seller_id))
    with pytest.raises(InvalidInput):
        withdraw(reread, first.id, reason=" ")
    with reread.service.store.writing() as session:
        quarantine_lead_file(session, OPERATOR, lead_file_id=first.id or "", reason="klagomål", now=reread.clock.now())
    with pytest.raises(Forbidden):
        withdraw(reread, first.id, lead_manager(reread.seller_id))

    assert withdraw(reread, first.id, Caller("k", "k", "key", Role.COMPLIANCE, reread.seller_id))


def test_its_bytes_rows_and_receipt_stay(reread: Seeded) -> None:
    rows = [born(WITHOUT_SOURCE), born("hemligt")]
    first, now = deliver(reread, rows, WRONG), reread.clock.now()
    assert first.id is not None
    with reread.service.store.reading() as session:
        receipt = receipt_of(session, OPERATOR, first.id, reread.service.keyring, now)
    withdraw(reread, first.id)
    deliver(reread, rows)

    with reread.service.store.reading() as session:
        report = lead_file_report(session, OPERATOR, first.id)
        assert receipt_of(session, OPERATOR, first.id, reread.service.keyring, now) == receipt
    assert (report.accepted, report.rejected, report.merkle_root) == (1, 1, first.merkle_root)


def test_the_league_and_the_arrivals_count_the_new_reading_alone(reread: Seeded) -> None:
    rows = [born(WITHOUT_SOURCE), born("hemligt")]
    service = reread.service
    first, now = deliver(reread, rows, WRONG), reread.clock.now()
    assert first.id is not None
    report_arrival(service.store, service.shelf.listed, OPERATOR, lead_file_id=first.id, now=now)
    withdraw(reread, first.id)
    with pytest.raises(LeadFileWithdrawn):
        report_arrival(service.store, service.shelf.listed, OPERATOR, lead_file_id=first.id, now=now)

    def counted() -> tuple[int, int, int]:
        now = reread.clock.now()
        with service.store.reading() as session:
            table = league(session, OPERATOR, now=now, period=timedelta(days=30), policy=OVERSIGHT_2026_1)
            arrived = source_arrivals(session, OPERATOR, SOURCE)
        [row] = [one for one in table.sources if one.slug == SOURCE]
        return row.deliveries, row.rows, arrived.files

    assert counted() == (0, 0, 0)
    again = deliver(reread, rows)
    report_arrival(service.store, service.shelf.listed, OPERATOR, lead_file_id=again.id or "", now=now)
    assert counted() == (1, 2, 1)


def test_a_complaint_names_the_source_once_and_its_walk_back_says_what_is_withdrawn(reread: Seeded) -> None:
    rows = [born(WITHOUT_SOURCE)]
    first = deliver(reread, rows, WRONG)
    withdraw(reread, first.id)
    again = deliver(reread, rows)

    with reread.service.store.writing() as session:
        recorded = record_complaint(
            session,
            OPERATOR,
            reread.service.keyring,
            number=number_of(WITHOUT_SOURCE).value,
            seller_id=reread.seller_id,
            kind=ComplaintKind.NIX_BOARD,
            via="letter",
            note="26-101",
            received_at=None,
            now=reread.clock.now(),
        )
        assert [origin.lead_file_id for origin in recorded.origins] == [again.id]
    walked = walk_back(reread.service.store, OPERATOR, number=number_of(WITHOUT_SOURCE))
    assert [(one.lead_file_id, one.file_withdrawn) for one in walked.leads] == [(first.id, True), (again.id, False)]
    assert [(one.source.slug, one.leads) for one in walked.sources] == [(SOURCE, 1)]


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE lead_files SET withdrawn_at = NULL WHERE withdrawn_at IS NOT NULL", "changed"),
        ("DELETE FROM pause_marks WHERE became = 'withdrawn'", "missing"),
        ("DELETE FROM lead_birth_dates WHERE withdrawn_no IS NOT NULL", "changed"),
        ("UPDATE lead_birth_dates SET withdrawn_no = withdrawn_no - 1 WHERE withdrawn_no IS NOT NULL", "inserted"),
    ],
)
def test_who_undoes_it_in_the_database_is_found(seeded: Seeded, statement: str, kind: str) -> None:
    with with_source(seeded):
        deliver(seeded, [born(WITHOUT_SOURCE)])
        withdraw(seeded, deliver(seeded, [f"{WITHOUT_SOURCE};2026-11-18;"], WRONG, "b.csv").id)

    tamper(seeded.service, statement)

    assert kind in found(seeded)
