"""Where files lie as they were received: encrypted, whole or absent, read from any byte on, never a wrong byte.

A kept file is a header (form, key id, 32 random bytes), its content in chunks of 1 MiB, each sealed with AES-256-GCM,
and a seal over all (content's size and place). The random bytes make a key of its own for each file (HKDF), a chunk's
number is its nonce, and the last seal binds the header to the place: so no chunk passes for another, in its own file or
in any other, and a file that is cut short, lengthened or renamed is not opened.
"""

import errno
import fcntl
import hashlib
import io
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import Kind, ServiceError, StorageUnavailable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK = 1 << 20
FILE_NAME_LENGTH = 255
SUFFIX = ".kept"
UNFINISHED = ".unfinished-"
STALE_AFTER = timedelta(hours=1)
FORM = b"RKKEPT01"
_ID, _SALT, _TAG, _NONCE, _SIZE = 8, 32, 16, 12, 8
_HEADER = len(FORM) + _ID + _SALT
_SEAL = _SIZE + _TAG
_SEAL_NONCE = b"\xff" * _NONCE
_PLACE = re.compile(r"[0-9a-f]{64}")


class KeptFileDamaged(ServiceError):
    """A kept file is gone or was changed; nothing of what is wrong was read."""

    kind, code, title = Kind.CONFLICT, "kept-file-damaged", "The kept file is damaged"


class KeptUnderAnotherSecret(KeptFileDamaged):
    """A kept file was sealed under another secret than the one that is used; nothing of it was read."""

    code, title = "kept-under-another-secret", "The kept file cannot be opened with this secret"


class FileTooLarge(ServiceError):
    """The file is larger than is taken in; nothing of it was kept."""

    kind, code, title = Kind.TOO_LARGE, "file-too-large", "The file is too large"


@dataclass(frozen=True, slots=True)
class Received:
    """A file that is on the shelf, durable: the SHA-256 of its content (hex), its bytes, and where it lies."""

    sha256: str
    size: int
    place: str


