"""Lines settled a column at a time come out as rows settled one by one, however the text is cut into blocks."""

import csv
import io
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.numbers import Number, read_valid_number
from leads.clean_lines import _MOBILE
from leads.encodings import line_text
from leads.headings import Columns, Field, columns_by_place, read_headings
from leads.lines import BLOCK, LineBlocks
from leads.merkle import Frontier, leaf_hashes
from leads.packed_rows import CHARACTERS
from leads.rows import RawRow, RowReason
from leads.segments import RefusedRow, RepeatedRow, Segment, Segmenter, Start
from tests.deliveries import FIRST

RECEIVED = datetime(2026, 11, 20, 12, tzinfo=UTC)
RETENTION = timedelta(days=100)
HEADINGS = (
    ("Telefon", "Namn"),
    ("Namn", "Telefon", "Född"),
    ("Telefon", "Förnamn", "Efternamn", "Adress", "Postnr", "Ort", "E-post", "Född", "Insamlad", "Referens"),
    ("Ort", "Postnr", "Skostorlek", "Efternamn", "Telefon", "Insamlad"),
    ("Telefon", "Fødselsnummer", "Namn"),
    ("Telefon", "Samtyckestext", "Personnummer", "Namn"),
    ("Telefon",),
    ("Telefon", "Född", "Skostorlek"),
    ("Telefon", "Namn", "Samtycke"),
    ("Telefon", "Namn", "Ring ej"),
    ("Mobil", "Namn", "Telefon 2", "Telefon 3"),
    ("Telefon", "Namn", "Ålder"),
    ("Ålder", "Född", "Telefon"),
)
MORE_NUMBERS = {"number_2": "Telefon 2", "number_3": "Telefon 3"}
SPELLINGS = ("{0}", "+{0}", "00{0}", "0{1}", "0{2}-{3}", "0{2} {3}", " 0{1}", "(0{2}) {3}", "46 {1}", "0{1}.0", "{0}x")
SPACES = " \u00a0\u2007\u3000\u0085\u200b\ufeff"
ODD = [
    *(
        '"',
        '""',
        "'",
        "\\",
        "\x00",
        "\x1c",
        "\x7f",
        "\t",
        "a\ufffdb",
        "\u2028",
        "\u0085",
        "=1+1",
        "å",
        "Ö",
        "😀",
        "\\N",
    ),
    *("Nej", "0"),
    *(",", ";", "|", "·", "^", "~", "]", "-", "x" * 99, "y" * 101, "z" * 201, "å" * 255, "ö" * 301),
]
DATES = (
    *("2015-05-03", "20010503", "2001/05/03", "3.5.2001", "13/5/2001", "5/6/2001", "2001-02-30", "1850-01-01"),
    *("2027-01-01", "2026-11-01T12:00:00Z", "2026-11-01 12:00", "2026-11-21", "2026-11-22", "1989-12-31", "x", "0"),
    *("2026-10-25T02:30", "2026-11-01T12:00:00.123456+02:00", "9999-12-31", "２００１-05-03"),
    *("2001-05-03 00:00:00", "1.11.2026 kl. 12.00", "2026-11-01 10.5"),
)
AGES = ("42", "17", " 18 ", "18-25", "50+", "under 20", "0", "1980", "okänd", "42 år")


def columns_of(headings: Iterable[str]) -> Columns:
    """Return what the columns mean; those of more numbers are mapped."""
    listed = list(headings)
    return read_headings(listed, {field: heading for field, heading in MORE_NUMBERS.items() if heading in listed})


def spelled(number: int, way: str) -> str:
    """Return the number as somebody may write it."""
    digits = str(number)
    return way.format(digits, digits[2:], digits[2:4], digits[4:])


numbers = st.builds(spelled, st.integers(FIRST, FIRST + 9), st.sampled_from(SPELLINGS)) | st.sampled_from(
    ["40628040", "040-62 80 40", "40 62 80 40"]
)
words = st.text(st.sampled_from("abÅö ") | st.sampled_from(SPACES), max_size=6)
blanks = st.text(st.sampled_from(" '=") | st.sampled_from(SPACES), max_size=3) | st.just(" " * 300)
cells = st.one_of(
    numbers,
    blanks,
    words,
    st.sampled_from(DATES),
    st.sampled_from(ODD),
    st.sampled_from(AGES),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.builds("{}{}".format, words, st.sampled_from(ODD)),
)


