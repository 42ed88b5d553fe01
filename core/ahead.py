"""Two things at a time: the next item is made while this one is worked on."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def one_ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """Yield the items; while one is worked on, the next is made in a thread, so nobody else may touch what makes them.

    Close it to be sure that nothing is made any more. Raises what making an item raises, in its place.
    """
    done = object()
    with ThreadPoolExecutor(1) as beside:
        coming = beside.submit(next, items, done)
        while (item := coming.result()) is not done:
            coming = beside.submit(next, items, done)
            yield item  # type: ignore[misc] # it is none but an item
