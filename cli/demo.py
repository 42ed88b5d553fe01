"""``ringklar demo``: everything from nothing to a running service with data to try, for whoever has just cloned it.

All numbers are PTS's for books and films: none of them reaches a subscriber.
"""

import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from cli.context import caller, refusals
from cli.serve import become_gunicorn, require_address
from consent.terms import Basis, Channel
from core.access import Caller, Role, caller_with_key, create_key, create_user
from core.clock import LOCAL_TIME, SystemClock, local_day
from core.config import load_settings
from core.sellers import Seller, add_seller, seller_named
from dnc.calendar import calling_window
from dnc.campaigns import add_campaign
from dnc.opt_outs import add_opt_outs
from dnc.policies.catalogue import policy_for
from dnc.registers.loading import load_register
from leads.importer import import_lead_file
from leads.sources import add_source
from leads.suppliers import add_supplier
from leads.terms import SourceKind
from migrations.run import upgrade
from service import Service, build_service

STAFF = {"sara": Role.SALES, "kim": Role.CUSTOMER_SERVICE, "karin": Role.COMPLIANCE}
ALLOWED, OPTED_OUT, LISTED, UNREADABLE = "070-174 06 05", "070-174 06 06", "070-174 06 07", "0701740606 / 0701740607"
PARTNER_SAYS = "Du lämnade ditt nummer i Sommartävlingen 2026 på sommartavlingen.example och sa ja till erbjudanden."
LIST_SAYS = "Vi har fått ditt nummer från en adresslista. Vår kundtjänst berättar vilken: ring 08-465 004 00."


@dataclass(frozen=True, slots=True)
class Logins:
    """What the demo's users and machines sign in with; kept in the data folder, readable by its owner alone."""

    dialer_key: str
    customer_service_key: str
    lead_manager_key: str
    sales_password: str
    customer_service_password: str
    compliance_password: str


@click.command()
@click.option("--no-serve", is_flag=True, help="Make database and data, print how to try it, and stop.")
@refusals
def demo(no_serve: bool) -> None:
    """Serve with demo data, and print how to try it. The data is loaded once; the jobs run beside."""
    settings = load_settings()
    if not no_serve:
        require_address(settings)
    upgrade(settings.database_url)
    service = build_service(settings, SystemClock())
    try:
        service.require_schema()
        logins = _kept_logins(service) or _load(service)
    finally:
        service.close()
    click.echo(_greeting(f"http://{settings.host}:{settings.port}", logins, datetime.now(UTC)))
    if not no_serve:
        from jobs.companion import start_companion

        start_companion(settings)
        become_gunicorn(settings)


def _kept_logins(service: Service) -> Logins | None:
    """Return the logins that an earlier run kept, if this database knows them."""
    kept = service.settings.data_dir / "demo.json"
    for path in (kept, kept.with_suffix(".part")):
        if path.exists():
            logins = Logins(**json.loads(path.read_text("utf-8")))
            if caller_with_key(service.store.rows, logins.dialer_key) is not None:
                path.replace(kept)
                return logins
    return None


def _load(service: Service) -> Logins:
    """Load the data and return fresh logins; each step may be repeated, so a run that was cut short is finished."""
    now, me = service.clock.now(), caller()
    with service.store.reading() as session:
        is_begun = session.scalar(select(Seller.id).where(Seller.slug == "norrsken")) is not None
    if not is_begun:
        with service.store.writing() as session:
            _add_what_is_named(session, me, service, now)
    collected = (now - timedelta(days=30)).date().isoformat()
    partner = [f"Test Person {n};0701740{n};{collected}" for n in range(605, 625)]
    bought = [f"Test Person {n};0846500{n};{collected}" for n in range(400, 420)]
    listed = [LISTED, *(f"0701740{n}" for n in range(640, 700)), *(f"031-3906{n:02}" for n in range(100))]
    with tempfile.TemporaryDirectory() as folder:
        for source, name, rows in (
            ("sommartavlingen-2026", "sommartavlingen.csv", partner),
            ("lista-2026-q4", "hushall-q4.csv", bought),
        ):
            path = Path(folder) / name
            path.write_text("\n".join(["Namn;Telefon;Insamlad", *rows]) + "\n", "utf-8")
            import_lead_file(service.store, service.lead_files, me, path=path, file_name=name, source_slug=source)
        path = Path(folder) / "nix.txt"
        path.write_text("\n".join(listed) + "\n", "utf-8")
        load_register(
            service.store,
            service.settings.registers_dir,
            me,
            path=path,
            as_of=local_day(now),
            file_name=path.name,
            now=now,
        )
    kept = service.settings.data_dir / "demo.json"
    unfinished = kept.with_suffix(".part")
    with service.store.writing() as session:
        logins = _add_people(session, me, seller_named(session, "norrsken").id, now)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(logins), file)
    unfinished.replace(kept)
    return logins


