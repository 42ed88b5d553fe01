"""Canaries: where leads that were handed out show up again, the export and its recipient are named."""

import csv
import hashlib
import io
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import false, select, update

from core.access import ApiKey, Caller, Role, create_key, operator
from core.errors import Forbidden
from core.ledger import LedgerEntry
from dnc.arrivals import report_arrival
from dnc.call_records.models import CallRecord, CallRecordFile
from dnc.campaigns import close_campaign
from dnc.canaries import CANARIES, How, Sighting, fiction, look_for_canaries, report_sighting, sightings
from dnc.drafts import UnknownCampaign
from dnc.exports import COLUMNS, CampaignNotOpen, ExportTooLarge, MadeExport, NothingToExport, make_export
from dnc.gate import Question
from dnc.models import Canary, Export, LeadArrival
from dnc.recipients import UnknownRecipient, add_recipient
from dnc.screenings.models import Screening, ScreeningPart
from jobs.tasks import tell_of_canaries
from leads.arriving import finished_files
from leads.models import Source
from tests.calls import log_call
from tests.deliveries import deliver
from tests.integration.seeds import dialer_of
from tests.integration.tampering import tamper
from tests.screened import file_in, screened
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SOURCE_NAME,
    LIST_SUPPLIER_NAME,
    LISTED,
    OPERATOR,
    OPTED_OUT,
    OTHER_CAMPAIGN,
    PARTNER_SAYS,
    PARTNER_SOURCE,
    SELLER,
    Seeded,
    import_leads,
    opt_out,
)

ME = operator("tests")


@dataclass(frozen=True, slots=True)
class Handed:
    """An export, the lines of its file, and the callers by the recipient's own key and by another of the seller."""

    made: MadeExport
    lines: list[dict[str, str]]
    text: str
    recipient: Caller
    another: Caller

    @property
    def canaries(self) -> list[int]:
        """The numbers in the file that are nobody's leads."""
        leads = {FROM_PARTNER, FROM_LIST}
        return [int(line["number"][1:]) for line in self.lines if line["number"] not in leads]


def dialer(seeded: Seeded, name: str) -> Caller:
    """Return a caller with a new key of the seller's."""
    with seeded.service.store.writing() as session:
        create_key(session, ME, name=name, role=Role.DIALER, seller_id=seeded.seller_id, now=seeded.clock.now())
        session.flush()
        key = session.scalars(select(ApiKey).where(ApiKey.name == name)).one()
        return Caller(key.id, name, "key", Role.DIALER, seeded.seller_id)


def exported(seeded: Seeded, recipient: str = "operatoren", campaign: str = CAMPAIGN, caller: Caller = ME) -> Handed:
    """Return an export for a recipient with a key of its own."""
    service, now = seeded.service, seeded.clock.now()
    own, another = dialer(seeded, f"{recipient}s nyckel"), dialer(seeded, f"inte {recipient}s")
    with service.store.writing() as session:
        add_recipient(
            session,
            ME,
            slug=recipient,
            seller=SELLER,
            name="Operatören AB",
            contract_reference="PUB-1",
            key_name=own.name,
            now=now,
        )
    file = io.StringIO(newline="")
    made = make_export(
        service.store, service.shelf.listed, caller, campaign=campaign, recipient=recipient, file=file, now=now
    )
    return Handed(made, list(csv.DictReader(io.StringIO(file.getvalue()))), file.getvalue(), own, another)


def seen(seeded: Seeded) -> list[Sighting]:
    """Return every sighting there is."""
    with seeded.service.store.reading() as session:
        return list(sightings(session, Caller("c", "c", "key", Role.COMPLIANCE, None)))


