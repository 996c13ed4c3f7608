"""The clients: requests made beforehand, sent one after the other over each connection, as cheaply as can be."""

import asyncio
import itertools
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

__all__ = ["Load", "drive", "post"]

_END: Final = b"\r\n\r\n"


@dataclass(slots=True)
class Load:
    """What the clients saw."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Seconds from the first byte sent (of the handshake, where each request has a connection) to the answer."""

    def quantile(self, share: float) -> float:
        """Milliseconds within which that share of the requests was answered."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def post(url: str, kind: str, body: bytes, *, more: str = "", is_last: bool = False) -> bytes:
    """A POST as it goes over the wire."""
    parts = urlsplit(url)
    ending = "Connection: close\r\n" if is_last else ""
    head = (
        f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n{more}{ending}\r\n"
    )
    return head.encode() + body


async def drive(
    url: str, requests: list[bytes], seconds: float, tls: ssl.SSLContext | None, *, clients: int, keeps: bool
) -> Load:
    """So many clients ask, one request after the other, until the time or the requests are over.

    Raises:
        SystemExit: an answer is no 200.
    """
    load, left = Load(), iter(requests)
    begun = time.perf_counter()
    await asyncio.gather(*(_client(url, left, begun + seconds, tls, load, keeps=keeps) for _ in range(clients)))
    load.seconds = time.perf_counter() - begun
    return load


async def _client(
    url: str, requests: Iterator[bytes], until: float, tls: ssl.SSLContext | None, load: Load, *, keeps: bool
) -> None:
    parts = urlsplit(url)
    while time.perf_counter() < until:
        some = itertools.islice(requests, None if keeps else 1)
        begun = time.perf_counter()
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=tls)
        try:
            asked = False
            for request in some:
                asked = True
                writer.write(request)
                await _answer(reader)
                now = time.perf_counter()
                load.latencies.append(now - begun)
                begun = now
                if now >= until:
                    break
        finally:
            writer.close()
        if not asked:
            return


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(_END)
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"a request was answered {head.splitlines()[0]!r}")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
