"""What a row says of the consent behind it: the proof that GDPR art. 7.1 asks for. Pure.

Which facts: GDPR art. 4(11) and 7(1), and NIX-Telefon's rule that a consent counts for the sellers it names, and only
where it says that they will phone.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from consent.terms import LEAD_FILE, Channel
from core.clock import utc
from leads.headings import plain_heading
from leads.synonyms import NO, NOT_MARKED, YES

TEXT_VERSION, URL, SELLER, SELLERS = 100, 2_000, 200, 50
"""Characters of a version, an address and a seller's name, and how many sellers; more is refused, never cut."""
SELLERS_WRITTEN = 12_000
"""Characters of all sellers as JSON, where some take two or six: a proof must fit where consents are recorded."""
REQUIRED = ("text_version", "url", "at", "sellers", "channels")
"""What a consent cannot be proved without. A form on paper has no IP address."""
_CALLS: dict[str, Channel] = {
    word: channel
    for channel, words in {
        Channel.VOICE: """voice phone telephone call calls phonecall phonecalls telefon telefonsamtal telefonkontakt
            samtal ring ringa uppringning telefonopkald telefonopkald opkald opringning telefonoppringning oppringing
            anrop telemarketing telefonforsaljning""",
        Channel.AUTOMATED_VOICE: """automatedvoice automated automatedcall automatedcalls robocall robocalls
            automatiskasamtal automatisktsamtal automatiskauppringningar automatiskuppringning automatiseradesamtal
            robotsamtal rostrobot""",
    }.items()
    for word in words.split()
}
_NO_CALLS = frozenset(
    ("sms", "text", "mms", "email", "mail", "epost", "mejl", "letter", "post", "brev", "postal", "push")
)
_BETWEEN = re.compile(r"[|,;/+&]|\b(?:och|og|and)\b", re.IGNORECASE)
_CLEAR_WORDS = re.compile(r"""[\w\s.:'"“”’\[\]()\u2010\u2011-]*""")
_AROUND = " \t\r\n\u00a0'\"“”’[]()"
_NO_ANSWER = re.compile(r"^[-\u2010\u2011_:]|[-\u2010\u2011_:]$|__|\.\.")
"""Around a word: what may say no to it (``-telefon``), or where an answer was to stand (``telefon:``, ``tel __``)."""
_EMPTY_BOX = re.compile(r"[\[(][\s_.:-]*[\])]")
_FIRST_WORD = re.compile(r"\W*([^\W_]+)")
_BEGINS_NO = NO - {"n", "f", "0"}
"""What says no whatever follows it; of a single sign, more words after it may make another thing."""
_LISTED = frozenset(("nix", "inix", "tps", "ctps"))
_NUMBERED = re.compile(r"no\.? *[0-9].*", re.DOTALL)
_CROSSES = frozenset("\u2610\u2717\u2718\u274c\u274e\u2716")
_UNMARKED = frozenset("-\u2010\u2011\u2013\u2014._/()[]\u2610\ufeff")
"""Signs that stand where nothing was said."""
_HOST_FIRST = re.compile(r"[a-z0-9](?:[a-z0-9-]*\.)+[a-z]{2,}(?::[0-9]+)?(?:[/?#].*)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a consent; None for what nobody said.

    ``channels`` holds the kinds of call that were agreed to: it is empty where the row names other channels alone
    (SMS, e-mail). ``sellers`` are as written.
    """

    text_version: str | None = None
    url: str | None = None
    at: datetime | None = None
    ip: str | None = None
    sellers: tuple[str, ...] | None = None
    channels: tuple[Channel, ...] | None = None

    def written(self) -> dict[str, object]:
        """Return what is said as values of JSON, in this class's order, each key with ``consent_`` before it."""
        said: dict[str, object] = {
            "consent_text_version": self.text_version,
            "consent_url": self.url,
            "consent_at": utc(self.at),
            "consent_ip": self.ip,
            "consent_sellers": None if self.sellers is None else list(self.sellers),
            "consent_channels": None if self.channels is None else [channel.value for channel in self.channels],
        }
        return {key: value for key, value in said.items() if value is not None}


def missing(evidence: Evidence | None) -> tuple[str, ...]:
    """Return the names of what a consent still needs to be proved, in ``REQUIRED``'s order; none if it is whole."""
    known = evidence or Evidence()
    return tuple(name for name in REQUIRED if not getattr(known, name))


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """A consent as ``consent.grounds.record_consent`` takes it; these are its keywords."""

    channels: frozenset[Channel]
    names_seller: bool
    text_version: str
    evidence: Mapping[str, object]
    given_at: datetime
    expires_at: datetime | None


def consent_from(
    evidence: Evidence | None, *, seller_name: str, seller_slug: str, lead_file_id: str, row_no: int
) -> GivenConsent | None:
    """Return the consent that the row proves, or None if any part of the proof is missing or no call is agreed to.

    ``names_seller``: name or slug of the seller is among those named, whatever its case, spacing and Unicode form; no
    group and no third party stands for it. Nothing is said of an end: NIX's three months are the decision's to count.
    """
    if evidence is None or missing(evidence) or evidence.text_version is None or evidence.at is None:
        return None
    return GivenConsent(
        channels=frozenset(evidence.channels or ()),
        names_seller=names_seller(evidence, seller_name=seller_name, seller_slug=seller_slug),
        text_version=evidence.text_version,
        evidence={LEAD_FILE: lead_file_id, "row_no": row_no} | evidence.written(),
        given_at=evidence.at,
        expires_at=None,
    )


def names_seller(evidence: Evidence, *, seller_name: str, seller_slug: str) -> bool:
    """Return whether the consent names the seller, by its whole name or its slug."""
    return is_among(evidence.sellers or (), seller_name=seller_name, seller_slug=seller_slug)


def is_among(names: Iterable[str], *, seller_name: str, seller_slug: str) -> bool:
    """Return whether the seller is among those named, by its whole name or its slug, as ``plain_name`` compares."""
    wanted = {plain_name(seller_name), plain_name(seller_slug)} - {""}
    return any(plain_name(name) in wanted for name in names)


def plain_name(name: str) -> str:
    """Return a company's name as it is compared: case, spacing and Unicode form make no other company."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def says_no(text: str) -> bool:
    """Return whether a cell that may tell of a consent says that there is none.

    It does so in one word of ``NO``, in words that begin with one (``Nej tack``, ``Ej godkänt``), by an empty box or a
    cross, or as a JSON object in which something is false. ``No. 3`` is a version.
    """
    plain = plain_heading(text)
    if plain in NO or _EMPTY_BOX.search(text) is not None or not _CROSSES.isdisjoint(text):
        return True
    if text.lstrip().startswith("{") and re.search(r"\bfalse\b", text) is not None:
        return True
    first = _FIRST_WORD.match(text)
    return first is not None and plain_heading(first[1]) in _BEGINS_NO and not _NUMBERED.fullmatch(text.casefold())


def is_marked(text: str) -> bool:
    """Return whether a cell under a heading such as ``Ring ej`` marks the person: all that is no clear no does.

    An empty cell, a dash and an empty box mark nobody; a yes, a cross, a date or a name does.
    """
    plain = plain_heading(text)
    if not plain:
        return any(not letter.isspace() and letter not in _UNMARKED for letter in text)
    return plain not in NOT_MARKED


def says_yes(text: str) -> bool:
    """Return whether a cell under a heading such as ``NIX`` says that the number is listed.

    It does so in one word of ``YES``, in words that begin with one (``Ja, spärrad``), by a cross or a tick, or by the
    name of the register alone. A date, ``tvättad`` or ``OK`` do not: they may tell of a wash.
    """
    plain = plain_heading(text)
    if not plain:
        return is_marked(text)
    first = _FIRST_WORD.match(text)
    return plain in _LISTED or (first is not None and plain_heading(first[1]) in YES)


def read_text_version(text: str) -> str | None:
    """Return the version of the consent text, or None if it is longer than is kept, or says that nobody consented."""
    return text if len(text) <= TEXT_VERSION and not says_no(text) else None


@lru_cache(maxsize=8192)
def read_url(text: str) -> str | None:
    """Return the address of the page as written, or None: http or https, or written from its host on."""
    if len(text) > URL or any(letter.isspace() or not letter.isprintable() for letter in text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.scheme in ("http", "https"):
        return text if parts.hostname else None
    return text if _HOST_FIRST.fullmatch(text) else None


@lru_cache(maxsize=8192)
def read_ip(text: str) -> str | None:
    """Return the IP address in its usual form, version 4 or 6, or None if it is none."""
    try:
        return str(ip_address(text)) if "%" not in text else None
    except ValueError:
        return None


@lru_cache(maxsize=8192)
def read_sellers(text: str) -> tuple[str, ...] | None:
    """Return the sellers named in a cell, separated by ``|`` or else by commas; None if too many or too long.

    A JSON array, as JSON Lines has it, names one with each text; None if it holds anything else.
    """
    parts = _in_array(text) if text.startswith("[") else text.split("|" if "|" in text else ",")
    named = tuple(name for part in parts if (name := " ".join(part.split())))
    if not named or len(named) > SELLERS or any(len(name) > SELLER for name in named):
        return None
    return None if len(json.dumps(named, ensure_ascii=False)) > SELLERS_WRITTEN else tuple(dict.fromkeys(named))


def _in_array(text: str) -> Sequence[str]:
    """Return the texts of a JSON array, or none if it is no array of texts."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return found if isinstance(found, list) and all(isinstance(one, str) for one in found) else ()


@lru_cache(maxsize=8192)
def read_channels(text: str) -> tuple[Channel, ...] | None:
    """Return the kinds of call that a cell agrees to, sorted; channels that are no call count for nothing.

    None if a word is not known, or has a sign that may say no to it (``☐ telefon``, ``telefon ✗``, ``-telefon``) or
    that nothing was answered (``telefon:``, and any JSON object): what was agreed to is then not clear.
    """
    written = [word.strip(_AROUND) for word in _BETWEEN.split(unicodedata.normalize("NFC", text))]
    if _EMPTY_BOX.search(text) or not all(map(_is_clear, written)):
        return None
    said = [word for word in map(plain_heading, written) if word]
    if not said or any(word not in _CALLS and word not in _NO_CALLS for word in said):
        return None
    return tuple(sorted({_CALLS[word] for word in said if word in _CALLS}))


def _is_clear(word: str) -> bool:
    return _CLEAR_WORDS.fullmatch(word) is not None and _NO_ANSWER.search(word) is None
