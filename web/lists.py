"""Lists over HTTP: how much of one is asked for at once, and behind what. An empty cursor is none: it is refused."""

from typing import Annotated

from pydantic import Field, StringConstraints

from web.endpoint import Document
from web.fields import Id, Limit, Slug

CURSOR = "The `next_cursor`, or `cursor`, of the page before; left out for the first."
OpaqueCursor = Annotated[str, StringConstraints(min_length=1, max_length=60)]
"""Where a page ended, to be given back as it came."""


class AfterSlug(Document):
    """Which of them: those after the one with this slug; from the beginning without one."""

    cursor: Slug | None = Field(default=None, description=CURSOR)
    limit: Limit = 100


class AfterId(Document):
    """Which of them: those that come after the one with this id; from the beginning without one."""

    cursor: Id | None = Field(default=None, description=CURSOR)
    limit: Limit = 100
