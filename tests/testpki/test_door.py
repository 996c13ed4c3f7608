"""Who keeps a server of the test PKI waiting, or comes with too many connections."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from chainpilot.testpki.http import HttpServer, serve
from rawserver import make_identity

Open = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
PATIENCE = 0.3
DEADLINE = 10.0
"""Of the tests themselves; without a bound the connections would last for 30 seconds and more."""


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The loop that embeds it in tests, and the one of the command line."""
    return "asyncio", {"use_uvloop": request.param}


async def here(request: web.Request) -> web.Response:
    return web.Response(text="here")


@asynccontextmanager
async def served(
    *, tls: ssl.SSLContext | None = None, patience: float = PATIENCE, places: int = 10
) -> AsyncIterator[tuple[Open, HttpServer]]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # it is soon full of answers that nobody reads
    address: tuple[str, int] = listener.getsockname()
    server = await serve(here, listener, tls, patience=patience, places=places)
    writers: list[asyncio.StreamWriter] = []

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*address)
        writers.append(writer)
        return reader, writer

    try:
        async with asyncio.timeout(DEADLINE):
            yield connect, server
    finally:
        for writer in writers:
            writer.close()
        await server.cleanup()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What comes up to the end, whichever way it ends."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.parametrize("head", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: here\r\n"])
async def test_a_client_that_never_sends_its_whole_head_is_cut_off(head: bytes) -> None:
    async with served() as (connect, _):
        reader, writer = await connect()
        writer.write(head)
        assert await rest(reader) == b""


async def test_a_head_that_drips_in_byte_by_byte_gains_no_time() -> None:
    async with served() as (connect, _):
        reader, writer = await connect()
        ended = asyncio.create_task(rest(reader))
        writer.write(b"GET / HTTP/1.1\r\nHost: ")
        while not ended.done():
            writer.write(b"a")
            await asyncio.wait([ended], timeout=PATIENCE / 5)
        assert await ended == b""


async def test_a_tls_handshake_that_does_not_begin_is_cut_off(tmp_path: Path) -> None:
    async with served(tls=make_identity(tmp_path, "127.0.0.1").context) as (connect, _):
        reader, _writer = await connect()
        assert await rest(reader) == b""


async def test_a_tls_client_that_is_silent_after_its_handshake_is_cut_off(tmp_path: Path) -> None:
    identity = make_identity(tmp_path, "127.0.0.1")
    trust = ssl.create_default_context(cafile=identity.anchors)
    async with served(tls=identity.context) as (connect, _):
        reader, writer = await connect()
        await writer.start_tls(trust, server_hostname="127.0.0.1")
        assert await rest(reader) == b""


async def test_every_request_gives_its_connection_new_time_and_the_end_comes_after_the_last() -> None:
    async with served() as (connect, _):
        reader, writer = await connect()
        begin = asyncio.get_running_loop().time()
        count = 0
        while asyncio.get_running_loop().time() < begin + 2 * PATIENCE:
            writer.write(REQUEST)
            assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200 ")
            count += 1
        assert count > 2
        assert await rest(reader) == b""


async def test_a_client_that_reads_no_answers_is_cut_off() -> None:
    async with served() as (connect, server):
        _reader, writer = await connect()

        async def ask_for_ever() -> None:
            while True:
                writer.write(REQUEST * 1000)
                await writer.drain()

        with pytest.raises(ConnectionError):
            await ask_for_ever()
        assert server.connections == 0


async def test_beyond_the_last_place_a_client_waits_until_one_is_free() -> None:
    order: list[str] = []
    async with served(places=1) as (connect, _):
        silent, _silent_writer = await connect()
        asking, writer = await connect()
        writer.write(REQUEST)

        async def until_cut_off() -> None:
            await rest(silent)
            order.append("cut off")

        async def until_answered() -> None:
            await asking.readuntil(b"here")
            order.append("answered")

        await asyncio.gather(until_cut_off(), until_answered())
    assert order == ["cut off", "answered"]


async def test_within_the_places_nobody_waits_for_another() -> None:
    async with served(patience=DEADLINE, places=2) as (connect, server):
        await connect()
        reader, writer = await connect()
        writer.write(REQUEST)
        await reader.readuntil(b"here")
        assert server.connections == 2


async def test_a_failed_handshake_gives_its_place_back(tmp_path: Path) -> None:
    identity = make_identity(tmp_path, "127.0.0.1")
    trust = ssl.create_default_context(cafile=identity.anchors)
    async with served(tls=identity.context, patience=DEADLINE, places=1) as (connect, _):
        for _attempt in range(3):
            reader, writer = await connect()
            writer.write(b"this is no handshake")
            await rest(reader)
        reader, writer = await connect()
        await writer.start_tls(trust, server_hostname="127.0.0.1")
        writer.write(REQUEST)
        assert await reader.readuntil(b"here")


async def test_stopping_ends_every_connection_at_once(tmp_path: Path) -> None:
    async with served(patience=DEADLINE) as (connect, server):
        idle, _writer = await connect()
        used, writer = await connect()
        writer.write(REQUEST)
        await used.readuntil(b"here")
        await server.cleanup()
        assert await rest(idle) == await rest(used) == b""
        assert server.connections == 0
        with pytest.raises(ConnectionError):
            await connect()
