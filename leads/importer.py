"""A lead file becomes lead rows and leads: every row accounted for, no row lost or doubled, whenever it is killed.

Rows are taken in batches, one transaction each, which moves the file's ``rows_read`` with them: an import that is
started again goes on from there, and two imports of one file at once share the work. Imports of one source wait for
each other at each batch; those of different sources do not.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.database import lock_key
from core.errors import InvalidInput
from core.ids import new_id
from core.ledger import Event, put_on_record
from core.store import Store
from leads.batches import BatchWriter, Delivery, holders, learn_birth_dates, without_duplicates
from leads.models import LeadFile, Source
from leads.reader import Custody, Layout, LeadFileReader, take_custody
from leads.reports import LeadFileReport, report_of
from leads.rows import SettledRow, Settler
from leads.suppliers import source_of
from leads.terms import FileState, RowState

BATCH = 5_000
FILE_NAME_LENGTH = 255
Progress = Callable[[int, int], None]


def import_lead_file(
    store: Store,
    caller: Caller,
    *,
    path: Path,
    file_name: str,
    source_slug: str,
    mapping: Mapping[str, str] | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    batch: int = BATCH,
) -> LeadFileReport:
    """Return what became of the file's rows.

    A file is known by its SHA-256 within its source: a repeat gives the first report, and one that was cut off goes on
    where it stopped, by its first mapping. ``dry_run`` writes nothing and counts what a real run would give.
    ``progress`` is called after each batch that is taken, with bytes read and bytes in all.

    Raises:
        NotFound: there is no such source for this caller.
        UnreadableLeadFile: the file as a whole cannot be read: empty, an archive, no headings; nothing was kept.
        UnclearHeadings: the headings or the mapping do not say where the number is; nothing was kept.
        LeadFileChanged: the file was written to meanwhile; the batches before that are kept.
    """
    caller.require(Right.LOAD_LEADS)
    with store.reading() as session:
        source = source_of(session, caller, source_slug)
        session.expunge(source)
    try:
        file = path.open("rb")
    except OSError as error:
        raise InvalidInput(f"the file cannot be opened ({type(error).__name__})") from error
    with file:
        custody = take_custody(file)
        with store.reading() as session:
            known = _known_file(session, source, custody)
            if known is not None and known.state == FileState.FINISHED:
                return report_of(session, known, source, repeated=True, dry_run=dry_run)
            session.expunge_all()
        reader = LeadFileReader(file, custody.encoding, json.loads(known.mapping) if known is not None else mapping)
        if dry_run:
            return _try(store, source, custody, reader, known, file_name, progress, batch)
        lead_file = _receive(store, caller, source, custody, reader.layout, file_name)
        _read(store, caller, source, lead_file, reader, progress, batch)
    with store.reading() as session:
        finished = session.get_one(LeadFile, lead_file.id)
        return report_of(session, finished, source, repeated=False, dry_run=False)


def _known_file(session: Session, source: Source, custody: Custody) -> LeadFile | None:
    return session.scalar(select(LeadFile).where(LeadFile.source_id == source.id, LeadFile.sha256 == custody.sha256))


def _receive(
    store: Store, caller: Caller, source: Source, custody: Custody, layout: Layout, file_name: str
) -> LeadFile:
    """Return the lead file's row, made now if this delivery is new."""
    with store.writing() as session:
        lock_key(session, _source_key(source.id))
        known = _known_file(session, source, custody)
        if known is not None:
            return known
        lead_file = LeadFile(
            id=new_id(),
            source_id=source.id,
            sha256=custody.sha256,
            filename=file_name[-FILE_NAME_LENGTH:],
            size=custody.size,
            encoding=layout.encoding,
            delimiter=layout.delimiter,
            mapping=json.dumps(layout.columns.mapping, ensure_ascii=False),
            state=FileState.READING.value,
            rows_read=0,
            rows_accepted=0,
            rows_rejected=0,
            rows_duplicate=0,
            rows_ambiguous=0,
            received_at=store.clock.now(),
            received_by=caller.actor,
        )
        session.add(lead_file)
        payload = {
            "source": source.slug,
            "sha256": custody.sha256,
            "size": custody.size,
            "file_name": lead_file.filename,
        }
        put_on_record(session, Event("lead_file.received", lead_file.id, caller.actor, source.seller_id, payload))
    return lead_file


def _read(
    store: Store,
    caller: Caller,
    source: Source,
    lead_file: LeadFile,
    reader: LeadFileReader,
    progress: Progress | None,
    batch: int,
) -> None:
    """Take every row that is not taken yet, then close the file."""
    delivery = _delivery(store, caller, source, lead_file)
    writer, done = BatchWriter(delivery, store.engine.dialect.name), lead_file.rows_read
    for rows in _batches(reader, delivery.received_at, batch):
        while waiting := [row for row in rows if row.raw.row_no > done]:
            reader.require_unchanged()
            with store.writing() as session:
                lock_key(session, _source_key(source.id))
                reached = session.scalars(select(LeadFile.rows_read).where(LeadFile.id == lead_file.id)).one()
                done = (
                    _take(session, delivery, writer, waiting, done, store.clock.now()) if reached == done else reached
                )
            if progress is not None:
                progress(reader.position, lead_file.size)
    reader.require_unchanged()
    with store.writing() as session:
        lock_key(session, _source_key(source.id))
        _finish(session, caller, source, lead_file.id)


