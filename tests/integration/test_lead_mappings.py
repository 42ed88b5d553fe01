"""How a supplier's files are read, saved and remembered: for every seller, on record, and gone when it is forgotten."""

import json
from collections.abc import Iterator, Mapping
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from core.access import Caller, Role, operator
from core.clock import FixedClock
from core.database import open_engine
from core.errors import Forbidden, InvalidInput, NotFound
from core.ledger import LedgerEntry
from core.secrets import keyring
from core.store import Store
from leads.mappings import (
    LeadMapping,
    SavedMapping,
    forget_mapping,
    mapping_of,
    remember_mapping,
    save_mapping,
    saved_mapping,
)
from leads.suppliers import add_supplier, supplier_named
from leads.terms import SourceKind
from tests.registers import NOON

OPERATOR = operator("tests")
HEADINGS = ["Mobil 1", "Mobil 2", "Namn"]


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Return a store with two suppliers."""
    made = Store(open_engine(database_url, pool_size=4), keyring(b"k" * 32), FixedClock(NOON))
    with made.writing() as session:
        for slug in ("fjord", "fjell"):
            add_supplier(session, OPERATOR, slug=slug, name=slug, kind=SourceKind.PARTNER, now=NOON)
    yield made
    made.close()


def manager(seller_id: str | None = None, role: Role = Role.LEAD_MANAGER) -> Caller:
    """Return a key of the role, of one seller or of all."""
    return Caller(id="k", name="k", kind="key", role=role, seller_id=seller_id)


def save(
    store: Store,
    mapping: Mapping[str, str],
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    has_headings: bool | None = None,
    caller: Caller = OPERATOR,
    supplier: str = "fjord",
) -> SavedMapping:
    """Save for a supplier and return what is saved."""
    with store.writing() as session:
        return save_mapping(
            session,
            caller,
            supplier_slug=supplier,
            mapping=mapping,
            encoding=encoding,
            delimiter=delimiter,
            has_headings=has_headings,
            now=store.clock.now(),
        )


def remember(store: Store, headings: list[str], mapping: Mapping[str, str] | None, caller: Caller = OPERATOR) -> None:
    """Remember what a file of the supplier ``fjord`` was imported with."""
    with store.writing() as session:
        supplier_id = supplier_named(session, "fjord").id
        remember_mapping(session, caller, supplier_id=supplier_id, headings=headings, mapping=mapping, now=NOON)


def saved(store: Store, supplier: str = "fjord") -> SavedMapping | None:
    """Return what an import would read the supplier's files by."""
    with store.reading() as session:
        return saved_mapping(session, supplier_named(session, supplier).id)


def on_record(store: Store) -> list[tuple[str, dict[str, object]]]:
    """Return kind and payload of every entry about mappings, in order."""
    with store.reading() as session:
        entries = session.scalars(
            select(LedgerEntry)
            .where(LedgerEntry.kind.like("lead_mapping.%"))
            .order_by(LedgerEntry.chain, LedgerEntry.seq)
        )
        return [(entry.kind, json.loads(entry.payload or "{}")) for entry in entries]


def test_what_is_saved_is_how_the_suppliers_next_file_is_read_and_nobody_elses(store: Store) -> None:
    assert saved(store) is None

    save(store, {"number": " Mobil 2 ", "email": ""}, encoding="cp1252", delimiter=";")

    found = saved(store)
    assert found is not None
    assert found.mapping_for(HEADINGS) == {"number": "Mobil 2", "email": ""}
    assert (found.encoding, found.delimiter, found.has_headings) == ("cp1252", ";", True)
    assert (found.saved_at, found.saved_by) == (NOON, "operator:tests")
    assert saved(store, "fjell") is None


def test_what_is_saved_later_takes_its_place_and_both_are_on_record(store: Store) -> None:
    save(store, {"number": "Mobil 2"}, encoding="cp1252")

    again = save(store, {"number": "#1"})

    assert (again.mapping, again.encoding, again.has_headings) == ({"number": "#1"}, None, False)
    assert [(kind, payload["mapping"], payload["encoding"]) for kind, payload in on_record(store)] == [
        ("lead_mapping.saved", {"number": "Mobil 2"}, "cp1252"),
        ("lead_mapping.saved", {"number": "#1"}, None),
    ]


def test_the_same_saved_again_is_no_change(store: Store) -> None:
    first = save(store, {"number": "Mobil 2"}, delimiter="\t")

    assert save(store, {"number": "Mobil 2"}, delimiter="\t", caller=manager()) == first
    assert len(on_record(store)) == 1


def test_headings_are_taken_for_granted_unless_all_columns_are_named_by_number_or_somebody_says(store: Store) -> None:
    assert save(store, {"number": "#1", "name": "Namn"}).has_headings
    assert not save(store, {"number": "#1"}).has_headings
    assert save(store, {"number": "#1"}, has_headings=True).has_headings
    assert save(store, {}, encoding="cp1252").has_headings


