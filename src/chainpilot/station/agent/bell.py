"""A wait that ends at a moment of the clock or when somebody rings, from whatever thread.

Who rings and what is done then is the flows' matter.
"""

import asyncio
import threading
from contextlib import suppress
from typing import final

from chainpilot.clock import Clock
from chainpilot.station.agent.waiting import sleep_until_or

__all__ = ["Bell"]


@final
class Bell:
    """Wakes the one flow that waits on it; rung while nobody waits, it ends the next wait at once."""

    __slots__ = ("_guard", "_loop", "_rung")

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """End the wait; from any thread, and as often as one likes."""
        with self._guard:
            if self._loop is None:
                self._rung.set()
                return
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self, clock: Clock, until: float) -> None:
        """Return when the clock's `monotonic()` has reached `until` (seconds), or when rung since the last wait."""
        with self._guard:
            self._loop = asyncio.get_running_loop()
        await sleep_until_or(clock, until, self._rung)
        self._rung.clear()
