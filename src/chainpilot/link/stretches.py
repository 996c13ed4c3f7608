"""What comes again and again, told seldom: at once, then at most once an hour together with how often it came.

For whatever a peer can cause as often as it likes: neither a log nor a queue of events may be filled by it.
"""

from typing import Final

__all__ = ["TOLD_EVERY", "Stretch"]

TOLD_EVERY: Final = 3600.0
"""Seconds from one telling to the next at least."""


class Stretch:
    """Of one kind of happening."""

    __slots__ = ("_next", "_untold")

    def __init__(self) -> None:
        self._next: float | None = None
        self._untold = 0

    def came(self, at: float) -> int | None:
        """It came at `at` (monotonic seconds): how many came untold before, if it is to be told now; else None."""
        if self._next is not None and at < self._next:
            self._untold += 1
            return None
        untold, self._untold = self._untold, 0
        self._next = at + TOLD_EVERY
        return untold
