"""Why a call may not be placed: a closed set, each with its category, its rule and its wording.

The order of ``ReasonCode`` is the order in which reasons are given. ``docs/rules.md`` has a row for each.
"""

from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """What a reason means for the call: it must not be made, or it is not known whether it may be."""

    DENY = "deny"
    UNKNOWN = "unknown"


class ReasonCode(StrEnum):
    """Every reason there is, in the order in which they are given."""

    INVALID_NUMBER = "invalid_number"
    NO_POLICY = "no_policy"
    FACT_MISSING = "fact_missing"
    NOT_CALLABLE_TYPE = "not_callable_type"
    OPTED_OUT = "opted_out"
    HELD = "held"
    RESTRICTED = "restricted"
    MINOR = "minor"
    ON_REGISTER = "on_register"
    REGISTER_MISSING = "register_missing"
    REGISTER_STALE = "register_stale"
    NO_SOURCE = "no_source"
    NO_LAWFUL_BASIS = "no_lawful_basis"
    SOURCE_PAUSED = "source_paused"
    LEAD_EXPIRED = "lead_expired"
    PRODUCT_PROHIBITED = "product_prohibited"
    CHANNEL_PROHIBITED = "channel_prohibited"
    CAMPAIGN_CLOSED = "campaign_closed"
    OUTSIDE_HOURS = "outside_hours"
    ATTEMPTS_DAY = "attempts_day"
    ATTEMPTS_GAP = "attempts_gap"
    ATTEMPTS_PERIOD = "attempts_period"


ENDED_BY_TIME = frozenset(
    {ReasonCode.OUTSIDE_HOURS, ReasonCode.ATTEMPTS_DAY, ReasonCode.ATTEMPTS_GAP, ReasonCode.ATTEMPTS_PERIOD}
)
"""The reasons of which an answer's ``retry_at`` speaks."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason against the call, in words for English and Swedish readers; it never names a person or a supplier.

    ``register``: the register it speaks of. ``missing``: for ``fact_missing``, the facts that could not be learnt.
    """

    code: ReasonCode
    category: Category
    rule: str
    text: str
    text_sv: str
    register: str | None = None
    missing: tuple[str, ...] = ()


_DENY, _UNKNOWN = Category.DENY, Category.UNKNOWN

# code: category, the rule where the policy names none of its own, wording in English, wording in Swedish
_WORDING: dict[ReasonCode, tuple[Category, str, str, str]] = {
    ReasonCode.INVALID_NUMBER: (
        _UNKNOWN,
        "RK-NUMBER-1",
        "No valid telephone number can be read.",
        "Inget giltigt telefonnummer kan läsas.",
    ),
    ReasonCode.NO_POLICY: (
        _UNKNOWN,
        "RK-POLICY-1",
        "No rules are in force for the country of this number.",
        "Inga regler gäller för numrets land.",
    ),
    ReasonCode.FACT_MISSING: (
        _UNKNOWN,
        "RK-FACT-1",
        "Something that must be known before the call could not be learnt.",
        "Något som måste vara känt före samtalet kunde inte tas reda på.",
    ),
    ReasonCode.NOT_CALLABLE_TYPE: (
        _DENY,
        "RK-NUMBER-2",
        "This type of number may not be called for sales.",
        "Den här typen av nummer får inte ringas i försäljningssyfte.",
    ),
    ReasonCode.OPTED_OUT: (
        _DENY,
        "EU-GDPR-21",
        "The person has said no to calls from this seller.",
        "Personen har sagt nej till samtal från det här företaget.",
    ),
    ReasonCode.HELD: (
        _DENY,
        "EU-GDPR-21",
        "Customer service is looking at an objection from this person.",
        "Kundtjänst utreder en invändning från personen.",
    ),
    ReasonCode.RESTRICTED: (
        _DENY,
        "EU-GDPR-18",
        "Use of this number is restricted.",
        "Användningen av numret är begränsad.",
    ),
    ReasonCode.MINOR: (
        _DENY,
        "RK-AGE-1",
        "The person is too young to be called.",
        "Personen är för ung för att ringas.",
    ),
    ReasonCode.ON_REGISTER: (
        _DENY,
        "RK-REGISTER-1",
        "The number is on the do-not-call register, and neither consent nor customer relation makes an exception.",
        "Numret finns i spärregistret, och varken samtycke eller kundförhållande ger undantag.",
    ),
    ReasonCode.REGISTER_MISSING: (
        _UNKNOWN,
        "RK-REGISTER-2",
        "There is no usable version of the register to ask.",
        "Det finns ingen användbar version av spärregistret att fråga.",
    ),
    ReasonCode.REGISTER_STALE: (
        _UNKNOWN,
        "RK-REGISTER-3",
        "The version of the register is too old.",
        "Versionen av spärregistret är för gammal.",
    ),
    ReasonCode.NO_SOURCE: (
        _DENY,
        "EU-GDPR-14",
        "Nothing on record says where the number came from.",
        "Det finns inget som visar varifrån numret kommer.",
    ),
    ReasonCode.NO_LAWFUL_BASIS: (
        _DENY,
        "EU-GDPR-6",
        "There is no lawful basis for this call.",
        "Det saknas rättslig grund för samtalet.",
    ),
    ReasonCode.SOURCE_PAUSED: (
        _DENY,
        "RK-SOURCE-1",
        "The source of the number is paused.",
        "Källan till numret är pausad.",
    ),
    ReasonCode.LEAD_EXPIRED: (
        _DENY,
        "EU-GDPR-5",
        "The time for which the number may be used has passed.",
        "Tiden då numret får användas har gått ut.",
    ),
    ReasonCode.PRODUCT_PROHIBITED: (
        _DENY,
        "RK-PRODUCT-1",
        "This product may not be sold by telephone.",
        "Produkten får inte säljas per telefon.",
    ),
    ReasonCode.CHANNEL_PROHIBITED: (
        _DENY,
        "RK-CHANNEL-1",
        "Calls of this kind are not made.",
        "Samtal av det här slaget görs inte.",
    ),
    ReasonCode.CAMPAIGN_CLOSED: (
        _DENY,
        "RK-CAMPAIGN-1",
        "The campaign is not open.",
        "Kampanjen är inte öppen.",
    ),
    ReasonCode.OUTSIDE_HOURS: (
        _DENY,
        "RK-HOURS-1",
        "Calls are not made at this hour or on this day.",
        "Samtal görs inte vid den här tiden eller på den här dagen.",
    ),
    ReasonCode.ATTEMPTS_DAY: (
        _DENY,
        "RK-ATTEMPTS-1",
        "The number has been called as often as it may be in a day.",
        "Numret har ringts så många gånger som är tillåtet under en dag.",
    ),
    ReasonCode.ATTEMPTS_GAP: (
        _DENY,
        "RK-ATTEMPTS-2",
        "The number was called too short a time ago.",
        "Numret ringdes för kort tid sedan.",
    ),
    ReasonCode.ATTEMPTS_PERIOD: (
        _DENY,
        "RK-ATTEMPTS-3",
        "The number has been called as often as it may be in this campaign.",
        "Numret har ringts så många gånger som är tillåtet i kampanjen.",
    ),
}


def reason_for(
    code: ReasonCode, rule: str | None = None, register: str | None = None, missing: tuple[str, ...] = ()
) -> Reason:
    """Return the reason of this code with its wording, under ``rule`` or else the rule that holds in every country."""
    category, everywhere, text, text_sv = _WORDING[code]
    return Reason(code, category, rule or everywhere, text, text_sv, register, missing)
