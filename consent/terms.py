"""The words of the grounds that other packages share: channels, lawful bases, and what delivered a consent."""

import re
from collections.abc import Mapping
from enum import StrEnum

LEAD_FILE = "lead_file"
"""What evidence calls the lead file that the consent came with: by its id."""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PRODUCT = re.compile(r"[a-z0-9](?:[a-z0-9_]{0,58}[a-z0-9])?")


class Channel(StrEnum):
    """How the person is called: by a human, or by a machine (19 § marknadsföringslagen asks consent for that)."""

    VOICE = "voice"
    AUTOMATED_VOICE = "automated_voice"


class Basis(StrEnum):
    """The lawful basis a source of leads rests on (GDPR art. 6.1.a, 6.1.f)."""

    CONSENT = "consent"
    LEGITIMATE_INTEREST = "legitimate_interest"


def product_type(text: str) -> str | None:
    """Return the product type as campaigns and contracts are matched by it; None if ``text`` cannot be one. Pure.

    Capitals and spaces around it do not count, and a hyphen is an underscore. Else 1-60 letters a-z, digits and inner
    underscores: two words that look alike must not be two products, or the end of a contract would miss its beginning.
    """
    word = text.strip().lower().replace("-", "_")
    return word if _PRODUCT.fullmatch(word) else None


def written_channels(channels: frozenset[Channel]) -> str:
    """Return the channels as a column holds them: sorted and separated by commas."""
    return ",".join(sorted(channels))


EVERY_CHANNEL = written_channels(frozenset(Channel))
"""All channels, as a column holds them."""


def with_file_as_known(evidence: Mapping[str, object]) -> dict[str, object]:
    """Return the evidence with the id of the lead file, if it names one, written as ids are here. Pure.

    An id in capitals is the same one: systems differ in how they write it.
    """
    named = evidence.get(LEAD_FILE)
    known = named.strip().lower() if isinstance(named, str) else ""
    return {**evidence, LEAD_FILE: known} if _ID.fullmatch(known) else dict(evidence)


def delivering_file(evidence: Mapping[str, object]) -> str | None:
    """Return the id of the lead file that the evidence says the consent came with; None if it names none. Pure."""
    named = evidence.get(LEAD_FILE)
    return named if isinstance(named, str) and _ID.fullmatch(named) else None


def read_channels(written: str) -> frozenset[Channel]:
    """Return the channels that ``written_channels`` wrote."""
    return frozenset(Channel(name) for name in written.split(",") if name)
