"""How gunicorn serves Ringklar; ``ringklar serve`` reads it. All of it follows from the RINGKLAR_* settings."""

import os
import shutil
from pathlib import Path
from typing import Any

from core.config import load_settings

settings = load_settings()
bind = f"{settings.host}:{settings.port}"
worker_class = "gthread"
workers = settings.workers
threads = settings.threads  # at least 32: each fresh connection that sends nothing holds one for a moment
keepalive = 75
timeout = 60
graceful_timeout = 20
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a heartbeat file, not data
control_socket_disable = True
forwarded_allow_ips = ""
errorlog = "-"
loglevel = "warning"


def child_exit(_server: Any, worker: Any) -> None:  # Any: gunicorn is not typed
    """Forget the gauges of a worker that is gone."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)


def on_exit(_server: Any) -> None:  # Any: gunicorn is not typed
    """Remove the folder through which several workers add up their metrics: it is this server's own."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
