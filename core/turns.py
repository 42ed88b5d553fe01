"""Turns: what takes much of a machine is done by a few of its processes at a time, and the others wait.

They are locks on files, which the system takes from a process that dies.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from core.errors import StorageUnavailable


@contextmanager
def turn(place: Path) -> Iterator[None]:
    """Wait until no other process of this machine holds ``place``, a file, and hold it until the block ends.

    Raises:
        StorageUnavailable: the file cannot be made.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageUnavailable(f"a lock's file cannot be made ({type(error).__name__})") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing is not enough: a child process may hold it open
    finally:
        os.close(descriptor)


@contextmanager
def asking(place: Path) -> Iterator[None]:
    """Let ``let_others`` see, by the file ``place``, that somebody waits for their turn while the block runs."""
    descriptor = None
    with suppress(OSError):  # where no file can be made, nothing else can be written either, and that will be told
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def let_others(place: Path, longest: float) -> None:
    """Return once nobody is ``asking`` at ``place``, or after so many seconds."""
    until = monotonic() + longest
    with suppress(FileNotFoundError), place.open("rb") as file:
        while monotonic() < until:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                sleep(0.005)
            else:
                return
