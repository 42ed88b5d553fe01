"""Swedish and English: each page in one of them, and no sentence left out."""

import io
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po
from flask.testing import FlaskClient

import console
from console.wording import FAULTS, OUTCOMES, ROLES, VERDICTS
from core.access import Role
from core.number_plan import NumberFault
from dnc.contacts import Outcome
from dnc.decision import Verdict

CONSOLE = Path(console.__file__).parent
SWEDISH = CONSOLE / "translations" / "sv" / "LC_MESSAGES"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "lazy_gettext": None}
HOLES = re.compile(r"%\(\w+\)s")


def swedish() -> Catalog:
    with (SWEDISH / "messages.po").open("rb") as file:
        return read_po(file, locale="sv")


def said() -> set[str]:
    """Return every sentence of the templates and the code."""
    found = extract_from_dir(CONSOLE, method_map=METHODS, keywords=KEYWORDS)
    return {str(message) for _file, _line, message, _comments, _context in found}


def test_every_sentence_is_translated_and_no_translation_is_left_over() -> None:
    translated = {str(message.id): str(message.string) for message in swedish() if message.id}

    assert len(translated) > 100
    assert set(translated) == said()
    assert all(translated.values())
    assert not any(message.fuzzy for message in swedish() if message.id)


def test_a_translation_fills_the_same_holes() -> None:
    for message in swedish():
        if message.id:
            assert set(HOLES.findall(str(message.id))) == set(HOLES.findall(str(message.string))), message.id


def test_the_compiled_catalog_is_made_from_the_written_one() -> None:
    made = io.BytesIO()
    write_mo(made, swedish())
    made.seek(0)
    with (SWEDISH / "messages.mo").open("rb") as file:
        compiled = read_mo(file)

    expected = {str(message.id): str(message.string) for message in read_mo(made) if message.id}
    assert {str(message.id): str(message.string) for message in compiled if message.id} == expected


def test_every_word_that_a_page_may_need_has_one() -> None:
    assert set(ROLES) == set(Role)
    assert set(FAULTS) == set(NumberFault)
    assert set(OUTCOMES) == set(Outcome)
    assert set(VERDICTS) == set(Verdict)


def test_pages_are_swedish_until_another_language_is_asked_for_and_then_that_is_kept(client: FlaskClient) -> None:
    first = client.get("/sign-in", headers={"Accept-Language": "en"}).text
    asked = client.get("/sign-in?lang=en").text
    kept = client.get("/sign-in").text
    back = client.get("/sign-in?lang=sv").text

    assert '<html lang="sv"' in first
    assert "Logga in" in first
    assert '<html lang="en"' in asked
    assert '<html lang="en"' in kept
    assert "Sign in" in kept
    assert "Logga in" not in kept
    assert '<html lang="sv"' in back


@pytest.mark.parametrize("asked", ["xx", "../../etc", "sv_SE", ""])
def test_a_language_that_there_is_not_changes_nothing(asked: str, client: FlaskClient) -> None:
    answer = client.get("/sign-in", query_string={"lang": asked})

    assert '<html lang="sv"' in answer.text
    assert not any("language" in line for line in answer.headers.getlist("Set-Cookie"))
