"""What every command shares: the service, who runs it, how answers and refusals are printed."""

import getpass
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

import click
from sqlalchemy.exc import DBAPIError

from core.access import Caller, operator
from core.clock import SystemClock, utc
from core.config import ConfigError, load_settings
from core.errors import Kind, ServiceError
from core.number_plan import is_country
from core.store import storage_faults
from service import Service, build_service

P = ParamSpec("P")
R = TypeVar("R")

FINDING, USAGE = 1, 2
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What a terminal does instead of showing: controls, and what turns a line round."""

json_option = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


def _region(_context: click.Context, _option: click.Parameter, given: str) -> str:
    if not is_country(given.upper()):
        raise click.BadParameter("write a country as SE")
    return given.upper()


region_option = click.option(
    "--region",
    default="SE",
    show_default=True,
    callback=_region,
    help="Where a number without a country code is dialled.",
)


def caller() -> Caller:
    """Return the operator: whoever is signed in to this machine."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return operator(name)


@contextmanager
def service() -> Iterator[Service]:
    """Give the service made from the environment's settings; its connections are closed at the end."""
    built = build_service(load_settings(), SystemClock())
    try:
        built.require_schema()
        yield built
    finally:
        built.close()


def refusals(command: Callable[P, R]) -> Callable[P, R]:
    """Turn a refusal into one line on standard error and the exit code: 2 for bad usage or settings, else 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if not all(map(_is_text, kwargs.values())):
            raise click.UsageError("what was given is not text in UTF-8")
        try:
            with storage_faults():
                return command(*args, **kwargs)
        except ConfigError as error:
            for mistake in error.mistakes:
                click.echo(f"ringklar: {mistake}", err=True)
            sys.exit(USAGE)
        except ServiceError as error:
            refuse(error)
        except DBAPIError as error:  # its own text quotes rows, which may be a person's
            from web.observe import told

            click.echo("\n".join(["ringklar: the database refused", *told(error)]), err=True)
            sys.exit(FINDING)

    return run


def _is_text(given: object) -> bool:
    """Say whether what a command was given can be kept as text; a file may have any name."""
    if isinstance(given, tuple):
        return all(map(_is_text, given))
    return not isinstance(given, str) or given.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in given)


def refuse(error: ServiceError) -> NoReturn:
    """Print why and leave."""
    for line in (f"ringklar: {error.title}: {error.detail}", *(f"  {mistake}" for mistake in error.untold)):
        click.echo(_COMMANDS.sub("\ufffd", line), err=True)
    sys.exit(USAGE if error.kind in (Kind.INVALID, Kind.NOT_FOUND) else FINDING)


def answer(as_json: bool, document: object, text: str) -> None:
    """Print ``document`` as JSON, its moments as over HTTP, or ``text``.

    Whatever a supplier wrote in it, it commands no terminal.
    """
    if as_json:
        written = json.dumps(document, ensure_ascii=False, indent=2, default=_written)
        click.echo(_COMMANDS.sub(lambda sign: f"\\u{ord(sign[0]):04x}", written))
    else:
        click.echo(_COMMANDS.sub("\ufffd", text))


def _written(value: date | time) -> str | None:
    """Return a moment as RFC 3339 in UTC with a Z, and a day or a time of day as ISO 8601."""
    return utc(value) if isinstance(value, datetime) else value.isoformat()


def percent(share: float, places: int) -> str:
    """Return a share of 0 to 1 in per cent, rounded, but never to none or all: one call of thousands is told of."""
    text, least = f"{share:.{places}%}", 10.0 ** -(places + 2)
    if share in {0, 1} or text != f"{round(share):.{places}%}":
        return text
    return f"<{least:.{places}%}" if share < least else f">{1 - least:.{places}%}"


def reason_codes(given: dict[str, object]) -> list[str]:
    """Return the codes of an answer's reasons; it is in its wire form."""
    reasons = given["reasons"]
    return [str(reason["code"]) for reason in reasons] if isinstance(reasons, list) else []
