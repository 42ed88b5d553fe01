"""Files to be screened, and what became of them."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.access import Caller
from dnc.screenings.ahead import begun
from dnc.screenings.reports import ScreeningReport, report_screening
from dnc.screenings.running import Progress
from dnc.screenings.service import Wanted
from dnc.screenings.work import Asked, Screenings, screen_file
from tests.seeding import (
    CAMPAIGN,
    FROM_PARTNER,
    LISTED,
    OF_OTHER_SELLER,
    OPERATOR,
    OPTED_OUT,
    WITHOUT_SOURCE,
    Seeded,
)

TWO = "0701740605 / 0701740606"
CELLS = (FROM_PARTNER, "070-174 06 06", LISTED, OPTED_OUT, "", WITHOUT_SOURCE, TWO, OF_OTHER_SELLER)


def screenings(seeded: Seeded, part_rows: int = 3) -> Screenings:
    """Return what screenings are worked on with, in parts of a few rows."""
    return Screenings(seeded.service.store, seeded.service.shelf.listed_of, part_rows)


def file_in(folder: Path, cells: Sequence[str] = CELLS) -> Path:
    """Write a file whose second column holds the numbers."""
    path = folder / "ring.csv"
    path.write_text(
        "Kund;Telefon\r\n" + "".join(f"K{at};{cell}\r\n" for at, cell in enumerate(cells)), encoding="utf-8", newline=""
    )
    return path


def screen_into(
    made: Screenings,
    caller: Caller,
    wanted: Wanted,
    *,
    source: Path,
    target: Path,
    asked: Asked | None = None,
    progress: Progress | None = None,
) -> str:
    """Screen the file as the command does; return the screening's id."""
    with begun(made.store, caller, wanted, source) as state:
        return screen_file(made, caller, wanted, state, source=source, target=target, asked=asked, progress=progress)


def screened(
    seeded: Seeded,
    source: Path,
    caller: Caller = OPERATOR,
    *,
    campaign: str = CAMPAIGN,
    part_rows: int = 3,
    **wanted: Any,
) -> tuple[str, Path]:
    """Screen the file; return the screening's id and where the result lies."""
    target, made = source.with_name(f"ut{source.suffix}"), screenings(seeded, part_rows)
    return screen_into(made, caller, Wanted(campaign, **wanted), source=source, target=target), target


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a screened file."""
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), delimiter=";"))


def report(seeded: Seeded, screening_id: str, caller: Caller = OPERATOR) -> ScreeningReport:
    """Return the screening as it stands."""
    with seeded.service.store.reading() as session:
        return report_screening(session, caller, screening_id)
