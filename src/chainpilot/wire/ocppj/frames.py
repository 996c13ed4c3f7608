"""OCPP-J frames: CALL, CALLRESULT and CALLERROR, strict in what we write and never surprised by what we read.

Clauses are those of "OCPP 1.6 JSON" (OCPP-J 1.6). Who waits for which answer is `rpc`; what a payload means is not
handled here, nor is the WebSocket.
"""

import re
from enum import Enum, IntEnum
from typing import Any, Final

import msgspec

from chainpilot.errors import OwnError, PeerError
from chainpilot.wire.jsontext import (
    MAX_DEPTH,
    MAX_TEXT,
    JsonDefect,
    JsonError,
    UnwritableJsonError,
    decode_json,
    encode_if_plain,
    encode_json,
)
from chainpilot.wire.version import OcppVersion

__all__ = [
    "MAX_ACTION",
    "MAX_DESCRIPTION",
    "MAX_FRAME",
    "MAX_MESSAGE_ID",
    "UNREADABLE_ID",
    "Call",
    "CallError",
    "CallResult",
    "ErrorCode",
    "Frame",
    "FrameError",
    "MessageType",
    "UnwritableFrameError",
    "decode",
    "encode",
]

MAX_FRAME: Final = MAX_TEXT
"""Bytes of one frame; an adapter closes a connection that sends more with 1009 (RFC 6455 section 7.4.1)."""
MAX_MESSAGE_ID: Final = 36
"""Characters of a UniqueId (OCPP-J 1.6 section 4.1.4: "to allow for GUIDs")."""
MAX_ACTION: Final = 64
"""Characters of an action's name; the longest of OCPP 1.6 to 2.1 has 34."""
MAX_DESCRIPTION: Final = 255
"""Characters of errorDescription; 1.6 names no bound, 2.0.1 part 4 section 4.2.3 names this one."""
UNREADABLE_ID: Final = "-1"
"""Stands for a message id that could not be read. 1.6 leaves that case open; 2.0.1 part 4 section 4.2.3 does not."""

_SALVAGE_WINDOW: Final = 256
_AROUND: Final = 64
"""Characters of an answer around its payload, and then some."""
_PLAIN_ID: Final = re.compile(rf"[-0-9A-Za-z_]{{1,{MAX_MESSAGE_ID}}}").fullmatch
_TYPE_PREFIX: Final = re.compile(r"\s*\[\s*(-?\d{1,4})\s*[,\]]")
_ID_PREFIX: Final = re.compile(r'\s*\[\s*[^\[\]{},"]{1,16},\s*"([^"\\]{1,36})"')


class MessageType(IntEnum):
    """MessageTypeId (OCPP-J 1.6 section 4.1.3)."""

    CALL = 2
    CALLRESULT = 3
    CALLERROR = 4


# as plain integers: a member's value takes a look-up of its own
_CALL: Final = int(MessageType.CALL)
_RESULT: Final = int(MessageType.CALLRESULT)
_ERROR: Final = int(MessageType.CALLERROR)
_TYPES: Final = {kind.value: kind for kind in MessageType}
_ARITY: Final = {MessageType.CALL: 4, MessageType.CALLRESULT: 3, MessageType.CALLERROR: 5}


class ErrorCode(Enum):
    """What a CALLERROR says (OCPP-J 1.6 section 4.2.3, table 7; OCPP-J 2.0.1 section 4.3)."""

    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    INTERNAL_ERROR = "InternalError"
    PROTOCOL_ERROR = "ProtocolError"
    SECURITY_ERROR = "SecurityError"
    FORMATION_VIOLATION = "FormationViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    OCCURENCE_CONSTRAINT_VIOLATION = "OccurenceConstraintViolation"
    """The standard's own misspelling of "occurrence": a 1.6 peer compares the word as it is printed there, so it is
    written so to a peer of 1.6."""
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"
    GENERIC_ERROR = "GenericError"
    FORMAT_VIOLATION = "FormatViolation"
    """2.0.1's word for FormationViolation."""
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    """2.0.1's spelling."""
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    """2.0.1's word for what is no frame at all."""
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    """2.0.1's word for a message type number that is none of ours."""


_CODES: Final = {code.value: code for code in ErrorCode}


class Call(msgspec.Struct, frozen=True):
    """A request (OCPP-J 1.6 section 4.2.1)."""

    message_id: str
    action: str
    payload: dict[str, object]


class CallResult(msgspec.Struct, frozen=True):
    """The answer to a request that was understood (OCPP-J 1.6 section 4.2.2)."""

    message_id: str
    payload: dict[str, object]


class CallError(msgspec.Struct, frozen=True):
    """The answer to a request that was not (OCPP-J 1.6 section 4.2.3)."""

    message_id: str
    code: ErrorCode
    description: str = ""
    details: dict[str, object] = {}


