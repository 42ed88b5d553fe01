"""Ages as suppliers write them: the lowest that a cell may mean, and what becomes of a row that says it."""

import pytest

from dnc.policies.catalogue import POLICIES
from leads.ages import OF_AGE, read_age
from leads.headings import read_headings
from leads.rows import RawRow, RowReason, Settler
from leads.terms import RowState
from tests.unit.test_lead_rows import RECEIVED


@pytest.mark.parametrize(
    ("text", "lowest"),
    [
        *(
            ("42", 42),
            ("17", 17),
            ("1", 1),
            ("120", 120),
            ("042", 42),
            ("42 år", 42),
            ("42år", 42),
            ("42 years old", 42),
        ),
        *(("18-25", 18), ("18 – 25 år", 18), ("18 till 25", 18), ("18 to 25", 18), ("0-17", 0), ("16 år - 20 år", 16)),
        *(
            ("50+", 50),
            ("50 +", 50),
            ("50 plus", 50),
            ("65 och äldre", 65),
            ("65 or older", 65),
            ("65 år og ældre", 65),
        ),
        *(("över 50", 50), (">50", 50), ("≥ 18", 18), ("minst 18 år", 18), ("over 17", 17)),
        *(("under 20", 0), ("<18", 0), ("upp till 30", 0), ("maks 30", 0)),
    ],
)
def test_the_lowest_age_counts(text: str, lowest: int) -> None:
    assert read_age(text) == lowest


@pytest.mark.parametrize(
    "text",
    [
        *("0", "00", "0 år", "0+", "okänd", "-"),
        *("121", "1980", "1980-05-03", "25-18", "18-250", "42,5", "42.5", "-42", "42 43", "18-25-30"),
        *("４２", "²", "4" * 50, "A", "vuxen", "+", "50++", "42 kg", "\x00", "18-", "på 42"),
    ],
)
def test_what_is_no_age_beyond_doubt_is_not_read(text: str) -> None:
    assert read_age(text) is None


@pytest.mark.parametrize(
    ("cell", "reasons"),
    [
        ("", []),
        ("18", []),
        (" 50+ ", []),
        ("17", [RowReason.MINOR]),
        ("15-25", [RowReason.MINOR]),
        ("okänd", [RowReason.INVALID_AGE]),
        ("1980", [RowReason.INVALID_AGE]),
    ],
)
def test_a_row_whose_age_may_be_a_minors_is_no_lead(cell: str, reasons: list[RowReason]) -> None:
    row = Settler(read_headings(["tel", "ålder"]), RECEIVED).settle(RawRow(1, ["0701740605", cell]))

    assert list(row.reasons) == reasons
    assert row.state is (RowState.REJECTED if reasons else RowState.ACCEPTED)
    assert row.person is None or row.person.birth_date is None


def test_birth_date_and_age_are_both_held_against_a_row() -> None:
    settler = Settler(read_headings(["tel", "född", "age"]), RECEIVED)

    row = settler.settle(RawRow(1, ["0701740605", "1980-05-03", "12"]))

    assert row.reasons == (RowReason.MINOR,)


def test_nobody_whom_any_policy_takes_for_a_minor_passes_by_age() -> None:
    assert {policy.minor_age for policy in POLICIES} <= set(range(OF_AGE + 1))
