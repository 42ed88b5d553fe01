"""Two things at a time."""

import threading
from collections.abc import Iterator

import pytest

from core.ahead import one_ahead


def test_the_next_item_is_made_while_one_is_worked_on() -> None:
    begun = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        begun.set()
        yield 2

    coming = one_ahead(items())
    assert next(coming) == 1
    assert begun.wait(10)
    assert list(coming) == [2]


def test_what_goes_wrong_with_an_item_is_raised_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("the second")

    coming = one_ahead(items())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="the second"):
        next(coming)


def test_nothing_is_made_any_more_once_it_is_closed() -> None:
    being_made, go_on = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 1
        being_made.set()
        go_on.wait(10)
        being_made.clear()
        yield 2

    coming = one_ahead(items())
    assert next(coming) == 1
    assert being_made.wait(10)
    threading.Timer(0.05, go_on.set).start()
    coming.close()
    assert not being_made.is_set()
