"""Patience with PostgreSQL: what takes long where it answers is waited for, and what is given up does no harm."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

import core.ledger
from core import patience
from core.clock import FixedClock
from core.database import is_ready, open_engine
from core.errors import AlreadyExists, StorageUnavailable
from core.ledger import LedgerChain
from core.patience import Watch
from core.sellers import Seller, add_seller
from dnc.audit import compare_records
from service import Service, build_service
from tests.integration.seeds import verified
from tests.registers import NOON
from tests.seeding import OPERATOR, settings_for_tests

HELD_KEY = 77
HELD_COMMIT = f"""
CREATE FUNCTION hold_commit() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN SET LOCAL lock_timeout = 0; PERFORM pg_advisory_xact_lock({HELD_KEY}); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER held_commit AFTER INSERT ON sellers DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.slug = 'held') EXECUTE FUNCTION hold_commit();
"""
"""A commit that is as long under way as somebody holds the key, as with a synchronous standby that is gone."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have requests wait for a quarter of a second, for tests in which the server does answer when it is asked."""
    monkeypatch.setattr(patience, "PATIENCE", 0.25)


@pytest.fixture
def requests(postgres_url: str, tmp_path: Path) -> Iterator[Service]:
    """Return a service that is patient with its database, as one that serves requests."""
    built = build_service(settings_for_tests(postgres_url, tmp_path), FixedClock(NOON), for_requests=True)
    yield built
    built.close()


def add(service: Service, slug: str) -> None:
    """Write a seller, with its entry in the ledger."""
    with service.store.writing() as session:
        add_seller(session, OPERATOR, slug=slug, name=slug, now=NOON)


@pytest.mark.usefixtures("impatient")
def test_what_takes_long_on_a_server_that_answers_is_waited_for(requests: Service) -> None:
    with requests.store.reading() as session:
        session.execute(text("SELECT pg_sleep(0.6)"))
        assert session.scalar(text("SELECT count(*) FROM generate_series(1, 100000)")) == 100_000


@pytest.mark.usefixtures("impatient")
def test_nothing_is_waited_for_without_end(requests: Service) -> None:
    with pytest.raises(StorageUnavailable, match="nothing was recorded"), requests.store.reading() as session:
        session.execute(text("SELECT pg_sleep(600)"))
    assert is_ready(requests.store.engine)


@contextmanager
def held_commits(url: str) -> Iterator[None]:
    """Have the commit of the seller of that name wait until the block ends."""
    operator = open_engine(url, pool_size=1)
    with operator.connect() as holder:
        holder.execute(text(HELD_COMMIT))
        holder.commit()
        holder.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": HELD_KEY})
        try:
            yield
        finally:
            holder.rollback()
            holder.close()
            operator.dispose()


@pytest.mark.usefixtures("impatient")
def test_a_commit_that_was_given_up_and_comes_to_be_after_all_stands_on_record_once(
    requests: Service, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watch, "answers", None)  # a commit is given up whatever else the server answers
    add(requests, "first")
    with held_commits(postgres_url):
        with pytest.raises(StorageUnavailable, match="may still be carried out"):
            add(requests, "held")
        add(requests, "beside")  # while the server is still about to commit the other

    with pytest.raises(AlreadyExists):
        add(requests, "held")
    with requests.store.reading() as session:
        assert set(session.scalars(select(Seller.slug))) == {"first", "held", "beside"}
        assert session.scalar(select(func.count()).select_from(LedgerChain)) == 2
        assert compare_records(session, requests.keyring) == []
    assert verified(requests).findings == ()


def test_who_waits_for_the_entries_of_another_is_refused_in_time(
    requests: Service, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(requests, "first")
    with ThreadPoolExecutor(1) as pool:
        with held_commits(postgres_url):
            held = pool.submit(add, requests, "held")
            while not requests.store.ledger._lock.locked():
                threading.Event().wait(0.001)
            monkeypatch.setattr(core.ledger, "PATIENCE", 0.01)
            with pytest.raises(StorageUnavailable, match="has not been recorded for some time"):
                add(requests, "beside")
        held.result(60)
    add(requests, "beside")
    assert verified(requests).findings == ()
