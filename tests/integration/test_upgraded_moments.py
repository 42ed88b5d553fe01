"""What the first versions loaded, and what they were asked meanwhile, once they are upgraded."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Connection, delete, select, text, update

from dnc.auditor.auditing import Scope
from dnc.models import RegisterVersion
from leads.models import Lead, LeadFile
from migrations.run import downgrade, upgrade
from tests.integration.seeds import verified
from tests.integration.tampering import unguard
from tests.integration.test_auditor import ask, audited, found, later
from tests.seeding import FROM_PARTNER, LISTED, PARTNER_SOURCE, WITHOUT_SOURCE, Seeded, import_leads, load_listed

BEFORE = "0019_keep_more_of_deliveries"


def loaded(seeded: Seeded) -> None:
    load_listed(seeded.service, seeded.service.settings.data_dir, [LISTED, FROM_PARTNER])


def delivered(seeded: Seeded) -> None:
    import_leads(seeded.service, seeded.service.settings.data_dir, PARTNER_SOURCE, [WITHOUT_SOURCE])


def begin_version(connection: Connection, began: datetime) -> None:
    newest = connection.scalar(select(RegisterVersion.id).order_by(RegisterVersion.loaded_at.desc()).limit(1))
    connection.execute(update(RegisterVersion).where(RegisterVersion.id == newest).values(loaded_at=began, layout=None))


def begin_file(connection: Connection, began: datetime) -> None:
    newest = connection.scalar(select(LeadFile.id).order_by(LeadFile.received_at.desc()).limit(1))
    connection.execute(update(LeadFile).where(LeadFile.id == newest).values(received_at=began, read_at=None))


def date_as_then(seeded: Seeded, date: Callable[[Connection, datetime], None], began: datetime) -> None:
    """Date a row as the first versions did; what guards the tables stays, as the migration needs it."""
    with seeded.service.store.engine.begin() as connection:
        guards = "SELECT sql FROM sqlite_master WHERE type = 'trigger'"
        held = connection.scalars(text(guards)).all() if connection.dialect.name == "sqlite" else []
        unguard(connection)
        date(connection, began)
        for guard in held:
            connection.exec_driver_sql(guard)


@pytest.mark.parametrize(("load", "date"), [(loaded, begin_version), (delivered, begin_file)])
def test_an_answer_from_while_something_was_loaded_is_no_difference_after_the_upgrade(
    seeded: Seeded, load: Callable[[Seeded], None], date: Callable[[Connection, datetime], None]
) -> None:
    began, url = seeded.clock.at, seeded.service.settings.database_url
    later(seeded, minutes=1)
    before = ask(seeded, FROM_PARTNER, WITHOUT_SOURCE)
    later(seeded, minutes=1)
    load(seeded)
    later(seeded, minutes=1)
    after = ask(seeded, FROM_PARTNER, WITHOUT_SOURCE)
    downgrade(url, BEFORE)
    date_as_then(seeded, date, began)
    upgrade(url)

    report = audited(seeded, Scope.ALL)

    assert found(seeded, report) == []
    assert (report.counts.checks, report.counts.in_flight) == (len(before) + len(after), 0)
    assert verified(seeded.service).findings == ()


@pytest.mark.parametrize(("is_as_upgraded", "differences"), [(True, 0), (False, 1)])
def test_an_answer_by_a_lead_that_went_with_the_upgrade_is_one_whose_past_cannot_be_had(
    seeded: Seeded, is_as_upgraded: bool, differences: int
) -> None:
    """The first version had begun its file; a lead that somebody removed of a file that was read is a difference."""
    delivered(seeded)
    later(seeded, minutes=1)
    ask(seeded, WITHOUT_SOURCE)
    with seeded.service.store.engine.begin() as connection:
        connection.execute(delete(Lead).where(Lead.number == int(WITHOUT_SOURCE[1:])))
        newest = connection.scalar(select(LeadFile.id).order_by(LeadFile.no.desc()).limit(1))
        if is_as_upgraded:  # as 0002_reshape_leads leaves it
            left = {"state": "reading", "rows_read": 0, "rows_accepted": 0, "read_at": None, "kept": False}
            connection.execute(update(LeadFile).where(LeadFile.id == newest).values(**left))

    counts = audited(seeded, Scope.ALL).counts

    assert (counts.differences, counts.unrebuilt) == (differences, 1 - differences)
