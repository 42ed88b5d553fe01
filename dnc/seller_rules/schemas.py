"""Bodies of the API of sellers' own rules."""

from pydantic import Field, JsonValue

from dnc.narrowing import rules_to_record
from dnc.seller_rules.setting import BECAUSE_LENGTH, RulesSet
from web.endpoint import Document
from web.fields import Instant


class NewRules(Document):
    """A seller's rules from now on, in place of all earlier: by country, and in each by the name of the rule."""

    rules: dict[str, dict[str, JsonValue]] = Field(
        max_length=50, examples=[{"SE": {"opens": "10:00", "closes": "18:00"}}]
    )
    because: str = Field(min_length=1, max_length=BECAUSE_LENGTH)


class RulesDocument(Document):
    """One version of a seller's rules; null if they cannot be read, and then every check is answered unknown."""

    seller: str
    version: int
    rules: dict[str, dict[str, JsonValue]] | None
    because: str
    set_at: Instant
    set_by: str


class RulesHistory(Document):
    """Every version of a seller's rules, the one in force first."""

    versions: list[RulesDocument]


def rules_document(version: RulesSet) -> RulesDocument:
    """Return a version in its wire form; pure."""
    return RulesDocument.model_validate(
        {
            "seller": version.seller,
            "version": version.version,
            "rules": rules_to_record(version.rules) if version.rules is not None else None,
            "because": version.because,
            "set_at": version.set_at,
            "set_by": version.set_by,
        }
    )
