"""What the pages are made of."""

from dataclasses import dataclass

from core.store import Store
from dnc.gate import Gate


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the service that pages use. ``secure_cookies``: the browser comes over HTTPS."""

    store: Store
    gate: Gate
    secure_cookies: bool
