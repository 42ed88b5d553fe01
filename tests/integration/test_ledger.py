"""The ledger in the database: gap-free chains from many writers."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, func, select

from core.checkpoints import make_checkpoint
from core.clock import FixedClock
from core.config import Settings
from core.errors import StorageUnavailable
from core.ledger import (
    ChainGone,
    Event,
    LedgerChain,
    LedgerWriter,
)
from dnc.models import Check
from service import Service, build_service
from tests.calls import check
from tests.integration.ledgers import found, write
from tests.integration.seeds import seeded_service, verified
from tests.integration.tampering import tamper
from tests.registers import NOON, service_for
from tests.seeding import FROM_LIST, FROM_PARTNER


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
        writer = seeded.service.gate.lanes[0]._ledger
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
