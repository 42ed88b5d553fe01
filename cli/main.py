"""The command ``ringklar``."""

import atexit
import errno
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import click

from cli.places import Places

_COMMANDS = Places(
    {
        "migrate": "cli.serve:migrate",
        "serve": "cli.serve:serve",
        "jobs": "cli.jobs:jobs",
        "demo": "cli.demo:demo",
        "seller": "cli.sellers:seller",
        "campaign": "cli.campaigns:campaign",
        "supplier": "cli.suppliers:supplier",
        "source": "cli.suppliers:source",
        "assessment": "cli.assessments:assessment",
        "mapping": "cli.mappings:mapping",
        "key": "cli.access:key",
        "user": "cli.access:user",
        "register": "cli.registers:register",
        "leads": "cli.leads:leads",
        "recipient": "cli.exports:recipient",
        "canaries": "cli.exports:canaries",
        "optout": "cli.opt_outs:optout",
        "hold": "cli.holds:hold",
        "complaint": "cli.oversight:complaint",
        "oversight": "cli.oversight:oversight",
        "calls": "cli.call_records:calls",
        "check": "cli.checks:check",
        "screen": "cli.screenings:screen",
        "screening": "cli.screenings:screening",
        "number": "cli.numbers:number",
        "ledger": "cli.ledger:ledger",
        "audit": "cli.audits:audit_command",
        "replay": "cli.replays:replay",
    }
)


_FULL = (errno.ENOSPC, errno.EDQUOT)
_ENDING = (signal.SIGTERM, signal.SIGHUP)


class _Main(click.Group):
    """The group of all commands."""

    def main(self, *args: Any, **kwargs: Any) -> Any:  # Any: click's own
        """Run the command that is named; that its output is on a full disk is told in one line."""
        try:
            try:
                with _ended_in_order():
                    return super().main(*args, **kwargs)
            finally:
                sys.stdout.flush()
        except OSError as error:
            if error.errno not in _FULL:
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter writes what is left
            click.echo(f"ringklar: what was to be written was not taken ({error.strerror})", err=True)
            sys.exit(1)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named, imported; a workbook that is to be imported is opened beside meanwhile.

        Which argument is the file is not known yet: of any other nothing is used.
        """
        if args[:2] == ["leads", "import"] and "--dry-run" not in args:
            from leads.workbook_beside import workbook_beside

            file = next((arg for arg in args[2:] if os.path.isfile(arg)), None)  # noqa: PTH113 - too long is no fault
            ctx.obj = None if file is None else ctx.with_resource(workbook_beside(Path(file)))
        return super().resolve_command(ctx, args)


@click.group(cls=_Main, commands=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ringklar", message="ringklar %(version)s")
def main() -> None:
    """May this number be called now, on what ground, and what must the caller say?

    A NUMBER may be in any spelling. A TIME is written as 2026-11-24T10:00:00+01:00, in UTC if it has no offset, and a
    DATE as 2026-11-24. Settings are RINGKLAR_* variables; see docs/configuration.md. Exit codes: 0 ok, 1 a finding or a
    refusal, 2 wrong usage, input or settings.
    """
    sys.excepthook = _tell
    atexit.register(gc.freeze)  # to look for garbage among what ends anyway would take a tenth of a second
    if logging.lastResort is not None:  # where there is no log, what would be in it goes to standard error
        logging.lastResort.setFormatter(_Plainly())
    if isinstance(sys.stdout, TextIOWrapper):  # what was done is done, and is told on a terminal of any character set
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as an exit does: what is half-written is removed, it may be of persons.

    The same signal again ends the process at once. One that is ignored, as under ``nohup``, stays so.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()  # elsewhere no handler can be set
    ours = [number for number in _ENDING if in_main_thread and signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in ours:
            if signal.getsignal(number) is _end:
                signal.signal(number, signal.SIG_DFL)


def _end(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    sys.exit(128 + number)


class _Plainly(logging.Formatter):
    """Tells what a command would log without the values in it, which may be a person's."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as plain text."""
        from web.observe import told_plainly

        return told_plainly(record)


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Tell what nothing caught without the values in it, which may be a person's."""
    from web.observe import tell_failure

    tell_failure(kind, error, trace)
