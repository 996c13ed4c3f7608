"""A clock that runs some times faster than the machine's, for waits that a test has to live through."""

import asyncio
from datetime import datetime, timedelta

from chainpilot.clock import SYSTEM

__all__ = ["FastClock"]


class FastClock:
    """Begins now and runs `times` as fast; who sleeps by it really sleeps, that much shorter."""

    def __init__(self, times: float = 10.0) -> None:
        self._times = times
        self._wall = SYSTEM.now()
        self._begun = SYSTEM.monotonic()

    def now(self) -> datetime:
        """The time it shows."""
        return self._wall + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Its seconds since it was made."""
        return (SYSTEM.monotonic() - self._begun) * self._times

    async def sleep_until(self, moment: float) -> None:
        """Wait until it shows that moment."""
        await asyncio.sleep(max(0.0, (moment - self.monotonic()) / self._times))
