"""A process that screens is killed with ``kill -9`` at a random point: going on loses no row and doubles none."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select, update

from dnc.screenings.models import Screening, ScreeningPart
from dnc.screenings.service import ALIVE_FOR
from dnc.screenings.terms import ScreeningState
from dnc.screenings.work import Screenings, resume_file
from service import environment_for
from tests.integration.seeds import verified
from tests.seeding import CAMPAIGN, FROM_PARTNER, LISTED, OPERATOR, OPTED_OUT, Seeded

ROOT = Path(__file__).resolve().parents[2]
ROWS, PART_ROWS = 2_400, 20
KILLED_WITHIN = 30
"""It is killed within so many parts, far from the end: however slow the test is for a moment, it has not ended."""
SCREEN = f"""
import sys
from pathlib import Path
from core.clock import SystemClock
from core.config import load_settings
from dnc.screenings.service import Wanted
from dnc.screenings.work import Screenings
from service import build_service
from tests.screened import screen_into
from tests.seeding import OPERATOR
built = build_service(load_settings(), SystemClock())
made = Screenings(built.store, built.shelf.listed_of, {PART_ROWS})
screen_into(made, OPERATOR, Wanted({CAMPAIGN!r}), source=Path(sys.argv[1]), target=Path(sys.argv[2]))
"""


def test_a_killed_screening_goes_on_where_its_record_ends(seeded: Seeded, tmp_path: Path) -> None:
    source, target = tmp_path / "ring.csv", tmp_path / "ut.csv"
    numbers = [FROM_PARTNER, LISTED, OPTED_OUT, ""]
    lines = ["Kund;Telefon", *(f"{at};{numbers[at % 4]}" for at in range(ROWS))]
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", SCREEN, str(source), str(target)],
        cwd=ROOT,
        env=environment_for(seeded.service.settings),
        start_new_session=True,
    )
    try:
        wanted = random.randrange(1, KILLED_WITHIN)
        while parts(seeded) < wanted and process.poll() is None:
            time.sleep(0.002)
    finally:
        with_signal(process)

    assert not target.exists()
    store = seeded.service.store
    with store.writing() as session:
        screening_id = session.scalars(select(Screening.id)).one()
        session.execute(update(Screening).values(ran_at=seeded.clock.now() - ALIVE_FOR - timedelta(seconds=1)))
    made = Screenings(store, seeded.service.shelf.listed_of, PART_ROWS)
    resume_file(made, OPERATOR, screening_id, source=source, target=target)

    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    assert [";".join(row[:2]) for row in rows] == lines
    assert len({tuple(row[2:4]) for row in rows[1:]}) >= 3
    with store.reading() as session:
        screening = session.get_one(Screening, screening_id)
        recorded = session.scalar(select(func.sum(ScreeningPart.rows)))
        assert (screening.state, screening.rows, recorded) == (ScreeningState.DONE, ROWS, ROWS)
    assert verified(seeded.service).findings == ()


def parts(seeded: Seeded) -> int:
    """Return how many parts are on record."""
    with seeded.service.store.reading() as session:
        return session.scalar(select(func.count()).select_from(ScreeningPart)) or 0


def with_signal(process: subprocess.Popen[bytes]) -> None:
    """Kill the process, if it has not ended, and wait for it."""
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
