"""Lead files whose rows prove a consent, delivered to a seeded service by sources of the test's own."""

from collections.abc import Sequence

from consent.terms import Basis
from leads.importer import import_lead_file
from leads.pauses import (
    pause_lead_file,
    pause_source,
    pause_supplier,
    resume_lead_file,
    resume_source,
    resume_supplier,
)
from leads.sources import add_source
from tests.seeding import OPERATOR, SELLER, SELLER_NAME, Seeded

PROOF = "consent_text_version;consent_url;consent_at;consent_sellers;consent_channels"
GIVEN = f"v3;https://fjord.example/tavling;2026-11-01T12:00:00Z;{SELLER_NAME};telefon"
HELD = ("file", "source", "supplier")
"""What may be paused of a delivery."""


def add_consent_source(seeded: Seeded, slug: str, supplier: str, basis: Basis = Basis.CONSENT) -> None:
    """Add a source for the first seller that rests on consent, or on another basis."""
    with seeded.service.store.writing() as session:
        add_source(
            session,
            OPERATOR,
            slug=slug,
            supplier=supplier,
            seller=SELLER,
            name=f"Källan {slug}",
            basis=basis,
            assessment="LIA-7",
            say="Du lämnade ditt nummer.",
            say_en=None,
            now=seeded.clock.now(),
        )


def deliver(seeded: Seeded, source: str, numbers: Sequence[str], *, proved: bool = True) -> str:
    """Import a lead file of the numbers, each with a consent or without; return its id."""
    path = seeded.service.settings.data_dir / f"{source}.csv"
    rows = [f"{number};{GIVEN if proved else ';;;;'}" for number in numbers]
    path.write_text("\n".join([f"Telefon;{PROOF}", *rows]) + "\n", encoding="utf-8")
    service = seeded.service
    report = import_lead_file(
        service.store, service.lead_files, OPERATOR, path=path, file_name=path.name, source_slug=source
    )
    assert report.accepted == len(numbers)
    assert report.id is not None
    return report.id


def pause(seeded: Seeded, held: str, *, lead_file_id: str, source: str, supplier: str) -> None:
    """Pause the file, its source or its supplier."""
    now = seeded.clock.now()
    with seeded.service.store.writing() as session:
        if held == "file":
            pause_lead_file(session, OPERATOR, lead_file_id=lead_file_id, reason="klagomål", now=now)
        elif held == "source":
            pause_source(session, OPERATOR, slug=source, reason="klagomål", now=now)
        else:
            pause_supplier(session, OPERATOR, slug=supplier, reason="klagomål", now=now)


def resume(seeded: Seeded, held: str, *, lead_file_id: str, source: str, supplier: str) -> None:
    """End the pause of the file, its source or its supplier."""
    now = seeded.clock.now()
    with seeded.service.store.writing() as session:
        if held == "file":
            resume_lead_file(session, OPERATOR, lead_file_id=lead_file_id, now=now)
        elif held == "source":
            resume_source(session, OPERATOR, slug=source, now=now)
        else:
            resume_supplier(session, OPERATOR, slug=supplier, now=now)
