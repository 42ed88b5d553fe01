"""JSON Lines read as rows."""

import io
import json
import tracemalloc

import pytest

from leads.errors import UnreadableLeadFile
from leads.json_lines import LINE_LIMIT, JsonLinesReader, looks_like_json_lines
from leads.rows import RowReason

GOOD = '{"tel": "0701740605", "namn": "Åsa"}'


def rows(*lines: str) -> list[tuple[list[str], RowReason | None]]:
    """Return the cells and the fault of each line."""
    return [(list(row.cells), row.fault) for row in JsonLinesReader(io.StringIO("\n".join(lines))).rows()]


def test_keys_are_headings_in_order_of_their_first_appearance() -> None:
    reader = JsonLinesReader(io.StringIO('{"b": 1}\n\n{"a": 2, "b": 3}\r\n  \n{"c": null}'))

    assert reader.headings_cells == ["b", "a", "c"]
    assert [(row.row_no, row.cells, row.text) for row in reader.rows()] == [
        (1, ["1", "", ""], '{"b": 1}'),
        (2, ["3", "2", ""], '{"a": 2, "b": 3}'),
        (3, ["", "", ""], '{"c": null}'),
    ]


def test_values_become_text_that_says_the_same() -> None:
    line = '{"a": " x ", "b": 46701740605, "c": 46701740605.0, "d": 1.5, "e": true, "f": {"g": [1, "å"]}, "h": 1e20}'

    assert rows(line) == [
        ([" x ", "46701740605", "46701740605", "1.5", "true", '{"g":[1,"å"]}', "100000000000000000000"], None)
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"tel": "1", "tel": "2"}', RowReason.UNREADABLE),
        ('{"tel": {"a": 1, "a": 2}}', RowReason.UNREADABLE),
        ('["tel"]', RowReason.UNREADABLE),
        ("tel;namn", RowReason.UNREADABLE),
        ('{"tel": NaN}', RowReason.UNREADABLE),
        ('{"tel": 1e999}', RowReason.UNREADABLE),
        (f'{{"tel": {"9" * 5000}}}', RowReason.UNREADABLE),
        ('{"tel": "1"} {"tel": "2"}', RowReason.UNREADABLE),
        ('{"tel": "1"', RowReason.UNREADABLE),
        ('{"tel": ' + "[" * 30_000 + "]" * 30_000 + "}", RowReason.UNREADABLE),
        ('{"tel": ' + "[" * 60 + "]" * 60 + "}", RowReason.UNREADABLE),
        ('{"tel": "\\ud83d"}', RowReason.UNREADABLE_CHARACTERS),
    ],
)
def test_a_line_that_is_no_clear_object_is_a_bad_row_and_the_next_is_read(line: str, fault: RowReason) -> None:
    assert rows(GOOD, line, GOOD) == [
        (["0701740605", "Åsa"], None),
        ([line[:2000]], fault),
        (["0701740605", "Åsa"], None),
    ]


def test_a_key_that_was_not_among_the_first_lines_is_surplus_if_it_says_anything() -> None:
    lines = [GOOD] * 1000

    assert rows(*lines, '{"tel": "1", "ny": ""}', '{"tel": "1", "ny": 0}')[1000:] == [
        (["1", ""], None),
        (['{"tel": "1", "ny": 0}'], RowReason.SURPLUS_CELLS),
    ]


@pytest.mark.parametrize(
    ("member", "kept"),
    [
        ('"personnummer": "18900101-9802"', '"personnummer": "[personnummer]"'),
        ('"Personnummer":189001019802', '"Personnummer":"[personnummer]"'),
        ('"f\\u00f8dselsnummer": "12057500245"', '"f\\u00f8dselsnummer": "[personnummer]"'),
        ('"person": {"pnr": "189001019802", "a": 1}', '"person": {"pnr": "[personnummer]", "a": 1}'),
        ('"pnr": ["189001019802"], "a": 1', '"pnr": "[personnummer]"'),
        ('"a": "personnummer", "b": "x"', '"a": "personnummer", "b": "x"'),
    ],
)
def test_an_identity_number_under_a_key_of_later_lines_is_hidden_in_what_is_kept(member: str, kept: str) -> None:
    """The key is no column, as the row says no more than that it has one too many."""
    whole, broken = f'{{"tel": "0701740605", {member}}}', f'{{"tel": "0701740605", {member}'

    found = rows(*[GOOD] * 1000, whole, broken)[1000:]

    assert [fault for _, fault in found] == [RowReason.SURPLUS_CELLS, RowReason.UNREADABLE]
    assert [cells[0].rstrip("}") for cells, _ in found] == [f'{{"tel": "0701740605", {kept}'.rstrip("}")] * 2


def test_an_identity_number_within_a_value_is_hidden() -> None:
    line = '{"tel": "0701740605", "person": {"namn": "Åsa", "personnummer": "189001019802"}}'

    assert rows(line) == [(["0701740605", '{"namn":"Åsa","personnummer":"[personnummer]"}'], None)]


def test_an_emoji_written_in_two_halves_is_text() -> None:
    assert rows('{"tel": "\\ud83d\\ude00"}') == [(["😀"], None)]


@pytest.mark.parametrize("excess", [-1, 0, 1, 2, 3, LINE_LIMIT])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_too_long_is_a_bad_row_and_the_next_is_read(excess: int, end: str) -> None:
    line = json.dumps({"tel": "x" * (LINE_LIMIT - len('{"tel": ""}') + excess)})
    reader = JsonLinesReader(io.StringIO(f"{GOOD}{end}{line}{end}{GOOD}", newline=""))

    found = [(row.cells[0], row.fault) for row in reader.rows()]

    expected = (line[:2000], RowReason.TOO_LONG) if excess > 0 else (json.loads(line)["tel"], None)
    assert found == [("0701740605", None), expected, ("0701740605", None)]


class _Endless(io.TextIOBase):
    """A text whose second line has 300 million characters."""

    def __init__(self) -> None:
        self._left = 300_000_000
        self._ends = [GOOD, "\n", f"{GOOD}\n"]

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        """Return what comes next."""
        if self._left == 0 or len(self._ends) == 3:
            return self._ends.pop() if self._ends else ""
        taken = min(size, self._left)
        self._left -= taken
        return "x" * taken


def test_a_line_without_end_is_not_held_in_memory() -> None:
    tracemalloc.start()
    try:
        faults = [row.fault for row in JsonLinesReader(_Endless()).rows()]  # type: ignore[arg-type]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert faults[:2] == [None, RowReason.TOO_LONG]
    assert most < 2 << 20


@pytest.mark.parametrize("text", ["", "\n\n", "tel;namn\n1;2", "[]", "{}\n{}", "{\n}"])
def test_a_text_without_an_object_is_refused(text: str) -> None:
    with pytest.raises(UnreadableLeadFile):
        JsonLinesReader(io.StringIO(text))


@pytest.mark.parametrize(
    ("line", "is_so"),
    [
        (GOOD, True),
        ('\ufeff  { "tel"', True),
        ("{}", True),
        ("{", False),
        ("{tel;namn", False),
        ("tel;namn", False),
        ('"{""tel""";namn', False),
        ("", False),
        ("[{", False),
    ],
)
def test_json_lines_are_told_from_csv_by_their_first_line(line: str, is_so: bool) -> None:
    assert looks_like_json_lines(line) is is_so
