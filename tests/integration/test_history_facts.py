"""The facts of past checks, rebuilt from the tables: as they were found then, and as they are known now."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from consent.models import RelationVersion
from dnc.decision import Verdict, decide
from dnc.facts import CallFacts, RegisterFact
from dnc.history.facts import Asked, facts_asked
from dnc.models import Campaign, RegisterVersion
from dnc.policies.catalogue import policy_for
from dnc.reasons import ReasonCode
from leads.models import LeadBirthDate, LeadFile, PauseMark, Supplier
from migrations.run import downgrade, upgrade
from tests.calls import call
from tests.integration.stories import Story, stored_checks
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LISTED,
    PARTNER_SOURCE,
    TUESDAY_AT_TEN,
    WITHOUT_SOURCE,
    Seeded,
    load_listed,
    number_of,
)


def test_every_check_finds_again_the_facts_that_it_found(seeded: Seeded, tmp_path: Path) -> None:
    Story(seeded, tmp_path).tell()

    stored = list(stored_checks(seeded, after=TUESDAY_AT_TEN))
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
    assert {one.paused for facts in found for one in facts.consents or ()} == {True, False}
    assert {bool(one.fulfilled_at) for facts in found for one in facts.relations or ()} == {True, False}
    assert {bool(facts.attempts.started_at) for facts in found if facts.attempts} == {True, False}
    assert {bool(facts.attempts.reserved_until) for facts in found if facts.attempts} == {True, False}
    assert {facts.campaign.rules.version for facts in found if facts.campaign and facts.campaign.rules} == {0, 1, 2}
    assert len({facts.register.version_id for facts in found if facts.register}) == 2
    assert {facts.register.listed for facts in found if facts.register} == {True, False}
    assert {facts.campaign.is_open for facts in found if facts.campaign} == {True, False}
    assert any(facts.number is None for facts in found)


def asked_of(story: Story, written: str, at: datetime, known_at: datetime) -> CallFacts:
    """Return the facts of the number for the first seller's campaign, at one moment as known at another."""
    service = story.seeded.service
    with service.store.snapshot() as session:
        campaign_id = session.scalars(select(Campaign.id).where(Campaign.slug == CAMPAIGN)).one()
        asked = Asked(number_of(written), campaign_id, at, known_at)
        return facts_asked(session.connection(), service.shelf.listed, [asked])[0]


@pytest.mark.parametrize("earlier", [timedelta(minutes=4), timedelta(hours=5), timedelta(days=60)])
def test_a_call_dated_before_its_check_is_found_again_as_of_its_check(
    seeded: Seeded, tmp_path: Path, earlier: timedelta
) -> None:
    story, checked_at = Story(seeded, tmp_path), seeded.clock.at + timedelta(hours=1)
    call(seeded, FROM_PARTNER, "dated back", checked_at, started_at=checked_at - earlier)
    seeded.clock.at += timedelta(hours=1)
    story.check_all()

    stored = [one for one in stored_checks(seeded, after=checked_at) if one.asked.number == number_of(FROM_PARTNER)]
    with seeded.service.store.snapshot() as session:
        again = facts_asked(session.connection(), seeded.service.shelf.listed, [one.asked for one in stored])

    attempts = [one.facts.attempts.started_at for one in stored if one.facts.attempts is not None]
    assert attempts.count((checked_at,)) == 2, "the two dialers of the campaign that called"
    assert again == [one.facts for one in stored]
    before = asked_of(story, FROM_PARTNER, checked_at - timedelta(minutes=1), story.now)
    assert before.attempts is not None
    assert before.attempts.started_at == (), "no call can have been made on a check that was not given yet"


def test_a_no_that_was_recorded_late_is_known_now_of_a_moment_before(seeded: Seeded, tmp_path: Path) -> None:
    story, before = Story(seeded, tmp_path), seeded.clock.at
    seeded.clock.at += timedelta(days=2)
    story.opt_out(FROM_PARTNER, said_before=timedelta(days=1))
    between = before + timedelta(days=1, hours=1)
    policy = policy_for("SE", between)

    then = asked_of(story, FROM_PARTNER, between, between)
    now = asked_of(story, FROM_PARTNER, between, story.now)

    assert (then.opt_outs, decide(then, policy, between).verdict) == ((), Verdict.ALLOW)
    assert [reason.code for reason in decide(now, policy, between).reasons] == [ReasonCode.OPTED_OUT]
    assert asked_of(story, FROM_PARTNER, before + timedelta(hours=1), story.now).opt_outs == ()


