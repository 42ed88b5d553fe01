"""The form of a time stamp (RFC 3161) as it is sent and as it is verified. Pure.

A stamp carries the certificates that it was signed under, and CMS (RFC 5652) asks no order of them: authorities that
run OpenSSL send their own first. The library that verifies wants the order of DER. No signature covers it.
"""

from dataclasses import dataclass

_LONG = 0x80
_CERTIFICATES = 0xA0
_TO_SIGNED_DATA = (0, 1, 1, 0)  # the answer, its token, what that holds, the signed data


@dataclass(frozen=True, slots=True)
class _Value:
    """A DER value from ``at`` to ``end``; what it holds begins at ``inside``."""

    tag: int
    at: int
    inside: int
    end: int


def in_order(response: bytes) -> bytes:
    """Return an authority's answer with its certificates in order; what is no such answer comes back as it is."""
    try:
        signed = _Value(0, 0, 0, len(response))
        for place in _TO_SIGNED_DATA:
            signed = _values(response, signed)[place]
        [found] = [one for one in _values(response, signed) if one.tag == _CERTIFICATES]
        certificates = [response[one.at : one.end] for one in _values(response, found)]
    except (IndexError, ValueError):
        return response
    return b"".join((response[: found.inside], *sorted(certificates), response[found.end :]))


def _values(content: bytes, within: _Value) -> list[_Value]:
    """Return the values that one holds, which end where it ends; ValueError or IndexError if they do not."""
    found, at = list[_Value](), within.inside
    while at < within.end:
        tag, length, inside = content[at], content[at + 1], at + 2
        if length & _LONG:
            inside += length & ~_LONG
            length = int.from_bytes(content[at + 2 : inside])
        found.append(_Value(tag, at, inside, inside + length))
        at = inside + length
    if at != within.end:
        raise ValueError("it does not end where it should")
    return found
