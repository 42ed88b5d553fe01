"""Composition: the one place where settings, clock, database, registers and kept files meet."""

import base64
import os
import subprocess
import sys
import zlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from core.access import operator
from core.clock import Clock
from core.config import Settings
from core.database import open_engine
from core.errors import Kind, ServiceError
from core.installation import claim
from core.secrets import Keyring, keyring
from core.store import Store
from core.turns import turn
from leads.shelf import Shelf
from migrations.revisions import current, head, require_known

if TYPE_CHECKING:
    from dnc.gate import Gate
    from dnc.registers.shelf import RegisterShelf
    from dnc.screenings.work import Screenings
    from leads.reading import Pace

READERS = 2
"""How many lead files the processes beside read at once: more would take the checks' share of the processor."""
GENTLE_BATCH = 20_000
"""Rows that a process beside writes at once over SQLite: checks and opt-outs wait for as long."""
_begun: list[subprocess.Popen[bytes]] = []
"""Processes beside that nobody here waits for; each is let go once it has ended."""


class SchemaOutOfDate(ServiceError):
    """The database's schema is not the one that this version works with."""

    kind, code, title = Kind.UNAVAILABLE, "schema-out-of-date", "The database needs to be migrated"


@dataclass(frozen=True)
class Service:
    """Everything that the web, the command line and the jobs are made of. One per process.

    What decides about calls is made, and its modules are loaded, when it is asked for: an import of leads, which does
    not ask, starts a third sooner without them.
    """

    settings: Settings
    clock: Clock
    keyring: Keyring
    store: Store
    lead_files: Shelf
    screened_files: Shelf
    assessments: Shelf

    @cached_property
    def shelf(self) -> "RegisterShelf":
        """The registers' snapshots that this process has open."""
        from dnc.registers.shelf import RegisterShelf

        return RegisterShelf(self.settings.registers_dir)

    @cached_property
    def gate(self) -> "Gate":
        """What answers whether calls may be placed."""
        from dnc.gate import Gate

        return Gate(self.store, self.shelf.listed)

    @property
    def screenings(self) -> "Screenings":
        """What screenings are worked on with."""
        from dnc.screenings.work import Screenings  # most commands start without what reads files by the column

        return Screenings(self.store, self.shelf.listed_of)

    def require_schema(self) -> None:
        """See that the schema is current and the secret is this database's own.

        Raises:
            SchemaOutOfDate: run ``ringklar migrate``.
            SchemaUnknown: a newer version has migrated it.
            WrongSecret: the database was made under another secret.
        """
        found = current(self.store.engine)
        require_known(found)
        if found != head():
            raise SchemaOutOfDate("run ringklar migrate first")
        claim(self.store)

    def close(self) -> None:
        """Give all database connections back."""
        self.store.close()


def build_service(settings: Settings, clock: Clock, *, for_requests: bool = False) -> Service:
    """Return the service that the settings describe; nothing is connected yet.

    ``for_requests``: whoever asks is refused when the database stands still, instead of kept waiting.
    """
    keys = keyring(settings.secret)
    engine = open_engine(
        settings.database_url,
        pool_size=settings.threads + 8,
        prepared_statements=settings.prepared_statements,
        for_requests=for_requests,
    )
    store = Store(engine, keys, clock)
    folders = (settings.lead_files_dir, settings.data_dir / "screenings", settings.data_dir / "assessments")
    lead_files, screened_files, assessments = (Shelf(folder, keys.lead_file_key) for folder in folders)
    return Service(settings, clock, keys, store, lead_files, screened_files, assessments)


def screen_arrival(service: Service, lead_file_id: str) -> None:
    """Screen a lead file that was read just now and put the report on record."""
    from dnc.arrivals import report_arrival

    report_arrival(
        service.store, service.shelf.listed, operator("arrivals"), lead_file_id=lead_file_id, now=service.clock.now()
    )


def turn_to_read(service: Service, lead_file_id: str) -> AbstractContextManager[None]:
    """Wait until few enough other processes of this machine read lead files, and none this one.

    SQLite has one writer at a time: several files at once would hold its lock for so long, one after the other, that
    checks and opt-outs would be refused.
    """
    places = 1 if service.store.engine.dialect.name == "sqlite" else READERS
    place = zlib.crc32(lead_file_id.encode()) % places
    return turn(service.settings.data_dir / f"reading-{place}.lock")


def pace_beside(service: Service) -> "Pace":
    """Return how a process beside is to read, so that checks and opt-outs need not wait for long."""
    from leads.reading import Pace  # most commands start without what reads files

    is_gentle = service.store.engine.dialect.name == "sqlite"
    return Pace(batch=GENTLE_BATCH) if is_gentle else Pace()


def read_beside(settings: Settings, lead_file_id: str) -> None:
    """Have a lead file read by a process of its own, which outlives this one; if it is killed, the jobs go on with it.

    It costs the checks of this process nothing but a share of the processor.
    """
    _begin_beside(settings, "cli", "leads", "read", lead_file_id)


def screen_beside(settings: Settings, screening_id: str) -> None:
    """Have a screening worked through by a process of its own; if it is killed, the jobs go on with it."""
    _begin_beside(settings, "jobs.screenings", screening_id)


def _begin_beside(settings: Settings, *command: str) -> None:
    _begun[:] = [one for one in _begun if one.poll() is None]
    _begun.append(start_beside(settings, *command))


def start_beside(
    settings: Settings, *command: str, stdin: int = subprocess.DEVNULL, stdout: int | None = subprocess.DEVNULL
) -> "subprocess.Popen[bytes]":
    """Start a module of ours, given with its arguments, as a process of its own on the same installation."""
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=Path(__file__).parent,
        env=environment_for(settings),
        stdin=stdin,
        stdout=stdout,
        start_new_session=True,
    )


def environment_for(settings: Settings) -> dict[str, str]:
    """Return the environment in which another process of ours works on the same installation."""
    told = {
        "RINGKLAR_DATA_DIR": str(settings.data_dir),
        "RINGKLAR_DATABASE_URL": settings.database_url,
        "RINGKLAR_SECRET": base64.b64encode(settings.secret).decode(),
        "RINGKLAR_PREPARED_STATEMENTS": "yes" if settings.prepared_statements else "no",
        "RINGKLAR_LOG_LEVEL": settings.log_level,
        "RINGKLAR_TIMESTAMP_URL": settings.timestamp_url,
        "RINGKLAR_TIMESTAMP_CA": str(settings.timestamp_ca or ""),
        "RINGKLAR_TIMESTAMP_MINUTES": str(settings.timestamp_minutes),
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("RINGKLAR_")} | told
