"""The commands that list what there is: by the page, in an order that stays, and never a secret."""

import csv
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import Result

from core.access import Role, secret_hash
from core.clock import SystemClock
from tests.commands import run_command
from tests.integration.seeds import seeded_service
from tests.screened import file_in
from tests.seeding import (
    CAMPAIGN,
    FROM_PARTNER,
    OTHER_CAMPAIGN,
    OTHER_SELLER,
    OTHER_SELLER_NAME,
    PARTNER_SOURCE,
    SELLER,
    SELLER_NAME,
)

Json = Any  # whatever JSON holds
Run = Callable[..., Result]
USAGE = 2


@pytest.fixture
def ringklar(request: pytest.FixtureRequest, tmp_path: Path, on_the_day: None) -> Iterator[Run]:
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
    counts = ", ".join(f"{newest['verdicts'][verdict]} {verdict}" for verdict in ("allow", "deny", "unknown"))
    assert some == [
        f"{newest['id']}  {day(newest['asked_at'])}  {CAMPAIGN}  done, 8 rows: {counts}  ring.csv",
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
        f"{CAMPAIGN}  {SELLER}  electricity, voice  closed {day(closed['closed_at'])}  Vinterel 2026",
    ]
    some = ringklar("campaign", "list", "--after", "annan", "--limit", "1").stdout.splitlines()
    assert [some[0].split()[0], some[1]] == [OTHER_CAMPAIGN, f"there are more: --after {OTHER_CAMPAIGN}"]
    assert ringklar("campaign", "list", "--after", CAMPAIGN).stdout == "there is no campaign\n"


def test_sellers_are_listed_by_slug(ringklar: Run) -> None:
    assert ringklar("seller", "list").stdout == f"{SELLER}  {SELLER_NAME}\n{OTHER_SELLER}  {OTHER_SELLER_NAME}\n"
    some = told(ringklar("seller", "list", "--limit", "1", "--json"))
    assert ([one["slug"] for one in some["sellers"]], some["next_after"]) == ([SELLER], SELLER)
    rest = told(ringklar("seller", "list", "--after", SELLER, "--json"))
    assert ([one["slug"] for one in rest["sellers"]], rest["next_after"]) == ([OTHER_SELLER], None)
    assert ringklar("seller", "list", "--after", "ö").stdout == "there is no seller\n"


def test_keys_are_listed_by_name_and_which_of_them_stand_but_never_the_key(ringklar: Run) -> None:
    made = told(ringklar("key", "create", "a dialer", "--role", "dialer", "--seller", SELLER, "--json"))
    assert ringklar("key", "revoke", "sales key").exit_code == 0

    listed = ringklar("key", "list", "--json")

    keys = told(listed)["keys"]
    assert [one["name"] for one in keys] == ["a dialer", *(f"{role.value} key" for role in sorted(Role))]
    assert keys[0].keys() == {"id", "name", "role", "seller", "created_at", "revoked_at"}
    assert (keys[0]["role"], keys[0]["seller"], keys[0]["revoked_at"]) == ("dialer", SELLER, None)
    assert [one["name"] for one in keys if one["revoked_at"] is not None] == ["sales key"]
    assert [one["name"] for one in keys if one["seller"] is None] == ["compliance key"]
    shown = ringklar("key", "list").stdout
    assert f"compliance key  compliance  every seller  since {day(keys[2]['created_at'])}\n" in shown
    assert (
        f"sales key  sales  {SELLER}  since {day(keys[6]['created_at'])}  revoked {day(keys[6]['revoked_at'])}\n"
        in shown
    )
    for secret in (made["key"], secret_hash(made["key"]), "rk_"):
        assert secret not in listed.output + shown
    some = ringklar("key", "list", "--after", "a dialer", "--limit", "1").stdout.splitlines()
    assert [some[0].partition("  ")[0], some[1]] == ["admin key", "there are more: --after 'admin key'"]


def test_users_are_listed_by_name_and_which_of_them_may_sign_in_but_never_a_password(ringklar: Run) -> None:
    assert ringklar("user", "disable", "sales").exit_code == 0

    listed = ringklar("user", "list", "--json")

    users = told(listed)["users"]
    people = sorted([*(role.value for role in Role if role is not Role.DIALER), "every_seller"])
    assert [one["name"] for one in users] == people
    assert users[0].keys() == {"id", "name", "role", "seller", "created_at", "disabled_at"}
    assert [one["name"] for one in users if one["disabled_at"] is not None] == ["sales"]
    assert [one["name"] for one in users if one["seller"] is None] == ["every_seller"]
    shown = ringklar("user", "list").stdout
    assert f"admin  admin  {SELLER}  since {day(users[0]['created_at'])}\n" in shown
    assert f"  disabled {day(users[-1]['disabled_at'])}\n" in shown
    assert "argon2" not in listed.output + shown
    assert ringklar("user", "list", "--after", "sales").stdout == "there is no user\n"


