"""An import that was cut off, or shared, or made beside others of its source, ends as if it had been alone."""

import gzip
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from core.store import Store
from leads.encodings import EncodingFinder
from leads.errors import UnreadableLeadFile
from leads.importer import read_lead_file, receive_lead_file, waiting_files
from leads.intake import HowToRead
from leads.merkle import Frontier, leaf_hashes
from leads.models import Lead, LeadFile, LeadRow
from leads.reading import Pace
from leads.reports import LeadFileReport
from tests.databases import SqliteTemplate
from tests.deliveries import FIRST, OPERATOR, add_origins, deliver, mixed_lines, shelf_beside, written
from tests.registers import NOON, service_for

SMALL = Pace(block=300, rows=10, batch=1)


def left_by(store: Store) -> list[object]:
    """Return all that the imports left, but for ids."""
    with store.reading() as session:
        known = session.scalars(select(LeadFile)).all()
        names = {file.id: file.filename for file in known}
        numbered = {file.no: file.filename for file in known}
        files = session.execute(
            select(
                LeadFile.filename,
                LeadFile.state,
                LeadFile.rows_read,
                LeadFile.rows_accepted,
                LeadFile.rows_rejected,
                LeadFile.rows_duplicate,
                LeadFile.rows_ambiguous,
                LeadFile.merkle_root,
            ).order_by(LeadFile.filename)
        ).all()
        rows = session.execute(
            select(LeadRow.lead_file_id, LeadRow.row_no, LeadRow.state, LeadRow.reasons, LeadRow.raw, LeadRow.number)
        )
        leads = session.execute(select(Lead.file_no, Lead.row_no, Lead.number, Lead.person, Lead.expires_at))
        return [
            [tuple(file) for file in files],
            sorted((names[file_id], *rest) for file_id, *rest in rows),
            sorted((numbered[no], *rest) for no, *rest in leads),
        ]


class CutOff:
    """Raises as a user does who presses Ctrl-C after some batches."""

    def __init__(self, after: int) -> None:
        self._left = after

    def __call__(self, _rows: int, share: float | None) -> None:
        """Count one batch."""
        assert share is None or 0 <= share <= 1
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


