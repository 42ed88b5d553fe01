"""Personnummer and samordningsnummer: read beyond doubt, kept sealed, never shown. Only Skatteverket's test numbers."""

import json
import re
from datetime import date

import pytest

from core.secrets import keyring
from leads.headings import Field, read_headings
from leads.identities import (
    HIDDEN,
    Identity,
    identity_index,
    open_identity,
    read_identity,
    seal_identity,
    without_identities,
)

TODAY = date(2026, 11, 20)
KEYS = keyring(b"k" * 32)
ANNA = Identity("199006022397")


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("199006022397", "199006022397"),
        ("19900602-2397", "199006022397"),
        ("900602-2397", "199006022397"),
        ("9006022397", "199006022397"),
        (" 900602-2397 ", "199006022397"),
        ("000105-2380", "200001052380"),
        ("701063-2391", "197010632391"),
        ("850812-2390", "198508122390"),
    ],
)
def test_a_number_is_read_in_every_form_that_it_is_written_in(written: str, digits: str) -> None:
    identity = read_identity(written, TODAY)

    assert identity is not None
    assert identity.digits == digits


def test_a_plus_says_that_the_person_turns_a_hundred_or_more_this_year() -> None:
    assert [
        found.digits if (found := read_identity(text, TODAY)) else None for text in ("000105+2380", "000105-2380")
    ] == [
        "190001052380",
        "200001052380",
    ]
    assert read_identity("20000105+2380", TODAY) is None
    assert read_identity("19000105+2380", TODAY) is not None


def test_the_century_is_seen_from_the_day_that_the_file_came() -> None:
    assert read_identity("000105-2380", date(1999, 6, 1)) == Identity("190001052380")


@pytest.mark.parametrize(
    "written",
    [
        "199006022398",
        "199006312397",
        "199013022397",
        "900602 2397",
        "900602--2397",
        "90060223",
        "19900602239",
        "1990060223977",
        "556036-0793",
        "165560360793",
        "900602-T239",
        "900602T239",
        "203006022399",
        "188006022397",
        "199006020005",
        "１９９００６０２２３９７",
        "hemligt",
        "",
    ],
)
def test_what_is_no_number_beyond_doubt_is_none(written: str) -> None:
    assert read_identity(written, TODAY) is None


def test_somebody_who_is_born_tomorrow_has_no_number_yet() -> None:
    assert read_identity("200002292381", date(2000, 2, 28)) is None
    assert read_identity("200002292381", date(2000, 2, 29)) is not None


def test_a_coordination_number_gives_its_day_less_sixty_or_no_date_where_it_is_left_open() -> None:
    known = read_identity("701063-2391", TODAY)
    no_day, no_month = (read_identity(with_check_digit(nine), TODAY) for nine in ("197010602390", "197000632390"))

    assert known is not None
    assert known.birth_date == date(1970, 10, 3)
    assert no_day is not None
    assert no_month is not None
    assert (no_day.birth_date, no_month.birth_date) == (None, None)
    assert read_identity(with_check_digit("197020602390"), TODAY) is None
    assert ANNA.birth_date == date(1990, 6, 2)


def with_check_digit(digits: str) -> str:
    """Return the number with whichever last digits are right, found by trying: for a good number there is one."""
    found = [last for last in "0123456789" if read_identity(digits[:-1] + last, TODAY)]
    return digits[:-1] + "".join(found)


@pytest.mark.parametrize("digits", ["188010602390", "197010600000", "203010602390"])
def test_a_date_left_open_opens_nothing_else(digits: str) -> None:
    assert with_check_digit(digits) == digits[:-1]


@pytest.mark.parametrize(
    ("heading", "number"),
    [
        ("Fødselsnummer", "12057500245"),
        ("Fødselsnummer", "120575 00245"),
        ("D-nummer", "52057500245"),
        ("CPR-nr.", "311299-0000"),
        ("CPR-nr.", "3112990000"),
        ("Henkilötunnus", "131052-308T"),
        ("Henkilötunnus", "131052A308T"),
        ("Kennitala", "311299-0009"),
    ],
)
def test_a_number_of_another_country_is_hidden_too_where_cells_cannot_be_told_apart(heading: str, number: str) -> None:
    columns = read_headings(["Tel", heading, "Namn"])

    for cells in (["+46701740605", number], [f'+46701740605;"{number};Anna']):
        kept = ";".join(columns.blanked(cells))
        assert HIDDEN in kept
        assert "+46701740605" in kept
        assert number not in kept


def test_a_number_is_not_taken_for_one_of_another_country_where_no_column_has_such() -> None:
    columns = read_headings(["Tel", "Personnr", "Namn"])

    assert columns.blanked(["+46701740605", "311299-0000"]) == ["+46701740605", "311299-0000"]


def test_its_digits_are_in_no_text_of_it() -> None:
    assert "1990" not in f"{ANNA} {ANNA!r} {[ANNA]} {json.dumps(str(ANNA))}"


def test_sealed_it_opens_for_its_own_row_alone() -> None:
    sealed = seal_identity(KEYS, ANNA, "file:1")

    assert open_identity(KEYS, sealed, "file:1") == ANNA
    assert "199006022397" not in sealed
    for row, text, keys in (
        ("file:2", sealed, KEYS),
        ("file:1", sealed[:-2] + ("AA" if not sealed.endswith("AA") else "BB"), KEYS),
        ("file:1", sealed[:-8], KEYS),
        ("file:1", "pn1", KEYS),
        ("file:1", sealed + "!", KEYS),
        ("file:1", sealed, keyring(b"x" * 32)),
    ):
        with pytest.raises(ValueError, match="personal identity number") as refused:
            open_identity(keys, text, row)
        assert "1990" not in str(refused.value)


