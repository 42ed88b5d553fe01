"""Columns that name a national register: a clear yes marks, a wash never does."""

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.headings import plain_heading, read_headings
from leads.rows import RawRow, RowReason, Settler
from leads.synonyms import MARKS, MARKS_BY_YES, SYNONYMS
from leads.terms import RowState

RECEIVED = datetime(2026, 11, 20, 12, tzinfo=UTC)
BARE = (
    *("NIX", "NIX-Telefon", "NIX-status", "NIX-träff", "NIX (ja/nej)", "NIX-registret", "NIX-lista", "TPS", "CTPS"),
    *("TPS status", "Reservasjonsregisteret", "Reservasjon", "Reservert", "NDD", "Bloctel"),
)
REGISTERS = (
    "NIX",
    "NIX-Telefon",
    "TPS",
    "CTPS",
    "Robinson",
    "Robinsonlisten",
    "Reservasjonsregisteret",
    "DNC",
    "Reklam",
)
WASHED = (
    *("tvättad", "tvättat", "tvätt", "tvättdatum", "kontrollerad", "kontroll", "kollad", "datum", "version", "per"),
    *("uppdaterad", "fri", "2026-11-15", "vasket", "vasket dato", "renset", "checked", "screened", "washed", "date"),
    *("clean", "cleared", "kontrollert", "tjekket"),
)
AHEAD = (
    "Tvättad mot",
    "Kontrollerad mot",
    "Ej i",
    "Inte i",
    "Fri från",
    "Screened against",
    "Washed against",
    "Not on",
)
YES = ("ja", "j", "yes", "y", "true", "1", "x", "sant", "kyllä", "spärrad", "nixad", "reservert", "träff", "nix")
NO = (
    "nej",
    "n",
    "nei",
    "no",
    "false",
    "0",
    "falskt",
    "ei",
    "ej",
    "inte spärrad",
    "ej nixad",
    "not listed",
    "",
    "-",
    "☐",
)
OF_A_WASH = (
    "2026-11-15",
    "15.11.2026",
    "NIX 2026-11-15",
    "2026-11",
    "tvättad",
    "OK",
    "fri",
    "ren",
    "clean",
    "kontrollerad",
)


def settled(heading: str, cell: str) -> tuple[RowState, tuple[RowReason, ...]]:
    """Return what becomes of a good number in a row that says ``cell`` under ``heading``."""
    row = Settler(read_headings(["tel", heading]), RECEIVED).settle(RawRow(1, ["070-174 06 05", cell]))
    return row.state, row.reasons


def spelled(text: str) -> st.SearchStrategy[str]:
    """Return spellings that mean the same: another case, spaces around."""
    cases = st.sampled_from([text, text.upper(), text.capitalize()])
    return st.tuples(cases, st.sampled_from(["", " ", "\u00a0"])).map(lambda parts: parts[1] + parts[0] + parts[1])


@given(heading=st.sampled_from(BARE).flatmap(spelled), cell=st.sampled_from(YES).flatmap(spelled), more=st.booleans())
def test_a_clear_yes_under_the_name_of_a_register_is_no_lead(heading: str, cell: str, more: bool) -> None:
    said = f"{cell}, sedan 2026-03-01" if more and plain_heading(cell) != "nix" else cell

    assert settled(heading, said) == (RowState.REJECTED, (RowReason.ON_REGISTER,))


@given(heading=st.sampled_from(BARE).flatmap(spelled), cell=st.sampled_from(NO + OF_A_WASH).flatmap(spelled))
def test_a_no_or_what_a_wash_says_under_the_name_of_a_register_is_a_lead(heading: str, cell: str) -> None:
    assert settled(heading, cell) == (RowState.ACCEPTED, ())


@given(
    heading=st.sampled_from(
        [f"{register}{between}{word}" for register, between, word in product(REGISTERS, ("-", " ", ""), WASHED)]
        + [f"{word} {register}" for word, register in product(AHEAD, REGISTERS)]
    ).flatmap(spelled),
    cell=st.sampled_from(YES + NO + OF_A_WASH).flatmap(spelled),
)
def test_no_cell_under_the_heading_of_a_wash_refuses_its_row(heading: str, cell: str) -> None:
    assert settled(heading, cell) == (RowState.ACCEPTED, ())


@pytest.mark.parametrize(
    "heading", [*BARE, "Reklamspärr", "Nixad", "Ring ej", "Avliden", "Samtycke", "DNC", "Robinson"]
)
def test_a_heading_marks_as_one_thing_only_and_is_no_field(heading: str) -> None:
    columns = read_headings(["tel", heading])

    assert len(columns.marks) + len(columns.marks_by_yes) + len(columns.consent_places) == 1


def test_no_heading_of_a_field_marks_anybody() -> None:
    meanings = [*MARKS.values(), *MARKS_BY_YES.values()]

    assert [
        word for words in SYNONYMS.values() for word in words.split() for one in meanings if one.fullmatch(word)
    ] == []
