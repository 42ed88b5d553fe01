"""Values told apart: however they are sorted, each has the place of its like among the distinct ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.columns import places_of

SMALL = st.integers(0, 50)
NUMBERS = st.integers(46_700_000_000, 46_700_000_050) | st.integers(-9, -1)
ANY = st.integers(-(1 << 63), (1 << 63) - 1) | st.sampled_from([-(1 << 63), (1 << 63) - 1, 1 << 58, -(1 << 58)])


@given(values=st.lists(SMALL) | st.lists(NUMBERS) | st.lists(ANY))
def test_each_value_has_its_place_among_the_distinct_ones_in_order(values: list[int]) -> None:
    """Few values are counted, others sorted with their places in one whole number, the largest by themselves."""
    distinct, places = places_of(np.array(values, dtype=np.int64))

    assert distinct.tolist() == sorted(set(values))
    assert [distinct[place] for place in places] == values
    assert distinct.dtype == places.dtype == np.int64
