"""A lead file that was read wrongly is withdrawn: nothing of it counts any more, and it may be read again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from core.ids import new_id
from dnc.lookups import look_up
from dnc.reasons import ReasonCode
from leads.importer import import_lead_file, read_lead_file, receive_lead_file
from leads.intake import HowToRead
from leads.lead_columns import brief_leads, lead_columns
from leads.lead_texts import brief_texts
from leads.models import Lead, LeadFile, LeadIdentity
from leads.reading import Pace
from leads.reports import LeadFileReport
from leads.terms import FileState
from tests.consented import add_consent_source
from tests.consented import deliver as deliver_proved
from tests.rereadings import (
    HEADINGS,
    MINOR,
    ON_REGISTER,
    PAUSED,
    RIGHT,
    SOURCE,
    TUESDAY,
    WRONG,
    born,
    codes,
    deliver,
    with_source,
    withdraw,
)
from tests.seeding import (
    FROM_LIST,
    LISTED,
    OPERATOR,
    WITHOUT_SOURCE,
    Seeded,
    number_of,
)


@pytest.fixture
def seeded(seeded: Seeded) -> Iterator[Seeded]:
    """Return a service with one more source, on each kind of database."""
    with with_source(seeded) as made:
        yield made


def test_a_wrong_birth_date_stops_marking_a_minor_and_the_file_is_read_again(seeded: Seeded) -> None:
    rows = [born(WITHOUT_SOURCE, "1980-02-03"), born(FROM_LIST)]
    first = deliver(seeded, rows, WRONG)
    assert (codes(seeded, WITHOUT_SOURCE), codes(seeded, FROM_LIST)) == ({MINOR}, {MINOR})

    assert withdraw(seeded, first.id)
    assert codes(seeded, WITHOUT_SOURCE) == {PAUSED}
    assert codes(seeded, FROM_LIST) == set(), "the lead of another file stands"

    again = deliver(seeded, rows)
    assert (again.repeated, again.accepted) == (False, 2)
    assert again.id != first.id
    assert (codes(seeded, WITHOUT_SOURCE), codes(seeded, FROM_LIST)) == (set(), set())


def test_the_same_bytes_stand_once_and_a_repeat_gives_the_newest_that_stands(seeded: Seeded) -> None:
    rows = [born(WITHOUT_SOURCE)]
    ids = []
    for _ in range(3):
        report = deliver(seeded, rows)
        again = deliver(seeded, rows, WRONG)
        assert (again.id, again.repeated) == (report.id, True)
        assert "withdraw the file and import it again" in str(again.warnings)
        ids.append(report.id)
        assert codes(seeded, WITHOUT_SOURCE) == set()
        withdraw(seeded, report.id)
    assert len(set(ids)) == 3

    last = deliver(seeded, rows)
    columns = [column for column in LeadFile.__table__.columns if column.name not in ("id", "no")]
    with seeded.service.store.reading() as session:
        row = session.execute(select(*columns).where(LeadFile.id == last.id)).one()
    twin = {**row._mapping, "id": new_id(), "no": 99}
    with pytest.raises(IntegrityError), seeded.service.store.writing() as session:
        session.execute(insert(LeadFile), [twin])


def test_what_stood_before_the_withdrawal_is_told_of_that_moment(seeded: Seeded) -> None:
    rows = [born(WITHOUT_SOURCE, "1980-02-03")]
    first = deliver(seeded, rows, WRONG)
    before = seeded.clock.now()
    withdraw(seeded, first.id)
    between = seeded.clock.now()
    seeded.clock.at += timedelta(minutes=1)
    deliver(seeded, rows)

    def told(as_of: datetime, known_at: datetime | None = None) -> list[tuple[bool, bool]]:
        number = number_of(WITHOUT_SOURCE)
        with seeded.service.store.snapshot() as session:
            record = look_up(session, OPERATOR, number=number, as_of=as_of, known_at=known_at, now=now)
        return [(one.file_withdrawn, one.paused) for one in record.leads]

    now = seeded.clock.now()
    assert told(before) == told(before, now) == [(False, False)]
    assert told(between) == [(True, True)]
    assert told(now) == [(True, True), (False, False)]


def test_what_another_file_said_of_the_number_goes_on_counting_until_that_one_is_withdrawn_too(seeded: Seeded) -> None:
    rows = [born(WITHOUT_SOURCE), born(FROM_LIST)]
    first = deliver(seeded, rows)
    second = deliver(seeded, [born(FROM_LIST, "2015-05-06"), born(WITHOUT_SOURCE, "2015-05-06")], name="b.csv")
    assert second.duplicate == 2

    withdraw(seeded, first.id)
    assert codes(seeded, FROM_LIST) == {MINOR}
    assert codes(seeded, WITHOUT_SOURCE) == {MINOR, PAUSED}
    third = deliver(seeded, rows)
    assert third.accepted == 2
    assert (codes(seeded, WITHOUT_SOURCE), codes(seeded, FROM_LIST)) == ({MINOR}, {MINOR})

    withdraw(seeded, second.id)
    assert (codes(seeded, WITHOUT_SOURCE), codes(seeded, FROM_LIST)) == (set(), set())


def test_whoever_reads_all_leads_at_once_finds_no_birth_date_of_a_withdrawn_file(seeded: Seeded) -> None:
    """As a screening of many numbers does, which reads the table from one end to the other."""
    wrong = deliver(seeded, [born(FROM_LIST), born(WITHOUT_SOURCE)], WRONG)
    deliver(seeded, [born(FROM_LIST, "2015-05-06")], name="b.csv")

    def births() -> set[str]:
        now = seeded.clock.now()
        with seeded.service.store.snapshot() as session:
            connection = session.connection()
            brief = brief_leads(brief_texts(connection, seeded.seller_id, now, now))
            whole = pl.concat(list(lead_columns(connection, seeded.seller_id, None)))
        assert set(brief.told["birth_date"].drop_nulls()) == set(whole["birth_date"].drop_nulls())
        assert len(brief.numbers) == len(whole)
        return set(whole["birth_date"].drop_nulls())

    assert births() == {TUESDAY}
    withdraw(seeded, wrong.id)
    assert births() == {"2015-05-06"}


@pytest.mark.parametrize(
    "kept_before",
    [
        ["UPDATE leads SET told_by = 0"],
        ["UPDATE lead_rows SET birth_date = NULL", "UPDATE lead_files SET tells_births = (1 = 0)"],
    ],
)
def test_a_birth_date_that_nobody_knows_who_told_goes_on_counting(seeded: Seeded, kept_before: list[str]) -> None:
    """As of what a version received that did not keep who told it, or what its repeated rows said."""
    wrong = deliver(seeded, [born(FROM_LIST)], WRONG)
    deliver(seeded, [born(FROM_LIST, "1980-02-03")], name="b.csv")
    with seeded.service.store.writing() as session:
        for statement in kept_before:
            session.execute(text(statement))

    withdraw(seeded, wrong.id)
    assert codes(seeded, FROM_LIST) == {MINOR}
    deliver(seeded, [born(FROM_LIST)])
    assert codes(seeded, FROM_LIST) == {MINOR}


def test_a_child_that_a_later_file_told_of_stays_one_though_the_wrong_date_hid_it(seeded: Seeded) -> None:
    """The wrong day is the younger, so that the right one was never learnt."""
    first = deliver(seeded, [born(FROM_LIST)], WRONG)
    second = deliver(seeded, [born(FROM_LIST, "2015-05-06")], name="b.csv")

    withdraw(seeded, first.id)
    assert codes(seeded, FROM_LIST) == {MINOR}
    withdraw(seeded, second.id)
    assert codes(seeded, FROM_LIST) == set()


@pytest.mark.parametrize(("own", "left"), [("", set()), ("1980-02-03", set()), ("2015-05-06", {MINOR})])
def test_a_lead_of_another_file_loses_the_birth_date_that_the_withdrawn_one_told(
    seeded: Seeded, own: str, left: set[ReasonCode]
) -> None:
    deliver(seeded, [born(WITHOUT_SOURCE, own)])
    wrong = deliver(seeded, [f"{WITHOUT_SOURCE};2026-11-18;"], WRONG, "b.csv")
    assert codes(seeded, WITHOUT_SOURCE) == {MINOR}

    withdraw(seeded, wrong.id)
    assert codes(seeded, WITHOUT_SOURCE) == left


def test_a_file_that_both_gave_and_repeated_a_number_takes_both_birth_dates_with_it(seeded: Seeded) -> None:
    wrong = deliver(seeded, [born(FROM_LIST), f"{FROM_LIST};2026-11-18;"], WRONG)
    assert wrong.duplicate == 1

    withdraw(seeded, wrong.id)
    assert codes(seeded, FROM_LIST) == set()


def test_what_a_file_tells_of_a_lead_that_is_withdrawn_while_it_is_read_counts(seeded: Seeded) -> None:
    """A number that comes again in it has the withdrawn lead still, whose own younger date no longer counts."""
    first = deliver(seeded, [born(FROM_LIST, "2020-01-01")])
    rows = [born(FROM_LIST), born("+46701740630"), born("+46701740631"), born(FROM_LIST, "2016-01-01")]

    done: list[int] = []

    def meanwhile(rows_read: int, _share: float | None) -> None:
        if not done:
            done.append(rows_read)
            withdraw(seeded, first.id)

    report = deliver(seeded, rows, name="b.csv", progress=meanwhile, pace=Pace(block=30, batch=1))
    assert done[0] < len(rows)
    assert (report.accepted, report.duplicate) == (2, 2)

    assert codes(seeded, FROM_LIST) == {MINOR}


def test_nothing_more_is_learnt_from_a_file_that_is_withdrawn_while_it_is_read(seeded: Seeded) -> None:
    deliver(seeded, [born(FROM_LIST)])
    service, path = seeded.service, seeded.service.settings.data_dir / "b.csv"
    path.write_text("\n".join([HEADINGS, born(FROM_LIST), born(WITHOUT_SOURCE), ""]), encoding="utf-8")
    part = receive_lead_file(
        service.store, service.lead_files, OPERATOR, path=path, file_name="b.csv", source_slug=SOURCE, how=WRONG
    )
    withdraw(seeded, part.id)
    assert part.id is not None

    read = read_lead_file(service.store, service.lead_files, OPERATOR, part.id)
    assert (read.state, read.accepted, read.duplicate) == (FileState.FINISHED, 1, 1)
    seeded.clock.at += timedelta(minutes=1)
    assert codes(seeded, FROM_LIST) == set()
    assert codes(seeded, WITHOUT_SOURCE) == {PAUSED}
    assert deliver(seeded, [born(FROM_LIST), born(WITHOUT_SOURCE)], name="b.csv").accepted == 1
    assert codes(seeded, WITHOUT_SOURCE) == set()


def test_the_consents_that_it_gave_go_with_it_and_come_back_with_the_new_reading(seeded: Seeded) -> None:
    add_consent_source(seeded, "samtycket", "fjallraven")
    first = deliver_proved(seeded, "samtycket", [LISTED])
    assert codes(seeded, LISTED) == set()

    withdraw(seeded, first)
    assert codes(seeded, LISTED) == {ON_REGISTER}
    deliver_proved(seeded, "samtycket", [LISTED])
    assert codes(seeded, LISTED) == set()


def test_personal_identity_numbers_are_kept_of_both_readings(seeded: Seeded) -> None:
    with seeded.service.store.writing() as session:
        session.execute(text("UPDATE sources SET needs_identity = :yes WHERE slug = 'enkaten'"), {"yes": True})
    how = HowToRead(mapping={"number": "Telefon", "identity": "Född"})
    rows = [born(WITHOUT_SOURCE, "198508122382")]
    first = deliver(seeded, rows, how)
    withdraw(seeded, first.id)
    again = deliver(seeded, rows, how)

    with seeded.service.store.reading() as session:
        leads = session.execute(
            select(LeadFile.id, LeadIdentity.number)
            .join(Lead, Lead.file_no == LeadFile.no)
            .join(LeadIdentity, (LeadIdentity.number == Lead.number) & (LeadIdentity.source_no == Lead.source_no))
        ).all()
    assert {row[0] for row in leads} == {first.id, again.id}
    with seeded.service.store.writing() as session:
        session.execute(text("UPDATE sources SET needs_identity = :no WHERE slug = 'enkaten'"), {"no": False})


@pytest.mark.parametrize("rows_at_once", [1, 2])
def test_a_new_reading_that_is_cut_off_goes_on_where_it_stopped(seeded: Seeded, rows_at_once: int) -> None:
    numbers = ["+46701740630", "+46701740631", "+46701740632", "+46701740633"]
    rows = [born(number) for number in numbers]
    withdraw(seeded, deliver(seeded, rows, WRONG).id)

    def cut(done: int, _share: float | None) -> None:
        if done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver(seeded, rows, progress=cut, pace=Pace(block=30, batch=rows_at_once))
    again = deliver(seeded, rows)
    assert (again.repeated, again.accepted) == (False, 4)
    for number in numbers:
        assert codes(seeded, number) == set()


def test_two_who_import_it_again_at_once_make_one_delivery(seeded: Seeded) -> None:
    rows = [born(WITHOUT_SOURCE), born(FROM_LIST)]
    first = deliver(seeded, rows, WRONG)
    withdraw(seeded, first.id)

    with ThreadPoolExecutor(4) as threads:
        reports = list(threads.map(lambda _: _imported(seeded), range(4)))

    assert len({report.id for report in reports} | {first.id}) == 2
    seeded.clock.at += timedelta(minutes=1)
    assert codes(seeded, WITHOUT_SOURCE) == set()


def _imported(seeded: Seeded) -> LeadFileReport:
    service = seeded.service
    path = service.settings.data_dir / "enkat.csv"
    return import_lead_file(
        service.store, service.lead_files, OPERATOR, path=path, file_name=path.name, source_slug=SOURCE, how=RIGHT
    )


def test_a_dry_run_after_it_counts_what_the_import_will_give(seeded: Seeded) -> None:
    rows = [born(WITHOUT_SOURCE), born(FROM_LIST)]
    withdraw(seeded, deliver(seeded, rows, WRONG).id)

    tried = deliver(seeded, rows, dry_run=True)
    assert (tried.repeated, tried.accepted, tried.duplicate) == (False, 2, 0)
