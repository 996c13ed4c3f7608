"""The URLs that a CSMS names for files: read strictly, shown without anything that could be a secret.

HTTP and HTTPS are spoken (OCPP 2.0.1 N01.FR.14). Connecting is not handled here.
"""

import re
import urllib.parse
from dataclasses import dataclass, field, replace
from typing import Final

from chainpilot.station.agent.ports import TransferRefused
from chainpilot.station.model import Secret

__all__ = ["MAX_LOCATION", "SCHEMES", "FileLocation", "read_location"]

MAX_LOCATION: Final = 2000
"""Characters of a URL; OCPP's fields hold 512, and what is not ASCII grows when it is escaped."""
SCHEMES: Final = ("http", "https")
_PORTS: Final = {"http": 80, "https": 443}
_MAX_PORT: Final = 65535
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""`urlsplit` drops some of them silently, and another reader of the same URL may not."""
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,253}[A-Za-z0-9.])?|[0-9A-Fa-f:.]{2,45}")
"""A DNS name (in its ASCII form) or an address; what isn't one is found out when it is looked up."""
_UNTOUCHED: Final = "%/:?#[]@!$&'()*+,;=~"
"""Characters of a path or query that already mean what they should (RFC 3986 section 2.2)."""


@dataclass(frozen=True, slots=True)
class FileLocation:
    """Where a file lies or is to go."""

    scheme: str
    host: str
    """Without an IPv6 address's brackets."""
    port: int
    path: str = field(repr=False)
    """Escaped, begins with a slash; it may hold a token, as the query may."""
    query: str = field(repr=False)
    user: str | None = field(repr=False)
    password: Secret

    @property
    def place(self) -> str:
        """Host and port, for people and logs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """What an HTTP request asks for."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def within(self, filename: str) -> "FileLocation":
        """The location of a file of that name where this one is a folder (it ends with a slash), else this one."""
        if not self.path.endswith("/"):
            return self
        return replace(self, path=self.path + urllib.parse.quote(filename, safe=""))


def read_location(url: str) -> FileLocation:
    """The parts of a URL; no word of it is in any refusal but its scheme.

    Raises:
        TransferRefused: another scheme, or no proper URL.
    """
    if len(url) > MAX_LOCATION:
        raise TransferRefused(f"the URL is longer than {MAX_LOCATION} characters")
    if _CONTROL.search(url):
        raise TransferRefused("the URL has control characters")
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode("ascii")
        user, password = _unquoted(parts.username), _unquoted(parts.password)
        path, query = _escaped(parts.path) or "/", _escaped(parts.query)
    except ValueError:  # its text quotes the URL
        raise TransferRefused("the URL can't be read: its host, port, user or path is malformed") from None
    if parts.scheme not in SCHEMES:
        raise TransferRefused(f"only {' and '.join(SCHEMES)} are spoken here, and the URL begins otherwise")
    if not _HOST.fullmatch(host):
        raise TransferRefused("the URL names no host")
    if port == 0:
        raise TransferRefused(f"a port is a number from 1 to {_MAX_PORT}")
    if user is not None and ":" in user:
        raise TransferRefused("the URL's user name has a colon, which can't be sent (RFC 7617 section 2)")
    return FileLocation(parts.scheme, host, port or _PORTS[parts.scheme], path, query, user, Secret(password or ""))


def _unquoted(text: str | None) -> str | None:
    """Raises ValueError for what is no UTF-8."""
    return None if text is None else urllib.parse.unquote(text, errors="strict")


def _escaped(text: str) -> str:
    """Raises ValueError for half a surrogate pair."""
    return urllib.parse.quote(text, safe=_UNTOUCHED)
