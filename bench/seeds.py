"""Data of real size, made from a seed when the bench runs and thrown away after it."""

import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from bench.clock import BenchClock
from bench.server import ROOT, environment_for
from consent.terms import Basis, Channel
from core.access import Role, create_key, operator
from core.config import load_settings
from core.sellers import add_seller
from dnc.campaigns import add_campaign
from dnc.gate import Question
from leads.importer import import_lead_file
from leads.sources import add_source
from leads.suppliers import add_supplier
from leads.terms import SourceKind
from migrations.run import upgrade
from service import Service, build_service

SEED = 20261122
SELLER, CAMPAIGN, SOURCE = "bench", "bench", "bench"
ME = operator("bench")


@dataclass(frozen=True, slots=True)
class Run:
    """A command as a whole process: seconds on the clock, and its largest memory in megabytes."""

    seconds: float
    megabytes: float


def numbers(count: int, *, salt: int) -> Iterator[str]:
    """Yield ``count`` distinct Swedish mobile numbers in national form, the same ones for the same salt."""
    first = random.Random(SEED + salt).randrange(10_000_000)
    for step in range(count):
        value = (first + step * 7_368_787) % 10_000_000  # a prime step: every number comes once
        yield f"0{('70', '72', '73', '76', '79')[salt % 5]}{value:07}"


def prepare(data_dir: Path, database_url: str | None = None) -> tuple[Service, str]:
    """Return a service over a fresh database with a seller, a campaign and a source, and a dialer's key."""
    data_dir.mkdir(parents=True, exist_ok=True)
    environment = environment_for(data_dir, database_url)
    settings = load_settings({name: value for name, value in environment.items() if name.startswith("RINGKLAR_")})
    upgrade(settings.database_url)
    service = build_service(settings, BenchClock())
    service.require_schema()
    now = service.clock.now()
    with service.store.writing() as session:
        seller = add_seller(session, ME, slug=SELLER, name="Bench", now=now)
        add_campaign(
            session,
            ME,
            slug=CAMPAIGN,
            seller_id=seller.id,
            name="Bench",
            product="electricity",
            channel=Channel.VOICE,
            opens_weekends=True,
            now=now,
        )
        add_supplier(session, ME, slug="bench", name="Bench", kind=SourceKind.PARTNER, now=now)
        add_bench_source(session, SOURCE, now)
        key = create_key(session, ME, name="bench", role=Role.DIALER, seller_id=seller.id, now=now)
    return service, key


def add_bench_source(session: Session, slug: str, now: datetime) -> None:
    """Add a source of the bench's supplier, for its seller."""
    add_source(
        session,
        ME,
        slug=slug,
        supplier="bench",
        seller=SELLER,
        name="Tävlingen",
        basis=Basis.LEGITIMATE_INTEREST,
        assessment="LIA-1",
        say="Du var med i tävlingen.",
        say_en=None,
        now=now,
    )


def load_leads(service: Service, folder: Path, count: int, *, salt: int) -> None:
    """Import ``count`` leads with the product's own importer."""
    path = folder / f"leads-{salt}.csv"
    collected = datetime.now(UTC) - timedelta(days=1)
    with path.open("w", encoding="utf-8") as file:
        file.write("Telefon;Namn;Insamlad\n")
        for place, number in enumerate(numbers(count, salt=salt)):
            day = collected - timedelta(days=place % 30)
            file.write(f"{number};Test Person {place};{day.date()}\n")
    import_lead_file(service.store, service.lead_files, ME, path=path, file_name=path.name, source_slug=SOURCE)
    path.unlink()


def make_checks(service: Service, count: int, *, salt: int) -> None:
    """Put ``count`` checks on record, ten thousand at a time."""
    waiting: list[Question] = []
    for number in numbers(count, salt=salt):
        waiting.append(Question(number))
        if len(waiting) == 10_000:
            service.gate.ask_many(ME, CAMPAIGN, waiting)
            waiting = []


def write_register(path: Path, count: int, *, salt: int) -> None:
    """Write a register file of ``count`` numbers, one a line, in two spellings."""
    with path.open("w", encoding="utf-8") as file:
        for place, number in enumerate(numbers(count, salt=salt)):
            file.write(f"{number[:3]}-{number[3:]}\n" if place % 2 else f"{number}\n")


def import_register(data_dir: Path, path: Path, database_url: str | None = None, *, register: str = "nix") -> Run:
    """Import the file with the command that users have, and return what it took."""
    today = datetime.now(UTC).date().isoformat()
    command = [sys.executable, "-m", "cli", "register", "import", register, str(path), "--as-of", today]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment_for(data_dir, database_url), stdout=subprocess.DEVNULL
    )
    _, status, usage = _wait(process.pid)
    seconds = time.perf_counter() - started
    if status != 0:
        raise RuntimeError("the register was not imported")
    return Run(seconds, usage.ru_maxrss / 1024)


def _wait(pid: int) -> tuple[int, int, "resource.struct_rusage"]:
    import os

    return os.wait4(pid, 0)
