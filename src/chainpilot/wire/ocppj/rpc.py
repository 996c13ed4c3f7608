"""Who waits for what on one OCPP-J connection: a protocol object without socket, clock or task.

It takes texts and gives events, takes calls and answers and gives texts to send; the time comes in as `at`, in seconds
of a monotonic clock. One CALL of ours is outstanding at a time (OCPP-J 1.6 section 4.1.1), the rest wait in a bounded
queue; of the peer's CALLs several may be in progress, since answering one can take a call of ours.
How long a handler may take is not handled here, nor is sending a call again: both belong to whoever asked for it.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from chainpilot.errors import OwnError
from chainpilot.wire.ocppj.calls import CallInput, CallState, Outgoing, OwnCall
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
from chainpilot.wire.ocppj.frames import (
    Call,
    CallError,
    CallResult,
    ErrorCode,
    FrameError,
    MessageType,
    decode,
    encode,
)
from chainpilot.wire.version import OcppVersion

__all__ = ["DEFAULT_LIMITS", "NotInProgressError", "QueueFullError", "Rpc", "RpcClosedError", "RpcLimits"]


class RpcLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one connection."""

    queued_calls: int = 16
    """Calls of ours that wait behind the outstanding one; a station's whole certificate work fits in ten."""
    calls_in_progress: int = 16
    """Calls of the peer that may be unanswered; 1.6 allows it one, but stations greet with a burst of notifications."""
    answer_timeout: float = 30.0
    """Seconds from sending a CALL to giving it up; 1.6 leaves the figure to us, stations commonly use 30."""
    queue_timeout: float = 60.0
    """Seconds a call may wait to be sent: two that time out in front of it."""


DEFAULT_LIMITS: Final = RpcLimits()


class QueueFullError(OwnError):
    """A call was not taken, because `queued` calls wait already; nothing was sent."""

    def __init__(self, action: str, queued: int) -> None:
        super().__init__(f"{action} was not sent: {queued} calls to this peer are waiting already")
        self.action = action
        self.queued = queued


class NotInProgressError(OwnError):
    """An answer was given to a call that the peer has not made, or that was answered before."""

    def __init__(self, message_id: str) -> None:
        super().__init__(f"no call {message_id!r} of the peer is in progress")
        self.message_id = message_id


class RpcClosedError(OwnError):
    """A call or an answer was given to a connection that has ended."""

    def __init__(self) -> None:
        super().__init__("the connection has ended")


