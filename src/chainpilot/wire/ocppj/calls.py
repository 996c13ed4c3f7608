"""The life of one call of ours, as a table, and the frame it sends.

Which call's turn it is, and what the driver is told, is `rpc`.
"""

from enum import Enum
from typing import Final

import msgspec

from chainpilot.wire.ocppj.frames import Frame

__all__ = ["CALL_TRANSITIONS", "CallInput", "CallState", "Outgoing", "OwnCall"]


class CallState(Enum):
    """Where a call of ours stands."""

    QUEUED = "queued"
    SENT = "sent"
    ABANDONED = "abandoned"
    """Sent, and nobody waits for it any more. It still holds the one place a CALL may have: the peer is at work on it
    until it answers or its time is over."""
    DONE = "done"


class CallInput(Enum):
    """What can happen to a call of ours."""

    SEND = "send"
    ANSWER = "answer"
    EXPIRE = "expire"
    CANCEL = "cancel"
    CLOSE = "close"


CALL_TRANSITIONS: Final[dict[tuple[CallState, CallInput], CallState]] = {
    (CallState.QUEUED, CallInput.SEND): CallState.SENT,
    (CallState.QUEUED, CallInput.ANSWER): CallState.QUEUED,  # an answer to what was not asked yet is a stray one
    (CallState.QUEUED, CallInput.EXPIRE): CallState.DONE,
    (CallState.QUEUED, CallInput.CANCEL): CallState.DONE,
    (CallState.QUEUED, CallInput.CLOSE): CallState.DONE,
    (CallState.SENT, CallInput.SEND): CallState.SENT,
    (CallState.SENT, CallInput.ANSWER): CallState.DONE,
    (CallState.SENT, CallInput.EXPIRE): CallState.DONE,
    (CallState.SENT, CallInput.CANCEL): CallState.ABANDONED,
    (CallState.SENT, CallInput.CLOSE): CallState.DONE,
    (CallState.ABANDONED, CallInput.SEND): CallState.ABANDONED,
    (CallState.ABANDONED, CallInput.ANSWER): CallState.DONE,
    (CallState.ABANDONED, CallInput.EXPIRE): CallState.DONE,
    (CallState.ABANDONED, CallInput.CANCEL): CallState.ABANDONED,
    (CallState.ABANDONED, CallInput.CLOSE): CallState.DONE,
    (CallState.DONE, CallInput.SEND): CallState.DONE,
    (CallState.DONE, CallInput.ANSWER): CallState.DONE,
    (CallState.DONE, CallInput.EXPIRE): CallState.DONE,
    (CallState.DONE, CallInput.CANCEL): CallState.DONE,
    (CallState.DONE, CallInput.CLOSE): CallState.DONE,
}
"""Every state with every input."""


class Outgoing(msgspec.Struct, frozen=True):
    """A frame to write: its text, what it is, and the action it belongs to."""

    text: str
    frame: Frame
    action: str | None
    """None for the answer to a frame whose action could not be read."""


class OwnCall:
    """One call of ours; moves only by `CALL_TRANSITIONS`.

    `deadline` is in monotonic seconds: of being sent while it is queued, of being answered afterwards. `timeout` is the
    number of seconds the peer gets.
    """

    __slots__ = ("deadline", "outgoing", "state", "timeout")

    def __init__(self, outgoing: Outgoing, deadline: float, timeout: float) -> None:
        self.outgoing = outgoing
        self.deadline = deadline
        self.timeout = timeout
        self.state = CallState.QUEUED

    @property
    def message_id(self) -> str:
        """Its UniqueId."""
        return self.outgoing.frame.message_id

    @property
    def action(self) -> str:
        """Its OCPP action."""
        return self.outgoing.action or ""

    def take(self, happening: CallInput) -> CallState:
        """Move on, and return the state left behind."""
        before = self.state
        self.state = CALL_TRANSITIONS[before, happening]
        return before
