"""The moments that commands tell: written as the API writes them, whatever the command."""

import re
from pathlib import Path

import pytest

from tests.commands import run_command
from tests.integration.seeds import seeded_service
from tests.screened import file_in
from tests.seeding import CAMPAIGN, FROM_PARTNER, PARTNER_SOURCE

MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[^\s\",;)]*")


def test_every_moment_that_a_command_tells_as_json_is_utc_with_a_z(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with seeded_service(request, "sqlite", tmp_path) as seeded:

        def run(*words: str) -> str:
            done = run_command(seeded.service.settings, *words, "--json")
            assert done.exception is None or isinstance(done.exception, SystemExit), words
            assert done.exit_code in (0, 1), (words, done.output)
            return done.stdout

        screened = [str(file_in(tmp_path)), str(tmp_path / "ut.csv"), "--campaign", CAMPAIGN]
        files = run("leads", "list")
        file_id = re.findall(r'"id": "([0-9a-f-]{36})"', files)[0]
        told = {
            words: run(*words)
            for words in (
                ("check", FROM_PARTNER, "--campaign", CAMPAIGN),
                ("number", "show", FROM_PARTNER),
                ("screen", *screened),
                ("screening", "list"),
                ("leads", "list"),
                ("leads", "show", file_id),
                ("leads", "original", file_id, str(tmp_path / "kopia.csv")),
                ("source", "show", PARTNER_SOURCE),
                ("supplier", "list"),
                ("seller", "list"),
                ("campaign", "list"),
                ("register", "list"),
                ("key", "list"),
                ("user", "list"),
                ("oversight", "league"),
                ("audit", "--all"),
                ("hold", "list"),
            )
        }

    moments = {words: MOMENT.findall(text) for words, text in told.items()}
    assert [(words, one) for words, found in moments.items() for one in found if not one.endswith("Z")] == []
    assert len([words for words, found in moments.items() if found]) > 10, moments
