"""Commands that are imported when they are called: a command that answers in a moment should start in one."""

import gc
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from importlib import import_module

import click


@contextmanager
def importing() -> Iterator[None]:
    """Look for no garbage within the block: nothing that an import makes is any, and looking takes a tenth of its time.

    What is there after the first block stays until the end, so it is left out of later searches.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            if not gc.get_freeze_count():
                gc.freeze()
            gc.enable()


class Places(MutableMapping[str, click.Command]):
    """Commands by name; one given by its place, as ``cli.serve:migrate``, is imported when it is asked for."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._known: dict[str, str | click.Command] = dict(places)

    def __getitem__(self, name: str) -> click.Command:
        found = self._known[name]
        if isinstance(found, str):
            module, _, attribute = found.partition(":")
            with importing():
                found = self._known[name] = getattr(import_module(module), attribute)
        return found

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._known[name] = command

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)
