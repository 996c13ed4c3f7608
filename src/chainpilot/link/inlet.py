"""A server's WebSocket connection that reads ordinary frames by itself: whole, masked texts, as nearly all are.

Everything else is `websockets`' as ever: the handshake, control frames, keeping alive, closing, whatever breaks RFC
6455 or is too large, and, from the first one on, all frames of a peer that sends binary ones or fragments.
"""

import asyncio
import sys
from collections import deque
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.protocol import State

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without its C extension
    from websockets.utils import apply_mask

__all__ = ["MAX_UNREAD", "Inlet"]

MAX_UNREAD: Final = 16
"""Messages that wait to be taken before no more are read from the peer, as `websockets` has it."""
_FEW: Final = 4
"""Messages left when reading goes on, as `websockets` has it."""
_TEXT: Final = 0x81
"""The first byte of a text's only frame, without extensions (RFC 6455 section 5.2)."""
_PINGS: Final = frozenset({0x89, 0x8A})
"""Those of a ping and of a pong."""
_HEAD_END: Final = b"\r\n\r\n"
"""Behind an HTTP request's head (RFC 9112 section 2.1)."""
_NOWHERE: Final = sys.maxsize


class Inlet(ServerConnection):
    """One connection; `take_over` makes it read by itself."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._longest: int | None = None
        self._tail = b""
        self._is_early = False
        """Whether `websockets` had frames before `take_over`."""
        self._is_settled = False
        self._rest = b""
        self._messages: deque[str] = deque()
        self._taker: asyncio.Future[None] | None = None
        self._is_full = False

    def take_over(self, longest: int) -> None:
        """Read texts of up to `longest` bytes from here on, unless the peer has sent frames already."""
        self._is_settled = True
        if not self._is_early:  # else they, and all behind them, are `websockets`'
            self._longest = longest

    async def next_message(self) -> str | bytes:
        """What `recv` gives, and the only way to it after `take_over`. Raises ConnectionClosed."""
        messages = self._messages
        while not messages:
            if self._longest is None:
                return await self.recv()
            self._taker = self.loop.create_future()
            await self._taker
        text = messages.popleft()
        if self._is_full and len(messages) <= _FEW:
            self._is_full = False
            self.transport.resume_reading()
        return text

    def offer(self, text: str, full: int) -> bool:
        """Send a text at once; False, and nothing was sent, if `full` bytes wait already or it isn't open any more."""
        transport = self.transport
        if self.protocol.state is not State.OPEN or transport.is_closing() or transport.get_write_buffer_size() >= full:
            return False
        payload = text.encode()
        size = len(payload)
        if size < 126:
            head = bytes((_TEXT, size))
        elif size < 2**16:
            head = bytes((_TEXT, 126, size >> 8, size & 0xFF))
        else:
            head = bytes((_TEXT, 127)) + size.to_bytes(8, "big")
        transport.write(head + payload)
        return True

    def data_received(self, data: bytes) -> None:
        """Take what the peer sent."""
        if self._longest is None:
            if not self._is_settled:
                self._look_for_early_frames(data)
            super().data_received(data)
            return
        if self._rest:
            data, self._rest = self._rest + data, b""
        if self.protocol.state is State.OPEN:
            self._read(data, self._longest)
        else:
            self._hand_back(data)

    def _look_for_early_frames(self, data: bytes) -> None:
        """Whatever stands behind the request's head, or comes while it is being answered, is one."""
        if self.request is not None:
            self._is_early = True
            return
        head = self._tail + data
        end = head.find(_HEAD_END)
        self._is_early = self._is_early or 0 <= end < len(head) - len(_HEAD_END)
        self._tail = head[-len(_HEAD_END) + 1 :]

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended; what was read before is given out first."""
        super().connection_lost(exc)
        self._longest = None
        self._wake()

    def _read(self, data: bytes, longest: int) -> None:
        start = 0
        while (extent := _extent(data, start)) is not None:
            body, stop = extent
            if stop - body > longest:
                self._hand_back(data[start:])
                return
            if stop > len(data):
                break
            if not self._take(data, start, body, stop):
                self._hand_back(data[start:])
                return
            start = stop
        self._rest = data[start:]
        if len(self._messages) > MAX_UNREAD and not self._is_full:
            self._is_full = True
            self.transport.pause_reading()
        self._wake()

    def _take(self, data: bytes, start: int, body: int, stop: int) -> bool:
        """Take one whole frame; False: it isn't ours to read."""
        if data[start] != _TEXT:  # a ping or a pong
            super().data_received(data[start:stop])
            return self.protocol.state is State.OPEN  # else it was a bad one, and the rest is thrown away
        payload = apply_mask(data[body:stop], data[body - 4 : body])
        try:
            self._messages.append(payload.decode())
        except UnicodeDecodeError:
            return False
        return True

    def _hand_back(self, data: bytes) -> None:
        """From this frame on all are `websockets`' to read."""
        self._longest = None
        super().data_received(data)
        self._wake()

    def _wake(self) -> None:
        if self._taker is not None and not self._taker.done():
            self._taker.set_result(None)


def _extent(data: bytes, start: int) -> tuple[int, int] | None:
    """Where a frame's payload begins and ends (RFC 6455 section 5.2); None if that has not come yet.

    A frame that is not ours to read, or has no mask, which a client must not send, ends where no data could reach.
    """
    have = len(data) - start
    if have and data[start] != _TEXT and data[start] not in _PINGS:
        return start, _NOWHERE
    if have < 2:
        return None
    size = data[start + 1] - 0x80
    if size < 0:
        return start, _NOWHERE
    head = 6 if size < 126 else 8 if size == 126 else 14
    if have < head - 4:  # the mask stands behind the size
        return None
    if head > 6:
        size = int.from_bytes(data[start + 2 : start + head - 4], "big")
    return start + head, start + head + size
