"""A delivery had back as it was received: every byte or none, and who took it is on record before a byte is given."""

import gzip
import io
import json
import os
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import select

from core.access import Caller, Role
from core.clock import FixedClock
from core.errors import Forbidden, NotFound
from core.ledger import LedgerEntry
from core.secrets import keyring
from leads.errors import LeadFileNotKept
from leads.importer import import_lead_file
from leads.kept_files import KEPT_FOR, forget_kept_files
from leads.models import LeadFile, Source
from leads.originals import Original, take_original
from leads.shelf import CHUNK, KeptFileDamaged, KeptUnderAnotherSecret, Shelf
from service import Service
from tests.commands import run_command
from tests.deliveries import OPERATOR, add_origins, lead_manager
from tests.registers import NOON

CONTENT = "Telefon;Namn;Personnummer\r\n0701740605;Åsa;199006022397\r\nhemligt;Bo;\r\n".encode("cp1252")
LARGE = b"Telefon;Namn\n" + b"".join(b"hemligt;%060000d\n" % row for row in range(45))
"""Some chunks of the shelf, and a part of one."""
COMPLIANCE = Caller("o", "o", "key", Role.COMPLIANCE, None)
Change = Callable[[Path], object]


def given(folder: Path, content: bytes = CONTENT) -> Path:
    """Return where a file lies that is to be delivered."""
    path = folder / "delivered.csv"
    path.write_bytes(content)
    return path


@pytest.fixture
def custodian(service: Service) -> Service:
    """Return a service with sellers and their sources."""
    add_origins(service.store)
    return service


def delivered(service: Service, folder: Path, content: bytes = CONTENT, source: str = "tavling") -> str:
    """Import a file; return the lead file's id."""
    path = given(folder, content)
    report = import_lead_file(
        service.store, service.lead_files, OPERATOR, path=path, file_name="Ö/leads\n.csv", source_slug=source
    )
    return str(report.id)


def taken(service: Service, lead_file_id: str, caller: Caller = OPERATOR) -> Original:
    """Take the file."""
    return take_original(service.store, service.lead_files, caller, lead_file_id)


def on_record(service: Service) -> list[tuple[str, str, Any]]:
    """Return of each taking on record the file, who took it, and what is said of it."""
    with service.store.reading() as session:
        entries = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "lead_file.original_taken")).all()
        return [(entry.subject, entry.actor, json.loads(str(entry.payload))) for entry in entries]


def command(service: Service, lead_file_id: str, out: Path, *more: str) -> Result:
    """Run the command, on the same installation."""
    return run_command(service.settings, "leads", "original", lead_file_id, str(out), *more)


def kept_at(service: Service, lead_file_id: str) -> Path:
    """Return where the kept file lies."""
    with service.store.reading() as session:
        return service.settings.lead_files_dir / f"{session.get_one(LeadFile, lead_file_id).sha256}.kept"


@pytest.mark.parametrize("content", [CONTENT, gzip.compress(CONTENT), LARGE], ids=["plain", "packed", "large"])
def test_the_file_is_had_back_byte_for_byte_for_its_owner_alone_and_that_is_on_record(
    custodian: Service, tmp_path: Path, content: bytes
) -> None:
    lead_file_id, out = delivered(custodian, tmp_path, content), tmp_path / "out.csv"

    done = command(custodian, lead_file_id, out, "--json")

    assert done.exit_code == 0, done.output
    assert out.read_bytes() == content
    assert out.stat().st_mode & 0o777 == 0o600
    told = json.loads(done.stdout)
    assert (told["lead_file"], told["sha256"], told["size"]) == (
        lead_file_id,
        sha256(content).hexdigest(),
        len(content),
    )
    [(subject, actor, said)] = on_record(custodian)
    assert (subject, actor.partition(":")[0]) == (lead_file_id, "operator")
    assert said == {"source": "tavling", "sha256": sha256(content).hexdigest(), "size": len(content)}


def test_the_taking_is_on_record_before_a_byte_is_written(
    custodian: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_file_id, out = delivered(custodian, tmp_path), tmp_path / "out.csv"
    opened = os.open

    def full(path: Path, *how: int) -> int:
        return opened("/dev/full", os.O_WRONLY) if Path(path).name.startswith("out") else opened(path, *how)

    monkeypatch.setattr("cli.files.os.open", full)
    done = command(custodian, lead_file_id, out)

    assert (done.exit_code, out.exists()) == (1, False)
    assert "could not be written" in done.stderr
    assert [subject for subject, *_ in on_record(custodian)] == [lead_file_id]


def _one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[2 * CHUNK] ^= 1
    path.write_bytes(content)


def _another_file(path: Path) -> None:
    other = Shelf(path.parent, keyring(b"s" * 32).lead_file_key).receive(io.BytesIO(LARGE[:-1])).place
    (path.parent / f"{other}.kept").replace(path)


def _another_secret(path: Path) -> None:
    Shelf(path.parent, keyring(b"t" * 32).lead_file_key).receive(io.BytesIO(LARGE))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_one_bit, "The kept file is damaged: "),
        (lambda path: os.truncate(path, CHUNK), "The kept file is damaged: "),
        (Path.unlink, "The kept file is damaged: "),
        (_another_file, "The kept file is damaged: "),
        (_another_secret, "The kept file cannot be opened with this secret: "),
    ],
    ids=["a bit", "cut short", "gone", "another file", "another secret"],
)
def test_of_a_file_that_is_not_as_it_was_received_nothing_is_given_and_what_was_there_stays(
    custodian: Service, tmp_path: Path, change: Change, told: str
) -> None:
    lead_file_id, out = delivered(custodian, tmp_path, LARGE), tmp_path / "out.csv"
    out.write_bytes(b"what was there")
    change(kept_at(custodian, lead_file_id))

    done = command(custodian, lead_file_id, out)

    assert done.exit_code == 1
    assert done.stderr.startswith(f"ringklar: {told}"), done.stderr
    assert out.read_bytes() == b"what was there"
    assert not list(tmp_path.glob("*.part"))
    assert on_record(custodian) == []