def test_an_export_holds_the_leads_that_could_be_called_and_three_canaries(seeded: Seeded) -> None:
    handed = exported(seeded)

    numbers = [line["number"] for line in handed.lines]
    assert tuple(handed.lines[0]) == COLUMNS
    assert numbers == sorted(numbers)
    assert {FROM_PARTNER, FROM_LIST} <= set(numbers)
    assert not {LISTED, OPTED_OUT} & set(numbers)
    assert handed.made.leads == 2
    assert len(handed.canaries) == CANARIES
    assert set(handed.canaries) <= set(fiction())
    assert {line["check_before_calling"] for line in handed.lines} == {"yes"}
    assert all(line["name"] and line["say"] and len(line["reference"]) == 32 for line in handed.lines)
    assert next(line for line in handed.lines if line["number"] == FROM_PARTNER)["say"] == PARTNER_SAYS


def test_an_export_never_tells_who_sold_a_list(seeded: Seeded) -> None:
    text = exported(seeded).text

    assert LIST_SOURCE_NAME not in text
    assert LIST_SUPPLIER_NAME not in text
    assert "adresslistan" not in text


def test_an_export_is_on_record_with_its_sha256_and_no_clear_number(seeded: Seeded) -> None:
    handed = exported(seeded)

    with seeded.service.store.reading() as session:
        row = session.scalars(select(Export)).one()
        entry = session.scalars(select(LedgerEntry).where(LedgerEntry.subject == handed.made.id)).one()
        session.expunge_all()
    assert row.sha256 == handed.made.sha256 == hashlib.sha256(handed.text.encode()).hexdigest()
    assert (entry.kind, row.contract_reference) == ("leads.exported", "PUB-1")
    assert handed.made.sha256 in (entry.payload or "")
    assert not any(str(number) in (entry.payload or "") for number in handed.canaries)


def test_two_exports_share_no_canary_and_none_is_a_number_that_something_is_known_of(seeded: Seeded) -> None:
    one, other = exported(seeded, "ena"), exported(seeded, "andra")

    assert not set(one.canaries) & set(other.canaries)
    assert not {int(number[1:]) for number in (LISTED, OPTED_OUT, FROM_PARTNER)} & set(one.canaries)


def test_a_name_that_would_be_a_formula_is_harmless(seeded: Seeded, tmp_path: Path) -> None:
    number = "+46846500444"
    path = tmp_path / "formel.csv"
    path.write_text(f"Telefon;Namn\n{number};=1+1\n", encoding="utf-8")
    deliver(seeded.service.store, path, PARTNER_SOURCE)

    lines = exported(seeded).lines

    assert next(line for line in lines if line["number"] == number)["name"] == "'=1+1"


def test_words_to_say_that_would_be_a_formula_are_harmless(seeded: Seeded) -> None:
    tamper(seeded.service, update(Source).where(Source.slug == PARTNER_SOURCE).values(say="=1+1"))

    lines = exported(seeded).lines

    assert {line["say"] for line in lines if line["number"] == FROM_PARTNER} == {"'=1+1"}


def test_what_cannot_be_exported_leaves_nothing_behind(seeded: Seeded) -> None:
    service, now = seeded.service, seeded.clock.now()
    exported(seeded)
    kept = {"store": service.store, "listed": service.shelf.listed, "now": now}

    def refused(error: type[Exception], campaign: str = CAMPAIGN, to: str = "operatoren", **how: object) -> None:
        file = io.StringIO()
        arguments = {"caller": ME, **how}
        with pytest.raises(error):
            make_export(campaign=campaign, recipient=to, file=file, **kept, **arguments)  # type: ignore[arg-type] # as named

    refused(UnknownRecipient, to="ingen")
    refused(UnknownRecipient, campaign=OTHER_CAMPAIGN)
    refused(UnknownCampaign, campaign="ingen")
    refused(Forbidden, caller=dialer_of(seeded))
    refused(ExportTooLarge, limit=1)
    for number in (FROM_PARTNER, FROM_LIST):
        opt_out(service, number, None)
    refused(NothingToExport)
    with service.store.writing() as session:
        close_campaign(session, ME, slug=CAMPAIGN, now=now)
    refused(CampaignNotOpen)
    with service.store.reading() as session:
        assert len(session.scalars(select(Export)).all()) == 1
        assert len(session.scalars(select(Canary)).all()) == CANARIES


