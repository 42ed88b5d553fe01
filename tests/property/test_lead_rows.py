"""Whatever stands in a row, it becomes a lead or says why not, and nothing of a personal identity number is kept."""

import json
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from leads.headings import Columns, Field, columns_by_place, read_headings
from leads.identities import Identity, read_identity, without_identities
from leads.rows import RawRow, RowReason, Settler, details
from leads.terms import RowState

RECEIVED = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = RECEIVED.date()
COLUMNS = read_headings([field.value for field in Field])
TELLING = [
    "0701740605",
    "070-174 06 05 / 070-174 06 06",
    "199006022397",
    "900602-2397",
    "1990-06-02",
    "2026-11-01 14:03",
    "https://fjord.example/x",
    "192.0.2.7",
    "telefon",
    "Norrsken AB|Söder",
    "",
    " ",
]
cells = st.text(max_size=20) | st.sampled_from(TELLING) | st.text(st.characters(codec=None), max_size=4)
rows = st.lists(cells, min_size=len(Field) - 1, max_size=len(Field) + 1)
serials = st.sampled_from([238, 239, 980, 981])  # those of Skatteverket's test numbers
days = st.dates(date(1890, 1, 1), TODAY)


def identity_of(day: date, serial: int, *, coordination: bool = False) -> str:
    """Return the twelve digits of somebody born on the day; made here by the rule, apart from what is tested."""
    nine = f"{day:%y%m}{day.day + (60 if coordination else 0):02}{serial:03}"
    total = sum(sum(divmod(int(digit) * (2 if place % 2 == 0 else 1), 10)) for place, digit in enumerate(nine))
    return f"{day.year:04}{nine[2:]}{-total % 10}"


@given(rows, st.booleans())
def test_every_row_becomes_a_lead_or_says_why_not(written: list[str], needed: bool) -> None:
    row = Settler(COLUMNS, RECEIVED, identity=needed).settle(RawRow(1, written))

    assert (row.state is RowState.ACCEPTED) == (row.person is not None) == (not row.reasons)
    assert len(set(row.reasons)) == len(row.reasons)
    assert len(",".join(row.reasons)) <= 200
    if row.person is not None:
        assert row.number is not None
        assert needed or row.person.identity is None
        said = details(row.person)
        assert said is None or (said.encode("utf-8") and list(json.loads(said)))


@given(days, serials, st.booleans(), st.sampled_from(["{0}", "{1}-{2}", "{3}-{2}"]))
def test_every_number_by_the_rule_is_read_and_tells_the_day(
    day: date, serial: int, coordination: bool, form: str
) -> None:
    digits = identity_of(day, serial, coordination=coordination)
    sign = "+" if TODAY.year - day.year >= 100 else "-"
    text = form.format(digits, digits[:8], digits[8:], digits[2:8]).replace("-", sign)

    identity = read_identity(text, TODAY)

    assert identity == Identity(digits)
    assert identity.birth_date == day


@given(days, serials, st.integers(0, 11), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(day: date, serial: int, place: int, by: int) -> None:
    digits = identity_of(day, serial)
    wrong = digits[:place] + str((int(digits[place]) + by) % 10) + digits[place + 1 :]

    read = read_identity(wrong, TODAY)

    assert read is None or place < 2, "the check digit does not cover the century"


@given(days, serials, st.booleans(), st.sampled_from(["", "-", "+"]), st.text(max_size=5))
def test_no_personal_identity_number_gets_past_the_hiding(
    day: date, serial: int, coordination: bool, sign: str, around: str
) -> None:
    digits = identity_of(day, serial, coordination=coordination)
    for text in (f"{digits[:8]}{sign}{digits[8:]}", f"{digits[2:8]}{sign}{digits[8:]}"):
        edge = "".join(letter for letter in around if not letter.isdigit())
        assert digits[8:] not in without_identities(f"{edge};{text};{edge}").replace(edge, "")


@given(st.lists(st.text(max_size=8), max_size=6), days, serials)
def test_the_identity_column_is_hidden_wherever_it_stands_and_however_broken_the_row(
    others: list[str], day: date, serial: int
) -> None:
    columns: Columns = columns_by_place(3, {"number": "#1", "identity": "#2"})
    digits = identity_of(day, serial)
    row = [*others[:1], digits, *others[1:]]

    assert digits not in columns.blanked(row)


@given(st.integers(-1_000_000_000, 2_000_000_000).map(lambda seconds: RECEIVED + timedelta(seconds=seconds)))
def test_no_row_was_consented_to_or_collected_after_its_file_came(at: datetime) -> None:
    columns = read_headings(["tel", "collected_at", "consent_at"])
    row = Settler(columns, RECEIVED).settle(RawRow(1, ["0701740605", at.isoformat(), at.isoformat()]))

    assert (RowReason.COLLECTED_IN_FUTURE in row.reasons) == (at > RECEIVED + timedelta(days=1))
    assert (RowReason.INVALID_EVIDENCE in row.reasons) == (at > RECEIVED + timedelta(minutes=5))
