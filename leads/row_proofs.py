"""Proof that one row stood in a delivery, without showing any other: the row, and the hashes beside its way up.

With the delivery's receipt anyone can verify it: see docs/receipts.md.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from core.access import Caller
from core.errors import Kind, NotFound, ServiceError
from leads.merkle import Frontier, leaf_hashes
from leads.models import LeadFile
from leads.receipts import ISSUED_BY
from leads.suppliers import lead_file_of

FORM = "ringklar-row-proof-1"
RowTexts = Callable[[LeadFile], Iterator[Sequence[str]]]
"""Gives the texts of all rows of a lead file's kept file, in order and in batches of any size."""


class RowNotProvable(ServiceError):
    """The file is not kept any more, has no Merkle root on record, or its rows are not read as they were then."""

    kind, code, title = Kind.CONFLICT, "row-not-provable", "No proof can be given of this row"


@dataclass(frozen=True, slots=True)
class RowProof:
    """Row ``row_no`` (from 1) of ``rows`` as its file writes it, and the hashes (hex) from it up to the root."""

    form: str
    lead_file: str
    row_no: int
    rows: int
    row: str
    path: Sequence[str]
    merkle_root: str


def proof_of(session: Session, caller: Caller, lead_file_id: str, row_no: int, texts_of: RowTexts) -> RowProof:
    """Return the proof of one row. It reads the whole kept file again: seconds for a million rows.

    Raises:
        NotFound: there is no such file for this caller, or no such row in it.
        RowNotProvable: the kept file is gone, or does not give the root that is on record.
        KeptFileDamaged: the kept file was changed.
    """
    caller.require(ISSUED_BY)
    lead_file, _ = lead_file_of(session, caller, lead_file_id)
    if not 0 < row_no <= lead_file.rows_read:
        raise NotFound("there is no such row in this lead file")
    root = lead_file.merkle_root
    if root is None or not lead_file.kept:
        raise RowNotProvable("the file is not kept, or no root of its rows is on record")
    row, frontier = None, Frontier(watched=row_no - 1)
    for texts in texts_of(lead_file):
        if 0 <= row_no - 1 - frontier.size < len(texts):
            row = texts[row_no - 1 - frontier.size]
        frontier.append_hashes(leaf_hashes(text.encode() for text in texts))
    if row is None or (frontier.size, frontier.root().hex()) != (lead_file.rows_read, root):
        raise RowNotProvable("the rows of the kept file are not read as they were when it was imported")
    path = [beside.hex() for beside in frontier.path()]
    return RowProof(FORM, lead_file.id, row_no, lead_file.rows_read, row, path, root)
