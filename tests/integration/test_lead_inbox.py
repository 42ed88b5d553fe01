"""A supplier's folder: whole files become lead files by themselves, and nothing else in it is ever touched."""

import json
import os
import random
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.clock import SystemClock
from core.errors import StorageUnavailable
from core.ledger import LedgerEntry
from core.store import Store
from jobs import lead_inbox
from jobs.beside import Readers
from jobs.lead_inbox import LeadInbox
from jobs.tasks import LeadFileReading
from leads.importer import receive_lead_file
from service import Service
from tests.deliveries import OPERATOR, mixed_lines, written
from tests.inboxes import LINES, files_of, looked_twice, names_in
from tests.registers import NOON, service_for


def test_each_source_has_a_folder_that_only_owner_and_group_may_fill(inbox: LeadInbox) -> None:
    folders = list(inbox.directory.iterdir())

    assert {folder.name for folder in folders} == {"tavling", "enkat", "lista", "soders"}
    assert {folder.stat().st_mode & 0o7777 for folder in folders} == {0o3770}


def test_a_whole_file_becomes_a_lead_file_of_its_source_and_its_report_lies_beside_it(
    service: Service, inbox: LeadInbox
) -> None:
    folder = inbox.directory / "enkat"
    written(folder / "vecka 47.csv", LINES)

    assert looked_twice(inbox, service) == {"enkat/vecka 47.csv": "done"}

    [file] = files_of(service.store)
    assert (file.filename, file.state, file.rows_accepted, file.received_by) == (
        "vecka 47.csv",
        "finished",
        1,
        "operator:inbox",
    )
    assert names_in(folder) == {"done/vecka 47.csv", "done/vecka 47.csv.report.json"}
    told = (folder / "done" / "vecka 47.csv.report.json").read_text("utf-8")
    report = json.loads(told)
    assert (report["lead_file_id"], report["source"], report["rows"]) == (file.id, "enkat", 2)
    assert (report["accepted"], report["reasons"]) == (1, {"invalid_number": 1})
    assert "Test" not in told
    assert "0605" not in told
    assert looked_twice(inbox, service) == {}


@pytest.mark.parametrize("name", ["höst.csv".encode("cp1252"), b"n" * 255])
def test_any_name_will_do(service: Service, inbox: LeadInbox, name: bytes) -> None:
    written(inbox.directory / "enkat" / os.fsdecode(name), LINES)

    assert list(looked_twice(inbox, service).values()) == ["done"]

    done = inbox.directory / "enkat" / "done"
    assert len(names_in(done)) == 2
    assert inbox.pick_up(service.store, NOON) == {}


def test_a_file_that_grows_is_not_taken_until_it_is_whole(service: Service, inbox: LeadInbox) -> None:
    path = inbox.directory / "tavling" / "a.csv"
    for line in LINES:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        assert inbox.pick_up(service.store, NOON) == {}

    assert inbox.pick_up(service.store, NOON) == {"tavling/a.csv": "done"}
    assert [file.rows_read for file in files_of(service.store)] == [2]


def test_a_file_that_a_process_still_writes_to_is_not_taken_however_long_it_stands_still(
    service: Service, inbox: LeadInbox
) -> None:
    path = inbox.directory / "tavling" / "a.csv"
    with path.open("w", encoding="utf-8") as upload:
        upload.write("\n".join(LINES[:2]))
        upload.flush()
        assert [inbox.pick_up(service.store, NOON) for _ in range(3)] == [{}, {}, {}]
        upload.write(f"\n{LINES[2]}\n")

    assert looked_twice(inbox, service) == {"tavling/a.csv": "done"}
    assert [file.rows_read for file in files_of(service.store)] == [2]


def test_a_file_waits_until_it_has_stood_still_long_enough(store: Store, service: Service, readers: Readers) -> None:
    seconds = [0.0]
    inbox = LeadInbox(service.settings, service.lead_files, readers, settle_seconds=10, monotonic=lambda: seconds[0])
    inbox.pick_up(store, NOON)
    written(inbox.directory / "tavling" / "a.csv", LINES)

    for at, outcome in ((0.0, {}), (9.9, {}), (10.0, {"tavling/a.csv": "done"})):
        seconds[0] = at
        assert inbox.pick_up(service.store, NOON) == outcome


@pytest.mark.parametrize("name", ["a.csv.part", "a.tmp", "a.csv.filepart", "a.crdownload", ".a.csv"])
def test_a_name_that_says_unfinished_is_never_touched(service: Service, inbox: LeadInbox, name: str) -> None:
    written(inbox.directory / "tavling" / name, LINES)

    assert looked_twice(inbox, service) == {}
    assert names_in(inbox.directory) == {f"tavling/{name}"}


