"""Calls in tests: checks, and contacts logged against them, at moments of choice."""

from datetime import datetime

from core.access import Caller, Role
from dnc.answers import Answer
from dnc.contacts import LoggedContact, Outcome, log_contact
from dnc.gate import Question
from service import Service
from tests.seeding import CAMPAIGN, Seeded


def dialer(seeded: Seeded) -> Caller:
    """Return a dialer of the first seller."""
    return Caller("dialer-1", "dialer", "key", Role.DIALER, seeded.seller_id)


def compliance(seller_id: str | None = None) -> Caller:
    """Return a compliance officer, of every seller unless one is given."""
    return Caller("officer-1", "officer", "user", Role.COMPLIANCE, seller_id)


def check(seeded: Seeded, number: str, at: datetime | None = None) -> Answer:
    """Return the check of a number, made at ``at``, at which the clock then stands."""
    seeded.clock.at = at or seeded.clock.at
    return seeded.service.gate.ask(dialer(seeded), CAMPAIGN, Question(number, "SE", None))


def contact(seeded: Seeded, check_id: str, call_id: str, started_at: datetime | None = None) -> str:
    """Return the id of a contact logged against a check; nobody answered."""
    started_at = started_at or seeded.clock.at
    now = max(started_at, seeded.clock.at)
    return log_call(seeded.service, dialer(seeded), check_id, call_id, started_at, now).contact.id


def log_call(
    service: Service,
    caller: Caller,
    check_id: str,
    call_id: str,
    started_at: datetime | None = None,
    now: datetime | None = None,
) -> LoggedContact:
    """Return what a node says of a call that is logged there against a check; nobody answered.

    ``started_at`` and ``now`` are by the node's clock if they are left out.
    """
    with service.store.writing() as session:
        return log_contact(
            session,
            caller,
            service.keyring,
            service.shelf.listed,
            check_id=check_id,
            call_id=call_id,
            started_at=started_at or service.clock.now(),
            ended_at=None,
            outcome=Outcome.NO_ANSWER,
            agent=None,
            source_disclosed=None,
            now=now or service.clock.now(),
        )


def call(seeded: Seeded, number: str, call_id: str, at: datetime, started_at: datetime | None = None) -> str:
    """Return the id of the contact of a call that was checked at ``at``, whatever the check said, and started then.

    ``started_at``: when the dialer says that it started.
    """
    return contact(seeded, check(seeded, number, at).id, call_id, started_at or at)
