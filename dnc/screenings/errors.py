"""What goes wrong with screenings."""

from core.errors import Kind, NotFound, ServiceError


class UnknownScreening(NotFound):
    """There is no such screening, or it is another seller's or, for a dialer, of another key."""

    code, title = "unknown-screening", "There is no such screening"


class ScreeningNotRunning(ServiceError):
    """The screening was cancelled meanwhile, or is over; what is on record of it stands."""

    kind, code, title = Kind.CONFLICT, "screening-not-running", "The screening is not running"


class ScreeningBusy(ServiceError):
    """Another process works on the screening and has come further; nothing was put on record twice."""

    kind, code, title = Kind.CONFLICT, "screening-busy", "Another process works on the screening"


class ScreeningUnfinished(ServiceError):
    """The screening has no whole result: it is running, was cancelled, failed, or was written by the command."""

    kind, code, title = Kind.CONFLICT, "screening-unfinished", "The screening has no result to give"


class ScreenedFileChanged(ServiceError):
    """The file is not the one that the screening began with, or is read otherwise by now: it cannot go on."""

    kind, code, title = Kind.CONFLICT, "screened-file-changed", "The file is another than the one screened"


class ScreenedFileForgotten(ServiceError):
    """The file is not kept, or no longer: the screening can go on only where the file is given again."""

    kind, code, title = Kind.CONFLICT, "screened-file-forgotten", "The file to screen is not kept"


class ScreeningErased(NotFound):
    """The screening's answers were erased when their retention ended; that it was made stands in the ledger."""

    code, title = "screening-erased", "The screening's answers are erased"


class ScreeningDamaged(ServiceError):
    """The rows of a part are not those that the ledger vouches for: nothing of them is told."""

    kind, code, title = Kind.CONFLICT, "screening-damaged", "The screening's record is damaged"
