"""Whatever becomes of a snapshot's file, also while it is in use, nobody listed is ever said not to be."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pyroaring import BitMap64

from dnc.registers import shelf as shelves
from dnc.registers.containers import BITMAP_BYTES
from dnc.registers.headers import BLOCK
from dnc.registers.shelf import RETRY_SECONDS, VERIFIED_SECONDS, RegisterShelf
from dnc.registers.snapshots import (
    OLD_SUFFIX,
    SUFFIX,
    Snapshot,
    SnapshotUnreadable,
    read_snapshot,
    snapshot_path,
    write_snapshot,
)
from tests.unit.seconds import Seconds

FIRST = 46701740605
SPREAD = range(FIRST, FIRST + 3_000_000, 3)
"""Bitmaps in many blocks."""
FAR = SPREAD[-1]


@pytest.fixture
def shelf(tmp_path: Path) -> tuple[RegisterShelf, Seconds]:
    seconds = Seconds()
    return RegisterShelf(tmp_path, monotonic=seconds), seconds


@pytest.fixture(autouse=True)
def read_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read every snapshot from its file, however small: what is held in memory is not reached by what happens to it."""
    monkeypatch.setattr(shelves, "IN_MEMORY", 0)


def _zero(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _cut_to_the_header(path: Path) -> None:
    os.truncate(path, BLOCK * 4)


def _write_another(path: Path) -> None:
    other = write_snapshot(path.parent / "other", BitMap64([FIRST + 1]))
    path.write_bytes(snapshot_path(path.parent / "other", other.sha256).read_bytes())


@pytest.mark.parametrize("spoil", [_zero, _empty, _cut_to_the_header, _write_another])
def test_a_file_spoilt_in_place_while_it_is_open_is_noticed_by_the_next_look_up(
    tmp_path: Path, shelf: tuple[RegisterShelf, Seconds], spoil: Callable[[Path], None]
) -> None:
    sha256 = write_snapshot(tmp_path, BitMap64(SPREAD)).sha256
    assert shelf[0].listed(sha256, FIRST) is True

    spoil(snapshot_path(tmp_path, sha256))

    assert shelf[0].listed(sha256, FIRST) is None
    assert shelf[0].listed(sha256, FIRST + 1) is None
    assert shelf[0].is_readable(sha256) is False


def test_a_small_snapshot_goes_on_answering_from_memory_though_its_file_is_seen_to_be_spoilt(
    tmp_path: Path, shelf: tuple[RegisterShelf, Seconds], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    sha256 = write_snapshot(tmp_path, BitMap64(SPREAD)).sha256
    assert shelf[0].listed(sha256, FIRST) is True

    _zero(snapshot_path(tmp_path, sha256))

    assert shelf[0].listed(sha256, FAR) is True
    assert shelf[0].listed(sha256, FAR - 1) is False
    assert shelf[0].is_readable(sha256) is False


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_gone_or_replaced_by_a_spoilt_one_is_still_read_by_whoever_has_it_open(
    tmp_path: Path, shelf: tuple[RegisterShelf, Seconds], replaced: bool
) -> None:
    sha256 = write_snapshot(tmp_path, BitMap64(SPREAD)).sha256
    path = snapshot_path(tmp_path, sha256)
    assert shelf[0].listed(sha256, FIRST) is True

    path.unlink()
    if replaced:
        path.write_bytes(b"damaged")

    assert shelf[0].listed(sha256, FAR) is True
    assert shelf[0].listed(sha256, FAR - 1) is False


def test_where_one_block_is_damaged_the_other_numbers_are_still_answered(
    tmp_path: Path, shelf: tuple[RegisterShelf, Seconds]
) -> None:
    sha256 = write_snapshot(tmp_path, BitMap64(SPREAD)).sha256
    path = snapshot_path(tmp_path, sha256)
    content = bytearray(path.read_bytes())
    content[-BITMAP_BYTES:] = bytes(BITMAP_BYTES)
    path.write_bytes(content)

    assert shelf[0].listed(sha256, FIRST) is True
    assert shelf[0].listed(sha256, FIRST + 1) is False
    assert shelf[0].listed(sha256, FAR) is None
    assert shelf[0].listed(sha256, FAR - 1) is None
    answers = shelf[0].listed_of(sha256, np.array([FAR, FIRST, FAR - 1, FIRST + 1, -1]))
    assert answers is not None
    assert answers.tolist() == [-1, 1, -1, 0, -1]
    with pytest.raises(SnapshotUnreadable):
        read_snapshot(tmp_path, sha256).verify()
    with pytest.raises(SnapshotUnreadable):
        read_snapshot(tmp_path, sha256).numbers()


def test_no_single_bit_of_a_file_can_change_and_give_another_answer(tmp_path: Path) -> None:
    numbers = [*range(FIRST, FIRST + 90, 2), *range(FIRST + 70_000, FIRST + 70_200), FIRST + 10**9]
    sha256 = write_snapshot(tmp_path, BitMap64(numbers)).sha256
    path = snapshot_path(tmp_path, sha256)
    whole, asked = path.read_bytes(), [*numbers, FIRST + 1, FIRST + 69_999, 7]

    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        path.write_bytes(content)
        assert not _wrong_answers(tmp_path, sha256, asked, frozenset(numbers)), place


def _wrong_answers(directory: Path, sha256: str, asked: list[int], listed: frozenset[int]) -> list[int]:
    try:
        snapshot = read_snapshot(directory, sha256)
    except SnapshotUnreadable:
        return []
    return [number for number in asked if _answer(snapshot, number) not in (None, number in listed)]


def _answer(snapshot: Snapshot, number: int) -> bool | None:
    try:
        return number in snapshot
    except SnapshotUnreadable:
        return None


def test_a_whole_file_put_in_a_damaged_ones_place_is_found_without_a_restart(
    tmp_path: Path, shelf: tuple[RegisterShelf, Seconds], caplog: pytest.LogCaptureFixture
) -> None:
    sha256 = write_snapshot(tmp_path, BitMap64(SPREAD)).sha256
    assert shelf[0].listed(sha256, FAR) is True
    _zero(snapshot_path(tmp_path, sha256))
    assert shelf[0].listed(sha256, FAR) is None

    write_snapshot(tmp_path, BitMap64(SPREAD))
    shelf[1].at += RETRY_SECONDS

    assert shelf[0].listed(sha256, FAR) is True
    assert shelf[0].is_readable(sha256) is True
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert str(FAR) not in caplog.text


def test_damage_that_no_look_up_met_is_found_by_asking_whether_the_snapshot_is_readable(
    tmp_path: Path, shelf: tuple[RegisterShelf, Seconds]
) -> None:
    sha256 = write_snapshot(tmp_path, BitMap64(SPREAD)).sha256
    path = snapshot_path(tmp_path, sha256)
    assert shelf[0].is_readable(sha256) is True
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    with path.open("r+b") as file:
        file.write(content)

    shelf[1].at += VERIFIED_SECONDS
    assert shelf[0].is_readable(sha256) is False
    content[-1] ^= 1
    with path.open("r+b") as file:
        file.write(content)
    assert shelf[0].is_readable(sha256) is False
    shelf[1].at += RETRY_SECONDS
    assert shelf[0].is_readable(sha256) is True


def test_files_of_earlier_versions_are_read_and_only_if_they_are_whole(
    tmp_path: Path, shelf: tuple[RegisterShelf, Seconds]
) -> None:
    content = BitMap64(SPREAD).serialize()
    sha256 = hashlib.sha256(content).hexdigest()
    (tmp_path / f"{sha256}{OLD_SUFFIX}").write_bytes(content)
    (tmp_path / f"{'0' * 64}{OLD_SUFFIX}").write_bytes(content)

    assert list(read_snapshot(tmp_path, sha256)) == list(SPREAD)
    assert shelf[0].listed(sha256, FAR) is True
    assert shelf[0].listed(sha256, FAR - 1) is False
    assert shelf[0].listed("0" * 64, FAR) is None


def test_the_payload_of_a_snapshot_is_a_bitmap_that_any_roaring_library_reads(tmp_path: Path) -> None:
    sha256 = write_snapshot(tmp_path, BitMap64(SPREAD)).sha256
    content = (tmp_path / f"{sha256}{SUFFIX}").read_bytes()
    payload_bytes = int.from_bytes(content[16:24], "little")

    assert BitMap64.deserialize(content[-payload_bytes:]) == BitMap64(SPREAD)
