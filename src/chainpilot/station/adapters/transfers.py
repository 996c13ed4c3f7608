"""Files fetched from, and brought to, the HTTP servers that a CSMS names (OCPP use cases L01, N01).

A file passes through in pieces. What it is for, and when to try again, is decided in the flows; FTP is not spoken.
"""

import contextlib
import http.client
import os
import ssl
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import IO, Final

from chainpilot.station.adapters.http_exchange import (
    Exchange,
    TransferLimits,
    headers_for,
    in_words,
    tls_context,
    verdict_on,
)
from chainpilot.station.agent.locations import FileLocation, read_location
from chainpilot.station.agent.ports import TransferRefused, TransferUndecided
from chainpilot.station.model import CaCertificateType
from chainpilot.station.service import EvseSecurity

__all__ = ["HttpTransfers", "transfers_of"]

_PIECE: Final = 64 << 10
_IN_MEMORY: Final = 1 << 20
"""Bytes of a file to bring that are gathered in memory; more of it on disk."""
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def transfers_of(security: EvseSecurity) -> "HttpTransfers":
    """HTTP and HTTPS as a station speaks it whose CSMS's own PKI counts for places of logs and firmware (N01.FR.15)."""

    def anchors() -> str:
        return "".join(one.to_pem() for one in security.trust_anchors(CaCertificateType.CSMS))

    return HttpTransfers(anchors=anchors)


class HttpTransfers:
    """Transfers over HTTP and HTTPS.

    Args:
        ca_file: the CAs that a server's certificate must lead to; None are the system's (N01.FR.16).
        anchors: more of them as PEM, asked for each connection: those of the CSMS (N01.FR.15), "" for none.
        limits: bounds of time and size.
    """

    def __init__(
        self,
        *,
        ca_file: Path | None = None,
        anchors: Callable[[], str] = lambda: "",
        limits: TransferLimits | None = None,
    ) -> None:
        self._ca_file = ca_file
        self._anchors = anchors
        self._limits = limits or TransferLimits()

    def fetch(self, url: str, into: Path, *, limit: int) -> None:
        """See Transfers."""
        pieces = self._pieces(read_location(url), limit)
        with contextlib.closing(pieces), _new_file(into) as file:
            for piece in pieces:
                file.write(piece)
                if not os.fstat(file.fileno()).st_nlink:
                    raise TransferUndecided("nobody wants the file any more")

    def bring(self, url: str, content: Iterable[bytes], *, filename: str) -> None:
        """See Transfers."""
        location = read_location(url).within(filename)
        with in_words(location.place), tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            self._gather(content, file)
            with (
                self._exchange(location) as exchange,
                _expiring(exchange, location),
                _put(exchange.connection, location, file) as response,
            ):
                if not 200 <= response.status < 300:
                    raise verdict_on(response.status, location.place)

    def _gather(self, content: Iterable[bytes], file: IO[bytes]) -> None:
        """All of it first: what is sent must say how long it is, since many servers take nothing else."""
        for piece in content:
            if file.tell() + len(piece) > self._limits.most_sent:
                raise TransferRefused(f"the file is larger than {self._limits.most_sent} bytes")
            try:
                file.write(piece)
            except OSError as error:
                raise TransferUndecided(f"the file can't be gathered here ({error.strerror})") from error

    def _exchange(self, location: FileLocation) -> Exchange:
        return Exchange(location, self._tls() if location.scheme == "https" else None, self._limits)

    def _tls(self) -> ssl.SSLContext:
        try:
            return tls_context(self._ca_file, self._anchors)
        except OSError as error:
            raise TransferUndecided(f"the CAs for HTTPS can't be read here ({error.strerror or error})") from error

    def _pieces(self, location: FileLocation, limit: int) -> Generator[bytes, None, None]:
        """The body of the answer to a GET, all of it or an exception."""
        with in_words(location.place), self._exchange(location) as exchange, _expiring(exchange, location):
            exchange.connection.request("GET", location.target, headers=headers_for(location))
            with exchange.connection.getresponse() as response:
                yield from _body_of(response, location.place, limit)


def _body_of(response: http.client.HTTPResponse, place: str, limit: int) -> Iterator[bytes]:
    length = _length_of(response, place, limit)
    count = 0
    while (length is None or count < length) and (piece := response.read1(_PIECE)):
        count += len(piece)
        if count > limit:
            raise _too_large(place, limit)
        yield piece
    if length is not None and count != length:
        raise TransferUndecided(f"the server at {place} broke off after {count} of {length} bytes")


def _length_of(response: http.client.HTTPResponse, place: str, limit: int) -> int | None:
    """Bytes of the body; None where it comes in chunks, which end in their own way."""
    if response.status != 200:
        raise verdict_on(response.status, place)
    if (response.getheader("Content-Encoding") or "identity").strip().lower() != "identity":
        raise TransferRefused(f"the server at {place} compresses the file, which nobody asked for")
    if not response.chunked and response.length is None:
        # nor does one that breaks off in its headers, which trying again may mend
        raise TransferUndecided(f"the server at {place} doesn't say how long the file is: a cut would go unnoticed")
    if response.length is not None and response.length > limit:
        raise _too_large(place, limit)
    return response.length


def _too_large(place: str, limit: int) -> TransferRefused:
    return TransferRefused(f"the file at {place} is larger than {limit} bytes")


def _put(connection: http.client.HTTPConnection, location: FileLocation, file: IO[bytes]) -> http.client.HTTPResponse:
    """The answer, also that of a server which refuses before it has read everything."""
    length = file.tell()
    file.seek(0)
    headers = headers_for(location) | {"Content-Type": "application/octet-stream", "Content-Length": str(length)}
    try:
        connection.request("PUT", location.target, file, headers)
    except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError) as cut:
        try:
            return connection.getresponse()
        except (OSError, http.client.HTTPException):
            raise cut from None
    return connection.getresponse()


@contextlib.contextmanager
def _expiring(exchange: Exchange, location: FileLocation) -> Iterator[None]:
    """Words for an exchange that was cut because it took too long, whatever that looked like from inside."""
    try:
        yield
    except (OSError, http.client.HTTPException, TransferRefused, TransferUndecided):
        if not exchange.is_expired:
            raise
        raise TransferUndecided(f"the exchange with the server at {location.place} took too long") from None


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file for its owner only, durable when the block ends well and gone when it doesn't. Raises OSError."""
    descriptor = os.open(path, _CREATE, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        _sync_directory(path.parent)
    except BaseException:  # whatever ends it, no part of a file is left behind
        path.unlink(missing_ok=True)
        raise


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
