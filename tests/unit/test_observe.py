"""What the log may hold: no number inside any word, ids and dates as they are, errors without the values in them."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from gunicorn.http.errors import InvalidChunkSize
from polars.exceptions import ComputeError
from pydantic import BaseModel

from core.errors import NotFound
from web.observe import SERVER, JsonLines, mask, told

SHA256 = "46701740605".ljust(63, "a") + "b"
SAID = "zqhemligtzq"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("ring 070-174 06 05 nu", "ring [number] nu"),
        ("+46 (0)70-174 06 05", "[number]"),
        ("070/174.06.05", "[number]"),
        ("call-46701740605-1", "call-[number]"),
        ("x46701740605", "x[number]"),
        ("nr_46701740605.wav", "nr_[number].wav"),
        ("46701740605x", "[number]x"),
        ("0701-74-06-05", "[number]"),
        ("070_174_06_05.wav", "[number].wav"),
        ("640823+3234", "[number]"),
        ("070\u2013174\u201106\u201205", "[number]"),
        ("070\u2212174\u00ad06\u200b05", "[number]"),
        ("2070-11-24-0605", "[number]"),
        ("\uff10\uff17\uff10\uff11\uff17\uff14\uff10\uff16\uff10\uff15", "[number]"),
        ("2026-11-24 0701740605", "2026-11-24 [number]"),
        (f"{SHA256}46701740605", "[number]" + "a" * 52 + "b[number]"),
    ],
)
def test_a_number_is_masked_wherever_it_stands(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "01a20012-3456-7890-8123-456789012345",
        SHA256,
        "2026-11-24",
        "2027-01-22 23:00:00+00:00",
        "2026-11-24T08:30:00.123456Z",
        "127.0.0.1:8000",
        "6 digits: 123456",
    ],
)
def test_ids_hashes_and_dates_stay_as_they_are(text: str) -> None:
    assert mask(text) == text


class Said(BaseModel):
    """What a person said."""

    words: int


def fail_in_a_group(words: str) -> NoReturn:
    """Raise a schema's error about ``words``, inside a group, after another error."""
    try:
        Said.model_validate({"words": words})
    except ValueError as error:
        raise ExceptionGroup("several", [error]) from LookupError("first")
    raise AssertionError("the words were taken")


def test_an_error_is_told_with_its_causes_and_without_what_a_schema_was_given() -> None:
    try:
        fail_in_a_group(SAID)
    except ExceptionGroup:
        record = logging.LogRecord("ringklar", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())

    line = JsonLines().format(record)

    for part in (
        "LookupError: first",
        "ValidationError: 1 mistakes in Said",
        "ExceptionGroup: several",
        "test_observe.py",
    ):
        assert part in line
    assert SAID not in line


@pytest.mark.parametrize(
    "error",
    [
        KeyError(SAID),
        ValueError(f"Invalid isoformat string: '{SAID}'"),
        ValueError(f"'o\"{SAID}' is not a valid FileFormat"),
        ComputeError(f"could not parse `{SAID}\n{SAID}` as dtype `i64` at column 'expires_at'"),
        OSError(2, "No such file or directory", f"{SAID}.csv"),
        InvalidChunkSize(SAID.encode()),
    ],
)
def test_what_the_text_of_an_error_quotes_is_left_out(error: Exception) -> None:
    [line] = told(error)

    assert line.startswith(f"{type(error).__name__}: ")
    assert SAID not in line


def test_a_refusal_of_our_own_is_told_whole() -> None:
    assert list(told(NotFound("nothing is “called” 'that'"))) == ["NotFound: nothing is “called” 'that'"]


def test_the_server_says_which_process_ended_how_and_quotes_nothing() -> None:
    def event(message: str, *values: object) -> object:
        return json.loads(JsonLines().format(logging.LogRecord(SERVER, logging.ERROR, "", 1, message, values, None)))[
            "event"
        ]

    assert event("Worker (pid:%s) exited with code %s", 412, 3) == "Worker (pid:412) exited with code 3"
    assert event("Invalid Method: %s", SAID) == "Invalid Method: %s"
    assert event(f"Invalid request: '{SAID}'") == "Invalid request: "


def test_a_line_that_cannot_be_written_is_not_told_elsewhere() -> None:
    log = "import logging; from web.observe import log_as_json; log_as_json('INFO'); logging.error('%s', '0701740605')"

    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run([sys.executable, "-c", log], stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert "0701740605" not in ran.stderr
