"""The auditor finds each planted difference: in what was recorded, in the tables, in the rules; and nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

import dnc.recorded
from consent.grounds import record_consent
from consent.terms import Channel
from core.erasure import erase_payloads
from core.ledger import LedgerEntry, Position
from core.numbers import Number, NumberKind
from dnc import deciding
from dnc.auditor import auditing, rebuilding, trying
from dnc.auditor.auditing import AuditBusy, AuditReport, Scope, audit, audits, differences_of
from dnc.auditor.findings import Against
from dnc.auditor.models import Audit
from dnc.gate import Gate, Question
from dnc.models import Check
from dnc.opt_outs import release_opt_out
from dnc.policies.catalogue import SE_OPT_IN_PROPOSAL, Policy, policy_named
from dnc.policies.terms import Regime
from dnc.reasons import ReasonCode
from dnc.registers.shelf import RegisterShelf
from tests.integration.seeds import dialer_of, verified
from tests.integration.tampering import unguard
from tests.screened import file_in, screened
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LISTED,
    OPERATOR,
    OPTED_OUT,
    WITHOUT_SOURCE,
    Seeded,
    load_listed,
    opt_out,
)

ABROAD = "+442079460123"
NUMBERS = [FROM_PARTNER, FROM_LIST, LISTED, OPTED_OUT, WITHOUT_SOURCE, "not a number"]


def ask(seeded: Seeded, *numbers: str) -> list[str]:
    questions = [Question(number) for number in numbers]
    return [answer.id for answer in seeded.service.gate.ask_many(dialer_of(seeded), CAMPAIGN, questions)]


def later(seeded: Seeded, **by: float) -> None:
    seeded.clock.at += timedelta(**by)


def audited(seeded: Seeded, scope: Scope = Scope.NEW, **how: object) -> AuditReport:
    service = seeded.service
    return audit(service.store, service.shelf.listed, OPERATOR, now=seeded.clock.now(), scope=scope, **how)  # type: ignore[arg-type] # as audit takes it


def found(seeded: Seeded, report: AuditReport) -> list[tuple[Against, str | None]]:
    with seeded.service.store.reading() as session:
        return [(one.against, one.check_id) for one in differences_of(session, report.id)]


def consented(seeded: Seeded, given_at: datetime, **evidence: object) -> str:
    """Record a consent on the listed number; return its id."""
    with seeded.service.store.writing() as session:
        consent = record_consent(
            session,
            OPERATOR,
            number=Number(int(LISTED[1:])),
            seller_id=seeded.seller_id,
            channels=frozenset(Channel),
            names_seller=True,
            text_version="v1",
            evidence={"form": "kept"} | evidence,
            given_at=given_at,
            expires_at=None,
            now=seeded.clock.now(),
            keyring=seeded.service.keyring,
        )
        return consent.id


def tamper(seeded: Seeded, statement: str, **values: object) -> None:
    """Change the tables as one may who holds the database: with their triggers gone."""
    with seeded.service.store.engine.begin() as connection:
        unguard(connection)
        assert connection.execute(text(statement), values).rowcount


def test_answers_that_stand_are_found_to_stand_whatever_has_changed_since(seeded: Seeded) -> None:
    """Opt-outs, releases, a new register and time itself: each answer is tried by what was known when it was given."""
    ask(seeded, *NUMBERS)
    later(seeded, minutes=20)
    opt_out(seeded.service, FROM_PARTNER, seeded.seller_id)
    ask(seeded, *NUMBERS)
    later(seeded, minutes=20)
    with seeded.service.store.writing() as session:
        release_opt_out(
            session,
            OPERATOR,
            seeded.service.keyring,
            opt_out_id=seeded.opt_out_id,
            asked_by_person_at=seeded.clock.now(),
            verified_by="called back",
            note="",
            now=seeded.clock.now(),
        )
    load_listed(seeded.service, seeded.service.settings.data_dir, [LISTED, FROM_LIST])
    later(seeded, minutes=20)
    for number in NUMBERS:
        ask(seeded, number)

    report = audited(seeded)
    assert found(seeded, report) == []
    counts = report.counts
    assert (counts.checks, counts.tables, counts.differences, counts.unrebuilt, counts.in_flight) == (18, 18, 0, 0, 0)
    assert report.finished_at is not None
    assert verified(seeded.service).findings == ()


def test_the_result_is_on_record_with_the_differences(seeded: Seeded) -> None:
    [id_] = ask(seeded, OPTED_OUT)
    tamper(seeded, "DELETE FROM opt_outs WHERE id = :id", id=seeded.opt_out_id)

    report = audited(seeded)
    with seeded.service.store.reading() as session:
        payload = session.scalar(select(LedgerEntry.payload).where(LedgerEntry.kind == "audit.finished"))
        assert [one.id for one in audits(session, OPERATOR)] == [report.id]
    said = json.loads(str(payload))
    assert said["counts"]["differences"] == 1
    [[check_id, _chain, _seq, against, what]] = said["first"]
    assert (check_id, against) == (id_, "tables")
    assert what == "verdict, reasons, valid_until would differ; the tables differ in opt_outs"
    assert OPTED_OUT[1:] not in str(payload)


REMOVED = {
    "an opt-out that was removed": (OPTED_OUT, "DELETE FROM opt_outs"),
    "an opt-out that was given to another number": (OPTED_OUT, "UPDATE opt_outs SET number = number + 50"),
    "an opt-out that was dated later": (
        OPTED_OUT,
        "UPDATE opt_outs SET recorded_at = (SELECT max(checked_at) FROM checks)",
    ),
    "a lead that was removed": (FROM_PARTNER, "DELETE FROM leads"),
    "a source whose balancing test was removed": (FROM_PARTNER, "UPDATE sources SET assessment = NULL"),
    "a campaign that was closed earlier": (
        FROM_PARTNER,
        "UPDATE campaigns SET closed_at = created_at WHERE slug = 'vinterel'",
    ),
}


@pytest.mark.parametrize("change", REMOVED)
def test_a_table_that_was_changed_is_found(seeded: Seeded, change: str) -> None:
    number, statement = REMOVED[change]
    [id_] = ask(seeded, number)
    later(seeded, hours=2)
    ask(seeded, WITHOUT_SOURCE)
    tamper(seeded, statement)

    assert (Against.TABLES, id_) in found(seeded, audited(seeded))


def test_a_row_that_cannot_be_read_keeps_no_other_from_being_tried(seeded: Seeded) -> None:
    ids = ask(seeded, OPTED_OUT, FROM_PARTNER, LISTED)
    tamper(seeded, "UPDATE opt_outs SET channels = 'bogus'")

    report = audited(seeded)
    assert found(seeded, report) == [(Against.TABLES, ids[0])]
    assert (report.counts.tables, report.finished_at is None) == (3, False)


ROWS = {
    "number": "UPDATE checks SET number = number + 1",
    "verdict": "UPDATE checks SET verdict = 'allow'",
    "campaign": "UPDATE checks SET campaign_id = (SELECT id FROM campaigns WHERE slug = 'hemskydd')",
    "place": "UPDATE checks SET place = 7",
    "removed": "DELETE FROM checks",
}


@pytest.mark.parametrize("change", ROWS)
def test_a_checks_row_that_was_changed_or_removed_is_found(seeded: Seeded, change: str) -> None:
    [id_] = ask(seeded, OPTED_OUT)
    tamper(seeded, ROWS[change])

    assert found(seeded, audited(seeded)) == [(Against.ROW, id_)]


def _rewrite(seeded: Seeded, change: Callable[[str], str]) -> None:
    with seeded.service.store.engine.begin() as connection:
        unguard(connection)
        payload = str(connection.scalar(text("SELECT payload FROM ledger_entries WHERE kind = 'checks'")))
        assert change(payload) != payload
        connection.execute(text("UPDATE ledger_entries SET payload = :p WHERE kind = 'checks'"), {"p": change(payload)})


WRITTEN: dict[str, tuple[Callable[[str], str], bool]] = {
    "the answer": (lambda payload: payload.replace('"verdict":"deny"', '"verdict":"allow"'), True),
    "the facts": (lambda payload: payload.replace('"opt_outs":[["0"', '"opt_outs":[],"x":[["0"'), True),
    "the facts' form": (lambda payload: payload.replace('"facts":{"form":', '"facts":{"form":9'), True),
    "the lawful basis": (lambda payload: payload.replace('"article":"6.1.f"', '"article":"6.1.a"'), True),
    "the kind of source": (
        lambda payload: payload.replace('"source":{"kind":"partner"', '"source":{"kind":"list"'),
        True,
    ),
    "the answer's reasons": (lambda payload: payload.replace('"reasons":', '"raisons":'), True),
    "the rows": (lambda payload: payload.replace('"rows":[[', '"rows":[['[:-1]), False),
    "everything": (lambda _payload: "[]", False),
}


@pytest.mark.parametrize("change", WRITTEN)
def test_an_entry_that_was_rewritten_is_found(on_sqlite: Seeded, change: str) -> None:
    [id_] = ask(on_sqlite, OPTED_OUT)
    how, is_of_check = WRITTEN[change]
    _rewrite(on_sqlite, how)

    assert found(on_sqlite, audited(on_sqlite)) == [(Against.FACTS, id_ if is_of_check else None)]


def test_a_policy_that_was_edited_is_found(on_sqlite: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that has decided a call is never edited: each answer that it would now give otherwise shows."""
    ids = ask(on_sqlite, FROM_PARTNER, OPTED_OUT)

    def edited(version: str) -> Policy:
        return replace(policy_named(version), regime=Regime.PROHIBITED)

    monkeypatch.setattr(dnc.recorded, "policy_named", edited)
    report = audited(on_sqlite)
    assert {id_ for _against, id_ in found(on_sqlite, report)} == set(ids)
    with on_sqlite.service.store.reading() as session:
        assert {"reasons" in one.what for one in differences_of(session, report.id)} == {True}


