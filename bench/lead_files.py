"""Importing lead files, against what the database's own bulk load makes of the same bytes.

The import is the users' command as a whole process, from its start until all is durable. Its yardsticks are loads of
the very same file into a plain table with the same columns as text, without a key or an index: ``sqlite3`` with
``.import``, and ``COPY``, both durable too. Python has compiled the modules once, as it does for whoever runs a command
twice.
"""

import random
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from python_calamine import CalamineWorkbook
from xlsxwriter import Workbook

from bench import seeds
from bench.figures import Figure, at_most, scaled
from bench.server import ROOT, environment_for
from tests.postgres import PostgresServer

ROUNDS = 3
HEADINGS = ("Telefon", "Namn", "Gatuadress", "Postnr", "Ort", "E-post", "Födelsedatum", "Insamlad")
_NAMES = ("Åsa Öberg", "Per-Ola Ängström", "Maja Lind", "Kåre Söderqvist", "Eva Test")
_TOWNS = ("Umeå", "Malmö", "Göteborg", "Örebro", "Kiruna")


def lead_rows(count: int) -> Iterator[list[str]]:
    """Yield rows of 8 cells, the same ones each time. Five in a hundred are bad: each in another way."""
    chance = random.Random(seeds.SEED)
    numbers = seeds.numbers(count, salt=0)
    for place, number in enumerate(numbers):
        written = f"{number[:3]}-{number[3:6]} {number[6:8]} {number[8:]}" if place % 3 else number
        birth = f"{1940 + place % 60}-{1 + place % 12:02}-{1 + place % 28:02}"
        row = [
            written,
            f"{_NAMES[place % 5]} {place}",
            f"Storgatan {place % 900}",
            str(10_000 + place % 80_000),
            _TOWNS[place % 5],
            f"p{place}@example.se",
            birth,
            f"2026-{1 + place % 10:02}-{1 + place % 28:02}",
        ]
        match place % 100:
            case 7:
                row[0] = ""
            case 27:
                row[0] = number[:6]
            case 47:
                row[6] = f"{birth[:4]}-13-41"
            case 67:
                row[0] = next(seeds.numbers(1, salt=0)) if chance.random() < 0.5 else f"{number} / {number[::-1]}"
            case 87:
                row.append("x")
            case _:
                pass
        yield row


def write_csv(path: Path, count: int) -> None:
    """Write a file as suppliers send it: Windows-1252, semicolons, CRLF."""
    with path.open("w", encoding="cp1252", newline="") as file:
        file.write(";".join(HEADINGS) + "\r\n")
        file.writelines(";".join(row) + "\r\n" for row in lead_rows(count))


def write_xlsx(path: Path, count: int) -> None:
    """Write the same rows as a workbook of text cells."""
    with Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for place, row in enumerate([list(HEADINGS), *lead_rows(count)]):
            for column, cell in enumerate(row):
                sheet.write_string(place, column, cell)


def import_file(data_dir: Path, path: Path, source: str, database_url: str | None = None) -> tuple[float, float]:
    """Import with the users' command; return its seconds, and the most memory that all its processes had, in MB.

    Memory is proportional set size: what processes share is counted once.
    """
    command = [sys.executable, "-m", "cli", "leads", "import", str(path), "--source", source]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment_for(data_dir, database_url), stdout=subprocess.DEVNULL
    )
    with watched(process.pid) as most:
        status = process.wait()
        seconds = time.perf_counter() - started
    if status != 0:
        raise RuntimeError("the lead file was not imported")
    return seconds, most[0] / 1e6


@contextmanager
def watched(pid: int) -> Iterator[list[int]]:
    most, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            try:
                first = psutil.Process(pid)
                family = [first, *first.children(recursive=True)]
                most[0] = max(most[0], sum(one.memory_full_info().pss for one in family))
            except psutil.Error:  # one of them has ended
                continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        over.set()
        watcher.join()


def load_with_sqlite(folder: Path, path: Path) -> float:
    """Return the seconds that ``sqlite3`` takes to load the file into a plain table, durably."""
    database = folder / "plain.db"
    columns = ", ".join(f"c{place} TEXT" for place in range(len(HEADINGS)))
    told = (
        "PRAGMA journal_mode=WAL;\nPRAGMA synchronous=FULL;\n"
        f"CREATE TABLE plain ({columns});\n.mode csv\n.separator ;\n.import {path} plain\n"
    )
    command = shutil.which("sqlite3")
    if command is None:
        raise RuntimeError("sqlite3 is not installed: apt-get install sqlite3")
    started = time.perf_counter()
    subprocess.run([command, str(database)], input=told, text=True, capture_output=True, check=True)
    seconds = time.perf_counter() - started
    for left in folder.glob("plain.db*"):
        left.unlink()
    return seconds


