"""A new connection after the CSMS has changed the way to it: a moment later, so that what it says next is answered too.

A CSMS that raises the security profile, or sets a password, often orders a restart right after that (OCTT TC_083): over
the connection on which the change was answered. What the new connection is made with is the host's matter.
"""

import asyncio
from typing import Final

from chainpilot.clock import Clock
from chainpilot.station.agent.ports import Host

__all__ = ["SETTLE_SECONDS", "Rerouting"]

SETTLE_SECONDS: Final = 3.0
"""From a change to the end of the connection: a round trip on a poor modem, and nobody waits for longer."""


class Rerouting:
    """Of one connection."""

    def __init__(self, host: Host, clock: Clock) -> None:
        self._host = host
        self._clock = clock
        self._changed = asyncio.Event()

    async def way_changed(self) -> None:
        """A change is answered; those that follow within the moment are used by the same new connection."""
        self._changed.set()

    async def attend(self) -> None:
        """Wait for a change and have the connection made anew, until cancelled; a restart meanwhile ends it earlier."""
        while True:
            await self._changed.wait()
            await self._clock.sleep_until(self._clock.monotonic() + SETTLE_SECONDS)
            self._changed.clear()
            await self._host.reconnect("the way to the CSMS was changed")
