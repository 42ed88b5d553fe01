"""The API of how registers change, and of contacts held against them again."""

from pathlib import Path

from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.store import Store
from dnc.registers.change_schemas import (
    ChangesQuestion,
    RegisterChangesDocument,
    RematchDocument,
    RematchQuestion,
    changes_document,
    rematch_document,
)
from dnc.registers.changes import compare_versions
from dnc.registers.contents import UnknownVersion, VersionUnreadable
from dnc.registers.errors import UnknownRegister
from dnc.registers.rematching import rematch
from web.endpoint import Api


def register_changes_api(store: Store, registers_dir: Path) -> Api:
    """Return the endpoints that compare versions and hold contacts against them."""
    api = Api("register_changes", store)

    @api.get(
        "/v1/registers/<name>/changes",
        right=Right.COMPARE_REGISTERS,
        problems=[UnknownRegister, UnknownVersion, VersionUnreadable],
    )
    def read_register_changes(
        name: str, query: ChangesQuestion, caller: Caller, session: Session
    ) -> RegisterChangesDocument:
        """Return how many numbers joined and left from one version to another, and how many are in whose leads."""
        return changes_document(
            compare_versions(session, registers_dir, caller, name=name, older=query.from_, newer=query.to)
        )

    @api.post(
        "/v1/rematches",
        right=Right.REMATCH_CONTACTS,
        problems=[UnknownRegister, UnknownVersion, VersionUnreadable],
    )
    def rematch_contacts(body: RematchQuestion, caller: Caller) -> RematchDocument:
        """Return which of a period's contacts were listed when called, or are by a version of choice; on record."""
        return rematch_document(
            rematch(
                store,
                registers_dir,
                caller,
                name=body.name,
                since=body.since,
                until=body.until,
                version=body.version,
                cursor=body.cursor,
                limit=body.limit,
            )
        )

    return api
