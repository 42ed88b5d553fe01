"""A number's life told step by step, each at a minute of its own, with checks of everything after each step."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from consent.grounds import record_consent, record_relation, withdraw_consent
from consent.terms import Channel
from core.access import Caller, Role
from core.ledger import LedgerEntry, Position
from core.numbers import Number
from core.sellers import Seller
from dnc.campaigns import close_campaign
from dnc.contacts import Outcome, log_contact
from dnc.facts import CallFacts, RestrictionKind, facts_from_record
from dnc.gate import Question
from dnc.history.facts import Asked
from dnc.holds import close_hold
from dnc.models import Campaign, Check
from dnc.opt_outs import add_opt_outs, release_opt_out
from dnc.restrictions import end_restriction, restrict
from dnc.seller_rules.setting import set_rules
from leads.importer import import_lead_file
from leads.models import LeadFile
from leads.pauses import (
    pause_lead_file,
    pause_source,
    pause_supplier,
    resume_lead_file,
    resume_source,
    resume_supplier,
)
from leads.quarantines import quarantine_source
from tests.consented import deliver
from tests.integration.seeds import dialer_of
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SOURCE,
    LISTED,
    OF_OTHER_SELLER,
    OPERATOR,
    OPTED_OUT,
    OTHER_CAMPAIGN,
    PARTNER_SOURCE,
    WITHOUT_SOURCE,
    Seeded,
    load_listed,
    number_of,
)

EVERYONE = (FROM_PARTNER, FROM_LIST, LISTED, OPTED_OUT, WITHOUT_SOURCE, OF_OTHER_SELLER)
STEP = timedelta(minutes=1)


def value_of(written: str) -> int:
    """Return the number as an integer."""
    return number_of(written).value


@dataclass
class Story:
    """What happens to the seeded numbers, one thing a minute; ``moments`` names when each took place."""

    seeded: Seeded
    folder: Path
    with_checks: bool = True
    moments: dict[str, datetime] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """The present minute."""
        return self.seeded.clock.at

    def step(self, name: str, happen: Callable[[], object]) -> None:
        """Let a minute pass, let it happen, let another pass, and check every number for both sellers."""
        self.seeded.clock.at += STEP
        happen()
        self.moments[name] = self.now
        self.seeded.clock.at += STEP
        if self.with_checks:
            self.check_all()

    def check_all(self) -> None:
        """Check every number, and one that cannot be read, for both sellers; then two again for another dialer."""
        for campaign, seller in ((CAMPAIGN, self.seeded.seller_id), (OTHER_CAMPAIGN, self.seeded.other_seller_id)):
            questions = [Question(number) for number in (*EVERYONE, "no number")]
            self.seeded.service.gate.ask_many(dialer_of(self.seeded, seller), campaign, questions)
        other = Caller("dialer-2", "another dialer", "key", Role.DIALER, self.seeded.seller_id)
        self.seeded.service.gate.ask_many(other, CAMPAIGN, [Question(FROM_LIST), Question(FROM_PARTNER)])

    def opt_out(self, written: str, *, all_sellers: bool = False, said_before: timedelta = timedelta()) -> str:
        """Record an opt-out that was said some time ago, by letter."""
        with self.seeded.service.store.writing() as session:
            [result] = add_opt_outs(
                session,
                OPERATOR,
                self.seeded.service.keyring,
                numbers=[written],
                seller_id=None if all_sellers else self.seeded.seller_id,
                channels=frozenset(Channel),
                via="letter",
                received_at=self.now - said_before,
                note="",
                now=self.now,
            )
        assert result.id is not None
        return result.id

    def release(self, opt_out_id: str, *, asked_before: timedelta = timedelta()) -> None:
        """Release the opt-out, as the person asked some time ago."""
        with self.seeded.service.store.writing() as session:
            release_opt_out(
                session,
                OPERATOR,
                self.seeded.service.keyring,
                opt_out_id=opt_out_id,
                asked_by_person_at=self.now - asked_before,
                verified_by="called back",
                note="",
                now=self.now,
            )

    def call(self, written: str, outcome: Outcome) -> None:
        """Check the number, call it, and log the call."""
        dialer = dialer_of(self.seeded)
        check = self.seeded.service.gate.ask(dialer, CAMPAIGN, Question(written))
        self.seeded.clock.at += timedelta(seconds=1)
        with self.seeded.service.store.writing() as session:
            logged = log_contact(
                session,
                dialer,
                self.seeded.service.keyring,
                self.seeded.service.shelf.listed,
                check_id=check.id,
                call_id=f"call-{check.id}",
                started_at=self.now,
                ended_at=None,
                outcome=outcome,
                agent=None,
                source_disclosed=True,
                now=self.now,
            )
            if logged.hold_id is not None:
                self.ids["hold"] = logged.hold_id

    def close_hold(self) -> None:
        """Close the hold that the last call made."""
        with self.seeded.service.store.writing() as session:
            close_hold(
                session,
                OPERATOR,
                self.seeded.service.keyring,
                hold_id=self.ids["hold"],
                resolution="a mistake",
                now=self.now,
            )

    def restrict(self, written: str) -> None:
        """Restrict the number for every seller."""
        with self.seeded.service.store.writing() as session:
            row = restrict(
                session,
                OPERATOR,
                self.seeded.service.keyring,
                number=value_of(written),
                seller_id=None,
                kind=RestrictionKind.VULNERABLE,
                note="",
                now=self.now,
            )
            self.ids["restriction"] = row.id

    def end_restriction(self) -> None:
        """End the last restriction."""
        with self.seeded.service.store.writing() as session:
            end_restriction(session, OPERATOR, restriction_id=self.ids["restriction"], now=self.now)

    def consent(self, written: str) -> None:
        """Record a consent that was given a day ago."""
        with self.seeded.service.store.writing() as session:
            row = record_consent(
                session,
                OPERATOR,
                keyring=self.seeded.service.keyring,
                seller_id=self.seeded.seller_id,
                number=number_of(written),
                channels=frozenset({Channel.VOICE}),
                names_seller=True,
                text_version="2026-1",
                evidence={"form": "web-7"},
                given_at=self.now - timedelta(days=1),
                expires_at=None,
                now=self.now,
            )
            self.ids["consent"] = row.id

    def withdraw(self, *, said_before: timedelta = timedelta()) -> None:
        """Withdraw the last consent, as the person did some time ago."""
        with self.seeded.service.store.writing() as session:
            withdraw_consent(
                session,
                OPERATOR,
                keyring=self.seeded.service.keyring,
                consent_id=self.ids["consent"],
                withdrawn_at=self.now - said_before,
                via="mail",
                note="",
                now=self.now,
            )

    def relation(self, written: str, fulfilled_at: datetime | None, reopened_reason: str | None = None) -> None:
        """Record what is known of the person's contract."""
        with self.seeded.service.store.writing() as session:
            record_relation(
                session,
                OPERATOR,
                keyring=self.seeded.service.keyring,
                seller_id=self.seeded.seller_id,
                number=number_of(written),
                product="electricity",
                reference="A-1",
                started_at=datetime(2024, 1, 1, tzinfo=self.now.tzinfo),
                fulfilled_at=fulfilled_at,
                reopened_reason=reopened_reason,
                now=self.now,
            )

    def pause(self, what: str) -> None:
        """Pause, quarantine or resume something, as ``what`` says."""
        verb, kind = what.split()
        with self.seeded.service.store.writing() as session:
            file_id = session.scalars(select(LeadFile.id).order_by(LeadFile.no)).first()
            assert file_id is not None
            given = {"session": session, "caller": OPERATOR, "now": self.now}
            if verb != "resume":
                given["reason"] = "a complaint"
            doing: dict[str, Callable[..., object]] = {
                "pause source": pause_source,
                "pause supplier": pause_supplier,
                "pause file": pause_lead_file,
                "quarantine source": quarantine_source,
                "resume source": resume_source,
                "resume supplier": resume_supplier,
                "resume file": resume_lead_file,
            }
            which = {"source": {"slug": PARTNER_SOURCE}, "supplier": {"slug": "kronan"}}
            doing[what](**given, **which.get(kind, {"lead_file_id": file_id}))

    def import_rows(self, source: str, rows: list[str]) -> None:
        """Import a lead file of numbers, days of collection and days of birth."""
        path = self.folder / f"more-{len(self.moments)}.csv"
        path.write_text("\n".join(["Telefon;Insamlad;Född", *rows]) + "\n", encoding="utf-8")
        import_lead_file(
            self.seeded.service.store,
            self.seeded.service.lead_files,
            OPERATOR,
            path=path,
            file_name=path.name,
            source_slug=source,
        )

    def deliver_consent(self, written: str) -> None:
        """Import a lead file of the partner's with a consent of the number."""
        deliver(self.seeded, PARTNER_SOURCE, [written])

    def set_rules(self, opens: str) -> None:
        """Let the first seller narrow its calling hours."""
        with self.seeded.service.store.writing() as session:
            seller = session.get_one(Seller, self.seeded.seller_id)
            rules = {"SE": {"opens": opens}}
            set_rules(session, OPERATOR, seller=seller, rules=rules, because="neighbours", now=self.now)

    def close_campaign(self) -> None:
        """Close the other seller's campaign."""
        with self.seeded.service.store.writing() as session:
            close_campaign(session, OPERATOR, slug=OTHER_CAMPAIGN, now=self.now)

    def tell(self) -> None:
        """Let everything happen that a check may find."""
        folder, number = self.folder, FROM_PARTNER
        self.step("begins", lambda: None)
        self.step("opt-out of list", lambda: self.ids.update(a=self.opt_out(FROM_LIST, all_sellers=True)))
        self.step("consent", lambda: self.consent(LISTED))
        self.step("relation", lambda: self.relation(WITHOUT_SOURCE, None))
        self.step("delivered consent", lambda: self.deliver_consent(WITHOUT_SOURCE))
        self.step("call", lambda: self.call(number, Outcome.NO_ANSWER))
        self.step("objection", lambda: self.call(OF_OTHER_SELLER, Outcome.OBJECTED))
        self.step("release", lambda: self.release(self.ids["a"]))
        self.step("restriction", lambda: self.restrict(number))
        self.step("paused", lambda: self.pause("pause source"))
        self.step("quarantined", lambda: self.pause("quarantine source"))
        self.step("end of restriction", self.end_restriction)
        self.step("resumed", lambda: self.pause("resume source"))
        self.step("supplier paused", lambda: self.pause("pause supplier"))
        self.step("fulfilled", lambda: self.relation(WITHOUT_SOURCE, self.now - timedelta(days=400)))
        self.step("supplier resumed", lambda: self.pause("resume supplier"))
        self.step("rules", lambda: self.set_rules("09:00"))
        self.step("file paused", lambda: self.pause("pause file"))
        self.step("withdrawn", self.withdraw)
        self.step("file resumed", lambda: self.pause("resume file"))
        self.step("hold closed", self.close_hold)
        self.step("reopened", lambda: self.relation(WITHOUT_SOURCE, None, "moved and came back"))
        self.step("register", lambda: load_listed(self.seeded.service, folder, [LISTED, number], date(2026, 11, 20)))
        self.step("more leads", lambda: self.import_rows(LIST_SOURCE, [f"{number};2026-11-01;1980-02-03"]))
        self.step("child", lambda: self.import_rows(PARTNER_SOURCE, [f"{number};2026-11-01;2015-02-03"]))
        self.step("other rules", lambda: self.set_rules("10:15"))
        self.step("own no", lambda: self.opt_out(number))
        self.step("closed", self.close_campaign)


@dataclass(frozen=True)
class Stored:
    """A check on record: what was asked, and the facts that were found."""

    id: str
    asked: Asked
    facts: CallFacts


def stored_checks(seeded: Seeded, *, after: datetime) -> Iterator[Stored]:
    """Yield every check on record made after a moment, with the facts that it found, oldest first."""
    with seeded.service.store.reading() as session:
        for check, payload, _campaign in session.execute(
            select(Check, LedgerEntry.payload, Campaign.slug)
            .join(Campaign, Campaign.id == Check.campaign_id)
            .join(LedgerEntry, (LedgerEntry.chain == Check.chain) & (LedgerEntry.seq == Check.seq))
            .where(Check.checked_at > after)
            .order_by(Check.checked_at, Check.id)
        ):
            assert payload is not None
            document = json.loads(payload)
            decision = document["decisions"][document["rows"][check.place][2]]
            number = None if check.number is None else Number(check.number)
            asked = Asked(
                number,
                check.campaign_id,
                check.checked_at,
                check.checked_at,
                asker=check.asked_by,
                entry=Position(check.chain, check.seq),
            )
            yield Stored(check.id, asked, facts_from_record(decision["facts"]))
