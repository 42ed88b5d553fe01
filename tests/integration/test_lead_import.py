"""A lead file becomes leads: every row accounted for, once, on record."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.access import Caller, Role
from core.errors import Forbidden, NotFound
from core.ledger import LedgerEntry
from core.store import Store
from leads.errors import LeadFileNotKept, UnclearHeadings, UnreadableLeadFile
from leads.intake import DeliveryTerms, HowToRead
from leads.kept_files import KEPT_FOR, forget_kept_files
from leads.models import Lead, LeadFile, LeadIdentity, LeadRow, Source
from leads.reading import Pace
from leads.reports import LeadFileReport, ReportedRow, lead_file_report, rejects_of, reported_rows
from leads.terms import FileState, RowState
from tests.deliveries import FIRST, OPERATOR, deliver, lead_manager, mixed_lines, shelf_beside, written
from tests.registers import NOON

CONTENT = [
    "Telefon;Namn;Född;Insamlad;Skostorlek",
    "070-174 06 05;Åsa;2015-05-03;2026-11-01;38",
    "0701740605;Åsa igen;;;",
    "hemligt;Bo;;;",
    "0701740606 / 0701740607;Cia;;;",
    "0701740608;David;x;;",
    "0701740609;Eva;;;=1+1",
]
IDENTITY = "189001019802"
"""One of the personal identity numbers that the tax agency sets aside for tests."""


def paced(rows: int) -> Pace:
    """Return a pace of about so many rows a batch: a row of the tests' files has some 30 bytes."""
    return Pace(block=30 * rows, rows=rows, batch=1)


def counts(report: LeadFileReport) -> tuple[int, int, int, int, int]:
    """Return rows, accepted, rejected, duplicate, ambiguous."""
    return report.rows, report.accepted, report.rejected, report.duplicate, report.ambiguous


def test_every_row_is_accounted_for_with_its_reason(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", CONTENT, "cp1252")

    report = deliver(store, path)

    assert counts(report) == (6, 2, 2, 1, 1)
    assert report.reasons == {
        "ambiguous_number": 1,
        "duplicate_in_file": 1,
        "invalid_birth_date": 1,
        "invalid_number": 1,
    }
    assert (report.encoding, report.delimiter, report.state) == ("cp1252", ";", FileState.FINISHED)
    with store.reading() as session:
        shelf = shelf_beside(store, path)
        rows = reported_rows(session, shelf, OPERATOR, report.id or "", state=None, after=0, limit=100)
    assert [row.state.value for row in rows] == [
        "accepted",
        "duplicate",
        "rejected",
        "ambiguous",
        "rejected",
        "accepted",
    ]
    assert rows[-1].cells == ["0701740609", "Eva", "", "", "=1+1"]


def test_a_lead_holds_what_the_row_said_and_until_when_it_may_be_used(store: Store, tmp_path: Path) -> None:
    deliver(store, written(tmp_path / "a.csv", CONTENT))

    with store.reading() as session:
        child, other = session.scalars(select(Lead).order_by(Lead.row_no)).all()
        collected_at = datetime(2026, 10, 31, 23, tzinfo=UTC)
        assert (child.number, child.person, child.birth_date) == (FIRST, '{"name":"Åsa"}', date(2015, 5, 3))
        assert (child.collected_at, child.expires_at) == (collected_at, collected_at + timedelta(days=100))
        assert (other.collected_at, other.expires_at) == (None, NOON + timedelta(days=100))


def test_a_file_delivered_again_gives_the_first_report_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", CONTENT)
    first = deliver(store, path)

    again = deliver(store, path.rename(tmp_path / "other-name.csv"), how=HowToRead(mapping={"number": "Namn"}))

    assert (again.id, again.file_name, again.repeated) == (first.id, "a.csv", True)
    assert counts(again) == counts(first)
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(LeadRow)) == 4
        assert session.scalar(select(func.count()).select_from(Lead)) == 2
        kinds = session.scalars(select(LedgerEntry.kind).where(LedgerEntry.subject == first.id)).all()
    assert kinds == ["lead_file.received", "lead_file.finished"]


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_a_known_file_is_said_to_come_under_the_second_time_is_not_kept_and_that_is_told(
    store: Store, tmp_path: Path, dry_run: bool
) -> None:
    path = written(tmp_path / "a.csv", CONTENT)
    first = DeliveryTerms(order_reference="PO-7", wash_register="nix", wash_version=date(2026, 11, 1))
    assert deliver(store, path, terms=first).warnings == ()

    same = deliver(store, path, terms=first, dry_run=dry_run)
    silent = deliver(store, path, dry_run=dry_run)
    other = deliver(store, path, terms=replace(first, order_reference="PO-8", invoice_reference="F-1"), dry_run=dry_run)

    assert same.warnings == silent.warnings == ()
    [warning] = other.warnings or ()
    assert warning.startswith("what was said of invoice, order now is not kept: the first delivery of the file stands")
    assert warning.endswith("; references can be added to it")
    with store.reading() as session:
        kept = session.execute(select(LeadFile.order_reference, LeadFile.invoice_reference)).one()
    assert tuple(kept) == ("PO-7", None)


