"""Commands that are imported when they are called: a command that answers in a moment should start in one."""

import gc
from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module

import click


class Places(MutableMapping[str, click.Command]):
    """Commands by name; one given by its place, as ``cli.serve:migrate``, is imported when it is asked for."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._known: dict[str, str | click.Command] = dict(places)

    def __getitem__(self, name: str) -> click.Command:
        found = self._known[name]
        if isinstance(found, str):
            module, _, attribute = found.partition(":")
            collects = gc.isenabled()
            gc.disable()  # nothing that an import makes is garbage: to look for it takes a tenth of the time
            try:
                found = self._known[name] = getattr(import_module(module), attribute)
            finally:
                if collects:
                    if not gc.get_freeze_count():
                        gc.freeze()  # it stays until the end: to look through it again, then too, takes as long
                    gc.enable()
        return found

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._known[name] = command

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)
