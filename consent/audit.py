"""What the ledger must say of consents and their withdrawals."""

from consent.models import Consent, ConsentWithdrawal
from core.audit import Recorded

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
        },
        "recorded_by",
    ),
    Recorded(
        "consent.withdrawn", ConsentWithdrawal, "consent_id", lambda row, _keyring: {"via": row.via}, "recorded_by"
    ),
)
