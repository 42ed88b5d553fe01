"""A screened file is written in the form it came in: its own rows, in order, each with what is added to it."""

import io
from collections.abc import Sequence
from typing import BinaryIO, Protocol

import polars as pl

from dnc.screenings.added import added_headings
from dnc.screenings.numbers import Ints
from dnc.screenings.parts import Part
from dnc.screenings.rows import FileLayout, joined
from leads.rejects import SHEET_ROWS, fitting

UTF_8 = ("utf-8", "utf-8-sig")
MARKED = ("utf-8-sig", "utf-16")


class Output(Protocol):
    """Where screened rows go."""

    def write(self, part: Part, told: Sequence[Sequence[str]], places: Ints) -> None:
        """Write the part's rows, each with the cells of ``told`` in its place."""

    def close(self) -> None:
        """End the file, which stays open."""


class CsvOutput:
    """Writes CSV with the same delimiter, line ends, encoding and opening line.

    A character that the encoding does not have is written as ``\\u0141``. A cell of the file itself is written as it
    came, whatever it begins with; what is added is no formula.
    """

    def __init__(
        self,
        file: BinaryIO,
        headings: Sequence[str] | None,
        *,
        delimiter: str,
        encoding: str,
        line_end: str,
        opening: str = "",
    ) -> None:
        self._file, self._delimiter, self._line_end = file, delimiter, line_end
        self._encoding = "utf-8" if encoding in UTF_8 else encoding.replace("utf-16", "utf-16-le")
        if encoding in MARKED:
            file.write("\ufeff".encode(self._encoding))
        if opening:
            self._put(opening + line_end)
        if headings is not None:
            self._put(joined([*headings, *added_headings(headings)], delimiter) + line_end)

    def write(self, part: Part, told: Sequence[Sequence[str]], places: Ints) -> None:
        """Write the part's rows."""
        added = pl.Series([joined(cells, self._delimiter) for cells in told], dtype=pl.String)
        rows = pl.DataFrame([part.lines.alias("line"), added.gather(pl.Series(places)).alias("added")])
        if self._encoding == "utf-8":
            self._file.flush()  # polars writes past Python's own buffer
            self._rows_to(self._file, rows)
            return
        written = io.BytesIO()
        self._rows_to(written, rows)
        self._put(written.getvalue().decode())

    def close(self) -> None:
        """Nothing more is to be written."""

    def _rows_to(self, file: BinaryIO, rows: pl.DataFrame) -> None:
        rows.write_csv(
            file,
            include_header=False,
            quote_style="never",
            separator=self._delimiter,
            line_terminator=self._line_end,
        )

    def _put(self, text: str) -> None:
        self._file.write(text.encode(self._encoding, errors="backslashreplace"))


class XlsxOutput:
    """Writes a workbook in which every cell is text, so that no formula can run; in bounded memory."""

    def __init__(self, file: BinaryIO, headings: Sequence[str], *, spool_dir: str | None = None) -> None:
        import xlsxwriter

        options: dict[str, object] = {"constant_memory": True}
        if spool_dir is not None:
            options["tmpdir"] = spool_dir
        self._book = xlsxwriter.Workbook(file, options)
        self._as_text = self._book.add_format({"num_format": "@"})
        self._sheet, self._place, self._width = self._book.add_worksheet(), 0, len(headings)
        self._row([*headings, *added_headings(headings)])

    def write(self, part: Part, told: Sequence[Sequence[str]], places: Ints) -> None:
        """Write the part's rows."""
        for cells, place in zip(part.cells, places.tolist(), strict=True):
            self._row([*cells[: self._width], *[""] * (self._width - len(cells)), *told[place]])

    def close(self) -> None:
        """Put the workbook together."""
        self._book.close()

    def _row(self, cells: Sequence[str]) -> None:
        if self._place >= SHEET_ROWS:
            self._sheet, self._place = self._book.add_worksheet(), 0
        for column, cell in enumerate(cells):
            if cell:
                self._sheet.write_string(self._place, column, fitting(cell), self._as_text)
        self._place += 1


def output_for(file: BinaryIO, how: FileLayout | None, *, spool_dir: str | None = None) -> Output:
    """Return what writes ``file`` in the form of the file read, or as CSV for a campaign."""
    if how is None:
        return CsvOutput(file, ["number"], delimiter=",", encoding="utf-8", line_end="\n")
    layout = how.layout
    if how.is_workbook:
        return XlsxOutput(file, layout.columns.headings, spool_dir=spool_dir)
    headings = layout.columns.headings if layout.has_headings else None
    return CsvOutput(
        file,
        headings,
        delimiter=layout.delimiter,
        encoding=layout.encoding,
        line_end=how.line_end,
        opening=layout.opening,
    )
