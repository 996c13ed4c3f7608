"""A `websockets` connection as the link's message socket."""

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from chainpilot.link.ocpp import SocketClosed

__all__ = ["WebSocket"]


class WebSocket:
    """One connection; the only exception it lets out is SocketClosed."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    async def recv(self) -> str | bytes:
        """The next message. Raises SocketClosed."""
        try:
            return await self._connection.recv()
        except ConnectionClosed as closed:
            raise _closed(closed) from closed

    async def send(self, text: str, /) -> None:
        """Send one text message. Raises SocketClosed."""
        try:
            await self._connection.send(text)
        except ConnectionClosed as closed:
            raise _closed(closed) from closed

    async def close(self, code: int, reason: str) -> None:
        """Close; a peer that doesn't answer the closing handshake is dropped after a while."""
        await self._connection.close(code, reason)


def _closed(closed: ConnectionClosed) -> SocketClosed:
    said = closed.sent or closed.rcvd
    return SocketClosed(said.code, said.reason) if said is not None else SocketClosed()
