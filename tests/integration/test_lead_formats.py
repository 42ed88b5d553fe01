"""The same rows give the same leads in whatever form they come."""

import gzip
import io
import json
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO  # Any: the arguments of a function that is watched

import pytest
from sqlalchemy import func, select, update

from consent.models import Consent
from core.store import Store
from leads.errors import UnclearHeadings, UnreadableLeadFile
from leads.identities import identity_index, open_identity
from leads.intake import HowToRead
from leads.mappings import SAVED, LeadMapping, save_mapping
from leads.models import Lead, LeadFile, LeadIdentity, LeadRow, Source
from leads.reading import Pace
from leads.reports import rejects_of
from leads.spreadsheets import SpreadsheetReader
from tests.deliveries import FIRST, OPERATOR, deliver, shelf_beside, table_counts, written
from tests.workbooks import sheet, zipped

HEADINGS = ["Telefon", "Namn", "Född", "Insamlad", "Skostorlek"]
ROWS = [
    ["0701740605", "Åsa Öberg", "1980-05-03", "2026-11-01", "38"],
    ["070-174 06 06", "Bo; eller Ulf", "", "", ""],
    ["0701740605", "Åsa igen", "", "", ""],
    ["hemligt", "Cia", "1990-02-31", "", ""],
    ["0701740607 / 0701740608", "David", "", "", ""],
    ["+46701740609", 'Eva "Evan"', "2001-01-01", "2026-11-02T10:00:00+01:00", "x"],
]
Form = Callable[[], bytes]


def text(delimiter: str = ";", encoding: str = "utf-8", end: str = "\r\n") -> bytes:
    """Return the rows as CSV."""
    lines = [
        delimiter.join(
            f'"{cell.replace(chr(34), chr(34) * 2)}"' if any(sign in cell for sign in (delimiter, '"')) else cell
            for cell in cells
        )
        for cells in [HEADINGS, *ROWS]
    ]
    return end.join([*lines, ""]).encode(encoding)


def json_lines() -> bytes:
    """Return the rows as JSON Lines."""
    return "\n".join(json.dumps(dict(zip(HEADINGS, row, strict=True)), ensure_ascii=False) for row in ROWS).encode()


FORMS: dict[str, Form] = {
    "csv": text,
    "csv in cp1252": lambda: text(encoding="cp1252"),
    "csv in utf-8 with a mark": lambda: text(encoding="utf-8-sig", end="\n"),
    "csv in utf-16 with a mark": lambda: text(",", "utf-16"),
    "tsv": lambda: text("\t"),
    "csv of an old Mac": lambda: text("|", end="\r"),
    "xlsx": lambda: sheet([HEADINGS, *ROWS]),
    "json lines": json_lines,
    "gzip": lambda: gzip.compress(text(encoding="cp1252")),
    "zip": lambda: zipped({"folder/leads.csv": text(","), "__MACOSX/._leads.csv": b"x"}),
    "zipped xlsx": lambda: zipped({"leads.xlsx": sheet([HEADINGS, *ROWS])}),
    "gzipped json lines": lambda: gzip.compress(json_lines()),
}


def outcome(store: Store) -> list[object]:
    """Return the leads and the rows that became none."""
    with store.reading() as session:
        leads = session.execute(
            select(Lead.number, Lead.row_no, Lead.person, Lead.birth_date, Lead.collected_at, Lead.expires_at).order_by(
                Lead.number
            )
        )
        rows = session.execute(
            select(LeadRow.row_no, LeadRow.state, LeadRow.reasons, LeadRow.raw, LeadRow.number).order_by(LeadRow.row_no)
        )
        return [[tuple(lead) for lead in leads], [tuple(row) for row in rows]]


