"""Whole files screened: by the rules of a check, on record, and told to whom it may be."""

import csv
import io
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from core.access import Caller, Role
from core.errors import Forbidden, NotFound
from core.ledger import LedgerEntry, payload_digest
from core.sellers import seller_named
from dnc.audit import compare_records
from dnc.drafts import UnknownCampaign
from dnc.gate import Question
from dnc.recorded import decided_otherwise
from dnc.screenings import running
from dnc.screenings.errors import (
    ScreeningDamaged,
    UnknownScreening,
)
from dnc.screenings.kept_files import forget_screened_files, open_result
from dnc.screenings.lookups import answers_on
from dnc.screenings.models import Screening, ScreeningPart
from dnc.screenings.recording import PART_KIND, recorded_part
from dnc.screenings.service import KEPT_FOR, Wanted, ask_screening
from dnc.screenings.terms import ScreeningState
from dnc.screenings.work import Screenings, what_if, work_on
from dnc.seller_rules.setting import set_rules
from tests.integration.seeds import dialer_of
from tests.integration.tampering import tamper
from tests.screened import CELLS, file_in, report, rows_of, screened, screenings
from tests.seeding import (
    CAMPAIGN,
    FROM_LIST,
    FROM_PARTNER,
    LIST_SOURCE,
    LISTED,
    OPERATOR,
    OPTED_OUT,
    OTHER_CAMPAIGN,
    PARTNER_SAYS,
    PARTNER_SOURCE,
    SELLER,
    Seeded,
    opt_out,
)


def test_each_row_gets_what_a_check_of_its_number_answers(seeded: Seeded, tmp_path: Path) -> None:
    source = file_in(tmp_path)

    screening_id, target = screened(seeded, source)

    rows = rows_of(target)
    asked = [Question(cell) for cell in CELLS]
    checks = [json.loads(one.json) for one in seeded.service.gate.ask_many(OPERATOR, CAMPAIGN, asked)]
    assert [row["Telefon"] for row in rows] == list(CELLS)
    assert [row["verdict"] for row in rows] == [check["verdict"] for check in checks]
    assert [row["reasons"].split() for row in rows] == [[one["code"] for one in check["reasons"]] for check in checks]
    assert [row["valid_until"] or None for row in rows] == [check["valid_until"] for check in checks]
    assert [row["fault"] for row in rows if row["fault"]] == ["empty", "ambiguous"]
    assert (rows[0]["ground"], rows[0]["basis"], rows[0]["say"]) == ("lead", "legitimate_interest", PARTNER_SAYS)
    assert target.read_bytes().count(b"\r\n") == len(CELLS) + 1
    summary = report(seeded, screening_id)
    assert (summary.state, summary.rows, summary.progress) == (ScreeningState.DONE, len(CELLS), 1.0)
    assert summary.verdicts == {"allow": 2, "deny": 4, "unknown": 2}
    assert summary.reasons["invalid_number"] == 2
    assert summary.registers == ("nix:2026-11-15",)
    assert summary.policies == ("se-2026-1",)


def test_the_answer_to_any_number_is_shown_and_decided_again_from_the_record(seeded: Seeded, tmp_path: Path) -> None:
    screening_id, _ = screened(seeded, file_in(tmp_path, [*CELLS, *CELLS]))
    opt_out(seeded.service, FROM_PARTNER, None)  # what is known later changes nothing that was answered

    with seeded.service.store.reading() as session:
        rows = list(answers_on(session, OPERATOR, screening_id, int(FROM_PARTNER)))
        entries = session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == PART_KIND)).all()

    assert [(row.row, row.answer["verdict"]) for row in rows] == [(1, "allow"), (9, "allow")]
    assert rows[0].decided_at == seeded.clock.now()
    assert "collected_at" not in rows[0].answer["source"]  # type: ignore[operator] # an object of the wire form
    decisions = [decision for entry in entries for decision in json.loads(entry or "")["decisions"]]
    assert [decided_otherwise(decision) for decision in decisions] == [None] * len(decisions)
    assert sum(decision["rows"] for decision in decisions) == 2 * len(CELLS)
    assert not any(cell.lstrip("+") in (entry or "") for entry in entries for cell in (FROM_PARTNER, LISTED, OPTED_OUT))


