"""Each country's register is read by its layout, change lists make new versions, and a wash speaks of its own alone."""

import json
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from core.access import Caller, Role
from core.errors import Forbidden, ServiceError
from core.ledger import LedgerEntry
from dnc.models import RegisterVersion
from dnc.registers.errors import (
    RegisterBaseMissing,
    RegisterBaseOther,
    RegisterChangesNotTaken,
    RegisterColumnMissing,
    RegisterCountryTaken,
    RegisterLayoutInvalid,
    RegisterLinesRejected,
    RegisterOfAnotherCountry,
    RegisterOlder,
    RegisterShrunken,
    UnknownRegister,
)
from dnc.registers.layouts import FileKind
from dnc.registers.outcomes import Changed, LoadedVersion
from dnc.registers.saved_layouts import layout_of, set_layout
from dnc.registers.snapshots import snapshot_path
from dnc.registers.standing import State, of_concern, standing
from service import Service
from tests.registers import LISTED, NOON, OPERATOR, in_force_id, load, of_register, written_file

AREAS = (202, 212, 305)
US_NUMBERS = [10_000_000_000 + area * 10_000_000 + 5_550_100 + n for area in AREAS for n in range(100)]
CA_NUMBERS = [10_000_000_000 + area * 10_000_000 + 5_550_100 + n for area in (416, 604) for n in range(100)]
FULL = "".join(f"{str(n)[1:4]},{str(n)[4:]}\n" for n in US_NUMBERS)
DAY = date(2026, 11, 15)


def load_text(
    service: Service,
    name: str,
    content: str | bytes,
    as_of: date = DAY,
    *,
    kind: FileKind = FileKind.FULL,
    base: date | None = None,
    layout: str | None = None,
    accept_unreadable: str | None = None,
) -> LoadedVersion:
    """Load what a register sends."""
    path = service.settings.data_dir / "delivered"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load(
        service, path, as_of, name=name, kind=kind, base=base, layout=layout, accept_unreadable=accept_unreadable
    )


def csv_of(numbers: list[int]) -> str:
    """Return the numbers by area code and local part."""
    return "".join(f"{str(number)[1:4]},{str(number)[4:]}\n" for number in numbers)


def test_every_line_is_accounted_for(service: Service) -> None:
    loaded = load_text(
        service, "us", "Area,Phone\n\n" + FULL + FULL[:24] + "202,555\n", accept_unreadable="a line was cut off"
    )

    assert loaded.lines == loaded.count + loaded.duplicates + loaded.rejected_lines
    assert (loaded.duplicates, loaded.rejected) == (2, {"too_short": 1})
    assert loaded.first_rejected == ((len(US_NUMBERS) + 5, "too_short"),)


@pytest.mark.parametrize(
    ("name", "content", "until"),
    [
        ("us", FULL, "2026-12-16T05:00:00+00:00"),
        ("be", "027911200;2026-11-01\n", "2026-11-19T23:00:00+00:00"),
        ("tps", "07700900123\n", "2026-12-13T00:00:00+00:00"),
    ],
)
def test_a_version_lasts_as_long_as_the_policy_or_else_the_layout_says(
    service: Service, name: str, content: str, until: str
) -> None:
    loaded = load_text(service, name, content)

    assert loaded.valid_until is not None
    assert loaded.valid_until.isoformat() == until
    with service.store.reading() as session:
        one = of_register(standing(session, NOON), name)
    assert (one.valid_until, one.state) == (loaded.valid_until, loaded.state)
    assert loaded.state is (State.STALE if name == "be" else State.OK)


def test_each_known_register_is_shown_with_how_long_it_lasts_and_only_those_in_use_concern_anyone(
    service: Service,
) -> None:
    with service.store.reading() as session:
        stands = standing(session, NOON)
    assert {one.country for one in stands} == {"SE", "NO", "DK", "FI", "GB", "US", "CA", "BE"}
    assert all(one.validity is not None for one in stands)
    assert [one.register for one in of_concern(stands)] == ["nix"]

    load_text(service, "us", FULL)
    with service.store.reading() as session:
        assert of_concern(standing(session, NOON)) == []