def test_a_link_is_never_followed(service: Service, inbox: LeadInbox, tmp_path: Path) -> None:
    secret, folder = written(tmp_path / "other.csv", LINES), inbox.directory / "tavling"
    (folder / "a.csv").symlink_to(secret)
    written(folder / "b.csv", LINES)
    (tmp_path / "other.json").write_text('{"order": "B-3"}', "utf-8")
    (folder / "b.csv.delivery.json").symlink_to(tmp_path / "other.json")
    (folder / "done").symlink_to(tmp_path)

    assert looked_twice(inbox, service) == {"tavling/b.csv": "invalid-input"}
    assert files_of(service.store) == []
    assert names_in(tmp_path) & {"b.csv", "a.csv"} == set()


def test_what_lies_in_a_folder_of_the_inbox_is_never_taken_and_that_is_told_once(
    service: Service, inbox: LeadInbox, caplog: pytest.LogCaptureFixture
) -> None:
    folder = inbox.directory / "tavling"
    (folder / "2026-11").mkdir()
    written(folder / "2026-11" / "a.csv", LINES)
    written(folder / "b.csv", LINES)

    assert looked_twice(inbox, service) == {"tavling/b.csv": "done"}
    assert looked_twice(inbox, service) == {}
    assert [record.getMessage() for record in caplog.records] == [
        "a folder, link or pipe in the inbox of tavling is left alone: deliver plain files"
    ]


def test_a_folder_for_results_that_leads_elsewhere_is_not_written_to(
    service: Service, inbox: LeadInbox, tmp_path: Path
) -> None:
    folder, elsewhere = inbox.directory / "tavling", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "done").symlink_to(elsewhere)
    written(folder / "a.csv", LINES)
    inbox.pick_up(service.store, NOON)

    with pytest.raises(NotADirectoryError):
        inbox.pick_up(service.store, NOON)

    assert names_in(elsewhere) == set()
    assert (folder / "a.csv").exists()


def test_a_bad_file_is_set_aside_with_its_reason_and_the_others_are_taken(service: Service, inbox: LeadInbox) -> None:
    folder = inbox.directory / "tavling"
    written(folder / "a.csv", ["a;b", "1;2"])
    (folder / "b.csv").write_bytes(b"")
    written(folder / "c.csv", LINES)

    assert looked_twice(inbox, service) == {
        "tavling/a.csv": "unclear-headings",
        "tavling/b.csv": "unreadable-lead-file",
        "tavling/c.csv": "done",
    }
    assert names_in(folder / "refused") == {"a.csv", "a.csv.reason.txt", "b.csv", "b.csv.reason.txt"}
    assert (folder / "refused" / "a.csv.reason.txt").read_text("utf-8").startswith("unclear-headings\n")
    assert [file.filename for file in files_of(service.store)] == ["c.csv"]


