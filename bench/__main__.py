"""``python -m bench [SECTION …]``: measure the promises, as a table; BENCH_JSON=file keeps them as JSON.

Every figure is a ratio of two things measured in turn in this run, so a slow or noisy machine changes both. Sizes can
be made smaller for a quick look with BENCH_SCALE, from 0 to 1.
"""

import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from bench import lead_files, ledger_size, screenings, seeds, snapshots
from bench.figures import BATCH, SCALE, Figure, at_least, at_most, scaled
from bench.server import Load, load, serving
from dnc.gate import Question
from tests.postgres import PostgresServer, postgres_server

ROUNDS, SECONDS = 5, 4
BATCH_PER_SECOND, BATCH_OVER_SINGLE = 50_000, 60
"""A batch is to reach the one or the other."""


def single_checks(name: str, folder: Path, database_url: str | None) -> list[Figure]:
    """Measure one durable check over HTTP against a route that does nothing on the same server; then a batch.

    The answer is told with the figures: outside calling hours it is a deny, which holds no attempt and writes less.
    """
    service, key = seeds.prepare(folder, database_url)
    seeds.load_leads(service, folder, BATCH, salt=0)
    register = folder / "nix.txt"
    seeds.write_register(register, BATCH, salt=1)
    seeds.import_register(folder, register, database_url)
    numbers = list(seeds.numbers(BATCH, salt=0))
    verdict = service.gate.ask(seeds.ME, seeds.CAMPAIGN, Question(numbers[0])).decision.verdict
    service.close()
    figures: list[Figure] = []
    each = [{"campaign": seeds.CAMPAIGN, "number": number} for number in numbers]
    with serving(folder, database_url) as url:
        ask = _asker(url, key)
        ask("/noop", each, 8, 1), ask("/v1/checks", each, 8, 1)
        checks: list[Load] = []
        for callers, throughput, longest in ((1, 0.5, 3), (8, 0.5, 3), (32, 0.7, 2)):
            pairs = [
                (ask("/noop", each, callers, SECONDS), ask("/v1/checks", each, callers, SECONDS)) for _ in range(ROUNDS)
            ]
            checks = [check for _, check in pairs]
            rate = statistics.median(check.per_second / noop.per_second for noop, check in pairs)
            tail = statistics.median(check.p99 / noop.p99 for noop, check in pairs)
            middle = statistics.median(check.per_second for check in checks)
            p50, p99 = (statistics.median(getattr(check, part) for check in checks) for part in ("p50", "p99"))
            detail = f"{middle:.0f} checks/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms; {verdict}"
            figures.append(at_least(f"{name}: check / no-op, throughput, {callers} callers", rate, throughput, detail))
            figures.append(at_most(f"{name}: check / no-op, p99, {callers} callers", tail, longest, detail))
        batch = {"campaign": seeds.CAMPAIGN, "numbers": numbers}
        many = [BATCH / ask("/v1/checks/batch", batch, 1, SECONDS).p50 * 1000 for _ in range(ROUNDS)]
        single = statistics.median(check.per_second for check in checks)
        rate = statistics.median(many)
        detail = f"in batches of {BATCH}; {single:.0f}/s one by one at 32 callers, {rate / single:.1f} times less"
        bound = min(BATCH_PER_SECOND, BATCH_OVER_SINGLE * single)
        figures.append(at_least(f"{name}: batch, durable decisions a second", rate, bound, detail))
    return figures


def _asker(url: str, key: str) -> Callable[[str, object, int, int], Load]:
    def ask(path: str, body: object, callers: int, seconds: int) -> Load:
        return load(url + path, key=key, body=body, callers=callers, seconds=seconds)

    return ask


def register_import(folder: Path) -> list[Figure]:
    """Measure the import of a whole register with the users' own command."""
    service, _ = seeds.prepare(folder)
    service.close()
    path, count = folder / "nix.txt", scaled(3_000_000)
    seeds.write_register(path, count, salt=2)
    run = seeds.import_register(folder, path)
    path.unlink()
    return [
        at_most(f"NIX import of {count:,} numbers, seconds", run.seconds, 20, f"{count / run.seconds:,.0f} lines/s"),
        at_most(f"NIX import of {count:,} numbers, MB of memory", run.megabytes, 500, "largest of the whole process"),
    ]