Frame = Call | CallResult | CallError


class FrameError(PeerError):
    """A frame from the peer is malformed.

    `code` is what a CALLERROR should say in 1.6, `since_2` in its successors, `message_id` the frame's id if it could
    be salvaged, `message_type` its type likewise. Only a CALL, or what may have been meant as one, is answered; see
    `answerable`.
    """

    def __init__(
        self,
        code: ErrorCode,
        why: str,
        message_id: str | None = None,
        message_type: MessageType | None = None,
        *,
        since_2: ErrorCode = ErrorCode.RPC_FRAMEWORK_ERROR,
    ) -> None:
        super().__init__(why)
        self.code = code
        self.since_2 = since_2
        self.why = why
        self.message_id = message_id
        self.message_type = message_type

    @property
    def answerable(self) -> bool:
        """Whether a CALLERROR may answer it; an answer's id is ours, and echoing it could hit a call of the peer's."""
        return self.message_type is None or self.message_type is MessageType.CALL

    def answer(self, version: OcppVersion = OcppVersion.V16) -> CallError:
        """The CALLERROR that tells the peer, in its version's words; `UNREADABLE_ID` where no id was salvaged."""
        code = self.code if version is OcppVersion.V16 else self.since_2
        return CallError(self.message_id or UNREADABLE_ID, code, self.why)


class UnwritableFrameError(OwnError):
    """We were about to write a frame that OCPP-J does not allow; nothing was sent."""

    def __init__(self, message_id: str, why: str) -> None:
        super().__init__(f"frame {message_id!r} cannot be written: {why}")
        self.message_id = message_id
        self.why = why


def decode(text: str | bytes) -> Frame:
    """Read one frame.

    A CALLERROR's unknown code is read as GenericError and kept in front of its description.

    Raises:
        FrameError: for everything that is not a frame; no other exception leaves.
    """
    try:
        value = decode_json(text, limit=MAX_FRAME)
    except JsonError as error:
        raise _unreadable(text, error) from error
    if not isinstance(value, list):
        raise FrameError(ErrorCode.FORMATION_VIOLATION, "a frame is a JSON array")
    return _call(value) or _Reader(value).frame()


def encode(frame: Frame) -> str:
    """The frame's text; a description beyond `MAX_DESCRIPTION` is cut.

    Raises:
        UnwritableFrameError: the id, action or payload is not one that `decode` would read, or the frame is too large.
    """
    message_id = frame.message_id
    if isinstance(frame, CallResult) and _PLAIN_ID(message_id):  # nearly every answer, and the same text
        payload = encode_if_plain(frame.payload, MAX_DEPTH - 1)
        if payload is not None and len(payload) < MAX_FRAME - _AROUND:
            return f'[3,"{message_id}",{payload}]'
    _require_word(message_id, message_id, MAX_MESSAGE_ID, "message id")
    if isinstance(frame, Call):
        _require_word(message_id, frame.action, MAX_ACTION, "action")
    try:
        text = encode_json(_parts(frame))
    except UnwritableJsonError as error:
        raise UnwritableFrameError(message_id, str(error)) from error
    if len(text) > MAX_FRAME or (not text.isascii() and len(text.encode("utf-8")) > MAX_FRAME):
        raise UnwritableFrameError(message_id, f"it is larger than {MAX_FRAME} bytes")
    return text


def _parts(frame: Frame) -> list[object]:
    match frame:
        case CallResult(message_id, payload):
            return [_RESULT, message_id, payload]
        case Call(message_id, action, payload):
            return [_CALL, message_id, action, payload]
        case CallError(message_id, code, description, details):
            return [_ERROR, message_id, code.value, description[:MAX_DESCRIPTION], details]


def _word_fault(text: str, limit: int, name: str) -> str | None:
    """Ids and actions are shown in logs and echoed to the peer, so they must be short, printable text."""
    if not text:
        return f"the {name} is empty"
    if len(text) > limit:
        return f"the {name} has {len(text)} characters; at most {limit} are allowed"
    return None if text.isprintable() else f"the {name} has unprintable characters"


def _require_word(message_id: str, text: str, limit: int, name: str) -> None:
    why = _word_fault(text, limit, name)
    if why is not None:
        raise UnwritableFrameError(message_id, why)


def _call(parts: list[Any]) -> Call | None:
    """The CALL that a decoded array is, as most are; None leaves it to `_Reader`, which tells what else it is."""
    if len(parts) != 4:
        return None
    number, message_id, action, payload = parts
    if type(number) is not int or number != _CALL or type(payload) is not dict:
        return None
    if type(message_id) is not str or not 0 < len(message_id) <= MAX_MESSAGE_ID or not message_id.isprintable():
        return None
    if type(action) is not str or not 0 < len(action) <= MAX_ACTION or not action.isprintable():
        return None
    return Call(message_id, action, payload)


