"""A CSMS for tests of the station: PyPI's `ocpp` behind a TLS WebSocket server, signing with the tests' own CAs."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action, DataTransferStatus, RegistrationStatus
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from certs import Pki

__all__ = ["PASSWORD", "STATION", "Csms", "Served", "csms_at"]

STATION = "CS-001"
PASSWORD = "correct horse battery"


class Served(ChargePoint):  # type: ignore[misc]  # - the library isn't typed
    """One connected station, as the CSMS sees it. What it does with a request is the CSMS's `signs`."""

    def __init__(self, csms: "Csms", connection: ServerConnection) -> None:
        super().__init__(STATION, connection, response_timeout=10)
        self.csms = csms
        self.connection = connection

    @on(Action.boot_notification)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _boot(self, **_: Any) -> Any:
        status = self.csms.boot_answers.pop(0) if self.csms.boot_answers else RegistrationStatus.accepted
        return call_result.BootNotification("2026-06-01T00:00:00Z", self.csms.interval, status)

    @on(Action.heartbeat)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _heartbeat(self) -> Any:
        self.csms.heartbeats += 1
        return call_result.Heartbeat("2026-06-01T00:00:00Z")

    @on(Action.status_notification)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _status(self, connector_id: int, status: str, **_: Any) -> Any:
        self.csms.connectors.append((connector_id, status))
        return call_result.StatusNotification()

    @on(Action.data_transfer)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _data(self, vendor_id: str, message_id: str, data: str) -> Any:
        assert vendor_id == "iso15118"
        self.csms.requests.append((message_id, json.loads(data)))
        status = "Accepted" if self.csms.accepts else "Rejected"
        return call_result.DataTransfer(DataTransferStatus.accepted, json.dumps({"status": status}))

    @after(Action.data_transfer)  # type: ignore[untyped-decorator] # - the library isn't typed
    async def _sign(self, message_id: str, data: str, **_: Any) -> None:
        if self.csms.signs is not None and self.csms.accepts:
            asked = json.loads(data)
            chain = self.csms.signs(asked["csr"], asked.get("typeOfCertificate"))
            await self.deliver(chain, asked.get("typeOfCertificate"))

    async def deliver(self, chain: str, use: str | None) -> dict[str, Any]:
        """Send CertificateSigned; the inner answer."""
        inner = {"cert": chain} | ({"typeOfCertificate": use} if use else {})
        answer = await self.ask("CertificateSigned", inner)
        self.csms.answers.put_nowait(answer)
        return answer

    async def ask(self, message_id: str, inner: object) -> dict[str, Any]:
        """A DataTransfer in the text's dialect; the inner answer, or the carrier's status."""
        data = inner if isinstance(inner, str) else json.dumps(inner)
        response = await self.call(call.DataTransfer("iso15118", message_id, data))
        return json.loads(response.data) if response.data else {"carrier": response.status}


class Csms:
    """What the test CSMS saw, and how it is to behave."""

    def __init__(self) -> None:
        self.signs: Callable[[str, str | None], str] | None = None
        self.accepts = True
        self.boot_answers: list[str] = []
        self.interval = 300
        self.heartbeats = 0
        self.connectors: list[tuple[int, str]] = []
        """Number and status, as StatusNotification told them."""
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.stations: asyncio.Queue[Served] = asyncio.Queue()
        self.client_names: list[str | None] = []
        self.port = 0

    def url(self, host: str = "localhost") -> str:
        """Where a station finds it."""
        return f"wss://{host}:{self.port}/ocpp/{STATION}"

    async def _serve(self, connection: ServerConnection) -> None:
        tls = connection.transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert() if tls else None
        subject = dict(pair for rdn in (certificate or {}).get("subject", ()) for pair in rdn)
        self.client_names.append(subject.get("commonName"))
        station = Served(self, connection)
        self.stations.put_nowait(station)
        with suppress(ConnectionClosed):
            await station.start()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        tls = connection.transport.get_extra_info("ssl_object")
        if tls is not None and tls.getpeercert():
            return None
        expected = base64.b64encode(f"{STATION}:{PASSWORD}".encode()).decode()
        return (
            None if request.headers.get("Authorization") == f"Basic {expected}" else connection.respond(401, "who?\n")
        )


@asynccontextmanager
async def csms_at(directory: Path, pki: Pki, *, name: str = "localhost", port: int = 0) -> AsyncIterator[Csms]:
    """A CSMS on loopback whose certificate is for `name`; a client certificate of `pki` stands for a password."""
    csms = Csms()
    chain, key = pki.server(name)
    (directory / "server.pem").write_text(chain)
    (directory / "server.key").write_bytes(key)
    (directory / "root.pem").write_text(pki.root.certificate.to_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    context.load_verify_locations(directory / "root.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    async with serve(
        csms._serve,
        "127.0.0.1",
        port,
        ssl=context,
        subprotocols=["ocpp1.6"],  # type: ignore[list-item] # - a NewType of str
        process_request=csms._admit,
        compression=None,
    ) as server:
        csms.port = next(iter(server.sockets)).getsockname()[1]
        yield csms
