"""A check on an empty ledger against one of a hundred million entries, both served at the same time."""

import statistics
from contextlib import ExitStack, closing
from pathlib import Path

import pysqlite3.dbapi2 as sqlite3

from bench import seeds
from bench.figures import Figure, at_most, scaled
from bench.server import Load, load, serving

ENTRIES = 100_000_000
AT_ONCE = 1_000_000
ROUNDS, SECONDS = 5, 3


def fill(database: Path, entries: int) -> None:
    """Put so many entries into a chain of their own, with payloads erased: they would not fit on a developer's disk.

    Their hashes are random; no check reads them.
    """
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        seller = connection.execute("SELECT id FROM sellers LIMIT 1").fetchone()[0]
        chain = connection.execute("SELECT coalesce(max(no), 0) + 1 FROM ledger_chains").fetchone()[0]
        for first in range(0, entries, AT_ONCE):
            connection.execute(
                "WITH RECURSIVE one(seq) AS (SELECT :first UNION ALL SELECT seq + 1 FROM one WHERE seq + 1 < :last) "
                "INSERT INTO ledger_entries (chain, seq, at, kind, subject, actor, seller_id, payload, digest, hash) "
                "SELECT :chain, seq, 1790000000000000 + seq, 'checks', lower(hex(randomblob(18))), 'key:bench', "
                ":seller, NULL, lower(hex(randomblob(32))), lower(hex(randomblob(32))) FROM one",
                {"first": first, "last": min(first + AT_ONCE, entries), "chain": chain, "seller": seller},
            )
        connection.execute(
            "INSERT INTO ledger_chains (no, opened_at, seq, head, signed_seq) "
            "SELECT :chain, 1790000000000000, seq, hash, seq FROM ledger_entries WHERE chain = :chain AND seq = :seq",
            {"chain": chain, "seq": entries - 1},
        )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def against_empty(folder: Path) -> list[Figure]:
    """Measure a check's median latency with a large ledger against an empty one."""
    entries = scaled(ENTRIES)
    with ExitStack() as stack:
        asks = []
        for name, count in (("empty", 0), ("full", entries)):
            data = folder / name
            service, key = seeds.prepare(data)
            seeds.load_leads(service, data, 10_000, salt=0)
            service.close()
            if count:
                fill(data / "ringklar.db", count)
            asks.append((stack.enter_context(serving(data)), key))
        one = {"campaign": seeds.CAMPAIGN, "number": next(seeds.numbers(1, salt=0))}

        def measured(place: int) -> Load:
            url, key = asks[place]
            return load(f"{url}/v1/checks", key=key, body=one, callers=1, seconds=SECONDS)

        measured(0), measured(1)
        pairs = [(measured(0), measured(1)) for _ in range(ROUNDS)]
    ratio = statistics.median(full.p50 / empty.p50 for empty, full in pairs)
    middle = [statistics.median(pair[place].p50 for pair in pairs) for place in (0, 1)]
    detail = f"p50 {middle[0]:.2f} ms empty, {middle[1]:.2f} ms with {entries:,} entries"
    return [at_most("check latency, full / empty ledger, p50", ratio, 1.2, detail)]
