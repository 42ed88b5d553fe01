"""What the register says, what lifts it, and how long a version may be gone by."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from dnc.decision import Verdict
from dnc.facts import (
    ConsentFact,
    RegisterFact,
    RelationFact,
)
from dnc.grounds import GroundKind
from tests.unit.calls import (
    CAMPAIGN,
    CONSENT,
    FRESH,
    LEAD,
    LISTED,
    MACHINE,
    RELATION,
    ask,
    at,
    codes,
)

# --- on_register ---


def test_a_listed_number_is_not_called_on_a_lead_alone() -> None:
    decision = ask(register=LISTED)

    assert (codes(decision), decision.verdict) == (["on_register"], Verdict.DENY)


def test_consent_to_this_seller_lifts_the_register() -> None:
    decision = ask(register=LISTED, consents=(CONSENT,))

    assert decision.may_call
    assert decision.register is not None
    assert decision.register.lifted_by is not None
    assert decision.register.lifted_by.kind is GroundKind.CONSENT
    assert decision.register.lifted_by.id == "consent-1"
    assert decision.register.lifted_by.until == at("2027-01-01T10:00")


@pytest.mark.parametrize(
    "consent",
    [
        replace(CONSENT, names_seller=False),
        replace(CONSENT, channels=MACHINE),
        replace(CONSENT, channels=frozenset()),
        replace(CONSENT, withdrawn_at=at("2026-11-18T11:59")),
        replace(CONSENT, withdrawn_at=at("2026-11-18T12:01")),
        replace(CONSENT, given_at=at("2026-11-18T12:00:01")),
        replace(CONSENT, expires_at=at("2026-11-18T12:00")),
        replace(CONSENT, given_at=at("2026-08-18T12:00")),
        replace(CONSENT, given_at=at("2024-08-18T12:00")),
    ],
    ids=[
        "names another",
        "other channel",
        "no channel",
        "withdrawn",
        "withdrawn, dated ahead",
        "not yet given",
        "ended",
        "three months old",
        "years old",
    ],
)
def test_a_consent_that_falls_short_does_not_lift_the_register(consent: ConsentFact) -> None:
    assert codes(ask(register=LISTED, consents=(consent,))) == ["on_register"]


@pytest.mark.parametrize(
    "consent",
    [
        replace(CONSENT, given_at=at("2026-11-18T12:00")),
        replace(CONSENT, given_at=at("2026-08-18T12:00:01")),
        replace(CONSENT, expires_at=at("2026-11-18T12:00:01")),
    ],
    ids=["given this moment", "three months old in a second", "ends in a second"],
)
def test_a_consent_lifts_the_register_from_when_it_is_given_until_it_ends(consent: ConsentFact) -> None:
    assert ask(register=LISTED, consents=(consent,)).may_call


def test_three_months_end_with_the_month_where_the_day_does_not_exist() -> None:
    consent = replace(CONSENT, given_at=at("2026-11-30T12:00"))
    late = replace(LISTED, as_of=date(2027, 2, 20))

    assert ask(now=at("2027-02-26T11:59"), register=late, consents=(consent,)).may_call
    assert codes(ask(now=at("2027-03-01T08:00"), register=late, consents=(consent,))) == ["on_register"]


def test_a_running_contract_of_the_product_lifts_the_register() -> None:
    decision = ask(register=LISTED, relations=(RELATION,))

    assert decision.may_call
    assert decision.register is not None
    assert decision.register.lifted_by is not None
    assert decision.register.lifted_by.kind is GroundKind.RELATION
    assert decision.register.lifted_by.until is None


@pytest.mark.parametrize(
    ("relation", "may_call"),
    [
        (replace(RELATION, product="insurance"), False),
        (replace(RELATION, started_at=at("2026-11-18T12:00:01")), False),
        (replace(RELATION, started_at=at("2026-11-18T12:00")), True),
        (replace(RELATION, fulfilled_at=at("2025-11-18T12:00:01")), True),
        (replace(RELATION, fulfilled_at=at("2025-11-18T12:00")), False),
        (replace(RELATION, fulfilled_at=at("2027-06-01T00:00")), True),
    ],
    ids=["other product", "not begun", "begins now", "a second under a year ago", "a year ago", "fulfilled later"],
)
def test_a_customer_relation_lasts_until_twelve_months_after_fulfilment(relation: RelationFact, may_call: bool) -> None:
    decision = ask(register=LISTED, relations=(relation,))

    assert codes(decision) == ([] if may_call else ["on_register"])


def test_the_lift_that_lasts_longest_is_the_one_named() -> None:
    ending = replace(RELATION, id="relation-0", fulfilled_at=at("2025-12-01T00:00"))

    for relations in ((ending, RELATION), (RELATION, ending)):
        register = ask(register=LISTED, consents=(CONSENT,), relations=relations).register
        assert register is not None
        assert register.lifted_by is not None
        assert register.lifted_by.id == "relation-1"


# --- register_missing, register_stale ---


@pytest.mark.parametrize(
    "register",
    [
        None,
        RegisterFact("nix", None, None, None),
        replace(FRESH, version_id=None),
        replace(FRESH, as_of=None),
        replace(FRESH, listed=None),
        replace(FRESH, as_of=date(2026, 11, 19)),
        replace(FRESH, register="reservasjon"),
    ],
    ids=["not asked", "none loaded", "no version", "no date", "not read", "dated tomorrow", "another register"],
)
def test_a_register_that_cannot_be_gone_by_leaves_the_answer_unknown(register: RegisterFact | None) -> None:
    decision = ask(register=register)

    assert (codes(decision), decision.verdict) == (["register_missing"], Verdict.UNKNOWN)
    assert decision.reasons[0].rule == "SE-NIX-2"


def test_a_register_not_asked_is_named_by_the_policy() -> None:
    assert ask(register=None).reasons[0].register == "nix"
    assert ask(register=None, policy=None).reasons[-1].register is None


def test_a_register_of_this_very_day_may_be_gone_by() -> None:
    assert ask(register=replace(FRESH, as_of=date(2026, 11, 18))).may_call


def test_a_listing_read_from_a_register_that_cannot_be_gone_by_still_blocks() -> None:
    assert codes(ask(register=replace(LISTED, as_of=None))) == ["on_register", "register_missing"]
    assert codes(ask(register=replace(LISTED, as_of=date(2026, 1, 1)))) == ["on_register", "register_stale"]


def test_consent_or_relation_makes_the_registers_state_irrelevant() -> None:
    for register in (RegisterFact("nix", None, None, None), replace(FRESH, as_of=date(2026, 1, 1))):
        assert ask(register=register, consents=(CONSENT,)).may_call
        assert ask(register=register, relations=(RELATION,)).may_call


def test_a_register_that_was_never_asked_is_not_lifted() -> None:
    assert codes(ask(register=None, relations=(RELATION,))) == ["register_missing"]


@pytest.mark.parametrize(
    ("as_of", "last_good", "first_stale"),
    [
        ("2026-09-18", "2026-11-17T20:59:59", "2026-11-18T08:00"),
        ("2026-12-31", "2027-02-26T20:59:59", "2027-03-01T08:00"),
        ("2027-12-31", "2028-02-28T20:59:59", "2028-02-29T08:00"),
    ],
)
def test_a_register_version_lasts_two_calendar_months_from_its_own_date(
    as_of: str, last_good: str, first_stale: str
) -> None:
    register = replace(FRESH, as_of=date.fromisoformat(as_of))
    leads = (replace(LEAD, expires_at=None),)

    assert ask(now=at(last_good), register=register, leads=leads).may_call
    stale = ask(now=at(first_stale), register=register, leads=leads)
    assert (codes(stale), stale.verdict) == (["register_stale"], Verdict.UNKNOWN)


def test_a_register_turns_stale_at_local_midnight_exactly() -> None:
    register = replace(FRESH, as_of=date(2026, 9, 18))

    assert "register_stale" not in codes(ask(now=at("2026-11-17T23:59:59"), register=register))
    assert "register_stale" in codes(ask(now=at("2026-11-18T00:00:00"), register=register))


def test_a_reason_names_the_register_that_was_asked() -> None:
    assert [reason.register for reason in ask(register=replace(LISTED, register="other")).reasons] == ["other", "other"]
    assert ask(register=LISTED, policy=None).reasons[-1].register == "nix"


def test_a_register_is_of_today_by_the_local_date() -> None:
    """At 23:30 UTC on the 17th a register of the 18th is today's in Sweden; half past ten it is still tomorrow's."""
    today = replace(FRESH, as_of=date(2026, 11, 18))

    assert "register_missing" not in codes(ask(now=datetime(2026, 11, 17, 23, 30, tzinfo=UTC), register=today))
    assert "register_missing" in codes(ask(now=datetime(2026, 11, 17, 22, 30, tzinfo=UTC), register=today))


def test_a_relation_ends_at_the_same_hour_on_the_wall_as_its_contract_did() -> None:
    """Fulfilled in winter time, it ends on the first day of summer time, at noon by the local clock."""
    relation = replace(RELATION, fulfilled_at=at("2025-03-29T12:00"))
    weekends = replace(CAMPAIGN, opens_weekends=True)
    register = replace(LISTED, as_of=date(2026, 3, 15))
    leads = (replace(LEAD, collected_at=None),)

    def verdict(now: str) -> list[str]:
        return codes(ask(now=at(now), campaign=weekends, register=register, relations=(relation,), leads=leads))

    assert verdict("2026-03-29T11:59:59") == []
    assert verdict("2026-03-29T12:00:00") == ["on_register"]
