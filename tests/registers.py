"""What the tests of registers share: a service on a database, and register files of numbers that reach nobody."""

import random
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.access import Caller, operator
from core.clock import Clock, FixedClock
from core.config import Settings
from dnc.registers.layouts import FileKind
from dnc.registers.loading import load_register
from dnc.registers.outcomes import LoadedVersion
from dnc.registers.standing import Standing, in_force

if TYPE_CHECKING:
    from service import Service

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OPERATOR: Caller = operator("tests")
FICTION = (
    range(46701740605, 46701740700),
    range(46846500400, 46846500500),
    range(46313900600, 46313900700),
    range(46406280400, 46406280500),
    range(46980319200, 46980319300),
)
LISTED = tuple(number for numbers in FICTION for number in numbers)


def settings_for(database_url: str, data_dir: Path) -> Settings:
    """Return settings for one test."""
    return Settings(
        database_url=database_url,
        data_dir=data_dir,
        secret=b"s" * 32,
        host="127.0.0.1",
        port=8000,
        workers=1,
        threads=8,
        log_level="INFO",
        secure_cookies=False,
        trusted_proxies=0,
    )


def service_for(database_url: str, data_dir: Path, clock: Clock | None = None) -> "Service":
    """Return a service at noon on 20 November 2026; the test closes it."""
    from service import build_service

    return build_service(settings_for(database_url, data_dir), clock or FixedClock(NOON))


def spelled(number: int, way: int) -> str:
    """Return one of the ways in which a Swede may write ``number``."""
    nsn = str(number)[2:]
    return (f"+{number}", f"0{nsn}", f"00{number}", f"0{nsn[:2]}-{nsn[2:5]} {nsn[5:]}", str(number))[way % 4]


def written_file(path: Path, numbers: Iterable[int] = LISTED, *, seed: int = 1) -> Path:
    """Return ``path`` after writing the numbers to it, one a line, in many spellings and any order."""
    chosen = list(numbers)
    rng = random.Random(seed)
    rng.shuffle(chosen)
    path.write_text("".join(f"{spelled(number, rng.randrange(4))}\n" for number in chosen), encoding="utf-8")
    return path


def load(
    service: "Service",
    path: Path,
    as_of: date | None = date(2026, 11, 15),
    *,
    accept: str | None = None,
    accept_unreadable: str | None = None,
    name: str = "nix",
    kind: FileKind = FileKind.FULL,
    base: date | None = None,
    layout: str | None = None,
    expect_lines: int | None = None,
) -> LoadedVersion:
    """Load the file as the operator would."""
    return load_register(
        service.store,
        service.settings.registers_dir,
        OPERATOR,
        name=name,
        path=path,
        as_of=as_of,
        file_name=path.name,
        now=service.clock.now(),
        kind=kind,
        base_as_of=base,
        layout_json=layout,
        expect_lines=expect_lines,
        accept_shrunken_reason=accept,
        accept_unreadable_reason=accept_unreadable,
    )


def of_register(stands: Iterable[Standing], name: str = "nix") -> Standing:
    """Return how the one register stands."""
    (one,) = (one for one in stands if one.register == name)
    return one


def in_force_id(service: "Service", name: str = "nix") -> str | None:
    """Return the id of the version in force."""
    with service.store.reading() as session:
        version = in_force(session, name)
    return version.version_id if version else None
