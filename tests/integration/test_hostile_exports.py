"""An export that somebody hostile has made: it passes for nothing, and breaks neither verifier."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from core.checkpoints import make_checkpoint, public_key
from core.clock import FixedClock
from core.ledger import GENESIS, Event, Position, entry_hash, put_on_record
from core.timestamps import STAMPED
from service import Service
from tests.integration.test_verify_ledger import SCRIPT, both_find, exported, lines_of, note, rich, small, written
from tests.registers import NOON, service_for


@pytest.fixture
def service(sqlite_url: str, tmp_path: Path) -> Iterator[Service]:
    built = service_for(sqlite_url, tmp_path, FixedClock(NOON))
    yield built
    built.close()


def test_a_chain_that_never_had_an_entry_is_found(service: Service) -> None:
    """Nothing vouches for it and nothing follows from it: whoever hands the file over has put it in."""
    intact, key = rich(service), public_key(service.keyring)
    made_up = {"type": "chain", "no": 3, "opened_at": None, "after": None, "seq": -1, "head": GENESIS}
    lines = lines_of(intact)
    lines.insert(max(place for place, line in enumerate(lines) if line["type"] == "chain") + 1, made_up)
    lines[-1]["chains"] += 1

    assert both_find(written(lines), key)


MADE_UP = [
    ("ledger.erased", "payloads", "{}"),
    ("ledger.erased", "payloads", '{"entries":[[1.0,1]]}'),
    ("ledger.erased", "payloads", '{"entries":[["1",1]]}'),
    (STAMPED, "1", "{}"),
    (STAMPED, "1", "null"),
    (STAMPED, "\u0661", '{"checkpoint_sha256":""}'),
]


@pytest.mark.parametrize(("kind", "subject", "payload"), MADE_UP)
def test_both_verifiers_find_a_payload_that_this_service_does_not_write(
    service: Service, kind: str, subject: str, payload: str
) -> None:
    note(service)
    make_checkpoint(service.store)
    with service.store.writing() as session:
        put_on_record(session, Event(kind, subject, "x", None, payload))

    assert both_find(exported(service), public_key(service.keyring))


HOSTILE: dict[str, dict[str, object]] = {
    "a number that cannot be written out": {"chain": 9, "seq": 10**4300 - 1},
    "no number at all": {"seq": float("inf")},
    "a moment before the calendar": {"at": "0001-01-01T00:00:00+14:00"},
    "what a terminal would obey": {"chain": "1\n0 findings\u001b[8m"},
    "a subject that is no checkpoint": {"kind": STAMPED, "subject": float("inf"), "payload": "{}"},
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("kind", ["entry", "chain"])
def test_a_hostile_line_is_told_as_a_finding_and_breaks_neither_command(
    service: Service, tmp_path: Path, kind: str, what: str
) -> None:
    path, key = tmp_path / "hostile.jsonl", public_key(service.keyring)
    lines = lines_of(small(service))
    bent = next(line for line in lines if line["type"] == kind)
    bent |= {("no" if (kind, name) == ("chain", "chain") else name): value for name, value in HOSTILE[what].items()}
    path.write_bytes(written(lines))

    run = [sys.executable, "-I", str(SCRIPT), str(path), key]
    alone = subprocess.run(run, capture_output=True, timeout=60, check=False, env={})
    assert (alone.returncode, alone.stderr, alone.stdout.count(b"0 findings\n")) == (1, b"", 0)
    assert b"\x1b" not in alone.stdout
    for form in [], ["--json"]:
        ours = CliRunner().invoke(main, ["ledger", "verify", "--export", str(path), "--public-key", key, *form])
        assert (ours.exit_code, type(ours.exception), "\x1b" in ours.output) == (1, SystemExit, False), ours.exception


@pytest.mark.parametrize("given", ["no-such-export.jsonl", "."])
def test_an_export_that_cannot_be_opened_is_told_in_a_line(given: str, tmp_path: Path) -> None:
    run = [sys.executable, "-I", str(SCRIPT), given, "0" * 64]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path, env={})

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr


def test_a_folder_that_is_not_there_is_no_finding_in_the_ledger(service: Service, tmp_path: Path) -> None:
    (tmp_path / "export.jsonl").write_bytes(small(service))
    run = [sys.executable, "-I", str(SCRIPT), "export.jsonl", public_key(service.keyring), "nowhere"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path, env={})

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
    assert "nowhere" in done.stderr


def test_an_entry_whose_kind_is_no_text_is_found_by_both(service: Service) -> None:
    note(service)
    make_checkpoint(service.store)
    note(service)
    lines = lines_of(exported(service))
    chain, entry = (next(line for line in reversed(lines) if line["type"] == kind) for kind in ("chain", "entry"))
    before = next(line for line in reversed(lines) if line["type"] == "entry" and line is not entry)["hash"]
    event = Event(1, entry["subject"], entry["actor"], None)  # type: ignore[arg-type] # what anyone can make up
    place = Position(entry["chain"], entry["seq"])
    entry |= {"kind": 1, "hash": entry_hash(before, place, datetime.fromisoformat(entry["at"]), event, entry["digest"])}
    chain["head"] = entry["hash"]

    assert both_find(written(lines), public_key(service.keyring))
