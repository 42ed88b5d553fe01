"""Customer service's page settles one hold: what a no becomes, whoever said it, and whatever the note reads."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from consent.grounds import record_consent
from consent.terms import Channel
from console import serving
from core.access import Role, create_user
from dnc.holds import FROM_LEAD_FILE, open_holds
from dnc.models import OptOut
from dnc.opt_outs import release_opt_out
from tests.api.forms import send, sign_in
from tests.held import CHILD, MARKED, every_hold, feed, held_by_file, reported
from tests.seeding import OPERATOR, OPTED_OUT, PASSWORD, Seeded, number_of


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


def test_a_consent_that_a_no_ended_says_so_once_the_person_may_be_called_again(
    client: FlaskClient, seeded: Seeded
) -> None:
    service, now = seeded.service, seeded.clock.now()
    with service.store.writing() as session:
        record_consent(
            session,
            OPERATOR,
            seller_id=seeded.seller_id,
            number=number_of(OPTED_OUT),
            channels=frozenset({Channel.VOICE}),
            names_seller=True,
            text_version="2026-1",
            evidence={"page": "sommartavlingen.example"},
            given_at=now - timedelta(days=1),
            expires_at=None,
            now=now,
            keyring=service.keyring,
        )
        release_opt_out(
            session,
            OPERATOR,
            service.keyring,
            opt_out_id=seeded.opt_out_id,
            asked_by_person_at=now,
            verified_by="motringning",
            note="",
            now=now,
        )
    sign_in(client, "customer_service")

    withdrawn = re.search(
        r"<dt>Återkallat</dt><dd>(.*?)</dd>", send(client, "/customer-service", number=OPTED_OUT).text
    )

    assert withdrawn is not None
    assert withdrawn[1].endswith(", En nej-spärr")


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


def test_a_lead_files_holds_are_settled_in_one_step_that_says_what_is_left(
    client: FlaskClient, seeded: Seeded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "SETTLED_AT_ONCE", 3)
    file = held_by_file(seeded.service, tmp_path, MARKED, [CHILD])
    call = reported(seeded.service, seeded.seller_id, "nej")
    path = f"/customer-service/lead-files/{file}/holds"
    sign_in(client, "compliance")
    shown = client.get("/customer-service").text
    assert "5 nummer som en och samma fil med leads pekar ut" in shown
    assert "Avsluta 3 spärrar, det får ringas igen" in shown
    assert (f"{path}/close" in shown, f"{path}/opt-out" in shown) == (True, False)
    for resolution, reason in (("", "objected"), ("opt_out", "objected"), ("fel", ""), ("fel", "sale")):
        assert send(client, f"{path}/close", resolution=resolution, reason=reason).status_code == 422
    assert send(client, f"{path}/opt-out", reason="objected").status_code == 403
    assert {hold.closed_at for hold in every_hold(seeded.service.store)} == {None}

    assert (
        "Avgjorda nu: 3. Väntar fortfarande: 2."
        in send(client, f"{path}/close", resolution="Fel kolumn", reason="objected").text
    )
    send(client, "/sign-out")
    sign_in(client, "customer_service")
    answer = send(client, f"{path}/opt-out", reason="objected")

    assert "Avgjorda nu: 2. Väntar fortfarande: 0." in answer.text
    assert "pekar ut" not in answer.text, "one that is left is a task like any other"
    left = [hold.id for hold in every_hold(seeded.service.store) if hold.closed_at is None]
    assert call.id in left
    assert len(left) == 2
    found = sorted(hold.resolution or "" for hold in every_hold(seeded.service.store) if hold.closed_at is not None)
    assert found == ["Fel kolumn"] * 3 + ["opt_out"] * 2


def test_another_sellers_lead_file_is_not_shown_nor_settled(
    client: FlaskClient, seeded: Seeded, tmp_path: Path
) -> None:
    file = held_by_file(seeded.service, tmp_path)
    now = seeded.clock.now()
    with seeded.service.store.writing() as session:
        create_user(
            session,
            OPERATOR,
            name="annan",
            role=Role.CUSTOMER_SERVICE,
            password=PASSWORD,
            seller_id=seeded.other_seller_id,
            now=now,
        )
    sign_in(client, "annan")

    assert file not in client.get("/customer-service").text
    path = f"/customer-service/lead-files/{file}/holds"
    assert send(client, f"{path}/close", resolution="fel", reason="objected").status_code == 404
    assert send(client, f"{path}/opt-out", reason="objected").status_code == 404
    assert {hold.closed_at for hold in every_hold(seeded.service.store)} == {None}
