"""A snapshot is whole or it is not there, and what cannot be read is never an empty register."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pyroaring import BitMap64

from core.errors import StorageUnavailable
from dnc.registers.headers import HeaderUnreadable, read_header
from dnc.registers.shelf import KEPT, RETRY_SECONDS, RegisterShelf
from dnc.registers.snapshots import (
    SnapshotUnreadable,
    read_snapshot,
    snapshot_path,
    sweep_unfinished,
    unfinished_file,
    write_snapshot,
)
from tests.unit.seconds import Seconds

LISTED = [46701740605, 46846500400, 46980319299]
NOT_LISTED = 46701740606


def test_a_snapshot_lists_what_was_written_and_nothing_else(tmp_path: Path) -> None:
    sha256 = write_snapshot(tmp_path, BitMap64(LISTED)).sha256

    snapshot = read_snapshot(tmp_path, sha256)

    assert list(snapshot) == LISTED
    assert len(snapshot) == 3
    assert all(number in snapshot for number in LISTED)
    assert NOT_LISTED not in snapshot


@pytest.mark.parametrize("number", [-1, 0, 2**63, 2**64, 2**100])
def test_what_can_be_no_number_is_not_listed_and_does_no_harm(tmp_path: Path, number: int) -> None:
    assert number not in write_snapshot(tmp_path, BitMap64(LISTED))


def test_a_snapshot_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = snapshot_path(tmp_path, write_snapshot(tmp_path, BitMap64(LISTED)).sha256)

    assert path.stat().st_mode & 0o077 == 0


def test_nothing_unfinished_is_left_beside_a_written_snapshot(tmp_path: Path) -> None:
    sha256 = write_snapshot(tmp_path, BitMap64(LISTED)).sha256

    assert [path.name for path in tmp_path.iterdir()] == [f"{sha256}.snapshot"]


def test_writing_the_same_numbers_again_mends_a_damaged_file(tmp_path: Path) -> None:
    sha256 = write_snapshot(tmp_path, BitMap64(LISTED)).sha256
    snapshot_path(tmp_path, sha256).write_bytes(b"damaged")

    write_snapshot(tmp_path, BitMap64(LISTED))

    assert list(read_snapshot(tmp_path, sha256)) == LISTED


def _remove(path: Path) -> None:
    path.unlink()


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip_one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [_remove, _cut_short, _flip_one_bit, _empty, _make_folder])
def test_a_spoilt_snapshot_is_unreadable_never_empty(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    sha256 = write_snapshot(tmp_path, BitMap64(LISTED)).sha256
    spoil(snapshot_path(tmp_path, sha256))

    with pytest.raises(SnapshotUnreadable):
        read_snapshot(tmp_path, sha256)
    assert RegisterShelf(tmp_path).listed(sha256, NOT_LISTED) is None
    assert RegisterShelf(tmp_path).listed(sha256, LISTED[0]) is None


@pytest.mark.parametrize("name", ["", "../secret", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_name_that_is_no_sha256_opens_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(SnapshotUnreadable):
        read_snapshot(tmp_path, name)


def test_a_folder_that_does_not_take_the_write_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailable, match="folder of registers did not take the write"):
        write_snapshot(tmp_path / "file", BitMap64(LISTED))

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageUnavailable, match=os.strerror(errno.ENOSPC)):
        write_snapshot(tmp_path / "folder", BitMap64(LISTED))
    assert list((tmp_path / "folder").iterdir()) == []


def test_the_sweep_takes_what_a_crash_left_and_spares_what_is_being_written(tmp_path: Path) -> None:
    orphan = tmp_path / ".unfinished-of-a-crash"
    orphan.write_bytes(b"half")
    sha256 = write_snapshot(tmp_path, BitMap64(LISTED)).sha256

    with unfinished_file(tmp_path) as (file, path):
        assert sweep_unfinished(tmp_path) == 1
        file.write(b"still here")
        assert path.exists()

    assert [path.name for path in tmp_path.iterdir()] == [f"{sha256}.snapshot"]


def test_the_sweep_of_a_folder_that_is_not_there_finds_nothing(tmp_path: Path) -> None:
    assert sweep_unfinished(tmp_path / "missing") == 0


def test_the_shelf_says_listed_not_listed_or_not_known(tmp_path: Path) -> None:
    sha256 = write_snapshot(tmp_path, BitMap64(LISTED)).sha256
    shelf = RegisterShelf(tmp_path)

    assert shelf.listed(sha256, LISTED[0]) is True
    assert shelf.listed(sha256, NOT_LISTED) is False
    assert shelf.listed("0" * 64, LISTED[0]) is None


def test_the_shelf_finds_a_snapshot_that_came_back_once_it_looks_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sha256 = write_snapshot(tmp_path, BitMap64(LISTED)).sha256
    snapshot_path(tmp_path, sha256).rename(tmp_path / "away")
    seconds = Seconds()
    shelf = RegisterShelf(tmp_path, monotonic=seconds)
    assert shelf.listed(sha256, LISTED[0]) is None

    (tmp_path / "away").rename(snapshot_path(tmp_path, sha256))
    seconds.at = RETRY_SECONDS - 0.1
    assert shelf.listed(sha256, LISTED[0]) is None
    seconds.at = RETRY_SECONDS
    assert shelf.listed(sha256, LISTED[0]) is True


def test_an_unreadable_snapshot_is_logged_once_and_at_error_level(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = Seconds()
    shelf = RegisterShelf(tmp_path, monotonic=seconds)
    for _ in range(3):
        shelf.listed("0" * 64, LISTED[0])
        seconds.at += RETRY_SECONDS

    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert str(LISTED[0]) not in caplog.text


def test_the_shelf_keeps_only_the_newest_snapshots_and_can_still_read_the_others(tmp_path: Path) -> None:
    shelf = RegisterShelf(tmp_path)
    names = [
        write_snapshot(tmp_path, BitMap64([number])).sha256 for number in range(46701740605, 46701740605 + KEPT + 2)
    ]
    for name in names:
        assert shelf.listed(name, NOT_LISTED) is not None

    for name in names:
        snapshot_path(tmp_path, name).unlink()
    held = [name for name in names if shelf.snapshot(name) is not None]

    assert held == names[-KEPT:]


def test_many_numbers_at_once_are_answered_like_one_by_one(tmp_path: Path) -> None:
    sha256 = write_snapshot(tmp_path, BitMap64(LISTED)).sha256
    shelf = RegisterShelf(tmp_path)
    numbers = [NOT_LISTED, *LISTED, -1, 0, 2**63 - 1, LISTED[0]]

    answers = shelf.listed_of(sha256, np.array(numbers))

    assert answers is not None
    assert answers.dtype == np.int8
    assert answers.tolist() == [0, 1, 1, 1, -1, 0, 0, 1]
    assert shelf.listed_of("0" * 64, np.array(numbers)) is None


def test_no_numbers_at_once_are_no_answers(tmp_path: Path) -> None:
    sha256 = write_snapshot(tmp_path, BitMap64(LISTED)).sha256

    answers = RegisterShelf(tmp_path).listed_of(sha256, np.array([], np.int64))

    assert answers is not None
    assert answers.tolist() == []


def test_a_register_that_was_asked_of_some_numbers_says_nothing_of_the_others(tmp_path: Path) -> None:
    covered = write_snapshot(tmp_path, BitMap64([*LISTED, NOT_LISTED]))
    sha256 = write_snapshot(tmp_path, BitMap64(LISTED[:1]), covered=covered).sha256
    shelf = RegisterShelf(tmp_path)
    numbers = [LISTED[0], LISTED[1], NOT_LISTED, NOT_LISTED + 1]

    answers = shelf.listed_of(sha256, np.array(numbers))

    assert [shelf.listed(sha256, number) for number in numbers] == [True, False, False, None]
    assert answers is not None
    assert answers.tolist() == [1, 0, 0, -1]
    assert read_snapshot(tmp_path, sha256).coverage == covered.sha256
    assert shelf.is_readable(sha256)


def test_the_same_numbers_of_another_coverage_are_another_snapshot(tmp_path: Path) -> None:
    covers = [write_snapshot(tmp_path, BitMap64([*LISTED, more])) for more in (1, 2)]

    names = {write_snapshot(tmp_path, BitMap64(LISTED), covered=cover).sha256 for cover in (None, *covers)}

    assert len(names) == 3


@pytest.mark.parametrize("spoil", [_remove, _cut_short, _empty])
def test_without_its_coverage_a_snapshot_knows_only_whom_it_lists(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    covered = write_snapshot(tmp_path, BitMap64([*LISTED, NOT_LISTED]))
    sha256 = write_snapshot(tmp_path, BitMap64(LISTED), covered=covered).sha256
    spoil(snapshot_path(tmp_path, covered.sha256))
    shelf = RegisterShelf(tmp_path)

    answers = shelf.listed_of(sha256, np.array([LISTED[0], NOT_LISTED]))

    assert shelf.listed(sha256, LISTED[0]) is True
    assert shelf.listed(sha256, NOT_LISTED) is None
    assert answers is not None
    assert answers.tolist() == [1, -1]
    assert not shelf.is_readable(sha256)


def test_a_coverage_is_never_itself_of_some_numbers_only(tmp_path: Path) -> None:
    whole = write_snapshot(tmp_path, BitMap64(LISTED))
    partial = write_snapshot(tmp_path, BitMap64(LISTED), covered=whole)

    with pytest.raises(ValueError, match="coverage"):
        write_snapshot(tmp_path, BitMap64(LISTED[:1]), covered=partial)


def test_a_header_that_changes_while_it_is_read_is_not_gone_by(tmp_path: Path) -> None:
    covered = write_snapshot(tmp_path, BitMap64(LISTED))
    sha256 = write_snapshot(tmp_path, BitMap64(LISTED[:1]), covered=covered).sha256
    content = snapshot_path(tmp_path, sha256).read_bytes()
    of_all = content.replace(bytes.fromhex(covered.sha256), bytes(32))
    readings = iter((of_all, content))

    with pytest.raises(HeaderUnreadable):
        read_header(lambda length, at: next(readings)[at : at + length], len(content), sha256)
