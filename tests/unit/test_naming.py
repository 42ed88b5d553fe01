"""Slugs: small letters, digits and inner hyphens."""

import pytest

from core.errors import InvalidInput
from core.naming import check_slug


@pytest.mark.parametrize("slug", ["a", "0", "vinter-el", "a--b", "x" * 60])
def test_a_slug_is_taken_as_it_is(slug: str) -> None:
    assert check_slug(slug) == slug


@pytest.mark.parametrize("slug", ["", "-a", "a-", "A", "å", "a b", "a\n", "a_b", "x" * 61, "a\x00", "٣"])
def test_anything_else_is_refused(slug: str) -> None:
    with pytest.raises(InvalidInput):
        check_slug(slug)
