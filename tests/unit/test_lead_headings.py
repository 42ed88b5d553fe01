"""Which column of a lead file holds what."""

import pytest

from leads.errors import UnclearHeadings
from leads.headings import NUMBERS, Field, columns_by_place, field_named, maps_by_place, plain_heading, read_headings
from leads.synonyms import OTHER_IDENTITIES, SYNONYMS


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
        ("Tlf.", Field.NUMBER),
        ("Mobil *", Field.NUMBER),
        ("Tlf. (mobil)", Field.NUMBER),
        ("Telefon (Mobil) *", Field.NUMBER),
        ("Mobilnr [påkrevd]:", Field.NUMBER),
        ("Phone (E.164)", Field.NUMBER),
        ("Födelsedatum (ÅÅÅÅ-MM-DD)", Field.BIRTH_DATE),
        ("Personnummer (obligatoriskt)", Field.IDENTITY),
        ("Mobilnr", Field.NUMBER),
        ("Navn", Field.NAME),
        ("Fornavn", Field.GIVEN_NAME),
        ("Etternavn", Field.FAMILY_NAME),
        ("Efternavn", Field.FAMILY_NAME),
        ("Adresse", Field.ADDRESS),
        ("Bopælsadresse", Field.ADDRESS),
        ("Postnr", Field.POSTCODE),
        ("Poststed", Field.CITY),
        ("By", Field.CITY),
        ("E-postadresse", Field.EMAIL),
        ("Fødselsdato", Field.BIRTH_DATE),
        ("FØDT", Field.BIRTH_DATE),
        ("Ålder", Field.AGE),
        ("Alder", Field.AGE),
        ("Age", Field.AGE),
        ("Ålder (år)", Field.AGE),
        ("Age group", Field.AGE),
        ("Aldersgruppe", Field.AGE),
        ("Innsamlet den", Field.COLLECTED_AT),
        ("Indhentet", Field.COLLECTED_AT),
        ("Personnummer", Field.IDENTITY),
        ("Samordningsnr", Field.IDENTITY),
        ("Samtyckestext", Field.CONSENT_TEXT_VERSION),
        ("Landningssida", Field.CONSENT_URL),
        ("Samtykkedato", Field.CONSENT_AT),
        ("IP-adress", Field.CONSENT_IP),
        ("Namngivna säljare", Field.CONSENT_SELLERS),
        ("consent_channels", Field.CONSENT_CHANNELS),
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
        (["Tel", "Namn", "namn"], {}, "columns 2 and 3 have the same heading"),
        (["Tel", "x", "", "X "], {}, "columns 2 and 4 have the same heading"),
        (["0701740611", "Kalle Karlsson", "Kalle Karlsson"], {}, "columns 2 and 3 have the same heading"),
        (["Tel"], {"shoe": "Tel"}, "the fields are"),
        (["Tel"], {"number": "Mobil"}, "does not have"),
        (["Tel"], {"number": "Tel", "name": "Tel"}, "to two fields"),
        (["Tel"] + [f"c{no}" for no in range(499)], {}, "500 columns"),
        (["Tel"], {"number": ""}, "no heading means a phone number"),
        (["Tel"], {"number": "#2"}, "names the column “#2”, which"),
        (["Tel", "Namn"], {"number": "#1", "name": "Tel"}, "to two fields"),
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


def test_a_heading_is_decomposed_or_not_as_the_file_pleases() -> None:
    assert plain_heading("Fo\u0308delsedatum") == plain_heading("FÖDELSE-DATUM") == "fodelsedatum"
    assert plain_heading("Bopæls­adresse") == "bopaelsadresse"
    assert plain_heading("Fæðingardagur Øl Þ") == "faedingardagurolth"


@pytest.mark.parametrize("heading", ["Fødselsnummer", "CPR-nr.", "Henkilötunnus", "fnr"])
def test_another_countrys_identity_number_is_no_personnummer_and_is_hidden(heading: str) -> None:
    columns = read_headings(["Tlf", heading])

    assert columns.places == {Field.NUMBER: 0}
    assert columns.unknown == (heading,)
    assert columns.identity_places == (1,)


@pytest.mark.parametrize("heading", ["Samtycke", "Samtykke", "Kanal", "Säljare", "Datum"])
def test_a_heading_that_may_mean_several_things_is_left_to_a_mapping(heading: str) -> None:
    assert field_named(heading) is None


def test_every_word_stands_once_as_headings_are_compared_and_every_field_has_its_own_name() -> None:
    words = [word for listed in SYNONYMS.values() for word in listed.split()]

    assert set(SYNONYMS) == set(Field) - set(NUMBERS[1:])
    assert sorted(words) == sorted(set(words))
    assert [word for word in words if plain_heading(word) != word] == []
    assert not OTHER_IDENTITIES & set(words)
    assert all(field_named(field) is field for field in map(Field, SYNONYMS))


def test_a_file_without_headings_is_read_by_column_numbers_alone() -> None:
    columns = columns_by_place(4, {"number": "#1", "name": " #3 ", "email": ""})

    assert columns.places == {Field.NUMBER: 0, Field.NAME: 2}
    assert columns.mapping == {"number": "#1", "name": "#3"}
    assert columns.unknown == ("#2", "#4")
    assert columns_by_place(4, columns.mapping) == columns


