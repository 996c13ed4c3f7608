"""The agent's memory as a dictionary: it outlasts the agents of a test, and fails when a test says so."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Final

from chainpilot.station.agent.events.types import SecurityEvent
from chainpilot.station.agent.ports import MemoryFault, MemoryFull, QueuedEvent

__all__ = ["PlainMemory"]

_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
_FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)
_MOST_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class _Kept:
    data: bytes
    until: datetime


class PlainMemory:
    """Keeps everything until the test ends. `broken` makes every call fail, `full` only those that write.

    `allow(n)` lets n more writes through and then counts as full, as a disk does that runs out of space.
    """

    def __init__(self, documents: Mapping[str, bytes] | None = None) -> None:
        self.documents: dict[str, bytes] = dict(documents or {})
        self.log: list[SecurityEvent] = []
        self.broken = False
        self.full = False
        self.writes = 0
        """Writes done so far, of whatever kind."""
        self._allowed: int | None = None
        self._queue: dict[int, SecurityEvent] = {}
        self._number = 0
        self._kept: dict[str, _Kept] = {}
        self._lock = Lock()

    def allow(self, writes: int | None) -> None:
        """Let that many more writes through, then fail each; None: no end."""
        self._allowed = writes

    def read(self, name: str) -> bytes | None:
        with self._lock:
            self._reading()
            return self.documents.get(name)

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        with self._lock:
            self._writing()
            for name, document in changes.items():
                if document is None:
                    self.documents.pop(name, None)
                else:
                    self.documents[name] = document

    def add_event(self, event: SecurityEvent, *, queued: bool = True, once: bool = False) -> bool:
        with self._lock:
            self._writing()
            if once and any(waiting.type is event.type for waiting in self._queue.values()):
                return False
            self.log.append(event)
            if queued:
                self._number += 1
                self._queue[self._number] = event
            return True

    def queued_events(self, limit: int) -> tuple[QueuedEvent, ...]:
        with self._lock:
            self._reading()
            return tuple(QueuedEvent(number, event) for number, event in sorted(self._queue.items())[:limit])

    def settle_event(self, number: int) -> None:
        with self._lock:
            self._writing()
            self._queue.pop(number, None)

    def security_log(self, oldest: datetime | None, latest: datetime | None) -> Iterable[SecurityEvent]:
        with self._lock:
            self._reading()
            since, until = oldest or _ALWAYS, latest or _FOR_EVER
            return tuple(event for event in sorted(self.log, key=lambda event: event.at) if since <= event.at <= until)

    def keep(self, key: str, data: bytes, until: datetime) -> None:
        with self._lock:
            self._writing()
            self._kept[key] = _Kept(data, until)
            if len(self._kept) > _MOST_KEPT:
                del self._kept[min(self._kept, key=lambda name: self._kept[name].until)]

    def kept(self, key: str, at: datetime) -> bytes | None:
        with self._lock:
            self._reading()
            found = self._kept.get(key)
            return found.data if found is not None and at < found.until else None

    def forget(self, key: str | None = None) -> None:
        with self._lock:
            self._writing()
            if key is None:
                self._kept.clear()
            else:
                self._kept.pop(key, None)

    def _reading(self) -> None:
        if self.broken:
            raise MemoryFault("the disk is broken")

    def _writing(self) -> None:
        self._reading()
        if self.full or self._allowed == 0:
            raise MemoryFull("no space is left on the disk")
        if self._allowed is not None:
            self._allowed -= 1
        self.writes += 1
