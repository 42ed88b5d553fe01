"""Hostile lead files made by a fuzzer that watches which code each of them reaches."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import fuzzing

ROOT = Path(__file__).parents[2]


def fuzz(readers: str, folder: Path, runs: int) -> subprocess.CompletedProcess[str]:
    """Fuzz the readers of that name in a process of their own, and return how it ended."""
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzzing", readers, str(folder), str(runs)],
        cwd=ROOT,
        env={**os.environ, "RUST_BACKTRACE": "0"},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("seed", fuzzing.seeds())
def test_the_fuzzer_begins_with_deliveries_that_are_read(seed: bytes) -> None:
    assert fuzzing.read_delivery(fuzzing.wrapped(seed))


def test_no_fuzzed_delivery_makes_a_reader_do_anything_but_read_or_refuse(tmp_path: Path) -> None:
    ended = fuzz("all", tmp_path, 5_000)

    assert ended.returncode == 0, ended.stderr[-4_000:]
    assert not fuzzing.IS_GUIDED or "Done 5000 runs" in ended.stderr


@pytest.mark.parametrize("readers", ["shallow-bug", *["deep-bug"] * fuzzing.IS_GUIDED])
def test_a_planted_bug_is_found_and_its_file_kept(tmp_path: Path, readers: str) -> None:
    ended = fuzz(readers, tmp_path, 200_000)

    assert ended.returncode != 0
    assert "a planted bug" in ended.stderr + ended.stdout
    [kept] = tmp_path.glob("crash*")
    with pytest.raises(IndexError):
        fuzzing.READERS[readers](kept.read_bytes())


def test_where_there_is_no_guide_chance_finds_a_planted_bug_too(tmp_path: Path) -> None:
    assert fuzzing.try_by_chance(fuzzing.read_or_refuse, tmp_path, 300) == 0
    assert fuzzing.try_by_chance(fuzzing.break_shallowly, tmp_path, 5_000) == 1
    assert (tmp_path / "crash").read_bytes().endswith(b'"')
