"""The words of the grounds that other packages share: channels and lawful bases."""

from enum import StrEnum


class Channel(StrEnum):
    """How the person is called: by a human, or by a machine (19 § marknadsföringslagen asks consent for that)."""

    VOICE = "voice"
    AUTOMATED_VOICE = "automated_voice"


class Basis(StrEnum):
    """The lawful basis a source of leads rests on (GDPR art. 6.1.a, 6.1.f)."""

    CONSENT = "consent"
    LEGITIMATE_INTEREST = "legitimate_interest"


def written_channels(channels: frozenset[Channel]) -> str:
    """Return the channels as a column holds them: sorted and separated by commas."""
    return ",".join(sorted(channels))


def read_channels(written: str) -> frozenset[Channel]:
    """Return the channels that ``written_channels`` wrote."""
    return frozenset(Channel(name) for name in written.split(",") if name)
