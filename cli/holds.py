"""``ringklar hold``: what waits for customer service, and how it is settled."""

from dataclasses import asdict

import click

from cli.context import answer, caller, json_option, refusals, service
from cli.pages import Page, after_id_option, limit_option, read_on, tell_page
from core.clock import local_day
from dnc.file_holds import SettledHolds, close_file_holds, opt_out_file_holds
from dnc.hold_lists import HoldState, ListedHold, hold_page
from dnc.holds import HoldReason, close_hold, opt_out_hold

hold_argument = click.argument("hold_id", type=click.UUID, required=False)
lead_file_option = click.option(
    "--lead-file", type=click.UUID, help="Every open hold that this lead file made, by its id."
)
reason_option = click.option(
    "--reason", type=click.Choice([reason.value for reason in HoldReason]), help="Only those that were made for this."
)


@click.group()
def hold() -> None:
    """Holds: numbers blocked until what was reported is looked at."""


@hold.command("list")
@click.option("--lead-file", type=click.UUID, help="Those that this lead file made, by its id.")
@click.option(
    "--state",
    type=click.Choice([state.value for state in HoldState]),
    default=HoldState.OPEN.value,
    show_default=True,
    help="Those that wait, those that were settled, or all.",
)
@reason_option
@after_id_option
@limit_option
@json_option
@refusals
def list_holds(lead_file: object, state: str, reason: str | None, after: str | None, limit: int, as_json: bool) -> None:
    """List the holds, the newest first."""

    def page_after(cursor: str | None, count: int) -> Page[ListedHold]:
        page = hold_page(
            session,
            caller(),
            state=HoldState(state),
            lead_file=_id(lead_file),
            reason=_reason(reason),
            cursor=cursor,
            limit=count,
        )
        return page.holds, page.next_cursor

    with service() as built, built.store.reading() as session:
        found, after = read_on(page_after, after, limit)
    documents = [asdict(one) for one in found]
    tell_page(as_json, "holds", documents, list(map(_line, found)), after, none="no hold")


def _line(one: ListedHold) -> str:
    end = "open" if one.closed_at is None else f"closed {local_day(one.closed_at)}: {one.resolution}"
    note = f"  {one.note}" if one.note else ""
    return f"{one.id}  {local_day(one.made_at)}  {one.seller}  {one.number}  {one.reason}  {end}{note}"


@hold.command("close")
@hold_argument
@lead_file_option
@reason_option
@click.option("--resolution", required=True, help="What was found; it is kept on record with each hold.")
@json_option
@refusals
def close(hold_id: object, lead_file: object, reason: str | None, resolution: str, as_json: bool) -> None:
    """Close the hold HOLD_ID, or all of a lead file. Their numbers may be called again as far as these go."""
    _require_one(hold_id, lead_file, reason)
    with service() as built:
        if lead_file is not None:
            settled = close_file_holds(
                built.store, caller(), lead_file_id=str(lead_file), resolution=resolution, reason=_reason(reason)
            )
            _tell_settled(as_json, settled, f"{settled.closed} closed")
            return
        with built.store.writing() as session:
            now = built.clock.now()
            close_hold(session, caller(), built.keyring, hold_id=str(hold_id), resolution=resolution, now=now)
    answer(as_json, {"id": str(hold_id), "closed_at": now}, "closed")


@hold.command("opt-out")
@hold_argument
@lead_file_option
@reason_option
@json_option
@refusals
def opt_out(hold_id: object, lead_file: object, reason: str | None, as_json: bool) -> None:
    """Turn the hold HOLD_ID, or all of a lead file, into opt-outs. They count from when each person said no."""
    _require_one(hold_id, lead_file, reason)
    with service() as built:
        if lead_file is not None:
            settled = opt_out_file_holds(built.store, caller(), lead_file_id=str(lead_file), reason=_reason(reason))
            _tell_settled(as_json, settled, f"{settled.closed} closed, {settled.opted_out} opted out by it")
            return
        with built.store.writing() as session:
            now = built.clock.now()
            _, made = opt_out_hold(session, caller(), built.keyring, hold_id=str(hold_id), now=now)
    document = {"id": str(hold_id), "closed_at": now, "result": made.result, "opt_out_id": made.id}
    answer(as_json, document, f"{made.result}: opt-out {made.id}")


def _require_one(hold_id: object, lead_file: object, reason: str | None) -> None:
    """See that one hold is named or a lead file, and a reason with the lead file alone."""
    if (hold_id is None) == (lead_file is None):
        raise click.UsageError("name one hold, or a lead file with --lead-file")
    if reason is not None and lead_file is None:
        raise click.UsageError("--reason says which holds of a lead file are meant")


def _id(given: object) -> str | None:
    return None if given is None else str(given)


def _reason(given: str | None) -> HoldReason | None:
    return None if given is None else HoldReason(given)


def _tell_settled(as_json: bool, settled: SettledHolds, done: str) -> None:
    lines = [f"{done}; {settled.still_open} open"]
    lines += [f"closed by somebody else meanwhile: {id_}" for id_ in settled.closed_before]
    answer(as_json, asdict(settled), "\n".join(lines))
