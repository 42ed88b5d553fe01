"""Files of call records matched to checks: every row accounted for, once, and what no check permitted is found."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event, select

from core.access import Caller
from core.errors import Forbidden, InvalidInput, NotFound
from core.ledger import LedgerEntry
from dnc.call_records import importing
from dnc.call_records.errors import TooManyCallRecords, UnknownCallRecords, UnreadableCallRecords
from dnc.call_records.importing import match_call_records
from dnc.call_records.models import CallRecord
from dnc.call_records.reports import (
    CallRecordsReport,
    call_record_files,
    call_records_report,
    call_rows,
    contacts_without_record,
)
from dnc.call_records.rows import Column, HowToReadCalls
from dnc.call_records.states import CallState
from dnc.campaigns import close_campaign
from dnc.drafts import UnknownCampaign
from dnc.holds import close_hold, report_objection
from tests.calls import call, check, compliance, contact, dialer
from tests.integration.seeds import verified
from tests.integration.stories import value_of
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LISTED,
    OPERATOR,
    OPTED_OUT,
    OTHER_CAMPAIGN,
    SELLER,
    TUESDAY_AT_TEN,
    WITHOUT_SOURCE,
    Seeded,
    opt_out,
)

MINUTE = timedelta(minutes=1)
HEADINGS = "started_at;b_number;duration;call_id;agent"


def written(folder: Path, *rows: str, headings: str = HEADINGS, name: str = "calls.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([headings, *rows]) + "\n", encoding="utf-8")
    return path


def row(number: str, minutes: float = 0, call_id: str = "") -> str:
    return f"{(TUESDAY_AT_TEN + minutes * MINUTE).isoformat()};{number};0:42;{call_id};agent 7"


def matched(
    seeded: Seeded,
    path: Path,
    how: HowToReadCalls | None = None,
    caller: Caller = OPERATOR,
    campaign: str | None = None,
) -> CallRecordsReport:
    return match_call_records(
        seeded.service.store,
        seeded.service.shelf.listed,
        caller,
        path=path,
        file_name=path.name,
        seller=SELLER,
        campaign=campaign,
        how=how,
    )


def counted(report: CallRecordsReport) -> dict[str, int]:
    return {state: count for state, count in (report.counts or {}).items() if count}


def test_each_row_says_what_became_of_it_and_all_rows_are_accounted_for(seeded: Seeded, tmp_path: Path) -> None:
    check(seeded, FROM_PARTNER, TUESDAY_AT_TEN)
    check(seeded, LISTED, TUESDAY_AT_TEN)
    check(seeded, FROM_LIST, TUESDAY_AT_TEN)
    seeded.clock.at = TUESDAY_AT_TEN + timedelta(hours=2)
    path = written(
        tmp_path,
        row(FROM_PARTNER, 1, "a"),
        row(FROM_PARTNER, 2, "b"),
        row("070-174 06 05", 1, "a"),
        row(LISTED, 1),
        row(FROM_LIST, 30),
        row(WITHOUT_SOURCE, 1),
        row(OPTED_OUT, 1),
        row("fel", 1),
        row(FROM_PARTNER, 600),
        f"i går;{FROM_PARTNER};1;;",
        f"2026-11-24T10:00:00;{FROM_PARTNER};1;;",
        '"unclosed;quote',
    )

    report = matched(seeded, path)

    assert counted(report) == {
        "matched": 1,
        "check_used": 1,
        "repeated": 1,
        "denied_check": 1,
        "after_end": 1,
        "without_check": 1,
        "after_opt_out": 1,
        "unreadable_number": 1,
        "in_future": 1,
        "unreadable_time": 2,
        "unreadable_row": 1,
    }
    assert (report.rows, report.calls, report.share_matched) == (12, 6, 1 / 6)


def test_a_matched_row_names_its_check_and_contact(seeded: Seeded, tmp_path: Path) -> None:
    checked = check(seeded, FROM_PARTNER, TUESDAY_AT_TEN)
    logged = contact(seeded, checked.id, "a", TUESDAY_AT_TEN + MINUTE)
    seeded.clock.at += timedelta(hours=1)

    report = matched(seeded, written(tmp_path, row(FROM_PARTNER, 1, "a")))

    with seeded.service.store.reading() as session:
        [one] = call_rows(session, OPERATOR, report.id, states=[CallState.MATCHED])
        assert (one.check_id, one.contact_id, one.seconds, one.agent) == (checked.id, logged, 42, "agent 7")
    assert (report.contacts, report.contacts_missing) == (1, 0)


def test_a_call_after_a_no_is_found_whatever_its_check_said(seeded: Seeded, tmp_path: Path) -> None:
    check(seeded, FROM_PARTNER, TUESDAY_AT_TEN)
    seeded.clock.at = TUESDAY_AT_TEN + MINUTE
    opt_out(seeded.service, FROM_PARTNER, seeded.seller_id)
    seeded.clock.at += MINUTE

    assert counted(matched(seeded, written(tmp_path, row(FROM_PARTNER, 2)))) == {"after_opt_out": 1}


def test_a_call_after_a_newer_no_to_its_dialer_is_reported(seeded: Seeded, tmp_path: Path) -> None:
    check(seeded, FROM_PARTNER, TUESDAY_AT_TEN)
    with seeded.service.store.writing() as session:
        close_campaign(session, OPERATOR, slug=CAMPAIGN, now=TUESDAY_AT_TEN + MINUTE)
    check(seeded, FROM_PARTNER, TUESDAY_AT_TEN + 2 * MINUTE)
    seeded.clock.at += 9 * MINUTE

    assert counted(matched(seeded, written(tmp_path, row(FROM_PARTNER, 3)))) == {"denied_check": 1}


def test_contacts_that_no_call_record_shows_are_listed(seeded: Seeded, tmp_path: Path) -> None:
    call(seeded, FROM_PARTNER, "shown", TUESDAY_AT_TEN)
    missing = call(seeded, FROM_LIST, "not shown", TUESDAY_AT_TEN + MINUTE)
    call(seeded, OPTED_OUT, "after the file's last", TUESDAY_AT_TEN + 60 * MINUTE)

    report = matched(seeded, written(tmp_path, row(FROM_PARTNER), row(WITHOUT_SOURCE, 30)))

    assert (report.contacts, report.contacts_missing) == (2, 1)
    with seeded.service.store.reading() as session:
        assert [one.id for one in contacts_without_record(session, OPERATOR, report.id)] == [missing]
        assert contacts_without_record(session, OPERATOR, report.id, after=missing) == []


def test_the_same_file_again_gives_the_first_report_and_read_otherwise_a_new_one(
    seeded: Seeded, tmp_path: Path
) -> None:
    check(seeded, FROM_PARTNER, TUESDAY_AT_TEN)
    path = written(tmp_path, row(FROM_PARTNER))
    first = matched(seeded, path)

    again = matched(seeded, path)
    otherwise = matched(seeded, path, campaign=CAMPAIGN)

    assert (first.repeated, again.repeated, again.id) == (False, True, first.id)
    assert (otherwise.repeated, counted(otherwise)) == (False, {"matched": 1})
    with seeded.service.store.reading() as session:
        assert [one.id for one in call_record_files(session, OPERATOR)] == [otherwise.id, first.id]


def test_a_file_that_was_read_wrongly_at_first_is_judged_as_if_it_came_now(seeded: Seeded, tmp_path: Path) -> None:
    """The first reading takes no contact, check or call from the second."""
    checked = check(seeded, FROM_PARTNER, TUESDAY_AT_TEN)
    logged = contact(seeded, checked.id, "a", TUESDAY_AT_TEN + MINUTE)
    seeded.clock.at += timedelta(hours=3)
    path = written(tmp_path, f"2026-11-24 10:01:00;{FROM_PARTNER};42;a;")
    wrong = matched(seeded, path, HowToReadCalls(zone="UTC"))

    right = matched(seeded, path, HowToReadCalls(zone="Europe/Stockholm"))

    assert (counted(wrong), counted(right)) == ({"after_end": 1}, {"matched": 1})
    with seeded.service.store.reading() as session:
        [one] = call_rows(session, OPERATOR, right.id, states=[CallState.MATCHED])
        assert (one.check_id, one.contact_id) == (checked.id, logged)
    assert not verified(seeded.service).findings


def test_a_list_of_files_takes_as_many_questions_however_many_there_are(seeded: Seeded, tmp_path: Path) -> None:
    asked = []
    event.listen(seeded.service.store.engine, "before_cursor_execute", lambda *_: asked.append(1))
    made, listed, counts = [], list[CallRecordsReport](), []
    for place in range(3):
        made.append(matched(seeded, written(tmp_path, row(FROM_PARTNER, place), name=f"{place}.csv")))
        asked.clear()
        with seeded.service.store.reading() as session:
            listed = call_record_files(session, OPERATOR)
        counts.append(len(asked))

    assert listed == made[::-1]
    assert len(set(counts)) == 1, counts


def test_a_call_in_two_files_counts_once_and_keeps_its_check(seeded: Seeded, tmp_path: Path) -> None:
    check(seeded, FROM_PARTNER, TUESDAY_AT_TEN)
    matched(seeded, written(tmp_path, row(FROM_PARTNER, 0, "a")))
    seeded.clock.at += 9 * MINUTE

    report = matched(seeded, written(tmp_path, row(FROM_PARTNER, 0, "a"), row(FROM_PARTNER, 5, "b"), name="more.csv"))

    assert counted(report) == {"repeated": 1, "check_used": 1}


@pytest.mark.parametrize("units", range(4))
def test_what_was_cut_off_anywhere_goes_on_when_it_is_asked_for_again(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, units: int
) -> None:
    check(seeded, FROM_PARTNER, TUESDAY_AT_TEN)
    path = written(tmp_path, *(row(FROM_PARTNER, minute / 2) for minute in range(5)))
    seeded.clock.at += 9 * MINUTE
    monkeypatch.setattr(importing, "ROWS_AT_ONCE", 2)
    real, done = importing._keep, [0]

    def cut_off(*arguments: Any) -> Any:
        done[0] += 1
        if done[0] > units:
            raise KeyboardInterrupt
        return real(*arguments)

    def cut_off_at_the_end(*_arguments: object) -> CallRecordsReport:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(importing, "_keep", cut_off)
        patched.setattr(importing, "_finish", cut_off_at_the_end)
        with pytest.raises(KeyboardInterrupt):
            matched(seeded, path)
    with seeded.service.store.reading() as session:
        [begun] = call_record_files(session, OPERATOR)
    assert (begun.rows, begun.counts, begun.matched_at) == (min(2 * units, 5), None, None)

    report = matched(seeded, path)

    assert (report.id, report.rows, counted(report)) == (begun.id, 5, {"matched": 1, "check_used": 4})
    with seeded.service.store.reading() as session:
        assert list(session.scalars(select(CallRecord.row_no).order_by(CallRecord.row_no))) == [1, 2, 3, 4, 5]
    assert not verified(seeded.service).findings


@pytest.mark.parametrize(("minute", "other"), [(1, "check_used"), (0, "repeated")])
def test_two_files_matched_at_the_same_moment_never_put_two_calls_on_one_check(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minute: int, other: str
) -> None:
    check(seeded, FROM_PARTNER, TUESDAY_AT_TEN)
    seeded.clock.at += 9 * MINUTE
    files = [written(tmp_path, row(FROM_PARTNER, 0), name="first.csv")]
    files.append(written(tmp_path, row(FROM_PARTNER, minute), "x;y", name="second.csv"))
    both, real = Barrier(2), importing._match

    def match_together(*arguments: Any) -> None:
        real(*arguments)
        if len(arguments) == 4:  # not when it is done anew
            both.wait(60)

    monkeypatch.setattr(importing, "_match", match_together)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda path: matched(seeded, path), files))

    with seeded.service.store.reading() as session:
        states = session.scalars(select(CallRecord.state).where(CallRecord.number.is_not(None))).all()
    assert sorted(states) == sorted(["matched", other])
    assert not verified(seeded.service).findings


def test_a_file_that_goes_on_after_others_came_keeps_to_what_it_wrote_itself(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check carries the row that is kept already, though the same call stands in another file since."""
    check(seeded, FROM_PARTNER, TUESDAY_AT_TEN)
    seeded.clock.at += 9 * MINUTE
    path = written(tmp_path, row(FROM_PARTNER, 0), row(FROM_PARTNER, 1))
    monkeypatch.setattr(importing, "ROWS_AT_ONCE", 1)
    real, done = importing._keep, [0]

    def cut_off(*arguments: Any) -> Any:
        done[0] += 1
        if done[0] > 1:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(importing, "_keep", cut_off)
        with pytest.raises(KeyboardInterrupt):
            matched(seeded, path)
    assert counted(matched(seeded, written(tmp_path, row(FROM_PARTNER, 0), name="other.csv"))) == {"repeated": 1}

    assert counted(matched(seeded, path)) == {"matched": 1, "check_used": 1}


