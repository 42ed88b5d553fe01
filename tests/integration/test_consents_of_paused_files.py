"""A pause of a file, its source or its supplier takes away the consents that it delivered, from the next check on."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from consent.models import Consent
from consent.terms import Basis
from dnc.auditor.auditing import Scope
from dnc.gate import Question
from dnc.history.facts import facts_asked
from dnc.reasons import ReasonCode
from dnc.recorded import replay
from leads.models import LeadFile
from tests.consented import HELD, add_consent_source, deliver, pause, resume
from tests.integration.seeds import dialer_of
from tests.integration.stories import stored_checks
from tests.integration.tampering import found, tamper
from tests.integration.test_auditor import audited, consented
from tests.integration.test_auditor import found as differing
from tests.seeding import CAMPAIGN, FROM_LIST, LISTED, WITHOUT_SOURCE, Seeded, load_listed

PAUSED, ON_REGISTER = ReasonCode.SOURCE_PAUSED, ReasonCode.ON_REGISTER
FIRST, SECOND = "tavling-a", "tavling-b"


@pytest.fixture
def seeded(seeded: Seeded) -> Iterator[Seeded]:
    """Return a service with two sources that rest on consent; see that each answer stands by all that is kept."""
    add_consent_source(seeded, FIRST, "kronan")
    add_consent_source(seeded, SECOND, "fjallraven")
    before = seeded.clock.at
    yield seeded
    seeded.clock.at += timedelta(minutes=20)
    stored = list(stored_checks(seeded, after=before))
    assert stored
    with seeded.service.store.snapshot() as session:
        again = facts_asked(session.connection(), seeded.service.shelf.listed, [one.asked for one in stored])
        assert replay(session).differences == ()
    assert again == [one.facts for one in stored]
    report = audited(seeded, Scope.ALL)
    assert (differing(seeded, report), report.counts.unrebuilt, report.counts.in_flight) == ([], 0, 0)
    assert found(seeded) == set()


def codes(seeded: Seeded, number: str) -> set[ReasonCode]:
    """Return the reasons of a check, a minute after all before."""
    seeded.clock.at += timedelta(minutes=1)
    answer = seeded.service.gate.ask(dialer_of(seeded), CAMPAIGN, Question(number))
    seeded.clock.at += timedelta(minutes=1)
    return {reason.code for reason in answer.decision.reasons}


@contextmanager
def paused(seeded: Seeded, held: str, lead_file_id: str, source: str = FIRST) -> Iterator[None]:
    """Hold the file, its source or its supplier paused meanwhile."""
    of = {"lead_file_id": lead_file_id, "source": source, "supplier": "kronan" if source == FIRST else "fjallraven"}
    pause(seeded, held, **of)
    yield
    resume(seeded, held, **of)


@pytest.mark.parametrize("held", HELD)
def test_it_carries_no_lead_of_another_source(seeded: Seeded, held: str) -> None:
    delivery = deliver(seeded, FIRST, [WITHOUT_SOURCE])
    deliver(seeded, SECOND, [WITHOUT_SOURCE], proved=False)

    assert codes(seeded, WITHOUT_SOURCE) == set()
    with paused(seeded, held, delivery):
        assert codes(seeded, WITHOUT_SOURCE) == {PAUSED}
    assert codes(seeded, WITHOUT_SOURCE) == set()


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("basis", Basis)
def test_it_lifts_no_register_for_a_lead_that_another_source_carries(seeded: Seeded, basis: Basis, held: str) -> None:
    """Whatever its own source rests on."""
    load_listed(seeded.service, seeded.service.settings.data_dir, [FROM_LIST])
    add_consent_source(seeded, "erbjudande", "kronan", basis)
    of = {
        "lead_file_id": deliver(seeded, "erbjudande", [FROM_LIST]),
        "source": "erbjudande",
        "supplier": "kronan",
    }

    assert codes(seeded, FROM_LIST) == set()
    pause(seeded, held, **of)
    assert codes(seeded, FROM_LIST) == {ON_REGISTER}
    resume(seeded, held, **of)
    assert codes(seeded, FROM_LIST) == set()


def test_one_permission_that_two_files_delivered_stands_until_both_are_paused(seeded: Seeded) -> None:
    first, second = deliver(seeded, FIRST, [WITHOUT_SOURCE]), deliver(seeded, SECOND, [WITHOUT_SOURCE])

    with paused(seeded, "file", first):
        assert codes(seeded, WITHOUT_SOURCE) == set()
        with paused(seeded, "source", second, SECOND):
            assert codes(seeded, WITHOUT_SOURCE) == {PAUSED}
        assert codes(seeded, WITHOUT_SOURCE) == set()


def test_what_no_file_delivered_is_in_doubt_only_while_every_source_of_consents_is_paused(seeded: Seeded) -> None:
    first = deliver(seeded, FIRST, [LISTED], proved=False)
    second = deliver(seeded, SECOND, [LISTED], proved=False)
    consented(seeded, seeded.clock.now() - timedelta(days=3))

    with paused(seeded, "source", first):
        assert codes(seeded, LISTED) == set()
        with paused(seeded, "source", second, SECOND):
            assert codes(seeded, LISTED) == {ON_REGISTER}
    assert codes(seeded, LISTED) == set()


def test_no_evidence_written_by_hand_gets_past_the_pause(seeded: Seeded) -> None:
    """It may name a file that is open and had nothing to do with the number."""
    first = deliver(seeded, FIRST, [LISTED])
    with seeded.service.store.reading() as session:
        [other] = session.scalars(select(LeadFile.id).where(LeadFile.id != first).order_by(LeadFile.no).limit(1))
    with paused(seeded, "source", first):
        consented(seeded, seeded.clock.now() - timedelta(days=3), lead_file=other)
        assert codes(seeded, LISTED) == {ON_REGISTER}
    assert codes(seeded, LISTED) == set()


def test_the_row_names_the_file_whose_consent_it_is(seeded: Seeded) -> None:
    delivery = deliver(seeded, FIRST, [WITHOUT_SOURCE, LISTED])
    by_hand = consented(seeded, seeded.clock.now() - timedelta(days=3))

    with seeded.service.store.reading() as session:
        named = {row.id: row.lead_file_id for row in session.execute(select(Consent.id, Consent.lead_file_id))}
    assert named.pop(by_hand) is None
    assert list(named.values()) == [delivery, delivery]
    codes(seeded, LISTED)


def test_a_consent_that_was_torn_from_its_file_is_found(seeded: Seeded) -> None:
    deliver(seeded, FIRST, [WITHOUT_SOURCE])
    codes(seeded, WITHOUT_SOURCE)
    with seeded.service.store.reading() as session:
        [row] = session.execute(select(Consent.id, Consent.lead_file_id)).all()
        other = session.scalars(select(LeadFile.id).where(LeadFile.id != row.lead_file_id)).first()
    for changed in ("NULL", f"'{other}'"):
        tamper(seeded.service, text(f"UPDATE consents SET lead_file_id = {changed}"))
        assert found(seeded) == {"changed"}
    tamper(seeded.service, text(f"UPDATE consents SET lead_file_id = '{row.lead_file_id}'"))


def test_other_numbers_of_the_paused_file_lose_their_own_consents_alone(seeded: Seeded) -> None:
    delivery = deliver(seeded, FIRST, [WITHOUT_SOURCE])
    deliver(seeded, SECOND, [LISTED])

    with paused(seeded, "file", delivery):
        assert codes(seeded, LISTED) == set()
        assert codes(seeded, WITHOUT_SOURCE) == {PAUSED}
