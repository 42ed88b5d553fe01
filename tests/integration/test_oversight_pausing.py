"""Sources that are paused without anybody asking: when they are surely too bad, and by what came since."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any  # the arguments of a function that is watched

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Role
from core.ledger import LedgerEntry
from dnc.models import LeadArrival
from dnc.oversight.complaints import ComplaintKind
from dnc.oversight.league import Figure
from dnc.oversight.pausing import oversee
from jobs.tasks import pause_the_worst
from leads.deliveries import SourceStanding, source_standings
from leads.models import Source
from leads.pauses import pause_source, resume_source
from tests.overseen import (
    FIRST,
    NOBODYS,
    NOW,
    OPERATOR,
    Overseen,
    complain,
    counted,
    id_at,
    numbers,
    overseen_store,
    source,
    supplier,
)

DAY = timedelta(days=1)
LOOK = "dnc.oversight.pausing.source_standings"


@pytest.fixture
def overseen(database_url: str, tmp_path: Path) -> Iterator[Overseen]:
    with overseen_store(database_url, tmp_path) as found:
        yield found


def overseen_now(overseen: Overseen) -> list[str]:
    return [one.source for one in oversee(overseen.store, overseen.clock.now())]


def reason(overseen: Overseen, slug: str) -> str | None:
    with overseen.store.reading() as session:
        return session.scalar(select(Source.paused_reason).where(Source.slug == slug))


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


def test_an_authoritys_complaint_that_is_told_of_late_pauses_all_the_same(overseen: Overseen) -> None:
    overseen.deliver("tavling", [FIRST], received_at=NOW - 200 * DAY)
    overseen.deliver("enkat", [FIRST + 1], received_at=NOW - 200 * DAY)
    complain(overseen, FIRST + 1, ComplaintKind.NIX_BOARD, received_at=NOW - 120 * DAY)
    complain(overseen, FIRST, ComplaintKind.AUTHORITY, received_at=NOW - 120 * DAY)

    assert source(overseen, "tavling").authority_complaints == 0, "the league table is of when complaints came"
    assert overseen_now(overseen) == ["tavling"]
    assert reason(overseen, "tavling") == "oversight (oversight-2026-1): complaints by authorities: 1"

    with overseen.store.writing() as session:
        resume_source(session, OPERATOR, slug="tavling", now=NOW)
    assert overseen_now(overseen) == [], "nobody ends a pause twice for the same complaint"


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