def test_a_call_is_judged_though_an_earlier_file_had_it_in_the_future(seeded: Seeded, tmp_path: Path) -> None:
    check(seeded, FROM_PARTNER, TUESDAY_AT_TEN)
    assert counted(matched(seeded, written(tmp_path, row(FROM_PARTNER, 30)))) == {"in_future": 1}
    seeded.clock.at += timedelta(hours=1)

    report = matched(seeded, written(tmp_path, row(FROM_PARTNER, 30), row(LISTED, 31), name="whole.csv"))

    assert counted(report) == {"after_end": 1, "without_check": 1}


def test_a_check_carries_one_call_though_that_one_was_stopped_and_stands_in_another_file(
    seeded: Seeded, tmp_path: Path
) -> None:
    check(seeded, FROM_PARTNER, TUESDAY_AT_TEN)
    number, keyring = value_of(FROM_PARTNER), seeded.service.keyring
    with seeded.service.store.writing() as session:
        hold = report_objection(
            session, OPERATOR, keyring, number=number, seller_id=seeded.seller_id, note="", now=TUESDAY_AT_TEN
        )
        close_hold(session, OPERATOR, keyring, hold_id=hold.id, resolution="?", now=TUESDAY_AT_TEN + 2 * MINUTE)
    seeded.clock.at += 9 * MINUTE

    assert counted(matched(seeded, written(tmp_path, row(FROM_PARTNER, 1)))) == {"during_hold": 1}
    assert counted(matched(seeded, written(tmp_path, row(FROM_PARTNER, 3), name="2.csv"))) == {"check_used": 1}


