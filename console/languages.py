"""Swedish and English: chosen by ``?lang=``, kept in a cookie, Swedish until then."""

from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from flask import Flask, Response, has_request_context, request
from flask_babel import (  # type: ignore[import-untyped] # it has no types: this module gives it some
    Babel,
    get_locale,
)
from flask_babel import format_date as babel_date
from flask_babel import format_datetime as babel_datetime
from flask_babel import gettext as babel_gettext
from flask_babel import lazy_gettext as babel_lazy

from console.cookies import A_YEAR, LANGUAGE, read_cookie, set_cookie

LANGUAGES = ("sv", "en")
DEFAULT = "sv"
ZONE = "Europe/Stockholm"
TRANSLATIONS = Path(__file__).parent / "translations"


class Words(Protocol):
    """A text that is put into the reader's language when it is read by ``str``."""

    def __str__(self) -> str: ...


def gettext(text: str) -> str:
    """Return the English text in the reader's language."""
    return str(babel_gettext(text))


def lazy_gettext(text: str) -> Words:
    """Return the English text, put into the language of whoever reads it, when it is read."""
    words: Words = babel_lazy(text)
    return words


def chosen_language() -> str:
    """Return the language that the present page is written in."""
    return str(get_locale())


def written_moment(at: datetime) -> str:
    """Return a moment as the reader writes it, in Swedish local time."""
    return str(babel_datetime(at, "d MMM y HH:mm"))


def written_day(at: date) -> str:
    """Return a day, or the day of a moment as ``written_moment`` tells it."""
    return str(babel_date(at, "d MMM y"))


def install_languages(app: Flask, secure: bool) -> None:
    """Make ``app`` speak the language that its user chose; times are shown in Swedish local time."""

    def chosen() -> str:
        return language(secure)

    Babel(
        app,
        default_locale=DEFAULT,
        default_timezone=ZONE,
        default_translation_directories=str(TRANSLATIONS),
        locale_selector=chosen,
    )


def language(secure: bool) -> str:
    """Return the language of the present request."""
    if not has_request_context():
        return DEFAULT
    asked = request.args.get("lang")
    if asked in LANGUAGES:
        return asked
    kept = read_cookie(LANGUAGE, secure)
    return kept if kept in LANGUAGES else DEFAULT


def keep_language(response: Response, secure: bool) -> None:
    """Keep the language that the present request asks for, if it asks for one."""
    asked = request.args.get("lang")
    if asked in LANGUAGES:
        set_cookie(response, LANGUAGE, asked, secure, max_age=A_YEAR)