@pytest.mark.parametrize(
    "heading",
    [
        *("Identitetsnummer", "Identitetsnr.", "Personnumer", "Personbeteckning", "Födelsenummer", "Civic number"),
        *("Civic registration number", "National Identification Number", "National identity no", "Personal ID number"),
    ],
)
def test_an_identity_number_is_hidden_under_whatever_name_it_goes(heading: str) -> None:
    columns = read_headings(["Tel", heading, "Personal-ID"])

    assert columns.places == {Field.NUMBER: 0}
    assert columns.blanked(["0701740605", "199006022397", "kim"]) == ["0701740605", "[personnummer]", "kim"]


def test_the_identity_column_of_a_file_without_headings_is_hidden_too() -> None:
    columns = columns_by_place(2, {"number": "#1", "identity": "#2"})

    assert columns.blanked(["0701740605", "199006022397"]) == ["0701740605", "[personnummer]"]


def test_a_column_that_a_mapping_calls_an_identity_is_hidden_whatever_its_heading() -> None:
    columns = read_headings(["Tel", "Kundnr"], {"identity": "Kundnr"})

    assert columns.blanked(["0701740605", "199006022397"]) == ["0701740605", "[personnummer]"]
    ignored = read_headings(["Tel", "Personnr"], {"identity": ""})
    assert (ignored.places, ignored.identity_places) == ({Field.NUMBER: 0}, (1,))


@pytest.mark.parametrize(
    ("mapping", "by_place"),
    [
        ({"number": "#1"}, True),
        ({"number": " #1 ", "email": ""}, True),
        ({"number": "#1", "name": "Namn"}, False),
        ({"number": "1"}, False),
        ({"number": "#0"}, False),
        ({"number": "#x"}, False),
        ({"number": ""}, False),
        ({}, False),
        (None, False),
    ],
)
def test_the_first_line_is_a_row_if_the_mapping_names_columns_by_number_alone(
    mapping: dict[str, str] | None, by_place: bool
) -> None:
    assert maps_by_place(mapping) is by_place


@pytest.mark.parametrize(
    ("width", "mapping", "why"),
    [
        (2, {"name": "#1"}, "gives number its column"),
        (2, {"number": "#3"}, "names the column “#3”"),
        (2, {"number": "#1", "name": "#1"}, "to two fields"),
        (2, {"number": "Tel"}, "names the heading “Tel”"),
        (2, {"shoe": "#1"}, "the fields are"),
        (500, {"number": "#1"}, "500 columns"),
    ],
)
def test_a_mapping_by_number_that_leaves_a_doubt_is_refused(width: int, mapping: dict[str, str], why: str) -> None:
    with pytest.raises(UnclearHeadings, match=why):
        columns_by_place(width, mapping)


def test_a_mapping_may_name_one_of_the_columns_by_number_where_its_heading_says_nothing() -> None:
    columns = read_headings(["Telefon", "", "Mobil"], {"number": "#3", "name": "#2"})

    assert columns.places == {Field.NUMBER: 2, Field.NAME: 1}
    assert read_headings(["#2", "Tel"], {"name": "#2"}).places == {Field.NUMBER: 1, Field.NAME: 0}


@pytest.mark.parametrize(
    "heading", ["Telefon (anhörig)", "Telefon (spärrad)", "Telefon (mobil) 2", "Namn (mobil) (make)", "Tel (mobil"]
)
def test_what_stands_in_brackets_is_only_passed_over_where_it_changes_nothing(heading: str) -> None:
    assert field_named(heading) is None


def test_two_columns_of_numbers_are_never_chosen_between_and_it_is_told_how_to_choose() -> None:
    with pytest.raises(UnclearHeadings, match="both mean number") as refused:
        read_headings(["Telefon (hem)", "Telefon (mobil)"])

    assert "number=“Telefon (mobil)”" in refused.value.detail
    assert "number_2=“Telefon (hem)”" in refused.value.detail
    with pytest.raises(UnclearHeadings) as of_two_names:
        read_headings(["Tel", "Namn", "Kundnamn"])
    assert "number_2" not in of_two_names.value.detail


def test_a_mapping_says_in_which_order_columns_of_numbers_are_used() -> None:
    columns = read_headings(["Telefon", "Mobil", "Telefon arbete"], {"number_2": "Telefon", "number_3": "#3"})

    assert columns.places == {Field.NUMBER: 1, Field.NUMBER_2: 0, Field.NUMBER_3: 2}
    assert columns.unknown == ()
    assert columns_by_place(3, {"number": "#3", "number_2": "#1"}).places == {Field.NUMBER: 2, Field.NUMBER_2: 0}


@pytest.mark.parametrize(
    ("mapping", "why"),
    [
        ({"number": "", "number_2": "Mobil"}, "no heading means a phone number"),
        ({"number": "Mobil", "number_2": "Mobil"}, "to two fields"),
        ({"number_2": ""}, "say which one with a mapping"),
        ({"number_4": "Telefon"}, "the fields are"),
    ],
)
def test_an_order_of_columns_that_leaves_a_doubt_is_refused(mapping: dict[str, str], why: str) -> None:
    with pytest.raises(UnclearHeadings, match=why):
        read_headings(["Telefon", "Mobil"], mapping)
