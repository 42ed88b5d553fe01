"""Call records at the command line: match a dialer's or carrier's log to the checks, and see what does not."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from cli.context import FINDING, answer, caller, json_option, percent, refusals, region_option, service
from cli.files import FILE_IN, write_table
from cli.pages import after_id_option, limit_option, tell_page
from core.clock import local_day
from core.pages import cut
from dnc.call_records.importing import match_call_records
from dnc.call_records.reports import CallRecordsReport, call_record_files, call_records_report, call_rows
from dnc.call_records.rows import Column, HowToReadCalls
from dnc.call_records.schemas import CallRecordDocument, report_document, row_document
from dnc.call_records.states import CallState
from dnc.screenings.added import harmless
from service import Service

PAGE = 1_000
LISTED = tuple(CallRecordDocument.model_fields)
FROM_OUTSIDE = ("call_id", "agent")


@click.group()
def calls() -> None:
    """Match call records to checks."""


list_option = click.option(
    "--list",
    "out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write all rows but those matched to this new CSV file.",
)


@calls.command("match")
@click.argument("file", type=FILE_IN)
@click.option("--seller", required=True, help="The seller's slug: on whose behalf the calls were made.")
@click.option("--campaign", help="Match to checks of this campaign alone.")
@click.option("--number-column", help="The column of the number called: a heading, or its place as #2.")
@click.option("--started-column", help="The column of when the call began.")
@click.option("--day-column", help="The column of the day, where that of when the call began holds the time alone.")
@click.option("--duration-column", help="The column of how long it lasted.")
@click.option("--call-id-column", help="The column of the call id.")
@click.option("--agent-column", help="The column of who called.")
@click.option("--time-format", help="How times are written, as for strptime, or epoch; ISO 8601 without.")
@click.option("--zone", help="The time zone of times that have no offset, as Europe/Stockholm.")
@region_option
@click.option("--encoding", help="The character set, if it is not found by itself.")
@click.option("--delimiter", help="What separates cells, if it is not found by itself.")
@list_option
@json_option
@refusals
def match(
    file: Path,
    seller: str,
    campaign: str | None,
    number_column: str | None,
    started_column: str | None,
    day_column: str | None,
    duration_column: str | None,
    call_id_column: str | None,
    agent_column: str | None,
    time_format: str | None,
    zone: str | None,
    region: str,
    encoding: str | None,
    delimiter: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Match every call in FILE to a check of the seller. What came of it is kept.

    Exit code 1 if a call was made without a check's permission, or a row could not be read.
    """
    named = {
        Column.NUMBER: number_column,
        Column.STARTED_AT: started_column,
        Column.DAY: day_column,
        Column.DURATION: duration_column,
        Column.CALL_ID: call_id_column,
        Column.AGENT: agent_column,
    }
    how = HowToReadCalls(
        columns={column: heading for column, heading in named.items() if heading is not None},
        time_format=time_format,
        zone=zone,
        region=region,
        encoding=encoding,
        delimiter=delimiter,
    )
    with service() as built:
        report = match_call_records(
            built.store,
            built.shelf.listed,
            caller(),
            path=file,
            file_name=file.name,
            seller=seller,
            campaign=campaign,
            how=how,
        )
        _show(built, report, out, as_json)


@calls.command("show")
@click.argument("file_id", metavar="ID")
@list_option
@json_option
@refusals
def show(file_id: str, out: Path | None, as_json: bool) -> None:
    """Show what came of a file of call records. Exit code as for match."""
    with service() as built:
        with built.store.reading() as session:
            report = call_records_report(session, caller(), file_id)
        _show(built, report, out, as_json)


@calls.command("list")
@after_id_option
@limit_option
@json_option
@refusals
def list_(after: str | None, limit: int, as_json: bool) -> None:
    """List the files of call records, the newest first."""
    with service() as built, built.store.reading() as session:
        found = call_record_files(session, caller(), after=after, limit=limit + 1)
    page, next_after = cut(found, limit, lambda one: one.id)
    documents = [report_document(one).model_dump(mode="json") for one in page]
    lines = [f"{one.id}  {local_day(one.received_at)}  {one.seller}  {_share(one)}  {one.file_name}" for one in page]
    tell_page(as_json, "files", documents, lines, next_after, none="no call records")


def _show(built: Service, report: CallRecordsReport, out: Path | None, as_json: bool) -> None:
    if out is not None:
        write_table(out, LISTED, map(_cells, _rows(built, report.id)))
    answer(as_json, report_document(report).model_dump(mode="json"), _told(report))
    counts = dict(report.counts or {})
    if sum(counts.values()) - counts.get(CallState.MATCHED, 0) - counts.get(CallState.REPEATED, 0):
        sys.exit(FINDING)


def _rows(built: Service, file_id: str) -> Iterator[CallRecordDocument]:
    after = 0
    while True:
        with built.store.reading() as session:
            rows = [row_document(row) for row in call_rows(session, caller(), file_id, after=after, limit=PAGE)]
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1].row


def _cells(row: CallRecordDocument) -> list[object]:
    """Return the row as it is listed: no spreadsheet takes what the carrier wrote for a formula."""
    values = row.model_dump(mode="json")
    written = {name: harmless(values[name]) for name in FROM_OUTSIDE if values[name] is not None}
    return [(values | written)[name] for name in LISTED]


def _share(report: CallRecordsReport) -> str:
    if report.counts is None:
        return f"being matched, {report.rows:,} rows so far"
    matched = report.counts[CallState.MATCHED]
    share = "" if report.share_matched is None else f" ({percent(report.share_matched, 1)})"
    return f"{matched:,} of {report.calls:,} calls matched{share}"


def _told(report: CallRecordsReport) -> str:
    again = ", matched before" if report.repeated else ""
    lines = [f"{report.file_name}: {report.rows:,} rows, {_share(report)}{again}"]
    for state, count in (report.counts or {}).items():
        if count and state != CallState.MATCHED:
            lines.append(f"  {count:,} {state.replace('_', ' ')}")
    if report.contacts is not None:
        lines.append(f"  {report.contacts_missing:,} of {report.contacts:,} logged contacts are not among the calls")
    return "\n".join(lines)
