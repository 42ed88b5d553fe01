"""Calls matched to checks: the newest permission before the call, one call a check, and whatever stood in the way."""

from datetime import UTC, datetime, timedelta

import pytest

from dnc.call_records.matching import EarlierCall, LoggedCall, NumberHistory, RecordedCall, StoredCheck, match_calls
from dnc.call_records.states import CallState, calls_in, share_matched
from dnc.permits import Fault, Stop

TEN = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    return TEN + minutes * MINUTE


def check(
    id_: str, minutes: float, *, verdict: str = "allow", lasts: float = 10, campaign: str = "c", asker: str = "me"
) -> StoredCheck:
    until = at(minutes + lasts) if verdict == "allow" else None
    return StoredCheck(id_, "voice", verdict, at(minutes), until, campaign, asker)


def call(minutes: float, key: int = 0) -> RecordedCall:
    return RecordedCall(at(minutes), key)


def told(calls: list[RecordedCall], known: NumberHistory) -> list[tuple[str, str | None]]:
    return [(one.state.value, one.check_id) for one in match_calls(calls, known, "voice")]


def test_a_call_belongs_to_the_newest_check_that_allowed_one() -> None:
    known = NumberHistory(checks=[check("old", -8), check("new", -1)])

    assert told([call(0)], known) == [("matched", "new")]


def test_a_denial_to_somebody_else_does_not_take_a_permission_away() -> None:
    """Who may have been denied for the very attempt that the first holds; nor does one in another campaign."""
    theirs = check("theirs", -1, verdict="deny", asker="another")
    elsewhere = check("elsewhere", -1, verdict="deny", campaign="another")

    assert told([call(0)], NumberHistory(checks=[check("mine", -2), theirs])) == [("matched", "mine")]
    assert told([call(0)], NumberHistory(checks=[check("mine", -2), elsewhere])) == [("matched", "mine")]


@pytest.mark.parametrize("verdict", ["deny", "unknown"])
def test_a_later_no_to_the_same_asker_takes_the_permission_back(verdict: str) -> None:
    checks = [check("first", -4), check("yes", -3), check("no", -1, verdict=verdict)]

    assert told([call(-2), call(0)], NumberHistory(checks=checks)) == [("matched", "yes"), ("denied_check", "no")]


def test_where_a_permission_was_taken_back_that_of_another_asker_still_stands() -> None:
    checks = [check("theirs", -4, asker="another"), check("yes", -3), check("no", -1, verdict="deny")]

    assert told([call(0)], NumberHistory(checks=checks)) == [("matched", "theirs")]


def test_a_yes_after_a_no_is_a_permission_again() -> None:
    known = NumberHistory(checks=[check("yes", -3), check("no", -2, verdict="deny"), check("again", -1)])

    assert told([call(0), call(1)], known) == [("matched", "again"), ("check_used", "again")]


@pytest.mark.parametrize(
    ("checks", "state", "id_"),
    [
        ([], "without_check", None),
        ([check("later", 30)], "before_check", None),
        ([check("no", -1, verdict="deny")], "denied_check", "no"),
        ([check("unsure", -1, verdict="unknown")], "denied_check", "unsure"),
        ([check("over", -11)], "after_end", "over"),
        ([check("soon", 4)], "matched", "soon"),
        ([check("no", -1, verdict="deny"), check("soon", 4)], "matched", "soon"),
        ([check("too late", 6)], "before_check", None),
    ],
)
def test_a_call_without_a_permission_says_what_is_wrong(checks: list[StoredCheck], state: str, id_: str | None) -> None:
    assert told([call(0)], NumberHistory(checks=checks)) == [(state, id_)]


@pytest.mark.parametrize("verdict", ["deny", "unknown"])
def test_a_no_given_right_after_the_call_does_not_permit_it(verdict: str) -> None:
    """Within the clocks' slack a yes after the call's start is the call's; a no there never is."""
    no = check("no", 2, verdict=verdict)

    assert told([call(0)], NumberHistory(checks=[no])) == [("before_check", None)]
    assert told([call(0)], NumberHistory(checks=[no, check("yes", 3)])) == [("matched", "yes")]


def test_one_check_carries_one_call() -> None:
    known = NumberHistory(checks=[check("one", -1)])

    assert told([call(0), call(3)], known) == [("matched", "one"), ("check_used", "one")]


