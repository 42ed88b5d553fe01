"""Swedish personal identity numbers, personnummer and samordningsnummer: read beyond doubt or not at all, kept sealed.

Rules: 18 § folkbokföringslagen (1991:481); lag (2022:1697) om samordningsnummer (day plus 60). One is only handled
where that is clearly justified (3 kap. 10 § lag 2018:218), so nothing here ever shows the digits unasked. Reading
is pure.
"""

import base64
import hashlib
import re
import secrets
from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from personnummer import personnummer

from core.numbers import Number, read_valid_number
from core.secrets import Keyring

HIDDEN = "[personnummer]"
"""What stands where a personal identity number stood."""
EARLIEST_BIRTH = date(1890, 1, 1)
COORDINATION = 60
"""What a samordningsnummer adds to the day; 60 itself, or month 00, says that the date is not known."""
_FORM, _NONCE = "pn1", 12
_WRITTEN = re.compile(r"([0-9]{2})?([0-9]{2})([0-9]{2})([0-9]{2})([-+]?)([0-9]{4})", re.ASCII)
_SHAPE = re.compile(
    r"(?<![0-9])(?:(?:18|19|20)[0-9]{2}|[0-9]{2})[ .-]?(?:0[0-9]|1[0-2])[ .-]?(?:[0-2][0-9]|3[01]|[6-8][0-9]|9[01])"
    r"[ \u00a0]?[-+\u2010-\u2015\u2212]?[ \u00a0]?[0-9A-Z][0-9]{3}(?![0-9])",
    re.ASCII,
)
_OTHER_SHAPE = re.compile(
    r"(?<![0-9])(?:0[1-9]|[1-6][0-9]|7[01])(?:0[1-9]|1[0-2]|4[1-9]|5[0-2])[0-9]{2}[ \u00a0]?"
    r"(?:[-+\u2010-\u2015\u2212A-FU-Y]?[ \u00a0]?[0-9]{3}[0-9A-Y]|-?[0-9]{5})(?![0-9])",
    re.ASCII,
)
"""Day, month and year, then what is told of the person: as Norway, Denmark, Finland and Iceland write theirs."""


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """A valid personnummer or samordningsnummer. ``digits`` are its twelve; neither ``str`` nor ``repr`` shows them."""

    digits: str

    def __repr__(self) -> str:
        return f"Identity({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    @property
    def birth_date(self) -> date | None:
        """The day of birth, or None where a samordningsnummer leaves it open."""
        return _birth_date(self.digits)

    @property
    def births(self) -> tuple[date, date]:
        """The first and the last day on which the person can be born: one day, unless the date is left open."""
        if (born := self.birth_date) is not None:
            return born, born
        year, month = int(self.digits[:4]), int(self.digits[4:6])
        last = month or 12
        return date(year, month or 1, 1), date(year, last, monthrange(year, last)[1])


