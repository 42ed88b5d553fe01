"""The jobs as the companion of a server: a process that runs them for as long as the server lives, however it ends.

The server holds one end of a pipe, and so do the processes that it becomes and forks; when the last of them is gone,
even by ``kill -9``, the companion reads the end of the pipe, finishes the task that it has begun, and leaves.
"""

import os
import sys
import threading
from contextlib import closing

from core.clock import SystemClock
from core.config import Settings, load_settings
from jobs.run import run_jobs
from service import build_service, start_beside
from web.observe import log_as_json, tell_failure


def start_companion(settings: Settings) -> int:
    """Start the jobs, to end with this process and whatever it becomes; return the process id.

    They have a session of their own, so Ctrl-C reaches the server alone, and ends them through it.
    """
    theirs, ours = os.pipe()
    os.set_inheritable(ours, True)
    companion = start_beside(settings, "jobs.companion", stdin=theirs, stdout=None)
    os.close(theirs)
    return companion.pid


def main() -> None:
    """Run the jobs until standard input ends."""
    stop = threading.Event()

    def wait_for_the_end() -> None:
        while os.read(0, 1024):
            pass
        stop.set()

    threading.Thread(target=wait_for_the_end, name="end-of-server", daemon=True).start()
    settings = load_settings()
    log_as_json(settings.log_level)
    with closing(build_service(settings, SystemClock())) as service:
        run_jobs(service, stop=stop)


if __name__ == "__main__":
    sys.excepthook = tell_failure
    main()
