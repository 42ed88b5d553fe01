"""Shares as commands tell them."""

import pytest

from cli.context import percent


@pytest.mark.parametrize(
    ("share", "places", "told"),
    [
        *((0.0, 1, "0.0%"), (1.0, 1, "100.0%"), (0.0, 0, "0%"), (1.0, 0, "100%")),
        *((0.5, 1, "50.0%"), (0.9994, 1, "99.9%"), (0.0006, 1, "0.1%"), (0.015, 2, "1.50%")),
        *((2999 / 3000, 1, ">99.9%"), (1 / 3000, 1, "<0.1%"), (1 / 3000, 0, "<1%"), (999 / 1000, 0, ">99%")),
    ],
)
def test_one_of_thousands_is_not_rounded_to_none_or_all(share: float, places: int, told: str) -> None:
    assert percent(share, places) == told
