"""A TCP connection's middle on loopback, which carries bytes both ways and cuts where it is told.

What goes through is TLS to it: a place is a number of bytes, and nothing in here knows of frames.
"""

import asyncio
import random
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = ["Cut", "Cutter", "Kind", "Way", "cutter_to"]

_SILENCE: Final = 0.2
"""Seconds for which a connection whose one direction carries nothing more stays open."""


class Way(Enum):
    """The direction whose bytes are counted."""

    UP = "station to CSMS"
    DOWN = "CSMS to station"


class Kind(Enum):
    """How a connection ends."""

    RESET = "RST to both"
    END = "FIN to both"
    SILENCE = "nothing more in that direction, a RST later"


@dataclass(frozen=True)
class Cut:
    """After exactly so many bytes of that direction have been carried."""

    way: Way
    after: int
    kind: Kind = Kind.RESET

    @classmethod
    def anywhere(cls, chance: random.Random, up: int, down: int) -> "Cut":
        """At a random byte of a conversation with that many bytes each way."""
        way = chance.choice(tuple(Way))
        return cls(way, chance.randint(0, up if way is Way.UP else down), chance.choice(tuple(Kind)))


@dataclass
class Carried:
    """Of one connection."""

    up: int = 0
    down: int = 0
    cut: Cut | None = None
    """Which was carried out."""

    def add(self, way: Way, count: int) -> None:
        """Count bytes."""
        if way is Way.UP:
            self.up += count
        else:
            self.down += count


class Cutter:
    """The middle; each connection that comes takes the next cut of `plan`, and lives where there is none."""

    def __init__(self, target: int) -> None:
        self.target = target
        """The port on loopback where the connections lead."""
        self.port = 0
        self.plan: deque[Cut] = deque()
        self.connections: list[Carried] = []
        self._open: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []

    @property
    def cuts(self) -> int:
        """Carried out so far."""
        return sum(one.cut is not None for one in self.connections)

    def cut_now(self) -> None:
        """Reset every connection that is open."""
        for pair in self._open:
            for end in pair:
                _reset(end)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        cut = self.plan.popleft() if self.plan else None
        carried = Carried()
        self.connections.append(carried)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _reset(writer)
            return
        pair = (writer, far_writer)
        self._open.append(pair)
        pumps = [
            asyncio.create_task(self._pump(carried, cut, Way.UP, reader, far_writer)),
            asyncio.create_task(self._pump(carried, cut, Way.DOWN, far_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            is_end = carried.cut is None or carried.cut.kind is Kind.END
            for end in pair:
                if is_end:
                    end.close()
                else:
                    _reset(end)
        finally:
            self._open.remove(pair)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in pair:
                _reset(end) if carried.cut is not None and carried.cut.kind is not Kind.END else end.close()

    async def _pump(
        self, carried: Carried, cut: Cut | None, way: Way, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        left = cut.after if cut is not None and cut.way is way else None
        with suppress(ConnectionError):
            while left != 0:
                data = await source.read(65_536 if left is None else left)
                if not data:
                    return
                sink.write(data)
                carried.add(way, len(data))
                await sink.drain()
                left = None if left is None else left - len(data)
            carried.cut = cut
            if cut is not None and cut.kind is Kind.SILENCE:
                await asyncio.sleep(_SILENCE)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a router that forgot it does: what was not delivered is gone."""
    bare = writer.get_extra_info("socket")
    with suppress(OSError, AttributeError):
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def cutter_to(port: int) -> AsyncIterator[Cutter]:
    """A middle before that port on loopback."""
    cutter = Cutter(port)
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            await cutter.carry(reader, writer)
        except asyncio.CancelledError:
            _reset(writer)
        finally:
            serving.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    cutter.port = server.sockets[0].getsockname()[1]
    try:
        yield cutter
    finally:
        server.close()
        for task in tuple(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
