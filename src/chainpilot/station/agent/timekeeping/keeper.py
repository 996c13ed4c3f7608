"""Whether the station's clock can be believed, and who is told when it can't, or when somebody sets it.

The rules, numbered in the code and told to operators in docs/reference/clock.md:

1. A clock before BUILT_AT is not trusted; nobody's word makes it so.
2. A clock more than BEHIND before the latest moment that the station held for true is not trusted, until it is back
   there or the CSMS's time agrees with it: then that moment was the wrong one, and is given up.
3. The latest moment goes on with a trusted clock. Where the clock leaps ahead of it, at the start or later, it does so
   only once the clock stood for SETTLING or the CSMS agrees: a short mistake must not make the right time look wrong.
4. It is written down at most every WRITE_EVERY, at a clean stop, and when it was given up.
5. Between two looks the clock and the monotonic one differ by more than JUMP: the clock was set, or the machine slept.
   That is reported, and everything that was planned by the clock is judged anew.
6. A clock that differs from the CSMS's by more than APART is reported, once until they are close again. It is trusted
   all the same: either may be wrong.

The system's clock is never set here, and what a clock that isn't trusted stops is decided by those who ask.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from chainpilot import BUILT_AT
from chainpilot.clock import Clock
from chainpilot.station.agent.bell import Bell
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.ports import Memory, MemoryFault, Report
from chainpilot.station.agent.timekeeping.watch import (
    Apart,
    ClockFinding,
    ClockWatch,
    Jumped,
    TimeJudgement,
    TrustChanged,
    told,
)

__all__ = ["DOCUMENT", "LOOK_EVERY", "TOLD_AN_HOUR", "WRITE_EVERY", "TimeTrust", "Timekeeper"]

LOOK_EVERY: Final = 10.0
"""Seconds between two looks at the clock."""
WRITE_EVERY: Final = 600.0
"""Seconds between two writes: flash memory wears out."""
TOLD_AN_HOUR: Final = 6
"""Jumps reported one by one; of more only one waits for the CSMS at a time, or a broken clock fills the queue."""
DOCUMENT: Final = "clock"
"""Its name in the memory."""
_UNSEEN: Final = "the clock was not looked at yet"

_log = logging.getLogger(__name__)


class TimeTrust(Protocol):
    """What a flow that depends on the time asks; a `Timekeeper` is one."""

    @property
    def is_trusted(self) -> bool:
        """Whether times may be judged by the clock now."""
        ...

    async def wait_trusted(self) -> None:
        """Return once they may."""
        ...

    def subscribe(self, subscriber: Callable[[ClockFinding], None]) -> Callable[[], None]:
        """Call `subscriber`, in the event loop, for everything that is found; answers what ends that."""
        ...


class _Noted(msgspec.Struct, frozen=True):
    version: int
    latest: datetime


class Timekeeper:
    """Looks at the clock while `run` runs, and answers whether it can be trusted; all of it in one event loop."""

    def __init__(
        self,
        clock: Clock,
        memory: Memory,
        report: Report,
        *,
        built_at: datetime = BUILT_AT,
        assume_time_ok: bool = False,
    ) -> None:
        """Look at nothing yet: until `run` has, the clock isn't trusted.

        Args:
            clock: the one that is judged.
            memory: for the latest moment.
            report: told of jumps, and of a CSMS whose clock differs.
            built_at: before it no clock is right.
            assume_time_ok: for a clock known to be right: what was written down doesn't make it untrusted.
        """
        self._clock = clock
        self._memory = memory
        self._report = report
        self._watch = ClockWatch(built_at=built_at, assume_time_ok=assume_time_ok)
        self._assume_time_ok = assume_time_ok
        self._is_ready = False
        self._is_recalled = False
        self._why: str | None = _UNSEEN
        self._found: deque[ClockFinding] = deque()
        self._subscribers: dict[object, Callable[[ClockFinding], None]] = {}
        self._trusted = asyncio.Event()
        self._bell = Bell()
        self._written: datetime | None = None
        self._write_from = 0.0
        self._has_failed = False
        self._told: deque[float] = deque(maxlen=TOLD_AN_HOUR)

    @property
    def is_trusted(self) -> bool:
        """Whether times may be judged by the clock now; it is looked at anew."""
        return self.why_untrusted is None

    @property
    def why_untrusted(self) -> str | None:
        """Why times may not be judged by the clock now, as a sentence; None: they may."""
        self._look()
        return self._why

    def heard(self, csms_time: datetime) -> None:
        """Take the currentTime of an answer that has just come (BootNotification, Heartbeat); timezone-aware."""
        if self._is_ready:
            self._take(self._watch.heard(csms_time, self._clock.now(), self._clock.monotonic()))

    async def wait_trusted(self) -> None:
        """Return once times may be judged by the clock; that is noticed while `run` runs."""
        while not self.is_trusted:
            await self._trusted.wait()

    def subscribe(self, subscriber: Callable[[ClockFinding], None]) -> Callable[[], None]:
        """Call `subscriber`, in the event loop, for everything that `run` finds; answers what ends that.

        It must not block or raise.
        """
        ticket = object()
        self._subscribers[ticket] = subscriber

        def unsubscribe() -> None:
            self._subscribers.pop(ticket, None)

        return unsubscribe

    async def begin(self) -> None:
        """Look at the clock for the first time, so that others may ask; `run` looks on."""
        if not self._is_recalled:
            await self._recall()
        self._look()

    async def run(self) -> None:
        """Look at the clock and tell what is found, until cancelled; the latest moment is written down then too."""
        if self._assume_time_ok:
            _log.warning("assume_time_ok is set: a clock that was set back is trusted all the same")
        try:
            while True:
                await self.begin()
                await self._tell()
                await self._write()
                await self._bell.wait(self._clock, self._clock.monotonic() + LOOK_EVERY)
        finally:
            self._look()
            await self._write(is_last=True)

    def _look(self) -> None:
        if self._is_ready:
            self._take(self._watch.look(self._clock.now(), self._clock.monotonic()))

    def _take(self, judgement: TimeJudgement) -> None:
        self._why = judgement.why_untrusted
        if judgement.is_trusted:
            self._trusted.set()
        else:
            self._trusted.clear()
        if judgement.found:
            self._found.extend(judgement.found)
            self._bell.ring()

    async def _tell(self) -> None:
        while self._found:
            found = self._found.popleft()
            match found:
                case Jumped(old, new):
                    _log.warning("the clock went from %s to %s", told(old), told(new))
                    await self._report_change(f"from {told(old)} to {told(new)}")
                case Apart(clock, csms):
                    words = f"nobody set it: the clock says {told(clock)}, the CSMS {told(csms)}"
                    _log.warning("%s; one of the two is wrong", words)
                    await self._report_change(words)
                case TrustChanged(None):
                    _log.info("the clock is trusted")
                case TrustChanged(why):
                    _log.error("the clock is not trusted: %s. Set it, or let the network set it", why)
            for subscriber in tuple(self._subscribers.values()):
                subscriber(found)

    async def _report_change(self, words: str) -> None:
        now = self._clock.monotonic()
        is_many = len(self._told) == TOLD_AN_HOUR and now - self._told[0] < timedelta(hours=1).total_seconds()
        if not is_many:
            self._told.append(now)
        await self._report(SecurityEventType.SETTING_SYSTEM_TIME, words, once=is_many)

    async def _recall(self) -> None:
        """What can't be read counts as nothing, and is asked for again at every look: a lock or a disk may recover."""
        try:
            data = await asyncio.to_thread(self._memory.read, DOCUMENT)
        except MemoryFault as error:
            if not self._is_ready:
                _log.error("what was written down of the clock can't be read, so only its release tells it: %s", error)
        else:
            self._is_recalled = True
            noted = _noted(data) if data is not None else None
            if noted is not None:
                self._written = noted.latest
                self._watch.remember(noted.latest)
        self._is_ready = True

    async def _write(self, *, is_last: bool = False) -> None:
        """Rule 4."""
        latest, now = self._watch.latest, self._clock.monotonic()
        if latest is None or latest == self._written:
            return
        was_given_up = self._written is not None and latest < self._written
        if not (is_last or was_given_up or now >= self._write_from):
            return
        data = msgspec.json.encode(_Noted(1, latest))
        try:
            await asyncio.to_thread(self._memory.write, {DOCUMENT: data})
        except MemoryFault as error:
            if not self._has_failed:
                _log.error("the time can't be written down: %s", error)
            self._has_failed = True
        else:
            self._written, self._has_failed = latest, False
        self._write_from = now + WRITE_EVERY


def _noted(data: bytes) -> _Noted | None:
    try:
        noted = msgspec.json.decode(data, type=_Noted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _log.error("what was written down of the clock is unreadable and counts as nothing: %s", error)
        return None
    if noted.version != 1 or noted.latest.tzinfo is None:
        _log.error("what was written down of the clock is of another form and counts as nothing")
        return None
    return noted