def test_a_fault_of_the_service_keeps_that_file_there_and_stops_no_other(
    service: Service, inbox: LeadInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, receive = inbox.directory / "tavling", receive_lead_file
    for name in ("a.csv", "b.csv", "c.csv"):
        written(folder / name, [*LINES, f"12;{name}"])
    faults = {"a.csv": StorageUnavailable("the disk is full"), "b.csv": ZeroDivisionError()}

    def fail(*arguments: object, **named: object) -> object:
        if str(named["file_name"]) in faults:
            raise faults[str(named["file_name"])]
        return receive(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(lead_inbox, "receive_lead_file", fail)
    inbox.pick_up(service.store, NOON)
    with pytest.raises(ExceptionGroup) as raised:
        inbox.pick_up(service.store, NOON)

    assert set(raised.value.exceptions) == set(faults.values())
    assert [file.filename for file in files_of(service.store)] == ["c.csv"]
    monkeypatch.undo()
    assert inbox.pick_up(service.store, NOON) == {"tavling/a.csv": "done"}
    assert inbox.pick_up(service.store, NOON) == {}, "what fails for no known reason waits for a while"
    assert (folder / "b.csv").exists()


def test_a_folder_of_no_source_is_left_alone_and_told_of_once(
    service: Service, inbox: LeadInbox, caplog: pytest.LogCaptureFixture
) -> None:
    other = inbox.directory / "tavlingen"
    other.mkdir()
    written(other / "a.csv", LINES)

    assert looked_twice(inbox, service) == {}
    assert names_in(other) == {"a.csv"}
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["no source is called 'tavlingen'"]


def test_a_file_that_is_delivered_again_gets_the_report_of_the_first(service: Service, inbox: LeadInbox) -> None:
    folder = inbox.directory / "tavling"
    for _ in range(2):
        written(folder / "a.csv", LINES)
        assert looked_twice(inbox, service) == {"tavling/a.csv": "done"}

    assert len(files_of(service.store)) == 1
    first, second = (folder / "done" / f"{name}.report.json" for name in ("a.csv", "a.csv.2"))
    assert json.loads(first.read_text("utf-8")) == json.loads(second.read_text("utf-8"))


def test_a_large_file_is_read_by_a_process_beside_and_reported_when_it_is_finished(
    service: Service, inbox: LeadInbox, readers: Readers
) -> None:
    path = inbox.directory / "tavling" / "a.csv"
    filler = "x" * 4000
    written(path, [f"{line};{filler}" for line in mixed_lines(300, seed=5)])
    assert path.stat().st_size > lead_inbox.READ_AT_ONCE

    assert looked_twice(inbox, service) == {"tavling/a.csv": "reading"}
    assert path.exists()
    readers.wait()

    assert inbox.pick_up(service.store, NOON) == {"tavling/a.csv": "done"}
    [file] = files_of(service.store)
    assert (file.state, file.rows_read) == ("finished", 300)
    report = path.parent / "done" / "a.csv.report.json"
    assert json.loads(report.read_text("utf-8"))["rows"] == 300
    with service.store.reading() as session:
        kinds = session.scalars(select(LedgerEntry.kind).where(LedgerEntry.subject == file.id)).all()
    assert sorted(kinds) == ["lead_file.finished", "lead_file.received"]


def left_unread(service: Service, tmp_path: Path, name: str) -> str:
    """Receive a file and leave it so; return the lead file's id."""
    path = written(tmp_path / name, [*LINES, f"12;{name}"])
    report = receive_lead_file(
        service.store, service.lead_files, OPERATOR, path=path, file_name=name, source_slug="tavling"
    )
    assert report.id is not None
    return report.id


def test_what_nobody_reads_on_is_finished_and_a_damaged_file_is_told_of_once(
    store: Store, service: Service, readers: Readers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = left_unread(service, tmp_path, "damaged.csv")
    sound = left_unread(service, tmp_path, "sound.csv")
    place = files_of(service.store)[0].sha256
    kept = service.settings.lead_files_dir / f"{place}.kept"
    kept.write_bytes(kept.read_bytes()[:-1])
    reading = LeadFileReading(readers)

    assert reading.go_on(service.store, NOON + timedelta(seconds=60)) == "none left alone"
    later = NOON + timedelta(seconds=61)
    assert reading.go_on(service.store, later) == "2 left alone: 2 begun, 0 cannot be read"
    readers.wait()
    for _ in range(3):
        assert reading.go_on(service.store, later) == "1 left alone: 0 begun, 1 cannot be read"

    assert {file.id: file.state for file in files_of(service.store)} == {damaged: "reading", sound: "finished"}
    assert [record.getMessage() for record in caplog.records] == [
        f"lead file {damaged} cannot be read further: kept-file-damaged"
    ]


def test_a_file_whose_kept_copy_was_damaged_is_finished_when_it_is_delivered_again(
    service: Service, inbox: LeadInbox, readers: Readers, tmp_path: Path
) -> None:
    left_unread(service, tmp_path, "a.csv")
    [file] = files_of(service.store)
    kept = service.settings.lead_files_dir / f"{file.sha256}.kept"
    kept.write_bytes(b"")
    (tmp_path / "a.csv").rename(inbox.directory / "tavling" / "a.csv")

    assert looked_twice(inbox, service) == {"tavling/a.csv": "done"}
    assert [file.state for file in files_of(service.store)] == ["finished"]


def test_many_deliveries_to_many_sources_are_each_taken_once(service: Service, inbox: LeadInbox) -> None:
    chance = random.Random(3)
    for number in range(12):
        source = chance.choice(["tavling", "enkat", "lista", "soders"])
        written(inbox.directory / source / f"{number}.csv", [*LINES, f"12;{number}"])

    outcomes = looked_twice(inbox, service)

    assert len(outcomes) == 12
    assert set(outcomes.values()) == {"done"}
    assert len(files_of(service.store)) == 12


def test_a_look_by_another_process_after_a_restart_reports_what_was_received_before(
    database_url: str, tmp_path: Path, service: Service, inbox: LeadInbox
) -> None:
    path = written(inbox.directory / "tavling" / "a.csv", LINES)
    receive_lead_file(service.store, service.lead_files, OPERATOR, path=path, file_name="a.csv", source_slug="tavling")
    with closing(service_for(database_url, tmp_path / "var", SystemClock())) as other:
        readers = Readers(other.settings)
        again = LeadInbox(other.settings, other.lead_files, readers, settle_seconds=0)

        assert looked_twice(again, other) == {"tavling/a.csv": "done"}

    assert not path.exists()
    assert len(files_of(service.store)) == 1


@pytest.mark.parametrize("kind", ["a file", "a link to nothing"])
def test_a_source_whose_folder_is_none_stops_no_other_sources_deliveries(
    kind: str, service: Service, inbox: LeadInbox, readers: Readers
) -> None:
    taken = inbox.directory / "enkat"
    taken.rmdir()
    if kind == "a file":
        taken.write_text("ingen mapp", "utf-8")
    else:
        taken.symlink_to(inbox.directory / "finns-inte")
    written(inbox.directory / "tavling" / "nya.csv", LINES)
    fresh = LeadInbox(service.settings, service.lead_files, readers, settle_seconds=0)

    for _look in range(2):
        with pytest.raises(OSError, match="enkat"):
            fresh.pick_up(service.store, NOON)

    assert [file.filename for file in files_of(service.store)] == ["nya.csv"]
    assert names_in(inbox.directory / "tavling") == {"done/nya.csv", "done/nya.csv.report.json"}
