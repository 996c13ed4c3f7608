"""What the agent's upkeep meets in tests: a memory, reports, a trust in time, and a CSMS that answers what it was told.

All are whole implementations of the agent's ports, small enough to be read; nothing of ours is replaced.
"""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from certs import Pki
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.station.agent.events.types import SecurityEvent, SecurityEventType
from chainpilot.station.agent.ports import MemoryFault, QueuedEvent
from chainpilot.station.agent.timekeeping.watch import ClockFinding, TrustChanged
from chainpilot.wire.pnc.messages import (
    GetCertificateStatusRequest,
    GetCertificateStatusResponse,
    PncRequest,
    PncResponse,
)
from chainpilot.wire.pnc.words import GetCertificateStatusStatus
from clocks import SetClock
from forge import Forged
from ocsp_answers import answer, cert_id, single

__all__ = ["BriefMemory", "CountingClock", "Reports", "Responder", "SetTrust", "StatusCsms", "TellsAll", "running"]

PATIENCE = 20.0
"""Seconds until a test says that something never happened."""


class CountingClock(SetClock):
    """A set clock that tells how often somebody lay down to wait: a test knows when a flow has nothing to do."""

    def __init__(self, start: datetime | None = None) -> None:
        super().__init__(*() if start is None else (start,))
        self.naps = 0
        self._lay_down = asyncio.Event()

    async def sleep_until(self, moment: float) -> None:
        """As SetClock, counted."""
        self.naps += 1
        self._lay_down.set()
        await super().sleep_until(moment)

    async def until_naps(self, count: int) -> None:
        """Return once somebody has lain down `count` times in all."""
        async with asyncio.timeout(PATIENCE):
            while self.naps < count:
                self._lay_down.clear()
                await self._lay_down.wait()

    async def pass_by(self, seconds: float) -> None:
        """Let time pass, and whoever it wakes do what there is to do until he sleeps again."""
        moment = self.monotonic() + seconds
        woken = sum(until <= moment and not sleeper.done() for until, sleeper in self._sleepers)
        before = self.naps
        self.advance(seconds)
        await self.until_naps(before + woken)


class running:  # noqa: N801 - read as a word: `async with running(flow.run())`
    """A flow that runs while the block does; what it raises is raised at the block's end."""

    def __init__(self, flow: Any) -> None:
        self._flow = flow

    async def __aenter__(self) -> "asyncio.Task[None]":
        self._task: asyncio.Task[None] = asyncio.ensure_future(self._flow)
        return self._task

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


