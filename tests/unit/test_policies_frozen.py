"""A policy that may have decided calls keeps its values: its answers are decided again from it years later.

Policies share values (``dnc.policies.cautious``, ``replace``), so that a change in one place may reach many of them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.ledger import canonical
from dnc.policies.catalogue import HYPOTHETICAL, POLICIES, SE_2026_1, Policy
from dnc.reasons import ReasonCode

FROZEN = {
    "se-2026-1": "2dfadc7b7f39be601058fab6fda8c7078437345ac6cee9b9e27f77dc1c89bc1d",
    "no-2026-1": "27c94a35f659787eef83a1028abbac87f62de511644769b73d906b26a2bd1e14",
    "no-2026-2": "7203783180a3d0cdf19f5932b3942d5291099a31100e7f52782e1bd47644faf9",
    "dk-2026-1": "88092bec36d7c152312a188947d1de23a6c1b5057289a8aec131dc8a818e1d29",
    "fi-2026-1": "0cf218eeb8646cd5a821b0469c48985dc894ef9f509f5fb0fdb9cfe86975ffc9",
    "fi-2026-2": "ba32a25ec80d73392faf215ff8247fc7464aca4ca569d5ac3447049786fba77e",
    "gb-2026-1": "2b627effc6b143c6f8826e2a169b93b66a3ce73fb90fc7feb7fbc47a84003483",
    "se-optin-2027-proposal": "bd0548f2d5540d331e738c0f42692bef5cd98309d3656c922fc0d32a7f6534dc",
    "se-ban-2027-proposal": "51f2827161fc60c1cb6bbea7387532e2b17bd0e3d2f57159d30d4c145537c281",
}
"""By version, the SHA-256 of a policy's form. A new version adds a line; no line ever changes or goes."""

LANDED = {policy.version: policy for policy in (*POLICIES, *HYPOTHETICAL)}


def form_of(value: object) -> object:
    """Return all that a policy says, as JSON values: the same for the same policy, whatever the process."""
    if is_dataclass(value):
        return {field.name: form_of(getattr(value, field.name)) for field in fields(value)}
    match value:
        case None | bool() | int() | str():
            return value
        case timedelta():
            return value // timedelta(microseconds=1)
        case date() | time():
            return value.isoformat()
        case ZoneInfo():
            return value.key
        case Mapping():
            return {str(key): form_of(one) for key, one in value.items()}
        case frozenset():
            return sorted((form_of(one) for one in value), key=canonical)
        case tuple():
            return [form_of(one) for one in value]
        case _:
            raise TypeError(f"say how a {type(value).__name__} of a policy is written")


def digest_of(policy: Policy) -> str:
    """Return the digest of all but the policy's end, which is set when its successor lands."""
    return hashlib.sha256(canonical(form_of(replace(policy, in_force_until=None))).encode()).hexdigest()


@pytest.mark.parametrize("version", sorted(FROZEN.keys() | LANDED.keys()))
def test_no_value_of_a_policy_changes_once_it_has_landed(version: str) -> None:
    assert version in LANDED, f"{version} is gone: calls that it decided can no longer be decided again. Put it back."
    assert version in FROZEN, f"{version} is new: add it to FROZEN as {digest_of(LANDED[version])}."
    assert digest_of(LANDED[version]) == FROZEN[version], (
        f"A value of {version} changed (in its module, or one that it shares from dnc/policies/cautious.py or with the "
        "policy that it was made from). It has decided calls: put the value back, make a new version with its own "
        f"dates, and add that one's line to FROZEN.\nIt says now: {canonical(form_of(LANDED[version]))}"
    )


def test_every_value_of_a_policy_is_in_its_form() -> None:
    changed = [
        replace(SE_2026_1, rules={**SE_2026_1.rules, ReasonCode.HELD: "SE-OTHER-1"}),
        replace(SE_2026_1, red_days=replace(SE_2026_1.red_days, eves=frozenset({(12, 24)}))),
        replace(SE_2026_1, weekend_hours=SE_2026_1.hours),
        replace(SE_2026_1, attempts_gap=timedelta(hours=4, microseconds=1)),
        replace(SE_2026_1, zone=ZoneInfo("Europe/Oslo")),
        replace(SE_2026_1, register_validity=replace(SE_2026_1.register_validity, days=62)),
        replace(SE_2026_1, in_force_from=date(2027, 1, 1)),
    ]

    assert len({digest_of(policy) for policy in (SE_2026_1, *changed)}) == 1 + len(changed)
