"""Jobs at the command line: run them until stopped, or once."""

import math
import sys

import click

from cli.context import FINDING, answer, json_option, refusals, service
from jobs.health import FAILED
from jobs.inbox import SETTLE_SECONDS

LONGEST_SETTLE = 24 * 3600


def _a_number(_context: click.Context, _option: click.Parameter, seconds: float) -> float:
    """Return the seconds, unless they are the one float that is within every range."""
    if math.isnan(seconds):
        raise click.BadParameter("it is no number")
    return seconds


@click.command()
@click.option("--once", is_flag=True, help="Run each task that is due once, and leave.")
@click.option(
    "--settle",
    type=click.FloatRange(0, LONGEST_SETTLE),
    callback=_a_number,
    default=SETTLE_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long a file in the inbox has to stand still before it is taken.",
)
@json_option
@refusals
def jobs(once: bool, settle: float, as_json: bool) -> None:
    """Run the scheduled work: inboxes, lead files, checkpoints. Of many such processes one leads."""
    from jobs.run import run_jobs, run_once
    from jobs.tasks import tasks_for
    from web.observe import log_as_json

    with service() as built:
        if not once:
            log_as_json(built.settings.log_level)
            run_jobs(built, tasks=tasks_for(built, settle_seconds=settle))
            return
        outcomes = run_once(built, settle_seconds=settle)
    if outcomes is None:
        answer(as_json, {"leads": False, "tasks": {}}, "another process runs the jobs")
        sys.exit(FINDING)
    failed = any(outcome.startswith(FAILED) for outcome in outcomes.values())
    lines = "\n".join(f"{name}: {outcome}" for name, outcome in outcomes.items())
    answer(as_json, {"leads": True, "tasks": dict(outcomes)}, lines)
    if failed:
        sys.exit(FINDING)
