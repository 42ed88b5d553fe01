"""Lead files that are read by processes of their own, so that a long one keeps no task of the jobs waiting.

Such a process outlives who started it. If it is killed, whoever finds the file left alone goes on with it. Started by
itself, this module is that process: it takes a lead file's id and, if the file cannot be read, prints why as JSON.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass

from core.access import operator
from core.clock import SystemClock
from core.config import Settings, load_settings
from core.errors import Kind, ServiceError
from leads.importer import read_lead_file
from service import READERS, build_service, pace_beside, start_beside, turn_to_read
from web.observe import tell_failure

TRY_AGAIN_SECONDS = 3600.0
"""After which a file that could not be read is tried again: a damaged one may have been restored."""
CUT_OFF_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a lead file could not be read to its end."""

    code: str
    title: str
    detail: str

    @classmethod
    def of(cls, error: ServiceError) -> "Failure":
        """Return what the error says."""
        return cls(error.code, error.title, error.detail)


class Readers:
    """The processes of ours that read a lead file each, and the files that could not be read. For one thread."""

    def __init__(self, settings: Settings, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._not_before: dict[str, float] = {}
        self._failures: dict[str, Failure] = {}

    def start(self, lead_file_id: str) -> bool:
        """Have the file read, and return whether that was begun now: not if it is being read, if as many as may be
        are, or if it could not be read a while ago."""
        self._collect()
        is_early = self._monotonic() < self._not_before.get(lead_file_id, 0.0)
        if is_early or lead_file_id in self._running or len(self._running) >= READERS:
            return False
        started = start_beside(self._settings, "jobs.beside", lead_file_id, stdout=subprocess.PIPE)
        self._running[lead_file_id] = started
        return True

    def failure(self, lead_file_id: str) -> Failure | None:
        """Return why the file could not be read when that was last tried, or None if nothing is known of that."""
        self._collect()
        return self._failures.get(lead_file_id)

    def failures(self) -> dict[str, Failure]:
        """Return by lead file's id what could not be read when it was last tried."""
        self._collect()
        return dict(self._failures)

    def forget(self, lead_file_id: str) -> None:
        """Take the file for one that was never tried: it was delivered anew."""
        self._collect()
        self._failures.pop(lead_file_id, None)
        self._not_before.pop(lead_file_id, None)

    def wait(self) -> None:
        """Return when no process is reading any more."""
        for process in list(self._running.values()):
            process.wait()
        self._collect()

    def _collect(self) -> None:
        """Take up what became of the processes that have ended."""
        for lead_file_id, process in list(self._running.items()):
            if process.poll() is None:
                continue
            del self._running[lead_file_id]
            told = process.communicate()[0]  # a line at most, which the pipe has held
            self._failures.pop(lead_file_id, None)
            if process.returncode == 0:
                self._not_before.pop(lead_file_id, None)
                continue
            said = json.loads(told) if told else None
            self._not_before[lead_file_id] = self._monotonic() + (TRY_AGAIN_SECONDS if said else CUT_OFF_SECONDS)
            if said:
                self._failures[lead_file_id] = Failure(**said)


def main(lead_file_id: str) -> int:
    """Read the lead file to its end and return 0, or the exit code 1, having printed why unless it was the moment."""
    with closing(build_service(load_settings(), SystemClock())) as service:
        try:
            service.require_schema()
            with turn_to_read(service, lead_file_id):
                pace = pace_beside(service)
                read_lead_file(service.store, service.lead_files, operator("jobs"), lead_file_id, pace=pace)
        except ServiceError as error:
            if error.kind is not Kind.UNAVAILABLE:
                print(json.dumps(asdict(Failure.of(error))))  # noqa: T201 - to whoever started this process
            return 1
    return 0


if __name__ == "__main__":
    sys.excepthook = tell_failure
    sys.exit(main(sys.argv[1]))
