"""Suppliers that can be overseen: leads, checks and contacts as they would stand after weeks of calls.

Rows are put in as the import and the calls would have left them, since only some hundred numbers reach nobody and the
league counts thousands. Beyond those numbers it uses 071 with 13 digits, which no telephone has.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from consent.terms import Basis, Channel
from core.access import Caller, Role, operator
from core.clock import FixedClock
from core.database import open_engine
from core.secrets import keyring
from core.sellers import add_seller
from core.store import Store
from dnc.campaigns import add_campaign
from dnc.gate import Gate, Question
from dnc.models import Campaign, Check, Contact
from dnc.opt_outs import add_opt_outs
from dnc.oversight.complaints import ComplaintKind, record_complaint
from dnc.oversight.league import Figure
from dnc.oversight.policy import OVERSIGHT_2026_1
from dnc.oversight.standings import League, Standing, league
from dnc.registers.loading import load_register
from dnc.registers.shelf import RegisterShelf
from leads.models import Lead, LeadFile, Source
from leads.sources import add_source
from leads.suppliers import add_supplier
from leads.terms import SourceKind

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
"""Tuesday, 10 o'clock in Stockholm."""
OPERATOR = operator("tests")
FIRST = 46701740605
NOBODYS = 46719000000000
"""The first of the numbers that have too many digits for a telephone."""
_digests = count(1)


def id_at(moment: datetime) -> str:
    """Return a fresh id as it would have been made at the moment."""
    head, noise = f"{int(moment.timestamp() * 1000):012x}", os.urandom(10).hex()
    return f"{head[:8]}-{head[8:]}-7{noise[:3]}-8{noise[3:6]}-{noise[6:18]}"


@dataclass(frozen=True)
class Overseen:
    """A store with two sellers, three suppliers and their sources; ``kronan`` delivers to both sellers."""

    store: Store
    clock: FixedClock
    gate: Gate
    seller_id: str
    other_seller_id: str

    def role(self, role: Role, seller_id: str | None = None) -> Caller:
        """Return a caller of the role, for the first seller or the one given."""
        return Caller(id="k", name="k", kind="key", role=role, seller_id=seller_id or self.seller_id)

    def deliver(
        self,
        source: str,
        numbers: Iterable[int],
        *,
        rejected: int = 0,
        ambiguous: int = 0,
        duplicate: int = 0,
        received_at: datetime | None = None,
        age: timedelta | None = timedelta(days=21),
        person: str | None = None,
    ) -> str:
        """Put a file of leads in, with rows that did not become leads beside them; return its id."""
        at = received_at or self.clock.now() - timedelta(days=20)
        values = list(numbers)
        with self.store.writing() as session:
            source_id, source_no = session.execute(select(Source.id, Source.no).where(Source.slug == source)).one()
            file_no = (session.scalar(select(func.max(LeadFile.no))) or 0) + 1
            lead_file = LeadFile(
                id=id_at(at),
                no=file_no,
                source_id=source_id,
                sha256=f"{next(_digests):064x}",
                filename=f"{source}-{file_no}.csv",
                size=1,
                encoding="utf-8",
                delimiter=";",
                mapping="{}",
                state="finished",
                rows_read=len(values) + rejected + ambiguous + duplicate,
                rows_accepted=len(values),
                rows_rejected=rejected,
                rows_duplicate=duplicate,
                rows_ambiguous=ambiguous,
                received_at=at,
                received_by=OPERATOR.actor,
            )
            session.add(lead_file)
            rows = [
                {
                    "number": number,
                    "source_no": source_no,
                    "file_no": file_no,
                    "row_no": row_no,
                    "collected_at": None if age is None else at - age,
                    "expires_at": at + timedelta(days=365),
                    "person": person,
                }
                for row_no, number in enumerate(values, start=1)
            ]
            if rows:
                session.execute(insert(Lead), rows)
            return lead_file.id

    def call(
        self,
        numbers: Iterable[int],
        *,
        at: datetime | None = None,
        outcome: str = "declined_offer",
        seller_id: str | None = None,
    ) -> None:
        """Put a check that allowed it, and a contact, in for each number."""
        moment, seller = at or self.clock.now() - timedelta(days=10), seller_id or self.seller_id
        with self.store.writing() as session:
            campaign = session.scalars(select(Campaign.id).where(Campaign.seller_id == seller)).one()
            checks, contacts = [], []
            for number in numbers:
                check = {
                    "id": id_at(moment),
                    "seller_id": seller,
                    "campaign_id": campaign,
                    "number": number,
                    "verdict": "allow",
                    "checked_at": moment,
                    "valid_until": moment + timedelta(minutes=10),
                    "asked_by": "key:dialer",
                    "reference": None,
                    "chain": 1,
                    "seq": 0,
                    "place": 0,
                }
                contact = {
                    "id": id_at(moment),
                    "check_id": check["id"],
                    "seller_id": seller,
                    "campaign_id": campaign,
                    "number": number,
                    "call_id": os.urandom(8).hex(),
                    "started_at": moment,
                    "ended_at": None,
                    "outcome": outcome,
                    "agent": None,
                    "source_disclosed": None,
                    "recorded_at": moment,
                    "logged_by": "key:dialer",
                }
                checks.append(check)
                contacts.append(contact)
            session.execute(insert(Check), checks)
            session.execute(insert(Contact), contacts)

    def opt_out(self, numbers: Iterable[int], *, at: datetime, seller_id: str | None = None) -> None:
        """Have the people say no at the moment."""
        with self.store.writing() as session:
            add_opt_outs(
                session,
                OPERATOR,
                self.store.keyring,
                numbers=[f"+{number}" for number in numbers],
                seller_id=seller_id or self.seller_id,
                channels=frozenset(Channel),
                via="phone",
                received_at=at,
                note="",
                now=at,
            )

    def verdict(self, number: int, campaign: str = "vinterel") -> tuple[str, list[str]]:
        """Return what a dialer is answered now: the verdict, and its reasons."""
        dialer = Caller("d", "d", "key", Role.DIALER, self.seller_id)
        answer = self.gate.ask(dialer, campaign, Question(f"+{number}"))
        return answer.decision.verdict.value, [reason.code.value for reason in answer.decision.reasons]


