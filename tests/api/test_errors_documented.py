"""Every refusal is documented: one code has one meaning, and ``docs/errors.md`` says when and what to do."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

from core.errors import ServiceError
from web.problems import status_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"
ROW = re.compile(r"^\| `([a-z-]+)` \| (\d{3}) \| (.+?) \| (.+?) \|$", re.MULTILINE)
OF_THE_SERVER = {("bad-request", 400), ("not-found", 404), ("method-not-allowed", 405), ("internal-error", 500)}
PACKAGES = ("cli", "consent", "console", "core", "dnc", "jobs", "leads", "web")
for package in map(import_module, PACKAGES):
    for module in walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(".__main__"):
            import_module(module.name)


def refusals(parent: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    """Return every kind of refusal that the product's own modules define."""
    for child in parent.__subclasses__():
        if not child.__module__.startswith("tests"):
            yield child
        yield from refusals(child)


def test_every_refusal_is_in_the_document_with_its_status_and_nothing_else_is() -> None:
    documented = {(code, int(status)) for code, status, _when, _what in ROW.findall(DOCUMENT.read_text("utf-8"))}

    assert documented == {(error.code, int(status_of(error))) for error in refusals()} | OF_THE_SERVER


def test_the_document_says_when_and_what_to_do() -> None:
    for code, _status, when, what in ROW.findall(DOCUMENT.read_text("utf-8")):
        assert when.endswith((".", ":")), code
        assert what.endswith("."), code


def test_a_code_has_one_status_and_one_title() -> None:
    meanings: dict[str, set[tuple[int, str]]] = {}
    for error in refusals():
        meanings.setdefault(error.code, set()).add((int(status_of(error)), error.title))

    assert {code: told for code, told in meanings.items() if len(told) > 1} == {}


def test_every_refusal_has_a_code_a_title_and_a_docstring_of_its_own() -> None:
    for error in refusals():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code), error
        assert error.title
        assert not error.title.endswith("."), error
        assert error.__doc__, error
        assert error.__doc__ != error.__mro__[1].__doc__, error
        assert error.code != ServiceError.code, error
