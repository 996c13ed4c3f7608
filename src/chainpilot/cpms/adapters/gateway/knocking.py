"""How many may knock at a listener at once: connections whose peer has not proved yet who it is."""

from asyncio import BaseTransport
from typing import Final
from weakref import WeakKeyDictionary

from chainpilot.clock import Clock
from chainpilot.link.inlet import Inlet

__all__ = ["MAX_KNOCKING", "OPENING", "TLS_HANDSHAKE", "Knocking", "counted"]

MAX_KNOCKING: Final = 500
"""Connections of one listener between TCP's accept and the verdict; the excess is closed at once and may come back.

Each costs some 60 KB, and the verdict takes milliseconds: only a crowd of thousands or somebody who stalls fills it.
"""
TLS_HANDSHAKE: Final = 10.0
"""Seconds for the TLS handshake: a station on a bad mobile link takes two or three."""
OPENING: Final = 20.0
"""Seconds for the WebSocket handshake after it; a crowd of people's passwords waits for scrypt."""


class Knocking:
    """Those who knock at one listener: TLS objects, or connections where there is no TLS."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: WeakKeyDictionary[object, float] = WeakKeyDictionary()

    def has_room(self) -> bool:
        """Whether one more may knock.

        Whoever vanished is forgotten when its connection is collected, at the latest when its time was over.
        """
        if len(self._since) >= MAX_KNOCKING:
            over = self._clock.monotonic() - TLS_HANDSHAKE - OPENING
            for peer in [one for one, since in self._since.items() if since < over]:
                del self._since[peer]
        return len(self._since) < MAX_KNOCKING

    def came(self, peer: object) -> None:
        """It begins to knock."""
        self._since[peer] = self._clock.monotonic()

    def answered(self, peer: object) -> None:
        """It has its verdict, or went away; it isn't knocking any more."""
        self._since.pop(peer, None)


def counted(knocking: Knocking) -> type[Inlet]:
    """The connections of a listener without TLS, which nothing else would count before they have said something."""

    class Counted(Inlet):
        """Closed at once if there is no room."""

        def connection_made(self, transport: BaseTransport) -> None:
            """Begin to knock."""
            super().connection_made(transport)
            if knocking.has_room():
                knocking.came(self)
            else:
                self.transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            """Knock no more."""
            knocking.answered(self)
            super().connection_lost(exc)

    return Counted
