"""Numbers as people write them, one line each: what is read, and what is refused."""

import dataclasses
import json
import logging
import pickle

import phonenumbers
import pytest

from core.numbers import (
    Number,
    NumberFault,
    NumberKind,
    metadata_version,
    read_number,
    read_valid_number,
)

MOBILE = Number(46701740605)
STOCKHOLM = Number(46846500400)
KIRUNA = Number(46980319200)


def example(region: str) -> Number:
    """Return the library's own example of a country's numbers."""
    number = phonenumbers.example_number(region)
    assert number is not None
    return Number(int(f"{number.country_code}{number.national_number}"))


BRITISH = example("GB")


@pytest.mark.parametrize(
    "raw",
    [
        "0701740605",
        "070-174 06 05",
        "0701-740605",
        "070.174.06.05",
        "070/174 06 05",
        "0701/740605",
        "070/174/06/05",
        "(070) 174 06 05",
        "(0701) 74 06 05",
        "[070] 174 06 05",
        "+46701740605",
        "+46 70 174 06 05",
        "+46(0)70-174 06 05",
        "+46 (0) 70 174 06 05",
        "(+46) 70-174 06 05",
        "+46/70-174 06 05",
        "0046701740605",
        "0046 (0)70 174 06 05",
        "46701740605",
        "460701740605",
        "46 (0)70 174 06 05",
        "701740605",
        "70-174 06 05",
        "'0701740605",
        '="0701740605"',
        " 0701740605\r\n",
        "\ufeff0701740605",
        "070\u00a0174\u200906\u202f05",
        "070\u2010174\u201306\u201405",
        "070\u200b1740605",
        "０７０－１７４　０６　０５",
        "＋４６７０１７４０６０５",
        "٠٧٠١٧٤٠٦٠٥",
        "tel:+46-70-174-06-05",
        "TEL:0701740605",
        "tel:+46701740605;ext=12",
        "tel:+46701740605;isub=12;phone-context=+45",
        "tel:701740605;phone-context=+46",
        "tel:070-1740605;phone-context=example.com",
        "tel:%2B46%20701740605",
        "46701740605.0",
        "46701740605,00",
        "701740605.0",
        "4.6701740605E+10",
        "4,6701740605e10",
        46701740605,
        701740605,
        46701740605.0,
        701740605.0,
        "mob: 070-174 06 05 (kvällar)",
        "070-174 06 05 hem",
        "Tel. 070-174 06 05",
        "Tel.0701740605",
        "mobil 701740605",
        "Anna (070-174 06 05)",
        "Anna A\u030akesson 070-174 06 05",
        "☎ 070-174 06 05",
        "070-174 06 05!",
        "070-174 06 05 ankn 12",
        "070-174 06 05 / 0701740605",
        "0701740605, +46701740605",
        "070-174 06 05 070-174 06 05",
        "0701740605;0701740605;46701740605",
        MOBILE,
    ],
)
def test_every_spelling_is_one_number(raw: object) -> None:
    assert read_valid_number(raw) == MOBILE


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("08-465 004 00", STOCKHOLM),
        ("08/465 004 00", STOCKHOLM),
        ("(08) 465 004 00", STOCKHOLM),
        ("84650040 0", STOCKHOLM),
        ("+46 (0)8/465 004 00", STOCKHOLM),
        ("08-465 004 00 ankn. 12", STOCKHOLM),
        ("08-465 004 00 (anknytning 123)", STOCKHOLM),
        ("08-465 004 00, ext. 12", STOCKHOLM),
        ("08-465 004 00x12", STOCKHOLM),
        ("08-465 004 00 x 12", STOCKHOLM),
        ("0980-31 92 00", KIRUNA),
        ("980319200", KIRUNA),
    ],
)
def test_fixed_lines_and_their_extensions_are_read(raw: str, number: Number) -> None:
    assert read_valid_number(raw) == number


@pytest.mark.parametrize(
    "raw",
    [
        "070-174 06 05 / 08-465 004 00",
        "070-1740605, 0701740606",
        "070-174 06 05 eller 06",
        "070-174 06 05 eller 0701740606",
        "0701740605 0701740606",
        "0701740605\n0701740606",
        "0701740605/06",
        "0701740605/0701740606",
        "+46701740605+46701740606",
        "070-174 06 05 2",
        "070-174 06 05 (2)",
        "070-174 06 05 efter kl 17",
        "08-465 004 0 (1)",
        "08-465 004 00 ankn 12, 13",
        "08-465 004 00 ext 0701740605",
        "08-465004x0",
        "08-465 004 x 01",
        "070-174 060x5",
        "46701740x605",
        "O701740605",
        "07O1740605",
        "070174060O",
        "kund 701740605",
        "4.67E+10",
        "4.670174060E+10",
        "tel:+46701740605;foo=12",
        "46,701,740,605",
        "24/7 0701740605",
        "1 2 3 4 5 6 7 eller 8, 9, 10, 11, 12, 13, 14",
    ],
)
def test_what_could_mean_two_things_is_ambiguous(raw: str) -> None:
    assert read_number(raw) is NumberFault.AMBIGUOUS


