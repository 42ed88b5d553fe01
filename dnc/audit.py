"""What the ledger must say of everything that decides, and whether it does."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, object_session

from consent.audit import RECORDED as OF_CONSENT
from consent.audit import compare_versions
from core.access import operator
from core.audit import RECORDED as OF_CORE
from core.audit import SWITCHED as SWITCHED_IN_CORE
from core.audit import Recorded, Switched, compare, entries_of, read_object, silently_erased, unaccounted
from core.clock import utc
from core.errors import NotFound
from core.ledger import LedgerEntry, is_unreadable
from core.secrets import Keyring
from core.verification import Finding
from dnc.call_records.audit import compare_files
from dnc.models import (
    Campaign,
    Canary,
    CanarySighting,
    Check,
    Complaint,
    ComplaintOrigin,
    Contact,
    Export,
    Hold,
    LeadArrival,
    OptOut,
    OptOutRelease,
    OptOutRepeat,
    Recipient,
    RegisterVersion,
    Restriction,
)
from dnc.oversight.complaints import origins_of, written
from dnc.registers.audit import RECORDED as OF_REGISTERS
from dnc.registers.audit import compare_registers
from dnc.screenings.audit import RECORDED as OF_SCREENINGS
from dnc.screenings.audit import compare_parts
from dnc.seller_rules.audit import RECORDED as OF_SELLER_RULES
from leads.arriving import arrived_file
from leads.audit import RECORDED as OF_LEADS
from leads.audit import SWITCHED as SWITCHED_IN_LEADS
from leads.audit import compare_finished
from leads.past_audit import compare_birth_dates, compare_marks

AUDITOR = operator("audit")
CHECKS_AT_ONCE = 500


def _origins(complaint: Complaint) -> Sequence[ComplaintOrigin]:
    session = object_session(complaint)
    return () if session is None else origins_of(session, complaint.id)


def _slug(row: Any, model: type[Campaign] | type[Recipient], id_: str) -> str | None:  # Any: a row of this package
    session = object_session(row)
    return None if session is None else session.scalar(select(model.slug).where(model.id == id_))


def _seeded_with(export: Export, keyring: Keyring) -> list[str] | None:
    """Return the export's canaries as its entry lists them; None if one of them speaks of another recipient or time."""
    session = object_session(export)
    if session is None:
        return None
    canaries = session.scalars(select(Canary).where(Canary.export_id == export.id).order_by(Canary.number)).all()
    if any((one.recipient_id, one.seeded_at) != (export.recipient_id, export.made_at) for one in canaries):
        return None
    return [keyring.number_hash(one.number) for one in canaries]


def _screened(row: LeadArrival) -> Mapping[str, object]:
    """Return what the ledger says of an arrival; what it repeats of its file and register must be theirs."""
    wash = read_object(row.wash)
    claimed = {
        "register": row.wash_register,
        "claimed_as_of": None if row.wash_version is None else str(row.wash_version),
    }
    return {
        "lead_file": row.lead_file_id if _is_of_its_source(row) else None,
        "asked_for": utc(row.asked_for),
        "register_version": row.register_version_id if _is_of_its_register(row) else False,
        "counts": read_object(row.counts),
        "wash": wash if wash == {**wash, **claimed} else None,
    }


def _is_of_its_source(row: LeadArrival) -> bool:
    session = object_session(row)
    try:
        file = None if session is None else arrived_file(session, AUDITOR, row.lead_file_id)
    except (NotFound, ValueError):
        return False
    return file is not None and file.source_id == row.source_id


def _is_of_its_register(row: LeadArrival) -> bool:
    session = object_session(row)
    version = None if session is None else session.get(RegisterVersion, row.register_version_id or "")
    if version is None:
        return row.register_version_id is None and row.register_as_of is None
    return (version.register, version.as_of) == (row.register, row.register_as_of)


