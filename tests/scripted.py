"""A CSMS that says exactly the texts that a test wants over a WebSocket with TLS, and keeps every frame it gets."""

import asyncio
import itertools
import json
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from certs import Pki
from chainpilot.wire.version import OcppVersion

__all__ = ["Answers", "Conversation", "ScriptedCsms", "obliging", "result", "scripted_csms"]

PATIENCE = 20.0
"""Seconds until a test says that something never happened."""
Answers = Callable[[str, str, Any], list[str | bytes]]
"""From id, action and payload of a station's call to the texts that it is answered with."""


def result(message_id: str, payload: object) -> str:
    """A CALLRESULT's text."""
    return json.dumps([3, message_id, payload])


def obliging(message_id: str, action: str, payload: Any) -> list[str | bytes]:
    """Accept whatever a station says; a signing request brings no certificate by itself."""
    del payload
    time = {"currentTime": "2026-06-01T00:00:00Z"}
    said: dict[str, dict[str, object]] = {
        "BootNotification": {**time, "interval": 300, "status": "Accepted"},
        "Heartbeat": {**time},
        "SecurityEventNotification": {},
        "SignCertificate": {"status": "Accepted"},
        "DataTransfer": {"status": "Accepted", "data": '{"status":"Accepted"}'},
    }
    return [result(message_id, said.get(action, {}))]


class Conversation:
    """One connection of the station."""

    def __init__(self, csms: "ScriptedCsms", connection: ServerConnection) -> None:
        self.csms = csms
        self.connection = connection
        self.frames: list[Any] = []
        """All that came, decoded."""
        self.has_ended = False
        self._news = asyncio.Condition()
        self._ids = itertools.count(1)

    async def serve(self) -> None:
        """Answer the station's calls until the connection ends."""
        with suppress(ConnectionClosed):
            async for text in self.connection:
                frame = json.loads(text)
                self.frames.append(frame)
                if frame[0] == 2:
                    for said in self.csms.answers(frame[1], frame[2], frame[3]):
                        await self.connection.send(said)
                await self._tell()
        self.has_ended = True
        await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, holds: Callable[[], Any]) -> Any:
        """What `holds` answers, once that is something; it is asked after each frame."""
        async with asyncio.timeout(PATIENCE), self._news:
            while not (found := holds()):
                await self._news.wait()
            return found

    async def send(self, text: str | bytes) -> None:
        """Say that."""
        await self.connection.send(text)

    def answers_to(self, message_id: str) -> list[Any]:
        """Every CALLRESULT and CALLERROR with that id so far."""
        return [frame for frame in self.frames if frame[0] in {3, 4} and frame[1] == message_id]

    async def answer_to(self, message_id: str) -> list[Any]:
        """The first answer with that id."""
        found: list[Any] = (await self.until(lambda: self.answers_to(message_id)))[0]
        return found

    async def answer_or_end(self, message_id: str) -> list[Any] | None:
        """The first answer with that id; None once the connection has ended without."""
        await self.until(lambda: self.has_ended or self.answers_to(message_id))
        return next(iter(self.answers_to(message_id)), None)

    async def call(self, action: str, payload: object, message_id: str | None = None) -> list[Any]:
        """Ask the station; its whole answer frame."""
        message_id = message_id or f"c{next(self._ids)}"
        await self.send(json.dumps([2, message_id, action, payload]))
        return await self.answer_to(message_id)

    def calls(self, *actions: str) -> list[Any]:
        """The station's calls of these actions so far."""
        return [frame for frame in self.frames if frame[0] == 2 and frame[2] in actions]

    async def called(self, *actions: str, times: int = 1) -> Any:
        """The `times`-th call of the station of one of these actions."""
        return (await self.until(lambda: len(self.calls(*actions)) >= times and self.calls(*actions)))[times - 1]


class ScriptedCsms:
    """What it answers, and the connections that came."""

    def __init__(self) -> None:
        self.answers: Answers = obliging
        self.port = 0
        self.conversations: asyncio.Queue[Conversation] = asyncio.Queue()
        self.all: list[Conversation] = []

    @property
    def url(self) -> str:
        """Where a station finds it."""
        return f"wss://localhost:{self.port}/ocpp"

    async def conversation(self) -> Conversation:
        """The next connection."""
        async with asyncio.timeout(PATIENCE):
            return await self.conversations.get()

    async def _serve(self, connection: ServerConnection) -> None:
        one = Conversation(self, connection)
        self.all.append(one)
        self.conversations.put_nowait(one)
        await one.serve()


@asynccontextmanager
async def scripted_csms(directory: Path, pki: Pki, version: OcppVersion) -> AsyncIterator[ScriptedCsms]:
    """A CSMS on loopback for `localhost`, which lets everybody in."""
    csms = ScriptedCsms()
    chain, key = pki.server("localhost")
    (directory / "server.pem").write_text(chain)
    (directory / "server.key").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    quiet = logging.getLogger("scripted")
    quiet.setLevel(logging.CRITICAL)  # its debug lines show payloads, and a test looks for them in the station's log
    async with serve(
        csms._serve,
        "127.0.0.1",
        0,
        ssl=context,
        subprotocols=[version.value],  # type: ignore[list-item] # - a NewType of str
        compression=None,
        max_size=None,
        logger=quiet,
    ) as server:
        csms.port = next(iter(server.sockets)).getsockname()[1]
        yield csms