def called(columns: Columns) -> st.SearchStrategy[str]:
    """Return cells of the first column of numbers: often blank, where another one may speak."""
    return numbers | (blanks if Field.NUMBER_2 in columns.places else numbers) | cells


@dataclass(frozen=True)
class Text:
    """A CSV text below its headings: its lines with their ends, and what its columns mean."""

    columns: Columns
    delimiter: str
    content: bytes
    encoding: str


@st.composite
def texts(draw: st.DrawFn) -> Text:
    """Return rows that are good in the main, written with and without quotes, among blank and broken lines."""
    headings = draw(st.sampled_from(HEADINGS))
    columns = columns_of(headings) if draw(st.booleans()) else columns_by_place(len(headings), {"number": "#1"})
    delimiter = draw(st.sampled_from(",;\t|;;^~§"))
    place = columns.places["number"]  # type: ignore[index] # a field is its own name
    lines = []
    for _ in range(draw(st.integers(0, 12))):
        row = [draw(st.sampled_from(["", "Åsa", "2001-05-03", "2026-11-01", "42"]) | cells) for _ in headings]
        row[place] = draw(called(columns))
        quoted = draw(st.sampled_from(["none", "all", "some", "broken"]))
        if quoted == "all" or (quoted == "some" and draw(st.booleans())):
            row = [f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row]
        elif quoted == "broken":
            at = draw(st.integers(0, len(row) - 1))
            row[at] = draw(st.sampled_from(['"{}', '{}"', '"{}"x', '"{}\n{}"', ' "{}"', '"{}\n'])).format(row[at], "y")
        row = row[: draw(st.sampled_from([len(row)] * 8 + [1]))] + draw(st.sampled_from([[]] * 8 + [[""], ["x"]]))
        lines.append(delimiter.join(row))
        lines += [""] * draw(st.sampled_from([0] * 6 + [1, 3]))
    ends = draw(st.sampled_from(["\n", "\r\n", "\r", "mixed"]))
    written = [line + (draw(st.sampled_from(["\n", "\r\n", "\r"])) if ends == "mixed" else ends) for line in lines]
    whole = "".join(written)
    if draw(st.booleans()):
        whole = whole.rstrip("\r\n")
    encoding = draw(st.sampled_from(["utf-8", "cp1252", "utf-16"]))
    content = whole.encode(encoding, "replace")
    return Text(columns, delimiter, content, encoding)


@dataclass
class Found:
    """All that segments hold, put together."""

    leads: pl.DataFrame
    refused: list[RefusedRow]
    repeated: list[RepeatedRow]
    persons: list[object]
    rows: int
    frontier: str


def settled(
    text: Text, *, together: bool, block: int = BLOCK, with_cells: bool = True, identity: bool = False
) -> Found:
    """Return what becomes of the text's rows, settled together as far as that goes or one by one."""
    stream, codec = line_text(io.BytesIO(text.content), text.encoding)
    segmenter = Segmenter(
        text.columns,
        RECEIVED,
        RETENTION,
        Start(),
        delimiter=text.delimiter,
        identity=identity,
        with_cells=with_cells,
    )
    if not together:
        segmenter._clean.is_possible = False
    return put_together(segmenter.of_lines(LineBlocks(stream, codec, size=block)))


def put_together(read: Iterable[Segment]) -> Found:
    """Return what the segments of one file hold, each of which begins where the one before ends."""
    segments = list(read)
    frames = [segment.leads for segment in segments]
    before = [(0, 0), *((segment.end, segment.mark.end_position) for segment in segments)]
    assert [(segment.rows_before, segment.mark.position) for segment in segments] == before[:-1]
    return Found(
        pl.concat(frames).sort("number") if frames else pl.DataFrame(),
        [row for segment in segments for row in segment.refused],
        [row for segment in segments for row in segment.repeated],
        [person for segment in segments for person in segment.persons],
        sum(segment.rows for segment in segments),
        segments[-1].mark.frontier if segments else "0:",
    )


