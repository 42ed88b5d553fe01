"""Shares with intervals, and who stands worst."""

from dataclasses import dataclass

import pytest

from dnc.oversight.league import Figure, Share, Worst, median_days, ranked, wilson, worst

YARDSTICKS = {Figure.INVALID: 0.2, Figure.COMPLAINED: 0.005}


@dataclass(frozen=True)
class One:
    slug: str
    worst: Worst | None


def stands(slug: str, **counted: tuple[int, int]) -> One:
    return One(slug, worst({Figure(name): wilson(*counts) for name, counts in counted.items()}, YARDSTICKS))


@pytest.mark.parametrize(
    ("hits", "of", "lower", "upper"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_that_of_the_published_table(hits: int, of: int, lower: float, upper: float) -> None:
    share = wilson(hits, of)

    assert (round(share.lower, 4), round(share.upper, 4)) == (lower, upper)


def test_nothing_counted_says_nothing() -> None:
    assert wilson(0, 0) == Share(0, 0, 0.0, 1.0)
    assert wilson(0, 0).value is None
    assert wilson(3, 0) == Share(0, 0, 0.0, 1.0)


def test_more_complaints_than_calls_are_a_complaint_for_every_call() -> None:
    assert wilson(3, 2) == wilson(2, 2)


@pytest.mark.parametrize("counts", [(-1, 3), (0, -1)])
def test_a_negative_count_is_refused(counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="negative"):
        wilson(*counts)


def test_a_small_supplier_with_one_bad_row_does_not_stand_above_a_large_one_with_a_tenth_bad() -> None:
    small, large = stands("small", invalid=(1, 8)), stands("large", invalid=(100_000, 1_000_000))

    assert [one.slug for one in ranked([small, large])] == ["large", "small"]


def test_figures_are_weighed_by_what_is_too_much_of_each() -> None:
    shares = {Figure.INVALID: wilson(100, 1000), Figure.COMPLAINED: wilson(20, 1000)}

    found = worst(shares, YARDSTICKS)

    assert found is not None
    assert found.figure is Figure.COMPLAINED
    assert found.times == pytest.approx(shares[Figure.COMPLAINED].lower / 0.005)


def test_a_figure_without_a_yardstick_or_without_a_hit_decides_nothing() -> None:
    assert worst({Figure.DUPLICATE: wilson(9, 10), Figure.INVALID: wilson(0, 10)}, YARDSTICKS) is None


def test_those_with_nothing_against_them_come_last_by_name() -> None:
    clean, other, bad = stands("b-clean", invalid=(0, 9)), stands("a-other"), stands("z-bad", invalid=(1, 2))

    assert [one.slug for one in ranked([clean, other, bad])] == ["z-bad", "a-other", "b-clean"]


@pytest.mark.parametrize(
    ("counted", "median"),
    [({}, None), ({3: 0}, None), ({7: 1}, 7), ({1: 2, 9: 2}, 1), ({1: 1, 9: 2}, 9), ({0: 10, 400: 9}, 0)],
)
def test_the_median_is_the_day_in_the_middle(counted: dict[int, int], median: int | None) -> None:
    assert median_days(counted) == median
