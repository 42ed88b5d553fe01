"""The tree over a file's rows, however it is built, is the one of RFC 9162 section 2.1."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from leads.merkle import EMPTY_ROOT, Frontier, leaf_hashes, node_hash

sizes = st.integers(0, 300)
cuts = st.lists(st.integers(0, 300), max_size=8)


def root_by_the_book(hashes: Sequence[bytes]) -> bytes:
    """Return MTH as section 2.1.1 defines it, by recursion."""
    if len(hashes) < 2:
        return hashes[0] if hashes else EMPTY_ROOT
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(root_by_the_book(hashes[:split]), root_by_the_book(hashes[split:]))


def path_by_the_book(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return PATH as section 2.1.3.1 defines it, by recursion."""
    if len(hashes) == 1:
        return []
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    if index < split:
        return [*path_by_the_book(hashes[:split], index), root_by_the_book(hashes[split:])]
    return [*path_by_the_book(hashes[split:], index - split), root_by_the_book(hashes[:split])]


def hashed(size: int) -> list[bytes]:
    """Return the hashes of ``size`` different leaves."""
    return leaf_hashes(b"row %d" % row for row in range(size))


@given(size=sizes, cuts=cuts, joined=st.lists(st.booleans(), min_size=9, max_size=9))
def test_however_it_is_cut_and_laid_aside_the_tree_is_the_same(size: int, cuts: list[int], joined: list[bool]) -> None:
    hashes, places = hashed(size), sorted({0, size, *(cut for cut in cuts if cut < size)})
    frontier = Frontier()
    for (start, end), is_joined in zip(pairwise(places), joined, strict=False):
        if is_joined:
            frontier.append_joined(b"".join(hashes[start:end]))
        else:
            frontier.append_hashes(hashes[start:end])
        frontier = Frontier.from_text(frontier.to_text())

    assert frontier.size == size
    assert frontier.root() == root_by_the_book(hashes)


@given(data=st.data(), size=st.integers(1, 300), cuts=cuts)
def test_each_leaf_is_proved_by_the_path_of_the_book(data: st.DataObject, size: int, cuts: list[int]) -> None:
    hashes, places = hashed(size), sorted({0, size, *(cut for cut in cuts if cut < size)})
    index = data.draw(st.integers(0, size - 1))
    watching = Frontier(watched=index)
    for start, end in pairwise(places):
        watching.append_hashes(hashes[start:end])

    assert watching.path() == path_by_the_book(hashes, index)
