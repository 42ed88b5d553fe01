"""Register lines read a block at a time come out as lines read one by one, whatever the layout."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnc.registers.layouts import SHIPPED, Columns, FileKind, Layout, Prefix
from dnc.registers.plain_lines import PlainLines
from dnc.registers.rows import Row, RowReader, places_of

NUMBERS = (
    *("46701740605", "46846500400", "46980319299", "447700900123", "442079460999", "3227911234", "35891234567"),
    *("4790123456", "4520123456", "14165550142", "12025550199", "18002045678", "441800204567", "358941234567"),
)
WAYS = (
    "+{0}",
    "{0}",
    "00{0}",
    "0{1}",
    "{1}",
    "0{2}",
    "{2}",
    " {0}",
    "+{0} ",
    "{0}.0",
    "0{1}0",
    "+{1}",
    "00{1}",
    "1{2}",
)
ODD = ("", " ", "x", '"', "é", "\x1c", "\t", "0", "+", "-", "112", "0000000000", "12345678901234567890", "＋4670")
MARKS = ("A", "a", "D", " d ", "J", "nej", "1", "0", "", "?", "Ja", "x" * 41)
DATES = ("2026-11-15", "20261115", "2026-11-15T12:00:00Z", "2026-11-15 12:00", "15/11/2026", "", "2026-02-30")
CHANGES = Columns(area=1, local=2, action=3, date=4, width=4)

LAYOUTS: tuple[tuple[Layout, FileKind], ...] = (
    *((layout, FileKind.FULL) for country, layout in SHIPPED.items() if country not in ("NO", "DK")),
    (SHIPPED["US"], FileKind.CHANGES),
    *((replace(SHIPPED[country], columns=Columns(number=2, result=1)), FileKind.FULL) for country in ("NO", "DK")),
    *(
        (replace(SHIPPED[country], prefix=prefix), FileKind.FULL)
        for country in ("SE", "GB", "FI", "BE")
        for prefix in Prefix
    ),
    (
        Layout(name="x", country="IE", delimiter="|", columns=Columns(number=3, width=3), prefix=Prefix.BARE),
        FileKind.FULL,
    ),
)


def spelled(number: str, way: str) -> str:
    """Return the number as a register may write it."""
    return way.format(number, number[2:], number[1:])


cells = st.one_of(
    st.builds(spelled, st.sampled_from(NUMBERS), st.sampled_from(WAYS)),
    st.builds(str, st.integers(10**3, 10**13)),
    st.builds("0{}".format, st.integers(10**4, 10**11)),
    st.sampled_from(("416", "202", "041", "141", "5550142", "5550199", "0550142")),
    st.sampled_from(MARKS),
    st.sampled_from(DATES),
    st.sampled_from(ODD),
)


@st.composite
def lines(draw: st.DrawFn, layout: Layout, kind: FileKind) -> list[str]:
    """Return lines of about as many columns as the layout has, and in the main of what belongs there."""
    columns = layout.columns_of(kind) or layout.columns
    by_place = {place: name for name, place in columns.named.items()}
    fitting = {
        "area": st.sampled_from(("416", "202", "800", "041")),
        "local": st.sampled_from(("5550142", "5550199", "2345678")),
        "number": cells,
        "result": st.sampled_from(MARKS),
        "action": st.sampled_from(MARKS),
        "date": st.sampled_from(DATES),
    }
    found = []
    for _ in range(draw(st.integers(0, 8))):
        width = draw(st.sampled_from([columns.width or 3] * 6 + [1, 2, 3, 5])) if layout.delimiter else 1
        row = [
            draw(fitting[by_place[place]] if place in by_place and draw(st.integers(0, 5)) else cells)
            for place in range(1, width + 1)
        ]
        if draw(st.integers(0, 9)) == 0:
            row[0] = f'"{row[0]}"'
        found.append((layout.delimiter or draw(st.sampled_from(";,\t"))).join(row))
    return found


@pytest.mark.parametrize(
    ("layout", "kind"), LAYOUTS, ids=[f"{one.country}-{one.prefix}-{kind}" for one, kind in LAYOUTS]
)
@settings(max_examples=25)
@given(data=st.data())
def test_a_block_of_lines_says_what_its_lines_say(layout: Layout, kind: FileKind, data: st.DataObject) -> None:
    rows = RowReader(layout, kind, places_of(layout.columns_of(kind) or layout.columns, kind))
    written = data.draw(lines(layout, kind))

    read = PlainLines(rows).read("".join(f"{line}\n" for line in written).encode())

    left = set(read.left.tolist())
    told = [rows.read(line) for place, line in enumerate(written) if place not in left and line]
    found = zip(read.values.tolist(), read.is_listed.tolist(), read.at.tolist(), strict=True)
    assert told == [Row(value, is_listed, at) for value, is_listed, at in found]


@pytest.mark.parametrize(("layout", "line"), [
    (SHIPPED["SE"], "+46701740605"),
    (SHIPPED["SE"], "0701740605"),
    (SHIPPED["US"], "202,5550142"),
    (SHIPPED["CA"], "416,5550142"),
    (SHIPPED["BE"], "+3210000001;2026-11-15"),
    (SHIPPED["GB"], "07700900123"),
    (SHIPPED["FI"], "+358100000001"),
])  # fmt: skip
def test_what_the_registers_send_by_the_million_is_read_a_block_at_a_time(layout: Layout, line: str) -> None:
    rows = RowReader(layout, FileKind.FULL, places_of(layout.columns, FileKind.FULL))

    assert not PlainLines(rows).read(f"{line}\n".encode()).left.size
