"""Columns that mark people: as not to be called, as dead, as on a national register; of whom no row becomes a lead."""

from datetime import UTC, datetime

import pytest

from leads.headings import read_headings
from leads.rows import RawRow, RowReason, Settler
from leads.terms import RowState

RECEIVED = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "heading",
    [
        *("Do Not Call", "DoNotPhone", "do_not_contact", "Do not allow Phone Calls", "DNC", "Opt-out", "Phone opt-out"),
        *("HasOptedOutOfCalls", "Ring ej", "Ring inte", "Får ej ringas", "Vill inte bli uppringd", "Kontakta ej"),
        *("Telefonspärr", "Spärrad", "Ikke ring", "Må ikke kontaktes", "Reservert mot telefonsalg"),
        *(
            "Telemarketing opt-out",
            "Marketing opt-out",
            "No marketing",
            "DNC status",
            "On DNC",
            "Blocked",
            "Svartlistad",
        ),
        *("Får inte ringas upp", "Kan ej ringas", "Vil ikke kontaktes", "Vill inte ha samtal", "Nej tack till samtal"),
        *("Ingen telefonförsäljning", "Ej marknadsföring", "Telemarketingspärr", "Spärrad för telefonförsäljning"),
        *("Kontaktspärr", "Reklamspärr", "Reklamspärrad", "Direktreklamspärr", "Reklamspärr (ja/nej)", "Ingen reklam"),
        *(
            "Nej tack till reklam",
            "Reklamebeskyttet",
            "Reklamebeskyttelse",
            "Do Not Call Registry",
            "Puhelinmyyntikielto",
        ),
        *("Telemarkkinointikielto", "Suoramarkkinointikielto"),
    ],
)
@pytest.mark.parametrize("cell", ["Ja", "TRUE", "1", "x", "✓", "2026-11-01", "Never", "Do Not Allow", "vet ej"])
def test_a_row_that_the_supplier_marks_as_one_not_to_be_called_is_no_lead(heading: str, cell: str) -> None:
    row = Settler(read_headings(["tel", heading]), RECEIVED).settle(RawRow(1, ["070-174 06 05", cell]))

    assert (row.state, row.reasons) == (RowState.REJECTED, (RowReason.DO_NOT_CALL,))


@pytest.mark.parametrize(
    "heading",
    [
        *("NIX-spärr", "NIX-spärrad", "Nixad", "Är nixad", "Nixad (J/N)", "NIX-registrerad", "I NIX-Telefon"),
        *("I NIX-registret", "Robinsonlisten", "Puhelin-Robinson", "TPS registered", "On CTPS"),
        "Står i Reservasjonsregisteret",
    ],
)
@pytest.mark.parametrize("cell", ["Ja", "1", "2026-03-01"])
def test_a_row_whose_number_the_supplier_knows_to_be_on_a_register_is_no_lead(heading: str, cell: str) -> None:
    row = Settler(read_headings(["tel", heading]), RECEIVED).settle(RawRow(1, ["070-174 06 05", cell]))

    assert (row.state, row.reasons) == (RowState.REJECTED, (RowReason.ON_REGISTER,))


@pytest.mark.parametrize(
    "heading",
    [
        *("Avliden", "Är avliden", "Avlidendatum", "Datum avliden", "Avled den", "Dödsdatum", "Dödsår", "Död"),
        *("Deceased", "is_deceased", "Deceased date", "Date of death", "Dødsdato", "Avdød"),
    ],
)
@pytest.mark.parametrize("cell", ["Ja", "TRUE", "1", "x", "2026-03-01", "vet ej"])
def test_a_row_that_says_that_its_person_has_died_is_no_lead(heading: str, cell: str) -> None:
    row = Settler(read_headings(["tel", heading]), RECEIVED).settle(RawRow(1, ["070-174 06 05", cell]))

    assert (row.state, row.reasons) == (RowState.REJECTED, (RowReason.DECEASED,))


@pytest.mark.parametrize(
    ("heading", "cell"),
    [
        *(("Nixad", "Nej"), ("NIX-tvättad", "2026-11-15"), ("NIX-datum", "2026-11-15"), ("Tvättad mot NIX", "Ja")),
        *(("Avliden", cell) for cell in ("", "-", "Nej", "0", "☐")),
        *(("Födelsedatum", "1950-01-01"), ("Deadline", "2026-12-01"), ("Dödsbo", "Ja"), ("Kod", "1")),
        *(("Ring ej", cell) for cell in ("", " ", "-", "Nej", "false", "0", "N", "☐", "[ ]")),
        *(("Do not allow Phone Calls", "Allow"), ("Email Opt Out", "1"), ("HasOptedOutOfEmail", "true")),
        *(("Unsubscribed", "ja"), ("Noteringar", "ring ej"), ("Reklamspärr", "Nej"), ("NIX-tvättad", "Ja")),
        *(("Puhelinmyyntikielto", "Ei"), ("SMS-spärr", "Ja"), ("E-postspärr", "Ja"), ("Reklamkod", "7")),
        *(("Ring", "Ja"), ("Opt-in", "Ja"), ("Spärrdatum", "2020-01-01"), ("Reserverad", "Ja")),
        *(("NIX", "Nej"), ("Ingen", "Ja"), ("Ej", "Ja"), ("Reklam", "Ja"), ("Nej", "Ja"), ("Samtal", "3")),
    ],
)
def test_a_row_that_is_not_marked_so_stays_a_lead(heading: str, cell: str) -> None:
    row = Settler(read_headings(["tel", heading]), RECEIVED).settle(RawRow(1, ["070-174 06 05", cell]))

    assert row.state is RowState.ACCEPTED