def _add_what_is_named(session: Session, me: Caller, service: Service, now: datetime) -> None:
    seller = add_seller(session, me, slug="norrsken", name="Norrsken Energi (demo)", now=now)
    add_campaign(
        session,
        me,
        slug="vinterel",
        seller_id=seller.id,
        name="Vinterel 2026",
        product="electricity",
        channel=Channel.VOICE,
        opens_weekends=False,
        now=now,
    )
    add_supplier(session, me, slug="sommar", name="Sommartävlingar (demo)", kind=SourceKind.PARTNER, now=now)
    add_supplier(session, me, slug="listor", name="Adressregister Nord (demo)", kind=SourceKind.LIST, now=now)
    for slug, supplier, name, say in (
        ("sommartavlingen-2026", "sommar", "Sommartävlingen 2026", PARTNER_SAYS),
        ("lista-2026-q4", "listor", "Hushåll Q4 2026", LIST_SAYS),
    ):
        add_source(
            session,
            me,
            slug=slug,
            supplier=supplier,
            seller="norrsken",
            name=name,
            basis=Basis.LEGITIMATE_INTEREST,
            assessment="LIA-2026-01",
            say=say,
            say_en=None,
            now=now,
        )
    add_opt_outs(
        session,
        me,
        service.keyring,
        numbers=[OPTED_OUT],
        seller_id=seller.id,
        channels=frozenset(Channel),
        via="phone",
        received_at=None,
        note="",
        now=now,
    )


def _add_people(session: Session, me: Caller, seller_id: str, now: datetime) -> Logins:
    passwords, keys = {}, {}
    for name, role in STAFF.items():
        passwords[role] = secrets.token_urlsafe(12)
        create_user(session, me, name=name, role=role, password=passwords[role], seller_id=seller_id, now=now)
    for role in (Role.DIALER, Role.CUSTOMER_SERVICE, Role.LEAD_MANAGER):
        keys[role] = create_key(session, me, name=f"demo {role}", role=role, seller_id=seller_id, now=now)
    return Logins(
        dialer_key=keys[Role.DIALER],
        customer_service_key=keys[Role.CUSTOMER_SERVICE],
        lead_manager_key=keys[Role.LEAD_MANAGER],
        sales_password=passwords[Role.SALES],
        customer_service_password=passwords[Role.CUSTOMER_SERVICE],
        compliance_password=passwords[Role.COMPLIANCE],
    )


def open_moment(now: datetime) -> datetime:
    """Return 10:00 in Stockholm on the first day from today on when calls are made: for questions at any hour."""
    policy = policy_for("SE", now)
    assert policy is not None  # noqa: S101 - Sweden has one
    day = local_day(now)
    while calling_window(day, policy, opens_weekends=False) is None:
        day += timedelta(days=1)
    return datetime.combine(day, time(10), LOCAL_TIME)


def _greeting(url: str, logins: Logins, now: datetime) -> str:
    moment = open_moment(now).isoformat()
    questions = "\n".join(
        f"""  # {what}
  curl -s {url}/v1/what-if -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
    -d '{{"campaign":"vinterel","number":"{number}","at":"{moment}"}}'"""
        for what, number in (
            ("allow, and what to say", ALLOWED),
            ("deny: the person said no", OPTED_OUT),
            ("deny: listed in NIX", LISTED),
            ("unknown: two numbers in one are none", UNREADABLE),
        )
    )
    return f"""
Ringklar is at {url}  (Ctrl-C stops it; your data stays)

Sign in there as
  sara   {logins.sales_password}   sales: may I call, and what do I say?
  kim    {logins.customer_service_password}   customer service: opt-outs and everything on a number
  karin  {logins.compliance_password}   compliance

Ask as a dialer does. What-if questions take a moment, are not recorded, and are never a permission:
  KEY={logins.dialer_key}
{questions}
  # the real thing: on record before it is answered, and only within calling hours an allow
  curl -s {url}/v1/checks -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
    -d '{{"campaign":"vinterel","number":"{ALLOWED}"}}'

Keys of other roles: customer service {logins.customer_service_key}
                     lead manager     {logins.lead_manager_key}
The API describes itself at {url}/openapi.json
"""
