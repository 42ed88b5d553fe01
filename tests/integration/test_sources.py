"""Sources that can answer: their terms, whom these name, the balancing test on file, and what is missing."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import date
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from consent.terms import Basis
from core.access import Caller, Role
from core.errors import AlreadyExists, Forbidden, InvalidInput, NotFound
from core.ledger import LedgerEntry
from dnc.audit import compare_records
from leads.assessments import (
    AssessmentDocument,
    add_assessment,
    assessment_report,
    assessment_reports,
    open_document,
)
from leads.shelf import KeptFileDamaged, Shelf
from leads.source_terms import Terms, add_terms, newest_terms, terms_of
from leads.sources import SourceReport, add_source, source_report, source_reports
from leads.suppliers import source_of, supplier_report, supplier_reports
from service import Service
from tests.deliveries import OPERATOR, add_origins, lead_manager
from tests.integration.tampering import unguard
from tests.registers import NOON

TEXT = "Jag vill att Norrsken\n  Energi AB och Söder ringer mig om el. Villkor 2026-1."
URL = "https://tavling.example/villkor"
DOCUMENT = b"Intresseavvagning: direktmarknadsforing till deltagare."


@pytest.fixture
def service(service: Service) -> Service:
    """Return a service with two sellers, two suppliers and their sources."""
    add_origins(service.store)
    return service


@pytest.fixture
def shelf(service: Service) -> Shelf:
    """Return the shelf that balancing tests lie on."""
    return service.assessments


def new_source(service: Service, slug: str, basis: Basis | None, **changes: Any) -> SourceReport:  # Any: as given
    """Add a source of the partner's for norrsken and return it."""
    given: dict[str, Any] = {"assessment": None, "say": "Du tävlade.", "say_en": "You took part.", **changes}
    with service.store.writing() as session:
        add_source(
            session,
            OPERATOR,
            slug=slug,
            supplier="partner",
            seller="norrsken",
            name=f"Källan {slug}",
            basis=basis,
            now=NOON,
            **given,
        )
    return shown(service, slug)


def shown(service: Service, slug: str) -> SourceReport:
    """Return the source as it is shown."""
    with service.store.reading() as session:
        return source_report(session, OPERATOR, slug)


def file_terms(
    service: Service, slug: str = "tavling", caller: Caller = OPERATOR, **changes: Any
) -> Terms:  # Any: as given
    """File terms, good but for ``changes``."""
    given: dict[str, Any] = {
        "text": TEXT,
        "page_url": URL,
        "shown_from": date(2026, 6, 1),
        "shown_until": None,
        "names": ["Norrsken Energi AB"],
        **changes,
    }
    with service.store.writing() as session:
        return add_terms(session, caller, source_slug=slug, **given, now=NOON)


def file_assessment(service: Service, shelf: Shelf, reference: str = "LIA-7", **changes: Any) -> None:  # Any: as given
    """File a balancing test, good but for ``changes``."""
    given: dict[str, Any] = {
        "caller": OPERATOR,
        "seller": "norrsken",
        "title": "Deltagare i tävlingar",
        "document": io.BytesIO(DOCUMENT),
        "file_name": "lia.pdf",
        **changes,
    }
    with service.store.writing() as session:
        add_assessment(session, shelf, reference=reference, now=NOON, **given)


def kinds_on_record(service: Service, kind: str) -> list[str]:
    """Return the payloads of a kind's entries."""
    with service.store.reading() as session:
        entries = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == kind)).all()
    return [str(payload) for payload in entries]


def test_a_document_is_filed_whatever_its_name(service: Service, shelf: Shelf) -> None:
    file_assessment(service, shelf, file_name=os.fsdecode("avvägning.pdf".encode("cp1252")))

    with service.store.reading() as session:
        assert assessment_report(session, OPERATOR, "LIA-7").file_name == "avv\\udce4gning.pdf"


def test_terms_are_kept_word_for_word_with_the_digest_of_their_text(service: Service) -> None:
    filed = file_terms(service, names=["Norrsken  energi ab", " Söder "])

    with service.store.reading() as session:
        [kept] = terms_of(session, source_of(session, OPERATOR, "tavling").id)
    assert kept == filed
    assert (kept.version, kept.text, kept.page_url) == (1, TEXT, URL)
    assert kept.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert kept.names == ("Norrsken energi ab", "Söder")
    [payload] = kinds_on_record(service, "source.terms_added")
    assert kept.sha256 in payload
    assert "ringer mig" not in payload


