"""What is over is swept: answers kept for repeated requests, sign-in sessions, and what was being received."""

import os
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core.access import Role, WebSession, create_user
from core.clock import FixedClock
from core.held_files import open_held
from jobs.leader import FencedStore, Leadership, NoLongerLeader
from jobs.run import run_due
from jobs.schedule import enqueue
from jobs.tasks import sweep_expired, tasks_for
from leads.shelf import UNFINISHED
from service import Service
from tests.registers import NOON, OPERATOR
from web.models import KeptAnswer

MOMENT = timedelta(microseconds=1)
THREE_DAYS = timedelta(hours=72)


@pytest.fixture
def service(service: Service) -> Service:
    """Return a service at noon on 20 November 2026, with answers and sessions of which some are over."""
    with service.store.writing() as session:
        user = create_user(
            session, OPERATOR, name="anna", password="a long pass phrase", role=Role.ADMIN, seller_id=None, now=NOON
        )
        session.flush()
        for name, kept_at in (("over", NOON - THREE_DAYS), ("in use", NOON - THREE_DAYS + MOMENT)):
            session.add(_answer(name, kept_at))
        for name, ends in (("over", NOON), ("in use", NOON + MOMENT)):
            session.add(WebSession(token_hash=name, user_id=user.id, created_at=NOON, seen_at=NOON, expires_at=ends))
    return service


def _answer(key: str, kept_at: datetime) -> KeptAnswer:
    return KeptAnswer(
        caller_id="caller", idempotency_key=key, request_sha256="0" * 64, status=200, body="{}", created_at=kept_at
    )


def kept(service: Service) -> tuple[list[str], list[str]]:
    """Return the keys of the answers and the tokens of the sessions that are there."""
    with service.store.reading() as session:
        answers = session.scalars(select(KeptAnswer.idempotency_key).order_by(KeptAnswer.idempotency_key)).all()
        sessions = session.scalars(select(WebSession.token_hash).order_by(WebSession.token_hash)).all()
    return list(answers), list(sessions)


def test_once_a_day_what_is_over_is_removed_and_nothing_else(service: Service, leadership: Leadership) -> None:
    [task] = [task for task in tasks_for(service) if task.name == "sweep_expired"]

    assert enqueue(leadership.store, task)
    assert run_due(leadership.store, [task]) == {"sweep_expired": "1 answers, 1 sessions, 0 reservations"}

    assert kept(service) == (["in use"], ["in use"])
    assert isinstance(service.clock, FixedClock)
    service.clock.at += timedelta(hours=11)
    assert not enqueue(leadership.store, task)
    service.clock.at += timedelta(hours=13)
    assert enqueue(leadership.store, task)


def test_what_a_killed_process_left_of_a_received_file_is_gone_though_the_server_runs_on(
    service: Service, leadership: Leadership
) -> None:
    [task] = [task for task in tasks_for(service) if task.name == "sweep"]
    uploads = service.settings.data_dir / "uploads"
    uploads.mkdir(parents=True)
    (uploads / "upload-left").write_text("Telefon\n0701740605\n")
    living, path = open_held(uploads, "upload-")

    assert enqueue(leadership.store, task)
    assert run_due(leadership.store, [task]) == {"sweep": "1 files, 0 runs"}

    assert list(uploads.iterdir()) == [path]
    os.close(living)


@pytest.mark.parametrize("folder", ["lead-files", "screenings", "assessments"])
def test_what_a_killed_process_left_of_a_kept_file_is_gone_after_an_hour(
    service: Service, leadership: Leadership, folder: str
) -> None:
    [task] = [task for task in tasks_for(service) if task.name == "sweep"]
    left = service.settings.data_dir / folder / f"{UNFINISHED}left"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    long_ago = (NOON - timedelta(hours=2)).timestamp()
    os.utime(left, (long_ago, long_ago))

    assert enqueue(leadership.store, task)
    run_due(leadership.store, [task])

    assert not left.exists()


def test_a_leader_before_this_one_removes_nothing(service: Service, leadership: Leadership) -> None:
    with pytest.raises(NoLongerLeader):
        sweep_expired(FencedStore(service.store, leadership.store.epoch - 1), NOON)

    assert kept(service) == (["in use", "over"], ["in use", "over"])
