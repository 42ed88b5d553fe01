"""Screening a file of a million rows, against DuckDB doing only a bare normalise-and-anti-join of the same file.

Both are whole processes, from their start until the result lies on disk whole. The screening is the users' command: it
reads the file, decides every row by the rules of a check, puts every answer on record, and writes the file with the
answers. DuckDB reads the same file, normalises the numbers with its own functions, drops those that stand in two of its
own tables, loaded before, and writes the rest. The machine's page cache holds the files of both, and Python has
compiled the modules of both once, as it does for whoever runs a command twice.
"""

import statistics
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path

import duckdb
from sqlalchemy import insert

from bench import seeds
from bench.figures import Figure, at_most, scaled
from bench.lead_files import watched
from bench.server import ROOT, compiling, environment_for
from consent.terms import EVERY_CHANNEL
from core.ids import new_id
from dnc.models import OptOut
from service import Service
from tests.postgres import PostgresServer

ROUNDS = 3
ROWS, LISTINGS, OPT_OUTS, LEADS = 1_000_000, 3_000_000, 200_000, 1_000_000
_HALF = 2
_BARE = """
import sys, duckdb
database, given, result = sys.argv[1:]
with duckdb.connect(database, read_only=True) as connection:
    connection.execute('SET enable_progress_bar = false')
    connection.execute(f'''
        COPY (
            WITH rows AS (SELECT * FROM read_csv('{given}', delim=';', header=true, all_varchar=true)),
            numbered AS (SELECT *, regexp_replace("Telefon", '[^0-9+]', '', 'g') AS digits FROM rows),
            read AS (
                SELECT * EXCLUDE digits, TRY_CAST(CASE
                    WHEN digits LIKE '+%' THEN substr(digits, 2)
                    WHEN digits LIKE '00%' THEN substr(digits, 3)
                    WHEN digits LIKE '0%' THEN '46' || substr(digits, 2)
                    ELSE digits END AS BIGINT) AS number
                FROM numbered)
            SELECT * FROM read
            ANTI JOIN listings USING (number) ANTI JOIN opt_outs USING (number)
        ) TO '{result}' (HEADER, DELIMITER ';')
    ''')
"""


def write_file(path: Path, count: int) -> None:
    """Write ``count`` rows of six cells: every other number has a lead, in three spellings; one in a hundred is bad."""
    with path.open("w", encoding="utf-8") as file:
        file.write("Kund;Telefon;Namn;Adress;Ort;E-post\n")
        pairs = zip(seeds.numbers(count // _HALF, salt=0), seeds.numbers(count // _HALF, salt=1), strict=True)
        for place, number in enumerate(chain.from_iterable(pairs)):
            match place % 3:
                case 0:
                    cell = number
                case 1:
                    cell = f"{number[:3]}-{number[3:6]} {number[6:8]} {number[8:]}"
                case _:
                    cell = f"+46{number[1:]}"
            if place % 100 == 7:
                cell = number[:6]
            file.write(f"K{place};{cell};Åsa Öberg {place};Storgatan {place % 900};Umeå;p{place}@example.se\n")


def add_opt_outs(service: Service, count: int, *, salt: int) -> None:
    """Put opt-outs of every tenth number and of others in the tables; they are not asked for one by one."""
    now = service.clock.now()
    numbers = [int(f"46{number[1:]}") for number in seeds.numbers(count * 10, salt=salt)][::10]
    with service.store.engine.begin() as connection:
        for start in range(0, count, 10_000):
            connection.execute(
                insert(OptOut),
                [
                    {
                        "id": new_id(),
                        "seller_id": None,
                        "number": number,
                        "channels": EVERY_CHANNEL,
                        "via": "phone",
                        "note": "",
                        "received_at": now,
                        "recorded_at": now,
                        "recorded_by": "operator:bench",
                    }
                    for number in numbers[start : start + 10_000]
                ],
            )


def screen(data_dir: Path, given: Path, result: Path, url: str | None = None) -> tuple[float, float]:
    """Screen with the users' command; return its seconds, and the most memory that it had, in MB."""
    command = [sys.executable, "-m", "cli", "screen", str(given), str(result), "--campaign", seeds.CAMPAIGN]
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment_for(data_dir, url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with watched(process.pid) as most:
        status = process.wait()
        seconds = time.perf_counter() - started
    if status != 0:
        raise RuntimeError("the file was not screened")
    return seconds, most[0] / 1e6


def load_bare(folder: Path, register: Path, opt_outs: int) -> Path:
    """Return a DuckDB database with the register's numbers and the opt-outs', as integers."""
    database = folder / "bare.duckdb"
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "CREATE TABLE listings AS SELECT CAST('46' || substr(replace(column0, '-', ''), 2) AS BIGINT) AS number "  # noqa: S608 - a path of our own
            f"FROM read_csv('{register}', header=false, all_varchar=true)"
        )
        picked = [f"46{number[1:]}" for number in seeds.numbers(opt_outs * 10, salt=1)][::10]
        path = folder / "opt-outs.csv"
        path.write_text("\n".join(picked), encoding="utf-8")
        connection.execute(
            f"CREATE TABLE opt_outs AS SELECT CAST(column0 AS BIGINT) AS number FROM read_csv('{path}', header=false)"  # noqa: S608 - a path of our own
        )
        path.unlink()
    return database


def bare(database: Path, given: Path, result: Path) -> float:
    """Return the seconds that DuckDB takes, as a process of its own."""
    started = time.perf_counter()
    command = [sys.executable, "-c", _BARE, str(database), str(given), str(result)]
    subprocess.run(command, env=compiling(), check=True)
    return time.perf_counter() - started


def against_bare_join(name: str, folder: Path, server: PostgresServer | None) -> list[Figure]:
    """Measure a file of a million rows, in turn with DuckDB, and the bytes that its record takes."""
    url = None
    if server is not None:
        server.create_database("screenings")
        url = server.url_for("screenings")
    service, _ = seeds.prepare(folder, url)
    seeds.load_leads(service, folder, scaled(LEADS), salt=0)
    add_opt_outs(service, scaled(OPT_OUTS), salt=1)
    service.close()
    register, given, result = folder / "nix.txt", folder / "given.csv", folder / "result.csv"
    seeds.write_register(register, scaled(LISTINGS), salt=0)
    seeds.import_register(folder, register, url)
    database = load_bare(folder, register, scaled(OPT_OUTS))
    count = scaled(ROWS)
    write_file(given, count)
    runs, bares = [], []
    screen(folder, given, result, url)  # before the first round, when nothing is compiled yet
    for _ in range(ROUNDS):
        bares.append(bare(database, given, result))
        result.unlink()
        runs.append(screen(folder, given, result, url))
        result.unlink()
    ratio = statistics.median(run[0] / one for run, one in zip(runs, bares, strict=True))
    seconds, alone = statistics.median(run[0] for run in runs), statistics.median(bares)
    detail = f"{seconds:.1f} s against {alone:.1f} s, {count / seconds:,.0f} rows/s"
    memory = max(run[1] for run in runs)
    return [
        at_most(f"{name}: screening of {count:,} rows / DuckDB's bare join", ratio, 2, detail),
        at_most(f"{name}: screening of {count:,} rows, MB of memory", memory, 500, "all its processes together"),
    ]
