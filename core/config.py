"""Settings: ``RINGKLAR_*`` variables, all read at start and refused with every mistake listed."""

import base64
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "RINGKLAR_"
SECRET_BYTES = 32
PORT_DIGITS = 5
CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class ConfigError(Exception):
    """The settings cannot be used; ``mistakes`` holds one sentence for each mistake."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that may differ between two installations."""

    database_url: str
    data_dir: Path
    secret: bytes
    host: str
    port: int
    workers: int
    threads: int
    log_level: str
    secure_cookies: bool
    trusted_proxies: int
    prepared_statements: bool = True
    timestamp_url: str = ""
    timestamp_ca: Path | None = None
    timestamp_minutes: int = 60

    @property
    def registers_dir(self) -> Path:
        """Where register snapshots lie, each named by its SHA-256."""
        return self.data_dir / "registers"

    @property
    def lead_files_dir(self) -> Path:
        """Where lead files lie as they were received, encrypted."""
        return self.data_dir / "lead-files"

    @property
    def inbox_dir(self) -> Path:
        """Where register files and lead files are dropped to be taken by the jobs."""
        return self.data_dir / "inbox"


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings in ``environ``.

    A missing secret is made once and kept in the data folder, readable by its owner alone.

    Raises:
        ConfigError: with every mistake, not the first.
    """
    reader = _Reader(environ)
    data_dir = Path(reader.text("DATA_DIR", "var")).absolute()
    database_url = reader.text("DATABASE_URL", f"sqlite:///{data_dir / 'ringklar.db'}", secret=True)
    backend = _backend(database_url)
    if backend not in ("sqlite", "postgresql") or (backend == "sqlite" and not _names_a_file(database_url)):
        reader.mistakes.append(f"{PREFIX}DATABASE_URL must be sqlite:///FILE or begin with postgresql://")
    elif backend == "sqlite":
        database_url = _from_anywhere(database_url)
    host, port = reader.address("BIND", "127.0.0.1:8000")
    secret_text = reader.text("SECRET", "", secret=True)
    workers = reader.integer("WORKERS", 1 if backend == "sqlite" else max(2, os.cpu_count() or 2), 1, 64)
    threads = reader.integer("THREADS", 32, 8, 512)
    log_level = reader.choice("LOG_LEVEL", "INFO", LOG_LEVELS)
    secure_cookies = reader.choice("SECURE_COOKIES", "no", ("yes", "no")) == "yes"
    trusted_proxies = reader.integer("TRUSTED_PROXIES", 0, 0, 10)
    prepared_statements = reader.choice("PREPARED_STATEMENTS", "yes", ("yes", "no")) == "yes"
    timestamp_url, timestamp_ca = reader.authority("TIMESTAMP_URL", "TIMESTAMP_CA")
    timestamp_minutes = reader.integer("TIMESTAMP_MINUTES", 60, 1, 7 * 24 * 60)
    secret = reader.secret(secret_text) if secret_text else b""
    reader.refuse_unknown()
    if reader.mistakes:
        raise ConfigError(reader.mistakes)
    return Settings(
        database_url=database_url,
        data_dir=data_dir,
        secret=secret or _secret_of(data_dir),
        host=host,
        port=port,
        workers=workers,
        threads=threads,
        log_level=log_level,
        secure_cookies=secure_cookies,
        trusted_proxies=trusted_proxies,
        prepared_statements=prepared_statements,
        timestamp_url=timestamp_url,
        timestamp_ca=timestamp_ca,
        timestamp_minutes=timestamp_minutes,
    )


def _backend(url: str) -> str:
    try:
        return make_url(url).get_backend_name()
    except (ArgumentError, ValueError):
        return ""


def _secret_of(data_dir: Path) -> bytes:
    try:
        return _kept_secret(data_dir / "secret")
    except OSError as error:
        raise ConfigError([f"{PREFIX}DATA_DIR is no folder that can be used ({type(error).__name__})"]) from error


def _names_a_file(url: str) -> bool:
    parsed = make_url(url)
    plain = parsed.drivername in ("sqlite", "sqlite+pysqlite") and not parsed.query
    return plain and parsed.database not in (None, "", ":memory:")


def _from_anywhere(url: str) -> str:
    """Return the URL with its file's whole path: processes of ours that work beside run in another folder."""
    return f"sqlite:///{Path(make_url(url).database or '').absolute()}"


