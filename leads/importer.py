"""A lead file becomes lead rows and leads: every row accounted for, no row lost or doubled, whenever it is killed.

A file is received first: kept as it came, with its layout. Then it is read in batches, one transaction each, which
moves the file's ``rows_read`` with them: reading that was cut off goes on from there, by whoever does it next, and two
that read one file at once share the work. Readers of one source wait for each other at each batch; those of different
sources do not.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.database import let_others_write, lock_key, spare_memory
from core.ledger import Event, put_on_record
from core.sellers import Seller
from core.store import Store
from leads.batches import Batch, CellsNeeded, Delivery, Overtaken, write_batch
from leads.encodings import EncodingFinder
from leads.errors import LeadFileChanged
from leads.intake import (
    NUMBERING,
    DeliveryTerms,
    HowToRead,
    enter,
    kept_warnings,
    known_file,
    layout_again,
    layout_for,
    plain_at,
    receive,
    sound,
    source_for,
    source_lock,
    terms_not_kept,
)
from leads.layouts import share_read
from leads.merkle import Frontier
from leads.models import LeadFile, LeadSegment, Source
from leads.reading import Beside, KeptFile, Pace, Progress, Reading, beside_for, segments
from leads.repeats import not_read_again
from leads.reports import LeadFileReport, report_of
from leads.segments import Mark, Segment, Start
from leads.shelf import Shelf
from leads.spreadsheets import SpreadsheetReader
from leads.suppliers import lead_file_of
from leads.terms import FileState, RowState
from leads.trial import try_lead_file
from leads.workbook_beside import WorkbookBeside


def import_lead_file(
    store: Store,
    shelf: Shelf,
    caller: Caller,
    *,
    path: Path,
    file_name: str,
    source_slug: str,
    how: HowToRead | None = None,
    terms: DeliveryTerms | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    pace: Pace | None = None,
    workbook: WorkbookBeside | None = None,
) -> LeadFileReport:
    """Return what became of the file's rows.

    A file is known by its SHA-256 within its source, unless it is withdrawn: a repeat gives the first report, and one
    that was cut off goes on where it stopped, by its first layout. ``dry_run`` writes nothing and counts what a real
    run would give. ``progress`` is called after each batch that is taken. ``workbook`` is what the caller has started
    to open, if the file may be a workbook.

    Raises:
        NotFound: there is no such source for this caller.
        InvalidInput: the file cannot be opened, or the terms of delivery cannot be.
        UnreadableLeadFile: the file as a whole cannot be read; nothing was kept.
        UnclearHeadings: the headings or the mapping do not say where the number is; nothing was kept.
        LeadFileChanged: the file is being written to; nothing was kept.
        StorageUnavailable: the disk or the database did not take it; what was taken before is kept.
    """
    if dry_run:
        return try_lead_file(
            store,
            caller,
            path=path,
            file_name=file_name,
            source_slug=source_slug,
            how=how,
            terms=terms,
            progress=progress,
            pace=pace,
        )
    with beside_for(path) as beside:
        report, opened = _received(store, shelf, caller, path, file_name, source_slug, how, terms, workbook)
        if report.repeated or report.id is None:
            return report
        read = _read(store, shelf, caller, report.id, progress, pace, opened, beside or workbook)
        return replace(read, warnings=report.warnings)


def receive_lead_file(
    store: Store,
    shelf: Shelf,
    caller: Caller,
    *,
    path: Path,
    file_name: str,
    source_slug: str,
    how: HowToRead | None = None,
    terms: DeliveryTerms | None = None,
) -> LeadFileReport:
    """Keep the file and return its report, with its rows still to be read unless it is known and ``repeated``.

    Raises as ``import_lead_file``.
    """
    return _received(store, shelf, caller, path, file_name, source_slug, how, terms)[0]


def _received(
    store: Store,
    shelf: Shelf,
    caller: Caller,
    path: Path,
    file_name: str,
    source_slug: str,
    how: HowToRead | None,
    terms: DeliveryTerms | None,
    workbook: WorkbookBeside | None = None,
) -> tuple[LeadFileReport, SpreadsheetReader | None]:
    """Return the report, and the workbook if one was opened."""
    source, saved = source_for(store, caller, source_slug)
    terms = sound(terms)
    plain = plain_at(path)
    finder = EncodingFinder()
    with plain.open() as file:
        received = receive(shelf, file, finder)
    with store.reading() as session:
        known = known_file(session, source, received.sha256)
        if known is not None and known.state == FileState.FINISHED:
            warnings = (*terms_not_kept(session, known, terms), *not_read_again(known, how, saved))
            return report_of(session, known, source, repeated=True, dry_run=False, warnings=warnings), None
        session.expunge_all()
    kept = KeptFile(*shelf.located(received.place))
    try:
        plain.open().close()  # it is still as it was
        opened = workbook.opened(received.sha256) if workbook is not None else None
        how_to_read = how or HowToRead()
        layout = layout_for(kept, known, how_to_read, saved, spool_dir=shelf.directory, opened=opened, finder=finder)
    except BaseException:
        _forget_unless_known(store, shelf, received.place)
        raise
    mapping = how.mapping if how is not None else None
    surprises = layout.warnings if opened is None else opened.warnings
    lead_file = enter(store, caller, source, received, layout, file_name, terms, mapping, surprises)
    if not shelf.holds(received.place):  # refused for another source meanwhile, and forgotten: from now on it is known
        with plain.open() as file:
            if receive(shelf, file).sha256 != received.sha256:
                raise LeadFileChanged("import it again once it is complete")
    with store.reading() as session:
        untold = surprises if kept_warnings(lead_file) is None else ()
        warnings = (*untold, *terms_not_kept(session, lead_file, terms), *not_read_again(lead_file, how, saved))
        report = report_of(session, lead_file, source, repeated=False, dry_run=False, warnings=warnings)
    return report, layout.workbook


def read_lead_file(
    store: Store,
    shelf: Shelf,
    caller: Caller,
    lead_file_id: str,
    *,
    progress: Progress | None = None,
    pace: Pace | None = None,
) -> LeadFileReport:
    """Take every row of a received file that is not taken yet, close the file, and return what became of its rows.

    Raises:
        NotFound: there is no such file for this caller.
        UnreadableLeadFile, KeptFileDamaged: it is damaged further in; the rows before that are kept, the file is open.
        StorageUnavailable: the database did not take a batch; those before are kept.
    """
    return _read(store, shelf, caller, lead_file_id, progress, pace)


def _read(
    store: Store,
    shelf: Shelf,
    caller: Caller,
    lead_file_id: str,
    progress: Progress | None,
    pace: Pace | None,
    workbook: SpreadsheetReader | None = None,
    beside: Beside | WorkbookBeside | None = None,
) -> LeadFileReport:
    """Read the file; ``workbook`` is what it holds, for whoever has it open still, ``beside`` waits to read it."""
    caller.require(Right.LOAD_LEADS)
    pace = pace or Pace()
    with store.reading() as session:
        lead_file, source = lead_file_of(session, caller, lead_file_id)
        seller = session.get_one(Seller, source.seller_id)
        session.expunge_all()
    delivery = Delivery.of(lead_file, source, seller, caller, store.keyring)
    tried: set[tuple[Start, bool]] = set()
    while True:
        start, is_alone = _where(store, delivery)
        if start is None:
            break
        if (start, is_alone) in tried:
            raise RuntimeError("the lead file's rows and segments do not add up; nothing more of it is read")
        tried.add((start, is_alone))
        kept = KeptFile(*shelf.located(lead_file.sha256))
        reading = Reading(
            kept,
            replace(layout_again(kept, lead_file, spool_dir=shelf.directory), workbook=workbook),
            lead_file.received_at,
            timedelta(days=source.retention_days),
            start,
            identity=source.needs_identity,
            with_cells=not is_alone,
            block=pace.block,
            rows=pace.rows,
            spool_dir=shelf.directory,
        )
        try:
            read = segments(reading, lead_file.size, beside)
            _write(store, delivery, read, pace.batch, partial(_tell, progress, lead_file), is_alone=is_alone)
            with store.writing() as session:
                lock_key(session, source_lock(source.id))
                _finish(session, caller, source, lead_file.id)
        except (CellsNeeded, Overtaken):
            continue
        break
    with store.reading() as session:
        finished = session.get_one(LeadFile, lead_file.id)
        return report_of(session, finished, source, repeated=False, dry_run=False)


def _forget_unless_known(store: Store, shelf: Shelf, place: str) -> None:
    """Take a file that cannot be read off the shelf, unless another source has delivered the same.

    Nobody enters a lead file meanwhile; who has received the same one and enters it later keeps it once more.
    """
    with store.writing() as session:
        lock_key(session, NUMBERING)
        if session.scalar(select(LeadFile.id).where(LeadFile.sha256 == place).limit(1)) is None:
            shelf.remove(place)


def _where(store: Store, delivery: Delivery) -> tuple[Start | None, bool]:
    """Return where reading goes on, None if all is read, and whether the source has no lead by any other reading."""
    with store.reading() as session:
        lead_file = session.get_one(LeadFile, delivery.lead_file_id)
        if lead_file.state == FileState.FINISHED:
            return None, True
        newest = session.scalar(
            select(LeadSegment)
            .where(LeadSegment.lead_file_id == delivery.lead_file_id)
            .order_by(LeadSegment.rows_before.desc())
            .limit(1)
        )
        others = session.scalar(
            select(LeadFile.id).where(
                LeadFile.source_id == delivery.source_id,
                LeadFile.id != delivery.lead_file_id,
                LeadFile.rows_accepted > 0,
            )
        )
        is_alone = others is None and lead_file.rows_read == 0
        if newest is None:
            return Start(), is_alone
        return Start(newest.rows_before + newest.rows, newest.end_position, newest.frontier), is_alone


def _write(
    store: Store,
    delivery: Delivery,
    read: Iterator[Segment],
    rows: int,
    each: Callable[[Mark], None],
    *,
    is_alone: bool,
) -> None:
    """Write every segment that is new, some at a time; ``each`` is given the last of those."""
    with closing(read):  # type: ignore[type-var] # it is a generator
        for some in _gathered(read, rows):
            last = some[-1].mark
            with store.writing() as session:
                lock_key(session, source_lock(delivery.source_id))
                spare_memory(session)
                done = session.scalars(select(LeadFile.rows_read).where(LeadFile.id == delivery.lead_file_id)).one()
                if last.rows_before + last.rows > done:
                    batch = Batch.after(some, done)
                    some.clear()
                    now = store.clock.now()
                    counts = write_batch(session, delivery, batch, now, is_alone=is_alone)
                    _move(session, delivery, batch, counts, now)
            each(last)
            let_others_write(store.engine)


def _tell(progress: Progress | None, file: LeadFile, last: Mark) -> None:
    if progress is not None:
        share = share_read(file.format, file.wrapping, file.encoding, last.end_position, file.size)
        progress(last.rows_before + last.rows, share)


def _gathered(segments: Iterator[Segment], rows: int) -> Iterator[list[Segment]]:
    """Yield the segments that have rows, as many together as have at least ``rows``."""
    some: list[Segment] = []
    for segment in segments:
        if segment.rows:
            some.append(segment)
            if segment.end - some[0].rows_before >= rows:
                yield some
                some = []
    if some:
        yield some


def _move(session: Session, delivery: Delivery, batch: Batch, counts: Counter[RowState], now: datetime) -> None:
    moved: Any = session.execute(  # Any: a cursor result, which the session's type does not promise
        update(LeadFile)
        .where(LeadFile.id == delivery.lead_file_id, LeadFile.rows_read == batch.done)
        .values(
            rows_read=batch.end,
            read_at=now,
            rows_accepted=LeadFile.rows_accepted + counts[RowState.ACCEPTED],
            rows_rejected=LeadFile.rows_rejected + counts[RowState.REJECTED],
            rows_duplicate=LeadFile.rows_duplicate + counts[RowState.DUPLICATE],
            rows_ambiguous=LeadFile.rows_ambiguous + counts[RowState.AMBIGUOUS],
        )
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1 or counts.total() != batch.end - batch.done:
        raise RuntimeError("the lead file's rows do not add up; nothing of this batch is kept")


def _finish(session: Session, caller: Caller, source: Source, lead_file_id: str) -> None:
    lead_file = session.get_one(LeadFile, lead_file_id)
    if lead_file.state == FileState.FINISHED:
        return
    newest = session.scalar(
        select(LeadSegment.frontier)
        .where(LeadSegment.lead_file_id == lead_file_id)
        .order_by(LeadSegment.rows_before.desc())
        .limit(1)
    )
    lead_file.state = FileState.FINISHED.value
    lead_file.merkle_root = (Frontier.from_text(newest) if newest else Frontier()).root().hex()
    session.flush()
    payload = {
        "source": source.slug,
        "sha256": lead_file.sha256,
        "merkle_root": lead_file.merkle_root,
        "rows": lead_file.rows_read,
        "accepted": lead_file.rows_accepted,
        "rejected": lead_file.rows_rejected,
        "duplicate": lead_file.rows_duplicate,
        "ambiguous": lead_file.rows_ambiguous,
    }
    put_on_record(session, Event("lead_file.finished", lead_file.id, caller.actor, source.seller_id, payload))


def waiting_files(session: Session, before: datetime) -> list[str]:
    """Return the ids of the lead files that nobody has read on since ``before``, and that are not read to their end.

    The oldest come first. A few rows: files are finished soon.
    """
    touched_at = func.coalesce(LeadFile.read_at, LeadFile.received_at)
    return list(
        session.scalars(
            select(LeadFile.id)
            .where(LeadFile.state == FileState.READING.value, LeadFile.kept, touched_at < before)
            .order_by(LeadFile.received_at, LeadFile.no)
        )
    )
