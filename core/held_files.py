"""Files that a process works on: locked while it lives, which tells them from what one that was killed left behind."""

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path


def open_held(directory: Path, prefix: str) -> tuple[int, Path]:
    """Return the descriptor and the path of a new file, for this user alone; it is held until that is closed.

    Raises:
        OSError: the directory takes no file.
    """
    while True:
        path = directory / f"{prefix}{secrets.token_hex(8)}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, path
        os.close(descriptor)  # swept between its making and its locking


def sweep_left(directory: Path, prefix: str) -> int:
    """Remove what nobody holds any more of the files with that prefix; return how many files. Harms no living one."""
    swept = 0
    for path in directory.glob(f"{prefix}*"):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
                swept += 1
            finally:
                os.close(descriptor)
    return swept
