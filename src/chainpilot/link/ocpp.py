"""One OCPP-J connection at work: reads and writes a message socket, runs handlers, keeps the deadlines.

The rules of OCPP-J are `wire.ocppj.rpc`'s; the socket, its security and reconnecting are the adapters'.

A slow handler blocks nobody, and a handler may call back to the peer it is answering: the task that read a call handles
it, and when the handler has to wait for the first time, another task reads on. So a call that is answered without
waiting costs no task, and calls handled one after the other share a task's context variables.
How long a handler may take is not handled here: it is its own to bound.
"""

import asyncio
import contextvars
import logging
import secrets
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Final

import msgspec

from chainpilot.clock import Clock
from chainpilot.errors import ChainpilotError, outline
from chainpilot.link.faults import CallRefused, CallTimedOut, LinkClosed, RpcFault, SocketClosed, failure_of
from chainpilot.link.outbox import MAX_UNSENT_ANSWERS, MessageSocket, Outbox
from chainpilot.link.remarks import Remarks
from chainpilot.link.unwaiting import Rest, begin
from chainpilot.link.watch import FrameSeen, Watch, seen_received
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
"""Handlers and follow-ups that wait on one connection: twice the calls that may be in progress, since a follow-up
outlives its call."""
MAX_AT_A_STRETCH: Final = 8
"""Messages read before others get their turn, if they come faster than they are answered."""
GRACE: Final = 5.0
"""Seconds that handlers get to end their work after the peer has gone, before they are cancelled."""

_LOG: Final = logging.getLogger("chainpilot.link")


class Answer(msgspec.Struct, frozen=True):
    """What a handler returns: the CALLRESULT's payload, and what to do once the peer has been sent it.

    The follow-up is not run if the connection ends before the answer is written: what must happen anyway belongs into a
    record before the answer (house style 6).
    """

    payload: dict[str, object]
    follow_up: Callable[[], Awaitable[None]] | None = None


