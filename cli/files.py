"""Files that a command reads, or writes beside its answer."""

import csv
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO

import click

from core.errors import StorageUnavailable


class PlainFile(click.Path):
    """A file that takes the place of what lies there once it is whole: of a plain file, or of none.

    A link stays, and what it leads to is replaced. A device or a pipe, such as ``/dev/stdout``, would be lost for all.
    """

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # Any: click's
        """Return the path of the file itself."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        try:
            mode = path.stat().st_mode
        except OSError:  # there is none, or to make it will tell what is wrong
            return path
        if not stat.S_ISREG(mode):
            self.fail(f"{path} is no plain file", param, ctx)
        return path.resolve() if path.is_symlink() else path


PLAIN_FILE = PlainFile()


class FileIn(click.Path):
    """A file to read from its beginning more than once. A pipe cannot be, and is not waited for."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # Any: click's
        """Return the path."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.is_file():
            self.fail(
                f"{click.format_filename(path)}: it is a pipe, which can be read but once, or a device: give a file",
                param,
                ctx,
            )
        return path


FILE_IN = FileIn()


@contextmanager
def whole_file(out: Path, *, must_be_new: bool = False) -> Iterator[BinaryIO]:
    """Give a file to write to, which its owner alone may read. It takes the place of ``out`` once all is written.

    If that fails, or whoever writes raises, ``out`` stays as it was.

    Raises:
        UsageError: the file cannot be made, or is there although it ``must_be_new``.
        StorageUnavailable: it could not be written to its end.
    """
    if must_be_new and os.path.lexists(out):
        raise click.UsageError(f"{out} cannot be made: it is there already")
    try:
        part = out.with_name(f"{out.name}.part")
    except ValueError as error:
        raise click.UsageError("the file to write to has no name") from error
    with suppress(OSError):  # one that cannot be removed cannot be made either
        part.unlink()
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.UsageError(f"{out} cannot be made: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    except OSError as error:
        raise StorageUnavailable(f"{out} could not be written ({error.strerror})") from error
    finally:
        part.unlink(missing_ok=True)


def write_table(out: Path, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write the rows to a new CSV file, as ``whole_file``; a text from outside the caller makes ``harmless``."""
    with whole_file(out, must_be_new=True) as binary:
        file = TextIOWrapper(binary, "utf-8", newline="")
        writer = csv.writer(file)
        writer.writerow(headings)
        writer.writerows(rows)
        file.detach()
