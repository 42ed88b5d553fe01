"""What a screening takes for alike must be alike to the decision, and no row may be lost or changed on the way."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from unittest.mock import patch

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from consent.terms import Basis
from core.numbers import Number, NumberFault, read_number
from dnc.calendar import LATEST, age_on
from dnc.decision import Decision, decide
from dnc.facts import CallFacts, LeadFact
from dnc.policies.catalogue import POLICIES, Policy
from dnc.screenings.added import ADDED, FORMULA, added_headings, harmless
from dnc.screenings.numbers import fault_of, plans_of, read_cells
from dnc.screenings.packing import PackedRowsDamaged, find_rows, pack_rows, unpack_rows
from dnc.screenings.parts import parts_of_rows
from dnc.screenings.rows import FileLayout, Rows, _of_blocks, _of_text
from dnc.screenings.tables import HORIZON
from dnc.screenings.writing import CsvOutput
from leads.headings import Field, read_headings
from leads.layouts import Layout
from leads.lines import LineBlocks
from leads.terms import FileFormat
from tests.property.strategies_facts import MIDDAY, any_facts, in_country, leads, near, policies, promising_facts

FIRST = 46701740605
SPELLINGS = (
    *("{0}", "+{0}", "00{0}", "0{1}", "0{2}-{3}", "0{2} {3}", " 0{1}", "(0{2}) {3}", "46 {1}", "0{1}.0", "{0}x"),
    *("0{2}-{4} {5} {6}", "+46{2} {4} {5} {6}", "0{2}--{3}", "0{2}- {3}", "0{2}-{4}{5} {6}", "+460{2}{3}", "0{2}-{7}"),
)
written = st.one_of(
    st.builds(
        lambda value, way: way.format(
            *(d := str(value), d[2:], d[2:4], d[4:], d[4:7], d[7:9], d[9:], f"{d[4:6]} {d[6:8]} {d[8:]}")
        ),
        st.integers(46_700_000_000, 46_799_999_999),
        st.sampled_from(SPELLINGS),
    ),
    st.text(st.sampled_from("0123456789+- ()/.x\u0661\u00a0"), max_size=16),
    st.sampled_from(["", "abc", "0700000000 / 0730000000", "112", "0846500400", "08-465 004 00", "+447700900123"]),
)


@given(cells=st.lists(written, min_size=1, max_size=30))
def test_cells_are_read_as_a_check_reads_them(cells: list[str]) -> None:
    values = read_cells(pl.Series(cells, dtype=pl.String))

    for cell, value in zip(cells, values.tolist(), strict=True):
        number = read_number(cell)
        assert (fault_of(value) if value < 0 else Number(value)) == number


@given(digits=st.integers(1, 5).flatmap(lambda n: st.integers(10 ** (n - 1), 10**n - 1)))
def test_a_few_digits_after_a_zero_are_read_as_a_check_reads_them(digits: int) -> None:
    [value] = read_cells(pl.Series([f"0{digits}"])).tolist()

    assert fault_of(value) == read_number(f"0{digits}")


@given(numbers=st.lists(st.integers(46_000_000_0, 46_999_999_999) | st.integers(1, 10**15), min_size=1, max_size=30))
def test_numbers_have_the_plan_that_each_has_by_itself(numbers: list[int]) -> None:
    codes, plans = plans_of(np.array(numbers, dtype=np.int64))

    assert [plans[code] for code in codes] == [Number(number).plan for number in numbers]


@given(rows=st.lists(st.tuples(st.integers(-len(NumberFault), 10**15), st.integers(0, 10**6))))
def test_packed_rows_are_what_was_packed(rows: list[tuple[int, int]]) -> None:
    values = np.array([value for value, _ in rows], dtype=np.int64)
    places = np.array([place for _, place in rows], dtype=np.int64)

    packed = pack_rows(values, places)

    again = unpack_rows(packed.content, packed.sha256)
    assert (again[0].tolist(), again[1].tolist()) == (values.tolist(), places.tolist())


@given(
    rows=st.lists(st.tuples(st.integers(-9, 600) | st.integers(-len(NumberFault), 10**15), st.integers(0, 10**6))),
    sought=st.sets(st.integers(0, 600) | st.integers(1, 10**15), min_size=1),
    known=st.data(),
)
def test_rows_are_found_plane_by_plane_as_they_are_in_the_whole(
    rows: list[tuple[int, int]], sought: set[int], known: st.DataObject
) -> None:
    values = np.array([value for value, _ in rows], dtype=np.int64)
    places = np.array([place for _, place in rows], dtype=np.int64)
    packed = pack_rows(values, places)
    if rows:
        sought |= known.draw(st.sets(st.sampled_from(values.tolist())))

    found = find_rows(packed.content, packed.sha256, sought)

    assert list(zip(*(one.tolist() for one in found), strict=True)) == [
        (at, value, place) for at, (value, place) in enumerate(rows) if value in sought
    ]


@given(at=st.integers(0, 60), flip=st.integers(1, 255))
def test_no_changed_byte_of_packed_rows_passes(at: int, flip: int) -> None:
    packed = pack_rows(np.arange(FIRST, FIRST + 40), np.zeros(40, dtype=np.int64))
    changed = bytearray(packed.content)
    changed[at] ^= flip

    with pytest.raises(PackedRowsDamaged):
        unpack_rows(bytes(changed), packed.sha256)
    with pytest.raises(PackedRowsDamaged):
        find_rows(bytes(changed), packed.sha256, [1])


def test_a_short_record_does_not_tell_its_number_by_its_hash() -> None:
    one = np.array([FIRST], dtype=np.int64), np.array([0], dtype=np.int64)

    assert pack_rows(*one).sha256 != pack_rows(*one).sha256


def test_no_answer_may_be_relied_on_past_the_horizon() -> None:
    assert all(policy.answer_cap < HORIZON for policy in POLICIES)


def told(decision: Decision) -> tuple[object, ...]:
    """Return all that a screening tells or records of a decision."""
    ground = decision.ground
    named = None if ground is None else (ground.kind, ground.source_id, ground.basis)
    clocks = decision.valid_until, decision.retry_at
    return decision.verdict, decision.reasons, decision.register, decision.policy, named, clocks


def side(lead: LeadFact, now: datetime, policy: Policy | None) -> tuple[object, ...]:
    """Return what counts of a lead's dates at the moment."""
    ends = lead.expires_at or datetime.max.replace(tzinfo=UTC)
    day = now.astimezone(policy.zone if policy is not None else UTC).date()
    return (
        lead.collected_at is None or lead.collected_at <= now,
        0 if ends <= now else 1 if ends > now + HORIZON else ends,
        None if lead.birth_date is None else age_on(lead.birth_date, day),
    )


