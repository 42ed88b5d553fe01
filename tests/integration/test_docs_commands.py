"""Run what the documents show: each command in a ``console`` or ``sh`` block, as a reader would, and compare.

A ``console`` block shows commands after ``$`` and what they print; an ``sh`` block shows commands alone, which must
succeed. A command that fails must be followed by ``$ echo $?``. In shown output ``…`` stands for any text, and alone on
a line for any lines; ids, keys, hashes, dates and times may differ. Blocks in other languages are not run: they need a
machine of one's own. The README's ``sh setup`` block comes before each document's own.

Every document has a demo of its own, and a server if it asks one. All that is not real is the hour: so that the
documents show the same answers at night, every clock is moved to 09.30 in Stockholm on a day when calls are made.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from cli.demo import open_moment

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")])
BLOCK = re.compile(r"^```(console|sh|sh setup)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ASKED = re.compile(r"\$\{?URL\b|\bpost ")
"""What asks the server, by the names that the README gives: other documents' commands need none to be started."""
MARK = "\x1e"
SHIFTED = """
import os
from datetime import UTC, datetime, timedelta
from core.clock import SystemClock
SHIFT = timedelta(seconds=float(os.environ["TEST_CLOCK_SHIFT"]))
SystemClock.now = lambda self: datetime.now(UTC) + SHIFT
"""
COMMANDS = """
import importlib, json, os, pkgutil, signal, socket, sys
import shifted_clock
import cli, service
from cli.main import main
for module in pkgutil.iter_modules(cli.__path__):
    if module.name != "__main__":
        importlib.import_module(f"cli.{module.name}")
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(chr(0) + sys.argv[1])
listener.listen()
print("ready", flush=True)
while True:
    asker, _ = listener.accept()
    if os.fork() == 0:
        break
    asker.close()
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
asked, streams, _, _ = socket.recv_fds(asker, 1 << 17, 3)
arguments, folder, environment = json.loads(asked)
for number, stream in enumerate(streams):
    os.dup2(stream, number)
os.chdir(folder)
os.environ.clear()
os.environ.update(environment)
code = 1
try:
    main(arguments, prog_name="ringklar")
except SystemExit as end:
    code = end.code or 0
finally:
    sys.stdout.flush()
    sys.stderr.flush()
    asker.send(bytes([code]))
    os._exit(0)
"""
COMMAND = """#!{python} -IS
import json, os, socket, sys
asker = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
asker.connect(chr(0) + {address!r})
asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(asker, [asked], [0, 1, 2])
sys.exit(asker.recv(1)[0])
"""
SERVE = "import shifted_clock; from gunicorn.app.wsgiapp import run; run()"
UNSAID = (
    (re.compile(r"rk_[A-Za-z0-9_-]{43}|rk_…"), "<key>"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\b(?:[0-9a-f]{128}|[0-9a-f]{64})\b"), "<hash>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "<date>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "<address>"),
    (re.compile(r"operator:\w+"), "operator:<name>"),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One command as a document shows it; ``printed`` is None where no output is shown."""

    command: str
    printed: list[str] | None
    line: int


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo's folder, the environment in which its commands run, and what a reader copies from its greeting."""

    folder: Path
    environment: dict[str, str]
    copied: dict[str, str]


def commands_of(text: str, wanted: tuple[str, ...] = ("console", "sh")) -> list[Shown]:
    """Return the commands of a document's blocks in order."""
    shown: list[Shown] = []
    for block in BLOCK.finditer(text):
        language, body = block[1], block[2].splitlines()
        line = text.count("\n", 0, block.start(2)) + 1
        if language not in wanted:
            continue
        if language != "console":
            shown.append(Shown(block[2], None, line))
            continue
        starts = [place for place, row in enumerate(body) if row.startswith("$ ")]
        for start, end in pairwise([*starts, len(body)]):
            last = start
            while body[last].endswith("\\") or (last + 1 < end and body[last + 1].startswith("> ")):
                last += 1
            rows = [body[start][2:], *(row.removeprefix("> ") for row in body[start + 1 : last + 1])]
            shown.append(Shown("\n".join(rows), body[last + 1 : end], line + start))
    return shown


def normalised(line: str) -> str:
    """Return a line without what differs from run to run."""
    for pattern, word in UNSAID:
        line = pattern.sub(word, line)
    return line.rstrip()


def differs(shown: list[str], printed: list[str]) -> bool:
    """Return whether a command printed anything else than is shown."""
    pattern = ""
    for line in map(normalised, shown):
        if line.strip() == "…":
            pattern += "(?:.*\n)*?"
        else:
            pattern += "[^\n]*".join(re.escape(part) for part in line.split("…")) + "\n"
    text = "".join(f"{normalised(line)}\n" for line in printed)
    return re.fullmatch(pattern, text) is None


def run_all(commands: list[Shown], setup: str, demo: Demo, folder: Path) -> list[tuple[list[str], int]]:
    """Return what each command printed and its exit code; all run in one shell, as a reader's do."""
    exports = "\n".join(f"export {name}='{value}'" for name, value in demo.copied.items())
    parts = [f"{setup}\n{exports}\nstatus=0\n"]
    for place, one in enumerate(commands):
        script = folder / f"command-{place}"
        script.write_text(one.command + "\n", "utf-8")
        parts.append(f"(exit $status); . '{script}' 2>&1\nstatus=$?\nprintf '\\n{MARK}%d\\n' $status\n")
    shell = subprocess.run(
        ["bash", "-c", "".join(parts)],
        cwd=folder,
        env=demo.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    results: list[tuple[list[str], int]] = []
    printed: list[str] = []
    for line in shell.stdout.split("\n"):
        if line.startswith(MARK):
            if printed and printed[-1] == "":
                printed.pop()
            results.append((printed, int(line[1:])))
            printed = []
        else:
            printed.append(line)
    assert len(results) == len(commands), shell.stderr
    return results


def faults(commands: list[Shown], results: list[tuple[list[str], int]]) -> list[str]:
    """Return in words each command that did not do what is shown."""
    found = []
    for place, (one, (printed, code)) in enumerate(zip(commands, results, strict=True)):
        after = commands[place + 1].command if place + 1 < len(commands) else ""
        if code != 0 and after != "echo $?":
            found.append(f"line {one.line}: exit code {code} is not shown:\n" + "\n".join(printed))
        if one.printed is not None and differs(one.printed, printed):
            found.append(f"line {one.line}: {one.command}\nprinted:\n" + "\n".join(printed))
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Give a fresh demo, made by the command that ``make run`` runs.

    ``ringklar`` is the real command in a fork of a process that has imported every command already: most of a short
    command's time is spent on imports.
    """
    folder, programs = tmp_path_factory.mktemp("demo"), tmp_path_factory.mktemp("programs")
    now = datetime.now(UTC)
    opens = open_moment(now)
    shift = opens - timedelta(minutes=30) - now
    (programs / "shifted_clock.py").write_text(SHIFTED, "utf-8")
    ringklar, address = programs / "ringklar", f"ringklar-{secrets.token_hex(8)}"
    ringklar.write_text(COMMAND.format(python=sys.executable, address=address), "utf-8")
    ringklar.chmod(0o700)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RINGKLAR_")}
    environment = kept | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": f"{REPOSITORY}:{programs}",
        "TEST_CLOCK_SHIFT": str(shift.total_seconds()),
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
    }
    with subprocess.Popen(
        [sys.executable, "-c", COMMANDS, address], env=environment, stdout=subprocess.PIPE, text=True
    ) as commands:
        try:
            assert commands.stdout is not None
            assert commands.stdout.readline() == "ready\n"
            made = subprocess.run(
                [ringklar, "demo", "--no-serve"], cwd=folder, env=environment, check=True, capture_output=True
            )
            assert b"Ringklar is at http://127.0.0.1:8000" in made.stdout
            yield Demo(folder, environment, copied_from(folder, environment, opens))
        finally:
            commands.terminate()


def copied_from(folder: Path, environment: dict[str, str], opens: datetime) -> dict[str, str]:
    """Return what a reader copies from the demo's greeting, by the names that the README gives it."""
    logins = json.loads((folder / "var" / "demo.json").read_text("utf-8"))
    return {
        "PATH": environment["PATH"],
        "DIALER_KEY": logins["dialer_key"],
        "CS_KEY": logins["customer_service_key"],
        "LEADS_KEY": logins["lead_manager_key"],
        "MOMENT": opens.isoformat(),
        "TODAY": opens.date().isoformat(),
    }


@contextmanager
def served(demo: Demo, folder: Path) -> Iterator[str]:
    """Serve the demo in ``folder`` and give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = str(REPOSITORY / "deploy" / "gunicorn.conf.py")
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, "--config", settings, "wsgi:app"],
            cwd=folder,
            env=demo.environment | {"RINGKLAR_BIND": address, "RINGKLAR_THREADS": "8"},
            stdout=log,
            stderr=log,
        )
        try:
            until = time.monotonic() + 60
            while not _is_ready(f"http://{address}"):
                assert server.poll() is None, (folder / "server.log").read_text("utf-8")
                assert time.monotonic() < until, "the server did not start"
                time.sleep(0.05)
            yield f"http://{address}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def readied(demo: Demo, folder: Path) -> Path:
    """Return a copy of the demo for one document, laid out as a clone is after ``make run``."""
    place = folder / "ringklar"
    shutil.copytree(demo.folder, place)
    (place / ".venv").symlink_to(sys.prefix)
    (place / "docs").symlink_to(REPOSITORY / "docs")
    return place


@pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if commands_of(path.read_text("utf-8"))], ids=lambda path: path.name
)
def test_every_command_in_the_documents_does_what_is_shown(document: Path, demo: Demo, tmp_path: Path) -> None:
    commands = commands_of(document.read_text("utf-8"))
    [setup] = commands_of((REPOSITORY / "README.md").read_text("utf-8"), ("sh setup",))
    folder = readied(demo, tmp_path)

    asks_server = any(ASKED.search(one.command) for one in commands)
    with served(demo, folder) if asks_server else nullcontext("") as url:
        mine = Demo(folder, demo.environment, demo.copied | {"URL": url})
        found = faults(commands, run_all(commands, setup.command, mine, folder))

    assert not found, "\n\n".join([document.name, *found])


def test_a_difference_in_what_is_shown_is_found() -> None:
    assert differs(["allow: +46701740605"], ["deny: +46701740605"])
    assert differs(["one"], ["one", "two"])
    assert differs(["one", "…"], ["two"])


def test_ids_moments_and_what_is_left_out_may_differ() -> None:
    assert not differs(["until 2026-11-24T09:00:00Z"], ["until 2027-01-04T08:12:11.123456Z"])
    assert not differs(["{", "…", "}"], ["{", "  1", "}"])
    assert not differs(["a … c"], ["a b c"])


def test_commands_are_read_with_their_continued_lines_and_output() -> None:
    text = "```console\n$ one \\\n    two\nsaid\n$ three\n```\n```sh\nfour\n```\n```bash\nfive\n```\n"

    assert [(one.command, one.printed) for one in commands_of(text)] == [
        ("one \\\n    two", ["said"]),
        ("three", []),
        ("four\n", None),
    ]
