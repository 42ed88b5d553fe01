"""A seeded service for tests: two sellers, their leads, a register, an opt-out, staff and keys.

Numbers are PTS's for books and films. It is Tuesday 24 November 2026, 10 o'clock in Stockholm: calls may be made.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from consent.terms import Basis, Channel
from core.access import Caller, Role, create_key, create_user, operator
from core.clock import Clock, FixedClock
from core.config import Settings
from core.numbers import Number, read_number
from core.sellers import Seller, add_seller
from dnc.campaigns import add_campaign
from dnc.opt_outs import add_opt_outs
from dnc.registers.loading import load_register
from leads.importer import import_lead_file
from leads.sources import add_source
from leads.suppliers import add_supplier
from leads.terms import SourceKind
from service import Service, build_service

TUESDAY_AT_TEN: Final = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
REGISTER_AS_OF: Final = date(2026, 11, 15)
PASSWORD: Final = "korrekt häst batteri"
OPERATOR: Final[Caller] = operator("tests")

SELLER, OTHER_SELLER = "norrsken", "sydljus"
SELLER_NAME, OTHER_SELLER_NAME = "Norrsken Energi", "Sydljus Försäkring"
CAMPAIGN, OTHER_CAMPAIGN = "vinterel", "hemskydd"
PARTNER_SOURCE, LIST_SOURCE = "sommartavlingen", "adresslistan"
PARTNER_SOURCE_NAME, LIST_SOURCE_NAME = "Sommartävlingen 2026", "Hushåll Q4 Premium"
PARTNER_NAME, LIST_SUPPLIER_NAME = "Tävlingsbyrån Kronan", "Adressbolaget Fjällräven"
PARTNER_SAYS = "Du lämnade ditt nummer i Sommartävlingen 2026 och sa ja till erbjudanden."
LIST_SAYS = "Vi har fått ditt nummer från en adresslista. Kontakta kundtjänst så berättar vi vilken."

FROM_PARTNER: Final = "+46701740605"
FROM_LIST: Final = "+46701740606"
LISTED: Final = "+46701740607"
OPTED_OUT: Final = "+46701740608"
WITHOUT_SOURCE: Final = "+46701740609"
OF_OTHER_SELLER: Final = "+46701740610"


def number_of(written: str) -> Number:
    """Return the number that is written so."""
    read = read_number(written)
    assert isinstance(read, Number)
    return read


@dataclass(frozen=True, slots=True)
class Seeded:
    """A running service and what it was seeded with; users are named as their role and share ``PASSWORD``."""

    service: Service
    clock: FixedClock
    seller_id: str
    other_seller_id: str
    keys: dict[Role, str]
    opt_out_id: str


def settings_for_tests(database_url: str, folder: Path, *, secure_cookies: bool = False) -> Settings:
    """Return settings on a database and folder of the test's own."""
    return Settings(
        database_url=database_url,
        data_dir=folder,
        secret=bytes(range(32)),
        host="127.0.0.1",
        port=8000,
        workers=1,
        threads=8,
        log_level="INFO",
        secure_cookies=secure_cookies,
        trusted_proxies=0,
    )