class Rpc:
    """Both directions of one connection.

    Args:
        new_id: gives a message id never given before on this connection, at most 36 characters.
        limits: bounds.
        version: in whose words a malformed frame is answered.
    """

    def __init__(
        self,
        new_id: Callable[[], str],
        limits: RpcLimits = DEFAULT_LIMITS,
        version: OcppVersion = OcppVersion.V16,
    ) -> None:
        self._version = version
        self._new_id = new_id
        self._limits = limits
        self._queue: deque[OwnCall] = deque()
        self._outstanding: OwnCall | None = None
        self._in_progress: dict[str, Call] = {}
        self._answers: deque[Outgoing] = deque()
        self._closed = False

    @property
    def next_deadline(self) -> float | None:
        """When `tick` has something to do, if nothing happens before; None if nothing is waited for."""
        if self._outstanding is None and not self._queue:
            return None
        deadlines = [call.deadline for call in self._queue]
        if self._outstanding is not None:
            deadlines.append(self._outstanding.deadline)
        return min(deadlines, default=None)

    @property
    def unsent_answers(self) -> int:
        """Answers not yet taken by `data_to_send`; a driver stops reading when they pile up."""
        return len(self._answers)

    @property
    def in_progress(self) -> frozenset[str]:
        """Ids of the peer's calls that wait for our answer."""
        return frozenset(self._in_progress)

    def call(self, action: str, payload: dict[str, object], at: float, *, timeout: float | None = None) -> str:
        """Queue a CALL and return its message id.

        Args:
            action: OCPP action.
            payload: its JSON object.
            at: monotonic seconds.
            timeout: seconds from sending to giving up, instead of the limit's.

        Raises:
            QueueFullError: too many calls wait.
            UnwritableFrameError: the payload is not JSON or too large.
            RpcClosedError: the connection has ended.
        """
        if self._closed:
            raise RpcClosedError
        if len(self._queue) >= self._limits.queued_calls:
            raise QueueFullError(action, len(self._queue))
        frame = Call(self._new_id(), action, payload)
        patience = self._limits.answer_timeout if timeout is None else timeout
        self._queue.append(OwnCall(Outgoing(encode(frame), frame, action), at + self._limits.queue_timeout, patience))
        return frame.message_id

    def cancel(self, message_id: str) -> None:
        """Stop waiting for a call of ours: unsent it is never sent, sent its answer becomes a `StrayAnswer`."""
        own = self._find(message_id)
        if own is not None and own.take(CallInput.CANCEL) is CallState.QUEUED:
            self._queue.remove(own)

    def respond(self, message_id: str, payload: dict[str, object]) -> Outgoing:
        """Answer a call of the peer with CALLRESULT; the frame returned is the very object `data_to_send` gives later.

        Raises:
            NotInProgressError: no such call waits for an answer.
            UnwritableFrameError: the payload is not JSON or too large; the call still waits for its answer.
            RpcClosedError: the connection has ended.
        """
        return self._answer(CallResult(message_id, payload))

    def refuse(
        self, message_id: str, code: ErrorCode, description: str = "", details: dict[str, object] | None = None
    ) -> Outgoing:
        """Answer a call of the peer with CALLERROR; result and errors as those of `respond`."""
        return self._answer(CallError(message_id, code, description, details or {}))

    def receive(self, text: str | bytes, at: float) -> list[Event]:
        """Take a frame from the peer and tell what it means; raises nothing, whatever it is.

        What ran out of time by `at` (monotonic seconds) expires first, so that the clock and not the order in which a
        driver wakes decides whether an answer is late; the frame's own event is the last of the list.
        """
        if self._closed:
            return []
        events = self.tick(at) if self._queue or self._outstanding is not None else []
        try:
            frame = decode(text)
        except FrameError as fault:
            events.append(self._on_fault(fault))
        else:
            events.append(self._on_call(frame) if isinstance(frame, Call) else self._on_answer(frame))
        return events

    def tick(self, at: float) -> list[Event]:
        """Give up what ran out of time at `at` (monotonic seconds)."""
        expired = [call for call in self._queue if call.deadline <= at]
        for call in expired:
            self._queue.remove(call)
        if self._outstanding is not None and self._outstanding.deadline <= at:
            expired.insert(0, self._outstanding)
            self._outstanding = None
        return [
            CallExpired(call.message_id, call.action, before is CallState.SENT)
            for call in expired
            if (before := call.take(CallInput.EXPIRE)) is not CallState.ABANDONED
        ]

    def data_to_send(self, at: float) -> Outgoing | None:
        """The next frame to write, or None; from here on it counts as sent, and a CALL's time runs.

        Answers go before calls: they are bounded, and the peer's next CALL waits for them.
        """
        if self._answers:
            return self._answers.popleft()
        if self._outstanding is not None or not self._queue:
            return None
        own = self._queue.popleft()
        own.take(CallInput.SEND)
        own.deadline = at + own.timeout
        self._outstanding = own
        return own.outgoing

    def close(self) -> list[Event]:
        """The connection has ended: every call of ours is lost, every answer dropped; again it does nothing."""
        self._closed = True
        waiting = [*([self._outstanding] if self._outstanding else []), *self._queue]
        self._outstanding = None
        self._queue.clear()
        self._answers.clear()
        self._in_progress.clear()
        return [
            CallLost(call.message_id, call.action, before is CallState.SENT)
            for call in waiting
            if (before := call.take(CallInput.CLOSE)) is not CallState.ABANDONED
        ]

    def _find(self, message_id: str) -> OwnCall | None:
        if self._outstanding is not None and self._outstanding.message_id == message_id:
            return self._outstanding
        return next((call for call in self._queue if call.message_id == message_id), None)

    def _answer(self, frame: CallResult | CallError) -> Outgoing:
        if self._closed:
            raise RpcClosedError
        asked = self._in_progress.get(frame.message_id)
        if asked is None:
            raise NotInProgressError(frame.message_id)
        outgoing = Outgoing(encode(frame), frame, asked.action)
        self._answers.append(outgoing)
        del self._in_progress[frame.message_id]
        return outgoing

    def _on_call(self, frame: Call) -> Event:
        known = self._in_progress.get(frame.message_id)
        if known is not None:
            if known == frame:
                return CallRepeated(frame.message_id, frame.action)
            return self._turn_away(
                frame, ErrorCode.PROTOCOL_ERROR, "another call with this message id is still in progress"
            )
        if len(self._in_progress) >= self._limits.calls_in_progress:
            return self._turn_away(
                frame, ErrorCode.GENERIC_ERROR, f"{len(self._in_progress)} calls are in progress already"
            )
        self._in_progress[frame.message_id] = frame
        return CallReceived(frame.message_id, frame.action, frame.payload)

    def _turn_away(self, frame: Call, code: ErrorCode, why: str) -> CallTurnedAway:
        refusal = CallError(frame.message_id, code, why)
        self._answers.append(Outgoing(encode(refusal), refusal, frame.action))
        return CallTurnedAway(frame.message_id, frame.action, code, why)

    def _on_answer(self, frame: CallResult | CallError) -> Event:
        kind = MessageType.CALLRESULT if isinstance(frame, CallResult) else MessageType.CALLERROR
        own = self._end_outstanding(frame.message_id)
        if own is None:
            return StrayAnswer(frame.message_id, kind)
        if isinstance(frame, CallResult):
            return ResultReceived(frame.message_id, own.action, frame.payload)
        return ErrorReceived(frame.message_id, own.action, frame.code, frame.description, frame.details)

    def _on_fault(self, fault: FrameError) -> Event:
        if fault.answerable:
            answer = fault.answer(self._version)
            self._answers.append(Outgoing(encode(answer), answer, None))
            return FrameRefused(fault, answered=True)
        own = self._end_outstanding(fault.message_id)
        if own is None:
            return FrameRefused(fault, answered=False)
        return AnswerUnreadable(own.message_id, own.action, fault)

    def _end_outstanding(self, message_id: str | None) -> OwnCall | None:
        """Free the place of the outstanding call if this answers it; the call, if somebody still waits for it."""
        own = self._outstanding
        if own is None or own.message_id != message_id:
            return None
        self._outstanding = None
        return own if own.take(CallInput.ANSWER) is CallState.SENT else None
