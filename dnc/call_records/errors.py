"""Why call records are refused; nothing of the file is kept then."""

from core.errors import Kind, NotFound, ServiceError


class UnreadableCallRecords(ServiceError):
    """The file as a whole could not be read, or does not say which column holds the number or the time."""

    kind, code, title = Kind.INVALID, "unreadable-call-records", "The call records cannot be read"


class TooManyCallRecords(ServiceError):
    """The file has more rows than are matched at once."""

    kind, code, title = Kind.TOO_LARGE, "too-many-call-records", "The file has too many call records"


class CallRecordsBusy(ServiceError):
    """Another process matches the same file; what it has written stays."""

    kind, code, title = Kind.CONFLICT, "call-records-busy", "The same call records are being matched elsewhere"


class UnknownCallRecords(NotFound):
    """There is no such file of call records, or it is another seller's."""

    code, title = "unknown-call-records", "There are no such call records"
