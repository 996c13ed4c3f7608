"""Security events on their way into the memory, and out of its queue, while the memory may fail.

What can't be written down, or not yet, is held in RAM until it can be, MAX_HELD at most. What is sent, and when, is
`reporting`'s.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Final

from chainpilot.station.agent.events.types import EventType, SecurityEvent, is_critical
from chainpilot.station.agent.ports import Memory, MemoryFault

__all__ = ["MAX_HELD", "EventQueue", "Waiting"]

MAX_HELD: Final = 100
"""Events held in RAM: of more, the oldest that isn't critical is lost, else the oldest. How many is logged."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event whose turn it is to be sent."""

    event: SecurityEvent
    number: int | None
    """Its number in the memory; None while it is held in RAM."""


@dataclass(slots=True, eq=False)
class _Held:
    event: SecurityEvent
    queued: bool
    once: bool
    failed: bool = False
    """Whether it couldn't be written down, and isn't just about to be."""


class EventQueue:
    """The memory's queue and what couldn't be written into it, as one; nothing here raises MemoryFault."""

    def __init__(self, memory: Memory) -> None:
        """Read nothing yet."""
        self._memory = memory
        self._held: deque[_Held] = deque()
        self._confirmed: set[int] = set()
        self._logged_once: set[EventType] = set()
        """Types that were only logged with `once`, and wait for nobody."""
        self._at_work: _Held | None = None
        """What is just being written down: it can't be dropped any more."""
        self._lost = 0
        self._writing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._next: asyncio.Task[None] | None = None
        """A write that hasn't begun: it will find whatever is added until then."""
        self._unreadable = False
        self.changed = asyncio.Event()
        """Set whenever there may be something else to send."""

    @property
    def troubled(self) -> bool:
        """Whether something waits for the memory to work again."""
        return bool(self._held or self._confirmed or self._unreadable)

    @property
    def held(self) -> tuple[SecurityEvent, ...]:
        """The events that are in no log yet, the oldest first."""
        return tuple(held.event for held in self._held)

    async def add(self, event: SecurityEvent, *, queued: bool = True, once: bool = False) -> None:
        """Write the event down, or hold it; with `once` neither, while one of its type waits.

        One that isn't `queued` waits for nobody: of these `once` keeps all but the first away, until `begin_anew`.
        """
        if once and any(held.event.type == event.type and held.queued for held in self._held):
            return
        if once and not queued:
            if event.type in self._logged_once:
                return
            self._logged_once.add(event.type)
        self._held.append(_Held(event, queued, once))
        if self._writing.locked():  # a memory may take its time, or never come back
            self._drop_surplus()
        await self.write()

    def begin_anew(self) -> None:
        """What was only logged is of a time that is over."""
        self._logged_once.clear()

    async def write(self) -> None:
        """Try to write down what couldn't be written before; a caller that is cancelled doesn't stop it."""
        if self._next is None:
            self._next = asyncio.create_task(self._write())
            self._tasks.add(self._next)
            self._next.add_done_callback(self._tasks.discard)
        await asyncio.shield(self._next)

    async def oldest(self) -> Waiting | None:
        """The event to be sent next; None: nothing waits, or nothing can be read (then `troubled`)."""
        try:
            queued = await asyncio.to_thread(self._memory.queued_events, len(self._confirmed) + 1)
        except MemoryFault as fault:
            _log.error("the waiting security events can't be read: %s", fault.why)
            self._unreadable = True
            queued = ()
        else:
            self._unreadable = False
        for one in queued:
            if one.number not in self._confirmed:
                return Waiting(one.event, one.number)
        return next((Waiting(held.event, None) for held in self._held if held.queued and held.failed), None)

    async def settle(self, waiting: Waiting) -> None:
        """The event needs no sending any more; if that can't be written down, it isn't sent again by this process."""
        if waiting.number is None:
            for held in self._held:
                if held.event is waiting.event:
                    held.queued = False
            return
        self._confirmed.add(waiting.number)
        await self.write()

    async def _write(self) -> None:
        async with self._writing:
            self._next = None
            try:
                await self._write_all()
            except MemoryFault as fault:
                _log.error(
                    "nothing can be written down now, %d security events are held: %s", len(self._held), fault.why
                )
                self._drop_surplus()
                for held in self._held:
                    held.failed = True
            finally:
                self.changed.set()

    async def _write_all(self) -> None:
        while self._confirmed:
            number = min(self._confirmed)
            await asyncio.to_thread(self._memory.settle_event, number)
            self._confirmed.discard(number)
        while self._held:
            self._at_work = first = self._held[0]
            try:
                add = self._memory.add_event
                await asyncio.to_thread(add, first.event, queued=first.queued, once=first.once)
            finally:
                self._at_work = None
            self._held.remove(first)
        if self._lost:
            _log.error("%d security events were lost while nothing could be written down", self._lost)
            self._lost = 0

    def _drop_surplus(self) -> None:
        while len(self._held) > MAX_HELD:
            idle = [held for held in self._held if held is not self._at_work]
            lost = next((held for held in idle if not is_critical(held.event.type)), idle[0])
            self._held.remove(lost)
            self._lost += 1
            if self._lost & (self._lost - 1) == 0:  # 1, 2, 4, 8: who floods us must not fill the log too
                what, when = lost.event.type.value, lost.event.at.isoformat()
                _log.error(
                    "%d security events held are too many; lost so far: %d, %s of %s", MAX_HELD, self._lost, what, when
                )
