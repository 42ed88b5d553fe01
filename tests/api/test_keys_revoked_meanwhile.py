"""A key that is revoked while what it asked waits its turn: no answer is given after that."""

import pytest

from core.access import Role, revoke_key
from dnc.answers import Answer
from dnc.drafts import Request
from dnc.lane import GROUP_LIMIT, Lane
from tests.api.calling import Ringklar, refused
from tests.seeding import CAMPAIGN, FROM_PARTNER, OPERATOR


def revoked(ringklar: Ringklar) -> None:
    with ringklar.service.store.writing() as session:
        revoke_key(session, OPERATOR, name="fresh key 1", now=ringklar.service.clock.now())


def test_a_batch_whose_key_is_revoked_while_it_is_answered_gets_no_answer_at_all(
    ringklar: Ringklar, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, ask = ringklar.new_key(Role.DIALER, ringklar.seeded.seller_id), Lane.ask

    def revoked_after(lane: Lane, request: Request) -> list[Answer]:
        answers = ask(lane, request)
        revoked(ringklar)
        return answers

    monkeypatch.setattr(Lane, "ask", revoked_after)
    body = {"campaign": CAMPAIGN, "numbers": [FROM_PARTNER] * 10_000}

    refused(ringklar.post("/v1/checks/batch", body, key=key), 401, "unauthenticated")
    assert ringklar.row_counts()["checks"] <= GROUP_LIMIT * len(ringklar.service.gate.lanes)


@pytest.mark.parametrize("path", ["/v1/checks", "/v1/checks/batch"])
def test_the_first_question_of_a_key_that_is_revoked_while_it_waits_is_not_answered(
    ringklar: Ringklar, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    key, ask = ringklar.new_key(Role.DIALER, ringklar.seeded.seller_id), Lane.ask

    def revoked_before(lane: Lane, request: Request) -> list[Answer]:
        revoked(ringklar)
        return ask(lane, request)

    monkeypatch.setattr(Lane, "ask", revoked_before)
    numbers = {"numbers": [FROM_PARTNER]} if path.endswith("batch") else {"number": FROM_PARTNER}

    refused(ringklar.post(path, {"campaign": CAMPAIGN, **numbers}, key=key), 401, "unauthenticated")
    assert ringklar.row_counts()["checks"] == 0
