"""``ringklar complaint`` and ``ringklar oversight``: what goes wrong, where it came from, and who stands worst."""

from datetime import datetime, timedelta

import click

from cli.context import answer, caller, json_option, percent, refusals, region_option, service
from cli.times import INSTANT
from core.clock import local_day
from core.sellers import seller_named
from dnc.lookups import readable
from dnc.oversight.complaints import ComplaintKind, record_complaint
from dnc.oversight.league import Figure
from dnc.oversight.pausing import oversee
from dnc.oversight.policy import oversight_policy_at
from dnc.oversight.rendering import complaint_document, league_document, walk_back_document
from dnc.oversight.schemas import LeagueDocument, StandingDocument, WalkBackDocument
from dnc.oversight.standings import league
from dnc.oversight.walk_back import PAGE, Part, walk_back
from leads.quarantines import quarantine_sources_on


@click.group()
def complaint() -> None:
    """Complaints, and where the numbers in them came from. Their sources may be quarantined."""


@complaint.command("add")
@click.argument("written", metavar="NUMBER")
@click.option("--seller", required=True, help="The seller's slug.")
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in ComplaintKind]),
    default="person",
    show_default=True,
    help="Who complained, or to whom.",
)
@click.option("--via", required=True, help="How it came: phone, email, letter …; at most 40 characters.")
@click.option("--received-at", type=INSTANT, help="When it came; now if left out.")
@click.option("--note", default="", help="In few words, and no more of the person than is needed.")
@region_option
@json_option
@refusals
def add(
    written: str,
    seller: str,
    kind: str,
    via: str,
    received_at: datetime | None,
    note: str,
    region: str,
    as_json: bool,
) -> None:
    """Record a complaint about calls to NUMBER. It is tied to the leads that were on it when the complaint came."""
    with service() as built, built.store.writing() as session:
        recorded = record_complaint(
            session,
            caller(),
            built.keyring,
            number=readable(written, region).value,
            seller_id=seller_named(session, seller).id,
            kind=ComplaintKind(kind),
            via=via,
            note=note,
            received_at=received_at,
            now=built.clock.now(),
        )
        document = complaint_document(recorded)
    text = f"complaint {document.id}: the number came from {len(document.origins)} sources"
    answer(as_json, document.model_dump(mode="json"), text)


@complaint.command("walk-back")
@click.argument("written", metavar="NUMBER")
@click.option(
    "--part",
    type=click.Choice([part.value for part in Part]),
    default="leads",
    show_default=True,
    help="What to list of everybody else from there.",
)
@click.option("--cursor", help="Go on from the end of a page.")
@click.option("--limit", type=click.IntRange(1, 1000), default=PAGE, show_default=True, help="How many a page lists.")
@region_option
@json_option
@refusals
def walk_number_back(written: str, part: str, cursor: str | None, limit: int, region: str, as_json: bool) -> None:
    """Go from NUMBER to its sources, and to all others from there. That it was asked goes on record."""
    with service() as built:
        number = readable(written, region)
        found = walk_back(built.store, caller(), number=number, part=Part(part), cursor=cursor, limit=limit)
    document = walk_back_document(found)
    answer(as_json, document.model_dump(mode="json"), _walked_back(document))


def _walked_back(found: WalkBackDocument) -> str:
    lines = [found.number]
    lines += [
        f"  lead: {lead.source} of {lead.supplier}, {lead.file} row {lead.row}{', withdrawn' if lead.withdrawn else ''}"
        for lead in found.leads
    ]
    for one in found.sources:
        held = "" if one.leads is None else f": {one.files} files, {one.leads} leads"
        lines.append(f"  source {one.source} of {one.supplier}{held}{_mark(one.paused, one.quarantined)}")
    lines.append(f"  complaints: {len(found.complaints)}")
    lines.append(f"  checks: {_counts(found.check_counts)}; contacts: {_counts(found.contact_counts)}")
    if found.others is not None:
        lines.append(f"  others from there: {found.others.leads} leads")
        lines.append(f"    checks: {_counts(found.others.checks)}; contacts: {_counts(found.others.contacts)}")
    for other in found.page or ():
        what = other.source or other.verdict or other.outcome
        lines.append(f"    {other.number}  {what}  {local_day(other.at) if other.at else ''}")
    if found.cursor is not None:
        lines.append(f"  there are more: --cursor {found.cursor}")
    return "\n".join(lines)


