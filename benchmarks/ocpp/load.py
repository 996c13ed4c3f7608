"""The stations: as cheap a client as can be, so that the server is what is measured."""

import asyncio
import base64
import json
import os
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from benchmarks.ocpp.certificates import Identity

__all__ = ["Load", "drive"]

_HOST: Final = "127.0.0.1"
_REQUEST: Final = {"15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "exiRequest": "gJgC" * 64}
"""A call that our CPMS refuses at once, and writes nothing down for."""
_PAYLOAD: Final = json.dumps(
    {
        "vendorId": "iso15118",
        "messageId": "Get15118EVCertificate",
        "data": json.dumps(_REQUEST, separators=(",", ":")),
    },
    separators=(",", ":"),
)


@dataclass(frozen=True, slots=True)
class Load:
    """What the stations saw."""

    answers: int
    seconds: float


async def drive(port: int, stations: dict[str, Identity], seconds: float, ca: Path | None) -> Load:
    """Every station asks, one call after the other, for that long; `ca` makes it mutual TLS.

    Raises:
        SystemExit: an answer is not the one it should be.
    """
    doors = [await _connect(port, name, identity, ca) for name, identity in stations.items()]
    begun = time.perf_counter()
    for door in doors:
        door.begin(begun + seconds)
    counts = await asyncio.gather(*(door.done for door in doors))
    took = time.perf_counter() - begun
    for door in doors:
        door.transport.close()
    return Load(sum(counts), took)


class _Station(asyncio.Protocol):
    """One connection; a stream and its reader's futures cost twice as much, on a machine that the server needs too."""

    transport: asyncio.Transport

    def __init__(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[int] = loop.create_future()
        self._name = name
        self._received = b""
        self._answered = 0
        self._until = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of it
        key = base64.b64encode(os.urandom(16)).decode("ascii")
        self.transport.write(
            f"GET /ocpp/{self._name} HTTP/1.1\r\nHost: {_HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Look at the answers, and ask again."""
        self._received += data
        if not self.opened.done():
            self._open()
            return  # nobody has been asked yet
        while (message := self._message()) is not None:
            self._look_at(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection that ends while it is at work has failed."""
        for future in (self.opened, self.done):
            if not future.done():
                future.set_exception(SystemExit(f"{self._name} lost its connection: {exc}"))

    def begin(self, until: float) -> None:
        """Ask until then."""
        self._until = until
        self._ask()

    def _open(self) -> None:
        head, end, self._received = self._received.partition(b"\r\n\r\n")
        if not end:
            self._received = head
        elif head.startswith(b"HTTP/1.1 101"):
            self.opened.set_result(None)
        else:
            self.opened.set_exception(SystemExit(f"{self._name} was turned away: {head.splitlines()[0]!r}"))

    def _ask(self) -> None:
        self.transport.write(_frame(f'[2,"{self._answered}","DataTransfer",{_PAYLOAD}]'.encode()))

    def _look_at(self, answer: bytes) -> None:
        if not answer.startswith(f'[3,"{self._answered}"'.encode()) or b"Accepted" not in answer:
            self.done.set_exception(SystemExit(f"a call was answered {answer[:200]!r}"))
            return
        self._answered += 1
        if time.perf_counter() < self._until:
            self._ask()
        else:
            self.done.set_result(self._answered)

    def _message(self) -> bytes | None:
        """The next text; a server may ping in between, and needs no answer within a few seconds."""
        while len(self._received) >= 2:
            begins, size = 2, self._received[1]
            if size == 126:
                begins, size = 4, int.from_bytes(self._received[2:4], "big")
            if len(self._received) < begins + size:
                return None
            kind, payload = self._received[0], self._received[begins : begins + size]
            self._received = self._received[begins + size :]
            if kind == 0x81:
                return payload
        return None


async def _connect(port: int, name: str, identity: Identity, ca: Path | None) -> _Station:
    context = None
    if ca is not None:
        context = ssl.create_default_context(cafile=str(ca))
        context.load_cert_chain(identity.certificate, identity.key)
    loop = asyncio.get_running_loop()
    _, station = await loop.create_connection(lambda: _Station(name), _HOST, port, ssl=context)
    await station.opened
    return station


def _frame(payload: bytes) -> bytes:
    """One masked text frame (RFC 6455 section 5.2); a mask of zeros leaves the payload as it is."""
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else bytes((0x81, 0xFE)) + size.to_bytes(2, "big")
    return head + bytes(4) + payload
