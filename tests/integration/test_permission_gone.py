"""What a check allowed a call for may be gone when the call begins: then the call was not permitted."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from dnc.call_records.importing import match_call_records
from dnc.campaigns import close_campaign
from dnc.gate import Question
from dnc.models import Check
from dnc.permits import CallOnCheck, retracted
from dnc.reasons import ReasonCode
from leads.models import LeadFile
from leads.withdrawals import withdraw_lead_file
from tests.calls import check, dialer, log_call
from tests.integration.stories import Story
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SOURCE,
    LISTED,
    OPERATOR,
    SELLER,
    WITHOUT_SOURCE,
    Seeded,
    load_listed,
)

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
Happening = Callable[[Story], None]


def nothing(_story: Story) -> None:
    """Let nothing happen."""


def agreed(story: Story) -> None:
    """Let a person who is on the register consent to be called."""
    story.consent(LISTED)


def customer(story: Story) -> None:
    """Let a person of whom there is no lead be a customer."""
    story.relation(WITHOUT_SOURCE, None)


def was_customer(story: Story) -> None:
    """Let the contract have ended long ago."""
    story.relation(WITHOUT_SOURCE, story.now - timedelta(days=400))


def paused(what: str) -> Happening:
    """Return what pauses, quarantines or resumes something."""
    return lambda story: story.pause(what)


def paused_for_a_moment(story: Story) -> None:
    """Pause a source and let it be used again."""
    story.pause("pause source")
    story.pause("resume source")


def closed(story: Story) -> None:
    """Close the campaign."""
    with story.seeded.service.store.writing() as session:
        close_campaign(session, OPERATOR, slug=CAMPAIGN, now=story.now)


def registered(*numbers: str) -> Happening:
    """Return what loads a newer version of the register, with these numbers beside the one that it lists."""
    return lambda story: load_listed(story.seeded.service, story.folder, [LISTED, *numbers], date(2026, 11, 20))


def delivered(source: str, number: str, born: str) -> Happening:
    """Return what imports a lead with a birth date."""
    return lambda story: story.import_rows(source, [f"{number};2026-11-01;{born}"])


def file_withdrawn(story: Story) -> None:
    """Take the partner's file back."""
    with story.seeded.service.store.writing() as session:
        file_id = session.scalars(select(LeadFile.id).order_by(LeadFile.no)).first()
        assert file_id is not None
        withdraw_lead_file(session, OPERATOR, lead_file_id=file_id, reason="read wrongly", now=story.now)


def narrowed(opens: str) -> Happening:
    """Return what lets the seller call from this hour on."""
    return lambda story: story.set_rules(opens)


STOPS = {
    "consent withdrawn": (agreed, LISTED, lambda story: story.withdraw()),
    "contract ended": (customer, WITHOUT_SOURCE, was_customer),
    "source paused": (nothing, FROM_PARTNER, paused("pause source")),
    "source quarantined": (nothing, FROM_PARTNER, paused("quarantine source")),
    "supplier paused": (nothing, FROM_PARTNER, paused("pause supplier")),
    "file paused": (nothing, FROM_PARTNER, paused("pause file")),
    "file withdrawn": (nothing, FROM_PARTNER, file_withdrawn),
    "joined a register": (nothing, FROM_PARTNER, registered(FROM_PARTNER)),
    "a child's birth date told": (nothing, FROM_PARTNER, delivered(LIST_SOURCE, FROM_PARTNER, "2015-02-03")),
    "seller's hours narrowed": (nothing, FROM_PARTNER, narrowed("12:00")),
    "campaign closed": (nothing, FROM_PARTNER, closed),
}
NO_STOPS = {
    "nothing": (nothing, FROM_PARTNER, nothing),
    "withdrawn, and never needed": (lambda story: story.consent(FROM_LIST), FROM_LIST, paused("pause source")),
    "paused for a moment": (nothing, FROM_PARTNER, paused_for_a_moment),
    "another's file paused": (nothing, FROM_LIST, paused("pause file")),
    "paused, and there is a consent": (agreed, LISTED, paused("pause source")),
    "new register without it": (nothing, FROM_PARTNER, registered(FROM_LIST)),
    "a grown-up's birth date told": (nothing, FROM_PARTNER, delivered(LIST_SOURCE, FROM_PARTNER, "1980-02-03")),
    "seller's hours narrowed elsewhere in the day": (nothing, FROM_PARTNER, narrowed("10:01")),
}
CASES = [
    *(pytest.param(*case, False, id=name) for name, case in STOPS.items()),
    *(pytest.param(*case, True, id=name) for name, case in NO_STOPS.items()),
]


