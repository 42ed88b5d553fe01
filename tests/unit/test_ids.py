"""Identifiers are UUIDv7: unique, and in the order of time."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import RFC_4122, UUID

import pytest

from core.ids import least_id, new_id, new_ids


def test_an_id_is_a_uuid_of_version_7_that_tells_its_time() -> None:
    before = time.time_ns() // 1_000_000
    id_ = new_id()
    after = time.time_ns() // 1_000_000

    read = UUID(id_)
    assert (str(read), read.version, read.variant) == (id_, 7, RFC_4122)
    assert before <= read.int >> 80 <= after


def test_a_hundred_thousand_ids_are_all_different() -> None:
    assert len({new_id() for _ in range(100_000)}) == 100_000


def test_each_id_comes_after_those_made_before_it() -> None:
    made = [id_ for _ in range(2_000) for id_ in (new_id(), *new_ids(10), new_id())]

    assert all(earlier < later for earlier, later in pairwise(made))


def test_ids_follow_a_clock_that_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_id()
    hour_ago = time.time_ns() - 3_600_000_000_000
    monkeypatch.setattr("core.ids.time.time_ns", lambda: hour_ago)
    set_back = new_id()

    assert set_back < before
    assert UUID(set_back).int >> 80 == hour_ago // 1_000_000
    assert set_back < new_id()


def test_no_id_made_at_a_moment_or_by_a_clock_a_day_behind_comes_before_the_least_id() -> None:
    now = datetime.now(UTC)

    assert least_id(now - timedelta(milliseconds=1)) < new_id()
    assert least_id(now + timedelta(hours=23)) < new_id()
    assert least_id(now + timedelta(hours=25)) > new_id()
    assert least_id(datetime(1970, 1, 1, tzinfo=UTC)) <= "00000000-0000"