def test_a_bit_that_changes_between_the_check_and_the_giving_is_met_too(custodian: Service, tmp_path: Path) -> None:
    lead_file_id = delivered(custodian, tmp_path, LARGE)
    original = taken(custodian, lead_file_id)
    with kept_at(custodian, lead_file_id).open("r+b") as file:
        file.seek(2 * CHUNK)
        file.write(b"changed")

    with pytest.raises(KeptFileDamaged), (tmp_path / "out.csv").open("wb") as out:
        original.copy_to(out)
    assert original.content.closed


def test_what_is_written_is_held_against_what_was_received_once_more(custodian: Service, tmp_path: Path) -> None:
    original = taken(custodian, delivered(custodian, tmp_path))
    original.content.close()

    with pytest.raises(KeptFileDamaged):
        replace(original, content=io.BytesIO(CONTENT[:-1])).copy_to(io.BytesIO())


def test_a_file_whose_time_is_over_is_not_given_whether_the_jobs_have_removed_it_or_not(
    custodian: Service, tmp_path: Path
) -> None:
    lead_file_id, clock = delivered(custodian, tmp_path), custodian.store.clock
    assert isinstance(clock, FixedClock)

    clock.at = NOON + KEPT_FOR - timedelta(seconds=1)
    taken(custodian, lead_file_id).content.close()
    clock.at = NOON + KEPT_FOR
    for _ in range(2):
        with pytest.raises(LeadFileNotKept, match=f"until {(NOON + KEPT_FOR).date()}"):
            taken(custodian, lead_file_id)
        assert len(on_record(custodian)) == 1
        forget_kept_files(custodian.store, custodian.lead_files, clock.at)


def test_a_file_of_a_version_that_kept_none_is_told_apart(custodian: Service, tmp_path: Path) -> None:
    lead_file_id = delivered(custodian, tmp_path)
    with custodian.store.writing() as session:
        lead_file = session.get_one(LeadFile, lead_file_id)
        lead_file.kept, lead_file.kept_until = False, None

    with pytest.raises(LeadFileNotKept, match="kept no files"):
        taken(custodian, lead_file_id)


def test_compliance_alone_may_take_it_and_of_its_own_seller(custodian: Service, tmp_path: Path) -> None:
    lead_file_id = delivered(custodian, tmp_path)
    with custodian.store.reading() as session:
        own, other = (
            session.scalars(select(Source.seller_id).where(Source.slug == slug)).one() for slug in ("tavling", "soders")
        )

    for caller in (lead_manager(own), replace(COMPLIANCE, role=Role.CUSTOMER_SERVICE)):
        with pytest.raises(Forbidden):
            taken(custodian, lead_file_id, caller)
    with pytest.raises(NotFound):
        taken(custodian, lead_file_id, replace(COMPLIANCE, seller_id=other))
    assert on_record(custodian) == []
    taken(custodian, lead_file_id, replace(COMPLIANCE, seller_id=own)).content.close()
    assert [actor for _, actor, _ in on_record(custodian)] == ["key:o"]


def test_memory_does_not_grow_with_the_file(custodian: Service, tmp_path: Path) -> None:
    content = bytes(40 * CHUNK)
    received = custodian.lead_files.receive(io.BytesIO(content))
    lead_file_id = delivered(custodian, tmp_path)
    with custodian.store.writing() as session:
        session.get_one(LeadFile, lead_file_id).sha256 = received.sha256
    tracemalloc.start()
    try:
        with (tmp_path / "out.csv").open("wb") as out:
            taken(custodian, lead_file_id).copy_to(out)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert (tmp_path / "out.csv").read_bytes() == content
    assert most < 10 * CHUNK


def test_a_key_that_is_another_is_told_from_damage(custodian: Service, tmp_path: Path) -> None:
    lead_file_id = delivered(custodian, tmp_path, LARGE)
    _another_secret(kept_at(custodian, lead_file_id))

    with pytest.raises(KeptUnderAnotherSecret):
        taken(custodian, lead_file_id)
