"""What a withdrawn file means to its source's other files: its leads give way, its birth dates do not count."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from core.database import any_of, any_of_value
from leads.models import Lead, LeadBirthDate, LeadFile, LeadIdentity

_BESIDE: tuple[Table, ...] = tuple(model.__table__ for model in (Lead, LeadBirthDate, LeadIdentity))  # type: ignore[misc] # typed as any selectable, they are tables


@dataclass(frozen=True, slots=True)
class Told:
    """A birth date that a file's row tells of whoever has the number; ``row_no`` None: it is not known which row."""

    number: int
    birth_date: date
    file_no: int
    lead_file_id: str | None
    row_no: int | None


def withdrawn_among(session: Session, file_nos: Collection[int]) -> frozenset[int]:
    """Return which of the files, by ``no``, are withdrawn. By ix_lead_files_no."""
    query = select(LeadFile.no).where(LeadFile.no.in_(file_nos), LeadFile.withdrawn_at.is_not(None))
    return frozenset(session.scalars(query))


def give_way(session: Session, source_no: int, old: Mapping[int, int]) -> list[Told]:
    """Make room for new leads of the source on numbers that withdrawn files hold; return what others told of them.

    ``old`` is the file that holds each number. Their rows stay, as of no source: see ``Lead``. By pk_leads.
    """
    connection = session.connection()
    found: list[Told] = []
    for file_no in set(old.values()):
        numbers = [number for number, holder in old.items() if holder == file_no]
        given = {"numbers": any_of_value(connection.dialect.name, numbers)}
        teller = select(LeadFile.id).where(LeadFile.no == Lead.told_by).scalar_subquery()
        told = select(Lead.number, Lead.birth_date, Lead.told_by, teller).where(
            Lead.source_no == source_no,
            any_of(Lead.number, bindparam("numbers")),
            Lead.told_by.is_not(None),
            Lead.birth_date.is_not(None),
        )
        for number, birth_date, teller_no, teller_id in connection.execute(told, given):
            found.append(Told(number, birth_date, teller_no, teller_id, None))
        for table in _BESIDE:
            of_file = table.c.source_no == source_no, any_of(table.c.number, bindparam("numbers"))
            connection.execute(update(table).where(*of_file).values(source_no=-file_no), given)
    return found
