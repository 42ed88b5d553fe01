"""A number's past in two times: events, standing as known then and now, and what was learnt only later."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.access import Caller, Role
from core.errors import Forbidden
from dnc.decision import Verdict
from dnc.history import rows
from dnc.history.events import EventKind
from dnc.history.timeline import Timeline, timeline
from dnc.lookups import NumberRecord, look_up
from tests.integration.seeds import KINDS, dialer_of, seeded_service
from tests.integration.stories import Story
from tests.registers import load
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SOURCE,
    OPERATOR,
    OTHER_CAMPAIGN,
    PARTNER_SOURCE,
    PARTNER_SOURCE_NAME,
    WITHOUT_SOURCE,
    import_leads,
    number_of,
)


@pytest.fixture(params=KINDS)
def story(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Story]:
    with seeded_service(request, request.param, tmp_path) as seeded:
        yield Story(seeded, tmp_path, with_checks=False)


def past_of(
    story: Story,
    written: str,
    *,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    caller: Caller = OPERATOR,
) -> Timeline:
    service = story.seeded.service
    with service.store.reading() as session:
        return timeline(
            session,
            caller,
            service.shelf.listed,
            number=number_of(written),
            as_of=as_of,
            known_at=known_at,
            now=story.now,
        )


def shown(
    story: Story,
    written: str,
    *,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
) -> NumberRecord:
    service = story.seeded.service
    with service.store.snapshot() as session:
        found = look_up(session, OPERATOR, number=number_of(written), as_of=as_of, known_at=known_at, now=story.now)
        session.expunge_all()
        return found


def of_seller(story: Story, role: Role) -> Caller:
    return Caller("c", "somebody", "key", role, story.seeded.seller_id)


def test_a_late_no_is_told_in_words_with_what_it_would_have_changed(story: Story) -> None:
    said = story.now + timedelta(hours=1)
    story.seeded.clock.at += timedelta(days=2)
    story.opt_out(FROM_PARTNER, said_before=story.now - said)
    between = said + timedelta(minutes=30)

    past = past_of(story, FROM_PARTNER, as_of=between, caller=of_seller(story, Role.CUSTOMER_SERVICE))

    [standing] = past.standing
    assert standing.campaign == CAMPAIGN
    assert (standing.as_known_then.verdict, standing.as_known_now.verdict) == (Verdict.ALLOW, Verdict.DENY)
    assert [one.text for one in past.differences] == [
        (
            "An opt-out from all calls by letter, from 2026-11-24T10:00:00Z, was recorded on 2026-11-26T09:00:00Z: "
            "on 2026-11-24T10:30:00Z it was not known"
        ),
        "For the campaign vinterel the answer was allow; by what is known now it is deny (opted_out)",
    ]


def test_what_was_known_in_time_makes_no_difference(story: Story) -> None:
    story.opt_out(FROM_PARTNER)
    story.seeded.clock.at += timedelta(minutes=30)

    past = past_of(story, FROM_PARTNER)

    assert past.differences == []
    assert all(one.as_known_then == one.as_known_now for one in past.standing)


def test_every_event_is_told_with_when_it_was_true_and_when_it_was_recorded(story: Story) -> None:
    story.tell()

    events = {written: past_of(story, written).history for written in (FROM_PARTNER, FROM_LIST, WITHOUT_SOURCE)}

    for told in events.values():
        assert [one.true_at for one in told] == sorted(one.true_at for one in told)
        assert all(one.recorded_at >= one.true_at for one in told)
    kinds = {one.kind for told in events.values() for one in told}
    assert kinds >= set(EventKind) - {
        EventKind.HOLD,
        EventKind.HOLD_CLOSED,
        EventKind.CONSENT,
        EventKind.CONSENT_WITHDRAWN,
        EventKind.COMPLAINT,
        EventKind.OPT_OUT_REPEATED,
        EventKind.WITHDRAWN,
    }
    at = story.moments
    assert [one.recorded_at for one in events[FROM_PARTNER] if one.kind is EventKind.QUARANTINED] == [at["quarantined"]]
    assert [one.recorded_at for one in events[FROM_PARTNER] if one.kind is EventKind.RESUMED] == [
        at["resumed"],
        at["supplier resumed"],
        at["file resumed"],
    ]
    assert [one.text for one in events[WITHOUT_SOURCE] if one.kind is EventKind.RELATION] == [
        "a customer relation (electricity)",
        "the fulfilment of a customer relation (electricity)",
        "a customer relation (electricity) that was fulfilled runs again",
    ]
    assert any(PARTNER_SOURCE_NAME in one.text for one in events[FROM_PARTNER])


def test_a_register_that_does_not_cover_the_number_is_not_said_to_be_damaged(story: Story, tmp_path: Path) -> None:
    path = tmp_path / "us.txt"
    path.write_text("202,5550142\n", encoding="utf-8")
    load(story.seeded.service, path, name="us")

    said = {
        written: [event.text for event in past_of(story, written).history if event.kind is EventKind.REGISTER]
        for written in ("+12025550142", "+12025550143", "+14085550142")
    }

    of_us = "the register us of 2026-11-15"
    assert said == {
        "+12025550142": [f"{of_us} lists the number"],
        "+12025550143": [f"{of_us} does not list the number"],
        "+14085550142": [f"{of_us} tells nothing of the number: it is not covered, or cannot be read any more"],
    }


def test_another_sellers_events_are_not_told(story: Story) -> None:
    story.opt_out(FROM_PARTNER)
    other = Caller("c", "somebody", "key", Role.CUSTOMER_SERVICE, story.seeded.other_seller_id)

    past = past_of(story, FROM_PARTNER, caller=other)

    assert [one.campaign for one in past.standing] == [OTHER_CAMPAIGN]
    assert {one.kind for one in past.history} == {EventKind.LEAD, EventKind.REGISTER}
    assert PARTNER_SOURCE_NAME not in str(past.history)


def test_a_lead_that_is_taken_while_the_past_is_read_does_no_harm(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_before_a_delivery(*args: Any, **kwargs: Any) -> rows.Past:  # Any: as past_of has them
        past = rows.past_of(*args, **kwargs)
        import_leads(story.seeded.service, tmp_path, LIST_SOURCE, [FROM_PARTNER])
        return past

    before = past_of(story, FROM_PARTNER)
    monkeypatch.setattr("dnc.history.timeline.past_of", read_before_a_delivery)

    assert past_of(story, FROM_PARTNER) == before


def test_sales_are_told_nothing_of_the_past(story: Story) -> None:
    past = past_of(story, FROM_LIST, caller=of_seller(story, Role.SALES))

    assert not any((past.standing, past.history, past.differences))


def test_a_dialer_may_not_ask_for_the_past(story: Story) -> None:
    with pytest.raises(Forbidden):
        past_of(story, FROM_PARTNER, caller=dialer_of(story.seeded))


def test_each_part_of_a_look_up_is_as_it_was_and_as_it_was_known(story: Story) -> None:
    begun = story.now
    story.tell()
    at = story.moments

    def then(written: str, name: str) -> NumberRecord:
        return shown(story, written, as_of=at[name], known_at=at[name])

    assert [lead.paused for lead in then(FROM_PARTNER, "begins").leads] == [False, False]
    assert [lead.paused for lead in then(FROM_PARTNER, "paused").leads] == [True, False]
    assert [lead.paused for lead in then(FROM_PARTNER, "resumed").leads] == [False, False]
    assert [lead.paused for lead in then(FROM_PARTNER, "supplier paused").leads] == [True, True]
    assert len(shown(story, FROM_PARTNER).leads) == 3
    assert then(FROM_PARTNER, "restriction").restrictions == ["vulnerable"]
    assert then(FROM_PARTNER, "end of restriction").restrictions == []
    assert shown(story, FROM_PARTNER, as_of=at["end of restriction"], known_at=at["restriction"]).restrictions != []
    assert [one.fulfilled_at is None for one in then(WITHOUT_SOURCE, "relation").relations] == [True]
    assert [one.fulfilled_at is None for one in then(WITHOUT_SOURCE, "fulfilled").relations] == [False]
    assert [one.fulfilled_at is None for one in then(WITHOUT_SOURCE, "reopened").relations] == [True]
    assert then(WITHOUT_SOURCE, "begins").relations == []
    assert [one.in_force for one in then(FROM_LIST, "opt-out of list").opt_outs] == [True]
    assert [one.in_force for one in then(FROM_LIST, "release").opt_outs] == [False]
    assert then(FROM_PARTNER, "begins").contacts == []
    assert len(then(FROM_PARTNER, "call").contacts) == 1
    assert len(then(FROM_PARTNER, "call").checks) == 1
    assert then(FROM_PARTNER, "begins").checks == []
    assert shown(story, FROM_PARTNER, as_of=begun - timedelta(days=1)).leads == []


def test_an_end_that_was_not_known_yet_is_not_shown(story: Story) -> None:
    story.tell()
    at = story.moments
    number = "+46701740610"

    open_then = shown(story, number, known_at=at["objection"]).holds
    closed = shown(story, number).holds

    assert [(one.is_open, one.closed_at, one.resolution) for one in open_then] == [(True, None, None)]
    assert [(one.is_open, one.closed_at, one.resolution) for one in closed] == [(False, at["hold closed"], "a mistake")]


def test_a_source_that_is_quarantined_later_was_not_then(story: Story) -> None:
    story.seeded.clock.at += timedelta(hours=1)
    story.pause("quarantine source")
    before = story.now - timedelta(minutes=30)

    past = past_of(story, FROM_PARTNER, as_of=before, caller=of_seller(story, Role.COMPLIANCE))

    assert [one.as_known_now.verdict for one in past.standing] == [Verdict.ALLOW]
    now = past_of(story, FROM_PARTNER, caller=of_seller(story, Role.COMPLIANCE))
    assert [reason.code for one in now.standing for reason in one.as_known_now.reasons] == ["source_paused"]
    assert PARTNER_SOURCE not in str(past.differences)
