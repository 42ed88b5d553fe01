"""Things that one of our processes gives another through a pipe, one after the other."""

import fcntl
import pickle
from contextlib import suppress
from queue import Empty, Queue
from threading import Thread
from typing import IO

AHEAD = 2
"""How many things wait, taken from the pipe, while one is worked on."""
_PIPE = 1 << 20
"""Bytes that a pipe is asked to hold; it holds 64 KiB else, and both ends wait for each other that often."""
_LENGTH = 8


def give(stream: IO[bytes], given: object) -> None:
    """Give one thing to the other end.

    Raises:
        BrokenPipeError: nobody takes it any more.
    """
    content = pickle.dumps(given, pickle.HIGHEST_PROTOCOL)
    for part in (len(content).to_bytes(_LENGTH), content):
        written = stream.write(part)
        while written < len(part):  # with PYTHONUNBUFFERED standard output is a raw file, which may take less
            written += stream.write(memoryview(part)[written:])
    stream.flush()


def take(stream: IO[bytes]) -> object:
    """Return what was given next at the other end, None once nothing more is."""
    return _read(_content(stream))


class Ahead:
    """Takes what another process gives while this one works, some things ahead: a pipe holds none of them."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        with suppress(OSError, AttributeError):  # not allowed so much, or not on Linux: it is slower then
            fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, _PIPE)
        self._waiting: Queue[bytes] = Queue(AHEAD)
        self._thread = Thread(target=self._drain, daemon=True)
        self._thread.start()

    def take(self) -> object:
        """Return what was given next, None once nothing more is."""
        return _read(self._waiting.get())

    def close(self) -> None:
        """Let go of what nobody takes any more; the other end must be gone."""
        while self._thread.is_alive():
            with suppress(Empty):
                self._waiting.get(timeout=0.05)
            self._thread.join(timeout=0.01)

    def _drain(self) -> None:
        content = b"-"
        while content:
            content = _content(self._stream)
            self._waiting.put(content)


def _content(stream: IO[bytes]) -> bytes:
    """Return what was given at the other end as it was sent, empty once nothing more is, or only a part came."""
    length = stream.read(_LENGTH)
    if len(length) < _LENGTH:
        return b""
    content = stream.read(int.from_bytes(length))
    return content if len(content) == int.from_bytes(length) else b""


def _read(content: bytes) -> object:
    return pickle.loads(content) if content else None  # noqa: S301 - from our own process, by a pipe of its own