Handler = Callable[[str, object], Awaitable[Answer]]
"""Takes the action and the payload of a peer's call. Raises `RpcFault` to answer with CALLERROR; whatever else it
raises becomes InternalError with an incident id, the rest of it stays in our log."""


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
        self._remarks = Remarks(name)
        self._version = version
        self._rpc = Rpc(lambda: str(uuid.uuid4()), limits, version)
        self._end: SocketClosed | None = None
        self._waiting: dict[str, asyncio.Future[dict[str, object]]] = {}
        self._outbox = Outbox(socket, self._rpc, clock, watch, called=self._rearm, broken=self._break)
        self._reader: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[None] | None = None
        self._context = contextvars.copy_context()
        self._sooner = asyncio.Event()
        self._armed: float | None = None

    @property
    def version(self) -> OcppVersion:
        """Of OCPP, as it was agreed on."""
        return self._version

    @property
    def end(self) -> SocketClosed | None:
        """How the connection ended; None while it is open."""
        return self._end

    async def run(self) -> None:
        """Work until the connection is closed by either side; handlers then get `GRACE` seconds to end.

        Cancelled, it cancels its handlers and waits for them. It does not close the socket, which is its maker's.
        """
        self._over = asyncio.get_running_loop().create_future()
        self._context = contextvars.copy_context()
        self._read_on()
        loops = [self._start(self._outbox.write()), self._start(self._keep_time())]
        grace = 0.0
        try:
            await self._over
        except SocketClosed as gone:
            self._finish(gone)
            grace = GRACE
        finally:
            self._finish(SocketClosed(1006, "the link was stopped"))
            reader, self._reader = self._reader, None
            await _stop([*loops, *([reader] if reader else [])])
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
        self._outbox.flush()
        self._rearm()
        try:
            return await answer
        except asyncio.CancelledError:
            self._rpc.cancel(message_id)
            raise
        finally:
            del self._waiting[message_id]
            if answer.done() and not answer.cancelled():
                answer.exception()  # looked at, even if the caller was cancelled in the moment it came

    async def until_quiet(self, seconds: float) -> None:
        """Return once what either side has asked until now is answered, all is over, or so many seconds have passed.

        For whoever means to close and owes no answer: a peer that can't deliver its own answer may never read ours.
        """
        await self._outbox.until_quiet(seconds, self._waiting.values())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End every call with `LinkClosed` and close the socket; answers not yet written are dropped."""
        self._finish(SocketClosed(code, reason))
        await self._socket.close(code, reason)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin a task whose exception ends the connection."""
        task = asyncio.create_task(work, context=self._context.copy())
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._break(error)
        elif task is self._reader:  # a handler had cancelled the task that it ran in
            self._read_on()

    def _break(self, error: BaseException) -> None:
        """End the connection with the first error, which `run` raises."""
        if self._over is not None and not self._over.done():
            self._over.set_exception(error)

    def _read_on(self) -> None:
        self._reader = self._start(self._read())

    def _hand_over(self) -> None:
        """The task that reads has to wait in a handler; another one reads on."""
        task = self._reader
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._read_on()

    async def _read(self) -> None:
        """Read and handle; ends with a handler that had to wait."""
        task = asyncio.current_task()
        count = 0
        while True:
            if self._rpc.unsent_answers >= MAX_UNSENT_ANSWERS:
                await self._outbox.until_room()
            asked = self._receive(await self._socket.recv())
            rest = None if asked is None else self._begin(asked)
            if rest is not None:
                self._hand_over()
                await rest
                return
            if task is not None and task.cancelling() and task is self._reader:
                self._read_on()  # a handler cancelled the task it ran in, and the next one must not pay for it
                return
            count += 1
            if count % MAX_AT_A_STRETCH == 0:  # a socket with messages at hand need not suspend
                await asyncio.sleep(0)

    def _receive(self, text: str | bytes) -> CallReceived | None:
        """Take a message; the call that it is, if it is one that has to be answered."""
        events = self._rpc.receive(text, self._clock.monotonic())
        if not events:
            return None
        last = events[-1]
        if self._watch is not None:
            self._watch(seen_received(text, last))
        if not isinstance(last, CallReceived):
            self._take(events)
            return None
        if len(events) > 1:
            self._take(events[:-1])
        return last

    def _begin(self, asked: CallReceived) -> Rest | None:
        """Handle a call as far as it goes without waiting; what is left of it."""
        if len(self._tasks) >= MAX_TASKS:
            self._rpc.refuse(asked.message_id, ErrorCode.GENERIC_ERROR, f"{len(self._tasks)} tasks are at work already")
            self._outbox.flush()
            return None
        try:
            return begin(self._serve(asked))
        except asyncio.CancelledError:  # the handler's own doing: nobody can have cancelled a task that did not wait
            return None

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

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            self._take_one(event)
        self._outbox.flush()

    def _take_one(self, event: Event) -> None:
        match event:
            case CallReceived():
                pass  # `_receive` hands it on
            case ResultReceived(message_id, _, payload):
                answer = self._waiting.get(message_id)
                if answer is not None and not answer.done():
                    answer.set_result(payload)
            case ErrorReceived() | AnswerUnreadable() | CallExpired() | CallLost():
                self._fail(event.message_id, failure_of(event, self._end))
            case CallRepeated() | CallTurnedAway() | StrayAnswer() | FrameRefused():
                self._remarks.make(event, self._clock.monotonic())

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
        self._outbox.finish()

    async def _settle(self, grace: float) -> None:
        timer = asyncio.ensure_future(self._clock.sleep_until(self._clock.monotonic() + grace))
        try:
            while grace and self._tasks and not timer.done():
                await asyncio.wait({timer, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _stop([timer, *self._tasks])

    async def _serve(self, asked: CallReceived) -> None:
        answered = False
        try:
            answer = await self._handler(asked.action, asked.payload)
            if self._end is not None:
                _LOG.info("%s: the connection ended before %s was answered", self._name, asked.action)
                return
            outgoing = self._rpc.respond(asked.message_id, answer.payload)
            answered = True
            if answer.follow_up is None:
                self._outbox.flush()
            elif await self._outbox.until_written(outgoing):
                await answer.follow_up()
        except asyncio.CancelledError:
            if not answered:  # else its id may be in use again
                self._refuse(asked, ErrorCode.INTERNAL_ERROR, "the work was cancelled")
            raise
        except (GeneratorExit, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - the connection loop is one of the two supervisors (house style 17)
            self._on_failure(asked, error, answered=answered)

    def _refuse(self, asked: CallReceived, code: ErrorCode, description: str) -> None:
        if self._end is None:
            writable = description.encode("utf-8", "replace").decode("utf-8")
            self._rpc.refuse(asked.message_id, code, writable)
            self._outbox.flush()

    def _on_failure(self, asked: CallReceived, error: BaseException, *, answered: bool) -> None:
        if isinstance(error, RpcFault) and not answered:
            _LOG.info("%s: %s was answered with %s", self._name, asked.action, error.code.value)
            self._refuse(asked, error.code, error.description)
        elif isinstance(error, LinkClosed) and self._end is not None:
            _LOG.info("%s: the connection ended while %s was at work", self._name, asked.action)
        else:
            incident = secrets.token_hex(4)
            _LOG.error("%s: incident %s in %s: %s", self._name, incident, asked.action, outline(error))
            if not answered:
                self._refuse(asked, ErrorCode.INTERNAL_ERROR, f"incident {incident}")


async def _stop(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel and wait; their exceptions were looked at before or belong to the cancelling."""
    stopped = list(tasks)
    for task in stopped:
        task.cancel()
    await asyncio.gather(*stopped, return_exceptions=True)
