"""What may be shown of a frame: its shape, and fields from a list of allowed ones; never a payload.

Passwords travel in ordinary configuration values and inside DataTransfer's string (pnc-messages.md section 4), so
nothing is shown that is not a word we know. Where it is shown is not handled here.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final, Literal

import msgspec

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
from chainpilot.wire.ocppj.frames import Call, CallError, CallResult, Frame, MessageType
from chainpilot.wire.pnc.tables import ACTIONS, VENDOR_IDS

__all__ = ["FrameSeen", "Watch", "seen_received", "seen_sent"]

Direction = Literal["sent", "received"]
Kind = Literal["CALL", "CALLRESULT", "CALLERROR", "MALFORMED"]

_KINDS: Final[dict[MessageType | None, Kind]] = {
    MessageType.CALL: "CALL",
    MessageType.CALLRESULT: "CALLRESULT",
    MessageType.CALLERROR: "CALLERROR",
    None: "MALFORMED",
}
_STATUS_WORDS: Final = frozenset(
    [
        "Accepted",
        "Failed",
        "NotFound",
        "NotImplemented",
        "NotSupported",
        "Pending",
        "RebootRequired",
        "Rejected",
        "UnknownMessageId",
        "UnknownVendorId",
    ]
)
"""Values of a `status` member in OCPP 1.6 that may be shown."""


class FrameSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A frame that went over the wire."""

    direction: Direction
    kind: Kind
    action: str | None
    """The action of the CALL, also for its answer; None where it could not be read or nobody asked."""
    message_id: str | None
    size: int
    """Bytes of the text."""
    summary: str
    """Words we know, such as `iso15118/SignCertificate`, `Accepted` or an error code; may be empty."""
    is_malformed: bool = False
    """Nobody can read it; it may begin as a CALL or an answer all the same, and then `kind` says so."""


Watch = Callable[[FrameSeen], None]


def seen_sent(outgoing: Outgoing) -> FrameSeen:
    """What may be shown of a frame of ours."""
    kind, summary = _shape(outgoing.frame)
    return FrameSeen(
        direction="sent",
        kind=kind,
        action=outgoing.action,
        message_id=outgoing.frame.message_id,
        size=_size(outgoing.text),
        summary=summary,
    )


def seen_received(text: str | bytes, event: Event) -> FrameSeen:
    """What may be shown of a frame of the peer's, as the event it became tells."""
    kind, action, message_id, summary = _outline(event)
    return FrameSeen(
        direction="received",
        kind=_KINDS[kind],
        action=action,
        message_id=message_id,
        size=_size(text),
        summary=summary,
        is_malformed=isinstance(event, AnswerUnreadable | FrameRefused),
    )


_Outline = tuple[MessageType | None, str | None, str | None, str]


def _shape(frame: Frame) -> tuple[Kind, str]:
    match frame:
        case Call():
            return "CALL", _call_summary(frame.payload)
        case CallResult():
            return "CALLRESULT", _status(frame.payload)
        case CallError():
            return "CALLERROR", frame.code.value


def _outline(event: Event) -> _Outline:
    match event:
        case CallReceived() | CallRepeated() | CallTurnedAway():
            return MessageType.CALL, event.action, event.message_id, _received_call_summary(event)
        case ResultReceived(message_id, action, payload):
            return MessageType.CALLRESULT, action, message_id, _status(payload)
        case ErrorReceived(message_id, action, code):
            return MessageType.CALLERROR, action, message_id, code.value
        case StrayAnswer(message_id, kind):
            return kind, None, message_id, "nobody waits for it"
        case AnswerUnreadable() | FrameRefused():
            asked = event.action if isinstance(event, AnswerUnreadable) else None
            return event.fault.message_type, asked, event.fault.message_id, f"malformed, {event.fault.code.value}"
        case CallExpired() | CallLost():
            return None, event.action, event.message_id, ""


def _received_call_summary(event: CallReceived | CallRepeated | CallTurnedAway) -> str:
    match event:
        case CallReceived():
            return _call_summary(event.payload)
        case CallRepeated():
            return "repeated"
        case CallTurnedAway():
            return event.code.value


def _call_summary(payload: Mapping[str, object]) -> str:
    vendor, message = payload.get("vendorId"), payload.get("messageId")
    if vendor is None and message is None:
        return ""
    return f"{_known(vendor, VENDOR_IDS)}/{_known(message, ACTIONS)}"


def _status(payload: Mapping[str, object]) -> str:
    return _known(payload.get("status"), _STATUS_WORDS, otherwise="")


def _known(word: object, words: Collection[str], otherwise: str = "?") -> str:
    """The word if it is one of ours; what comes from a peer need not even be text."""
    return word if isinstance(word, str) and word in words else otherwise


def _size(text: str | bytes) -> int:
    return len(text.encode("utf-8", "surrogatepass")) if isinstance(text, str) else len(text)
