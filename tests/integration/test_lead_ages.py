"""A file with a column of ages: minors are refused, and an age never becomes a birth date."""

import json
from pathlib import Path

from sqlalchemy import select

from core.store import Store
from leads.headings import Field
from leads.intake import layout_again
from leads.models import Lead, LeadFile
from leads.reading import PlainFile
from tests.deliveries import FIRST, deliver, written


def test_a_row_that_says_a_minors_age_is_no_lead(store: Store, tmp_path: Path) -> None:
    lines = ["Telefon;Namn;Ålder", "0701740605;Åsa;42", "0701740606;Bo;17", "0701740607;Cia;15-25", "0701740608;D;50+"]
    path = written(tmp_path / "a.csv", [*lines, "0701740609;Eva;okänd", "0701740610;Ulf;", "0701740605;Åsa;12"])

    tried = deliver(store, path, dry_run=True)
    report = deliver(store, path)

    assert report.mapping == {"number": "Telefon", "name": "Namn", "age": "Ålder"}
    assert (report.accepted, report.rejected) == (3, 4)
    assert report.reasons == {"invalid_age": 1, "minor": 3} == tried.reasons
    with store.reading() as session:
        leads = session.execute(select(Lead.number, Lead.birth_date).order_by(Lead.number)).all()
    assert [tuple(lead) for lead in leads] == [(FIRST, None), (FIRST + 3, None), (FIRST + 5, None)]


def test_a_file_that_was_received_before_ages_were_read_goes_on_as_it_began(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", ["Telefon;Ålder", "0701740605;17"])
    deliver(store, path)
    with store.writing() as session:
        lead_file = session.scalars(select(LeadFile)).one()
        known = json.loads(lead_file.mapping)
        lead_file.mapping = json.dumps({field: heading for field, heading in known.items() if field != Field.AGE})

        assert layout_again(PlainFile.at(path), lead_file).columns.mapping == {"number": "Telefon"}
