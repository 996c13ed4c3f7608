"""A memory that forgets nothing but what it should, as plain as can be: what `SqliteMemory` is compared with.

It implements `agent.ports.Memory` in RAM, and fails when a test says so.
"""

import threading
from collections.abc import Mapping
from datetime import datetime

from chainpilot.station.adapters.memory import DEFAULT_LIMITS, Limits
from chainpilot.station.agent.events.types import SecurityEvent, SecurityEventType, is_critical
from chainpilot.station.agent.ports import MemoryFault, MemoryFull, QueuedEvent

__all__ = ["PlainMemory"]


class PlainMemory:
    """`agent.ports.Memory` in dictionaries and lists."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._number = 0
        self.documents: dict[str, bytes] = {}
        self.log: list[tuple[int, SecurityEvent]] = []
        self.queue: list[QueuedEvent] = []
        self.things: dict[str, tuple[bytes, datetime]] = {}
        self._overflow: tuple[int, int] | None = None
        self.full = False
        """Whether nothing can be written."""
        self.broken = False
        """Whether nothing can be read or written."""

    def read(self, name: str) -> bytes | None:
        self._may_read()
        return self.documents.get(name)

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        self._may_write()
        if any(data is not None and len(data) > self._limits.document_bytes for data in changes.values()):
            raise MemoryFault("a document is too large")
        for name, data in changes.items():
            if data is None:
                self.documents.pop(name, None)
            else:
                self.documents[name] = data

    def add_event(self, event: SecurityEvent, *, queued: bool = True, once: bool = False) -> bool:
        self._may_write()
        with self._lock:
            if once and any(one.event.type is event.type for one in self.queue):
                return False
            number = self._logged(event)
            if queued:
                self.queue.append(QueuedEvent(number, event))
                if len(self.queue) > self._limits.queued_events:
                    self._drop(event)
            del self.log[: -self._limits.log_entries]
        return True

    def queued_events(self, limit: int) -> tuple[QueuedEvent, ...]:
        self._may_read()
        return tuple(self.queue[: max(0, limit)])

    def settle_event(self, number: int) -> None:
        self._may_write()
        self.queue = [one for one in self.queue if one.number != number]
        if not self.queue:
            self._overflow = None

    def security_log(self, oldest: datetime | None, latest: datetime | None) -> tuple[SecurityEvent, ...]:
        self._may_read()
        return tuple(
            event
            for _, event in self.log
            if (oldest is None or event.at >= oldest) and (latest is None or event.at <= latest)
        )

    def keep(self, key: str, data: bytes, until: datetime) -> None:
        self._may_write()
        if len(data) > self._limits.kept_bytes:
            raise MemoryFault("too large to be kept")
        self.things.pop(key, None)
        self.things[key] = (data, until)
        if len(self.things) > self._limits.kept:
            del self.things[min(self.things, key=lambda one: self.things[one][1])]

    def kept(self, key: str, at: datetime) -> bytes | None:
        self._may_read()
        data, until = self.things.get(key, (None, at))
        return data if until > at else None

    def forget(self, key: str | None = None) -> None:
        self._may_write()
        if key is None:
            self.things.clear()
        else:
            self.things.pop(key, None)

    def _may_read(self) -> None:
        if self.broken:
            raise MemoryFault("it is broken")

    def _may_write(self) -> None:
        self._may_read()
        if self.full:
            raise MemoryFull("the disk is full")

    def _logged(self, event: SecurityEvent) -> int:
        self._number += 1
        self.log.append((self._number, event))
        return self._number

    def _drop(self, newest: SecurityEvent) -> None:
        lost = next((one for one in self.queue if not is_critical(one.event.type)), self.queue[0])
        self.queue.remove(lost)
        line, count = self._overflow or (0, 0)
        limit = self._limits.queued_events
        word, at = lost.event.type.value, lost.event.at
        said = f"{limit} security events wait; not sent so far: {count + 1}, the last one {word} of {at}"
        for place, (number, event) in enumerate(self.log):
            if number == line:
                self.log[place] = (line, SecurityEvent(event.type, event.at, said))
                break
        else:
            line = self._logged(SecurityEvent(SecurityEventType.MEMORY_EXHAUSTION, newest.at, said))
        self._overflow = (line, count + 1)