def test_a_number_that_two_sources_deliver_is_two_leads(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", CONTENT)

    assert deliver(store, path, "tavling").accepted == 2
    assert deliver(store, path, "enkat").accepted == 2


def test_a_number_that_one_source_delivers_in_two_files_is_a_duplicate(store: Store, tmp_path: Path) -> None:
    deliver(store, written(tmp_path / "a.csv", CONTENT))

    report = deliver(store, written(tmp_path / "b.csv", ["tel", "+46701740605", "+46701740605", "+46701740699"]))

    assert counts(report) == (3, 1, 0, 2, 0)
    assert report.reasons == {"duplicate_in_source": 2}


@pytest.mark.parametrize(
    ("known", "said", "kept"),
    [
        ("", "2012-05-03", date(2012, 5, 3)),
        ("1980-01-01", "2012-05-03", date(2012, 5, 3)),
        ("2012-05-03", "1980-01-01", date(2012, 5, 3)),
        ("1980-01-01", "", date(1980, 1, 1)),
    ],
)
@pytest.mark.parametrize("in_file", [True, False])
def test_a_duplicate_that_says_younger_or_says_the_birth_date_first_is_believed(
    store: Store, tmp_path: Path, known: str, said: str, kept: date, in_file: bool
) -> None:
    rows, more = [f"0701740605;{known}", "0701740606;"], [f"+46701740605;{said}", "+46701740605;1970-01-01"]
    if in_file:
        deliver(store, written(tmp_path / "a.csv", ["tel;född", *rows, *more]))
    else:
        deliver(store, written(tmp_path / "a.csv", ["tel;född", *rows]))
        deliver(store, written(tmp_path / "b.csv", ["tel;född", *more]), pace=paced(1))

    with store.reading() as session:
        leads = session.execute(
            select(LeadFile.id, Lead.row_no, Lead.birth_date)
            .join(LeadFile, LeadFile.no == Lead.file_no)
            .order_by(Lead.number)
        ).all()
        learnt = session.execute(
            select(LedgerEntry.subject, LedgerEntry.payload).where(LedgerEntry.kind == "lead.birth_date_learnt")
        ).all()
    assert [lead.birth_date for lead in leads] == [kept, None]
    child = f"{leads[0].id}:{leads[0].row_no}"
    assert {subject for subject, _ in learnt} == ({child} if str(kept) != known else set())
    assert not any(secret in (payload or "") for _, payload in learnt for secret in ("1740605", "2012", "1970"))


def test_a_dry_run_learns_no_birth_date(store: Store, tmp_path: Path) -> None:
    deliver(store, written(tmp_path / "a.csv", ["tel;född", "0701740605;1980-01-01"]))
    deliver(store, written(tmp_path / "b.csv", ["tel;född", "0701740605;2012-05-03"]), dry_run=True)

    with store.reading() as session:
        assert session.scalars(select(Lead.birth_date)).all() == [date(1980, 1, 1)]


@pytest.mark.parametrize("batch", [1, 7, 5000])
def test_a_dry_run_counts_what_a_real_run_then_gives_and_keeps_nothing(
    store: Store, tmp_path: Path, batch: int
) -> None:
    deliver(store, written(tmp_path / "before.csv", mixed_lines(20, seed=1)))
    path = written(tmp_path / "a.csv", mixed_lines(200, seed=2))
    with store.reading() as session:
        entries = session.scalar(select(func.count()).select_from(LedgerEntry))

    tried = deliver(store, path, dry_run=True, pace=paced(batch))

    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(LeadFile)) == 1
        assert session.scalar(select(func.count()).select_from(LedgerEntry)) == entries
    real = deliver(store, path, pace=paced(batch))
    assert (tried.id, tried.state, tried.dry_run) == (None, None, True)
    assert counts(tried) == counts(real)
    assert tried.reasons == real.reasons
    assert real.rows == 200
    assert sum(counts(real)[1:]) == 200