def test_a_rule_that_was_changed_is_found_from_the_tables_too(
    on_sqlite: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    [id_] = ask(on_sqlite, FROM_PARTNER)
    monkeypatch.setattr(rebuilding, "policy_for", lambda _country, _at: None)

    assert found(on_sqlite, audited(on_sqlite)) == [(Against.TABLES, id_)]


@pytest.mark.parametrize("knew", [False, True])
def test_an_answer_from_before_its_country_had_a_policy_is_tried_without_one(
    on_sqlite: Seeded, monkeypatch: pytest.MonkeyPatch, knew: bool
) -> None:
    """A later version knows the law of more countries; a process that knew it must have gone by it."""
    monkeypatch.setattr(deciding, "policy_for", lambda _country, _at: None)
    [id_] = ask(on_sqlite, ABROAD)
    monkeypatch.undo()
    if knew:
        ask(on_sqlite, ABROAD)

    assert found(on_sqlite, audited(on_sqlite)) == ([(Against.TABLES, id_)] if knew else [])


def test_a_screening_by_another_policy_than_the_one_in_force_is_found(
    on_sqlite: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screened(on_sqlite, file_in(tmp_path, [FROM_PARTNER]))
    assert audited(on_sqlite).counts.differences == 0
    monkeypatch.setattr(deciding, "policy_for", lambda _country, _at: SE_OPT_IN_PROPOSAL)
    screened(on_sqlite, file_in(tmp_path, [FROM_PARTNER]))

    assert found(on_sqlite, audited(on_sqlite)) == [(Against.FACTS, None)]


def test_no_allow_hides_behind_a_policy_that_there_was_not(on_sqlite: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "policy_for", lambda _country, _at: None)
    [id_] = ask(on_sqlite, ABROAD)
    monkeypatch.undo()
    tamper(on_sqlite, "UPDATE checks SET verdict = 'allow'")
    _rewrite(on_sqlite, lambda payload: payload.replace('"verdict":"deny"', '"verdict":"allow"'))

    assert found(on_sqlite, audited(on_sqlite)) == [(Against.FACTS, id_)]


def test_a_no_that_was_written_in_the_same_moments_is_told_and_is_no_difference(seeded: Seeded) -> None:
    """Its row tells when it was written, not when others could see it."""
    later(seeded, hours=1)
    ask(seeded, FROM_PARTNER)
    later(seeded, seconds=-1)
    opt_out(seeded.service, FROM_PARTNER, seeded.seller_id)

    counts = audited(seeded).counts
    assert (counts.in_flight, counts.differences) == (1, 0)


def test_a_past_that_cannot_be_had_any_more_is_counted_and_is_no_difference(on_sqlite: Seeded) -> None:
    ask(on_sqlite, FROM_PARTNER)
    for snapshot in on_sqlite.service.settings.registers_dir.iterdir():
        snapshot.unlink()
    report = audit(on_sqlite.service.store, lambda _snapshot, _number: None, OPERATOR, now=on_sqlite.clock.now())

    assert (report.counts.unrebuilt, report.counts.differences) == (1, 0)


def ask_without_register(seeded: Seeded, number: str) -> str:
    """Ask where the snapshot in force has not been copied to yet; return the check's id."""
    nowhere = seeded.service.settings.data_dir / "nowhere"
    gate = Gate(seeded.service.store, RegisterShelf(nowhere).listed)
    [answer] = gate.ask_many(dialer_of(seeded), CAMPAIGN, [Question(number)])
    assert ReasonCode.REGISTER_MISSING in {reason.code for reason in answer.decision.reasons}
    return answer.id


@pytest.mark.parametrize("number", [FROM_PARTNER, LISTED])
def test_an_answer_from_a_node_that_could_not_read_the_register_is_no_difference(seeded: Seeded, number: str) -> None:
    ask_without_register(seeded, number)

    counts = audited(seeded).counts
    assert (counts.unrebuilt, counts.differences) == (1, 0)


@pytest.mark.parametrize("change", ["DELETE FROM opt_outs", "UPDATE checks SET verdict = 'allow'"])
def test_what_else_differs_of_such_an_answer_is_found(seeded: Seeded, change: str) -> None:
    id_ = ask_without_register(seeded, OPTED_OUT)
    tamper(seeded, change)

    assert [one for _against, one in found(seeded, audited(seeded))] == [id_]


def test_an_attempt_that_two_dialers_were_given_is_found_however_close_they_asked(seeded: Seeded) -> None:
    later(seeded, hours=1)
    ask(seeded, FROM_PARTNER)
    tamper(seeded, "DELETE FROM reservations")
    later(seeded, seconds=5)
    other = replace(dialer_of(seeded), id="other", name="other")
    [second] = seeded.service.gate.ask_many(other, CAMPAIGN, [Question(FROM_PARTNER)])
    assert second.decision.may_call

    report = audited(seeded)
    assert found(seeded, report) == [(Against.TABLES, second.id)]
    assert report.counts.in_flight == 0


HIDDEN = {
    "an opt-out that was removed": "DELETE FROM opt_outs",
    "a campaign that is said to be newer": (
        "UPDATE campaigns SET created_at = (SELECT max(checked_at) + 60000000 FROM checks)"
    ),
}


@pytest.mark.parametrize("change", HIDDEN)
def test_what_differs_is_found_though_another_part_of_the_past_is_gone(on_sqlite: Seeded, change: str) -> None:
    [id_] = ask(on_sqlite, OPTED_OUT)
    tamper(on_sqlite, HIDDEN[change])
    report = audit(on_sqlite.service.store, lambda _snapshot, _number: None, OPERATOR, now=on_sqlite.clock.now())

    assert found(on_sqlite, report) == [(Against.TABLES, id_)]
    assert report.counts.unrebuilt == 0


def test_each_audit_takes_what_came_since_the_one_before_and_all_of_it_on_demand(seeded: Seeded) -> None:
    ask(seeded, *NUMBERS)
    since = seeded.clock.now() + timedelta(minutes=1)
    assert audited(seeded).counts.checks == 6
    later(seeded, minutes=5)
    assert audited(seeded).counts.checks == 0
    ask(seeded, FROM_PARTNER, LISTED)
    later(seeded, minutes=5)
    assert audited(seeded, Scope.SINCE, since=since).counts.checks == 2
    assert audited(seeded, Scope.ALL).counts.checks == 8
    assert audited(seeded).counts.checks == 0


def test_an_audit_that_was_stopped_is_gone_on_with_and_counts_nothing_twice(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "CHECKS_A_STEP", 2)
    monkeypatch.setattr(auditing, "READ_AT_ONCE", 2)
    for number in NUMBERS * 2:
        ask(seeded, number)
    tamper(seeded, "DELETE FROM opt_outs WHERE id = :id", id=seeded.opt_out_id)
    reports: list[AuditReport] = []
    while not reports or reports[-1].finished_at is None:
        reports.append(audited(seeded, is_over=lambda: True))

    assert len(reports) > 3
    assert len({report.id for report in reports}) == 1
    assert reports[-1].counts.checks == 12
    assert len(found(seeded, reports[-1])) == 2
    assert all(one.counts.checks <= other.counts.checks for one, other in pairwise(reports))


def test_two_that_go_on_with_the_same_audit_do_not_both_keep_what_they_found(
    on_sqlite: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(on_sqlite, *NUMBERS)
    take = trying.Trial.take

    def overtaken(trial: trying.Trial, entry: LedgerEntry) -> None:
        with on_sqlite.service.store.engine.begin() as connection:
            connection.execute(update(Audit).values(chain=1, seq=entry.seq))
        take(trial, entry)

    monkeypatch.setattr(trying.Trial, "take", overtaken)
    with pytest.raises(AuditBusy):
        audited(on_sqlite)


def test_an_erased_answer_is_counted(on_sqlite: Seeded) -> None:
    [id_] = ask(on_sqlite, FROM_PARTNER)
    with on_sqlite.service.store.writing() as session:
        check = session.get_one(Check, id_)
        erase_payloads(session, OPERATOR, [Position(check.chain, check.seq)], "retention has ended")

    counts = audited(on_sqlite).counts
    assert (counts.checks, counts.erased, counts.differences) == (0, 1, 0)


def test_numbers_of_a_former_plan_are_judged_by_the_plan_of_their_time(
    on_sqlite: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(on_sqlite, FROM_PARTNER)
    monkeypatch.setattr(rebuilding, "metadata_version", lambda: "another")
    monkeypatch.setattr(Number, "plan", property(lambda _number: (None, NumberKind.UNKNOWN, False)))

    assert audited(on_sqlite).counts.differences == 0
