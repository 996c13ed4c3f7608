"""Frames on a real socket: however they are cut, what is read is what was sent; what is wrong ends as it always did."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from chainpilot.link.faults import SocketClosed
from chainpilot.link.inlet import MAX_UNREAD, Inlet
from chainpilot.link.websocket import InletSocket

pytestmark = pytest.mark.anyio

LONGEST = 70_000
MASK = b"\x1f\xb2\x1c\x37"
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TEXT, BINARY, MORE, CLOSE, PING, PONG = 0x81, 0x82, 0x80, 0x88, 0x89, 0x8A
BEGINS, GOES_ON = 0x01, 0x00


def frame(payload: bytes, first: int = TEXT, *, masked: bool = True) -> bytes:
    """One frame of a client, masked so that every byte changes."""
    size = len(payload)
    bit = 0x80 if masked else 0
    if size < 126:
        head = bytes((first, bit | size))
    elif size < 2**16:
        head = bytes((first, bit | 126)) + struct.pack(">H", size)
    else:
        head = bytes((first, bit | 127)) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[place % 4] for place, byte in enumerate(payload))


class Peer:
    """A client made of bytes, and the server's end it speaks with."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.sockets: asyncio.Queue[InletSocket] = asyncio.Queue()
        self.socket: InletSocket

    async def frame(self) -> tuple[int, bytes]:
        """The next frame of the server's."""
        first, size = await self.reader.readexactly(2)
        if size == 126:
            [size] = struct.unpack(">H", await self.reader.readexactly(2))
        elif size == 127:
            [size] = struct.unpack(">Q", await self.reader.readexactly(8))
        return first, await self.reader.readexactly(size)

    async def close_code(self) -> int:
        """That of the close frame, which is the next one."""
        first, payload = await self.frame()
        assert first == CLOSE
        self.writer.close()
        return int.from_bytes(payload[:2], "big")


@asynccontextmanager
async def connected(early: bytes = b"", *, meanwhile: bytes = b"") -> AsyncIterator[Peer]:
    """A connection just opened; `early` came with the request, `meanwhile` while it was being answered."""
    everything = asyncio.Event()
    size = len(REQUEST + early + meanwhile)

    class Counting(Inlet):
        come = 0

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.come += len(data)
            if self.come >= size:
                everything.set()

    async def admit(connection: ServerConnection, request: object) -> None:
        writer.write(meanwhile)
        await everything.wait()

    sockets: asyncio.Queue[InletSocket] = asyncio.Queue()
    done = asyncio.Event()

    async def work(connection: ServerConnection) -> None:
        assert isinstance(connection, Inlet)
        sockets.put_nowait(InletSocket(connection, LONGEST))
        await done.wait()

    async with serve(
        work,
        "127.0.0.1",
        0,
        create_connection=Counting,
        process_request=admit,
        compression=None,
        max_size=LONGEST,
        close_timeout=1,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(REQUEST + early)
            await reader.readuntil(b"\r\n\r\n")
            peer = Peer(reader, writer)
            peer.socket = await sockets.get()
            yield peer
        finally:
            done.set()
            writer.close()


async def received(peer: Peer, count: int) -> list[str | bytes]:
    async with asyncio.timeout(5):
        return [await peer.socket.recv() for _ in range(count)]


async def end(peer: Peer) -> SocketClosed:
    async with asyncio.timeout(5):
        with pytest.raises(SocketClosed) as caught:
            await peer.socket.recv()
    return caught.value


SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, LONGEST]


@pytest.mark.parametrize("size", SIZES)
async def test_texts_of_every_size_come_in_and_go_out(size: int) -> None:
    async with connected() as peer:
        peer.writer.write(frame(b"a" * size))
        assert await received(peer, 1) == ["a" * size]
        assert peer.socket.offer("b" * size)
        assert await peer.frame() == (TEXT, b"b" * size)


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 64])
async def test_frames_may_be_cut_anywhere(step: int) -> None:
    texts = ["", "ä€𝄞", "x" * 130, "last"]
    sent = b"".join(frame(text.encode()) for text in texts)
    async with connected() as peer:
        for start in range(0, len(sent), step):
            peer.writer.write(sent[start : start + step])
            await peer.writer.drain()
            await asyncio.sleep(0)
        assert await received(peer, len(texts)) == texts


async def test_many_frames_may_come_at_once_and_more_than_wait_are_not_read() -> None:
    count = 20 * MAX_UNREAD
    async with connected() as peer:
        peer.writer.write(b"".join(frame(b"%d" % number + b"." * 9000) for number in range(count)))
        await asyncio.sleep(0.05)
        assert len(peer.socket._inlet._messages) < count
        assert [str(text).rstrip(".") for text in await received(peer, count)] == [str(n) for n in range(count)]


async def test_a_ping_between_texts_is_answered_and_a_pong_is_none_of_theirs() -> None:
    async with connected() as peer:
        peer.writer.write(frame(b"one") + frame(b"are you there", PING) + frame(b"", PONG) + frame(b"two"))
        assert await received(peer, 2) == ["one", "two"]
        assert await peer.frame() == (PONG, b"are you there")


