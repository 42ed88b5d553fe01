"""A register is put in force whole or not at all, once, on record, and is never replaced by something worse."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.access import Caller, Role
from core.clock import FixedClock
from core.errors import Forbidden, InvalidInput, ServiceError
from core.ledger import LedgerEntry
from dnc.models import RegisterVersion
from dnc.registers.errors import RegisterOlder, RegisterShrunken, UnknownRegister
from dnc.registers.loading import load_register
from dnc.registers.outcomes import LoadWarning
from dnc.registers.snapshots import snapshot_path
from dnc.registers.standing import State, standing, versions
from service import Service
from tests.registers import LISTED, NOON, OPERATOR, in_force_id, load, of_register, service_for, written_file

ROOT = Path(__file__).parents[2]


def test_a_loaded_register_is_in_force_and_lists_exactly_its_numbers(service: Service, tmp_path: Path) -> None:
    loaded = load(service, written_file(tmp_path / "nix.txt", LISTED[:-1]))

    assert in_force_id(service) == loaded.version_id
    assert (loaded.count, loaded.count_before, loaded.already_loaded) == (len(LISTED) - 1, None, False)
    assert all(service.shelf.listed(loaded.snapshot_sha256, number) is True for number in LISTED[:-1])
    assert service.shelf.listed(loaded.snapshot_sha256, LISTED[-1]) is False


def test_a_packed_file_is_loaded_like_a_plain_one(service: Service, tmp_path: Path) -> None:
    plain = load(service, written_file(tmp_path / "nix.txt"))
    packed = tmp_path / "nix.txt.gz"
    packed.write_bytes(gzip.compress((tmp_path / "nix.txt").read_bytes()))

    loaded = load(service, packed, date(2026, 11, 16))

    assert loaded.snapshot_sha256 == plain.snapshot_sha256
    assert loaded.version_id != plain.version_id


def test_a_load_is_on_record_without_any_number(service: Service, tmp_path: Path) -> None:
    path = written_file(tmp_path / "nix.txt")
    loaded = load(service, path)

    with service.store.reading() as session:
        entry = session.execute(
            select(LedgerEntry.subject, LedgerEntry.actor, LedgerEntry.payload).where(
                LedgerEntry.kind == "register.loaded"
            )
        ).one()
    payload = json.loads(entry.payload or "")
    assert (entry.subject, entry.actor) == ("nix", OPERATOR.actor)
    assert payload["version_id"] == loaded.version_id
    assert payload["as_of"] == "2026-11-15"
    assert (payload["count"], payload["rejected_lines"]) == (len(LISTED), 0)
    assert payload["snapshot_sha256"] == loaded.snapshot_sha256
    assert payload["file_sha256"] == sha256(path.read_bytes()).hexdigest()
    assert payload["file_name"] == "nix.txt"


def test_the_same_file_again_changes_nothing(service: Service, tmp_path: Path) -> None:
    path = written_file(tmp_path / "nix.txt")
    first = load(service, path)

    again = load(service, path)

    assert again.already_loaded
    assert again.version_id == first.version_id
    assert _count_of(service, "register.loaded") == 1


def test_the_same_file_again_restores_a_snapshot_that_was_lost(service: Service, tmp_path: Path) -> None:
    path = written_file(tmp_path / "nix.txt")
    first = load(service, path)
    snapshot_path(service.settings.registers_dir, first.snapshot_sha256).write_bytes(b"damaged")
    assert service.shelf.listed(first.snapshot_sha256, LISTED[0]) is None

    assert load(service, path).already_loaded

    fresh = service_for(service.settings.database_url, service.settings.data_dir)
    assert fresh.shelf.listed(first.snapshot_sha256, LISTED[0]) is True
    fresh.close()


def test_a_newer_version_takes_the_place_of_the_older_one(service: Service, tmp_path: Path) -> None:
    first = load(service, written_file(tmp_path / "a.txt", LISTED[:-1]))
    second = load(service, written_file(tmp_path / "b.txt", LISTED[1:]), date(2026, 11, 20))

    assert in_force_id(service) == second.version_id
    assert second.count_before == first.count
    assert service.shelf.listed(second.snapshot_sha256, LISTED[0]) is False
    assert service.shelf.listed(second.snapshot_sha256, LISTED[-1]) is True
    with service.store.reading() as session:
        assert [version.id for version in versions(session)] == [second.version_id, first.version_id]


def test_a_corrected_file_of_the_same_date_is_taken(service: Service, tmp_path: Path) -> None:
    load(service, written_file(tmp_path / "a.txt", LISTED[:-1]))

    assert load(service, written_file(tmp_path / "b.txt")).count == len(LISTED)


def test_an_older_version_is_refused(service: Service, tmp_path: Path) -> None:
    first = load(service, written_file(tmp_path / "a.txt"))

    with pytest.raises(RegisterOlder):
        load(service, written_file(tmp_path / "b.txt", LISTED[1:]), date(2026, 11, 14))
    assert in_force_id(service) == first.version_id


def test_a_register_may_shrink_by_a_tenth_and_no_more(service: Service, tmp_path: Path) -> None:
    numbers = LISTED[:400]
    first = load(service, written_file(tmp_path / "a.txt", numbers))

    with pytest.raises(RegisterShrunken):
        load(service, written_file(tmp_path / "b.txt", numbers[:359]), date(2026, 11, 16))
    assert in_force_id(service) == first.version_id
    assert load(service, written_file(tmp_path / "c.txt", numbers[:360]), date(2026, 11, 16)).count == 360


def test_a_shrunken_register_is_taken_when_somebody_says_why_and_that_is_on_record(
    service: Service, tmp_path: Path
) -> None:
    load(service, written_file(tmp_path / "a.txt"))

    loaded = load(service, written_file(tmp_path / "b.txt", LISTED[:50]), date(2026, 11, 16), accept="Fixed lines left")

    assert (loaded.count, loaded.warnings) == (50, (LoadWarning.SHRUNKEN,))
    with service.store.reading() as session:
        payloads = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == "register.loaded")).all()
    assert any(json.loads(payload or "")["accepted_shrunken_because"] == "Fixed lines left" for payload in payloads[1:])


def test_an_acceptance_without_a_reason_is_refused(service: Service, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        load(service, written_file(tmp_path / "a.txt"), accept="  ")


def test_a_version_past_its_validity_is_taken_and_said_to_be_stale(service: Service, tmp_path: Path) -> None:
    loaded = load(service, written_file(tmp_path / "a.txt"), date(2026, 9, 20))

    assert loaded.state is State.STALE
    assert LoadWarning.STALE in loaded.warnings


def test_the_same_contents_under_a_newer_date_are_taken_with_a_warning(service: Service, tmp_path: Path) -> None:
    path = written_file(tmp_path / "a.txt")
    load(service, path)

    assert load(service, path, date(2026, 11, 19)).warnings == (LoadWarning.SAME_CONTENTS,)


def test_today_in_stockholm_is_no_future_date_although_it_is_still_yesterday_in_utc(
    service: Service, tmp_path: Path
) -> None:
    assert isinstance(service.clock, FixedClock)
    service.clock.at = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)

    assert load(service, written_file(tmp_path / "a.txt"), date(2026, 11, 21)).as_of == date(2026, 11, 21)


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (datetime(2026, 11, 15, 12, tzinfo=UTC), State.OK),
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), State.OK),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), State.AGEING),
        (datetime(2027, 1, 14, 22, 59, tzinfo=UTC), State.AGEING),
        (datetime(2027, 1, 14, 23, 0, tzinfo=UTC), State.STALE),
    ],
)
def test_a_version_ages_and_ends_two_calendar_months_after_its_date_in_stockholm(
    service: Service, tmp_path: Path, now: datetime, state: State
) -> None:
    load(service, written_file(tmp_path / "a.txt"))

    with service.store.reading() as session:
        nix = of_register(standing(session, now))

    assert nix.state is state
    assert nix.valid_until == datetime(2027, 1, 14, 23, 0, tzinfo=UTC)


def test_a_register_never_loaded_is_missing(service: Service) -> None:
    with service.store.reading() as session:
        nix = of_register(standing(session, NOON))

    assert (nix.register, nix.country, nix.state, nix.version_id) == ("nix", "SE", State.MISSING, None)


def test_a_register_whose_snapshot_is_lost_stands_as_unreadable(service: Service, tmp_path: Path) -> None:
    loaded = load(service, written_file(tmp_path / "a.txt"))
    snapshot_path(service.settings.registers_dir, loaded.snapshot_sha256).unlink()

    with service.store.reading() as session:
        nix = of_register(standing(session, NOON, is_readable=service.shelf.is_readable))

    assert nix.state is State.UNREADABLE


def test_a_register_of_no_known_name_is_refused(service: Service, tmp_path: Path) -> None:
    path = written_file(tmp_path / "a.txt")
    with pytest.raises(UnknownRegister):
        load_register(
            service.store,
            service.settings.registers_dir,
            OPERATOR,
            name="xin",
            path=path,
            as_of=date(2026, 11, 15),
            file_name="a.txt",
            now=NOON,
        )


def test_who_acts_for_one_seller_loads_no_register_for_it_speaks_for_every_seller(
    service: Service, tmp_path: Path
) -> None:
    path = written_file(tmp_path / "a.txt")
    for name, role in (("nix", Role.COMPLIANCE), ("xin", Role.COMPLIANCE), ("nix", None)):
        with pytest.raises(Forbidden, match="every seller"):
            load_register(
                service.store,
                service.settings.registers_dir,
                Caller(id="x", name="x", kind="key", role=role, seller_id="01a200de-8678-773e-9f2b-2f545eb24417"),
                name=name,
                path=path,
                as_of=date(2026, 11, 15),
                file_name="a.txt",
                now=NOON,
            )
    assert in_force_id(service) is None


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.COMPLIANCE])
def test_only_compliance_loads_registers(service: Service, tmp_path: Path, role: Role) -> None:
    with pytest.raises(Forbidden):
        load_register(
            service.store,
            service.settings.registers_dir,
            Caller(id="x", name="x", kind="user", role=role, seller_id=None),
            path=written_file(tmp_path / "a.txt"),
            as_of=date(2026, 11, 15),
            file_name="a.txt",
            now=NOON,
        )
    assert in_force_id(service) is None


def test_of_loads_at_the_same_time_the_newest_date_is_in_force_in_the_end(service: Service, tmp_path: Path) -> None:
    dates = [date(2026, 11, 20) - timedelta(days=day) for day in range(6)]
    paths = [written_file(tmp_path / f"{day}.txt", LISTED, seed=day.day) for day in dates]
    start = threading.Barrier(len(dates))
    refused: list[ServiceError] = []

    def run(path: Path, as_of: date) -> None:
        start.wait()
        try:
            load(service, path, as_of)
        except ServiceError as error:
            refused.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(paths, dates, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with service.store.reading() as session:
        nix = of_register(standing(session, NOON))
        count = session.scalar(select(func.count()).select_from(RegisterVersion))
    assert nix.as_of == dates[0]
    assert {type(error) for error in refused} <= {RegisterOlder}
    assert count == len(dates) - len(refused)


KILLED_AT = """
import os, signal, sys
from pathlib import Path
import dnc.registers.loading, dnc.registers.snapshots
from tests.registers import load, service_for