def test_another_wording_is_another_version_and_the_same_wording_is_none(service: Service) -> None:
    first = file_terms(service)

    assert file_terms(service) == first
    second = file_terms(service, text=TEXT + " Ändrat.")

    assert (first.version, second.version) == (1, 2)
    with service.store.reading() as session:
        source_id = source_of(session, OPERATOR, "tavling").id
        assert [terms.version for terms in terms_of(session, source_id)] == [2, 1]
        assert newest_terms(session, [source_id, "nobody"]) == {source_id: second}
    assert len(kinds_on_record(service, "source.terms_added")) == 2


def test_two_who_file_terms_at_once_make_two_versions(service: Service) -> None:
    filing = [Thread(target=file_terms, args=(service,), kwargs={"text": f"{TEXT} {place}"}) for place in range(4)]
    for thread in filing:
        thread.start()
    for thread in filing:
        thread.join()

    with service.store.reading() as session:
        kept = terms_of(session, source_of(session, OPERATOR, "tavling").id)
    assert [terms.version for terms in kept] == [4, 3, 2, 1]


WRONG_TERMS: list[tuple[dict[str, Any], int]] = [  # Any: passed on as keywords
    ({"text": " \n", "names": []}, 1),
    ({"text": "x" * 100_001, "names": []}, 1),
    ({"text": "a\x00b", "names": []}, 1),
    ({"page_url": "tavling.example"}, 1),
    ({"page_url": "javascript:alert(1)"}, 1),
    ({"page_url": "https://"}, 1),
    ({"page_url": "https://[x"}, 1),
    ({"page_url": f"https://tavling.example/{'x' * 1000}"}, 1),
    ({"shown_until": date(2026, 5, 31)}, 1),
    ({"shown_from": None, "shown_until": date(2026, 5, 31)}, 1),
    ({"names": ["Norrsken Energi AB", "Kraftbolaget"]}, 1),
    ({"names": ["Norrsk"]}, 1),
    ({"names": [" "]}, 1),
    ({"names": ["x" * 201]}, 1),
    ({"text": "", "page_url": "x", "shown_until": date(2026, 1, 1), "names": ["Norrsken"]}, 4),
]
"""What is wrong with terms, and how many mistakes that is."""


def test_terms_that_could_prove_nothing_are_refused_with_every_mistake(service: Service) -> None:
    for wrong, count in WRONG_TERMS:
        with pytest.raises(InvalidInput) as refused:
            file_terms(service, **wrong)

        found = refused.value.extra["errors"]
        assert isinstance(found, list)
        assert len(found) == count, wrong
    with service.store.reading() as session:
        assert not terms_of(session, source_of(session, OPERATOR, "tavling").id)


def test_only_a_lead_manager_of_the_seller_files_terms_or_balancing_tests(service: Service, shelf: Shelf) -> None:
    other = lead_manager("another")
    with pytest.raises(NotFound):
        file_terms(service, caller=other)
    with pytest.raises(NotFound):
        file_assessment(service, shelf, caller=other)
    for role in Role:
        if role is Role.LEAD_MANAGER:
            continue
        caller = Caller(id="k", name="k", kind="key", role=role, seller_id=None)
        with pytest.raises(Forbidden):
            file_terms(service, caller=caller)
        with pytest.raises(Forbidden):
            file_assessment(service, shelf, caller=caller)
    assert shelf.places() == frozenset()


READS: dict[str, Callable[[Session, Shelf, Caller], object]] = {
    "a supplier": lambda session, _shelf, caller: supplier_report(session, caller, "partner"),
    "suppliers": lambda session, _shelf, caller: supplier_reports(session, caller, limit=None),
    "a source": lambda session, _shelf, caller: source_report(session, caller, "tavling"),
    "sources": lambda session, _shelf, caller: source_reports(session, caller, limit=None),
    "a balancing test": lambda session, _shelf, caller: assessment_report(session, caller, "LIA-7"),
    "balancing tests": lambda session, _shelf, caller: assessment_reports(session, caller),
    "a document": lambda session, shelf, caller: open_document(session, shelf, caller, "LIA-7").close(),
}


def test_who_may_pause_sees_suppliers_and_sources_and_nobody_else(service: Service, shelf: Shelf) -> None:
    file_assessment(service, shelf)
    for role in Role:
        caller = Caller(id="k", name="k", kind="key", role=role, seller_id=None)
        sees = role in (Role.LEAD_MANAGER, Role.COMPLIANCE)
        for read in READS.values():
            with service.store.reading() as session, nullcontext() if sees else pytest.raises(Forbidden):
                read(session, shelf, caller)