class _Reader:
    """Reads one decoded array; knows the type and id found so far, so that a fault can carry them."""

    __slots__ = ("_message_id", "_parts", "_type")

    def __init__(self, parts: list[object]) -> None:
        self._parts = parts
        self._type: MessageType | None = None
        self._message_id: str | None = None

    def frame(self) -> Frame:
        # The id comes first: it is salvaged even when the type in front of it is none of ours.
        id_fault = self._take_id()
        kind = self._take_type()
        if id_fault is not None:
            raise id_fault
        self._check_arity(_ARITY[kind])
        message_id = self._message_id or UNREADABLE_ID
        match kind:
            case MessageType.CALL:
                return Call(message_id, self._word(2, MAX_ACTION, "action"), self._object(3, "payload"))
            case MessageType.CALLRESULT:
                return CallResult(message_id, self._object(2, "payload"))
            case MessageType.CALLERROR:
                code, description = self._code(self._text(2, "error code"), self._text(3, "error description"))
                return CallError(message_id, code, description, self._object(4, "error details"))

    def _fault(self, code: ErrorCode, why: str, since_2: ErrorCode = ErrorCode.RPC_FRAMEWORK_ERROR) -> FrameError:
        return FrameError(code, why, self._message_id, self._type, since_2=since_2)

    def _take_id(self) -> FrameError | None:
        if len(self._parts) < 2:
            return self._fault(ErrorCode.PROTOCOL_ERROR, "the message id is missing")
        try:
            self._message_id = self._word(1, MAX_MESSAGE_ID, "message id")
        except FrameError as fault:
            return fault
        return None

    def _take_type(self) -> MessageType:
        number = self._parts[0] if self._parts else None
        # bool is an int to Python and not to JSON.
        if not isinstance(number, int) or isinstance(number, bool):
            raise self._fault(ErrorCode.TYPE_CONSTRAINT_VIOLATION, "a frame begins with the number of its message type")
        kind = _TYPES.get(number)
        if kind is None:
            # Section 4.1.3 has us ignore the payload of such a frame, which does not forbid to say so.
            why = "this message type number is none of 2, 3 and 4"
            raise self._fault(ErrorCode.PROTOCOL_ERROR, why, ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED)
        self._type = kind
        return kind

    def _check_arity(self, expected: int) -> None:
        found = len(self._parts)
        if found < expected:
            raise self._fault(ErrorCode.PROTOCOL_ERROR, f"the frame has {found} elements instead of {expected}")
        if found > expected:
            raise self._fault(ErrorCode.FORMATION_VIOLATION, f"the frame has {found} elements instead of {expected}")

    def _text(self, position: int, name: str) -> str:
        value = self._parts[position]
        if not isinstance(value, str):
            raise self._fault(ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"the {name} is not a string")
        return value

    def _word(self, position: int, limit: int, name: str) -> str:
        text = self._text(position, name)
        why = _word_fault(text, limit, name)
        if why is not None:
            raise self._fault(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, why)
        return text

    def _object(self, position: int, name: str) -> dict[str, object]:
        value = self._parts[position]
        if not isinstance(value, dict):
            # Section 4.1.4: an empty payload is {}; null is not "the only valid statement".
            code = ErrorCode.TYPE_CONSTRAINT_VIOLATION
            raise self._fault(code, f"the {name} is not a JSON object", code)
        return value

    @staticmethod
    def _code(word: str, description: str) -> tuple[ErrorCode, str]:
        code = _CODES.get(word)
        if code is None:
            return ErrorCode.GENERIC_ERROR, f"{word}: {description}"[:MAX_DESCRIPTION]
        return code, description[:MAX_DESCRIPTION]


def _unreadable(text: str | bytes, error: JsonError) -> FrameError:
    """The fault for a text that is not JSON, with what its beginning still tells.

    Size has no code of its own, so it is GenericError ("any other error"); everything else is not conform to the PDU
    structure, which is FormationViolation.
    """
    head = text[:_SALVAGE_WINDOW]
    start = head.decode("utf-8", "replace") if isinstance(head, bytes) else head
    too_large = error.defect is JsonDefect.TOO_LARGE
    message_id, message_type = _salvaged_id(start), _salvaged_type(start)
    if too_large:
        code = ErrorCode.GENERIC_ERROR
        return FrameError(code, str(error), message_id, message_type, since_2=code)
    return FrameError(ErrorCode.FORMATION_VIOLATION, str(error), message_id, message_type)


def _salvaged_id(start: str) -> str | None:
    found = _ID_PREFIX.match(start)
    if found is None or not found[1].isprintable() or "\ufffd" in found[1]:
        return None
    return found[1]


def _salvaged_type(start: str) -> MessageType | None:
    found = _TYPE_PREFIX.match(start)
    return _TYPES.get(int(found[1])) if found else None