step, url, folder, file = sys.argv[1:]

def die(*_args, **_named):
    os.kill(os.getpid(), signal.SIGKILL)

match step:
    case "read": dnc.registers.loading.read_register_file = die
    case "write": dnc.registers.snapshots.os.fsync = die
    case "rename": dnc.registers.snapshots._synchronise = die
    case "lock": dnc.registers.loading.lock_key = die
    case "commit": dnc.registers.loading.put_on_record = die
load(service_for(url, Path(folder)), Path(file), __import__("datetime").date(2026, 11, 18))
"""


@pytest.mark.parametrize("step", ["read", "write", "rename", "lock", "commit"])
def test_kill_9_at_any_step_leaves_the_old_version_in_force_and_the_next_load_clears_up(
    service: Service, tmp_path: Path, step: str
) -> None:
    first = load(service, written_file(tmp_path / "a.txt", LISTED[:-1]))
    newer = written_file(tmp_path / "b.txt")

    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT, step, service.settings.database_url, service.settings.data_dir, newer],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
    )

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert in_force_id(service) == first.version_id
    assert service.shelf.listed(first.snapshot_sha256, LISTED[0]) is True
    second = load(service, newer, date(2026, 11, 18))
    assert in_force_id(service) == second.version_id
    names = {path.name for path in service.settings.registers_dir.iterdir()}
    assert names == {f"{sha256}.snapshot" for sha256 in (first.snapshot_sha256, second.snapshot_sha256)}


def _count_of(service: Service, kind: str) -> int:
    with service.store.reading() as session:
        return session.scalar(select(func.count()).select_from(LedgerEntry).where(LedgerEntry.kind == kind)) or 0
