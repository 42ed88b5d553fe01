"""Match the calls on one number to the checks and contacts of a seller. Pure.

A call belongs to the newest check that allowed one at or before its start, as a dialer uses them, or else to another
campaign's; where none gives permission, to one made within the clocks' slack after that no later call belongs to. A
later no to the same asker in the same campaign takes the permission back; one to another does not, who may have been
denied for the very attempt that the first holds. One check carries one call. The rules by which a check permits a call
are those for contacts (``dnc.permits``).
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter

from core.clock import CLOCK_SLACK
from dnc.call_records.states import CallState, state_of
from dnc.permits import Fault, Stop, fault_of_check, fault_of_stops

SAME_CALL = timedelta(days=1)
"""How far apart a call and a contact of the same call id may be: a call id is used again some day."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call as it was read; ``key`` stands for its call id, 0 for none."""

    started_at: datetime
    key: int


@dataclass(frozen=True, slots=True)
class StoredCheck:
    """A check of the number, as far as it speaks of calls."""

    id: str
    channel: str
    verdict: str
    checked_at: datetime
    valid_until: datetime | None
    campaign_id: str
    asked_by: str


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """A contact on the number, as a dialer logged it."""

    id: str
    check_id: str
    key: int
    started_at: datetime


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """A call record of the number that was matched before: of another file, or a row of this one that is kept.

    ``check_id`` is the check that it was held against, None if another call was made on that one.
    """

    started_at: datetime
    key: int
    check_id: str | None
    contact_id: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """What became of a call, the check that it was held against and the contact that was logged of it, if any."""

    state: CallState
    check_id: str | None = None
    contact_id: str | None = None


@dataclass(slots=True)
class NumberHistory:
    """What is on record of one number for the seller: checks by time, contacts, earlier call records, and every no."""

    checks: list[StoredCheck] = field(default_factory=list)
    contacts: list[LoggedCall] = field(default_factory=list)
    earlier: list[EarlierCall] = field(default_factory=list)
    stops: Sequence[Stop] = ()


def match_calls(calls: Sequence[RecordedCall], known: NumberHistory, channel: str) -> list[Match]:
    """Return what became of each of the number's calls, which come in order of their start.

    ``channel`` is that of a call without a check.
    """
    seen: dict[datetime, set[int]] = defaultdict(set)
    for one in known.earlier:
        seen[one.started_at].add(one.key)
    repeated = []
    for call in calls:
        keys = seen[call.started_at]
        repeated.append(bool(keys) and (call.key == 0 or 0 in keys or call.key in keys))
        keys.add(call.key)
    own = [call for call, is_repeated in zip(calls, repeated, strict=True) if not is_repeated]
    taken = {one.contact_id for one in known.earlier if one.contact_id is not None}
    matches = iter(_Matcher(known, channel, _contacts_of(own, known.contacts, taken)).match(own))
    return [Match(CallState.REPEATED) if again else next(matches) for again in repeated]


def _contacts_of(
    calls: Sequence[RecordedCall], contacts: Sequence[LoggedCall], taken: Collection[str]
) -> dict[int, LoggedCall]:
    """Return by place the contact of each call: one with its call id, else one within the clocks' slack.

    Of several the nearest, so that no call takes the contact that is nearer to another.
    """
    free = {one.id: one for one in contacts if one.id not in taken}
    found: dict[int, LoggedCall] = {}
    for by_key in (True, False):
        within = SAME_CALL if by_key else CLOCK_SLACK
        near = [
            (abs(one.started_at - call.started_at), place, one.id)
            for place, call in enumerate(calls)
            if place not in found and not (by_key and call.key == 0)
            for one in free.values()
            if abs(one.started_at - call.started_at) <= within and (not by_key or one.key == call.key)
        ]
        for _apart, place, id_ in sorted(near):
            if place not in found and id_ in free:
                found[place] = free.pop(id_)
    return found


