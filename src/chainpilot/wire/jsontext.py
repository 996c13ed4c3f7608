"""JSON text that comes from outside or goes there, bounded and free of its ambiguities (RFC 8259).

OCPP-J frames and the JSON inside a DataTransfer's `data` are read by the same rules. What the values mean is not
handled here.
"""

import math
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, Final, cast

import msgspec

from chainpilot.errors import OwnError, PeerError

__all__ = [
    "MAX_DEPTH",
    "MAX_INTEGER",
    "MAX_TEXT",
    "JsonDefect",
    "JsonError",
    "UnwritableJsonError",
    "decode_json",
    "encode_if_plain",
    "encode_json",
]

MAX_TEXT: Final = 65_536
"""Bytes of one text: the largest we handle, OCPP 2.1's Get15118EVCertificate answer (17 000 characters of EXI and two
chains of 10 000, escaped once more inside a DataTransfer), stays below it."""
MAX_DEPTH: Final = 32
"""Arrays and objects inside each other. OCPP's deepest message (MeterValues, charging profiles) needs ten; the decoder
underneath recurses and lets RecursionError out, so depth is bounded before it runs."""
MAX_INTEGER: Final = 2**53 - 1
"""The largest integer every JSON reader holds exactly (RFC 8259 section 6); we write none beyond it."""

_STRING: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKET: Final = re.compile(r"[\[\]{}]")


class JsonDefect(Enum):
    """What is wrong with a text."""

    TOO_LARGE = "too large"
    NOT_UTF8 = "not UTF-8"
    TOO_DEEP = "too deep"
    NOT_JSON = "not JSON"
    DUPLICATE_KEY = "duplicate key"


class JsonError(PeerError):
    """A text from outside is not JSON as we read it; never quotes the text, which may hold secrets."""

    def __init__(self, defect: JsonDefect, detail: str) -> None:
        super().__init__(f"{defect.value}: {detail}")
        self.defect = defect
        self.detail = detail


