"""The numbering plan: which digits are a number, and of what kind.

``phonenumbers`` (Google's libphonenumber) is the only authority on what is possible, valid and of which kind. For
Sweden its own patterns are compiled here, once, into one expression for each length, because asking the library costs
some 60 µs a number and a register has millions. ``tests/unit/test_numbers_swedish_plan.py`` holds the two together.
Everything here is pure, works on digits and E.164 values, and never raises on bad digits.
"""

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)
from phonenumbers.phonemetadata import PhoneNumberDesc


class NumberFault(StrEnum):
    """Why something could not be read as one number."""

    EMPTY = "empty"
    NOT_A_NUMBER = "not_a_number"
    AMBIGUOUS = "ambiguous"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    IMPOSSIBLE = "impossible"
    INVALID = "invalid"


class NumberKind(StrEnum):
    """What a number is used for by its country's plan; ``unknown`` when the plan does not have it."""

    FIXED_LINE = "fixed_line"
    MOBILE = "mobile"
    FIXED_OR_MOBILE = "fixed_or_mobile"
    UAN = "uan"
    PERSONAL = "personal"
    VOIP = "voip"
    SHARED_COST = "shared_cost"
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    PAGER = "pager"
    VOICEMAIL = "voicemail"
    M2M = "m2m"
    SHORT = "short"
    EMERGENCY = "emergency"
    UNKNOWN = "unknown"


LIBRARY_KINDS: Final = {
    PhoneNumberType.FIXED_LINE: NumberKind.FIXED_LINE,
    PhoneNumberType.MOBILE: NumberKind.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberKind.FIXED_OR_MOBILE,
    PhoneNumberType.UAN: NumberKind.UAN,
    PhoneNumberType.PERSONAL_NUMBER: NumberKind.PERSONAL,
    PhoneNumberType.VOIP: NumberKind.VOIP,
    PhoneNumberType.SHARED_COST: NumberKind.SHARED_COST,
    PhoneNumberType.TOLL_FREE: NumberKind.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE: NumberKind.PREMIUM,
    PhoneNumberType.PAGER: NumberKind.PAGER,
    PhoneNumberType.VOICEMAIL: NumberKind.VOICEMAIL,
}

# A missing leading zero is put back only for what a person would have: eight digits that begin with 20 are more
# often a date than a freephone number, and ten that begin with 9 a personal identity number than a premium one.
_MAY_LACK_ZERO: Final = frozenset(
    {
        NumberKind.FIXED_LINE,
        NumberKind.MOBILE,
        NumberKind.FIXED_OR_MOBILE,
        NumberKind.UAN,
        NumberKind.PERSONAL,
        NumberKind.SHARED_COST,
    }
)

_LENGTH_FAULTS: Final = {
    ValidationResult.TOO_SHORT: NumberFault.TOO_SHORT,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: NumberFault.TOO_SHORT,
    ValidationResult.TOO_LONG: NumberFault.TOO_LONG,
}
_PARSE_FAULTS: Final = {
    NumberParseException.NOT_A_NUMBER: NumberFault.TOO_SHORT,
    NumberParseException.TOO_SHORT_AFTER_IDD: NumberFault.TOO_SHORT,
    NumberParseException.TOO_SHORT_NSN: NumberFault.TOO_SHORT,
    NumberParseException.TOO_LONG: NumberFault.TOO_LONG,
}

# The library names the first region that a number fits: of 07924, which is the Isle of Man's too, the United Kingdom.
_LAWS_APART: Final = {"GB": ("GG", "IM", "JE")}


# The library's answers ------------------------------------------------------------------------------------------------


def value_by_library(dial: str, region: str) -> int | NumberFault:
    """Return the E.164 value of ``dial`` (ASCII digits, perhaps a plus first) as dialled in ``region``, or why not.

    The number is *possible* in the library's sense: its length fits its country. Digits with neither a plus, a
    trunk prefix nor a country code may have lost their leading zero, and are then read only if that makes them *valid*;
    if the country code reading is just as good, they are ambiguous. Short and emergency numbers have no E.164 form:
    a fault.
    """
    if dial.startswith("+"):
        return _possible_value(_parsed(dial, None), dial)
    home = _parsed(dial, region)
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or _is_marked(dial, metadata):
        return _possible_value(home)
    readings = {}
    if not isinstance(home, NumberFault) and (
        metadata.national_prefix is None
        or _kind_of_parsed(home) in _MAY_LACK_ZERO
        or str(home.country_code) + _significant(home) == dial
    ):
        readings[_possible_value(home)] = phonenumbers.is_valid_number(home)
    if dial.startswith(str(metadata.country_code)):
        abroad = _parsed("+" + dial, None)
        if not isinstance(abroad, NumberFault):
            readings[_possible_value(abroad)] = phonenumbers.is_valid_number(abroad)
    values = {value: valid for value, valid in readings.items() if not isinstance(value, NumberFault)}
    if len(values) > 1:
        values = {value: valid for value, valid in values.items() if valid}
        if len(values) != 1:
            return NumberFault.AMBIGUOUS
    if values:
        return next(iter(values))
    fault = _possible_value(home)
    return fault if isinstance(fault, NumberFault) else NumberFault.INVALID


