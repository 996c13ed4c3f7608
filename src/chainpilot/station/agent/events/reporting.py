"""Security events told to the CSMS: one after the other, at least once, whatever connection it takes (use case A04).

Which events there are is `security_events`'; how they outlast a power cut is the memory's; the log's way to the CSMS
(GetLog) is not handled here.
"""

import asyncio
import logging
from collections import Counter
from datetime import datetime
from typing import Final

from chainpilot.clock import Clock
from chainpilot.link.faults import CallRefused, CallTimedOut
from chainpilot.station.agent.events.queue import EventQueue, Waiting
from chainpilot.station.agent.events.types import MAX_TECH_INFO, SecurityEvent, SecurityEventType, is_sendable, word_of
from chainpilot.station.agent.ports import Line, Memory
from chainpilot.station.agent.waiting import sleep_or
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.ocppj.rpc import QueueFullError
from chainpilot.wire.schema import write_message
from chainpilot.wire.security import SecurityEventNotification

__all__ = ["FIRST_DELAY", "MAX_DELAY", "MAX_REFUSALS", "MAX_TROUBLES", "Reporter"]

FIRST_DELAY: Final = 30.0
"""Seconds until an event that wasn't confirmed is sent again; doubled each time."""
MAX_DELAY: Final = 600.0
"""Seconds between two tries at most."""
MAX_REFUSALS: Final = 3
"""Refusals of an event's content after which it is given up."""
MAX_TROUBLES: Final = 10
"""Other CALLERRORs to one event, about an hour of them, after which it no longer holds up the rest."""
_UNKNOWN: Final = frozenset({ErrorCode.NOT_IMPLEMENTED, ErrorCode.NOT_SUPPORTED})
_CONTENT: Final = frozenset(
    {
        ErrorCode.PROTOCOL_ERROR,
        ErrorCode.FORMATION_VIOLATION,
        ErrorCode.FORMAT_VIOLATION,
        ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
        ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        ErrorCode.TYPE_CONSTRAINT_VIOLATION,
    }
)

_log = logging.getLogger(__name__)