def test_a_release_counts_from_when_it_was_asked_for_once_it_is_known(seeded: Seeded, tmp_path: Path) -> None:
    story = Story(seeded, tmp_path)
    opt_out_id = story.opt_out(FROM_PARTNER)
    seeded.clock.at += timedelta(hours=2)
    story.release(opt_out_id, asked_before=timedelta(hours=1))
    between = story.now - timedelta(minutes=30)

    assert asked_of(story, FROM_PARTNER, between, between).opt_outs
    assert asked_of(story, FROM_PARTNER, between, story.now).opt_outs == ()
    assert asked_of(story, FROM_PARTNER, between - timedelta(hours=1), story.now).opt_outs


def test_a_consent_and_its_withdrawal_count_from_when_the_person_said_so(seeded: Seeded, tmp_path: Path) -> None:
    story = Story(seeded, tmp_path)
    seeded.clock.at += timedelta(hours=1)
    story.consent(FROM_PARTNER)
    seeded.clock.at += timedelta(hours=3)
    story.withdraw(said_before=timedelta(hours=1))
    before, after = story.now - timedelta(hours=2), story.now - timedelta(minutes=30)

    def withdrawn(at: datetime, known_at: datetime) -> list[bool]:
        return [one.withdrawn_at is not None for one in asked_of(story, FROM_PARTNER, at, known_at).consents or ()]

    assert withdrawn(after, after) == [False]
    assert withdrawn(after, story.now) == [True]
    assert withdrawn(before, story.now) == [False]
    assert withdrawn(TUESDAY_AT_TEN, TUESDAY_AT_TEN) == []
    assert withdrawn(TUESDAY_AT_TEN, story.now) == [False]
    assert withdrawn(TUESDAY_AT_TEN - timedelta(days=2), story.now) == []


def test_a_contract_has_the_dates_that_were_on_record(seeded: Seeded, tmp_path: Path) -> None:
    story, first = Story(seeded, tmp_path), seeded.clock.at
    story.relation(WITHOUT_SOURCE, None)
    seeded.clock.at += timedelta(hours=2)
    ended = story.now - timedelta(hours=1)
    story.relation(WITHOUT_SOURCE, ended)

    def fulfilled(at: datetime, known_at: datetime) -> list[datetime | None]:
        return [one.fulfilled_at for one in asked_of(story, WITHOUT_SOURCE, at, known_at).relations or ()]

    assert fulfilled(story.now, first) == [None]
    assert fulfilled(story.now, story.now) == [ended]
    assert fulfilled(ended - timedelta(minutes=1), story.now) == [None]
    assert fulfilled(ended, story.now) == [ended]
    assert fulfilled(first, first - timedelta(seconds=1)) == []


def test_a_register_speaks_of_the_day_that_its_contents_are_from(seeded: Seeded, tmp_path: Path) -> None:
    story, before = Story(seeded, tmp_path), seeded.clock.at
    seeded.clock.at += timedelta(days=2)
    load_listed(seeded.service, tmp_path, [LISTED, FROM_PARTNER], date(2026, 11, 20))

    def listed(at: datetime, known_at: datetime) -> bool | None:
        fact = asked_of(story, FROM_PARTNER, at, known_at).register
        return None if fact is None else fact.listed

    assert listed(before, before) is False
    assert listed(before, story.now) is True
    load_listed(seeded.service, tmp_path, [LISTED, FROM_LIST], date(2026, 11, 25))
    assert listed(before, story.now) is True
    assert listed(story.now, story.now) is False


def test_a_register_that_was_never_loaded_by_then_is_missing(seeded: Seeded, tmp_path: Path) -> None:
    story, loaded = Story(seeded, tmp_path), seeded.clock.at + timedelta(hours=1)
    with seeded.service.store.writing() as session:
        connection = session.connection()
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER register_versions_no_update")
        else:
            connection.exec_driver_sql("ALTER TABLE register_versions DISABLE TRIGGER register_versions_append_only")
        session.execute(update(RegisterVersion).values(loaded_at=loaded))

    before, after = (asked_of(story, FROM_PARTNER, at, at).register for at in (seeded.clock.at, loaded))
    assert before == RegisterFact("nix", None, None, None)
    assert after is not None
    assert (after.version_id is None, after.listed) == (False, False)


def test_whether_a_lead_was_there_while_its_file_was_read_is_not_known(seeded: Seeded, tmp_path: Path) -> None:
    story, received = Story(seeded, tmp_path), seeded.clock.at + timedelta(minutes=5)
    with seeded.service.store.writing() as session:
        session.execute(update(LeadFile).values(received_at=received, read_at=received + timedelta(minutes=10)))
    seeded.clock.at += timedelta(hours=1)

    assert asked_of(story, FROM_PARTNER, received, received).leads is None
    assert asked_of(story, FROM_PARTNER, story.now, story.now - timedelta(minutes=50)).leads is None
    assert len(asked_of(story, FROM_PARTNER, received, story.now).leads or ()) == 1
    assert asked_of(story, FROM_PARTNER, received, received - timedelta(seconds=1)).leads == ()
    assert asked_of(story, WITHOUT_SOURCE, received, received).leads == ()
    undecided = asked_of(story, FROM_PARTNER, received, received)
    assert not decide(undecided, policy_for("SE", received), received).may_call


