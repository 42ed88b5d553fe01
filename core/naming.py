"""Names that users give: slugs, and rows whose name must be free."""

import re

from sqlalchemy.orm import Session

from core.database import Base, inserted
from core.errors import AlreadyExists, InvalidInput

NAME_LENGTH, VIA_LENGTH, NOTE_LENGTH, VERIFIED_BY_LENGTH = 200, 40, 2_000, 200
"""How many characters are kept of what a thing is called, of how a person said something, of a note on it, and of how
it was made sure that the person asked."""
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")


def trimmed(text: str) -> str:
    """Return ``text`` without what cannot be seen at its ends: space, controls and characters without width. Pure."""
    unseen = {letter for letter in text if letter.isspace() or not letter.isprintable()}
    return text.strip("".join(unseen)) if unseen else text


def check_slug(slug: str) -> str:
    """Return ``slug`` if it may name a thing: 1–60 small letters, digits and inner hyphens.

    Raises:
        InvalidInput: it may not.
    """
    if SLUG.fullmatch(slug):
        return slug
    raise InvalidInput("a slug has 1 to 60 small letters a-z, digits and inner hyphens")


def check_name(name: str, thing: str, longest: int = NAME_LENGTH) -> str:
    """Return ``name`` without space around it, if it may be what ``thing`` is called: SQLite would keep any length.

    Raises:
        InvalidInput: it is empty, or longer than the column that keeps it.
    """
    name = trimmed(name)
    if 1 <= len(name) <= longest:
        return name
    raise InvalidInput(f"{thing} needs a name, of at most {longest} characters")


def check_note(note: str) -> str:
    """Return ``note``, if it is no longer than what is kept of one.

    Raises:
        InvalidInput: it is longer.
    """
    if len(note) > NOTE_LENGTH:
        raise InvalidInput(f"a note has at most {NOTE_LENGTH} characters")
    return note


def insert_named(session: Session, row: Base, taken: str) -> None:
    """Insert ``row``, whose slug or name must be free.

    Raises:
        AlreadyExists: a unique constraint says otherwise; ``taken`` is the detail shown.
    """
    if not inserted(session, row):
        raise AlreadyExists(taken)