def test_sources_and_balancing_tests_of_another_seller_are_as_unknown_as_nothing(
    service: Service, shelf: Shelf
) -> None:
    file_assessment(service, shelf)
    with service.store.reading() as session:
        other = lead_manager(source_of(session, OPERATOR, "soders").seller_id)
        assert [one.slug for one in source_reports(session, other, limit=None)] == ["soders"]
        assert assessment_reports(session, other) == []
        with pytest.raises(NotFound):
            source_report(session, other, "tavling")
        with pytest.raises(NotFound):
            assessment_report(session, other, "LIA-7")
        with pytest.raises(NotFound):
            open_document(session, shelf, other, "LIA-7")


def test_lists_go_on_after_the_last_slug_that_was_shown(service: Service) -> None:
    with service.store.reading() as session:
        assert [one.slug for one in source_reports(session, OPERATOR, limit=2)] == ["enkat", "lista"]
        assert [one.slug for one in source_reports(session, OPERATOR, after="lista", limit=9)] == ["soders", "tavling"]
        assert [one.slug for one in supplier_reports(session, OPERATOR, after="listor", limit=9)] == ["partner"]


def test_a_balancing_test_is_kept_encrypted_and_comes_back_as_it_was_filed(service: Service, shelf: Shelf) -> None:
    file_assessment(service, shelf)

    with service.store.reading() as session:
        found = assessment_report(session, OPERATOR, "LIA-7")
        with open_document(session, shelf, OPERATOR, "LIA-7") as document:
            assert document.read() == DOCUMENT
    assert (found.seller, found.size, found.sha256) == (
        "norrsken",
        len(DOCUMENT),
        hashlib.sha256(DOCUMENT).hexdigest(),
    )
    [kept] = (service.settings.data_dir / "assessments").iterdir()
    assert DOCUMENT not in kept.read_bytes()
    kept.unlink()
    with service.store.reading() as session, pytest.raises(KeptFileDamaged):
        open_document(session, shelf, OPERATOR, "LIA-7")


def test_a_balancing_test_that_could_show_nothing_is_refused(service: Service, shelf: Shelf) -> None:
    empty: list[dict[str, Any]] = [  # Any: passed on as keywords
        {"reference": " "},
        {"reference": "LIA\n8"},
        {"reference": "x" * 201},
        {"title": ""},
        {"title": "x" * 201},
        {"document": io.BytesIO()},
    ]
    for wrong in empty:
        with pytest.raises(InvalidInput):
            file_assessment(service, shelf, **{"reference": "LIA-8", **wrong})

    assert shelf.places() == frozenset()


def test_a_reference_stands_for_one_document_for_good(service: Service, shelf: Shelf) -> None:
    file_assessment(service, shelf)

    with pytest.raises(AlreadyExists):
        file_assessment(service, shelf, document=io.BytesIO(b"another"))

    with service.store.reading() as session:
        assert [one.size for one in assessment_reports(session, OPERATOR)] == [len(DOCUMENT)]
    assert len(shelf.places()) == 1


def test_where_the_document_is_is_told_whenever_it_was_filed(service: Service, shelf: Shelf) -> None:
    assert shown(service, "tavling").assessment_document is AssessmentDocument.ELSEWHERE
    assert new_source(service, "ny", Basis.LEGITIMATE_INTEREST).assessment_document is AssessmentDocument.MISSING

    file_assessment(service, shelf)

    assert shown(service, "tavling").assessment_document is AssessmentDocument.KEPT
    assert shown(service, "soders").assessment_document is AssessmentDocument.ELSEWHERE, "it is another seller's"


LACKING: list[tuple[Basis | None, dict[str, Any], dict[str, Any] | None, tuple[str, ...]]] = [
    (None, {}, None, ("no_basis",)),
    (Basis.LEGITIMATE_INTEREST, {}, None, ("no_assessment",)),
    (Basis.LEGITIMATE_INTEREST, {"assessment": "  "}, None, ("no_assessment",)),
    (Basis.LEGITIMATE_INTEREST, {"assessment": "LIA-9"}, None, ("assessment_document_elsewhere",)),
    (Basis.LEGITIMATE_INTEREST, {"assessment": "LIA-7"}, None, ()),
    (Basis.LEGITIMATE_INTEREST, {"assessment": "LIA-7", "say_en": None}, None, ("no_english_wording",)),
    (Basis.CONSENT, {}, None, ("no_terms",)),
    (Basis.CONSENT, {}, {"names": ["Söder"]}, ("seller_not_named",)),
    (Basis.CONSENT, {}, {"text": "Ja till NORRSKEN.", "names": ["NORRSKEN"]}, ()),
    (Basis.CONSENT, {}, {"page_url": None, "names": []}, ("no_page_url", "seller_not_named")),
    (
        Basis.CONSENT,
        {"say_en": " "},
        {"text": "norrsken", "names": ["norrsken"], "shown_from": None},
        ("no_period", "no_english_wording"),
    ),
]
"""A source's basis, what else it is added with, its terms, and what it lacks then."""


