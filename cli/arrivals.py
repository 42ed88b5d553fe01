"""``ringklar leads arrival``: what a lead file was worth when it was screened."""

import click

from cli.context import answer, caller, json_option, refusals, service
from dnc.arrival_routes import arrival_document
from dnc.arrivals import ArrivalReport, WashVerdict, newest_arrival, report_arrival

WASH = {
    WashVerdict.KEPT: "our version lists none of the numbers",
    WashVerdict.CONTRADICTED: "contradicted: our version, no newer, lists {listed}",
    WashVerdict.NEWER_REGISTER: "our version is newer and lists {listed}, which may have joined since",
    WashVerdict.NO_CLAIM: "the supplier claims none",
    WashVerdict.CANNOT_TELL: "cannot be told: no date is claimed, or we have no version to ask",
}


@click.command("arrival")
@click.argument("lead_file_id")
@click.option("--screen-now", is_flag=True, help="Screen the file again first, by what is known now.")
@json_option
@refusals
def arrival(lead_file_id: str, screen_now: bool, as_json: bool) -> None:
    """Show how many leads of a file could be called. The others are told by reason, as screened when it was read."""
    with service() as built:
        if screen_now:
            now = built.clock.now()
            report = report_arrival(built.store, built.shelf.listed, caller(), lead_file_id=lead_file_id, now=now)
        else:
            with built.store.reading() as session:
                report = newest_arrival(session, caller(), lead_file_id)
    answer(as_json, arrival_document(report).model_dump(mode="json"), told(report))


def told(report: ArrivalReport) -> str:
    """Return the report in words."""
    rows = ", ".join(f"{count} {state}" for state, count in report.rows.items())
    register = "no register was asked"
    if report.register_name is not None:
        register = f"{report.register_name} of {report.register_as_of or 'no date: none is loaded'}"
    return "\n".join(
        [
            f"rows: {rows}",
            f"callable: {report.callable} of {report.leads} leads, by {register}",
            *(f"  {reason}: {count}" for reason, count in report.reasons.items()),
            f"missing evidence: {'not counted' if report.missing_evidence is None else report.missing_evidence}",
            wash_line(report),
        ]
    )


def wash_line(report: ArrivalReport) -> str:
    """Return how the supplier's claim of a wash compares with our version."""
    return f"wash: {WASH[report.wash.verdict].format(listed=report.wash.listed)}"