def is_too_long(dial: str, region: str) -> bool:
    """Say whether ``value_by_library`` must refuse these digits for their length; False says nothing.

    It costs a tenth of asking the library, and takes away what the library would: an international prefix, a country
    code, and what the plan's own pattern holds for a trunk prefix.
    """
    if dial.startswith("+"):
        return _is_too_long_abroad(dial[1:])
    home = PhoneMetadata.metadata_for_region(region)
    if home is None:
        return True
    code = str(home.country_code)
    abroad = re.match(home.international_prefix, dial) if home.international_prefix else None
    return (
        _is_too_long_in(home, dial)
        and (abroad is None or _is_too_long_abroad(dial[abroad.end() :]))
        and (not dial.startswith(code) or (_is_too_long_in(home, dial[len(code) :]) and _is_too_long_abroad(dial)))
    )


def kind_by_library(value: int) -> NumberKind:
    """Return the kind the library gives an E.164 value, ``unknown`` when it is not a valid number."""
    parsed = _parsed_value(value)
    return NumberKind.UNKNOWN if parsed is None else _kind_of_parsed(parsed)


def country_by_library(value: int) -> str | None:
    """Return the ISO region of an E.164 value, None when no one region has it.

    Of regions that share a number under laws of their own (``_LAWS_APART``) none is guessed.
    """
    parsed = _parsed_value(value)
    region = None if parsed is None else phonenumbers.region_code_for_number(parsed)
    if parsed is None or region is None or region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        return None
    others = _LAWS_APART.get(region, ())
    return None if any(phonenumbers.is_valid_number_for_region(parsed, other) for other in others) else region


def written(value: int) -> str:
    """Return the number as a Swede writes it: 070-174 06 05, and in international form for other countries."""
    parsed = _parsed_value(value)
    if parsed is None:
        return f"+{value}"
    form = PhoneNumberFormat.NATIONAL if parsed.country_code == _SWEDEN else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(parsed, form)


def is_country(code: str) -> bool:
    """Say whether the letters, as SE, are those of a country that has a numbering plan."""
    return code in phonenumbers.SUPPORTED_REGIONS


def country_code_of(digits: str) -> str:
    """Return the country calling code that E.164 digits begin with, empty when there is none."""
    known = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    starts = (digits[:length] for length in (1, 2, 3))
    return next((start for start in starts if start.isdecimal() and int(start) in known), "")


def _is_too_long_abroad(digits: str) -> bool:
    """Say whether digits that begin with a country code are too many for that country, or for any."""
    code = country_code_of(digits)
    if not code:
        return True
    region = phonenumbers.region_code_for_country_code(int(code))
    plan = PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
    return plan is not None and _is_too_long_in(plan, digits[len(code) :])


def _is_too_long_in(plan: PhoneMetadata, digits: str) -> bool:
    """Say whether digits without a country code are too many, even without the one or two prefixes that they may have.

    The library takes one away, and a second one where it first took away a country code that had no plus before it.
    """
    once = _without_prefix(plan, digits)
    shortest = min(len(digits), len(once), len(_without_prefix(plan, once)))
    return shortest > _longest_under(plan.country_code or 0)


def _without_prefix(plan: PhoneMetadata, digits: str) -> str:
    pattern, rule = plan.national_prefix_for_parsing, plan.national_prefix_transform_rule
    found = re.match(pattern, digits) if pattern else None
    if pattern is None or found is None:
        return digits
    return re.sub(pattern, rule, digits, count=1) if rule and found.groups()[-1] else digits[found.end() :]


@lru_cache
def _longest_under(country_code: int) -> int:
    """Return how many digits the longest number under a country code has, by the plan of its main region."""
    region = phonenumbers.region_code_for_country_code(country_code)
    plan = PhoneMetadata.metadata_for_region_or_calling_code(country_code, region)
    return max(plan.general_desc.possible_length) if plan and plan.general_desc else 0


