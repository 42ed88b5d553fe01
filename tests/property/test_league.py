"""The interval of the league table, for any counts."""

from statistics import median_low

from hypothesis import example, given
from hypothesis import strategies as st

from dnc.oversight.league import median_days, wilson

CLOSE = 1e-9
ofs = st.integers(min_value=1, max_value=10**9)
counts = ofs.flatmap(lambda of: st.tuples(st.integers(min_value=0, max_value=of), st.just(of)))


@given(counts)
@example((1, 3))
@example((10**9 - 1, 10**9))
def test_the_interval_holds_the_share_and_lies_within_0_and_1(counted: tuple[int, int]) -> None:
    share = wilson(*counted)

    assert share.value is not None
    assert 0.0 <= share.lower <= share.value <= share.upper <= 1.0


@given(counts)
def test_the_interval_of_the_others_is_its_mirror(counted: tuple[int, int]) -> None:
    hits, of = counted
    share, others = wilson(hits, of), wilson(of - hits, of)

    assert abs(share.lower - (1 - others.upper)) < CLOSE
    assert abs(share.upper - (1 - others.lower)) < CLOSE


@given(counts, st.integers(min_value=2, max_value=1000))
def test_the_same_share_of_more_is_known_better(counted: tuple[int, int], times: int) -> None:
    hits, of = counted
    few, many = wilson(hits, of), wilson(hits * times, of * times)

    assert many.upper - many.lower < few.upper - few.lower
    assert many.lower >= few.lower - CLOSE
    assert many.upper <= few.upper + CLOSE


@given(st.integers(min_value=2, max_value=10**6).flatmap(lambda of: st.tuples(st.integers(0, of - 1), st.just(of))))
def test_one_more_hit_never_looks_better(counted: tuple[int, int]) -> None:
    hits, of = counted
    before, after = wilson(hits, of), wilson(hits + 1, of)

    assert after.lower > before.lower - CLOSE
    assert after.upper > before.upper - CLOSE


@given(counts)
def test_nothing_below_the_share_is_sure_unless_something_was_hit(counted: tuple[int, int]) -> None:
    hits, of = counted

    assert (wilson(hits, of).lower > 0) == (hits > 0)
    assert (wilson(hits, of).upper < 1) == (hits < of)


@given(st.lists(st.integers(min_value=0, max_value=4000), min_size=1, max_size=60))
def test_the_median_from_counts_is_the_median_of_the_days_themselves(days: list[int]) -> None:
    assert median_days({day: days.count(day) for day in days}) == median_low(days)
