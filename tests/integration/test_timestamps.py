"""Time stamps of checkpoints: asked for over the network, verified, kept, and nothing in the way when it fails."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, select

from core.checkpoints import make_checkpoint, public_key
from core.clock import FixedClock
from core.exporting import ledger_lines
from core.ledger import Event, LedgerCheckpoint, LedgerEntry, put_on_record
from core.timestamps import (
    STAMPED,
    Authority,
    CheckpointTimestamp,
    StampVerifier,
    TimestampFailed,
    request_stamp,
    stamp_newest,
    stamped_payload,
)
from core.verification import verify
from service import Service
from tests import authority as local
from tests.integration.seeds import verified
from tests.registers import NOON, service_for


@pytest.fixture
def sqlite_service(sqlite_url: str, tmp_path: Path) -> Iterator[Service]:
    built = service_for(sqlite_url, tmp_path, FixedClock(NOON))
    yield built
    built.close()


@pytest.fixture
def stamper() -> Iterator[local.Authority]:
    with local.served_authority() as served:
        yield served


def trusted(stamper: local.Authority, folder: Path) -> Authority:
    """Return the settings by which the authority is asked and believed."""
    path = folder / "ca.pem"
    path.write_bytes(stamper.pem)
    return Authority(stamper.url, path, timeout=5)


def note(service: Service) -> None:
    with service.store.writing() as session:
        put_on_record(session, Event("test.noted", "s", "operator:tests", None, {}))


def at(service: Service, minutes: int) -> None:
    assert isinstance(service.clock, FixedClock)
    service.clock.at = NOON + timedelta(minutes=minutes)


def test_the_newest_checkpoint_is_stamped_and_the_stamp_verifies(
    service: Service, stamper: local.Authority, tmp_path: Path
) -> None:
    asked = trusted(stamper, tmp_path)
    assert stamp_newest(service.store, asked, NOON) is None, "there is no checkpoint yet"
    note(service)
    make_checkpoint(service.store)
    assert stamp_newest(service.store, asked, NOON) == 1

    with service.store.reading() as session:
        kept = session.scalars(select(CheckpointTimestamp)).one()
        payload = session.scalar(select(LedgerCheckpoint.payload))
        session.expunge(kept)
    assert (kept.stamped_at, kept.authority) == (stamper.at, "127.0.0.1")
    verifying = StampVerifier(stamper.pem)
    assert verifying.fault(kept.response, hashlib.sha256(str(payload).encode()).digest()) is None
    assert verifying.fault(kept.response, hashlib.sha256(b"another").digest()) is not None
    assert StampVerifier(local.make_authority("Någon annan").pem).fault(kept.response, b"") is not None
    done = verified(service)
    assert (done.findings, done.timestamps) == ((), 1)


def test_a_stamp_verifies_in_whatever_order_its_certificates_stand(
    sqlite_service: Service, stamper: local.Authority, tmp_path: Path
) -> None:
    stamper.sends_root = True
    note(sqlite_service)
    make_checkpoint(sqlite_service.store)

    assert stamp_newest(sqlite_service.store, trusted(stamper, tmp_path), NOON) == 1

    key = public_key(sqlite_service.keyring)
    with sqlite_service.store.snapshot() as session:
        lines = list(ledger_lines(session, key))
    done = verify(lines, key, StampVerifier(stamper.pem).fault_of)
    assert (done.findings, done.timestamps) == ((), 1)


def test_a_stamp_with_a_certificate_of_no_known_version_is_told_as_a_fault() -> None:
    """Nothing signs which certificates a stamp carries, and anybody can put one behind the last checkpoint."""
    stamping, digest = replace(local.make_authority("Någon"), sends_root=True), hashlib.sha256(b"checkpoint").digest()
    response, root = stamping.stamp(digest), stamping.root.public_bytes(Encoding.DER)
    assert StampVerifier(stamping.pem).fault(response, digest) is None

    third, fifteenth = b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x0e"
    bent = response.replace(root, root.replace(third, fifteenth, 1))
    assert bent != response
    assert StampVerifier(stamping.pem).fault(bent, digest) == "the stamp does not verify: InvalidVersion"


def test_at_most_one_stamp_an_hour_is_asked_for(service: Service, stamper: local.Authority, tmp_path: Path) -> None:
    asked, stamped = trusted(stamper, tmp_path), []
    for minutes in (0, 1, 59, 60, 61):
        at(service, minutes)
        note(service)
        make_checkpoint(service.store)
        stamped.append(stamp_newest(service.store, asked, service.clock.now()))

    assert stamped == [1, None, None, 4, None]
    assert stamper.asked == 2


def test_a_clock_that_was_put_back_by_a_year_keeps_no_checkpoint_without_a_stamp(
    sqlite_service: Service, stamper: local.Authority, tmp_path: Path
) -> None:
    service, asked, stamped = sqlite_service, trusted(stamper, tmp_path), []
    for minutes in (365 * 24 * 60, 0, 1, 61):
        at(service, minutes)
        note(service)
        make_checkpoint(service.store)
        stamped.append(stamp_newest(service.store, asked, service.clock.now()))

    assert stamped == [1, 2, None, 4]


def _bent(stamper: local.Authority, fault: str) -> None:
    match fault:
        case "refusal":
            stamper.granted = False
        case "another digest":
            stamper.stamps_another = True
        case "another nonce":
            stamper.answers_another = True
        case "junk":
            stamper.bent = b"not DER"
        case "nothing":
            stamper.bent = b""
        case "a flood":
            stamper.bent = b"0" * 70_000
        case "status 500":
            stamper.status = 500
        case _:
            stamper.silent = threading.Event()


FAULTS = ["refusal", "another digest", "another nonce", "junk", "nothing", "a flood", "status 500", "silence"]


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_is_no_stamp_of_it_is_not_kept_and_hinders_nothing(
    sqlite_service: Service, stamper: local.Authority, tmp_path: Path, fault: str
) -> None:
    service, asked = sqlite_service, replace(trusted(stamper, tmp_path), timeout=0.3 if fault == "silence" else 5)
    note(service)
    make_checkpoint(service.store)
    _bent(stamper, fault)
    with pytest.raises(TimestampFailed):
        stamp_newest(service.store, asked, NOON)
    note(service)
    assert make_checkpoint(service.store) == 2
    with service.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(CheckpointTimestamp)) == 0

    if stamper.silent is not None:
        stamper.silent.set()
    stamper.answers_another = False
    stamper.granted, stamper.stamps_another, stamper.bent, stamper.status, stamper.silent = True, False, None, 200, None
    assert stamp_newest(service.store, replace(asked, timeout=5), NOON) == 2, "it is asked again, for what is newest"


def test_an_authority_that_is_not_there_or_not_trusted_gives_no_stamp(
    sqlite_service: Service, stamper: local.Authority, tmp_path: Path
) -> None:
    service, asked = sqlite_service, trusted(stamper, tmp_path)
    note(service)
    make_checkpoint(service.store)
    with pytest.raises(TimestampFailed):
        stamp_newest(service.store, replace(asked, url="http://127.0.0.1:1/"), NOON)
    for certificates in (local.make_authority("Någon annan").pem, b"no PEM"):
        asked.ca.write_bytes(certificates)
        with pytest.raises(TimestampFailed):
            stamp_newest(service.store, asked, NOON)
    asked.ca.unlink()
    with pytest.raises(TimestampFailed):
        stamp_newest(service.store, asked, NOON)


def test_no_transaction_is_open_while_the_authority_is_asked(
    service: Service, stamper: local.Authority, tmp_path: Path
) -> None:
    """While it dawdles, others write: in SQLite an open transaction that writes would hold them all."""
    asked = trusted(stamper, tmp_path)
    note(service)
    make_checkpoint(service.store)
    stamper.silent = threading.Event()
    failed: list[TimestampFailed] = []

    def ask() -> None:
        try:
            stamp_newest(service.store, asked, NOON)
        except TimestampFailed as error:
            failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    while stamper.asked == 0:
        assert asking.is_alive()
    note(service)
    with service.store.reading() as session:
        assert session.scalar(select(func.count()).where(LedgerEntry.kind == "test.noted")) == 2
    stamper.silent.set()
    asking.join()
    assert len(failed) == 1


TAMPERED = {
    "response": lambda line: line.update(response="AAAA"),
    "moment": lambda line: line.update(stamped_at="2026-11-20T11:00:00Z"),
    "authority": lambda line: line.update(authority="elsewhere"),
    "checkpoint": lambda line: line.update(checkpoint=2),
}


@pytest.mark.parametrize("change", TAMPERED)
def test_a_stamp_that_was_changed_is_found_without_asking_anybody(
    sqlite_service: Service, stamper: local.Authority, tmp_path: Path, change: str
) -> None:
    service = sqlite_service
    for _ in range(2):
        note(service)
        make_checkpoint(service.store)
        if stamper.asked == 0:
            stamp_newest(service.store, trusted(stamper, tmp_path), NOON)
    key = public_key(service.keyring)
    with service.store.snapshot() as session:
        lines = list(ledger_lines(session, key))
    [line] = [line for line in lines if line["type"] == "timestamp"]
    assert verify(lines, key, StampVerifier(stamper.pem).fault_of).findings == ()
    [finding] = verify(lines, key, StampVerifier(local.make_authority("Någon annan").pem).fault_of).findings
    assert finding.what == "timestamp"

    TAMPERED[change](line)
    assert verify(lines, key).findings
    lines.remove(line)
    assert {one.what for one in verify(lines, key).findings} == {"missing"}


def test_a_stamp_that_is_said_to_be_of_another_moment_is_found(
    sqlite_service: Service, stamper: local.Authority, tmp_path: Path
) -> None:
    """Whoever writes a history anew has stamps of today alone, whatever it says of them."""
    store, long_ago = sqlite_service.store, stamper.at - timedelta(days=300)
    note(sqlite_service)
    make_checkpoint(store)
    with store.reading() as session:
        payload = session.scalars(select(LedgerCheckpoint.payload)).one().encode()
    response, stamped_at = request_stamp(trusted(stamper, tmp_path), payload)
    assert stamped_at == stamper.at
    with store.writing() as session:
        session.add(CheckpointTimestamp(checkpoint_no=1, stamped_at=long_ago, authority="tsa", response=response))
        said = stamped_payload("tsa", payload, response, long_ago)
        put_on_record(session, Event(STAMPED, "1", "operator:jobs", None, said))

    with store.snapshot() as session:
        lines, key = list(ledger_lines(session, public_key(sqlite_service.keyring))), public_key(sqlite_service.keyring)
    [finding] = verify(lines, key, StampVerifier(stamper.pem).fault_of).findings

    assert (finding.what, finding.detail) == ("timestamp", "checkpoint 1: the stamp is of another moment than it says")
