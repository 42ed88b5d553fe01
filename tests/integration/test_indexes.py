"""What is few is found by an index, however much there is beside it: other work waits meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, event

from dnc.auditor.acknowledged import campaigns_as_acknowledged
from dnc.holds import count_open_holds, open_holds
from jobs.leader import Leadership
from jobs.run import run_due
from jobs.schedule import enqueue
from jobs.tasks import Task, forget_runs, tasks_for
from service import Service
from tests.calls import call
from tests.registers import NOON
from tests.seeding import FROM_PARTNER, TUESDAY_AT_TEN, Seeded

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
        is_sqlite = connection.dialect.name == "sqlite"
        if not is_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # which would do for so few rows
        explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
        for (statement, parameters), index in zip(asked, indexes, strict=True):
            steps = str(connection.exec_driver_sql(f"{explain} {statement}", parameters).all())
            assert "SCAN " not in steps, steps
            assert index in steps or (index == "pk_job_runs" and "(task=? AND due_at=?)" in steps), steps


def test_runs_that_wait_are_found_among_all_that_ended(service: Service, leadership: Leadership) -> None:
    engine, waiting = service.store.engine, "ix_job_runs_ended_at_job_runs_task"
    task = Task("count", timedelta(minutes=1), lambda _store, _now: "counted")

    with _asked_of(engine, "job_runs") as asked:
        assert enqueue(leadership.store, task)
    _assert_found_by(engine, asked, "pk_job_runs", waiting, "pk_job_runs")
    with _asked_of(engine, "job_runs") as asked:
        assert run_due(leadership.store, [task, *tasks_for(service.settings)]) == {"count": "counted"}
        assert forget_runs(leadership.store, NOON) == 0
    _assert_found_by(engine, asked, waiting, waiting)


def test_open_holds_are_found_among_all_that_were_closed(service: Service) -> None:
    with _asked_of(service.store.engine, "holds") as asked, service.store.reading() as session:
        for seller_id in (None, "a seller"):
            open_holds(session, seller_id)
            count_open_holds(session, seller_id)

    _assert_found_by(service.store.engine, asked, *["ix_holds_closed_at_holds_made_at"] * 4)


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
