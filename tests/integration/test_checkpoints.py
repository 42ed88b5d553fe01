"""Checkpoints: made when something moved, and an alarm on record when they were not made for long."""

import json
from datetime import timedelta

from sqlalchemy import select

from core.checkpoints import LATE, SIGNED_WITHIN, make_checkpoint, note_late, unsigned_since
from core.clock import FixedClock
from core.ledger import (
    LedgerCheckpoint,
    LedgerEntry,
)
from service import Service, build_service
from tests.integration.ledgers import write
from tests.integration.seeds import verified
from tests.integration.tampering import tamper


def test_a_checkpoint_is_made_only_when_something_moved(service: Service) -> None:
    assert make_checkpoint(service.store) is None
    write(service, "s")
    assert make_checkpoint(service.store) == 1
    assert make_checkpoint(service.store) is None
    write(service, "s")
    assert make_checkpoint(service.store) == 2
    assert verified(service).findings == ()


def test_a_checkpoint_signs_only_the_chains_that_moved_and_reads_no_older_one(service: Service) -> None:
    write(service, "first")
    other = build_service(service.settings, service.clock)
    write(other, "second")
    assert make_checkpoint(service.store) == 1
    write(other, "third")
    assert make_checkpoint(service.store) == 2
    write(service, "fourth")
    tamper(service, "UPDATE ledger_checkpoints SET payload = 'unreadable' WHERE no = 1")
    assert make_checkpoint(service.store) == 3
    other.close()

    with service.store.reading() as session:
        payloads = session.scalars(select(LedgerCheckpoint.payload).order_by(LedgerCheckpoint.no)).all()
    assert [[(head[0], head[1]) for head in json.loads(one)["heads"]] for one in payloads[1:]] == [[(2, 2)], [(1, 2)]]


def test_entries_that_were_left_unsigned_for_long_are_an_alarm_on_record(service: Service) -> None:
    clock = service.clock
    assert isinstance(clock, FixedClock)
    assert note_late(service.store, clock.now()) is None
    write(service, "s")
    make_checkpoint(service.store)
    clock.at += timedelta(days=2)
    assert note_late(service.store, clock.now()) is None, "nothing was written meanwhile"

    other = build_service(service.settings, clock)
    write(other, "s")
    since = clock.now()
    other.close()
    clock.at += SIGNED_WITHIN
    write(service, "s")
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