kept = st.datetimes(max_value=LATEST.replace(tzinfo=None), timezones=st.just(UTC))  # what is later is as late
stored = st.one_of(near, near, kept)
near_sixteen = st.builds(lambda days: date(2010, 11, 18) + timedelta(days=days), st.integers(-400, 400))
birthdays = st.one_of(st.none(), st.dates(date(1900, 1, 1), date(2030, 1, 1)), near_sixteen)
Dates = tuple[datetime | None, datetime, date | None]
lasting = st.builds(lambda days: MIDDAY + timedelta(days=days), st.integers(45, 400))
dates = st.one_of(
    st.tuples(st.none() | stored, stored, birthdays),
    st.tuples(st.none(), lasting, st.none()),  # so that there is often more than one that could carry the call
)
brief_policies = policies.filter(lambda policy: policy is None or policy.answer_cap <= HORIZON)


def dated(lead: LeadFact, given: Dates) -> LeadFact:
    """Return the lead with these dates."""
    return replace(lead, collected_at=given[0], expires_at=given[1], birth_date=given[2])


def beside(lead: LeadFact, given: Dates, now: datetime, policy: Policy | None) -> LeadFact:
    """Return the lead with each of these dates that lies on the same side of the moment as its own."""
    collected_at, expires_at, birth_date = given
    for changed in ({"collected_at": collected_at}, {"expires_at": expires_at}, {"birth_date": birth_date}):
        other = replace(lead, **changed)
        lead = other if side(other, now, policy) == side(lead, now, policy) else lead
    return lead


carrying = leads.map(lambda lead: replace(lead, basis=Basis.LEGITIMATE_INTEREST, has_assessment=True, paused=False))
some_leads = st.builds(dated, st.one_of(leads, carrying), dates)


@given(
    facts=st.one_of(any_facts, promising_facts, promising_facts),
    lead=some_leads,
    others=dates,
    policy=brief_policies,
    now=near,
)
def test_a_lead_stands_for_another_on_the_same_side_of_the_moment(
    facts: CallFacts, lead: LeadFact, others: Dates, policy: Policy | None, now: datetime
) -> None:
    other = beside(lead, others, now, policy)

    decisions = [decide(replace(facts, leads=(each,)), policy, now) for each in (lead, other)]

    assert told(decisions[0]) == told(decisions[1])


@given(
    facts=st.one_of(any_facts, promising_facts, promising_facts),
    several=st.lists(st.tuples(some_leads, dates), min_size=2, max_size=3),
    policy=brief_policies,
    now=near,
)
def test_several_leads_stand_for_others_that_end_in_the_same_order(
    facts: CallFacts, several: Sequence[tuple[LeadFact, Dates]], policy: Policy | None, now: datetime
) -> None:
    """Where no consent or relation on record may end before them."""
    facts = replace(facts if policy is None else in_country(facts, policy), consents=(), relations=())
    first = [replace(lead, id=str(place)) for place, (lead, _) in enumerate(several)]
    others = [beside(lead, given, now, policy) for lead, (_, given) in zip(first, several, strict=True)]
    others = in_order_of(first, others)
    assume([side(lead, now, policy) for lead in first] == [side(lead, now, policy) for lead in others])

    decisions = [decide(replace(facts, leads=tuple(each)), policy, now) for each in (first, others)]

    assert told(decisions[0]) == told(decisions[1])


