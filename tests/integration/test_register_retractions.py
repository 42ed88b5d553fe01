"""When a register's newer version is in force, every seller's leads that joined it are retracted in the change feed."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from consent.grounds import record_consent, record_relation
from consent.terms import Channel
from core.changes import Change, ChangeKind, changes_after
from core.ledger import LedgerEntry
from core.numbers import Number
from dnc.gate import Question
from dnc.registers import retractions
from dnc.registers.contents import version_named
from dnc.registers.retractions import retract_joined
from dnc.registers.snapshots import snapshot_path
from service import Service
from tests.integration.seeds import KINDS, seeded_service, verified
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LISTED,
    OF_OTHER_SELLER,
    OPERATOR,
    OPTED_OUT,
    WITHOUT_SOURCE,
    Seeded,
    load_listed,
    number_of,
)


@pytest.fixture(params=KINDS)
def seeded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seeded]:
    """Return a seeded service whose register was followed up to the version in force."""
    with seeded_service(request, request.param, tmp_path) as made:
        follow(made.service)
        yield made


def follow(service: Service) -> int:
    return retract_joined(service.store, service.settings.registers_dir, service.clock.now())


def swap(seeded: Seeded, tmp_path: Path, numbers: list[str], day: int = 20) -> None:
    """Put a newer version in force."""
    load_listed(seeded.service, tmp_path, numbers, date(2026, 11, day))


def retracted(service: Service, after: int = 0) -> list[tuple[str, str | None]]:
    """Return the feed's retractions: number and seller."""
    return [
        (Number(row.number).e164, row.seller_id) for row in feed(service, after) if row.kind == ChangeKind.RETRACTION
    ]


def feed(service: Service, after: int = 0) -> list[Change]:
    with service.store.reading() as session:
        rows = list(changes_after(session, after, seller_id=None, limit=1000))
        session.expunge_all()
    return rows


def end_of_feed(service: Service) -> int:
    return max((row.seq for row in feed(service)), default=0)


def test_each_seller_hears_of_its_own_leads_that_joined_and_of_nothing_else(seeded: Seeded, tmp_path: Path) -> None:
    end = end_of_feed(seeded.service)
    swap(seeded, tmp_path, [LISTED, FROM_PARTNER, OF_OTHER_SELLER, WITHOUT_SOURCE, "+46846500400"])

    assert follow(seeded.service) == 3

    assert retracted(seeded.service, end) == [
        (FROM_PARTNER, min(seeded.seller_id, seeded.other_seller_id)),
        (FROM_PARTNER, max(seeded.seller_id, seeded.other_seller_id)),
        (OF_OTHER_SELLER, seeded.other_seller_id),
    ]


def test_a_number_without_a_lead_is_retracted_from_the_seller_whose_consent_or_contract_carries_its_calls(
    seeded: Seeded, tmp_path: Path
) -> None:
    """A consent that is too old to lift the register carries the call until the number joins it."""
    service, now = seeded.service, seeded.clock.now()
    contracted = "+46846500400"
    with service.store.writing() as session:
        record_consent(
            session,
            OPERATOR,
            seller_id=seeded.seller_id,
            number=number_of(WITHOUT_SOURCE),
            channels=frozenset({Channel.VOICE}),
            names_seller=True,
            text_version="1",
            evidence={"form": "https://norrsken.example/ring-mig"},
            given_at=now - timedelta(days=200),
            expires_at=None,
            now=now,
            keyring=service.keyring,
        )
        record_relation(
            session,
            OPERATOR,
            seller_id=seeded.seller_id,
            number=number_of(contracted),
            product="electricity",
            reference="A-1",
            started_at=now - timedelta(days=200),
            fulfilled_at=None,
            now=now,
            keyring=service.keyring,
        )
    assert service.gate.ask(OPERATOR, CAMPAIGN, Question(WITHOUT_SOURCE)).decision.may_call
    end = end_of_feed(service)

    swap(seeded, tmp_path, [LISTED, WITHOUT_SOURCE, contracted])

    assert follow(service) == 2
    assert retracted(service, end) == [(WITHOUT_SOURCE, seeded.seller_id), (contracted, seeded.seller_id)]
    assert not service.gate.ask(OPERATOR, CAMPAIGN, Question(WITHOUT_SOURCE)).decision.may_call


def test_a_retraction_says_nothing_of_the_register(seeded: Seeded, tmp_path: Path) -> None:
    end = end_of_feed(seeded.service)
    swap(seeded, tmp_path, [LISTED, FROM_LIST])
    follow(seeded.service)

    [row] = feed(seeded.service, end)

    assert (row.kind, row.channels) == ("retraction", "automated_voice,voice")
    assert "nix" not in f"{row.subject}{row.kind}{row.channels}"


def test_numbers_that_left_or_stayed_are_not_retracted(seeded: Seeded, tmp_path: Path) -> None:
    end = end_of_feed(seeded.service)
    swap(seeded, tmp_path, [LISTED, OPTED_OUT], 16)
    follow(seeded.service)
    swap(seeded, tmp_path, [LISTED, "+46846500400"], 17)

    assert follow(seeded.service) == 0
    assert retracted(seeded.service, end) == [(OPTED_OUT, seeded.seller_id)]


def test_a_second_run_says_nothing_twice(seeded: Seeded, tmp_path: Path) -> None:
    swap(seeded, tmp_path, [LISTED, FROM_LIST])
    assert follow(seeded.service) == 1
    end = end_of_feed(seeded.service)

    assert follow(seeded.service) == 0
    assert end_of_feed(seeded.service) == end