def test_the_result_is_on_record_without_a_number(seeded: Seeded, tmp_path: Path) -> None:
    report = matched(seeded, written(tmp_path, row(FROM_PARTNER)))

    with seeded.service.store.reading() as session:
        [payload] = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == "call_records.matched"))
    assert report.sha256 in (payload or "")
    assert '"without_check":1' in (payload or "")
    assert FROM_PARTNER[1:] not in (payload or "")


def test_a_campaign_narrows_to_its_own_checks(seeded: Seeded, tmp_path: Path) -> None:
    check(seeded, FROM_PARTNER, TUESDAY_AT_TEN)
    path = written(tmp_path, row(FROM_PARTNER))

    with pytest.raises(UnknownCampaign):
        matched(seeded, path, campaign=OTHER_CAMPAIGN)
    assert counted(matched(seeded, path, campaign=CAMPAIGN)) == {"matched": 1}


@pytest.mark.parametrize(
    ("headings", "line", "how"),
    [
        ("Tid;Telefon", "2026-11-24T10:00:00+01:00;0701740605", HowToReadCalls()),
        ("Tid,B-nummer", "2026-11-24 10:00:00,+46 70 174 06 05", HowToReadCalls(zone="Europe/Stockholm")),
        ("when\tdst", "24/11/2026 10:00\t46701740605", HowToReadCalls(
            columns={Column.STARTED_AT: "when"}, time_format="%d/%m/%Y %H:%M", zone="Europe/Stockholm")),
        ("start;called", "1795510800;0701740605", HowToReadCalls(time_format="epoch")),
        ("ring;vem", "0701740605;2026-11-24T09:00:00Z", HowToReadCalls(
            columns={Column.NUMBER: "ring", Column.STARTED_AT: "#2"})),
        ("2026-11-24T08:59:00Z;0701740606", "2026-11-24T09:00:00Z;0701740605", HowToReadCalls(
            columns={Column.NUMBER: "#2", Column.STARTED_AT: "#1"})),
    ],
)  # fmt: skip
def test_files_are_read_as_dialers_and_carriers_write_them(
    on_sqlite: Seeded, tmp_path: Path, headings: str, line: str, how: HowToReadCalls
) -> None:
    check(on_sqlite, FROM_PARTNER, TUESDAY_AT_TEN)

    report = matched(on_sqlite, written(tmp_path, line, headings=headings), how)

    assert (report.counts or {})["matched"] == 1, counted(report)


