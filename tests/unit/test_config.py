"""Settings: all read at start, every mistake listed, the secret kept safe."""

import errno
import stat
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

from core.config import ConfigError, load_settings
from service import environment_for

SECRET = b64encode(bytes(range(32))).decode()


def given(tmp_path: Path, **values: str) -> dict[str, str]:
    return {"RINGKLAR_DATA_DIR": str(tmp_path)} | {f"RINGKLAR_{name}": value for name, value in values.items()}


def mistakes(tmp_path: Path, **values: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load_settings(given(tmp_path, **values))
    return refused.value.mistakes


def test_nothing_needs_to_be_set_but_what_differs(tmp_path: Path) -> None:
    settings = load_settings(given(tmp_path))

    assert settings.database_url == f"sqlite:///{tmp_path / 'ringklar.db'}"
    assert (settings.host, settings.port, settings.workers, settings.threads) == ("127.0.0.1", 8000, 1, 32)
    assert (settings.registers_dir, settings.inbox_dir) == (tmp_path / "registers", tmp_path / "inbox")
    assert not settings.secure_cookies


def test_every_mistake_is_listed_and_not_the_first(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        DATABASE_URL="mysql://x",
        BIND="8000",
        WORKERS="0",
        THREADS="7",
        LOG_LEVEL="LOUD",
        SECURE_COOKIES="perhaps",
        TRUSTED_PROXIES="-1",
        SECRET="short",
        BINDD="x",
    )
    assert len(found) == 9
    assert "short" not in " ".join(found)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:ringklar.db?mode=memory&uri=true",
        "sqlite:///ringklar.db?mode=ro",
        "sqlite+aiosqlite:///ringklar.db",
        "postgres://u@h/d",
        "mysql://h/d",
    ],
)
def test_a_database_that_cannot_keep_anything_is_refused(tmp_path: Path, url: str) -> None:
    if url:
        assert mistakes(tmp_path, DATABASE_URL=url)
    else:
        assert load_settings(given(tmp_path, DATABASE_URL=url)).database_url.startswith("sqlite:///")


def test_a_database_file_is_the_same_one_for_processes_that_run_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    settings = load_settings(given(tmp_path / "var", DATABASE_URL="sqlite:///mine.db"))

    assert settings.database_url == f"sqlite:///{tmp_path / 'mine.db'}"


@pytest.mark.parametrize("bind", ["x", ":8000", "host:", "host:65536", "host:-1", "host:８０", "host:" + "1" * 5_000])
def test_an_address_that_cannot_be_bound_is_refused(tmp_path: Path, bind: str) -> None:
    assert mistakes(tmp_path, BIND=bind) == ["RINGKLAR_BIND must be HOST:PORT"]


def test_a_secret_comes_from_a_variable_or_a_file_but_not_from_both(tmp_path: Path) -> None:
    file = tmp_path / "given"
    file.write_text(SECRET + "\n", encoding="ascii")
    assert load_settings(given(tmp_path, SECRET=SECRET)).secret == bytes(range(32))
    assert load_settings(given(tmp_path, SECRET_FILE=str(file))).secret == bytes(range(32))
    assert mistakes(tmp_path, SECRET=SECRET, SECRET_FILE=str(file))
    assert mistakes(tmp_path, SECRET_FILE=str(tmp_path / "missing"))
    file.write_text("\n", encoding="ascii")
    assert mistakes(tmp_path, SECRET_FILE=str(file)) == ["RINGKLAR_SECRET_FILE is empty"]


def test_a_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        secrets = {settings.secret for settings in pool.map(lambda _: load_settings(given(tmp_path)), range(16))}

    assert len(secrets) == 1
    assert len(secrets.pop()) == 32
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_secret_that_a_full_disk_does_not_take_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("core.config.os.fsync", full)

    with pytest.raises(ConfigError, match="is no folder that can be used"):
        load_settings(given(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_kept_secret_may_end_in_a_line_feed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n", encoding="ascii")

    assert load_settings(given(tmp_path)).secret == bytes(range(32))


def test_a_damaged_secret_is_refused_and_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("damaged", encoding="ascii")

    assert "damaged" in mistakes(tmp_path)[0]
    assert (tmp_path / "secret").read_text("ascii") == "damaged"


def test_a_data_folder_that_cannot_be_used_is_a_mistake_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="ascii")

    assert "RINGKLAR_DATA_DIR" in mistakes(tmp_path, DATA_DIR=str(tmp_path / "file"))[0]


def certificates(folder: Path) -> Path:
    """Return a file that holds a certificate, as far as its first line tells."""
    path = folder / "ca.pem"
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\n")
    return path


def test_a_time_stamp_authority_is_an_address_with_certificates_or_none_at_all(tmp_path: Path) -> None:
    assert load_settings(given(tmp_path)).timestamp_ca is None
    ca, key = certificates(tmp_path), tmp_path / "key.pem"
    key.write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
    settings = load_settings(given(tmp_path, TIMESTAMP_URL="https://tsa.example/", TIMESTAMP_CA=str(ca)))
    assert settings.timestamp_ca == ca
    assert settings.timestamp_minutes == 60
    for values in (
        {"TIMESTAMP_URL": "https://tsa.example/"},
        {"TIMESTAMP_CA": str(ca)},
        {"TIMESTAMP_URL": "file:///etc/passwd", "TIMESTAMP_CA": str(ca)},
        {"TIMESTAMP_URL": "https://tsa.example/", "TIMESTAMP_CA": str(key)},
        {"TIMESTAMP_URL": "https://tsa.example/", "TIMESTAMP_CA": str(tmp_path / "nowhere.pem")},
        {"TIMESTAMP_MINUTES": "0"},
    ):
        assert len(mistakes(tmp_path, **values)) == 1


def test_a_number_of_any_length_is_a_mistake_and_no_failure(tmp_path: Path) -> None:
    assert mistakes(tmp_path, THREADS="9" * 5000) == ["RINGKLAR_THREADS must be a whole number from 8 to 512"]


def test_processes_beside_have_every_setting_but_those_of_the_server(tmp_path: Path) -> None:
    server = {"host", "port", "workers", "threads", "secure_cookies", "trusted_proxies"}
    settings = load_settings(
        given(
            tmp_path,
            DATABASE_URL="postgresql://u@h/d",
            LOG_LEVEL="ERROR",
            PREPARED_STATEMENTS="no",
            TIMESTAMP_URL="https://tsa.example/",
            TIMESTAMP_CA=str(certificates(tmp_path)),
            TIMESTAMP_MINUTES="15",
        )
    )

    beside = load_settings(environment_for(settings))

    assert {name for name, value in asdict(settings).items() if asdict(beside)[name] != value} <= server
    assert (beside.timestamp_url, beside.timestamp_minutes) == ("https://tsa.example/", 15)
