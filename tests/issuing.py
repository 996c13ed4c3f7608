"""A CSMS on PyPI's `ocpp`, of either version and every dialect, that issues once for a key and hands out what it has.

Its own memory outlasts every connection, so that a test can ask afterwards what a station did over all of them.
"""

import asyncio
import base64
import json
import ssl
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ocpp.v16
import ocpp.v201
from cryptography import x509
from ocpp.exceptions import NotImplementedError as NotImplementedFault
from ocpp.routing import after, on
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from certs import Pki
from chainpilot.pki.keys import spki_hash
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.version import OcppVersion
from csms import PASSWORD

__all__ = ["VENDORS", "IssuingCsms", "Known", "issuing_csms"]

VENDORS = {Dialect.H: "iso15118", Dialect.O: "org.openchargealliance.iso15118pnc"}
_TIME = "2026-06-01T00:00:00Z"
_TYPE = {Dialect.H: "typeOfCertificate", Dialect.O: "certificateType"}
_CHAIN = {Dialect.H: "cert", Dialect.O: "certificateChain"}
_SIGNS = {LeafUse.V2G: "SignV2GCertificate", LeafUse.CSMS: "SignChargingStationCertificate"}


async def _greet_nobody(_: Any) -> None:
    pass


@dataclass
class Known:
    """What the CSMS knows of one station."""

    password: str = PASSWORD
    asked: list[str] = field(default_factory=list)
    """The key of every SignCertificate, in the order they came."""
    chains: dict[str, str] = field(default_factory=dict)
    """Issued, by key."""
    use: dict[str, LeafUse | None] = field(default_factory=dict)
    answers: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """What the station said to CertificateSigned, by key."""
    events: list[tuple[str, str]] = field(default_factory=list)
    """Type and timestamp of every SecurityEventNotification."""
    boots: int = 0
    served: "Any" = None
    """The connection that is open, or was last."""

    def undelivered(self) -> list[str]:
        """Keys whose certificate the station has not confirmed."""
        return [key for key in self.chains if "Accepted" not in self.answers[key]]


class IssuingCsms:
    """What it saw, and how it is to behave."""

    def __init__(self, v2g: Pki, own: Pki) -> None:
        self.issuers = {LeafUse.V2G: v2g, LeafUse.CSMS: own, None: own}
        self.dialects = {Dialect.H, Dialect.O, Dialect.S}
        """Those of 1.6 that it knows."""
        self.delivers = True
        """Whether it sends a certificate by itself."""
        self.redelivers = False
        """Whether it sends at a boot what was not confirmed."""
        self.known: dict[str, Known] = defaultdict(Known)
        self.accepted: asyncio.Queue[str] = asyncio.Queue()
        """A station's id for each boot that was accepted."""
        self.issued: Counter[str] = Counter()
        """How often for each key."""
        self.greets: Callable[[Any], Awaitable[None]] = _greet_nobody
        """What it does with a station that was just accepted."""
        self.changed: Callable[[], None] = lambda: None
        """Called when a station has answered or booted."""
        self.port = 0

    def take(self, station: str, csr: str, use: LeafUse | None) -> str:
        """Note a request, and issue for it where that was not done before; answers its key."""
        known = self.known[station]
        key = spki_hash(x509.load_pem_x509_csr(csr.encode()).public_key())
        known.asked.append(key)
        known.use[key] = use
        if key not in known.chains:
            self.issued[key] += 1
            known.chains[key] = self.issuers[use].enrol(csr)
        return key

    def booted(self, served: Any) -> None:
        """A station was accepted."""
        known = self.known[served.id]
        known.boots += 1
        known.served = served
        self.accepted.put_nowait(served.id)
        self.changed()

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        kind = _Served16 if connection.subprotocol == OcppVersion.V16.value else _Served201
        station = kind(self, connection.request.path.rpartition("/")[2], connection)
        with suppress(ConnectionClosed):
            await station.start()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        name = request.path.rpartition("/")[2]
        expected = base64.b64encode(f"{name}:{self.known[name].password}".encode()).decode()
        if request.headers.get("Authorization") == f"Basic {expected}":
            return None
        return connection.respond(401, "who?\n")


class _Issuing:
    """What both versions do alike."""

    csms: IssuingCsms
    id: str
    room: Any

    async def deliver(self, key: str) -> None:
        """Send the certificate for that key, if the connection lasts."""
        if not self.csms.delivers:
            return
        known = self.csms.known[self.id]
        with suppress(ConnectionClosed, TimeoutError):
            known.answers[key].append(await self.bring(known.chains[key], known.use[key], key))
        self.csms.changed()

    async def bring(self, chain: str, use: LeafUse | None, key: str) -> str:
        """CertificateSigned in the version's words; the answer's status."""
        raise NotImplementedError

    async def deliver_rest(self) -> None:
        """Send what was not confirmed, where that is this CSMS's way."""
        if self.csms.redelivers:
            for key in self.csms.known[self.id].undelivered():
                await self.deliver(key)


