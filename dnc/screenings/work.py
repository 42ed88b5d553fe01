"""A screening from its beginning, or from where its record ends, to a whole file: in a folder, or kept on the shelf."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from core.access import Caller
from core.errors import InvalidInput, Kind, ServiceError, StorageUnavailable
from core.store import Store
from dnc.screenings.ahead import State
from dnc.screenings.counts import Summary
from dnc.screenings.engine import ListedOf
from dnc.screenings.errors import ScreenedFileChanged, ScreeningBusy, ScreeningNotRunning
from dnc.screenings.models import Screening
from dnc.screenings.numbers import Ints
from dnc.screenings.parts import Part, parts_of_campaign, parts_of_rows
from dnc.screenings.recording import recorded_part
from dnc.screenings.rows import FileLayout, file_layout, opened_rows
from dnc.screenings.running import Engine, Progress, run_parts
from dnc.screenings.service import (
    AskedFile,
    Wanted,
    ask_screening,
    campaign_asked,
    campaign_of,
    fail_screening,
    finish_screening,
    resume_screening,
)
from dnc.screenings.terms import PART_ROWS, ScreeningState, Subject
from dnc.screenings.writing import output_for
from leads.intake import Delivered, identify, plain_at
from leads.lead_texts import count_lead_numbers
from leads.reading import KeptFile, Origin, PlainFile
from leads.shelf import Shelf

Asked = Callable[[str], None]
"""Is told the id of the screening once it is on record."""


@dataclass(frozen=True, slots=True)
class Screenings:
    """What screenings are worked on with. ``listed_of`` asks the registers; ``part_rows`` go on record at once."""

    store: Store
    listed_of: ListedOf
    part_rows: int = PART_ROWS


def screen_file(
    screenings: Screenings,
    caller: Caller,
    wanted: Wanted,
    state: State,
    *,
    source: Path,
    target: Path,
    asked: Asked | None = None,
    progress: Progress | None = None,
) -> str:
    """Screen the file ``source`` into ``target``, which appears only when it is whole; return the screening's id.

    ``state`` is what was ``begun`` for it: its first rows are decided by it.

    Raises:
        Forbidden, UnknownCampaign: as ``ask_screening``.
        UnreadableLeadFile, UnclearHeadings, InvalidInput: the file cannot be read, or ``target`` not be written.
        LeadFileChanged: it was written to meanwhile.
        ScreeningNotRunning: it was cancelled meanwhile.
        StorageUnavailable: the database or the disk did not take it; resume it.
    """
    plain = plain_at(source)
    with ThreadPoolExecutor(1) as beside:  # it is hashed while it is looked at
        identity = beside.submit(_identified, plain)
        how = file_layout(plain, wanted.number_column)
        delivered = identity.result()
    file = AskedFile(source.name, delivered.sha256, delivered.size, wanted.number_column)
    with _appearing(target, source) as result:
        with screenings.store.writing() as session:
            screening = ask_screening(
                session, caller, campaign=wanted.campaign, file=file, next_hour=wanted.next_hour, now=state.now
            )
        if asked is not None:
            asked(screening.id)
        _write(screenings, screening, plain, how, result, begun=state, progress=progress)
    _finish(screenings, screening)
    return screening.id


def resume_file(
    screenings: Screenings,
    caller: Caller,
    screening_id: str,
    *,
    source: Path,
    target: Path,
    progress: Progress | None = None,
) -> str:
    """Go on with a screening of the file ``source`` and write ``target``; one that is done is written again.

    Raises:
        Forbidden, UnknownScreening, ScreeningBusy: as ``resume_screening``.
        ScreenedFileChanged: the file is another.
        ScreeningErased, ScreeningDamaged: what is on record of it cannot be read.
        And as ``screen_file``.
    """
    plain = plain_at(source)
    delivered = _identified(plain)
    with _appearing(target, source) as file:
        with screenings.store.writing() as session:
            screening = resume_screening(session, caller, screening_id, screenings.store.clock.now(), has_file=True)
            if screening.sha256 != delivered.sha256:
                raise ScreenedFileChanged("go on with the file that the screening began with")
        how = file_layout(plain, screening.number_column)
        _write(screenings, screening, plain, how, file, progress=progress)
    _finish(screenings, screening)
    return screening.id


def what_if(
    screenings: Screenings,
    caller: Caller,
    wanted: Wanted,
    *,
    source: Path,
    target: Path,
    at: datetime,
    progress: Progress | None = None,
) -> Summary:
    """Write what a screening would say at ``at`` of what is known now; record nothing. Raises as ``screen_file``."""
    plain = plain_at(source)
    store = screenings.store
    with store.reading() as session:
        campaign = campaign_asked(session, caller, wanted.campaign, at)
    engine = Engine(store, screenings.listed_of, campaign, next_hour=wanted.next_hour)
    how = file_layout(plain, wanted.number_column)
    summary = Summary()
    with _appearing(target, source) as file, opened_rows(plain, how) as rows:
        output = output_for(file, how)
        parts = parts_of_rows(rows, plain.size, is_workbook=how.is_workbook, part_rows=screenings.part_rows)
        for told, places in run_parts(engine, parts, output, screening=None, at=at, progress=progress):
            for one, place in zip(told, range(len(told)), strict=True):
                summary.add(one.verdict, one.reasons, one.source, int((places == place).sum()))
        output.close()
    return summary


def work_on(screenings: Screenings, shelf: Shelf, screening_id: str) -> None:
    """Work through a screening whose file, if it has one, and whose result are kept on ``shelf``.

    What it cannot be read for is put on record with it; if it was cancelled, or the database does not serve, what is
    on record stands. Idempotent.

    Raises:
        StorageUnavailable: try again later.
    """
    store = screenings.store
    with store.reading() as session:
        screening = session.get(Screening, screening_id)
        session.expunge_all()
    if screening is None or screening.state != ScreeningState.RUNNING:
        return
    try:
        _to_shelf(screenings, shelf, screening)
    except (ScreeningNotRunning, ScreeningBusy):
        return
    except ServiceError as error:
        if error.kind is Kind.UNAVAILABLE:
            raise
        with store.writing() as session:
            fail_screening(session, screening_id, error.code, store.clock.now())


def _identified(plain: PlainFile) -> Delivered:
    with plain.open() as file:
        return identify(file)


def _finish(screenings: Screenings, screening: Screening) -> None:
    with screenings.store.writing() as session:
        finish_screening(session, screening.id, screenings.store.clock.now())


def _to_shelf(screenings: Screenings, shelf: Shelf, screening: Screening) -> None:
    store = screenings.store
    with shelf.temporary_file() as file:
        if screening.subject == Subject.CAMPAIGN:
            _write(screenings, screening, None, None, file, spool_dir=shelf.directory)
            name = f"screening-{screening.id}.csv"
        else:
            origin = KeptFile(*shelf.located(screening.kept or ""))
            how = file_layout(origin, screening.number_column, spool_dir=shelf.directory)
            _write(screenings, screening, origin, how, file, spool_dir=shelf.directory)
            name = f"screening-{screening.id}.{'xlsx' if how.is_workbook else 'csv'}"
        file.seek(0)
        place = shelf.receive(file).place
    with store.writing() as session:
        finish_screening(session, screening.id, store.clock.now(), result_kept=place, result_name=name)


def _write(
    screenings: Screenings,
    screening: Screening,
    origin: Origin | None,
    how: FileLayout | None,
    file: BinaryIO,
    *,
    begun: State | None = None,
    spool_dir: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Work through all parts and write the whole result to ``file``."""
    store = screenings.store
    with store.reading() as session:
        campaign = campaign_of(session, screening, store.clock.now())
    engine = Engine(store, screenings.listed_of, campaign, next_hour=screening.next_hour)
    output = output_for(file, how, spool_dir=None if spool_dir is None else str(spool_dir))
    with ExitStack() as opened:
        parts: Iterator[Part]
        if origin is not None and how is not None:
            rows = opened.enter_context(opened_rows(origin, how, spool_dir=spool_dir))
            size = screening.size or 1
            parts = parts_of_rows(rows, size, is_workbook=how.is_workbook, part_rows=screenings.part_rows)
        else:
            parts = _campaign_parts(screenings, screening)
        for _ in run_parts(engine, parts, output, screening=screening, begun=begun, progress=progress):
            pass
    output.close()
    file.flush()


