"""Every recorded answer is decided again from its stored facts; a tampered answer or fact shows."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from core.access import Caller, Role
from core.erasure import erase_payloads
from core.errors import Forbidden
from core.ledger import Position
from dnc.gate import Question
from dnc.models import Check
from dnc.recorded import CheckErased, Replay, UnknownCheck, check_on_record, replay
from tests.commands import run_command
from tests.integration.seeds import dialer_of, verified
from tests.integration.tampering import unguard
from tests.seeding import CAMPAIGN, FROM_LIST, FROM_PARTNER, LISTED, OPERATOR, OPTED_OUT, WITHOUT_SOURCE, Seeded

NUMBERS = [FROM_PARTNER, FROM_LIST, LISTED, OPTED_OUT, WITHOUT_SOURCE, "not a number"]


def ask(seeded: Seeded, *numbers: str) -> list[str]:
    questions = [Question(number, reference="r") for number in numbers]
    return [answer.id for answer in seeded.service.gate.ask_many(dialer_of(seeded), CAMPAIGN, questions)]


def replayed(seeded: Seeded) -> Replay:
    with seeded.service.store.snapshot() as session:
        return replay(session)


def test_all_that_was_answered_is_answered_the_same_again(seeded: Seeded) -> None:
    for number in NUMBERS:
        ask(seeded, number)
    ask(seeded, *(NUMBERS * 300))

    done = replayed(seeded)
    assert done.checks == len(NUMBERS) * 301
    assert (done.differences, done.erased_entries) == ((), 0)


def _rewrite(seeded: Seeded, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the only stored decision as one may who holds the database."""
    with seeded.service.store.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER ledger_entries_no_update"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = 'replica'"))
        payload = json.loads(str(connection.scalar(text("SELECT payload FROM ledger_entries WHERE kind = 'checks'"))))
        change(payload["decisions"][0])
        connection.execute(
            text("UPDATE ledger_entries SET payload = :payload WHERE kind = 'checks'"), {"payload": json.dumps(payload)}
        )


TAMPERED: dict[str, Callable[[dict[str, Any]], None]] = {
    "verdict": lambda stored: stored["answer"].update(verdict="allow"),
    "may_call": lambda stored: stored["answer"].update(may_call=True),
    "reasons": lambda stored: stored["answer"].update(reasons=[]),
    "valid_until": lambda stored: stored["answer"].update(valid_until="2030-01-01T00:00:00Z"),
    "retry_at": lambda stored: stored["answer"].update(retry_at="2030-01-01T00:00:00Z"),
    "policy": lambda stored: stored["answer"].update(policy="no-such-policy"),
    "no policy": lambda stored: stored["answer"].update(policy=None),
    "moment": lambda stored: stored["answer"].update(checked_at="2026-11-24T23:00:00Z"),
    "opt-outs": lambda stored: stored["facts"].update(opt_outs=[]),
    "unreadable facts": lambda stored: stored.update(facts={}),
}


@pytest.mark.parametrize("change", TAMPERED)
def test_a_tampered_answer_or_fact_shows(seeded: Seeded, change: str) -> None:
    [id_] = ask(seeded, OPTED_OUT)
    _rewrite(seeded, TAMPERED[change])

    [difference] = replayed(seeded).differences
    assert difference.check_ids == (id_,)
    assert OPTED_OUT[1:] not in str(difference)


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"rows":[],"decisions":[{}]}', '{"rows":[[]],"decisions":[]}'])
def test_an_entry_that_cannot_be_read_is_a_difference_and_not_the_end(seeded: Seeded, payload: str) -> None:
    ask(seeded, OPTED_OUT)
    with seeded.service.store.engine.begin() as connection:
        unguard(connection)
        connection.execute(text("UPDATE ledger_entries SET payload = :to WHERE kind = 'checks'"), {"to": payload})
    ask(seeded, LISTED)

    done = replayed(seeded)
    assert ([one.check_ids for one in done.differences], done.checks) == ([()], 1)
    assert "cannot be read" in done.differences[0].what


def test_what_was_answered_is_read_back_word_for_word(seeded: Seeded) -> None:
    answers = seeded.service.gate.ask_many(dialer_of(seeded), CAMPAIGN, [Question(number) for number in NUMBERS])
    with seeded.service.store.reading() as session:
        for answer in answers:
            assert check_on_record(session, dialer_of(seeded), answer.id) == json.loads(answer.json)


def test_a_check_is_read_by_its_own_seller_and_by_roles_that_may(seeded: Seeded) -> None:
    [id_] = ask(seeded, FROM_PARTNER)
    with seeded.service.store.reading() as session:
        with pytest.raises(UnknownCheck):
            check_on_record(session, dialer_of(seeded, seeded.other_seller_id), id_)
        with pytest.raises(UnknownCheck):
            check_on_record(session, OPERATOR, "no-such-check")
        with pytest.raises(Forbidden):
            check_on_record(session, Caller("a", "a", "key", Role.LEAD_MANAGER, None), id_)


def test_an_erased_check_says_so_and_is_counted(seeded: Seeded) -> None:
    [id_] = ask(seeded, FROM_PARTNER)
    with seeded.service.store.writing() as session:
        check = session.get_one(Check, id_)
        erase_payloads(session, OPERATOR, [Position(check.chain, check.seq)], "retention has ended")
    with seeded.service.store.reading() as session:
        assert session.get(Check, id_) is not None
        with pytest.raises(CheckErased):
            check_on_record(session, OPERATOR, id_)

    done = replayed(seeded)
    assert (done.checks, done.erased_entries, done.differences) == (0, 1, ())
    told = run_command(seeded.service.settings, "replay")
    assert (told.exit_code, told.stdout.splitlines()) == (
        0,
        ["0 checks decided again: 0 differ", "  the facts of 1 entries are erased"],
    )
    assert verified(seeded.service).findings == ()
