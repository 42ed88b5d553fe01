"""A clock of seconds that a test turns."""


class Seconds:
    """Stands in for ``time.monotonic``."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at
