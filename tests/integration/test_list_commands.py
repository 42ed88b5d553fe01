"""The commands that list what there is: by the page, in an order that stays, and never a secret."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.commands import run_command
from tests.integration.seeds import seeded_service
from tests.screened import file_in
from tests.seeding import CAMPAIGN, OTHER_CAMPAIGN, OTHER_SELLER, SELLER

Json = Any  # whatever JSON holds
Run = Callable[..., Result]
USAGE = 2


@pytest.fixture
def ringklar(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    """Return what runs one command against a seeded installation."""
    with seeded_service(request, "sqlite", tmp_path) as seeded:
        yield lambda *words: run_command(seeded.service.settings, *map(str, words))


def told(result: Result) -> Json:
    """Return the JSON that a command answered."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_screenings_are_listed_the_newest_first(ringklar: Run, tmp_path: Path) -> None:
    assert ringklar("screening", "list").stdout == "no screening\n"
    source = file_in(tmp_path)
    for place in range(2):
        assert ringklar("screen", source, tmp_path / f"{place}.csv", "--campaign", CAMPAIGN).exit_code == 0

    newest, oldest = told(ringklar("screening", "list", "--json"))["screenings"]

    assert newest["id"] > oldest["id"]
    assert newest["asked_by"].startswith("operator:")
    some = ringklar("screening", "list", "--limit", "1").stdout.splitlines()
    day = newest["asked_at"][:10]
    counts = ", ".join(f"{newest['verdicts'][verdict]} {verdict}" for verdict in ("allow", "deny", "unknown"))
    assert some == [
        f"{newest['id']}  {day}  {CAMPAIGN}  done, 8 rows: {counts}  ring.csv",
        f"there are more: --after {newest['id']}",
    ]
    rest = told(ringklar("screening", "list", "--after", newest["id"], "--json"))
    assert rest == {"screenings": [oldest], "next_after": None}
    assert ringklar("screening", "list", "--after", "x").exit_code == USAGE


def test_campaigns_are_listed_by_slug_with_the_closed_ones(ringklar: Run) -> None:
    ringklar(
        "campaign", "add", "annan", "--seller", SELLER, "--product", "tv", "--name", "Tv året om", "--open-weekends"
    )
    assert ringklar("campaign", "close", CAMPAIGN).exit_code == 0

    listed = told(ringklar("campaign", "list", "--json"))

    assert [one["slug"] for one in listed["campaigns"]] == ["annan", OTHER_CAMPAIGN, CAMPAIGN]
    opened, _, closed = listed["campaigns"]
    assert (opened["seller"], opened["product"], opened["closed_at"]) == (SELLER, "tv", None)
    assert ringklar("campaign", "list").stdout.splitlines() == [
        f"annan  {SELLER}  tv, voice, weekends too  open  Tv året om",
        f"{OTHER_CAMPAIGN}  {OTHER_SELLER}  insurance, voice  open  Hemskydd 2026",
        f"{CAMPAIGN}  {SELLER}  electricity, voice  closed {closed['closed_at'][:10]}  Vinterel 2026",
    ]
    some = ringklar("campaign", "list", "--after", "annan", "--limit", "1").stdout.splitlines()
    assert [some[0].split()[0], some[1]] == [OTHER_CAMPAIGN, f"there are more: --after {OTHER_CAMPAIGN}"]
    assert ringklar("campaign", "list", "--after", CAMPAIGN).stdout == "there is no campaign\n"
