"""One OCPP-J connection at work: reads and writes a message socket, runs handlers, keeps the deadlines.

The rules of OCPP-J are `wire.ocppj.rpc`'s; the socket, its security and reconnecting are the adapters'.

Every call of the peer is handled in a task of its own, so that a slow handler blocks nobody and a handler may call back
to the peer it is answering. How long a handler may take is not handled here: it is its own to bound.
"""

import asyncio
import logging
import secrets
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from chainpilot.clock import Clock
from chainpilot.errors import ChainpilotError, outline
from chainpilot.link.faults import CallRefused, CallTimedOut, LinkClosed, RpcFault, SocketClosed, failure_of
from chainpilot.link.watch import FrameSeen, Watch, seen_received, seen_sent
from chainpilot.wire.ocppj.calls import Outgoing
from chainpilot.wire.ocppj.events import (
    AnswerUnreadable,
    CallExpired,
    CallLost,
    CallReceived,
    CallRepeated,
    CallTurnedAway,
    ErrorReceived,
    Event,
    FrameRefused,
    ResultReceived,
    StrayAnswer,
)
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.ocppj.rpc import DEFAULT_LIMITS, Rpc, RpcLimits
from chainpilot.wire.version import OcppVersion

__all__ = [
    "GRACE",
    "MAX_TASKS",
    "MAX_UNSENT_ANSWERS",
    "Answer",
    "CallRefused",
    "CallTimedOut",
    "FrameSeen",
    "Handler",
    "LinkClosed",
    "MessageSocket",
    "OcppLink",
    "RpcFault",
    "SocketClosed",
]

MAX_TASKS: Final = 32
"""Handlers and follow-ups at work on one connection: twice the calls that may be in progress, since a follow-up
outlives its call."""
MAX_UNSENT_ANSWERS: Final = 32
"""Answers waiting to be written before we stop reading: a peer that asks and never reads must not fill our memory."""
GRACE: Final = 5.0
"""Seconds that handlers get to end their work after the peer has gone, before they are cancelled."""

_LOG: Final = logging.getLogger("chainpilot.link")


class MessageSocket(Protocol):
    """A connection that carries texts; `recv` and `send` raise `SocketClosed` once the peer is gone, nothing else."""

    async def recv(self) -> str | bytes:
        """The next message."""
        ...

    async def send(self, text: str, /) -> None:
        """Send one message; returns when the transport has taken it."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close with a WebSocket code; a pending `recv` then raises `SocketClosed`."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returns: the CALLRESULT's payload, and what to do once the peer has been sent it.

    The follow-up is not run if the connection ends before the answer is written: what must happen anyway belongs into a
    record before the answer (house style 6).
    """

    payload: dict[str, object]
    follow_up: Callable[[], Awaitable[None]] | None = None


Handler = Callable[[str, object], Awaitable[Answer]]
"""Takes the action and the payload of a peer's call. Raises `RpcFault` to answer with CALLERROR; whatever else it
raises becomes InternalError with an incident id, the rest of it stays in our log."""


@dataclass(slots=True)
class _Served:
    """A call of the peer at work, and whether it has had its answer (its id may be used again then)."""

    asked: CallReceived
    answered: bool = False


