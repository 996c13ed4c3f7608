"""The only module that asks what time it is.

Everything else takes the time as an argument (`at`) or a `Clock`. Tests hand in a clock they set themselves.
Judging whether the machine's clock can be trusted is not handled here.
"""

import time
from datetime import UTC, datetime
from typing import Final, Protocol, final

__all__ = ["SYSTEM", "Clock", "SystemClock", "file_clock"]


class Clock(Protocol):
    """Tells the time and waits for it."""

    def now(self) -> datetime:
        """Wall-clock time, timezone-aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; its zero means nothing."""
        ...

    async def sleep_until(self, moment: float) -> None:
        """Return when `monotonic()` has reached `moment` (seconds); at once if it already has."""
        ...


@final
class SystemClock:
    """The operating system's clocks."""

    __slots__ = ()

    def now(self) -> datetime:
        """Wall-clock time, timezone-aware UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the one place that asks

    def monotonic(self) -> float:
        """Seconds since some unspecified moment, never going back."""
        return time.monotonic()  # noqa: TID251 - this is the one place that asks

    async def sleep_until(self, moment: float) -> None:
        """Return when `monotonic()` has reached `moment` (seconds); at once if it already has."""
        import asyncio  # noqa: PLC0415 - a store and its commands have no event loop, and need not load one

        await asyncio.sleep(max(0.0, moment - self.monotonic()))


SYSTEM: Final[Clock] = SystemClock()


def file_clock() -> int:
    """Nanoseconds since the epoch on the clock that file systems stamp with.

    Only for comparing with the times of files: it is the machine's, whatever `Clock` a program was given.
    """
    return time.time_ns()