def test_a_canadian_file_is_refused_under_the_american_register_although_both_are_dialled_with_1(
    service: Service,
) -> None:
    with pytest.raises(RegisterOfAnotherCountry):
        load_text(service, "us", csv_of(CA_NUMBERS))


# Change lists ---------------------------------------------------------------------------------------------------------


def changes_of(*rows: tuple[int, str, str]) -> str:
    """Return a change list."""
    return "".join(f"{str(number)[1:4]},{str(number)[4:]},{action},{day}\n" for number, action, day in rows)


def test_a_change_list_makes_a_new_version_of_the_one_in_force(service: Service) -> None:
    full = load_text(service, "us", FULL[:-12])
    gone, stays, new, other = US_NUMBERS[0], US_NUMBERS[1], US_NUMBERS[-1], 14_075_550_100
    rows = [
        (gone, "D", "2026-11-16"),
        (new, "A", "2026-11-16"),
        (stays, "A", "2026-11-16"),
        (other, "D", "2026-11-17"),
        (US_NUMBERS[2], "D", "2026-11-16"),
        (US_NUMBERS[2], "A", "2026-11-17T08:00:00"),
    ]

    loaded = load_text(service, "us", changes_of(*rows), date(2026, 11, 17), kind=FileKind.CHANGES)

    assert loaded.changed == Changed(added=1, removed=1, unlisted=1, listed_before=2)
    assert (loaded.lines, loaded.duplicates, loaded.count, loaded.count_before) == (6, 1, full.count, full.count)
    snapshot = service.shelf.snapshot(loaded.snapshot_sha256)
    assert snapshot is not None
    assert set(snapshot) == set(US_NUMBERS) - {gone}
    with service.store.reading() as session:
        version = session.get_one(RegisterVersion, loaded.version_id)
        assert (version.kind, version.base_version_id) == ("changes", full.version_id)
        payload = json.loads(
            session.scalars(select(LedgerEntry.payload).where(LedgerEntry.kind == "register.loaded")).all()[-1] or ""
        )
    assert (payload["kind"], payload["base_version"], payload["changed"]["removed"]) == ("changes", full.version_id, 1)


def test_of_changes_at_the_same_time_the_one_that_lists_the_number_counts(service: Service) -> None:
    load_text(service, "us", FULL)
    rows = [(US_NUMBERS[0], action, "2026-11-16") for action in "ADAD"]

    loaded = load_text(service, "us", changes_of(*rows), date(2026, 11, 16), kind=FileKind.CHANGES)

    assert loaded.count == len(US_NUMBERS)


def test_the_same_change_list_again_changes_nothing_and_restores_a_snapshot_that_was_lost(service: Service) -> None:
    load_text(service, "us", FULL)
    content, day = changes_of((US_NUMBERS[0], "D", "2026-11-16")), date(2026, 11, 16)
    first = load_text(service, "us", content, day, kind=FileKind.CHANGES)

    assert load_text(service, "us", content, day, kind=FileKind.CHANGES).already_loaded
    snapshot_path(service.settings.registers_dir, first.snapshot_sha256).unlink()
    again = load_text(service, "us", content, day, kind=FileKind.CHANGES)

    assert (again.already_loaded, again.version_id, again.count) == (True, first.version_id, len(US_NUMBERS) - 1)
    assert snapshot_path(service.settings.registers_dir, first.snapshot_sha256).exists()


REFUSED_CHANGES: dict[str, tuple[str, date, date | None, type[ServiceError]]] = {
    "of another base than it says": (
        changes_of((US_NUMBERS[0], "D", "2026-11-16")), date(2026, 11, 17), date(2026, 11, 14), RegisterBaseOther,
    ),
    "that begins days after the base": (
        changes_of((US_NUMBERS[0], "D", "2026-11-18")), date(2026, 11, 18), None, RegisterBaseOther,
    ),
    "older than the base": (
        changes_of((US_NUMBERS[0], "D", "2026-11-13")), date(2026, 11, 14), None, RegisterOlder,
    ),
    "that takes away too much": (
        changes_of(*((number, "D", "2026-11-16") for number in US_NUMBERS[:31])), date(2026, 11, 16), None,
        RegisterShrunken,
    ),
    "with an action nobody knows": (
        changes_of((US_NUMBERS[0], "Z", "2026-11-16")), date(2026, 11, 16), None, RegisterLinesRejected,
    ),
    "with a date that is none": (
        changes_of((US_NUMBERS[0], "D", "2026-02-30")), date(2026, 11, 16), None, RegisterLinesRejected,
    ),
    "that is a full file": (FULL, date(2026, 11, 16), None, RegisterLinesRejected),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED_CHANGES)
