"""``ringklar check --token``: a signed permission at the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from tests.commands import environment_of
from tests.integration.seeds import seeded_service
from tests.seeding import CAMPAIGN, FROM_PARTNER, OPTED_OUT


@pytest.fixture
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    with seeded_service(request, "sqlite", tmp_path) as seeded:
        return environment_of(seeded.service.settings)


@pytest.mark.parametrize("number", [FROM_PARTNER, OPTED_OUT])
def test_a_check_has_a_token_only_if_it_allows_the_call(environment: dict[str, str], number: str) -> None:
    done = CliRunner().invoke(main, ["check", number, "--campaign", CAMPAIGN, "--token", "--json"], env=environment)
    unasked = CliRunner().invoke(main, ["check", number, "--campaign", CAMPAIGN, "--json"], env=environment)

    check = json.loads(done.output)
    assert (check["token"] is not None) == check["may_call"] == (done.exit_code == 0)
    assert "token" not in json.loads(unasked.output)


def test_a_what_if_has_no_token(environment: dict[str, str]) -> None:
    words = ["check", FROM_PARTNER, "--campaign", CAMPAIGN, "--token", "--at", "2026-11-24T10:00:00Z"]

    done = CliRunner().invoke(main, words, env=environment)

    assert done.exit_code == 2
    assert "no token" in done.output
