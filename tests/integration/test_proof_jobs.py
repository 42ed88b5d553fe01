"""The jobs of proof: the nightly audit takes its turn, and a stamp is asked for only where an authority is set."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.ledger import LedgerEntry
from core.timestamps import TimestampFailed
from dnc.auditor import auditing as auditor
from dnc.drafts import Question
from jobs import proof
from jobs.proof import auditing, checkpoint, stamping
from tests.authority import served_authority
from tests.integration.seeds import dialer_of, seeded_service, verified
from tests.seeding import CAMPAIGN, FROM_PARTNER, TUESDAY_AT_TEN, Seeded


@pytest.fixture
def seeded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seeded]:
    with seeded_service(request, "sqlite", tmp_path) as found:
        yield found


def ask(seeded: Seeded) -> None:
    seeded.service.gate.ask(dialer_of(seeded), CAMPAIGN, Question(FROM_PARTNER))


def test_what_is_new_is_audited_once_a_night_however_often_the_task_runs(seeded: Seeded) -> None:
    store, task = seeded.service.store, auditing(seeded.service.shelf.listed)
    ask(seeded)
    outcomes = []
    for hours in (0, 1, 14, 16, 17, 41):
        seeded.clock.at = TUESDAY_AT_TEN + timedelta(hours=hours)
        outcomes.append(task(store, seeded.clock.now()))
        ask(seeded)

    decided = [outcome.split()[0] for outcome in outcomes]
    assert decided == ["1", "not", "not", "3", "not", "2"]
    with store.reading() as session:
        finished = session.scalar(select(func.count()).where(LedgerEntry.kind == "audit.finished"))
    assert finished == 3


def test_a_clock_that_was_put_back_by_a_year_keeps_no_night_without_an_audit(seeded: Seeded) -> None:
    store, task, outcomes = seeded.service.store, auditing(seeded.service.shelf.listed), []
    for days in (365, 0, 0, 1):
        seeded.clock.at = TUESDAY_AT_TEN + timedelta(days=days)
        ask(seeded)
        outcomes.append(task(store, seeded.clock.now()))

    assert outcomes == [
        "1 checks decided again, 0 differences",
        "2 checks decided again, 0 differences",
        "not due",
        "2 checks decided again, 0 differences",
    ]


def test_an_audit_that_takes_long_lets_the_other_tasks_have_their_turn(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "AUDIT_SECONDS", -1)
    monkeypatch.setattr(auditor, "CHECKS_A_STEP", 2)
    for _ in range(6):
        ask(seeded)
    task, store = auditing(seeded.service.shelf.listed), seeded.service.store

    assert task(store, seeded.clock.now()).endswith("differences, and goes on")
    while (outcome := task(store, seeded.clock.now())).endswith("goes on"):
        pass
    assert outcome == "6 checks decided again, 0 differences"


def test_a_checkpoint_is_stamped_where_an_authority_is_set_and_nothing_is_asked_where_none_is(
    seeded: Seeded, tmp_path: Path
) -> None:
    settings, store, now = seeded.service.settings, seeded.service.store, seeded.clock.now()
    assert checkpoint(store, now).startswith("checkpoint")
    assert stamping(settings)(store, now) == "no authority is set"
    with served_authority() as served:
        path = tmp_path / "ca.pem"
        path.write_bytes(served.pem)
        set_so = replace(settings, timestamp_url=served.url, timestamp_ca=path)
        assert stamping(set_so)(store, now) == "checkpoint 1 is stamped"
        assert stamping(set_so)(store, now) == "not due"
        served.granted = False
        seeded.clock.at += timedelta(hours=2)
        assert checkpoint(store, seeded.clock.now()) == "checkpoint 2"
        with pytest.raises(TimestampFailed):
            stamping(set_so)(store, seeded.clock.now())
    assert verified(seeded.service).findings == ()