def test_a_change_list_is_refused(service: Service, what: str) -> None:
    content, as_of, base, error = REFUSED_CHANGES[what]
    load_text(service, "us", FULL)
    good = in_force_id(service, "us")

    with pytest.raises(error):
        load_text(service, "us", content, as_of, kind=FileKind.CHANGES, base=base)

    assert in_force_id(service, "us") == good


def test_a_change_list_that_says_what_it_goes_on_from_may_begin_later(service: Service) -> None:
    load_text(service, "us", FULL)
    content = changes_of((US_NUMBERS[0], "D", "2026-11-18"))

    assert load_text(service, "us", content, date(2026, 11, 18), kind=FileKind.CHANGES, base=DAY).count == 299


def test_changes_need_a_version_that_can_be_read_and_a_register_that_has_such_lists(service: Service) -> None:
    content = changes_of((US_NUMBERS[0], "D", "2026-11-16"))
    with pytest.raises(RegisterBaseMissing):
        load_text(service, "us", content, date(2026, 11, 16), kind=FileKind.CHANGES)
    full = load_text(service, "us", FULL)
    snapshot_path(service.settings.registers_dir, full.snapshot_sha256).unlink()
    with pytest.raises(RegisterBaseMissing):
        load_text(service, "us", content, date(2026, 11, 16), kind=FileKind.CHANGES)
    with pytest.raises(RegisterChangesNotTaken):
        load_text(service, "nix", "+46701740605\n", kind=FileKind.CHANGES)


def test_a_change_list_loaded_as_a_full_file_is_refused(service: Service) -> None:
    with pytest.raises(RegisterLinesRejected):
        load_text(service, "us", changes_of(*((number, "D", "2026-11-16") for number in US_NUMBERS)))


# Area codes -----------------------------------------------------------------------------------------------------------

ELSEWHERE = 14_085_550_142  # of an area code that no file has


@pytest.mark.parametrize(
    ("name", "content", "listed", "other"),
    [
        ("us", FULL, 12_025_550_100, 12_025_550_200),
        ("us", '<list><ac val="202"><ph val="5550100"/></ac></list>', 12_025_550_100, 12_025_550_200),
        ("ca", csv_of(CA_NUMBERS), 14_165_550_100, 14_165_550_200),
    ],
    ids=["text", "xml", "canada"],
)
def test_of_an_area_code_that_a_file_does_not_have_nothing_is_known(
    service: Service, name: str, content: str, listed: int, other: int
) -> None:
    """What comes is what was licensed, area by area: who is listed elsewhere is not in it."""
    loaded = load_text(service, name, content)

    said = [service.shelf.listed(loaded.snapshot_sha256, number) for number in (listed, other, ELSEWHERE)]
    assert said == [True, False, None]


def test_a_change_list_speaks_of_no_more_area_codes_than_the_version_that_it_changes(service: Service) -> None:
    full = load_text(service, "us", FULL)

    content = changes_of((ELSEWHERE, "A", "2026-11-16"), (12_025_550_100, "D", "2026-11-16"))
    changed = load_text(service, "us", content, date(2026, 11, 16), kind=FileKind.CHANGES)

    assert changed.covered == full.covered == 10_000_000 * len(AREAS)
    numbers = (ELSEWHERE, ELSEWHERE + 1, 12_025_550_100)
    assert [service.shelf.listed(changed.snapshot_sha256, number) for number in numbers] == [True, None, False]


# Washes ---------------------------------------------------------------------------------------------------------------

