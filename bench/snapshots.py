"""Registers at scale: 250 million numbers in one snapshot, asked by several processes, and swapped under load.

The numbers are like those of the US register: spread over 300 area codes, in no order within one. As a program
(``python -m bench.snapshots DIRECTORY NAME COUNT``) this is one of the asking processes.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import phonenumbers
import psutil
from numpy.typing import NDArray
from pyroaring import BitMap64
from sqlalchemy import update

from bench import seeds
from bench.figures import Figure, at_most, scaled
from bench.server import ROOT, SCRIPT, environment_for, load, serving
from core.ids import new_id
from dnc.models import Register, RegisterVersion
from dnc.registers.shelf import RegisterShelf
from dnc.registers.snapshots import Snapshot, snapshot_path, write_snapshot
from service import Service

LARGE, SMALL, AREAS, PROCESSES = 250_000_000, 10_000, 300, 4
ASKED, ROUNDS = 40_000, 15
CALLERS, SECONDS, SWAPS = 8, 5, 5
_AREA, _FIRST, _SPACE = 10_000_000, 2_000_000, 8_000_000  # seven digits that do not begin with 0 or 1
NIX_A_LINE = 20 / 3  # µs: 3 million lines in 20 seconds
_MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


def at_scale(folder: Path) -> list[Figure]:
    """Measure a snapshot's size on disk, in memory over all processes, its making, and a look-up's time."""
    large, seconds = _made(folder, scaled(LARGE), AREAS)
    small, _ = _made(folder, SMALL, 1)
    count, on_disk = len(large), snapshot_path(folder, large.sha256).stat().st_size
    grown = _grown_in_memory(folder, large)
    fast, slow = _look_ups(folder, small, large)
    in_memory = sum(grown) + on_disk
    each = ", ".join(f"{size / 1e6:.0f}" for size in grown)
    return [
        at_most(f"snapshot of {count:,} numbers, bytes each on disk", on_disk / count, 2.2, f"{on_disk / 1e6:.0f} MB"),
        at_most(
            f"the same in memory of {PROCESSES} processes and the page cache, bytes each",
            in_memory / count,
            2.5,
            f"{each} MB of each process's own, {on_disk / 1e6:.0f} MB of file in common",
        ),
        at_most(
            "the same, making it, µs a number", seconds / count * 1e6, 1, f"{seconds:.1f} s, sorted out and written"
        ),
        at_most(f"look-up, {count:,} / {SMALL:,} numbers", slow / fast, 1.3, f"{slow:.2f} µs and {fast:.2f} µs"),
    ]


def swap_under_load(folder: Path) -> list[Figure]:
    """Measure the slowest check while a large register is swapped, against the usual p99. A failed one raises."""
    service, key = seeds.prepare(folder)
    seeds.load_leads(service, folder, SMALL, salt=0)
    registers = service.settings.registers_dir
    first, _ = _made(registers, scaled(LARGE), AREAS)
    second = write_snapshot(registers, first.numbers() | BitMap64([46_701_740_605]))
    with service.store.writing() as session:
        session.merge(Register(name="nix", country="SE"))
    _put_in_force(service, first)
    body = {"campaign": seeds.CAMPAIGN, "number": next(seeds.numbers(1, salt=0))}
    usual, worst = [], []
    with serving(folder) as url:
        load(f"{url}/v1/checks", key=key, body=body, callers=CALLERS, seconds=2)
        for turn in range(SWAPS):
            usual.append(load(f"{url}/v1/checks", key=key, body=body, callers=CALLERS, seconds=SECONDS).p99)
            swap = threading.Timer(SECONDS / 2, _put_in_force, (service, (second, first)[turn % 2]))
            swap.start()
            worst.append(_slowest(f"{url}/v1/checks", key, body))
            swap.join()
    service.close()
    ratio = statistics.median(slowest / p99 for slowest, p99 in zip(worst, usual, strict=True))
    p99, slowest = statistics.median(usual), statistics.median(worst)
    detail = f"slowest {slowest:.1f} ms, usual p99 {p99:.1f} ms, {CALLERS} callers, {SWAPS} swaps, none failed"
    return [at_most(f"swap of {len(first):,} numbers under load, slowest / usual p99", ratio, 3, detail)]


def import_of_us_file(folder: Path) -> list[Figure]:
    """Measure the import of a whole US file, in its own layout, with the users' own command, against NIX's promise."""
    service, _ = seeds.prepare(folder)
    service.close()
    path, count = folder / "us.txt", 0
    with path.open("wb") as file:
        for part in us_like(scaled(LARGE), AREAS):
            file.write(_lines(part))
            count += len(part)
    run = seeds.import_register(folder, path, register="us")
    size = path.stat().st_size
    path.unlink()
    detail = f"{run.seconds:.0f} s, {size / 1e9:.2f} GB; {run.megabytes:.0f} MB of memory at most"
    return [at_most(f"US file of {count:,} lines, µs a line", run.seconds / count * 1e6, NIX_A_LINE, detail)]


def _lines(numbers: NDArray[np.uint64]) -> bytes:
    """Return the numbers as lines of the US list, ``202,5550142``."""
    lines = np.empty((len(numbers), len("202,5550142\r\n")), dtype=np.uint8)
    lines[:] = np.frombuffer(b"000,0000000\r\n", dtype=np.uint8)
    for place, column in enumerate((10, 9, 8, 7, 6, 5, 4, 2, 1, 0)):  # from the last digit to the first
        lines[:, column] += (numbers // np.uint64(10**place) % np.uint64(10)).astype(np.uint8)
    return lines.tobytes()


def us_like(count: int, areas: int) -> Iterator[NDArray[np.uint64]]:
    """Yield about ``count`` numbers, area code by area code, in no order within one; the same ones each time."""
    chance = np.random.default_rng(seeds.SEED)
    share = np.float32(count / areas / _SPACE)
    for area in np.sort(chance.choice(_us_areas(), areas, replace=False)).tolist():
        listed = np.flatnonzero(chance.random(_SPACE, np.float32) < share).astype(np.uint64)
        chance.shuffle(listed)
        yield listed + np.uint64((1000 + area) * _AREA + _FIRST)


def _us_areas() -> list[int]:
    first = ((area, phonenumbers.parse(f"+1{area}{_FIRST}")) for area in range(200, 1000))
    return [area for area, number in first if phonenumbers.region_code_for_number(number) == "US"]


def _made(folder: Path, count: int, areas: int) -> tuple[Snapshot, float]:
    """Return a snapshot of some ``count`` numbers, and the seconds from numbers that were read to a durable file."""
    numbers, seconds = BitMap64(), 0.0
    for part in us_like(count, areas):
        started = time.perf_counter()
        numbers.update(part)
        seconds += time.perf_counter() - started
    started = time.perf_counter()
    snapshot = write_snapshot(folder, numbers)
    return snapshot, seconds + time.perf_counter() - started


def _put_in_force(service: Service, snapshot: Snapshot) -> None:
    now = service.clock.now()
    with service.store.writing() as session:
        version = RegisterVersion(
            id=new_id(),
            register="nix",
            as_of=(datetime.now(UTC) - timedelta(days=1)).date(),
            count=len(snapshot),
            snapshot_sha256=snapshot.sha256,
            file_name="bench",
            file_sha256=snapshot.sha256,
            rejected_lines=0,
            loaded_at=now,
            loaded_by="bench",
        )
        session.add(version)
        session.flush()
        session.execute(update(Register).where(Register.name == "nix").values(version_id=version.id))


def _slowest(url: str, key: str, body: object) -> float:
    """Return the milliseconds of the slowest request of some seconds of load."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is not installed: apt-get install wrk")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(body, file)
        file.flush()
        command = [wrk, "-t1", f"-c{CALLERS}", f"-d{SECONDS}s", "--timeout", "30s", "-s", str(SCRIPT), url]
        environment = os.environ | {"BENCH_KEY": key, "BENCH_BODY_FILE": file.name}
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Latency\s+\S+\s+\S+\s+([\d.]+)(us|ms|s|m)\b", told)
    if found is None or "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(f"the load met errors: {told}")
    return float(found[1]) * _MILLISECONDS[found[2]]


