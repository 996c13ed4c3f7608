"""What the agent's file flows stand on in tests: a memory that may fail or lose power, a line, transfers in hand."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from chainpilot.link.faults import LinkClosed
from chainpilot.station.agent.events.types import SecurityEvent, SecurityEventType
from chainpilot.station.agent.ports import Installed, MemoryFault, QueuedEvent
from chainpilot.wire.version import OcppVersion

__all__ = [
    "HandTransfers",
    "HeardLine",
    "KeptMemory",
    "KeptReport",
    "PowerCut",
    "StubbornInstaller",
    "Told",
]

Told = tuple[str, int | None]
"""A status and its request id."""


class PowerCut(BaseException):
    """The machine stops here: nothing that follows happens."""


class KeptMemory:
    """Documents and a security log in a dictionary; `outage` says what the n-th write raises instead of writing."""

    def __init__(self, documents: Mapping[str, bytes] | None = None) -> None:
        self.documents = dict(documents or {})
        self.log: list[SecurityEvent] = []
        self.writes = 0
        self.outage: Callable[[int], BaseException | None] = lambda _: None
        self.unreadable = False

    def read(self, name: str) -> bytes | None:
        if self.unreadable:
            raise MemoryFault("it is locked")
        return self.documents.get(name)

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        self.writes += 1
        if (error := self.outage(self.writes)) is not None:
            raise error
        for name, data in changes.items():
            if data is None:
                self.documents.pop(name, None)
            else:
                self.documents[name] = data

    def add_event(self, event: SecurityEvent, *, queued: bool = True, once: bool = False) -> bool:
        self.log.append(event)
        return True

    def queued_events(self, limit: int) -> tuple[QueuedEvent, ...]:
        return ()

    def settle_event(self, number: int) -> None:
        pass

    def security_log(self, oldest: datetime | None, latest: datetime | None) -> Iterable[SecurityEvent]:
        if self.unreadable:
            raise MemoryFault("it is locked")
        return [
            one for one in self.log if (oldest is None or one.at >= oldest) and (latest is None or one.at <= latest)
        ]

    def keep(self, key: str, data: bytes, until: datetime) -> None:
        pass

    def kept(self, key: str, at: datetime) -> bytes | None:
        return None

    def forget(self, key: str | None = None) -> None:
        pass


class KeptReport:
    """Keeps the security events that a flow reports."""

    def __init__(self) -> None:
        self.events: list[SecurityEventType] = []
        self.infos: list[str | None] = []

    async def __call__(self, kind: SecurityEventType, tech_info: str | None = None, *, once: bool = False) -> None:
        self.events.append(kind)
        self.infos.append(tech_info)


class HeardLine:
    """Answers every call with an empty object, or as `script` says for the n-th, and keeps what was told."""

    def __init__(self, version: OcppVersion = OcppVersion.V201) -> None:
        self._version = version
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.script: Callable[[int], BaseException | None] = lambda _: None
        self.gate = asyncio.Event()
        """Answers wait for it; it is set at the start."""
        self.gate.set()
        self._news = asyncio.Condition()

    @property
    def version(self) -> OcppVersion:
        return self._version

    async def call(self, action: str, payload: Mapping[str, object], *, answer_timeout: float | None = None) -> object:
        self.calls.append((action, dict(payload)))
        async with self._news:
            self._news.notify_all()
        await self.gate.wait()
        if (error := self.script(len(self.calls))) is not None:
            raise error
        return {}

    @property
    def told(self) -> list[Told]:
        """Statuses with their request ids, in order."""
        return [(str(payload["status"]), payload.get("requestId")) for _, payload in self.calls]

    async def until(self, count: int) -> list[Told]:
        """What was told, once it is that much."""
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: len(self.calls) >= count)
        return self.told

    async def until_told(self, status: str, request_id: int | None) -> list[Told]:
        """What was told, once that is among it."""
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: (status, request_id) in self.told)
        return self.told

    @staticmethod
    def closed() -> LinkClosed:
        """What a call over a gone connection raises."""
        return LinkClosed("x", sent=True, code=1006)


@dataclass
class HandTransfers:
    """Transfers in a test's hand: each waits for `gate` and then does what is next in `outcomes`."""

    image: bytes = b""
    """What is fetched."""
    outcomes: list[BaseException | None] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    begun: int = 0
    at_work: int = 0
    most_at_work: int = 0
    brought: list[tuple[str, bytes, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self.gate.set()

    def fetch(self, url: str, into: Path, *, limit: int) -> None:
        with into.open("xb") as file:
            self._work(into)
            file.write(self.image)

    def bring(self, url: str, content: Iterable[bytes], *, filename: str) -> None:
        self._work(None, lambda: self.brought.append((url, b"".join(content), filename)))

    def _work(self, into: Path | None, last: Callable[[], object] = lambda: None) -> None:
        with self._news:
            self.begun += 1
            self.at_work += 1
            self.most_at_work = max(self.at_work, self.most_at_work)
            self._news.notify_all()
        try:
            self.gate.wait(20)
            with self._lock:
                outcome = self.outcomes.pop(0) if self.outcomes else None
            if outcome is not None:
                if into is not None:
                    into.unlink(missing_ok=True)
                raise outcome
            last()
        finally:
            with self._news:
                self.at_work -= 1
                self._news.notify_all()

    async def until_begun(self, count: int) -> None:
        """Return once that many transfers began."""
        await self._until(lambda: self.begun >= count)

    async def until_over(self) -> None:
        """Return once none is at work."""
        await self._until(lambda: not self.at_work)

    async def _until(self, condition: Callable[[], bool]) -> None:
        def wait() -> bool:
            with self._news:
                return self._news.wait_for(condition, 20)

        assert await asyncio.to_thread(wait), f"{self.begun} transfers began, {self.at_work} are at work"


class StubbornInstaller:
    """Installs as told: `outcome` is answered or raised; keeps every image it was given."""

    def __init__(self, outcome: Installed | BaseException = Installed.RUNNING) -> None:
        self.outcome = outcome
        self.images: list[bytes] = []
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()

    def install(self, image: Path) -> Installed:
        self.images.append(image.read_bytes())
        self.begun.set()
        self.gate.wait(20)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome
