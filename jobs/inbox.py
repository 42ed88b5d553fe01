"""Folders that others fill: a file is taken when nobody writes to it any more, set aside afterwards, never deleted.

Write a file under a name that ends in ``.part`` and rename it, or write it in place: it is not touched until its size
and time of change have stood still between two looks, nor, where the system can tell, while a process writes to it.
"""

import errno
import fcntl
import os
import signal
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

SETTLE_SECONDS = 10.0
UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")
DONE, REFUSED = "done", "refused"
NAME_BYTES = 200
"""Bytes of a file's name that stay when it is set aside: of the 255 that it may have, what is put beside needs some."""
Look = tuple[int, int]


class WatchedFolder:
    """One process's view of one folder; it remembers how each file looked the last time."""

    def __init__(
        self, directory: Path, *, settle_seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.directory = directory
        self._settle_seconds = settle_seconds
        self._monotonic = monotonic
        self._seen: dict[str, tuple[Look, float]] = {}

    def settled(self) -> list[Path]:
        """Return the files, and links to any, that have stood still for a while, by name."""
        at, seen, settled = self._monotonic(), {}, []
        for path in sorted(self.directory.iterdir()):
            look = None if path.name.startswith(".") or path.name.endswith(UNFINISHED) else look_at(path)
            if look is None:
                continue
            before, since = self._seen.get(path.name, (None, at))
            seen[path.name] = (look, since if look == before else at)
            if look == before and at - since >= self._settle_seconds and not _is_being_written(path):
                settled.append(path)
        self._seen = seen
        return settled

    def postpone(self, path: Path, seconds: float) -> None:
        """Take the file for one that has just changed, and will stand still no sooner than in ``seconds``."""
        look, _since = self._seen[path.name]
        self._seen[path.name] = look, self._monotonic() + seconds

    def set_aside(self, path: Path, folder: str, beside: Mapping[str, str], with_it: Sequence[str] = ()) -> Path | None:
        """Move the file to a free name in ``folder``, and return where it lies now.

        ``beside`` holds texts to write next to it first, by what their names add to its own; ``with_it`` what the names
        of files add that move along. None: the file is gone, since another leader has moved it already; that is well.

        Raises:
            OSError: the disk does not take it, or ``folder`` leads elsewhere; nothing was moved.
        """
        target = self.directory / folder / os.fsdecode(os.fsencode(path.name)[:NAME_BYTES])
        name = target.name
        target.parent.mkdir(exist_ok=True)
        if target.parent.is_symlink():
            raise NotADirectoryError(f"the folder {folder} of an inbox is a link")
        count = 1
        while os.path.lexists(target):
            count += 1
            target = target.with_name(f"{name}.{count}")
        if not os.path.lexists(path):
            return None
        for suffix, text in beside.items():
            unfinished = target.with_name(f".{target.name}{suffix}.part")
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(target.with_name(target.name + suffix))
        # Killed half-way, a refused file must not be met again without what lay with it, nor what lay with one that
        # is done be there for the next file of that name.
        moved = ["", *with_it] if folder == REFUSED else [*with_it, ""]
        for suffix in moved:
            source = path.with_name(path.name + suffix)
            with suppress(FileNotFoundError):
                if os.path.lexists(source):  # no other question can be asked of a name that is too long
                    source.rename(target.with_name(target.name + suffix))
        return target


def look_at(path: Path) -> Look | None:
    """Return size and time of change of a plain file or of a link; None if it is neither, gone, or cannot be there."""
    try:
        status = path.lstat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
            return None
        raise
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
        return None
    return status.st_size, status.st_mtime_ns


def open_plain(path: Path) -> int:
    """Return a descriptor of the file itself, to read; the caller closes it.

    Raises:
        OSError: it cannot be opened, is a link, or is no plain file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("it is no plain file")
    return descriptor


def _is_being_written(path: Path) -> bool:
    """Return whether a process has the file open to write; False where the system does not tell us.

    Linux grants a lease to read only on a file that nobody writes to. It is given back at once; who opens the file just
    then waits for that, and the signal that we would get of it is one that does nothing.
    """
    try:
        descriptor = open_plain(path)
    except OSError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except (OSError, AttributeError):  # another's file, a file system or system without leases
        return False
    finally:
        os.close(descriptor)
    return False
