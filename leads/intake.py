"""A delivery is received: kept as it came, known by its SHA-256 within its source, and how it is read is settled."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Self

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.database import lock_key
from core.errors import InvalidInput
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.store import Store
from leads.archives import Content, open_content
from leads.encodings import EncodingFinder
from leads.errors import UnreadableLeadFile
from leads.headings import Columns, Field, maps_by_place, read_headings
from leads.kept_files import KEPT_FOR
from leads.layouts import Layout, find_layout
from leads.mappings import ENCODINGS, SavedMapping, remember_mapping, saved_mapping
from leads.models import LeadFile, Source
from leads.reading import Origin, PlainFile
from leads.references import AT_DELIVERY, REFERENCE_LENGTH, standing_of
from leads.shelf import FileTooLarge, Received, Shelf, kept_name
from leads.suppliers import source_of
from leads.terms import FileFormat, FileState
from leads.workbook_beside import Opened

REGISTER_LENGTH = 40
FILE_LIMIT = 2 * 1024**3
"""Bytes of a delivery as it is sent."""
CHUNK = 1 << 20
_NOT_READ_AT_FIRST = {Field.AGE.value: ""}
"""Of a file that was received before there was such a field, it is not read later either."""
NUMBERING = 0x52494E47_4C4649  # PostgreSQL advisory lock under which lead files get their numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTerms:
    """Under what a file was delivered: references, and the supplier's own claim of a wash against a register."""

    contract_reference: str | None = None
    invoice_reference: str | None = None
    order_reference: str | None = None
    wash_register: str | None = None
    wash_version: date | None = None

    @classmethod
    def told(cls, contract: str | None, invoice: str | None, order: str | None, washed: str | None) -> Self:
        """Return the terms with these references; ``washed`` names register and version, as nix:2026-11-15.

        Raises:
            InvalidInput: there is no such day.
        """
        register, _, version = (washed or "").partition(":")
        try:
            day = date.fromisoformat(version) if version else None
        except ValueError as error:
            detail = "the wash is claimed against a version of a day that there is not: write it as nix:2026-11-15"
            raise InvalidInput(detail) from error
        return cls(
            contract_reference=contract,
            invoice_reference=invoice,
            order_reference=order,
            wash_register=register or None,
            wash_version=day,
        )

    def mistakes(self) -> list[str]:
        """Return what is wrong with them, a sentence each."""
        found = [
            f"the {name} reference has at most {REFERENCE_LENGTH} characters"
            for name in ("contract", "invoice", "order")
            if len(getattr(self, f"{name}_reference") or "") > REFERENCE_LENGTH
        ]
        said = (self.contract_reference, self.invoice_reference, self.order_reference, self.wash_register)
        if any("\x00" in one for one in said if one is not None):
            found.append("a NUL character stands in what the file was delivered under")
        if (self.wash_register is None) != (self.wash_version is None):
            found.append("a wash is claimed against a register's version of a date: give both")
        if len(self.wash_register or "") > REGISTER_LENGTH:
            found.append(f"a register's name has at most {REGISTER_LENGTH} characters")
        return found


TERMS = tuple(field.name for field in fields(DeliveryTerms))


@dataclass(frozen=True, slots=True, kw_only=True)
class HowToRead:
    """What the sender says of the file; None where the supplier's saved mapping or the file itself says it."""

    mapping: Mapping[str, str] | None = None
    encoding: str | None = None
    delimiter: str | None = None
    has_headings: bool | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """What identifies a delivered file: SHA-256 and size."""

    sha256: str
    size: int


def source_for(store: Store, caller: Caller, slug: str) -> tuple[Source, SavedMapping | None]:
    """Return the source and how its supplier's files are read.

    Raises:
        NotFound: there is no such source for this caller.
    """
    caller.require(Right.LOAD_LEADS)
    with store.reading() as session:
        source = source_of(session, caller, slug)
        saved = saved_mapping(session, source.supplier_id)
        session.expunge_all()
    return source, saved


def sound(terms: DeliveryTerms | None) -> DeliveryTerms:
    """Return the terms of delivery, none if none are told.

    Raises:
        InvalidInput: they cannot be; ``errors`` lists every mistake.
    """
    terms = terms or DeliveryTerms()
    if mistakes := terms.mistakes():
        raise InvalidInput("; ".join(mistakes), extra={"errors": mistakes})
    return terms


def receive(shelf: Shelf, stream: BinaryIO, finder: EncodingFinder | None = None) -> Received:
    """Keep what is delivered, as it is; ``finder`` is given all of it.

    Raises:
        FileTooLarge: it is past the limit.
        UnreadableLeadFile: it is empty.
        StorageUnavailable: the disk did not take it; nothing is kept.
    """
    received = shelf.receive(stream, limit=FILE_LIMIT, each=finder.take if finder is not None else None)
    if received.size == 0:
        shelf.remove(received.place)
        raise UnreadableLeadFile("the file is empty")
    return received