def test_what_a_source_lacks_is_listed_by_its_basis(service: Service, shelf: Shelf) -> None:
    file_assessment(service, shelf)
    for place, (basis, changes, terms, gaps) in enumerate(LACKING):
        slug = f"ny-{place}"
        new_source(service, slug, basis, **changes)
        if terms is not None:
            file_terms(service, slug, **terms)

        assert shown(service, slug).evidence_gaps == gaps, place


def test_the_newest_terms_speak_for_the_source(service: Service) -> None:
    new_source(service, "ny", Basis.CONSENT)
    file_terms(service, "ny", text="Ja till norrsken.", names=["norrsken"])
    assert shown(service, "ny").evidence_gaps == ()

    file_terms(service, "ny", text="Ja till Söder.", names=["Söder"])

    assert shown(service, "ny").evidence_gaps == ("seller_not_named",)


def test_each_source_has_a_small_number_of_its_own_however_many_are_added_at_once(service: Service) -> None:
    adding = [Thread(target=new_source, args=(service, f"ny-{place}", Basis.CONSENT)) for place in range(4)]
    for thread in adding:
        thread.start()
    for thread in adding:
        thread.join()

    with service.store.reading() as session:
        numbers = [source_of(session, OPERATOR, one.slug).no for one in source_reports(session, OPERATOR, limit=None)]
    assert sorted(numbers) == list(range(1, 9))


CHANGED = {
    "the text": "UPDATE source_terms SET text = 'Ja till alla.'",
    "the digest": "UPDATE source_terms SET sha256 = 'x'",
    "the text and its digest": f"UPDATE source_terms SET text = 'x', sha256 = '{hashlib.sha256(b'x').hexdigest()}'",
    "the address": "UPDATE source_terms SET page_url = 'https://other.example'",
    "the first day": "UPDATE source_terms SET shown_from = '2026-01-01'",
    "the last day": "UPDATE source_terms SET shown_until = '2026-12-31'",
    "the version": "UPDATE source_terms SET version = 7",
    "who filed them": "UPDATE source_terms SET added_by = 'key:other'",
    "the source": "UPDATE source_terms SET source_id = (SELECT id FROM sources WHERE slug = 'soders')",
    "a company too many": "INSERT INTO source_sellers (terms_id, name) SELECT id, 'Sydljus' FROM source_terms",
    "a company too few": "DELETE FROM source_sellers",
    "all of the terms": "DELETE FROM source_terms",
    "the title": "UPDATE assessments SET title = 'x'",
    "the reference": "UPDATE assessments SET reference = 'x'",
    "whose test it is": "UPDATE assessments SET seller_id = (SELECT id FROM sellers WHERE slug = 'soder')",
    "the document": "UPDATE assessments SET sha256 = 'x'",
    "the document's size": "UPDATE assessments SET size = 7",
    "the document's name": "UPDATE assessments SET file_name = 'x'",
    "who filed the test": "UPDATE assessments SET added_by = 'key:other'",
    "the whole test": "DELETE FROM assessments",
    "a test that was slipped in": (
        "INSERT INTO assessments (id, reference, seller_id, title, file_name, size, sha256, added_at, added_by) "
        "SELECT 'x', 'x', seller_id, title, file_name, size, sha256, added_at, added_by FROM assessments"
    ),
}


def test_terms_and_balancing_tests_cannot_be_changed_and_the_ledger_shows_who_did(
    service: Service, shelf: Shelf
) -> None:
    file_terms(service)
    file_assessment(service, shelf)
    with service.store.reading() as session:
        assert not compare_records(session, service.keyring)
    for change, statement in CHANGED.items():
        if not statement.startswith("INSERT"):
            with service.store.engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
                connection.execute(text(statement))
        with _unguarded(service) as session:
            session.execute(text(statement))
            session.flush()
            assert compare_records(session, service.keyring), change
    with service.store.reading() as session:
        assert not compare_records(session, service.keyring)


@contextmanager
def _unguarded(service: Service) -> Iterator[Session]:
    """Give a session that changes rows as one may who holds the database; what it did is undone at the end."""
    with Session(service.store.engine) as session:
        if session.get_bind().dialect.name == "sqlite":
            session.connection().connection.cursor().execute("PRAGMA defer_foreign_keys = ON")
        unguard(session.connection())
        yield session
        session.rollback()
