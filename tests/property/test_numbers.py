"""What holds for every number and every spelling of it. Valid numbers are drawn from the plan at run time."""

from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.number_plan import NumberKind, kind_by_library, swedish_kind, value_by_library
from core.number_text import value_in_text
from core.numbers import Number, NumberFault, read_number, read_valid_number

CALLABLE = (NumberKind.FIXED_LINE, NumberKind.MOBILE, NumberKind.UAN, NumberKind.PERSONAL, NumberKind.SHARED_COST)


def _number(nsn: str) -> Number:
    return Number(int(f"46{nsn}"))


MOBILES = st.from_regex(r"7[02369][0-9]{7}", fullmatch=True).map(_number)
VALID = st.one_of(
    MOBILES,
    st.from_regex(r"[1-9][0-9]{6,8}", fullmatch=True).filter(lambda nsn: swedish_kind(nsn) in CALLABLE).map(_number),
)
POSSIBLE = st.from_regex(r"[1-9][0-9]{5,9}", fullmatch=True).map(_number)
ZEROS = (0x30, 0xFF10, 0x660, 0x966, 0x1D7CE)
SEPARATORS = (
    "",
    " ",
    "-",
    "\u2010",
    "\u2013",
    "\u2212",
    "\uff0d",
    ".",
    "\u00a0",
    "\u2009",
    "\u202f",
    "\u200b",
    "\u00ad",
)
JOINERS = st.sampled_from(
    [
        *(" ", ", ", ",", ";", "/", " / ", "\n", "\t", " eller ", " och ", " or ", " & ", "|", " - ", ". ", "  ", ""),
        *("x", " x ", " ext ", " ankn ", " (", ")(", " + ", "+", " hem, mob ", "\u00a0", "\\", "…", "\x00"),
    ]
)


@st.composite
def written(draw: st.DrawFn, number: Number, *, noted: bool = True) -> str:
    """Write a number as people and spreadsheets do."""
    nsn = str(number.value)[2:]
    prefix = draw(
        st.sampled_from(("0", "0", "+46", "+46 ", "0046", "0046-", "+46(0)", "+46 (0) ", "(+46) ", "+ 46 ", "＋46"))
    )
    at = sorted(draw(st.sets(st.integers(1, len(nsn) - 1), max_size=4)))
    groups = [nsn[a:b] for a, b in pairwise([0, *at, len(nsn)])]
    separator = st.sampled_from(SEPARATORS)
    text = prefix + groups[0] + "".join(draw(separator) + group for group in groups[1:])
    zero = draw(st.sampled_from(ZEROS))
    text = "".join(chr(zero + int(c)) if c in "0123456789" else c for c in text)
    before = (
        draw(st.sampled_from(("", "", " ", "'", "Tel. ", "mob: ", "tel:", "Anna ", "\ufeff", "(", "☎ ")))
        if noted
        else ""
    )
    after = (
        draw(st.sampled_from(("", "", " ", " hem", " (kvällar)", ", ring ej på dagen", " ankn 12", ")", ";", ".")))
        if noted
        else ""
    )
    return before + text + after


@settings(deadline=None)
@given(st.data(), VALID)
def test_every_spelling_of_a_number_is_that_number(data: st.DataObject, number: Number) -> None:
    assert read_valid_number(data.draw(written(number))) == number


@settings(deadline=None)
@given(POSSIBLE)
def test_a_number_read_again_from_its_full_form_is_itself(number: Number) -> None:
    assert read_number(number.e164) == number
    assert read_number(number) == number
    assert (read_valid_number(number.e164) == number) == number.is_valid


@settings(deadline=None)
@given(VALID)
def test_a_number_that_a_spreadsheet_made_a_float_of_is_itself_or_openly_ambiguous(number: Number) -> None:
    value, digits = number.value, str(number.value)
    for form in (value, float(value), f"{value}.0", f"{value},0", f"{digits[0]}.{digits[1:]}E+{len(digits) - 1}"):
        read = read_number(form)
        assert read == number or (read is NumberFault.AMBIGUOUS and len(digits) < 11)


@settings(deadline=None)
@given(VALID)
def test_a_number_as_we_show_it_is_read_back(number: Number) -> None:
    assert read_number(number.national) == number


