"""A past period under another policy: by source, campaign and reason, over checks and over calls."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, text

from core.access import Caller, Role
from core.erasure import erase_payloads
from core.errors import Forbidden, InvalidInput, NotFound
from core.ledger import LedgerEntry, Position
from dnc import replays
from dnc.gate import Question
from dnc.models import Check
from dnc.policies.catalogue import Policy, policy_named
from dnc.policies.terms import Regime
from dnc.replays import By, PeriodReplay, TooMuchToReplay, replay_period
from tests.calls import contact
from tests.commands import run_command
from tests.integration.seeds import beside, dialer_of
from tests.integration.tampering import tamper
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SOURCE,
    LISTED,
    OF_OTHER_SELLER,
    OPERATOR,
    OPTED_OUT,
    OTHER_CAMPAIGN,
    PARTNER_SOURCE,
    TUESDAY_AT_TEN,
    Seeded,
)

PROPOSED = "se-optin-2027-proposal"
HOUR = timedelta(hours=1)


def ask(seeded: Seeded, *numbers: str) -> list[str]:
    return [
        answer.id
        for answer in seeded.service.gate.ask_many(dialer_of(seeded), CAMPAIGN, [Question(one) for one in numbers])
    ]


def replayed(
    seeded: Seeded,
    policy: Policy | str | None = PROPOSED,
    *,
    since: datetime = TUESDAY_AT_TEN - HOUR,
    until: datetime = TUESDAY_AT_TEN + 48 * HOUR,
    caller: Caller = OPERATOR,
    by: By = By.SOURCE,
    campaign: str | None = None,
    limit: int | None = None,
) -> PeriodReplay:
    with seeded.service.store.snapshot() as session:
        return replay_period(
            session, caller, since=since, until=until, policy=policy, campaign=campaign, by=by, limit=limit
        )


def test_what_another_law_would_have_denied_is_told_by_source(seeded: Seeded) -> None:
    ids = ask(seeded, FROM_PARTNER, FROM_LIST, LISTED, OPTED_OUT)
    for id_ in ids[:2]:
        contact(seeded, id_, f"call-{id_}")

    done = replayed(seeded)
    everything = done.all
    assert (everything.checks.total, everything.checks.allowed, everything.checks.allow) == (4, 2, 0)
    assert (everything.calls.total, everything.calls.lost, everything.calls.denied_share) == (2, 2, 1.0)
    assert done.policy == PROPOSED
    assert set(done.groups) == {PARTNER_SOURCE, LIST_SOURCE}
    assert (done.groups[PARTNER_SOURCE].checks.total, done.groups[PARTNER_SOURCE].checks.lost) == (3, 1)
    assert (done.groups[LIST_SOURCE].calls.total, done.groups[LIST_SOURCE].calls.lost) == (1, 1)


def test_under_the_policies_of_their_time_nothing_is_otherwise(seeded: Seeded) -> None:
    ask(seeded, FROM_PARTNER, FROM_LIST, LISTED, OPTED_OUT, "not a number")

    for policy in (None, "se-2026-1"):
        checks = replayed(seeded, policy).all.checks
        assert (checks.total, checks.allowed, checks.allow, checks.deny, checks.unknown) == (5, 2, 2, 2, 1)
        assert (checks.lost, checks.gained) == (0, 0)


def test_a_policy_of_ones_own_can_gain_calls_and_lose_them(on_sqlite: Seeded) -> None:
    ask(on_sqlite, FROM_PARTNER, OPTED_OUT, LISTED)
    banned = replace(policy_named("se-2026-1"), version="banned", regime=Regime.PROHIBITED)

    done = replayed(on_sqlite, banned, by=By.REASON)
    assert (done.all.checks.lost, done.policy) == (1, "banned")
    assert done.groups["product_prohibited"].checks.total == 3
    assert done.groups["opted_out"].checks.total == 1


def test_by_campaign_and_for_one_campaign_alone(on_sqlite: Seeded) -> None:
    ask(on_sqlite, FROM_PARTNER)
    other = dialer_of(on_sqlite, on_sqlite.other_seller_id)
    on_sqlite.service.gate.ask(other, OTHER_CAMPAIGN, Question(OF_OTHER_SELLER))

    done = replayed(on_sqlite, by=By.CAMPAIGN)
    assert {name: one.checks.total for name, one in done.groups.items()} == {CAMPAIGN: 1, OTHER_CAMPAIGN: 1}
    assert list(replayed(on_sqlite, campaign=CAMPAIGN, by=By.CAMPAIGN).groups) == [CAMPAIGN]
    assert len(replayed(on_sqlite).groups) == 2


def test_who_acts_for_one_seller_replays_that_sellers_alone(on_sqlite: Seeded) -> None:
    [id_] = ask(on_sqlite, FROM_PARTNER)
    contact(on_sqlite, id_, f"call-{id_}")
    other = Caller("c", "c", "key", Role.COMPLIANCE, on_sqlite.other_seller_id)

    done = replayed(on_sqlite, caller=other)
    assert (done.all.checks.total, done.all.calls.total, done.groups) == (0, 0, {})
    with pytest.raises(NotFound):
        replayed(on_sqlite, caller=other, campaign=CAMPAIGN)
    with pytest.raises(Forbidden):
        replayed(on_sqlite, caller=dialer_of(on_sqlite))


def test_a_period_begins_and_ends_where_it_is_said(seeded: Seeded) -> None:
    """Over several chains, each halved to where the period begins."""
    other = beside(seeded)
    moments = []
    for _ in range(6):
        seeded.clock.at += timedelta(hours=3)
        moments.append(seeded.clock.at)
        ask(seeded, FROM_PARTNER, LISTED)
        other.gate.ask(dialer_of(seeded), CAMPAIGN, Question(OPTED_OUT))
    other.close()

    assert replayed(seeded).all.checks.total == 18
    assert replayed(seeded, since=moments[2], until=moments[4]).all.checks.total == 6
    assert replayed(seeded, since=moments[5]).all.checks.total == 3
    assert replayed(seeded, until=moments[0]).all.checks.total == 0


def test_large_batches_are_counted_by_their_rows_and_calls_by_their_own(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "CALLS_AT_ONCE", 2)
    monkeypatch.setattr(replays, "ENTRIES_KEPT", 1)
    ids = ask(seeded, *[FROM_PARTNER, OPTED_OUT] * 700)
    seeded.clock.at += timedelta(hours=5)
    ids += ask(seeded, FROM_LIST)
    for place in (0, 1, 2, 1399, 1400):
        contact(seeded, ids[place], f"call-{ids[place]}")

    done = replayed(seeded)
    assert done.all.checks.total == 1401
    assert (done.all.calls.total, done.all.calls.deny) == (5, 5)


def test_more_than_a_request_may_take_is_refused(on_sqlite: Seeded) -> None:
    ask(on_sqlite, FROM_PARTNER, OPTED_OUT)

    assert replayed(on_sqlite, limit=2).all.checks.total == 2
    with pytest.raises(TooMuchToReplay):
        replayed(on_sqlite, limit=1)


def test_a_period_or_policy_that_is_none_is_refused(on_sqlite: Seeded) -> None:
    with pytest.raises(InvalidInput):
        replayed(on_sqlite, since=TUESDAY_AT_TEN, until=TUESDAY_AT_TEN)
    with pytest.raises(InvalidInput):
        replayed(on_sqlite, "no-such-policy")


def test_nothing_is_recorded_and_what_is_erased_is_counted(on_sqlite: Seeded) -> None:
    [id_] = ask(on_sqlite, FROM_PARTNER)
    with on_sqlite.service.store.writing() as session:
        check = session.get_one(Check, id_)
        erase_payloads(session, OPERATOR, [Position(check.chain, check.seq)], "retention has ended")

    def rows() -> list[int | None]:
        with on_sqlite.service.store.reading() as session:
            return [session.scalar(select(func.count()).select_from(one)) for one in (LedgerEntry, Check)]

    before = rows()
    done = replayed(on_sqlite)
    assert (done.erased, done.all.checks.total) == (1, 0)
    assert rows() == before


def test_what_is_erased_is_counted_for_its_own_period_and_seller_alone(on_sqlite: Seeded) -> None:
    [id_] = ask(on_sqlite, FROM_PARTNER)
    with on_sqlite.service.store.writing() as session:
        check = session.get_one(Check, id_)
        erase_payloads(session, OPERATOR, [Position(check.chain, check.seq)], "retention has ended")

    own, other = (
        Caller("c", "c", "key", Role.COMPLIANCE, of) for of in (on_sqlite.seller_id, on_sqlite.other_seller_id)
    )
    assert [replayed(on_sqlite, caller=caller).erased for caller in (own, other)] == [1, 0]
    at = on_sqlite.clock.now()
    second = timedelta(seconds=1)
    assert [replayed(on_sqlite, since=since, until=since + second).erased for since in (at, at + second)] == [1, 0]
    assert replayed(on_sqlite, since=at - second, until=at).erased == 0


def test_calls_on_checks_whose_facts_are_erased_are_told_to_be_left_out(on_sqlite: Seeded) -> None:
    ids = ask(on_sqlite, FROM_PARTNER, FROM_LIST)
    on_sqlite.clock.at += timedelta(hours=5)
    ids += ask(on_sqlite, FROM_PARTNER)
    for id_ in ids:
        contact(on_sqlite, id_, f"call-{id_}")
    with on_sqlite.service.store.writing() as session:
        check = session.get_one(Check, ids[0])
        erase_payloads(session, OPERATOR, [Position(check.chain, check.seq)], "retention has ended")

    done = replayed(on_sqlite)
    command = run_command(
        on_sqlite.service.settings, "replay", "--since", "2026-11-24T00:00:00Z", "--until", "2026-11-26T00:00:00Z"
    )

    assert (done.all.calls.total, done.calls_left_out) == (1, 2)
    assert replayed(on_sqlite, until=TUESDAY_AT_TEN).calls_left_out == 0
    told = "2 calls are left out: the facts of their checks are erased or cannot be read"
    assert command.stdout.splitlines()[-1] == told


@pytest.mark.parametrize(
    "payload",
    [
        *("", "[]", "7", "{}", "[" * 100_000),
        *('{"rows":[],"decisions":7}', '{"rows":7,"decisions":[]}', '{"rows":[["id"]],"decisions":[]}'),
        *('{"rows":[[0,0,7]],"decisions":[]}', '{"rows":[[0,0,[]]],"decisions":[]}'),
    ],
    ids=lambda payload: payload[:40],
)
def test_an_entry_that_cannot_be_read_is_counted_and_is_not_the_end(seeded: Seeded, payload: str) -> None:
    [id_] = ask(seeded, FROM_PARTNER)
    contact(seeded, id_, f"call-{id_}")
    tamper(
        seeded.service,
        text("UPDATE ledger_entries SET payload = :to WHERE kind = 'checks'").bindparams(to=payload),
    )
    ask(seeded, LISTED)

    done = replayed(seeded)
    assert (done.unreadable, done.all.checks.total, done.all.calls.total, done.calls_left_out) == (1, 1, 0, 1)
    later = TUESDAY_AT_TEN + HOUR
    assert replayed(seeded, since=later).unreadable == 0