def test_who_joined_with_a_version_that_was_replaced_before_it_was_followed_is_told_of_all_the_same(
    seeded: Seeded, tmp_path: Path
) -> None:
    end = end_of_feed(seeded.service)
    swap(seeded, tmp_path, [LISTED, FROM_LIST], 16)
    swap(seeded, tmp_path, [LISTED, FROM_LIST, OPTED_OUT], 17)

    assert follow(seeded.service) == 2
    assert {number for number, _ in retracted(seeded.service, end)} == {FROM_LIST, OPTED_OUT}


def left_and_came_back(seeded: Seeded, tmp_path: Path) -> None:
    """Let somebody leave the register and come back while nobody follows it."""
    swap(seeded, tmp_path, [LISTED, OPTED_OUT], 16)
    follow(seeded.service)
    swap(seeded, tmp_path, [LISTED, "+46846500400"], 17)
    swap(seeded, tmp_path, [LISTED, OPTED_OUT, FROM_LIST], 18)


def test_who_left_and_came_back_before_that_was_followed_is_told_of(seeded: Seeded, tmp_path: Path) -> None:
    left_and_came_back(seeded, tmp_path)
    end = end_of_feed(seeded.service)

    assert follow(seeded.service) == 2
    assert {number for number, _ in retracted(seeded.service, end)} == {OPTED_OUT, FROM_LIST}
    assert follow(seeded.service) == 0


def test_when_a_version_in_between_cannot_be_read_all_that_are_listed_are_told_of(
    seeded: Seeded, tmp_path: Path
) -> None:
    left_and_came_back(seeded, tmp_path)
    with seeded.service.store.reading() as session:
        between = version_named(session, "nix", "2026-11-17")
    snapshot_path(seeded.service.settings.registers_dir, between.snapshot_sha256).unlink()
    end = end_of_feed(seeded.service)

    assert follow(seeded.service) == 3
    assert {number for number, _ in retracted(seeded.service, end)} == {LISTED, OPTED_OUT, FROM_LIST}


@pytest.mark.parametrize("units", range(4))
def test_a_run_that_is_cut_off_anywhere_goes_on_where_it_came_to(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, units: int
) -> None:
    monkeypatch.setattr(retractions, "AT_ONCE", 1)
    end = end_of_feed(seeded.service)
    swap(seeded, tmp_path, [LISTED, FROM_LIST, FROM_PARTNER, OPTED_OUT, OF_OTHER_SELLER])
    real, done = retractions._move, Counter[str]()

    def cut_off(*arguments: object) -> None:
        done["units"] += 1
        if done["units"] > units:
            raise KeyboardInterrupt
        real(*arguments)  # type: ignore[arg-type] # handed on as they came

    monkeypatch.setattr(retractions, "_move", cut_off)
    with pytest.raises(KeyboardInterrupt):
        follow(seeded.service)
    monkeypatch.setattr(retractions, "_move", real)
    follow(seeded.service)

    told = retracted(seeded.service, end)
    assert len(told) == len(set(told)) == 5
    assert not verified(seeded.service).findings


def test_two_runs_from_the_same_place_tell_of_each_number_once(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = end_of_feed(seeded.service)
    swap(seeded, tmp_path, [LISTED, FROM_LIST, OPTED_OUT])
    real = retractions._announce

    def overtaken(*arguments: object) -> object:
        monkeypatch.setattr(retractions, "_announce", real)
        follow(seeded.service)
        return real(*arguments)  # type: ignore[arg-type] # handed on as they came

    monkeypatch.setattr(retractions, "_announce", overtaken)
    assert follow(seeded.service) == 0

    assert sorted(number for number, _ in retracted(seeded.service, end)) == sorted([FROM_LIST, OPTED_OUT])


def test_when_the_version_before_cannot_be_read_all_that_are_listed_are_told_of(seeded: Seeded, tmp_path: Path) -> None:
    end = end_of_feed(seeded.service)
    for path in seeded.service.settings.registers_dir.iterdir():
        path.unlink()
    swap(seeded, tmp_path, [LISTED, FROM_LIST])

    assert follow(seeded.service) == 2
    assert sorted(number for number, _ in retracted(seeded.service, end)) == [FROM_LIST, LISTED]


def test_a_version_that_cannot_be_read_is_left_until_it_can(seeded: Seeded, tmp_path: Path) -> None:
    swap(seeded, tmp_path, [LISTED, FROM_LIST])
    kept = {path: path.read_bytes() for path in seeded.service.settings.registers_dir.iterdir()}
    for path in kept:
        path.write_bytes(b"damaged")
    assert follow(seeded.service) == 0

    for path, content in kept.items():
        path.write_bytes(content)

    assert follow(seeded.service) == 1


def test_it_stands_in_the_ledger_how_many_were_told_of_but_no_number(seeded: Seeded, tmp_path: Path) -> None:
    swap(seeded, tmp_path, [LISTED, FROM_LIST, OPTED_OUT])
    follow(seeded.service)

    with seeded.service.store.reading() as session:
        entries = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == "register.retracted")).all()
    assert any('"finished":true' in (entry or "") and '"announced":2' in (entry or "") for entry in entries)
    assert not any(FROM_LIST[1:] in (entry or "") for entry in entries)


def test_dialers_read_it_in_the_feed_of_their_own_seller(seeded: Seeded, tmp_path: Path) -> None:
    end = end_of_feed(seeded.service)
    swap(seeded, tmp_path, [LISTED, FROM_PARTNER])
    follow(seeded.service)

    with seeded.service.store.reading() as session:
        rows = changes_after(session, end, seller_id=seeded.seller_id, limit=10)
        assert [(row.number, row.seller_id) for row in rows] == [(int(FROM_PARTNER[1:]), seeded.seller_id)]
