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
threads = settings.threads  # each request holds one as soon as its first byte is there
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

SILENT_FOR = 3600
"""Seconds for which the system itself keeps a connection by which nothing has been sent: it costs no thread."""


def when_ready(server: Any) -> None:  # Any: gunicorn is not typed
    """Have no thread wait for ever for a client, nor at all for one that says nothing.

    Each connection has these options from the socket that it came by.
    """
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", STALLED_AFTER, 0))
        if hasattr(socket, "TCP_DEFER_ACCEPT"):  # Linux, as is the next
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, SILENT_FOR)
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