def test_recipients_and_what_was_handed_to_them_are_listed(ringklar: Run, tmp_path: Path) -> None:
    assert ringklar("recipient", "list").stdout == "there is no recipient\n"
    assert ringklar("recipient", "exports").stdout == "nothing was handed out\n"
    for slug in ("telefonisten", "anropet"):
        named = ("--seller", SELLER, "--name", "Telefonisten AB", "--contract", "PUB-1")
        assert ringklar("recipient", "add", slug, *named).exit_code == 0
    out = tmp_path / "ut.csv"
    made = told(ringklar("leads", "export", out, "--campaign", CAMPAIGN, "--to", "telefonisten", "--json"))

    assert ringklar("recipient", "list", "--limit", "1").stdout.splitlines() == [
        f"anropet  {SELLER}  under PUB-1  Telefonisten AB",
        "there are more: --after anropet",
    ]
    [one] = told(ringklar("recipient", "exports", "--json"))["exports"]
    assert (one["id"], one["sha256"], one["leads"]) == (made["id"], made["sha256"], made["leads"])
    assert one["made_by"].startswith("operator:")
    assert ringklar("recipient", "exports", "--to", "telefonisten").stdout == (
        f"{made['id']}  {day(one['made_at'])}  {made['leads']} leads for {CAMPAIGN} to telefonisten under PUB-1\n"
    )
    assert ringklar("recipient", "exports", "--to", "anropet").stdout == "nothing was handed out\n"
    assert ringklar("recipient", "exports", "--to", "ingen").exit_code == USAGE


def test_a_list_of_sightings_that_is_cut_says_that_there_are_more(ringklar: Run, tmp_path: Path) -> None:
    named = ("--seller", SELLER, "--name", "Telefonisten AB", "--contract", "PUB-1")
    assert ringklar("recipient", "add", "telefonisten", *named).exit_code == 0
    out = tmp_path / "ut.csv"
    assert ringklar("leads", "export", out, "--campaign", CAMPAIGN, "--to", "telefonisten").exit_code == 0
    seen = ("--seen-at", SystemClock().now().isoformat(), "--how", "called from another number")
    with out.open(newline="") as file:
        for row in csv.DictReader(file):
            assert ringklar("canaries", "report", row["number"], *seen).exit_code == 0

    every = told(ringklar("canaries", "sightings", "--json"))
    assert (len(every["sightings"]), every["next_after"]) == (3, None)
    first = every["sightings"][0]
    assert ringklar("canaries", "sightings", "--limit", "1").stdout.splitlines() == [
        f"{first['seen_at'][:16].replace('T', ' ')} UTC  {first['how']}  given to telefonisten in {first['export_id']}",
        f"there are more: --after {first['id']}",
    ]
    rest = told(ringklar("canaries", "sightings", "--after", first["id"], "--json"))
    assert rest == {"sightings": every["sightings"][1:], "next_after": None}
    assert ringklar("canaries", "sightings", "--after", "x").exit_code == USAGE


def test_call_records_are_listed_the_newest_first_and_a_cut_list_says_that_there_are_more(
    ringklar: Run, tmp_path: Path
) -> None:
    assert ringklar("calls", "list").stdout == "no call records\n"
    for place in range(2):
        log = tmp_path / f"log-{place}.csv"
        log.write_text(f"number,started_at\n+46701740605,2026-11-2{place}T10:00:00Z\n", "utf-8")
        ringklar("calls", "match", log, "--seller", SELLER)

    newest, oldest = told(ringklar("calls", "list", "--json"))["files"]

    assert (newest["file_name"], oldest["file_name"]) == ("log-1.csv", "log-0.csv")
    some = ringklar("calls", "list", "--limit", "1").stdout.splitlines()
    assert [some[0].split()[0], some[1]] == [newest["id"], f"there are more: --after {newest['id']}"]
    assert told(ringklar("calls", "list", "--after", newest["id"], "--json")) == {"files": [oldest], "next_after": None}


def day(moment: str) -> str:
    """Return the Swedish day of a moment."""
    return datetime.fromisoformat(moment).astimezone(ZoneInfo("Europe/Stockholm")).date().isoformat()


def test_a_lead_is_told_under_the_day_that_its_file_says(ringklar: Run, tmp_path: Path) -> None:
    leads = tmp_path / "leads.csv"
    leads.write_text("Telefon;Insamlad\n070-174 06 20;2024-11-02\n070-174 06 21;2024-07-02 00:30\n", "utf-8")
    assert ringklar("leads", "import", leads, "--source", PARTNER_SOURCE).exit_code == 0

    found = ringklar("complaint", "walk-back", FROM_PARTNER).stdout.splitlines()

    assert f"    +46701740620  {PARTNER_SOURCE}  2024-11-02" in found
    assert f"    +46701740621  {PARTNER_SOURCE}  2024-07-02" in found


def test_what_a_supplier_wrote_commands_no_terminal(ringklar: Run, tmp_path: Path) -> None:
    """Colours, a title, a line turned round and a line of its own, in the name of a file."""
    name = "a\x1b[31m\x9b2J\u202ebc\nb.csv"
    (tmp_path / name).write_text("Telefon\n0701740621\n", encoding="utf-8")
    assert ringklar("leads", "import", tmp_path / name, "--source", PARTNER_SOURCE).exit_code == 0

    [line] = ringklar("leads", "list", "--limit", "1").stdout.splitlines()[:1]
    assert line.endswith("a\ufffd[31m\ufffd2J\ufffdbc\ufffdb.csv")
    written = ringklar("leads", "list", "--json")
    assert not set(written.stdout) & {"\x1b", "\x9b", "\u202e"}
    assert told(written)["lead_files"][0]["file_name"] == name
    refused = ringklar("source", "show", "a\x1b[31m")
    assert (refused.exit_code, "\x1b" in refused.stderr) == (USAGE, False)