class Reporter:
    """`agent.ports.Report`, and what sends the events while there is a connection."""

    def __init__(self, memory: Memory, clock: Clock) -> None:
        """Send nothing yet; what waits in the memory from earlier is sent first."""
        self._memory = memory
        self._clock = clock
        self._queue = EventQueue(memory)
        self._unheard: Line | None = None
        """The connection whose CSMS doesn't know the message: while it lasts, events are only logged."""
        self._at_rest = asyncio.Event()
        """Set while nothing waits that could be sent now."""
        self._pauses = False
        self._noting = 0
        """Events that are just being written down."""

    async def __call__(self, kind: SecurityEventType, tech_info: str | None = None, *, once: bool = False) -> None:
        """Note the event durably; it is sent when it can be. With `once` not while one of that type still waits.

        Never raises: what can't be written down is logged, and held in RAM until it can be.
        """
        event = SecurityEvent(kind, self._clock.now(), _printable(tech_info))
        _log.info("security event %s: %s", kind.value, event.tech_info or "nothing more is known")
        if not self._pauses:
            self._at_rest.clear()
        self._noting += 1
        try:
            await self._queue.add(event, queued=self._unheard is None, once=once)
        finally:
            self._noting -= 1

    async def attend(self, line: Line) -> None:
        """Send what waits and what is added, the oldest first, until cancelled; one connection at a time.

        Raises:
            LinkClosed: the connection is gone; what wasn't confirmed is sent over the next one.
        """
        sending = _Sending(line)
        self._at_rest.clear()
        try:
            while True:
                await self._step(sending)
        finally:
            if self._unheard is line:
                self._unheard = None
                self._queue.begin_anew()

    async def until_told(self) -> None:
        """Return once what was reported before is told over the present connection, as far as the CSMS lets us now.

        For what is to be said after an event (OCTT TC_080). While nobody attends it waits.
        """
        await self._at_rest.wait()

    def security_log(self, oldest: datetime | None, latest: datetime | None) -> tuple[SecurityEvent, ...]:
        """The log between two moments (each included; None is open); what couldn't be written down yet comes last.

        May block. Raises MemoryFault.
        """
        logged = tuple(self._memory.security_log(oldest, latest))
        return (*logged, *(one for one in self._queue.held if _is_between(one.at, oldest, latest)))

    async def _step(self, sending: "_Sending") -> None:
        """One event sent, or a wait for one."""
        if self._queue.troubled:
            await self._queue.write()
        self._queue.changed.clear()
        waiting = await self._queue.oldest()
        if waiting is None:
            if not self._noting and not self._queue.changed.is_set():
                self._at_rest.set()
            await self._until_changed(sending.retry_memory() if self._queue.troubled else None)
            return
        if not is_sendable(waiting.event.type):
            event = waiting.event
            _log.error("an event of %s is only logged: no message takes the type %.80r", event.at, event.type.value)
            await self._queue.settle(waiting)
            return
        if self._unheard is sending.line:
            await self._queue.settle(waiting)
            return
        try:
            await sending.send(waiting.event)
        except (CallTimedOut, QueueFullError) as silence:
            _log.warning("a security event waits on: %s", silence)
            await self._pause(sending.next_delay())
        except CallRefused as refusal:
            await self._on_refusal(sending, waiting, refusal)
        else:
            sending.begin_again()
            await self._queue.settle(waiting)

    async def _on_refusal(self, sending: "_Sending", waiting: Waiting, refusal: CallRefused) -> None:
        if refusal.code in _UNKNOWN:
            _log.warning("security events are given up on a CSMS that doesn't know the message: %s", refusal.code.value)
            self._unheard = sending.line
        elif sending.is_hopeless(refusal.code):
            word = waiting.event.type.value
            _log.error("%s of %s is given up: %s", word, waiting.event.at.isoformat(), refusal.code.value)
            sending.begin_again()
            await self._queue.settle(waiting)
        else:
            _log.warning("the CSMS refused %s: %s", waiting.event.type.value, refusal.code.value)
            await self._pause(sending.next_delay())

    async def _pause(self, seconds: float) -> None:
        self._pauses = True
        self._at_rest.set()
        try:
            await self._clock.sleep_until(self._clock.monotonic() + seconds)
        finally:
            self._pauses = False
            self._at_rest.clear()

    async def _until_changed(self, seconds: float | None) -> None:
        """Return once there may be something to send, or that time is over."""
        if seconds is None:
            await self._queue.changed.wait()
            return
        await sleep_or(self._clock, seconds, self._queue.changed)


class _Sending:
    """One connection, and how often the event whose turn it is was tried over it in vain."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._tries = 0
        self._refusals: Counter[bool] = Counter()
        self._memory_tries = 0

    async def send(self, event: SecurityEvent) -> None:
        """Return when the CSMS has confirmed the event, in whatever words; raises what `Line.call` does."""
        word = word_of(event.type, self.line.version)
        message = SecurityEventNotification(word, event.at, _printable(event.tech_info))
        await self.line.call("SecurityEventNotification", write_message(message))

    def next_delay(self) -> float:
        """Seconds until the same event is sent again."""
        self._tries += 1
        return _delay(self._tries)

    def retry_memory(self) -> float:
        """Seconds until the memory is tried again."""
        self._memory_tries += 1
        return _delay(self._memory_tries)

    def is_hopeless(self, code: ErrorCode) -> bool:
        """Whether that was the event's last refusal."""
        content = code in _CONTENT
        self._refusals[content] += 1
        return self._refusals[content] >= (MAX_REFUSALS if content else MAX_TROUBLES)

    def begin_again(self) -> None:
        """Another event's turn."""
        self._tries = self._memory_tries = 0
        self._refusals.clear()


def _delay(tries: int) -> float:
    return min(MAX_DELAY, FIRST_DELAY * 2.0 ** min(tries - 1, 10))


def _printable(text: str | None) -> str | None:
    """One line of characters that every JSON parser and terminal takes, as long as techInfo may be."""
    if text is None:
        return None
    return "".join(char if char.isprintable() else " " for char in text)[:MAX_TECH_INFO] or None


def _is_between(moment: datetime, oldest: datetime | None, latest: datetime | None) -> bool:
    return (oldest is None or moment >= oldest) and (latest is None or moment <= latest)
