"""The command line as an operator meets it: help everywhere, exit codes that scripts rely on, plain refusals."""

import csv
import json
import re
from collections.abc import Iterator
from errno import ENOSPC
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from cli.main import main
from core.ledger import canonical
from dnc import deciding
from dnc.policies.catalogue import SE_OPT_IN_PROPOSAL
from leads.models import LeadFile
from tests.commands import run_command
from tests.integration.seeds import seeded_service, verified
from tests.screened import file_in, screened
from tests.seeding import CAMPAIGN, FROM_LIST, FROM_PARTNER, OPTED_OUT, SELLER, Seeded

AT = ["--at", "2026-11-24T10:00:00+01:00"]


class Shell:
    """Runs commands with the settings of one seeded service."""

    def __init__(self, seeded: Seeded) -> None:
        self.seeded = seeded

    def run(self, *words: str, stdin: str | bytes | None = None, **environment: str | None) -> Result:
        return run_command(self.seeded.service.settings, *words, stdin=stdin, **environment)


@pytest.fixture
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    with seeded_service(request, "sqlite", tmp_path) as seeded:
        yield Shell(seeded)


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield from (below for below, _command in _below(command, path))


def _below(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _below(below, (*path, name))


@pytest.mark.parametrize("path", list(_commands(main, ())), ids=" ".join)
def test_every_command_says_what_it_does(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, [*path, "--help"])

    assert done.exit_code == 0
    assert len(done.output.splitlines()[2].strip()) > 10


def test_every_option_says_what_it_is_for() -> None:
    silent = [
        (*path, option.name)
        for path, command in _below(main, ())
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]

    assert silent == []


LONG_NAMES = [
    ("key", "create", "n" * 101, "--role", "sales"),
    ("user", "add", "n" * 101, "--role", "sales", "--password-stdin"),
    ("seller", "add", "annan", "--name", "n" * 201),
    ("campaign", "add", "annan", "--seller", SELLER, "--product", "electricity", "--name", "n" * 201),
    ("supplier", "add", "annan", "--kind", "partner", "--name", "n" * 201),
    ("recipient", "add", "annan", "--seller", SELLER, "--contract", "PUB-1", "--name", "n" * 201),
]


@pytest.mark.parametrize("command", LONG_NAMES, ids=lambda command: command[0])
def test_a_name_longer_than_its_column_is_wrong_usage_on_both_databases(command: tuple[str, ...], shell: Shell) -> None:
    done = shell.run(*command, stdin="en lång mening är bra\n")

    assert done.exit_code == 2
    assert f"a {command[0]} needs a name, of at most {len(max(command, key=len)) - 1} characters" in done.output


def test_each_of_several_mistakes_is_told_once(shell: Shell, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text('{"SE": {"opens": "07:00", "attempts_day": 9}}', encoding="utf-8")

    wider = shell.run("seller", "rules", SELLER, "--set", str(rules), "--because", "the board")
    wordless = shell.run(
        *("source", "add", "ny", "--supplier", "kronan", "--seller", SELLER, "--basis", "consent"),
        *("--name", " ", "--say", " "),
    )

    assert (wider.exit_code, wordless.exit_code) == (2, 2)
    for mistake in ("SE.opens: 07:00 would be wider", "SE.attempts_day: 9 would be wider"):
        assert wider.output.count(mistake) == 1
    for mistake in ("a source needs a name", "a source needs words to say"):
        assert wordless.output.count(mistake) == 1


@pytest.mark.parametrize("password", [b"x" * 1_001, "tolv tecken i Latin-1: åäö".encode("latin-1")])
def test_a_password_that_nobody_could_sign_in_with_is_wrong_usage(password: bytes, shell: Shell) -> None:
    done = shell.run("user", "add", "disa", "--role", "sales", "--password-stdin", stdin=password + b"\n")

    assert done.exit_code == 2
    assert "a password has at most 1000 characters, in UTF-8" in done.output


def test_how_a_person_was_recognised_fits_its_column_on_both_databases(shell: Shell) -> None:
    release = ("optout", "release", shell.seeded.opt_out_id, "--asked-at", "2026-11-24T09:00:00Z")

    done = shell.run(*release, "--verified-by", "v" * 201)

    assert done.exit_code == 2
    assert "in at most 200 characters" in done.output


@pytest.mark.parametrize("seconds", ["nan", "inf", "1e300", "-1"])
def test_a_time_to_stand_still_that_never_passes_is_wrong_usage(seconds: str, shell: Shell) -> None:
    assert shell.run("jobs", "--once", "--settle", seconds).exit_code == 2


def test_a_word_that_is_no_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(main, ["no-such-command"]).exit_code == 2


def test_a_number_that_may_be_called_gives_0_and_one_that_may_not_gives_1(shell: Shell) -> None:
    yes = shell.run("check", FROM_PARTNER, "--campaign", CAMPAIGN, *AT, "--json")
    assert yes.exit_code == 0, yes.output
    assert json.loads(yes.stdout)["may_call"] is True
    assert json.loads(yes.stdout)["simulated"] is True

    no = shell.run("check", "070-174 06 08", "--campaign", CAMPAIGN, *AT)
    assert no.exit_code == 1
    assert no.stdout.startswith(f"deny: {OPTED_OUT}\n  opted_out")

    unreadable = shell.run("check", "x", "--campaign", CAMPAIGN, "--json")
    assert unreadable.exit_code == 1
    assert json.loads(unreadable.stdout)["verdict"] == "unknown"
    assert json.loads(unreadable.stdout)["id"]


def test_wrong_usage_gives_2_and_says_why(shell: Shell) -> None:
    for words in (
        ("check", FROM_PARTNER, "--campaign", "no-such-campaign"),
        ("check", FROM_PARTNER),
        ("check", FROM_PARTNER, "--campaign", CAMPAIGN, "--at", "yesterday"),
        ("seller", "add", "Not A Slug", "--name", "X"),
        ("key", "create", "k", "--role", "dialer"),
        ("optout", "add", FROM_PARTNER, "--seller", "nobody", "--via", "phone"),
        ("number", "show", "not a number"),
        ("ledger", "verify", "--export", __file__),
    ):
        done = shell.run(*words)
        assert done.exit_code == 2, words
        assert done.stderr.strip(), words
        assert "Traceback" not in done.output


def test_a_name_that_is_taken_gives_1(shell: Shell) -> None:
    assert shell.run("seller", "add", "new-one", "--name", "New").exit_code == 0
    done = shell.run("seller", "add", "new-one", "--name", "New")
    assert (done.exit_code, "exists already" in done.stderr) == (1, True)


def test_a_key_is_printed_once_and_kept_nowhere(shell: Shell) -> None:
    done = shell.run("key", "create", "dialer-7", "--role", "dialer", "--seller", SELLER)
    key = done.stdout.strip()
    assert done.exit_code == 0
    assert key.startswith("rk_")
    assert done.stdout == f"{key}\n"
    shell.seeded.service.close()
    database = Path(shell.seeded.service.settings.database_url.removeprefix("sqlite:///"))
    assert key.encode() not in database.read_bytes()
    assert shell.run("key", "create", "dialer-7", "--role", "dialer", "--seller", SELLER).exit_code == 1


def test_settings_that_are_wrong_are_all_listed(shell: Shell) -> None:
    done = shell.run("replay", RINGKLAR_BIND="nowhere", RINGKLAR_THREADS="many", RINGKLAR_THREDS="8")
    assert done.exit_code == 2
    for name in ("RINGKLAR_BIND", "RINGKLAR_THREADS", "RINGKLAR_THREDS"):
        assert name in done.stderr


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00", "1899-12-31T23:59:59", "2200-01-01", "9999-12-31T23:59:59"])
def test_a_moment_that_no_database_keeps_is_wrong_usage(shell: Shell, moment: str) -> None:
    later = "2026-11-24T10:00:00"
    for words in (
        ("check", FROM_PARTNER, "--campaign", CAMPAIGN, "--at", moment),
        ("number", "show", FROM_PARTNER, "--as-of", moment),
        ("replay", "--since", min(moment, later), "--until", max(moment, later)),
        ("complaint", "add", FROM_PARTNER, "--seller", SELLER, "--via", "letter", "--received-at", moment),
    ):
        done = shell.run(*words)
        assert (done.exit_code, "in the years 1900 to 2199" in done.stderr) == (2, True), done.output


@pytest.mark.parametrize("moment", ["1900-01-01T00:00:00+14:00", "2199-12-31T23:59:59-14:00"])
def test_the_first_and_the_last_moment_are_answered(shell: Shell, moment: str) -> None:
    assert shell.run("check", FROM_PARTNER, "--campaign", CAMPAIGN, "--at", moment).exit_code == 1
    assert shell.run("number", "show", FROM_PARTNER, "--as-of", moment).exit_code == 0


def test_a_file_is_screened_row_by_row(shell: Shell, tmp_path: Path) -> None:
    given, target = tmp_path / "in.csv", tmp_path / "out.csv"
    given.write_text(f"name;number\nA;{FROM_PARTNER}\nB;{OPTED_OUT}\nC;x\nD\n", encoding="utf-8")
    done = shell.run("screen", str(given), str(target), "--campaign", CAMPAIGN, "--column", "number", *AT, "--json")

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["verdicts"] == {"allow": 1, "deny": 1, "unknown": 2}
    rows = list(csv.DictReader(target.read_text("utf-8").splitlines(), delimiter=";"))
    assert [row["verdict"] for row in rows] == ["allow", "deny", "unknown", "unknown"]
    assert rows[1]["reasons"] == "opted_out"


def test_a_row_with_more_cells_than_headings_is_unknown_and_kept_whole(shell: Shell, tmp_path: Path) -> None:
    given, target = tmp_path / "in.csv", tmp_path / "out.csv"
    given.write_text(f"number,name\n{FROM_PARTNER},A,\n{FROM_PARTNER},A,B\n", encoding="utf-8")

    assert shell.run("screen", str(given), str(target), "--campaign", CAMPAIGN, *AT).exit_code == 0

    with target.open(encoding="utf-8", newline="") as file:
        headings, fitting, wide = csv.reader(file)
    verdict = headings.index("verdict")
    assert (fitting[:2], fitting[verdict]) == ([FROM_PARTNER, "A"], "allow")
    assert (wide[0], wide[verdict]) == (f"{FROM_PARTNER},A,B", "unknown")


@pytest.mark.parametrize("more", [(), AT], ids=["on record", "what if"])
def test_a_result_that_cannot_be_written_is_refused_before_anything_is_on_record(
    shell: Shell, tmp_path: Path, more: tuple[str, ...]
) -> None:
    given, target = tmp_path / "in.csv", tmp_path / "nowhere" / "out.csv"
    given.write_text(f"number\n{FROM_PARTNER}\n", encoding="utf-8")

    done = shell.run("screen", str(given), str(target), "--campaign", CAMPAIGN, *more)

    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert "the result cannot be written (No such file or directory)" in done.stderr
    assert "database" not in done.stderr


def test_a_screening_is_not_gone_on_with_where_its_result_cannot_be_written(shell: Shell, tmp_path: Path) -> None:
    given = tmp_path / "in.csv"
    given.write_text(f"number\n{FROM_PARTNER}\n", encoding="utf-8")
    begun = shell.run("screen", str(given), str(tmp_path / "out.csv"), "--campaign", CAMPAIGN)
    id_ = begun.stderr.split()[-1]

    done = shell.run("screening", "resume", id_, str(given), str(tmp_path / "nowhere" / "out.csv"))

    assert done.exit_code == 2
    assert json.loads(shell.run("screening", "show", id_, "--json").stdout)["state"] == "done"


def test_opt_outs_are_imported_line_by_line_and_block(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "no.txt"
    file.write_text(f"{FROM_LIST}\n\n070-174 06 08\nnot a number\n", encoding="utf-8")
    done = shell.run("optout", "import", str(file), "--seller", SELLER, "--json")

    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert (document["added"], document["already"], document["invalid"]) == (1, 1, 1)
    assert document["invalid_lines"][0]["line"] == 4
    assert shell.run("check", FROM_LIST, "--campaign", CAMPAIGN, *AT).exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ["number", "show"],
        ["number", "screenings"],
        ["number", "restrict", "--seller", SELLER, "--kind", "deceased"],
        ["complaint", "add", "--seller", SELLER, "--via", "phone"],
        ["complaint", "walk-back"],
        ["complaint", "quarantine", "--seller", SELLER, "--reason", "a test"],
        ["canaries", "report", "--seen-at", "2026-11-20T10:00:00Z", "--how", "a test"],
        ["check", "--campaign", CAMPAIGN],
        ["optout", "add", "--seller", SELLER, "--via", "phone"],
    ],
    ids=" ".join,
)
def test_no_command_takes_another_countrys_number_for_a_swedish_one(shell: Shell, words: list[str]) -> None:
    done = shell.run(*words, "070-174 06 06", "--region", "NO")
    wrong = [shell.run(*words, "070-174 06 06", "--region", no_country) for no_country in ("Norge", "UK")]

    assert done.exit_code != 0
    assert re.search("too.long|no number could be read", f"{done.stdout}{done.stderr}")
    assert {(one.exit_code, "write a country as SE" in one.stderr) for one in wrong} == {(2, True)}


def test_a_check_says_why_no_number_could_be_read(shell: Shell) -> None:
    done = shell.run("check", "070-174 06 05 / 070-174 06 06", "--campaign", CAMPAIGN)

    assert "No valid telephone number can be read. (ambiguous)" in done.stdout


def test_everything_on_a_number_is_shown_and_the_look_up_is_on_record(shell: Shell) -> None:
    shell.run("optout", "add", "070-174 06 06", "--seller", SELLER, "--via", "phone")
    before = verified(shell.seeded.service).entries
    done = shell.run("number", "show", FROM_LIST, "--json")

    assert done.exit_code == 0
    assert json.loads(done.stdout)["opted_out"] is True
    assert verified(shell.seeded.service).entries > before


def test_a_numbers_past_is_told_in_words(shell: Shell) -> None:
    shell.run("optout", "add", FROM_LIST, "--seller", SELLER, "--via", "letter")
    told = shell.run("number", "show", FROM_LIST, "--as-of", "2030-01-02T09:00:00Z", "--known-at", "2020-01-02")

    assert told.exit_code == 0
    assert f"  {CAMPAIGN}: unknown" in told.stdout
    assert "as known at 2020-01-02T00:00:00Z" in told.stdout
    assert "an opt-out from all calls by letter" in told.stdout
    assert "What was not known" in told.stdout


def test_an_export_that_no_checkpoint_signs_is_no_proof(shell: Shell, tmp_path: Path) -> None:
    """All of it may be made up: nothing in it needs the secret."""
    shell.run("check", FROM_PARTNER, "--campaign", CAMPAIGN)
    whole = tmp_path / "ledger.jsonl"
    key = json.loads(shell.run("ledger", "export", str(whole), "--json").stdout)["public_key"]
    lines = [json.loads(line) for line in whole.read_text("utf-8").splitlines()]
    left = [line | ({"checkpoints": 0} if line["type"] == "end" else {}) for line in lines]
    forged = tmp_path / "forged.jsonl"
    forged.write_text("".join(canonical(line) + "\n" for line in left if line["type"] != "checkpoint"), "utf-8")

    verified = shell.run("ledger", "verify", "--export", str(forged), "--public-key", key)

    assert verified.exit_code == 1
    assert "no checkpoint signs any of it" in verified.stdout
    assert "entries are signed by no checkpoint" in verified.stdout


def test_an_export_that_cannot_be_written_is_refused_and_leaves_nothing(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = shell.run("ledger", "export", str(tmp_path / "nowhere" / "ledger.jsonl"))
    assert (nowhere.exit_code, "cannot be made" in nowhere.stderr) == (2, True)

    def full(*_: object) -> int:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("cli.ledger.export_ledger", full)
    cut_off = shell.run("ledger", "export", str(tmp_path / "ledger.jsonl"))

    assert (cut_off.exit_code, "No space left on device" in cut_off.stderr) == (1, True)
    assert list(tmp_path.glob("ledger.jsonl*")) == []


def test_the_ledger_of_a_database_says_what_is_not_signed_yet(shell: Shell) -> None:
    shell.run("check", FROM_PARTNER, "--campaign", CAMPAIGN)

    verified = shell.run("ledger", "verify")

    assert (verified.exit_code, "under 0 checkpoints: nothing is wrong" in verified.stdout) == (0, True)
    assert "entries are signed by no checkpoint" in verified.stdout


def test_the_proof_verifies_exports_and_replays(shell: Shell, tmp_path: Path) -> None:
    shell.run("check", FROM_PARTNER, "--campaign", CAMPAIGN)
    export = tmp_path / "ledger.jsonl"
    assert shell.run("ledger", "verify").exit_code == 0
    exported = shell.run("ledger", "export", str(export), "--json")
    assert exported.exit_code == 0
    key = json.loads(exported.stdout)["public_key"]
    assert FROM_PARTNER[1:] not in export.read_text("utf-8")
    assert shell.run("ledger", "verify", "--export", str(export), "--public-key", key).exit_code == 0
    assert shell.run("ledger", "verify", "--export", str(export), "--public-key", "ff").exit_code == 2
    export.write_text(export.read_text("utf-8").replace('"kind":"checks"', '"kind":"check"'), encoding="utf-8")
    assert shell.run("ledger", "verify", "--export", str(export), "--public-key", key).exit_code == 1
    replayed = shell.run("replay", "--json")
    assert (replayed.exit_code, json.loads(replayed.stdout)["checks"]) == (0, 1)


def test_no_spreadsheet_takes_what_a_carrier_wrote_for_a_formula(shell: Shell, tmp_path: Path) -> None:
    file, found = tmp_path / "calls.csv", tmp_path / "found.csv"
    lines = ["number;started_at;call_id;agent", f"{FROM_LIST};2020-01-01T10:00:00Z;=HYPERLINK(0);@agent", "x;y;;-1"]
    file.write_text("\n".join(lines), encoding="utf-8")

    assert shell.run("calls", "match", str(file), "--seller", SELLER, "--list", str(found)).exit_code == 1

    rows = list(csv.DictReader(found.read_text("utf-8").splitlines()))
    assert [(row["call_id"], row["agent"]) for row in rows] == [("'=HYPERLINK(0)", "'@agent"), ("", "'-1")]
    assert rows[0]["number"] == FROM_LIST
    assert found.stat().st_mode & 0o077 == 0
    assert shell.run("calls", "match", str(file), "--seller", SELLER, "--list", str(found)).exit_code == 2


def test_an_audit_names_the_entry_of_a_screened_answer_that_differs(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "policy_for", lambda _country, _at: SE_OPT_IN_PROPOSAL)
    screened(shell.seeded, file_in(tmp_path, [FROM_PARTNER]))

    done = shell.run("audit")
    assert done.exit_code == 1
    assert re.search(r"^  facts: chain \d+, entry \d+: policy would differ$", done.output, re.MULTILINE)


@pytest.mark.parametrize(
    "words",
    [
        ("key", "revoke", "bj\udcf6rn"),
        ("leads", "import", __file__, "--source", "kalla", "--map", "number=K\udcf6ln"),
        ("ledger", "export", ""),
        ("leads", "export", "", "--campaign", CAMPAIGN, "--to", "processor"),
        ("leads", "export", "a" * 300, "--campaign", CAMPAIGN, "--to", "processor"),
        ("leads", "receipt", "LEAD FILE", "--out", ""),
        ("screen", "NUMBERS", "", "--campaign", CAMPAIGN),
        ("ledger", "verify", "--public-key", "not hex"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_what_cannot_be_kept_or_written_is_wrong_usage(shell: Shell, tmp_path: Path, words: tuple[str, ...]) -> None:
    with shell.seeded.service.store.reading() as session:
        meant = {"LEAD FILE": str(session.scalar(select(LeadFile.id).limit(1)))}
    meant["NUMBERS"] = str(file_in(tmp_path, [FROM_PARTNER]))
    done = shell.run(*(meant.get(word, word) for word in words))

    assert done.exit_code == 2
    assert done.output.startswith(("Usage: ", "ringklar: "))


def test_a_finding_of_no_entry_names_none(shell: Shell, tmp_path: Path) -> None:
    shell.run("ledger", "export", str(tmp_path / "ledger.jsonl"))

    done = shell.run("ledger", "verify", "--export", str(tmp_path / "ledger.jsonl"), "--public-key", "0" * 64)
    assert done.exit_code == 1
    assert "checkpoint: the signature of checkpoint 1 does not verify" in done.output
    assert "None" not in done.output


def test_an_export_of_the_first_versions_is_refused_and_not_told_as_tampered_with(shell: Shell, tmp_path: Path) -> None:
    export = tmp_path / "ledger.jsonl"
    header = {"type": "header", "form": "ringklar-ledger-1", "public_key": "0" * 64}
    export.write_text(json.dumps(header) + "\n", "utf-8")

    done = shell.run("ledger", "verify", "--export", str(export), "--public-key", "0" * 64)

    assert (done.exit_code, done.stdout) == (2, "")
    assert "only the version that wrote it verifies it" in done.stderr
