"""What a command reads from and writes to, where it is no file and no terminal: a pipe, or a disk that is full."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import run_command
from tests.integration.serving import environment_of
from tests.screened import file_in
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
        ["optout", "import", "{pipe}", "--seller", SELLER],
    ],
)
def test_a_pipe_is_refused_and_not_waited_for(on_sqlite: Seeded, tmp_path: Path, words: list[str]) -> None:
    os.mkfifo(tmp_path / "pipe")

    done = run_command(on_sqlite.service.settings, *(word.format(pipe=tmp_path / "pipe") for word in words))

    assert done.exit_code == 2
    assert "it is a pipe, which can be read but once" in done.stderr


HELD = """
import signal, sys
import dnc.screenings.work as work
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
def held(*_given, **_named):
    print("writing", flush=True)
    while True:
        signal.pause()
    yield
work.run_parts = held
from cli.main import main
main(sys.argv[1:], prog_name="ringklar")
"""
"""The command, which heeds signals whatever the tests were started with, and stands still where it writes rows."""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_command_that_is_told_to_stop_leaves_nothing_half_written(
    on_sqlite: Seeded, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """What it had written so far names persons and their numbers."""
    folder = tmp_path / "lists"
    folder.mkdir()
    source = file_in(folder)
    words = ["screen", str(source), str(folder / "ut.csv"), "--campaign", CAMPAIGN, "--column", "Telefon"]
    stopped = subprocess.Popen(
        [sys.executable, "-c", HELD, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment_of(on_sqlite, tmp_path, workers=1),
        text=True,
    )
    assert stopped.stdout is not None
    assert stopped.stdout.readline() == "writing\n"
    assert len(list(folder.iterdir())) == 2

    stopped.send_signal(number)

    _, told = stopped.communicate(timeout=60)
    assert stopped.returncode == code
    assert "Traceback" not in told
    assert list(folder.iterdir()) == [source]