RECORDED = (
    Recorded(
        "contact.logged",
        Contact,
        "id",
        lambda row, keyring: {
            "check": row.check_id,
            "number": keyring.number_hash(row.number),
            "call_id": row.call_id,
            "started_at": utc(row.started_at),
            "ended_at": utc(row.ended_at),
            "outcome": row.outcome,
            "agent": row.agent,
            "source_disclosed": row.source_disclosed,
        },
        "logged_by",
    ),
    Recorded(
        "complaint.recorded",
        Complaint,
        "id",
        lambda row, keyring: {
            "number": keyring.number_hash(row.number),
            **written(row, _origins(row)),
        },
        "recorded_by",
    ),
    Recorded(
        "opt_out.added",
        OptOut,
        "id",
        lambda row, keyring: {
            "number": keyring.number_hash(row.number),
            "channels": row.channels,
            "via": row.via,
            "received_at": utc(row.received_at),
            "recorded_at": utc(row.recorded_at),
        },
        "recorded_by",
    ),
    Recorded(
        "opt_out.repeated",
        OptOutRepeat,
        "id",
        lambda row, _keyring: {
            "opt_out": row.opt_out_id,
            "via": row.via,
            "received_at": utc(row.received_at),
        },
        "recorded_by",
    ),
    Recorded(
        "opt_out.released",
        OptOutRelease,
        "opt_out_id",
        lambda row, _keyring: {
            "asked_by_person_at": utc(row.asked_by_person_at),
            "verified_by": row.verified_by,
        },
        "released_by",
    ),
    Recorded(
        "hold.made",
        Hold,
        "id",
        lambda row, keyring: {
            "number": keyring.number_hash(row.number),
            "reason": row.reason,
            "contact": row.contact_id,
        },
        "made_by",
    ),
    Recorded(
        "restriction.made",
        Restriction,
        "id",
        lambda row, keyring: {"number": keyring.number_hash(row.number), "kind": row.kind},
        "made_by",
    ),
    Recorded(
        "campaign.added",
        Campaign,
        "id",
        lambda row, _keyring: {
            "slug": row.slug,
            "name": row.name,
            "product": row.product,
            "channel": row.channel,
            "opens_weekends": row.opens_weekends,
        },
        None,
    ),
    Recorded(
        "lead_file.screened",
        LeadArrival,
        "id",
        lambda row, _keyring: _screened(row),
        "screened_by",
    ),
    Recorded(
        "recipient.added",
        Recipient,
        "id",
        lambda row, _keyring: {
            "slug": row.slug,
            "name": row.name,
            "contract": row.contract_reference,
            "key": row.key_id,
        },
        None,
    ),
    Recorded(
        "leads.exported",
        Export,
        "id",
        lambda row, keyring: {
            "campaign": _slug(row, Campaign, row.campaign_id),
            "recipient": _slug(row, Recipient, row.recipient_id),
            "contract": row.contract_reference,
            "sha256": row.sha256,
            "leads": row.leads,
            "canaries": _seeded_with(row, keyring),
        },
        "made_by",
    ),
    Recorded(
        "canary.sighted",
        CanarySighting,
        "id",
        lambda row, keyring: {
            "export": row.export_id,
            "recipient": row.recipient_id,
            "number": keyring.number_hash(row.number),
            "how": row.how,
            "subject": row.subject,
            "seen_at": utc(row.seen_at),
        },
        "recorded_by",
    ),
)
SWITCHED = (
    Switched(Hold, "closed_at", "hold.closed"),
    Switched(Restriction, "ended_at", "restriction.ended"),
    Switched(Campaign, "closed_at", "campaign.closed"),
)


def compare_records(session: Session, keyring: Keyring) -> list[Finding]:
    """Return every row of these tables that differs from the ledger, is gone, or was put in beside it.

    An entry whose payload was erased openly still says that its row is there, whose it is and who made it, no more;
    one that was erased without a word is a finding itself. What cannot be read of it hides nothing else.
    """
    tables = (*OF_CORE, *OF_CONSENT, *OF_LEADS, *OF_REGISTERS, *OF_SCREENINGS, *OF_SELLER_RULES, *RECORDED)
    switches = (*SWITCHED_IN_CORE, *SWITCHED_IN_LEADS, *SWITCHED)
    parts: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("erasures", lambda: silently_erased(session)),
        *((table.kind, partial(compare, session, keyring, (table,))) for table in tables),
        ("what was switched", lambda: compare(session, keyring, (), switches)),
        ("finished lead files", lambda: compare_finished(session)),
        ("checks", lambda: _checks(session, keyring)),
        ("screenings", lambda: compare_parts(session)),
        ("contacts", lambda: _contacts_beside_checks(session)),
        ("registers", lambda: compare_registers(session)),
        ("customer relations", lambda: compare_versions(session)),
        ("pauses", lambda: compare_marks(session)),
        ("birth dates", lambda: compare_birth_dates(session, keyring)),
        ("call records", lambda: compare_files(session)),
    ]
    findings: list[Finding] = []
    for name, part in parts:
        try:
            findings += part()
        except Exception as error:
            if not is_unreadable(error):
                raise
            detail = f"what is on record of {name} cannot be read ({type(error).__name__}): it is not compared"
            findings.append(Finding("unreadable", None, None, detail))
    return findings