def seed(database_url: str, folder: Path, *, secure_cookies: bool = False, clock: Clock | None = None) -> Seeded:
    """Return a service on the migrated, empty database, seeded through the services themselves."""
    fixed = clock if isinstance(clock, FixedClock) else FixedClock(TUESDAY_AT_TEN)
    service = build_service(settings_for_tests(database_url, folder, secure_cookies=secure_cookies), fixed)
    service.require_schema()
    now = service.clock.now()
    with service.store.writing() as session:
        seller = add_seller(session, OPERATOR, slug=SELLER, name=SELLER_NAME, now=now)
        other = add_seller(session, OPERATOR, slug=OTHER_SELLER, name=OTHER_SELLER_NAME, now=now)
        session.flush()
        for slug, owner, name, product in (
            (CAMPAIGN, seller, "Vinterel 2026", "electricity"),
            (OTHER_CAMPAIGN, other, "Hemskydd 2026", "insurance"),
        ):
            add_campaign(
                session,
                OPERATOR,
                slug=slug,
                seller_id=owner.id,
                name=name,
                product=product,
                channel=Channel.VOICE,
                opens_weekends=False,
                now=now,
            )
        add_supplier(session, OPERATOR, slug="kronan", name=PARTNER_NAME, kind=SourceKind.PARTNER, now=now)
        add_supplier(session, OPERATOR, slug="fjallraven", name=LIST_SUPPLIER_NAME, kind=SourceKind.LIST, now=now)
    add_test_source(service, PARTNER_SOURCE, "kronan", SELLER, PARTNER_SOURCE_NAME, PARTNER_SAYS)
    add_test_source(service, LIST_SOURCE, "fjallraven", SELLER, LIST_SOURCE_NAME, LIST_SAYS)
    add_test_source(service, "hemtavlingen", "kronan", OTHER_SELLER, "Hemtävlingen 2026", "Du tävlade i Hemtävlingen.")
    import_leads(service, folder, PARTNER_SOURCE, [FROM_PARTNER, LISTED, OPTED_OUT])
    import_leads(service, folder, LIST_SOURCE, [FROM_LIST])
    import_leads(service, folder, "hemtavlingen", [OF_OTHER_SELLER, FROM_PARTNER])
    load_listed(service, folder, [LISTED])
    opt_out_id = opt_out(service, OPTED_OUT, seller.id)
    keys = _add_people(service, seller)
    return Seeded(service, fixed, seller.id, other.id, keys, opt_out_id)


def add_test_source(service: Service, slug: str, supplier: str, seller: str, name: str, say: str) -> None:
    """Add a source that rests on legitimate interest with a balancing test on file."""
    with service.store.writing() as session:
        add_source(
            session,
            OPERATOR,
            slug=slug,
            supplier=supplier,
            seller=seller,
            name=name,
            basis=Basis.LEGITIMATE_INTEREST,
            assessment="LIA-2026-03",
            say=say,
            say_en=None,
            now=service.clock.now(),
        )


def import_leads(service: Service, folder: Path, source: str, numbers: list[str]) -> None:
    """Import a lead file with one row a number, collected three weeks ago."""
    collected = (service.clock.now() - timedelta(days=21)).date().isoformat()
    rows = [f"Test Testsson {place};{number};{collected}" for place, number in enumerate(numbers, start=1)]
    path = folder / f"{source}.csv"
    path.write_text("\n".join(["Namn;Telefon;Insamlad", *rows]) + "\n", encoding="utf-8")
    report = import_lead_file(
        service.store, service.lead_files, OPERATOR, path=path, file_name=path.name, source_slug=source
    )
    assert report.accepted == len(numbers)


def load_listed(service: Service, folder: Path, numbers: list[str], as_of: date = REGISTER_AS_OF) -> None:
    """Put a NIX version in force that lists the numbers."""
    path = folder / "nix.txt"
    path.write_text("\n".join(numbers) + "\n", encoding="utf-8")
    load_register(
        service.store,
        service.settings.registers_dir,
        OPERATOR,
        path=path,
        as_of=as_of,
        file_name=path.name,
        now=service.clock.now(),
    )


def opt_out(service: Service, number: str, seller_id: str | None) -> str:
    """Opt the number out of all calls, an hour ago, and return the opt-out's id."""
    with service.store.writing() as session:
        [result] = add_opt_outs(
            session,
            OPERATOR,
            service.store.keyring,
            numbers=[number],
            seller_id=seller_id,
            channels=frozenset(Channel),
            via="phone",
            received_at=service.clock.now() - timedelta(hours=1),
            note="",
            now=service.clock.now(),
        )
    assert result.id is not None
    return result.id


def _add_people(service: Service, seller: Seller) -> dict[Role, str]:
    """Add a key for each role, and a user for each role that people hold; return the keys."""
    now, keys = service.clock.now(), {}
    with service.store.writing() as session:
        for role in Role:
            owner = None if role is Role.COMPLIANCE else seller.id  # who loads registers acts for every seller
            keys[role] = create_key(session, OPERATOR, name=f"{role} key", role=role, seller_id=owner, now=now)
            if role is not Role.DIALER:
                create_user(
                    session, OPERATOR, name=role.value, role=role, password=PASSWORD, seller_id=seller.id, now=now
                )
        create_user(
            session,
            OPERATOR,
            name="every_seller",
            role=Role.CUSTOMER_SERVICE,
            password=PASSWORD,
            seller_id=None,
            now=now,
        )
    return keys
