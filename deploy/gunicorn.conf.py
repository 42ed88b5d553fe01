"""How gunicorn serves Ringklar; ``ringklar serve`` reads it. All of it follows from the RINGKLAR_* settings."""

import os
import shutil
import socket
import struct
from pathlib import Path
from typing import Any

from core.config import load_settings

settings = load_settings()
bind = f"{settings.host}:{settings.port}"
worker_class = "gthread"
workers = settings.workers
threads = settings.threads  # not few: each fresh connection that sends nothing holds one for a moment
keepalive = 75
timeout = 60
graceful_timeout = 20
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a heartbeat file, not data
control_socket_disable = True
forwarded_allow_ips = ""
errorlog = "-"
loglevel = "warning"


STALLED_AFTER = 30
"""Seconds after which a client that sends nothing more of its request, or takes nothing more of its answer, is let go.

As long as something comes or goes it may be slow.
"""


def when_ready(server: Any) -> None:  # Any: gunicorn is not typed
    """Have no thread wait for ever for a client; each connection has these options from the socket that it came by."""
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", STALLED_AFTER, 0))
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_AFTER * 1000)


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