def identify(stream: BinaryIO) -> Delivered:
    """Return what identifies a file that is only tried, not kept.

    Raises:
        FileTooLarge: it is past the limit.
        UnreadableLeadFile: it is empty.
    """
    digest, size = sha256(), 0
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
    if size > FILE_LIMIT:
        raise FileTooLarge(f"at most {FILE_LIMIT} bytes are taken in")
    if size == 0:
        raise UnreadableLeadFile("the file is empty")
    return Delivered(digest.hexdigest(), size)


def layout_of(
    origin: Origin,
    how: HowToRead,
    saved: SavedMapping | None,
    *,
    spool_dir: Path | None = None,
    opened: Opened | None = None,
    finder: EncodingFinder | None = None,
) -> Layout:
    """Return how the file is to be read; what the sender says goes before what was saved for the supplier.

    ``opened`` is what it holds, if a process beside has opened it. ``finder`` was given all its bytes, if they need
    not be read again for the character set of a text.

    Raises:
        UnreadableLeadFile: it cannot be read as a whole.
        UnclearHeadings: its headings do not say which column holds what.
        InvalidInput: an encoding that is not known.
    """
    if how.encoding is not None and how.encoding not in ENCODINGS:
        raise InvalidInput(f"the encodings are {', '.join(ENCODINGS)}")
    wanted = how.encoding or (saved.encoding if saved is not None else None)
    has_headings = how.has_headings
    if has_headings is None and how.mapping is None and saved is not None and not saved.has_headings:
        has_headings = False

    def mapped(headings: Sequence[str]) -> Mapping[str, str] | None:
        if how.mapping is not None or saved is None:
            return how.mapping
        return saved.mapping_for(headings)

    with origin.open() as file:
        encoding = ""
        with open_content(file, spool_dir=spool_dir) as content:
            if content.kind == "text":
                given = finder if not content.wrapping else None
                encoding = (given or _finder_of(content)).told(wanted)
        with open_content(file, spool_dir=spool_dir) as content:
            delimiter = how.delimiter or (saved.delimiter if saved is not None and how.mapping is None else None)
            return find_layout(content, encoding, mapped, delimiter=delimiter, has_headings=has_headings, opened=opened)


def layout_again(origin: Origin, lead_file: LeadFile, *, spool_dir: Path | None = None) -> Layout:
    """Return the layout by which a lead file was first read; a workbook, which is costly to open, is not opened.

    One without kept headings had none if its columns are named by number; else the first version read it, which kept
    none of any file.
    """
    mapping = _NOT_READ_AT_FIRST | json.loads(lead_file.mapping)
    if lead_file.format == FileFormat.XLSX and lead_file.headings is not None:
        columns = read_headings(json.loads(lead_file.headings), mapping)
        return Layout(FileFormat.XLSX, lead_file.wrapping, "", "", columns, has_headings=True, position=0)
    with origin.open() as file, open_content(file, spool_dir=spool_dir) as content:
        return find_layout(
            content,
            lead_file.encoding,
            lambda _headings: mapping,
            delimiter=lead_file.delimiter or None,
            has_headings=lead_file.headings is not None or not maps_by_place(mapping),
        )


def layout_for(
    origin: Origin,
    known: LeadFile | None,
    how: HowToRead,
    saved: SavedMapping | None,
    *,
    spool_dir: Path | None = None,
    opened: Opened | None = None,
    finder: EncodingFinder | None = None,
) -> Layout:
    """Return how the file is to be read: as it was first, if it is known."""
    if known is not None:
        return layout_again(origin, known, spool_dir=spool_dir)
    return layout_of(origin, how, saved, spool_dir=spool_dir, opened=opened, finder=finder)


def plain_at(path: Path) -> PlainFile:
    """Return the file that somebody delivers.

    Raises:
        InvalidInput: it cannot be opened.
    """
    try:
        return PlainFile.at(path)
    except OSError as error:
        raise InvalidInput(f"the file cannot be opened ({type(error).__name__})") from error


def _finder_of(content: Content) -> EncodingFinder:
    """Read it to its end: what is damaged in an archive is met before a row is kept."""
    finder = EncodingFinder()
    while chunk := content.stream.read(CHUNK):
        finder.take(chunk)
    return finder


def known_file(session: Session, source: Source, digest: str) -> LeadFile | None:
    """Return the source's lead file with that SHA-256, if it has delivered it before and it is not withdrawn.

    Served by uq_lead_files_standing.
    """
    standing = select(LeadFile).where(LeadFile.source_id == source.id, LeadFile.sha256 == digest)
    return session.scalar(standing.where(LeadFile.withdrawn_at.is_(None)))


def source_lock(source_id: str) -> int:
    """Return the number under which imports of one source, and withdrawals of its files, wait for each other."""
    return int.from_bytes(hashlib.blake2b(source_id.encode(), digest_size=8, person=b"leads").digest(), signed=True)


