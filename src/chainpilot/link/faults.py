"""How a call can fail, and how a handler or a socket says so.

What each family means for an enrolment, an operator or an exit code is not handled here.
"""

from chainpilot.errors import ChainpilotError, PeerError, UndecidedError
from chainpilot.wire.ocppj.events import AnswerUnreadable, CallExpired, CallLost, ErrorReceived
from chainpilot.wire.ocppj.frames import ErrorCode

__all__ = ["CallRefused", "CallTimedOut", "LinkClosed", "RpcFault", "SocketClosed", "failure_of"]


class SocketClosed(UndecidedError):
    """The peer is gone; adapters raise it from `recv` and `send`. `code` and `reason` are the WebSocket's."""

    def __init__(self, code: int = 1006, reason: str = "") -> None:
        super().__init__(f"the connection was closed ({code}{f', {reason}' if reason else ''})")
        self.code = code
        self.reason = reason


class CallRefused(PeerError):
    """The peer answered a call with CALLERROR, or with a frame nobody can read (then the cause is a FrameError)."""

    def __init__(self, action: str, code: ErrorCode, description: str) -> None:
        super().__init__(f"{action} was answered with {code.value}: {description or 'no description'}")
        self.action = action
        self.code = code
        self.description = description


class CallTimedOut(UndecidedError):
    """A call was not answered in time; `sent` says whether the peer may have acted on it."""

    def __init__(self, action: str, *, sent: bool) -> None:
        super().__init__(f"{action} was {'not answered in time' if sent else 'not sent in time, others were waiting'}")
        self.action = action
        self.sent = sent


class LinkClosed(UndecidedError):
    """The connection ended under a call; `sent` False is certain, `sent` True means that the peer may have got it."""

    def __init__(self, action: str, *, sent: bool, code: int, reason: str = "") -> None:
        said = f"{code}, {reason}" if reason else str(code)
        super().__init__(f"the connection ended ({said}) {'under' if sent else 'before'} {action}")
        self.action = action
        self.sent = sent
        self.code = code
        self.reason = reason


class RpcFault(PeerError):
    """Raised by a handler: the call is answered with CALLERROR `code` and `description`."""

    def __init__(self, code: ErrorCode, description: str = "") -> None:
        super().__init__(f"{code.value}: {description}")
        self.code = code
        self.description = description


def failure_of(
    event: ErrorReceived | AnswerUnreadable | CallExpired | CallLost, end: SocketClosed | None
) -> ChainpilotError:
    """The exception with which a call of ours ends; `end` is how the connection ended, if it did."""
    match event:
        case ErrorReceived(_, action, code, description):
            return CallRefused(action, code, description)
        case AnswerUnreadable(_, action, fault):
            refused = CallRefused(action, fault.code, f"its answer cannot be read: {fault.why}")
            refused.__cause__ = fault
            return refused
        case CallExpired(_, action, sent):
            return CallTimedOut(action, sent=sent)
        case CallLost(_, action, sent):
            gone = end or SocketClosed()
            return LinkClosed(action, sent=sent, code=gone.code, reason=gone.reason)
