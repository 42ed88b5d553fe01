"""The gate: on record before it is answered, to each asker its own answer, nothing of other sellers in it."""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError

from core.access import Caller, operator
from core.errors import InvalidInput, StorageUnavailable
from core.ledger import LedgerEntry
from dnc import lane
from dnc.answers import Answer
from dnc.drafts import UnknownCampaign
from dnc.gate import BATCH_LIMIT, Question
from dnc.models import Check
from dnc.reasons import ReasonCode
from dnc.recording import put_on_record
from service import environment_for
from tests.integration.seeds import beside, dialer_of, seeded_service, verified
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LISTED,
    OF_OTHER_SELLER,
    OPTED_OUT,
    OTHER_CAMPAIGN,
    WITHOUT_SOURCE,
    Seeded,
    opt_out,
)

ROOT = Path(__file__).parents[2]
NUMBERS = [FROM_PARTNER, FROM_LIST, LISTED, OPTED_OUT, WITHOUT_SOURCE, OF_OTHER_SELLER, "not a number", "", "070"]


def ask(seeded: Seeded, number: object, campaign: str = CAMPAIGN, caller: Caller | None = None) -> Answer:
    return seeded.service.gate.ask(caller or dialer_of(seeded), campaign, Question(number))


def codes(answer: Answer) -> set[ReasonCode]:
    return {reason.code for reason in answer.decision.reasons}


def said(answer: Answer) -> dict[str, Any]:
    """Return the answer without its id."""
    document: dict[str, Any] = json.loads(answer.json)
    del document["id"]
    return document


def on_record(seeded: Seeded) -> tuple[int, int]:
    """Return how many checks and ledger entries another node sees."""
    other = beside(seeded)
    with other.store.reading() as session:
        checks = session.scalar(select(func.count()).select_from(Check)) or 0
        entries = session.scalar(select(func.count()).select_from(LedgerEntry)) or 0
    other.close()
    return checks, entries


def test_an_answer_is_on_record_for_another_node_before_it_is_given(seeded: Seeded) -> None:
    answer = seeded.service.gate.ask(dialer_of(seeded), CAMPAIGN, Question(FROM_PARTNER, reference="call-7"))

    other = beside(seeded)
    with other.store.reading() as session:
        check = session.get_one(Check, answer.id)
        entry = session.get_one(LedgerEntry, (check.chain, check.seq))
        session.expunge_all()
    other.close()
    assert answer.decision.may_call
    assert (check.verdict, check.number, check.reference) == ("allow", int(FROM_PARTNER[1:]), "call-7")
    assert (check.asked_by, check.checked_at) == ("key:dialer-1", seeded.clock.now())
    assert entry.payload is not None
    payload = json.loads(entry.payload)
    assert payload["rows"][check.place][0] == answer.id
    assert FROM_PARTNER[1:] not in entry.payload
    assert payload["decisions"][0]["answer"]["verdict"] == "allow"
    assert verified(seeded.service).findings == ()


def test_a_number_that_cannot_be_read_is_answered_and_on_record_too(seeded: Seeded) -> None:
    before = on_record(seeded)
    answer = ask(seeded, "not a number")

    assert (answer.decision.verdict, answer.number) == ("unknown", None)
    assert ReasonCode.INVALID_NUMBER in codes(answer)
    assert on_record(seeded)[0] == before[0] + 1


