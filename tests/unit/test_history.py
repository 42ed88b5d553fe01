"""A number's past from values alone: events in words, and what was not known in time."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from consent.past import PastConsent, PastRelation, PastVersion
from consent.terms import Basis, Channel
from dnc.decision import Decision, Verdict
from dnc.history.differences import CampaignStanding, differences
from dnc.history.events import EventKind, OriginNames, PastEvent, events_of
from dnc.history.facts import version_at
from dnc.history.rows import Past, PastBlock, PastComplaint, PastOptOut, PastRegisterVersion, PastRepeat
from leads.past import PastBirthDate, PastLead, PauseRecord, Pauses
from leads.terms import SourceKind
from tests.seeding import FROM_PARTNER

NUMBER = int(FROM_PARTNER[1:])
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = OriginNames({})
ALLOWED = Decision(Verdict.ALLOW, (), None, None, NOON, None, "se-2026-1")


def told(past: Past, seller_id: str | None = "s") -> list[str]:
    return [event.text for event in events_of(past, NUMBER, NAMES, seller_id)]


def an_opt_out(**changed: object) -> PastOptOut:
    opt_out = PastOptOut("o", "s", frozenset(Channel), "letter", NOON, NOON + DAY, "kim", None, None, None)
    return replace(opt_out, **changed)  # type: ignore[arg-type] # each of its own type


def test_what_a_person_said_is_told_in_words() -> None:
    released = {"asked_by_person_at": NOON + 2 * DAY, "released_at": NOON + 3 * DAY, "released_by": "kim"}
    past = Past(
        opt_outs={NUMBER: [an_opt_out(channels=frozenset({Channel.AUTOMATED_VOICE}), seller_id=None, **released)]},
        repeats={NUMBER: [PastRepeat("o", None, "phone", NOON + DAY, NOON + DAY, "kim")]},
        complaints={NUMBER: [PastComplaint("c", "s", "person", "mail", NOON + 4 * DAY, NOON + 4 * DAY, "kim")]},
    )

    assert told(past) == [
        "an opt-out from automated voice calls by letter for every seller",
        "the same no again, by phone",
        "the release of an opt-out from automated voice calls, which the person asked for",
        "a complaint (person) by mail",
    ]


def test_blocks_and_consents_are_told_with_their_ends() -> None:
    past = Past(
        holds={NUMBER: [PastBlock("h", "s", "wrong_number", NOON, "d", NOON + DAY, "kim")]},
        restrictions={NUMBER: [PastBlock("r", None, "deceased", NOON + 2 * DAY, "kim", None, None)]},
        consents={
            NUMBER: [
                PastConsent(
                    "n",
                    "s",
                    frozenset({Channel.VOICE}),
                    False,
                    NOON + 3 * DAY,
                    NOON + 9 * DAY,
                    NOON + 3 * DAY,
                    "kim",
                    NOON + 4 * DAY,
                    NOON + 5 * DAY,
                    "kim",
                    None,
                )
            ]
        },
    )

    assert told(past) == [
        "a hold (wrong number)",
        "the end of a hold (wrong number)",
        "a restriction (deceased) for every seller",
        "a consent to voice calls that does not name the seller, until 2026-05-10T12:00:00Z",
        "the withdrawal of a consent to voice calls",
    ]


def test_the_pauses_of_the_file_that_delivered_a_consent_are_told_without_a_lead() -> None:
    given = PastConsent("n", "s", frozenset(Channel), True, NOON, None, NOON, "kim", None, None, None, "f")
    marks = {
        "f": [PauseRecord("paused", NOON + DAY, "kim", "klagomål")],
        "p": [PauseRecord("resumed", NOON, "kim", "")],
    }
    past = Past(consents={NUMBER: [given]}, files={"f": ("q", "p", "f")}, pauses=Pauses(marks))

    assert told(past) == [
        "a consent to all calls that names the seller",
        "the supplier (not named) was resumed",
        "the lead file (not named) was paused: klagomål",
    ]
    assert told(past, "another") == []


def test_a_contract_that_began_at_another_time_is_told() -> None:
    versions = tuple(PastVersion(NOON + place * DAY, None, NOON + 5 * DAY + place * DAY, "kim") for place in range(2))
    past = Past(relations={NUMBER: [PastRelation("r", "s", "electricity", versions)]})

    assert told(past) == [
        "a customer relation (electricity)",
        "a customer relation (electricity) began at another time than was recorded before",
    ]


def test_another_sellers_events_are_left_out_and_those_to_every_seller_are_not() -> None:
    past = Past(opt_outs={NUMBER: [an_opt_out(), an_opt_out(id="p", seller_id="t"), an_opt_out(seller_id=None)]})

    assert len(told(past, "s")) == 2
    assert len(told(past, None)) == 3


def test_an_event_that_was_true_and_not_known_is_a_difference() -> None:
    event = PastEvent(EventKind.OPT_OUT, NOON, NOON + 2 * DAY, "kim", "s", "o", "an opt-out from all calls by letter")

    def found(at: datetime, known_at: datetime) -> list[str]:
        return [one.text for one in differences([event], [], at=at, known_at=known_at)]

    assert found(NOON + DAY, NOON + DAY) == [
        (
            "An opt-out from all calls by letter, from 2026-05-01T12:00:00Z, was recorded on 2026-05-03T12:00:00Z: "
            "on 2026-05-02T12:00:00Z it was not known"
        )
    ]
    assert found(NOON - DAY, NOON - DAY) == []
    assert found(NOON + DAY, NOON + 2 * DAY) == []
    assert found(NOON, NOON) != []


def test_answers_that_are_the_same_are_no_difference() -> None:
    same = CampaignStanding("vinterel", ALLOWED, replace(ALLOWED, valid_until=NOON + DAY))
    other = CampaignStanding("hemskydd", ALLOWED, replace(ALLOWED, verdict=Verdict.UNKNOWN))

    assert [one.campaign for one in differences([], [same, other], at=NOON, known_at=NOON)] == ["hemskydd"]


marks = st.lists(st.sampled_from(["paused", "quarantined", "resumed"]), max_size=6)


@given(became=marks, minutes=st.lists(st.integers(0, 5), min_size=6, max_size=6), asked=st.integers(-1, 6))
def test_a_thing_is_paused_as_its_last_mark_by_then_says(became: list[str], minutes: list[int], asked: int) -> None:
    at = [NOON + timedelta(minutes=minute) for minute in sorted(minutes)]
    records = [PauseRecord(one, when, "kim", "") for one, when in zip(became, at, strict=False)]
    moment = NOON + timedelta(minutes=asked)

    known = [record.became for record in records if record.recorded_at <= moment]
    assert Pauses({"x": records}).paused("x", moment) == (bool(known) and known[-1] != "resumed")
    assert not Pauses({"x": records}).paused("y", moment)


versions = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 30)), max_size=5)


@given(drawn=versions, at=st.integers(0, 30), later=st.integers(0, 30))
def test_the_register_version_that_spoke_was_loaded_and_is_not_from_after(
    drawn: list[tuple[int, int]], at: int, later: int
) -> None:
    """Whatever was loaded when: as known then it is the last one loaded; as known later none is fresher and fits."""
    loaded = [
        PastRegisterVersion("nix", "SE", str(place), "x", date(2026, 5, 1) + days * DAY, NOON + waited * DAY, "kim")
        for place, (days, waited) in enumerate(sorted(drawn, key=lambda one: one[1]))
    ]
    moment, known_at = NOON + at * DAY, NOON + (at + later) * DAY
    known = [one for one in loaded if one.loaded_at <= known_at]

    then, now = version_at(loaded, moment, moment), version_at(loaded, moment, known_at)

    in_time = [one for one in loaded if one.loaded_at <= moment]
    assert then == (in_time[-1] if in_time else None)
    if later:
        fitting = [one for one in known if one.as_of <= moment.date()]
        assert (now is None) == (not fitting)
        assert now is None or all(one.as_of <= now.as_of for one in fitting)


def test_the_birth_date_that_was_on_record_is_found() -> None:
    changed = [
        PastBirthDate(NOON + place * DAY, date(1980 + place, 1, 1), is_known=True, is_own=True, with_a_file=False)
        for place in range(3)
    ]
    lead = PastLead(
        "f:1",
        "s",
        "q",
        "p",
        "f",
        SourceKind.PARTNER,
        Basis.CONSENT,
        has_assessment=False,
        collected_at=None,
        expires_at=None,
        birth_date=date(2000, 1, 1),
        received_at=NOON,
        settled_at=NOON,
        is_own=True,
        births=tuple(changed),
    )

    found = [lead.birth_date_known(NOON + timedelta(hours=24 * place - 1)).birth_date for place in range(4)]

    assert found == [date(1980, 1, 1), date(1981, 1, 1), date(1982, 1, 1), date(2000, 1, 1)]
