"""Lets a bounded number of connections in, each of which has to ask something in time. NEVER for production.

A server of aiohttp bounds neither the TLS handshakes under way nor the connections at all, and waits for a connection's
first request as long as its version likes. What is answered is not handled here.
"""

import asyncio
import socket
from contextlib import suppress
from ssl import SSLContext
from typing import Final, cast

from aiohttp import web

__all__ = ["PATIENCE_SECONDS", "PLACES", "Door"]

PATIENCE_SECONDS: Final = 20.0
"""The time for a TLS handshake, and that from a connection's beginning or last request to its next one's head; more
than a body may take, and than the 5 seconds for which httpx keeps an idle connection."""
PLACES: Final = 200
"""Connections at once; further ones wait in the listen queue. Both servers' together are far from the 1024 files that a
process may usually have open."""
_CLOSE_SECONDS: Final = 1.0
"""The time for a TLS close_notify to be answered."""
_PAUSE_SECONDS: Final = 0.1
"""After a failed accept; out of open files, the next one would fail at once."""


class _Visit(asyncio.Protocol):
    """One connection: aiohttp's protocol, cut off unless `prolong` is called in time."""

    def __init__(self, inner: web.RequestHandler, patience: float) -> None:
        self.inner = inner
        self.over = asyncio.Event()
        self._patience = patience
        self._transport: asyncio.Transport | None = None
        self._alarm: asyncio.TimerHandle | None = None

    def prolong(self) -> None:
        """A request has arrived: wait as long again for the next."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(self._patience, self.end)

    def end(self) -> None:
        """Cut it off, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclasses
        self.prolong()
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self.inner.data_received(data)

    def eof_received(self) -> None:
        self.inner.eof_received()

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self.inner.connection_lost(exc)
        self.over.set()


class Door:
    """Accepts on a bound socket for a server of aiohttp; `close` ends it and every connection.

    Args:
        server: makes a protocol for each connection.
        listener: listening; it is closed with the door.
        tls: None means plain HTTP.
        patience: seconds; see `PATIENCE_SECONDS`.
        places: see `PLACES`.
    """

    def __init__(
        self, server: web.Server, listener: socket.socket, tls: SSLContext | None, *, patience: float, places: int
    ) -> None:
        self._server = server
        self._listener = listener
        self._tls = tls
        self._patience = patience
        self._places = asyncio.Semaphore(places)
        self._visits: dict[web.RequestHandler, _Visit] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        listener.settimeout(0)
        self._porter = asyncio.create_task(self._admit())

    @property
    def visits(self) -> int:
        """How many connections there are, TLS handshakes included."""
        return len(self._visits)

    def prolong(self, inner: web.RequestHandler) -> None:
        """A request of that connection has arrived."""
        if (visit := self._visits.get(inner)) is not None:
            visit.prolong()

    async def shut(self) -> None:
        """Admit nobody any more."""
        self._porter.cancel()
        await asyncio.gather(self._porter, return_exceptions=True)
        self._listener.close()

    async def clear(self) -> None:
        """Cut off whoever is still there."""
        for visit in self._visits.values():
            visit.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _admit(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._places.acquire()
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError:
                self._places.release()
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            task = asyncio.create_task(self._attend(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _attend(self, connection: socket.socket) -> None:
        visit = _Visit(self._server(), self._patience)
        self._visits[visit.inner] = visit
        times = (self._patience, _CLOSE_SECONDS) if self._tls is not None else (None, None)
        try:
            with suppress(OSError):  # a handshake that fails or takes too long is its client's affair
                await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: visit,
                    connection,
                    ssl=self._tls,
                    ssl_handshake_timeout=times[0],
                    ssl_shutdown_timeout=times[1],
                )
                await visit.over.wait()
        finally:
            del self._visits[visit.inner]
            self._places.release()
