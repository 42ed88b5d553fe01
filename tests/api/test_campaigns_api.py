"""Campaigns over HTTP: whoever may name one in a question finds its slug, of its own seller alone."""

import pytest

from consent.terms import Channel
from core.access import Role
from dnc.campaigns import add_campaign, close_campaign
from tests.api.calling import Json, Ringklar, answered, refused
from tests.seeding import CAMPAIGN, OPERATOR, OTHER_CAMPAIGN, OTHER_SELLER, SELLER

PATH = "/v1/campaigns"


def add(ringklar: Ringklar, slug: str) -> None:
    """Open a campaign of the seller, by machine and on weekends too."""
    with ringklar.service.store.writing() as session:
        add_campaign(
            session,
            OPERATOR,
            slug=slug,
            seller_id=ringklar.seeded.seller_id,
            name=f"Kampanjen {slug}",
            product="Electricity",
            channel=Channel.AUTOMATED_VOICE,
            opens_weekends=True,
            now=ringklar.service.clock.now(),
        )


def campaigns(ringklar: Ringklar, role: Role = Role.DIALER, key: str | None = None) -> list[Json]:
    """Return the campaigns that the caller is shown."""
    page = answered(ringklar.get(PATH, role, key), 200)
    assert page["next_cursor"] is None
    found: list[Json] = page["campaigns"]
    return found


def slugs(found: list[Json]) -> list[str]:
    """Return the slugs, in order."""
    return [one["slug"] for one in found]


def test_a_dialer_finds_the_campaigns_that_it_may_name(ringklar: Ringklar) -> None:
    add(ringklar, "automatisk")

    machine, person = campaigns(ringklar)

    now = ringklar.service.clock.now().isoformat().replace("+00:00", "Z")
    assert machine == {
        "slug": "automatisk",
        "name": "Kampanjen automatisk",
        "seller": SELLER,
        "product": "electricity",
        "channel": "automated_voice",
        "opens_weekends": True,
        "created_at": now,
        "closed_at": None,
    }
    assert (person["slug"], person["channel"], person["opens_weekends"]) == (CAMPAIGN, "voice", False)


def test_a_closed_campaign_is_listed_as_closed(ringklar: Ringklar) -> None:
    now = ringklar.service.clock.now()
    with ringklar.service.store.writing() as session:
        close_campaign(session, OPERATOR, slug=CAMPAIGN, now=now)

    [closed] = campaigns(ringklar)

    assert closed["closed_at"] == now.isoformat().replace("+00:00", "Z")


def test_another_sellers_campaigns_are_never_listed(shared: Ringklar) -> None:
    theirs = shared.new_key(Role.DIALER, shared.seeded.other_seller_id)

    assert slugs(campaigns(shared)) == [CAMPAIGN]
    assert [(one["slug"], one["seller"]) for one in campaigns(shared, key=theirs)] == [(OTHER_CAMPAIGN, OTHER_SELLER)]
    assert slugs(campaigns(shared, Role.COMPLIANCE)) == [OTHER_CAMPAIGN, CAMPAIGN]


def test_campaigns_come_in_pages_by_slug_though_others_are_opened(ringklar: Ringklar) -> None:
    for slug in ("b", "d"):
        add(ringklar, slug)
    first = answered(ringklar.get(f"{PATH}?limit=1"), 200)
    for slug in ("a", "c"):
        add(ringklar, slug)

    rest = answered(ringklar.get(f"{PATH}?cursor={first['next_cursor']}"), 200)

    assert slugs([*first["campaigns"], *rest["campaigns"]]) == ["b", "c", "d", CAMPAIGN]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("query", ["cursor=Fel%20Namn", "cursor=", "limit=0", "limit=1001", "seller=x"])
def test_a_question_that_cannot_be_read_is_refused_and_says_where(shared: Ringklar, query: str) -> None:
    document = refused(shared.get(f"{PATH}?{query}"), 422, "invalid-input")

    assert [mistake["at"] for mistake in document["errors"]] == [[query.partition("=")[0]]]


def test_an_administrator_who_asks_nothing_is_shown_none(shared: Ringklar) -> None:
    refused(shared.get(PATH, Role.ADMIN), 403, "forbidden")
