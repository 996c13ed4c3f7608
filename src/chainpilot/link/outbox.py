"""What a connection writes: frames in the order they were made, at once where the socket takes them without waiting.

Which frame is next is `wire.ocppj.rpc`'s; what is read is the link's.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from chainpilot.clock import Clock
from chainpilot.link.watch import Watch, seen_sent
from chainpilot.wire.ocppj.calls import Outgoing
from chainpilot.wire.ocppj.frames import Call
from chainpilot.wire.ocppj.rpc import Rpc

__all__ = ["MAX_UNSENT_ANSWERS", "MessageSocket", "Outbox"]

MAX_UNSENT_ANSWERS: Final = 32
"""Answers waiting to be written before we stop reading: a peer that asks and never reads must not fill our memory."""


class MessageSocket(Protocol):
    """A connection that carries texts; `recv` and `send` raise `SocketClosed` once the peer is gone, nothing else."""

    async def recv(self) -> str | bytes:
        """The next message."""
        ...

    def offer(self, text: str, /) -> bool:
        """Send one message if that takes no waiting; False, and nothing was sent, if it does or the peer is gone."""
        ...

    async def send(self, text: str, /) -> None:
        """Send one message; returns when the transport has taken it."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close with a WebSocket code; a pending `recv` then raises `SocketClosed`."""
        ...


class Outbox:
    """Writes what `rpc` has to send; `write` is to be at work beside `flush`.

    Args:
        socket: nobody else writes to it.
        rpc: gives the frames.
        clock: a CALL's time runs from its sending.
        watch: told of every frame written.
        called: told that a CALL begins to be sent.
        broken: called with what went wrong in `flush`, which raises nothing.
    """

    def __init__(
        self,
        socket: MessageSocket,
        rpc: Rpc,
        clock: Clock,
        watch: Watch | None,
        *,
        called: Callable[[], None],
        broken: Callable[[Exception], None],
    ) -> None:
        self._socket = socket
        self._rpc = rpc
        self._clock = clock
        self._watch = watch
        self._called = called
        self._broken = broken
        self._held: Outgoing | None = None
        self._unwritten: list[tuple[Outgoing, asyncio.Future[bool]]] = []
        self._to_write = asyncio.Event()
        self._room = asyncio.Event()
        self._is_over = False
        self._is_minded = watch is not None
        """Whether anybody minds what was written."""

    def flush(self) -> None:
        """Write what the socket takes without waiting; the rest is `write`'s."""
        if self._held is not None:
            return
        try:
            at = self._clock.monotonic()
            while (outgoing := self._rpc.data_to_send(at)) is not None:
                if isinstance(outgoing.frame, Call):
                    self._called()
                if not self._socket.offer(outgoing.text):
                    self._held = outgoing
                    self._to_write.set()
                    return
                if self._is_minded:
                    self._note(outgoing)
        except Exception as error:  # noqa: BLE001 - the connection loop is one of the two supervisors (house style 17)
            self._broken(error)

    async def write(self) -> None:
        """Write what has to wait for the socket, for ever. Raises SocketClosed."""
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            while self._held is not None:
                await self._socket.send(self._held.text)
                written, self._held = self._held, None
                self._note(written)
                self.flush()

    async def until_written(self, outgoing: Outgoing) -> bool:
        """Flush, and wait until a frame is written; False if the connection ends before."""
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._unwritten.append((outgoing, written))
        self._is_minded = True
        self.flush()
        return await written

    async def until_room(self) -> None:
        """Wait until answers don't pile up."""
        while self._rpc.unsent_answers >= MAX_UNSENT_ANSWERS:
            self._is_minded = True
            self._room.clear()
            await self._room.wait()

    async def until_quiet(self, seconds: float, asked: Iterable[asyncio.Future[Any]]) -> None:
        """Wait until calls under way are answered and `asked` is done, nothing can be written, or for that long."""
        answering = asyncio.ensure_future(self._until_answered())
        timer = asyncio.ensure_future(self._clock.sleep_until(self._clock.monotonic() + seconds))
        waited: set[asyncio.Future[Any]] = {answering, *asked}
        try:
            while waited and not timer.done():
                done, _ = await asyncio.wait({timer, *waited}, return_when=asyncio.FIRST_COMPLETED)
                waited -= done
        finally:
            answering.cancel()
            timer.cancel()
            await asyncio.gather(answering, timer, return_exceptions=True)

    async def _until_answered(self) -> None:
        asked = self._rpc.in_progress
        while not self._is_over and (self._held or self._rpc.unsent_answers or asked & self._rpc.in_progress):
            self._is_minded = True
            self._room.clear()
            await self._room.wait()

    def finish(self) -> None:
        """Nothing more is written."""
        self._is_over = True
        self._room.set()
        for _, written in self._unwritten:
            if not written.done():
                written.set_result(False)
        self._unwritten.clear()

    def _note(self, outgoing: Outgoing) -> None:
        if self._watch is not None:
            self._watch(seen_sent(outgoing))
        self._room.set()
        for position, (answer, written) in enumerate(self._unwritten):
            if answer is outgoing:
                del self._unwritten[position]
                if not written.done():
                    written.set_result(True)
                break
        self._is_minded = self._watch is not None or bool(self._unwritten)
