"""Suppliers and sources: added with care, and paused so that the very next check is denied."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import fields
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from consent.terms import Basis
from core.access import Caller, Role
from core.changes import changes_after
from core.errors import AlreadyExists, Forbidden, InvalidInput, NotFound
from core.ledger import LedgerEntry
from core.store import Store
from dnc.gate import Question
from leads.models import LeadFile, Source, Supplier
from leads.pauses import (
    pause_lead_file,
    pause_source,
    pause_supplier,
    resume_lead_file,
    resume_source,
    resume_supplier,
)
from leads.queries import LeadOrigin, leads_on, without_supplier
from leads.sources import add_source
from leads.suppliers import add_supplier
from leads.terms import SourceKind
from tests.deliveries import OPERATOR
from tests.registers import NOON
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SOURCE,
    PARTNER_NAME,
    PARTNER_SOURCE,
    PARTNER_SOURCE_NAME,
    Seeded,
    number_of,
)

PAUSERS = (Role.LEAD_MANAGER, Role.COMPLIANCE)


def role(name: Role, seller_id: str | None = None) -> Caller:
    """Return a caller with the role."""
    return Caller(id="k", name="k", kind="key", role=name, seller_id=seller_id)


def new_source(store: Store, caller: Caller = OPERATOR, **changes: Any) -> None:  # Any: whatever the test changes
    """Add a source, good but for ``changes``."""
    given: dict[str, Any] = {
        "slug": "ny",
        "supplier": "listor",
        "seller": "norrsken",
        "name": "Ny lista",
        "basis": Basis.LEGITIMATE_INTEREST,
        "assessment": "LIA-1",
        "say": "Ditt nummer kommer från en adresslista.",
        "say_en": None,
        "now": NOON,
        **changes,
    }
    with store.writing() as session:
        add_source(session, caller, **given)


def mistakes(refused: InvalidInput) -> list[str]:
    """Return every mistake that the refusal lists."""
    found = refused.extra["errors"]
    assert isinstance(found, list)
    return found


def verdict(seeded: Seeded, number: str) -> tuple[str, list[str]]:
    """Return the verdict and the reasons of a check made now."""
    dialer = role(Role.DIALER, seeded.seller_id)
    answer = seeded.service.gate.ask(dialer, CAMPAIGN, Question(number))
    return answer.decision.verdict.value, sorted(reason.code.value for reason in answer.decision.reasons)


def test_a_supplier_needs_a_name_and_a_slug_of_its_own(store: Store) -> None:
    def add(slug: str, name: str) -> None:
        with store.writing() as session:
            add_supplier(session, OPERATOR, slug=slug, name=name, kind=SourceKind.LIST, now=NOON)

    with pytest.raises(InvalidInput):
        add("ny", "  ")
    with pytest.raises(InvalidInput):
        add("Ny Leverantör", "Ny")
    with pytest.raises(AlreadyExists):
        add("listor", "Ny")
    add("ny", " Ny AB ")

    with store.reading() as session:
        assert session.scalars(select(Supplier.name).where(Supplier.slug == "ny")).all() == ["Ny AB"]


@pytest.mark.parametrize(
    "say",
    [
        "Vi köpte ditt nummer av Adresskungen AB.",
        "Numret kommer från adresskungen.",
        "Numret kommer från ADRESS KUNGEN!",
        "Numret kommer från adress-kungens lista.",
    ],
)
def test_what_is_said_of_a_bought_list_may_not_name_its_supplier(store: Store, say: str) -> None:
    either: list[dict[str, Any]] = [{"say": say}, {"say_en": say}]  # Any: passed on as keywords
    for spoken in either:
        with pytest.raises(InvalidInput) as refused:
            new_source(store, **spoken)
        assert mistakes(refused.value) == ["what is said about a bought list must not name its supplier"]

    with store.reading() as session:
        assert session.scalar(select(Source).where(Source.slug == "ny")) is None


@pytest.mark.parametrize(
    ("say", "told"),
    [
        ("Numret står i Hushåll Q4 Premium.", "source"),
        ("Numret står i hushåll q4, en lista.", "source"),
        ("Numret kommer ur hushall-2026-q4.", "source"),
        ("Numret kommer ur hushall 2026 Q4.", "source"),
        ("Numret kommer från Listor.", "supplier"),
    ],
)
def test_what_is_said_of_a_bought_list_names_neither_the_list_nor_a_slug(store: Store, say: str, told: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        new_source(store, slug="hushall-2026-q4", name="Hushåll Q4 Premium", say=say)
    assert mistakes(refused.value) == [f"what is said about a bought list must not name its {told}"]

    new_source(store, slug="hushall-2026-q4", name="Hushåll Q4 Premium", say="Ditt nummer står i en lista på hushåll.")


@pytest.mark.parametrize("length", [200, 201])
def test_a_name_or_assessment_longer_than_is_kept_is_refused_before_the_database_does(
    store: Store, length: int
) -> None:
    fits = nullcontext() if length == 200 else pytest.raises(InvalidInput)
    long = "å" * length

    with fits:
        new_source(store, slug="namn", name=f" {long} ")
    with fits:
        new_source(store, slug="prov", assessment=long)
    with fits, store.writing() as session:
        add_supplier(session, OPERATOR, slug="lang", name=long, kind=SourceKind.LIST, now=NOON)


def test_what_is_said_of_a_partners_source_may_name_the_partner(store: Store) -> None:
    new_source(store, supplier="partner", say="Du tävlade hos Tävlingsbyrån.")


def test_every_mistake_of_a_source_is_listed_at_once(store: Store) -> None:
    with pytest.raises(InvalidInput) as refused:
        new_source(store, name=" ", say=" ", say_en="x" * 501, retention_days=0)

    assert len(mistakes(refused.value)) == 4


def test_a_source_of_another_seller_or_of_nobody_is_not_added(store: Store) -> None:
    with pytest.raises(NotFound):
        new_source(store, role(Role.LEAD_MANAGER, "another"))
    with pytest.raises(NotFound):
        new_source(store, supplier="finns-inte")
    with pytest.raises(AlreadyExists):
        new_source(store, slug="tavling")
    for name in Role:
        if name is not Role.LEAD_MANAGER:
            with pytest.raises(Forbidden):
                new_source(store, role(name))


Act = Callable[[Session, Caller, str], object]


def _pauses(file_id: str) -> dict[str, tuple[Act, Act]]:
    """Return how each thing that carries the partner's number is paused and resumed."""
    return {
        "supplier": (
            lambda session, who, why: pause_supplier(session, who, slug="kronan", reason=why, now=NOON),
            lambda session, who, _: resume_supplier(session, who, slug="kronan", now=NOON),
        ),
        "source": (
            lambda session, who, why: pause_source(session, who, slug=PARTNER_SOURCE, reason=why, now=NOON),
            lambda session, who, _: resume_source(session, who, slug=PARTNER_SOURCE, now=NOON),
        ),
        "lead_file": (
            lambda session, who, why: pause_lead_file(session, who, lead_file_id=file_id, reason=why, now=NOON),
            lambda session, who, _: resume_lead_file(session, who, lead_file_id=file_id, now=NOON),
        ),
    }


