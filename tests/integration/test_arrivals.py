"""What a lead file is worth on arrival: its leads by the rules of a check, and the supplier's wash against ours."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from consent.terms import Basis
from core.access import Caller, Role
from core.errors import Forbidden, NotFound
from core.ledger import LedgerEntry
from dnc.arrivals import (
    ArrivalReport,
    NotScreened,
    WashVerdict,
    newest_arrival,
    report_arrival,
    screen_arrivals,
    source_arrivals,
)
from dnc.facts import RestrictionKind
from dnc.models import LeadArrival
from dnc.restrictions import restrict
from dnc.screenings.arrived import Arrived, tally_file
from dnc.screenings.engine import Screener
from leads.importer import import_lead_file
from leads.intake import DeliveryTerms
from leads.models import Lead, LeadFile, Source
from leads.receipts import LeadFileUnfinished
from leads.sources import add_source
from tests.integration.seeds import dialer_of
from tests.seeding import (
    LIST_SOURCE,
    LISTED,
    OPERATOR,
    PARTNER_SOURCE,
    REGISTER_AS_OF,
    Seeded,
    load_listed,
    opt_out,
)

FIRST = 46846500400
"""The first of the hundred numbers of Stockholm that are for books and films."""


def file_of(
    seeded: Seeded,
    numbers: list[int],
    *,
    source: str = PARTNER_SOURCE,
    no: int = 90,
    state: str = "finished",
    born: dict[int, date] | None = None,
    expires_at: datetime | None = None,
    rows: tuple[int, int, int] = (0, 0, 0),
    wash: tuple[str | None, date | None] = (None, None),
) -> str:
    """Put a lead file with these numbers there, as an import leaves it, and return its id."""
    now, id_ = seeded.clock.now(), f"00000000-0000-7000-8000-{no:012}"
    with seeded.service.store.writing() as session:
        origin = session.scalars(select(Source).where(Source.slug == source)).one()
        session.add(
            LeadFile(
                id=id_,
                no=no,
                source_id=origin.id,
                sha256=f"{no:064}",
                filename="ankomst.csv",
                size=1,
                encoding="utf-8",
                delimiter=";",
                mapping="{}",
                state=state,
                rows_read=len(numbers) + sum(rows),
                rows_accepted=len(numbers),
                rows_rejected=rows[0],
                rows_duplicate=rows[1],
                rows_ambiguous=rows[2],
                wash_register=wash[0],
                wash_version=wash[1],
                received_at=now,
                received_by="operator:tests",
            )
        )
        session.flush()
        session.add_all(
            Lead(
                number=number,
                source_no=origin.no,
                file_no=no,
                row_no=row_no,
                birth_date=(born or {}).get(number),
                collected_at=now - timedelta(days=row_no),
                expires_at=expires_at or now + timedelta(days=100 + row_no),
                person='{"name": "Test Testsson"}',
            )
            for row_no, number in enumerate(numbers, start=1)
        )
    return id_


def screened(seeded: Seeded, lead_file_id: str, caller: Caller = OPERATOR) -> ArrivalReport:
    """Return what the file is worth now."""
    service = seeded.service
    return report_arrival(
        service.store, service.shelf.listed, caller, lead_file_id=lead_file_id, now=seeded.clock.now()
    )


def manager(seller_id: str | None) -> Caller:
    """Return a lead manager."""
    return Caller("m", "m", "key", Role.LEAD_MANAGER, seller_id)


def test_leads_without_evidence_are_counted_as_the_league_table_counts_them(seeded: Seeded) -> None:
    file = file_of(seeded, [FIRST, FIRST + 1, FIRST + 2])
    with seeded.service.store.writing() as session:
        session.execute(update(Lead).where(Lead.number.in_([FIRST, FIRST + 2])).values(collected_at=None))
    report = screened(seeded, file)

    assert (report.callable, report.missing_evidence) == (3, 2)
    with seeded.service.store.writing() as session:
        assert newest_arrival(session, OPERATOR, file).missing_evidence == 2
        assert source_arrivals(session, OPERATOR, PARTNER_SOURCE).missing_evidence == 2
        [row] = session.scalars(select(LeadArrival).where(LeadArrival.lead_file_id == file))
        older = {column.name: getattr(row, column.name) for column in LeadArrival.__table__.columns}
        counts = json.loads(row.counts)
        del counts["missing_evidence"]  # as it was kept before this was counted
        older |= {"id": f"{row.id[:-1]}x", "counts": json.dumps(counts), "screened_at": row.screened_at + timedelta(1)}
        session.add(LeadArrival(**older))
        session.flush()
        assert newest_arrival(session, OPERATOR, file).missing_evidence is None
        assert source_arrivals(session, OPERATOR, PARTNER_SOURCE).missing_evidence is None


def test_every_lead_counts_once_by_verdict_and_under_each_of_its_reasons(seeded: Seeded) -> None:
    numbers = list(range(FIRST, FIRST + 6))
    both = FIRST + 1
    load_listed(seeded.service, seeded.service.settings.data_dir, [f"+{both}", LISTED], REGISTER_AS_OF)
    opt_out(seeded.service, f"+{both}", seeded.seller_id)
    child = date(2015, 1, 1)
    file = file_of(seeded, numbers, born={FIRST + 2: child, FIRST + 3: date(1970, 1, 1)}, rows=(3, 2, 1))

    report = screened(seeded, file)

    assert report.rows == {"accepted": 6, "invalid": 3, "duplicate": 2, "ambiguous": 1}
    assert report.verdicts == {"allow": 4, "deny": 2, "unknown": 0}
    assert report.reasons == {"minor": 1, "on_register": 1, "opted_out": 1}
    assert (report.leads, report.callable) == (6, 4)
    assert (report.register_name, report.register_as_of) == ("nix", REGISTER_AS_OF)


def test_what_the_register_stops_is_told_of_the_leads_alone_that_it_could_be_asked_about(seeded: Seeded) -> None:
    load_listed(seeded.service, seeded.service.settings.data_dir, [f"+{FIRST}", LISTED], REGISTER_AS_OF)
    file = file_of(seeded, [FIRST, FIRST + 1])
    fresh = screened(seeded, file)
    seeded.clock.at += timedelta(days=90)
    stale = screened(seeded, file)

    assert (fresh.stopped, fresh.looked_up) == (1, 2)
    assert stale.reasons == {"on_register": 1, "register_stale": 2}
    assert (stale.stopped, stale.looked_up) == (0, 0)
    with seeded.service.store.reading() as session:
        assert newest_arrival(session, OPERATOR, file) == stale


def test_the_counts_are_those_of_a_check_of_each_number(seeded: Seeded) -> None:
    """Whatever is known of a number, on record by other ways too: the report has no rules of its own."""
    from dnc.gate import Question

    service, now = seeded.service, seeded.clock.now()
    for number, seller in ((FIRST, seeded.seller_id), (FIRST + 1, seeded.other_seller_id), (FIRST + 2, None)):
        opt_out(service, f"+{number}", seller)
    with service.store.writing() as session:
        for number, kind in ((FIRST + 3, RestrictionKind.DECEASED), (FIRST + 4, RestrictionKind.VULNERABLE)):
            restrict(
                session,
                OPERATOR,
                service.keyring,
                number=number,
                seller_id=None,
                kind=kind,
                note="",
                now=now,
            )
    load_listed(service, service.settings.data_dir, [f"+{number}" for number in range(FIRST, FIRST + 9, 2)])
    numbers = list(range(FIRST, FIRST + 12))
    born = {number: date(2008 + number % 6, 11, 20 + number % 9) for number in numbers}
    one = file_of(seeded, numbers, born=born)
    file_of(seeded, numbers[6:], source=LIST_SOURCE, no=91, expires_at=now)

    report = screened(seeded, one)

    answers = service.gate.simulate_many(
        dialer_of(seeded), "vinterel", [Question(f"+{number}") for number in numbers], at=now
    )
    verdicts = [decision.verdict.value for _, decision, _ in answers]
    codes = [reason.code.value for _, decision, _ in answers for reason in decision.reasons]
    assert report.verdicts == {verdict: verdicts.count(verdict) for verdict in ("allow", "deny", "unknown")}
    assert report.reasons == {code: codes.count(code) for code in sorted(set(codes))}
    assert len(report.reasons) >= 4


def test_neither_hour_campaign_nor_attempts_are_among_the_reasons(seeded: Seeded) -> None:
    seeded.clock.at = datetime.fromisoformat("2026-12-24T02:00:00+00:00")  # the night before a closed day

    report = screened(seeded, file_of(seeded, [FIRST]))

    assert report.reasons == {}
    assert report.callable == 1
    assert report.asked_for == datetime.fromisoformat("2026-12-27T07:00:00+00:00")


@pytest.mark.parametrize(("as_of", "reason"), [(None, "register_missing"), (date(2026, 9, 20), "register_stale")])
def test_without_a_register_to_ask_no_lead_is_callable(seeded: Seeded, as_of: date | None, reason: str) -> None:
    if as_of is None:
        for snapshot in seeded.service.settings.registers_dir.glob("*.snapshot"):
            snapshot.unlink()
    else:
        seeded.clock.at += timedelta(days=70)

    report = screened(seeded, file_of(seeded, [FIRST, FIRST + 1]))

    assert report.callable == 0
    assert report.verdicts == {"allow": 0, "deny": 0, "unknown": 2}
    assert report.reasons == {reason: 2}


def test_leads_of_a_source_without_a_balancing_test_are_not_callable(seeded: Seeded) -> None:
    service = seeded.service
    with service.store.writing() as session:
        add_source(
            session,
            OPERATOR,
            slug="utan",
            supplier="kronan",
            seller="norrsken",
            name="Utan",
            basis=Basis.LEGITIMATE_INTEREST,
            assessment=None,
            say="Du var med i en tävling.",
            say_en=None,
            now=service.clock.now(),
        )

    report = screened(seeded, file_of(seeded, [FIRST, FIRST + 1], source="utan"))

    assert report.reasons == {"no_lawful_basis": 2}


@pytest.mark.parametrize(
    ("claimed", "listed", "verdict"),
    [
        (("nix", REGISTER_AS_OF), False, WashVerdict.KEPT),
        (("nix", REGISTER_AS_OF), True, WashVerdict.CONTRADICTED),
        (("nix", REGISTER_AS_OF + timedelta(days=3)), True, WashVerdict.CONTRADICTED),
        (("nix", REGISTER_AS_OF - timedelta(days=1)), True, WashVerdict.NEWER_REGISTER),
        (("nix", REGISTER_AS_OF + timedelta(days=9)), False, WashVerdict.KEPT),
        (("nix", REGISTER_AS_OF + timedelta(days=10)), False, WashVerdict.CANNOT_TELL),  # the day after the file came
        (("nix", REGISTER_AS_OF + timedelta(days=10)), True, WashVerdict.CONTRADICTED),
        (("nix", None), True, WashVerdict.CANNOT_TELL),
        (("reservasjon", REGISTER_AS_OF), True, WashVerdict.CANNOT_TELL),
        ((None, None), True, WashVerdict.NO_CLAIM),
    ],
)
def test_a_supplier_s_wash_is_held_against_our_version(
    seeded: Seeded, claimed: tuple[str | None, date | None], listed: bool, verdict: WashVerdict
) -> None:
    numbers = [FIRST, FIRST + 1, FIRST + 2]
    if listed:
        on_it = [LISTED, f"+{FIRST}", f"+{FIRST + 2}"]
        load_listed(seeded.service, seeded.service.settings.data_dir, on_it, REGISTER_AS_OF)
    file = file_of(seeded, numbers, wash=claimed)

    wash = screened(seeded, file).wash

    assert wash.verdict is verdict
    if verdict is not WashVerdict.NO_CLAIM and verdict is not WashVerdict.CANNOT_TELL:
        assert (wash.listed, wash.our_as_of) == (2 if listed else 0, REGISTER_AS_OF)


def test_a_wash_is_held_against_numbers_that_the_source_had_delivered_before(seeded: Seeded, tmp_path: Path) -> None:
    """They are no leads of the file, but the supplier says that it washed them."""
    service = seeded.service
    first, again = tmp_path / "first.csv", tmp_path / "again.csv"
    first.write_text(f"tel\n+{FIRST}\n+{FIRST + 1}\n", encoding="utf-8")
    again.write_text(f"tel\n+{FIRST}\n+{FIRST + 2}\n+{FIRST + 2}\n+{FIRST}\n", encoding="utf-8")
    load_listed(service, service.settings.data_dir, [LISTED, f"+{FIRST}", f"+{FIRST + 1}"], REGISTER_AS_OF)
    terms = DeliveryTerms(wash_register="nix", wash_version=REGISTER_AS_OF)
    _, report = (
        import_lead_file(
            service.store,
            service.lead_files,
            OPERATOR,
            path=path,
            file_name=path.name,
            source_slug=PARTNER_SOURCE,
            terms=terms,
        )
        for path in (first, again)
    )

    arrival = screened(seeded, report.id or "")

    assert (arrival.leads, arrival.callable) == (1, 1)
    assert (arrival.wash.verdict, arrival.wash.listed) == (WashVerdict.CONTRADICTED, 1)


def test_a_wash_cannot_be_told_when_our_version_cannot_be_read(seeded: Seeded) -> None:
    for snapshot in seeded.service.settings.registers_dir.glob("*.snapshot"):
        snapshot.unlink()

    wash = screened(seeded, file_of(seeded, [FIRST], wash=("nix", REGISTER_AS_OF))).wash

    assert (wash.verdict, wash.listed) == (WashVerdict.CANNOT_TELL, None)


def test_each_screening_is_kept_and_on_record_and_the_newest_counts(seeded: Seeded) -> None:
    file, store = file_of(seeded, [FIRST, FIRST + 1]), seeded.service.store
    first = screened(seeded, file)
    seeded.clock.at += timedelta(minutes=1)
    opt_out(seeded.service, f"+{FIRST}", None)

    second = screened(seeded, file)

    with store.reading() as session:
        assert newest_arrival(session, manager(seeded.seller_id), file) == second
        assert len(session.scalars(select(LeadArrival)).all()) == 2
        kinds = session.scalars(select(LedgerEntry.kind).where(LedgerEntry.subject.in_([first.id, second.id]))).all()
        payloads = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.subject == second.id)).all()
    assert list(kinds) == ["lead_file.screened"] * 2
    assert (first.callable, second.callable) == (2, 1)
    assert str(FIRST) not in "".join(str(payload) for payload in payloads)


def test_a_source_s_files_are_added_up_by_their_newest_screening(seeded: Seeded) -> None:
    one = file_of(seeded, [FIRST, FIRST + 1], rows=(1, 0, 0))
    other = file_of(seeded, [FIRST + 2], no=91, rows=(2, 0, 0), wash=("nix", REGISTER_AS_OF))
    elsewhere = file_of(seeded, [FIRST + 3], no=92, source=LIST_SOURCE)
    for file in (one, other, elsewhere, one):
        screened(seeded, file)

    with seeded.service.store.reading() as session:
        total = source_arrivals(session, manager(seeded.seller_id), PARTNER_SOURCE)

    assert (total.files, total.leads, total.callable) == (2, 3, 3)
    assert total.rows["invalid"] == 3
    assert total.washes == {"kept": 1, "no_claim": 1}


def test_a_file_that_is_not_read_to_its_end_is_not_screened(seeded: Seeded) -> None:
    file = file_of(seeded, [FIRST], state="reading")

    with pytest.raises(LeadFileUnfinished):
        screened(seeded, file)
    with seeded.service.store.reading() as session, pytest.raises(NotScreened):
        newest_arrival(session, OPERATOR, file)


def test_arrivals_are_the_seller_s_own(seeded: Seeded) -> None:
    file = file_of(seeded, [FIRST])

    with pytest.raises(NotFound):
        screened(seeded, file, manager(seeded.other_seller_id))
    with pytest.raises(Forbidden):
        screened(seeded, file, dialer_of(seeded))


def test_the_jobs_screen_what_was_not_and_one_bad_file_stops_no_other(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, now = seeded.service, seeded.clock.now()
    bad, good = file_of(seeded, [FIRST]), file_of(seeded, [FIRST + 1], no=91)
    unfinished = file_of(seeded, [FIRST + 2], no=92, state="reading")
    with service.store.reading() as session:
        bad_no = session.scalars(select(LeadFile.no).where(LeadFile.id == bad)).one()

    def poisoned(connection: Connection, screener: Screener, file_no: int, watch: frozenset[int]) -> Arrived:
        if file_no == bad_no:
            raise ValueError("the page cannot be read")
        return tally_file(connection, screener, file_no, watch)

    monkeypatch.setattr("dnc.arrivals.tally_file", poisoned)
    screen_arrivals(service.store, service.shelf.listed, now)
    with service.store.reading() as session:
        seen = set(session.scalars(select(LeadArrival.lead_file_id)))
    assert good in seen
    assert not {bad, unfinished} & seen
    monkeypatch.undo()

    assert screen_arrivals(service.store, service.shelf.listed, now) == 1
    assert screen_arrivals(service.store, service.shelf.listed, now) == 0


def test_the_jobs_screen_again_once_there_is_a_register_to_ask(seeded: Seeded, tmp_path: Path) -> None:
    store, listed = seeded.service.store, seeded.service.shelf.listed
    seeded.clock.at += timedelta(days=70)
    id_ = file_of(seeded, [FIRST, FIRST + 1])
    screen_arrivals(store, listed, seeded.clock.now())
    seeded.clock.at += timedelta(minutes=1)
    assert screen_arrivals(store, listed, seeded.clock.now()) == 0

    load_listed(seeded.service, tmp_path, [f"+{FIRST}"], seeded.clock.now().date())
    seeded.clock.at += timedelta(minutes=1)
    screen_arrivals(store, listed, seeded.clock.now())

    with store.reading() as session:
        report = newest_arrival(session, OPERATOR, id_)
    assert (report.looked_up, report.stopped) == (2, 1)
    assert screen_arrivals(store, listed, seeded.clock.now()) == 0


def test_pages_and_forgotten_decisions_change_no_count(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = list(range(FIRST, FIRST + 60))
    born = {number: date(1950 + number % 40, 1, 1) for number in numbers}
    file = file_of(seeded, numbers, born=born)
    for number in numbers[::7]:
        opt_out(seeded.service, f"+{number}", None)
    whole = screened(seeded, file)
    monkeypatch.setattr("leads.arriving.PAGE", 7)
    monkeypatch.setattr("dnc.screenings.arrived.AT_ONCE", 5)
    monkeypatch.setattr("dnc.screenings.engine.GATHERED_AT_ONCE", 3)

    parts = screened(seeded, file)

    assert (parts.verdicts, parts.reasons) == (whole.verdicts, whole.reasons)
    assert whole.reasons["opted_out"] == len(numbers[::7])
