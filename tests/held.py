"""Holds for tests, made as in life: by a lead file that says of numbers that are leads already not to call them."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from core.access import Caller, Role
from core.changes import Change
from core.ledger import LedgerEntry
from core.store import Store
from dnc.arrivals import report_arrival
from dnc.holds import report_objection
from dnc.models import Hold
from service import Service
from tests.deliveries import deliver, written
from tests.seeding import LIST_SOURCE, OPERATOR, PARTNER_SOURCE, number_of

MARKED = ["+46701740650", "+46701740651", "+46701740652", "+46701740653", "+46701740654"]
CHILD = "+46701740655"
REPORTED = "+46701740656"


def held_by_file(
    service: Service, folder: Path, marked: Sequence[str] = MARKED, children: Sequence[str] = (), name: str = "ring-ej"
) -> str:
    """Return the id of a bought list's file that says of leads on ``marked`` not to call, of others that they are 12.

    It has been screened: each of the numbers is held.
    """
    rows = [f"{number};ja;" for number in marked] + [f"{number};;12" for number in children]
    leads = written(folder / f"{name}-leads.csv", ["Telefon", *marked, *children])
    deliver(service.store, leads, PARTNER_SOURCE)
    file = written(folder / f"{name}.csv", ["Telefon;Ring ej;Ålder", *rows])
    lead_file_id = deliver(service.store, file, LIST_SOURCE).id or ""
    now = service.clock.now()
    report_arrival(service.store, service.shelf.listed, OPERATOR, lead_file_id=lead_file_id, now=now)
    return lead_file_id


def staff(seller_id: str | None = None, role: Role = Role.CUSTOMER_SERVICE, name: str = "kim") -> Caller:
    """Return somebody who is signed in."""
    return Caller(id=name, name=name, kind="user", role=role, seller_id=seller_id)


def reported(service: Service, seller_id: str, note: str, number: str = REPORTED, by: Caller | None = None) -> Hold:
    """Return the hold that a person in sales reports."""
    with service.store.writing() as session:
        return report_objection(
            session,
            by or staff(seller_id, Role.SALES, "sam"),
            service.keyring,
            number=number_of(number).value,
            seller_id=seller_id,
            note=note,
            now=service.clock.now(),
        )


def every_hold(store: Store) -> list[Hold]:
    """Return all holds, in the order of their ids."""
    with store.reading() as session:
        found = list(session.scalars(select(Hold).order_by(Hold.id)))
        session.expunge_all()
    return found


def entries(store: Store, kind: str) -> list[LedgerEntry]:
    """Return the ledger's entries of a kind."""
    with store.reading() as session:
        query = select(LedgerEntry).where(LedgerEntry.kind == kind).order_by(LedgerEntry.chain, LedgerEntry.seq)
        found = list(session.scalars(query))
        session.expunge_all()
    return found


def feed(store: Store) -> list[tuple[str, int]]:
    """Return kind and number of each change, in order."""
    with store.reading() as session:
        return [(change.kind, change.number) for change in session.scalars(select(Change).order_by(Change.seq))]
