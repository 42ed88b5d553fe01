"""The unit of work: all of it or nothing, and an honest refusal when the database cannot serve."""

import sqlite3
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import event, func, insert, select, text
from sqlalchemy.exc import StatementError

from core.access import caller_with_key
from core.changes import Change, ChangeKind, NewChange, announce
from core.clock import FixedClock
from core.database import is_ready, open_engine
from core.errors import AlreadyExists, StorageUnavailable
from core.ledger import Event, LedgerChain, LedgerEntry, put_on_record
from core.sellers import Seller, add_seller
from core.store import Store
from migrations.run import upgrade
from service import Service, build_service
from tests.integration.seeds import verified
from tests.postgres import postgres_server
from tests.registers import NOON, OPERATOR, service_for


def add(service: Service, slug: str) -> None:
    with service.store.writing() as session:
        add_seller(session, OPERATOR, slug=slug, name=slug, now=NOON)


def counts(service: Service) -> tuple[int, int, int]:
    with service.store.reading() as session:
        found = [
            session.scalar(select(func.count()).select_from(model)) or 0 for model in (Seller, LedgerEntry, Change)
        ]
    return found[0], found[1], found[2]


def test_what_is_written_is_there_with_its_entry_and_its_change(service: Service) -> None:
    with service.store.writing() as session:
        add_seller(session, OPERATOR, slug="norrsken", name="Norrsken", now=NOON)
        announce(session, NewChange(NOON, ChangeKind.HOLD, 46701740605, None, "subject", "voice"))

    assert counts(service) == (1, 2, 1)


def test_a_unit_of_work_that_fails_leaves_nothing(service: Service) -> None:
    with pytest.raises(ZeroDivisionError), service.store.writing() as session:  # noqa: PT012 - one unit of work
        add_seller(session, OPERATOR, slug="norrsken", name="Norrsken", now=NOON)
        announce(session, NewChange(NOON, ChangeKind.HOLD, 46701740605, None, "subject", "voice"))
        session.flush()
        raise ZeroDivisionError

    assert counts(service) == (0, 0, 0)


def test_a_unit_of_work_whose_last_step_fails_leaves_nothing(service: Service) -> None:
    """The ledger entry is written, the commit is refused: the seller, its entry and the change all go."""

    def refuse(_session: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), service.store.writing() as session:  # noqa: PT012 - one unit of work
        add_seller(session, OPERATOR, slug="norrsken", name="Norrsken", now=NOON)
        announce(session, NewChange(NOON, ChangeKind.HOLD, 46701740605, None, "subject", "voice"))
        event.listen(session, "before_commit", refuse)

    assert counts(service) == (0, 0, 0)
    add(service, "sydljus")
    assert counts(service) == (1, 2, 0)
    assert verified(service).findings == ()


def test_a_name_that_is_taken_is_refused_and_the_rest_of_the_work_goes_with_it(service: Service) -> None:
    add(service, "norrsken")
    before = counts(service)

    with pytest.raises(AlreadyExists), service.store.writing() as session:  # noqa: PT012 - one unit of work
        add_seller(session, OPERATOR, slug="sydljus", name="Sydljus", now=NOON)
        add_seller(session, OPERATOR, slug="norrsken", name="Norrsken", now=NOON)

    assert counts(service) == before


def test_an_instant_without_a_time_zone_never_reaches_the_database(service: Service) -> None:
    naive = datetime(2026, 11, 20, 12, 0)  # noqa: DTZ001 - that is the point
    with pytest.raises((StatementError, ValueError), match="without a time zone"), service.store.writing() as session:
        session.execute(insert(Seller), {"id": "s", "slug": "s", "name": "S", "created_at": naive})

    assert counts(service) == (0, 0, 0)


def test_an_instant_comes_back_to_the_microsecond_and_in_utc(service: Service) -> None:
    moments = [
        datetime.fromisoformat(written)
        for written in ("2026-11-20T13:00:00.000001+01:00", "1969-12-31T23:59:59.999999+00:00", "2120-02-29T00:00:00Z")
    ]
    with service.store.writing() as session:
        for place, moment in enumerate(moments):
            session.add(Seller(id=str(place), slug=str(place), name="S", created_at=moment))

    with service.store.reading() as session:
        found = list(session.scalars(select(Seller.created_at).order_by(Seller.id)))
    assert found == moments
    assert {str(moment.tzinfo) for moment in found} == {"UTC"}


