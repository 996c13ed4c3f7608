"""Orders to a running test PKI: a socket in its folder that only its owner may use. NEVER for production.

One line of JSON each way and a connection an order. The socket is named through the folder's descriptor, since the
address of a Unix socket has 107 bytes at most and folders lie deeper.
"""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec

from chainpilot.errors import ChainpilotError, OwnError, UndecidedError
from chainpilot.testpki.cabinet import telling
from chainpilot.testpki.orders import Answer, Order

__all__ = ["CONTROL_FILE", "OrderNotAnswered", "OrderRefused", "Orderly", "give_order", "serve_control"]

CONTROL_FILE: Final = "control"
_MAX_LINE: Final = 256 * 1024
"""Bytes of an order or answer: a signing request of 64 KiB, written in JSON, several times over."""
_SECONDS: Final = 30.0
"""The time for an order to arrive and for an answer: P-521 keys are made in milliseconds."""
_CREDENTIALS: Final = "3i"
"""struct ucred of SO_PEERCRED: process, user, group (unix(7))."""


class OrderRefused(OwnError):
    """The running test PKI did not do what it was told to; `why` is its sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class OrderNotAnswered(UndecidedError):
    """Nobody knows what the running test PKI has done: it gave no answer that can be read."""

    def __init__(self, directory: Path, why: str) -> None:
        super().__init__(f"the test PKI in {directory} gave no answer ({why}); look with `testpki status`")
        self.directory = directory


class Orderly(Protocol):
    """A running test PKI."""

    def obey(self, order: Order) -> Answer:
        """Carry out an order. Raises ChainpilotError when it can't."""
        ...


@asynccontextmanager
async def serve_control(directory: Path, pki: Orderly) -> AsyncIterator[None]:
    """Take orders for `pki` at the socket in its folder, whose lock the caller holds. Raises CabinetError."""

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            if _is_ours(writer.get_extra_info("socket")):
                async with asyncio.timeout(_SECONDS):
                    line = await reader.readuntil(b"\n")
                writer.write(msgspec.json.encode(_obeyed(pki, line)) + b"\n")
                await writer.drain()
        writer.close()

    path = directory / CONTROL_FILE
    with telling(path), _address(directory) as address:
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(address)
            path.chmod(0o600)
        except OSError:
            listener.close()
            raise
    server = await asyncio.start_unix_server(attend, sock=listener, limit=_MAX_LINE)
    try:
        yield
    finally:
        server.close()
        with suppress(OSError):
            path.unlink(missing_ok=True)


def give_order(directory: Path, order: Order) -> Answer:
    """What the test PKI that runs in a folder answers to an order.

    Raises:
        OrderRefused: it was not carried out.
        OrderNotAnswered: nobody answers there, or nothing that can be read.
    """
    try:
        with _address(directory) as address, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(address)
            connection.sendall(msgspec.json.encode(order) + b"\n")
            with connection.makefile("rb") as file:
                line = file.readline(_MAX_LINE)
        answer = msgspec.json.decode(line, type=Answer)
    except (OSError, msgspec.DecodeError) as error:
        raise OrderNotAnswered(directory, str(error)) from error
    if answer.refused:
        raise OrderRefused(answer.refused)
    return answer


def _obeyed(pki: Orderly, line: bytes) -> Answer:
    try:
        return pki.obey(msgspec.json.decode(line, type=Order))
    except (ChainpilotError, msgspec.DecodeError) as error:
        return Answer(refused=str(error))


def _is_ours(connection: socket.socket) -> bool:
    """Whether the peer is this user or root, whatever the file's mode came to be."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(_CREDENTIALS))
    _, user, _ = struct.unpack(_CREDENTIALS, packed)
    return user in {0, os.geteuid()}


@contextmanager
def _address(directory: Path) -> Iterator[str]:
    """The socket's address, however deep the folder lies."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{CONTROL_FILE}"
    finally:
        os.close(descriptor)