def _campaign_parts(screenings: Screenings, screening: Screening) -> Iterator[Part]:
    sources = None if screening.sources is None else json.loads(screening.sources)
    recorded: list[Ints] = []
    with screenings.store.reading() as session:
        total = session.execute(count_lead_numbers(screening.seller_id, sources)).scalar_one()
        recorded = [recorded_part(session, screening.id, no).values for no in range(screening.parts)]
    return parts_of_campaign(screenings.store, screening.seller_id, sources, total, recorded, screenings.part_rows)


@contextmanager
def _appearing(target: Path, source: Path) -> Iterator[BinaryIO]:
    """Give a file that takes its place as ``target``, durable, when the block ends well; else nothing is left.

    Its owner alone may read it: its rows name persons and their numbers.

    Raises:
        InvalidInput: its folder takes no file, or it is ``source`` itself; the block is not begun.
        StorageUnavailable: the disk did not take the rest.
    """
    if not target.name:
        raise InvalidInput("the result cannot be written (it has no name)")
    if target.exists() and target.samefile(source):
        raise InvalidInput("the result cannot be written (it would take the place of the file that is screened)")
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.part")
    with suppress(OSError):  # one that cannot be removed cannot be made either
        unfinished.unlink()
    try:
        opened = os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
    except OSError as error:
        raise InvalidInput(f"the result cannot be written ({error.strerror})") from error
    try:
        with opened as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError as error:
        raise StorageUnavailable(
            f"the result could not be written ({error.strerror or type(error).__name__})"
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
