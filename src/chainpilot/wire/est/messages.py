"""HTTP requests and answers as plain values, and the header fields EST lives by.

Who carries them over a socket is not handled here.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

__all__ = [
    "MAX_RETRY_AFTER",
    "MIN_RETRY_AFTER",
    "Headers",
    "HttpRequest",
    "HttpResponse",
    "header",
    "http_moment",
    "media_type",
    "retry_moment",
]

Headers = tuple[tuple[str, str], ...]

MAX_RETRY_AFTER: Final = timedelta(days=30)
"""The longest wait believed: a PKI that names a later day is asked again then."""
MIN_RETRY_AFTER: Final = timedelta(seconds=1)
"""The shortest wait kept, so that `Retry-After: 0` or a date gone by doesn't spin."""
_MAX_FIELD: Final = 64
"""Characters of such a field read at most; an RFC 850 date has 33."""


class HttpRequest(msgspec.Struct, frozen=True):
    """One request: `url_path` is the path with its query, percent-encoded; header names in Title-Case."""

    method: str
    url_path: str
    headers: Headers
    body: bytes = b""


class HttpResponse(msgspec.Struct, frozen=True):
    """One answer, its body whole."""

    status: int
    headers: Headers
    body: bytes = b""


def header(headers: Headers, name: str) -> str | None:
    """The first field of that name, case ignored (RFC 9110 section 5.1); None when there is none."""
    wanted = name.lower()
    return next((value.strip() for key, value in headers if key.lower() == wanted), None)


def media_type(field: str | None) -> tuple[str, dict[str, str]]:
    """A Content-Type's lower-case type and its parameters; `("", {})` when the field is absent."""
    kind, *rest = (field or "").split(";")
    parameters: dict[str, str] = {}
    for part in rest:
        key, _, value = part.partition("=")
        parameters[key.strip().lower()] = value.strip().strip('"').lower()
    return kind.strip().lower(), parameters


def http_moment(headers: Headers, name: str) -> datetime | None:
    """The moment (UTC) in a field with an HTTP date, such as Date; None when it is absent or unreadable."""
    field = header(headers, name)
    if field is None or len(field) > _MAX_FIELD:
        return None
    moment = _http_date(field)
    return moment.astimezone(UTC) if moment is not None else None


def retry_moment(headers: Headers, at: datetime) -> datetime | None:
    """When Retry-After lets us ask again (seconds or HTTP date, RFC 9110 section 10.2.3), within our bounds.

    None when the field is absent or unreadable.
    """
    field = header(headers, "Retry-After")
    if field is None or len(field) > _MAX_FIELD:
        return None
    moment = _seconds_later(field, at) if field.isascii() and field.isdigit() else _http_date(field)
    if moment is None:
        return None
    return min(max(moment, at + MIN_RETRY_AFTER), at + MAX_RETRY_AFTER).astimezone(UTC)


def _seconds_later(field: str, at: datetime) -> datetime:
    """Nine digits are 31 years, beyond our bound and within timedelta's."""
    return at + (timedelta(seconds=int(field)) if len(field) < 10 else MAX_RETRY_AFTER)


def _http_date(field: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(field)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
