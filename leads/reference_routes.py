"""The endpoints of references: the contract, invoices and orders that a delivery comes under."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.errors import NotFound
from core.store import Store
from leads.references import REFERENCE_LENGTH, Reference, add_references, lead_file_references
from leads.terms import ReferenceKind
from web.endpoint import Api, Document

Given = Annotated[str, Field(min_length=1, max_length=REFERENCE_LENGTH)]


class ReferenceDocument(Document):
    """What a file came under, when that was said and by whom; ``stands``: no other of its kind was said later."""

    kind: ReferenceKind
    reference: str
    said_at: datetime
    said_by: str
    stands: bool


class GivenReferences(Document):
    """References that a request names: one of each kind, or of some."""

    contract: Given | None = Field(default=None, description="Reference of a contract.")
    invoice: Given | None = Field(default=None, description="Reference of an invoice.")
    order: Given | None = Field(default=None, description="Reference of an order.")

    def by_kind(self) -> Mapping[ReferenceKind, str]:
        """Return those that are given."""
        given = {kind: getattr(self, kind.value) for kind in ReferenceKind}
        return {kind: reference for kind, reference in given.items() if reference is not None}


class NewReferences(GivenReferences):
    """What a file that was delivered before comes under: one of each kind, or of some."""


class ReferencesDocument(Document):
    """Every reference of a file, in the order of saying: those said with it first."""

    references: list[ReferenceDocument]


def references_api(store: Store) -> Api:
    """Return the endpoints of references."""
    api = Api("references", store)

    @api.post("/v1/lead-files/<lead_file_id>/references", right=Right.LOAD_LEADS, problems=[NotFound])
    def add_lead_file_references(
        lead_file_id: str, body: NewReferences, caller: Caller, session: Session
    ) -> ReferencesDocument:
        """Say what a delivered file comes under; what was said before stays on record with who said it and when."""
        return _document(add_references(session, caller, lead_file_id, body.by_kind(), store.clock.now()))

    @api.get("/v1/lead-files/<lead_file_id>/references", right=Right.PAUSE_SOURCES, problems=[NotFound])
    def read_lead_file_references(lead_file_id: str, caller: Caller, session: Session) -> ReferencesDocument:
        """List everything that a file was said to come under, with who said it and when."""
        return _document(lead_file_references(session, caller, lead_file_id))

    return api


def _document(references: Sequence[Reference]) -> ReferencesDocument:
    return ReferencesDocument(references=[ReferenceDocument(**asdict(one)) for one in references])
