"""Personal identity numbers in a row of a lead file: read where they are needed, and nowhere else kept or shown."""

from datetime import UTC, date, datetime

import pytest

from leads.headings import read_headings
from leads.identities import Identity
from leads.rows import RawRow, RowReason, SettledRow, Settler, details
from leads.terms import RowState

RECEIVED = datetime(2026, 11, 20, 12, tzinfo=UTC)


def with_identity(identity: str, born: str = "", *, needed: bool = True) -> SettledRow:
    """Return what becomes of a row with a personnummer and perhaps a birth date."""
    columns = read_headings(["tel", "personnummer", "född"])
    return Settler(columns, RECEIVED, identity=needed).settle(RawRow(1, ["0701740605", identity, born]))


def test_a_personnummer_is_read_where_the_source_needs_it_and_says_when_the_person_was_born() -> None:
    row = with_identity("900602-2397")

    assert row.person is not None
    assert row.person.identity == Identity("199006022397")
    assert row.person.birth_date == date(1990, 6, 2)


def test_a_personnummer_that_nobody_needs_is_not_read() -> None:
    for text in ("900602-2397", "fel"):
        row = with_identity(text, needed=False)

        assert row.state is RowState.ACCEPTED
        assert row.person is not None
        assert (row.person.identity, row.person.birth_date) == (None, None)


@pytest.mark.parametrize(
    ("identity", "born", "reasons"),
    [
        ("900602-2398", "", (RowReason.INVALID_IDENTITY,)),
        ("5560360793", "", (RowReason.INVALID_IDENTITY,)),
        ("900602-2397", "1990-06-03", (RowReason.IDENTITY_MISMATCH,)),
        ("900602-2397", "1990-06-02", ()),
        ("", "1990-06-02", ()),
        (" ", "", ()),
        ("900602-2397", "x", (RowReason.INVALID_BIRTH_DATE,)),
        ("fel", "x", (RowReason.INVALID_BIRTH_DATE, RowReason.INVALID_IDENTITY)),
    ],
)
def test_a_personnummer_must_be_right_and_agree_with_the_birth_date(
    identity: str, born: str, reasons: tuple[RowReason, ...]
) -> None:
    assert with_identity(identity, born).reasons == reasons


def test_a_child_is_known_by_its_personnummer() -> None:
    row = with_identity("20150228-2385")

    assert row.person is not None
    assert row.person.birth_date == date(2015, 2, 28)


@pytest.mark.parametrize(
    ("identity", "latest"),
    [
        ("201310602394", date(2013, 10, 31)),
        ("201300632393", date(2013, 12, 31)),
        ("202611602398", RECEIVED.date()),
    ],
)
def test_a_child_is_known_by_a_samordningsnummer_that_leaves_the_day_open(identity: str, latest: date) -> None:
    """The latest day that it can be: of two the younger counts."""
    row = with_identity(identity)

    assert row.person is not None
    assert row.person.birth_date == latest


@pytest.mark.parametrize(
    ("identity", "born", "agree"),
    [
        ("201310602394", "2013-10-01", True),
        ("201310602394", "2013-11-01", False),
        ("201310602394", "1980-10-01", False),
        ("201300632393", "2013-01-01", True),
        ("201300632393", "2012-12-31", False),
    ],
)
def test_a_birth_date_is_one_that_the_samordningsnummer_leaves_open(identity: str, born: str, agree: bool) -> None:
    row = with_identity(identity, born)

    assert row.reasons == (() if agree else (RowReason.IDENTITY_MISMATCH,))
    assert row.person is None or row.person.birth_date == date.fromisoformat(born)


def test_a_personnummer_is_never_in_the_details_nor_shown() -> None:
    row = with_identity("900602-2397")

    assert row.person is not None
    assert details(row.person) is None
    assert "2397" not in repr(row.person)


def test_a_personal_identity_number_that_slipped_into_name_or_address_is_not_kept_with_the_lead() -> None:
    columns = read_headings(["tel", "namn", "gata", "personnr", "ort", "e-post"])
    slipped = RawRow(1, ["070-174 06 05", "Åsa 900602-2397", "Storgatan 1", "lgh 1101", "199006022397", "900602-2397"])

    row = Settler(columns, RECEIVED).settle(slipped)

    assert row.state is RowState.ACCEPTED
    assert row.person is not None
    assert (row.person.name, row.person.address, row.person.email) == (
        "Åsa [personnummer]",
        "Storgatan 1, [personnummer]",
        "[personnummer]",
    )


@pytest.mark.parametrize(
    ("reference", "kept"),
    [
        ("199006022397", "[personnummer]"),
        ("kund 900602-2397", "kund [personnummer]"),
        ("900602-2398", "900602-2398"),
        ("2026-11-0042", "2026-11-0042"),
        ("070-174 06 05", "070-174 06 05"),
    ],
)
def test_a_partners_reference_that_is_a_personal_identity_number_is_not_kept_with_the_lead(
    reference: str, kept: str
) -> None:
    columns = read_headings(["tel", "referens", "personnr"])

    row = Settler(columns, RECEIVED).settle(RawRow(1, ["070-174 06 05", reference, ""]))

    assert row.person is not None
    assert row.person.partner_reference == kept