def test_a_call_without_a_check_does_not_take_the_one_that_another_call_was_made_on() -> None:
    known = NumberHistory(checks=[check("one", 3)])

    assert told([call(0), call(4)], known) == [("before_check", None), ("matched", "one")]
    assert told([call(0)], known) == [("matched", "one")]  # alone it may be a slow clock's


def test_a_call_does_not_take_the_contact_that_is_nearer_to_another_call() -> None:
    known = NumberHistory(checks=[check("one", 3)], contacts=[LoggedCall("logged", "one", 0, at(3.9))])

    found = match_calls([call(0), call(4)], known, "voice")

    assert [(one.state.value, one.contact_id) for one in found] == [("before_check", None), ("matched", "logged")]


def test_of_two_calls_of_one_call_id_the_nearer_is_that_of_the_contact() -> None:
    known = NumberHistory(checks=[check("one", 599)], contacts=[LoggedCall("logged", "one", 7, at(600))])

    found = match_calls([call(0, 7), call(600, 7)], known, "voice")

    assert [(one.state.value, one.contact_id) for one in found] == [("before_check", None), ("matched", "logged")]


def test_two_checks_carry_two_calls() -> None:
    known = NumberHistory(checks=[check("one", -1), check("two", 2)])

    assert told([call(0), call(3)], known) == [("matched", "one"), ("matched", "two")]


def test_a_call_on_an_older_check_that_a_newer_one_replaced_has_none() -> None:
    known = NumberHistory(checks=[check("one", -2), check("two", -1)])

    assert told([call(0), call(1)], known) == [("matched", "two"), ("check_used", "two")]


def test_the_permission_of_another_campaign_stands_beside_a_newer_one() -> None:
    known = NumberHistory(checks=[check("power", -2, campaign="power"), check("alarm", -1, campaign="alarm")])

    assert told([call(0), call(1), call(2)], known) == [
        ("matched", "alarm"),
        ("matched", "power"),
        ("check_used", "alarm"),
    ]


@pytest.mark.parametrize("verdict", ["deny", "unknown"])
def test_the_permission_of_another_campaign_does_not_outlast_its_own_no(verdict: str) -> None:
    no = check("no", -1, verdict=verdict, campaign="power")
    known = NumberHistory(checks=[check("power", -3, campaign="power"), check("alarm", -2, campaign="alarm"), no])

    assert told([call(0), call(1)], known) == [("matched", "alarm"), ("check_used", "alarm")]


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (Fault.AFTER_OPT_OUT, "after_opt_out"),
        (Fault.DURING_HOLD, "during_hold"),
        (Fault.DURING_RESTRICTION, "during_restriction"),
    ],
)
def test_a_no_that_was_in_force_goes_before_what_the_check_said(fault: Fault, state: str) -> None:
    known = NumberHistory(checks=[check("one", -1)], stops=[Stop(fault, at(-0.5), None, None)])

    assert told([call(0)], known) == [(state, "one")]


def test_a_no_that_came_later_ended_before_or_speaks_of_another_channel_does_not() -> None:
    stops = [
        Stop(Fault.AFTER_OPT_OUT, at(1), None, None),
        Stop(Fault.DURING_HOLD, at(-9), at(-8), None),
        Stop(Fault.AFTER_OPT_OUT, at(-9), None, frozenset({"automated_voice"})),
    ]

    assert told([call(0)], NumberHistory(checks=[check("one", -1)], stops=stops)) == [("matched", "one")]


@pytest.mark.parametrize(("keys", "repeated"), [((7, 7), True), ((7, 0), True), ((0, 0), True), ((7, 8), False)])
def test_the_same_call_twice_counts_once(keys: tuple[int, int], repeated: bool) -> None:
    known = NumberHistory(checks=[check("one", -1)])

    states = [one.state for one in match_calls([call(0, keys[0]), call(0, keys[1])], known, "voice")]

    assert states == [CallState.MATCHED, CallState.REPEATED if repeated else CallState.CHECK_USED]


def test_a_call_that_stands_in_another_file_is_not_counted_again() -> None:
    known = NumberHistory(checks=[check("one", -1)], earlier=[EarlierCall(at(0), 7, "one", None)])

    assert told([call(0, 7), call(2, 8)], known) == [("repeated", None), ("check_used", "one")]


