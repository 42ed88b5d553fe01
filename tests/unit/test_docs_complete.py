"""Hold the documents complete: what can be run, set, asked or answered is named there, and what is named there is."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import web.problems
from app import all_apis
from cli.main import main
from core.access import RIGHTS, Role
from core.clock import SystemClock
from core.config import PREFIX, _Reader, load_settings
from dnc.contacts import Outcome
from dnc.decision import Verdict
from dnc.facts import RestrictionKind
from dnc.reasons import ReasonCode
from dnc.registers.standing import State
from jobs.tasks import tasks_for
from leads.headings import Field
from leads.rows import RowReason
from leads.terms import RowState
from service import Service, build_service
from tests.seeding import settings_for_tests
from web.endpoint import Operation

REPOSITORY = Path(__file__).resolve().parents[2]
README = REPOSITORY / "README.md"
DOCS = REPOSITORY / "docs"
DOCUMENTS = sorted([README, *DOCS.rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
VARIABLE = re.compile(r"RINGKLAR_[A-Z_]+")
UNFINISHED = re.compile(r"\b(TODO|FIXME|TBD|XXX)\b")


def text_of(name: str) -> str:
    """Return a document's text."""
    return (REPOSITORY / name).read_text("utf-8")


def everything() -> str:
    """Return the text of all documents."""
    return "\n".join(path.read_text("utf-8") for path in DOCUMENTS)