def test_an_hour_that_comes_twice_is_not_guessed(on_sqlite: Seeded, tmp_path: Path) -> None:
    path = written(tmp_path, f"2026-10-25 02:30:00;{FROM_PARTNER};;;", f"2026-03-29 02:30:00;{FROM_PARTNER};;;")

    assert counted(matched(on_sqlite, path, HowToReadCalls(zone="Europe/Stockholm"))) == {"ambiguous_time": 2}


@pytest.mark.parametrize("day", ["2026-11-24", "20261124", "2026-W48-2", "2026-11-24+01:00", "2026-11-24-08:00"])
def test_a_day_is_no_moment_at_which_two_calls_would_be_one(on_sqlite: Seeded, tmp_path: Path, day: str) -> None:
    path = written(tmp_path, f"{day};{FROM_PARTNER};;;", f"{day};{FROM_PARTNER};;;")

    assert counted(matched(on_sqlite, path, HowToReadCalls(zone="Europe/Stockholm"))) == {"unreadable_time": 2}


@pytest.mark.parametrize(
    ("content", "how", "why"),
    [
        (b"", HowToReadCalls(), "no line of headings"),
        (b"\x00" * 99, HowToReadCalls(), "NUL"),
        (b"a;b\n1;2\n", HowToReadCalls(), "no heading means number"),
        (b"telefon;mobil;start\n1;2;3\n", HowToReadCalls(), "several columns may hold number"),
        (b"telefon;x\n1;2\n", HowToReadCalls(), "no heading means started_at"),
        (
            b"telefon;start\n1;2\n",
            HowToReadCalls(columns={Column.AGENT: "vem"}),
            "no column of the name given for agent",
        ),
    ],
)
def test_a_file_whose_columns_are_not_clear_is_refused_and_nothing_kept(
    on_sqlite: Seeded, tmp_path: Path, content: bytes, how: HowToReadCalls, why: str
) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(content)

    with pytest.raises(UnreadableCallRecords, match=why):
        matched(on_sqlite, path, how)
    with on_sqlite.service.store.reading() as session:
        assert call_record_files(session, OPERATOR) == []