def empty_against_full(folder: Path) -> list[Figure]:
    """Measure a check's latency on an empty database against one of real size, both served at the same time."""
    with ExitStack() as stack:
        asks = []
        for name, listed, leads, checks in (
            ("empty", 0, 0, 0),
            ("full", scaled(3_000_000), scaled(1_000_000), scaled(1_000_000)),
        ):
            data = folder / name
            service, key = seeds.prepare(data)
            if listed:
                path = data / "nix.txt"
                seeds.write_register(path, listed, salt=2)
                seeds.import_register(data, path)
                path.unlink()
                seeds.load_leads(service, data, leads, salt=0)
                seeds.make_checks(service, checks, salt=0)
            service.close()
            asks.append(_asker(stack.enter_context(serving(data)), key))
        one = {"campaign": seeds.CAMPAIGN, "number": next(seeds.numbers(1, salt=0))}
        for ask in asks:
            ask("/v1/checks", one, 1, 2)
        pairs = [(asks[0]("/v1/checks", one, 1, 3), asks[1]("/v1/checks", one, 1, 3)) for _ in range(ROUNDS)]
    ratio = statistics.median(full.p50 / empty.p50 for empty, full in pairs)
    middle = [statistics.median(pair[place].p50 for pair in pairs) for place in (0, 1)]
    sizes = f"{scaled(3_000_000):,} listings, {scaled(1_000_000):,} leads, {scaled(1_000_000):,} checks"
    detail = f"p50 {middle[0]:.2f} ms empty, {middle[1]:.2f} ms with {sizes}"
    return [at_most("check latency, full / empty database, p50", ratio, 1.3, detail)]


def machine() -> str:
    """Return what this was measured on."""
    processor = platform.machine()
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            processor = line.partition(":")[2].strip()
            break
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"


Section = Callable[[Path, PostgresServer], list[Figure]]


def _of_checks(folder: Path, server: PostgresServer) -> list[Figure]:
    server.create_database("bench")
    return [
        *single_checks("SQLite", folder / "sqlite", None),
        *single_checks("PostgreSQL", folder / "postgresql", server.url_for("bench")),
    ]


def _of_leads(folder: Path, server: PostgresServer) -> list[Figure]:
    return [
        *lead_files.against_bulk_load("PostgreSQL", folder / "postgresql", server),
        *lead_files.against_bulk_load("SQLite", folder / "sqlite", None),
        *lead_files.workbook(folder / "workbook"),
    ]


def _of_registers(folder: Path, _server: PostgresServer) -> list[Figure]:
    return [
        *register_import(folder / "nix"),
        *snapshots.import_of_us_file(folder / "us"),
        *snapshots.at_scale(folder / "scale"),
        *snapshots.swap_under_load(folder / "swap"),
    ]


def _of_screenings(folder: Path, server: PostgresServer) -> list[Figure]:
    return [
        *screenings.against_bare_join("SQLite", folder / "sqlite", None),
        *screenings.against_bare_join("PostgreSQL", folder / "postgresql", server),
    ]


def _of_sizes(folder: Path, _server: PostgresServer) -> list[Figure]:
    return [*empty_against_full(folder / "database"), *ledger_size.against_empty(folder / "ledger")]


SECTIONS: dict[str, Section] = {
    "checks": _of_checks,
    "leads": _of_leads,
    "registers": _of_registers,
    "screenings": _of_screenings,
    "sizes": _of_sizes,
}


def main(names: Sequence[str]) -> int:
    """Measure the sections named, or everything; return 0 if every promise is kept, else 1."""
    unknown = set(names) - SECTIONS.keys()
    if unknown:
        sys.stderr.write(f"there is no section {', '.join(sorted(unknown))}: {', '.join(SECTIONS)}\n")
        return 2
    figures: list[Figure] = []
    sys.stdout.write(f"\n{machine()}\n\n| what | measured | promised | |\n|---|---|---|---|\n")
    for name in names or SECTIONS:
        with tempfile.TemporaryDirectory(prefix="ringklar-bench-") as folder, postgres_server(durable=True) as server:
            measured = SECTIONS[name](Path(folder), server)
        for figure in measured:
            sign = "kept" if figure.kept else "**not kept**"
            sys.stdout.write(f"| {figure.what} | {figure.value:g} | {figure.bound} | {sign}: {figure.detail} |\n")
        sys.stdout.flush()
        figures += measured
        if os.environ.get("BENCH_JSON"):
            document = {"machine": machine(), "scale": SCALE, "figures": [asdict(figure) for figure in figures]}
            Path(os.environ["BENCH_JSON"]).write_text(json.dumps(document, ensure_ascii=False, indent=2), "utf-8")
    return 0 if all(figure.kept for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
