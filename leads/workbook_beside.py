"""A workbook that a process beside opens and reads, from the moment that its path is known.

To open it takes as long as whoever receives the file takes to start and to keep it. What is opened so early is used
only if the bytes turn out to be those that were received and kept; whatever cannot be opened is left to the reader of
the kept file, who finds out why.

The process is this module, started by itself; little is imported here, so that it begins soon. It does not outlive who
started it: it ends when nobody takes its rows.
"""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, cast

from leads.archives import WORKBOOK_LIMIT
from leads.errors import UnreadableLeadFile
from leads.pipes import Ahead, give

if TYPE_CHECKING:
    from leads.packed_rows import PackedRows
    from leads.reading import Reading
    from leads.segments import Segment
    from leads.spreadsheets import SpreadsheetReader

WORTH_IT_FROM = 1 << 20
"""Bytes of a workbook from which on a process beside is worth its start."""
ROWS = 20_000
"""How many rows are given together."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a workbook is known by once it is opened; ``sha256`` is that of the bytes that were read."""

    sha256: str
    headings_cells: Sequence[str]
    warnings: Sequence[str]


class WorkbookBeside:
    """The process that opens the workbook at ``path``. ``is_waiting``: it has what was received, not read yet."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-m", "leads.workbook_beside", str(path)]
        modules = os.pathsep.join([str(Path(__file__).parent.parent), *sys.path[1:]])
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": modules}
        )
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self._ahead = Ahead(self._process.stdout)
        self.is_waiting = False

    def opened(self, received: str) -> Opened | None:
        """Return what was opened if the SHA-256 of its bytes is that of what was ``received``; else let it go."""
        found = self._ahead.take()
        if isinstance(found, Opened) and found.sha256 == received:
            self.is_waiting = True
            return found
        self.close()
        return None

    def segments(self, reading: "Reading") -> "Iterator[Segment]":
        """Yield what ``segments_of`` yields, and let the process go."""
        from leads.reading import segmenter_for

        self.is_waiting = False
        try:
            yield from segmenter_for(reading).of_packed(self._rows_after(reading.start.rows_before))
        finally:
            self.close()

    def close(self) -> None:
        """Let the process go, whatever it does; idempotent."""
        self.is_waiting = False
        self._process.kill()
        with self._process:  # closes its pipe and waits for its end
            self._ahead.close()

    def _rows_after(self, row_no: int) -> "Iterator[PackedRows]":
        while (some := self._ahead.take()) is not None:
            if (rest := cast("PackedRows", some).after(row_no)).lines:  # nothing else is given
                yield rest
        if self._process.wait() != 0:
            raise RuntimeError("the process that read the workbook failed")


@contextmanager
def workbook_beside(path: Path) -> Iterator[WorkbookBeside | None]:
    """Give a process that opens the file there if it may be a workbook, None if it is none or is small."""
    try:
        with path.open("rb") as file:
            size, may_be_workbook = os.fstat(file.fileno()).st_size, file.read(2) == b"PK"
    except OSError:
        size, may_be_workbook = 0, False
    if not (may_be_workbook and WORTH_IT_FROM <= size <= WORKBOOK_LIMIT):
        yield None
        return
    beside = WorkbookBeside(path)
    try:
        yield beside
    finally:
        beside.close()


def _open(path: Path) -> "tuple[Opened, SpreadsheetReader] | None":
    """Return the workbook that lies there and what it is known by, None if it cannot be read."""
    from leads.spreadsheets import SpreadsheetReader

    with suppress(UnreadableLeadFile, OSError):
        content = path.read_bytes()  # what is opened is what is hashed, whatever becomes of the file
        workbook = SpreadsheetReader(BytesIO(content))
        return Opened(sha256(content).hexdigest(), workbook.headings_cells, workbook.warnings), workbook
    return None


def _main(path: Path) -> None:
    from leads.packed_rows import packed

    gc.disable()  # what a row is made of has no cycles, and there are many
    if (found := _open(path)) is None:
        return
    opened, workbook = found
    with suppress(BrokenPipeError):
        give(sys.stdout.buffer, opened)
        for some in packed(workbook.rows(), len(opened.headings_cells), size=ROWS):
            give(sys.stdout.buffer, some)


if __name__ == "__main__":
    from leads.workbook_beside import _main as main  # by its own name: what is pickled names the module that it is from

    main(Path(sys.argv[1]))