@pytest.mark.parametrize(
    "time_format",
    [
        *("%Y-%m-%d %Y", "%Q", "%", "%-d.%m.%Y %H:%M", "%G-%V", "hh:mm", "(", "%H:%M:%S", "%Y-%m-%d", "%Y-%m-%d %I:%M"),
        *("%Y-%m-%d %H:%M:%S %Z", "%d %b %H:%M:%S%%%Z%Y"),
    ],
)
def test_a_way_to_write_times_that_tells_no_moment_is_refused_and_nothing_is_kept(
    on_sqlite: Seeded, tmp_path: Path, time_format: str
) -> None:
    path = written(tmp_path, row(FROM_PARTNER))

    with pytest.raises(InvalidInput, match="time_format"):
        matched(on_sqlite, path, HowToReadCalls(time_format=time_format))

    with on_sqlite.service.store.reading() as session:
        assert call_record_files(session, OPERATOR) == []


def test_who_may_and_what_there_is_not(on_sqlite: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, row(FROM_PARTNER), row(FROM_LIST))
    with pytest.raises(Forbidden):
        matched(on_sqlite, path, caller=dialer(on_sqlite))
    with pytest.raises(NotFound):
        matched(on_sqlite, path, caller=compliance(on_sqlite.other_seller_id))
    with pytest.raises(InvalidInput, match="zone"):
        matched(on_sqlite, path, HowToReadCalls(zone="Mars/Base"))
    report = matched(on_sqlite, path)
    monkeypatch.setattr(importing, "MOST_ROWS", 1)
    with pytest.raises(TooManyCallRecords):
        matched(on_sqlite, written(tmp_path, row(FROM_PARTNER), row(LISTED), name="other.csv"))
    with on_sqlite.service.store.reading() as session:
        with pytest.raises(UnknownCallRecords):
            call_records_report(session, compliance(on_sqlite.other_seller_id), report.id)
        assert call_record_files(session, compliance(on_sqlite.other_seller_id)) == []
