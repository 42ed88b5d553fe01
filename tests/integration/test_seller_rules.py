"""Sellers' own rules: who may set them, when they bite, and that they stay on record."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from core.access import Caller, Role
from core.errors import Forbidden, InvalidInput, NotFound
from core.ledger import LedgerEntry
from core.sellers import seller_named
from dnc.gate import Question
from dnc.narrowing import SellerRules
from dnc.recorded import check_on_record, replay
from dnc.seller_rules.setting import RulesRefused, RulesSet, rules_of, set_rules
from tests.commands import run_command
from tests.seeding import CAMPAIGN, FROM_PARTNER, OPERATOR, OTHER_CAMPAIGN, OTHER_SELLER, SELLER, Seeded

AFTERNOONS = {"SE": {"opens": "13:00", "attempts_day": 2}}


def setting(seeded: Seeded, rules: object, *, caller: Caller = OPERATOR, seller: str = SELLER) -> RulesSet:
    """Set a seller's rules, committed."""
    with seeded.service.store.writing() as session:
        named = seller_named(session, seller)
        return set_rules(session, caller, seller=named, rules=rules, because="the board", now=seeded.clock.now())


def checked(seeded: Seeded, campaign: str = CAMPAIGN) -> dict[str, Any]:
    """The answer to a check, as the dialer hears it."""
    found: dict[str, Any] = json.loads(seeded.service.gate.ask(OPERATOR, campaign, Question(FROM_PARTNER)).json)
    return found


def reasons(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Each reason's code and rule."""
    return [(reason["code"], reason["rule"]) for reason in answer["reasons"]]


def run(seeded: Seeded, *words: str) -> Result:
    """Return what the command made of the words."""
    return run_command(seeded.service.settings, "seller", "rules", *words)


def test_a_rule_holds_from_the_next_check_for_its_own_seller_alone(seeded: Seeded) -> None:
    assert (checked(seeded)["verdict"], checked(seeded)["seller_rules"]) == ("allow", None)

    setting(seeded, AFTERNOONS)

    answer = checked(seeded)
    assert reasons(answer) == [("outside_hours", "RK-SELLER-1")]
    assert (answer["policy"], answer["seller_rules"], answer["retry_at"]) == ("se-2026-1", 1, "2026-11-24T12:00:00Z")
    assert (checked(seeded, OTHER_CAMPAIGN)["verdict"], checked(seeded, OTHER_CAMPAIGN)["seller_rules"]) == (
        "allow",
        None,
    )


def test_each_seller_is_held_to_its_own_newest_rules_whatever_versions_another_has(seeded: Seeded) -> None:
    setting(seeded, {"SE": {"minor_age": 18}}, seller=OTHER_SELLER)
    setting(seeded, AFTERNOONS)
    assert [checked(seeded, campaign)["verdict"] for campaign in (CAMPAIGN, OTHER_CAMPAIGN)] == ["deny", "allow"]

    setting(seeded, {"SE": {"minor_age": 20}}, seller=OTHER_SELLER)

    assert [checked(seeded, campaign)["seller_rules"] for campaign in (CAMPAIGN, OTHER_CAMPAIGN)] == [1, 2]
    assert checked(seeded)["verdict"] == "deny"


def test_the_newest_version_is_in_force_and_an_empty_one_ends_all_rules(seeded: Seeded) -> None:
    for version in range(1, 12):
        assert setting(seeded, {"SE": {"register_days": 30 - version}}).version == version
    assert checked(seeded)["seller_rules"] == 11
    setting(seeded, AFTERNOONS)
    assert checked(seeded)["verdict"] == "deny"

    setting(seeded, {})

    assert (checked(seeded)["verdict"], checked(seeded)["seller_rules"]) == ("allow", 13)
    with seeded.service.store.reading() as session:
        assert rules_of(session, OPERATOR, seller=seller_named(session, OTHER_SELLER)) == []
        versions = rules_of(session, OPERATOR, seller=seller_named(session, SELLER))
    assert [one.version for one in versions] == list(range(13, 0, -1))
    assert versions[0].rules == SellerRules(13, ())
    assert versions[1].rules is not None
    assert versions[1].rules.of("SE") is not None


def test_answers_given_under_earlier_rules_are_decided_again_by_those(seeded: Seeded) -> None:
    before = checked(seeded)
    setting(seeded, AFTERNOONS)
    under = checked(seeded)
    setting(seeded, {})
    checked(seeded)

    with seeded.service.store.reading() as session:
        found = replay(session)
        assert (found.checks, found.differences) == (3, ())
        for answer in (before, under):
            assert check_on_record(session, OPERATOR, answer["id"]) == answer


def test_a_what_if_is_held_to_the_sellers_rules_too_whatever_the_policy(seeded: Seeded) -> None:
    setting(seeded, AFTERNOONS)
    now = seeded.clock.now()

    for policy in (None, "se-optin-2027-proposal"):
        _number, decision, _common = seeded.service.gate.simulate(
            OPERATOR, CAMPAIGN, Question(FROM_PARTNER), at=now, policy=policy
        )
        assert "outside_hours" in [reason.code for reason in decision.reasons]
        assert decision.seller_rules == 1


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ({"SE": {"opens": "07:00"}}, "SE.opens: 07:00 would be wider than the law's 08:00"),
        ({"SE": {"minor_age": 15}}, "SE.minor_age: 15 would be wider than the law's 16"),
        ({"SE": {"closed_red_days": False}}, "SE.?: there is no such rule"),
        ({"DE": {"opens": "10:00"}}, "DE: no policy is in force there"),
        ({"IM": {}}, "IM: no policy is in force there"),
        ([], "rules are an object"),
    ],
)
def test_a_rule_that_would_widen_the_law_is_refused_by_name_and_changes_nothing(
    seeded: Seeded, rules: object, named: str
) -> None:
    with pytest.raises(RulesRefused) as refused:
        setting(seeded, rules)

    assert refused.value.detail.startswith(named)
    assert refused.value.extra["errors"] == [refused.value.detail]
    assert checked(seeded)["seller_rules"] is None


