"""``ringklar migrate`` and ``ringklar serve``."""

import os
import resource
import socket
import sys
import tempfile
from pathlib import Path

import click

from cli.context import refusals
from consent.grounds import end_doubled_relations
from core.access import operator
from core.clock import SystemClock
from core.config import ConfigError, Settings, load_settings
from migrations.revisions import head
from migrations.run import upgrade
from service import build_service

ARENAS = "2"
"""Of glibc's memory: with one for each thread, every thread kept what its largest batch of checks had taken."""
OPEN_FILES = 8192
"""Asked of the system, which often gives a process 1,024: each connection is one, and each dialer keeps some open."""
GUNICORN_SETTINGS = Path(__file__).parent.parent / "deploy" / "gunicorn.conf.py"


@click.command()
@refusals
def migrate() -> None:
    """Make the database, or bring its schema up to date. Harmless to repeat."""
    settings = load_settings()
    upgrade(settings.database_url)
    service = build_service(settings, SystemClock())
    try:
        service.require_schema()
        with service.store.writing() as session:
            now = service.clock.now()
            end_doubled_relations(session, operator("migrate"), now=now, keyring=service.keyring)
    finally:
        service.close()
    click.echo(f"the database is at {head()}")


@click.command()
@refusals
def serve() -> None:
    """Serve the API and the pages under gunicorn, until stopped.

    RINGKLAR_BIND (127.0.0.1:8000), RINGKLAR_WORKERS and RINGKLAR_THREADS say where and how wide.
    """
    settings = load_settings()
    require_address(settings)
    service = build_service(settings, SystemClock())
    try:
        service.require_schema()
    finally:
        service.close()
    become_gunicorn(settings)


def require_address(settings: Settings) -> None:
    """See that a server can listen where the settings say.

    Raises:
        ConfigError: it cannot, as another does already.
    """
    host = settings.host.strip("[]")
    try:
        socket.create_server((host, settings.port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        why = (error.strerror or type(error).__name__).partition(" (")[0]  # what stands after it is said already
        raise ConfigError([f"RINGKLAR_BIND: nothing can listen on {settings.host}:{settings.port} ({why})"]) from error


def become_gunicorn(settings: Settings) -> None:
    """Replace this process by gunicorn with the settings of ``deploy``; it does not return."""
    if settings.workers > 1:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="ringklar-metrics-")
    os.environ.setdefault("MALLOC_ARENA_MAX", ARENAS)
    _allow_open_files()
    sys.stdout.flush()
    command = [sys.executable, "-m", "gunicorn", "--config", str(GUNICORN_SETTINGS), "wsgi:app"]
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter with our own arguments


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
