"""Many numbers decided together are answered as each would be alone."""

import random
from datetime import date, datetime, timedelta
from functools import partial

import numpy as np
import pytest
from sqlalchemy import select, update

from consent.grounds import record_consent
from consent.terms import Channel
from core.ids import new_id
from core.numbers import Number
from dnc.deciding import Decider, Kept
from dnc.decision import Decision
from dnc.gate import Question
from dnc.gathering import read_standing
from dnc.models import Campaign, Contact, Hold, OptOut, Restriction
from dnc.reasons import ReasonCode
from dnc.screenings.engine import Screener
from dnc.screenings.standing import ahead_of
from dnc.screenings.tables import read_tables
from leads.models import Lead, LeadFile, Source
from leads.pauses import pause_lead_file
from tests.integration.seeds import dialer_of
from tests.seeding import (
    CAMPAIGN,
    FROM_PARTNER,
    OPERATOR,
    Seeded,
)

FIRST = 46846500400


def told(decision: Decision) -> tuple[object, ...]:
    """Return what a screening tells of a decision."""
    ground = decision.ground
    named = None if ground is None else (ground.kind, ground.source_id, ground.basis)
    codes = tuple(reason.code for reason in decision.reasons)
    return decision.verdict, codes, named, decision.valid_until, decision.retry_at, decision.policy, decision.register


