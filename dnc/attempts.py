"""When a call counts as an attempt, alike wherever attempts are read."""

from datetime import datetime

from sqlalchemy import case
from sqlalchemy.sql import ColumnElement

from dnc.models import Check, Contact


def counts_at() -> ColumnElement[datetime]:
    """Return when a contact counts, in a statement that joins it with its check: when the call started, or the check.

    The later of the two: no call that a check was asked for was made before it, whatever a dialer's clock says.
    """
    return case((Contact.started_at >= Check.checked_at, Contact.started_at), else_=Check.checked_at)
