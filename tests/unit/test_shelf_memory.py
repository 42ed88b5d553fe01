"""What a process has of register snapshots in its own memory: a few small ones, whatever else it was asked."""

import gc
import tracemalloc
from pathlib import Path

import pytest
from pyroaring import BitMap64

from dnc.registers import shelf as shelves
from dnc.registers.shelf import KEPT, RegisterShelf
from dnc.registers.snapshots import snapshot_path, write_snapshot
from tests.unit.seconds import Seconds

FIRST = 46701740605
SOME = BitMap64(range(FIRST, FIRST + 16_000_000, 15))
"""Some two megabytes of bitmaps."""
LAST = SOME.max()
PAYLOADS = 16 << 20
MOVED = 61.0


def _written(folder: Path, which: int) -> str:
    return write_snapshot(folder, SOME | BitMap64([FIRST + 100_000_000 + which])).sha256


def _zero(folder: Path, sha256: str) -> None:
    """Overwrite the file in place: what still answers is in memory."""
    path = snapshot_path(folder, sha256)
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))


def test_all_the_versions_that_were_ever_asked_take_no_more_than_sixteen_mebibytes_together(tmp_path: Path) -> None:
    names = [_written(tmp_path, each) for each in range(KEPT)]
    shelf = RegisterShelf(tmp_path)
    gc.collect()
    tracemalloc.start()
    try:
        assert all(shelf.listed(name, FIRST) for name in names)
        gc.collect()
        in_memory = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert sum(snapshot_path(tmp_path, name).stat().st_size for name in names) > 1.9 * PAYLOADS
    assert in_memory < 1.1 * PAYLOADS
    assert all(shelf.listed(name, FIRST) is True for name in names)
    assert all(shelf.listed(name, FIRST + 1) is False for name in names)


def test_the_version_that_came_last_is_in_memory_and_the_one_before_gave_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "IN_MEMORY", 3 << 20)
    older, newer = _written(tmp_path, 1), _written(tmp_path, 2)
    shelf = RegisterShelf(tmp_path)
    assert [shelf.listed(name, FIRST) for name in (older, newer)] == [True, True]

    _zero(tmp_path, older)
    _zero(tmp_path, newer)

    assert shelf.listed(newer, LAST) is True
    assert shelf.listed(older, LAST) is None


def test_a_version_that_is_in_force_again_comes_into_memory_again_and_not_at_every_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "IN_MEMORY", 3 << 20)
    first, second = _written(tmp_path, 1), _written(tmp_path, 2)
    seconds = Seconds()
    shelf = RegisterShelf(tmp_path, monotonic=seconds)
    assert [shelf.listed(name, FIRST) for name in (first, second, first, second)] == [True] * 4
    _zero(tmp_path, first)
    assert shelf.listed(first, LAST) is True

    seconds.at += MOVED
    assert shelf.listed(second, FIRST) is True
    _zero(tmp_path, second)

    assert shelf.listed(second, LAST) is True
    assert shelf.listed(first, LAST) is None
