"""Screenings that are worked through by processes of their own. Started by itself, this module is such a process."""

import subprocess
import sys
from contextlib import closing
from datetime import datetime

from core.clock import SystemClock
from core.config import Settings, load_settings
from core.errors import ServiceError
from core.store import Store
from dnc.screenings.left_alone import give_up_left, waiting_screenings
from dnc.screenings.recording import move_on
from dnc.screenings.work import work_on
from service import build_service, start_beside
from web.observe import tell_failure


class ScreeningWork:
    """Goes on with the screenings that nobody works on any more, one at a time. For one thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._running: subprocess.Popen[bytes] | None = None

    def go_on(self, store: Store, now: datetime) -> str:
        """Have the oldest such screening worked through, and say of those left by a command that they failed.

        One that ends its process each time waits as if it had been worked on, so that the others have their turn.
        """
        is_busy = self._running is not None and self._running.poll() is None
        with store.writing() as session:
            left = give_up_left(session, now)
            waiting = waiting_screenings(session, now)
            if waiting and not is_busy:
                move_on(session, waiting[0], ran_at=now)
        if waiting and not is_busy:
            self._running = start_beside(self._settings, "jobs.screenings", waiting[0])
        return f"{len(waiting)} left alone, {left} given up"


def main(screening_id: str) -> int:
    """Work through the screening and return 0, or the exit code 1 if it is to be tried again."""
    with closing(build_service(load_settings(), SystemClock())) as service:
        try:
            service.require_schema()
            work_on(service.screenings, service.screened_files, screening_id)
        except ServiceError:
            return 1
    return 0


if __name__ == "__main__":
    sys.excepthook = tell_failure
    sys.exit(main(sys.argv[1]))
