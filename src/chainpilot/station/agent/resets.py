"""Starting the station again because the CSMS asks for it: one reset at a time, and none for ever.

OCPP 1.6 section 5.14, use cases B11 and B12 of 2.0.1. Neither says what a second Reset means while the first is being
carried out. Here:

* It is answered Accepted, since the station does start again, and has no effect of its own: a Reset that is delivered
  twice, or that an operator orders twice, starts the station once.
* One at once does more than one that waits until nobody charges: it takes that one's place, and is carried out.
* One that waits, after one at once, is that one.

What starts the station is the host's. It goes on without the connection over which it was asked for.
"""

import asyncio
import logging
import secrets
from typing import Final

from chainpilot.clock import Clock
from chainpilot.errors import outline
from chainpilot.station.agent.contracts.deadline import within
from chainpilot.station.agent.ports import Starter

__all__ = ["AT_ONCE_SECONDS", "IDLE_SECONDS", "Resets"]

AT_ONCE_SECONDS: Final = 600.0
"""For a reset at once: a station that hasn't gone down by then won't."""
IDLE_SECONDS: Final = 86_400.0
"""For one that waits until nobody charges: after a day it is no longer what the CSMS expects."""

_ENDING: Final = 30.0
"""More seconds for a starter that keeps these limits itself, to end what it began."""

_log = logging.getLogger(__name__)


class Resets:
    """Of one station."""

    def __init__(self, starter: Starter, clock: Clock) -> None:
        self._starter = starter
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._at_once = False

    def is_under_way(self, *, at_once: bool) -> bool:
        """Whether the station starts again already, in that way or sooner."""
        return self._task is not None and (self._at_once or not at_once)

    async def begin(self, *, at_once: bool) -> None:
        """Have the station started again, unless that is under way; returns at once."""
        if self.is_under_way(at_once=at_once):
            return
        if self._task is not None:
            self._task.cancel()
        self._at_once = at_once
        self._task = asyncio.create_task(self._carry_out(at_once=at_once))
        self._task.add_done_callback(self._ended)

    async def _carry_out(self, *, at_once: bool) -> None:
        limit = (AT_ONCE_SECONDS if at_once else IDLE_SECONDS) + _ENDING

        async def work() -> bool:
            await self._starter.reset(at_once=at_once)
            return True

        if not await within(self._clock, self._clock.monotonic() + limit, work()):
            _log.error("the station is not started again: what should do it took longer than %g s", limit)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task is self._task:
            self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("incident %s: the station is not started again: %s", secrets.token_hex(4), outline(error))
