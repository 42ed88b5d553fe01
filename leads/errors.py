"""What can be wrong with a lead file as a whole; what is wrong with one row is a reason on that row."""

from core.errors import Kind, ServiceError


class UnreadableLeadFile(ServiceError):
    """The file as a whole could not be read, so none of its rows were kept."""

    kind, code, title = Kind.INVALID, "unreadable-lead-file", "The lead file cannot be read"


class UnclearHeadings(ServiceError):
    """The headings do not say which column holds what; a mapping does."""

    kind, code, title = Kind.INVALID, "unclear-headings", "The headings of the lead file are not clear"


class LeadFileChanged(ServiceError):
    """The file was written to while it was read; what is kept so far came from the file as it first was."""

    kind, code, title = Kind.CONFLICT, "lead-file-changed", "The lead file changed while it was read"


class LeadFileWithdrawn(ServiceError):
    """The file is withdrawn for good: it is not paused, resumed, quarantined or screened any more."""

    kind, code, title = Kind.CONFLICT, "lead-file-withdrawn", "The lead file is withdrawn"


class LeadFileNotKept(ServiceError):
    """The lead file as received is not kept: its time is over, or an earlier version received it, which kept none."""

    kind, code, title = Kind.CONFLICT, "lead-file-not-kept", "The lead file as received is not kept"
