"""Ages as suppliers write them, in years or as a range of them: the lowest that a cell may mean. Pure."""

import re
from functools import lru_cache

OF_AGE = 18
"""Whose row says less is no lead. An age tells neither the day it was right nor the birthday, so that no policy and no
seller's rule can be held against it later: nobody is called who may be under the highest age that any policy asks."""
_OLDEST = 120
_LONGEST_TEXT = 40
_YEARS = r"(?: ?(?:år|aar|ar|years?|yrs?|y)\b\.?(?: (?:gammal|gammel|old))?)?"
_OR_MORE = r" ?(?:\+|plus|(?:och|eller|og|and|or) (?:äldre|eldre|ældre|older|over|över|above|uppåt|oppover|opefter|up))"
_FROM = r"(?:(?:över|over|äldre än|eldre enn|ældre end|older than|från|fra|from|minst|mindst|at least|min\.?|>=?|≥) ?)?"
_AGE = re.compile(rf"{_FROM}([0-9]{{1,3}}){_YEARS}(?:{_OR_MORE})?{_YEARS}")
_RANGE = re.compile(rf"([0-9]{{1,3}}){_YEARS} ?(?:[-–—−]|till?|to) ?([0-9]{{1,3}}){_YEARS}")
_AT_MOST = re.compile(
    r"(?:under|yngre än|yngre enn|yngre end|younger than|below|less than|upp till|opp til|op til|inntil|up to|högst"
    rf"|høyst|højst|at most|max\.?|maks\.?|<=?|≤) ?([0-9]{{1,3}}){_YEARS}"
)


@lru_cache(maxsize=4096)
def read_age(text: str) -> int | None:
    """Return the lowest age in whole years that ``text`` may mean, or None if it is no age beyond doubt.

    ``42``, ``42 år``, ``18-25`` (18), ``50+`` and ``över 50`` (50); ``under 20`` may be anybody from 0 on. No year, no
    date, nothing above 120, and no 0 by itself, which fills the cells of those whose age nobody knows.
    """
    if len(text) > _LONGEST_TEXT:
        return None
    written = " ".join(text.casefold().split())
    if found := _AGE.fullmatch(written):
        lowest = highest = int(found[1])
        if lowest == 0:
            return None
    elif found := _RANGE.fullmatch(written):
        lowest, highest = int(found[1]), int(found[2])
    elif found := _AT_MOST.fullmatch(written):
        lowest, highest = 0, int(found[1])
    else:
        return None
    return lowest if lowest <= highest <= _OLDEST else None
