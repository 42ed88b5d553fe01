"""A row that says a child's age holds the seller's other leads on the number until customer service has looked."""

from pathlib import Path

from sqlalchemy import select

from core.access import Caller, Role
from dnc.arrivals import report_arrival
from dnc.drafts import Question
from dnc.holds import close_hold
from dnc.models import Hold
from tests.deliveries import deliver, written
from tests.integration.seeds import dialer_of
from tests.seeding import LIST_SOURCE, OPERATOR, PARTNER_SOURCE, Seeded, number_of

LEAD, CHILD, NEW_CHILD, ADULT = "0701740650", "0701740651", "0701740652", "0701740653"


def screened(seeded: Seeded, path: Path, source: str) -> str:
    """Import the file and screen it, and return its id."""
    lead_file_id = deliver(seeded.service.store, path, source).id or ""
    again(seeded, lead_file_id)
    return lead_file_id


def again(seeded: Seeded, lead_file_id: str) -> None:
    """Screen the file."""
    service = seeded.service
    report_arrival(service.store, service.shelf.listed, OPERATOR, lead_file_id=lead_file_id, now=seeded.clock.now())


def holds(seeded: Seeded) -> list[tuple[int, str, bool]]:
    """Return number, reason and whether it is open of each hold."""
    with seeded.service.store.reading() as session:
        return [(hold.number, hold.reason, hold.closed_at is None) for hold in session.scalars(select(Hold))]


def verdict(seeded: Seeded, number: str) -> tuple[str, list[str]]:
    """Return the verdict of a check and its reasons."""
    decision = seeded.service.gate.ask(dialer_of(seeded), "vinterel", Question(number)).decision
    return decision.verdict.value, [reason.code.value for reason in decision.reasons]


def test_a_number_that_is_a_lead_already_is_held_when_a_file_says_a_childs_age(seeded: Seeded, tmp_path: Path) -> None:
    screened(seeded, written(tmp_path / "a.csv", ["Telefon", LEAD, CHILD, ADULT]), PARTNER_SOURCE)
    assert verdict(seeded, CHILD)[0] == "allow"
    ages = [f"{CHILD};12", f"{NEW_CHILD};13", f"{ADULT};50+", f"{LEAD};", "hemligt;12"]

    second = screened(seeded, written(tmp_path / "b.csv", ["Telefon;Ålder", *ages]), LIST_SOURCE)
    again(seeded, second)

    held = (number_of(CHILD).value, "minor", True)
    assert holds(seeded) == [held]
    assert verdict(seeded, CHILD)[1] == ["held"]
    assert verdict(seeded, LEAD)[0] == "allow"
    with seeded.service.store.writing() as session:
        staff = Caller(id="u", name="u", kind="user", role=Role.CUSTOMER_SERVICE, seller_id=None)
        [hold] = session.scalars(select(Hold)).all()
        now = seeded.clock.now()
        close_hold(session, staff, seeded.service.store.keyring, hold_id=hold.id, resolution="vuxen", now=now)
    again(seeded, second)
    assert holds(seeded) == [(*held[:2], False)]
