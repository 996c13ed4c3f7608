"""What `Rpc` tells its driver: each event says what happened on the connection, in the words of OCPP-J 1.6.

What to do about an event is not handled here.
"""

import msgspec

from chainpilot.wire.ocppj.frames import ErrorCode, FrameError, MessageType

__all__ = [
    "AnswerUnreadable",
    "CallExpired",
    "CallLost",
    "CallReceived",
    "CallRepeated",
    "CallTurnedAway",
    "ErrorReceived",
    "Event",
    "FrameRefused",
    "ResultReceived",
    "StrayAnswer",
]


class CallReceived(msgspec.Struct, frozen=True):
    """The peer calls; `Rpc.respond` or `Rpc.refuse` must follow."""

    message_id: str
    action: str
    payload: dict[str, object]


class CallRepeated(msgspec.Struct, frozen=True):
    """The peer sent a CALL again while it is in progress; the one answer will serve both."""

    message_id: str
    action: str


class CallTurnedAway(msgspec.Struct, frozen=True):
    """A CALL was answered with CALLERROR here and needs nothing more."""

    message_id: str
    action: str
    code: ErrorCode
    why: str


class ResultReceived(msgspec.Struct, frozen=True):
    """A call of ours was answered with CALLRESULT."""

    message_id: str
    action: str
    payload: dict[str, object]


class ErrorReceived(msgspec.Struct, frozen=True):
    """A call of ours was answered with CALLERROR."""

    message_id: str
    action: str
    code: ErrorCode
    description: str
    details: dict[str, object]


class AnswerUnreadable(msgspec.Struct, frozen=True):
    """A call of ours was answered with a malformed frame; no other answer is to be expected."""

    message_id: str
    action: str
    fault: FrameError


class StrayAnswer(msgspec.Struct, frozen=True):
    """An answer that nobody waits for: late, cancelled, repeated, or to an id we never used."""

    message_id: str
    kind: MessageType


class FrameRefused(msgspec.Struct, frozen=True):
    """A malformed frame; answered with CALLERROR if it may have been a CALL."""

    fault: FrameError
    answered: bool


class CallExpired(msgspec.Struct, frozen=True):
    """A call of ours ran out of time; `sent` says whether the peer may have acted on it."""

    message_id: str
    action: str
    sent: bool


class CallLost(msgspec.Struct, frozen=True):
    """The connection ended under a call of ours; `sent` says whether the peer may have acted on it."""

    message_id: str
    action: str
    sent: bool


Event = (
    CallReceived
    | CallRepeated
    | CallTurnedAway
    | ResultReceived
    | ErrorReceived
    | AnswerUnreadable
    | StrayAnswer
    | FrameRefused
    | CallExpired
    | CallLost
)