def test_no_two_seals_of_one_number_are_alike_and_each_says_which_key_it_needs() -> None:
    seals = {seal_identity(KEYS, ANNA, "file:1") for _ in range(50)}

    assert len(seals) == 50
    assert {len(seal) for seal in seals} == {67}
    assert len({seal.split(".")[1] for seal in seals}) == 1


def test_it_is_found_by_a_hash_that_needs_the_secret() -> None:
    index = identity_index(KEYS, ANNA)

    assert re.fullmatch("[0-9a-f]{32}", index)
    assert index == identity_index(KEYS, Identity("199006022397"))
    assert index != identity_index(keyring(b"x" * 32), ANNA)
    assert index != identity_index(KEYS, Identity("199107172380"))


def test_a_column_of_personal_identity_numbers_is_hidden_in_what_is_kept_of_a_row() -> None:
    columns = read_headings(["Tel", "Personnr", "Namn", "Fødselsnummer"])
    cells = ["070-174 06 05", "900602-2397", "Anna", "00000000000"]

    assert columns.identity_places == (1, 3)
    assert columns.blanked(cells) == ["070-174 06 05", "[personnummer]", "Anna", "[personnummer]"]
    assert columns.blanked(["070-174 06 05", "", "Anna", " "]) == ["070-174 06 05", "", "Anna", " "]


@pytest.mark.parametrize(
    "heading",
    [
        *("Personnummer (12 siffror)", "Kundens personnr", "Född/personnummer", "Person- och samordningsnummer"),
        *("Född (ÅÅMMDD-XXXX)", "ÅÅÅÅMMDDNNNN"),
        *("Fødselsnummer (11 siffer)", "CPR-nummer, kunde"),
    ],
)
def test_a_heading_that_speaks_of_such_numbers_among_other_words_hides_its_cells(heading: str) -> None:
    columns = read_headings(["Tel", heading])

    assert Field.IDENTITY not in columns.places
    assert columns.blanked(["070-174 06 05", "19900602-2397"]) == ["070-174 06 05", "[personnummer]"]


@pytest.mark.parametrize("others", [[], ["Personnr"]])
@pytest.mark.parametrize("written", ["19900602-2397", "900602-2397", "9006022397", "199006022398", "19900602–2397"])
def test_a_whole_number_in_the_place_of_a_birth_date_is_hidden(written: str, others: list[str]) -> None:
    columns = read_headings(["Tel", "Födelsedatum", *others])
    none = [""] * len(others)
    cells = ["070-174 06 05", written, *none]

    assert columns.blanked(cells) == ["070-174 06 05", "[personnummer]", *none]
    for born in ("1990-06-02", "19900602", "2.6.1990", "1990-06-02 10:30", "1990-06-02T00:00:00", "900602", "x"):
        assert columns.blanked(["9006022397", born, *none])[1] == born


def test_a_row_whose_cells_cannot_be_told_apart_loses_all_that_looks_like_one() -> None:
    columns = read_headings(["Tel", "Personnr"])
    line = '"070-174 06 05;900602-2397;19900602-2398'

    assert columns.blanked(["070-174 06 05", "x", "900602-2397"])[2] == "[personnummer]"
    assert columns.blanked(["070-174 06 05", "900602-2397", ""]) == ["070-174 06 05", "[personnummer]", ""]
    assert columns.blanked([line]) == ['"070-174 06 05;[personnummer];[personnummer]']


def test_a_row_that_slipped_by_a_cell_has_the_number_hidden_where_it_came_to_stand() -> None:
    columns = read_headings(["Tel", "Namn", "Ort", "Personnr", "Mobil 2"])
    slipped = ["070-174 06 05", "Anna", "", "Malmö", "900602-2397"]
    together = ["Anna 199006022397, 9006022397", "", "900602-2398", "900602\u20132397", "0701740605"]

    assert columns.blanked(slipped) == ["070-174 06 05", "Anna", "", "[personnummer]", "[personnummer]"]
    assert columns.blanked(together) == [
        "Anna [personnummer], [personnummer]",
        "",
        "900602-2398",
        "[personnummer]",
        "0701740605",
    ]


def test_no_phone_number_is_taken_for_one_that_slipped() -> None:
    columns = read_headings(["Tel", "Personnr", "Mobil 2"])
    phones = [f"07017406{last:02}" for last in range(5, 100)]

    for phone in phones:
        for written in (phone, f"+46{phone[1:]}", f"{phone} / {phones[0]}", f"{phone[:6]}-{phone[6:]}"):
            cells = [written, "", written]
            assert columns.blanked(cells) == cells


def test_rows_of_a_file_without_such_a_column_are_kept_as_they_are() -> None:
    columns = read_headings(["Tel", "Namn"])

    assert columns.blanked(["900602-2397", "x"]) == ["900602-2397", "x"]


@pytest.mark.parametrize(
    "text",
    [
        *("199006022397", "19900602-2397", "900602-2397", "900602-T239", "199006022398"),
        *("900602\u20132397", "900602\u20112397", "900602\u22122397", "900602\u00a02397", "1990.06.02-2397"),
    ],
)
def test_the_shape_is_enough_to_hide_it(text: str) -> None:
    assert without_identities(f"x;{text};y") == "x;[personnummer];y"