@given(st.data(), VALID, VALID, JOINERS)
@settings(max_examples=300, deadline=None)
def test_two_numbers_in_one_cell_are_never_one_of_them(
    data: st.DataObject, first: Number, second: Number, joiner: str
) -> None:
    assume(first != second)
    cell = data.draw(written(first, noted=False)) + joiner + data.draw(written(second, noted=False))

    assert isinstance(read_number(cell), NumberFault)


@settings(deadline=None)
@given(st.data(), VALID, st.sampled_from((" ", ", ", "; ", " / ", "/", "\n", " eller ", " & ")))
def test_one_number_twice_in_a_cell_is_that_number(data: st.DataObject, number: Number, joiner: str) -> None:
    cell = f"{number.e164}{joiner}{data.draw(st.sampled_from((number.e164, '0' + number.e164[3:])))}"

    assert read_number(cell) == number


@settings(deadline=None)
@given(MOBILES, st.from_regex(r"[0-9]{1,6}", fullmatch=True), st.sampled_from((" ", " (", ", ", " kl ", "/", " nr")))
def test_digits_of_a_note_never_alter_a_number(number: Number, note: str, joiner: str) -> None:
    assert isinstance(read_number(f"0{number.e164[3:]}{joiner}{note}"), NumberFault)
    assert read_number(f"{note}{joiner}0{number.e164[3:]}") in (*NumberFault, number)


@settings(deadline=None)
@given(VALID, st.integers(0, 8), st.sampled_from("*?•_xX#OolI…%²٪\x00"))
def test_a_masked_or_misread_digit_is_never_left_out(number: Number, place: int, mask: str) -> None:
    digits = f"0{number.e164[3:]}"
    place = len(digits) - 1 - place % len(digits)
    text = digits[:place] + mask + digits[place + 1 :]

    assert isinstance(read_number(text), NumberFault)


@settings(deadline=None)
@given(st.one_of(st.text(), st.binary(), st.floats(), st.integers(), st.none(), st.booleans(), st.lists(st.text())))
def test_nothing_makes_reading_raise(raw: object) -> None:
    for region in ("SE", "US", "NO", "ZZ", ""):
        assert isinstance(read_number(raw, region=region), Number | NumberFault)
        assert isinstance(read_valid_number(raw, region=region), Number | NumberFault)


@given(st.text(alphabet="0123456789+-./() \u00a0\n,;:=xXeE'\"tel&ankn\ud800٣", max_size=260))
@settings(max_examples=500, deadline=None)
def test_nothing_that_looks_like_a_number_makes_reading_raise_or_give_an_impossible_one(raw: str) -> None:
    read = read_number(raw)

    assert isinstance(read, NumberFault) or read_number(read.e164) == read


def read_with_care(raw: str) -> Number | NumberFault:
    """Read by the library alone, without the fast path or the compiled plan."""
    value = value_in_text(
        raw,
        lambda dial: value_by_library(dial, "SE"),
        lambda value: kind_by_library(value) is not NumberKind.UNKNOWN,
        lambda dial: False,
    )
    return value if isinstance(value, NumberFault) else Number(value)


NEAR_MISSES = st.one_of(
    st.from_regex(r"(\+46|0046|46|0|00|)[ -]?[0-9]([ -]{0,2}[0-9]){3,13}", fullmatch=True),
    st.from_regex(r"(\+46|46|0)[ -]?\(?0?\)?[1-9]([ ./-]?[0-9]){4,12}[ x/.-]?[0-9]{0,3}", fullmatch=True),
    st.from_regex(r"46[0-9]{4,11}", fullmatch=True),
)


@settings(deadline=None)
@given(st.data(), VALID)
def test_the_fast_path_is_the_library_on_every_spelling(data: st.DataObject, number: Number) -> None:
    raw = data.draw(written(number))

    assert read_number(raw) == read_with_care(raw)


@given(NEAR_MISSES)
@settings(max_examples=1500, deadline=None)
def test_the_fast_path_is_the_library_on_near_misses(raw: str) -> None:
    assert read_number(raw) == read_with_care(raw)


@settings(deadline=None)
@given(st.integers(min_value=-(10**20), max_value=10**20))
def test_any_stored_value_can_be_shown_masked_and_asked_about(value: int) -> None:
    number = Number(value)

    assert number.is_valid == (kind_by_library(value) is not NumberKind.UNKNOWN)
    assert number.masked in f"{number} {number!r}"
    assert str(value) not in f"{number} {number!r}" or len(str(value)) < 4
    assert isinstance(number.kind, NumberKind)
    assert isinstance(number.national, str)
    assert number.country is None or len(number.country) == 2