def test_the_ledger_tells_of_the_file_and_its_counts_and_of_no_number(store: Store, tmp_path: Path) -> None:
    report = deliver(store, written(tmp_path / "a.csv", CONTENT))

    with store.reading() as session:
        entries = session.scalars(select(LedgerEntry).where(LedgerEntry.subject == report.id)).all()
        kinds = [entry.kind for entry in entries]
        payloads = [json.loads(entry.payload or "") for entry in entries]
        everything = " ".join(entry.payload or "" for entry in session.scalars(select(LedgerEntry)))
    assert kinds == ["lead_file.received", "lead_file.finished"]
    assert payloads[0]["sha256"] == payloads[1]["sha256"] == report.sha256
    assert payloads[1]["accepted"] == 2
    assert "1740" not in everything


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", UnreadableLeadFile),
        (b"PK\x03\x04rest", UnreadableLeadFile),
        (b"\x00\x01\x02\n\x03", UnreadableLeadFile),
        (b"namn\nAnna\n", UnclearHeadings),
        (b"tel,tel\n1,2\n", UnclearHeadings),
    ],
)
def test_a_file_that_cannot_be_read_as_a_whole_leaves_nothing_behind(
    store: Store, tmp_path: Path, content: bytes, refusal: type[Exception]
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)

    with pytest.raises(refusal):
        deliver(store, path)

    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(LeadFile)) == 0
    assert shelf_beside(store, path).places() == frozenset()


def test_rows_no_database_would_take_as_they_are_become_reasons(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'tel;namn\n0701740605;a\x00b\n0701740606;"x\n0701740607;'
        + b"x" * 70_000
        + b"\n1;2;3;4\n0701740608;' DROP\\N\n"
    )

    report = deliver(store, path)

    assert counts(report) == (5, 1, 4, 0, 0)
    assert report.reasons == {"nul_bytes": 1, "surplus_cells": 1, "too_long": 1, "unreadable": 1}
    with store.reading() as session:
        assert session.scalars(select(Lead.person)).all() == ['{"name":"\' DROP\\\\N"}']


def test_a_file_of_headings_alone_is_finished_with_no_rows(store: Store, tmp_path: Path) -> None:
    report = deliver(store, written(tmp_path / "a.csv", ["tel;namn"]))

    assert (report.state, counts(report)) == (FileState.FINISHED, (0, 0, 0, 0, 0))


def test_another_sellers_source_and_file_are_not_to_be_found(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", CONTENT)
    report, shelf = deliver(store, path), shelf_beside(store, path)
    with store.reading() as session:
        seller_id = session.scalars(select(Source.seller_id).where(Source.slug == "tavling")).one()
    stranger = lead_manager("another")

    assert deliver(store, path, caller=lead_manager(seller_id)).repeated
    with pytest.raises(NotFound):
        deliver(store, path, caller=stranger)
    with store.reading() as session:
        with pytest.raises(NotFound):
            lead_file_report(session, stranger, report.id or "")
        with pytest.raises(NotFound):
            reported_rows(session, shelf, stranger, report.id or "", state=None, after=0, limit=1)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.LEAD_MANAGER])
def test_nobody_but_a_lead_manager_loads_leads_or_reads_rows(store: Store, tmp_path: Path, role: Role) -> None:
    caller = Caller(id="k", name="k", kind="key", role=role, seller_id=None)
    report = deliver(store, written(tmp_path / "a.csv", CONTENT))

    with pytest.raises(Forbidden):
        deliver(store, tmp_path / "a.csv", caller=caller)
    with store.reading() as session, pytest.raises(Forbidden):
        reported_rows(
            session, shelf_beside(store, tmp_path / "a.csv"), caller, report.id or "", state=None, after=0, limit=1
        )