class OcppLink:
    """Runs OCPP-J over `socket` until it closes.

    Args:
        socket: an open connection; the link is its only reader and writer.
        handler: answers the peer's calls.
        clock: for deadlines.
        limits: bounds of the conversation.
        watch: told of every frame; must not raise, an exception ends the connection.
        name: whom the log should name as the peer.
        version: of OCPP-J, which decides the words for a malformed frame.
    """

    def __init__(
        self,
        socket: MessageSocket,
        handler: Handler,
        *,
        clock: Clock,
        limits: RpcLimits = DEFAULT_LIMITS,
        watch: Watch | None = None,
        name: str = "peer",
        version: OcppVersion = OcppVersion.V16,
    ) -> None:
        self._socket = socket
        self._handler = handler
        self._clock = clock
        self._watch = watch
        self._name = name
        self._rpc = Rpc(lambda: str(uuid.uuid4()), limits, version)
        self._end: SocketClosed | None = None
        self._waiting: dict[str, asyncio.Future[dict[str, object]]] = {}
        self._unwritten: list[tuple[Outgoing, asyncio.Future[bool]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._to_write = asyncio.Event()
        self._written = asyncio.Event()
        self._sooner = asyncio.Event()
        self._armed: float | None = None

    @property
    def end(self) -> SocketClosed | None:
        """How the connection ended; None while it is open."""
        return self._end

    async def run(self) -> None:
        """Work until the connection is closed by either side; handlers then get `GRACE` seconds to end.

        Cancelled, it cancels its handlers and waits for them. It does not close the socket, which is its maker's.
        """
        loops = [asyncio.create_task(work) for work in (self._read(), self._write(), self._keep_time())]
        grace = 0.0
        try:
            done, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except SocketClosed as gone:
            self._finish(gone)
            grace = GRACE
        finally:
            self._finish(SocketClosed(1006, "the link was stopped"))
            await _stop(loops)
            await self._settle(grace)

    async def call(self, action: str, payload: Mapping[str, object], *, answer_timeout: float | None = None) -> object:
        """Call the peer and return its answer's payload; `run` must be at work.

        Args:
            action: OCPP action.
            payload: its JSON object.
            answer_timeout: seconds for the answer, from sending, instead of the limits'.

        Raises:
            CallRefused: answered with CALLERROR or unreadably.
            CallTimedOut: not answered, or not even sent, in time.
            LinkClosed: the connection is, or was meanwhile, closed.
            QueueFullError: too many calls wait; nothing was sent.
            UnwritableFrameError: the payload is not JSON or too large; nothing was sent.
        """
        if self._end is not None:
            raise LinkClosed(action, sent=False, code=self._end.code, reason=self._end.reason)
        message_id = self._rpc.call(action, dict(payload), self._clock.monotonic(), timeout=answer_timeout)
        answer: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = answer
        self._to_write.set()
        self._rearm()
        try:
            return await answer
        except asyncio.CancelledError:
            self._rpc.cancel(message_id)
            self._to_write.set()
            raise
        finally:
            del self._waiting[message_id]
            if answer.done() and not answer.cancelled():
                answer.exception()  # looked at, even if the caller was cancelled in the moment it came

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End every call with `LinkClosed` and close the socket; answers not yet written are dropped."""
        self._finish(SocketClosed(code, reason))
        await self._socket.close(code, reason)

    async def _read(self) -> None:
        while True:
            text = await self._socket.recv()
            events = self._rpc.receive(text, self._clock.monotonic())
            if self._watch is not None and events:
                self._watch(seen_received(text, events[-1]))
            self._take(events)
            await asyncio.sleep(0)  # a socket with messages at hand need not suspend; handlers and the writer must run
            while self._rpc.unsent_answers >= MAX_UNSENT_ANSWERS:
                self._written.clear()
                await self._written.wait()

    async def _write(self) -> None:
        while True:
            while (outgoing := self._rpc.data_to_send(self._clock.monotonic())) is not None:
                self._rearm()
                await self._socket.send(outgoing.text)
                if self._watch is not None:
                    self._watch(seen_sent(outgoing))
                self._note_written(outgoing)
            self._to_write.clear()
            await self._to_write.wait()

    async def _keep_time(self) -> None:
        while True:
            self._sooner.clear()
            self._armed = self._rpc.next_deadline
            if self._armed is None:
                await self._sooner.wait()
                continue
            waits = [
                asyncio.ensure_future(wait) for wait in (self._clock.sleep_until(self._armed), self._sooner.wait())
            ]
            try:
                done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for wait in done:
                    wait.result()
            finally:
                await _stop(waits)
            self._take(self._rpc.tick(self._clock.monotonic()))

    def _rearm(self) -> None:
        """Wake the timer if a deadline came up before the one it sleeps for; a later one it finds by itself."""
        deadline = self._rpc.next_deadline
        if deadline is not None and (self._armed is None or deadline < self._armed):
            self._sooner.set()

    def _note_written(self, outgoing: Outgoing) -> None:
        self._written.set()
        for position, (answer, written) in enumerate(self._unwritten):
            if answer is outgoing:
                del self._unwritten[position]
                if not written.done():
                    written.set_result(True)
                return

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            self._take_one(event)
        self._to_write.set()

    def _take_one(self, event: Event) -> None:
        match event:
            case CallReceived():
                self._begin(event)
            case ResultReceived(message_id, _, payload):
                answer = self._waiting.get(message_id)
                if answer is not None and not answer.done():
                    answer.set_result(payload)
            case ErrorReceived() | AnswerUnreadable() | CallExpired() | CallLost():
                self._fail(event.message_id, failure_of(event, self._end))
            case CallRepeated() | CallTurnedAway() | StrayAnswer() | FrameRefused():
                _LOG.log(*_remark(self._name, event))

    def _fail(self, message_id: str, error: ChainpilotError) -> None:
        answer = self._waiting.get(message_id)
        if answer is not None and not answer.done():
            answer.set_exception(error)

    def _finish(self, end: SocketClosed) -> None:
        """End every call; the first end counts."""
        if self._end is not None:
            return
        self._end = end
        self._take(self._rpc.close())
        for _, written in self._unwritten:
            if not written.done():
                written.set_result(False)
        self._unwritten.clear()

    async def _settle(self, grace: float) -> None:
        timer = asyncio.ensure_future(self._clock.sleep_until(self._clock.monotonic() + grace))
        try:
            while grace and self._tasks and not timer.done():
                await asyncio.wait({timer, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _stop([timer, *self._tasks])

    def _begin(self, asked: CallReceived) -> None:
        if len(self._tasks) >= MAX_TASKS:
            self._rpc.refuse(asked.message_id, ErrorCode.GENERIC_ERROR, f"{len(self._tasks)} tasks are at work already")
            return
        task = asyncio.create_task(self._serve(_Served(asked)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, served: _Served) -> None:
        try:
            await self._work_on(served)
        except asyncio.CancelledError:
            self._refuse(served, ErrorCode.INTERNAL_ERROR, "the work was cancelled")
            raise
        except Exception as error:  # noqa: BLE001 - the connection loop is one of the two supervisors (house style 17)
            self._on_failure(served, error)

    async def _work_on(self, served: _Served) -> None:
        answer = await self._handler(served.asked.action, served.asked.payload)
        if self._end is not None:
            _LOG.info("%s: the connection ended before %s was answered", self._name, served.asked.action)
            return
        outgoing = self._rpc.respond(served.asked.message_id, answer.payload)
        served.answered = True
        self._to_write.set()
        if answer.follow_up is not None and await self._until_written(outgoing):
            await answer.follow_up()

    async def _until_written(self, outgoing: Outgoing) -> bool:
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._unwritten.append((outgoing, written))
        return await written

    def _refuse(self, served: _Served, code: ErrorCode, description: str) -> None:
        if served.answered or self._end is not None:
            return
        writable = description.encode("utf-8", "replace").decode("utf-8")
        self._rpc.refuse(served.asked.message_id, code, writable)
        served.answered = True
        self._to_write.set()

    def _on_failure(self, served: _Served, error: Exception) -> None:
        action = served.asked.action
        if isinstance(error, RpcFault) and not served.answered:
            _LOG.info("%s: %s was answered with %s", self._name, action, error.code.value)
            self._refuse(served, error.code, error.description)
        elif isinstance(error, LinkClosed) and self._end is not None:
            _LOG.info("%s: the connection ended while %s was at work", self._name, action)
        else:
            incident = secrets.token_hex(4)
            _LOG.error("%s: incident %s in %s: %s", self._name, incident, action, outline(error))
            self._refuse(served, ErrorCode.INTERNAL_ERROR, f"incident {incident}")


def _remark(name: str, event: CallRepeated | CallTurnedAway | StrayAnswer | FrameRefused) -> tuple[int, str, str, str]:
    """Level, format and arguments for the log; a malformed or refused frame is the peer's fault and worth a warning."""
    match event:
        case FrameRefused(fault):
            return logging.WARNING, "%s: malformed frame, %s", name, fault.why
        case CallTurnedAway(_, action, _, why):
            return logging.WARNING, "%s: a call was turned away, %s", name, f"{action}: {why}"
        case CallRepeated(_, action):
            return logging.INFO, "%s: %s was repeated while at work", name, action
        case StrayAnswer(message_id):
            return logging.INFO, "%s: nobody waits for the answer %s", name, message_id


async def _stop(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel and wait; their exceptions were looked at before or belong to the cancelling."""
    stopped = list(tasks)
    for task in stopped:
        task.cancel()
    await asyncio.gather(*stopped, return_exceptions=True)