class _Served16(_Issuing, ocpp.v16.ChargePoint):  # type: ignore[misc]  # - the library isn't typed
    room = ocpp.v16

    def __init__(self, csms: IssuingCsms, station: str, connection: ServerConnection) -> None:
        super().__init__(station, connection, response_timeout=10)
        self.csms = csms
        self.connection = connection
        self._spoken: dict[str, Dialect] = {}

    @on("BootNotification")  # type: ignore[untyped-decorator] # - the library isn't typed
    def _boot(self, **_: Any) -> Any:
        return ocpp.v16.call_result.BootNotification(_TIME, 300, "Accepted")

    @after("BootNotification")  # type: ignore[untyped-decorator] # - the library isn't typed
    async def _booted(self, **_: Any) -> None:
        self.csms.booted(self)
        await self.deliver_rest()
        with suppress(ConnectionClosed, TimeoutError):
            await self.csms.greets(self)

    @on("Heartbeat")  # type: ignore[untyped-decorator] # - the library isn't typed
    def _heartbeat(self) -> Any:
        return ocpp.v16.call_result.Heartbeat(_TIME)

    @on("SecurityEventNotification")  # type: ignore[untyped-decorator] # - the library isn't typed
    def _event(self, type: str, timestamp: str, **_: Any) -> Any:  # noqa: A002 - the message's own name
        self.csms.known[self.id].events.append((type, timestamp))
        self.csms.changed()
        return ocpp.v16.call_result.SecurityEventNotification()

    @on("SignCertificate")  # type: ignore[untyped-decorator] # - the library isn't typed
    def _sign(self, csr: str) -> Any:
        if Dialect.S not in self.csms.dialects:
            raise NotImplementedFault
        self._spoken[self.csms.take(self.id, csr, LeafUse.CSMS)] = Dialect.S
        return ocpp.v16.call_result.SignCertificate("Accepted")

    @after("SignCertificate")  # type: ignore[untyped-decorator] # - the library isn't typed
    async def _signed(self, **_: Any) -> None:
        await self.deliver(self.csms.known[self.id].asked[-1])

    @on("DataTransfer")  # type: ignore[untyped-decorator] # - the library isn't typed
    def _data(self, vendor_id: str, message_id: str, data: str) -> Any:
        dialect = next((one for one, vendor in VENDORS.items() if vendor == vendor_id), None)
        if dialect not in self.csms.dialects or dialect is None:
            return ocpp.v16.call_result.DataTransfer("UnknownVendorId")
        if message_id != "SignCertificate":
            return ocpp.v16.call_result.DataTransfer("UnknownMessageId")
        asked = json.loads(data)
        use = LeafUse(asked[_TYPE[dialect]])
        self._spoken[self.csms.take(self.id, asked["csr"], use)] = dialect
        return ocpp.v16.call_result.DataTransfer("Accepted", json.dumps({"status": "Accepted"}))

    @after("DataTransfer")  # type: ignore[untyped-decorator] # - the library isn't typed
    async def _sent(self, vendor_id: str, message_id: str, **_: Any) -> None:
        if message_id == "SignCertificate" and vendor_id in {
            VENDORS[one] for one in VENDORS if one in self.csms.dialects
        }:
            await self.deliver(self.csms.known[self.id].asked[-1])

    async def bring(self, chain: str, use: LeafUse | None, key: str) -> str:
        default = Dialect.S if use is LeafUse.CSMS and Dialect.S in self.csms.dialects else Dialect.H
        dialect = self._spoken.get(key, default if default in self.csms.dialects else Dialect.O)
        if dialect is Dialect.S:
            answer = await self.call(ocpp.v16.call.CertificateSigned(chain))
            return str(answer.status) if answer is not None else "CALLERROR"
        inner = {_CHAIN[dialect]: chain, _TYPE[dialect]: use.value if use is not None else None}
        return str((await self.ask(dialect, "CertificateSigned", inner)).get("status"))

    async def ask(self, dialect: Dialect, message_id: str, inner: object) -> dict[str, Any]:
        """A DataTransfer; the inner answer, or the carrier's status."""
        carried = ocpp.v16.call.DataTransfer(VENDORS[dialect], message_id, json.dumps(inner))
        response = await self.call(carried)
        return json.loads(response.data) if response is not None and response.data else {"carrier": str(response)}

    async def trigger(self, use: LeafUse) -> str:
        """Have the station ask for a certificate; its status."""
        dialect = Dialect.H if Dialect.H in self.csms.dialects else Dialect.O
        message = "ExtendedTriggerMessage" if dialect is Dialect.H else "TriggerMessage"
        return str((await self.ask(dialect, message, {"requestedMessage": _SIGNS[use]})).get("status"))

    async def install(self, pem: str) -> str:
        """Install a V2G root; the status."""
        inner = {"certificateType": "V2GRootCertificate", "certificate": pem}
        return str((await self.ask(Dialect.H, "InstallCertificate", inner)).get("status"))

    async def set(self, name: str, value: str) -> str:
        """Change a configuration key; the status."""
        answer = await self.call(ocpp.v16.call.ChangeConfiguration(name, value))
        return str(answer.status)

    async def get(self, name: str) -> str | None:
        """A configuration key's value."""
        answer = await self.call(ocpp.v16.call.GetConfiguration([name]))
        (one,) = answer.configuration_key
        value = one.get("value")
        return None if value is None else str(value)


