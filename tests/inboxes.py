"""What the tests of the inbox of leads share."""

from pathlib import Path

from sqlalchemy import select

from core.store import Store
from jobs.lead_inbox import LeadInbox
from leads.models import LeadFile
from service import Service
from tests.registers import NOON

LINES = ["Telefon;Namn", "070-174 06 05;Test Ett", "hemligt;Test Två"]


def looked_twice(inbox: LeadInbox, service: Service) -> dict[str, str]:
    """Return what the second of two looks took."""
    inbox.pick_up(service.store, NOON)
    return inbox.pick_up(service.store, NOON)


def names_in(folder: Path) -> set[str]:
    """Return what lies in the folder and under it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def files_of(store: Store) -> list[LeadFile]:
    """Return the lead files, oldest first."""
    with store.reading() as session:
        found = list(session.scalars(select(LeadFile).order_by(LeadFile.no)))
        session.expunge_all()
        return found
