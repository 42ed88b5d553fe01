"""Turns: what takes much of a machine is done by a few of its processes at a time, and the others wait."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import StorageUnavailable


@contextmanager
def turn(place: Path) -> Iterator[None]:
    """Wait until no other process of this machine holds ``place``, a file, and hold it until the block ends.

    What holds it lets go of it when it dies, however it does.

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
