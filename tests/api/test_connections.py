"""What a connection to the database is opened with: no error tells a value, and a network gone silent is noticed."""

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from core.database import open_engine
from core.errors import StorageUnavailable
from tests.api.hostile import MARKER

LOST = {"keepalives": "1", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3"}


@pytest.fixture
def engine(database_url: str) -> Engine:
    return open_engine(database_url, pool_size=1)


def test_an_error_of_the_database_does_not_tell_the_parameters(engine: Engine) -> None:
    with pytest.raises(DBAPIError) as failed, engine.connect() as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:said)"), {"said": MARKER})
    engine.dispose()

    assert "INSERT INTO nowhere" in str(failed.value)
    assert MARKER not in str(failed.value)


def test_a_folder_that_cannot_be_made_is_refused_and_not_named(tmp_path: Path) -> None:
    (tmp_path / MARKER).touch()

    with pytest.raises(StorageUnavailable) as refused:
        open_engine(f"sqlite:///{tmp_path / MARKER / 'below' / 'ringklar.db'}")

    assert "folder" in refused.value.detail
    assert MARKER not in refused.value.detail


def test_a_connection_across_a_network_gone_silent_is_given_up_but_a_long_statement_is_not(postgres_url: str) -> None:
    engine = open_engine(postgres_url, pool_size=1)
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        opened = conninfo_to_dict(driver.info.dsn)
        longest = connection.scalar(text("SHOW statement_timeout"))
    engine.dispose()

    assert {name: str(opened[name]) for name in LOST} == LOST
    assert str(opened["tcp_user_timeout"]) == "20000"
    assert longest == "0"
