"""Facts are stored with the answer they gave, and read back as they were."""

import json
from dataclasses import fields, replace
from datetime import date, time

import pytest

from dnc.decision import decide
from dnc.facts import CallFacts, OptOutFact, RestrictionKind, facts_from_record, facts_to_record
from dnc.narrowing import NO_RULES, Narrowing, SellerRules
from dnc.policies.catalogue import policy_named
from tests.unit.calls import CALLABLE, CAMPAIGN, CONSENT, LEAD, NOON, RELATION, VOICE, at, called

FULL = replace(
    CALLABLE,
    opt_outs=(OptOutFact("no", VOICE, all_sellers=True),),
    holds=("hold",),
    restrictions=(RestrictionKind.DECEASED,),
    leads=(replace(LEAD, birth_date=date(1970, 2, 28)), replace(LEAD, basis=None, collected_at=None, expires_at=None)),
    consents=(
        CONSENT,
        replace(CONSENT, expires_at=at("2027-01-01T00:00"), withdrawn_at=at("2026-12-01T00:00")),
        replace(CONSENT, paused=True),
    ),
    relations=(RELATION, replace(RELATION, fulfilled_at=at("2026-01-01T00:00"))),
    attempts=called("2026-11-18T10:00", "2026-11-17T10:00"),
)


def test_facts_of_every_kind_come_back_from_json_as_they_were() -> None:
    assert facts_from_record(json.loads(json.dumps(facts_to_record(FULL)))) == FULL


def test_what_could_not_be_learnt_is_not_read_back_as_nothing() -> None:
    unlearnt = CallFacts(*[None] * len(fields(CallFacts)))

    assert facts_from_record(json.loads(json.dumps(facts_to_record(unlearnt)))) == unlearnt


def test_the_record_of_one_call_is_this() -> None:
    """The layout is kept: records written today are read years from now."""
    assert json.loads(json.dumps(facts_to_record(replace(FULL, leads=FULL.leads and FULL.leads[:1])))) == {
        "form": 5,
        "number": ["SE", "mobile", True],
        "campaign": ["energy", "voice", True, False],
        "opt_outs": [["no", ["voice"], True]],
        "holds": ["hold"],
        "restrictions": ["deceased"],
        "register": ["nix", "v1", "2026-11-15", False],
        "leads": [
            [
                "lead-1",
                "contest",
                "partner",
                "legitimate_interest",
                True,
                False,
                "2026-10-01T10:00:00+02:00",
                "2027-10-01T10:00:00+02:00",
                "1970-02-28",
            ]
        ],
        "consents": [
            ["consent-1", True, ["voice"], "2026-10-01T10:00:00+02:00", None, None],
            [
                "consent-1",
                True,
                ["voice"],
                "2026-10-01T10:00:00+02:00",
                "2027-01-01T00:00:00+01:00",
                "2026-12-01T00:00:00+01:00",
            ],
            ["consent-1", True, ["voice"], "2026-10-01T10:00:00+02:00", None, None, True],
        ],
        "relations": [
            ["relation-1", "energy", "2024-01-01T00:00:00+01:00", None],
            ["relation-1", "energy", "2024-01-01T00:00:00+01:00", "2026-01-01T00:00:00+01:00"],
        ],
        "attempts": ["2026-11-18T10:00:00+01:00", "2026-11-17T10:00:00+01:00"],
    }


@pytest.mark.parametrize("form", [0, 6, "2", None])
def test_a_record_in_a_form_we_do_not_know_is_refused_rather_than_guessed(form: object) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        facts_from_record({**facts_to_record(FULL), "form": form})


