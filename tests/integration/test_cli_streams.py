"""What a command reads from and writes to, where it is no file and no terminal: a pipe, or a disk that is full."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import run_command
from tests.integration.serving import environment_of
from tests.seeding import CAMPAIGN, PARTNER_SOURCE, SELLER, Seeded


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["leads", "--help"], ["register", "list", "--json"]])
def test_an_output_that_is_full_is_one_line_and_no_success(
    on_sqlite: Seeded, tmp_path: Path, words: list[str], unbuffered: str
) -> None:
    environment = environment_of(on_sqlite, tmp_path, workers=1) | {"PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cli", *words], stdout=full, stderr=subprocess.PIPE, env=environment, check=False
        )

    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "ringklar: what was to be written was not taken (No space left on device)"
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["leads", "import", "{pipe}", "--source", PARTNER_SOURCE],
        ["leads", "import", "{pipe}", "--source", PARTNER_SOURCE, "--dry-run"],
        ["calls", "match", "{pipe}", "--seller", SELLER],
        ["screen", "{pipe}", "{pipe}.csv", "--campaign", CAMPAIGN],
    ],
)
def test_a_pipe_is_refused_and_not_waited_for(on_sqlite: Seeded, tmp_path: Path, words: list[str]) -> None:
    os.mkfifo(tmp_path / "pipe")

    done = run_command(on_sqlite.service.settings, *(word.format(pipe=tmp_path / "pipe") for word in words))

    assert done.exit_code == 2
    assert "it is a pipe, which can be read but once" in done.stderr