def in_order_of(first: Sequence[LeadFact], others: Sequence[LeadFact]) -> list[LeadFact]:
    """Return the others with their ends handed out in the order of the first's, or the first's."""
    order = sorted({lead.expires_at for lead in first if lead.expires_at is not None})
    ends = sorted({lead.expires_at for lead in others if lead.expires_at is not None})
    if len(ends) != len(order):
        ends = order
    new = dict(zip(order, ends, strict=True))
    return [
        replace(other, expires_at=lead.expires_at and new[lead.expires_at])
        for lead, other in zip(first, others, strict=True)
    ]


HEADINGS = ("Kund", "Telefon", "Namn")
cell = st.text(st.sampled_from('ab0; "\nå=+-'), max_size=6)
PIECES = (
    *"a;;;Å\x00\x0b\u2028\ufffd\udcff 0",
    "0701740605",
    "070-174 06 06",
    "+46701740607",
    "0701740608\x00",
    "08465004",
)


def layout(*, width: int = 3) -> FileLayout:
    """Return how a CSV with semicolons is read."""
    columns = read_headings(HEADINGS[:width])
    return FileLayout(
        Layout(FileFormat.CSV, "none", "utf-8", ";", columns, True, 0), "\n", columns.places[Field.NUMBER]
    )


@given(rows=st.lists(st.lists(cell, min_size=1, max_size=4).filter(any), max_size=20), part_rows=st.integers(1, 7))
def test_every_row_comes_out_once_in_order_with_the_cells_that_it_came_with(
    rows: list[list[str]], part_rows: int
) -> None:
    given_text = io.StringIO(newline="")
    csv.writer(given_text, delimiter=";", lineterminator="\n").writerows(rows)
    how = layout()
    stream = io.BytesIO(given_text.getvalue().encode())
    out = io.BytesIO()
    output = CsvOutput(out, HEADINGS, delimiter=";", encoding="utf-8", line_end="\n")
    seen = 0
    for part in parts_of_rows(_of_text(stream, "utf-8", 0, how), 1, is_workbook=False, part_rows=part_rows):
        assert part.first_row == seen + 1
        seen += len(part)
        output.write(part, [["v", "r", "", "g", "b", "s", "t", ""]], np.zeros(len(part), dtype=np.int64))

    read = list(csv.reader(io.StringIO(out.getvalue().decode(), newline=""), delimiter=";", strict=True))

    assert read[0] == [*HEADINGS, *ADDED]
    assert all(len(row) == len(HEADINGS) + len(ADDED) and row[3:6] == ["v", "r", ""] for row in read[1:])
    if all(len(row) <= 3 and "\n" not in "".join(row) for row in rows):
        assert [row[:3] for row in read[1:]] == [[*row, *[""] * (3 - len(row))] for row in rows]


@given(
    lines=st.lists(st.lists(st.sampled_from(PIECES), max_size=7).map("".join), max_size=12),
    ends=st.lists(st.sampled_from(["\n", "\n", "\r\n", "\n\n", '"\n', "\r", '\n"x\n";']), min_size=12, max_size=12),
    size=st.integers(1, 40),
)
def test_lines_taken_at_once_are_those_of_a_lead_file(lines: list[str], ends: list[str], size: int) -> None:
    text = "".join(line + end for line, end in zip(lines, ends[: len(lines)], strict=True))
    raw = text.encode(errors="surrogateescape")  # some bytes are no character

    def taken(rows: Iterator[Rows]) -> list[tuple[str, int]]:
        return [pair for some in rows for pair in zip(some.lines.to_list(), some.values.tolist(), strict=True)]

    with patch("dnc.screenings.rows.BLOCK", size):
        at_once = taken(_of_text(io.BytesIO(raw), "utf-8", 0, layout()))

    assert at_once == taken(_of_blocks(LineBlocks(io.BytesIO(raw), "utf-8"), layout()))


@pytest.mark.parametrize(
    "begun", ["x^2;0701740605;c", "x\x01;0701740605;c", "\x1f\x8b;0701740605;c", "(\xb5/\xfd;0701740605;c"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_line_that_begins_like_something_packed_is_a_line(begun: str, encoding: str) -> None:
    rows = list(_of_text(io.BytesIO(f"{begun}\nb;0701740606;c\n".encode("latin-1")), encoding, 0, layout()))

    assert [line for some in rows for line in some.lines.to_list()][1:] == ["b;0701740606;c"]
    assert [value for some in rows for value in some.values.tolist()] == [46701740605, 46701740606]


@given(text=st.text(max_size=5))
def test_what_is_added_is_never_a_formula(text: str) -> None:
    assert not harmless(text).startswith(FORMULA)


@given(headings=st.lists(st.sampled_from(["Verdict", "verdict1", "say", "Telefon", "retry_at2"])))
def test_the_added_headings_are_new_to_the_file(headings: list[str]) -> None:
    added = added_headings(headings)

    assert not {name.casefold() for name in added} & {name.casefold() for name in headings}
    assert len(set(added)) == len(ADDED)