NO_NUMBERS = [4_710_000_000 + n for n in range(20)]
WASH = "Telefon;Navn;Reservert\n" + "".join(
    f"{number - 4_700_000_000};A;{'Ja' if place < 5 else 'Nei'}\n" for place, number in enumerate(NO_NUMBERS)
)


def test_a_wash_lists_what_it_marks_and_of_numbers_outside_it_nothing_is_known(service: Service) -> None:
    loaded = load_text(service, "reservasjon", WASH)

    assert (loaded.count, loaded.covered, loaded.lines) == (5, 20, 20)
    again = load_text(service, "reservasjon", WASH)
    assert (again.already_loaded, again.covered) == (True, 20)
    listed = {number: service.shelf.listed(loaded.snapshot_sha256, number) for number in NO_NUMBERS}
    assert listed == {number: place < 5 for place, number in enumerate(NO_NUMBERS)}
    assert service.shelf.listed(loaded.snapshot_sha256, NO_NUMBERS[-1] + 1) is None
    with service.store.reading() as session:
        assert of_register(standing(session, NOON), "reservasjon").covered == 20


def test_a_wash_in_which_nobody_is_listed_is_taken_and_may_be_smaller_than_the_last(service: Service) -> None:
    load_text(service, "reservasjon", WASH)

    loaded = load_text(service, "reservasjon", "telefon;reservert\n10000000;nei\n", date(2026, 11, 16))

    assert (loaded.count, loaded.covered) == (0, 1)
    assert service.shelf.listed(loaded.snapshot_sha256, 4_710_000_000) is False
    assert service.shelf.listed(loaded.snapshot_sha256, 4_710_000_001) is None


def test_no_layout_reads_a_wash_as_a_whole_register(service: Service) -> None:
    """Whoever is outside it would be not listed: for one file, for all of them, of the country's or of a licence's."""
    as_whole = '{"key": "number"}'
    with pytest.raises(RegisterLayoutInvalid, match="washes alone"):
        load_text(service, "reservasjon", f"telefon;reservert\n+{NO_NUMBERS[0]};J\n", layout=as_whole)
    with service.store.writing() as session, pytest.raises(RegisterLayoutInvalid, match="washes alone"):
        set_layout(session, OPERATOR, name="reservasjon", text=as_whole, now=NOON)

    wash = {"country": "IE", "key": "wash", "delimiter": ";", "columns": {"number": 1, "result": 2}, "listed": ["J"]}
    with service.store.writing() as session:
        set_layout(session, OPERATOR, name="ireland", text=json.dumps(wash), now=NOON)
    with pytest.raises(RegisterLayoutInvalid, match="washes alone"):
        load_text(service, "ireland", "+46701740605;J\n", layout=as_whole)


def test_a_row_of_a_wash_that_cannot_be_read_answers_for_nobody(service: Service) -> None:
    spoiled = WASH + "".join(f"230000{n:02};A;Nei\n" for n in range(99)) + "22000010;A;kanskje\n"

    with pytest.raises(RegisterLinesRejected):
        load_text(service, "reservasjon", spoiled)
    loaded = load_text(service, "reservasjon", spoiled, accept_unreadable="the vendor left one out")

    assert loaded.rejected == {"unknown_mark": 1}
    assert service.shelf.listed(loaded.snapshot_sha256, 4_722_000_010) is None  # another row says that it is not listed


def test_a_wash_that_is_cut_off_before_an_answer_does_not_say_no(service: Service) -> None:
    cut_off = WASH.encode().removesuffix(b"Nei\n")

    with pytest.raises(RegisterLinesRejected):
        load_text(service, "reservasjon", cut_off)
    said = '{"not_listed": ["Nei", ""]}'
    assert load_text(service, "reservasjon", cut_off, layout=said).covered == 20


@pytest.mark.parametrize("heading", ["telefon;navn", "telefon;reservert;RESERVERT", "nummer;reservert", "10000000;ja"])
def test_a_file_without_the_columns_that_the_layout_names_is_refused(service: Service, heading: str) -> None:
    with pytest.raises(RegisterColumnMissing):
        load_text(service, "reservasjon", f"{heading}\n10000000;ja;ja\n")


# Layouts that are set -------------------------------------------------------------------------------------------------

