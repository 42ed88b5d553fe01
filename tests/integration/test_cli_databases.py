"""A database that cannot be used: every command says why in a line, and leaves it as it is."""

from base64 import b64encode
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import text

from tests.commands import run_command
from tests.seeding import FROM_PARTNER, Seeded

Run = Callable[..., Result]


@pytest.fixture
def ringklar(on_sqlite: Seeded) -> Run:
    """Return what runs one command."""
    return partial(run_command, on_sqlite.service.settings)


def test_a_database_that_cannot_be_reached_is_told_as_that(ringklar: Run) -> None:
    done = ringklar("migrate", RINGKLAR_DATABASE_URL="postgresql://somebody:hidden@127.0.0.1:1/ringklar")

    assert done.exit_code == 1
    assert "cannot be reached, or does not let this account in" in done.output
    assert "hidden" not in done.output


def test_an_option_of_the_address_that_there_is_none_of_is_told_as_that(ringklar: Run) -> None:
    done = ringklar("migrate", RINGKLAR_DATABASE_URL="postgresql://a:hidden@127.0.0.1:1/ringklar?ssl_mode=require")

    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "RINGKLAR_DATABASE_URL" in done.stderr
    assert "hidden" not in done.output


def test_what_the_database_calls_its_trouble_is_told(ringklar: Run, tmp_path: Path) -> None:
    """A disk that is full, read-only or gone is not one that has time for it a moment later."""
    done = ringklar("migrate", RINGKLAR_DATABASE_URL=f"sqlite:///{tmp_path}")

    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "SQLITE_CANTOPEN" in done.stderr


def test_another_installations_secret_is_refused(ringklar: Run) -> None:
    done = ringklar("replay", RINGKLAR_SECRET=b64encode(bytes(32)).decode())
    assert (done.exit_code, "secret" in done.stderr) == (1, True)


def test_a_database_that_was_not_migrated_says_what_to_do(ringklar: Run, tmp_path: Path) -> None:
    fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
    done = ringklar("replay", RINGKLAR_DATABASE_URL=fresh)
    assert (done.exit_code, "ringklar migrate" in done.stderr) == (1, True)

    assert ringklar("migrate", RINGKLAR_DATABASE_URL=fresh).exit_code == 0
    assert ringklar("migrate", RINGKLAR_DATABASE_URL=fresh).exit_code == 0
    assert ringklar("replay", RINGKLAR_DATABASE_URL=fresh).exit_code == 0


def test_a_database_of_a_newer_version_is_left_alone_and_said_to_be_one(ringklar: Run, on_sqlite: Seeded) -> None:
    with on_sqlite.service.store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_of_tomorrow'"))

    for words in (("replay",), ("migrate",), ("demo", "--no-serve")):
        done = ringklar(*words)
        assert done.exit_code == 1
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "The database is of a newer version than this" in done.stderr


@pytest.mark.parametrize("size", [0, 4096], ids=["no database at all", "damaged further in"])
def test_a_file_that_is_damaged_is_said_to_be_in_one_line(ringklar: Run, tmp_path: Path, size: int) -> None:
    path = tmp_path / "damaged.db"
    assert ringklar("migrate", RINGKLAR_DATABASE_URL=f"sqlite:///{path}").exit_code == 0
    with path.open("r+b") as file:
        file.seek(size)
        file.write(b"\xff" * (path.stat().st_size - size))

    for words in (("replay",), ("migrate",), ("number", "show", FROM_PARTNER)):
        done = ringklar(*words, RINGKLAR_DATABASE_URL=f"sqlite:///{path}")
        assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert "The database's file is damaged" in done.stderr


def test_a_database_that_does_not_answer_is_one_line_and_not_a_traceback(ringklar: Run, tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    for words in (("replay",), ("migrate",)):
        done = ringklar(*words, RINGKLAR_DATABASE_URL=f"sqlite:///{tmp_path / 'folder.db'}")
        assert done.exit_code == 1
        assert len(done.stderr.splitlines()) == 1, done.stderr
