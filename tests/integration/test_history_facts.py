"""The facts of past checks, rebuilt from the tables: as they were found then, and as they are known now."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dnc.facts import CallFacts
from dnc.history.facts import facts_asked
from tests.integration.recording import fill
from tests.integration.seeds import KINDS, seeded_service
from tests.integration.stories import Story, stored_checks
from tests.seeding import TUESDAY_AT_TEN, Seeded


@pytest.fixture(params=KINDS)
def seeded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seeded]:
    with seeded_service(request, request.param, tmp_path) as found:
        yield found


def test_every_check_finds_again_the_facts_that_it_found(seeded: Seeded, tmp_path: Path) -> None:
    story = Story(seeded, tmp_path)
    story.tell()
    fill(seeded)
    seeded.clock.at += timedelta(minutes=1)
    story.check_all()

    stored = list(stored_checks(seeded, after=TUESDAY_AT_TEN))
    stored = [one for one in stored if one.asked.at != seeded.clock.at - timedelta(minutes=1)]
    with seeded.service.store.snapshot() as session:
        again = facts_asked(session.connection(), seeded.service.shelf.listed, [one.asked for one in stored])

    assert_varied([one.facts for one in stored])
    for one, facts in zip(stored, again, strict=True):
        assert facts == one.facts, one.asked


def assert_varied(found: list[CallFacts]) -> None:
    """See that the story left nothing out that a check can find."""
    leads = [lead for facts in found for lead in facts.leads or ()]
    assert any(len(facts.leads or ()) == 2 for facts in found)
    assert {lead.paused for lead in leads} == {True, False}
    assert {lead.birth_date is None for lead in leads} == {True, False}
    for part in ("opt_outs", "holds", "restrictions", "leads", "consents", "relations"):
        assert {bool(getattr(facts, part)) for facts in found} == {True, False}, part
    assert {bool(one.withdrawn_at) for facts in found for one in facts.consents or ()} == {True, False}
    assert {bool(one.fulfilled_at) for facts in found for one in facts.relations or ()} == {True, False}
    assert {bool(facts.attempts.started_at) for facts in found if facts.attempts} == {True, False}
    assert len({facts.register.version_id for facts in found if facts.register}) == 2
    assert {facts.register.listed for facts in found if facts.register} == {True, False}
    assert {facts.campaign.is_open for facts in found if facts.campaign} == {True, False}
    assert any(facts.number is None for facts in found)