def test_a_check_of_a_canary_is_denied_for_want_of_a_source(seeded: Seeded) -> None:
    handed = exported(seeded)

    for number in handed.canaries:
        answer = seeded.service.gate.ask(handed.recipient, CAMPAIGN, Question(f"+{number}"))

        assert [reason.code for reason in answer.decision.reasons] == ["no_source"]
        assert not answer.decision.may_call


def test_a_check_by_another_than_the_recipient_is_a_sighting_once(seeded: Seeded) -> None:
    handed, service = exported(seeded), seeded.service
    canary = handed.canaries[0]
    seeded.clock.at += timedelta(minutes=1)
    service.gate.ask(handed.recipient, CAMPAIGN, Question(f"+{canary}"))
    assert look_for_canaries(service.store, seeded.clock.now()) == 0

    stranger = service.gate.ask(handed.another, CAMPAIGN, Question(f"+{canary}"))
    elsewhere = service.gate.ask(dialer_of(seeded, seeded.other_seller_id), OTHER_CAMPAIGN, Question(f"+{canary}"))

    assert look_for_canaries(service.store, seeded.clock.now()) == 2
    assert look_for_canaries(service.store, seeded.clock.now()) == 0
    found = seen(seeded)
    assert {one.subject for one in found} == {stranger.id, elsewhere.id}
    assert {(one.how, one.export_id, one.recipient, one.number) for one in found} == {
        (How.CHECK, handed.made.id, "operatoren", canary)
    }
    with service.store.reading() as session:
        said = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == "canary.sighted")).all()
    assert len(said) == 2
    assert not any(str(canary) in (payload or "") for payload in said)


def test_the_log_tells_once_that_canaries_were_seen_and_never_which(
    seeded: Seeded, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    handed, service = exported(seeded), seeded.service
    seeded.clock.at += timedelta(days=1)
    service.gate.ask(handed.another, CAMPAIGN, Question(f"+{handed.canaries[0]}"))
    import_leads(service, tmp_path, PARTNER_SOURCE, [f"+{handed.canaries[1]}"])
    with service.store.reading() as session:
        file = finished_files(session)[-1]

    for _ in range(2):
        report_arrival(service.store, service.shelf.listed, OPERATOR, lead_file_id=file, now=seeded.clock.now())
        tell_of_canaries(service.store, seeded.clock.now())

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"lead file {file} holds canaries of our exports: 1 sightings"),
        ("WARNING", "canaries were seen where they should not be: 1 sightings"),
    ]


def test_a_number_of_the_same_range_that_is_no_canary_is_no_sighting(seeded: Seeded) -> None:
    handed, service = exported(seeded), seeded.service
    plain = next(number for number in fiction() if number not in handed.canaries)
    service.gate.ask(handed.another, CAMPAIGN, Question(f"+{plain}"))

    assert look_for_canaries(service.store, seeded.clock.now()) == 0


def test_a_check_from_before_the_export_is_no_sighting(seeded: Seeded) -> None:
    service = seeded.service
    stranger = dialer(seeded, "tidig")
    service.gate.ask_many(stranger, CAMPAIGN, [Question(f"+{number}") for number in fiction()])
    seeded.clock.at += timedelta(minutes=1)
    exported(seeded)

    assert look_for_canaries(service.store, seeded.clock.now()) == 0


def test_a_canary_in_a_delivered_file_is_resale(seeded: Seeded, tmp_path: Path) -> None:
    handed, service = exported(seeded), seeded.service
    seeded.clock.at += timedelta(days=1)
    plain = max(set(fiction()) - set(handed.canaries))
    import_leads(service, tmp_path, PARTNER_SOURCE, [f"+{handed.canaries[1]}", f"+{plain}"])
    with service.store.reading() as session:
        file = finished_files(session)[-1]
    for _ in range(2):
        report_arrival(service.store, service.shelf.listed, OPERATOR, lead_file_id=file, now=seeded.clock.now())

    [one] = seen(seeded)

    assert (one.how, one.subject, one.number) == (How.LEAD_FILE, file, handed.canaries[1])
    assert one.recipient_name == "Operatören AB"


