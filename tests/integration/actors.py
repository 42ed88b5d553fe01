"""Those who block and free a number over and over, each in its own way, on a node of their own."""

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from consent.grounds import record_consent, withdraw_consent
from consent.queries import consents_on
from consent.terms import Channel
from core.errors import ServiceError, StorageUnavailable
from core.numbers import Number, read_number
from dnc.gate import Question
from dnc.holds import close_hold, open_holds, report_objection
from dnc.opt_outs import release_opt_out
from leads.pauses import pause_source, resume_source
from service import Service
from tests.integration.deeds import Act, Deed
from tests.seeding import CAMPAIGN, FROM_LIST, FROM_PARTNER, LIST_SOURCE, OPERATOR, load_listed, opt_out

HELD, CONSENTED, SWAPPED = "+46701740620", "+46701740621", "+46701740622"
REGISTERED = [f"+46701740{place}" for place in range(640, 690)]


class Actor(ABC):
    """Blocks and frees one number; what it did is in ``deeds``. It alone does so to this number."""

    number: str

    def __init__(self, node: Service, seller_id: str, folder: Path) -> None:
        self.node, self.seller_id, self.folder = node, seller_id, folder
        self.deeds: list[Deed] = []

    @property
    def read(self) -> Number:
        """Return the number as it is read."""
        found = read_number(self.number)
        assert isinstance(found, Number)
        return found

    @abstractmethod
    def block(self) -> None:
        """See that the number may not be called; done again, it changes nothing."""

    @abstractmethod
    def free(self) -> None:
        """End what ``block`` began; done again, it changes nothing."""

    def act(self, until: float, seed: int) -> None:
        """Block and free until the moment has come, asking in between; an act that fails is done again."""
        chosen = random.Random(seed)
        while time.monotonic() < until:
            for act, do in (("block", self.block), ("free", self.free)):
                self._surely("block" if act == "block" else "free", do)
                self._ask()
                time.sleep(chosen.random() * 0.02)

    def _surely(self, act: Act, do: Callable[[], None]) -> None:
        while True:
            started = time.monotonic()
            try:
                do()
            except StorageUnavailable:
                self.deeds.append(Deed(self.number, act, started, None))
                time.sleep(0.02)
            else:
                self.deeds.append(Deed(self.number, act, started, time.monotonic()))
                return

    def _ask(self) -> None:
        started = time.monotonic()
        try:
            answer = self.node.gate.ask(OPERATOR, CAMPAIGN, Question(self.number))
        except StorageUnavailable:
            return
        act: Act = "allow" if answer.decision.may_call else "other"
        self.deeds.append(Deed(self.number, act, started, time.monotonic(), answer.id))


class OptingOut(Actor):
    """A person says no, and takes it back."""

    number = FROM_PARTNER

    def block(self) -> None:
        """Opt out; of two the second is the first one said again."""
        self.opt_out_id = opt_out(self.node, self.number, self.seller_id)

    def free(self) -> None:
        """Release the opt-out."""
        now = self.node.clock.now()
        try:
            with self.node.store.writing() as session:
                release_opt_out(
                    session,
                    OPERATOR,
                    self.node.keyring,
                    opt_out_id=self.opt_out_id,
                    asked_by_person_at=now + timedelta(minutes=1),
                    verified_by="race",
                    note="",
                    now=now,
                )
        except ServiceError as error:
            if error.code != "already-released":
                raise


class Objecting(Actor):
    """A seller reports an objection, and customer service closes the hold."""

    number = HELD

    def __init__(self, node: Service, seller_id: str, folder: Path) -> None:
        super().__init__(node, seller_id, folder)
        self._holds: list[str] = []

    def block(self) -> None:
        """Make a hold."""
        with self.node.store.writing() as session:
            hold = report_objection(
                session,
                OPERATOR,
                self.node.keyring,
                number=self.read.value,
                seller_id=self.seller_id,
                note="",
                now=self.node.clock.now(),
            )
            self._holds.append(hold.id)

    def free(self) -> None:
        """Close every hold that was made, or may have been made."""
        with self.node.store.reading() as session:
            waiting = [hold.id for hold in open_holds(session, self.seller_id) if hold.number == self.read.value]
        for id_ in waiting:
            with self.node.store.writing() as session:
                close_hold(
                    session, OPERATOR, self.node.keyring, hold_id=id_, resolution="race", now=self.node.clock.now()
                )


class Pausing(Actor):
    """Somebody pauses the source of a number, and resumes it."""

    number = FROM_LIST

    def block(self) -> None:
        """Pause."""
        with self.node.store.writing() as session:
            pause_source(session, OPERATOR, slug=LIST_SOURCE, reason="race", now=self.node.clock.now())

    def free(self) -> None:
        """Resume."""
        with self.node.store.writing() as session:
            resume_source(session, OPERATOR, slug=LIST_SOURCE, now=self.node.clock.now())


class Withdrawing(Actor):
    """A person whose consent alone carries calls withdraws it, and gives another."""

    number = CONSENTED

    def __init__(self, node: Service, seller_id: str, folder: Path) -> None:
        super().__init__(node, seller_id, folder)
        self.free()

    def block(self) -> None:
        """Withdraw every consent that there is, or may be."""
        now = self.node.clock.now()
        with self.node.store.writing() as session:
            for consent in consents_on(session, self.read.value, self.seller_id, known_at=now):
                withdraw_consent(
                    session,
                    OPERATOR,
                    consent_id=consent.id,
                    withdrawn_at=now,
                    via="phone",
                    note="",
                    now=now,
                    keyring=self.node.keyring,
                )

    def free(self) -> None:
        """Give a consent."""
        now = self.node.clock.now()
        with self.node.store.writing() as session:
            record_consent(
                session,
                OPERATOR,
                seller_id=self.seller_id,
                number=self.read,
                channels=frozenset({Channel.VOICE}),
                names_seller=True,
                text_version="race-1",
                evidence={"form": "race"},
                given_at=now,
                expires_at=None,
                now=now,
                keyring=self.node.keyring,
            )


class Swapping(Actor):
    """The register is replaced by one that lists the number, and by one that does not."""

    number = SWAPPED

    def block(self) -> None:
        """Load a version with the number."""
        load_listed(self.node, self.folder, [*REGISTERED, self.number])

    def free(self) -> None:
        """Load a version without it."""
        load_listed(self.node, self.folder, REGISTERED)


ACTORS: tuple[type[Actor], ...] = (OptingOut, Objecting, Pausing, Withdrawing, Swapping)
