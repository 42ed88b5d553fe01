"""What one process gives another arrives whole, however little of it the pipe takes at once."""

import io
import os
from typing import TYPE_CHECKING

from leads.pipes import give, take

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

GIVEN = ["a first thing", list(range(1000)), b"x" * 5000]


class Hesitant(io.FileIO):
    """An end of a pipe that takes a part of what it is given, as a raw one may when a signal interrupts it."""

    def write(self, content: "ReadableBuffer") -> int:
        return super().write(memoryview(content)[:7])


def test_what_is_given_arrives_whole_through_a_stream_that_takes_a_part_at_once() -> None:
    theirs, ours = os.pipe()
    with os.fdopen(theirs, "rb") as taken:
        with Hesitant(ours, "wb") as given:
            for one in GIVEN:
                give(given, one)

        assert [take(taken) for _ in GIVEN] == GIVEN
        assert take(taken) is None
