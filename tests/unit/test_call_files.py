"""Call records as dialers and carriers write them: which columns say what, and the moment that a row means."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dnc.call_records.errors import UnreadableCallRecords
from dnc.call_records.rows import CallFile, CallRow, Column, HowToReadCalls
from dnc.call_records.states import CallState

TEN = datetime(2026, 11, 24, 9, tzinfo=UTC)
STOCKHOLM = "Europe/Stockholm"
APART = HowToReadCalls(columns={Column.DAY: "Datum"}, zone=STOCKHOLM)


def rows(folder: Path, content: str, how: HowToReadCalls) -> list[CallRow]:
    """Return the rows of a file of call records with this content."""
    path = folder / "calls.csv"
    path.write_text(content, encoding="utf-8")
    return list(CallFile(path, how, TEN).rows())


@pytest.mark.parametrize(
    ("content", "how"),
    [
        ("A-nummer;B-nummer;Datum;Tid\n08465;070-1740605;2026-11-24;10:00:00\n", APART),
        ("Tid;Datum;B-nummer\n10.00;24/11 2026;0701740605\n", HowToReadCalls(
            columns={Column.DAY: "#2"}, time_format="%d/%m %Y %H.%M", zone=STOCKHOLM)),
        ("20261124;100000;46701740605\n", HowToReadCalls(
            columns={Column.DAY: "#1", Column.STARTED_AT: "#2", Column.NUMBER: "#3"}, zone=STOCKHOLM)),
        ("call_date,phone_number_dialed,length_in_sec\n2026-11-24 10:00:00,0701740605,63\n", HowToReadCalls(
            zone=STOCKHOLM)),
        ("caller_id_number,destination_number,start_stamp,uuid\n08465,0701740605,2026-11-24 10:00:00,u-1\n",
            HowToReadCalls(zone=STOCKHOLM)),
    ],
)  # fmt: skip
def test_a_call_is_read_however_number_and_moment_are_written(
    tmp_path: Path, content: str, how: HowToReadCalls
) -> None:
    [row] = rows(tmp_path, content, how)

    assert (row.fault, row.number, row.started_at) == (None, 46701740605, TEN)


@pytest.mark.parametrize("line", [";10:00:00", "2026-11-24;", "2026-11-24 10:00:00;10:00:00", "10:00:00;2026-11-24"])
def test_a_day_or_a_time_by_itself_is_no_moment(tmp_path: Path, line: str) -> None:
    [row] = rows(tmp_path, f"Datum;Tid;Telefon\n{line};0701740605\n", APART)

    assert (row.fault, row.started_at) == (CallState.UNREADABLE_TIME, None)


def test_which_of_two_columns_holds_the_day_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(UnreadableCallRecords, match=r"several columns may hold started_at.*the day"):
        rows(tmp_path, "Datum;Tid;Telefon\n2026-11-24;00:01:03;0701740605\n", HowToReadCalls(zone=STOCKHOLM))