class BriefMemory:
    """A memory that lasts as long as the test; `fault` makes every call fail with that reason."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}
        self.writes = 0
        self.fault: str | None = None
        self._kept: dict[str, tuple[bytes, datetime]] = {}
        self._queue: dict[int, SecurityEvent] = {}
        self._log: list[SecurityEvent] = []

    def _check(self) -> None:
        if self.fault is not None:
            raise MemoryFault(self.fault)

    def read(self, name: str) -> bytes | None:
        self._check()
        return self.documents.get(name)

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        self._check()
        self.writes += 1
        for name, data in changes.items():
            if data is None:
                self.documents.pop(name, None)
            else:
                self.documents[name] = data

    def add_event(self, event: SecurityEvent, *, queued: bool = True, once: bool = False) -> bool:
        self._check()
        if once and any(one.type is event.type for one in self._queue.values()):
            return False
        self._log.append(event)
        if queued:
            self._queue[len(self._log)] = event
        return True

    def queued_events(self, limit: int) -> tuple[QueuedEvent, ...]:
        self._check()
        return tuple(QueuedEvent(number, event) for number, event in sorted(self._queue.items())[:limit])

    def settle_event(self, number: int) -> None:
        self._check()
        self._queue.pop(number, None)

    def security_log(self, oldest: datetime | None, latest: datetime | None) -> Iterable[SecurityEvent]:
        self._check()
        begin, end = oldest or min((one.at for one in self._log), default=None), latest
        return [one for one in self._log if (begin is None or one.at >= begin) and (end is None or one.at <= end)]

    def keep(self, key: str, data: bytes, until: datetime) -> None:
        self._check()
        self._kept[key] = (data, until)

    def kept(self, key: str, at: datetime) -> bytes | None:
        self._check()
        data, until = self._kept.get(key, (b"", at - timedelta(seconds=1)))
        return data if until > at else None

    def forget(self, key: str | None = None) -> None:
        self._check()
        self._kept = {} if key is None else {one: held for one, held in self._kept.items() if one != key}


class Reports:
    """Takes down every security event that is reported."""

    def __init__(self) -> None:
        self.told: list[tuple[SecurityEventType, str | None, bool]] = []

    async def __call__(self, kind: SecurityEventType, tech_info: str | None = None, *, once: bool = False) -> None:
        self.told.append((kind, tech_info, once))


class TellsAll:
    """A subscriber that takes down what it hears, and whom a test can wait for."""

    def __init__(self) -> None:
        self.heard: list[ClockFinding] = []
        self._news = asyncio.Event()

    def __call__(self, found: ClockFinding) -> None:
        self.heard.append(found)
        self._news.set()

    async def until(self, kind: type[ClockFinding], count: int = 1) -> ClockFinding:
        """The `count`-th finding of that kind, once it is there."""
        async with asyncio.timeout(PATIENCE):
            while len(found := [one for one in self.heard if isinstance(one, kind)]) < count:
                self._news.clear()
                await self._news.wait()
        return found[count - 1]


class SetTrust:
    """A trust in time that the test sets."""

    def __init__(self, *, is_trusted: bool = True) -> None:
        self._is_trusted = asyncio.Event()
        self._subscribers: list[Callable[[ClockFinding], None]] = []
        self._waits = 0
        self._came = asyncio.Event()
        if is_trusted:
            self._is_trusted.set()

    @property
    def is_trusted(self) -> bool:
        return self._is_trusted.is_set()

    async def wait_trusted(self) -> None:
        self._waits += 1
        self._came.set()
        await self._is_trusted.wait()

    async def until_waited(self, count: int) -> None:
        """Return once somebody came to wait for trust that often in all, whether or not he had to."""
        async with asyncio.timeout(PATIENCE):
            while self._waits < count:
                self._came.clear()
                await self._came.wait()

    def subscribe(self, subscriber: Callable[[ClockFinding], None]) -> Callable[[], None]:
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def set(self, *, is_trusted: bool) -> None:
        """Change it, and tell."""
        if is_trusted:
            self._is_trusted.set()
        else:
            self._is_trusted.clear()
        self.tell(TrustChanged(None if is_trusted else "the test says so"))

    def tell(self, found: ClockFinding) -> None:
        """Tell the subscribers what was found."""
        for one in tuple(self._subscribers):
            one(found)


@dataclass
class Responder:
    """The OCSP responder of a PKI: signed answers about its sub-CAs, and about leaves it is shown."""

    pki: Pki
    clock: SetClock
    validity: timedelta = timedelta(days=8)
    revoked: set[str] = field(default_factory=set)
    """Serial numbers, as hash data has them."""

    def __post_init__(self) -> None:
        self._ways: dict[str, tuple[Certificate, Forged]] = {}
        self.show(self.pki.issuing.certificate, self.pki.sub1)
        self.show(self.pki.sub1.certificate, self.pki.root)

    def show(self, certificate: Certificate, issuer: Forged | None = None) -> None:
        """Let it answer about that certificate."""
        self._ways[f"{certificate.serial_number:x}"] = (certificate, issuer or self.pki.issuing)

    def says(self, subject: CertificateHashData, **changes: Any) -> str:
        """Base64 of an answer about `subject`, made now; `changes` are `ocsp_answers.single`'s."""
        certificate, issuer = self._ways[subject.serial_number]
        now = self.clock.now()
        if subject.serial_number in self.revoked:
            changes.setdefault("revoked", now)
        changes = {"since": now, "until": now + self.validity, **changes}
        der = answer(issuer, single(cert_id(certificate, issuer.certificate), **changes), produced=now)
        return b64encode(der).decode()


Script = Callable[[CertificateHashData], GetCertificateStatusResponse | Exception]


class StatusCsms:
    """A voice to a CSMS that answers GetCertificateStatus alone: as its responder says, unless told otherwise."""

    def __init__(self, responder: Responder) -> None:
        self.responder = responder
        self.asked: list[CertificateHashData] = []
        self.script: dict[str, Script] = {}
        """By serial number."""
        self.otherwise: Script = self._answer
        self.gate: asyncio.Event | None = None
        """Where set, no answer comes before the event."""
        self._news = asyncio.Event()

    async def ask(self, request: PncRequest, *, answer_timeout: float | None = None) -> PncResponse:
        assert isinstance(request, GetCertificateStatusRequest)
        (entry,) = request.ocsp_request_data
        assert entry.responder_url, "OCPP 2.0.1 requires it"
        subject = entry.certificate_hash_data
        self.asked.append(subject)
        self._news.set()
        if self.gate is not None:
            await self.gate.wait()
        said = self.script.get(subject.serial_number, self.otherwise)(subject)
        if isinstance(said, Exception):
            raise said
        return said

    async def until_asked(self, count: int) -> None:
        """Return once it was asked that often in all."""
        async with asyncio.timeout(PATIENCE):
            while len(self.asked) < count:
                self._news.clear()
                await self._news.wait()

    def serials(self, since: int = 0) -> list[str]:
        """Serial numbers asked about, from that position on."""
        return [one.serial_number for one in self.asked[since:]]

    def _answer(self, subject: CertificateHashData) -> GetCertificateStatusResponse:
        return GetCertificateStatusResponse(GetCertificateStatusStatus.ACCEPTED, self.responder.says(subject))

    def times_asked(self) -> Iterator[tuple[str, int]]:
        """Each serial number with how often it was asked about."""
        serials = self.serials()
        return ((one, serials.count(one)) for one in dict.fromkeys(serials))
