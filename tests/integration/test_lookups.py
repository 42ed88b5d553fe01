"""Everything on a number, in two times: as it was, and as it was known."""

from datetime import datetime, timedelta

import pytest

from core.access import Caller, Role
from core.errors import Forbidden
from dnc.holds import close_hold, report_objection
from dnc.lookups import NumberRecord, look_up
from tests.integration.seeds import dialer_of
from tests.seeding import FROM_LIST, FROM_PARTNER, OPERATOR, OPTED_OUT, Seeded, number_of, opt_out


def shown(
    seeded: Seeded,
    written: str,
    *,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    caller: Caller = OPERATOR,
) -> NumberRecord:
    service = seeded.service
    with service.store.snapshot() as session:
        found = look_up(
            session, caller, number=number_of(written), as_of=as_of, known_at=known_at, now=seeded.clock.now()
        )
        session.expunge_all()
        return found


def test_an_opt_out_is_true_from_when_it_was_said_and_known_from_when_it_was_recorded(seeded: Seeded) -> None:
    now = seeded.clock.now()
    said = now - timedelta(hours=1)
    assert shown(seeded, OPTED_OUT).opted_out
    assert shown(seeded, OPTED_OUT, as_of=said).opted_out
    assert not shown(seeded, OPTED_OUT, as_of=said - timedelta(seconds=1)).opted_out
    assert not shown(seeded, OPTED_OUT, known_at=now - timedelta(seconds=1)).opted_out


def test_a_hold_is_open_by_what_was_known_before_it_was_closed(seeded: Seeded) -> None:
    store, keyring, made = seeded.service.store, seeded.service.keyring, seeded.clock.now()
    value = number_of(FROM_PARTNER).value
    with store.writing() as session:
        hold = report_objection(session, OPERATOR, keyring, number=value, seller_id=seeded.seller_id, note="", now=made)
    seeded.clock.at += timedelta(hours=2)
    with store.writing() as session:
        close_hold(session, OPERATOR, keyring, hold_id=hold.id, resolution="a mistake", now=seeded.clock.now())

    assert not shown(seeded, FROM_PARTNER).held
    assert shown(seeded, FROM_PARTNER, as_of=made + timedelta(hours=1)).held
    assert shown(seeded, FROM_PARTNER, known_at=made + timedelta(hours=1)).held


def test_a_no_by_another_node_whose_clock_is_ahead_is_shown_as_soon_as_it_holds(seeded: Seeded) -> None:
    store, keyring, now = seeded.service.store, seeded.service.keyring, seeded.clock.now()
    seeded.clock.at = now + timedelta(minutes=3)
    opt_out(seeded.service, FROM_PARTNER, seeded.seller_id)
    with store.writing() as session:
        value = number_of(FROM_LIST).value
        report_objection(
            session, OPERATOR, keyring, number=value, seller_id=seeded.seller_id, note="", now=seeded.clock.now()
        )
    seeded.clock.at = now

    assert shown(seeded, FROM_PARTNER).opted_out
    assert shown(seeded, FROM_LIST).held
    assert not shown(seeded, FROM_PARTNER, known_at=now).opted_out
    assert (shown(seeded, FROM_PARTNER).as_of, shown(seeded, FROM_PARTNER).known_at) == (now, now)


def test_sales_never_see_who_sold_a_list_nor_any_part_but_the_leads(seeded: Seeded) -> None:
    sales = Caller("s", "s", "key", Role.SALES, seeded.seller_id)
    record = shown(seeded, FROM_LIST, caller=sales)

    assert not any((record.opt_outs, record.holds, record.consents, record.relations, record.checks, record.contacts))
    for name in ("Adressbolaget", "fjallraven", "Premium", "adresslistan"):
        assert name not in str(record.leads)


def test_a_dialer_may_not_look_numbers_up(seeded: Seeded) -> None:
    with pytest.raises(Forbidden):
        shown(seeded, FROM_PARTNER, caller=dialer_of(seeded))
