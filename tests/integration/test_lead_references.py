"""What a delivery comes under, said once it is known: nothing that was said before is lost, and no receipt untrue."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from core.access import Caller, Role
from core.checkpoints import public_key
from core.clock import FixedClock
from core.errors import Forbidden, InvalidInput, NotFound
from core.ledger import LedgerEntry
from core.store import Store
from leads.file_lists import lead_file_page
from leads.intake import DeliveryTerms
from leads.models import LeadFileReference, Source
from leads.receipts import SignedReceipt, receipt_of
from leads.references import Reference, add_references, lead_file_references
from leads.reports import lead_file_report
from leads.terms import ReferenceKind
from service import Service
from tests.commands import run_command
from tests.deliveries import OPERATOR, deliver, lead_manager, written
from tests.integration.test_lead_receipts import verify
from tests.registers import NOON

CONTRACT, INVOICE, ORDER = ReferenceKind
LATER, LATER_STILL = NOON.replace(month=12), NOON.replace(year=2027)
TERMS = DeliveryTerms(contract_reference="A-1", order_reference="PO-7")


@pytest.fixture
def delivered(store: Store, tmp_path: Path) -> str:
    """Return the id of a file that came under a contract and an order."""
    path = written(tmp_path / "a.csv", ["Telefon;Namn", "0701740605;Åsa"])
    return str(deliver(store, path, terms=TERMS).id)


def add(store: Store, lead_file_id: str, caller: Caller = OPERATOR, **given: str) -> list[tuple[str, str, bool]]:
    """Add references; return what is told of all of them: kind, reference, and whether it stands."""
    wanted = {ReferenceKind(kind): reference for kind, reference in given.items()}
    with store.writing() as session:
        return told(add_references(session, caller, lead_file_id, wanted, store.clock.now()))


def told(references: object) -> list[tuple[str, str, bool]]:
    """Return the references in short."""
    assert isinstance(references, list)
    return [(one.kind.value, one.reference, one.stands) for one in references]


def references(store: Store, lead_file_id: str) -> list[Reference]:
    """Return every reference of the file."""
    with store.reading() as session:
        return list(lead_file_references(session, OPERATOR, lead_file_id))


def receipt(store: Store, lead_file_id: str) -> SignedReceipt:
    """Return a receipt as it is issued now."""
    with store.reading() as session:
        return receipt_of(session, OPERATOR, lead_file_id, store.keyring, store.clock.now())


def moved(store: Store, at: object) -> None:
    """Set the clock."""
    assert isinstance(store.clock, FixedClock)
    store.clock.at = at  # type: ignore[assignment] # a moment


def on_record(store: Store) -> list[Mapping[str, object]]:
    """Return what the ledger says of references that were added, in order."""
    with store.reading() as session:
        entries = session.scalars(
            select(LedgerEntry).where(LedgerEntry.kind == "lead_file.referenced").order_by(LedgerEntry.seq)
        ).all()
        return [json.loads(str(entry.payload)) | {"actor": entry.actor} for entry in entries]


def test_what_was_said_before_stays_with_who_said_it_and_when(store: Store, delivered: str) -> None:
    moved(store, LATER)
    assert add(store, delivered, invoice="F-1") == [
        ("contract", "A-1", True),
        ("order", "PO-7", True),
        ("invoice", "F-1", True),
    ]
    moved(store, LATER_STILL)
    add(store, delivered, replace(lead_manager(None), id="m"), invoice=" F-2\n", contract="A-2")

    assert references(store, delivered) == [
        Reference(CONTRACT, "A-1", NOON, "operator:tests", stands=False),
        Reference(ORDER, "PO-7", NOON, "operator:tests", stands=True),
        Reference(INVOICE, "F-1", LATER, "operator:tests", stands=False),
        Reference(INVOICE, "F-2", LATER_STILL, "key:m", stands=True),
        Reference(CONTRACT, "A-2", LATER_STILL, "key:m", stands=True),
    ]
    said = [(entry["no"], entry["kind"], entry["reference"], entry["actor"]) for entry in on_record(store)]
    assert said == [
        (1, "invoice", "F-1", "operator:tests"),
        (2, "invoice", "F-2", "key:m"),
        (3, "contract", "A-2", "key:m"),
    ]
    with store.reading() as session:
        assert list(lead_file_report(session, OPERATOR, delivered).references) == references(store, delivered)


def under(store: Store, caller: Caller = OPERATOR, **given: str) -> list[str]:
    """Return the ids of the files that come under these references."""
    wanted = {ReferenceKind(kind): reference for kind, reference in given.items()}
    with store.reading() as session:
        return [file.id for file in lead_file_page(session, caller, references=wanted, limit=10).files]


def test_an_invoice_finds_the_files_that_it_covers_and_none_that_it_no_longer_does(
    store: Store, delivered: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "b.csv", ["Telefon;Namn", "0701740606;Bo"])
    other = str(deliver(store, path, "lista", terms=DeliveryTerms(invoice_reference=" F-1", order_reference="PO-8")).id)
    path = written(tmp_path / "c.csv", ["Telefon;Namn", "0701740607;Bo"])
    theirs = str(deliver(store, path, "soders", terms=DeliveryTerms(invoice_reference="F-1")).id)
    add(store, delivered, invoice="F-1")

    assert under(store, invoice="F-1") == [theirs, other, delivered]
    with store.reading() as session:
        norrsken = session.scalars(select(Source.seller_id).where(Source.slug == "lista")).one()
    assert under(store, lead_manager(norrsken), invoice=" F-1\n") == [other, delivered]
    assert under(store, invoice="F-1", order="PO-7") == [delivered]
    assert under(store, invoice="F-1", order="PO-9") == under(store, order="F-1") == under(store, invoice="f-1") == []
    with store.reading() as session:
        of_source = lead_file_page(session, OPERATOR, source="lista", references={INVOICE: "F-1"}, limit=10).files
    assert [file.id for file in of_source] == [other]

    add(store, other, invoice="F-2")
    assert (under(store, invoice="F-1"), under(store, invoice="F-2")) == ([theirs, delivered], [other])
    add(store, other, invoice="F-1")
    assert under(store, invoice="F-1") == [theirs, other, delivered]


def test_what_stands_already_is_not_added_once_more_and_what_stood_before_may_stand_again(
    store: Store, delivered: str
) -> None:
    for _ in range(2):
        add(store, delivered, contract="A-1", invoice="F-1")
    assert len(on_record(store)) == 1

    add(store, delivered, invoice="F-2")
    assert told(references(store, delivered))[2:] == [("invoice", "F-1", False), ("invoice", "F-2", True)]
    assert add(store, delivered, invoice="F-1")[2:] == [
        ("invoice", "F-1", False),
        ("invoice", "F-2", False),
        ("invoice", "F-1", True),
    ]


def test_a_receipt_that_was_given_before_still_verifies_and_a_new_one_contradicts_it_nowhere(
    store: Store, delivered: str, tmp_path: Path
) -> None:
    before, key = receipt(store, delivered), public_key(store.keyring)
    moved(store, LATER)
    add(store, delivered, invoice="F-1", contract="A-2")
    after = receipt(store, delivered)

    for signed in (before, after):
        assert verify(tmp_path, signed, key) == (0, ["signature: holds"])
    assert before.receipt["references_added"] == []
    assert after.receipt["references_added"] == [
        {"kind": kind, "reference": reference, "added_at": LATER.isoformat(), "added_by": "operator"}
        for kind, reference in (("invoice", "F-1"), ("contract", "A-2"))
    ]
    changed = {name for name, value in before.receipt.items() if after.receipt[name] != value}
    assert changed == {"issued_at", "references_added"}


def test_a_file_delivered_again_under_what_was_added_is_told_nothing(
    store: Store, delivered: str, tmp_path: Path
) -> None:
    add(store, delivered, invoice="F-1")

    again = deliver(store, tmp_path / "a.csv", terms=replace(TERMS, invoice_reference="F-1"))

    assert (again.id, again.warnings) == (delivered, ())


@pytest.mark.parametrize("given", [{}, {"invoice": ""}, {"invoice": " \t"}, {"order": "x" * 101}, {"contract": "a\nb"}])
def test_what_is_no_reference_is_refused(store: Store, delivered: str, given: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        add(store, delivered, OPERATOR, **given)
    if given:
        with pytest.raises(InvalidInput):
            under(store, OPERATOR, **given)
    assert on_record(store) == []


def test_references_are_for_who_loads_the_sellers_files(store: Store, delivered: str) -> None:
    with store.reading() as session:
        other = session.scalars(select(Source.seller_id).where(Source.slug == "soders")).one()

    with pytest.raises(NotFound):
        add(store, delivered, lead_manager(other), invoice="F-1")
    with pytest.raises(Forbidden):
        add(store, delivered, Caller("o", "o", "key", Role.COMPLIANCE, None), invoice="F-1")
    assert on_record(store) == []


def test_two_who_add_at_once_are_both_heard(store: Store, delivered: str) -> None:
    ready = Barrier(4)

    def one(reference: str) -> None:
        ready.wait()
        add(store, delivered, invoice=reference)

    threads = [Thread(target=one, args=(f"F-{place}",)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.reading() as session:
        added = session.execute(select(LeadFileReference.no, LeadFileReference.reference)).all()
    assert sorted(no for no, _ in added) == [1, 2, 3, 4]
    assert {reference for _, reference in added} == {f"F-{place}" for place in range(4)}


def test_the_command_adds_them_and_the_report_shows_all(service: Service, store: Store, delivered: str) -> None:
    def run(*words: str) -> list[str]:
        done = run_command(service.settings, "leads", *words)
        assert done.exit_code == 0, done.output
        return done.stdout.splitlines()

    run("reference", delivered, "--invoice", "F-1")
    lines = run("reference", delivered, "--invoice", "F-2", "--contract", "A-1")

    assert [line.partition(", said ")[0] for line in lines] == [
        "contract A-1",
        "order PO-7",
        "invoice F-1",
        "invoice F-2",
    ]
    assert [line.endswith(", replaced") for line in lines] == [False, False, True, False]
    assert set(lines) <= set(run("show", delivered))
    shown = json.loads("\n".join(run("show", delivered, "--json")))["references"]
    assert [(one["kind"], one["reference"], one["stands"]) for one in shown][2:] == [
        ("invoice", "F-1", False),
        ("invoice", "F-2", True),
    ]
    assert [line.split()[0] for line in run("list", "--invoice", "F-2", "--order", "PO-7")] == [delivered]
    assert run("list", "--invoice", "F-1") == run("list", "--contract", "F-2") == ["no lead file"]
    assert run_command(service.settings, "leads", "list", "--invoice", "").exit_code == 2
    refused = run_command(service.settings, "leads", "reference", delivered)
    assert (refused.exit_code, "give the reference of" in refused.stderr) == (2, True)
