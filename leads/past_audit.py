"""What the ledger must say of how leads, sources, suppliers and files stood before, and whether it does."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from core.audit import entries_of, read_object
from core.clock import utc
from core.ledger import LedgerEntry
from core.secrets import Keyring
from core.verification import Finding
from leads.models import Lead, LeadBirthDate, LeadFile, LeadRow, PauseMark, Source
from leads.pauses import PAUSED, QUARANTINED, RESUMED, WITHDRAWN
from leads.standing import lead_id

PAUSED_THINGS = ("supplier", "source", "lead_file")
TAKEN_AWAY = f"lead_file.{WITHDRAWN}"
MARKED = (
    *(f"{thing}.{became}" for thing in PAUSED_THINGS for became in (PAUSED, QUARANTINED, RESUMED)),
    TAKEN_AWAY,
)
LEARNT = "lead.birth_date_learnt"
LONGEST_WORK = timedelta(minutes=10)
"""No unit of work takes so long: where an entry does not say when its row was made, it was within this before."""


def compare_marks(session: Session) -> list[Finding]:
    """Return a finding for each mark of a pause that differs from its entry, is gone, or was put in beside it.

    The entries of a supplier, source or file speak of its marks one by one, in order: it was locked for each of them.
    """
    said: dict[str, list[LedgerEntry]] = defaultdict(list)
    for entries in entries_of(session, *MARKED):
        for entry in entries:
            said[entry.subject].append(entry)
    held: dict[str, list[PauseMark]] = defaultdict(list)
    for mark in session.scalars(select(PauseMark).order_by(PauseMark.subject_id, PauseMark.no)):
        held[mark.subject_id].append(mark)
    findings: list[Finding] = []
    for subject in sorted(said.keys() | held.keys()):
        ordered = sorted(said[subject], key=lambda entry: (entry.at, entry.chain, entry.seq))
        findings += _of_one(ordered, held[subject])
    return findings


def _of_one(said: list[LedgerEntry], held: list[PauseMark]) -> Iterator[Finding]:
    """Yield what is wrong with the marks of one thing."""
    for no, (entry, mark) in enumerate(zip(said, held, strict=False), start=1):
        wrong = [*_differing(entry, mark), *(["no"] if mark.no != no else [])]
        if wrong:
            detail = f"the row of pause_marks differs in {', '.join(wrong)}"
            yield Finding("changed", entry.chain, entry.seq, detail)
    for entry in said[len(held) :]:
        yield Finding("missing", entry.chain, entry.seq, "the row of pause_marks is gone")
    if len(held) > len(said):
        yield Finding("inserted", None, None, f"{len(held) - len(said)} rows of pause_marks are not in the ledger")


def _differing(entry: LedgerEntry, mark: PauseMark) -> list[str]:
    became = entry.kind.rpartition(".")[2]
    is_so = {"became": mark.became == became, "recorded_by": mark.recorded_by == entry.actor}
    if entry.payload is not None:
        said = read_object(entry.payload)
        is_so["reason"] = mark.reason == ("" if became == RESUMED else said.get("reason"))
        is_so["recorded_at"] = (
            utc(mark.recorded_at) == said["recorded_at"]
            if "recorded_at" in said  # entries before it was said there have their own moment alone
            else _may_be_of(mark.recorded_at, entry.at)
        )
    return [name for name, right in is_so.items() if not right]


def compare_birth_dates(session: Session, keyring: Keyring) -> list[Finding]:
    """Return a finding for each birth date kept of a lead that no entry tells of, or that one tells of and is gone.

    The ledger tells no birth date, so that one is not compared. A lead that is erased took its own with it. Of those
    that went with a file that was withdrawn, its entry tells how many.
    """
    said: dict[str, list[LedgerEntry]] = defaultdict(list)
    for entries in entries_of(session, LEARNT):
        for entry in entries:
            said[_lead_told_of(session, entry)].append(entry)
    kept = (
        select(LeadBirthDate.number, LeadBirthDate.replaced_at, LeadFile.id, Lead.row_no)
        .outerjoin(Lead, (Lead.number == LeadBirthDate.number) & (Lead.source_no == LeadBirthDate.source_no))
        .outerjoin(LeadFile, LeadFile.no == Lead.file_no)
        .where(LeadBirthDate.withdrawn_no.is_(None))
    )
    unsaid, told, taken = 0, set[tuple[int, int]](), set[tuple[int, int]]()
    for number, replaced_at, lead_file_id, row_no in session.execute(kept.order_by(LeadBirthDate.replaced_at)):
        speaking = [
            (entry.chain, entry.seq)
            for entry in said.get(f"{lead_file_id}:{row_no}", ())
            if _may_be_of(replaced_at, entry.at) and _is_on(entry, keyring.number_hash(number))
        ]
        told.update(speaking)
        own = next((place for place in speaking if place not in taken), None)
        if own is None:
            unsaid += 1
        else:
            taken.add(own)
    findings = [
        Finding("missing", entry.chain, entry.seq, "the row of lead_birth_dates is gone")
        for entry in _of_leads_on_record(session, said, told)
    ]
    if unsaid:
        findings.append(Finding("inserted", None, None, f"{unsaid} rows of lead_birth_dates are not in the ledger"))
    return [*findings, *_taken_away(session)]


def _taken_away(session: Session) -> Iterator[Finding]:
    """Yield the withdrawals that took away another number of birth dates than is kept."""
    kept = (
        select(LeadFile.id, func.count())
        .join(LeadBirthDate, LeadBirthDate.withdrawn_no == LeadFile.no)
        .group_by(LeadFile.id)
    )
    counts = {lead_file_id: int(count) for lead_file_id, count in session.execute(kept)}
    for entries in entries_of(session, TAKEN_AWAY):
        for entry in entries:
            count = counts.pop(entry.subject, 0)
            if entry.payload is not None and read_object(entry.payload).get("birth_dates") != count:
                yield Finding("changed", entry.chain, entry.seq, "other rows of lead_birth_dates went with the file")
    if counts:
        yield Finding("inserted", None, None, f"{sum(counts.values())} rows of lead_birth_dates are not in the ledger")


def _lead_told_of(session: Session, entry: LedgerEntry) -> str:
    """Return the id, as leads have them now, of the lead that an entry of ``LEARNT`` speaks of.

    The first version named a lead by an id of its own, which is gone: it is found by the row that told the birth date.
    Where that tells none either, the id is given as it stands. Served by pk_lead_rows and pk_leads.
    """
    if ":" in entry.subject or entry.payload is None:
        return entry.subject
    told, telling = read_object(entry.payload), aliased(LeadFile)
    lead = session.scalar(
        select(lead_id())
        .select_from(LeadRow)
        .join(telling, telling.id == LeadRow.lead_file_id)
        .join(Source, Source.id == telling.source_id)
        .join(Lead, (Lead.number == LeadRow.number) & (Lead.source_no == Source.no))
        .join(LeadFile, LeadFile.no == Lead.file_no)
        .where(LeadRow.lead_file_id == told.get("lead_file"), LeadRow.row_no == told.get("row_no"))
    )
    return entry.subject if lead is None else lead


def _of_leads_on_record(
    session: Session, said: dict[str, list[LedgerEntry]], told: set[tuple[int, int]]
) -> Iterator[LedgerEntry]:
    """Yield the entries that no row answers to, of leads that are there."""
    for subject, entries in said.items():
        left = [entry for entry in entries if (entry.chain, entry.seq) not in told]
        if not left:
            continue
        lead_file_id, _, row_no = subject.rpartition(":")
        if not lead_file_id:
            continue
        lead = (
            select(Lead.number)
            .join(LeadFile, LeadFile.no == Lead.file_no)
            .where(LeadFile.id == lead_file_id, Lead.row_no == int(row_no))
        )
        if session.scalar(lead) is not None:
            yield from left


def _is_on(entry: LedgerEntry, number_hash: str) -> bool:
    return entry.payload is None or read_object(entry.payload).get("number") == number_hash


def _may_be_of(moment: datetime, put_on_record_at: datetime) -> bool:
    return timedelta(0) <= put_on_record_at - moment <= LONGEST_WORK
