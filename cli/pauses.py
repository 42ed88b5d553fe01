"""The commands ``pause``, ``quarantine`` and ``resume``, the same for suppliers, sources and lead files."""

from collections.abc import Callable

import click

from cli.context import caller, refusals, service


def add_pauses(
    group: click.Group,
    what: str,
    *,
    pause: Callable[..., object],
    quarantine: Callable[..., bool],
    resume: Callable[..., object],
    named_by: str = "slug",
) -> None:
    """Give ``group`` the commands, each of which calls its verb for the ``what`` that ``named_by`` names."""

    @group.command("pause", help=f"Deny every lead of the {what}, from the next check on.")
    @click.argument(named_by)
    @click.option("--reason", required=True, help="Why; it is kept on record.")
    @refusals
    def pause_one(reason: str, **named: str) -> None:
        with service() as built, built.store.writing() as session:
            pause(session, caller(), **named, reason=reason, now=built.clock.now())
        click.echo(f"{what} {named[named_by]} is paused")

    @group.command("quarantine", help=f"Deny every lead of the {what}, until compliance ends it.")
    @click.argument(named_by)
    @click.option("--reason", required=True, help="Why; it is kept on record.")
    @refusals
    def quarantine_one(reason: str, **named: str) -> None:
        with service() as built, built.store.writing() as session:
            is_new = quarantine(session, caller(), **named, reason=reason, now=built.clock.now())
        click.echo(f"{what} {named[named_by]} is {'quarantined' if is_new else 'quarantined already'}")

    @group.command("resume", help=f"End the {what}'s pause or quarantine.")
    @click.argument(named_by)
    @refusals
    def resume_one(**named: str) -> None:
        with service() as built, built.store.writing() as session:
            resume(session, caller(), **named, now=built.clock.now())
        click.echo(f"{what} {named[named_by]} is not paused")
