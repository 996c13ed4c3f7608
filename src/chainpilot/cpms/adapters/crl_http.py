"""Revocation lists over http and https: the port `ListSource` kept with httpcore.

No redirect is followed, nothing private is asked unless configured, and size and time are bounded.
"""

import asyncio
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httpcore

from chainpilot.cpms.adapters.addresses import AddressRules, GuardedNetwork
from chainpilot.cpms.ports import ListMissing
from chainpilot.pki.crl import MAX_CRL_BYTES

__all__ = ["CrlHttp", "url_objection"]

_SECONDS: Final = 15.0
"""For a whole exchange: 4 MB at 3 Mbit/s take eleven."""
_MAX_URL: Final = 2000
"""Characters; a PKI's addresses have about sixty."""
_MAX_WORDS: Final = 200
_HEADERS: Final = [(b"User-Agent", b"chainpilot"), (b"Accept-Encoding", b"identity"), (b"Connection", b"close")]


def url_objection(url: str) -> str | None:
    """Why a list is not fetched from there, as a sentence; None when it may be."""
    if len(url) > _MAX_URL or not url.isascii() or not url.isprintable():
        return "the address is too long, or holds what no URL may"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"the address is no URL: {error}"
    if parts.scheme not in {"http", "https"}:
        return f"{parts.scheme or 'an address without a scheme'} is not fetched, only http and https"
    if not parts.hostname or port == 0:
        return "the address names no host"
    if "@" in parts.netloc:
        return "the address holds a login"
    return None


class CrlHttp:
    """Fetches lists, each over a connection of its own."""

    def __init__(self, rules: AddressRules | None = None, *, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._pool = httpcore.AsyncConnectionPool(
            network_backend=GuardedNetwork(rules or AddressRules()), max_connections=8, max_keepalive_connections=0
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    async def fetch(self, url: str) -> bytes:
        """The body, unread. Raises ListMissing."""
        if (why := url_objection(url)) is not None:
            raise ListMissing(url, why)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._fetch(url)
        except ListMissing:
            raise
        except TimeoutError as error:
            raise ListMissing(url, f"no answer within {self._seconds:g} s") from error
        except Exception as error:  # house style 4: one family leaves an adapter, whatever comes in
            raise ListMissing(url, f"{type(error).__name__}: {error}"[:_MAX_WORDS]) from error

    async def _fetch(self, url: str) -> bytes:
        body = bytearray()
        async with self._pool.stream("GET", url, headers=_HEADERS) as response:
            if response.status != 200:
                raise ListMissing(url, f"the answer is {response.status}, not 200; redirects are not followed")
            async for part in response.aiter_stream():
                body += part
                if len(body) > MAX_CRL_BYTES:
                    raise ListMissing(url, f"the answer is longer than {MAX_CRL_BYTES} bytes")
        return bytes(body)
