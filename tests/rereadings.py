"""A source whose lead files are read wrongly, withdrawn and read again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from consent.terms import Basis
from core.access import Caller
from dnc.auditor.auditing import Scope
from dnc.gate import Question
from dnc.history.facts import facts_asked
from dnc.reasons import ReasonCode
from dnc.recorded import replay
from leads.importer import import_lead_file
from leads.intake import HowToRead
from leads.reports import LeadFileReport
from leads.withdrawals import withdraw_lead_file
from tests.consented import add_consent_source
from tests.integration.seeds import dialer_of, verified
from tests.integration.stories import stored_checks
from tests.integration.tampering import found
from tests.integration.test_auditor import audited
from tests.integration.test_auditor import found as differing
from tests.screened import file_in, rows_of, screened
from tests.seeding import (
    CAMPAIGN,
    OPERATOR,
    Seeded,
)

MINOR, PAUSED, ON_REGISTER = ReasonCode.MINOR, ReasonCode.SOURCE_PAUSED, ReasonCode.ON_REGISTER
WRONG = HowToRead(mapping={"number": "Telefon", "birth_date": "Levererad"})
"""The day of delivery taken for the birth date: everybody in the file is a child."""
RIGHT = HowToRead(mapping={"number": "Telefon", "birth_date": "Född"})
HEADINGS = "Telefon;Levererad;Född"
TUESDAY = "2026-11-17"
SOURCE = "enkaten"


@contextmanager
def with_source(seeded: Seeded) -> Iterator[Seeded]:
    """Add the source; then see that each answer stands by all that is kept, and the ledger too."""
    add_consent_source(seeded, SOURCE, "kronan", Basis.LEGITIMATE_INTEREST)
    before = seeded.clock.at
    yield seeded
    seeded.clock.at += timedelta(minutes=20)
    stored = list(stored_checks(seeded, after=before))
    with seeded.service.store.snapshot() as session:
        again = facts_asked(session.connection(), seeded.service.shelf.listed, [one.asked for one in stored])
        assert replay(session).differences == ()
    assert again == [one.facts for one in stored]
    if stored:
        report = audited(seeded, Scope.ALL)
        assert (differing(seeded, report), report.counts.unrebuilt, report.counts.in_flight) == ([], 0, 0)
    assert found(seeded) == set()
    assert verified(seeded.service).findings == ()


def codes(seeded: Seeded, number: str) -> set[ReasonCode]:
    """Return the reasons of a check, a minute after all before; a screening of the number gives the very same.

    But for the attempt that an earlier check holds.
    """
    seeded.clock.at += timedelta(minutes=1)
    answer = seeded.service.gate.ask(dialer_of(seeded), CAMPAIGN, Question(number))
    told = {reason.code for reason in answer.decision.reasons}
    seeded.clock.at += timedelta(seconds=1)
    _id, out = screened(seeded, file_in(seeded.service.settings.data_dir, [number]))
    listed = {ReasonCode(code) for code in rows_of(out)[0]["reasons"].split()}
    assert listed - {ReasonCode.ATTEMPTS_GAP} == told
    seeded.clock.at += timedelta(minutes=1)
    return told


def deliver(
    seeded: Seeded, rows: Sequence[str], how: HowToRead = RIGHT, name: str = "enkat.csv", **more: object
) -> LeadFileReport:
    """Import a file of the rows, each a number, the day of delivery and a birth date."""
    path = seeded.service.settings.data_dir / name
    path.write_text("\n".join([HEADINGS, *rows, ""]), encoding="utf-8")
    service = seeded.service
    report = import_lead_file(
        service.store,
        service.lead_files,
        OPERATOR,
        path=path,
        file_name=name,
        source_slug=SOURCE,
        how=how,
        **more,  # type: ignore[arg-type] # given by name
    )
    seeded.clock.at += timedelta(minutes=1)
    return report


def withdraw(seeded: Seeded, lead_file_id: str | None, caller: Caller = OPERATOR, reason: str = "fel kolumn") -> bool:
    """Withdraw the file, a minute after all before; return whether that is new."""
    assert lead_file_id is not None
    seeded.clock.at += timedelta(minutes=1)
    with seeded.service.store.writing() as session:
        return withdraw_lead_file(session, caller, lead_file_id=lead_file_id, reason=reason, now=seeded.clock.now())


def born(number: str, birth_date: str = "") -> str:
    """Return the row of a number and a birth date."""
    return f"{number};{TUESDAY};{birth_date}"
