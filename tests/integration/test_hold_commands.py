"""``ringklar hold``: what waits is listed, closed and turned into opt-outs, one by one or a lead file's together."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import select

from dnc.holds import close_hold
from dnc.models import OptOut
from tests.commands import run_command
from tests.held import CHILD, MARKED, REPORTED, every_hold, held_by_file, reported, staff
from tests.seeding import SELLER, Seeded, number_of

NOBODYS_ID = "00000000-0000-7000-8000-000000000000"
OK, FINDING, USAGE = 0, 1, 2
Json = Any  # whatever JSON holds


def hold(seeded: Seeded, *words: str) -> Result:
    """Return what ``ringklar hold`` made of the words."""
    return run_command(seeded.service.settings, "hold", *words)


def told(result: Result) -> Json:
    """Return the JSON that a command answered."""
    assert result.exit_code == OK, result.output
    return json.loads(result.stdout)


def test_the_day_of_a_hold_is_the_swedish_one(on_sqlite: Seeded) -> None:
    on_sqlite.clock.at = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    one = reported(on_sqlite.service, on_sqlite.seller_id, "", REPORTED)
    store = on_sqlite.service.store
    with store.writing() as session:
        close_hold(session, staff(), store.keyring, hold_id=one.id, resolution="fel nummer", now=on_sqlite.clock.now())

    [line] = hold(on_sqlite, "list", "--state", "closed").stdout.splitlines()

    assert line == f"{one.id}  2026-11-25  {SELLER}  {REPORTED}  objected  closed 2026-11-25: fel nummer"


def opted_out(seeded: Seeded) -> dict[int, str]:
    """Return by number how each person said no whose hold became an opt-out."""
    with seeded.service.store.reading() as session:
        of_holds = session.scalars(select(OptOut).where(OptOut.note != ""))
        return {one.number: one.via for one in of_holds}


def test_holds_are_listed_the_newest_first_a_page_at_a_time(on_sqlite: Seeded, tmp_path: Path) -> None:
    assert hold(on_sqlite, "list").stdout == "no hold\n"
    file = held_by_file(on_sqlite.service, tmp_path, MARKED[:2], [CHILD])
    one = reported(on_sqlite.service, on_sqlite.seller_id, "vill\x1binte\när det här", REPORTED)

    everything = told(hold(on_sqlite, "list", "--json"))

    assert len(everything["holds"]) == 4
    assert everything["next_after"] is None
    [mine] = [listed for listed in everything["holds"] if listed["id"] == one.id]
    assert (mine["number"], mine["seller"], mine["lead_file"]) == (REPORTED, SELLER, None)
    [line] = [line for line in hold(on_sqlite, "list").stdout.splitlines() if line.startswith(one.id)]
    day = one.made_at.date()
    assert line == f"{one.id}  {day}  {SELLER}  {REPORTED}  objected  open  vill\ufffdinte\ufffdär det här"
    first, after = told(hold(on_sqlite, "list", "--limit", "3", "--json")).values()
    rest = told(hold(on_sqlite, "list", "--after", after, "--json"))["holds"]
    assert [*first, *rest] == everything["holds"]
    of_file = ("list", "--lead-file", file, "--reason", "minor", "--json")
    assert [listed["number"] for listed in told(hold(on_sqlite, *of_file))["holds"]] == [CHILD]
    assert hold(on_sqlite, "list", "--state", "closed").stdout == "no hold\n"
    assert hold(on_sqlite, "list", "--lead-file", NOBODYS_ID).exit_code == USAGE


def test_one_hold_is_closed_or_turned_into_an_opt_out_and_a_second_time_is_told(on_sqlite: Seeded) -> None:
    closed = reported(on_sqlite.service, on_sqlite.seller_id, "ett", MARKED[0])
    turned = reported(on_sqlite.service, on_sqlite.seller_id, "två", MARKED[1])

    assert hold(on_sqlite, "close", closed.id, "--resolution", "fel person").stdout == "closed\n"
    assert told(hold(on_sqlite, "opt-out", turned.id, "--json"))["result"] == "added"

    found = {one.id: (one.resolution, one.closed_by) for one in every_hold(on_sqlite.service.store)}
    assert found[closed.id][0] == "fel person"
    assert found[turned.id][0] == "opt_out"
    assert (found[closed.id][1] or "").startswith("operator:")
    assert opted_out(on_sqlite) == {number_of(MARKED[1]).value: "sales_call"}
    for again in (("close", turned.id, "--resolution", "nej"), ("opt-out", closed.id)):
        result = hold(on_sqlite, *again)
        assert (result.exit_code, result.stdout) == (FINDING, "")
        assert "already closed" in result.stderr
    assert re.search(r"  closed 20\d\d-\d\d-\d\d: fel person  ett\n", hold(on_sqlite, "list", "--state", "all").stdout)


def test_a_lead_files_holds_are_settled_together(seeded: Seeded, tmp_path: Path) -> None:
    file = held_by_file(seeded.service, tmp_path, MARKED, [CHILD])

    result = hold(seeded, "opt-out", "--lead-file", file, "--reason", "minor", "--json")
    assert told(result) == {"closed": 1, "closed_before": [], "opted_out": 1, "still_open": 0}
    result = hold(seeded, "close", "--lead-file", file, "--resolution", "kolumnen var en annan")
    assert (result.exit_code, result.stdout) == (OK, "5 closed; 0 open\n")
    result = hold(seeded, "opt-out", "--lead-file", file)
    assert (result.exit_code, result.stdout) == (OK, "0 closed, 0 opted out by it; 0 open\n")

    assert opted_out(seeded) == {number_of(CHILD).value: "lead_file"}


@pytest.mark.parametrize(
    "words",
    [
        ["close", "--resolution", "x"],
        ["close", NOBODYS_ID, "--lead-file", NOBODYS_ID, "--resolution", "x"],
        ["close", NOBODYS_ID],
        ["close", NOBODYS_ID, "--resolution", " "],
        ["close", "--lead-file", NOBODYS_ID, "--resolution", ""],
        ["close", "hej", "--resolution", "x"],
        ["close", NOBODYS_ID, "--resolution", "x"],
        ["close", "--lead-file", NOBODYS_ID, "--resolution", "x"],
        ["close", NOBODYS_ID, "--reason", "minor", "--resolution", "x"],
        ["opt-out"],
        ["opt-out", NOBODYS_ID],
        ["opt-out", "--lead-file", NOBODYS_ID, "--reason", "sale"],
    ],
)
def test_what_does_not_say_which_holds_or_why_is_refused(on_sqlite: Seeded, words: list[str]) -> None:
    result = hold(on_sqlite, *words)

    assert (result.exit_code, result.stdout) == (USAGE, "")
