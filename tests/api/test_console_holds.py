"""Customer service's page settles one hold: what a no becomes, whoever said it, and whatever the note reads."""

from datetime import timedelta
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import select

from dnc.holds import FROM_LEAD_FILE, open_holds
from dnc.models import OptOut
from tests.api.forms import send, sign_in
from tests.held import MARKED, every_hold, feed, held_by_file, reported
from tests.seeding import Seeded, number_of


def test_an_opt_out_that_a_lead_file_led_to_says_so(client: FlaskClient, seeded: Seeded, tmp_path: Path) -> None:
    held_by_file(seeded.service, tmp_path, MARKED[:1])
    [hold] = every_hold(seeded.service.store)
    sign_in(client, "customer_service")

    answer = send(client, f"/customer-service/holds/{hold.id}/opt-out", number=MARKED[0])

    assert answer.status_code == 200
    assert "En fil med leads" in answer.text
    with seeded.service.store.reading() as session:
        made = session.scalars(select(OptOut).where(OptOut.number == hold.number)).one()
        assert (made.via, made.received_at, made.note) == ("lead_file", hold.made_at, hold.note)


def test_a_number_is_opted_out_in_the_feed_before_its_hold_ends_there(client: FlaskClient, seeded: Seeded) -> None:
    """Whoever follows the changes reads them by the page: what came first may be all that it has."""
    hold = reported(seeded.service, seeded.seller_id, "nej", MARKED[0])
    sign_in(client, "customer_service")

    assert send(client, f"/customer-service/holds/{hold.id}/opt-out", number=MARKED[0]).status_code == 200

    assert feed(seeded.service.store)[-2:] == [("opt_out", hold.number), ("hold_closed", hold.number)]


def test_a_hold_from_a_node_whose_clock_was_ahead_becomes_an_opt_out(client: FlaskClient, seeded: Seeded) -> None:
    seeded.clock.at += timedelta(hours=1)
    hold = reported(seeded.service, seeded.seller_id, "nej", MARKED[0])
    seeded.clock.at -= timedelta(hours=1)
    sign_in(client, "customer_service")

    assert send(client, f"/customer-service/holds/{hold.id}/opt-out", number=MARKED[0]).status_code == 200

    with seeded.service.store.reading() as session:
        made = session.scalars(select(OptOut).where(OptOut.number == hold.number)).one()
        assert made.received_at == seeded.clock.now()


def test_to_close_a_hold_does_not_tell_that_it_became_an_opt_out(client: FlaskClient, seeded: Seeded) -> None:
    hold = reported(seeded.service, seeded.seller_id, "nej", MARKED[0])
    sign_in(client, "customer_service")

    answer = send(client, f"/customer-service/holds/{hold.id}/close", number=MARKED[0], resolution="Opt_out")

    assert answer.status_code == 422
    assert "Att avsluta spärren gör ingen nej-spärr." in answer.text
    assert [one.closed_at for one in every_hold(seeded.service.store)] == [None]


def test_an_objection_goes_before_what_lead_files_say_also_when_its_note_reads_like_theirs(
    seeded: Seeded, tmp_path: Path
) -> None:
    held_by_file(seeded.service, tmp_path, MARKED[:1])
    seeded.clock.at += timedelta(hours=1)
    reported(seeded.service, seeded.seller_id, f"{FROM_LEAD_FILE}eller inte, han vill inte", MARKED[1])

    with seeded.service.store.reading() as session:
        waiting = [hold.number for hold in open_holds(session, None)]

    assert waiting == [number_of(MARKED[1]).value, number_of(MARKED[0]).value]
