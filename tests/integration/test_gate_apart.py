"""One request that no database can keep fails alone."""

from pathlib import Path

import pytest

from core.numbers import read_number
from dnc.gate import Question, _Request
from tests.integration.seeds import dialer_of, seeded_service
from tests.seeding import CAMPAIGN, FROM_PARTNER


def test_a_request_that_cannot_be_recorded_does_not_take_those_it_waits_with_along(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, "postgresql", tmp_path) as seeded:
        dialer = dialer_of(seeded)
        good, poisoned, other = (
            _Request(dialer, CAMPAIGN, [Question(FROM_PARTNER, reference=reference)], [read_number(FROM_PARTNER)])
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