def test_a_check_that_an_earlier_record_was_only_held_against_still_carries_its_own_call() -> None:
    """A call after its end shows nothing of the call that was made in time, which a later file may bring."""
    late = EarlierCall(at(20), 7, "one", None)

    assert told([call(5)], NumberHistory(checks=[check("one", 0)], earlier=[late])) == [("matched", "one")]


def test_a_contact_that_an_earlier_record_was_matched_with_is_given_to_no_other_call() -> None:
    logged = [LoggedCall("k2", "one", 7, at(20)), LoggedCall("k1", "one", 8, at(40))]
    late = EarlierCall(at(20), 7, "one", "k2")

    [found] = match_calls([call(5)], NumberHistory([check("one", 0)], logged, [late]), "voice")

    assert (found.state, found.contact_id) == (CallState.MATCHED, "k1")


def test_a_contact_is_found_by_its_call_id_then_by_its_time() -> None:
    near, named = LoggedCall("near", "one", 0, at(0.5)), LoggedCall("named", "two", 7, at(40))
    known = NumberHistory(checks=[check("one", -1), check("two", 39)], contacts=[near, named])

    found = match_calls([call(0), call(40.5, 7)], known, "voice")

    assert [one.contact_id for one in found] == ["near", "named"]


def test_a_contact_on_the_check_is_that_of_the_call_even_if_its_clock_is_wrong() -> None:
    known = NumberHistory(checks=[check("one", -1)], contacts=[LoggedCall("far", "one", 0, at(9))])

    [found] = match_calls([call(0)], known, "voice")

    assert (found.state, found.contact_id) == (CallState.MATCHED, "far")


def test_a_call_that_the_check_did_not_permit_is_not_that_of_the_contact_on_it() -> None:
    known = NumberHistory(checks=[check("one", -600)], contacts=[LoggedCall("never called", "one", 7, at(-599))])

    [found] = match_calls([call(0, key=9)], known, "voice")

    assert (found.state, found.contact_id) == (CallState.AFTER_END, None)


@pytest.mark.parametrize("second", [3, 12])
def test_of_two_calls_logged_on_one_check_the_first_is_the_one_that_it_carried(second: float) -> None:
    """Whoever logs a further call on a check takes nothing from the call that it permitted."""
    logged = [LoggedCall("k1", "a", 1, at(0)), LoggedCall("k2", "a", 2, at(second))]
    known = NumberHistory(checks=[check("a", -1)], contacts=logged)
    otherwise = "check_used" if second < 10 else "after_end"

    assert told([call(0, key=1), call(second, key=2)], known) == [("matched", "a"), (otherwise, "a")]
    assert told([call(second, key=2)], known) == [(otherwise, "a")], "though no call record shows the first"


def test_a_call_after_a_no_on_a_used_check_is_held_against_none_so_that_a_later_file_may_show_whose_it_was() -> None:
    logged = [LoggedCall("k1", "a", 1, at(0)), LoggedCall("k2", "a", 2, at(3))]
    stops = [Stop(Fault.AFTER_OPT_OUT, at(2), None, None)]

    [late] = match_calls([call(3, key=2)], NumberHistory([check("a", -1)], logged, [], stops), "voice")
    kept = EarlierCall(at(3), 2, late.check_id, late.contact_id)

    assert (late.state, late.check_id) == (CallState.AFTER_OPT_OUT, None)
    assert told([call(0, key=1)], NumberHistory([check("a", -1)], logged, [kept], stops)) == [("matched", "a")]


def test_a_check_whose_contact_is_another_call_is_used() -> None:
    contact = LoggedCall("logged", "one", 8, at(2))
    known = NumberHistory(checks=[check("one", -1)], contacts=[contact])

    assert told([call(0, 7), call(2, 8)], known) == [("check_used", "one"), ("matched", "one")]


def test_the_share_is_of_calls_and_there_is_none_of_none() -> None:
    counts = {"matched": 3, "without_check": 1, "repeated": 5, "unreadable_row": 9}

    assert (calls_in(counts), share_matched(counts)) == (4, 0.75)
    assert share_matched({"repeated": 2}) is None