class _Matcher:
    """Holds the calls on one number against its checks, each check used once."""

    def __init__(self, known: NumberHistory, channel: str, contacts: Mapping[int, LoggedCall]) -> None:
        self._known = known
        self._channel = channel
        self._contacts = contacts
        self._checked_at = [one.checked_at for one in known.checks]
        self._claimed: set[str | None] = {one.id for one in contacts.values()}
        self._claimed |= {one.contact_id for one in known.earlier}
        by_id = {one.id: one for one in known.checks}
        held = ((by_id.get(one.check_id or ""), one.started_at) for one in known.earlier)
        self._used = {check.id for check, at in held if check is not None and fault_of_check(check, at) is None}
        self._logged: dict[str, list[LoggedCall]] = defaultdict(list)  # on a check, and not known to be another call
        for one in known.contacts:
            if one.id not in self._claimed:
                self._logged[one.check_id].append(one)
        self._first_on: dict[str, str] = {}  # the contact logged first on a check: the one that it permitted
        for one in sorted(known.contacts, key=attrgetter("id")):
            self._first_on.setdefault(one.check_id, one.id)

    def match(self, calls: Sequence[RecordedCall]) -> list[Match]:
        """Return what became of each of the calls, which are in the order of their start.

        A check made after a call is that call's only if it is not that of a call after it.
        """
        permits = [self._permit_before(call, self._contacts.get(place)) for place, call in enumerate(calls)]
        return [self._match(place, call, permits[place]) for place, call in enumerate(calls)]

    def _match(self, place: int, call: RecordedCall, permit: StoredCheck | None) -> Match:
        contact = self._contacts.get(place)
        check, state = (permit, CallState.MATCHED) if permit is not None else self._check_for(call, contact)
        if contact is None and check is not None and state is CallState.MATCHED and self._logged[check.id]:
            contact = self._logged[check.id].pop(0)
        channel = self._channel if check is None else check.channel
        stop = fault_of_stops(self._known.stops, channel, call.started_at)
        if state is CallState.MATCHED and check is not None:
            self._used.add(check.id)
        if stop is not None:
            if state is CallState.CHECK_USED:
                check = None  # it carries another call, which a later file may show
            state = state_of(stop)
        return Match(state, None if check is None else check.id, None if contact is None else contact.id)

    def _permit_before(self, call: RecordedCall, contact: LoggedCall | None) -> StoredCheck | None:
        """Return the check at or before the call that permits it, used from now on; None if none does."""
        for allowed in _permissions(self._known.checks[: bisect_right(self._checked_at, call.started_at)]):
            if fault_of_check(allowed, call.started_at) is None and self._is_free(allowed, contact):
                self._used.add(allowed.id)
                return allowed
        return None

    def _check_for(self, call: RecordedCall, contact: LoggedCall | None) -> tuple[StoredCheck | None, CallState]:
        """Return the check that a call without a permit before it is held against, and what that says."""
        checks = self._known.checks
        now = bisect_right(self._checked_at, call.started_at)
        soon = bisect_right(self._checked_at, call.started_at + CLOCK_SLACK)
        for one in checks[now:soon]:
            if fault_of_check(one, call.started_at) is None and self._is_free(one, contact):
                return one, CallState.MATCHED
        for allowed in _permissions(checks[:now]):
            if fault_of_check(allowed, call.started_at) is None:
                return allowed, CallState.CHECK_USED
        if now:
            newest = checks[now - 1]
            return newest, state_of(fault_of_check(newest, call.started_at) or Fault.CHECK_USED)
        return None, CallState.BEFORE_CHECK if checks else CallState.WITHOUT_CHECK

    def _is_free(self, check: StoredCheck, contact: LoggedCall | None) -> bool:
        """Return whether no other call is known to have been made on the check.

        What was logged on it may be a call that has no contact of its own.
        """
        if check.id in self._used:
            return False
        first = self._first_on.get(check.id)
        if first is None:
            return True
        return first not in self._claimed if contact is None else first == contact.id


def _permissions(checks: Sequence[StoredCheck]) -> Iterator[StoredCheck]:
    """Yield of each campaign the newest check that allowed a call and was not followed by a no to the same asker in it.

    The newest of all comes first. A newer answer takes nothing from another campaign's: attempts are each one's own.
    """
    refused, given = set(), set()
    for one in reversed(checks):
        if one.verdict != "allow":
            refused.add((one.campaign_id, one.asked_by))
        elif one.campaign_id not in given and (one.campaign_id, one.asked_by) not in refused:
            given.add(one.campaign_id)
            yield one