def test_many_who_ask_at_once_each_get_their_own_answer(seeded: Seeded) -> None:
    """32 threads with numbers, references, campaigns and callers of their own, against asking one by one."""
    gate = seeded.service.gate
    callers = [dialer_of(seeded), replace(dialer_of(seeded, seeded.other_seller_id), id="dialer-2"), operator("tests")]
    cases = []
    for place in range(32):
        caller = callers[place % 3]
        campaign = [CAMPAIGN, OTHER_CAMPAIGN, (CAMPAIGN, OTHER_CAMPAIGN)[place % 2]][place % 3]
        questions = [
            Question(NUMBERS[(place + n) % len(NUMBERS)], reference=f"r-{place}-{n}") for n in range(place % 4 + 1)
        ]
        cases.append((caller, campaign, questions))
    one_by_one = [[said(gate.ask(caller, campaign, q)) for q in questions] for caller, campaign, questions in cases]
    barrier = threading.Barrier(32)

    def at_once(case: tuple[Caller, str, list[Question]]) -> list[list[Answer]]:
        barrier.wait()
        return [gate.ask_many(*case) for _ in range(5)]

    with ThreadPoolExecutor(32) as pool:
        together = list(pool.map(at_once, cases))

    ids = set()
    for expected, rounds, (caller, _campaign, questions) in zip(one_by_one, together, cases, strict=True):
        for answers in rounds:
            assert [said(answer) for answer in answers] == expected
            ids |= {(answer.id, caller.actor, q.reference) for answer, q in zip(answers, questions, strict=True)}
    with seeded.service.store.reading() as session:
        rows = {tuple(row) for row in session.execute(select(Check.id, Check.asked_by, Check.reference))}
    assert len(ids) == 5 * sum(len(questions) for _, _, questions in cases)
    assert ids <= rows
    assert verified(seeded.service).findings == ()


def test_one_question_for_an_unknown_campaign_does_not_spoil_those_it_waits_with(seeded: Seeded) -> None:
    gate, barrier = seeded.service.gate, threading.Barrier(24)

    def at_once(place: int) -> object:
        barrier.wait()
        campaign = "no-such-campaign" if place % 3 == 0 else CAMPAIGN
        try:
            return gate.ask(dialer_of(seeded), campaign, Question(FROM_PARTNER)).decision.verdict
        except UnknownCampaign as error:
            return type(error)

    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(at_once, range(24)))
    assert found == [UnknownCampaign if place % 3 == 0 else "allow" for place in range(24)]


def test_another_sellers_campaign_is_as_unknown_as_one_that_does_not_exist(seeded: Seeded) -> None:
    before = on_record(seeded)
    with pytest.raises(UnknownCampaign) as of_other:
        ask(seeded, FROM_PARTNER, OTHER_CAMPAIGN)
    with pytest.raises(UnknownCampaign) as of_none:
        ask(seeded, FROM_PARTNER, "no-such-campaign")
    assert of_other.value.detail == of_none.value.detail
    assert on_record(seeded) == before


class _Refusal:
    """Makes commits fail while ``on``: in PostgreSQL the one statement that is a transaction, by a trigger."""

    def __init__(self, seeded: Seeded) -> None:
        self._engine = seeded.service.store.engine
        self._on = False
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "commit", self._refuse)
        else:
            with self._engine.begin() as connection:
                connection.exec_driver_sql(
                    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                    "$$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$"
                )

    def __enter__(self) -> None:
        self._on = True
        if self._engine.dialect.name == "postgresql":
            with self._engine.begin() as connection:
                connection.exec_driver_sql(
                    "CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON checks DEFERRABLE INITIALLY DEFERRED "
                    "FOR EACH ROW EXECUTE FUNCTION refuse()"
                )

    def __exit__(self, *_raised: object) -> None:
        self._on = False
        if self._engine.dialect.name == "postgresql":
            with self._engine.begin() as connection:
                connection.exec_driver_sql("DROP TRIGGER refused ON checks")

    def _refuse(self, connection: Any) -> None:  # Any: a SQLAlchemy connection
        if self._on:
            driver = connection.dialect.loaded_dbapi
            raise DBAPIError.instance("COMMIT", None, driver.OperationalError("disk full"), driver.Error)


