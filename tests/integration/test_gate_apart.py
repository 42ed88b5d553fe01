"""What a group of checks puts on record; and one request that no database can keep fails alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text

from core.access import Caller, Role, caller_with_key, create_key, operator, revoke_key
from core.errors import Unauthenticated
from core.ledger import LedgerEntry
from core.numbers import metadata_version, read_number
from dnc import gathering
from dnc.audit import compare_records
from dnc.drafts import Question, Request
from dnc.recorded import check_on_record
from tests.integration.seeds import KINDS, dialer_of, seeded_service
from tests.seeding import CAMPAIGN, FROM_LIST, FROM_PARTNER, LISTED, OPTED_OUT

OPERATOR = operator("test")


def test_a_request_that_cannot_be_recorded_does_not_take_those_it_waits_with_along(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, "postgresql", tmp_path) as seeded:
        dialer = dialer_of(seeded)
        good, poisoned, other = (
            Request(dialer, CAMPAIGN, [Question(FROM_PARTNER, reference=reference)], [read_number(FROM_PARTNER)])
            for reference in ("good", "a\x00b", "other")
        )

        seeded.service.gate.lanes[0]._answer_apart([good, poisoned, other])

        assert poisoned.error is not None
        assert poisoned.answers is None
        for one in (good, other):
            assert one.error is None
            assert one.answers is not None
            assert one.answers[0].decision.may_call
        again = seeded.service.gate.ask(dialer, CAMPAIGN, Question(FROM_PARTNER))
        assert again.decision.may_call


def asks(caller: Caller, *numbers: str) -> Request:
    return Request(caller, CAMPAIGN, [Question(one) for one in numbers], [read_number(one) for one in numbers])


@pytest.mark.parametrize("kind", KINDS)
def test_what_one_caller_asks_at_one_moment_is_one_entry_and_each_request_gets_its_own_answers(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    with seeded_service(request, kind, tmp_path) as seeded:
        dialer, other = dialer_of(seeded), replace(dialer_of(seeded), id="dialer-2")
        group = [
            asks(dialer, FROM_PARTNER),
            asks(other, LISTED),
            asks(dialer, OPTED_OUT, FROM_LIST),
            asks(dialer, "0"),
        ]

        seeded.service.gate.lanes[0]._answer_apart(group)

        told = [[(one.number, one.decision.verdict) for one in asked.answers or ()] for asked in group]
        for asked, answers in zip(group, told, strict=True):
            alone = seeded.service.gate.ask_many(asked.caller, CAMPAIGN, asked.questions)
            assert answers == [(one.number, one.decision.verdict) for one in alone]
        with seeded.service.store.reading() as session:
            entries = session.scalars(
                select(LedgerEntry).where(LedgerEntry.kind == "checks").order_by(LedgerEntry.seq)
            ).all()[:2]
            assert [(one.actor, len(json.loads(one.payload or "")["rows"])) for one in entries] == [
                (dialer.actor, 4),
                (other.actor, 1),
            ]
            for asked in group:
                for answer in asked.answers or ():
                    assert check_on_record(session, asked.caller, answer.id) == json.loads(answer.json)
        with seeded.service.store.reading() as session:
            assert compare_records(session, seeded.service.keyring) == []


def test_a_remembered_key_that_was_revoked_since_is_refused_and_nobody_it_waits_with(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, "sqlite", tmp_path) as seeded:
        service, now = seeded.service, seeded.clock.now()
        with service.store.writing() as session:
            keys = [
                create_key(session, OPERATOR, name=name, role=Role.DIALER, seller_id=seeded.seller_id, now=now)
                for name in ("stays", "goes")
            ]
        stays, goes = (caller_with_key(service.store.rows, key) for key in keys)
        assert stays is not None
        assert goes is not None
        with service.store.writing() as session:
            revoke_key(session, OPERATOR, name="goes", now=now)
        moved = replace(stays, seller_id=None)
        group = [asks(replace(one, is_remembered=True), FROM_PARTNER) for one in (stays, goes, moved)]

        service.gate.lanes[0]._answer_apart(group)

        assert group[0].error is None
        assert group[0].answers is not None
        for refused in group[1:]:
            assert isinstance(refused.error, Unauthenticated)
            assert refused.answers is None


def test_postgresql_plans_the_gates_statements_once_and_by_index(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, "postgresql", tmp_path) as seeded:
        gate = seeded.service.gate
        for _ in range(12):
            gate.ask(dialer_of(seeded), CAMPAIGN, Question(FROM_PARTNER))

        assert gate.lanes[0]._connection is not None
        plans = (
            gate.lanes[0]
            ._connection.execute(
                text("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%leads%'")
            )
            .one()
        )
        gate.lanes[0]._connection.exec_driver_sql("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0")
        gate.lanes[0]._connection.exec_driver_sql(
            "SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0"
        )
        found, _names = gathering.all_standing()._text(gate.lanes[0]._connection.dialect)
        planned = gate.lanes[0]._connection.exec_driver_sql(f"EXPLAIN (GENERIC_PLAN) {found}").scalars().all()
        scanned = [line for line in planned if "Seq Scan on" in line]

    assert plans.generic_plans > 0
    assert plans.custom_plans == 0
    growing = ("on leads", "on opt_outs", "on contacts", "on checks", "on consents")
    assert not any(table in line for line in scanned for table in growing)
    assert any("Index Scan using pk_checks" in line for line in planned)
    assert not any("Parallel" in line or "Gather" in line for line in planned), "to start a worker takes longer"


def test_the_numbering_plan_that_read_a_number_is_on_record_with_its_check(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, "sqlite", tmp_path) as seeded:
        seeded.service.gate.ask(dialer_of(seeded), CAMPAIGN, Question(FROM_PARTNER))
        with seeded.service.store.reading() as session:
            payload = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == "checks")).one()

    assert payload is not None
    assert json.loads(payload)["phonenumbers"] == metadata_version()