@pytest.mark.parametrize(
    "raw",
    [
        "-", "inget", "saknas", "?", "08-465 004 **", "08-465 004 xx", "08-465 004 ..", "08-465 004 x", "070-174 06 0?",
        "+46•••••05", "070\x001740605", "070\ud8001740605", "\u202e5060471070", "070174060²", "0\u03367\u03360",
        "2024-01-08", "31-12-1980", "4.67017406055E+10", True, False, b"0701740605", float("nan"), float("inf"),
        -46701740605, 0.5, 2.0**60, [], object(),
    ],
)  # fmt: skip
def test_what_is_not_a_whole_number_is_refused(raw: object) -> None:
    assert read_number(raw) is NumberFault.NOT_A_NUMBER


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (None, NumberFault.EMPTY),
        ("", NumberFault.EMPTY),
        (" \u00a0\t\u200b", NumberFault.EMPTY),
        ('""', NumberFault.EMPTY),
        ("070-174", NumberFault.TOO_SHORT),
        ("012345", NumberFault.TOO_SHORT),
        ("7", NumberFault.TOO_SHORT),
        ("0" * 9 + "1" * 12, NumberFault.TOO_LONG),
        ("07017406050701740606", NumberFault.TOO_LONG),
        ("1" * 100, NumberFault.TOO_LONG),
        ("0701740605" + " " * 300, NumberFault.TOO_LONG),
        (10**300, NumberFault.TOO_LONG),
        ("+999 70 174 06 05", NumberFault.IMPOSSIBLE),
        ("070174060500", NumberFault.IMPOSSIBLE),
        ("+46 00 70 174 06 05", NumberFault.IMPOSSIBLE),
        ("118118", NumberFault.INVALID),
    ],
)
def test_a_fault_says_why(raw: object, fault: NumberFault) -> None:
    assert read_number(raw) is fault


def test_a_hostile_giant_is_refused_before_it_is_read() -> None:
    assert read_number(10**5000) is NumberFault.TOO_LONG
    assert read_number("1 " * 10**6) is NumberFault.TOO_LONG


@pytest.mark.parametrize("raw", ["112", "90000", "11414", "118 118", "+46112", 112])
def test_emergency_and_short_numbers_are_faults_since_they_have_no_full_form(raw: object) -> None:
    assert isinstance(read_number(raw), NumberFault)


@pytest.mark.parametrize(
    "raw", ["19800101-0000", "198001010000", "8001010000", "900101-0000", "9001010000", "20240108"]
)
def test_dates_and_identity_numbers_are_not_taken_for_numbers_that_lost_their_zero(raw: str) -> None:
    assert isinstance(read_number(raw), NumberFault)


def test_an_opt_out_may_be_possible_without_being_valid_but_a_lead_may_not() -> None:
    machine = f"071{'2' * 10}"

    number = read_number(machine)

    assert isinstance(number, Number)
    assert not number.is_valid
    assert number.kind is NumberKind.M2M
    assert read_valid_number(machine) is NumberFault.INVALID


def test_numbers_of_other_countries_need_their_plus_or_their_region() -> None:
    british = f"{BRITISH.value}"[2:]

    assert read_number(f"+44 {british}") == read_number(f"0044 {british}") == BRITISH
    assert read_number(f"0{british}", region="GB") == read_number(f"0{british}", region="gb") == BRITISH
    assert isinstance(read_number(f"44{british}"), NumberFault)
    assert isinstance(read_number("0701740605", region="ZZ"), NumberFault)
    assert read_number("+46701740605", region="ZZ") == MOBILE
    assert BRITISH.national.startswith("+44 ")


def test_a_number_is_shown_masked_wherever_it_could_be_shown_by_mistake(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("numbers").warning("called %s %r", MOBILE, [MOBILE])

    shown = f"{MOBILE} {MOBILE:>20} {MOBILE!r} {[MOBILE]} {caplog.text} {KeyError(MOBILE)}"

    assert "+46•••••05" in shown
    assert "0605" not in shown
    assert "70174" not in shown
    with pytest.raises(TypeError):
        json.dumps(MOBILE)


def test_a_short_foreign_number_shows_none_of_its_digits() -> None:
    assert example("SH").masked == "+290•••••"
    assert BRITISH.masked == f"+44•••••{BRITISH.value % 100:02}"
    assert isinstance(read_number(MOBILE.masked), NumberFault)


def test_a_number_knows_its_forms_country_and_kind() -> None:
    assert (MOBILE.e164, MOBILE.national, MOBILE.country) == ("+46701740605", "070-174 06 05", "SE")
    assert (MOBILE.kind, MOBILE.is_valid) == (NumberKind.MOBILE, True)
    assert (STOCKHOLM.national, STOCKHOLM.kind) == ("08-465 004 00", NumberKind.FIXED_LINE)
    assert (Number(46112).kind, Number(4690000).kind) == (NumberKind.EMERGENCY, NumberKind.EMERGENCY)
    assert Number(4611414).kind is NumberKind.SHORT
    assert Number(int(f"800{'1' * 8}")).country is None
    assert BRITISH.country == "GB"
    assert Number(-1).kind is NumberKind.UNKNOWN


def test_numbers_are_values_that_sort_and_cannot_be_changed() -> None:
    assert sorted([STOCKHOLM, MOBILE]) == [MOBILE, STOCKHOLM]
    assert {MOBILE, Number(46701740605)} == {MOBILE}
    assert pickle.loads(pickle.dumps(MOBILE)) == MOBILE
    with pytest.raises(dataclasses.FrozenInstanceError):
        MOBILE.value = 1  # type: ignore[misc]  # the mistake that is tested


def test_the_version_on_record_is_the_librarys() -> None:
    assert metadata_version() == phonenumbers.__version__
