"""The stations: as cheap a client as can be, so that the server is what is measured."""

import asyncio
import base64
import json
import os
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.ocpp.certificates import Identity

__all__ = ["Load", "drive"]

_HOST: Final = "127.0.0.1"
_QUESTION: Final = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "5f1e" * 16,
    "issuerKeyHash": "a07c" * 16,
    "serialNumber": "1f0b8d3c55aa7e21",
    "responderURL": "http://ocsp.example.org/v2g",
}
_PAYLOAD: Final = json.dumps(
    {
        "vendorId": "iso15118",
        "messageId": "GetCertificateStatus",
        "data": json.dumps({"ocspRequestData": _QUESTION}, separators=(",", ":")),
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
    counts = await asyncio.gather(*(_ask(reader, writer, begun + seconds) for reader, writer in doors))
    took = time.perf_counter() - begun
    for _, writer in doors:
        writer.close()
    return Load(sum(counts), took)


async def _connect(
    port: int, name: str, identity: Identity, ca: Path | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = None
    if ca is not None:
        context = ssl.create_default_context(cafile=str(ca))
        context.load_cert_chain(identity.certificate, identity.key)
    reader, writer = await asyncio.open_connection(_HOST, port, ssl=context)
    key = base64.b64encode(os.urandom(16)).decode("ascii")
    writer.write(
        f"GET /ocpp/{name} HTTP/1.1\r\nHost: {_HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101"):
        raise SystemExit(f"{name} was turned away: {head.splitlines()[0]!r}")
    return reader, writer


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, until: float) -> int:
    answered = 0
    while time.perf_counter() < until:
        writer.write(_frame(f'[2,"{answered}","DataTransfer",{_PAYLOAD}]'.encode()))
        answer = await _message(reader)
        if not answer.startswith(f'[3,"{answered}"'.encode()) or b"Accepted" not in answer:
            raise SystemExit(f"a call was answered {answer[:200]!r}")
        answered += 1
    return answered


def _frame(payload: bytes) -> bytes:
    """One masked text frame (RFC 6455 section 5.2); a mask of zeros leaves the payload as it is."""
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else bytes((0x81, 0xFE)) + size.to_bytes(2, "big")
    return head + bytes(4) + payload


async def _message(reader: asyncio.StreamReader) -> bytes:
    """The next text; a server may ping in between, and needs no answer within a few seconds."""
    while True:
        head = await reader.readexactly(2)
        size = head[1]
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2), "big")
        payload = await reader.readexactly(size)
        if head[0] == 0x81:
            return payload
