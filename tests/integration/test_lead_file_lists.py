"""Lead files listed, the newest first: each once whatever arrives meanwhile, and another seller's never."""

from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import event

import core.pages
from core.access import Caller, Role
from core.errors import Forbidden, NotFound
from core.store import Store
from leads.file_lists import ListedLeadFile, lead_file_page
from leads.pauses import pause_lead_file
from leads.quarantines import quarantine_lead_file
from leads.reading import Pace
from leads.suppliers import source_of
from leads.terms import FileState
from tests.deliveries import FIRST, OPERATOR, deliver, lead_manager, mixed_lines, written
from tests.registers import NOON


def delivered(store: Store, folder: Path, name: str, source: str = "tavling") -> str:
    """Deliver a file of one row and return its id; the name makes its contents its own."""
    report = deliver(store, written(folder / name, ["Telefon;Namn", f"+{FIRST};{name}"]), source)
    assert report.id is not None
    return report.id


def all_pages(
    store: Store,
    caller: Caller = OPERATOR,
    *,
    source: str | None = None,
    state: FileState | None = None,
    limit: int = 2,
) -> list[list[ListedLeadFile]]:
    """Return every page, from the newest file to the oldest."""
    pages, cursor = [], None
    with store.reading() as session:
        while True:
            page = lead_file_page(session, caller, source=source, state=state, cursor=cursor, limit=limit)
            pages.append(list(page.files))
            cursor = page.next_cursor
            if cursor is None:
                return pages


def ids(pages: list[list[ListedLeadFile]]) -> list[str]:
    """Return the ids on the pages, in order."""
    return [file.id for page in pages for file in page]


def seller_of(store: Store, source: str) -> str:
    """Return the id of the seller that a source belongs to."""
    with store.reading() as session:
        return source_of(session, OPERATOR, source).seller_id


def test_files_are_listed_the_newest_first_and_each_once_though_others_arrive(store: Store, tmp_path: Path) -> None:
    made = [delivered(store, tmp_path, f"{place}.csv") for place in range(5)]
    with store.reading() as session:
        first = lead_file_page(session, OPERATOR, limit=2)

    latest = delivered(store, tmp_path, "latest.csv")

    with store.reading() as session:
        second = lead_file_page(session, OPERATOR, cursor=first.next_cursor, limit=2)
        third = lead_file_page(session, OPERATOR, cursor=second.next_cursor, limit=2)
    seen = [file.id for page in (first, second, third) for file in page.files]
    assert seen == made[::-1]
    assert third.next_cursor is None
    assert ids(all_pages(store)) == [latest, *made[::-1]]


def test_a_list_tells_what_became_of_each_file(store: Store, tmp_path: Path) -> None:
    rows = ["Telefon;Namn", f"+{FIRST};A", f"+{FIRST};B", "hemligt;C", f"+{FIRST} / +{FIRST + 1};D"]
    report = deliver(store, written(tmp_path / "leads.csv", rows), "lista")

    [[file]] = all_pages(store)

    assert (file.id, file.source, file.file_name) == (report.id, "lista", "leads.csv")
    assert (file.sha256, file.size, file.format) == (report.sha256, report.size, report.format)
    assert (file.rows, file.accepted, file.rejected, file.duplicate, file.ambiguous) == (4, 1, 1, 1, 1)
    assert (file.state, file.progress) == (FileState.FINISHED, 1.0)
    assert (file.received_at, file.received_by) == (report.received_at, OPERATOR.actor)


def test_a_file_that_is_being_read_tells_how_far_it_has_come(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "large.csv", mixed_lines(200, seed=1))

    def cut_off(_rows: int, share: float | None) -> None:
        if share is None or share > 1 / 3:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        deliver(store, path, pace=Pace(block=300, rows=10, batch=1), progress=cut_off)
    delivered(store, tmp_path, "small.csv")

    [[small], [large]] = all_pages(store, limit=1)

    assert (small.state, small.progress) == (FileState.FINISHED, 1.0)
    assert large.state is FileState.READING
    assert large.progress is not None
    assert 0.3 < large.progress < 1
    assert 0 < large.rows < 200
    assert ids(all_pages(store, state=FileState.READING)) == [large.id]
    assert ids(all_pages(store, state=FileState.FINISHED)) == [small.id]


def test_files_are_listed_by_source_and_only_the_callers_own(store: Store, tmp_path: Path) -> None:
    made = {source: delivered(store, tmp_path, f"{source}.csv", source) for source in ("tavling", "lista", "soders")}
    norrsken = lead_manager(seller_of(store, "tavling"))
    soder = lead_manager(seller_of(store, "soders"))

    assert ids(all_pages(store, source="lista")) == [made["lista"]]
    assert ids(all_pages(store, source="enkat")) == []
    assert ids(all_pages(store, norrsken)) == [made["lista"], made["tavling"]]
    assert ids(all_pages(store, soder)) == [made["soders"]]
    with store.reading() as session:
        for source in ("soders", "nothing"):
            with pytest.raises(NotFound, match="there is no source with that slug"):
                lead_file_page(session, norrsken, source=source, limit=1)


def test_a_page_looks_through_so_many_files_and_no_more_and_the_next_goes_on(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = delivered(store, tmp_path, "mine.csv", "soders")
    for place in range(4):
        delivered(store, tmp_path, f"{place}.csv")
    newest = delivered(store, tmp_path, "newest.csv", "soders")
    monkeypatch.setattr(core.pages, "LOOKED_THROUGH", 2)

    pages = all_pages(store, lead_manager(seller_of(store, "soders")))

    assert [[file.id for file in page] for page in pages[:3]] == [[newest], [], [mine]]
    assert ids(pages) == [newest, mine]
    assert ids(all_pages(store, source="soders")) == [newest, mine]


def test_a_file_that_arrives_while_a_page_is_read_has_no_other_told_of_twice(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [delivered(store, tmp_path, f"{place}.csv") for place in range(4)]
    monkeypatch.setattr(core.pages, "LOOKED_THROUGH", 2)
    arrived: list[str] = []

    def arrive(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "min(" in statement and not arrived:
            arrived.append("")
            arrived[0] = delivered(store, tmp_path, "meanwhile.csv")

    event.listen(store.engine, "before_cursor_execute", arrive)
    pages = all_pages(store)

    assert arrived
    assert ids(pages) == made[::-1]


def test_a_pause_and_a_quarantine_are_told(store: Store, tmp_path: Path) -> None:
    file_id = delivered(store, tmp_path, "leads.csv")

    with store.writing() as session:
        pause_lead_file(session, OPERATOR, lead_file_id=file_id, reason="klagomål", now=NOON)
    [[paused]] = all_pages(store)
    with store.writing() as session:
        quarantine_lead_file(session, OPERATOR, lead_file_id=file_id, reason="klagomål", now=NOON)
    [[quarantined]] = all_pages(store)

    assert (paused.paused_at, paused.quarantined_at) == (NOON, None)
    assert quarantined.quarantined_at == NOON


@pytest.mark.parametrize("role", [Role.DIALER, Role.SALES, Role.CUSTOMER_SERVICE, Role.ADMIN])
def test_who_may_not_see_sources_is_shown_no_lead_file(store: Store, role: Role) -> None:
    caller = Caller(id="k", name="k", kind="key", role=role, seller_id=None)

    with store.reading() as session, pytest.raises(Forbidden):
        lead_file_page(session, caller, limit=1)
