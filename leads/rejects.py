"""The rows of a delivery that were not accepted, in its original form with the reasons in a last column.

The file goes back to the supplier, to be mended and sent again, so it must say exactly what was received: a CSV cell
that begins with ``=``, ``+``, ``-`` or ``@`` is written as it came (a quote put before it would change numbers such as
+46… in every row, and the mended file with them). Whoever opens it in a spreadsheet instead should ask for XLSX, where
every cell is written as text and no formula can run.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal

from leads.headings import plain_heading

REASONS, JSON_REASONS, JSON_LINE = "reasons", "_reasons", "_line"
CELL_LIMIT = 32_767
"""UTF-16 characters in a cell of a workbook; the rest of a longer one is cut, and a last … says so."""
SHEET_ROWS = 1_048_576
Format = Literal["csv", "xlsx", "jsonl"]
Row = tuple[int, Sequence[str], Sequence[str]]


def write_rejects(
    file: BinaryIO,
    *,
    format: Format,  # noqa: A002 - the word of the API
    headings: Sequence[str],
    delimiter: str = ",",
    encoding: str = "utf-8",
    opening: str = "",
    rows: Iterable[Row],
    spool_dir: Path | None = None,
) -> None:
    """Write each of ``rows`` (its number, cells and reasons) to ``file``, which stays open; memory stays bounded.

    CSV keeps ``delimiter`` and ``encoding``, begins with the line ``opening`` if there is one, and has no line of
    headings if there are none; a character that the encoding does not have is written as ``\\u0141``. A row that could
    not be read is its line, in the first cell.
    ``spool_dir`` is where a workbook is put together.
    """
    match format:
        case "csv":
            _write_csv(file, headings, delimiter, encoding, opening, rows)
        case "xlsx":
            _write_xlsx(file, headings, rows, spool_dir)
        case "jsonl":
            _write_json_lines(file, headings, rows)


def _write_csv(
    file: BinaryIO, headings: Sequence[str], delimiter: str, encoding: str, opening: str, rows: Iterable[Row]
) -> None:
    text = io.TextIOWrapper(file, encoding=encoding, errors="backslashreplace", newline="", write_through=True)
    try:
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
        if opening:
            text.write(f"{opening}\r\n")
        if headings:
            writer.writerow([*headings, reasons_heading(headings)])
        writer.writerows(_filled(headings, rows))
        text.flush()
    finally:
        text.detach()


def _write_json_lines(file: BinaryIO, headings: Sequence[str], rows: Iterable[Row]) -> None:
    for _, cells, reasons in rows:
        if len(cells) == len(headings):
            written: dict[str, object] = dict(zip(headings, cells, strict=True))
        else:
            written = {JSON_LINE: cells[0] if len(cells) == 1 else list(cells)}
        written[JSON_REASONS] = list(reasons)
        line = json.dumps(written, ensure_ascii=False, separators=(",", ":"))
        file.write(line.encode(errors="backslashreplace") + b"\n")


def _write_xlsx(file: BinaryIO, headings: Sequence[str], rows: Iterable[Row], spool_dir: Path | None) -> None:
    import xlsxwriter

    options: dict[str, object] = {"constant_memory": True}
    if spool_dir is not None:
        options["tmpdir"] = str(spool_dir)
    book = xlsxwriter.Workbook(file, options)
    as_text = book.add_format({"num_format": "@"})
    titles = [*headings, reasons_heading(headings)]
    sheet, place = book.add_worksheet(), 0
    for cells in chain([titles], _filled(headings, rows)):
        if place >= SHEET_ROWS:
            sheet, place = book.add_worksheet(), 0
        for column, cell in enumerate(cells):
            sheet.write_string(place, column, fitting(cell), as_text)
        place += 1
    book.close()


def _filled(headings: Sequence[str], rows: Iterable[Row]) -> Iterator[list[str]]:
    """Give each row with its reasons in the column after the headings; after its own cells if it has more."""
    for _, cells, reasons in rows:
        yield [*cells, *[""] * (len(headings) - len(cells)), ", ".join(reasons)]


def reasons_heading(headings: Sequence[str]) -> str:
    """Return the heading of the reasons: one that the file does not have yet, so that it can be read again."""
    taken = {plain_heading(heading) for heading in headings}
    return next(
        name for count in range(len(taken) + 1) if plain_heading(name := REASONS + str(count or "")) not in taken
    )


def fitting(cell: str) -> str:
    """Return a text as a cell of a workbook can hold it."""
    text = cell.encode(errors="backslashreplace").decode()
    if len(text) <= CELL_LIMIT // 2 or len(text.encode("utf-16-le")) // 2 <= CELL_LIMIT:
        return text
    return f"{text[: CELL_LIMIT // 2]}…"
