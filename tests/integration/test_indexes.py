"""What is few is found by an index, however much there is beside it: other work waits meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from core.access import Caller, Role
from core.access_lists import key_reports, user_reports
from core.audit import entries_of
from core.exporting import ledger_lines
from core.pages import LOOKED_THROUGH
from core.sellers import sellers_by_slug
from dnc.auditor.acknowledged import campaigns_as_acknowledged
from dnc.campaigns import campaign_reports
from dnc.file_holds import close_file_holds
from dnc.hold_lists import HoldState, hold_page
from dnc.holds import HoldReason, count_open_holds, open_holds
from dnc.screenings.lists import screening_page
from jobs.leader import Leadership
from jobs.run import run_due
from jobs.schedule import enqueue
from jobs.tasks import Task, forget_runs, tasks_for
from leads.file_lists import lead_file_page
from leads.terms import FileState, ReferenceKind
from service import Service
from tests.calls import call
from tests.held import MARKED, held_by_file
from tests.registers import NOON
from tests.seeding import FROM_PARTNER, OPERATOR, PARTNER_SOURCE, TUESDAY_AT_TEN, Seeded

NEWEST = "ffffffff-ffff-7fff-bfff-ffffffffffff"
"""An id that comes after every other."""
Asked = list[tuple[str, Any]]  # Any: parameters in each driver's own form


@contextmanager
def _asked_of(engine: Engine, table: str) -> Iterator[Asked]:
    """Give the statements that look for rows of the table while the block runs."""
    asked: Asked = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        if f"FROM {table}" in statement:
            asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _assert_found_by(engine: Engine, asked: Asked, *indexes: str) -> None:
    """See that each statement, in turn, finds its rows by its index."""
    assert len(asked) == len(indexes), [statement for statement, _ in asked]
    with engine.begin() as connection:
        for (statement, parameters), index in zip(asked, indexes, strict=True):
            steps = _steps(connection, statement, parameters)
            assert "SCAN " not in steps, steps
            assert index in steps or (index == "pk_job_runs" and "(task=? AND due_at=?)" in steps), steps


def _steps(connection: Connection, statement: str, parameters: Any) -> str:  # Any: in each driver's own form
    """Return how the database would run the statement."""
    if connection.dialect.name == "sqlite":
        return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # which would do for so few rows
    return str(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).all())


def _assert_walked(engine: Engine, statement: str, parameters: Any, table: str) -> None:  # Any: as for ``Asked``
    """See that the statement goes backwards from a row of the table by its key, and only so far."""
    with engine.begin() as connection:
        steps = _steps(connection, statement, parameters)
    assert f"SCAN {table}" not in steps, steps
    assert f"pk_{table}" in steps or f"autoindex_{table}_1 (id<?)" in steps, steps
    values = parameters.values() if isinstance(parameters, dict) else parameters
    assert LOOKED_THROUGH in values


def test_runs_that_wait_are_found_among_all_that_ended(service: Service, leadership: Leadership) -> None:
    engine, waiting = service.store.engine, "ix_job_runs_ended_at_job_runs_task"
    task = Task("count", timedelta(minutes=1), lambda _store, _now: "counted")

    with _asked_of(engine, "job_runs") as asked:
        assert enqueue(leadership.store, task)
    _assert_found_by(engine, asked, "pk_job_runs", waiting, "pk_job_runs")
    with _asked_of(engine, "job_runs") as asked:
        assert run_due(leadership.store, [task, *tasks_for(service)]) == {"count": "counted"}
        assert forget_runs(leadership.store, NOON) == 0
    _assert_found_by(engine, asked, waiting, waiting)


def test_open_holds_are_found_among_all_that_were_closed(service: Service) -> None:
    with _asked_of(service.store.engine, "holds") as asked, service.store.reading() as session:
        for seller_id in (None, "a seller"):
            open_holds(session, seller_id)
            count_open_holds(session, seller_id)

    _assert_found_by(service.store.engine, asked, *["ix_holds_closed_at_holds_made_at"] * 4)


def test_a_lead_files_open_holds_are_found_among_all_that_were_closed(seeded: Seeded, tmp_path: Path) -> None:
    engine, file = seeded.service.store.engine, held_by_file(seeded.service, tmp_path, MARKED[:1])

    with _asked_of(engine, "holds") as asked:
        assert close_file_holds(seeded.service.store, OPERATOR, lead_file_id=file, resolution="x").closed == 1

    waiting = "ix_holds_closed_at_holds_made_at"
    by_key = "autoindex_holds_1" if engine.dialect.name == "sqlite" else "pk_holds"
    _assert_found_by(engine, asked, waiting, by_key, waiting, waiting)


def test_a_page_of_holds_is_found_by_their_key_and_looks_through_so_many_at_most(seeded: Seeded) -> None:
    engine = seeded.service.store.engine

    with _asked_of(engine, "holds") as asked, seeded.service.store.reading() as session:
        for state in HoldState:
            hold_page(session, OPERATOR, state=state, reason=HoldReason.MINOR, cursor=NEWEST, limit=10)

    chosen = [(statement, parameters) for statement, parameters in asked if "sellers" not in statement]
    assert len(chosen) == 6
    for statement, parameters in chosen:
        _assert_walked(engine, statement, parameters, "holds")


def test_a_calls_own_check_is_looked_for_among_the_calls_to_its_number(seeded: Seeded) -> None:
    engine = seeded.service.store.engine

    with _asked_of(engine, "contacts") as asked:
        call(seeded, FROM_PARTNER, "a call", TUESDAY_AT_TEN)

    by_check = [one for one in asked if "contacts.check_id = " in one[0]]
    _assert_found_by(engine, by_check, "ix_contacts_number_contacts_started_at")


def test_the_ends_of_chains_are_found_by_their_place(service: Service) -> None:
    with _asked_of(service.store.engine, "ledger_chains") as asked, service.store.reading() as session:
        campaigns_as_acknowledged(session, (), [NOON])

    [(statement, parameters)] = asked
    with service.store.engine.begin() as connection:
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        steps = str(connection.exec_driver_sql(f"{explain} {statement}", parameters).all())
    assert "(chain=? AND seq=?)" in steps or "Index Scan using pk_ledger_entries" in steps, steps


def test_the_ledger_is_read_on_from_the_place_of_an_entry_and_no_earlier(service: Service) -> None:
    with _asked_of(service.store.engine, "ledger_entries") as asked, service.store.reading() as session:
        list(entries_of(session, "checks"))
        list(ledger_lines(session, ""))

    pages = [one for one in asked if "ORDER BY ledger_entries.chain" in one[0]]
    assert len(pages) == 2
    with service.store.engine.begin() as connection:
        for statement, parameters in pages:
            steps = _steps(connection, statement, parameters)
            assert "((chain,seq)>(?,?))" in steps or "Index Cond: (ROW(chain, seq) > ROW(" in steps, steps


def test_a_page_of_lead_files_is_found_by_their_key_and_looks_through_so_many_at_most(seeded: Seeded) -> None:
    engine = seeded.service.store.engine
    own = Caller(id="k", name="k", kind="key", role=Role.LEAD_MANAGER, seller_id=seeded.seller_id)

    with _asked_of(engine, "lead_files") as asked, seeded.service.store.reading() as session:
        for caller in (OPERATOR, own):
            lead_file_page(session, caller, state=FileState.READING, cursor=NEWEST, limit=10)
            lead_file_page(session, caller, cursor=NEWEST, limit=1)
            lead_file_page(session, caller, source=PARTNER_SOURCE, cursor=NEWEST, limit=10)

    chosen = [(statement, parameters) for statement, parameters in asked if "lead_files.filename" not in statement]
    assert len(chosen) == 10
    of_source = [one for one in chosen if "lead_files.source_id = " in one[0]]
    assert len(of_source) == 4
    for statement, parameters in of_source:
        with engine.begin() as connection:
            steps = _steps(connection, statement, parameters)
        assert "SCAN lead_files" not in steps, steps
        assert "ix_lead_files_source_id" in steps or "(source_id=?)" in steps, steps
    for statement, parameters in chosen:
        if (statement, parameters) not in of_source:
            _assert_walked(engine, statement, parameters, "lead_files")


def test_the_reference_that_stands_of_a_file_is_found_among_all_that_were_said(seeded: Seeded) -> None:
    engine = seeded.service.store.engine

    with _asked_of(engine, "lead_file_references") as asked, seeded.service.store.reading() as session:
        lead_file_page(session, OPERATOR, references={ReferenceKind.INVOICE: "F-1"}, limit=10)

    [(statement, parameters)] = [one for one in asked if "FROM lead_files" in one[0]]
    with engine.begin() as connection:
        steps = _steps(connection, statement, parameters)
    assert "SCAN lead_file" not in steps, steps
    assert "uq_lead_file_references" in steps or "lead_file_references_2 (lead_file_id=?)" in steps, steps


def test_a_page_of_screenings_is_found_by_their_key_and_looks_through_so_many_at_most(seeded: Seeded) -> None:
    engine = seeded.service.store.engine
    own = Caller(id="k", name="k", kind="key", role=Role.DIALER, seller_id=seeded.seller_id)

    with _asked_of(engine, "screenings") as asked, seeded.service.store.reading() as session:
        for caller in (OPERATOR, own):
            screening_page(session, caller, cursor=NEWEST, limit=10)

    chosen = [(statement, parameters) for statement, parameters in asked if "screenings.file_name" not in statement]
    assert len(chosen) == 4
    for statement, parameters in chosen:
        _assert_walked(engine, statement, parameters, "screenings")


def test_a_page_of_campaigns_goes_on_by_their_slugs(seeded: Seeded) -> None:
    engine = seeded.service.store.engine
    own = Caller(id="k", name="k", kind="key", role=Role.DIALER, seller_id=seeded.seller_id)

    with _asked_of(engine, "campaigns") as asked, seeded.service.store.reading() as session:
        for caller in (OPERATOR, own):
            campaign_reports(session, caller, after="a", limit=10)

    assert len(asked) == 2
    for statement, parameters in asked:
        with engine.begin() as connection:
            steps = _steps(connection, statement, parameters)
        assert "SCAN campaigns" not in steps, steps
        assert "uq_campaigns_slug" in steps or "(slug>?)" in steps, steps


def test_pages_of_what_an_administrator_made_go_on_by_their_names(service: Service) -> None:
    engine = service.store.engine

    for table, read, index in (
        ("sellers", sellers_by_slug, "uq_sellers_slug"),
        ("api_keys", key_reports, "uq_api_keys_name"),
        ("users", user_reports, "uq_users_name"),
    ):
        with _asked_of(engine, table) as asked, service.store.reading() as session:
            read(session, after="a", limit=10)

        [(statement, parameters)] = asked
        with engine.begin() as connection:
            steps = _steps(connection, statement, parameters)
        assert f"SCAN {table}" not in steps, steps
        assert index in steps or "(slug>?)" in steps or "(name>?)" in steps, steps
