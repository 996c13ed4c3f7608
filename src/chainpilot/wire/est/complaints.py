"""The words that come with a refusal: text/plain, or JSON `{"errorMessages": [...], "traceId": ...}` (OPCP).

They are quoted to people, so they are bounded and made printable; what they mean is decided by the status
alone.
"""

from typing import Final

import msgspec

from chainpilot.wire.est.messages import HttpResponse, header, media_type

__all__ = ["MAX_MESSAGE", "MAX_TRACE", "Complaint", "printable", "read_complaint"]

MAX_MESSAGE: Final = 1000
"""Characters of a server's words kept: enough for any real sentence, too few to flood a record or a log."""
MAX_TRACE: Final = 100
"""Characters of a trace id kept; a UUID has 36, a W3C traceparent 55."""
_MAX_READ: Final = 16 * 1024
"""Bytes of an error body looked at."""


class Complaint(msgspec.Struct, frozen=True):
    """What the server said, and its own id for the incident if it gave one."""

    message: str
    trace_id: str | None = None


def read_complaint(response: HttpResponse) -> Complaint:
    """The words of an answer that is no success; never fails, an empty body gives the status alone."""
    kind, _ = media_type(header(response.headers, "Content-Type"))
    body = response.body[:_MAX_READ]
    if kind.endswith(("/json", "+json")):
        complaint = _from_json(body)
        if complaint is not None:
            return complaint
    if kind == "text/html":
        return Complaint(f"HTTP {response.status} with a page of HTML")
    return Complaint(printable(body.decode("utf-8", "replace"), MAX_MESSAGE) or f"HTTP {response.status}")


def _from_json(body: bytes) -> Complaint | None:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if not isinstance(found, dict):
        return None
    messages = found.get("errorMessages")
    words = messages if isinstance(messages, list) else [messages]
    message = printable("; ".join(word for word in words if isinstance(word, str)), MAX_MESSAGE)
    trace = found.get("traceId")
    if not message and not isinstance(trace, str):
        return None
    shown = printable(trace, MAX_TRACE) if isinstance(trace, str) else ""
    return Complaint(message or "no message", shown or None)


def printable(text: str, limit: int) -> str:
    """The text in one line, at most `limit` characters, nothing in it that could steer a terminal."""
    clean = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * limit])
    return " ".join(clean.split())[:limit]