class _Served201(_Issuing, ocpp.v201.ChargePoint):  # type: ignore[misc]  # - the library isn't typed
    room = ocpp.v201

    def __init__(self, csms: IssuingCsms, station: str, connection: ServerConnection) -> None:
        super().__init__(station, connection, response_timeout=10)
        self.csms = csms
        self.connection = connection

    @on("BootNotification")  # type: ignore[untyped-decorator] # - the library isn't typed
    def _boot(self, **_: Any) -> Any:
        return ocpp.v201.call_result.BootNotification(_TIME, 300, "Accepted")

    @after("BootNotification")  # type: ignore[untyped-decorator] # - the library isn't typed
    async def _booted(self, **_: Any) -> None:
        self.csms.booted(self)
        await self.deliver_rest()
        with suppress(ConnectionClosed, TimeoutError):
            await self.csms.greets(self)

    @on("Heartbeat")  # type: ignore[untyped-decorator] # - the library isn't typed
    def _heartbeat(self, **_: Any) -> Any:
        return ocpp.v201.call_result.Heartbeat(_TIME)

    @on("SecurityEventNotification")  # type: ignore[untyped-decorator] # - the library isn't typed
    def _event(self, type: str, timestamp: str, **_: Any) -> Any:  # noqa: A002 - the message's own name
        self.csms.known[self.id].events.append((type, timestamp))
        self.csms.changed()
        return ocpp.v201.call_result.SecurityEventNotification()

    @on("SignCertificate")  # type: ignore[untyped-decorator] # - the library isn't typed
    def _sign(self, csr: str, certificate_type: str | None = None, **_: Any) -> Any:
        self.csms.take(self.id, csr, LeafUse(certificate_type) if certificate_type else None)
        return ocpp.v201.call_result.SignCertificate("Accepted")

    @after("SignCertificate")  # type: ignore[untyped-decorator] # - the library isn't typed
    async def _signed(self, **_: Any) -> None:
        await self.deliver(self.csms.known[self.id].asked[-1])

    async def bring(self, chain: str, use: LeafUse | None, key: str) -> str:
        del key
        kind = use.value if use is not None else None
        answer = await self.call(ocpp.v201.call.CertificateSigned(chain, certificate_type=kind))
        return str(answer.status) if answer is not None else "CALLERROR"

    async def trigger(self, use: LeafUse) -> str:
        """Have the station ask for a certificate; its status."""
        return str((await self.call(ocpp.v201.call.TriggerMessage(_SIGNS[use]))).status)

    async def install(self, pem: str) -> str:
        """Install a V2G root; the status."""
        return str((await self.call(ocpp.v201.call.InstallCertificate("V2GRootCertificate", pem))).status)

    async def set(self, name: str, value: str) -> str:
        """Set `Component.Variable`; the status."""
        component, _, variable = name.partition(".")
        data = {"attributeValue": value, "component": {"name": component}, "variable": {"name": variable}}
        answer = await self.call(ocpp.v201.call.SetVariables([data]))
        return str(answer.set_variable_result[0]["attribute_status"])

    async def get(self, name: str) -> str | None:
        """The value of `Component.Variable`."""
        component, _, variable = name.partition(".")
        data = {"component": {"name": component}, "variable": {"name": variable}}
        answer = await self.call(ocpp.v201.call.GetVariables([data]))
        value = answer.get_variable_result[0].get("attribute_value")
        return None if value is None else str(value)


@asynccontextmanager
async def issuing_csms(directory: Path, v2g: Pki, own: Pki) -> AsyncIterator[IssuingCsms]:
    """A CSMS for `localhost` on loopback, with TLS; what it issues is of those PKIs."""
    csms = IssuingCsms(v2g, own)
    chain, key = own.server("localhost")
    (directory / "server.pem").write_text(chain)
    (directory / "server.key").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    server: Server
    async with serve(
        csms._serve,
        "127.0.0.1",
        0,
        ssl=context,
        subprotocols=[OcppVersion.V201.value, OcppVersion.V16.value],  # type: ignore[list-item] # - a NewType of str
        process_request=csms._admit,
        compression=None,
    ) as server:
        csms.port = next(iter(server.sockets)).getsockname()[1]
        yield csms