def test_a_birth_date_that_nobody_kept_leaves_the_leads_unknown(seeded: Seeded, tmp_path: Path) -> None:
    story, before = Story(seeded, tmp_path), seeded.clock.at
    seeded.clock.at += timedelta(hours=1)
    story.import_rows(PARTNER_SOURCE, [f"{FROM_PARTNER};2026-11-01;2015-02-03"])
    [lead] = asked_of(story, FROM_PARTNER, story.now, before).leads or ()
    assert lead.birth_date is None
    [lead] = asked_of(story, FROM_PARTNER, before, story.now).leads or ()
    assert lead.birth_date == date(2015, 2, 3)

    with seeded.service.store.writing() as session:
        session.execute(update(LeadBirthDate).values(is_known=False))

    assert asked_of(story, FROM_PARTNER, story.now, before).leads is None


@pytest.mark.parametrize("behind", [timedelta(0), timedelta(seconds=20)])
def test_a_register_that_a_node_with_a_slow_clock_swapped_is_the_one_that_was_asked(
    seeded: Seeded, tmp_path: Path, behind: timedelta
) -> None:
    """Whichever clock dates a version, it comes after the one that it replaced."""
    story = Story(seeded, tmp_path)
    for place in range(4):  # ids of one millisecond may come in any order
        load_listed(seeded.service, tmp_path, [(LISTED, FROM_PARTNER)[place % 2]], date(2026, 11, 20))
        seeded.clock.at -= behind
    in_force = seeded.clock.at + timedelta(minutes=5)
    seeded.clock.at = in_force
    story.check_all()

    stored = list(stored_checks(seeded, after=in_force - timedelta(seconds=1)))
    with seeded.service.store.snapshot() as session:
        again = facts_asked(session.connection(), seeded.service.shelf.listed, [one.asked for one in stored])

    listed = {
        one.facts.register.listed
        for one in stored
        if one.asked.number == number_of(FROM_PARTNER) and one.facts.register
    }
    assert listed == {True}
    assert again == [one.facts for one in stored]


def test_a_campaign_that_did_not_exist_yet_leaves_all_but_the_number_unknown(seeded: Seeded, tmp_path: Path) -> None:
    facts = asked_of(Story(seeded, tmp_path), FROM_PARTNER, seeded.clock.at - timedelta(days=1), seeded.clock.at)

    assert facts.number is not None
    assert (facts.campaign, facts.leads, facts.opt_outs) == (None, None, None)


def test_what_was_overwritten_is_read_back_from_the_ledger(seeded: Seeded, tmp_path: Path) -> None:
    story, url = Story(seeded, tmp_path), seeded.service.settings.database_url
    story.tell()
    kept = _kept(seeded)
    assert all(kept.values())

    downgrade(url, "0013_add_proofs")
    upgrade(url)

    again = _kept(seeded)
    births = [(*row[:3], None, False, None, None) for row in kept.pop("lead_birth_dates")]
    assert again.pop("lead_birth_dates") == births
    assert again == kept


def test_a_pause_that_the_ledger_does_not_tell_of_is_read_back_from_its_column(seeded: Seeded, tmp_path: Path) -> None:
    story, url = Story(seeded, tmp_path), seeded.service.settings.database_url
    before = story.now
    seeded.clock.at += timedelta(hours=1)
    with seeded.service.store.writing() as session:
        session.execute(
            update(Supplier)
            .where(Supplier.slug == "kronan")
            .values(paused_at=story.now, quarantined_at=story.now, paused_reason="by hand")
        )

    downgrade(url, "0013_add_proofs")
    upgrade(url)

    assert [row[2] for row in _kept(seeded)["pause_marks"]] == ["paused", "quarantined"]
    assert [lead.paused for lead in asked_of(story, FROM_PARTNER, story.now, story.now).leads or ()] == [True]
    assert [lead.paused for lead in asked_of(story, FROM_PARTNER, before, story.now).leads or ()] == [False]


def _kept(seeded: Seeded) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of the tables that keep what was overwritten."""
    tables = (PauseMark, RelationVersion, LeadBirthDate)
    with seeded.service.store.reading() as session:
        return {
            table.__tablename__: sorted(
                (tuple(row) for row in session.execute(select(*table.__table__.columns))), key=repr
            )
            for table in tables
        }