def test_a_canary_that_another_process_sees_at_once_is_told_once_and_the_screening_is_kept(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed, service = exported(seeded), seeded.service
    seeded.clock.at += timedelta(days=1)
    import_leads(service, tmp_path, PARTNER_SOURCE, [f"+{handed.canaries[0]}"])
    with service.store.reading() as session:
        file = finished_files(session)[-1]

    def screen() -> str:
        now = seeded.clock.now()
        return report_arrival(service.store, service.shelf.listed, OPERATOR, lead_file_id=file, now=now).id

    first = screen()
    monkeypatch.setattr("dnc.canaries._on_record", lambda *_: false())

    second = screen()

    with service.store.reading() as session:
        kept = session.scalars(select(LeadArrival.id).where(LeadArrival.lead_file_id == file)).all()
        said = session.scalars(select(LedgerEntry.seq).where(LedgerEntry.kind == "canary.sighted")).all()
    assert sorted(kept) == sorted([first, second])
    assert (len(seen(seeded)), len(said)) == (1, 1)


def screenings_of_a_canary(seeded: Seeded, folder: Path, number: int) -> dict[str, str]:
    """Return the ids of screenings of files with the number in their second part, by who asked."""
    source = file_in(folder, [FROM_PARTNER, LISTED, OPTED_OUT, f"+{number}"])
    return {
        who: screened(seeded, source, caller, campaign=campaign)[0]
        for who, caller, campaign in (
            ("recipient", dialer_named(seeded, "operatorens nyckel"), CAMPAIGN),
            ("another key", dialer_named(seeded, "inte operatorens"), CAMPAIGN),
            ("own staff", ME, CAMPAIGN),
            ("another seller's staff", ME, OTHER_CAMPAIGN),
        )
    }


def dialer_named(seeded: Seeded, name: str) -> Caller:
    with seeded.service.store.reading() as session:
        key = session.scalars(select(ApiKey).where(ApiKey.name == name)).one()
        return Caller(key.id, name, "key", Role.DIALER, seeded.seller_id)


def test_a_screened_file_that_was_not_the_recipient_s_to_screen_is_a_sighting_once(
    seeded: Seeded, tmp_path: Path
) -> None:
    handed, store = exported(seeded), seeded.service.store
    seeded.clock.at += timedelta(minutes=1)
    asked = screenings_of_a_canary(seeded, tmp_path, handed.canaries[0])

    assert look_for_canaries(store, seeded.clock.now()) == 2

    found = seen(seeded)
    assert {one.subject for one in found} == {asked["another key"], asked["another seller's staff"]}
    assert {(one.how, one.export_id, one.number, one.seen_at) for one in found} == {
        (How.SCREENING, handed.made.id, handed.canaries[0], seeded.clock.now())
    }
    assert look_for_canaries(store, seeded.clock.now()) == 0


def test_parts_are_looked_through_once_each_also_of_a_screening_that_went_on(seeded: Seeded, tmp_path: Path) -> None:
    handed, store = exported(seeded), seeded.service.store
    seeded.clock.at += timedelta(minutes=1)
    asked = screenings_of_a_canary(seeded, tmp_path, handed.canaries[0])["another key"]
    with store.writing() as session:  # as if the second part had not been there yet
        session.execute(update(Screening).where(Screening.id == asked).values(parts=1))
    look_for_canaries(store, seeded.clock.now())
    assert asked not in {one.subject for one in seen(seeded)}

    with store.writing() as session:
        session.execute(update(Screening).where(Screening.id == asked).values(parts=2))
    tamper(seeded.service, update(ScreeningPart).where(ScreeningPart.no == 0).values(packed=b"broken"))

    assert look_for_canaries(store, seeded.clock.now()) == 1
    assert asked in {one.subject for one in seen(seeded)}
    with store.reading() as session:
        assert set(session.scalars(select(Screening.looked_through))) == {2}


def test_a_screening_from_before_the_export_or_without_a_canary_is_no_sighting(seeded: Seeded, tmp_path: Path) -> None:
    source = file_in(tmp_path, [f"+{number}" for number in fiction()])
    screened(seeded, source, ME, campaign=OTHER_CAMPAIGN, part_rows=100)
    seeded.clock.at += timedelta(minutes=1)
    handed = exported(seeded)
    seeded.clock.at += timedelta(minutes=1)
    plain = next(number for number in fiction() if number not in handed.canaries)
    screened(seeded, file_in(tmp_path, [f"+{plain}"]), ME, campaign=OTHER_CAMPAIGN)

    assert look_for_canaries(seeded.service.store, seeded.clock.now()) == 0


def test_a_call_that_was_not_allowed_is_a_sighting_whoever_made_it(seeded: Seeded) -> None:
    handed, service = exported(seeded), seeded.service
    seeded.clock.at += timedelta(minutes=1)
    answer = service.gate.ask(handed.recipient, CAMPAIGN, Question(f"+{handed.canaries[2]}"))
    contact = log_call(service, handed.recipient, answer.id, "samtal-1").contact.id

    assert look_for_canaries(service.store, seeded.clock.now()) == 1
    assert [(one.how, one.subject) for one in seen(seeded)] == [(How.CONTACT, contact)]


def test_a_call_in_a_call_log_that_nobody_checked_is_a_sighting_once_a_file(seeded: Seeded) -> None:
    handed, service = exported(seeded), seeded.service
    seeded.clock.at += timedelta(days=1)
    called, early = seeded.clock.now(), seeded.clock.now() - timedelta(days=2)
    rows = [
        (handed.canaries[0], called, "without_check"),
        (handed.canaries[0], called + timedelta(hours=1), "without_check"),
        (handed.canaries[1], called, "matched"),
        (handed.canaries[1], called, "repeated"),
        (handed.canaries[2], early, "without_check"),
    ]
    with service.store.writing() as session:
        file = CallRecordFile(
            id="00000000-0000-7000-8000-000000000001",
            seller_id=seeded.other_seller_id,
            sha256="0" * 64,
            asked="0" * 64,
            file_name="samtal.csv",
            size=1,
            received_at=called,
            received_by="tests",
        )
        session.add(file)
        session.flush()
        session.add_all(
            CallRecord(file_id=file.id, row_no=no, number=number, started_at=at, state=state)
            for no, (number, at, state) in enumerate(rows, start=1)
        )

    assert look_for_canaries(service.store, seeded.clock.now()) == 1
    assert look_for_canaries(service.store, seeded.clock.now()) == 0

    [one] = seen(seeded)
    assert (one.how, one.subject, one.number, one.seen_at) == (How.CALL_RECORD, file.id, handed.canaries[0], called)


def test_a_reported_number_is_kept_only_if_it_is_a_canary_of_the_seller(seeded: Seeded) -> None:
    handed, service, now = exported(seeded), seeded.service, seeded.clock.now()
    service_desk = Caller("k", "k", "user", Role.CUSTOMER_SERVICE, seeded.seller_id)
    other_desk = Caller("o", "o", "user", Role.CUSTOMER_SERVICE, seeded.other_seller_id)
    plain = next(number for number in fiction() if number not in handed.canaries)

    def told(caller: Caller, number: int) -> int:
        with service.store.writing() as session:
            return report_sighting(
                session, caller, service.keyring, number=number, seen_at=now, how="ringde kundtjänst", now=now
            )

    assert told(service_desk, plain) == 0
    assert told(other_desk, handed.canaries[0]) == 0
    assert told(service_desk, handed.canaries[0]) == 1
    assert [(one.how, one.note, one.recorded_by) for one in seen(seeded)] == [
        (How.REPORT, "ringde kundtjänst", "user:k")
    ]
    with pytest.raises(Forbidden):
        told(handed.recipient, plain)
