"""What the tests of leads share: sellers with sources, and lead files of numbers that reach nobody."""

import random
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select

from consent.terms import Basis
from core.access import Caller, Role, operator
from core.database import Base
from core.sellers import add_seller
from core.store import Store
from leads.importer import import_lead_file
from leads.reports import LeadFileReport
from leads.shelf import Shelf
from leads.sources import add_source
from leads.suppliers import add_supplier
from leads.terms import SourceKind

OPERATOR = operator("tests")
FIRST = 46701740605
"""The first of 95 mobile numbers that PTS keeps for books and films."""


def table_counts(store: Store) -> dict[str, int]:
    """Return how many rows each table has."""
    with store.reading() as session:
        return {
            table.name: session.scalars(select(func.count()).select_from(table)).one()
            for table in Base.metadata.sorted_tables
        }


def lead_manager(seller_id: str | None) -> Caller:
    """Return a lead manager, of one seller or of all."""
    return Caller(id="k", name="k", kind="key", role=Role.LEAD_MANAGER, seller_id=seller_id)


def add_origins(store: Store) -> dict[str, str]:
    """Add the sellers ``norrsken`` and ``soder``, a partner, a list seller, and sources; return the sellers' ids.

    ``tavling`` and ``enkat`` are the partner's for norrsken, ``lista`` is a bought list for norrsken, and ``soders``
    the partner's for soder.
    """
    now = store.clock.now()
    with store.writing() as session:
        ids = {
            slug: add_seller(session, OPERATOR, slug=slug, name=slug.title(), now=now).id
            for slug in ("norrsken", "soder")
        }
        add_supplier(session, OPERATOR, slug="partner", name="Tävlingsbyrån AB", kind=SourceKind.PARTNER, now=now)
        add_supplier(session, OPERATOR, slug="listor", name="Adresskungen AB", kind=SourceKind.LIST, now=now)
        for slug, supplier, seller in (
            ("tavling", "partner", "norrsken"),
            ("enkat", "partner", "norrsken"),
            ("lista", "listor", "norrsken"),
            ("soders", "partner", "soder"),
        ):
            add_source(
                session,
                OPERATOR,
                slug=slug,
                supplier=supplier,
                seller=seller,
                name=f"Källan {slug}",
                basis=Basis.LEGITIMATE_INTEREST,
                assessment="LIA-7",
                say="Ditt nummer kommer från en källa som kundtjänst kan berätta om.",
                say_en=None,
                now=now,
                retention_days=100,
            )
    return ids


def deliver(
    store: Store, path: Path, source: str = "tavling", caller: Caller = OPERATOR, **how: object
) -> LeadFileReport:
    """Import the file at ``path`` as delivered by ``source``; it is kept beside it."""
    return import_lead_file(
        store,
        shelf_beside(store, path),
        caller,
        path=path,
        file_name=path.name,
        source_slug=source,
        **how,  # type: ignore[arg-type]
    )


def shelf_beside(store: Store, path: Path) -> Shelf:
    """Return the shelf in the folder of a file that is delivered."""
    return Shelf(path.parent / "lead-files", store.keyring.lead_file_key)


def written(path: Path, lines: Sequence[str], encoding: str = "utf-8") -> Path:
    """Write a lead file and return where it lies."""
    path.write_text("\n".join([*lines, ""]), encoding)
    return path


def mixed_lines(count: int, seed: int) -> list[str]:
    """Return headings and ``count`` rows, good and bad; numbers repeat, since only 95 of them reach nobody."""
    chance = random.Random(seed)
    rows = []
    for row_no in range(count):
        number = f"+{FIRST + chance.randrange(95)}"
        cell = chance.choices([number, "", "hemligt", f"{number} / +{FIRST}", f'"{number}'], [20, 1, 1, 1, 1])[0]
        rows.append(f"{cell};Namn {row_no};2026-0{chance.randrange(1, 10)}-1{chance.randrange(10)}")
    return ["Telefon;Namn;Insamlad", *rows]
