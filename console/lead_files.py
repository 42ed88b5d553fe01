"""The lead files that came in, for lead managers and compliance: how far each is read, what became of its rows,
what surprised in it and what it came under.
"""

import re

from flask import Blueprint, request
from werkzeug.wrappers import Response

from console.pages import page, signed_in_caller
from console.parts import Parts
from console.queries import names_of
from core.access import Right
from core.errors import InvalidInput
from core.naming import SLUG
from leads.file_lists import lead_file_page
from leads.terms import FileState

SHOWN = 50
"""Lead files on one page."""
_ID = re.compile(r"[0-9a-f-]{36}")


def add_lead_files(blueprint: Blueprint, parts: Parts) -> None:
    """Add the page of lead files; it is not for sales, who may not know the sources."""

    @blueprint.get("/lead-files")
    def lead_files_page() -> Response:
        caller = signed_in_caller()
        caller.require(Right.PAUSE_SOURCES)
        source, state, cursor = (request.args.get(name) or None for name in ("source", "state", "cursor"))
        if not (_fits(SLUG, source) and _fits(_ID, cursor) and state in (None, *FileState)):
            raise InvalidInput("the address asks for what there cannot be")
        with parts.store.reading() as session:
            found = lead_file_page(
                session,
                caller,
                source=source,
                state=None if state is None else FileState(state),
                cursor=cursor,
                limit=SHOWN,
            )
            said_by = [one.said_by for file in found.files for one in file.references]
            names = names_of(session, [*said_by, *(file.received_by for file in found.files)])
        return page("lead_files.html", found=found, names=names, source=source, state=state)


def _fits(form: re.Pattern[str], given: str | None) -> bool:
    return given is None or form.fullmatch(given) is not None
