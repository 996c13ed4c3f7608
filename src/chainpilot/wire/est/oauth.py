"""OAuth2 client credentials: the request for a token, and what the answer means (RFC 6749 section 4.4).

Who keeps a token and when it is asked for anew is not handled here.
"""

import re
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

import msgspec

from chainpilot.wire.est.complaints import MAX_MESSAGE, printable
from chainpilot.wire.est.messages import HttpRequest, HttpResponse, header, media_type, retry_moment
from chainpilot.wire.est.paths import percent_encoded

__all__ = [
    "DEFAULT_LIFETIME",
    "MAX_LIFETIME",
    "MAX_TOKEN",
    "MAX_TOKEN_ANSWER",
    "AccessToken",
    "ClientCredentials",
    "TokenBody",
    "TokenRefusal",
    "is_bearer_token",
    "judge_token",
    "token_request",
]

MAX_TOKEN: Final = 8192
"""Characters of a token; header fields of more are refused by the usual servers, a JWT with many roles has 2000."""
MAX_TOKEN_ANSWER: Final = 32 * 1024
"""Bytes of an answer read at most: the longest token and room for what stands beside it."""
MAX_LIFETIME: Final = timedelta(days=1)
"""The longest life believed, which is that of OPCP's tokens."""
DEFAULT_LIFETIME: Final = timedelta(minutes=5)
"""That of a token whose answer names none; RFC 6749 section 5.1 only recommends the field."""
_BEARER: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*", re.ASCII)
"""b64token of RFC 6750 section 2.1: all that can stand in the header field."""


class TokenBody(Enum):
    """How the request is written; values as configurations have them."""

    JSON = "json"
    """As OPCP's login service wants it."""
    FORM = "form"
    """As RFC 6749 has it."""


class ClientCredentials(msgspec.Struct, frozen=True):
    """Who asks; the secret shows in no repr."""

    client_id: str
    client_secret: str
    audience: str = ""
    """What the token shall be good for; empty: not sent. OPCP's service demands it."""
    scope: str = ""

    def __repr__(self) -> str:
        return f"ClientCredentials({self.client_id!r}, audience={self.audience!r}, scope={self.scope!r})"


class AccessToken(msgspec.Struct, frozen=True):
    """A token and how long it lives from the moment its answer came; it shows in no repr."""

    token: str
    lifetime: timedelta

    def __repr__(self) -> str:
        return f"AccessToken({self.lifetime})"


class TokenRefusal(msgspec.Struct, frozen=True):
    """An answer that is no token; `message` quotes the server, bounded, printable and without our secret."""

    status: int
    message: str
    is_final: bool
    """A person must change something; else it is worth another try."""
    retry_at: datetime | None = None


def is_bearer_token(text: str) -> bool:
    """Whether `text` can be sent as a Bearer token."""
    return len(text) <= MAX_TOKEN and _BEARER.fullmatch(text) is not None


def token_request(path: str, credentials: ClientCredentials, body: TokenBody) -> HttpRequest:
    """Ask for a token; `path` is percent-encoded, with its query if it has one."""
    given = {
        "grant_type": "client_credentials",
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "audience": credentials.audience,
        "scope": credentials.scope,
    }
    fields = {name: value for name, value in given.items() if value}
    if body is TokenBody.JSON:
        kind, content = "application/json", msgspec.json.encode(fields)
    else:
        kind = "application/x-www-form-urlencoded"
        content = "&".join(f"{name}={percent_encoded(value)}" for name, value in fields.items()).encode()
    headers = (("Accept", "application/json"), ("Content-Type", kind), ("Content-Length", str(len(content))))
    return HttpRequest("POST", path, headers, content)


def judge_token(response: HttpResponse, at: datetime, credentials: ClientCredentials) -> AccessToken | TokenRefusal:
    """The token of an answer received at `at` (UTC), or why there is none.

    Redirects are refusals: the secret would go with them. So is a success that can't be read or isn't a Bearer token.
    """
    status = response.status
    if status == 200:
        found = _token(response)
        return TokenRefusal(status, found, is_final=True) if isinstance(found, str) else found
    if 300 <= status < 400:
        target = ascii(header(response.headers, "Location"))[:200]
        return TokenRefusal(status, f"it points to {target}, and redirects are not followed", is_final=True)
    is_passing = status in (408, 425, 429) or status >= 500
    retry_at = retry_moment(response.headers, at) if is_passing else None
    return TokenRefusal(status, _words(response, credentials), is_final=not is_passing, retry_at=retry_at)


def _token(response: HttpResponse) -> AccessToken | str:
    """RFC 6749 section 5.1; a sentence where the answer doesn't keep to it."""
    kind, _ = media_type(header(response.headers, "Content-Type"))
    if not kind.endswith(("/json", "+json")):
        return f"the answer's content type is {ascii(header(response.headers, 'Content-Type'))[:100]}, not JSON"
    given = _object(response.body)
    token, token_type = given.get("access_token"), given.get("token_type")
    if not isinstance(token, str) or not is_bearer_token(token):
        return "the answer holds no access_token that could be sent"
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        return "the token's type is not Bearer"
    lifetime = _lifetime(given.get("expires_in"))
    return "the token's expires_in is no number of seconds" if lifetime is None else AccessToken(token, lifetime)


def _lifetime(given: object) -> timedelta | None:
    """Some services write the number as a string."""
    if given is None:
        return DEFAULT_LIFETIME
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 10:
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int | float) or not given >= 0:
        return None
    return timedelta(seconds=min(given, MAX_LIFETIME.total_seconds()))


def _object(body: bytes) -> dict[str, object]:
    """The JSON object in `body`; an empty one where there is none."""
    try:
        found = msgspec.json.decode(body) if len(body) <= MAX_TOKEN_ANSWER else None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _words(response: HttpResponse, credentials: ClientCredentials) -> str:
    """RFC 6749 section 5.2; nothing that isn't in its fields is quoted, and our secret never."""
    given = _object(response.body)
    said = [given.get("error"), given.get("error_description")]
    text = ": ".join(one for one in said if isinstance(one, str))
    if credentials.client_secret:
        text = text.replace(credentials.client_secret, "(the secret)")
    return printable(text, MAX_MESSAGE) or f"HTTP {response.status}"