def partners_file(seeded: Seeded) -> str:
    """Return the id of the partner's lead file."""
    with seeded.service.store.reading() as session:
        return session.scalars(
            select(LeadFile.id).join(Source, Source.id == LeadFile.source_id).where(Source.slug == PARTNER_SOURCE)
        ).one()


def test_a_pause_denies_at_the_next_check_until_it_is_resumed(seeded: Seeded) -> None:
    store = seeded.service.store
    for place, (thing, (pause, resume)) in enumerate(_pauses(partners_file(seeded)).items()):
        who = role(PAUSERS[place % 2])
        assert verdict(seeded, FROM_PARTNER) == ("allow", []), thing
        for _ in range(2):
            with store.writing() as session:
                pause(session, who, "a complaint")

        assert verdict(seeded, FROM_PARTNER) == ("deny", ["source_paused"]), thing
        assert verdict(seeded, FROM_LIST) == ("allow", []), thing

        for _ in range(2):
            with store.writing() as session:
                resume(session, who, "")
        with store.reading() as session:
            kinds = session.scalars(select(LedgerEntry.kind).where(LedgerEntry.kind.like(f"{thing}.%"))).all()
        assert [kind for kind in kinds if kind.endswith(("paused", "resumed"))] == [
            f"{thing}.paused",
            f"{thing}.resumed",
        ]
    assert verdict(seeded, FROM_PARTNER) == ("allow", [])
    with store.reading() as session:
        kinds = [change.kind for change in changes_after(session, 0, seller_id=seeded.seller_id, limit=99)]
    assert kinds == ["opt_out"], "a pause is not announced: it concerns no one number"


