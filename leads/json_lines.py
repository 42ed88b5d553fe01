"""JSON Lines: one object a line, its keys the headings. Every line is accounted for, and memory stays bounded."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import TextIO, TypeGuard

from leads.errors import UnreadableLeadFile
from leads.headings import MAX_COLUMNS, names_identity
from leads.identities import HIDDEN
from leads.rows import RawRow, RowReason

LINE_LIMIT = 64 * 1024  # characters, as of a line of CSV
KEPT_OF_BAD_ROW = 2_000
LOOKED_AT, LOOKED_AT_CHARACTERS = 1_000, 4 << 20
"""How many lines, and at most how many characters of them, are looked at for the keys that there are."""
DEPTH = 50
"""How deep a value may be nested: more is no fact about a person, and cannot be written again without end."""
_BEGINS = re.compile(r'[\ufeff\s]*\{\s*(?:"|\}\s*$)')
_KEY_ENDS = re.compile(r'"\s*:\s*')
_KEY = 100
"""Characters before its end within which a key begins that is looked at."""
_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{].*|[^\s,}\]]+', re.DOTALL)
"""A value in a text that need be no JSON; of one that holds others, all that follows."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

Value = str | int | float | bool | list["Value"] | dict[str, "Value"] | None


def looks_like_json_lines(first_line: str) -> bool:
    """Return whether a text that begins with this line (or a part of it) is JSON Lines rather than CSV."""
    return _BEGINS.match(first_line) is not None


class JsonLinesReader:
    """The rows of one text. ``headings_cells`` are the keys of the first 1,000 lines, in order of appearance.

    Raises:
        UnreadableLeadFile: none of those lines is an object.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._looked_at: list[tuple[str, bool]] = []
        keys: dict[str, None] = {}
        length = 0
        for line, is_cut in self._lines():
            self._looked_at.append((line, is_cut))
            length += len(line)
            if not is_cut and isinstance(found := _object(line), dict):
                keys.update(dict.fromkeys(found))
            if len(self._looked_at) >= LOOKED_AT or length > LOOKED_AT_CHARACTERS or len(keys) > MAX_COLUMNS:
                break
        if not keys:
            raise UnreadableLeadFile("no line is a JSON object with keys")
        self.headings_cells = list(keys)

    def rows(self) -> Iterator[RawRow]:
        """Give every line's row, in order, once; lines without a character are no rows.

        A row whose cells cannot be told has its line, shortened, as its only cell. Personal identity numbers are
        hidden in it, and in a value that holds others: no column tells of those.
        """
        looked_at, self._looked_at = self._looked_at, []
        for row_no, (line, is_cut) in enumerate(chain(looked_at, self._lines()), 1):
            cells = RowReason.TOO_LONG if is_cut else self._cells(line)
            if isinstance(cells, RowReason):
                yield RawRow(row_no, [_without_identities(line)[:KEPT_OF_BAD_ROW]], cells, line)
            else:
                yield RawRow(row_no, cells, None, line)

    def _cells(self, line: str) -> list[str] | RowReason:
        found = _object(line)
        if isinstance(found, RowReason):
            return found
        try:
            cells = [_text_of(found.pop(heading, None)) for heading in self.headings_cells]
        except (ValueError, RecursionError):
            return RowReason.UNREADABLE
        if any(value not in (None, "") for value in found.values()):
            return RowReason.SURPLUS_CELLS
        if _SURROGATE.search(line) and not _is_text("".join(cells)):
            return RowReason.UNREADABLE_CHARACTERS
        return cells

    def _lines(self) -> Iterator[tuple[str, bool]]:
        """Give the lines with text in them; of one that is too long its beginning, and true, having passed the rest."""
        readline = self._text.readline
        while line := readline(LINE_LIMIT + 2):
            rest, stripped = line, line.strip("\ufeff \t\r\n")
            if len(stripped) > LINE_LIMIT or (len(line) > LINE_LIMIT and not line.endswith(("\n", "\r"))):
                while rest and not rest.endswith(("\n", "\r")):
                    rest = readline(LINE_LIMIT)
                yield stripped[:KEPT_OF_BAD_ROW], True
            elif stripped:
                yield stripped, False


def _object(line: str) -> dict[str, Value] | RowReason:
    """Return the object that a line is, or why it is none."""
    try:
        found: Value = _DECODER.decode(line)
    except (ValueError, RecursionError):
        return RowReason.UNREADABLE
    if not isinstance(found, dict):
        return RowReason.UNREADABLE
    if _SURROGATE.search(line) and not _is_text("".join(found)):
        return RowReason.UNREADABLE_CHARACTERS
    return found


def _once(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key comes twice")
    return found


def _no_number(constant: str) -> Value:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)


def _text_of(value: Value) -> str:
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, float):
        text = repr(value)
        if text in {"inf", "-inf"}:
            raise ValueError("a number past all numbers")
        if text.endswith(".0"):
            return text[:-2]
        return f"{value:.0f}" if "e+" in text else text
    if _is_nested(value) and _depth(value) > DEPTH:
        raise ValueError("a value is nested too deep")
    return _without_identities(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _without_identities(text: str) -> str:
    """Return a text that should be JSON with what stands under the keys of personal identity numbers hidden."""
    parts, end = [], 0
    for key in _KEY_ENDS.finditer(text):
        begins = text.rfind('"', max(end, key.start() - _KEY), key.start()) + 1
        if begins and names_identity(_key(text[begins : key.start()])) and (value := _VALUE.match(text, key.end())):
            parts += [text[end : key.end()], f'"{HIDDEN}"']
            end = value.end()
    return "".join([*parts, text[end:]]) if parts else text


def _key(written: str) -> str:
    try:
        return str(json.loads(f'"{written}"'))
    except ValueError:
        return written


def _is_nested(value: Value) -> TypeGuard[list[Value] | dict[str, Value]]:
    return isinstance(value, list | dict)


def _depth(value: list[Value] | dict[str, Value]) -> int:
    """Return how deep a value is nested, going level by level and not by recursion."""
    depth, level = 0, [value]
    while level and depth <= DEPTH:
        depth += 1
        inner = [part for outer in level for part in (outer.values() if isinstance(outer, dict) else outer)]
        level = [part for part in inner if _is_nested(part)]
    return depth


def _is_text(text: str) -> bool:
    """Return whether the text can be written at all: half a character, as ``\\ud83d`` alone, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
