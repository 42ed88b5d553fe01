"""The league table by its definitions, and sources that are paused without anybody asking."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any  # the arguments of a function that is watched

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller, Role
from core.errors import Forbidden, InvalidInput
from core.ledger import LedgerEntry
from dnc.contacts import Outcome, log_contact
from dnc.models import Contact, LeadArrival
from dnc.oversight.complaints import ComplaintKind, record_complaint
from dnc.oversight.league import Figure
from dnc.oversight.pausing import oversee
from dnc.oversight.policy import OVERSIGHT_2026_1
from dnc.oversight.standings import League, Standing, league
from jobs.tasks import pause_the_worst
from leads.deliveries import SourceStanding, source_standings
from leads.models import Source
from leads.pauses import pause_source, resume_source
from tests.overseen import FIRST, NOBODYS, NOW, OPERATOR, Overseen, id_at, overseen_store

DAY = timedelta(days=1)
LOOK = "dnc.oversight.pausing.source_standings"


@pytest.fixture
def overseen(database_url: str, tmp_path: Path) -> Iterator[Overseen]:
    with overseen_store(database_url, tmp_path) as found:
        yield found


def table(overseen: Overseen, caller: Caller = OPERATOR, days: int = 90) -> League:
    with overseen.store.reading() as session:
        return league(session, caller, now=overseen.clock.now(), period=days * DAY, policy=OVERSIGHT_2026_1)


def source(overseen: Overseen, slug: str, days: int = 90) -> Standing:
    [found] = [one for one in table(overseen, days=days).sources if one.slug == slug]
    return found


def supplier(overseen: Overseen, slug: str) -> Standing:
    [found] = [one for one in table(overseen).suppliers if one.slug == slug]
    return found


def counted(standing: Standing, figure: Figure) -> tuple[int, int]:
    share = standing.shares[figure]
    return share.hits, share.of


def complain(
    overseen: Overseen, number: int, kind: ComplaintKind = ComplaintKind.PERSON, received_at: datetime | None = None
) -> None:
    with overseen.store.writing() as session:
        record_complaint(
            session,
            OPERATOR,
            overseen.store.keyring,
            number=number,
            seller_id=overseen.seller_id,
            kind=kind,
            via="mail",
            note="",
            received_at=received_at,
            now=overseen.clock.now(),
        )


def numbers(count: int, start: int = 0) -> list[int]:
    return [NOBODYS + start + place for place in range(count)]


def overseen_now(overseen: Overseen) -> list[str]:
    return [one.source for one in oversee(overseen.store, overseen.clock.now())]


def reason(overseen: Overseen, slug: str) -> str | None:
    with overseen.store.reading() as session:
        return session.scalar(select(Source.paused_reason).where(Source.slug == slug))


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


def test_a_source_is_paused_once_it_is_surely_above_a_limit_and_not_before(overseen: Overseen) -> None:
    overseen.deliver("tavling", numbers(9), rejected=21)
    assert overseen_now(overseen) == [], "thirty rows are too few"
    overseen.deliver("tavling", numbers(181, 100), rejected=39)
    assert overseen_now(overseen) == [], "24 % of 250 may be 20 % by chance"
    assert overseen.verdict(FIRST) == ("deny", ["no_source"])
    overseen.deliver("tavling", [FIRST], rejected=49)

    [paused] = oversee(overseen.store, NOW)

    assert (paused.source, paused.policy, [one.figure for one in paused.breaches]) == (
        "tavling",
        "oversight-2026-1",
        [Figure.INVALID],
    )
    assert overseen.verdict(FIRST) == ("deny", ["source_paused"])
    assert reason(overseen, "tavling") == (
        "oversight (oversight-2026-1): rows that could not be used: 109 of 300, surely 31.10% to 41.92%, above 20.00%"
    )
    with overseen.store.reading() as session:
        [payload] = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == "oversight.paused"))
    [breach] = json.loads(payload or "")["breaches"]
    assert (breach["figure"], breach["hits"], breach["of"], breach["limit"]) == ("invalid", 109, 300, 0.2)
    assert breach["lower"] == pytest.approx(0.3110, abs=1e-4)


def test_the_jobs_log_tells_which_source_was_paused_and_why_once(
    overseen: Overseen, caplog: pytest.LogCaptureFixture
) -> None:
    overseen.deliver("tavling", numbers(100), rejected=100)

    outcomes = [pause_the_worst(overseen.store, overseen.clock.now()) for _ in range(2)]

    assert outcomes == ["1 sources paused", "0 sources paused"]
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            "source tavling is paused: rows that could not be used: 100 of 200, surely 43.14% to 56.86%, above 20.00%",
        )
    ]


def test_overseeing_again_changes_nothing(overseen: Overseen) -> None:
    overseen.deliver("tavling", numbers(100), rejected=100)

    assert overseen_now(overseen) == ["tavling"]
    overseen.clock.at += timedelta(hours=1)
    assert overseen_now(overseen) == []
    with overseen.store.reading() as session:
        kinds = session.scalars(select(LedgerEntry.kind).where(LedgerEntry.subject == _id(session, "tavling"))).all()
    assert [kind for kind in kinds if kind != "source.added"] == ["source.paused", "oversight.paused"]


def test_two_processes_that_oversee_at_once_put_a_pause_on_record_once(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with overseen_store(postgres_url, tmp_path) as overseen:
        overseen.deliver("tavling", numbers(100), rejected=100)
        others: list[str] = []

        def look_just_before_another(*given: Any) -> list[SourceStanding]:
            found = source_standings(*given)
            monkeypatch.setattr(LOOK, source_standings)
            others.extend(overseen_now(overseen))
            return found

        monkeypatch.setattr(LOOK, look_just_before_another)

        assert (overseen_now(overseen), others) == ([], ["tavling"])
        with overseen.store.reading() as session:
            of_source = LedgerEntry.subject == _id(session, "tavling")
            kinds = session.scalars(select(LedgerEntry.kind).where(of_source)).all()
    assert [kind for kind in kinds if kind != "source.added"] == ["source.paused", "oversight.paused"]


def _id(session: Session, slug: str) -> str:
    return session.scalars(select(Source.id).where(Source.slug == slug)).one()


def test_what_was_known_when_a_source_was_resumed_does_not_pause_it_again_but_what_comes_later_does(
    overseen: Overseen,
) -> None:
    overseen.deliver("tavling", numbers(100), rejected=100)
    complain(overseen, NOBODYS, ComplaintKind.AUTHORITY)
    assert overseen_now(overseen) == ["tavling"]
    overseen.clock.at += timedelta(hours=1)
    with overseen.store.writing() as session:
        resume_source(session, overseen.role(Role.LEAD_MANAGER), slug="tavling", now=overseen.clock.now())
    overseen.clock.at += timedelta(hours=1)
    assert overseen_now(overseen) == []

    overseen.deliver("tavling", numbers(10, 500), rejected=89, received_at=overseen.clock.now())
    overseen.clock.at += timedelta(hours=1)
    assert overseen_now(overseen) == [], "99 rows are too few: those from before do not count with them"
    overseen.deliver("tavling", numbers(1, 700), received_at=overseen.clock.now())
    overseen.clock.at += timedelta(hours=1)
    assert overseen_now(overseen) == ["tavling"]


def test_the_ledger_says_since_when_was_counted_what_a_source_is_paused_for(overseen: Overseen) -> None:
    overseen.deliver("tavling", numbers(10), rejected=90)
    assert overseen_now(overseen) == ["tavling"]
    resumed_at = overseen.clock.at = NOW + DAY
    with overseen.store.writing() as session:
        resume_source(session, overseen.role(Role.LEAD_MANAGER), slug="tavling", now=resumed_at)
    overseen.clock.at += DAY
    overseen.deliver("tavling", numbers(10, 500), rejected=90, received_at=overseen.clock.now())
    assert overseen_now(overseen) == ["tavling"]

    with overseen.store.reading() as session:
        paused = select(LedgerEntry.payload).where(LedgerEntry.kind == "oversight.paused").order_by(LedgerEntry.seq)
        told = [json.loads(payload or "") for payload in session.scalars(paused)]

    assert [datetime.fromisoformat(one["since"]) for one in told] == [NOW - 90 * DAY, resumed_at]
    assert [one["breaches"][0]["of"] for one in told] == [100, 100]


def test_one_complaint_by_an_authority_pauses_every_source_that_the_number_came_from(overseen: Overseen) -> None:
    overseen.deliver("tavling", [FIRST])
    overseen.deliver("lista", [FIRST])
    overseen.deliver("enkat", [FIRST + 1])
    complain(overseen, FIRST, ComplaintKind.NIX_BOARD)
    assert overseen_now(overseen) == []

    complain(overseen, FIRST, ComplaintKind.AUTHORITY)

    assert sorted(overseen_now(overseen)) == ["lista", "tavling"]
    assert reason(overseen, "lista") == "oversight (oversight-2026-1): complaints by authorities: 1"


def test_a_source_that_delivered_the_number_after_a_complaint_came_is_not_accused_of_it(overseen: Overseen) -> None:
    came = NOW - 5 * DAY
    overseen.deliver("tavling", [FIRST], received_at=came)
    overseen.deliver("lista", [FIRST], received_at=came + timedelta(microseconds=1))

    complain(overseen, FIRST, ComplaintKind.AUTHORITY, received_at=came)

    assert (source(overseen, "tavling").authority_complaints, source(overseen, "lista").authority_complaints) == (1, 0)
    assert overseen_now(overseen) == ["tavling"]


def test_objections_and_complaints_pause_by_the_calls_they_followed(overseen: Overseen) -> None:
    people = numbers(400)
    overseen.deliver("tavling", people)
    overseen.deliver("enkat", people[:150])
    overseen.call(people[150:], at=NOW - 3 * DAY)
    overseen.call(people[:120], at=NOW - 3 * DAY)
    overseen.call(people[120:150], at=NOW - 3 * DAY, outcome="objected")
    for number in people[150:160]:
        complain(overseen, number)

    found = {one.source: {breach.figure for breach in one.breaches} for one in oversee(overseen.store, NOW + DAY)}

    assert found == {"tavling": {Figure.COMPLAINED}, "enkat": {Figure.OBJECTED}}


def screened(overseen: Overseen, lead_file_id: str, slug: str, *, leads: int, at: datetime, **reasons: int) -> None:
    with overseen.store.writing() as session:
        session.add(
            LeadArrival(
                id=id_at(at),
                lead_file_id=lead_file_id,
                source_id=_id(session, slug),
                seller_id=overseen.seller_id,
                screened_at=at,
                screened_by=OPERATOR.actor,
                asked_for=at,
                counts=json.dumps({"leads": leads, "rows": {}, "verdicts": {}, "reasons": reasons}),
                wash="{}",
            )
        )


def test_what_was_on_the_register_when_it_came_pauses_and_what_was_listed_later_does_not(overseen: Overseen) -> None:
    contest = overseen.deliver("tavling", numbers(120))
    survey = overseen.deliver("enkat", numbers(100, 500))
    screened(overseen, contest, "tavling", leads=120, at=NOW - DAY, on_register=30, register_stale=20)
    screened(overseen, survey, "enkat", leads=100, at=NOW - 2 * DAY, on_register=0)
    screened(overseen, survey, "enkat", leads=100, at=NOW - DAY, on_register=40)

    assert counted(source(overseen, "tavling"), Figure.ON_REGISTER) == (30, 100)
    assert counted(source(overseen, "enkat"), Figure.ON_REGISTER) == (0, 100)
    assert counted(supplier(overseen, "kronan"), Figure.ON_REGISTER) == (30, 200)
    assert overseen_now(overseen) == ["tavling"]


def test_a_lead_on_a_register_that_was_too_old_to_ask_is_no_lead_on_the_register(overseen: Overseen) -> None:
    early = overseen.deliver("tavling", numbers(100))
    late = overseen.deliver("tavling", numbers(100, 500))
    screened(overseen, early, "tavling", leads=100, at=NOW - DAY, on_register=30, register_stale=100)
    screened(overseen, late, "tavling", leads=100, at=NOW - DAY, on_register=1)

    assert counted(source(overseen, "tavling"), Figure.ON_REGISTER) == (1, 100)
    assert overseen_now(overseen) == []


def test_a_file_that_came_while_the_register_could_not_be_asked_counts_by_the_first_screening_that_could(
    overseen: Overseen,
) -> None:
    came = overseen.deliver("tavling", numbers(100))
    screened(overseen, came, "tavling", leads=100, at=NOW - 3 * DAY, register_missing=100)
    assert counted(source(overseen, "tavling"), Figure.ON_REGISTER) == (0, 0)

    screened(overseen, came, "tavling", leads=100, at=NOW - 2 * DAY, on_register=80)
    screened(overseen, came, "tavling", leads=100, at=NOW - DAY, on_register=90)

    assert counted(source(overseen, "tavling"), Figure.ON_REGISTER) == (80, 100)
    assert overseen_now(overseen) == ["tavling"]


def test_what_somebody_has_paused_already_is_left_as_it_is(overseen: Overseen) -> None:
    overseen.deliver("tavling", numbers(100), rejected=100)
    with overseen.store.writing() as session:
        pause_source(session, OPERATOR, slug="tavling", reason="avtalet är uppsagt", now=NOW)

    assert overseen_now(overseen) == []
    assert reason(overseen, "tavling") == "avtalet är uppsagt"