def _mark(paused: bool | None, quarantined: bool | None) -> str:
    return ", quarantined" if quarantined else ", paused" if paused else ""


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


@complaint.command("quarantine")
@click.argument("written", metavar="NUMBER")
@click.option("--seller", required=True, help="The seller's slug.")
@click.option("--reason", required=True, help="Why; it is kept on record.")
@region_option
@json_option
@refusals
def quarantine(written: str, seller: str, reason: str, region: str, as_json: bool) -> None:
    """Quarantine every source of the seller with a lead on NUMBER."""
    with service() as built, built.store.writing() as session:
        done = quarantine_sources_on(
            session,
            caller(),
            number=readable(written, region).value,
            seller_id=seller_named(session, seller).id,
            reason=reason,
            now=built.clock.now(),
        )
    text = f"quarantined: {', '.join(done.sources) or 'none'}; already: {', '.join(done.already) or 'none'}"
    answer(as_json, {"quarantined": list(done.sources), "already": list(done.already)}, text)


@click.group()
def oversight() -> None:
    """How suppliers stand on compliance, and what is paused for it."""


@oversight.command("league")
@click.option(
    "--days", type=click.IntRange(1, 3660), default=90, show_default=True, help="Of how many days, up to now."
)
@json_option
@refusals
def show_league(days: int, as_json: bool) -> None:
    """Show how suppliers and sources stand, the worst first. Each share has its 95 % interval."""
    with service() as built, built.store.snapshot() as session:
        now = built.clock.now()
        policy = oversight_policy_at(local_day(now))
        document = league_document(league(session, caller(), now=now, period=timedelta(days=days), policy=policy))
    answer(as_json, document.model_dump(mode="json"), _table(document))


def _table(table: LeagueDocument) -> str:
    lines = [f"{local_day(table.since)} to {local_day(table.until)}, policy {table.policy}"]
    for heading, standings in (("suppliers", table.suppliers), ("sources", table.sources)):
        lines.append(heading)
        for one in standings:
            lines += _standing(one)
    return "\n".join(lines)


def _standing(one: StandingDocument) -> list[str]:
    worst = f"worst: {one.worst.value}, {one.times:.2f} times the limit" if one.worst and one.times else "nothing bad"
    age = f", {one.median_age_days} days old" if one.median_age_days is not None else ""
    what = f"{one.deliveries} files, {one.rows} rows{age}, {one.contacts} contacts"
    lines = [f"  {one.slug}{_mark(one.paused, one.quarantined)}: {what}; {worst}"]
    for figure in Figure:
        share = one.figures[figure]
        if share.share is not None:
            within = f"{share.lower:.2%} to {share.upper:.2%}"
            lines.append(f"    {figure.value}: {share.hits} of {share.of}, {percent(share.share, 2)} ({within})")
    return lines


@oversight.command("run")
@json_option
@refusals
def run(as_json: bool) -> None:
    """Pause every source that is surely worse than the policy takes. The jobs do so each hour."""
    with service() as built:
        paused = oversee(built.store, built.clock.now())
    document = [
        {"source": one.source, "policy": one.policy, "reasons": [breach.reason for breach in one.breaches]}
        for one in paused
    ]
    lines = [f"{one.source} is paused: {'; '.join(breach.reason for breach in one.breaches)}" for one in paused]
    answer(as_json, {"paused": document}, "\n".join(lines) or "nothing to pause")