def of_two(lines: str, *headings: str) -> Text:
    """Return a text with semicolons."""
    return Text(read_headings(headings), ";", lines.encode(), "utf-8")


@given(texts(), st.booleans(), st.booleans())
@example(of_two("0701740605\n", "Telefon", "Insamlad"), False, False)
@example(of_two("0701740605;12057500245\n", "Telefon", "Fødselsnummer"), True, False)
def test_rows_settled_together_come_out_as_rows_settled_one_by_one(
    text: Text, with_cells: bool, identity: bool
) -> None:
    together = settled(text, together=True, with_cells=with_cells, identity=identity)

    one_by_one = settled(text, together=False, with_cells=with_cells, identity=identity)
    assert together.leads.equals(one_by_one.leads)
    assert together.leads.schema == one_by_one.leads.schema
    assert together.refused == one_by_one.refused
    assert together.repeated == one_by_one.repeated
    assert together.persons == one_by_one.persons
    assert (together.rows, together.frontier) == (one_by_one.rows, one_by_one.frontier)


@given(texts(), st.integers(1, 400), st.booleans())
@example(of_two('0701740605;"a\nb"\n' * 9 + '0701740606;"c\n', "Telefon", "Namn"), 1, True)
def test_a_text_cut_into_blocks_anywhere_gives_the_same_rows_and_the_same_root(
    text: Text, block: int, together: bool
) -> None:
    cut = settled(text, together=together, block=block)

    whole = settled(text, together=together)
    assert cut.leads.equals(whole.leads) or cut.rows == whole.rows == 0
    assert (cut.refused, cut.repeated, cut.persons) == (whole.refused, whole.repeated, whole.persons)
    assert (cut.rows, cut.frontier) == (whole.rows, whole.frontier)


@given(texts())
def test_every_row_is_a_lead_or_refused_or_repeated_once(text: Text) -> None:
    found = settled(text, together=True)

    kept = [] if found.leads.is_empty() else found.leads["row_no"].to_list()
    rows = sorted([*kept, *(row.row_no for row in found.refused), *(row.row_no for row in found.repeated)])
    assert rows == list(range(1, found.rows + 1))
    assert Frontier.from_text(found.frontier).size == found.rows


@st.composite
def rows_of_cells(draw: st.DrawFn) -> tuple[Columns, list[RawRow]]:
    """Return rows as a workbook or JSON gives them: cells with any character, half a surrogate pair among them."""
    columns = columns_of(draw(st.sampled_from(HEADINGS)))
    place, width = columns.places["number"], len(columns.headings)  # type: ignore[index] # a field is its own name
    odd = st.text(st.sampled_from("a\x1f\x1e\n\t\"'\\\ud800,;"), max_size=3)
    rows = []
    for row_no in range(1, draw(st.integers(0, 12)) + 1):
        row = [draw(st.sampled_from(["", "Åsa", "2001-05-03", "2026-11-01"]) | cells | odd) for _ in range(width)]
        row[place] = draw(called(columns))
        row = row[: draw(st.sampled_from([width] * 8 + [1]))] + draw(st.sampled_from([[]] * 8 + [[""], ["x"]]))
        fault = draw(st.sampled_from([None] * 8 + [RowReason.FORMULA]))
        rows.append(RawRow(row_no, row, fault, str(row_no)))
    return columns, rows


