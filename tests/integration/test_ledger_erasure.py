"""Payloads are erased openly, and whatever was erased without a word is found."""

import json

import pytest
from sqlalchemy import select, text

from core.access import operator
from core.checkpoints import make_checkpoint
from core.erasure import erase_payloads
from core.errors import InvalidInput, NotFound
from core.ledger import (
    Event,
    LedgerEntry,
    Position,
    put_on_record,
)
from service import Service, build_service
from tests.integration.ledgers import found, write
from tests.integration.seeds import verified


def erase(service: Service, *places: tuple[int, int], reason: str = "retention has ended") -> None:
    with service.store.writing() as session:
        erase_payloads(session, operator("tests"), [Position(chain, seq) for chain, seq in places], reason)


def test_payloads_that_were_erased_openly_leave_the_ledger_whole(service: Service) -> None:
    write(service, "s", 4)
    make_checkpoint(service.store)
    erase(service, (1, 2), (1, 4))
    other = build_service(service.settings, service.clock)
    erase(other, (1, 1))
    other.close()
    make_checkpoint(service.store)

    done = verified(service)
    assert done.findings == ()
    assert done.erased == 3
    with service.store.reading() as session:
        noted = select(LedgerEntry.payload).where(LedgerEntry.kind == "test.noted").order_by(LedgerEntry.seq)
        kept = session.scalars(noted).all()
        erasures = select(LedgerEntry.payload).where(LedgerEntry.kind == "ledger.erased").order_by(LedgerEntry.chain)
        said = session.scalars(erasures).first()
    assert [one is None for one in kept] == [True, True, False, True]
    assert json.loads(str(said)) == {"entries": [[1, 2], [1, 4]], "reason": "retention has ended"}


def test_a_payload_that_was_erased_without_a_word_is_found(service: Service) -> None:
    write(service, "s", 4)
    make_checkpoint(service.store)
    erase(service, (1, 2))
    with service.store.engine.begin() as connection:  # no trigger stands in the way of it
        connection.execute(text("UPDATE ledger_entries SET payload = NULL WHERE seq IN (2, 3)"))

    done = verified(service)
    assert [(one.what, one.chain, one.seq) for one in done.findings] == [("erased", 1, 3)]
    assert done.erased == 2


def test_an_erasure_that_was_announced_before_its_entry_was_written_covers_nothing(service: Service) -> None:
    write(service, "s")
    with service.store.writing() as session:
        put_on_record(session, Event("ledger.erased", "payloads", "x", None, {"entries": [[1, 3]], "reason": "r"}))
    write(service, "later")
    with service.store.engine.begin() as connection:
        connection.execute(text("UPDATE ledger_entries SET payload = NULL WHERE seq = 3"))

    assert found(service) == {"erased"}


def test_that_an_erasure_was_done_cannot_be_erased(service: Service) -> None:
    write(service, "s", 2)
    erase(service, (1, 1))
    for place in [(1, 0), (1, 3)]:
        with pytest.raises(InvalidInput, match="never erased"):
            erase(service, place)
    with service.store.writing() as session:
        put_on_record(session, Event("ledger.erased", "payloads", "x", None, {"entries": [[1, 3]], "reason": "r"}))
    with service.store.engine.begin() as connection:
        connection.execute(text("UPDATE ledger_entries SET payload = NULL WHERE seq = 3"))

    assert {(one.what, one.seq) for one in verified(service).findings} == {("erased", 1), ("erased", 3)}


def test_an_erasure_that_cannot_be_done_in_full_is_not_done(service: Service) -> None:
    write(service, "s", 3)
    erase(service, (1, 1))
    for places in [[(1, 2), (1, 1)], [(1, 2), (1, 9)], [(1, 2), (9, 2)]]:
        with pytest.raises(NotFound):
            erase(service, *places)
    for places, reason in [([], "r"), ([(1, 2)], " ")]:
        with pytest.raises(InvalidInput):
            erase(service, *places, reason=reason)

    assert verified(service).erased == 1
