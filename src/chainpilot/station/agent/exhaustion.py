"""A full disk as the security event MemoryExhaustion: once an episode, however often is tried meanwhile.

An episode begins with a write that found no room. The next one can begin once something could be written again, and
QUIET_SECONDS passed without such a write: a disk that is full but for some bytes takes small things now and then. Where
the event itself can't be written down it is held, and told over the connection that there is: that is the reporter's.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from typing import Final

from chainpilot.clock import Clock
from chainpilot.station.agent.bell import Bell
from chainpilot.station.agent.events.types import SecurityEvent, SecurityEventType
from chainpilot.station.agent.ports import Memory, MemoryFull, QueuedEvent, Report
from chainpilot.station.events import Room

__all__ = ["QUIET_SECONDS", "Episode", "Exhaustion", "MindedMemory", "Place"]

QUIET_SECONDS: Final = 600.0
_LOOK_SECONDS: Final = 3600.0


class Place(Enum):
    """What found no room, as the event tells it."""

    STORE = "the certificate store can't be written: the disk is full"
    MEMORY = "the agent's memory can't be written: the disk is full"


class Episode:
    """Whether a place is out of room. Moments are of the monotonic clock."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._has_written = False

    def full(self, at: float) -> bool:
        """A write found no room; whether that is a new episode."""
        is_new = self._last is None or (self._has_written and at - self._last >= QUIET_SECONDS)
        self._last, self._has_written = at, False
        return is_new

    def wrote(self) -> None:
        """A write was made."""
        self._has_written = True


class Exhaustion:
    """Hears of every write, in whatever thread, and reports what it makes of them."""

    def __init__(self, clock: Clock) -> None:
        """Report nothing yet; what is heard before `run` is told then."""
        self._clock = clock
        self._guard = threading.Lock()
        self._episodes = {place: Episode() for place in Place}
        self._untold: list[Place] = []
        self._bell = Bell()

    def heard(self, place: Place, room: Room) -> None:
        """A write there was made, or found no room; from any thread."""
        with self._guard:
            if room is Room.ENOUGH:
                self._episodes[place].wrote()
                return
            if not self._episodes[place].full(self._clock.monotonic()):
                return
            self._untold.append(place)
        self._bell.ring()

    async def run(self, report: Report) -> None:
        """Report each episode as it begins, until cancelled."""
        while True:
            with self._guard:
                untold, self._untold = self._untold, []
            for place in untold:
                await report(SecurityEventType.MEMORY_EXHAUSTION, place.value, once=True)
            await self._bell.wait(self._clock, self._clock.monotonic() + _LOOK_SECONDS)


class MindedMemory:
    """Another memory, of which every write is told to an Exhaustion."""

    def __init__(self, memory: Memory, exhaustion: Exhaustion) -> None:
        self._memory = memory
        self._exhaustion = exhaustion

    def read(self, name: str) -> bytes | None:
        """See Memory."""
        return self._memory.read(name)

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """See Memory."""
        with self._minded():
            self._memory.write(changes)

    def add_event(self, event: SecurityEvent, *, queued: bool = True, once: bool = False) -> bool:
        """See Memory."""
        with self._minded():
            return self._memory.add_event(event, queued=queued, once=once)

    def queued_events(self, limit: int) -> tuple[QueuedEvent, ...]:
        """See Memory."""
        return self._memory.queued_events(limit)

    def settle_event(self, number: int) -> None:
        """See Memory."""
        with self._minded():
            self._memory.settle_event(number)

    def security_log(self, oldest: datetime | None, latest: datetime | None) -> Iterable[SecurityEvent]:
        """See Memory."""
        return self._memory.security_log(oldest, latest)

    def keep(self, key: str, data: bytes, until: datetime) -> None:
        """See Memory."""
        with self._minded():
            self._memory.keep(key, data, until)

    def kept(self, key: str, at: datetime) -> bytes | None:
        """See Memory."""
        return self._memory.kept(key, at)

    def forget(self, key: str | None = None) -> None:
        """See Memory."""
        with self._minded():
            self._memory.forget(key)

    @contextmanager
    def _minded(self) -> Iterator[None]:
        try:
            yield
        except MemoryFull:
            self._exhaustion.heard(Place.MEMORY, Room.NONE)
            raise
        self._exhaustion.heard(Place.MEMORY, Room.ENOUGH)