def test_only_lead_managers_and_compliance_pause_and_only_with_a_reason(seeded: Seeded) -> None:
    store = seeded.service.store
    for thing, (pause, resume) in _pauses(partners_file(seeded)).items():
        with pytest.raises(InvalidInput), store.writing() as session:
            pause(session, role(Role.COMPLIANCE), " ")
        for name in Role:
            for act in (pause, resume):
                with store.writing() as session:
                    if name in PAUSERS:
                        act(session, role(name), "a complaint")
                        continue
                    with pytest.raises(Forbidden):
                        act(session, role(name), "a complaint")
        with store.writing() as session, pytest.raises(Forbidden if thing == "supplier" else NotFound):
            pause(session, role(Role.LEAD_MANAGER, seeded.other_seller_id), "a complaint")
    assert verdict(seeded, FROM_PARTNER) == ("allow", [])


def origins(seeded: Seeded, number: str) -> list[LeadOrigin]:
    """Return where the number came from, for every seller."""
    with seeded.service.store.reading() as session:
        return list(leads_on(session, number_of(number).value))


def test_the_chain_of_origin_is_told_whole_by_number_and_by_seller(seeded: Seeded) -> None:
    both = origins(seeded, FROM_PARTNER)

    assert [found.source_name for found in both] == [PARTNER_SOURCE_NAME, "Hemtävlingen 2026"]
    assert (both[0].supplier_name, both[0].file_name, both[0].row_no) == (PARTNER_NAME, f"{PARTNER_SOURCE}.csv", 1)
    with seeded.service.store.reading() as session:
        assert list(leads_on(session, int(FROM_PARTNER[1:]), seeded.seller_id)) == both[:1]
    assert both[0].lead_id == f"{both[0].lead_file_id}:{both[0].row_no}"


TELLING = {
    "assessment",
    "source_name",
    "supplier_name",
    "file_name",
    "sha256",
    "row_no",
    "partner_reference",
    "collected_at",
    "received_at",
    "expires_at",
}
PLAIN = {
    "lead_id",
    "seller_id",
    "source_id",
    "kind",
    "say",
    "say_en",
    "basis",
    "lead_file_id",
    "source_paused",
    "supplier_paused",
    "file_paused",
    "file_withdrawn",
}


def test_every_field_that_could_tell_who_sold_a_list_is_taken_away(seeded: Seeded) -> None:
    [whole] = origins(seeded, FROM_LIST)
    bare = without_supplier(whole)

    assert {field.name for field in fields(LeadOrigin)} == TELLING | PLAIN, "say here what a new field tells"
    for name in TELLING:
        assert getattr(bare, name) is None, name
    for name in PLAIN:
        assert getattr(bare, name) == getattr(whole, name), name
    assert LIST_SOURCE not in repr(bare)
    assert "jällräven" not in repr(bare)


def test_a_partners_origin_stays_whole(seeded: Seeded) -> None:
    whole = origins(seeded, FROM_PARTNER)[0]

    assert without_supplier(whole) == whole
