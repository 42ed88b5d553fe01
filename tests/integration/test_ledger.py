"""The ledger in the database: gap-free chains from many writers, and tampering that shows."""

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, func, select, text

from core.access import operator
from core.checkpoints import make_checkpoint, public_key
from core.clock import FixedClock
from core.config import Settings
from core.erasure import erase_payloads
from core.errors import InvalidInput, NotFound, StorageUnavailable
from core.exporting import export_ledger
from core.ledger import (
    ChainGone,
    Event,
    LedgerChain,
    LedgerCheckpoint,
    LedgerEntry,
    LedgerWriter,
    Position,
    entry_hash,
    put_on_record,
)
from core.secrets import keyring
from dnc.models import Check
from service import Service, build_service
from tests.calls import check
from tests.integration.seeds import seeded_service, verified
from tests.registers import NOON, service_for
from tests.seeding import FROM_LIST, FROM_PARTNER


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[Service]:
    built = service_for(database_url, tmp_path, FixedClock(NOON))
    yield built
    built.close()


def write(service: Service, subject: str, count: int = 1) -> None:
    with service.store.writing() as session:
        for _ in range(count):
            put_on_record(session, Event("test.noted", subject, "operator:tests", None, {"about": subject}))


def tamper(service: Service, *statements: str) -> None:
    """Change the record as one may who holds the database: with its triggers gone."""
    with service.store.engine.begin() as connection:
        _drop_triggers(connection)
        for statement in statements:
            connection.exec_driver_sql(statement)


def _drop_triggers(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
    else:
        connection.execute(text("SET LOCAL session_replication_role = 'replica'"))


def found(service: Service) -> set[str]:
    return {finding.what for finding in verified(service).findings}


def entries(service: Service) -> int:
    with service.store.reading() as session:
        return session.scalar(select(func.count()).select_from(LedgerEntry)) or 0


def test_a_chain_that_never_came_to_be_is_not_taken_for_the_one_that_another_process_opened_since(
    service: Service, database_url: str, tmp_path: Path
) -> None:
    other = service_for(database_url, tmp_path, FixedClock(NOON))

    def fail(_connection: Connection) -> None:
        raise OSError("the database is gone")

    event.listen(service.store.engine, "commit", fail)
    with pytest.raises(OSError, match="gone"):
        write(service, "lost")
    event.remove(service.store.engine, "commit", fail)
    write(other, "first")
    write(service, "second")
    write(other, "third")

    done = verified(service)
    assert (done.chains, done.entries, done.findings) == (2, 2 + 3, ())
    other.close()


def test_many_threads_extend_one_chain_without_a_gap(service: Service) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda place: write(service, f"s{place}", place % 3 + 1), range(96)))

    done = verified(service)
    assert done.findings == ()
    assert (done.chains, done.entries) == (1, 1 + 192)


def _write_from_a_process(settings: Settings, all_ready: Barrier) -> None:
    service = build_service(settings, FixedClock(NOON))
    service.require_schema()
    all_ready.wait(60)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda place: write(service, f"{os.getpid()}-{place}"), range(40)))
    service.close()


def test_many_processes_each_extend_a_chain_of_their_own_without_a_gap(service: Service) -> None:
    service.require_schema()
    context = multiprocessing.get_context("spawn")
    all_ready = context.Barrier(3)
    writers = [context.Process(target=_write_from_a_process, args=(service.settings, all_ready)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(90)
        assert writer.exitcode == 0
    make_checkpoint(service.store)

    done = verified(service)
    assert done.findings == ()
    assert (done.chains, done.entries, done.checkpoints) == (3, 3 * 41, 1)


def test_a_forked_child_opens_a_chain_of_its_own(sqlite_url: str, tmp_path: Path) -> None:
    """In a fresh process without threads, as a server that loads before it forks would do it."""
    settings = service_for(sqlite_url, tmp_path).settings
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from core.ledger import Event, put_on_record\n"
        "from tests.registers import service_for\n"
        "service = service_for(sys.argv[1], Path(sys.argv[2]))\n"
        "def write():\n"
        "    with service.store.writing() as session:\n"
        "        put_on_record(session, Event('test.noted', 's', 'operator:tests', None, {}))\n"
        "write()\n"
        "service.store.engine.dispose()\n"
        "child = os.fork()\n"
        "write()\n"
        "if child == 0:\n"
        "    os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "write()\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, sqlite_url, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    service = build_service(settings, FixedClock(NOON))
    with service.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(LedgerChain)) == 2
        assert sorted(session.scalars(select(LedgerChain.seq))) == [1, 3]
    assert verified(service).findings == ()
    service.close()


def test_a_commit_that_fails_does_not_break_the_chain(service: Service) -> None:
    """Neither the one that would have opened it nor one in its midst."""
    refuse = [True]

    def fail(_connection: Connection) -> None:
        if refuse[0]:
            raise ZeroDivisionError

    event.listen(service.store.engine, "commit", fail)
    with pytest.raises(ZeroDivisionError):
        write(service, "lost")
    refuse[0] = False
    write(service, "first")
    refuse[0] = True
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            write(service, "lost", 2)
    refuse[0] = False
    write(service, "second")

    done = verified(service)
    assert done.findings == ()
    assert (done.chains, done.entries) == (1, 3)


def test_a_chain_whose_row_was_moved_by_somebody_else_is_left_alone_from_then_on(service: Service) -> None:
    write(service, "first")
    tamper(service, "UPDATE ledger_chains SET seq = 7")
    with pytest.raises(RuntimeError, match="moved by another writer"):
        write(service, "second")
    write(service, "third")

    with service.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(LedgerChain)) == 2
    assert "missing" in found(service)


def test_a_chain_is_opened_in_one_transaction_or_not_at_all(service: Service) -> None:
    """Where each statement is one by itself, a crash between would leave a chain without its first entry."""
    writer = LedgerWriter(service.clock)
    with service.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        with pytest.raises(ChainGone), writer.extending(connection, [Event("test.noted", "s", "x", None)]):
            pass

        assert connection.scalar(select(func.count()).select_from(LedgerChain)) == 0


def test_a_check_whose_chain_is_gone_is_refused_and_the_next_one_opens_another(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, "postgresql", tmp_path) as seeded:
        check(seeded, FROM_PARTNER)
        writer = seeded.service.gate._ledger
        tamper(
            seeded.service,
            f"DELETE FROM ledger_entries WHERE chain = {writer._chain}",
            f"DELETE FROM ledger_chains WHERE no = {writer._chain}",
        )
        real = writer.open_chain

        def forget_where_it_stands(engine: Engine) -> None:  # as after a statement whose outcome is not known
            real(engine)
            writer._seq = -1

        writer.open_chain = forget_where_it_stands  # type: ignore[method-assign] # so that the row is looked for
        with pytest.raises(StorageUnavailable):
            check(seeded, FROM_LIST)
        with seeded.service.store.reading() as session:
            assert session.scalar(select(func.count()).select_from(Check)) == 1
        writer.open_chain = real  # type: ignore[method-assign] # see above

        assert check(seeded, FROM_LIST).id


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
