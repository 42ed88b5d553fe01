"""What the ledger must say of sellers' own rules."""

import json

from core.audit import Recorded
from dnc.seller_rules.models import SellerRulesVersion


def _rules(row: SellerRulesVersion) -> object:
    try:
        return json.loads(row.rules)
    except ValueError:
        return None


RECORDED = (
    Recorded(
        "seller_rules.set",
        SellerRulesVersion,
        "id",
        lambda row, _keyring: {"version": row.version, "rules": _rules(row), "because": row.because},
        "set_by",
    ),
)
