"""What both servers of the test PKI share: bounded reading, answers as they were written, one event each.

NEVER for production. Who may connect for how long is `door`'s, what is answered is not handled here.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ssl import SSLContext
from typing import Final

from aiohttp import web

from chainpilot.testpki.door import PATIENCE_SECONDS, PLACES, Door
from chainpilot.wire.est.messages import HttpResponse

__all__ = ["READ_SECONDS", "SLOW_SECONDS", "HttpServer", "Served", "Watch", "read_body", "serve", "to_web"]

READ_SECONDS: Final = 10.0
"""The time a body may take to arrive; a CSR is one packet."""
SLOW_SECONDS: Final = 30.0
"""How late a slow answer is; a client should have given up."""
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
    return web.Response(status=response.status, body=response.body, headers=response.headers)


class HttpServer:
    """A server that answers until `cleanup`. Made by `serve`."""

    def __init__(self, runner: web.AppRunner) -> None:
        self._runner = runner
        self._door: Door | None = None

    def open(self, door: Door) -> None:
        """Let whoever comes through that door in."""
        self._door = door

    @property
    def connections(self) -> int:
        """How many connections there are, TLS handshakes included."""
        return self._door.visits if self._door is not None else 0

    def prolong(self, request: web.Request) -> None:
        """The head of a request is there: its connection is in use."""
        if self._door is not None:
            self._door.prolong(request.protocol)

    async def cleanup(self) -> None:
        """Stop, close the socket, and give answers under way a moment."""
        if self._door is not None:
            await self._door.shut()
        await self._runner.cleanup()
        if self._door is not None:
            await self._door.clear()


async def serve(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    listener: socket.socket,
    tls: SSLContext | None = None,
    *,
    patience: float = PATIENCE_SECONDS,
    places: int = PLACES,
) -> HttpServer:
    """Start answering on a listening socket; `cleanup()` of what is returned stops it and closes the socket.

    Args:
        handler: answers one request.
        listener: taken over.
        tls: None means plain HTTP.
        patience: seconds after which a connection that has delivered no further request is cut off.
        places: connections at once; further ones wait.
    """
    application = web.Application()
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS)
    server = HttpServer(runner)

    async def attend(request: web.Request) -> web.StreamResponse:
        server.prolong(request)
        return await handler(request)

    application.router.add_route("*", "/{path:.*}", attend)
    await runner.setup()
    if runner.server is not None:
        server.open(Door(runner.server, listener, tls, patience=patience, places=places))
    return server