@contextmanager
def overseen_store(database_url: str, folder: Path) -> Iterator[Overseen]:
    """Give a store on the migrated, empty database, with sellers, suppliers and sources, and a register in force."""
    clock = FixedClock(NOW)
    store = Store(open_engine(database_url), keyring(bytes(range(32))), clock)
    with store.writing() as session:
        seller, other = (
            add_seller(session, OPERATOR, slug=slug, name=slug.title(), now=NOW).id for slug in ("norrsken", "sydljus")
        )
        session.flush()
        for slug, owner in (("vinterel", seller), ("hemskydd", other)):
            add_campaign(
                session,
                OPERATOR,
                slug=slug,
                seller_id=owner,
                name=slug,
                product="electricity",
                channel=Channel.VOICE,
                opens_weekends=False,
                now=NOW,
            )
        add_supplier(session, OPERATOR, slug="kronan", name="Tävlingsbyrån Kronan", kind=SourceKind.PARTNER, now=NOW)
        add_supplier(session, OPERATOR, slug="fjallraven", name="Adressbolaget", kind=SourceKind.LIST, now=NOW)
        for slug, supplier, owner in (
            ("tavling", "kronan", "norrsken"),
            ("enkat", "kronan", "norrsken"),
            ("hemtavling", "kronan", "sydljus"),
            ("lista", "fjallraven", "norrsken"),
        ):
            _add_source(session, slug, supplier, owner)
    register = folder / "nix.txt"
    register.write_text("+46701740699\n", "utf-8")
    registers = folder / "registers"
    load_register(store, registers, OPERATOR, path=register, as_of=date(2026, 11, 15), file_name="nix.txt", now=NOW)
    try:
        yield Overseen(store, clock, Gate(store, RegisterShelf(registers).listed), seller, other)
    finally:
        store.close()


def _add_source(session: Session, slug: str, supplier: str, seller: str) -> None:
    add_source(
        session,
        OPERATOR,
        slug=slug,
        supplier=supplier,
        seller=seller,
        name=f"Källan {slug.title()} 2026",
        basis=Basis.LEGITIMATE_INTEREST,
        assessment="LIA-2026-03",
        say="Fråga kundtjänst, så berättar de var ditt nummer kommer ifrån.",
        say_en=None,
        now=NOW,
    )


def complain(
    overseen: Overseen, number: int, kind: ComplaintKind = ComplaintKind.PERSON, received_at: datetime | None = None
) -> None:
    """Record a complaint about calls to the number, to the first seller."""
    with overseen.store.writing() as session:
        record_complaint(
            session,
            OPERATOR,
            overseen.store.keyring,
            number=number,
            seller_id=overseen.seller_id,
            kind=kind,
            via="mail",
            note="",
            received_at=received_at,
            now=overseen.clock.now(),
        )


def numbers(count: int, start: int = 0) -> list[int]:
    """Return so many numbers that no telephone has."""
    return [NOBODYS + start + place for place in range(count)]


def table(overseen: Overseen, caller: Caller = OPERATOR, days: int = 90) -> League:
    """Return the league table of the last days, as the caller sees it."""
    with overseen.store.reading() as session:
        return league(session, caller, now=overseen.clock.now(), period=timedelta(days=days), policy=OVERSIGHT_2026_1)


def source(overseen: Overseen, slug: str, days: int = 90) -> Standing:
    """Return how a source stands in it."""
    [found] = [one for one in table(overseen, days=days).sources if one.slug == slug]
    return found


def supplier(overseen: Overseen, slug: str) -> Standing:
    """Return how a supplier stands in it."""
    [found] = [one for one in table(overseen).suppliers if one.slug == slug]
    return found


def counted(standing: Standing, figure: Figure) -> tuple[int, int]:
    """Return the hits of a figure, and of how many."""
    share = standing.shares[figure]
    return share.hits, share.of
