"""Moments in the console's forms: one that no database keeps is refused in words, and the no can be sent again."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from console.instants import read_local
from core.changes import Change
from dnc.models import OptOut
from tests.api.forms import send, sign_in
from tests.seeding import FROM_PARTNER, OPTED_OUT, Seeded, seed

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
NO = {"number": FROM_PARTNER, "seller": "norrsken", "via": "letter", "channel": "voice", "note": "skrev ett brev"}


@pytest.fixture
def seeded(database_url: str, tmp_path: Path) -> Iterator[Seeded]:
    """Return a seeded service on each kind of database."""
    found = seed(database_url, tmp_path)
    yield found
    found.service.close()


@pytest.fixture
def client(client: FlaskClient) -> FlaskClient:
    """Return the browser of somebody at customer service."""
    sign_in(client, "customer_service")
    return client


def changes(seeded: Seeded) -> int:
    """Return how many opt-outs, releases and holds there are."""
    with seeded.service.store.reading() as session:
        return session.scalar(select(func.count()).select_from(Change)) or 0


@pytest.mark.parametrize("written", ["0001-01-01T00:00", "1899-12-31T23:59", "2200-01-01T00:00", "9999-12-31T23:59"])
def test_a_moment_outside_the_calendar_is_no_moment(written: str) -> None:
    for zone in ("", "+14:00", "-14:00"):
        assert read_local(written + zone, NOW) is None


@pytest.mark.parametrize("written", ["1900-01-01T00:00", "2199-12-31T23:59"])
def test_a_moment_at_either_end_is_read(written: str) -> None:
    for zone in ("", "+14:00", "-14:00"):
        assert read_local(written + zone, NOW) is not None


@pytest.mark.parametrize(
    ("written", "now", "first", "last"),
    [
        ("2026-10-25T02:15", "2026-10-25T01:15:30Z", "2026-10-25T01:15:30Z", "2026-10-25T01:15:30Z"),
        ("2026-10-25T02:15", "2026-10-25T00:15:30Z", "2026-10-25T00:15:30Z", "2026-10-25T00:15:30Z"),
        ("2026-10-25T02:15", "2026-10-25T00:40:00Z", "2026-10-25T00:15:00Z", "2026-10-25T00:15:00Z"),
        ("2026-10-25T02:15", "2026-11-24T09:00:00Z", "2026-10-25T00:15:00Z", "2026-10-25T01:15:00Z"),
        ("2026-11-24T09:59", "2026-11-24T09:00:00Z", "2026-11-24T08:59:00Z", "2026-11-24T08:59:00Z"),
        ("2026-11-25T10:00", "2026-11-24T09:00:00Z", "2026-11-25T09:00:00Z", "2026-11-25T09:00:00Z"),
    ],
)
def test_in_the_hour_that_comes_twice_a_no_is_not_put_before_it_was_said(
    written: str, now: str, first: str, last: str
) -> None:
    at = datetime.fromisoformat(now)
    read = [read_local(written, at), read_local(written, at, last=True)]

    assert [one and one.astimezone(UTC) for one in read] == [
        datetime.fromisoformat(first),
        datetime.fromisoformat(last),
    ]


def test_a_no_of_the_hour_that_comes_twice_is_the_later_one(seeded: Seeded, client: FlaskClient) -> None:
    """So that no wish to leave the list from before it ends it."""
    send(client, "/customer-service/opt-outs", **{**NO, "received_at": "2026-10-25T02:15"})

    with seeded.service.store.reading() as session:
        said = session.scalars(select(OptOut.received_at).where(OptOut.number == int(FROM_PARTNER[1:]))).one()
    assert said == datetime(2026, 10, 25, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize("received_at", ["0001-01-01T00:00", "0001-01-01T00:00+14:00", "9999-12-31T23:59"])
def test_a_no_with_an_impossible_moment_is_refused_in_words_and_can_be_sent_again(
    seeded: Seeded, client: FlaskClient, received_at: str
) -> None:
    before = changes(seeded)

    refused = send(client, "/customer-service/opt-outs", **NO, received_at=received_at)

    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    assert f'name="number" value="{FROM_PARTNER}"' in refused.text
    assert '<option value="letter" selected>' in refused.text
    assert "skrev ett brev</textarea>" in refused.text
    assert '<details class="action" open>' in refused.text
    assert changes(seeded) == before
    assert send(client, "/customer-service/opt-outs", **NO, received_at="1900-01-01T00:00").status_code == 200
    assert changes(seeded) == before + 1


def test_a_release_with_an_impossible_moment_is_refused_in_words(seeded: Seeded, client: FlaskClient) -> None:
    path = f"/customer-service/opt-outs/{seeded.opt_out_id}/release"

    refused = send(client, path, number=OPTED_OUT, asked_at="0001-01-01T00:00", verified_by="bank-id")

    assert 'value="bank-id"' in refused.text

    assert refused.status_code == 422
    assert 'role="alert"' in refused.text


def test_a_number_that_cannot_be_read_stands_in_its_field_to_be_mended(client: FlaskClient) -> None:
    assert 'value="070-17"' in send(client, "/customer-service", number="070-17").text


def test_a_refused_opt_out_keeps_which_calls_it_was_for(client: FlaskClient) -> None:
    """Sent again with a mended moment it must not be for calls that the person did not speak of."""
    form = {"number": FROM_PARTNER, "seller": "norrsken", "via": "phone", "received_at": "2300-01-01T00:00"}

    one = send(client, "/customer-service/opt-outs", **form, channel="automated_voice").text
    none = send(client, "/customer-service/opt-outs", **form).text
    fresh = send(client, "/customer-service", number=FROM_PARTNER).text

    boxes = [re.findall(r'name="channel" value="(\w+)" checked', text) for text in (one, none, fresh)]
    assert boxes == [["automated_voice"], [], ["voice", "automated_voice"]]
