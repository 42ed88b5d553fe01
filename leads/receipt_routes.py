"""The endpoints of delivery receipts, and of proofs of single rows."""

import re
from dataclasses import asdict

from sqlalchemy.orm import Session

from core.access import Caller
from core.errors import NotFound
from core.store import Store
from leads.kept_rows import kept_rows
from leads.receipts import ISSUED_BY, LeadFileUnfinished, SignedReceipt, receipt_of
from leads.row_proofs import RowNotProvable, proof_of
from leads.shelf import KeptFileDamaged, KeptUnderAnotherSecret, Shelf
from web.endpoint import Api, Document

_ROW_NO = re.compile(r"[1-9][0-9]{0,8}")


class AddedReferenceDocument(Document):
    """A contract, invoice or order that was named after the delivery; ``added_by`` is what kind of caller did."""

    kind: str
    reference: str
    added_at: str
    added_by: str


class ReceiptDocument(Document):
    """What was received. All is exactly as it was signed, moments (ISO 8601) too."""

    form: str
    issued_at: str
    public_key: str
    supplier: str
    seller: str
    lead_file: str
    source: str
    file_name: str
    sha256: str
    size: int
    format: str
    wrapping: str
    encoding: str
    delimiter: str
    has_headings: bool
    received_at: str
    received_by: str
    rows: int
    accepted: int
    rejected: int
    duplicate: int
    ambiguous: int
    merkle_root: str | None
    contract_reference: str | None
    invoice_reference: str | None
    order_reference: str | None
    wash_register: str | None
    wash_version: str | None
    kept_until: str | None
    references_added: list[AddedReferenceDocument]


class SignedReceiptDocument(Document):
    """A delivery receipt and the Ed25519 signature over it, 128 hex digits."""

    receipt: ReceiptDocument
    signature: str


class RowProofDocument(Document):
    """One row as its file writes it, and the hashes (hex) from it up to the receipt's Merkle root."""

    form: str
    lead_file: str
    row_no: int
    rows: int
    row: str
    path: list[str]
    merkle_root: str


def receipts_api(store: Store, shelf: Shelf) -> Api:
    """Return the endpoints of delivery receipts; ``shelf`` has the files as received."""
    api = Api("receipts", store)

    @api.get("/v1/lead-files/<lead_file_id>/receipt", right=ISSUED_BY, problems=[NotFound, LeadFileUnfinished])
    def read_receipt(lead_file_id: str, caller: Caller, session: Session) -> SignedReceiptDocument:
        """Give the signed receipt of a lead file, by which its supplier can verify what was received."""
        return _document(receipt_of(session, caller, lead_file_id, store.keyring, store.clock.now()))

    @api.get(
        "/v1/lead-files/<lead_file_id>/rows/<row_no>/proof",
        right=ISSUED_BY,
        problems=[NotFound, RowNotProvable, KeptFileDamaged, KeptUnderAnotherSecret],
    )
    def read_row_proof(lead_file_id: str, row_no: str, caller: Caller, session: Session) -> RowProofDocument:
        """Prove that one row stood in a lead file, without showing another; the kept file is read again for it."""
        if not _ROW_NO.fullmatch(row_no):
            raise NotFound("there is no such row in this lead file")
        return RowProofDocument(**asdict(proof_of(session, caller, lead_file_id, int(row_no), kept_rows(shelf))))

    return api


def _document(signed: SignedReceipt) -> SignedReceiptDocument:
    receipt = ReceiptDocument.model_validate(dict(signed.receipt))
    return SignedReceiptDocument(receipt=receipt, signature=signed.signature)
