"""The inbox of lead files: each source has a folder that its supplier fills, over SFTP or by hand.

A file is received and read as by command, under any name. What became of it lies beside it in ``done/``, without
personal data; a file that cannot be read lies in ``refused/`` with the reason. What the command's options say may lie
beside a delivery, there before it: ``NAME.delivery.json``, or the mapping alone in ``NAME.mapping.json``.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from core.access import operator
from core.clock import utc
from core.config import Settings
from core.errors import Kind, ServiceError
from core.store import Store
from jobs.beside import Failure, Readers
from jobs.inbox import DONE, REFUSED, SETTLE_SECONDS, Look, WatchedFolder, look_at, open_plain
from jobs.sidecars import SIDECARS, read_sidecars
from leads.deliveries import source_standings
from leads.errors import LeadFileChanged
from leads.importer import read_lead_file, receive_lead_file
from leads.reports import LeadFileReport, lead_file_report
from leads.shelf import KeptFileDamaged, Shelf
from leads.terms import FileState

READ_AT_ONCE = 1 << 20
"""Bytes of a file that is read by the task itself; a larger one is read by a process beside."""
LEFT_ALONE = timedelta(seconds=60)
"""A file that nobody has read on for so long is gone on with by ``lead_files.read``, and by it alone."""
POSTPONED_SECONDS = 600.0
ALONE_FOR = timedelta(hours=1)
"""After which the log tells of what lies beside no delivery: it is meant to be there first, but not for long."""
FOLDER_MODE = 0o3770
"""Group may deliver, its files are the folder's group's to read, and it cannot put anything in the place of ours."""
INBOX = operator("inbox")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Received:
    """How a file in the inbox looked when it was received, and as which lead file."""

    look: Look
    lead_file_id: str


class LeadInbox:
    """One process's view of the folders of all sources."""

    def __init__(
        self,
        settings: Settings,
        shelf: Shelf,
        readers: Readers,
        *,
        settle_seconds: float = SETTLE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.directory = settings.inbox_dir / "leads"
        self._shelf = shelf
        self._readers = readers
        self._settle_seconds = settle_seconds
        self._monotonic = monotonic
        self._folders: dict[str, WatchedFolder] = {}
        self._received: dict[Path, _Received] = {}
        self._warned: set[tuple[str, ...]] = set()

    def pick_up(self, store: Store, now: datetime) -> dict[str, str]:
        """Take every file that has stood still; return what became of each, by ``source/name``.

        That is ``done``, ``reading`` for one that a process beside still reads, ``changing``, or a refusal's code. A
        file that the service could not take just now stays and is tried again; one bad file does not stop the others.

        Raises:
            ServiceError, ExceptionGroup: faults of the service, not of a file, after every file was tried.
        """
        outcomes: dict[str, str] = {}
        faults: list[Exception] = []
        self._received = {path: received for path, received in self._received.items() if os.path.lexists(path)}
        for source in self._sources(store):
            try:
                folder = self._folder_of(source)
                deliveries = self._deliveries(folder)
                self._warn_of_lonely(source, folder, now)
                self._warn_of_others(source, folder)
            except OSError as error:  # the poison-row rule: the other sources' folders come first
                self._warn("the folder of %s in the inbox of leads cannot be used", source)
                faults.append(error)
                continue
            for path in deliveries:
                try:
                    outcomes[f"{source}/{path.name}"] = self._take(store, source, folder, path, now)
                except Exception as error:  # noqa: BLE001 - the poison-row rule: the other files come first
                    faults.append(error)
                    if not isinstance(error, ServiceError):
                        folder.postpone(path, POSTPONED_SECONDS)
        if len(faults) == 1:
            raise faults[0]
        if faults:
            raise ExceptionGroup("some lead files could not be taken now", faults)
        return outcomes

    def _sources(self, store: Store) -> list[str]:
        """Return the slug of each source, and warn of what lies in the folder of none."""
        with store.reading() as session:
            sources = [source.slug for source in source_standings(session, None)]
        self.directory.mkdir(parents=True, exist_ok=True)
        for name in sorted({entry.name for entry in self.directory.iterdir()} - set(sources)):
            self._warn("no source is called %.60r: what lies there in the inbox of leads is left alone", name)
        return sources

    def _folder_of(self, source: str) -> WatchedFolder:
        """Return the source's folder, made now if it is not there."""
        place = self.directory / source
        if not place.exists():
            place.mkdir()
            place.chmod(FOLDER_MODE)  # whatever the process's umask takes away
        if source not in self._folders:
            self._folders[source] = WatchedFolder(place, settle_seconds=self._settle_seconds, monotonic=self._monotonic)
        return self._folders[source]

    def _warn(self, text: str, *names: str) -> None:
        """Write the warning to the log, once."""
        if (text, *names) not in self._warned:
            self._warned.add((text, *names))
            _log.warning(text, *names)

    def _deliveries(self, folder: WatchedFolder) -> list[Path]:
        """Return the files that may be taken, those that have lain there longest first."""
        settled = {path: look_at(path) for path in folder.settled()}
        found = []
        for path, look in settled.items():
            if look is None or path.name.endswith(SIDECARS) or path.is_symlink():
                continue
            beside = [path.with_name(path.name + suffix) for suffix in SIDECARS]
            if all(one in settled or look_at(one) is None for one in beside):
                found.append((look[1], path))
        return [path for _, path in sorted(found)]

    def _warn_of_lonely(self, source: str, folder: WatchedFolder, now: datetime) -> None:
        """Warn of a file that is named as what lies beside a delivery, and has long lain beside none.

        It is never taken, and may be a delivery with an unlucky name. When it came counts, not its own time.
        """
        for suffix in SIDECARS:
            for path in folder.directory.glob(f"[!.]*{suffix}"):
                look = look_at(path)
                if look is None or look_at(path.with_name(path.name.removesuffix(suffix))) is not None:
                    continue
                with suppress(FileNotFoundError):
                    if now.timestamp() - path.lstat().st_ctime > ALONE_FOR.total_seconds():
                        self._warn("a file in the inbox of %s is named …%s and lies beside no delivery", source, suffix)

    def _warn_of_others(self, source: str, folder: WatchedFolder) -> None:
        """Warn of a folder, link or pipe among the deliveries: what is in it, or behind it, is never taken."""
        with os.scandir(folder.directory) as entries:
            others = [one for one in entries if not one.is_file(follow_symlinks=False)]
        if any(one.name not in (DONE, REFUSED) and not one.name.startswith(".") for one in others):
            self._warn("a folder, link or pipe in the inbox of %s is left alone: deliver plain files", source)

    def _take(self, store: Store, source: str, folder: WatchedFolder, path: Path, now: datetime) -> str:
        look = look_at(path)
        if look is None:
            return "gone"
        try:
            received = self._received.get(path)
            if received is None or received.look != look:
                received = self._received[path] = _Received(look, self._receive(store, source, path))
            report = self._read(store, received.lead_file_id, now)
        except LeadFileChanged:
            return "changing"
        except KeptFileDamaged:
            del self._received[path]  # received once more, it lies whole on the shelf again
            raise
        except ServiceError as error:
            if error.kind is Kind.UNAVAILABLE:
                raise
            return self._refuse(folder, path, source, Failure.of(error), error.untold)
        if isinstance(report, Failure):
            return self._refuse(folder, path, source, report)
        if report.state is not FileState.FINISHED:
            return "reading"
        if look_at(path) != look:
            return "changing"
        folder.set_aside(path, DONE, {".report.json": _document(report)}, SIDECARS)
        del self._received[path]
        return DONE

    def _receive(self, store: Store, source: str, path: Path) -> str:
        """Keep what the file itself holds, even if the name becomes a link meanwhile; return the lead file's id."""
        how, terms = read_sidecars(path)
        descriptor = open_plain(path)
        try:
            report = receive_lead_file(
                store,
                self._shelf,
                INBOX,
                path=Path(f"/dev/fd/{descriptor}"),
                file_name=path.name,
                source_slug=source,
                how=how,
                terms=terms,
            )
        finally:
            os.close(descriptor)
        if report.id is None:
            raise RuntimeError("a lead file that was received has an id")
        self._readers.forget(report.id)
        return report.id

    def _read(self, store: Store, lead_file_id: str, now: datetime) -> LeadFileReport | Failure:
        """Return how far the file has come, having read it if it is new and small, or why it cannot be read."""
        with store.reading() as session:
            report = lead_file_report(session, INBOX, lead_file_id)
        if report.state is FileState.FINISHED:
            return report
        failure = self._readers.failure(lead_file_id)
        if failure is not None:
            return failure
        if now - report.received_at < LEFT_ALONE:
            if report.size <= READ_AT_ONCE:
                return read_lead_file(store, self._shelf, INBOX, lead_file_id)
            if report.rows == 0:
                self._readers.start(lead_file_id)
        return report

    def _refuse(
        self, folder: WatchedFolder, path: Path, source: str, why: Failure, mistakes: Sequence[str] = ()
    ) -> str:
        _log.warning("a file in the inbox of %s is refused: %s", source, why.code)
        lines = [why.code, f"{why.title}: {why.detail}", *mistakes]
        received = self._received.pop(path, None)
        if received is not None:
            lines.append(f"lead file {received.lead_file_id}: the rows before the damage are kept")
        folder.set_aside(path, REFUSED, {".reason.txt": "".join(f"{line}\n" for line in lines)}, SIDECARS)
        return why.code


def _document(report: LeadFileReport) -> str:
    """Return the report as JSON, without what could hold a person's data: headings, cells, what columns are called."""
    document = {
        "lead_file_id": report.id,
        "source": report.source,
        "sha256": report.sha256,
        "size": report.size,
        "received_at": utc(report.received_at),
        "rows": report.rows,
        "accepted": report.accepted,
        "rejected": report.rejected,
        "duplicate": report.duplicate,
        "ambiguous": report.ambiguous,
        "reasons": dict(report.reasons),
        "merkle_root": report.merkle_root,
    }
    return json.dumps(document, indent=2) + "\n"