def _parsed(dial: str, region: str | None) -> PhoneNumber | NumberFault:
    try:
        return phonenumbers.parse(dial, region)
    except NumberParseException as error:
        return _PARSE_FAULTS.get(error.error_type, NumberFault.IMPOSSIBLE)


def _parsed_value(value: int) -> PhoneNumber | None:
    """Return the library's form of an E.164 value, None when it would write that value in another way."""
    if not 0 < value < 10**18:
        return None
    parsed = _parsed(f"+{value}", None)
    if isinstance(parsed, NumberFault) or _e164(parsed) != value:
        return None
    return parsed


def _possible_value(parsed: PhoneNumber | NumberFault, dial: str = "") -> int | NumberFault:
    """Return the value of what was parsed if its length is possible, and if ``+value`` is read as that same value."""
    if isinstance(parsed, NumberFault):
        return parsed
    if parsed.italian_leading_zero and not phonenumbers.is_valid_number(parsed):
        # The library keeps a zero that it could not take for the trunk prefix; only some countries have such numbers.
        parsed = PhoneNumber(country_code=parsed.country_code, national_number=parsed.national_number)
        return _LENGTH_FAULTS.get(phonenumbers.is_possible_number_with_reason(parsed), NumberFault.IMPOSSIBLE)
    length = phonenumbers.is_possible_number_with_reason(parsed)
    if length != ValidationResult.IS_POSSIBLE:
        return _LENGTH_FAULTS.get(length, NumberFault.IMPOSSIBLE)
    value = _e164(parsed)
    return value if f"+{value}" == dial or _parsed_value(value) is not None else NumberFault.IMPOSSIBLE


def _is_marked(dial: str, metadata: PhoneMetadata) -> bool:
    """Say whether the digits begin with the region's trunk or international prefix."""
    trunk, abroad = metadata.national_prefix, metadata.international_prefix
    return bool((trunk and dial.startswith(trunk)) or (abroad and re.match(abroad, dial)))


def _kind_of_parsed(parsed: PhoneNumber) -> NumberKind:
    return LIBRARY_KINDS.get(phonenumbers.number_type(parsed), NumberKind.UNKNOWN)


def _significant(parsed: PhoneNumber) -> str:
    return phonenumbers.national_significant_number(parsed)


def _e164(parsed: PhoneNumber) -> int:
    return int(f"{parsed.country_code}{_significant(parsed)}")


# Sweden, compiled from the library's own patterns ---------------------------------------------------------------------

_SWEDEN: Final = 46


def _swedish_metadata() -> PhoneMetadata:
    """Return the library's Swedish plan, refusing one that has grown rules which the compiled form does not know."""
    plan = PhoneMetadata.metadata_for_region("SE")
    if (
        plan is None
        or plan.general_desc is None
        or (plan.country_code, plan.national_prefix, plan.international_prefix) != (_SWEDEN, "0", "00")
        or plan.national_prefix_for_parsing != "0"
        or plan.national_prefix_transform_rule is not None
        or plan.leading_digits is not None
        or plan.same_mobile_and_fixed_line_pattern
        or plan.general_desc.possible_length_local_only
        or phonenumbers.COUNTRY_CODE_TO_REGION_CODE[_SWEDEN] != ("SE",)
    ):
        raise RuntimeError(f"phonenumbers {phonenumbers.__version__} reads Swedish numbers by rules not known here")
    return plan


def _pattern_for(desc: PhoneNumberDesc | None, length: int) -> str | None:
    """Return the pattern that says whether digits of this length are of a kind, None when no such digits are."""
    if desc is None or not desc.national_number_pattern:
        return None
    if desc.possible_length and length not in desc.possible_length:
        return None
    return f"(?:{desc.national_number_pattern})"