@pytest.mark.parametrize(
    ("mapping", "options", "why"),
    [
        ({}, {}, "nothing to save"),
        ({"shoe": "Sko"}, {}, "the fields are"),
        ({"number": "Mobil", "name": "MOBIL "}, {}, "a column to two fields"),
        ({"number": "x" * 201}, {}, "at most 200 characters"),
        ({"number": "a\x00b"}, {}, "NUL"),
        ({"number": "#251"}, {}, "at most 250 columns"),
        ({"number": "Mobil"}, {"has_headings": False}, "by column number"),
        ({"name": "#1"}, {}, "by column number"),
        ({}, {"has_headings": False}, "by column number"),
        ({}, {"encoding": "rot13"}, "the encoding is one of"),
        ({}, {"delimiter": ";;"}, "the delimiter is one character"),
        ({}, {"delimiter": "1"}, "the delimiter is one character"),
        ({}, {"delimiter": '"'}, "the delimiter is one character"),
        ({}, {"delimiter": ""}, "the delimiter is one character"),
    ],
)
def test_what_no_file_could_be_read_by_is_refused_and_not_kept(
    store: Store, mapping: dict[str, str], options: dict[str, str | bool], why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        save(store, mapping, **options)  # type: ignore[arg-type] # each case gives what it names

    assert saved(store) is None
    assert on_record(store) == []


def test_every_mistake_is_told_and_no_persons_number(store: Store) -> None:
    with pytest.raises(InvalidInput) as refused:
        save(store, {"0701740605": "x", "name": "0701740606" * 30}, encoding="x")

    errors = refused.value.extra["errors"]
    assert isinstance(errors, list)
    assert len(errors) == 3
    assert "1740" not in str(errors) + refused.value.detail


def test_a_mapping_that_a_file_came_with_reads_the_next_file_with_the_same_headings(store: Store) -> None:
    save(store, {"number": "Telefon"})
    remember(store, HEADINGS, {"number": "Mobil 2"})

    found = saved(store)

    assert found is not None
    assert found.mapping_for(["MOBIL-1", "mobil 2", "Namn "]) == {"number": "Mobil 2"}
    assert found.mapping_for(["Mobil 2", "Mobil 1", "Namn"]) == {"number": "Telefon"}
    assert found.mapping_for([*HEADINGS, "Ort"]) == {"number": "Telefon"}


def test_the_newest_mapping_for_the_same_headings_is_remembered_and_each_change_is_on_record_once(store: Store) -> None:
    for mapping in ({"number": "Mobil 2"}, {"number": "Mobil 2"}, {"number": "Mobil 1"}):
        remember(store, HEADINGS, mapping)

    found = saved(store)
    assert found is not None
    assert (found.mapping, found.saved_at) == ({}, None)
    assert found.mapping_for(HEADINGS) == {"number": "Mobil 1"}
    assert len(on_record(store)) == 2


def test_a_mapping_saved_on_purpose_takes_the_place_of_what_files_were_imported_with_before(store: Store) -> None:
    save(store, {"number": "Mobil 1"})
    remember(store, HEADINGS, {"number": "Mobil 2"})

    for again in range(2):
        save(store, {"number": "Mobil 1"})
        found = saved(store)
        assert found is not None
        assert found.mapping_for(HEADINGS) == {"number": "Mobil 1"}, again

    remember(store, HEADINGS, {"number": "Mobil 2"})
    save(store, {}, encoding="cp1252")
    found = saved(store)
    assert found is not None
    assert (found.mapping_for(HEADINGS), found.encoding) == ({"number": "Mobil 2"}, "cp1252")
    assert [kind for kind, _ in on_record(store)].count("lead_mapping.forgotten") == 1


def test_nothing_is_remembered_without_a_mapping_or_headings_or_for_one_seller_alone(store: Store) -> None:
    remember(store, HEADINGS, None)
    remember(store, HEADINGS, {})
    remember(store, ["#1", "#2"], {"number": "#1"})
    remember(store, HEADINGS, {"number": "Mobil 2"}, manager("seller-1"))

    assert saved(store) is None


def test_forgotten_is_all_that_was_saved_and_remembered(store: Store) -> None:
    save(store, {"number": "Mobil 2"})
    save(store, {"number": "Mobil 2"}, supplier="fjell")
    remember(store, HEADINGS, {"number": "Mobil 1"})

    for _ in range(2):
        with store.writing() as session:
            forget_mapping(session, OPERATOR, supplier_slug="fjord")

    assert saved(store) is None
    assert saved(store, "fjell") is not None
    assert on_record(store)[-1] == ("lead_mapping.forgotten", {"count": 2})
    assert len([kind for kind, _ in on_record(store) if kind == "lead_mapping.forgotten"]) == 1


def test_only_who_loads_leads_for_every_seller_changes_how_they_are_read(store: Store) -> None:
    save(store, {"number": "Mobil 2"}, caller=manager())
    for caller in (manager("seller-1"), *(manager(role=role) for role in Role if role is not Role.LEAD_MANAGER)):
        with pytest.raises(Forbidden):
            save(store, {"number": "Mobil 1"}, caller=caller)
        with store.writing() as session, pytest.raises(Forbidden):
            forget_mapping(session, caller, supplier_slug="fjord")

    with store.reading() as session:
        assert mapping_of(session, manager("seller-1"), "fjord").mapping == {"number": "Mobil 2"}
        with pytest.raises(Forbidden):
            mapping_of(session, manager(role=Role.SALES), "fjord")


def test_a_supplier_that_there_is_not_has_no_mapping(store: Store) -> None:
    with pytest.raises(NotFound):
        save(store, {"number": "Mobil"}, supplier="ingen")
    with store.writing() as session, pytest.raises(NotFound):
        forget_mapping(session, OPERATOR, supplier_slug="ingen")
    with store.reading() as session:
        for slug in ("ingen", "fjord"):
            with pytest.raises(NotFound):
                mapping_of(session, OPERATOR, slug)


def test_two_imports_at_once_remember_one_mapping_and_neither_fails(store: Store) -> None:
    start, failed = Barrier(4), []

    def run(no: int) -> None:
        start.wait()
        try:
            remember(store, HEADINGS, {"number": f"Mobil {no % 2 + 1}"})
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells it
            failed.append(error)

    threads = [Thread(target=run, args=(no,)) for no in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    with store.reading() as session:
        rows = session.scalars(select(LeadMapping)).all()
    assert len(rows) == 1
