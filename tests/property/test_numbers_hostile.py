"""Texts made to be slow to read: each is read as the library alone reads it, for a bounded number of its answers."""

from unittest.mock import patch

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.number_plan import NumberFault, NumberKind, is_too_long, kind_by_library, value_by_library
from core.number_text import value_in_text
from core.numbers import Number, read_number

MOST_QUESTIONS = 90  # some 15 µs each
REGIONS = st.one_of(st.just("SE"), st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.sampled_from(("ZZ", "")))
CODES = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)).map(str)
BEGINNINGS = st.one_of(
    st.sampled_from(("", "+", "0", "00", "+46", "0046", "46", "070", "tel:", "Anna ", "(", "011", "810", "14110011")),
    CODES,
    CODES.map("+{}".format),
    CODES.map("00{}".format),
)
PIECES = st.sampled_from(
    ("0", "1", "2", "4", "7", "8", "9", "00", "01", "07", "08", "46", "070", "0046", "001", "003768", "0701740605")
)
JOINTS = st.sampled_from((" ", "-", " - ", "/", " / ", ".", "(", " (", ")", ") ", ""))


@st.composite
def hostile_texts(draw: st.DrawFn) -> str:
    """Write digits in many small groups, so that a run could be cut into two numbers at many places."""
    pieces = st.sampled_from(draw(st.lists(PIECES, min_size=1, max_size=4)))
    joints = st.sampled_from(draw(st.lists(JOINTS, min_size=1, max_size=3)))
    groups = draw(st.lists(st.tuples(joints, pieces), max_size=60))
    return (draw(BEGINNINGS) + "".join(map("".join, groups)))[:250]


@st.composite
def dialled(draw: st.DrawFn) -> str:
    """Make digits of a dial string, longer than the longest number more often than not."""
    beginning = draw(BEGINNINGS)
    digits = "".join(filter(str.isdigit, beginning + "".join(draw(st.lists(PIECES, min_size=3, max_size=16)))))
    return f"+{digits}" if beginning.startswith("+") else digits


def read_by_library_alone(raw: str, region: str) -> Number | NumberFault:
    """Read without the plan compiled for Sweden, and without leaving out what is too long."""
    value = value_in_text(
        raw,
        lambda dial: value_by_library(dial, region),
        lambda value: kind_by_library(value) is not NumberKind.UNKNOWN,
        lambda dial: False,
    )
    return value if isinstance(value, NumberFault) else Number(value)


@given(hostile_texts(), REGIONS)
@settings(max_examples=400, deadline=None)
def test_a_hostile_text_is_read_as_the_library_alone_reads_it(text: str, region: str) -> None:
    assert read_number(text, region=region) == read_by_library_alone(text, region)


@given(dialled(), REGIONS)
@settings(max_examples=1500, deadline=None)
def test_the_library_refuses_whatever_is_called_too_long(dial: str, region: str) -> None:
    assert not is_too_long(dial, region) or isinstance(value_by_library(dial, region), NumberFault)


def test_no_countrys_own_example_is_called_too_long() -> None:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        example = phonenumbers.example_number(region)
        assert example is not None
        nsn = phonenumbers.national_significant_number(example)
        home = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
        forms = (
            f"+{example.country_code}{nsn}",
            f"{example.country_code}{nsn}",
            nsn,
            "".join(filter(str.isdigit, home)),
        )
        assert [form for form in forms if is_too_long(form, region)] == []


def with_digits(beginning: str, group: str, most: int) -> str:
    """Return the beginning and as many groups as there are digits for, and room."""
    digits = [sum(map(str.isdigit, text)) for text in (beginning, group)]
    return (beginning + group * ((most - digits[0]) // digits[1]))[:250]


@pytest.mark.parametrize("region", ["SE", "DE", "GB", "JE", "US", "BR", "JP", "IT", "AU"])
def test_no_text_asks_the_library_more_than_a_bounded_number_of_times(region: str) -> None:
    texts = {
        with_digits(beginning, joint + piece, most)
        for beginning in ("", "0 4", "46", "+49", "+62", "+81 003768", "00 1", "49", "44", "55 0", "61", "39", "81")
        for piece in ("4", "0", "7", "0 4", "001")
        for joint in (" ", " - ")
        for most in (60, 40, 26)
    }

    with patch.object(phonenumbers, "parse", wraps=phonenumbers.parse) as parse:
        for text in texts:
            parse.reset_mock()
            read_number(text, region=region)
            assert parse.call_count <= MOST_QUESTIONS, text
