"""Files sent as multipart/form-data, streamed to the application's own folder and removed when the request ends.

They may hold personal data, so no part of one is ever written outside that folder. This process holds them while it
lives: what one that was killed left there is gone when the next one starts, or with the next sweep.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from flask import Flask, Request, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.utils import secure_filename

from core.errors import StorageUnavailable
from core.held_files import open_held, sweep_left
from web.problems import BodyTooLarge, MalformedRequest, UnsupportedMediaType

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FIELD_LIMIT = 128 * 1024
"""Bytes in a field: twice what werkzeug reads at once, as it counts what is left of a file's last reading, too."""
FOLDER = "UPLOADS_DIR"
_PREFIX = "upload-"


def install_uploads(app: Flask, folder: Path) -> None:
    """Let the application receive files in ``folder``, and remove what a process that was killed left there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sweep_uploads(folder)
    app.config[FOLDER] = folder
    app.request_class = _Request


def sweep_uploads(folder: Path) -> int:
    """Remove what processes that were killed left in ``folder``; return how many files."""
    return sweep_left(folder, _PREFIX)


class _Request(Request):
    """A request whose files go to the application's folder as they arrive."""

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002 - the signature is werkzeug's
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        with _disk_faults():
            return io.BufferedRandom(_Received(current_app.config[FOLDER]))


class _Received(io.FileIO):
    """A file that is being received: removed when it is closed. Its disk may be full."""

    def __init__(self, folder: Path) -> None:
        descriptor, self.path = open_held(folder, _PREFIX)
        super().__init__(descriptor, "r+b")

    def write(self, content: "ReadableBuffer", /) -> int:
        """Write some of it, and say how much.

        Raises:
            StorageUnavailable: the disk did not take it.
        """
        with _disk_faults():
            return super().write(content) or 0

    def close(self) -> None:
        """Remove the file, once."""
        if not self.closed:
            self.path.unlink(missing_ok=True)
        super().close()


@contextmanager
def _disk_faults() -> Iterator[None]:
    """Turn what a disk does when it cannot serve into one honest refusal."""
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(f"the folder of received files did not take it ({error.strerror})") from error


@dataclass(frozen=True, slots=True)
class Upload:
    """One received file and the form's other fields.

    ``path`` is readable while the request lasts; ``name`` is the sender's file name without folders;
    ``fingerprint`` tells one request from another.
    """

    path: Path
    name: str
    fields: dict[str, str]
    fingerprint: bytes


@contextmanager
def received(limit: int) -> Iterator[Upload]:
    """Give the request's one file, at most ``limit`` bytes.

    Raises:
        UnsupportedMediaType: the request is not multipart/form-data.
        BodyTooLarge: it is over the limit.
        MalformedRequest: not exactly one part called ``file``, a field twice, or a field that is no text.
        StorageUnavailable: the disk did not take it (full, read-only, gone); nothing was kept.
    """
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType("send multipart/form-data with a part called file")
    request.max_content_length = limit
    request.max_form_memory_size = FIELD_LIMIT
    try:
        files, form = request.files.to_dict(flat=False), request.form.to_dict(flat=False)
    except RequestEntityTooLarge as error:
        raise BodyTooLarge(f"at most {limit} bytes, and {FIELD_LIMIT} in a field") from error
    if set(files) != {"file"} or len(files["file"]) != 1:
        raise MalformedRequest("send exactly one part called file")
    if not all(form) or any(len(values) != 1 or "\x00" in values[0] for values in form.values()):
        raise MalformedRequest("each form field has a name, is sent once and holds text")
    file = files["file"][0]
    fields = {name: values[0] for name, values in form.items()}
    digest = hashlib.sha256(repr(sorted(fields.items())).encode("utf-8", "surrogatepass"))
    with file.stream as stream:
        taken = stream.raw  # type: ignore[attr-defined] # as _Request makes it
        stream.flush()
        stream.seek(0)
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
        yield Upload(taken.path, secure_filename(file.filename or "") or "file", fields, digest.digest())