def expected(tmp_path: Path, template: SqliteTemplate, *deliveries: Path) -> list[object]:
    """Return what the same imports leave, one after the other, each in one batch that nobody cuts off."""
    with template.copy(tmp_path) as url:
        service = service_for(url, tmp_path / "unharmed")
        add_origins(service.store)
        for path in deliveries:
            deliver(service.store, path)
        found = left_by(service.store)
        service.close()
        return found


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("after", [1, 4])
def test_an_import_that_was_cut_off_goes_on_where_it_stopped(
    store: Store,
    tmp_path: Path,
    sqlite_template: SqliteTemplate,
    after: int,
    beside: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("leads.reading.BESIDE_FROM", 0 if beside else 1 << 30)
    before = written(tmp_path / "before.csv", mixed_lines(20, seed=1))
    path = written(tmp_path / "cut.csv", mixed_lines(100, seed=2))
    deliver(store, before)

    with pytest.raises(KeyboardInterrupt):
        deliver(store, path, pace=SMALL, progress=CutOff(after))
    with store.reading() as session:
        half = session.scalars(select(LeadFile).where(LeadFile.filename == "cut.csv")).one()
        assert half.state == "reading"
        assert 0 < half.rows_read < 100
        assert waiting_files(session, NOON) == []
    tried = deliver(store, path, dry_run=True)
    report = deliver(store, path)

    assert left_by(store) == expected(tmp_path, sqlite_template, before, path)
    assert (tried.rows, tried.accepted, tried.reasons) == (report.rows, report.accepted, report.reasons)


@pytest.mark.parametrize("taken", [1, 8])
@pytest.mark.parametrize("first", [SMALL, Pace(block=170, rows=7, batch=40)])
@pytest.mark.parametrize("then", [SMALL, Pace(block=4096, rows=1000, batch=1), Pace(block=10, rows=1, batch=1)])
def test_two_that_read_one_file_at_once_in_pieces_of_their_own_share_the_work(
    store: Store, tmp_path: Path, sqlite_template: SqliteTemplate, first: Pace, then: Pace, taken: int
) -> None:
    """The other reads on whenever the one has taken a batch."""
    path = written(tmp_path / "a.csv", mixed_lines(120, seed=3))
    shelf = shelf_beside(store, path)
    received = receive_lead_file(store, shelf, OPERATOR, path=path, file_name="a.csv", source_slug="tavling")

    def read_on(_rows: int, _share: float | None) -> None:
        with suppress(KeyboardInterrupt):  # unless it was read to its end before
            read_lead_file(store, shelf, OPERATOR, received.id or "", pace=then, progress=CutOff(taken))

    report = read_lead_file(store, shelf, OPERATOR, received.id or "", pace=first, progress=read_on)

    assert report.rows == 120
    assert left_by(store) == expected(tmp_path, sqlite_template, path)


def test_the_last_rows_of_a_file_count_towards_its_root_whoever_takes_them(store: Store, tmp_path: Path) -> None:
    """One holds the last ten rows when another takes the first eight of them, and so writes the other two."""
    path = written(tmp_path / "a.csv", ["tel;namn", *(f"+{FIRST + place};Namn" for place in range(30))])
    shelf = shelf_beside(store, path)
    received = receive_lead_file(store, shelf, OPERATOR, path=path, file_name="a.csv", source_slug="tavling")

    once = iter([Pace(block=10, rows=1, batch=1)])

    def overtake(_rows: int, _share: float | None) -> None:
        for one in once:
            with pytest.raises(KeyboardInterrupt):
                read_lead_file(store, shelf, OPERATOR, received.id or "", pace=one, progress=CutOff(18))

    block = 10 * len(f"+{FIRST};Namn\n")
    report = read_lead_file(
        store, shelf, OPERATOR, received.id or "", pace=Pace(block=block, rows=10, batch=1), progress=overtake
    )

    assert (report.rows, report.accepted) == (30, 30)
    assert report.merkle_root == merkle_root(path)


def test_files_of_one_source_imported_at_once_give_each_number_one_lead(store: Store, tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{seed}.csv", mixed_lines(150, seed)) for seed in range(4)]

    def one(path: Path) -> LeadFileReport:
        return deliver(store, path, pace=SMALL)

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(one, [*paths, *paths]))

    numbers = {line.split(";")[0] for seed in range(4) for line in mixed_lines(150, seed)[1:]}
    wanted = {int(number) for number in numbers if number.startswith("+") and "/" not in number}
    with store.reading() as session:
        assert set(session.scalars(select(Lead.number))) == wanted
        assert session.scalar(select(func.sum(LeadFile.rows_accepted))) == len(wanted)
        assert session.scalar(select(func.count()).select_from(LeadFile)) == 4
        kept = session.scalar(select(func.count()).select_from(LeadRow))
    assert {report.rows for report in reports} == {150}
    assert kept == 4 * 150 - len(wanted)


def test_a_source_that_gets_its_first_leads_while_a_file_is_read_has_none_twice(
    store: Store, tmp_path: Path, sqlite_template: SqliteTemplate
) -> None:
    """The file is read as the first of its source until another comes in between; then it is read again with care."""
    slow = written(tmp_path / "slow.csv", mixed_lines(100, seed=5))
    fast = written(tmp_path / "fast.csv", ["tel;namn", f"+{FIRST + 1};Ett", "+46701740699;Två"])
    shelf = shelf_beside(store, slow)
    received = receive_lead_file(store, shelf, OPERATOR, path=slow, file_name="slow.csv", source_slug="tavling")
    in_between: list[LeadFileReport] = []

    def come_in(_rows: int, _share: float | None) -> None:
        if not in_between:
            in_between.append(deliver(store, fast))

    report = read_lead_file(store, shelf, OPERATOR, received.id or "", pace=SMALL, progress=come_in)

    assert report.rows == sum((report.accepted, report.rejected, report.duplicate, report.ambiguous)) == 100
    with store.reading() as session:
        numbers = session.scalars(select(Lead.number)).all()
        assert len(numbers) == len(set(numbers)) == report.accepted + in_between[0].accepted
    assert report.merkle_root == merkle_root(slow)


def merkle_root(path: Path) -> str:
    """Return the root over the lines below the headings, hexadecimal."""
    frontier = Frontier()
    frontier.append_hashes(leaf_hashes(line.encode() for line in path.read_text().splitlines()[1:]))
    return frontier.root().hex()


@pytest.mark.parametrize(
    ("lines", "how"),
    [
        (["kolumn1;kolumn2", "0701740605;Åsa", "0701740606;Bo"], HowToRead(mapping={"number": "kolumn1"})),
        (["0701740605;Åsa", "0701740606;Bo"], HowToRead(mapping={"number": "#1", "name": "#2"})),
        (["Namn;", "Åsa;0701740605", "Bo;0701740606"], HowToRead(mapping={"number": "#2", "name": "Namn"})),
        (["**;**;Namn", "0701740605;x;Åsa", "0701740606;x;Bo"], HowToRead(mapping={"number": "#1", "name": "Namn"})),
        (["a;tel;mobil", "Åsa;0701740605;1", "Bo;0701740606;2"], HowToRead(mapping={"number": "tel", "name": "a"})),
    ],
)
def test_an_import_goes_on_by_its_first_layout_whatever_is_said_then(
    store: Store, tmp_path: Path, lines: list[str], how: HowToRead
) -> None:
    path = written(tmp_path / "a.csv", lines)
    with pytest.raises(KeyboardInterrupt):
        deliver(store, path, how=how, pace=Pace(block=20, rows=1, batch=1), progress=CutOff(1))

    report = deliver(store, path)

    assert (report.rows, report.accepted) == (2, 2)
    with store.reading() as session:
        people = session.execute(select(Lead.number, Lead.person).order_by(Lead.number)).all()
    assert [number for number, _ in people] == [FIRST, FIRST + 1]
    assert how.mapping is not None
    assert [person for _, person in people] == (
        ['{"name":"Åsa"}', '{"name":"Bo"}'] if "name" in how.mapping else [None, None]
    )


@pytest.mark.parametrize("beside", [False, True])
def test_a_file_that_is_damaged_further_in_keeps_its_rows_before_that_and_says_why(
    store: Store, tmp_path: Path, beside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads.reading.BESIDE_FROM", 0 if beside else 1 << 30)
    path = tmp_path / "a.csv.gz"
    monkeypatch.setattr("leads.intake._finder_of", lambda _content: EncodingFinder())  # damage that comes after receipt
    text = "\n".join(mixed_lines(60_000, seed=8)).encode()
    path.write_bytes(gzip.compress(text, 1)[:-9])

    with pytest.raises(UnreadableLeadFile, match="cut off"):
        deliver(store, path, pace=Pace(block=1 << 20, rows=1, batch=1))

    with store.reading() as session:
        lead_file = session.scalars(select(LeadFile)).one()
        assert lead_file.state == "reading"
        assert (
            0
            < lead_file.rows_read
            == lead_file.rows_accepted + session.scalars(select(func.count()).select_from(LeadRow)).one()
        )


def test_a_file_that_the_first_version_left_unread_is_read_when_it_is_delivered_again(
    store: Store, tmp_path: Path
) -> None:
    path = written(tmp_path / "a.csv", ["tel;namn", "0701740605;Åsa", "12;Bo"])
    shelf = shelf_beside(store, path)
    left = receive_lead_file(store, shelf, OPERATOR, path=path, file_name="a.csv", source_slug="tavling")
    with store.writing() as session:
        session.execute(update(LeadFile).values(headings=None, kept=False))  # as 0002_reshape_leads leaves it
    shelf.remove(left.sha256)

    report = deliver(store, path)

    assert (report.id, report.state, report.rows, report.accepted, report.rejected) == (left.id, "finished", 2, 1, 1)
    assert deliver(store, path).repeated
