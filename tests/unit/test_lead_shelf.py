"""Files as they were received: what is read back is what was received, or nothing."""

import errno
import hashlib
import io
import os
import random
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import StorageUnavailable
from leads.archives import open_content
from leads.errors import UnreadableLeadFile
from leads.shelf import CHUNK, FileTooLarge, KeptFileDamaged, Shelf
from tests.workbooks import zipped

KEY = b"k" * 32
SEALED_CHUNK = CHUNK + 16
HEADER = 48
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 12345]
THREE_CHUNKS = random.Random(1).randbytes(2 * CHUNK + 12345)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "kept", KEY)


def keep(shelf: Shelf, content: bytes) -> str:
    """Return the place of ``content``, received now."""
    return shelf.receive(io.BytesIO(content)).place


def file_at(tmp_path: Path, place: str) -> Path:
    """Return the file on disk."""
    return tmp_path / "kept" / f"{place}.kept"


@pytest.mark.parametrize("size", SIZES)
def test_what_is_received_is_read_back(shelf: Shelf, size: int) -> None:
    content = THREE_CHUNKS[:size]

    received = shelf.receive(io.BytesIO(content))

    assert (received.sha256, received.size) == (hashlib.sha256(content).hexdigest(), size)
    assert shelf.places() == {received.place}
    with shelf.open(received.place) as file:
        assert file.read() == content


def test_it_is_read_from_any_byte_on(shelf: Shelf) -> None:
    chance = random.Random(2)
    with shelf.open(keep(shelf, THREE_CHUNKS)) as file:
        for _ in range(50):
            start, length = chance.randrange(len(THREE_CHUNKS)), chance.randrange(CHUNK // 4)
            assert file.seek(start) == start
            assert file.read(length) == THREE_CHUNKS[start : start + length]
        assert file.seek(-5, os.SEEK_END) == len(THREE_CHUNKS) - 5
        assert file.read() == THREE_CHUNKS[-5:]
        assert file.read() == b""


def test_a_kept_archive_with_nothing_in_it_is_refused_as_it_was_before_it_was_kept(shelf: Shelf) -> None:
    content = zipped({})

    for file in (io.BytesIO(content), shelf.open(keep(shelf, content))):
        with file, pytest.raises(UnreadableLeadFile, match="holds 0 files"):
            open_content(file)


def test_a_source_that_gives_a_little_at_a_time_gives_the_same(shelf: Shelf) -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 300_007))

    with shelf.open(shelf.receive(Trickle(THREE_CHUNKS)).place) as file:
        assert file.read() == THREE_CHUNKS


def test_each_chunk_is_given_in_clear_as_it_is_taken(shelf: Shelf) -> None:
    seen: list[bytes] = []

    shelf.receive(io.BytesIO(THREE_CHUNKS), each=seen.append)

    assert b"".join(seen) == THREE_CHUNKS
    assert [len(chunk) for chunk in seen] == [CHUNK, CHUNK, 12345]


def test_nothing_of_the_content_can_be_read_from_the_disk(shelf: Shelf, tmp_path: Path) -> None:
    place = keep(shelf, b"Telefon;Namn\n+46701740605;Eva\n" * 1000)

    assert b"Eva" not in file_at(tmp_path, place).read_bytes()
    assert stat.S_IMODE(file_at(tmp_path, place).stat().st_mode) == 0o600
    assert stat.S_IMODE(file_at(tmp_path, place).parent.stat().st_mode) == 0o700


def test_the_same_content_is_never_sealed_alike_and_lies_there_once(shelf: Shelf, tmp_path: Path) -> None:
    place = keep(shelf, THREE_CHUNKS)
    first = file_at(tmp_path, place).read_bytes()
    with shelf.open(place) as read_meanwhile:
        assert keep(shelf, THREE_CHUNKS) == place
        assert read_meanwhile.read() == THREE_CHUNKS

    assert shelf.places() == {place}
    second = file_at(tmp_path, place).read_bytes()
    assert len(first) == len(second)
    assert first[HEADER:][:64] != second[HEADER:][:64]


