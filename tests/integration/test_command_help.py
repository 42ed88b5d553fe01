"""What ``--help`` tells somebody who has never seen the command."""

from collections.abc import Iterator

import click
from click.testing import CliRunner

from cli.main import main


def commands(group: click.Group, name: str = "ringklar") -> Iterator[tuple[str, click.Command]]:
    """Yield every command below the group, with its whole name."""
    context = click.Context(group)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None
        yield f"{name} {word}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {word}")


def test_every_command_says_in_a_whole_sentence_what_it_does_and_of_each_option_what_it_takes() -> None:
    said = dict(commands(main))

    cut = {
        name: text for name, one in said.items() if (text := one.get_short_help_str(500)).count("(") != text.count(")")
    }
    silent = [
        (name, option.name)
        for name, one in said.items()
        for option in one.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert (cut, silent) == ({}, [])
    assert len(said) > 80


def test_no_list_of_commands_breaks_off_what_one_does() -> None:
    groups = [("ringklar", main), *((name, one) for name, one in commands(main) if isinstance(one, click.Group))]

    broken_off = [
        line
        for name, group in groups
        for line in group.get_help(click.Context(group, info_name=name, terminal_width=80)).splitlines()
        if line.endswith("...") and not line.startswith("Usage:")
    ]

    assert broken_off == []


def test_help_tells_how_moments_and_days_are_written() -> None:
    told = CliRunner().invoke(main, ["--help"]).stdout

    assert "2026-11-24T10:00:00+01:00" in told
    for name, one in commands(main):
        assert "%Y" not in one.get_help(click.Context(one, info_name=name)), name
