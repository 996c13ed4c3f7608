"""What both servers of the test PKI share: bounded reading, answers as they were written, one event each.

NEVER for production: who sends no header at all keeps his connection. What is answered is not handled here.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ssl import SSLContext
from typing import Final

from aiohttp import web

from chainpilot.wire.est.messages import HttpResponse

__all__ = ["READ_SECONDS", "Served", "Watch", "read_body", "serve", "to_web"]

READ_SECONDS: Final = 10.0
"""The time a body may take to arrive; a CSR is one packet."""
_KEEP_ALIVE_SECONDS: Final = 30.0
_SHUTDOWN_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Served:
    """One request that a server answered."""

    server: str
    """`est` or `ocsp`."""
    operation: str
    """`cacerts`, `simpleenroll`, `ocsp`; empty for a path that is none."""
    label: str
    status: int
    bytes_received: int
    """Of the body."""
    bytes_sent: int
    """Of the body."""


Watch = Callable[[Served], None]


async def read_body(request: web.Request, limit: int, seconds: float = READ_SECONDS) -> bytes | None:
    """The request's body, or its first `limit` + 1 bytes when it is longer; None when it isn't whole in time.

    A body that says it is longer isn't read at all: zero bytes stand for it.
    """
    if (request.content_length or 0) > limit:
        return bytes(limit + 1)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while len(body) <= limit and (chunk := await request.content.read(limit + 1 - len(body))):
                body += chunk
    except (TimeoutError, web.RequestPayloadError):
        return None
    return bytes(body)


def to_web(response: HttpResponse) -> web.Response:
    """The answer for aiohttp, which keeps the case of header names and adds Date and Server."""
    return web.Response(status=response.status, body=response.body, headers=dict(response.headers))


async def serve(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    listener: socket.socket,
    tls: SSLContext | None = None,
) -> web.AppRunner:
    """Start answering on a bound socket; `cleanup()` of what is returned stops it and closes the socket."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    await runner.setup()
    await web.SockSite(runner, listener, ssl_context=tls).start()
    return runner
