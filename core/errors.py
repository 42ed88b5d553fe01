"""Every error that a user may meet: one class a problem, with a closed kind and a stable code."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    """What sort of problem it is; the HTTP toolkit and the command line each translate it once."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"


class ServiceError(Exception):
    """A refusal with a reason the user can act on.

    ``detail`` is shown to the user and written to logs: it never holds a number or other personal data.
    ``extra`` adds members to the problem document (RFC 9457 section 3.2).
    """

    kind: ClassVar[Kind] = Kind.INVALID
    code: ClassVar[str] = "invalid"
    title: ClassVar[str] = "The request cannot be carried out"

    def __init__(self, detail: str, *, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = dict(extra or {})

    @property
    def untold(self) -> list[str]:
        """The ``errors`` of ``extra`` that ``detail`` does not say already: for where one is told after the other."""
        listed = self.extra.get("errors")
        return [str(one) for one in listed if str(one) not in self.detail] if isinstance(listed, list) else []


class NotFound(ServiceError):
    """What was named does not exist, or is not this caller's to know of."""

    kind, code, title = Kind.NOT_FOUND, "not-found", "There is nothing of that name"


class Forbidden(ServiceError):
    """The caller is known but its role or seller does not allow this."""

    kind, code, title = Kind.FORBIDDEN, "forbidden", "Your role does not allow this"


class Unauthenticated(ServiceError):
    """No valid key or session came with the request."""

    kind, code, title = Kind.UNAUTHENTICATED, "unauthenticated", "A valid key is needed"


class AlreadyExists(ServiceError):
    """The slug or name is taken."""

    kind, code, title = Kind.CONFLICT, "already-exists", "The name is taken"


class InvalidInput(ServiceError):
    """One or more values cannot be accepted; ``errors`` in the problem lists each."""

    kind, code, title = Kind.INVALID, "invalid-input", "The input is not valid"


class Overloaded(ServiceError):
    """The service cannot take more work now and says so rather than answer wrongly; try again shortly."""

    kind, code, title = Kind.UNAVAILABLE, "overloaded", "The service is busy"


class StorageUnavailable(ServiceError):
    """The database did not take the write (disk full, lock, lost connection, no answer); nothing was half-written.

    If it did not answer a commit, ``detail`` says that this may still be carried out.
    """

    kind, code, title = Kind.UNAVAILABLE, "storage-unavailable", "The database cannot take the write now"


class DatabaseDamaged(ServiceError):
    """SQLite finds its file damaged, or no database at all; nothing was written to it."""

    kind, code, title = Kind.UNAVAILABLE, "database-damaged", "The database's file is damaged"