class UnwritableJsonError(OwnError):
    """We were about to write a value that JSON cannot carry; `where` is the path of keys to it."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where or 'the value'}: {why}")
        self.where = where
        self.why = why


def decode_json(text: str | bytes, *, limit: int = MAX_TEXT, depth: int = MAX_DEPTH) -> object:
    """The value of a JSON text: dict, list, str, int, float, bool or None.

    Two members of one name are refused, since readers disagree on which one counts (RFC 8259 section 4).

    Args:
        text: as it came; bytes must be UTF-8 without a byte order mark (RFC 8259 section 8.1).
        limit: bytes read at most.
        depth: arrays and objects inside each other at most.

    Raises:
        JsonError: for every text that is not such JSON; no other exception leaves.
    """
    if isinstance(text, str) and len(text) <= limit and text.isascii():  # as nearly all are: as many bytes
        plain, raw = text, text.encode()
    else:
        plain, raw = _utf8(text, limit)
    # the brackets in all of the text are at least those outside its strings, and nearly always few enough
    brackets = plain.count("{") + (plain.count("[") if plain.rfind("[") > 0 else 1)
    if brackets > depth and _is_deeper_than(plain, depth):
        raise JsonError(JsonDefect.TOO_DEEP, f"more than {depth} arrays and objects inside each other")
    try:
        value: object = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise JsonError(JsonDefect.NOT_JSON, str(error)) from error
    # A text that the value makes again, as nearly every compact one, has each member once: an object that lost one is
    # shorter. In any other the colons outside strings are exactly the members, so a smaller dict lost one.
    if msgspec.json.encode(value) != raw and _skeleton(plain).count(":") != _members(value):
        raise JsonError(JsonDefect.DUPLICATE_KEY, "an object has two members of one name")
    return value


def encode_json(value: object, *, depth: int = MAX_DEPTH) -> str:
    """Compact JSON text of a value made of dict (str keys), list, tuple, str, int, float, bool and None.

    Raises:
        UnwritableJsonError: NaN or infinity, which the encoder underneath would silently turn into null; an integer
            beyond `MAX_INTEGER`; text with a lone surrogate; another type; deeper than `depth`.
    """
    if not _is_plain(value, depth):
        _check_writable(value, "", depth)
    return msgspec.json.encode(value).decode("utf-8")


def encode_if_plain(value: object, depth: int) -> str | None:
    """The text that `encode_json` makes of a value that it need not look at closely; None for any other."""
    return msgspec.json.encode(value).decode() if _is_plain(value, depth) else None


def _utf8(text: str | bytes, limit: int) -> tuple[str, bytes]:
    """The text as characters and as bytes; raises JsonError."""
    if len(text) > limit:  # a character takes one to four bytes, so beyond that the exact size changes nothing
        raise _too_large(len(text), limit)
    try:
        plain, raw = (text, text.encode()) if isinstance(text, str) else (text.decode(), text)
    except UnicodeError as error:
        raise JsonError(JsonDefect.NOT_UTF8, "its bytes are not UTF-8 text") from error
    if len(raw) > limit:
        raise _too_large(len(raw), limit)
    return plain, raw


def _too_large(size: int, limit: int) -> JsonError:
    return JsonError(JsonDefect.TOO_LARGE, f"{size} bytes; at most {limit} are read")


def _skeleton(plain: str) -> str:
    """The text without its strings."""
    return _STRING.sub("", plain)


def _is_deeper_than(plain: str, depth: int) -> bool:
    level = 0
    for bracket in _BRACKET.finditer(_skeleton(plain)):
        level += 1 if bracket[0] in "[{" else -1
        if level > depth:
            return True
    return False


def _members(value: object) -> int:
    """Of all objects in a value; recursion ends with the depth that was read."""
    if type(value) is dict:
        return len(value) + sum(map(_members, value.values()))
    return sum(map(_members, value)) if type(value) is list else 0


def _is_plain(value: Any, depth: int) -> bool:
    """Whether there is nothing to look at closely, as in nearly every message; recursion ends with `depth`."""
    kind = type(value)
    if kind is dict or kind is list or kind is tuple:
        if not depth:
            return False
        if kind is dict:
            for name in value:
                if type(name) is not str or not name.isascii():
                    return False
            value = value.values()
        for inner in value:  # noqa: SIM110 - a generator costs as much as all the rest, as does a call for each text
            if not (inner.isascii() if type(inner) is str else _is_plain(inner, depth - 1)):
                return False
        return True
    if kind is str:
        return cast("bool", value.isascii())
    return value is None or kind is bool or (kind is int and -MAX_INTEGER <= value <= MAX_INTEGER)


def _check_writable(value: object, where: str, depth: int) -> None:
    pending = [(value, where, depth)]
    while pending:
        item, path, left = pending.pop()
        if isinstance(item, dict | list | tuple):
            if left == 0:
                raise UnwritableJsonError(path, "too many arrays and objects inside each other")
            pending.extend((inner, inner_path, left - 1) for inner_path, inner in _inside(item, path))
        else:
            _check_scalar(item, path)


def _inside(
    container: dict[object, object] | list[object] | tuple[object, ...], path: str
) -> Iterator[tuple[str, object]]:
    if not isinstance(container, dict):
        for position, inner in enumerate(container):
            yield f"{path}[{position}]", inner
        return
    for key, inner in container.items():
        if not isinstance(key, str):
            raise UnwritableJsonError(path, "a member's name is not text")
        _check_scalar(key, path)
        yield f"{path}.{key}" if path else key, inner


def _check_scalar(value: object, where: str) -> None:
    match value:
        case None | bool():
            return
        case str():
            if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
                raise UnwritableJsonError(where, "the text holds half a surrogate pair")
        case int():
            if abs(value) > MAX_INTEGER:
                raise UnwritableJsonError(where, "the integer is beyond what every JSON reader holds exactly")
        case float():
            if not math.isfinite(value):
                raise UnwritableJsonError(where, "JSON has no NaN and no infinity")
        case _:
            raise UnwritableJsonError(where, f"JSON has no {type(value).__name__}")