def test_a_changed_record_is_never_told(on_sqlite: Seeded, tmp_path: Path) -> None:
    screening_id, _ = screened(on_sqlite, file_in(tmp_path))
    store = on_sqlite.service.store
    with store.reading() as session:
        assert compare_records(session, store.keyring) == []
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER screening_parts_no_update")
        connection.exec_driver_sql("UPDATE screening_parts SET packed = CAST(packed || x'00' AS BLOB) WHERE no = 0")

    with store.reading() as session, pytest.raises(ScreeningDamaged):
        list(answers_on(session, OPERATOR, screening_id, int(FROM_PARTNER)))
    with store.reading() as session:
        [finding] = compare_records(session, store.keyring)
    assert finding.detail == "a part of a screening was changed"


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"packed":"","decisions":7}'])
def test_a_record_that_cannot_be_read_is_never_told(on_sqlite: Seeded, tmp_path: Path, payload: str) -> None:
    screening_id, _ = screened(on_sqlite, file_in(tmp_path))
    changed = {"payload": payload, "digest": payload_digest(payload)}
    tamper(on_sqlite.service, update(LedgerEntry).where(LedgerEntry.kind == PART_KIND).values(**changed))

    with on_sqlite.service.store.reading() as session, pytest.raises(ScreeningDamaged):
        recorded_part(session, screening_id, 0)
    with on_sqlite.service.store.reading() as session, pytest.raises(ScreeningDamaged):
        list(answers_on(session, OPERATOR, screening_id, int(FROM_PARTNER)))


def test_a_record_is_told_only_as_it_was_written(seeded: Seeded, tmp_path: Path) -> None:
    """Neither one in which an answer was changed, nor one whose part was taken away, as if there were no such row."""
    entry = LedgerEntry.subject.endswith(":0")
    changed, _ = screened(seeded, file_in(tmp_path), part_rows=100)
    tamper(seeded.service, update(LedgerEntry).where(entry).values(payload=func.replace(LedgerEntry.payload, "y", "Y")))
    taken, _ = screened(seeded, file_in(tmp_path))
    tamper(seeded.service, delete(ScreeningPart).where(ScreeningPart.screening_id == taken, ScreeningPart.no == 0))

    for screening_id in (changed, taken):
        with seeded.service.store.reading() as session, pytest.raises(ScreeningDamaged):
            list(answers_on(session, OPERATOR, screening_id, int(FROM_PARTNER)))


@pytest.mark.parametrize("cells", [["Test Testsson", "12"], ["Test Testsson", "12", "", FROM_PARTNER]])
def test_rows_without_a_readable_number_are_answered_where_the_tables_were_read_before(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: list[str]
) -> None:
    for place in ("ahead", "tables"):  # as for a long file
        monkeypatch.setattr(f"dnc.screenings.{place}.LOOKED_UP_AT_MOST", 0)
    monkeypatch.setattr(running, "PARTS_AT_ONCE", 1)

    screening_id, target = screened(seeded, file_in(tmp_path, cells))

    verdicts = ["allow" if cell == FROM_PARTNER else "unknown" for cell in cells]
    assert [row["verdict"] for row in rows_of(target)] == verdicts
    assert report(seeded, screening_id).state is ScreeningState.DONE


def test_what_if_answers_for_its_moment_and_records_nothing(on_sqlite: Seeded, tmp_path: Path) -> None:
    source, target = file_in(tmp_path), tmp_path / "ut.csv"
    night = on_sqlite.clock.now() + timedelta(hours=12)

    summary = what_if(screenings(on_sqlite), OPERATOR, Wanted(CAMPAIGN), source=source, target=target, at=night)

    assert summary.whole.verdicts["allow"] == 0
    assert all("outside_hours" in row["reasons"] for row in rows_of(target) if not row["fault"])
    with on_sqlite.service.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Screening)) == 0


def test_at_night_the_next_opening_can_be_asked_for(on_sqlite: Seeded, tmp_path: Path) -> None:
    on_sqlite.clock.at += timedelta(hours=12)

    _, target = screened(on_sqlite, file_in(tmp_path), next_hour=True)

    [first, *_] = rows_of(target)
    assert first["verdict"] == "allow"
    assert datetime.fromisoformat(first["valid_until"]) > on_sqlite.clock.now() + timedelta(hours=8)