def anchors_of(text: str) -> set[str]:
    """Return the anchors that a page's headings have."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


SHARED = ("--json", "--region")
"""Options that are told once for all commands that have them."""


def commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    """Yield each command that does something, by its full name."""
    if isinstance(command, click.Group):
        for name, under in command.commands.items():
            yield from commands(under, (*path, name))
    else:
        yield " ".join(path), command


def service_in(folder: Path) -> Service:
    """Return a service that is connected to nothing."""
    return build_service(settings_for_tests(f"sqlite:///{folder / 'none.db'}", folder), SystemClock())


def operations(folder: Path) -> list[Operation]:
    """Return every declared endpoint."""
    return [operation for api in all_apis(service_in(folder)) for operation in api.operations]


def settings_known(monkeypatch: pytest.MonkeyPatch, folder: Path) -> set[str]:
    """Return every variable that is read at start."""
    readers: list[_Reader] = []

    def noted(reader: _Reader) -> None:
        readers.append(reader)

    monkeypatch.setattr(_Reader, "refuse_unknown", noted)
    load_settings({"RINGKLAR_DATA_DIR": str(folder)})
    return readers[0].known


def test_every_command_and_option_is_documented() -> None:
    rows = text_of("docs/commands.md").splitlines()
    missing = []
    for name, command in commands(main, ("ringklar",)):
        told = [row for row in rows if row.startswith("|") and re.search(rf"`{name}[ `]", row)]
        options = [option.opts[0] for option in command.params if isinstance(option, click.Option)]
        missing += [name] if not told else []
        missing += [
            f"{name} {option}" for option in options if option not in SHARED and not any(option in row for row in told)
        ]

    assert not missing


def test_every_documented_command_exists() -> None:
    known = {name for name, _ in commands(main, ("ringklar",))}
    named = set(re.findall(r"^\| `(ringklar(?: [a-z]+(?:-[a-z]+)*)+)", text_of("docs/commands.md"), re.MULTILINE))

    assert named <= known


def test_every_setting_is_documented_and_every_documented_setting_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = re.findall(r"^\| `(RINGKLAR_[A-Z_]+)`", text_of("docs/configuration.md"), re.MULTILINE)

    assert sorted(rows) == sorted(settings_known(monkeypatch, tmp_path))


def test_no_document_names_a_setting_that_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = settings_known(monkeypatch, tmp_path) | {f"{PREFIX}PORT"}  # the misspelt one that configuration.md shows

    assert set(VARIABLE.findall(everything())) - {PREFIX} <= known


def test_every_address_is_documented_with_the_roles_that_may_use_it(tmp_path: Path) -> None:
    rows = re.findall(r"^\| `(GET|POST) (/v1/\S+)` \|.*\| ([a-z_, ]+) \|$", text_of("docs/api.md"), re.MULTILINE)
    told = {(method, path): set(roles.split(", ")) for method, path, roles in rows}

    assert told == {
        (operation.method, operation.path): {role.value for role in RIGHTS[operation.right]}
        for operation in operations(tmp_path)
    }


@pytest.mark.parametrize("role", list(Role))
def test_every_role_is_described(role: Role) -> None:
    assert f"| `{role}` |" in text_of("docs/api.md")


@pytest.mark.parametrize("status", sorted({int(status) for status in web.problems.STATUS.values()} - {429}))
def test_every_status_of_a_problem_is_explained(status: int) -> None:
    assert re.search(rf"^\| {status} \|", text_of("docs/api.md"), re.MULTILINE)


@pytest.mark.parametrize("code", list(ReasonCode))
def test_every_reason_is_documented(code: ReasonCode) -> None:
    assert f"`{code}`" in text_of("docs/rules.md")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("docs/dialers.md", [*Outcome, *Verdict]),
        ("docs/leads.md", [*RowState, *RowReason, *Field]),
        ("docs/registers.md", list(State)),
    ],
)
def test_every_word_of_an_answer_is_explained(document: str, words: list[str]) -> None:
    text = text_of(document)

    assert [word for word in words if f"`{word}`" not in text] == []


def test_every_restriction_has_a_word_in_the_glossary() -> None:
    row = next(line for line in text_of("docs/glossary.md").splitlines() if line.startswith("| restriction |"))

    assert [kind for kind in RestrictionKind if kind not in row] == []


def test_every_task_of_the_jobs_is_documented(tmp_path: Path) -> None:
    text = text_of("docs/operations.md")

    assert [task.name for task in tasks_for(service_in(tmp_path)) if f"| `{task.name}`" not in text] == []


def test_every_refusal_of_a_register_file_is_documented() -> None:
    codes = re.findall(r'kind, code, title = Kind\.\w+, "([a-z-]+)"', text_of("dnc/registers/errors.py"))

    assert codes
    assert [code for code in codes if f"`{code}`" not in text_of("docs/registers.md")] == []


def test_every_package_is_in_the_architecture() -> None:
    packages = [path.parent.name for path in REPOSITORY.glob("*/__init__.py")]

    assert "core" in packages
    assert [name for name in packages if f"{name}/" not in text_of("docs/architecture.md")] == []
    assert [name for name in packages if name != "tests" and f"`{name}/`" not in text_of("README.md")] == []


def test_every_module_of_the_largest_package_has_its_room_in_the_architecture() -> None:
    rooms = text_of("docs/architecture.md").split("## Rooms in `dnc/`")[1].split("\n## ")[0]
    layers = {"models.py", "schemas.py", "rendering.py", "audit.py"}
    package = REPOSITORY / "dnc"
    modules = {path.name for path in package.glob("*.py") if not path.name.endswith("routes.py")}
    packages = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}

    assert {name for name in modules - layers - {"__init__.py"} | packages if f"`{name}`" not in rooms} == set()


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", everything(), re.MULTILINE))

    assert {one or other for one, other in named} <= targets


def test_every_make_target_that_the_help_lists_is_documented() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", text_of("Makefile"), re.MULTILINE)
    text = everything()

    assert [target for target in targets if target != "help" and f"make {target}" not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = []
    for target in LINK.findall(FENCE.sub("", document.read_text("utf-8"))):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.is_file() or (anchor and anchor not in anchors_of(path.read_text("utf-8"))):
            broken.append(target)

    assert not broken


def test_every_document_can_be_reached_from_the_readme() -> None:
    seen, waiting = set(), [README]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        targets = LINK.findall(page.read_text("utf-8"))
        waiting += [(page.parent / target.partition("#")[0]).resolve() for target in targets if "://" not in target]

    assert seen == set(DOCUMENTS)


def test_every_file_that_is_named_exists() -> None:
    folders = "app.py|wsgi.py|(?:bench|cli|consent|console|core|deploy|dnc|jobs|leads|migrations|tests|web)/[\\w./-]+"
    named = re.findall(rf"`({folders})(?:::?\w+)*`", everything())

    assert named
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_every_promise_in_the_readme_names_its_code_and_its_test() -> None:
    table = text_of("README.md").split("## Promises")[1].split("##")[0]
    rows = [row.split("|") for row in table.splitlines() if row.startswith("|")][2:]

    assert rows
    assert [row[1] for row in rows if "`" not in row[2] or "`tests/" not in row[3]] == []


def test_decisions_on_record_are_numbered_once_and_all_indexed() -> None:
    records = sorted(path.name for path in (DOCS / "adr").glob("[0-9]*.md"))
    indexed = LINK.findall((DOCS / "adr" / "README.md").read_text("utf-8"))

    assert indexed == records
    assert len({name[:4] for name in records}) == len(records)
    for name in records:
        assert (DOCS / "adr" / name).read_text("utf-8").startswith(f"# {name[:4]}: ")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_document_is_unfinished_or_names_a_machine(document: Path) -> None:
    text = document.read_text("utf-8")

    assert UNFINISHED.search(text) is None
    assert str(REPOSITORY) + os.sep not in text
    assert re.search(r"(?<![\w.])/(?:root|home)/", text) is None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_number_in_the_documents_is_one_that_reaches_nobody(document: Path) -> None:
    written = re.findall(
        r"(?<![\w-])(?:\+46|0046|0)[ -]?(?:70|8|31|640|980)[ -]?\d[\d ]{5,9}\d", document.read_text("utf-8")
    )
    digits = [re.sub(r"^(?:\+46|0046|0)", "", re.sub(r"[ -]", "", number)) for number in written]
    ranges = [(701740605, 701740699), (846500400, 846500499), (313900600, 313900699)]

    assert [number for number in digits if not any(low <= int(number) <= high for low, high in ranges)] == []