def _delivery(store: Store, caller: Caller, source: Source, lead_file: LeadFile) -> Delivery:
    return Delivery(
        lead_file_id=lead_file.id,
        source_id=source.id,
        seller_id=source.seller_id,
        retention=timedelta(days=source.retention_days),
        received_at=lead_file.received_at,
        actor=caller.actor,
        keyring=store.keyring,
    )


def _batches(reader: LeadFileReader, received_at: datetime, size: int) -> Iterator[list[SettledRow]]:
    settle, rows = Settler(reader.layout.columns, received_at).settle, reader.rows()
    while batch := [settle(row) for row in islice(rows, size)]:
        yield batch


def _take(
    session: Session, delivery: Delivery, writer: BatchWriter, rows: Sequence[SettledRow], done: int, now: datetime
) -> int:
    """Write the rows and their leads, move the checkpoint, and return where it stands."""
    rows = without_duplicates(rows, holders(session, delivery.source_id, rows), delivery.lead_file_id)
    writer.write(session, rows, now)
    learn_birth_dates(session, delivery, rows)
    counts = Counter(row.state for row in rows)
    reached = rows[-1].raw.row_no
    moved: Any = session.execute(  # Any: a cursor result, which the session's type does not promise
        update(LeadFile)
        .where(LeadFile.id == delivery.lead_file_id, LeadFile.rows_read == done)
        .values(
            rows_read=reached,
            rows_accepted=LeadFile.rows_accepted + counts[RowState.ACCEPTED],
            rows_rejected=LeadFile.rows_rejected + counts[RowState.REJECTED],
            rows_duplicate=LeadFile.rows_duplicate + counts[RowState.DUPLICATE],
            rows_ambiguous=LeadFile.rows_ambiguous + counts[RowState.AMBIGUOUS],
        )
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:
        raise RuntimeError("the lead file's checkpoint was moved by somebody who did not hold its source")
    return reached


def _finish(session: Session, caller: Caller, source: Source, lead_file_id: str) -> None:
    lead_file = session.get_one(LeadFile, lead_file_id)
    if lead_file.state == FileState.FINISHED:
        return
    lead_file.state = FileState.FINISHED.value
    session.flush()
    payload = {
        "source": source.slug,
        "sha256": lead_file.sha256,
        "rows": lead_file.rows_read,
        "accepted": lead_file.rows_accepted,
        "rejected": lead_file.rows_rejected,
        "duplicate": lead_file.rows_duplicate,
        "ambiguous": lead_file.rows_ambiguous,
    }
    put_on_record(session, Event("lead_file.finished", lead_file.id, caller.actor, source.seller_id, payload))


def _try(
    store: Store,
    source: Source,
    custody: Custody,
    reader: LeadFileReader,
    known: LeadFile | None,
    file_name: str,
    progress: Progress | None,
    batch: int,
) -> LeadFileReport:
    """Count what a real run would give, from the file's first row, and write nothing."""
    own = known.id if known is not None else "this file"
    received_at = known.received_at if known is not None else store.clock.now()
    seen, states, reasons = BitMap64(), Counter[RowState](), Counter[str]()
    for rows in _batches(reader, received_at, batch):
        with store.reading() as session:
            held = {number: holder for number, holder in holders(session, source.id, rows).items() if holder != own}
        held |= {row.number: own for row in rows if row.number is not None and row.number in seen}
        for row in without_duplicates(rows, held, own):
            states[row.state] += 1
            reasons.update(row.reasons)
            if row.state is RowState.ACCEPTED and row.number is not None:
                seen.add(row.number)
        if progress is not None:
            progress(reader.position, custody.size)
    return LeadFileReport(
        id=None,
        source=source.slug,
        file_name=file_name[-FILE_NAME_LENGTH:],
        sha256=custody.sha256,
        size=custody.size,
        encoding=reader.layout.encoding,
        delimiter=reader.layout.delimiter,
        mapping=reader.layout.columns.mapping,
        state=None,
        rows=states.total(),
        accepted=states[RowState.ACCEPTED],
        rejected=states[RowState.REJECTED],
        duplicate=states[RowState.DUPLICATE],
        ambiguous=states[RowState.AMBIGUOUS],
        reasons=dict(sorted(reasons.items())),
        received_at=received_at,
        repeated=False,
        dry_run=True,
    )


def _source_key(source_id: str) -> int:
    """Return the number under which imports of one source wait for each other."""
    return int.from_bytes(hashlib.blake2b(source_id.encode(), digest_size=8, person=b"leads").digest(), signed=True)