def load_with_copy(url: str, path: Path) -> float:
    """Return the seconds that ``COPY`` takes to load the file into a plain table, durably.

    A row with a cell too many would end it: the table has a column for that.
    """
    columns = ", ".join(f"c{place} text" for place in range(len(HEADINGS)))
    content = path.read_bytes().replace(b";x\r\n", b"\r\n")
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(f"CREATE TABLE plain ({columns})")
        connection.commit()
        started = time.perf_counter()
        statement = "COPY plain FROM STDIN (FORMAT csv, DELIMITER ';', HEADER, ENCODING 'WIN1252')"
        with connection.cursor().copy(statement) as copy:
            for start in range(0, len(content), 1 << 20):
                copy.write(content[start : start + (1 << 20)])
        connection.commit()
        seconds = time.perf_counter() - started
        connection.execute("DROP TABLE plain")
    return seconds


def against_bulk_load(name: str, folder: Path, server: PostgresServer | None) -> list[Figure]:
    """Measure a file of a million rows against the database's own bulk load, in turn, and how it grows with size.

    Both load into what is new; then the file is imported into a database that has the rows of three others.
    """
    count, path = scaled(1_000_000), folder / "leads.csv"
    folder.mkdir(parents=True)
    write_csv(path, 1)
    _Home(folder / "first", server).take(path)  # when nothing is compiled yet
    write_csv(path, count)
    homes = [_Home(folder / str(turn), server) for turn in range(ROUNDS)]
    runs, loads = [], []
    for home in homes:
        loads.append(home.load(path))
        runs.append(home.take(path))
    home = homes[-1]
    home.take(path), home.take(path)
    full = home.take(path)[0] / home.load(path)
    ratio = statistics.median(run[0] / load for run, load in zip(runs, loads, strict=True))
    seconds, bare = statistics.median(run[0] for run in runs), statistics.median(loads)
    memory = max(run[1] for run in runs)
    detail = f"{seconds:.1f} s against {bare:.1f} s, {count / seconds:,.0f} rows/s"
    what = f"{name}: lead file of {count:,} rows"
    figures = [
        at_most(f"{what} / the database's bulk load", ratio, 2.5, detail),
        at_most(f"{what}, beside three such files / the same bulk load", full, 2.5, "one run"),
        at_most(f"{what}, MB of memory", memory, 300, "all its processes together"),
    ]
    per_row = {}
    for size in (10_000, scaled(3_000_000)):
        write_csv(path, size)
        took = [home.take(path)[0] for _ in range(ROUNDS if size == 10_000 else 1)]
        per_row[size] = statistics.median(took) / size * 1e6
        path.unlink()
    small, large = per_row.values()
    detail = f"{small:.1f} µs a row of 10,000, {large:.1f} µs a row of {scaled(3_000_000):,}"
    return [*figures, at_most(f"{name}: lead file, time a row, large / small", large / small, 1.2, detail)]


class _Home:
    """A new database and its data folder."""

    def __init__(self, folder: Path, server: PostgresServer | None) -> None:
        self._folder, self._url = folder, None
        if server is not None:
            server.create_database(f"leads_{folder.name}")
            self._url = server.url_for(f"leads_{folder.name}")
        self._sources = _sources(folder, self._url)

    def take(self, path: Path) -> tuple[float, float]:
        """Import the file from a source that has delivered nothing yet; as ``import_file``."""
        return import_file(self._folder, path, next(self._sources), self._url)

    def load(self, path: Path) -> float:
        """Return the seconds that the database's own bulk load takes."""
        return load_with_copy(self._url, path) if self._url else load_with_sqlite(self._folder, path)


def workbook(folder: Path) -> list[Figure]:
    """Measure a workbook of a hundred thousand rows against the bare reader of workbooks alone."""
    sources = _sources(folder, None)
    count = scaled(100_000)
    path = folder / "leads.xlsx"
    write_xlsx(path, count)
    runs, bare = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
        bare.append(time.perf_counter() - started)
        if len(rows) != count + 1:
            raise RuntimeError("the workbook was not read whole")
        del rows
        runs.append(import_file(folder, path, next(sources))[0])
    ratio = statistics.median(run / alone for run, alone in zip(runs, bare, strict=True))
    detail = f"{statistics.median(runs):.1f} s against {statistics.median(bare):.1f} s"
    return [at_most(f"SQLite: workbook of {count:,} rows / the bare reader", ratio, 3, detail)]


def _sources(folder: Path, url: str | None) -> Iterator[str]:
    """Return the slugs of fresh sources, in a database made for them now."""
    service, _ = seeds.prepare(folder, url)
    names = [f"source-{place}" for place in range(ROUNDS + 5)]
    with service.store.writing() as session:
        for slug in names:
            seeds.add_bench_source(session, slug, service.clock.now())
    service.close()
    return iter(names)
