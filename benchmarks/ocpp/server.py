"""The child process that serves: `ours` or `peer`. A job comes in by the first line of standard input.

It prints its two ports, then its CPU seconds for every further line, and ends with standard input.
"""

import asyncio
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from websockets.asyncio.server import serve
from websockets.typing import Subprotocol

from benchmarks.ocpp.certificates import OPERATOR
from chainpilot.cpms.app import Cpms
from chainpilot.cpms.config import CpmsConfig, DatabaseConfig, ListenerConfig, ServerCertificate
from chainpilot.cpms.model import SecurityProfile, StationRecord
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.identity import parse_station_id
from chainpilot.pki.trust import TrustAnchors

__all__ = ["Ports", "ServerJob"]

_HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ServerJob:
    """What to serve with."""

    kind: str
    folder: str
    ca: str
    ca_pem: str
    certificate: str
    key: str
    stations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ports:
    """Where it listens."""

    plain: int
    mutual_tls: int


@asynccontextmanager
async def _ours(job: ServerJob) -> AsyncIterator[Ports]:
    """The CPMS as it is, records and all, on one port without TLS and one with."""
    anchors = TrustAnchors.admit(load_certificates(job.ca_pem))
    served = (ServerCertificate(Path(job.certificate), Path(job.key)),)
    config = CpmsConfig(
        listeners=(
            ListenerConfig("plain", SecurityProfile.UNSECURED, _HOST, 0),
            ListenerConfig(
                "mutual-tls", SecurityProfile.MUTUAL_TLS, _HOST, 0, certificates=served, client_anchors=anchors
            ),
        ),
        database=DatabaseConfig(Path(job.folder) / "cpms.sqlite"),
    )
    async with Cpms(config) as cpms:
        yield Ports(cpms.listeners["plain"][1], cpms.listeners["mutual-tls"][1])


async def _add_stations(job: ServerJob) -> None:
    """Those without TLS have ids of their own: one met on a higher profile is let in on no lower one any more."""
    config = CpmsConfig(listeners=(), database=DatabaseConfig(Path(job.folder) / "cpms.sqlite"))
    async with Cpms(config) as cpms:
        for name in job.stations:
            record = StationRecord(
                parse_station_id(name), "", minimum_profile=SecurityProfile.UNSECURED, organisation=OPERATOR
            )
            await cpms.add_station(record)


class _PeerStation(ChargePoint):  # type: ignore[misc]  # - the peer is untyped
    """A station at the peer's server: the handler its documentation would have us write."""

    @on("DataTransfer")  # type: ignore[untyped-decorator]  # - the peer is untyped
    def on_data_transfer(self, **_: Any) -> Any:
        """Refuse inside an accepted carrier, as ours does."""
        return call_result.DataTransfer(status="Accepted", data='{"status":"Failed","exiResponse":""}')


@asynccontextmanager
async def _peer(job: ServerJob) -> AsyncIterator[Ports]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(job.certificate, job.key)
    context.load_verify_locations(job.ca)
    context.verify_mode = ssl.CERT_REQUIRED

    async def work(connection: Any) -> None:
        await _PeerStation("station", connection).start()

    offered = [Subprotocol("ocpp1.6")]
    async with (
        serve(work, _HOST, 0, subprotocols=offered, compression=None) as plain,
        serve(work, _HOST, 0, subprotocols=offered, compression=None, ssl=context) as secured,
    ):
        yield Ports(*(next(iter(one.sockets)).getsockname()[1] for one in (plain, secured)))


_SERVERS: Final[dict[str, Callable[[ServerJob], Any]]] = {"ours": _ours, "peer": _peer}


async def _serve(job: ServerJob, lines: asyncio.StreamReader) -> None:
    if job.kind == "ours":
        await _add_stations(job)
    async with _SERVERS[job.kind](job) as ports:
        _say(ports)
        while await lines.readline():
            _say(time.process_time())


def _say(value: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


async def _main() -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    await _serve(msgspec.json.decode(await lines.readline(), type=ServerJob), lines)


if __name__ == "__main__":
    uvloop.run(_main())
