"""What a group of checks puts on record; and one request that no database can keep fails alone."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from core.ledger import LedgerEntry
from core.numbers import metadata_version, read_number
from dnc.drafts import Question, Request
from tests.integration.seeds import dialer_of, seeded_service
from tests.seeding import CAMPAIGN, FROM_PARTNER


def test_a_request_that_cannot_be_recorded_does_not_take_those_it_waits_with_along(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, "postgresql", tmp_path) as seeded:
        dialer = dialer_of(seeded)
        good, poisoned, other = (
            Request(dialer, CAMPAIGN, [Question(FROM_PARTNER, reference=reference)], [read_number(FROM_PARTNER)])
            for reference in ("good", "a\x00b", "other")
        )

        seeded.service.gate._answer_apart([good, poisoned, other])

        assert poisoned.error is not None
        assert poisoned.answers is None
        for one in (good, other):
            assert one.error is None
            assert one.answers is not None
            assert one.answers[0].decision.may_call
        again = seeded.service.gate.ask(dialer, CAMPAIGN, Question(FROM_PARTNER))
        assert again.decision.may_call


def test_the_numbering_plan_that_read_a_number_is_on_record_with_its_check(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, "sqlite", tmp_path) as seeded:
        seeded.service.gate.ask(dialer_of(seeded), CAMPAIGN, Question(FROM_PARTNER))
        with seeded.service.store.reading() as session:
            payload = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == "checks")).one()

    assert payload is not None
    assert json.loads(payload)["phonenumbers"] == metadata_version()
