"""An export in the hands of an outsider: every changed bit is found, by the script alone and by our own verifier."""

import importlib.util
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from cli.main import main
from core.access import operator
from core.checkpoints import make_checkpoint, public_key
from core.clock import FixedClock
from core.erasure import erase_payloads
from core.exporting import WHOLE, Part, export_ledger, part_between, read_lines
from core.ledger import ENTRIES, GENESIS, Event, LedgerChain, Position, canonical, link, put_on_record
from core.timestamps import STAMPED, CheckpointTimestamp, stamped_payload
from core.verification import verify
from service import Service, build_service
from tests.registers import NOON, service_for

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_ledger.py"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_ledger", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = _script()


@pytest.fixture
def service(sqlite_url: str, tmp_path: Path) -> Iterator[Service]:
    built = service_for(sqlite_url, tmp_path, FixedClock(NOON))
    yield built
    built.close()


@pytest.fixture
def either(database_url: str, tmp_path: Path) -> Iterator[Service]:
    built = service_for(database_url, tmp_path, FixedClock(NOON))
    yield built
    built.close()


def note(service: Service, text: str = "å\"'\\☎") -> None:
    assert isinstance(service.clock, FixedClock)
    service.clock.at += timedelta(minutes=1)
    with service.store.writing() as session:
        put_on_record(session, Event("test.noted", "s", "operator:tests", None, {"text": text}))


def stamp(service: Service, no: int, payload: str, response: bytes = b"DER\x00\xff") -> None:
    """Keep a stamp as if an authority had given it: what it says is not at stake here."""
    with service.store.writing() as session:
        session.add(CheckpointTimestamp(checkpoint_no=no, stamped_at=NOON, authority="tsa.example", response=response))
        said = stamped_payload("tsa.example", payload.encode(), response, NOON)
        put_on_record(session, Event(STAMPED, str(no), "operator:jobs", None, said))


def exported(service: Service, part: Part = WHOLE) -> bytes:
    target = io.BytesIO()
    with service.store.snapshot() as session:
        export_ledger(session, public_key(service.keyring), target, part)
    return target.getvalue()


def lines_of(export: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export.splitlines()]


