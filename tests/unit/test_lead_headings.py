"""Which column of a lead file holds what."""

import pytest

from leads.errors import UnclearHeadings
from leads.headings import Field, read_headings


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("Telefon", Field.NUMBER),
        ("MOBILNUMMER", Field.NUMBER),
        (" Mobil-nr. ", Field.NUMBER),
        ("Phone number", Field.NUMBER),
        ("\ufefftfn", Field.NUMBER),
        ("Namn", Field.NAME),
        ("Full name", Field.NAME),
        ("Förnamn", Field.GIVEN_NAME),
        ("Gatuadress", Field.ADDRESS),
        ("Post nr", Field.POSTCODE),
        ("E-post", Field.EMAIL),
        ("E-mail address", Field.EMAIL),
        ("Födelsedatum", Field.BIRTH_DATE),
        ("date_of_birth", Field.BIRTH_DATE),
        ("Insamlad den", Field.COLLECTED_AT),
        ("collected_at", Field.COLLECTED_AT),
        ("Lead ID", Field.PARTNER_REFERENCE),
    ],
)
def test_a_heading_is_known_whatever_its_case_spaces_and_signs(heading: str, field: Field) -> None:
    headings = [heading] if field is Field.NUMBER else ["tel", heading]

    assert read_headings(headings).places[field] == len(headings) - 1


def test_unknown_headings_are_told_and_left_with_the_row() -> None:
    columns = read_headings(["Skostorlek", "Tel", ""])

    assert columns.unknown == ("Skostorlek",)
    assert columns.mapping == {"number": "Tel"}


def test_a_mapping_wins_over_what_headings_mean_by_themselves() -> None:
    columns = read_headings(["Telefon", "Mobil", "Kund"], {"number": "mobil", "name": "Kund"})

    assert columns.mapping == {"number": "Mobil", "name": "Kund"}


def test_a_field_mapped_to_nothing_is_not_read() -> None:
    columns = read_headings(["Telefon", "Adress"], {"address": ""})

    assert Field.ADDRESS not in columns.places


@pytest.mark.parametrize(
    ("headings", "mapping", "why"),
    [
        (["Namn", "Adress"], {}, "no heading means a phone number"),
        (["0701740605", "Anna"], {}, "looks like a row"),
        (["Telefon", "Mobil"], {}, "both mean number"),
        (["Tel", "Namn", "namn"], {}, "two columns have the heading"),
        (["Tel", "x", "X "], {}, "two columns have the heading"),
        (["Tel"], {"shoe": "Tel"}, "the fields are"),
        (["Tel"], {"number": "Mobil"}, "does not have"),
        (["Tel"], {"number": "Tel", "name": "Tel"}, "to two fields"),
        (["Tel"] + [f"c{no}" for no in range(499)], {}, "500 columns"),
        (["Tel"], {"number": ""}, "no heading means a phone number"),
    ],
)
def test_headings_that_leave_a_doubt_are_refused(headings: list[str], mapping: dict[str, str], why: str) -> None:
    with pytest.raises(UnclearHeadings, match=why):
        read_headings(headings, mapping)


def test_a_number_in_the_first_line_is_not_repeated_in_the_refusal() -> None:
    with pytest.raises(UnclearHeadings) as refused:
        read_headings(["Tel 0701740605", "tel 070 174 06 05"], {"number": "tel 070-174 06 05", "name": "0701740605"})

    assert "1740" not in refused.value.detail
    assert "174 06" not in refused.value.detail
