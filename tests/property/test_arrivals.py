"""Claims of a wash, and the numbers that exports are seeded with."""

from collections.abc import Sequence
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from dnc.arrivals import WashVerdict, compare_wash
from dnc.canaries import CANARIES, NoCanaryLeft, chosen, fiction

KEY = bytes(range(32))


@given(
    claimed=st.none() | st.dates(date(2026, 9, 1), date(2026, 12, 1)),
    ours=st.none() | st.dates(date(2026, 9, 1), date(2026, 12, 1)),
    received=st.dates(date(2026, 9, 1), date(2026, 12, 1)),
    listed=st.none() | st.integers(0, 3),
)
def test_a_wash_is_called_contradicted_only_by_a_version_no_newer_that_lists_a_number(
    claimed: date | None, ours: date | None, received: date, listed: int | None
) -> None:
    wash = compare_wash("nix", claimed, received, ours, listed)

    contradicted = bool(claimed and ours and ours <= claimed and listed)
    assert (wash.verdict is WashVerdict.CONTRADICTED) == contradicted
    kept = bool(claimed and ours and ours <= claimed <= received and listed == 0)
    assert (wash.verdict is WashVerdict.KEPT) == kept


@given(
    exports=st.lists(st.uuids().map(str), unique=True, max_size=30),
    known=st.integers(450, len(fiction())),
)
def test_no_two_exports_are_seeded_with_the_same_numbers_nor_with_known_ones(
    exports: Sequence[str], known: int
) -> None:
    taken = set(fiction()[:known])
    sets: set[frozenset[int]] = set()
    for export_id in exports:
        try:
            picked = frozenset(chosen(KEY, export_id, taken, sets))
        except NoCanaryLeft:
            break
        assert len(picked) == CANARIES
        assert picked not in sets
        assert not picked & taken
        fresh = len(set(fiction()) - taken - set().union(*sets))
        assert fresh < CANARIES or not picked & set().union(*sets)
        sets.add(picked)


@given(export_id=st.uuids().map(str))
def test_canaries_depend_on_the_key(export_id: str) -> None:
    assert chosen(KEY, export_id, (), ()) == chosen(KEY, export_id, (), ())
    assert chosen(KEY, export_id, (), ()) != chosen(bytes(32), export_id, (), ())