@pytest.mark.parametrize(
    ("rules", "opens"),
    [
        ({"opens": "13:00"}, "2026-11-24T12:00"),
        ({"opens": "13:00", "closed_weekdays": ["tuesday"]}, "2026-11-25T12:00"),
    ],
)
def test_the_next_opening_is_the_seller_s_own_where_its_hours_are_narrower(
    on_sqlite: Seeded, tmp_path: Path, rules: dict[str, object], opens: str
) -> None:
    with on_sqlite.service.store.writing() as session:
        seller, now = seller_named(session, SELLER), on_sqlite.clock.now()
        set_rules(session, OPERATOR, seller=seller, rules={"SE": rules}, because="the board", now=now)

    _, target = screened(on_sqlite, file_in(tmp_path), next_hour=True)

    [first, *_] = rows_of(target)
    assert (first["verdict"], first["reasons"]) == ("allow", "")
    assert opens < first["valid_until"] < opens.replace("T12", "T20")


def test_a_campaign_is_screened_by_its_seller_s_leads_each_number_once(seeded: Seeded) -> None:
    store, shelf = seeded.service.store, seeded.service.screened_files
    with store.writing() as session:
        whole = ask_screening(session, OPERATOR, campaign=CAMPAIGN, file=None, now=seeded.clock.now()).id
        some = ask_screening(
            session, OPERATOR, campaign=CAMPAIGN, file=None, sources=[LIST_SOURCE], now=seeded.clock.now()
        ).id
    for screening_id in (whole, some):
        work_on(Screenings(store, seeded.service.shelf.listed_of, 2), shelf, screening_id)

    with store.reading() as session:
        file, name = open_result(session, shelf, OPERATOR, whole)
        with file:
            rows = list(csv.DictReader(io.TextIOWrapper(file, "utf-8")))
    numbers = [row["number"] for row in rows]
    assert name.endswith(".csv")
    assert numbers == sorted(set(numbers))
    assert {FROM_PARTNER, FROM_LIST, LISTED, OPTED_OUT} <= set(numbers)
    assert report(seeded, some).rows < report(seeded, whole).rows
    assert report(seeded, some).sources.keys() <= {LIST_SOURCE, "-"}


def test_a_dialer_sees_only_its_own_seller_s_screenings_and_no_bought_list(seeded: Seeded, tmp_path: Path) -> None:
    dialer, stranger = dialer_of(seeded), dialer_of(seeded, seeded.other_seller_id)
    screening_id, _ = screened(seeded, file_in(tmp_path), dialer)

    assert set(report(seeded, screening_id, dialer).sources) == {"-", "list", PARTNER_SOURCE}
    assert LIST_SOURCE in report(seeded, screening_id).sources
    with pytest.raises(UnknownScreening):
        report(seeded, screening_id, stranger)
    with pytest.raises(UnknownCampaign):
        screened(seeded, file_in(tmp_path), stranger)
    with pytest.raises(Forbidden):
        screened(seeded, file_in(tmp_path), Caller("1", "s", "key", Role.SALES, seeded.seller_id))


def test_leads_are_screened_of_one_s_own_sources_by_who_may_list_them(seeded: Seeded) -> None:
    store, now = seeded.service.store, seeded.clock.now()
    manager = Caller("1", "m", "key", Role.LEAD_MANAGER, seeded.other_seller_id)
    with store.writing() as session, pytest.raises(NotFound):
        ask_screening(session, manager, campaign=OTHER_CAMPAIGN, file=None, sources=[PARTNER_SOURCE], now=now)
    with store.writing() as session, pytest.raises(Forbidden):
        ask_screening(session, dialer_of(seeded), campaign=CAMPAIGN, file=None, now=now)


def test_kept_files_go_when_their_time_has_come_and_the_answers_stay(on_sqlite: Seeded) -> None:
    store, shelf = on_sqlite.service.store, on_sqlite.service.screened_files
    with store.writing() as session:
        screening_id = ask_screening(session, OPERATOR, campaign=CAMPAIGN, file=None, now=on_sqlite.clock.now()).id
    work_on(screenings(on_sqlite), shelf, screening_id)
    assert len(shelf.places()) == 1

    later = datetime.now(on_sqlite.clock.now().tzinfo) + KEPT_FOR + timedelta(days=4)
    assert forget_screened_files(store, shelf, later) == 1

    assert not shelf.places()
    assert not report(on_sqlite, screening_id).result
    with store.reading() as session:
        assert list(answers_on(session, OPERATOR, screening_id, int(FROM_PARTNER)))