LICENSED = {"delimiter": ";", "columns": {"number": "Abonnent", "result": "Status"}, "prefix": "national",
            "listed": ["spärrad"], "not_listed": ["fri"], "encoding": "cp1252"}  # fmt: skip
DELIVERED = "Abonnent;Status\n" + "".join(
    f"0{number - 46 * 10 ** (len(str(number)) - 2)};{'Spärrad' if place % 2 else 'fri'}\n"
    for place, number in enumerate(LISTED)
)


def set_by(service: Service, name: str, document: object, caller: Caller = OPERATOR) -> None:
    """Set a register's layout."""
    with service.store.writing() as session:
        set_layout(session, caller, name=name, text=json.dumps(document), now=NOON)


def test_the_layout_of_a_licence_is_set_once_and_kept_with_each_version(service: Service) -> None:
    set_by(service, "nix", LICENSED)

    loaded = load_text(service, "nix", DELIVERED.encode("cp1252"))

    assert (loaded.count, loaded.lines) == (len(LISTED) // 2, len(LISTED))
    with service.store.reading() as session:
        version = session.get_one(RegisterVersion, loaded.version_id)
        assert json.loads(version.layout or "")["columns"]["result"] == "Status"
        entry = session.execute(
            select(LedgerEntry.subject, LedgerEntry.actor, LedgerEntry.payload).where(
                LedgerEntry.kind == "register.layout_set"
            )
        ).one()
        assert layout_of(session, "nix").columns.number == "Abonnent"
    assert (entry.subject, entry.actor) == ("nix", OPERATOR.actor)
    assert json.loads(entry.payload or "")["layout"]["encoding"] == "cp1252"
    set_by(service, "nix", {})
    with service.store.reading() as session:
        assert layout_of(session, "nix").delimiter is None


def test_a_layout_may_come_with_one_file_alone(service: Service) -> None:
    loaded = load_text(service, "nix", DELIVERED.encode("cp1252"), layout=json.dumps(LICENSED))

    assert loaded.count == len(LISTED) // 2
    with service.store.reading() as session:
        assert layout_of(session, "nix").delimiter is None


def test_the_same_file_read_by_another_layout_is_another_version(service: Service) -> None:
    content = "".join(f"+{number};1\n" for number in LISTED)
    first = load_text(service, "nix", content)
    marked = {"delimiter": ";", "columns": {"number": 1, "result": 2}, "listed": ["1"]}

    second = load_text(service, "nix", content, layout=json.dumps(marked))

    assert not second.already_loaded
    assert second.version_id != first.version_id


def test_a_register_of_a_country_that_is_not_known_is_made_by_setting_its_layout(service: Service) -> None:
    set_by(service, "ie-ndd", {"country": "IE", "validity": {"days": 28}, "prefix": "national"})

    loaded = load_text(service, "ie-ndd", "0209120100\n0209120101\n")

    assert (loaded.count, loaded.state) == (2, State.OK)
    with service.store.reading() as session:
        assert of_register(standing(session, NOON), "ie-ndd").country == "IE"


def test_a_layout_that_cannot_be_read_by_is_refused_and_the_old_one_stays(service: Service, tmp_path: Path) -> None:
    for document in ({"columns": {"number": 1}}, {"country": "NO"}):
        with pytest.raises(RegisterLayoutInvalid):
            set_by(service, "nix", document)

    assert load(service, written_file(tmp_path / "nix.txt")).count == len(LISTED)


def test_a_country_has_one_register_and_a_register_one_country(service: Service) -> None:
    with pytest.raises(RegisterCountryTaken):
        set_by(service, "nix-two", {"country": "SE"})
    with pytest.raises(UnknownRegister):
        set_by(service, "xin", {})
    with pytest.raises(UnknownRegister):
        set_by(service, "XIN 1", {"country": "IE"})


def test_only_compliance_for_every_seller_sets_a_layout(service: Service) -> None:
    for role, seller in ((Role.LEAD_MANAGER, None), (Role.ADMIN, None), (Role.COMPLIANCE, "some-seller")):
        with pytest.raises(Forbidden):
            set_by(service, "nix", {}, Caller(id="x", name="x", kind="key", role=role, seller_id=seller))
