"""The command ``ringklar``."""

import sys
from types import TracebackType

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


@click.group(commands=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ringklar", message="ringklar %(version)s")
def main() -> None:
    """May this number be called now, on what ground, and what must the caller say?

    Settings are RINGKLAR_* variables; see docs/configuration.md. Exit codes: 0 ok, 1 a finding, 2 wrong usage.
    """
    sys.excepthook = _tell


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Tell what nothing caught without the values in it, which may be a person's."""
    from web.observe import tell_failure

    tell_failure(kind, error, trace)
