"""A TLS server on loopback that says exactly what a test wants, byte by byte, and keeps what it was told."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from chainpilot.clock import SYSTEM
from chainpilot.testpki.authorities import open_authorities
from chainpilot.testpki.cabinet import Cabinet
from chainpilot.testpki.est_app import tls_server_context
from chainpilot.testpki.material import Material
from chainpilot.testpki.tls_server import issue_tls_server

__all__ = ["Played", "RawServer", "Script", "ServerIdentity", "answering", "http_answer", "make_identity", "raw_server"]

Script = Callable[["Played"], Awaitable[None]]


@dataclass
class Played:
    """One connection in a script's hands."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[bytes]

    async def read_request(self) -> bytes:
        """One request, head and body by Content-Length; kept in `requests`."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        fields = (line.partition(b":") for line in head.split(b"\r\n")[1:])
        length = next((int(value) for name, _, value in fields if name.lower() == b"content-length"), 0)
        request = head + await self.reader.readexactly(length)
        self.requests.append(request)
        return request

    async def say(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()


@dataclass
class RawServer:
    """A running server."""

    url: str
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class ServerIdentity:
    """A server certificate and what a client needs to believe it."""

    context: ssl.SSLContext
    anchors: Path


def make_identity(directory: Path, *names: str) -> ServerIdentity:
    """A certificate for these names from a web root of its own."""
    at: datetime = SYSTEM.now().astimezone(UTC)
    issuers = open_authorities(Cabinet(directory), Material(), ocsp_url="http://127.0.0.1:1", at=at)
    material = Material()
    files = issue_tls_server(issuers["web_root"], names, material.key("server"), at).write(directory, "server")
    return ServerIdentity(tls_server_context(*files), directory / "web_root.pem")


def http_answer(status: int, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A whole HTTP answer."""
    fields = {"Content-Length": str(len(body))} | headers
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Played\r\n{lines}\r\n".encode() + body


def answering(answer: bytes) -> Script:
    """A script that reads one request, answers and closes."""

    async def script(played: Played) -> None:
        await played.read_request()
        await played.say(answer)

    return script


@asynccontextmanager
async def raw_server(script: Script, tls: ssl.SSLContext | None) -> AsyncIterator[RawServer]:
    """Play `script` to everybody who connects; connections left over at the end are cut."""
    server = RawServer("")
    playing: set[asyncio.Task[None]] = set()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        playing.add(task)
        server.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await script(Played(reader, writer, server.requests))
        writer.close()
        playing.discard(task)

    listener = await asyncio.start_server(play, "127.0.0.1", 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        listener.close()
        for task in tuple(playing):
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)
