"""The API of registers: load a version, see how fresh each is."""

import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path

from pydantic import Field
from sqlalchemy.orm import Session

from core.access import Caller, Right
from core.store import Store
from dnc.registers.errors import (
    RegisterArchiveDamaged,
    RegisterArchiveMembers,
    RegisterArchiveNested,
    RegisterBaseMissing,
    RegisterBaseOther,
    RegisterChangesNotTaken,
    RegisterColumnMissing,
    RegisterDateInFuture,
    RegisterDateMissing,
    RegisterFileBinary,
    RegisterFileEmpty,
    RegisterFileEncoding,
    RegisterFileTooLarge,
    RegisterLayoutInvalid,
    RegisterLinesOther,
    RegisterLinesRejected,
    RegisterLineTooLong,
    RegisterOfAnotherCountry,
    RegisterOlder,
    RegisterShrunken,
    RegisterXmlRefused,
    UnknownRegister,
)
from dnc.registers.layouts import LONGEST_LAYOUT, FileKind
from dnc.registers.loading import REASON_LENGTH, load_register
from dnc.registers.outcomes import LoadWarning
from dnc.registers.standing import State, standing, validity_text
from web.endpoint import Api, Document
from web.uploads import Upload

UPLOAD_LIMIT = 256 * 1024 * 1024
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class NewVersion(Document):
    """The form that goes with a register file."""

    as_of: str = Field(pattern=_DATE.pattern, description="The day that the contents are from, YYYY-MM-DD.")
    accept_shrunken: str | None = Field(default=None, min_length=1, max_length=REASON_LENGTH)
    accept_unreadable: str | None = Field(
        default=None,
        min_length=1,
        max_length=REASON_LENGTH,
        description="Why lines that cannot be read may be left out.",
    )
    expect_lines: int | None = Field(
        default=None,
        ge=1,
        description="How many of its lines hold a number, as its sender says: another count refuses it.",
    )
    kind: FileKind = Field(default=FileKind.FULL, description="A full file, or changes to the version in force.")
    base: str | None = Field(
        default=None, pattern=_DATE.pattern, description="The day of the version that the changes go on from."
    )
    layout: str | None = Field(
        default=None, min_length=1, max_length=LONGEST_LAYOUT, description="How this file is laid out, in JSON."
    )


class ChangedDocument(Document):
    """What a change list did to the version before."""

    added: int
    removed: int
    unlisted: int
    listed_before: int


class VersionDocument(Document):
    """The version in force after a load."""

    name: str
    version_id: str
    as_of: date
    count: int
    count_before: int | None
    valid_until: datetime | None
    state: State
    already_loaded: bool
    kind: FileKind
    lines: int
    duplicates: int
    rejected_lines: int
    rejected: dict[str, int]
    covered: int | None
    changed: ChangedDocument | None
    warnings: list[LoadWarning]


class RegisterDocument(Document):
    """How one register stands."""

    name: str
    country: str
    state: State
    version_id: str | None
    as_of: date | None
    count: int | None
    loaded_at: datetime | None
    valid_until: datetime | None
    validity: str | None = Field(description="How long a version may be gone by.")
    covered: int | None = Field(description="How many numbers it speaks of; null: every one.")


class RegisterList(Document):
    """All registers."""

    registers: list[RegisterDocument]


PROBLEMS = (
    UnknownRegister,
    RegisterDateMissing,
    RegisterDateInFuture,
    RegisterFileEmpty,
    RegisterFileBinary,
    RegisterFileEncoding,
    RegisterLineTooLong,
    RegisterFileTooLarge,
    RegisterArchiveDamaged,
    RegisterArchiveMembers,
    RegisterArchiveNested,
    RegisterLinesOther,
    RegisterLinesRejected,
    RegisterOfAnotherCountry,
    RegisterShrunken,
    RegisterOlder,
    RegisterLayoutInvalid,
    RegisterColumnMissing,
    RegisterXmlRefused,
    RegisterChangesNotTaken,
    RegisterBaseMissing,
    RegisterBaseOther,
)


def registers_api(store: Store, registers_dir: Path, is_readable: Callable[[str], bool]) -> Api:
    """Return the endpoints of registers; ``is_readable`` is ``RegisterShelf.is_readable``."""
    api = Api("registers", store)

    @api.post(
        "/v1/registers/<name>/versions",
        right=Right.LOAD_REGISTERS,
        status=201,
        fields=NewVersion,
        limit=UPLOAD_LIMIT,
        problems=PROBLEMS,
    )
    def load_version(name: str, upload: Upload, form: NewVersion, caller: Caller) -> VersionDocument:
        """Put a register file in force; the same file with the same date again changes nothing."""
        loaded = load_register(
            store,
            registers_dir,
            caller,
            name=name,
            path=upload.path,
            as_of=_date_in(form.as_of, "as_of"),
            file_name=upload.name,
            now=store.clock.now(),
            kind=form.kind,
            base_as_of=None if form.base is None else _date_in(form.base, "base"),
            layout_json=form.layout,
            expect_lines=form.expect_lines,
            accept_shrunken_reason=form.accept_shrunken,
            accept_unreadable_reason=form.accept_unreadable,
        )
        return VersionDocument(
            name=loaded.register,
            version_id=loaded.version_id,
            as_of=loaded.as_of,
            count=loaded.count,
            count_before=loaded.count_before,
            valid_until=loaded.valid_until,
            state=loaded.state,
            already_loaded=loaded.already_loaded,
            kind=loaded.kind,
            lines=loaded.lines,
            duplicates=loaded.duplicates,
            rejected_lines=loaded.rejected_lines,
            rejected=dict(loaded.rejected),
            covered=loaded.covered,
            changed=None if loaded.changed is None else ChangedDocument(**asdict(loaded.changed)),
            warnings=list(loaded.warnings),
        )

    @api.get("/v1/registers", right=Right.READ_REGISTERS)
    def list_registers(session: Session) -> RegisterList:
        """Return how each register stands, by name."""
        return RegisterList(
            registers=[
                RegisterDocument(
                    name=one.register,
                    country=one.country,
                    state=one.state,
                    version_id=one.version_id,
                    as_of=one.as_of,
                    count=one.count,
                    loaded_at=one.loaded_at,
                    valid_until=one.valid_until,
                    validity=validity_text(one.validity),
                    covered=one.covered,
                )
                for one in standing(session, store.clock.now(), is_readable=is_readable)
            ]
        )

    return api


def _date_in(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise RegisterDateMissing(f"{field} is not a day of the calendar, YYYY-MM-DD") from error