@given(rows_of_cells(), st.integers(1, 5), st.booleans(), st.booleans())
@example((read_headings(["Telefon", "Namn"]), [RawRow(1, ["0701740605\x1f", ""], None, "1")]), 9, True, False)
@example((read_headings(["Telefon", "Namn"]), [RawRow(1, ["0701740605", "\ud800"], None, "1")]), 9, True, False)
@example((read_headings(["Telefon", "Namn"]), [RawRow(1, ["0701740605\x1fx"], None, "1")]), 9, True, False)
def test_rows_of_cells_settled_together_come_out_as_rows_settled_one_by_one(
    given: tuple[Columns, list[RawRow]], size: int, with_cells: bool, identity: bool
) -> None:
    columns, rows = given

    def found(*, together: bool) -> Found:
        segmenter = Segmenter(columns, RECEIVED, RETENTION, Start(), identity=identity, with_cells=with_cells)
        if not together:
            segmenter._clean_cells.is_possible = False
        return put_together(segmenter.of_rows(rows, size=size))

    together, one_by_one = found(together=True), found(together=False)
    assert together.leads.equals(one_by_one.leads)
    assert together.leads.schema == one_by_one.leads.schema
    assert (together.refused, together.repeated) == (one_by_one.refused, one_by_one.repeated)
    assert (together.persons, together.rows) == (one_by_one.persons, one_by_one.rows)
    assert together.frontier == one_by_one.frontier


def test_a_segment_of_long_rows_has_few_of_them() -> None:
    columns = read_headings(["Telefon", "Namn"])
    rows = [RawRow(row_no, ["0701740605", ""], None, "x" * 60_000) for row_no in range(1, 1001)]

    segments = list(Segmenter(columns, RECEIVED, RETENTION, Start()).of_rows(rows))

    assert put_together(segments).rows == len(rows)
    assert max(segment.rows for segment in segments) * 60_000 < 2 * CHARACTERS


FORMS = (
    *("{0}{1}{2}{3}", "{0}-{1}{2}{3}", "{0}-{1} {2}{3}", "{0} {1} {2}{3}", "{0} {1}{2}{3}", "{0}-{1} {2} {3}"),
    *("{0}-{1}{2} {3}", "{0} {1} {2} {3}", "{0} {1}-{2} {3}", "{0}--{1}{2}{3}", "{0}{1} {2}{3}", "{0}-{1} {2}-{3}"),
)


def test_every_mobile_number_that_is_read_together_is_read_so_by_itself() -> None:
    """All prefixes of four digits after the trunk prefix, in every grouping, and the last digits in turn."""
    places = itertools.count()
    cells = [
        form.format(f"{trunk}7{area}", *groups)
        for trunk in ("0", "+46", "0046", "46")
        for area in range(10)
        for start in range(1000)
        for digits in (f"{start:03}{next(places) * 7919 % 10_000:04}",)
        for form in FORMS
        for groups in ((digits[:3], digits[3:5], digits[5:]), (digits[:2], digits[2:4], digits[4:]))
    ]
    taken = [cell for cell in cells if re.search(_MOBILE, cell)]
    assert len(taken) > 100_000

    settler = Segmenter(read_headings(["tel", "namn"]), RECEIVED, RETENTION, Start())
    values = settler._clean._numbers(pl.Series(taken))

    assert values.to_list() == [
        read.value if isinstance(read := read_valid_number(cell), Number) else None for cell in taken
    ]


@given(texts(), st.integers(1, 200))
def test_every_row_has_the_cells_that_csv_finds_in_its_text(text: Text, block: int) -> None:
    stream, codec = line_text(io.BytesIO(text.content), text.encoding)
    segmenter = Segmenter(text.columns, RECEIVED, RETENTION, Start(), delimiter=text.delimiter)

    for row in segmenter.raw_lines(LineBlocks(stream, codec, size=block)):
        if row.fault is None:
            written = io.StringIO(row.text, newline="")
            assert list(row.cells) == next(csv.reader(written, delimiter=text.delimiter, strict=True))


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_the_root_is_that_of_every_row_as_it_stands_in_the_text(encoding: str) -> None:
    rows = ["0701740605;Åsa", '"0701740606";"Bo"', "hemligt;", '0701740605;"två\nrader"', "x"]
    text = Text(read_headings(["tel", "namn"]), ";", "\r\n".join(rows).encode(encoding), encoding)

    frontier = Frontier()
    frontier.append_hashes(leaf_hashes(row.encode() for row in rows))
    assert settled(text, together=True, block=20).frontier == frontier.to_text()
