"""The tree over a file's rows: the roots and proofs that RFC 9162 prescribes."""

from hashlib import sha256

import pytest

from leads.merkle import EMPTY_ROOT, Frontier, leaf_hashes

# The tree of the certificate-transparency test vectors (RFC 9162 keeps the hashes of RFC 6962): its leaves, and the
# root after each.
LEAVES = [bytes.fromhex(leaf) for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
]


def test_the_tree_without_leaves_is_the_hash_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT == sha256(b"").digest()


@pytest.mark.parametrize("size", range(1, len(LEAVES) + 1))
def test_published_roots_come_out(size: int) -> None:
    frontier = Frontier()
    frontier.append_hashes(leaf_hashes(LEAVES[:size]))

    assert frontier.root().hex() == ROOTS[size - 1]


def test_a_leaf_is_not_taken_for_a_node() -> None:
    """Without the two prefixes, the two halves of a tree would pass for a row of their own."""
    left, right = leaf_hashes([b"a", b"b"])
    frontier = Frontier()
    frontier.append_hashes([left, right])

    assert leaf_hashes([left + right]) != [frontier.root()]


@pytest.mark.parametrize("index", [-1, 5])
def test_a_leaf_that_is_not_there_is_not_proved(index: int) -> None:
    frontier = Frontier(watched=index)
    frontier.append_hashes(leaf_hashes([b"a", b"b", b"c", b"d", b"e"]))

    with pytest.raises(IndexError):
        frontier.path()


@pytest.mark.parametrize(
    "text",
    ["", "1", "1:", "0:" + "00" * 32, "3:" + "00" * 32, "1:" + "00" * 64, "1:" + "AA" * 32, "-1:", "1:" + "00" * 31],
)
def test_a_text_that_is_no_frontier_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the text of a frontier"):
        Frontier.from_text(text)
