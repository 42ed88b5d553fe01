"""Checkpoints that were not made for long: an alarm on record, and nothing when all is well."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.checkpoints import LATE, SIGNED_WITHIN, make_checkpoint, note_late, unsigned_since
from core.clock import FixedClock
from core.ledger import Event, LedgerEntry, put_on_record
from service import Service, build_service
from tests.registers import NOON, service_for


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[Service]:
    built = service_for(database_url, tmp_path, FixedClock(NOON))
    yield built
    built.close()


def note(service: Service) -> None:
    with service.store.writing() as session:
        put_on_record(session, Event("test.noted", "s", "operator:tests", None, {}))


def test_entries_that_were_left_unsigned_for_long_are_an_alarm_on_record(service: Service) -> None:
    clock = service.clock
    assert isinstance(clock, FixedClock)
    assert note_late(service.store, clock.now()) is None
    note(service)
    make_checkpoint(service.store)
    clock.at += timedelta(days=2)
    assert note_late(service.store, clock.now()) is None, "nothing was written meanwhile"

    other = build_service(service.settings, clock)
    note(other)
    since = clock.now()
    other.close()
    clock.at += SIGNED_WITHIN
    note(service)
    assert note_late(service.store, clock.now()) is None
    clock.at += timedelta(seconds=1)
    assert note_late(service.store, clock.now()) == since
    with service.store.reading() as session:
        said = session.scalar(select(LedgerEntry.payload).where(LedgerEntry.kind == LATE))
    assert json.loads(str(said)) == {"since": "2026-11-22T12:00:00Z", "seconds": 901}

    assert make_checkpoint(service.store) == 2
    assert note_late(service.store, clock.now()) is None
    with service.store.reading() as session:
        assert unsigned_since(session) is None