@pytest.mark.parametrize("next_hour", [False, True])
def test_numbers_are_decided_together_as_each_would_be_alone(
    seeded: Seeded, next_hour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = np.array([*range(FIRST, FIRST + 100), *range(46701740605, 46701740700), 447700900123], dtype=np.int64)
    numbers.sort()
    _fill_at_random(seeded, numbers.tolist())
    store, now = seeded.service.store, seeded.clock.now()
    results: list[list[tuple[object, ...]]] = []
    alone: list[tuple[object, ...]] = []
    ways = ((10**6, False, 2**63 - 1), (0, False, 2**63 - 1), (0, True, 2**63 - 1), (0, True, 0))
    for looked_up, is_ahead, largest in ways:  # by index, then table by table, then before, then without whole numbers
        monkeypatch.setattr("dnc.screenings.tables.LOOKED_UP_AT_MOST", looked_up)
        monkeypatch.setattr("leads.lead_texts._LARGEST", largest)
        monkeypatch.setattr("dnc.screenings.tables.WORTH_A_SCAN", 10**6)
        with store.snapshot() as session:
            card = read_standing(session.connection(), campaigns=[CAMPAIGN], numbers=(), now=now).campaigns[CAMPAIGN]
            screener = Screener(session.connection(), seeded.service.shelf.listed_of, card, now, next_hour=next_hour)
            if is_ahead:
                tables = read_tables(session.connection(), len(numbers), card, now)
                screener.ahead = partial(ahead_of, tables)
            found = screener.screen(numbers)
            results.append([told(found.decided[code].decision) for code in found.codes])
            alone = []
            for number in numbers.tolist():
                standing = read_standing(session.connection(), campaigns=(), numbers=[number], now=now)
                at = screener.moment(Number(number).country).at
                if next_hour:
                    standing.rows.get(number, {}).pop("reservation", None)
                decider = Decider(Kept(seeded.service.shelf.listed), session.connection(), standing, at)
                known, key = decider.known(Number(number), card)
                alone.append(told(decider.decided(Number(number), card, known, key).decision))

    for result in results:
        assert result == alone
    assert len(set(alone)) > 12


@pytest.mark.parametrize("looked_up", [0, 10**6])
@pytest.mark.parametrize("again", [1, 2])
def test_numbers_alike_but_for_the_pause_of_what_delivered_their_consent_are_told_apart(
    seeded: Seeded, looked_up: int, again: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether each has one consent on record or two."""
    store, now = seeded.service.store, seeded.clock.now()
    numbers = np.arange(46701740620, 46701740626, dtype=np.int64)
    with store.writing() as session:
        paused, opened = session.scalars(select(LeadFile.id).order_by(LeadFile.no).limit(2)).all()
        pause_lead_file(session, OPERATOR, lead_file_id=paused, reason="klagomål", now=now)
    for number, file_id in zip(numbers.tolist(), [paused, opened, None] * 2, strict=True):
        for _ in range(again):
            _consent(seeded, number, {"form": "web-7"} if file_id is None else {"lead_file": file_id})
    monkeypatch.setattr("dnc.screenings.tables.LOOKED_UP_AT_MOST", looked_up)

    with store.snapshot() as session:
        card = read_standing(session.connection(), campaigns=[CAMPAIGN], numbers=(), now=now).campaigns[CAMPAIGN]
        screener = Screener(session.connection(), seeded.service.shelf.listed_of, card, now, next_hour=False)
        found = screener.screen(numbers)
    answers = [found.decided[code].decision for code in found.codes]

    assert [answer.may_call for answer in answers] == [False, True, True] * 2
    assert [reason.code for reason in answers[0].reasons] == [ReasonCode.SOURCE_PAUSED]


def _consent(seeded: Seeded, number: int, evidence: dict[str, object]) -> None:
    """Record a consent, the same for all but what its evidence says."""
    now = seeded.clock.now()
    with seeded.service.store.writing() as session:
        record_consent(
            session,
            OPERATOR,
            keyring=seeded.service.keyring,
            seller_id=seeded.seller_id,
            number=Number(number),
            channels=frozenset({Channel.VOICE}),
            names_seller=True,
            text_version="2026-1",
            evidence=evidence,
            given_at=now - timedelta(days=1),
            expires_at=None,
            now=now,
        )


def _checks_made(seeded: Seeded, *moments: datetime) -> list[str]:
    """Return the ids of checks made at the moments, the last of which the clock then tells."""
    ids = []
    for at in moments:
        seeded.clock.at = at
        ids.append(seeded.service.gate.ask(dialer_of(seeded), CAMPAIGN, Question(FROM_PARTNER)).id)
    return ids


def _fill_at_random(seeded: Seeded, numbers: list[int]) -> None:
    """Put on record, for many of the numbers, whatever may speak of one, at times around now."""
    from consent.models import Consent, CustomerRelation

    chance, now = random.Random(20261122), seeded.clock.now()
    store = seeded.service.store

    def near() -> datetime:
        return now + chance.choice([-1, 1]) * chance.choice(
            [timedelta(minutes=5), timedelta(hours=5), timedelta(days=1), timedelta(days=40), timedelta(days=400)]
        )

    def seller() -> str:
        return chance.choice([seeded.seller_id, seeded.seller_id, seeded.other_seller_id])

    check_ids = _checks_made(seeded, now - timedelta(days=40), now - timedelta(hours=3), now)
    dated = random.Random(20261123)
    with store.writing() as session:
        campaigns = session.scalars(select(Campaign.id)).all()
        sources = session.scalars(select(Source.no)).all()
        files = session.scalars(select(LeadFile.no)).all()
        session.execute(update(LeadFile).where(LeadFile.no == files[0]).values(paused_at=now, paused_reason="x"))
        delivering = [None, new_id(), *session.scalars(select(LeadFile.id).order_by(LeadFile.no))]
        placed = {row[0]: row[1] for row in session.execute(select(Lead.number, Lead.source_no))}
        common = {"recorded_at": now, "recorded_by": "operator:tests"}
        for row_no, number in enumerate(numbers, 1000):
            for source_no in chance.sample(list(sources), chance.choice([0, 0, 1, 1, 2, 3])):
                if placed.get(number) is None:
                    session.add(
                        Lead(
                            number=number,
                            source_no=source_no,
                            file_no=chance.choice(files),
                            row_no=row_no,
                            birth_date=chance.choice([None, None, date(1980, 1, 1), date(2012, 5, 5)]),
                            collected_at=chance.choice([None, near()]),
                            expires_at=near(),
                            person=None,
                        )
                    )
            if chance.random() < 0.2:
                channels = chance.choice(["voice", "automated_voice,voice", "automated_voice"])
                session.add(
                    OptOut(
                        id=new_id(),
                        seller_id=chance.choice([seller(), None]),
                        number=number,
                        channels=channels,
                        via="phone",
                        note="",
                        received_at=now,
                        **common,
                    )
                )
            if chance.random() < 0.1:
                session.add(
                    Hold(id=new_id(), seller_id=seller(), number=number, reason="x", note="", made_at=now, made_by="x")
                )
            if chance.random() < 0.1:
                session.add(
                    Restriction(
                        id=new_id(),
                        seller_id=chance.choice([seller(), None]),
                        number=number,
                        kind="deceased",
                        note="",
                        made_at=now,
                        made_by="x",
                    )
                )
            if chance.random() < 0.3:
                session.add(
                    Consent(
                        id=new_id(),
                        seller_id=seller(),
                        number=number,
                        channels="voice",
                        names_seller=chance.random() < 0.8,
                        text_version="1",
                        evidence="",
                        given_at=near(),
                        expires_at=chance.choice([None, near()]),
                        lead_file_id=dated.choice(delivering),
                        **common,
                    )
                )
            if chance.random() < 0.2:
                session.add(
                    CustomerRelation(
                        id=new_id(),
                        seller_id=seller(),
                        number=number,
                        product=chance.choice(["electricity", "insurance"]),
                        reference="r",
                        started_at=near(),
                        fulfilled_at=chance.choice([None, near()]),
                        **common,
                    )
                )
            for _ in range(chance.choice([0, 0, 0, 1, 3])):
                session.add(
                    Contact(
                        id=new_id(),
                        check_id=dated.choice(check_ids),
                        seller_id=seeded.seller_id,
                        campaign_id=chance.choice(campaigns),
                        number=number,
                        call_id=new_id(),
                        started_at=now - chance.choice([timedelta(hours=1), timedelta(hours=6), timedelta(days=60)]),
                        outcome="no_answer",
                        recorded_at=now,
                        logged_by="key:tests",
                    )
                )
