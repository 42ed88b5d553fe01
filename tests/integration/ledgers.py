"""Entries to put on record, and what a verification finds of them."""

from core.ledger import Event, put_on_record
from service import Service
from tests.integration.seeds import verified


def write(service: Service, subject: str, count: int = 1) -> None:
    """Put ``count`` entries about ``subject`` on record, in one unit of work."""
    with service.store.writing() as session:
        for _ in range(count):
            put_on_record(session, Event("test.noted", subject, "operator:tests", None, {"about": subject}))


def found(service: Service) -> set[str]:
    """Return what kinds of tampering a verification of the whole ledger finds."""
    return {finding.what for finding in verified(service).findings}
