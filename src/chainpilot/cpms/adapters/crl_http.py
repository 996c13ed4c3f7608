"""Revocation lists over http and https: the port `ListSource` kept with httpcore.

No redirect is followed, nothing private is asked unless configured, and size and time are bounded.
"""

import asyncio
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpcore

from chainpilot.cpms.adapters.outbound import AddressRefused, Network, look_up
from chainpilot.cpms.ports import ListMissing
from chainpilot.pki.crl import MAX_CRL_BYTES

__all__ = ["CrlHttp", "url_objection"]

_SECONDS: Final = 15.0
"""For a whole exchange: 4 MB at 3 Mbit/s take eleven."""
_MAX_URL: Final = 2000
"""Characters; a PKI's addresses have about sixty."""
_MAX_WORDS: Final = 200
_MAX_ADDRESSES: Final = 4
"""Tried of those behind a name."""
_TO_CONNECT: Final = 0.3
"""Of the time for an exchange, at most for one address: where the way to the first is dead, the next has a chance."""
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
    """Fetches lists, each over a connection of its own.

    Args:
        allow_networks: networks that are no public ones and may be connected to all the same.
        seconds: for a whole exchange.
    """

    def __init__(self, allow_networks: Sequence[Network] = (), *, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._pool = httpcore.AsyncConnectionPool(
            network_backend=_JudgedNetwork(allow_networks), max_connections=8, max_keepalive_connections=0
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
        except AddressRefused as refused:
            raise ListMissing(url, refused.why) from refused
        except TimeoutError as error:
            raise ListMissing(url, f"no answer within {self._seconds:g} s") from error
        except Exception as error:  # house style 4: one family leaves an adapter, whatever comes in
            raise ListMissing(url, f"{type(error).__name__}: {error}"[:_MAX_WORDS]) from error

    async def _fetch(self, url: str) -> bytes:
        body = bytearray()
        limits = {"timeout": {"connect": self._seconds * _TO_CONNECT}}
        async with self._pool.stream("GET", url, headers=_HEADERS, extensions=limits) as response:
            if response.status != 200:
                raise ListMissing(url, f"the answer is {response.status}, not 200; redirects are not followed")
            async for part in response.aiter_stream():
                body += part
                if len(body) > MAX_CRL_BYTES:
                    raise ListMissing(url, f"the answer is longer than {MAX_CRL_BYTES} bytes")
        return bytes(body)


class _JudgedNetwork(httpcore.AsyncNetworkBackend):
    """httpcore's network; a name is looked up once, judged, and the address that was judged is connected to.

    The host's name stays that of the URL, for TLS and for the server.
    """

    def __init__(self, allow_networks: Sequence[Network]) -> None:
        self._allowed = tuple(allow_networks)
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers. Raises AddressRefused, OSError, and what httpcore raises."""
        *rest, last = (await look_up(host, port, self._allowed))[:_MAX_ADDRESSES]
        for address in rest:
            try:
                return await self._inner.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(str(last), port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise httpcore.UnsupportedProtocol("a URL from outside names no socket file")

    async def sleep(self, seconds: float) -> None:
        """Between httpcore's own tries to connect, of which there are none here."""
        await self._inner.sleep(seconds)