def written(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(canonical(line).encode() + b"\n" for line in lines)


def checkpoint_payload(export: bytes, no: int) -> str:
    [found] = [line["payload"] for line in lines_of(export) if line["type"] == "checkpoint" and line["no"] == no]
    return str(found)


@dataclass(frozen=True)
class Told:
    """How many findings each verifier has."""

    script: int
    ours: int


def told(export: bytes, key: str) -> Told:
    by_script = script.Ledger(io.BytesIO(export), key).wrong
    return Told(len(by_script), len(verify(read_lines(io.BytesIO(export)), key).findings))


NOTHING = Told(0, 0)


def both_find(export: bytes, key: str) -> bool:
    found = told(export, key)
    return found.script > 0 and found.ours > 0


def small(service: Service) -> bytes:
    note(service, "å")
    make_checkpoint(service.store)
    stamp(service, 1, checkpoint_payload(exported(service), 1))
    return exported(service)


def test_the_script_is_short_and_needs_nothing_of_ours() -> None:
    text = SCRIPT.read_text("utf-8")
    imported = [line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import", "from"))]

    assert len(text.splitlines()) < 150
    assert set(imported) <= {*sys.stdlib_module_names, "cryptography"}


def test_every_single_bit_that_is_changed_is_found(service: Service) -> None:
    """Each line's own bits against all other lines as they were: every bit of the file, for both verifiers."""
    intact, key = small(service), public_key(service.keyring)
    assert told(intact, key) == NOTHING
    unseen = []
    for bit in range(8 * len(intact)):
        bent = bytearray(intact)
        bent[bit // 8] ^= 1 << bit % 8
        if not both_find(bytes(bent), key):
            unseen.append((bit, bytes(bent[bit // 8 - 30 : bit // 8 + 10]), told(bytes(bent), key)))

    assert unseen == []


def rich(service: Service, *, erasing: bool = True) -> bytes:
    """Return an export of several chains, checkpoints and stamps, with an erased payload."""
    other = build_service(service.settings, service.clock)
    for place in range(4):
        for writer in (service, other):
            note(writer)
        make_checkpoint(service.store)
        if place in {0, 2}:
            stamp(service, place + 1, checkpoint_payload(exported(service), place + 1), bytes([place]) * 5)
    if erasing:
        with other.store.writing() as session:
            erase_payloads(session, operator("tests"), [Position(1, 1)], "retention has ended")
    note(other)
    make_checkpoint(service.store)
    other.close()
    return exported(service)


def test_any_line_that_is_removed_given_twice_or_moved_is_found(either: Service) -> None:
    intact, key = rich(either), public_key(either.keyring)
    assert told(intact, key) == NOTHING
    lines = intact.splitlines(keepends=True)
    for place in range(len(lines)):
        assert both_find(b"".join(lines[:place] + lines[place + 1 :]), key), f"removed: {lines[place]!r}"
        assert both_find(b"".join(lines[: place + 1] + lines[place:]), key), f"twice: {lines[place]!r}"
        if place:
            swapped = [*lines[: place - 1], lines[place], lines[place - 1], *lines[place + 1 :]]
            assert both_find(b"".join(swapped), key), f"moved: {lines[place]!r}"


def test_an_export_that_was_cut_short_anywhere_is_found(service: Service) -> None:
    intact, key = small(service), public_key(service.keyring)

    assert [at for at in range(len(intact)) if not both_find(intact[:at], key)] == []


REWRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "spaces": lambda line: line.replace(b'","', b'", "', 1),
    "members in another order": lambda line: b'{"type":"entry",' + line[1:].replace(b',"type":"entry"', b""),
    "an escaped letter": lambda line: line.replace("å".encode(), b"\\u00e5"),
    "a member twice": lambda line: b'{"actor":"x",' + line[1:],
    "one more member": lambda line: line.replace(b',"type":', b',"too":1,"type":'),
    "a carriage return": lambda line: line.replace(b"\n", b"\r\n"),
    "a number with a fraction": lambda line: line.replace(b'"seq":1,', b'"seq":1.0,'),
    "a claim for a number": lambda line: line.replace(b'"seq":1,', b'"seq":true,'),
}


@pytest.mark.parametrize("way", REWRITTEN)
def test_a_line_that_says_the_same_in_another_way_is_found(service: Service, way: str) -> None:
    intact, key = small(service), public_key(service.keyring)
    [entry] = [line for line in intact.splitlines(keepends=True) if b'"kind":"test.noted"' in line]
    rewritten = REWRITTEN[way](entry)
    assert rewritten != entry

    assert both_find(intact.replace(entry, rewritten), key)


def test_a_moment_that_is_written_in_another_offset_is_found(service: Service) -> None:
    """It is the same moment and gives the same hash, but a reader would take it for another hour or day."""
    intact, key = small(service), public_key(service.keyring)
    lines = lines_of(intact)
    for place, line in enumerate(lines):
        if line["type"] != "entry":
            continue
        at = datetime.fromisoformat(line["at"]).astimezone(timezone(timedelta(hours=14))).isoformat()
        bent = [*lines[:place], line | {"at": at}, *lines[place + 1 :]]
        if line["seq"] == 0:
            bent = [one | {"opened_at": at} if one["type"] == "chain" else one for one in bent]
        assert both_find(written(bent), key), line["kind"]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-20T12:00:00"])
def test_a_moment_at_the_ends_of_the_calendar_or_without_an_offset_is_found(service: Service, moment: str) -> None:
    lines, key = lines_of(small(service)), public_key(service.keyring)
    place = next(place for place, line in enumerate(lines) if line["type"] == "entry")
    lines[place]["at"] = moment

    assert both_find(written(lines), key)


COUNTS = [("chain", "seq"), ("chain", "no"), ("end", "entries"), ("end", "chains"), ("header", "after")]


@pytest.mark.parametrize(("kind", "member"), COUNTS)
@pytest.mark.parametrize("other", [float, bool, str])
def test_a_number_of_another_type_is_found(service: Service, kind: str, member: str, other: type) -> None:
    intact, key = small(service), public_key(service.keyring)
    lines = lines_of(intact)
    for line in lines:
        if line["type"] == kind:
            line[member] = other(line[member])

    assert both_find(written(lines), key)


def test_a_payload_that_is_gone_without_a_word_is_found(service: Service) -> None:
    intact, key = rich(service), public_key(service.keyring)
    entries = [line for line in intact.splitlines(keepends=True) if b'"type":"entry"' in line]
    for entry in entries:
        line = json.loads(entry)
        if line["payload"] is not None:
            line["payload"] = None
            assert both_find(intact.replace(entry, canonical(line).encode() + b"\n"), key), line["kind"]


def test_a_part_verifies_by_itself_and_nothing_can_be_cut_from_it(either: Service) -> None:
    rich(either, erasing=False)
    key = public_key(either.keyring)
    for after, to in ((0, 3), (1, 3), (2, None), (3, 4), (5, None), (2, 2)):
        part = exported(either, Part(after, to))
        assert told(part, key) == NOTHING, (after, to)
        for name, value in (("after", after + 1), ("after", -1), ("to", 1 if to != 1 else 2)):
            lines = lines_of(part)
            lines[0][name] = value
            assert both_find(written(lines), key), (after, to, name)
        pieces = part.splitlines(keepends=True)
        for place in range(len(pieces)):
            assert both_find(b"".join(pieces[:place] + pieces[place + 1 :]), key), (after, to, pieces[place])
    assert len(lines_of(exported(either, Part(2, 3)))) < len(lines_of(exported(either, Part(0, 3))))


def test_an_erasure_that_stands_outside_a_part_is_told_as_one_without_a_word(service: Service) -> None:
    """A part cannot tell one from the other, so it does not pass: ask for more of the ledger."""
    rich(service)

    assert told(exported(service, Part(0, 3)), public_key(service.keyring)) == Told(1, 1)


def _made_up_erasure(intact: bytes, place: tuple[int, int]) -> bytes:
    """Return the export with a payload blanked, and an erasure at the end that anybody can make up."""
    lines = lines_of(intact)
    chain = next(line for line in lines if line["type"] == "chain" and line["no"] == place[0])
    last = max(at for at, line in enumerate(lines) if line["type"] == "entry" and line["chain"] == place[0])
    made_up = Event("ledger.erased", "payloads", "operator:x", None, {"entries": [list(place)], "reason": "r"})
    [row], head = link(chain["no"], chain["seq"], chain["head"], NOON, [made_up], "postgresql")
    *_, payload, digest, _hash = row
    lines.insert(last + 1, lines[last] | {"seq": chain["seq"] + 1, "at": NOON.isoformat(), "kind": made_up.kind})
    lines[last + 1] |= {"subject": made_up.subject, "actor": made_up.actor, "seller_id": None}
    lines[last + 1] |= {"payload": payload, "digest": digest, "hash": head}
    chain |= {"seq": chain["seq"] + 1, "head": head}
    lines[-1]["entries"] += 1
    for line in lines:
        if line["type"] == "entry" and (line["chain"], line["seq"]) == place:
            line["payload"] = None
    return written(lines)


def test_an_erasure_that_no_checkpoint_signs_takes_nothing_out_of_an_export(service: Service, tmp_path: Path) -> None:
    """Whoever hands the file over can make the erasure up, and blank what is signed."""
    key, path = public_key(service.keyring), tmp_path / "forged.jsonl"
    for _ in range(2):
        note(service)
    make_checkpoint(service.store)
    path.write_bytes(_made_up_erasure(exported(service), (1, 1)))

    assert _run(path.read_bytes(), key, tmp_path)[0] == "entry (1, 1) is erased without a word"
    run = ["ledger", "verify", "--export", str(path), "--public-key", key]
    verified = CliRunner().invoke(main, run)
    assert (verified.exit_code, "no checkpoint signs that it was said" in verified.stdout) == (1, True)


def test_a_part_is_chosen_by_the_moments_of_its_checkpoints(service: Service) -> None:
    moments = []
    for _ in range(3):
        note(service)
        make_checkpoint(service.store)
        moments.append(service.clock.now())
    with service.store.reading() as session:
        assert part_between(session, None, None) == WHOLE
        assert part_between(session, moments[0], moments[1]) == Part(1, 2)
        assert part_between(session, moments[0] - timedelta(seconds=1), None) == Part(0, None)
        assert part_between(session, moments[1] + timedelta(seconds=1), moments[2]) == Part(2, 3)
        assert part_between(session, None, moments[2] + timedelta(seconds=1)) == Part(0, None)


def test_a_checkpoint_that_came_late_is_told_and_is_no_finding(service: Service) -> None:
    assert isinstance(service.clock, FixedClock)
    note(service)
    make_checkpoint(service.store)
    note(service)
    since = service.clock.now()
    service.clock.at += timedelta(hours=3)
    note(service)
    make_checkpoint(service.store)
    note(service)

    done = verify(read_lines(io.BytesIO(exported(service))), public_key(service.keyring))
    assert done.findings == ()
    [late] = done.late
    assert (late.checkpoint, late.since, late.signed_at - since) == (2, since, timedelta(hours=3, minutes=1))
    assert done.unsigned == 1


def test_the_script_runs_by_itself_and_hands_out_the_stamps(service: Service, tmp_path: Path) -> None:
    path, key, folder = tmp_path / "export.jsonl", public_key(service.keyring), tmp_path / "stamps"
    folder.mkdir()
    path.write_bytes(rich(service))
    run = [sys.executable, "-I", str(SCRIPT), str(path), key, str(folder)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path, env={})
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        "5 checkpoints, 2 chains, 14 entries, 2 timestamps: 0 findings",
    ), done.stderr
    assert sorted(one.read_bytes() for one in folder.iterdir()) == [b"\x00" * 5, b"\x02" * 5]

    path.write_bytes(path.read_bytes().replace(b"test.noted", b"test.nOted", 1))
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path, env={})
    assert done.returncode == 1
    assert "1 findings" in done.stdout


@pytest.mark.parametrize("given", [[], ["export.jsonl"], ["export.jsonl", "no hex"], ["a", "0" * 64, "b", "c"]])
def test_the_script_says_how_it_is_used(given: list[str]) -> None:
    run = [sys.executable, "-I", str(SCRIPT), *given]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False, env={})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Verify an export of Ringklar's ledger")


def _run(export: bytes, key: str, folder: Path) -> list[str]:
    path = folder / "export.jsonl"
    path.write_bytes(export)
    run = [sys.executable, "-I", str(SCRIPT), str(path), key]
    return subprocess.run(run, capture_output=True, text=True, timeout=60, check=False, env={}).stdout.splitlines()


def test_an_export_that_nobody_signed_is_no_proof_of_anything(service: Service) -> None:
    """All of it may be made up: nothing in it needs the secret."""
    note(service)
    unsigned = exported(service)

    assert script.Ledger(io.BytesIO(unsigned), public_key(service.keyring)).wrong
    assert script.Ledger(io.BytesIO(b""), public_key(service.keyring)).wrong
    make_checkpoint(service.store)
    assert told(exported(service), public_key(service.keyring)) == NOTHING


def test_a_chain_begins_with_its_opening_and_has_no_other(either: Service) -> None:
    """Not even for whoever holds the secret: what a chain follows would be told by nobody, or twice."""
    key = public_key(either.keyring)
    rows, head = link(1, -1, GENESIS, NOON, [Event("test.noted", "s", "x", None)], either.store.engine.dialect.name)
    with either.store.engine.begin() as connection:
        connection.execute(insert(LedgerChain), {"no": 1, "opened_at": NOON, "seq": 0, "head": head})
        ENTRIES.run(connection, rows)
    make_checkpoint(either.store)
    assert both_find(exported(either), key)


def test_a_chain_is_opened_once(either: Service) -> None:
    with either.store.writing() as session:  # at the very moment at which the chain itself is opened
        put_on_record(session, Event("chain.opened", "1", "ledger", None, {"after": None}))
    make_checkpoint(either.store)

    assert both_find(exported(either), public_key(either.keyring))


def test_the_script_tells_what_no_checkpoint_signs_and_that_a_part_is_one(service: Service, tmp_path: Path) -> None:
    key = public_key(service.keyring)
    for _ in range(2):
        note(service)
        make_checkpoint(service.store)
    assert _run(exported(service), key, tmp_path) == ["2 checkpoints, 1 chains, 3 entries, 0 timestamps: 0 findings"]
    assert _run(exported(service, Part(1, 2)), key, tmp_path)[0] == "a part alone"

    note(service)
    note(service)
    beside, counts = _run(exported(service), key, tmp_path)
    assert beside == "2 entries are signed by no checkpoint"
    assert counts.endswith(" 5 entries, 0 timestamps: 0 findings")