def test_rows_are_listed_by_state_page_by_page(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", CONTENT)
    report, shelf = deliver(store, path), shelf_beside(store, path)

    with store.reading() as session:
        first = reported_rows(session, shelf, OPERATOR, report.id or "", state=RowState.REJECTED, after=0, limit=1)
        rest = reported_rows(session, shelf, OPERATOR, report.id or "", state=RowState.REJECTED, after=3, limit=9)

    assert [(row.row_no, row.reasons) for row in first] == [(3, ("invalid_number",))]
    assert [(row.row_no, row.reasons) for row in rest] == [(5, ("invalid_birth_date",))]


@pytest.mark.parametrize("state", [None, RowState.ACCEPTED])
@pytest.mark.parametrize("page", [1, 7, 1000])
def test_rows_that_became_leads_are_listed_with_their_cells_from_the_kept_file(
    store: Store, tmp_path: Path, state: RowState | None, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads.reports.WINDOW", 5)
    lines = mixed_lines(40, seed=6)
    path = written(tmp_path / "a.csv", lines)
    report, shelf = deliver(store, path, pace=paced(9)), shelf_beside(store, path)

    found: list[ReportedRow] = []
    with store.reading() as session:
        while rows := reported_rows(
            session,
            shelf,
            OPERATOR,
            report.id or "",
            state=state,
            after=found[-1].row_no if found else 0,
            limit=page,
        ):
            found += rows

    accepted = [row for row in found if row.state is RowState.ACCEPTED]
    assert len(found) == (40 if state is None else report.accepted)
    assert len(accepted) == report.accepted
    assert all(row.cells == lines[row.row_no].split(";") for row in accepted)


@pytest.mark.parametrize("at_once", [2, 10_000])
def test_rows_are_listed_without_cells_once_the_file_is_no_longer_kept(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Also those that did not become leads, whose cells stand in the database: it holds as much as the file did."""
    monkeypatch.setattr("leads.kept_files.EMPTIED_AT_ONCE", at_once)
    path = written(tmp_path / "a.csv", CONTENT)
    report, shelf = deliver(store, path), shelf_beside(store, path)
    other = written(tmp_path / "b.csv", ["Telefon;Namn", "hemligt;Bo"])
    later = deliver(store, other, "enkat")
    with store.writing() as session:
        session.get_one(LeadFile, later.id).kept_until = NOON + KEPT_FOR + timedelta(days=1)

    def rows_of(file: LeadFileReport) -> list[ReportedRow]:
        with store.reading() as session:
            return list(reported_rows(session, shelf, OPERATOR, file.id or "", state=None, after=0, limit=100))

    before = rows_of(report)
    assert len(before) > 5
    assert all(row.cells for row in before)
    assert forget_kept_files(store, shelf, NOON + KEPT_FOR) == 1

    assert rows_of(report) == [replace(row, cells=None) for row in before]
    assert [row.cells for row in rows_of(later)] == [["hemligt", "Bo"]]
    with store.reading() as session:
        with pytest.raises(LeadFileNotKept):
            rejects_of(session, shelf, OPERATOR, report.id or "", BytesIO())
        numbers = session.scalars(select(LeadRow.number).where(LeadRow.lead_file_id == report.id)).all()
    assert FIRST in numbers, "what speaks against calling a number stays"


@pytest.mark.parametrize("heading", ["Personnummer", "Fødselsnummer"])
def test_no_personal_identity_number_is_kept_in_a_row_or_listed(store: Store, tmp_path: Path, heading: str) -> None:
    lines = [
        f"Telefon;{heading};Namn",
        f"0701740605;{IDENTITY};Åsa",
        f"0701740605;{IDENTITY};igen",
        f"hemligt;{IDENTITY};Bo",
        f"0701740606;{IDENTITY}",
    ]
    shelf = shelf_beside(store, tmp_path / "a.csv")
    listed: list[ReportedRow] = []
    for name in ("a.csv", "b.csv"):
        report = deliver(store, written(tmp_path / name, [*lines, *([f"0701740607;{IDENTITY};C"] * (name == "b.csv"))]))
        with store.reading() as session:
            listed += reported_rows(session, shelf, OPERATOR, report.id or "", state=None, after=0, limit=9)

    with store.reading() as session:
        kept = [*session.scalars(select(LeadRow.raw)), *session.scalars(select(Lead.person))]
        assert session.scalar(select(func.count()).select_from(LeadIdentity)) == 0
    assert len(kept) == 3 + 4 + 2
    assert len(listed) == 9
    assert not any(IDENTITY in (raw or "") for raw in kept)
    assert not any(IDENTITY in cell for row in listed for cell in row.cells or ())


def test_a_row_whose_proof_is_too_long_to_be_recorded_is_refused_and_stops_no_other(
    store: Store, tmp_path: Path
) -> None:
    headings = "tel;consent_text_version;consent_url;consent_at;consent_sellers;consent_channels"
    proof = "v3;https://fjord.example/tavling;2026-11-01T12:00:00Z;{};telefon"
    names = "|".join(f"{no:02}" + "\\" * 198 for no in range(50))

    report = deliver(
        store,
        written(
            tmp_path / "a.csv",
            [headings, f"0701740605;{proof.format(names)}", f"0701740606;{proof.format('Norrsken')}"],
        ),
    )

    assert counts(report) == (2, 1, 1, 0, 0)
    assert report.reasons == {"invalid_evidence": 1}