def test_when_the_record_cannot_be_kept_every_waiter_hears_so_and_the_next_ask_works(seeded: Seeded) -> None:
    gate, barrier = seeded.service.gate, threading.Barrier(16)
    ask(seeded, FROM_PARTNER)
    before, refusal = on_record(seeded), _Refusal(seeded)

    def at_once(_place: int) -> type[object]:
        barrier.wait()
        try:
            return type(gate.ask(dialer_of(seeded), CAMPAIGN, Question(FROM_PARTNER)))
        except StorageUnavailable as error:
            return type(error)

    with refusal, ThreadPoolExecutor(16) as pool:
        assert list(pool.map(at_once, range(16))) == [StorageUnavailable] * 16
    assert on_record(seeded) == before

    assert ask(seeded, FROM_PARTNER).decision.may_call
    assert on_record(seeded)[0] == before[0] + 1
    assert verified(seeded.service).findings == ()


def test_a_fault_of_our_own_reaches_every_waiter_and_the_gate_goes_on(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object, **_kw: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(lane, "Decider", fails)
        with pytest.raises(ZeroDivisionError):
            ask(seeded, FROM_PARTNER)
    assert ask(seeded, FROM_PARTNER).decision.may_call


def test_a_connection_that_was_lost_while_idle_is_replaced_unseen(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, "postgresql", tmp_path) as seeded:
        ask(seeded, FROM_PARTNER)
        other = beside(seeded)
        with other.store.engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        other.close()
        assert ask(seeded, FROM_PARTNER).decision.may_call
        assert verified(seeded.service).findings == ()


FIRST_CHECK = """
import sys
from core.clock import FixedClock
from core.config import load_settings
from dnc.gate import Question
from service import build_service
from tests.seeding import CAMPAIGN, FROM_PARTNER, OPERATOR, TUESDAY_AT_TEN

service = build_service(load_settings(), FixedClock(TUESDAY_AT_TEN))
service.gate.make_ready()
before = set(sys.modules)
assert service.gate.ask(OPERATOR, CAMPAIGN, Question(FROM_PARTNER)).decision.may_call
print(*sorted(name for name in sys.modules.keys() - before if name.startswith("holidays")))
"""


def test_the_first_check_of_a_process_that_is_ready_loads_no_calendars(seeded: Seeded) -> None:
    command = [sys.executable, "-c", FIRST_CHECK]
    done = subprocess.run(
        command, cwd=ROOT, env=environment_for(seeded.service.settings), capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"


def test_more_than_ten_thousand_at_once_are_refused(seeded: Seeded) -> None:
    with pytest.raises(InvalidInput):
        seeded.service.gate.ask_many(dialer_of(seeded), CAMPAIGN, [Question("1")] * (BATCH_LIMIT + 1))


def test_a_batch_of_ten_thousand_is_answered_in_order_and_all_on_record(seeded: Seeded) -> None:
    numbers = [FROM_PARTNER, "bad", LISTED, FROM_PARTNER, OPTED_OUT] * 2_000
    answers = seeded.service.gate.ask_many(dialer_of(seeded), CAMPAIGN, [Question(number) for number in numbers])

    verdicts = [answer.decision.verdict for answer in answers]
    assert verdicts == ["allow", "unknown", "deny", "allow", "deny"] * 2_000
    with seeded.service.store.reading() as session:
        rows = {check.id: check.verdict for check in session.execute(select(Check.id, Check.verdict))}
    assert [rows[answer.id] for answer in answers] == verdicts
    assert verified(seeded.service).findings == ()


SPELLED = st.sampled_from([*NUMBERS, "070-174 06 05", "0046701740606", "00000", "112", "+1 201 555 0123"])


def test_when_one_part_of_a_batch_cannot_be_recorded_there_are_no_answers_and_the_rest_is_left(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialer, questions = dialer_of(seeded), [Question(FROM_PARTNER)] * BATCH_LIMIT
    written: list[tuple[Any, ...]] = []

    def refused(*args: Any) -> bool:
        written.append(args)
        if len(written) == 3:
            raise StorageUnavailable("the disk is full")
        return put_on_record(*args)

    monkeypatch.setattr(lane, "put_on_record", refused)
    with pytest.raises(StorageUnavailable):
        seeded.service.gate.ask_many(dialer, CAMPAIGN, questions)
    monkeypatch.undo()

    assert len(written) < BATCH_LIMIT // lane.GROUP_LIMIT - 3, "others may be under way, no new one is begun"
    assert on_record(seeded)[0] % lane.GROUP_LIMIT == 0
    assert len(seeded.service.gate.ask_many(dialer, CAMPAIGN, questions)) == BATCH_LIMIT
    assert verified(seeded.service).findings == ()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(SPELLED | st.text(max_size=12), min_size=1, max_size=12))
def test_a_batch_gives_what_asking_one_by_one_gives(seeded: Seeded, numbers: Sequence[str]) -> None:
    gate, caller = seeded.service.gate, dialer_of(seeded)
    batch = gate.ask_many(caller, CAMPAIGN, [Question(number) for number in numbers])

    assert [said(answer) for answer in batch] == [said(ask(seeded, number)) for number in numbers]


def test_a_question_about_another_moment_writes_nothing(seeded: Seeded) -> None:
    before, gate = on_record(seeded), seeded.service.gate
    at = seeded.clock.now() + timedelta(hours=14)
    number, decision, _common = gate.simulate(dialer_of(seeded), CAMPAIGN, Question(FROM_PARTNER), at=at)

    assert number is not None
    assert [reason.code for reason in decision.reasons] == [ReasonCode.OUTSIDE_HOURS]
    assert on_record(seeded) == before
    with pytest.raises(InvalidInput):
        gate.simulate(dialer_of(seeded), CAMPAIGN, Question(FROM_PARTNER), at=at, policy="no-such-policy")
    with pytest.raises(UnknownCampaign):
        gate.simulate(dialer_of(seeded), OTHER_CAMPAIGN, Question(FROM_PARTNER), at=at)


def test_supposed_and_recorded_answers_are_the_same_at_the_same_moment(seeded: Seeded) -> None:
    questions = [Question(number) for number in NUMBERS]
    supposed = seeded.service.gate.simulate_many(dialer_of(seeded), CAMPAIGN, questions, at=seeded.clock.now())
    asked = seeded.service.gate.ask_many(dialer_of(seeded), CAMPAIGN, questions)

    assert [(number, common) for number, _decision, common in supposed] == [(a.number, a.common) for a in asked]


def test_what_other_sellers_know_does_not_leak_into_the_answer(seeded: Seeded) -> None:
    of_other = dialer_of(seeded, seeded.other_seller_id)
    assert codes(ask(seeded, OF_OTHER_SELLER)) == {ReasonCode.NO_SOURCE}
    assert ask(seeded, OF_OTHER_SELLER, OTHER_CAMPAIGN, of_other).decision.may_call

    assert ReasonCode.OPTED_OUT not in codes(ask(seeded, OPTED_OUT, OTHER_CAMPAIGN, of_other))
    opt_out(seeded.service, FROM_PARTNER, seeded.other_seller_id)
    assert ask(seeded, FROM_PARTNER).decision.may_call
    assert ReasonCode.OPTED_OUT in codes(ask(seeded, FROM_PARTNER, OTHER_CAMPAIGN, of_other))
    opt_out(seeded.service, FROM_LIST, None)
    assert ReasonCode.OPTED_OUT in codes(ask(seeded, FROM_LIST))


def test_a_bought_list_is_never_named(seeded: Seeded) -> None:
    answer = ask(seeded, FROM_LIST)

    assert answer.decision.may_call
    assert set(said(answer)["source"]) == {"kind", "say", "say_en"}
    for name in ("Adressbolaget", "Premium", "adresslistan", "fjallraven"):
        assert name not in answer.json
