"""The league table by its definitions."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.access import Caller, Role
from core.errors import Forbidden, InvalidInput
from dnc.contacts import Outcome, log_contact
from dnc.models import Contact
from dnc.oversight.league import Figure
from leads.models import Source
from tests.overseen import (
    FIRST,
    NOW,
    Overseen,
    complain,
    counted,
    numbers,
    overseen_store,
    source,
    supplier,
    table,
)

DAY = timedelta(days=1)


@pytest.fixture
def overseen(database_url: str, tmp_path: Path) -> Iterator[Overseen]:
    with overseen_store(database_url, tmp_path) as found:
        yield found


def test_rows_leads_and_ages_are_those_of_the_files_of_the_period(overseen: Overseen) -> None:
    overseen.deliver("tavling", numbers(6), rejected=2, ambiguous=1, duplicate=1, age=10 * DAY + timedelta(hours=23))
    overseen.deliver("tavling", numbers(3, 100), age=40 * DAY)
    overseen.deliver("tavling", numbers(9, 200), rejected=9, received_at=NOW - 91 * DAY)
    overseen.deliver("tavling", numbers(2, 300), age=None)

    one = source(overseen, "tavling")

    assert (one.deliveries, one.rows, one.median_age_days) == (3, 15, 10)
    assert counted(one, Figure.INVALID) == (3, 15)
    assert counted(one, Figure.DUPLICATE) == (1, 15)
    assert counted(one, Figure.MISSING_EVIDENCE) == (2, 11)
    assert counted(one, Figure.ON_REGISTER) == (0, 0)
    assert source(overseen, "tavling", days=100).deliveries == 4


def test_a_lead_of_a_source_on_consent_needs_the_moment_of_consent(overseen: Overseen) -> None:
    overseen.deliver("enkat", numbers(2))
    overseen.deliver("enkat", numbers(3, 100), person='{"consent_at":"2026-11-01T10:00:00Z"}')
    assert counted(source(overseen, "enkat"), Figure.MISSING_EVIDENCE) == (0, 5)

    with overseen.store.writing() as session:
        session.query(Source).filter_by(slug="enkat").update({"basis": "consent", "assessment": None})
    assert counted(source(overseen, "enkat"), Figure.MISSING_EVIDENCE) == (2, 5)

    with overseen.store.writing() as session:
        session.query(Source).filter_by(slug="enkat").update({"basis": "legitimate_interest"})
    assert counted(source(overseen, "enkat"), Figure.MISSING_EVIDENCE) == (5, 5)


def test_a_contact_counts_for_every_source_that_had_a_lead_when_it_started(overseen: Overseen) -> None:
    people = numbers(4)
    overseen.deliver("tavling", people)
    overseen.deliver("enkat", people[:2])
    overseen.deliver("lista", people, received_at=NOW - 2 * DAY)
    overseen.deliver("hemtavling", people)
    overseen.call(people, at=NOW - 5 * DAY)
    overseen.call(people[:1], at=NOW - 30 * DAY)  # before anybody delivered the number
    overseen.call(people[:1], at=NOW - 95 * DAY)

    assert [source(overseen, slug).contacts for slug in ("tavling", "enkat", "lista", "hemtavling")] == [4, 2, 0, 0]
    assert supplier(overseen, "kronan").contacts == 4, "a call is one call, however many sources had the number"


def test_a_contact_is_followed_by_a_no_if_it_ended_so_or_was_the_last_within_30_days(overseen: Overseen) -> None:
    called = NOW - 40 * DAY
    people = [FIRST + place for place in range(6)]
    overseen.deliver("tavling", people, received_at=NOW - 60 * DAY)
    overseen.call(people, at=called)
    overseen.call(people[2:3], at=called + DAY)
    overseen.call(people[3:4], outcome="objected", at=called + DAY)
    overseen.opt_out(people[:1], at=called + 30 * DAY - timedelta(seconds=1))
    overseen.opt_out(people[1:2], at=called + 30 * DAY)
    overseen.opt_out(people[2:3], at=called + 2 * DAY)
    overseen.opt_out(people[4:5], at=called - DAY)
    overseen.opt_out(people[5:6], at=called + DAY, seller_id=overseen.other_seller_id)

    assert counted(source(overseen, "tavling"), Figure.OBJECTED) == (3, 8)


def test_a_no_said_again_after_another_call_counts_for_that_call_too(overseen: Overseen) -> None:
    people = [FIRST + place for place in range(4)]
    overseen.deliver("tavling", people, received_at=NOW - 60 * DAY)
    overseen.opt_out(people, at=NOW - 50 * DAY)
    overseen.call(people, at=NOW - 40 * DAY)
    overseen.call(people[1:2], at=NOW - 39 * DAY)
    overseen.opt_out(people[:2], at=NOW - 38 * DAY)
    overseen.opt_out(people[2:3], at=NOW - 10 * DAY)

    assert counted(source(overseen, "tavling"), Figure.OBJECTED) == (2, 5)


def test_an_objection_that_comes_late_under_the_calls_own_id_counts(overseen: Overseen) -> None:
    overseen.deliver("tavling", [FIRST, FIRST + 1])
    called = overseen.clock.now() - DAY
    overseen.call([FIRST, FIRST + 1], at=called, outcome="no_answer")

    with overseen.store.writing() as session:
        first = session.scalars(select(Contact).where(Contact.number == FIRST)).one()
        for outcome in (Outcome.OBJECTED, Outcome.WRONG_NUMBER):
            log_contact(
                session,
                Caller("dialer", "dialer", "key", Role.DIALER, overseen.seller_id),
                overseen.store.keyring,
                lambda _snapshot, _number: False,
                check_id=first.check_id,
                call_id=first.call_id,
                started_at=called,
                ended_at=None,
                outcome=outcome,
                agent=None,
                source_disclosed=None,
                now=overseen.clock.now(),
            )

    assert counted(source(overseen, "tavling"), Figure.OBJECTED) == (1, 2)


def test_complaints_count_for_every_source_with_a_lead_though_no_call_is_known(overseen: Overseen) -> None:
    overseen.deliver("tavling", [FIRST, FIRST + 1])
    overseen.deliver("enkat", [FIRST])
    overseen.call([FIRST, FIRST + 1])

    complain(overseen, FIRST)
    complain(overseen, FIRST + 9)

    assert counted(source(overseen, "tavling"), Figure.COMPLAINED) == (1, 2)
    assert counted(source(overseen, "enkat"), Figure.COMPLAINED) == (1, 1)
    assert counted(supplier(overseen, "kronan"), Figure.COMPLAINED) == (1, 2)
    overseen.clock.at += 100 * DAY
    assert counted(source(overseen, "tavling"), Figure.COMPLAINED) == (0, 0)


def test_complaints_about_calls_that_nobody_logged_are_not_lost_for_want_of_contacts(overseen: Overseen) -> None:
    overseen.deliver("tavling", numbers(700), rejected=100)
    overseen.deliver("enkat", [FIRST, FIRST + 1])
    overseen.deliver("lista", [FIRST])
    overseen.call([FIRST + 1])
    for _ in range(3):
        complain(overseen, FIRST)

    assert [one.slug for one in table(overseen).sources] == ["enkat", "lista", "tavling", "hemtavling"]
    assert counted(source(overseen, "lista"), Figure.COMPLAINED) == (3, 3)
    assert counted(source(overseen, "enkat"), Figure.COMPLAINED) == (3, 3)
    assert source(overseen, "lista").contacts == 0


def test_the_worst_stands_first_and_a_few_rows_do_not_make_the_worst(overseen: Overseen) -> None:
    overseen.deliver("tavling", numbers(700), rejected=300)
    overseen.deliver("lista", numbers(3, 1000), rejected=3)
    overseen.deliver("enkat", numbers(10, 2000))

    found = table(overseen)

    assert [one.slug for one in found.sources] == ["tavling", "lista", "enkat", "hemtavling"]
    assert [one.slug for one in found.suppliers] == ["kronan", "fjallraven"]
    worst = found.sources[0].worst
    assert worst is not None
    assert worst.figure is Figure.INVALID


def test_a_caller_of_one_seller_sees_its_own_sources_and_only_those_who_oversee_see_any(overseen: Overseen) -> None:
    overseen.deliver("tavling", numbers(10))
    overseen.deliver("hemtavling", numbers(20))
    for role in Role:
        caller = overseen.role(role)
        if role not in (Role.LEAD_MANAGER, Role.COMPLIANCE):
            with pytest.raises(Forbidden):
                table(overseen, caller)
            continue
        found = table(overseen, caller)
        assert {one.slug for one in found.sources} == {"tavling", "enkat", "lista"}
        assert {one.slug: one.rows for one in found.suppliers} == {"kronan": 10, "fjallraven": 0}
    for days in (0, 3661):
        with pytest.raises(InvalidInput):
            table(overseen, days=days)