async def test_fragments_and_binary_frames_keep_their_order_among_texts() -> None:
    async with connected() as peer:
        peer.writer.write(
            frame(b"one")
            + frame(b"t", BEGINS)
            + frame(b"", PING)
            + frame(b"w", GOES_ON)
            + frame(b"o", MORE)
            + frame(b"three")
            + frame(b"\xff", BINARY)
            + frame(b"four")
        )
        assert await received(peer, 5) == ["one", "two", "three", b"\xff", "four"]
        peer.writer.write(frame(b"five"))
        assert await received(peer, 1) == ["five"]


async def test_frames_sent_before_the_handshake_ended_are_read_too() -> None:
    async with connected(early=frame(b"one")) as peer:
        peer.writer.write(frame(b"two"))
        assert await received(peer, 2) == ["one", "two"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (frame(b"a" * (LONGEST + 1)), 1009),
        (bytes((TEXT, 0xFF)) + struct.pack(">Q", 2**62), 1009),
        (frame(b"\xff\xfe"), 1007),
        (frame("ä".encode()[:1]), 1007),
        (frame(b"plain", masked=False), 1002),
        (frame(b"", masked=False), 1002),
        (frame(b"extension", TEXT | 0x40), 1002),
        (frame(b"of nothing", MORE), 1002),
        (frame(b"reserved", 0x83), 1002),
        (frame(b"a" * 126, PING), 1002),
    ],
    ids=[
        "too large",
        "a head that says so",
        "no UTF-8",
        "half a character",
        "no mask",
        "empty without a mask",
        "an extension",
        "a fragment of nothing",
        "a reserved opcode",
        "a large ping",
    ],
)
async def test_what_breaks_the_protocol_closes_the_connection_with_its_code(wrong: bytes, code: int) -> None:
    async with connected() as peer:
        peer.writer.write(frame(b"good") + wrong)
        assert await received(peer, 1) == ["good"]
        ended = asyncio.create_task(end(peer))
        assert await asyncio.wait_for(peer.close_code(), 5) == code
        assert (await ended).code == code
        assert not peer.socket.offer("too late")


async def test_a_peer_may_close_and_what_it_said_before_is_read_first() -> None:
    async with connected() as peer:
        peer.writer.write(frame(b"goodbye") + frame(struct.pack(">H", 1001) + b"going", CLOSE) + frame(b"ghost"))
        assert await received(peer, 1) == ["goodbye"]
        assert await peer.close_code() == 1001
        ended = await end(peer)
        assert (ended.code, ended.reason) == (1001, "going")


async def test_a_peer_may_vanish_in_the_middle_of_a_frame() -> None:
    async with connected() as peer:
        peer.writer.write(frame(b"whole") + frame(b"half")[:-1])
        assert await received(peer, 1) == ["whole"]
        waiting = asyncio.create_task(end(peer))
        await asyncio.sleep(0)
        peer.writer.close()
        assert (await waiting).code == 1006


async def test_our_own_closing_takes_the_peers_answer() -> None:
    async with connected() as peer:
        closing = asyncio.create_task(peer.socket.close(1008, "replaced"))
        assert (await peer.frame())[0] == CLOSE
        assert not peer.socket.offer("too late")
        peer.writer.write(frame(b"still talking") + frame(struct.pack(">H", 1008), CLOSE))
        await asyncio.wait_for(closing, 5)
        assert await received(peer, 1) == ["still talking"]
        assert (await end(peer)).code == 1008


async def test_nothing_is_offered_to_a_peer_that_does_not_read() -> None:
    async with connected() as peer:
        text = "x" * 60_000
        for _ in range(1000):
            if not peer.socket.offer(text):
                break
        else:
            pytest.fail("it took 60 MB")
        sending = asyncio.create_task(peer.socket.send("last"))
        while await peer.frame() != (TEXT, b"last"):
            pass
        await sending
        assert peer.socket.offer("more")
        assert await peer.frame() == (TEXT, b"more")


async def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    async with connected() as peer:
        waiting = asyncio.create_task(peer.socket.recv())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        peer.writer.write(frame(b"one"))
        assert await received(peer, 1) == ["one"]


@pytest.mark.parametrize("cut", [0, 1, 7, len(frame(b"one"))])
async def test_frames_that_came_while_the_request_was_being_answered_are_read_in_their_order(cut: int) -> None:
    both = frame(b"one") + frame(b"two")
    async with connected(meanwhile=both[:cut]) as peer:
        peer.writer.write(both[cut:])
        assert await received(peer, 2) == ["one", "two"]


async def test_a_broken_frame_beside_the_request_is_refused_though_it_ends_as_a_request_does() -> None:
    broken = bytes((TEXT, 0x80 | 10)) + MASK + b"\xff\xfe\xfd\xfc\xfb\xfa\r\n\r\n"
    async with connected(early=broken) as peer:
        assert (await end(peer)).code == 1007


@pytest.mark.parametrize("opcode", [0x83, 0x87, 0x8B, 0x8F])
async def test_an_opcode_that_nobody_knows_is_refused_before_its_frame_is_whole(opcode: int) -> None:
    async with connected() as peer:
        peer.writer.write(bytes((opcode, 0x80 | 100)))
        assert await peer.close_code() == 1002