def read_to_the_end(shelf: Shelf, place: str, read: list[bytes]) -> None:
    """Read a kept file in small parts, and note each in ``read``."""
    with shelf.open(place) as file:
        while part := file.read(65536):
            read.append(part)


def flip(at: int) -> Callable[[bytes], bytes]:
    """Return what changes one bit of a file."""
    return lambda kept: kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1 :] if at >= 0 else flip(len(kept) + at)(kept)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "form": flip(0),
    "key id": flip(9),
    "random bytes": flip(20),
    "first chunk": flip(HEADER),
    "tag of the second chunk": flip(HEADER + 2 * SEALED_CHUNK - 1),
    "size": flip(-17),
    "seal": flip(-1),
    "emptied": lambda _: b"",
    "only the header left": lambda kept: kept[:HEADER],
    "a byte cut off": lambda kept: kept[:-1],
    "last chunk cut out": lambda kept: kept[: HEADER + 2 * SEALED_CHUNK] + kept[-24:],
    "first chunk cut out": lambda kept: kept[:HEADER] + kept[HEADER + SEALED_CHUNK :],
    "chunks changed places": lambda kept: (
        kept[:HEADER]
        + kept[HEADER + SEALED_CHUNK : HEADER + 2 * SEALED_CHUNK]
        + kept[HEADER : HEADER + SEALED_CHUNK]
        + kept[HEADER + 2 * SEALED_CHUNK :]
    ),
    "a chunk twice": lambda kept: kept[: HEADER + SEALED_CHUNK] + kept[HEADER:],
    "a byte appended": lambda kept: kept + b"\0",
    "itself appended": lambda kept: kept + kept,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_file_that_was_touched_is_refused_and_no_wrong_byte_is_read(
    shelf: Shelf, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    place = keep(shelf, THREE_CHUNKS)
    path = file_at(tmp_path, place)
    path.write_bytes(damage(path.read_bytes()))
    read: list[bytes] = []

    with pytest.raises(KeptFileDamaged):
        read_to_the_end(shelf, place, read)

    assert THREE_CHUNKS.startswith(b"".join(read))


def test_what_was_damaged_is_sound_again_once_it_is_received_again(shelf: Shelf, tmp_path: Path) -> None:
    place = keep(shelf, THREE_CHUNKS)
    path = file_at(tmp_path, place)
    path.write_bytes(flip(HEADER)(path.read_bytes()))

    keep(shelf, THREE_CHUNKS)

    with shelf.open(place) as file:
        assert file.read() == THREE_CHUNKS


def test_one_file_does_not_pass_for_another(shelf: Shelf, tmp_path: Path) -> None:
    """Neither whole nor by a chunk: two files of one size, under one key, swapped on disk."""
    one, other = (keep(shelf, content) for content in (THREE_CHUNKS, THREE_CHUNKS[::-1]))
    of_one, of_other = file_at(tmp_path, one).read_bytes(), file_at(tmp_path, other).read_bytes()
    file_at(tmp_path, one).write_bytes(of_other)
    file_at(tmp_path, other).write_bytes(
        of_other[:HEADER] + of_one[HEADER : HEADER + SEALED_CHUNK] + of_other[HEADER + SEALED_CHUNK :]
    )

    with pytest.raises(KeptFileDamaged):
        shelf.open(one)
    with pytest.raises(KeptFileDamaged), shelf.open(other) as file:
        file.read(1)


def test_another_secret_opens_nothing(shelf: Shelf, tmp_path: Path) -> None:
    place = keep(shelf, b"content")

    with pytest.raises(KeptFileDamaged, match="another secret"):
        Shelf(tmp_path / "kept", b"j" * 32).open(place)


@pytest.mark.parametrize("place", ["0" * 64, "../" + "0" * 61, "", "A" * 64])
def test_a_place_where_nothing_lies_is_refused(shelf: Shelf, place: str) -> None:
    with pytest.raises(KeptFileDamaged):
        shelf.open(place)


def test_a_file_over_the_limit_is_not_kept(shelf: Shelf, tmp_path: Path) -> None:
    shelf.receive(io.BytesIO(b"x" * 10), limit=10)

    with pytest.raises(FileTooLarge):
        shelf.receive(io.BytesIO(THREE_CHUNKS), limit=len(THREE_CHUNKS) - 1)

    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_what_a_reader_of_chunks_raises_ends_the_taking_and_nothing_is_kept(shelf: Shelf, tmp_path: Path) -> None:
    def refuse(chunk: bytes) -> None:
        raise ValueError(len(chunk))

    with pytest.raises(ValueError, match=str(CHUNK)):
        shelf.receive(io.BytesIO(THREE_CHUNKS), each=refuse)

    assert list((tmp_path / "kept").iterdir()) == []


def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/dev/full takes no byte, as a disk that is full."""
    place = keep(shelf, b"old")
    real = io.FileIO

    def full(path: Path, mode: str, opener: Callable[[str, int], int]) -> io.FileIO:
        real(path, mode, opener=opener).close()
        return real("/dev/full", "wb")

    with monkeypatch.context() as patched:
        patched.setattr("leads.shelf.io.FileIO", full)
        with pytest.raises(StorageUnavailable, match=os.strerror(errno.ENOSPC)):
            shelf.receive(io.BytesIO(THREE_CHUNKS))

    assert [path.name for path in (tmp_path / "kept").iterdir()] == [f"{place}.kept"]
    with shelf.open(place) as file:
        assert file.read() == b"old"


def test_a_disk_that_fills_at_the_last_moment_leaves_nothing(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("leads.shelf.os.fsync", fail)
        with pytest.raises(StorageUnavailable):
            shelf.receive(io.BytesIO(THREE_CHUNKS))

    assert list((tmp_path / "kept").iterdir()) == []


def test_what_is_removed_is_gone_and_removing_it_again_does_nothing(shelf: Shelf, tmp_path: Path) -> None:
    place = keep(shelf, b"content")

    assert shelf.remove(place)
    assert not shelf.remove(place)
    assert not Shelf(tmp_path / "never made", KEY).remove(place)
    assert shelf.places() == frozenset()
    with pytest.raises(KeptFileDamaged):
        shelf.open(place)


def test_what_was_received_again_meanwhile_is_not_removed(shelf: Shelf) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    place = keep(shelf, b"content")

    assert not shelf.remove(place, unless_since=before)
    assert shelf.remove(place, unless_since=before + timedelta(hours=1))


def test_what_a_killed_process_left_is_swept_and_work_that_goes_on_is_not(shelf: Shelf, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    place = keep(shelf, b"content")
    folder = tmp_path / "kept"
    for name, age in (("left", timedelta(hours=2)), ("going-on", timedelta(minutes=5))):
        path = folder / f".unfinished-{name}"
        path.write_bytes(b"half")
        os.utime(path, times=((now - age).timestamp(),) * 2)

    assert shelf.sweep_unfinished(now) == 1
    assert {path.name for path in folder.iterdir()} == {f"{place}.kept", ".unfinished-going-on"}
    assert shelf.places() == {place}


def test_a_temporary_folder_is_gone_when_its_work_ends_or_an_hour_after_it_was_killed(
    shelf: Shelf, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    with shelf.temporary_folder() as folder:
        (folder / "part").write_bytes(b"a person")
        assert folder.stat().st_mode & 0o777 == 0o700
        assert shelf.sweep_unfinished(now) == 0
        assert shelf.sweep_unfinished(now + timedelta(hours=2)) == 1
        assert not folder.exists()
    with suppress(ValueError), shelf.temporary_folder() as folder:
        (folder / "part").write_bytes(b"a person")
        raise ValueError
    assert list((tmp_path / "kept").iterdir()) == []