def test_a_record_of_the_first_form_is_read_and_decided_as_it_was() -> None:
    """It was written before sellers had rules of their own: there were none, which is not the same as not known."""
    first = {
        "form": 1,
        "number": ["SE", "mobile", True],
        "campaign": ["energy", "voice", True, False],
        "opt_outs": [],
        "holds": [],
        "restrictions": [],
        "register": ["nix", "v1", "2026-11-15", False],
        "leads": [["lead-1", "contest", "partner", "legitimate_interest", True, False, None, None, None]],
        "consents": [],
        "relations": [],
        "attempts": [],
    }

    facts = facts_from_record(first)

    assert facts.campaign is not None
    assert facts.campaign.rules == NO_RULES
    decision = decide(facts, policy_named("se-2026-1"), NOON)
    assert (decision.may_call, decision.policy, decision.seller_rules) == (True, "se-2026-1", None)
    assert decision.valid_until == at("2026-11-18T12:10")


def test_a_record_of_the_second_form_is_read_without_the_consents_that_were_withdrawn() -> None:
    """A withdrawal ended the one consent that it names, and bore on no other: by that rule its answer was given."""
    assert FULL.consents is not None
    facts = replace(FULL, consents=FULL.consents[:2])
    recorded = facts_to_record(facts)

    assert facts_from_record({**recorded, "form": 3}) == facts
    standing = tuple(one for one in FULL.consents[:2] if one.withdrawn_at is None)
    assert facts_from_record({**recorded, "form": 2}) == replace(FULL, consents=standing)


@pytest.mark.parametrize("form", [2, 3])
def test_a_record_of_a_form_that_knew_no_deliveries_is_refused_if_it_tells_of_one(form: int) -> None:
    with pytest.raises(ValueError, match="did not know"):
        facts_from_record({**facts_to_record(FULL), "form": form})


def test_a_record_of_the_third_form_is_decided_with_every_consent_in_doubt_beside_a_paused_source() -> None:
    """Whatever file had delivered it: by that rule its answer was given."""
    paused = ["lead-1", "contest", "partner", "consent", False, True, None, None, None]
    third: dict[str, object] = {
        "form": 3,
        "number": ["SE", "mobile", True],
        "campaign": ["energy", "voice", True, False],
        "opt_outs": [],
        "holds": [],
        "restrictions": [],
        "register": ["nix", "v1", "2026-11-15", False],
        "leads": [paused],
        "consents": [["0", True, ["voice"], "2026-10-01T10:00:00+02:00", None, None]],
        "relations": [],
        "attempts": [],
    }

    decision = decide(facts_from_record(third), policy_named("se-2026-1"), NOON)

    assert [reason.code for reason in decision.reasons] == ["no_lawful_basis", "source_paused"]
    other = ["lead-2", "survey", "partner", "consent", False, False, None, None, None]
    both = facts_from_record({**third, "leads": [paused, other]})
    assert decide(both, policy_named("se-2026-1"), NOON).may_call


def test_the_sellers_rules_are_recorded_with_the_campaign() -> None:
    own = SellerRules(7, (("SE", Narrowing(opens=time(10), automated_voice=False)),))
    facts = replace(FULL, campaign=replace(CAMPAIGN, rules=own))
    record = json.loads(json.dumps(facts_to_record(facts)))

    assert record["campaign"] == [
        "energy",
        "voice",
        True,
        False,
        [7, {"SE": {"opens": "10:00", "automated_voice": False}}],
    ]
    assert facts_from_record(record) == facts


def test_rules_that_could_not_be_read_are_not_read_back_as_none() -> None:
    facts = replace(FULL, campaign=replace(CAMPAIGN, rules=None))

    assert facts_from_record(json.loads(json.dumps(facts_to_record(facts)))) == facts


def test_rules_that_a_later_version_wrote_are_refused_rather_than_guessed() -> None:
    record = facts_to_record(replace(FULL, campaign=CAMPAIGN))
    record["campaign"] = ["energy", "voice", True, False, [1, {"SE": {"moon_phase": "full"}}]]

    with pytest.raises(ValueError, match="no such rule"):
        facts_from_record(record)


def test_a_record_that_lacks_a_fact_is_refused() -> None:
    record = facts_to_record(FULL)
    del record["opt_outs"]

    with pytest.raises(KeyError):
        facts_from_record(record)
