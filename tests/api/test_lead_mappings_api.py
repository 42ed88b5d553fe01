"""How a supplier's files are read, over HTTP and by command: saved, shown, forgotten, refused."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select
from werkzeug.test import TestResponse

from cli.main import main
from core.access import Role
from leads.models import Supplier
from tests.api.calling import Json, Ringklar, answered, refused
from tests.commands import environment_of

MANAGER = Role.LEAD_MANAGER
SAVED = {"mapping": {"number": "Mobil", "email": ""}, "encoding": "cp1252", "delimiter": ";"}
Run = Callable[..., Result]


def supplier_of(ringklar: Ringklar) -> str:
    """Return the slug of some supplier."""
    with ringklar.service.store.reading() as session:
        return session.scalars(select(Supplier.slug).order_by(Supplier.slug)).first() or ""


def post(ringklar: Ringklar, path: str, body: Json = None, **headers: str) -> TestResponse:
    """Send the body as a lead manager who acts for every seller."""
    key = ringklar.new_key(MANAGER, None)
    return ringklar.post(path, body, key=key, headers=headers)


def path_of(ringklar: Ringklar) -> str:
    """Return the address of a supplier's mapping."""
    return f"/v1/suppliers/{supplier_of(ringklar)}/mapping"


def test_what_was_saved_is_shown_until_it_is_forgotten(ringklar: Ringklar) -> None:
    path = path_of(ringklar)
    refused(ringklar.get(path, MANAGER), 404, "not-found")

    saved = answered(post(ringklar, path, SAVED), 200)

    assert saved == {**SAVED, "has_headings": True, "saved_at": "2026-11-24T09:00:00Z", "remembered": 0}
    assert answered(ringklar.get(path, MANAGER), 200) == saved
    assert answered(post(ringklar, f"{path}/forget"), 200) == {"forgotten": True}
    refused(ringklar.get(path, MANAGER), 404, "not-found")
    answered(post(ringklar, f"{path}/forget"), 200)


def test_columns_by_number_alone_say_that_the_first_line_is_a_row(on_sqlite: Ringklar) -> None:
    body = {"mapping": {"number": "#1", "name": "#3"}}

    assert answered(post(on_sqlite, path_of(on_sqlite), body), 200)["has_headings"] is False


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "nothing to save"),
        ({"mapping": {"shoe": "Sko"}}, "the fields are"),
        ({"mapping": {"number": "#251"}}, "250"),
        ({"mapping": {"name": "#1"}}, "number=#1"),
        ({"encoding": "rot13"}, "the encoding is one of"),
        ({"delimiter": "1"}, "the delimiter is one character"),
        ({"delimiter": ";;"}, ""),
        ({"mapping": {"number": "x" * 201}}, ""),
        ({"mapping": {"": "x"}}, ""),
        ({"mapping": {f"f{no}": "x" for no in range(51)}}, ""),
        ({"mapping": ["number"]}, ""),
        ({"other": 1}, ""),
    ],
)
def test_what_no_file_could_be_read_by_is_refused_with_the_mistake(on_sqlite: Ringklar, body: Json, says: str) -> None:
    document = refused(post(on_sqlite, path_of(on_sqlite), body), 422, "invalid-input")

    assert says in json.dumps(document, ensure_ascii=False)
    refused(on_sqlite.get(path_of(on_sqlite), MANAGER), 404, "not-found")


def test_a_supplier_that_there_is_not_is_told_as_such(shared: Ringklar) -> None:
    for slug in ("ingen", "Fel Namn", "x" * 500):
        refused(shared.get(f"/v1/suppliers/{slug}/mapping", MANAGER), 404, "not-found")
        refused(shared.post(f"/v1/suppliers/{slug}/mapping", SAVED, MANAGER), 404, "not-found")
        refused(shared.post(f"/v1/suppliers/{slug}/mapping/forget", None, MANAGER), 404, "not-found")


def test_a_key_of_one_seller_reads_the_mapping_and_changes_nothing(ringklar: Ringklar) -> None:
    path, theirs = path_of(ringklar), ringklar.new_key(MANAGER, ringklar.seeded.seller_id)
    every = ringklar.new_key(MANAGER, None)
    answered(ringklar.post(path, SAVED, key=every), 200)

    answered(ringklar.get(path, key=theirs), 200)
    refused(ringklar.post(path, {"encoding": "utf-8"}, key=theirs), 403, "forbidden")
    refused(ringklar.post(f"{path}/forget", None, key=theirs), 403, "forbidden")
    assert answered(ringklar.get(path, key=every), 200)["encoding"] == "cp1252"


def test_the_same_request_again_is_answered_as_the_first(on_sqlite: Ringklar) -> None:
    path, headers, key = path_of(on_sqlite), {"Idempotency-Key": "mapping-1"}, on_sqlite.new_key(MANAGER, None)
    first = answered(on_sqlite.post(path, SAVED, key=key, headers=headers), 200)

    assert answered(on_sqlite.post(path, SAVED, key=key, headers=headers), 200) == first
    refused(on_sqlite.post(path, {"encoding": "utf-8"}, key=key, headers=headers), 409)


@pytest.fixture
def command(on_sqlite: Ringklar, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs one command on the seeded installation."""
    for name, value in environment_of(on_sqlite.service.settings).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)

    return run


def test_the_command_saves_shows_and_forgets(on_sqlite: Ringklar, command: Run) -> None:
    slug = supplier_of(on_sqlite)
    given = ("--map", "number=Mobil", "--map", "email=", "--encoding", "cp1252", "--delimiter", "tab")

    saved = command("mapping", "save", slug, *given)

    assert saved.exit_code == 0, saved.output
    assert saved.stdout.splitlines() == [
        f"saved for supplier {slug}",
        "columns: number from “Mobil”",
        "not read: email",
        "first line: headings",
        "encoding: cp1252",
        "delimiter: tab",
    ]
    shown = json.loads(command("mapping", "show", slug, "--json").stdout)
    assert (shown["mapping"], shown["delimiter"]) == ({"number": "Mobil", "email": ""}, "\t")
    assert command("mapping", "forget", slug).stdout == f"nothing is saved for supplier {slug}\n"
    gone = command("mapping", "show", slug)
    assert (gone.exit_code, gone.stdout) == (2, "")
    assert "nothing is saved" in gone.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--map", "number"), "is not FIELD=HEADING"),
        (("--map", "number=a", "--map", "number=b"), "mapped twice"),
        (("--map", "number=Mobil", "--no-headings"), "number=#1"),
        (("--encoding", "rot13"), "--encoding"),
        (("--delimiter", "ab"), "the delimiter is one character"),
        ((), "nothing to save"),
    ],
)
def test_a_command_that_is_not_clear_is_refused(
    on_sqlite: Ringklar, command: Run, options: tuple[str, ...], says: str
) -> None:
    result = command("mapping", "save", supplier_of(on_sqlite), *options)

    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
