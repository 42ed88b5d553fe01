"""``ringklar register compare`` and ``rematch``: how a register changed, and who was called although listed."""

import csv
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import select

from core.erasure import erase_payloads
from core.ledger import Position
from dnc.models import Check
from tests.calls import call
from tests.commands import run_command
from tests.integration.seeds import seeded_service
from tests.seeding import FROM_LIST, FROM_PARTNER, LISTED, OPERATOR, OPTED_OUT, TUESDAY_AT_TEN, Seeded, load_listed

PERIOD = ("--since", "2020-01-01T00:00:00+01:00", "--until", "2026-12-01T00:00:00+01:00")
OLDER, NEWER = "2026-11-15", "2026-11-24"


@pytest.fixture
def seeded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seeded]:
    """Return a service whose register has two versions: one with a number, and one with two others."""
    with seeded_service(request, "sqlite", tmp_path) as made:
        call(made, FROM_PARTNER, "before", TUESDAY_AT_TEN)
        made.clock.at += timedelta(days=1)
        load_listed(made.service, tmp_path, [FROM_PARTNER, FROM_LIST], date(2026, 11, 24))
        yield made


def run(seeded: Seeded, *words: str) -> Result:
    return run_command(seeded.service.settings, "register", *words)


def test_a_comparison_says_who_joined_and_left_and_whose_leads_they_are(seeded: Seeded) -> None:
    done = run(seeded, "compare", "nix", "--from", OLDER, "--to", NEWER)

    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "nix: from 2026-11-15 to 2026-11-24",
        "  0 stayed",
        "  2 joined",
        "  1 left",
        "  leads of norrsken: 2 joined, 1 left",
        "  leads of sydljus: 1 joined",
    ]


def test_a_comparison_as_json_names_both_versions(seeded: Seeded) -> None:
    told = json.loads(run(seeded, "compare", "nix", "--from", OLDER, "--to", NEWER, "--json").stdout)

    assert (told["from"]["as_of"], told["to"]["as_of"]) == (OLDER, NEWER)
    assert (told["moved"]["joined"], told["moved"]["left"], told["stayed"]) == (2, 1, 0)
    assert told["sellers"]["norrsken"]["joined"] == 2


def test_a_register_or_version_that_there_is_not_is_refused(seeded: Seeded) -> None:
    for words in (
        ("compare", "nix", "--from", "2020-01-01", "--to", NEWER),
        ("compare", "nothing", "--from", OLDER, "--to", NEWER),
        ("rematch", "nothing", *PERIOD),
        ("rematch", "nix", *PERIOD, "--version", "2020-01-01"),
    ):
        done = run(seeded, *words)
        assert done.exit_code in {1, 2}, words
        assert done.stderr.startswith(("ringklar: ", "Usage: ")), done.output
        assert done.stdout == ""


def test_contacts_of_which_none_was_listed_when_called_give_0(seeded: Seeded) -> None:
    done = run(seeded, "rematch", "nix", *PERIOD, "--version", NEWER)

    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "0 of 1 were listed when called"
    assert "1 of 1 are listed by the version of 2026-11-24" in done.stdout


def test_somebody_who_was_listed_when_called_gives_1_and_stands_in_a_list_of_its_owner_alone(
    seeded: Seeded, tmp_path: Path
) -> None:
    call(seeded, FROM_PARTNER, "after", seeded.clock.at)
    call(seeded, LISTED, "not any more", seeded.clock.at)
    call(seeded, OPTED_OUT, "never", seeded.clock.at)
    out = tmp_path / "listed.csv"

    done = run(seeded, "rematch", "nix", *PERIOD, "--list", str(out))

    assert done.exit_code == 1
    assert done.stdout.splitlines()[0] == "1 of 4 were listed when called"
    assert out.stat().st_mode & 0o777 == 0o600
    [row] = csv.DictReader(out.read_text("utf-8").splitlines())
    assert (row["number"], row["when_called"], row["named"], row["lifted"]) == (FROM_PARTNER, "listed", "", "nothing")
    assert "4670174" not in done.output


def test_a_listed_call_of_which_nobody_can_tell_any_more_what_lifted_it_is_a_finding(seeded: Seeded) -> None:
    call(seeded, FROM_PARTNER, "after", seeded.clock.at)
    with seeded.service.store.writing() as session:
        chain, seq = session.execute(select(Check.chain, Check.seq).order_by(Check.id.desc()).limit(1)).one()
        erase_payloads(session, OPERATOR, [Position(chain, seq)], "retention has ended")

    done = run(seeded, "rematch", "nix", *PERIOD)

    assert done.stdout.splitlines()[0] == "1 of 2 were listed when called (1 whose facts are erased)"
    assert done.exit_code == 1


def test_a_list_is_never_written_over_a_file(seeded: Seeded, tmp_path: Path) -> None:
    there = tmp_path / "there.csv"
    there.write_text("mine", "utf-8")

    done = run(seeded, "rematch", "nix", *PERIOD, "--list", str(there))

    assert done.exit_code == 2
    assert there.read_text("utf-8") == "mine"


def test_a_rematch_as_json_counts_and_shows_no_number(seeded: Seeded) -> None:
    call(seeded, FROM_PARTNER, "after", seeded.clock.at)

    done = run(seeded, "rematch", "nix", *PERIOD, "--json")

    assert done.exit_code == 1
    assert json.loads(done.stdout)["when_called"]["whole"]["said"]["listed"] == 1
    assert "4670174" not in done.stdout
