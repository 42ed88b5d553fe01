"""Slugs: small letters, digits and inner hyphens. Names and words: what can be seen of them."""

import pytest

from core.errors import InvalidInput
from core.naming import check_name, check_slug, trimmed


@pytest.mark.parametrize("slug", ["a", "0", "vinter-el", "a--b", "x" * 60])
def test_a_slug_is_taken_as_it_is(slug: str) -> None:
    assert check_slug(slug) == slug


@pytest.mark.parametrize("slug", ["", "-a", "a-", "A", "å", "a b", "a\n", "a_b", "x" * 61, "a\x00", "٣"])
def test_anything_else_is_refused(slug: str) -> None:
    with pytest.raises(InvalidInput):
        check_slug(slug)


@pytest.mark.parametrize(
    "unseen", ["", " ", "\n\t", "\u00a0", "\u200b", "\ufeff", "\u00ad", "\u202e", "\x01", " \u2060 "]
)
def test_what_cannot_be_seen_is_no_name_and_no_part_of_one(unseen: str) -> None:
    assert trimmed(unseen) == ""
    assert check_name(f"{unseen}Norrsken\u200b Energi{unseen}", "a seller") == "Norrsken\u200b Energi"
    with pytest.raises(InvalidInput):
        check_name(unseen, "a seller")


@pytest.mark.parametrize("seen", ["Å", "x", "-", "العربية", "👍🏽", "☎️", "e\u0301"])
def test_what_can_be_seen_stands(seen: str) -> None:
    assert trimmed(seen) == seen
