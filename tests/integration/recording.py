"""A row of each kind on record, for tests of what the ledger says of rows."""

import io
from datetime import date, timedelta

from sqlalchemy import select

from consent.grounds import record_consent, record_relation, withdraw_consent
from consent.terms import Channel
from core.access import disable_user, revoke_key
from core.numbers import Number
from core.sellers import seller_named
from dnc.arrivals import screen_arrivals
from dnc.call_records.importing import match_call_records
from dnc.campaigns import close_campaign
from dnc.canaries import canaries_out, report_sighting
from dnc.contacts import Outcome, log_contact
from dnc.exports import make_export
from dnc.facts import RestrictionKind
from dnc.gate import Question
from dnc.holds import close_hold
from dnc.opt_outs import release_opt_out
from dnc.oversight.complaints import ComplaintKind, record_complaint
from dnc.recipients import add_recipient
from dnc.restrictions import end_restriction, restrict
from dnc.seller_rules.setting import set_rules
from leads.assessments import add_assessment
from leads.importer import import_lead_file
from leads.intake import DeliveryTerms
from leads.models import LeadFile
from leads.pauses import (
    pause_lead_file,
    pause_source,
    pause_supplier,
    resume_lead_file,
    resume_source,
    resume_supplier,
)
from leads.quarantines import quarantine_lead_file, quarantine_source, quarantine_supplier
from leads.references import add_references
from leads.source_terms import add_terms
from leads.terms import ReferenceKind
from tests.integration.seeds import dialer_of
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SOURCE,
    OPERATOR,
    OPTED_OUT,
    OTHER_CAMPAIGN,
    OTHER_SELLER,
    PARTNER_SOURCE,
    SELLER,
    Seeded,
    number_of,
    opt_out,
)


def fill(seeded: Seeded) -> None:
    """Put a row of each kind on record, in each of its states."""
    store, keyring, dialer, now = seeded.service.store, seeded.service.keyring, dialer_of(seeded), seeded.clock.now()
    number = number_of(FROM_PARTNER)
    check = seeded.service.gate.ask(dialer, CAMPAIGN, Question(FROM_PARTNER, reference="r"))
    seeded.service.gate.ask_many(dialer, CAMPAIGN, [Question(FROM_LIST), Question("bad"), Question(FROM_LIST)])
    released = opt_out(seeded.service, FROM_LIST, None)
    opt_out(seeded.service, OPTED_OUT, seeded.seller_id)  # who had said no before
    with store.writing() as session:
        logged = [
            log_contact(
                session,
                dialer,
                keyring,
                seeded.service.shelf.listed,
                check_id=check.id,
                call_id=f"call-{place}",
                started_at=now,
                ended_at=None,
                outcome=Outcome.OBJECTED,
                agent=None,
                source_disclosed=True,
                now=now,
            )
            for place in range(2)
        ]
        session.flush()
        close_hold(session, OPERATOR, keyring, hold_id=str(logged[0].hold_id), resolution="a mistake", now=now)
        release_opt_out(
            session,
            OPERATOR,
            keyring,
            opt_out_id=released,
            asked_by_person_at=now,
            verified_by="called back",
            note="",
            now=now,
        )
        consent = record_consent(
            session,
            OPERATOR,
            keyring=keyring,
            seller_id=seeded.seller_id,
            number=number,
            channels=frozenset({Channel.VOICE}),
            names_seller=True,
            text_version="2026-1",
            evidence={"form": "web-7"},
            given_at=now - timedelta(days=1),
            expires_at=None,
            now=now,
        )
        session.flush()
        withdraw_consent(
            session, OPERATOR, keyring=keyring, consent_id=consent.id, withdrawn_at=now, via="mail", note="", now=now
        )
    _fill_rules(seeded)
    _fill_what_leads_bring(seeded, number)
    _fill_what_can_change(seeded, number)
    _fill_what_was_before(seeded)


def _fill_rules(seeded: Seeded) -> None:
    """Put a seller's own rules on record that change no answer of this hour."""
    with seeded.service.store.writing() as session:
        set_rules(
            session,
            OPERATOR,
            seller=seller_named(session, OTHER_SELLER),
            rules={"SE": {"closes": "20:00"}},
            because="fewer complaints",
            now=seeded.clock.now(),
        )


