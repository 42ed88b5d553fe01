"""Lists over HTTP: how much of one is asked for at once, and behind what. An empty cursor is none: it is refused."""

from typing import Annotated

from pydantic import StringConstraints

from web.endpoint import Document
from web.fields import Id, Limit, Slug

OpaqueCursor = Annotated[str, StringConstraints(min_length=1, max_length=60)]
"""Where a page ended, to be given back as it came."""


class AfterSlug(Document):
    """Which of them: those after the one with this slug; from the beginning without one."""

    cursor: Slug | None = None
    limit: Limit = 100


class AfterId(Document):
    """Which of them: those that come after the one with this id; from the beginning without one."""

    cursor: Id | None = None
    limit: Limit = 100
