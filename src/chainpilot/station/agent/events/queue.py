"""Security events on their way into the memory, and out of its queue, while the memory may fail.

What can't be written down is held in RAM until it can be. What is sent, and when, is `reporting`'s.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Final

from chainpilot.station.agent.events.types import SecurityEvent, is_critical
from chainpilot.station.agent.ports import Memory, MemoryFault

__all__ = ["MAX_HELD", "EventQueue", "Waiting"]

MAX_HELD: Final = 100
"""Events held in RAM: of more, the oldest that isn't critical is lost, else the oldest."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event whose turn it is to be sent."""

    event: SecurityEvent
    number: int | None
    """Its number in the memory; None while it is held in RAM."""


@dataclass(slots=True)
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
        self._writing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
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
        """Write the event down, or hold it; with `once` neither, while one of its type waits."""
        if once and any(held.event.type is event.type and held.queued for held in self._held):
            return
        self._held.append(_Held(event, queued, once))
        await self.write()

    async def write(self) -> None:
        """Try to write down what couldn't be written before; a caller that is cancelled doesn't stop it."""
        task = asyncio.create_task(self._write())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

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
            first = self._held[0]
            add = self._memory.add_event
            await asyncio.to_thread(add, first.event, queued=first.queued, once=first.once)
            self._held.popleft()

    def _drop_surplus(self) -> None:
        while len(self._held) > MAX_HELD:
            lost = next((held for held in self._held if not is_critical(held.event.type)), self._held[0])
            self._held.remove(lost)
            _log.error("too many are held: %s of %s is lost", lost.event.type.value, lost.event.at.isoformat())
