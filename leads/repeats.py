"""A file that stands is not read again: what is said now of how to read it is told to be in vain."""

import json
from collections.abc import Mapping

from leads.encodings import MARKED
from leads.errors import UnclearHeadings
from leads.headings import MAX_COLUMNS, Field, columns_by_place, maps_by_place, read_headings
from leads.intake import HowToRead
from leads.mappings import SavedMapping
from leads.models import LeadFile


def not_read_again(known: LeadFile, how: HowToRead | None, saved: SavedMapping | None) -> tuple[str, ...]:
    """Return a warning if a known file would now be read otherwise than the first time.

    The mapping is the sender's or the one that is saved; a sender who says nothing, where nothing is saved, means the
    first. A byte order mark goes before an encoding that is told.
    """
    how = how or HowToRead()
    others = []
    headings = json.loads(known.headings) if known.headings else None
    mapping = how.mapping or (saved.mapping_for(headings or ()) if saved is not None else None)
    if mapping and _is_other(headings, json.loads(known.mapping), mapping):
        others.append("the mapping")
    if how.encoding and known.encoding not in MARKED and not known.encoding.startswith(how.encoding):
        others.append("the encoding")
    if not others:
        return ()
    stood = f"the file is not read again: {' and '.join(others)} of its first reading stood"
    return (f"{stood}; if that was wrong, withdraw the file and import it again",)


def _is_other(headings: list[str] | None, first: Mapping[str, str], mapping: Mapping[str, str]) -> bool:
    """Return whether a mapping gives a field another column than the first one did, of the fields that that knew."""
    before, now = _places(headings, first), _places(headings, mapping)
    if before is None:
        return False
    return now is None or any(before.get(field) != now.get(field) for field in Field if field.value in first)


def _places(headings: list[str] | None, mapping: Mapping[str, str]) -> Mapping[Field, int] | None:
    """Return the places of the fields, or None if the file cannot be read so."""
    try:
        if headings is None:
            return columns_by_place(MAX_COLUMNS, mapping).places
        return None if maps_by_place(mapping) else read_headings(headings, mapping).places
    except UnclearHeadings:
        return None
