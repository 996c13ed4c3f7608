"""What PyPI's `ocpp` logs, without the payloads: it writes every message whole, passwords too, at INFO and at ERROR.

What else logs messages, such as the WebSocket library's own DEBUG lines, is not handled here.
"""

import logging
from typing import Any, Final

from chainpilot.wire.ocppj.frames import Call, CallError, Frame, FrameError, decode

__all__ = ["WithoutPayloads"]

_NAMED: Final = "%s: "
"""What begins the library's lines about messages: the station's id comes first."""
_NAMES: Final = {2: "CALL", 3: "CALLRESULT", 4: "CALLERROR"}


class WithoutPayloads(logging.Filter):
    """For `logging.getLogger("ocpp")`, or the logger that a ChargePoint is given: lines stay, payloads go.

    Of a message its kind, action, id and size are left; of an exception its kind; of anything else its size.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass, changed."""
        given = record.args if isinstance(record.args, tuple) else (record.args,) if record.args else ()
        template = str(record.msg)
        keeps_first = template.startswith(_NAMED)
        outlined = tuple(str(one) if keeps_first and not place else _outline(one) for place, one in enumerate(given))
        try:
            record.msg = template % outlined if outlined else template
        except (TypeError, ValueError, KeyError):
            record.msg = f"{template} ({', '.join(outlined)})"
        if record.exc_info and record.exc_info[0] is not None:
            record.msg += f" ({record.exc_info[0].__name__})"
        record.args, record.exc_info, record.exc_text = (), None, None
        return True


def _outline(content: Any) -> str:
    if isinstance(content, str | bytes):
        return _outline_text(content)
    if isinstance(content, BaseException):
        return type(content).__name__
    kind = _NAMES.get(getattr(content, "message_type_id", 0))
    if kind is None:
        return type(content).__name__
    words = (kind, getattr(content, "action", None), getattr(content, "unique_id", None))
    return " ".join(str(word) for word in words if word)


def _outline_text(text: str | bytes) -> str:
    size = f"{len(text)} {'bytes' if isinstance(text, bytes) else 'characters'}"
    try:
        frame = decode(text)
    except FrameError:
        return f"a message of {size}"
    return f"{_words(frame)} ({size})"


def _words(frame: Frame) -> str:
    match frame:
        case Call():
            return f"CALL {frame.action} {frame.message_id}"
        case CallError():
            return f"CALLERROR {frame.code.value} {frame.message_id}"
        case _:
            return f"CALLRESULT {frame.message_id}"
