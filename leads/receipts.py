"""Delivery receipts: what was received, signed, so that who delivered it can verify it with a short script.

A receipt is signed with the key of the ledger's checkpoints (Ed25519), over ``SIGNED_AS`` and the receipt's one JSON
text (``core.ledger.canonical``): no checkpoint passes for a receipt, nor a receipt for a checkpoint.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.checkpoints import public_key
from core.errors import Kind, ServiceError
from core.ledger import canonical
from core.secrets import Keyring
from core.sellers import Seller
from leads.models import LeadFile, Source, Supplier
from leads.references import added_to
from leads.suppliers import lead_file_of
from leads.terms import FileState

FORM = "ringklar-delivery-receipt-1"
SIGNED_AS = b"ringklar/delivery-receipt\n"
ISSUED_BY = Right.PAUSE_SOURCES  # held by the two roles that answer for deliveries: lead managers and compliance


class LeadFileUnfinished(ServiceError):
    """The lead file is not read to its end yet, so what it holds cannot be vouched for."""

    kind, code, title = Kind.CONFLICT, "lead-file-unfinished", "The lead file is not read to its end yet"


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """What was received, as JSON values, and the signature over it in hex."""

    receipt: Mapping[str, object]
    signature: str


def receipt_of(session: Session, caller: Caller, lead_file_id: str, keyring: Keyring, now: datetime) -> SignedReceipt:
    """Return the receipt of a lead file that is read to its end. It names no person and no number.

    What was said with the delivery stays as it was in every receipt of it; references that were added stand apart.

    Raises:
        NotFound: there is no such file for this caller.
        LeadFileUnfinished: its rows are still being read, or its import was cut off.
    """
    caller.require(ISSUED_BY)
    lead_file, source = lead_file_of(session, caller, lead_file_id)
    if lead_file.state != FileState.FINISHED:
        raise LeadFileUnfinished("its receipt can be had once its last row is settled")
    receipt = {
        "form": FORM,
        "issued_at": now.isoformat(),
        "public_key": public_key(keyring),
        "supplier": session.get_one(Supplier, source.supplier_id).slug,
        "seller": session.get_one(Seller, source.seller_id).slug,
        **_delivery(lead_file, source),
        "references_added": added_to(session, lead_file),
    }
    signature = keyring.ledger_key.sign(SIGNED_AS + canonical(receipt).encode()).hex()
    return SignedReceipt(receipt, signature)


def _delivery(lead_file: LeadFile, source: Source) -> dict[str, object]:
    """Return what is on record of the delivery itself; of who took it in, the kind of caller alone."""
    return {
        "lead_file": lead_file.id,
        "source": source.slug,
        "file_name": lead_file.filename,
        "sha256": lead_file.sha256,
        "size": lead_file.size,
        "format": lead_file.format,
        "wrapping": lead_file.wrapping,
        "encoding": lead_file.encoding,
        "delimiter": lead_file.delimiter,
        "has_headings": lead_file.headings is not None,
        "received_at": lead_file.received_at.isoformat(),
        "received_by": lead_file.received_by.partition(":")[0],
        "rows": lead_file.rows_read,
        "accepted": lead_file.rows_accepted,
        "rejected": lead_file.rows_rejected,
        "duplicate": lead_file.rows_duplicate,
        "ambiguous": lead_file.rows_ambiguous,
        "merkle_root": lead_file.merkle_root,
        "contract_reference": lead_file.contract_reference,
        "invoice_reference": lead_file.invoice_reference,
        "order_reference": lead_file.order_reference,
        "wash_register": lead_file.wash_register,
        "wash_version": None if lead_file.wash_version is None else lead_file.wash_version.isoformat(),
        "kept_until": None if lead_file.kept_until is None else lead_file.kept_until.isoformat(),
    }