@pytest.mark.parametrize(("before", "number", "happens", "stands"), CASES)
def test_a_call_after_what_permitted_it_was_gone_is_told_from_one_that_is_permitted_still(
    seeded: Seeded, tmp_path: Path, before: Happening, number: str, happens: Happening, stands: bool
) -> None:
    """As a check at the call's start would say; by what the dialer logs and by what a carrier's records show."""
    story, caller = Story(seeded, tmp_path, with_checks=False), dialer(seeded)
    before(story)
    seeded.clock.at += MINUTE
    answer = check(seeded, number)
    assert answer.decision.may_call
    seeded.clock.at += MINUTE
    happens(story)
    seeded.clock.at += MINUTE

    logged = log_call(seeded.service, caller, answer.id, "call")
    seen = matched(seeded, tmp_path, number, logged.contact.started_at.isoformat())

    assert logged.permitted is stands
    assert log_call(seeded.service, caller, answer.id, "call", logged.contact.started_at).permitted is stands
    assert seen == {"matched" if stands else "after_retraction": 1}
    asked_again = seeded.service.gate.simulate(caller, CAMPAIGN, Question(number), at=seeded.clock.now())
    reasons = {reason.code for reason in asked_again[1].reasons}
    assert (reasons <= {ReasonCode.ATTEMPTS_GAP}) is stands


def matched(seeded: Seeded, folder: Path, number: str, started_at: str) -> dict[str, int]:
    """Return how many rows of a call log of one call came to be in each state."""
    path = folder / "calls.csv"
    path.write_text(f"started_at;b_number\n{started_at};{number}\n", encoding="utf-8")
    service = seeded.service
    report = match_call_records(
        service.store, service.shelf.listed, OPERATOR, path=path, file_name=path.name, seller=SELLER
    )
    return {state: count for state, count in (report.counts or {}).items() if count}


def call_on(seeded: Seeded, check_id: str, after: timedelta) -> CallOnCheck:
    """Return a call that began so long after its check."""
    with seeded.service.store.reading() as session:
        made = session.get_one(Check, check_id)
        assert made.number is not None
        return CallOnCheck(made.number, made.campaign_id, made.checked_at, made.checked_at + after)


def gone_by(seeded: Seeded, calls: list[CallOnCheck]) -> list[bool]:
    """Return for each call whether what permitted it was gone."""
    with seeded.service.store.reading() as session:
        return retracted(session, seeded.service.shelf.listed, calls)


@pytest.mark.parametrize(
    ("seconds", "gone"), [(-1, False), (0, False), (60, False), (119, False), (120, True), (121, True), (600, True)]
)
def test_a_call_is_judged_by_what_was_on_record_from_its_check_to_its_first_moment(
    seeded: Seeded, tmp_path: Path, seconds: int, gone: bool
) -> None:
    answer = check(seeded, FROM_PARTNER)
    seeded.clock.at += 2 * MINUTE
    Story(seeded, tmp_path).pause("pause source")

    assert gone_by(seeded, [call_on(seeded, answer.id, seconds * SECOND)]) == [gone]


def test_many_calls_are_each_judged_by_their_own_number_and_times(seeded: Seeded, tmp_path: Path) -> None:
    partners, lists = check(seeded, FROM_PARTNER).id, check(seeded, FROM_LIST).id
    seeded.clock.at += 2 * MINUTE
    Story(seeded, tmp_path).pause("pause source")
    after = [(lists, 3), (partners, 3), (partners, 0), (partners, 1), (lists, -1)]

    found = gone_by(seeded, [call_on(seeded, check_id, minutes * MINUTE) for check_id, minutes in after])

    assert found == [False, True, False, False, False]
    assert gone_by(seeded, []) == []


@pytest.mark.parametrize("came", ["before the check", "after it"])
def test_a_file_that_is_still_being_read_takes_no_permission_back(seeded: Seeded, tmp_path: Path, came: str) -> None:
    """Which of its leads were there nobody can tell any more; the check went by those that it found."""
    story = Story(seeded, tmp_path, with_checks=False)
    answer = check(seeded, FROM_PARTNER)
    seeded.clock.at += MINUTE
    if came == "after it":
        story.import_rows(LIST_SOURCE, [f"{FROM_PARTNER};2026-11-01;1980-02-03"])
    registered()(story)
    with seeded.service.store.writing() as session:
        files = session.scalars(select(LeadFile.id).order_by(LeadFile.no)).all()
        being_read = LeadFile.id == (files[-1] if came == "after it" else files[0])
        session.execute(update(LeadFile).where(being_read).values(read_at=story.now + 5 * MINUTE))
    seeded.clock.at += MINUTE

    assert log_call(seeded.service, dialer(seeded), answer.id, "call").permitted


def test_what_came_to_be_known_after_the_call_takes_nothing_back(seeded: Seeded, tmp_path: Path) -> None:
    story = Story(seeded, tmp_path, with_checks=False)
    story.consent(LISTED)
    seeded.clock.at += MINUTE
    answer = check(seeded, LISTED)
    began = seeded.clock.at + MINUTE
    seeded.clock.at += 2 * MINUTE
    story.withdraw(said_before=MINUTE * 1.5)

    assert log_call(seeded.service, dialer(seeded), answer.id, "call", began).permitted
