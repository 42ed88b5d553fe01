"""The text of a cell: which digits in it are dialled, and whether they are one number.

People write numbers with notes, brackets, extensions and other scripts' digits, and spreadsheets change them. What is
read here is only what can mean one thing. A digit that nobody can account for, a masked or missing digit, or a second
number makes a fault, so that a person looks at it. Pure; never raises; cheap on any text, however hostile.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from core.number_plan import NumberFault

Resolve = Callable[[str], int | NumberFault]
IsValid = Callable[[int], bool]
IsTooLong = Callable[[str], bool]

LONGEST_TEXT: Final = 250
_MOST_DIGITS: Final = 60
_MOST_RUNS: Final = 6
_SHORTEST: Final = 6  # digits in the shortest number that can be told from a note


def value_in_text(raw: str, resolve: Resolve, is_valid: IsValid, is_too_long: IsTooLong) -> int | NumberFault:
    """Return the E.164 value of the one number in ``raw``, or why there is none.

    ``resolve`` reads a dial string (ASCII digits, perhaps a plus first); ``is_valid`` says if the plan has a value.
    ``is_too_long`` says, for less than it costs to read one, that a dial string must be refused; it changes no answer.
    """
    if len(raw) > LONGEST_TEXT:
        return NumberFault.TOO_LONG
    if raw.lstrip()[:4].lower() == "tel:" and "%" in raw:
        raw = unquote(raw)
    text = _tidied(raw)
    if text is None:
        return NumberFault.NOT_A_NUMBER
    if not text:
        return NumberFault.EMPTY
    digits = sum(map(str.isdigit, text))
    if digits == 0:
        return NumberFault.NOT_A_NUMBER
    if digits > _MOST_DIGITS:
        return NumberFault.TOO_LONG
    spreadsheet = _from_spreadsheet(text, resolve, is_valid)
    if spreadsheet is not None:
        return spreadsheet
    dialled = _without_uri_parameters(text)
    main = _without_extension(dialled, resolve, is_valid) if dialled is not None else None
    if main is None:
        return NumberFault.AMBIGUOUS
    return _value_in_runs(main, resolve, is_valid, is_too_long)


# Characters -----------------------------------------------------------------------------------------------------------

_KEPT: Final = frozenset("0123456789abcdefghijklmnopqrstuvwxyz +-./(),;:|&'=<>@!")
_AS: Final = {
    **dict.fromkeys("\t\u3164☎☏✆📞📱", " "),
    **dict.fromkeys("\n\r\v\f\x85\u2028\u2029", ";"),
    **dict.fromkeys("\u2212\u2043\u30fc\uff70", "-"),
    **dict.fromkeys("\uff0b\ufe62\u2795", "+"),
    **dict.fromkeys("\\\u2044\u2215\uff0f\uff3c", "/"),
    **dict.fromkeys("\u00b7\u2024\uff0e\u30fb", "."),
    **dict.fromkeys('"\u00b4\u2032\u2033\uff07\uff02', "'"),
    **dict.fromkeys("\uff0c\u3001\uff1b\uff1a\uff5c", ","),
    **dict.fromkeys("[{\uff3b", "("),
    **dict.fromkeys("]}\uff3d", ")"),
    "\uff1d": "=",
    # Invisible: joiners, marks of direction, soft hyphens, byte order marks, emoji selectors. Overrides of direction
    # (U+202D, U+202E) are not among them: they show digits in another order than they are stored.
    **dict.fromkeys("\u00ad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\ufeff\ufe0e\ufe0f", ""),
    **dict.fromkeys("\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069", ""),
}
_BY_CATEGORY: Final = {"Zs": " ", "Pd": "-", "Ps": "(", "Pe": ")", "Pi": "'", "Pf": "'"}


def _tidied(raw: str) -> str | None:
    """Return the text in ASCII digits, lower-case letters and plain separators, None if a character may hide a digit.

    Only decimal digits are digits. Superscripts, stars, question marks, bullets, crossed-out digits and controls are
    refused, not dropped: ``08-465 004 **`` is not a shorter number.
    """
    if not raw.isascii():
        raw = unicodedata.normalize("NFC", raw)
    tidied: list[str] = []
    for character in raw:
        plain = _plain(character)
        if plain is None:
            return None
        if plain == _MARK:
            if not tidied or not tidied[-1].isalpha():
                return None
            continue
        if plain:
            tidied.append(plain)
    return "".join(tidied).strip(" '=;")


_MARK: Final = "mark"


@lru_cache(maxsize=4096)
def _plain(character: str) -> str | None:
    """Return what a character stands for: kept, replaced, dropped (empty), a mark on a letter, or refused (None)."""
    if character in _KEPT:
        return character
    if character in _AS:
        return _AS[character]
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category[0] == "L":
        lower = character.lower()
        return lower if lower.isalpha() else "ø"
    if category[0] == "M":
        return _MARK
    return _BY_CATEGORY.get(category)


# Forms that a spreadsheet, a link or a switchboard gives a number -----------------------------------------------------

_SCIENTIFIC: Final = re.compile(r"([1-9])(?:[.,]([0-9]+))?e\+?([0-9]{1,2})")
_WHOLE_FLOAT: Final = re.compile(r"(\+?[0-9]{6,})([.,])(0{1,2})")


def _from_spreadsheet(text: str, resolve: Resolve, is_valid: IsValid) -> int | NumberFault | None:
    """Read 46701740605.0 and 4.6701740605E+10 if every digit is there; None for any other text."""
    scientific = _SCIENTIFIC.fullmatch(text)
    if scientific is not None:
        first, rest, exponent = scientific[1], scientific[2] or "", int(scientific[3])
        if len(rest) < exponent:
            return NumberFault.AMBIGUOUS  # 4.67E+10 has been rounded: many numbers look so
        if rest[exponent:].strip("0"):
            return NumberFault.NOT_A_NUMBER
        return resolve(first + rest[:exponent])
    whole = _WHOLE_FLOAT.fullmatch(text)
    if whole is None:
        return None
    rounded = resolve(whole[1])
    if whole[2] == ",":
        return rounded
    dotted = resolve(whole[1] + whole[3])
    if isinstance(rounded, NumberFault):
        return dotted if text[0] in "0+" else rounded  # a person's full stop; a spreadsheet writes neither
    if isinstance(dotted, NumberFault):
        return rounded
    if is_valid(rounded) == is_valid(dotted):
        return NumberFault.AMBIGUOUS
    return rounded if is_valid(rounded) else dotted


_URI: Final = re.compile(r"(tel:)(?://)?([^;]*)((?:;[^;]*)+)")
_PARAMETER: Final = re.compile(r"\s*([a-z-]+)=([^;]*)")


def _without_uri_parameters(text: str) -> str | None:
    """Return a ``tel:`` link (RFC 3966) without its parameters, None if one of them cannot be accounted for.

    An extension is not part of the number; a context that begins with a plus stands before a local one.
    """
    uri = _URI.fullmatch(text)
    if uri is None:
        return text
    scheme, main, context = uri[1], uri[2].strip(), ""
    for written in uri[3][1:].split(";"):
        parameter = _PARAMETER.fullmatch(written)
        name, value = (parameter[1], parameter[2]) if parameter else ("", written)
        if name == "phone-context":
            context = value.strip()
        elif name not in ("ext", "isub") and any(map(str.isdigit, value)):
            return None
    return scheme + (context if context.startswith("+") and not main.startswith("+") else "") + main


_EXTENSION: Final = re.compile(
    r"(?P<main>.*?[0-9][ ).,;:]*)\(?(?P<mark>anknytning|anknytn|ankn|extension|extn|ext|anslutning|(?<![a-z])x)"
    r"[ .:]*(?P<digits>[0-9]{1,5})[ ).]*"
)


def _without_extension(text: str, resolve: Resolve, is_valid: IsValid) -> str | None:
    """Return the text without an extension marked as such; None where an x may be a digit or a slip within a number."""
    extension = _EXTENSION.fullmatch(text)
    if extension is None:
        return text
    main = extension["main"].rstrip(" ,;:(")
    if extension["mark"] == "x":
        for instead in ("0", ""):
            filled = resolve(_dial(main) + instead + extension["digits"])
            if not isinstance(filled, NumberFault) and is_valid(filled):
                return None
    return main


# Runs of digits -------------------------------------------------------------------------------------------------------

_BRACKETED_CODE: Final = re.compile(r"\( *\+ *([0-9]{1,3}) *\)")
_RUN: Final = re.compile(r"\+?[0-9 ()./-]+")
_CUT_OFF: Final = re.compile(r"[.-] *[.-]")
_WORD: Final = re.compile(r"[^\W\d_]+")
_LABELS: Final = frozenset(
    {
        *("tel", "telefon", "telefonnr", "telefonnummer", "telnr", "tfn", "tlf", "phone", "nr", "nummer", "number"),
        *("mob", "mobil", "mobilnr", "mobiltelefon", "mobile", "cell", "hem", "arb", "arbete", "home", "work"),
    }
)
_SHORTEST_LABEL: Final = 3  # a single letter that touches digits may be a misread digit: O for 0


def _value_in_runs(text: str, resolve: Resolve, is_valid: IsValid, is_too_long: IsTooLong) -> int | NumberFault:
    """Return the value that every run of digits in the text gives; a run that gives another, or none, is ambiguity."""
    text = _BRACKETED_CODE.sub(r"+\1 ", text)
    words = _WORD.findall(text)
    if _CUT_OFF.search(text) or any(word == "x" or (len(word) > 1 and len(set(word)) == 1) for word in words):
        return NumberFault.NOT_A_NUMBER  # "08-465 004 ..", "08-465 004 xx": digits are missing
    runs = [run for run in _RUN.finditer(text) if any(map(str.isdigit, run[0]))]
    if len(runs) > _MOST_RUNS:
        return NumberFault.AMBIGUOUS
    noted = not _LABELS.issuperset(words)
    values = {_value_of_run(text, run, noted, resolve, is_valid, is_too_long) for run in runs}
    return values.pop() if len(values) == 1 and (len(runs) == 1 or not _is_fault(values)) else NumberFault.AMBIGUOUS


def _is_fault(values: set[int | NumberFault]) -> bool:
    return any(isinstance(value, NumberFault) for value in values)


def _value_of_run(
    text: str, run: re.Match[str], noted: bool, resolve: Resolve, is_valid: IsValid, is_too_long: IsTooLong
) -> int | NumberFault:
    """Read one run where it stands: letters that touch it may be misread digits, and notes may be about another one."""
    written = _trimmed(run[0])
    start = run.start() + run[0].index(written)
    before, after = text[:start], text[start + len(written) :]
    if after[:1].isalpha():
        return NumberFault.AMBIGUOUS
    glued = _WORD.search(before[-_SHORTEST_LABEL:]) if before[-1:].isalpha() else None
    if glued is not None and (len(glued[0]) < _SHORTEST_LABEL or written[0] not in "0+("):
        return NumberFault.AMBIGUOUS
    value = _value_of_written(written, resolve, is_valid, is_too_long)
    if noted and isinstance(value, int) and _lacked_zero(written, value):
        return NumberFault.AMBIGUOUS
    return value


def _lacked_zero(written: str, value: int) -> bool:
    dial = _dial(written)
    return dial[0] not in "+0" and len(str(value)) > len(dial)


def _value_of_written(written: str, resolve: Resolve, is_valid: IsValid, is_too_long: IsTooLong) -> int | NumberFault:
    """Read a run as one number, unless it is two, or a number and digits that are not part of it."""
    whole = _whole(written, resolve)
    digits = _dial(written).lstrip("+")
    good = isinstance(whole, int) and is_valid(whole)
    if (good and len(digits) < 2 * _SHORTEST) or len(digits) == len(written) or len(digits) > _MOST_DIGITS:
        return whole

    def read(half: str) -> int | None:
        value = None if is_too_long(_dial(half)) else _whole(half, resolve)
        return value if isinstance(value, int) else None

    same, doubtful = None, False
    for left, right in _halves(written):
        marked = right.lstrip("(").startswith("0")
        if good and (not marked or min(len(_dial(left)), len(_dial(right))) < _SHORTEST):
            continue
        first = read(left)
        second = read(right) if marked or first is not None else None
        if first is not None and second is not None:
            if first == second:
                same = first
            doubtful = True
        elif not good and not doubtful:
            doubtful = (first is not None and is_valid(first)) or (second is not None and marked and is_valid(second))
    if same is not None:
        return same
    return NumberFault.AMBIGUOUS if doubtful else whole


def _halves(written: str) -> Iterator[tuple[str, str]]:
    """Yield the run cut in two at each of its separators, where at least one half is long enough for a number."""
    for joint in re.finditer(r"[ ()./-]+", written):
        left, right = _trimmed(written[: joint.start()]), _trimmed(written[joint.end() :])
        if left and right and max(len(_dial(left)), len(_dial(right))) >= _SHORTEST:
            yield left, right


_AREA_CODE_IN_BRACKETS: Final = re.compile(
    r"(?:(?:\+ *[0-9]{1,3}|00 *[0-9]{1,3}|[0-9]{1,3}(?=[ ./-]*\( *0 *\)))[ ./-]*)?"
    r"(?:\( *[0-9]{1,4} *\)[ ./-]*){1,2}[0-9]"
)
_AREA_CODE_BEFORE_SLASH: Final = re.compile(
    r"(?:(?:\+ *[0-9]{1,3}|00 *[0-9]{1,3})[ ./()-]*0?[ ./()-]*[0-9]{0,3}|\(?0?[1-9][0-9]{0,2}\)?) */"
)
_GROUPS_BY_SLASH: Final = re.compile(r"0[1-9][0-9]{0,2}(?:/[0-9]{2,3})+")
_DATE: Final = re.compile(
    r"(?:19|20)[0-9]{2}([-./ ])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-./ ])[0-9]{1,2}\2(?:19|20)[0-9]{2}"
)


def _whole(written: str, resolve: Resolve) -> int | NumberFault:
    """Read a run as one number, with brackets and slashes only where they set off an area code."""
    if written[0] == "(" and written[-1] == ")" and written.count("(") == 1:
        written = _trimmed(written[1:-1]) or written
    if "(" in written or ")" in written:
        head = _AREA_CODE_IN_BRACKETS.match(written)
        if head is None or "(" in written[head.end() :] or ")" in written[head.end() :]:
            return NumberFault.AMBIGUOUS
    if "/" in written and _GROUPS_BY_SLASH.fullmatch(written) is None:
        head = _AREA_CODE_BEFORE_SLASH.match(written)
        if head is None or "/" in written[head.end() :]:
            return NumberFault.AMBIGUOUS
    if _DATE.fullmatch(written):
        return NumberFault.NOT_A_NUMBER
    return resolve(_dial(written))


_NOT_DIGITS: Final = bytes(set(range(128)).difference(b"0123456789"))


def _dial(written: str) -> str:
    """Return what is dialled: the digits, with a plus if there is one first."""
    digits = written.encode("ascii", "ignore").translate(None, _NOT_DIGITS).decode()
    return f"+{digits}" if written.lstrip(" (").startswith("+") else digits


def _trimmed(run: str) -> str:
    """Return a run without the separators around it and without a bracket that has no other half."""
    run = run.lstrip(" -./)").rstrip(" -./(")
    while run.endswith(")") and run.count("(") < run.count(")"):
        run = run[:-1].rstrip(" -./(")
    while run.startswith("(") and run.count(")") < run.count("("):
        run = run[1:].lstrip(" -./)")
    return run
