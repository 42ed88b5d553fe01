"""The law as dated values: one policy a country and period, so that a change of law is a reviewed diff.

A policy that has decided a call is never edited, because its answers are decided again from it years later; a new
rule is a new version with its own dates. Each value's legal source stands in ``docs/rules.md``.
"""

from datetime import UTC, datetime

from core.errors import InvalidInput
from dnc.policies.denmark import DK_2026_1
from dnc.policies.finland import FI_2026_1, FI_2026_2
from dnc.policies.norway import NO_2026_1, NO_2026_2
from dnc.policies.sweden import SE_2026_1, SE_BAN_PROPOSAL, SE_OPT_IN_PROPOSAL
from dnc.policies.terms import Policy
from dnc.policies.united_kingdom import GB_2026_1

__all__ = [
    "DK_2026_1",
    "FI_2026_1",
    "FI_2026_2",
    "GB_2026_1",
    "HYPOTHETICAL",
    "NO_2026_1",
    "NO_2026_2",
    "POLICIES",
    "SE_2026_1",
    "SE_BAN_PROPOSAL",
    "SE_OPT_IN_PROPOSAL",
    "Policy",
    "UnknownPolicy",
    "policy_asked_for",
    "policy_for",
    "policy_named",
]


class UnknownPolicy(ValueError):
    """No policy has this version."""


POLICIES: tuple[Policy, ...] = (
    SE_2026_1,
    NO_2026_1,
    NO_2026_2,
    DK_2026_1,
    FI_2026_1,
    FI_2026_2,
    GB_2026_1,
)
"""Every policy that is or was the law, each country's in the order of time."""

HYPOTHETICAL: tuple[Policy, ...] = (SE_OPT_IN_PROPOSAL, SE_BAN_PROPOSAL)
"""Laws that have only been proposed: ``policy_for`` never gives one, and a "what if" may name one."""


def policy_for(country: str | None, at: datetime) -> Policy | None:
    """Return the policy in force for ``country`` (ISO 3166, two letters) at ``at``, or None if there is none.

    A naive ``at`` is read as UTC.
    """
    moment = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    for policy in POLICIES:
        if policy.country == country and policy.in_force(moment):
            return policy
    return None


def policy_named(version: str) -> Policy:
    """Return the policy of this version, in force or not, hypothetical ones too.

    Raises:
        UnknownPolicy: there never was one.
    """
    for policy in (*POLICIES, *HYPOTHETICAL):
        if policy.version == version:
            return policy
    raise UnknownPolicy("no policy has this version")


def policy_asked_for(version: str) -> Policy:
    """Return the policy of the version that somebody asks for, as ``policy_named``.

    Raises:
        InvalidInput: there never was one; those that there are are named.
    """
    try:
        return policy_named(version)
    except UnknownPolicy as error:
        known = ", ".join(policy.version for policy in (*POLICIES, *HYPOTHETICAL))
        raise InvalidInput(f"there is no policy of that name; there are {known}") from error
