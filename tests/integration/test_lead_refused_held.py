"""A refused row that says a child's age, or that nobody is to call, holds the seller's leads on the number.

Until customer service has looked.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from consent.grounds import record_consent, record_relation
from consent.terms import Channel
from core.access import Caller, Role
from core.errors import StorageUnavailable
from dnc import refused_rows
from dnc.arrivals import newest_arrival, report_arrival
from dnc.drafts import Question
from dnc.holds import close_hold, make_hold, open_holds, report_objection
from dnc.models import Hold
from leads.withdrawals import withdraw_lead_file
from tests.deliveries import deliver, written
from tests.integration.seeds import dialer_of
from tests.seeding import LIST_SOURCE, OPERATOR, PARTNER_SOURCE, Seeded, number_of, opt_out

LEAD, CHILD, NEW_CHILD, ADULT = "0701740650", "0701740651", "0701740652", "0701740653"


def screened(seeded: Seeded, path: Path, source: str) -> str:
    """Import the file and screen it, and return its id."""
    lead_file_id = deliver(seeded.service.store, path, source).id or ""
    again(seeded, lead_file_id)
    return lead_file_id


def again(seeded: Seeded, lead_file_id: str) -> None:
    """Screen the file."""
    service = seeded.service
    report_arrival(service.store, service.shelf.listed, OPERATOR, lead_file_id=lead_file_id, now=seeded.clock.now())


def holds(seeded: Seeded) -> list[tuple[int, str, bool]]:
    """Return number, reason and whether it is open of each hold."""
    with seeded.service.store.reading() as session:
        return [
            (hold.number, hold.reason, hold.closed_at is None)
            for hold in session.scalars(select(Hold).order_by(Hold.id))
        ]


def verdict(seeded: Seeded, number: str) -> tuple[str, list[str]]:
    """Return the verdict of a check and its reasons."""
    decision = seeded.service.gate.ask(dialer_of(seeded), "vinterel", Question(number)).decision
    return decision.verdict.value, [reason.code.value for reason in decision.reasons]


def consented(seeded: Seeded, number: str) -> None:
    """Record a consent for the first seller."""
    with seeded.service.store.writing() as session:
        record_consent(
            session,
            OPERATOR,
            number=number_of(number),
            seller_id=seeded.seller_id,
            channels=frozenset(Channel),
            names_seller=True,
            text_version="v1",
            evidence={"form": "kept"},
            given_at=seeded.clock.now(),
            expires_at=None,
            now=seeded.clock.now(),
            keyring=seeded.service.keyring,
        )


def related(seeded: Seeded, number: str) -> None:
    """Record a running contract with the first seller."""
    with seeded.service.store.writing() as session:
        record_relation(
            session,
            OPERATOR,
            number=number_of(number),
            seller_id=seeded.seller_id,
            product="electricity",
            reference="K-1",
            started_at=seeded.clock.now() - timedelta(days=30),
            fulfilled_at=None,
            now=seeded.clock.now(),
            keyring=seeded.service.keyring,
        )


def close(seeded: Seeded) -> None:
    """Close the one hold that there is."""
    with seeded.service.store.writing() as session:
        staff = Caller(id="u", name="u", kind="user", role=Role.CUSTOMER_SERVICE, seller_id=None)
        [hold] = session.scalars(select(Hold)).all()
        now = seeded.clock.now()
        close_hold(session, staff, seeded.service.store.keyring, hold_id=hold.id, resolution="fel", now=now)


def test_a_number_that_is_a_lead_already_is_held_when_a_file_says_a_childs_age(seeded: Seeded, tmp_path: Path) -> None:
    screened(seeded, written(tmp_path / "a.csv", ["Telefon", LEAD, CHILD, ADULT]), PARTNER_SOURCE)
    assert verdict(seeded, CHILD)[0] == "allow"
    ages = [f"{CHILD};12", f"{NEW_CHILD};13", f"{ADULT};50+", f"{LEAD};", "hemligt;12"]

    second = screened(seeded, written(tmp_path / "b.csv", ["Telefon;Ålder", *ages]), LIST_SOURCE)
    again(seeded, second)

    held = (number_of(CHILD).value, "minor", True)
    assert holds(seeded) == [held]
    assert verdict(seeded, CHILD)[1] == ["held"]
    assert verdict(seeded, LEAD)[0] == "allow"
    close(seeded)
    again(seeded, second)
    assert holds(seeded) == [(*held[:2], False)]


def test_a_number_that_is_a_lead_already_is_held_when_a_file_says_not_to_call_it(
    seeded: Seeded, tmp_path: Path
) -> None:
    first = ["Telefon", LEAD, CHILD, ADULT]
    screened(seeded, written(tmp_path / "a.csv", first), PARTNER_SOURCE)
    opt_out(seeded.service, ADULT, None)
    marks = [f"{LEAD};", f"{CHILD};ja", f"{NEW_CHILD};ja", f"{ADULT};ja", "hemligt;ja"]

    marked = screened(seeded, written(tmp_path / "b.csv", ["Telefon;Ring ej", *marks]), PARTNER_SOURCE)

    held = (number_of(CHILD).value, "objected", True)
    assert holds(seeded) == [held]
    assert (verdict(seeded, CHILD), verdict(seeded, LEAD)[0]) == (("deny", ["held"]), "allow")
    with seeded.service.store.reading() as session:
        report = newest_arrival(session, OPERATOR, marked)
    assert report.rows["invalid"] == 4

    close(seeded)
    again(seeded, marked)
    assert holds(seeded) == [(*held[:2], False)]
    screened(seeded, written(tmp_path / "c.csv", ["Telefon;Ring ej", f"{CHILD};ja"]), LIST_SOURCE)
    assert holds(seeded) == [(*held[:2], False), held]


@pytest.mark.parametrize(
    ("heading", "mark", "reason"),
    [("Ring ej", "ja", "objected"), ("Ålder", "12", "minor"), ("Avliden", "2026-03-01", "deceased")],
)
def test_a_lead_that_comes_later_is_held_for_what_a_file_said_before(
    seeded: Seeded, tmp_path: Path, heading: str, mark: str, reason: str
) -> None:
    screened(seeded, written(tmp_path / "a.csv", [f"Telefon;{heading}", f"{CHILD};{mark}", f"{LEAD};"]), LIST_SOURCE)
    assert holds(seeded) == []

    later = screened(seeded, written(tmp_path / "b.csv", ["Telefon", CHILD, LEAD, ADULT]), PARTNER_SOURCE)

    held = (number_of(CHILD).value, reason, True)
    assert holds(seeded) == [held]
    assert [verdict(seeded, number) for number in (CHILD, LEAD)] == [("deny", ["held"]), ("allow", [])]
    close(seeded)
    again(seeded, later)
    assert holds(seeded) == [(*held[:2], False)]
    assert verdict(seeded, CHILD)[0] == "allow"


@pytest.mark.parametrize("record", [consented, related])
def test_a_number_with_another_ground_than_a_lead_is_held_for_what_a_file_says(
    seeded: Seeded, tmp_path: Path, record: Callable[[Seeded, str], None]
) -> None:
    record(seeded, CHILD)
    assert verdict(seeded, CHILD)[0] == "allow"

    screened(seeded, written(tmp_path / "a.csv", ["Telefon;Ring ej", f"{CHILD};ja", f"{LEAD};ja"]), LIST_SOURCE)

    assert holds(seeded) == [(number_of(CHILD).value, "objected", True)]
    assert verdict(seeded, CHILD) == ("deny", ["held"])


def test_a_listed_number_that_a_consent_may_lift_is_not_held_for_what_a_file_says(
    seeded: Seeded, tmp_path: Path
) -> None:
    consented(seeded, CHILD)

    screened(seeded, written(tmp_path / "a.csv", ["Telefon;Nixad", f"{CHILD};ja", f"{LEAD};nej"]), LIST_SOURCE)

    assert holds(seeded) == []
    assert [verdict(seeded, number)[0] for number in (CHILD, LEAD)] == ["allow", "allow"]


def test_what_a_withdrawn_file_said_holds_no_later_lead(seeded: Seeded, tmp_path: Path) -> None:
    wrong = screened(seeded, written(tmp_path / "a.csv", ["Telefon;Ring ej", f"{CHILD};ja"]), LIST_SOURCE)
    with seeded.service.store.writing() as session:
        withdraw_lead_file(session, OPERATOR, lead_file_id=wrong, reason="fel kolumn", now=seeded.clock.now())

    screened(seeded, written(tmp_path / "b.csv", ["Telefon", CHILD]), PARTNER_SOURCE)

    assert holds(seeded) == []


def test_what_another_sellers_file_said_holds_no_lead(seeded: Seeded, tmp_path: Path) -> None:
    screened(seeded, written(tmp_path / "a.csv", ["Telefon;Ring ej", f"{CHILD};ja"]), "hemtavlingen")

    screened(seeded, written(tmp_path / "b.csv", ["Telefon", CHILD]), PARTNER_SOURCE)

    assert holds(seeded) == []


def test_many_are_held_some_at_a_time_and_a_screening_that_was_cut_off_holds_none_twice(
    seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_rows, "AT_ONCE", 2)
    numbers = [f"07017406{last}" for last in range(50, 55)]
    screened(seeded, written(tmp_path / "a.csv", ["Telefon", *numbers]), PARTNER_SOURCE)
    path = written(tmp_path / "b.csv", ["Telefon;Ring ej", *(f"{number};x" for number in numbers)])
    marked = deliver(seeded.service.store, path, PARTNER_SOURCE).id or ""
    made = iter([None, None, None, StorageUnavailable("the disk is full")])

    def failing(*args: Any, **kwargs: Any) -> Hold:  # Any: whatever it takes
        if (fault := next(made, None)) is not None:
            raise fault
        return make_hold(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(refused_rows, "make_hold", failing)
        with pytest.raises(StorageUnavailable):
            again(seeded, marked)
    assert len(holds(seeded)) == 2
    again(seeded, marked)

    assert sorted(number for number, _, _ in holds(seeded)) == [number_of(number).value for number in numbers]


def test_an_objection_from_a_call_goes_before_what_lead_files_say(seeded: Seeded, tmp_path: Path) -> None:
    screened(seeded, written(tmp_path / "a.csv", ["Telefon", CHILD]), PARTNER_SOURCE)
    screened(seeded, written(tmp_path / "b.csv", ["Telefon;Ring ej", f"{CHILD};ja"]), PARTNER_SOURCE)
    service, later = seeded.service, seeded.clock.now() + timedelta(hours=1)
    with service.store.writing() as session:
        report_objection(
            session,
            OPERATOR,
            service.store.keyring,
            number=number_of(LEAD).value,
            seller_id=seeded.seller_id,
            note="",
            now=later,
        )
    with service.store.reading() as session:
        assert [hold.number for hold in open_holds(session, None)] == [number_of(LEAD).value, number_of(CHILD).value]
