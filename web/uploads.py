"""Files sent as multipart/form-data, streamed to disk and removed when the request ends."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.utils import secure_filename

from web.problems import BodyTooLarge, MalformedRequest, UnsupportedMediaType

FIELD_LIMIT = 64 * 1024


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
    if any(len(values) != 1 or "\x00" in values[0] for values in form.values()):
        raise MalformedRequest("each form field is sent once and holds text")
    file = files["file"][0]
    fields = {name: values[0] for name, values in form.items()}
    with tempfile.TemporaryDirectory(prefix="ringklar-upload-") as folder:
        path = Path(folder) / "file"
        digest = hashlib.sha256(repr(sorted(fields.items())).encode("utf-8", "surrogatepass"))
        with path.open("wb") as target:
            while chunk := file.stream.read(1 << 20):
                digest.update(chunk)
                target.write(chunk)
        yield Upload(path, secure_filename(file.filename or "") or "file", fields, digest.digest())