def _kinds_of_length(plan: PhoneMetadata, length: int) -> re.Pattern[str] | None:
    """Compile the kinds that numbers of one length may have, in the order in which the library asks."""
    whole = _pattern_for(plan.general_desc, length)
    fixed, mobile = _pattern_for(plan.fixed_line, length), _pattern_for(plan.mobile, length)
    kinds = {
        NumberKind.PREMIUM: _pattern_for(plan.premium_rate, length),
        NumberKind.TOLL_FREE: _pattern_for(plan.toll_free, length),
        NumberKind.SHARED_COST: _pattern_for(plan.shared_cost, length),
        NumberKind.VOIP: _pattern_for(plan.voip, length),
        NumberKind.PERSONAL: _pattern_for(plan.personal_number, length),
        NumberKind.PAGER: _pattern_for(plan.pager, length),
        NumberKind.UAN: _pattern_for(plan.uan, length),
        NumberKind.VOICEMAIL: _pattern_for(plan.voicemail, length),
        NumberKind.FIXED_OR_MOBILE: rf"(?={fixed}\Z){mobile}" if fixed and mobile else None,
        NumberKind.FIXED_LINE: fixed,
        NumberKind.MOBILE: mobile,
    }
    either = "|".join(rf"(?P<{kind}>{pattern}\Z)" for kind, pattern in kinds.items() if pattern)
    return re.compile(rf"(?={whole}\Z)(?:{either})", re.ASCII) if whole and either else None


_PLAN: Final = _swedish_metadata()
_LENGTHS: Final = frozenset(_PLAN.general_desc.possible_length if _PLAN.general_desc else ())
_KINDS: Final = {length: kinds for length in _LENGTHS if (kinds := _kinds_of_length(_PLAN, length)) is not None}
_KIND_NAMED: Final[dict[str | None, NumberKind]] = {kind.value: kind for kind in NumberKind}
_SHIFTS: Final = {length: int(f"{_SWEDEN}{'0' * length}") for length in _LENGTHS}

# PTS's plan gives these to machines; the library, which has no such kind, calls them unknown.
_M2M: Final = ("71", "378")


def swedish_kind(nsn: str) -> NumberKind:
    """Return the kind of a Swedish number, given as ASCII digits without the trunk zero; ``unknown`` if not valid."""
    kinds = _KINDS.get(len(nsn))
    found = kinds.match(nsn) if kinds is not None else None
    return _KIND_NAMED[found.lastgroup] if found is not None else NumberKind.UNKNOWN


def swedish_kind_outside_plan(nsn: str) -> NumberKind:
    """Return what a Swedish number that is not valid may still be: emergency, short, for machines, or unknown."""
    short = PhoneMetadata.short_metadata_for_region("SE")
    for kind, desc in (
        (NumberKind.EMERGENCY, short.emergency if short else None),
        (NumberKind.SHORT, short.short_code if short else None),
    ):
        pattern = _pattern_for(desc, len(nsn))
        if pattern and re.fullmatch(pattern, nsn, re.ASCII):
            return kind
    return NumberKind.M2M if nsn.startswith(_M2M) else NumberKind.UNKNOWN


# Separators only where a trunk zero or country code says how to read what follows, and never two in a row.
_SPACED: Final = re.compile(r"(?:\+46[ -]?|0046[ -]?|0)([1-9][0-9]*(?:[ -][0-9]+)*)")
_JOINTS: Final = str.maketrans("", "", " -")
_LONGEST_SPACED: Final = 10  # the longer ones could be two short numbers


def value_of_clean_swedish(text: str) -> int | None:
    """Return the E.164 value of a cleanly written Swedish number; None says nothing but that it must be read with care.

    It answers as ``value_by_library`` does after the text has been tidied, in about a microsecond.
    """
    if text.isdigit() and text.isascii():
        if text[0] != "0":
            return _value_of_bare(text)
        return _value_of_significant(text[4:] if text.startswith("0046") else text[1:], text.startswith("0046"))
    if text.startswith("+46") and text[3:].isdigit() and text.isascii():
        return _value_of_significant(text[3:], True)
    spaced = _SPACED.fullmatch(text)
    if spaced is None:
        return None
    nsn = spaced[1].translate(_JOINTS)
    if len(nsn) > _LONGEST_SPACED or swedish_kind(nsn) is NumberKind.UNKNOWN:
        return None
    return _SHIFTS[len(nsn)] + int(nsn)


def _value_of_significant(nsn: str, after_code: bool) -> int | None:
    """Return the value if the length is possible; after the country code the zero of +46(0) may still be there."""
    if after_code and nsn.startswith("0"):
        nsn = nsn[1:]
    length = len(nsn)
    return _SHIFTS[length] + int(nsn) if length in _LENGTHS and nsn[0] != "0" else None


def _value_of_bare(digits: str) -> int | None:
    """Return the value of digits that lack a plus or a zero, when only one of the two readings is open."""
    with_code = _value_of_significant(digits[2:], True) if digits.startswith("46") else None
    if swedish_kind(digits) not in _MAY_LACK_ZERO:
        return with_code
    return _SHIFTS[len(digits)] + int(digits) if with_code is None else None
