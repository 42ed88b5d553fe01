"""What changes while a file is screened counts from the next rows on."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from core.sellers import seller_named
from dnc.campaigns import close_campaign
from dnc.drafts import UnknownCampaign
from dnc.screenings import running
from dnc.screenings.ahead import begun
from dnc.screenings.models import Screening
from dnc.screenings.service import Wanted, campaign_of
from dnc.screenings.work import screen_file
from dnc.seller_rules.setting import set_rules
from tests.screened import file_in, report, rows_of, screen_into, screened, screenings
from tests.seeding import CAMPAIGN, FROM_PARTNER, OPERATOR, OTHER_SELLER, SELLER, Seeded, opt_out


def closed(seeded: Seeded) -> None:
    with seeded.service.store.writing() as session:
        close_campaign(session, OPERATOR, slug=CAMPAIGN, now=seeded.clock.now())


def tightened(seeded: Seeded) -> None:
    with seeded.service.store.writing() as session:
        seller, rules = seller_named(session, SELLER), {"SE": {"opens": "13:00"}}
        set_rules(session, OPERATOR, seller=seller, rules=rules, because="the board", now=seeded.clock.now())


def renamed(seeded: Seeded) -> None:
    with seeded.service.store.engine.begin() as connection:
        connection.execute(text("UPDATE campaigns SET slug = 'other' WHERE slug = :slug"), {"slug": CAMPAIGN})


def given_away(seeded: Seeded) -> None:
    statement = "UPDATE campaigns SET seller_id = (SELECT id FROM sellers WHERE slug = :to) WHERE slug = :slug"
    with seeded.service.store.engine.begin() as connection:
        connection.execute(text(statement), {"to": OTHER_SELLER, "slug": CAMPAIGN})


CHANGES: dict[str, tuple[Callable[[Seeded], None], str]] = {
    "a campaign that is closed": (closed, "campaign_closed"),
    "stricter rules of the seller": (tightened, "outside_hours"),
    "a campaign that is gone": (renamed, "campaign_closed"),
    "a campaign that is another seller's": (given_away, "campaign_closed"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_while_a_file_is_screened_holds_from_the_next_batch(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(running, "PARTS_AT_ONCE", 1)
    source, target = file_in(tmp_path, [FROM_PARTNER] * 6), tmp_path / "ut.csv"
    how, reason = CHANGES[change]

    def changed(rows: int, _share: float) -> None:
        if rows == 3:
            how(seeded)

    wanted = Wanted(CAMPAIGN)
    screen_into(screenings(seeded), OPERATOR, wanted, source=source, target=target, progress=changed)

    assert [row["reasons"] for row in rows_of(target)] == [""] * 3 + [reason] * 3


def test_the_first_rows_are_answered_by_the_state_that_was_begun_for_them(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("ahead", "tables"):  # whole tables are read, as for a long file
        monkeypatch.setattr(f"dnc.screenings.{place}.LOOKED_UP_AT_MOST", 0)
    source, target, made, began = file_in(tmp_path), tmp_path / "ut.csv", screenings(seeded), seeded.clock.now()
    with begun(made.store, OPERATOR, Wanted(CAMPAIGN), source) as state:
        seeded.clock.at = began + timedelta(seconds=2)
        opt_out(seeded.service, FROM_PARTNER, None)
        screening_id = screen_file(made, OPERATOR, Wanted(CAMPAIGN), state, source=source, target=target)

    assert (rows_of(target)[0]["verdict"], rows_of(target)[0]["reasons"]) == ("allow", "")
    assert report(seeded, screening_id).asked_at == began
    assert rows_of(screened(seeded, source)[1])[0]["reasons"] == "opted_out"


def test_a_screening_does_not_go_on_for_a_campaign_that_is_another_sellers(seeded: Seeded, tmp_path: Path) -> None:
    source, target, ids = file_in(tmp_path), tmp_path / "ut.csv", list[str]()
    screen_into(screenings(seeded), OPERATOR, Wanted(CAMPAIGN), source=source, target=target, asked=ids.append)
    given_away(seeded)

    with seeded.service.store.reading() as session, pytest.raises(UnknownCampaign):
        campaign_of(session, session.get_one(Screening, ids[0]), seeded.clock.now())
