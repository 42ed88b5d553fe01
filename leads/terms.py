"""The words of leads that other packages share: who delivers them, and what becomes of a file and its rows."""

from enum import StrEnum


class SourceKind(StrEnum):
    """Who delivered a lead: a partner that collected it itself, or a seller of lists."""

    PARTNER = "partner"
    LIST = "list"


class FileFormat(StrEnum):
    """The form of a lead file: text with delimiters, a workbook, or a JSON object a line."""

    CSV = "csv"
    XLSX = "xlsx"
    JSONL = "jsonl"


class FileState(StrEnum):
    """How far a lead file has come: its rows are being read, or all of them are settled."""

    READING = "reading"
    FINISHED = "finished"


class RowState(StrEnum):
    """What became of a row; every row of a file has exactly one."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    AMBIGUOUS = "ambiguous"


class ReferenceKind(StrEnum):
    """What a delivery can come under."""

    CONTRACT = "contract"
    INVOICE = "invoice"
    ORDER = "order"
