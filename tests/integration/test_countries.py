"""A check is decided by the policy of the number's own country, and by its register."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.numbers import Number
from dnc.auditor.auditing import Scope, audit
from dnc.gate import Question
from dnc.history.timeline import timeline
from dnc.recorded import replay
from dnc.registers.loading import load_register
from dnc.registers.saved_layouts import set_layout
from tests.calls import compliance
from tests.integration.seeds import consented
from tests.seeding import CAMPAIGN, FROM_LIST, FROM_PARTNER, LISTED, OPERATOR, REGISTER_AS_OF, Seeded

BRITISH = "+442079460123"
"""One of Ofcom's numbers for drama."""
AMERICAN = "+12125550123"
WASH = '{"key": "wash", "delimiter": ";", "columns": {"number": 1, "result": 2}, "listed": ["J"], "not_listed": ["N"]}'


def checked(seeded: Seeded, number: str) -> dict[str, Any]:
    """The answer to a check, as the dialer hears it."""
    found: dict[str, Any] = json.loads(seeded.service.gate.ask(OPERATOR, CAMPAIGN, Question(number)).json)
    return found


def load(seeded: Seeded, name: str, folder: Path, text: str, layout: str | None = None) -> None:
    """Put a version of a register in force."""
    path = folder / f"{name}.txt"
    path.write_text(text, encoding="utf-8")
    service = seeded.service
    load_register(
        service.store,
        service.settings.registers_dir,
        OPERATOR,
        name=name,
        path=path,
        as_of=REGISTER_AS_OF,
        file_name=path.name,
        now=service.clock.now(),
        layout_json=layout,
    )


def standing_verdicts(seeded: Seeded, number: Number) -> set[str]:
    """What a look-up says of calling the number for the seller's campaign, as known then and as known now."""
    service = seeded.service
    with service.store.reading() as session:
        past = timeline(
            session,
            compliance(seeded.seller_id),
            service.shelf.listed,
            number=number,
            as_of=None,
            known_at=None,
            now=seeded.clock.now(),
        )
    return {side.verdict.value for one in past.standing for side in (one.as_known_then, one.as_known_now)}


def test_a_number_is_answered_by_its_own_countrys_policy_whoever_the_seller_is(seeded: Seeded) -> None:
    assert (checked(seeded, FROM_PARTNER)["policy"], checked(seeded, FROM_PARTNER)["verdict"]) == ("se-2026-1", "allow")

    british = checked(seeded, BRITISH)

    reasons = {reason["code"]: reason for reason in british["reasons"]}
    assert (british["policy"], british["verdict"]) == ("gb-2026-1", "deny")
    assert reasons.keys() == {"register_missing", "no_source"}
    assert (reasons["register_missing"]["register"], reasons["register_missing"]["rule"]) == ("tps", "GB-TPS-2")


def test_a_country_without_a_policy_is_unknown_whatever_else_is(seeded: Seeded) -> None:
    american = checked(seeded, AMERICAN)

    assert american["policy"] is None
    assert "no_policy" in [reason["code"] for reason in american["reasons"]]
    assert american["may_call"] is False


def test_a_register_of_a_country_without_a_policy_makes_no_number_callable(seeded: Seeded, tmp_path: Path) -> None:
    load(seeded, "us", tmp_path, "202,5550142\n")

    assert "no_policy" in [reason["code"] for reason in checked(seeded, AMERICAN)["reasons"]]
    assert checked(seeded, AMERICAN)["may_call"] is False


def test_a_number_that_was_not_washed_is_unknown_and_never_not_listed(seeded: Seeded, tmp_path: Path) -> None:
    load(seeded, "nix", tmp_path, f"{FROM_PARTNER};N\n{LISTED};J\n", WASH)

    assert checked(seeded, FROM_PARTNER)["verdict"] == "allow"
    assert [reason["code"] for reason in checked(seeded, LISTED)["reasons"]] == ["on_register"]
    outside = checked(seeded, FROM_LIST)
    assert (outside["verdict"], [reason["code"] for reason in outside["reasons"]]) == ("unknown", ["register_missing"])


def test_answers_of_every_country_are_decided_again_the_same(seeded: Seeded) -> None:
    for number in (FROM_PARTNER, BRITISH, AMERICAN):
        checked(seeded, number)

    with seeded.service.store.reading() as session:
        found = replay(session)
    assert (found.checks, found.differences) == (3, ())


def test_a_consent_lifts_a_register_of_which_no_version_was_ever_loaded(seeded: Seeded) -> None:
    """As it lifts one that is too old; whether a layout was set for its files changes nothing."""
    number = Number(int(BRITISH[1:]))
    consented(seeded, number)

    before = checked(seeded, BRITISH)
    with seeded.service.store.writing() as session:
        set_layout(session, OPERATOR, name="tps", text="{}", now=seeded.clock.now())
    after = checked(seeded, BRITISH)

    assert [(one["verdict"], one["reasons"]) for one in (before, after)] == [("allow", [])] * 2
    assert before["registers"] == after["registers"]
    assert [(one["register"], one["lifted_by"]) for one in after["registers"]] == [("tps", "consent")]
    seeded.clock.at += timedelta(minutes=1)
    assert standing_verdicts(seeded, number) == {"allow"}
    report = audit(seeded.service.store, seeded.service.shelf.listed, OPERATOR, now=seeded.clock.now(), scope=Scope.ALL)
    assert (report.counts.tables, report.counts.differences, report.counts.unrebuilt) == (2, 0, 0)


def test_an_answer_of_before_a_register_never_loaded_could_be_lifted_is_found_to_stand(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = Number(int(BRITISH[1:]))
    consented(seeded, number)
    with monkeypatch.context() as before:
        before.setattr("dnc.gathering.register_never_loaded", lambda _country: None)
        assert checked(seeded, BRITISH)["verdict"] == "unknown"
    seeded.clock.at += timedelta(minutes=1)

    report = audit(seeded.service.store, seeded.service.shelf.listed, OPERATOR, now=seeded.clock.now(), scope=Scope.ALL)

    assert (report.counts.tables, report.counts.differences, report.counts.unrebuilt) == (1, 0, 0)
