"""Checks as they stand on record: read back one, or decide all of them again from their stored facts."""

import json
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.audit import entries_of
from core.clock import utc
from core.errors import NotFound
from core.ledger import UNREADABLE, LedgerEntry
from dnc.answers import ARTICLES, lead_behind
from dnc.decision import Decision, decide
from dnc.facts import CallFacts, facts_from_record
from dnc.grounds import GroundKind
from dnc.models import Check
from dnc.policies.catalogue import policy_named


class UnknownCheck(NotFound):
    """There is no such check, or it is another seller's."""

    code, title = "unknown-check", "There is no such check"


class CheckErased(NotFound):
    """The check's facts were erased when their retention ended; that it was made still stands in the ledger."""

    code, title = "check-erased", "The check's facts are erased"


def check_on_record(session: Session, caller: Caller, check_id: str) -> dict[str, object]:
    """Return a check exactly as it was answered.

    Raises:
        Forbidden: the caller may not read checks.
        UnknownCheck: there is none for the caller's seller.
        CheckErased: its facts are no longer kept.
    """
    caller.require(Right.READ_CHECKS)
    check = session.get(Check, check_id)
    if check is None or caller.seller_id not in (None, check.seller_id):
        raise UnknownCheck("there is no such check for your seller")
    payload = session.scalar(
        select(LedgerEntry.payload).where(LedgerEntry.chain == check.chain, LedgerEntry.seq == check.seq)
    )
    if payload is None:
        raise CheckErased("its retention has ended")
    document = json.loads(payload)
    _id, _hash, place, _ids, reference = document["rows"][check.place]
    number = None if check.number is None else f"+{check.number}"
    return {"id": check.id, "number": number, "reference": reference, **document["decisions"][place]["answer"]}


@dataclass(frozen=True, slots=True)
class Difference:
    """A check whose stored facts, decided again, do not give the stored answer. It names no number."""

    chain: int
    seq: int
    check_ids: tuple[str, ...]
    what: str


@dataclass(frozen=True, slots=True)
class Replay:
    """How many checks were decided again, how many were erased, and those that differ."""

    checks: int
    erased_entries: int
    differences: tuple[Difference, ...]


def replay(session: Session) -> Replay:
    """Return the result of deciding every check on record again, from its stored facts and policy version.

    It reads all of the ledger in steps, so memory does not grow with it.
    """
    checks = erased = 0
    differences: list[Difference] = []
    for entry in chain.from_iterable(entries_of(session, "checks")):
        if entry.payload is None:
            erased += 1
            continue
        try:
            found = _differences(entry, json.loads(entry.payload))
        except UNREADABLE as error:
            what = f"the entry cannot be read ({type(error).__name__})"
            differences.append(Difference(entry.chain, entry.seq, (), what))
            continue
        checks += found.checks
        differences += found.differences
    return Replay(checks, erased, tuple(differences))


def _differences(entry: LedgerEntry, document: dict[str, Any]) -> Replay:
    """Return the result of deciding one entry's checks again; one that is not as it was written raises."""
    ids: dict[int, list[str]] = {}
    for id_, _hash, place, _ids, _reference in document["rows"]:
        ids.setdefault(place, []).append(id_)
    said = [(place, decided_otherwise(stored)) for place, stored in enumerate(document["decisions"])]
    differing = (
        Difference(entry.chain, entry.seq, tuple(ids.get(place, ())), what) for place, what in said if what is not None
    )
    return Replay(len(document["rows"]), 0, tuple(differing))


def decided_otherwise(stored: dict[str, Any]) -> str | None:
    """Return what differs when the stored facts are decided again, or None if nothing does. Pure."""
    answer = stored["answer"]
    try:
        facts = facts_from_record(stored["facts"])
        policy = policy_named(answer["policy"]) if answer["policy"] is not None else None
        now = datetime.fromisoformat(answer["checked_at"])
        decision = decide(facts, policy, now)
        basis, source = answer["lawful_basis"], answer["source"]
        said = {
            "lawful_basis": None if basis is None else (basis["basis"], basis["article"]),
            "source": None if source is None else source["kind"],
        }
    except UNREADABLE as error:
        return f"the stored facts cannot be read ({type(error).__name__})"
    basis_again = decision.lawful_basis
    again = {
        "verdict": decision.verdict.value,
        "may_call": decision.may_call,
        "valid_until": utc(decision.valid_until),
        "retry_at": utc(decision.retry_at),
        "reasons": [reason.code.value for reason in decision.reasons],
        "lawful_basis": None if basis_again is None else (basis_again.value, ARTICLES[basis_again]),
        "source": _source_kind(facts, decision),
    }
    reasons = [reason["code"] for reason in answer["reasons"]]
    told = {name: answer.get(name) for name in again} | said | {"reasons": reasons}
    wrong = sorted(name for name in again if again[name] != told[name])
    return ", ".join(wrong) + " would differ" if wrong else None


def _source_kind(facts: CallFacts, decision: Decision) -> str | None:
    """Return what kind of source the call is told to come from."""
    ground = decision.ground
    if ground is None or ground.kind is not GroundKind.LEAD:
        return None if ground is None else ground.kind.value
    lead = lead_behind(facts, ground)
    return None if lead is None else lead.source_kind.value
