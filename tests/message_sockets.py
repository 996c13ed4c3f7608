"""Two ends of an in-memory message connection, which may be cut, held up or made to repeat."""

import asyncio

from chainpilot.link.ocpp import SocketClosed

__all__ = ["MemorySocket", "socket_pair"]


class MemorySocket:
    """One end: what is sent here arrives at `other`, in order."""

    def __init__(self) -> None:
        self.other: MemorySocket = self
        self.sent: list[str] = []
        self.repeat = 1
        """How often each message arrives."""
        self._inbox: asyncio.Queue[str | bytes | SocketClosed] = asyncio.Queue()
        self._gone: SocketClosed | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def recv(self) -> str | bytes:
        """The next message; SocketClosed once either end has closed."""
        if self._gone is not None and self._inbox.empty():
            raise self._gone
        item = await self._inbox.get()
        if isinstance(item, SocketClosed):
            raise item
        return item

    def offer(self, text: str, /) -> bool:
        """Hand the message to the other end, unless the connection is held or gone."""
        if self._gone is not None or not self._flowing.is_set():
            return False
        self._deliver(text)
        return True

    async def send(self, text: str, /) -> None:
        """Hand the message to the other end; waits while the connection is held."""
        await self._flowing.wait()
        if self._gone is not None:
            raise self._gone
        self._deliver(text)

    def _deliver(self, text: str) -> None:
        self.sent.append(text)
        for _ in range(self.repeat):
            self.other.put(text)

    async def close(self, code: int, reason: str) -> None:
        """Close both ends with this code."""
        self.cut(code, reason)

    def put(self, text: str | bytes) -> None:
        """Let a message arrive here that nobody sent."""
        self._inbox.put_nowait(text)

    def waiting(self) -> int:
        """Messages that arrived and were not read yet."""
        return self._inbox.qsize()

    def hold(self) -> None:
        """Let every further send wait, as a peer that reads no more."""
        self._flowing.clear()

    def release(self) -> None:
        """Let held messages go."""
        self._flowing.set()

    def cut(self, code: int = 1006, reason: str = "") -> None:
        """Break the connection at both ends."""
        for end in {self, self.other}:
            if end._gone is None:
                end._gone = SocketClosed(code, reason)
                end._inbox.put_nowait(end._gone)
                end._flowing.set()


def socket_pair() -> tuple[MemorySocket, MemorySocket]:
    """Two ends of one connection."""
    near, far = MemorySocket(), MemorySocket()
    near.other, far.other = far, near
    return near, far