def _fill_what_leads_bring(seeded: Seeded, number: Number) -> None:
    """Put on record what proves a source, what its leads were worth, whom they went to, and what came of it."""
    service, now = seeded.service, seeded.clock.now()
    with service.store.writing() as session:
        add_terms(
            session,
            OPERATOR,
            source_slug=PARTNER_SOURCE,
            text="Ja, Norrsken får ringa.",
            page_url="https://kronan.example/villkor",
            shown_from=date(2026, 6, 1),
            shown_until=date(2026, 8, 31),
            names=["Norrsken"],
            now=now,
        )
        add_assessment(
            session,
            service.assessments,
            OPERATOR,
            reference="LIA-1",
            seller=SELLER,
            title="Deltagare",
            document=io.BytesIO("Avvägning".encode()),
            file_name="lia.txt",
            now=now,
        )
        record_complaint(
            session,
            OPERATOR,
            service.keyring,
            number=number.value,
            seller_id=seeded.seller_id,
            kind=ComplaintKind.PERSON,
            via="phone",
            note="",
            received_at=now,
            now=now,
        )
        add_recipient(
            session,
            OPERATOR,
            slug="operatoren",
            seller=SELLER,
            name="Operatören AB",
            contract_reference="PUB-1",
            key_name=None,
            now=now,
        )
    screen_arrivals(service.store, service.shelf.listed, now)
    make_export(
        service.store,
        service.shelf.listed,
        OPERATOR,
        campaign=CAMPAIGN,
        recipient="operatoren",
        file=io.StringIO(),
        now=now,
    )
    with service.store.writing() as session:
        canary = canaries_out(session)[0].number
        report_sighting(session, OPERATOR, service.keyring, number=canary, seen_at=now, how="an advertisement", now=now)


def _fill_what_can_change(seeded: Seeded, number: Number) -> None:
    """Put on record what is written anew, ended, paused or resumed, so that there is one of each state."""
    store, keyring, now = seeded.service.store, seeded.service.keyring, seeded.clock.now()
    for product, fulfilled_at in (("electricity", None), ("electricity", now), ("broadband", None)):
        with store.writing() as session:
            record_relation(
                session,
                OPERATOR,
                keyring=keyring,
                seller_id=seeded.seller_id,
                number=number,
                product=product,
                reference="A-1",
                started_at=now - timedelta(days=30),
                fulfilled_at=fulfilled_at,
                now=now,
            )
    with store.writing() as session:
        restricted = [
            restrict(session, OPERATOR, keyring, number=one, seller_id=seller, kind=kind, note="", now=now)
            for one, seller, kind in (
                (number.value, None, RestrictionKind.DECEASED),
                (number.value + 1, seeded.seller_id, RestrictionKind.DECEASED),
            )
        ]
        session.flush()
        end_restriction(session, OPERATOR, restriction_id=restricted[0].id, now=now)
        close_campaign(session, OPERATOR, slug=OTHER_CAMPAIGN, now=now)
        revoke_key(session, OPERATOR, name="admin key", now=now)
        disable_user(session, OPERATOR, name="admin", now=now)
        for slug in (PARTNER_SOURCE, LIST_SOURCE):
            pause_source(session, OPERATOR, slug=slug, reason="a complaint", now=now)
        for slug in ("kronan", "fjallraven"):
            pause_supplier(session, OPERATOR, slug=slug, reason="a complaint", now=now)
        files = session.scalars(select(LeadFile.id).order_by(LeadFile.id)).all()
        for lead_file_id in files[:2]:
            pause_lead_file(session, OPERATOR, lead_file_id=lead_file_id, reason="a complaint", now=now)
        quarantine_source(session, OPERATOR, slug=LIST_SOURCE, reason="another", now=now)
        quarantine_supplier(session, OPERATOR, slug="fjallraven", reason="another", now=now)
        quarantine_lead_file(session, OPERATOR, lead_file_id=files[1], reason="another", now=now)
    with store.writing() as session:
        resume_source(session, OPERATOR, slug=PARTNER_SOURCE, now=now)
        resume_supplier(session, OPERATOR, slug="kronan", now=now)
        resume_lead_file(session, OPERATOR, lead_file_id=files[0], now=now)


def _fill_what_was_before(seeded: Seeded) -> None:
    """Put on record that a lead's birth date was learnt later, and what came of the calls in a file."""
    service, now, folder = seeded.service, seeded.clock.now(), seeded.service.settings.data_dir
    younger = folder / "younger.csv"
    younger.write_text(f"Telefon;Född\n{FROM_PARTNER};1980-01-02\n", encoding="utf-8")
    report = import_lead_file(
        service.store,
        service.lead_files,
        OPERATOR,
        path=younger,
        file_name=younger.name,
        source_slug=PARTNER_SOURCE,
        terms=DeliveryTerms(contract_reference="A-1", wash_register="nix", wash_version=date(2026, 11, 1)),
    )
    with service.store.writing() as session:
        invoice = {ReferenceKind.INVOICE: "F-1"}
        add_references(session, OPERATOR, report.id or "", invoice, now)
    calls = folder / "calls.csv"
    calls.write_text(
        f"started_at;b_number\n{now.isoformat()};{FROM_PARTNER}\n{now.isoformat()};fel\n", encoding="utf-8"
    )
    match_call_records(
        service.store,
        service.shelf.listed,
        OPERATOR,
        path=calls,
        file_name=calls.name,
        seller=SELLER,
        campaign=CAMPAIGN,
    )
