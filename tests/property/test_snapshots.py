"""Whatever numbers a register holds, in whatever order and spelling they came, the snapshot holds exactly those."""

import gzip
import tempfile
import zipfile
from itertools import chain
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap64

from dnc.registers.files import read_register_file
from dnc.registers.snapshots import read_snapshot, write_snapshot
from tests.registers import LISTED, spelled

scattered = st.lists(st.integers(min_value=1, max_value=10**15), max_size=200)
stretches = st.lists(
    st.tuples(st.integers(0, 2**36), st.integers(1, 12_000), st.sampled_from([1, 2, 3, 17, 40_000])).map(
        lambda stretch: range(stretch[0], stretch[0] + stretch[1] * stretch[2], stretch[2])
    ),
    max_size=3,
)
"""Arrays, bitmaps and runs, alone and side by side, each of several blocks."""

numbers = st.tuples(scattered, stretches).map(lambda parts: [*parts[0], *chain.from_iterable(parts[1])])
fiction = st.lists(st.tuples(st.sampled_from(LISTED), st.integers(0, 3)), min_size=1, max_size=60)


@given(numbers=numbers, asked=st.integers(min_value=-(2**70), max_value=2**70))
@settings(max_examples=60, deadline=None)
def test_a_snapshot_is_the_set_of_its_numbers(numbers: list[int], asked: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sha256 = write_snapshot(Path(folder), BitMap64(numbers)).sha256
        snapshot = read_snapshot(Path(folder), sha256)

    assert list(snapshot) == sorted(set(numbers))
    assert (asked in snapshot) == (asked in set(numbers))


@given(numbers=numbers, asked=st.lists(st.integers(0, 2**37), max_size=50), beside=st.integers(-2, 2))
@settings(max_examples=60, deadline=None)
def test_one_number_and_many_are_found_like_in_a_set(numbers: list[int], asked: list[int], beside: int) -> None:
    wanted = [*asked, *(max(0, number + beside) for number in numbers[::7])]
    with tempfile.TemporaryDirectory() as folder:
        snapshot = write_snapshot(Path(folder), BitMap64(numbers))

    together = snapshot.listed_of(np.array(wanted, np.int64))

    held = frozenset(numbers)
    assert [number in snapshot for number in wanted] == [number in held for number in wanted]
    assert together.tolist() == [number in held for number in wanted]
    assert snapshot.numbers() == BitMap64(numbers)


@given(numbers=scattered, rng=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_arrival_does_not_change_the_snapshot(numbers: list[int], rng: object) -> None:
    shuffled = list(numbers)
    rng.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis gives a random.Random
    one_by_one = BitMap64()
    for number in shuffled:
        one_by_one.add(number)
    with tempfile.TemporaryDirectory() as folder:
        at_once = write_snapshot(Path(folder), BitMap64(numbers))
        later = write_snapshot(Path(folder), one_by_one)

    assert at_once.sha256 == later.sha256


@given(
    rows=fiction,
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    column=st.sampled_from(["", ";Åsa", ",2026-11-15", "\tEk, Bo", ';"x"']),
    heading=st.sampled_from(["", "nummer", '"Telefonnummer (E.164)"']),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252"]),
    packing=st.sampled_from(["plain", "gzip", "zip"]),
    blanks=st.integers(0, 2),
    ends=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_every_way_of_writing_the_same_numbers_reads_as_those_numbers(
    rows: list[tuple[int, int]],
    line_end: str,
    column: str,
    heading: str,
    encoding: str,
    packing: str,
    blanks: int,
    ends: bool,
) -> None:
    lines = [heading] * bool(heading) + [f"{spelled(number, way)}{column}" for number, way in rows]
    content = (line_end * blanks + line_end.join(lines) + line_end * ends).encode(encoding)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        match packing:
            case "gzip":
                path.write_bytes(gzip.compress(content))
            case "zip":
                with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                    archive.writestr("nix.txt", content)
            case _:
                path.write_bytes(content)
        read = read_register_file(path)

    assert list(read.numbers) == sorted({number for number, _ in rows})
    assert read.lines == len(rows)
    assert read.duplicates == len(rows) - len(read.numbers)
    assert not read.rejected