def test_a_snapshot_sees_one_state_however_long_it_reads(service: Service) -> None:
    add(service, "norrsken")
    with service.store.snapshot() as session:
        assert session.scalar(select(func.count()).select_from(Seller)) == 1
        add(service, "sydljus")
        assert session.scalar(select(func.count()).select_from(Seller)) == 1
        assert session.scalar(select(func.count()).select_from(LedgerChain)) == 1


def test_a_reading_session_writes_nothing(service: Service) -> None:
    with service.store.reading() as session:
        session.add(Seller(id="s", slug="s", name="S", created_at=NOON))
        session.flush()

    assert counts(service) == (0, 0, 0)


def _impatient(service: Service) -> None:
    """Have the service's SQLite connections give up on a lock at once."""

    @event.listens_for(service.store.engine, "checkout")
    def _hurry(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        connection.execute("PRAGMA busy_timeout = 30")


def test_a_locked_sqlite_file_is_refused_honestly_and_serves_again_when_free(sqlite_url: str, tmp_path: Path) -> None:
    service = service_for(sqlite_url, tmp_path)
    _impatient(service)
    add(service, "first")
    engine = open_engine(sqlite_url, pool_size=1)
    with engine.connect().execution_options(sqlite_begin="IMMEDIATE") as other:
        other.execute(text("SELECT 1"))
        with pytest.raises(StorageUnavailable):
            add(service, "second")
        assert counts(service) == (1, 2, 0)
    add(service, "second")
    assert counts(service) == (2, 3, 0)
    assert verified(service).findings == ()
    engine.dispose()
    service.close()


def test_a_full_disk_is_refused_honestly_and_the_next_write_goes_on(sqlite_url: str, tmp_path: Path) -> None:
    service = service_for(sqlite_url, tmp_path)
    pages = [1]

    @event.listens_for(service.store.engine, "checkout")
    def _limit(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages[0]}")

    def write_much() -> None:
        with service.store.writing() as session:
            put_on_record(session, Event("test.noted", "s", "operator:tests", None, {"text": "x" * 200_000}))

    with pytest.raises(StorageUnavailable):
        write_much()
    assert counts(service) == (0, 0, 0)
    pages[0] = 1_000_000
    write_much()
    assert counts(service) == (0, 2, 0)
    assert verified(service).findings == ()
    service.close()


def test_a_database_file_that_cannot_be_opened_is_refused_honestly(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    service = service_for(f"sqlite:///{tmp_path / 'folder.db'}", tmp_path)

    with pytest.raises(StorageUnavailable):
        add(service, "norrsken")
    service.close()


def test_a_postgresql_that_was_killed_serves_again_without_a_restart_of_ours(tmp_path: Path) -> None:
    with postgres_server(durable=True) as server:
        server.create_database("killed")
        url = server.url_for("killed")
        upgrade(url)
        service = service_for(url, tmp_path)
        add(service, "first")
        assert caller_with_key(service.store.rows, "rk_nobody") is None

        server.kill9()
        with pytest.raises(StorageUnavailable):
            add(service, "lost")
        with pytest.raises(StorageUnavailable):
            caller_with_key(service.store.rows, "rk_nobody")

        server.start()
        assert caller_with_key(service.store.rows, "rk_nobody") is None
        add(service, "second")
        assert is_ready(service.store.engine)
        assert counts(service) == (2, 3, 0)
        assert verified(service).findings == ()
        service.close()


def test_a_connection_that_was_lost_while_idle_is_not_noticed_by_the_caller(postgres_url: str, tmp_path: Path) -> None:
    service = service_for(postgres_url, tmp_path)
    add(service, "first")
    for _ in range(2):
        assert caller_with_key(service.store.rows, "rk_nobody") is None
        other = open_engine(postgres_url, pool_size=1)
        with other.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        other.dispose()
    assert caller_with_key(service.store.rows, "rk_nobody") is None
    add(service, "second")
    service.close()


def test_a_pool_without_a_free_connection_is_refused_honestly(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build_service(service_for(sqlite_url, tmp_path).settings, FixedClock(NOON))
    engine = built.store.engine
    monkeypatch.setattr(engine.pool, "_timeout", 0.05)  # ten seconds otherwise
    small = Store(engine, built.keyring, built.clock)
    held = [engine.connect() for _ in range(16)]
    with pytest.raises(StorageUnavailable), small.reading() as session:
        session.execute(text("SELECT 1"))
    for connection in held:
        connection.close()
    with small.reading() as session:
        assert session.scalar(text("SELECT 1")) == 1
    built.close()
