"""What was changed in the ledger or removed from it shows, here and at an outsider's."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from core.checkpoints import make_checkpoint, public_key
from core.clock import FixedClock
from core.exporting import export_ledger
from core.ledger import (
    Event,
    LedgerEntry,
    Position,
    entry_hash,
)
from core.secrets import keyring
from service import Service, build_service
from tests.integration.ledgers import found, write
from tests.integration.tampering import tamper

CHANGES = {
    "payload": "UPDATE ledger_entries SET payload = '{}' WHERE seq = 2",
    "moment": "UPDATE ledger_entries SET at = (SELECT at FROM ledger_entries WHERE seq = 4) WHERE seq = 2",
    "kind": "UPDATE ledger_entries SET kind = 'test.other' WHERE seq = 2",
    "subject": "UPDATE ledger_entries SET subject = 'other' WHERE seq = 2",
    "actor": "UPDATE ledger_entries SET actor = 'other' WHERE seq = 2",
    "seller": "UPDATE ledger_entries SET seller_id = 'other' WHERE seq = 2",
    "digest": "UPDATE ledger_entries SET digest = hash WHERE seq = 2",
    "hash": "UPDATE ledger_entries SET hash = digest WHERE seq = 2",
    "removed": "DELETE FROM ledger_entries WHERE seq = 2",
    "first removed": "DELETE FROM ledger_entries WHERE seq = 0",
    "last removed": "DELETE FROM ledger_entries WHERE seq = 5",
    "head": "UPDATE ledger_chains SET head = (SELECT digest FROM ledger_entries WHERE seq = 2)",
    "chain removed": "DELETE FROM ledger_chains",
    "chain opened": "UPDATE ledger_chains SET opened_at = (SELECT at FROM ledger_entries WHERE seq = 4)",
    "checkpoint": "UPDATE ledger_checkpoints SET payload = replace(payload, '\"no\":1', '\"no\":2')",
    "checkpoint's moment": "UPDATE ledger_checkpoints SET at = (SELECT at FROM ledger_entries WHERE seq = 1)",
    "signature": "UPDATE ledger_checkpoints SET signature = replace(replace(signature, '0', '1'), 'a', 'b')",
    "everything": "DELETE FROM ledger_entries",
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_row_that_was_changed_or_removed_is_found(service: Service, change: str) -> None:
    clock = service.clock
    assert isinstance(clock, FixedClock)
    for place in range(5):
        write(service, f"s{place}")
        clock.at += timedelta(minutes=1)
    make_checkpoint(service.store)
    assert found(service) == set()

    tamper(service, CHANGES[change])
    assert found(service)


def _cut_tail(service: Service, keep: int) -> None:
    """Cut the chain after ``keep`` and rewrite its head row to match, as somebody careful would."""
    tamper(
        service,
        f"DELETE FROM ledger_entries WHERE seq > {keep}",
        f"UPDATE ledger_chains SET seq = {keep}, head = (SELECT hash FROM ledger_entries WHERE seq = {keep})",
    )


def test_a_tail_cut_together_with_its_head_row_is_found_by_the_checkpoint(service: Service) -> None:
    write(service, "s", 5)
    make_checkpoint(service.store)
    _cut_tail(service, 3)

    assert found(service) == {"missing"}


def test_a_history_written_anew_from_some_entry_on_is_found_by_the_checkpoint(service: Service) -> None:
    write(service, "s", 3)
    make_checkpoint(service.store)
    with service.store.reading() as session:
        last = session.scalars(select(LedgerEntry).order_by(LedgerEntry.seq.desc()).limit(2)).all()
        session.expunge_all()
    other = Event("test.noted", "another", "operator:tests", None, "{}")
    forged = entry_hash(last[1].hash, Position(1, 3), last[0].at, other, last[0].digest)
    tamper(
        service,
        f"UPDATE ledger_entries SET subject = 'another', hash = '{forged}' WHERE seq = 3",
        f"UPDATE ledger_chains SET head = '{forged}'",
    )
    assert found(service) == {"missing"}


def test_a_checkpoint_signed_with_another_key_is_found(service: Service) -> None:
    write(service, "s", 3)
    make_checkpoint(service.store)
    with service.store.reading() as session:
        payload = session.scalar(text("SELECT payload FROM ledger_checkpoints"))
    forged = keyring(b"another secret, of 32 bytes it is").ledger_key.sign(str(payload).encode()).hex()
    tamper(service, f"UPDATE ledger_checkpoints SET signature = '{forged}'")

    assert "checkpoint" in found(service)


def test_a_whole_chain_that_was_removed_is_found_by_the_next(service: Service) -> None:
    write(service, "first")
    other = build_service(service.settings, service.clock)
    write(other, "second")
    other.close()
    tamper(service, "DELETE FROM ledger_entries WHERE chain = 1", "DELETE FROM ledger_chains WHERE no = 1")

    assert "missing" in found(service)


def _verify_elsewhere(export: Path, key: str) -> subprocess.CompletedProcess[str]:
    """Verify in a fresh process that has the export and the public key and nothing else."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RINGKLAR_")}
    options = ["ledger", "verify", "--export", str(export), "--public-key", key, "--json"]
    return subprocess.run(
        [sys.executable, "-m", "cli", *options],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_export_verifies_elsewhere_with_nothing_but_the_public_key(service: Service, tmp_path: Path) -> None:
    write(service, "s", 600)
    make_checkpoint(service.store)
    key, path = public_key(service.keyring), tmp_path / "export.jsonl"
    with service.store.snapshot() as session, path.open("wb") as target:
        assert export_ledger(session, key, target) == 1 + 1 + 601 + 1 + 1

    done = _verify_elsewhere(path, key)
    assert (done.returncode, json.loads(done.stdout)["entries"]) == (0, 601), done.stderr

    changed: Callable[[str], str] = lambda line: line.replace('"subject":"s"', '"subject":"t"')  # noqa: E731
    path.write_text("".join(map(changed, path.read_text("utf-8").splitlines(keepends=True))), encoding="utf-8")
    done = _verify_elsewhere(path, key)
    assert (done.returncode, len(json.loads(done.stdout)["findings"])) == (1, 600)