def read_identity(text: str, today: date) -> Identity | None:
    """Return the personal identity number, or None if ``text`` is none.

    Ten or twelve digits; before the last four ``-``, or ``+`` from the year in which the person turns 100. Ten digits
    say the latest century in which the person is not that old (with ``+``: the one before), seen from ``today``.
    Refused: a wrong check digit, a date that there is not or that is still to come, births before 1890,
    organisationsnummer, and interim numbers with a letter.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    century, year, month, day, sign, last = found.groups()
    if century is None:
        latest = today.year - (today.year - int(year)) % 100
        whole_year = latest - 100 if sign == "+" else latest
    else:
        whole_year = int(century + year)
        if sign == "+" and today.year - whole_year < 100:  # noqa: PLR2004 - the sign of those who turn 100
            return None
    digits = f"{whole_year:04}{month}{day}{last}"
    return Identity(digits) if _is_one(digits, today) else None


def without_identities(text: str, *, of_others: bool = False) -> str:
    """Return ``text`` with everything that has the shape of a personal identity number hidden, right or mistyped.

    For text whose columns cannot be told apart: it hides too much (some phone numbers have that shape) before too
    little. ``of_others``: numbers of other countries too.
    """
    text = _SHAPE.sub(HIDDEN, text)
    return _OTHER_SHAPE.sub(HIDDEN, text) if of_others else text


def without_slipped_identities(text: str) -> str:
    """Return the text of a cell that should hold none with each personal identity number in it hidden.

    For rows whose cells have slipped. Only what has the right check digit counts, and never what reads as a phone
    number: that of someone born in 2000 to 2009 may.
    """
    hidden = _SHAPE.sub(_hidden_if_right, text)
    return text if hidden == text or isinstance(read_valid_number(text), Number) else hidden


def _hidden_if_right(found: re.Match[str]) -> str:
    digits = re.sub("[^0-9]", "", found[0])[-10:]
    is_right = len(digits) == 10 and _check_digit(digits[:9]) == digits[9]  # noqa: PLR2004 - without the century
    return HIDDEN if is_right and not isinstance(read_valid_number(found[0]), Number) else found[0]


def _is_one(digits: str, today: date) -> bool:
    if digits[8:11] == "000" or not EARLIEST_BIRTH.year <= int(digits[:4]) <= today.year:
        return False
    if _is_open(digits):
        return int(digits[6:8]) <= COORDINATION + 31 and _check_digit(digits[2:11]) == digits[11]
    born = _birth_date(digits)
    return born is not None and EARLIEST_BIRTH <= born <= today and personnummer.valid(digits)


def _is_open(digits: str) -> bool:
    """Return whether it is a samordningsnummer without a month or a day of birth."""
    month, day = int(digits[4:6]), int(digits[6:8])
    return day >= COORDINATION and (month == 0 or (day == COORDINATION and month <= 12))  # noqa: PLR2004 - months


def _birth_date(digits: str) -> date | None:
    day = int(digits[6:8])
    try:
        return date(int(digits[:4]), int(digits[4:6]), day - COORDINATION if day > COORDINATION else day)
    except ValueError:
        return None


def _check_digit(nine: str) -> str:
    """Return the check digit by Luhn's rule; the library knows no number without a date."""
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(nine))
    return str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)  # noqa: PLR2004 - two digits


def seal_identity(keyring: Keyring, identity: Identity, bound_to: str) -> str:
    """Return the number encrypted (AES-256-GCM), as 67 characters: form, id of the key, and what is sealed.

    ``bound_to`` names the row that it belongs to: in another row it does not open. No two seals are alike.
    """
    head, nonce = f"{_FORM}.{_key_id(keyring)}", secrets.token_bytes(_NONCE)
    sealed = AESGCM(keyring.identity_key).encrypt(nonce, identity.digits.encode(), f"{head}.{bound_to}".encode())
    return f"{head}.{base64.urlsafe_b64encode(nonce + sealed).decode().rstrip('=')}"


def open_identity(keyring: Keyring, sealed: str, bound_to: str) -> Identity:
    """Return the number that ``seal_identity`` sealed for the same row.

    Raises:
        ValueError: it was sealed with another key or for another row, or was changed since; nothing of it is told.
    """
    head, _, body = sealed.rpartition(".")
    if head != f"{_FORM}.{_key_id(keyring)}":
        raise ValueError("a personal identity number was sealed with another key")
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        opened = AESGCM(keyring.identity_key).decrypt(raw[:_NONCE], raw[_NONCE:], f"{head}.{bound_to}".encode())
    except (InvalidTag, ValueError):
        raise ValueError("a sealed personal identity number is not this row's, or was changed") from None
    return Identity(opened.decode())


def identity_index(keyring: Keyring, identity: Identity) -> str:
    """Return the keyed hash by which a number is found: 32 hex digits, useless without the secret."""
    return hashlib.blake2b(identity.digits.encode(), key=keyring.identity_index_key, digest_size=16).hexdigest()


def _key_id(keyring: Keyring) -> str:
    return hashlib.sha256(b"ringklar/identity-key-id" + keyring.identity_key).hexdigest()[:8]