def _look_ups(folder: Path, small: Snapshot, large: Snapshot) -> tuple[float, float]:
    """Return the microseconds of a look-up in each, half of them of listed numbers, measured in turn."""
    shelf, chance = RegisterShelf(folder), np.random.default_rng(seeds.SEED)
    asked = [_some(len(one), areas, chance, one) for one, areas in ((small, 1), (large, AREAS))]
    taken: list[list[float]] = [[], []]
    for turn in range(ROUNDS + 1):
        for place, one in enumerate((small, large)):
            started = time.thread_time()  # others on this machine are not the look-up's cost
            for number in asked[place]:
                shelf.listed(one.sha256, number)
            if turn:  # the first finds where the containers lie
                taken[place].append((time.thread_time() - started) / len(asked[place]) * 1e6)
    return statistics.median(taken[0]), statistics.median(taken[1])


def _some(count: int, areas: int, chance: np.random.Generator, snapshot: Snapshot) -> list[int]:
    """Return numbers to ask, half of them listed, in no order."""
    parts = []
    for part in us_like(count, areas):
        parts.append(part[: -(-ASKED // 2 // areas)])
        parts.append(chance.integers(part.min(), part.max(), -(-ASKED // 2 // areas)).astype(np.uint64))
    numbers = np.concatenate(parts)
    chance.shuffle(numbers)
    if not 0 < snapshot.listed_of(numbers.astype(np.int64)).mean() < 1:
        raise RuntimeError("the numbers that are asked are not those of the snapshot")
    return [int(number) for number in numbers]


def _grown_in_memory(folder: Path, snapshot: Snapshot) -> list[int]:
    """Return by how many bytes (PSS) each of some processes grew by opening and asking the same snapshot."""
    command = [sys.executable, "-m", "bench.snapshots", str(folder), snapshot.sha256]
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=environment_for(folder, None), stdin=pipe, stdout=pipe, text=True)
        for _ in range(PROCESSES)
    ]
    grown = []
    for word in ("before", "after", "measured"):
        for process in processes:  # one step is done by all before the next, so that what is shared is shared by all
            assert process.stdin is not None
            process.stdin.write("go on\n")
            process.stdin.flush()
        for process in processes:
            assert process.stdout is not None
            told = process.stdout.readline().split()
            if told[:1] != [word]:
                raise RuntimeError("a process that asks a snapshot ended early")
            if word == "measured":
                grown.append(int(told[1]))
    for process in processes:
        process.communicate()
    return grown


def _ask_as_a_process(folder: Path, name: str) -> None:
    """Open the snapshot and ask it at random places, as told; say by how many bytes this process grew."""
    chance = np.random.default_rng(os.getpid())
    shelf = RegisterShelf(folder)
    numbers = [int(number) for number in chance.integers(12_000_000_000, 20_000_000_000, 20 * ASKED)]
    sys.stdin.readline()
    before = psutil.Process().memory_full_info().pss
    print("before", flush=True)
    sys.stdin.readline()
    for number in numbers:
        shelf.listed(name, number)
    print("after", flush=True)
    sys.stdin.readline()
    print("measured", psutil.Process().memory_full_info().pss - before, flush=True)


if __name__ == "__main__":
    _ask_as_a_process(Path(sys.argv[1]), sys.argv[2])