def test_rules_are_set_by_compliance_with_a_reason_and_read_by_lead_managers(seeded: Seeded) -> None:
    def caller(role: Role, seller_id: str | None = None) -> Caller:
        return replace(OPERATOR, role=role, seller_id=seller_id)

    setting(seeded, AFTERNOONS, caller=caller(Role.COMPLIANCE, seeded.seller_id))
    for role in set(Role) - {Role.COMPLIANCE}:
        with pytest.raises(Forbidden):
            setting(seeded, {}, caller=caller(role))
    with pytest.raises(NotFound):
        setting(seeded, {}, caller=caller(Role.COMPLIANCE, seeded.other_seller_id))
    with seeded.service.store.reading() as session:
        seller = seller_named(session, SELLER)
        assert len(rules_of(session, caller(Role.LEAD_MANAGER), seller=seller)) == 1
        with pytest.raises(NotFound):
            rules_of(session, caller(Role.COMPLIANCE, seeded.other_seller_id), seller=seller)
        with pytest.raises(Forbidden):
            rules_of(session, caller(Role.DIALER), seller=seller)
        for because in ("", "  ", "x" * 501):
            with pytest.raises(InvalidInput):
                set_rules(session, OPERATOR, seller=seller, rules={}, because=because, now=seeded.clock.now())


def test_setting_rules_is_on_record_with_who_and_why(seeded: Seeded) -> None:
    made = setting(seeded, AFTERNOONS)

    with seeded.service.store.reading() as session:
        entry = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "seller_rules.set")).one()
        assert entry.payload is not None
        assert json.loads(entry.payload) == {"version": 1, "rules": AFTERNOONS, "because": "the board"}
        assert (entry.actor, entry.seller_id) == (made.set_by, seeded.seller_id)


@pytest.mark.parametrize("change", ["UPDATE seller_rules SET rules = '{}'", "DELETE FROM seller_rules"])
def test_a_version_is_never_changed_or_removed(seeded: Seeded, change: str) -> None:
    setting(seeded, AFTERNOONS)

    with pytest.raises((DBAPIError, IntegrityError)), seeded.service.store.writing() as session:
        session.execute(text(change))

    assert checked(seeded)["verdict"] == "deny"


@pytest.mark.parametrize("written", ["{", "[]", '{"SE": {"moon_phase": "full"}}', "[" * 100_000])
def test_rules_that_this_version_cannot_read_leave_every_answer_unknown(seeded: Seeded, written: str) -> None:
    """As when a later version of the service wrote them, and this one is put back in its place."""
    setting(seeded, AFTERNOONS)
    with seeded.service.store.writing() as session:
        insert = (
            "INSERT INTO seller_rules (id, seller_id, version, rules, because, set_at, set_by) "
            "SELECT 'later', seller_id, 2, :rules, because, set_at, set_by FROM seller_rules"
        )
        session.execute(text(insert), {"rules": written})

    answer = checked(seeded)
    assert (answer["verdict"], reasons(answer)) == ("unknown", [("fact_missing", "RK-FACT-1")])
    assert answer["reasons"][0]["missing"] == ["seller_rules"]
    shown = run(seeded, SELLER)
    assert "they cannot be read here: every check is answered unknown, set them again" in shown.stdout
    assert '  SE opens: "13:00"' in shown.stdout
    assert [one["rules"] for one in json.loads(run(seeded, SELLER, "--json").stdout)["versions"]] == [None, AFTERNOONS]


def test_the_command_sets_and_shows_rules_and_refuses_a_file_with_a_plain_word(seeded: Seeded, tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(AFTERNOONS))
    assert run(seeded, SELLER).stdout == f"{SELLER} has no rules of its own: the law alone\n"

    done = run(seeded, SELLER, "--set", str(file), "--because", "the board")
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith(': the board\n  SE opens: "13:00"\n  SE attempts_day: 2\n')
    shown = json.loads(run(seeded, SELLER, "--json").stdout)["versions"]
    assert [(one["version"], one["rules"], one["because"]) for one in shown] == [(1, AFTERNOONS, "the board")]

    for content, words in (
        (b'{"SE": {"closes": "22:00"}}', "SE.closes: 22:00 would be wider than the law's 21:00"),
        (b"{", "the file is not JSON"),
        (b"\xff", "the file is not JSON"),
    ):
        file.write_bytes(content)
        refused = run(seeded, SELLER, "--set", str(file), "--because", "the board")
        assert refused.exit_code == 2
        assert words in refused.stderr
    file.write_text("{}")
    assert run(seeded, SELLER, "--set", str(file)).exit_code == 2
    assert run(seeded, "ingen").exit_code == 2
