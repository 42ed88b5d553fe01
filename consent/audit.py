"""What the ledger must say of consents, their withdrawals, and customer relations."""

from consent.models import Consent, ConsentWithdrawal, CustomerRelation
from core.audit import Recorded
from core.clock import utc
from core.ledger import payload_digest

RECORDED = (
    Recorded(
        "consent.recorded",
        Consent,
        "id",
        lambda row, keyring: {
            "number": keyring.number_hash(row.number),
            "channels": row.channels,
            "names_seller": row.names_seller,
            "text_version": row.text_version,
            "evidence_sha256": payload_digest(row.evidence),
            "given_at": utc(row.given_at),
            "expires_at": utc(row.expires_at),
            "recorded_at": utc(row.recorded_at),
        },
        "recorded_by",
    ),
    Recorded(
        "consent.withdrawn",
        ConsentWithdrawal,
        "consent_id",
        lambda row, _keyring: {
            "withdrawn_at": utc(row.withdrawn_at),
            "via": row.via,
            "recorded_at": utc(row.recorded_at),
        },
        "recorded_by",
    ),
    Recorded(
        "relation.recorded",
        CustomerRelation,
        "id",
        lambda row, keyring: {
            "number": keyring.number_hash(row.number),
            "product": row.product,
            "started_at": utc(row.started_at),
            "fulfilled_at": utc(row.fulfilled_at),
            "recorded_at": utc(row.recorded_at),
        },
        "recorded_by",
        changes=True,
    ),
)