EXPECTED_STATES = [
    (3, "duplicate", "duplicate_in_file"),
    (4, "rejected", "invalid_number,invalid_birth_date"),
    (5, "ambiguous", "ambiguous_number"),
]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_rows_give_the_same_leads_in_every_form(store: Store, tmp_path: Path, form: str) -> None:
    path = tmp_path / "leads.bin"
    path.write_bytes(FORMS[form]())
    before = table_counts(store)

    tried = deliver(store, path, dry_run=True)
    assert table_counts(store) == before
    assert shelf_beside(store, path).places() == frozenset()
    report = deliver(store, path)

    leads, rows = outcome(store)
    assert leads == [
        (
            FIRST,
            1,
            '{"name":"Åsa Öberg"}',
            date(1980, 5, 3),
            datetime(2026, 10, 31, 23, tzinfo=UTC),
            datetime(2027, 2, 8, 23, tzinfo=UTC),
        ),
        (FIRST + 1, 2, '{"name":"Bo; eller Ulf"}', None, None, datetime(2027, 2, 28, 12, tzinfo=UTC)),
        (
            FIRST + 4,
            6,
            '{"name":"Eva \\"Evan\\""}',
            date(2001, 1, 1),
            datetime(2026, 11, 2, 9, tzinfo=UTC),
            datetime(2027, 2, 10, 9, tzinfo=UTC),
        ),
    ]
    assert isinstance(rows, list)
    assert [row[:3] for row in rows] == EXPECTED_STATES
    assert [json.loads(row[3]) for row in rows] == ROWS[2:5]
    assert (tried.rows, tried.accepted, tried.reasons, tried.mapping, list(tried.unread), tried.format) == (
        report.rows,
        report.accepted,
        report.reasons,
        report.mapping,
        report.unread,
        report.format,
    )
    assert [(row.row_no, row.number) for row in tried.preview] == [
        (1, "+46701740605"),
        (2, "+46701740606"),
        (6, "+46701740609"),
    ]
    assert report.unread == ["Skostorlek"]


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_workbook_is_opened_once_to_be_looked_at_and_read(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    path, opened = tmp_path / "leads.xlsx", []
    path.write_bytes(FORMS["xlsx"]())
    opens = SpreadsheetReader.__init__

    def counted(reader: SpreadsheetReader, source: Path | BinaryIO) -> None:
        opened.append(source)
        opens(reader, source)

    monkeypatch.setattr(SpreadsheetReader, "__init__", counted)

    report = deliver(store, path, dry_run=dry_run)

    assert (report.rows, report.accepted) == (len(ROWS), 3)
    assert len(opened) == 1


@pytest.mark.parametrize("form", ["csv", "gzip", "xlsx", "json lines", "csv in utf-16 with a mark"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_how_far_an_import_has_come_is_told_in_rows_and_as_a_share_where_the_file_is_its_text(
    store: Store, tmp_path: Path, form: str, dry_run: bool
) -> None:
    """Of what is packed the place in the text says nothing of the file: it would be read to its end at once."""
    path = tmp_path / "delivered"
    path.write_bytes(FORMS[form]())
    told: list[tuple[int, float | None]] = []

    deliver(
        store,
        path,
        dry_run=dry_run,
        pace=Pace(block=60, rows=2, batch=1),
        progress=lambda rows, share: told.append((rows, share)),
    )

    rows, shares = [row for row, _ in told], [share for _, share in told]
    assert (rows, rows[-1]) == (sorted(rows), len(ROWS))
    if form == "csv":
        assert (shares, shares[-1]) == (sorted(shares), 1.0)  # type: ignore[type-var] # each is a share
        assert len(set(shares)) > 1
    else:
        assert set(shares) == {None}


def test_a_file_without_headings_is_read_by_an_explicit_mapping(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", ["0701740605;Åsa", "0701740606;Bo"])
    with pytest.raises(UnclearHeadings):
        deliver(store, path)

    report = deliver(store, path, how=HowToRead(mapping={"number": "#1"}))

    assert (report.rows, report.accepted, report.mapping) == (2, 2, {"number": "#1"})
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(LeadMapping)) == 0  # there is nothing to know it by


def test_what_was_refused_of_a_file_without_headings_can_be_sent_again_as_it_was(store: Store, tmp_path: Path) -> None:
    path, again = written(tmp_path / "a.csv", ["Åsa;0701740605", '"x', "Bo;070", "Cia;12;x"]), tmp_path / "b.csv"
    how = HowToRead(mapping={"number": "#2"})
    tried, report = deliver(store, path, how=how, dry_run=True), deliver(store, path, how=how)

    with store.reading() as session, again.open("wb") as file:
        assert rejects_of(session, shelf_beside(store, path), OPERATOR, report.id or "", file)[1] == 3

    assert again.read_text("utf-8").splitlines() == [
        '"""x";;unreadable',
        "Bo;070;invalid_number",
        "Cia;12;x;surplus_cells",
    ]
    assert deliver(store, again, how=how).rows == 3
    assert (list(tried.unread), tried.mapping) == (list(report.unread), report.mapping)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_what_was_refused_of_a_file_that_tells_excel_its_delimiter_still_does(
    store: Store, tmp_path: Path, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    path, again = tmp_path / "a.csv", tmp_path / "again.csv"
    path.write_bytes(pack("SEP=|\r\nOrt|Telefon\r\nÅmål|hemligt\r\nÅmål|0701740605\r\n".encode(encoding)))
    report = deliver(store, path)

    with store.reading() as session, again.open("wb") as file:
        rejects_of(session, shelf_beside(store, path), OPERATOR, report.id or "", file)

    assert again.read_bytes().decode(encoding) == "SEP=|\r\nOrt|Telefon|reasons\r\nÅmål|hemligt|invalid_number\r\n"
    assert deliver(store, again).reasons == {"invalid_number": 1}


def test_what_was_refused_of_a_file_without_headings_still_tells_excel_its_delimiter(
    store: Store, tmp_path: Path
) -> None:
    path, file = written(tmp_path / "a.csv", ["sep=;", "Bo;12"]), io.BytesIO()
    report = deliver(store, path, how=HowToRead(mapping={"number": "#2"}))

    with store.reading() as session:
        rejects_of(session, shelf_beside(store, path), OPERATOR, report.id or "", file)

    assert file.getvalue() == b"sep=;\r\nBo;12;invalid_number\r\n"


def test_what_was_refused_can_be_had_once_the_file_itself_is_gone(store: Store, tmp_path: Path) -> None:
    path, file = written(tmp_path / "a.csv", ["sep=;", "tel;namn", "12;Bo"]), io.BytesIO()
    report, shelf = deliver(store, path), shelf_beside(store, path)
    shelf.remove(report.sha256)

    with store.reading() as session:
        rejects_of(session, shelf, OPERATOR, report.id or "", file)

    assert file.getvalue() == b"tel;namn;reasons\r\n12;Bo;invalid_number\r\n"


def test_what_was_refused_of_a_file_whose_headings_the_first_version_did_not_keep_is_told(
    store: Store, tmp_path: Path
) -> None:
    path, file = written(tmp_path / "a.csv", ["tel;namn", "0701740605;Åsa", "12;Bo"]), io.BytesIO()
    report = deliver(store, path)
    with store.writing() as session:
        left = {"headings": None, "kept": False, "kept_until": None}  # by 0002_reshape_leads
        session.execute(update(LeadFile).values(left))

    with store.reading() as session:
        assert rejects_of(session, shelf_beside(store, path), OPERATOR, report.id or "", file)[1] == 1

    assert file.getvalue().decode() == "12;Bo;invalid_number\r\n"


def test_what_was_refused_of_a_workbook_is_put_together_beside_the_kept_files_and_nowhere_else(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, elsewhere = tmp_path / "leads.xlsx", tmp_path / "elsewhere"
    path.write_bytes(sheet([["Telefon", "Namn"], ["hemligt", "Cia"]]))
    report = deliver(store, path)
    shelf, made = shelf_beside(store, path), list[Path]()
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    make = tempfile.mkstemp

    def watched(*given: Any, **named: Any) -> tuple[int, str]:
        descriptor, name = make(*given, **named)
        made.append(Path(name))
        return descriptor, name

    monkeypatch.setattr(tempfile, "mkstemp", watched)

    with store.reading() as session:
        assert rejects_of(session, shelf, OPERATOR, report.id or "", io.BytesIO())[1] == 1

    assert made
    assert {one.parent.parent for one in made} == {shelf.directory}
    assert {one.name for one in shelf.directory.iterdir()} == {f"{report.sha256}.kept"}


def test_the_suppliers_saved_mapping_is_used_and_a_given_one_goes_before_it(store: Store, tmp_path: Path) -> None:
    with store.writing() as session:
        save_mapping(
            session,
            OPERATOR,
            supplier_slug="partner",
            mapping={"number": "kol1", "name": "kol2"},
            encoding="cp850",
            delimiter=None,
            has_headings=None,
            now=store.clock.now(),
        )
    path = written(tmp_path / "a.csv", ["kol1;kol2;kol3", "0701740605;Åsa;0701740606"], "cp850")

    saved = deliver(store, path)
    given = deliver(store, path, "enkat", how=HowToRead(mapping={"number": "kol3"}))

    assert (saved.encoding, saved.mapping) == ("cp850", {"number": "kol1", "name": "kol2"})
    assert given.mapping == {"number": "kol3"}
    with store.reading() as session:
        people = session.execute(select(Lead.number, Lead.person).order_by(Lead.number)).all()
    assert [tuple(person) for person in people] == [(FIRST, '{"name":"Åsa"}'), (FIRST + 1, None)]


def test_the_mapping_of_an_import_is_remembered_for_the_suppliers_next_file_with_these_headings(
    store: Store, tmp_path: Path
) -> None:
    first = written(tmp_path / "a.csv", ["kol1;kol2", "0701740605;Åsa"])
    how = HowToRead(mapping={"number": "kol1", "name": "kol2"})
    deliver(store, first, dry_run=True, how=how)
    next_one = written(tmp_path / "b.csv", ["KOL1;kol2", "0701740606;Bo"])
    with pytest.raises(UnclearHeadings):
        deliver(store, next_one, "enkat")
    deliver(store, first, how=how)

    report = deliver(store, next_one, "enkat")

    assert report.mapping == {"number": "KOL1", "name": "kol2"}
    with pytest.raises(UnclearHeadings):
        deliver(store, next_one, "lista")  # another supplier's
    with store.reading() as session:
        assert session.scalar(select(LeadMapping.headings_sha256)) != SAVED


def test_proved_consents_are_made_of_evidence_columns(store: Store, tmp_path: Path) -> None:
    headings = "Telefon;Samtyckestext;Samtycke url;Samtyckt;Samtycke bolag;Samtycke kanaler"
    proved = "v3;https://tavling.example/v3;2026-11-01T10:00:00+01:00"
    report = deliver(
        store,
        written(
            tmp_path / "a.csv",
            [
                headings,
                f"0701740605;{proved};Norrsken|Söder;telefon",
                f"0701740606;{proved};Söder;telefon",
                f"0701740607;{proved};Norrsken;sms",
                f"0701740605;{proved};Norrsken;telefon",
                "0701740608;v3;;;;",
            ],
        ),
        how=HowToRead(
            mapping={
                "consent_text_version": "Samtyckestext",
                "consent_url": "Samtycke url",
                "consent_at": "Samtyckt",
                "consent_sellers": "Samtycke bolag",
                "consent_channels": "Samtycke kanaler",
            }
        ),
    )

    assert (report.accepted, report.duplicate) == (4, 1)
    with store.reading() as session:
        consents = session.scalars(select(Consent).order_by(Consent.number)).all()
        found = [(consent.number, consent.names_seller, consent.channels) for consent in consents]
    assert [number for number, _, _ in found] == [FIRST, FIRST + 1]
    assert [names for _, names, _ in found] == [True, False]


@pytest.mark.parametrize("needed", [True, False])
def test_identity_numbers_are_laid_by_sealed_for_a_source_that_needs_them(
    store: Store, tmp_path: Path, needed: bool
) -> None:
    identity = "189001019802"
    with store.writing() as session:
        session.execute(update(Source).where(Source.slug == "tavling").values(needs_identity=needed))

    report = deliver(store, written(tmp_path / "a.csv", ["tel;personnummer", f"0701740605;{identity}"]))

    assert report.accepted == 1
    with store.reading() as session:
        laid_by = session.scalars(select(LeadIdentity)).all()
        born = session.scalars(select(Lead.birth_date)).one()
        everything = [*session.scalars(select(Lead.person)), *session.scalars(select(LeadRow.raw))]
        assert len(laid_by) == needed
        for one in laid_by:
            assert identity not in one.sealed
            opened = open_identity(store.keyring, one.sealed, f"{report.id}:1")
            assert identity_index(store.keyring, opened) == one.identity_hash
    assert (str(born) == "1890-01-01") == needed
    assert not any(identity in (text or "") for text in everything)


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_tells_the_character_set_whatever_the_sender_says(
    store: Store, tmp_path: Path, mark: str
) -> None:
    path = written(tmp_path / "a.csv", ["Namn;Telefon", "Åsa;0701740605"], mark)

    report = deliver(store, path, how=HowToRead(encoding="cp1252"))

    assert (report.encoding, report.mapping) == (mark, {"name": "Namn", "number": "Telefon"})
    with store.reading() as session:
        assert session.scalars(select(Lead.person)).all() == ['{"name":"Åsa"}']


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_utf_16_without_a_mark_is_read_where_the_sender_says_so(
    store: Store, tmp_path: Path, order: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(pack("Namn;Telefon\r\nÅsa;0701740605\r\nÖ;x\r\n".encode(order)))
    how = HowToRead(encoding="utf-16")
    with pytest.raises(UnreadableLeadFile, match="UTF-16"):
        deliver(store, path)

    tried, report = deliver(store, path, how=how, dry_run=True), deliver(store, path, how=how)

    assert (
        (tried.encoding, tried.rows, tried.accepted) == (report.encoding, report.rows, report.accepted) == (order, 2, 1)
    )
    with store.reading() as session:
        assert session.scalars(select(Lead.person)).all() == ['{"name":"Åsa"}']
        rejects = io.BytesIO()
        rejects_of(session, shelf_beside(store, path), OPERATOR, report.id or "", rejects)
    assert rejects.getvalue().decode(order) == "Namn;Telefon;reasons\r\nÖ;x;invalid_number\r\n"


def test_a_key_or_a_file_name_that_is_no_text_is_kept_as_it_can_be_shown(store: Store, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode("höst.csv".encode("cp1252"))
    path.write_bytes(b'{"tel": "0701740605", "a\\ud800": "x"}\n{"tel": "0701740606"}\n')

    tried, report = deliver(store, path, dry_run=True), deliver(store, path)

    assert (report.accepted, report.reasons) == (tried.accepted, tried.reasons) == (1, {"unreadable_characters": 1})
    assert tried.file_name == report.file_name == "h\\udcf6st.csv"
    assert deliver(store, path).repeated
