"""A dry run of a lead file: what an import would give, counted without writing anything."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from pyroaring import BitMap64

from core.access import Caller
from core.store import Store
from leads.batches import holders
from leads.intake import (
    DeliveryTerms,
    HowToRead,
    identify,
    kept_warnings,
    known_file,
    layout_for,
    plain_at,
    sound,
    source_for,
    terms_not_kept,
)
from leads.layouts import share_read
from leads.reading import Pace, Progress, Reading, segments
from leads.repeats import not_read_again
from leads.reports import LeadFileReport, Preview, report_of
from leads.rows import RowReason
from leads.segments import Segment, Start
from leads.shelf import kept_name
from leads.terms import FileState, RowState
from leads.withdrawn import withdrawn_among

PREVIEWED = 5


def try_lead_file(
    store: Store,
    caller: Caller,
    *,
    path: Path,
    file_name: str,
    source_slug: str,
    how: HowToRead | None = None,
    terms: DeliveryTerms | None = None,
    progress: Progress | None = None,
    pace: Pace | None = None,
) -> LeadFileReport:
    """Count what a real run would give, from the first row, and write nothing. Raises as ``import_lead_file``."""
    pace = pace or Pace()
    source, saved = source_for(store, caller, source_slug)
    terms = sound(terms)
    plain = plain_at(path)
    with plain.open() as file:
        delivered = identify(file)
    with store.reading() as session:
        known = known_file(session, source, delivered.sha256)
        if known is not None and known.state == FileState.FINISHED:
            warnings = (*terms_not_kept(session, known, terms), *not_read_again(known, how, saved))
            return report_of(session, known, source, repeated=True, dry_run=True, warnings=warnings)
        session.expunge_all()
    layout = layout_for(plain, known, how or HowToRead(), saved)
    surprises = kept_warnings(known) if known is not None else None
    own = known.no if known is not None else 0
    received_at = known.received_at if known is not None else store.clock.now()
    retention = timedelta(days=source.retention_days)
    reading = Reading(plain, layout, received_at, retention, Start(), source.needs_identity)
    reading = replace(reading, block=pace.block, rows=pace.rows)
    states, reasons, preview = Counter[RowState](), Counter[str](), list[Preview]()
    elsewhere = BitMap64()
    with closing(segments(reading, delivered.size)) as read:  # type: ignore[type-var] # both are generators
        for segment in read:
            numbers = segment.leads["number"].to_list()
            with store.reading() as session:
                held = holders(session, source.no, [*numbers, *(row.number for row in segment.repeated)])
                gone = withdrawn_among(session, set(held.values()))
            elsewhere |= BitMap64(number for number, file_no in held.items() if file_no != own and file_no not in gone)
            known_already = sum(number in elsewhere for number in numbers)
            states[RowState.ACCEPTED] += len(numbers) - known_already
            states[RowState.DUPLICATE] += known_already + len(segment.repeated)
            reasons[RowReason.DUPLICATE_IN_SOURCE] += known_already
            for row in segment.repeated:
                reasons[RowReason.DUPLICATE_IN_SOURCE if row.number in elsewhere else RowReason.DUPLICATE_IN_FILE] += 1
            for refused in segment.refused:
                states[refused.state] += 1
                reasons.update(refused.reasons)
            preview.extend(_previews(segment, PREVIEWED - len(preview)))
            if progress is not None:
                end = segment.mark.end_position
                share = share_read(layout.format, layout.wrapping, layout.encoding, end, delivered.size)
                progress(states.total(), share)
    return LeadFileReport(
        id=None,
        source=source.slug,
        file_name=kept_name(file_name),
        sha256=delivered.sha256,
        size=delivered.size,
        format=layout.format,
        wrapping=layout.wrapping,
        encoding=layout.encoding,
        delimiter=layout.delimiter,
        mapping=layout.columns.mapping,
        unread=layout.columns.unknown if layout.has_headings else (),
        warnings=layout.warnings if surprises is None else surprises,
        references=(),
        wash_register=terms.wash_register,
        wash_version=terms.wash_version,
        preview=tuple(preview),
        state=None,
        progress=1.0,
        rows=states.total(),
        accepted=states[RowState.ACCEPTED],
        rejected=states[RowState.REJECTED],
        duplicate=states[RowState.DUPLICATE],
        ambiguous=states[RowState.AMBIGUOUS],
        reasons={str(reason): count for reason, count in sorted(reasons.items()) if count},
        merkle_root=None,
        received_at=received_at,
        repeated=False,
        dry_run=True,
    )


def _previews(segment: Segment, count: int) -> Sequence[Preview]:
    """Return what the first rows of the segment would become as leads."""
    if count <= 0:
        return []
    first = segment.leads.sort("row_no").head(count)
    return [Preview.of(*row) for row in first.select("row_no", "number", "birth_date", "collected_at", "person").rows()]