def enter(
    store: Store,
    caller: Caller,
    source: Source,
    received: Received,
    layout: Layout,
    file_name: str,
    terms: DeliveryTerms,
    mapping: Mapping[str, str] | None = None,
    warnings: Sequence[str] = (),
) -> LeadFile:
    """Return the lead file's row, made now if this delivery is new; it says that the file is kept.

    ``mapping`` is the one that the sender gave: it is remembered for the supplier's next file with these headings.
    ``warnings`` say what surprises in the file: they are kept with a row that is made now.
    """
    with store.writing() as session:
        lock_key(session, NUMBERING)
        known = known_file(session, source, received.sha256)
        now = store.clock.now()
        if known is not None:
            known.kept = True
            known.kept_until = known.kept_until or now + KEPT_FOR
            return known
        lead_file = _new_file(session, caller, source, received, layout, file_name, terms, now)
        lead_file.warnings = json.dumps(list(warnings), ensure_ascii=False)
        session.add(lead_file)
        payload = {
            "source": source.slug,
            "sha256": received.sha256,
            "size": received.size,
            "file_name": lead_file.filename,
            **terms_on_record(lead_file),
            **warnings_on_record(lead_file),
        }
        put_on_record(session, Event("lead_file.received", lead_file.id, caller.actor, source.seller_id, payload))
        if layout.has_headings:
            remember_mapping(
                session,
                caller,
                supplier_id=source.supplier_id,
                headings=layout.columns.headings,
                mapping=mapping,
                now=now,
            )
    return lead_file


def _mapping_again(columns: Columns) -> dict[str, str]:
    """Return the mapping that finds the very same columns again: by number where a heading does not tell."""
    headings = columns.headings
    return {
        field.value: headings[place] if headings[place] and headings.count(headings[place]) == 1 else f"#{place + 1}"
        for field, place in columns.places.items()
    }


def terms_not_kept(session: Session, known: LeadFile, terms: DeliveryTerms) -> tuple[str, ...]:
    """Return a warning if something is said of a known file's delivery that is not what was said before.

    What a file was delivered under is on record with its receipt, and stays as it was.
    """
    standing = standing_of(session, known)
    others = [
        kind.value
        for kind, column in AT_DELIVERY
        if getattr(terms, column) not in (None, getattr(known, column), standing.get(kind))
    ]
    can_be_added = "; references can be added to it" if others else ""
    if (terms.wash_register, terms.wash_version) not in ((None, None), (known.wash_register, known.wash_version)):
        others.append("washed")
    if not others:
        return ()
    named = ", ".join(others)
    return (f"what was said of {named} now is not kept: the first delivery of the file stands{can_be_added}",)


def terms_on_record(lead_file: LeadFile) -> dict[str, object]:
    """Return under what a file was delivered, as the ledger has it: only what was said."""
    said = {
        "contract_reference": lead_file.contract_reference,
        "invoice_reference": lead_file.invoice_reference,
        "order_reference": lead_file.order_reference,
        "wash_register": lead_file.wash_register,
        "wash_version": lead_file.wash_version and lead_file.wash_version.isoformat(),
    }
    return {name: value for name, value in said.items() if value is not None}


def kept_warnings(lead_file: LeadFile) -> tuple[str, ...] | None:
    """Return what surprised in the file when it was received; None if that was before it was kept."""
    return None if lead_file.warnings is None else tuple(json.loads(lead_file.warnings))


def warnings_on_record(lead_file: LeadFile) -> dict[str, object]:
    """Return how the ledger vouches for the warnings, if there are any: they may name a heading, so by their digest."""
    if lead_file.warnings in (None, "[]"):
        return {}
    return {"warnings_sha256": sha256((lead_file.warnings or "").encode()).hexdigest()}


def _new_file(
    session: Session,
    caller: Caller,
    source: Source,
    received: Received,
    layout: Layout,
    file_name: str,
    terms: DeliveryTerms,
    now: datetime,
) -> LeadFile:
    columns = layout.columns
    unread = {field.value: "" for field in Field if field not in columns.places}
    return LeadFile(
        id=new_id(),
        no=(session.scalar(select(func.max(LeadFile.no))) or 0) + 1,
        source_id=source.id,
        sha256=received.sha256,
        filename=kept_name(file_name),
        size=received.size,
        format=layout.format.value,
        wrapping=layout.wrapping,
        encoding=layout.encoding,
        delimiter=layout.delimiter,
        headings=json.dumps(columns.headings, ensure_ascii=False) if layout.has_headings else None,
        mapping=json.dumps(unread | _mapping_again(columns), ensure_ascii=False),
        state=FileState.READING.value,
        rows_read=0,
        rows_accepted=0,
        rows_rejected=0,
        rows_duplicate=0,
        rows_ambiguous=0,
        contract_reference=terms.contract_reference,
        invoice_reference=terms.invoice_reference,
        order_reference=terms.order_reference,
        wash_register=terms.wash_register,
        wash_version=terms.wash_version,
        kept=True,
        kept_until=now + KEPT_FOR,
        tells_births=True,
        received_at=now,
        received_by=caller.actor,
    )
