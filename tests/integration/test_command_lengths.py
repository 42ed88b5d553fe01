"""A text may be as long in a command as over HTTP and on the pages: nothing is cut."""

from pathlib import Path

import pytest

from core.naming import NOTE_LENGTH, VERIFIED_BY_LENGTH
from dnc.registers.loading import REASON_LENGTH
from dnc.screenings.service import COLUMN_LENGTH
from tests.commands import run_command
from tests.held import REPORTED, reported
from tests.seeding import CAMPAIGN, FROM_PARTNER, SELLER, Seeded

OK, FINDING, USAGE = 0, 1, 2


@pytest.fixture
def words(on_sqlite: Seeded, tmp_path: Path) -> dict[str, tuple[list[str], str, int]]:
    """Return by option the command that takes it, the option itself and how many characters it takes."""
    hold = reported(on_sqlite.service, on_sqlite.seller_id, "", REPORTED)
    register, numbers = tmp_path / "nix.txt", tmp_path / "ring.csv"
    register.write_text("0701740605\n" * 2)
    numbers.write_text(f"{'å' * COLUMN_LENGTH};{'å' * (COLUMN_LENGTH + 1)}\n0701740605;0701740605\n")
    release = ["optout", "release", on_sqlite.opt_out_id, "--asked-at", "2026-11-24T09:00:00Z"]
    screened = [str(numbers), str(tmp_path / "ut.csv"), "--campaign", CAMPAIGN]
    load = ["register", "import", "nix", str(register), "--as-of", "2026-11-23"]
    return {
        "verified-by": (release, "--verified-by", VERIFIED_BY_LENGTH),
        "release note": ([*release, "--verified-by", "legitimation"], "--note", NOTE_LENGTH),
        "opt-out note": (["optout", "add", FROM_PARTNER, "--seller", SELLER, "--via", "letter"], "--note", NOTE_LENGTH),
        "resolution": (["hold", "close", hold.id], "--resolution", NOTE_LENGTH),
        "restriction": (
            ["number", "restrict", FROM_PARTNER, "--seller", SELLER, "--kind", "restricted"],
            "--note",
            NOTE_LENGTH,
        ),
        "shrunken": (load, "--accept-shrunken", REASON_LENGTH),
        "unreadable": (load, "--accept-unreadable", REASON_LENGTH),
        "column": (["screen", *screened], "--column", COLUMN_LENGTH),
    }


@pytest.mark.parametrize(
    "option",
    ["verified-by", "release note", "opt-out note", "resolution", "restriction", "shrunken", "unreadable", "column"],
)
def test_a_command_takes_a_text_as_long_as_the_api_does_and_no_longer(
    on_sqlite: Seeded, words: dict[str, tuple[list[str], str, int]], option: str
) -> None:
    command, name, longest = words[option]

    too_long = run_command(on_sqlite.service.settings, *command, name, "å" * (longest + 1))
    just_right = run_command(on_sqlite.service.settings, *command, name, "å" * longest)

    assert (too_long.exit_code, f"{longest} characters" in too_long.stderr) == (USAGE, True), too_long.output
    assert "characters" not in just_right.stderr, just_right.output
