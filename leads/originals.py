"""A lead file as it was received, given back whole: to whom and when is on record before a byte is given."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.clock import local_day
from core.ledger import Event, put_on_record
from core.store import Store
from leads.errors import LeadFileNotKept
from leads.models import LeadFile, Source
from leads.shelf import CHUNK, KeptFileDamaged, Shelf
from leads.suppliers import lead_file_of
from leads.terms import FileFormat

ENDINGS = {"none": "", "gzip": ".gz", "zip": ".zip"}


@dataclass(frozen=True, slots=True)
class Original:
    """A lead file as it was received; ``content`` is open at its beginning, and whoever has it closes it.

    ``file_name`` is as the supplier named it, ``name`` what to save it as, of our own making.
    """

    lead_file_id: str
    file_name: str
    name: str
    sha256: str
    size: int
    received_at: datetime
    content: BinaryIO

    def copy_to(self, file: BinaryIO) -> None:
        """Write the content to ``file``, in bounded memory, and close it.

        Raises:
            KeptFileDamaged: what was written is not what was received.
        """
        digest = hashlib.sha256()
        with self.content as content:
            while chunk := content.read(CHUNK):
                digest.update(chunk)
                file.write(chunk)
        _require_same(digest.hexdigest(), self.sha256)


def take_original(store: Store, shelf: Shelf, caller: Caller, lead_file_id: str) -> Original:
    """Return the lead file as it was received, once all its bytes are verified and the taking is on record.

    It is read to its end for that: some seconds for a file of 2 GiB. Each part is verified again as it is given.

    Raises:
        Forbidden: the caller may not take originals, which hold all that was delivered of everybody.
        NotFound: there is no such file for this caller.
        LeadFileNotKept: the file as received is not kept, or its time is over.
        KeptUnderAnotherSecret, KeptFileDamaged: it cannot be opened, or is not what was received; nothing is on record.
        StorageUnavailable: the taking could not be put on record.
    """
    caller.require(Right.TAKE_ORIGINALS)
    with store.reading() as session:
        lead_file, _ = _kept(session, caller, lead_file_id, store.clock.now())
        session.expunge_all()
    with _closed_if_refused(shelf.open(lead_file.sha256)) as content:
        _require_same(hashlib.file_digest(content, "sha256").hexdigest(), lead_file.sha256)  # type: ignore[arg-type] # a buffered reader
        content.seek(0)
        with store.writing() as session:
            taken, source = _kept(session, caller, lead_file_id, store.clock.now())
            payload = {"source": source.slug, "sha256": taken.sha256, "size": taken.size}
            put_on_record(session, Event("lead_file.original_taken", taken.id, caller.actor, source.seller_id, payload))
    return Original(
        lead_file_id=lead_file.id,
        file_name=lead_file.filename,
        name=f"original-{lead_file.id}.{FileFormat(lead_file.format)}{ENDINGS[lead_file.wrapping]}",
        sha256=lead_file.sha256,
        size=lead_file.size,
        received_at=lead_file.received_at,
        content=content,
    )


def _kept(session: Session, caller: Caller, lead_file_id: str, now: datetime) -> tuple[LeadFile, Source]:
    lead_file, source = lead_file_of(session, caller, lead_file_id)
    until = lead_file.kept_until
    if until is not None and (until <= now or not lead_file.kept):
        raise LeadFileNotKept(f"it was kept until {local_day(until)}; its receipt and what is on record of it stay")
    if not lead_file.kept:
        raise LeadFileNotKept("it was received by a version that kept no files")
    return lead_file, source


def _require_same(digest: str, received: str) -> None:
    if digest != received:
        raise KeptFileDamaged(f"the kept file {received[:12]}… is not what was received")


@contextmanager
def _closed_if_refused(content: BinaryIO) -> Iterator[BinaryIO]:
    """Give the content, and close it unless all goes well."""
    try:
        yield content
    except BaseException:
        content.close()
        raise
