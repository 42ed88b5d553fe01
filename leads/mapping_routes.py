"""The API of saved mappings: how a supplier's files are read."""

from datetime import datetime
from typing import Annotated

from pydantic import Field as Described
from pydantic import StringConstraints
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import NotFound
from core.store import Store
from leads.mappings import HEADING, SavedMapping, forget_mapping, mapping_of, save_mapping
from web.endpoint import Api, Document

Name = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Heading = Annotated[str, StringConstraints(max_length=HEADING)]


class MappingRequest(Document):
    """How a supplier's files are to be read."""

    mapping: dict[Name, Heading] = Described(
        default_factory=dict,
        max_length=50,
        description="The heading of each field it names, or its column as #3; an empty text: not read.",
    )
    encoding: str | None = Described(default=None, max_length=20, description="The character set of all its files.")
    delimiter: str | None = Described(default=None, max_length=1, description="The character between cells.")
    has_headings: bool | None = Described(
        default=None, description="Null: there are headings unless the mapping names columns by number alone."
    )


class MappingDocument(Document):
    """How a supplier's files are read; ``remembered`` counts the mappings known from imports."""

    mapping: dict[str, str]
    has_headings: bool
    encoding: str | None
    delimiter: str | None
    saved_at: datetime | None
    remembered: int


class Forgotten(Document):
    """Nothing is saved for the supplier any more."""

    forgotten: bool


def mappings_api(store: Store) -> Api:
    """Return the endpoints of saved mappings."""
    api = Api("mappings", store)

    @api.get("/v1/suppliers/<slug>/mapping", right=Right.LOAD_LEADS, problems=[NotFound])
    def read_mapping(slug: str, caller: Caller, session: Session) -> MappingDocument:
        """Say how a supplier's files are read."""
        return _document(mapping_of(session, caller, slug))

    @api.post("/v1/suppliers/<slug>/mapping", right=Right.LOAD_LEADS, problems=[NotFound])
    def write_mapping(slug: str, body: MappingRequest, caller: Caller, session: Session) -> MappingDocument:
        """Save how a supplier's files are read from the next import on, in place of what was saved before."""
        return _document(
            save_mapping(
                session,
                caller,
                supplier_slug=slug,
                mapping=body.mapping,
                encoding=body.encoding,
                delimiter=body.delimiter,
                has_headings=body.has_headings,
                now=store.clock.now(),
            )
        )

    @api.post("/v1/suppliers/<slug>/mapping/forget", right=Right.LOAD_LEADS, problems=[NotFound])
    def forget_saved_mapping(slug: str, caller: Caller, session: Session) -> Forgotten:
        """Read a supplier's files by their headings alone again."""
        forget_mapping(session, caller, supplier_slug=slug)
        return Forgotten(forgotten=True)

    return api


def _document(saved: SavedMapping) -> MappingDocument:
    return MappingDocument(
        mapping=dict(saved.mapping),
        has_headings=saved.has_headings,
        encoding=saved.encoding,
        delimiter=saved.delimiter,
        saved_at=saved.saved_at,
        remembered=len(saved.remembered),
    )