def _kept_secret(path: Path) -> bytes:
    """Return the secret in ``path``, made now if there is none; two processes that race get the same one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".secret-{os.getpid()}-{secrets.token_hex(4)}")
    if not path.exists():
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(secrets.token_bytes(SECRET_BYTES)))
                file.flush()
                os.fsync(file.fileno())
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    try:
        secret = base64.b64decode(path.read_bytes().strip(), validate=True)
    except ValueError:
        secret = b""
    if len(secret) < SECRET_BYTES:
        raise ConfigError([f"the secret kept in the data folder ({path.name}) is damaged: restore it from a backup"])
    return secret


class _Reader:
    """Reads variables one by one and gathers every mistake."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.mistakes: list[str] = []
        self.known: set[str] = set()

    def text(self, name: str, default: str, *, secret: bool = False) -> str:
        self.known |= {PREFIX + name} | ({PREFIX + name + "_FILE"} if secret else set())
        value = self.environ.get(PREFIX + name, "")
        path = self.environ.get(PREFIX + name + "_FILE", "") if secret else ""
        if value and path:
            self.mistakes.append(f"{PREFIX}{name} and {PREFIX}{name}_FILE are both set: choose one")
        if path:
            try:
                value = Path(path).read_text("utf-8").strip()
            except (OSError, ValueError) as error:
                self.mistakes.append(f"{PREFIX}{name}_FILE cannot be read ({type(error).__name__})")
                return default
            if not value:
                self.mistakes.append(f"{PREFIX}{name}_FILE is empty")
        return value or default

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        text = self.text(name, str(default))
        if text.isascii() and text.isdigit() and len(text) <= len(str(high)) and low <= int(text) <= high:
            return int(text)
        self.mistakes.append(f"{PREFIX}{name} must be a whole number from {low} to {high}")
        return default

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        text = self.text(name, default)
        if text in choices:
            return text
        self.mistakes.append(f"{PREFIX}{name} must be one of {', '.join(choices)}")
        return default

    def address(self, name: str, default: str) -> tuple[str, int]:
        text = self.text(name, default)
        host, _, port = text.rpartition(":")
        if host and port.isascii() and port.isdigit() and len(port) <= PORT_DIGITS and int(port) < 1 << 16:
            return host, int(port)
        self.mistakes.append(f"{PREFIX}{name} must be HOST:PORT")
        return "127.0.0.1", 8000

    def authority(self, url_name: str, ca_name: str) -> tuple[str, Path | None]:
        """Return the address of whom to ask over the network and the file by which to believe it, or neither."""
        url, ca = self.text(url_name, "", secret=True), self.text(ca_name, "")
        if url and not re.fullmatch(r"https?://[^/\s]\S*", url):
            self.mistakes.append(f"{PREFIX}{url_name} must begin with http:// or https://")
        if bool(url) != bool(ca):
            self.mistakes.append(f"{PREFIX}{url_name} and {PREFIX}{ca_name} are set together or not at all")
        if ca:
            try:
                if CERTIFICATE not in Path(ca).read_bytes():
                    self.mistakes.append(f"{PREFIX}{ca_name} holds no certificate in PEM form")
            except OSError as error:
                self.mistakes.append(f"{PREFIX}{ca_name} cannot be read ({type(error).__name__})")
        return url, Path(ca).absolute() if ca else None

    def secret(self, text: str) -> bytes:
        try:
            value = base64.b64decode(text, validate=True)
        except ValueError:
            value = b""
        if len(value) < SECRET_BYTES:
            self.mistakes.append(f"{PREFIX}SECRET must be at least {SECRET_BYTES} random bytes in base64")
        return value

    def refuse_unknown(self) -> None:
        for name in sorted(self.environ):
            if name.startswith(PREFIX) and name not in self.known:
                self.mistakes.append(f"{name} is not a setting of Ringklar")
