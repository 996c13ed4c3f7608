"""A `websockets` connection, of either end, as the link's message socket. Opening one is the adapters' work."""

import asyncio
from typing import Final

from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from chainpilot.link.faults import SocketClosed
from chainpilot.link.inlet import Inlet

__all__ = ["InletSocket", "WebSocket"]

CLOSE_SECONDS: Final = 15.0
"""For writing what is unsent and the closing handshake; the latter alone gets 10 s from `websockets`."""
_FULL: Final = 2**15
"""Bytes that wait for the peer to read them; beyond it our own writing waits too. It is `websockets`' number."""


class WebSocket:
    """One connection; the only exception it lets out is SocketClosed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def recv(self) -> str | bytes:
        """The next message. Raises SocketClosed."""
        try:
            return await self._connection.recv()
        except ConnectionClosed as closed:
            raise _closed(closed) from closed

    def offer(self, text: str, /) -> bool:
        """Send one text message if the transport takes it at once."""
        connection = self._connection
        transport = connection.transport
        if connection.state is not State.OPEN or transport.is_closing():
            return False
        if transport.get_write_buffer_size() >= _FULL:
            return False
        connection.protocol.send_text(text.encode())
        for data in connection.protocol.data_to_send():
            transport.write(data)
        return True

    async def send(self, text: str, /) -> None:
        """Send one text message. Raises SocketClosed."""
        try:
            await self._connection.send(text)
        except ConnectionClosed as closed:
            raise _closed(closed) from closed

    async def close(self, code: int, reason: str) -> None:
        """Close; a peer that doesn't answer the closing handshake, or reads no more, is dropped after a while."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.close(code, reason)
        except TimeoutError:  # the library waits for ever until the peer has taken what is unsent
            self._connection.transport.abort()


class InletSocket(WebSocket):
    """The server's end, its ordinary frames read and written without `websockets`.

    Args:
        connection: just opened.
        longest: bytes of a message read at most.
    """

    def __init__(self, connection: Inlet, longest: int) -> None:
        super().__init__(connection)
        self._inlet = connection
        connection.take_over(longest)

    async def recv(self) -> str | bytes:
        """The next message. Raises SocketClosed."""
        try:
            return await self._inlet.next_message()
        except ConnectionClosed as closed:
            raise _closed(closed) from closed

    def offer(self, text: str, /) -> bool:
        """Send one text message if the transport takes it at once."""
        return self._inlet.offer(text, _FULL)


def _closed(closed: ConnectionClosed) -> SocketClosed:
    """With the code of whoever closed first: that is the cause, the other one only its echo."""
    first = closed.rcvd if closed.rcvd_then_sent else closed.sent
    said = first or closed.rcvd or closed.sent
    return SocketClosed(said.code, said.reason) if said is not None else SocketClosed()
