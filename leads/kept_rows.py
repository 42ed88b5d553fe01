"""The rows of a kept file read again as texts, which are the leaves of its Merkle tree; nothing is settled."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from leads.intake import layout_again
from leads.models import LeadFile
from leads.reading import KeptFile, Reading, row_texts_of
from leads.segments import Start
from leads.shelf import Shelf


def kept_rows(shelf: Shelf) -> Callable[[LeadFile], Iterator[Sequence[str]]]:
    """Return what gives the texts of all rows of a lead file's kept file, in order and in batches; memory is bounded.

    It raises KeptFileDamaged where the kept file was changed.
    """

    def texts_of(lead_file: LeadFile) -> Iterator[Sequence[str]]:
        kept = KeptFile(*shelf.located(lead_file.sha256))
        layout = layout_again(kept, lead_file, spool_dir=shelf.directory)
        yield from row_texts_of(
            Reading(kept, layout, lead_file.received_at, timedelta(0), Start(), spool_dir=shelf.directory)
        )

    return texts_of