def _contacts_beside_checks(session: Session) -> list[Finding]:
    """Return a finding if a contact is for another campaign or seller than its check."""
    others = session.scalar(
        select(func.count())
        .select_from(Contact)
        .join(Check, Check.id == Contact.check_id)
        .where((Contact.campaign_id != Check.campaign_id) | (Contact.seller_id != Check.seller_id))
    )
    if not others:
        return []
    return [Finding("changed", None, None, f"{others} contacts are for another campaign or seller than their check")]


def _checks(session: Session, keyring: Keyring) -> list[Finding]:
    findings: list[Finding] = []
    seen, some_erased = 0, False
    for entries in entries_of(session, "checks"):
        some_erased |= any(entry.payload is None for entry in entries)
        for some in _at_once([(entry, _ids(entry)) for entry in entries if entry.payload]):
            ids = [id_ for _entry, of_entry in some for id_ in of_entry]
            rows = {row.id: row for row in session.scalars(select(Check).where(Check.id.in_(ids)))}
            seen += len(rows)
            for entry, _of_entry in some:
                findings += _compared(entry, rows, keyring)
    return [*findings, *unaccounted(session, Check, seen + (_of_erased_entries(session) if some_erased else 0))]


def _at_once(entries: Iterable[tuple[LedgerEntry, list[str]]]) -> Iterator[list[tuple[LedgerEntry, list[str]]]]:
    """Yield the entries, each with its checks' ids, in runs of some hundred checks: one entry may have a thousand."""
    run: list[tuple[LedgerEntry, list[str]]] = []
    count = 0
    for entry, ids in entries:
        run.append((entry, ids))
        count += len(ids)
        if count >= CHECKS_AT_ONCE:
            yield run
            run, count = [], 0
    if run:
        yield run


def _of_erased_entries(session: Session) -> int:
    """Return how many checks there are of entries whose payload was erased: these no longer name them."""
    of_entry = (LedgerEntry.chain == Check.chain) & (LedgerEntry.seq == Check.seq)
    erased = select(func.count()).select_from(Check).join(LedgerEntry, of_entry)
    return session.scalar(erased.where(LedgerEntry.kind == "checks", LedgerEntry.payload.is_(None))) or 0


def _ids(entry: LedgerEntry) -> list[str]:
    return [row[0] for row in json.loads(entry.payload or "{}").get("rows", ())]


def _compared(entry: LedgerEntry, rows: dict[str, Check], keyring: Keyring) -> list[Finding]:
    findings = []
    document = json.loads(entry.payload or "{}")
    for place, (id_, number, decision, _ids, reference) in enumerate(document["rows"]):
        row, answer = rows.get(id_), document["decisions"][decision]["answer"]
        if row is None:
            findings.append(Finding("missing", entry.chain, entry.seq, f"the check in place {place} is gone"))
            continue
        is_so = {
            "number": (keyring.number_hash(row.number) if row.number is not None else None) == number,
            "verdict": row.verdict == answer["verdict"],
            "checked_at": utc(row.checked_at) == answer["checked_at"],
            "valid_until": utc(row.valid_until) == answer["valid_until"],
            "reference": row.reference == reference,
            "campaign": row.campaign_id == document["decisions"][decision]["campaign_id"],
            "seller": row.seller_id == entry.seller_id,
            "asked_by": row.asked_by == entry.actor,
            "place": (row.chain, row.seq, row.place) == (entry.chain, entry.seq, place),
        }
        wrong = [name for name, right in is_so.items() if not right]
        if wrong:
            detail = f"the check in place {place} differs in {', '.join(wrong)}"
            findings.append(Finding("changed", entry.chain, entry.seq, detail))
    return findings