class Shelf:
    """The kept files in one folder, under one 32-byte key. Safe for many threads and processes.

    A place is the SHA-256 of the content, so what is delivered twice lies there once.
    """

    def __init__(self, directory: Path, key: bytes) -> None:
        self._directory = directory
        self._key = key
        self._key_id = hashlib.sha256(b"ringklar/kept-file-key-id" + key).digest()[:_ID]

    @property
    def directory(self) -> Path:
        """The folder; also for temporary files that hold what a kept one does."""
        return self._directory

    def temporary_file(self) -> BinaryIO:
        """Return a file without a name, beside the kept ones, that is gone when it is closed."""
        with _disk_faults():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            return tempfile.TemporaryFile(dir=self._directory)

    @contextmanager
    def temporary_folder(self) -> Iterator[Path]:
        """Give a folder beside the kept files, for whoever needs names; it is gone when the block ends, or swept."""
        folder = self._directory / f"{UNFINISHED}{secrets.token_hex(8)}"
        with _disk_faults():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def located(self, place: str) -> tuple[Path, bytes, str]:
        """Return folder, key and place: what another process of ours needs to open a kept file."""
        return self._directory, self._key, place

    def receive(
        self, stream: BinaryIO, *, limit: int | None = None, each: Callable[[bytes], None] | None = None
    ) -> Received:
        """Keep all that ``stream`` has left to give, in one pass, and return once it is durable.

        ``each`` is given every chunk in clear, in order; what it raises ends the taking, and nothing is kept. Content
        that is there already is replaced by this sound copy; who reads the other reads on undisturbed.

        Raises:
            FileTooLarge: there are more than ``limit`` bytes.
            StorageUnavailable: the disk did not take it (full, read-only, gone); nothing was kept.
        """
        header = FORM + self._key_id + secrets.token_bytes(_SALT)
        cipher, digest, size = self._cipher(header), hashlib.sha256(), 0
        with _disk_faults():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            unfinished = self._directory / f"{UNFINISHED}{secrets.token_hex(8)}"
            file = io.FileIO(unfinished, "xb", opener=_private)
        try:
            with file:
                _write(file, header)
                for number, chunk in enumerate(_chunks(stream)):
                    size += len(chunk)
                    if limit is not None and size > limit:
                        raise FileTooLarge(f"at most {limit} bytes are taken in")
                    digest.update(chunk)
                    if each is not None:
                        each(chunk)
                    _write(file, cipher.encrypt(number.to_bytes(_NONCE), chunk, None))
                place = digest.hexdigest()
                told = size.to_bytes(_SIZE)
                _write(file, told + cipher.encrypt(_SEAL_NONCE, b"", _sealed(header, place, told)))
                with _disk_faults():
                    os.fsync(file.fileno())
            with _disk_faults(), self._alone():
                unfinished.rename(self._path(place))
        finally:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
        return Received(place, size, place)

    def open(self, place: str) -> BinaryIO:
        """Return the content that lies at ``place``, seekable; each chunk is verified as it is read.

        Raises:
            KeptFileDamaged: it is gone, or not as it was kept; reading may raise it too, later.
        """
        try:
            file = self._path(place).open("rb", buffering=0)
        except OSError as error:
            raise KeptFileDamaged(f"the kept file {place[:12]}… cannot be opened ({type(error).__name__})") from error
        try:
            header = self._header(file, place)
            size = self._size(file, header, place)
            return io.BufferedReader(_Kept(file, self._cipher(header), size, place), CHUNK)
        except BaseException:
            file.close()
            raise

    def remove(self, place: str, *, unless_since: datetime | None = None) -> bool:
        """Remove what lies at ``place``; return whether anything was removed. Idempotent.

        ``unless_since``: leave it if the same content was received at or after this moment, by the machine's clock.
        """
        path = self._path(place)
        with _disk_faults(), self._alone(), suppress(FileNotFoundError):
            if unless_since is None or path.stat().st_mtime < unless_since.timestamp():
                path.unlink()
                return True
        return False

    def holds(self, place: str) -> bool:
        """Return whether a file lies at ``place``, sound or not."""
        return self._path(place).exists()

    def places(self) -> frozenset[str]:
        """Return the places at which a file lies."""
        return frozenset(path.stem for path in self._directory.glob(f"*{SUFFIX}") if _PLACE.fullmatch(path.stem))

    def sweep_unfinished(self, now: datetime) -> int:
        """Remove what processes that were killed left: unfinished and not written to for an hour; return how many."""
        swept = 0
        for path in self._directory.glob(f"{UNFINISHED}*"):
            with suppress(FileNotFoundError):  # finished, or swept by another process, meanwhile
                written_at = max(one.stat().st_mtime for one in (path, *path.glob("*")))
                if written_at < (now - STALE_AFTER).timestamp():
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                    swept += 1
        return swept

    def _path(self, place: str) -> Path:
        if not _PLACE.fullmatch(place):
            raise KeptFileDamaged("a kept file is named by 64 small hexadecimal digits")
        return self._directory / f"{place}{SUFFIX}"

    def _cipher(self, header: bytes) -> AESGCM:
        """Return the cipher of one file, whose key follows from the shelf's and the header's random bytes."""
        kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=header[-_SALT:], info=b"ringklar/kept-file")
        return AESGCM(kdf.derive(self._key))

    def _header(self, file: io.FileIO, place: str) -> bytes:
        """Return the file's header, having seen that it is of our form and key."""
        header = os.pread(file.fileno(), _HEADER, 0)
        if len(header) != _HEADER or not header.startswith(FORM):
            raise KeptFileDamaged(f"the kept file {place[:12]}… is not one of ours")
        if header[len(FORM) : len(FORM) + _ID] != self._key_id:
            raise KeptUnderAnotherSecret(f"the kept file {place[:12]}… was sealed under another secret")
        return header

    def _size(self, file: io.FileIO, header: bytes, place: str) -> int:
        """Return the size of the content, having verified the last seal and that the file is as long as it says."""
        whole = os.fstat(file.fileno()).st_size
        seal = os.pread(file.fileno(), _SEAL, max(whole - _SEAL, 0))
        told = seal[:_SIZE]
        try:
            self._cipher(header).decrypt(_SEAL_NONCE, seal[_SIZE:], _sealed(header, place, told))
        except (InvalidTag, ValueError) as error:
            raise KeptFileDamaged(f"the kept file {place[:12]}… was changed or cut short") from error
        size = int.from_bytes(told)
        if whole != _HEADER + size + -(-size // CHUNK) * _TAG + _SEAL:
            raise KeptFileDamaged(f"the kept file {place[:12]}… was changed or cut short")
        return size

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the folder's lock, under which names come and go; what changed is durable when the block ends."""
        if not self._directory.exists():
            yield
            return
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class _Kept(io.RawIOBase):
    """One kept file's content, decrypted as it is read; the chunk read last is held."""

    def __init__(self, file: io.FileIO, cipher: AESGCM, size: int, place: str) -> None:
        super().__init__()
        self._file, self._cipher, self._size, self._place = file, cipher, size, place
        self._at = 0
        self._held: tuple[int, bytes] = -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "before the beginning of the file")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        if self._at >= self._size:
            return 0
        number, start = divmod(self._at, CHUNK)
        if self._held[0] != number:
            self._held = number, self._chunk(number)
        wanted = memoryview(buffer).cast("B")
        part = memoryview(self._held[1])[start : start + len(wanted)]
        wanted[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        self._held = -1, b""
        self._file.close()
        super().close()

    def _chunk(self, number: int) -> bytes:
        length = min(CHUNK, self._size - number * CHUNK) + _TAG
        try:
            sealed = os.pread(self._file.fileno(), length, _HEADER + number * (CHUNK + _TAG))
            return self._cipher.decrypt(number.to_bytes(_NONCE), sealed, None)
        except (InvalidTag, ValueError, OSError) as error:
            raise KeptFileDamaged(f"the kept file {self._place[:12]}… was changed in chunk {number}") from error


def kept_name(file_name: str) -> str:
    """Return a file's name as it is told: its end, and bytes of it that are no text as ``\\udcf6``."""
    return file_name.encode(errors="backslashreplace").decode()[-FILE_NAME_LENGTH:]


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what the stream has in chunks of ``CHUNK`` bytes, the last one shorter, however much it gives at once."""
    while chunk := stream.read(CHUNK):
        parts, length = [chunk], len(chunk)
        while length < CHUNK and (more := stream.read(CHUNK - length)):
            parts.append(more)
            length += len(more)
        yield chunk if len(parts) == 1 else b"".join(parts)


def _sealed(header: bytes, place: str, told: bytes) -> bytes:
    """Return what the last seal is over."""
    return header + bytes.fromhex(place) + told


def _write(file: io.FileIO, content: bytes) -> None:
    """Write all of it: a raw file may take less than it is given."""
    with _disk_faults():
        written = file.write(content)
        while written < len(content):
            written += file.write(memoryview(content)[written:])


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


@contextmanager
def _disk_faults() -> Iterator[None]:
    """Turn what a disk does when it cannot serve into one honest refusal."""
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(f"the folder of kept files did not take the write ({error.strerror})") from error
