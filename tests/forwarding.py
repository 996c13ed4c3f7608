"""A CSMS that gets its answers elsewhere: PyPI's `ocpp` in dialect H or O of OCPP 1.6, or in 2.0.1; no TLS.

A test says what is answered to what, in the words of the dialect; carrying it is the library's. Beside it stand what
such a CSMS asks: a CA over EST and an OCSP responder, by httpx and the `cryptography` package alone.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import httpx
import ocpp.v16
import ocpp.v201
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509 import ocsp
from ocpp.charge_point import camel_to_snake_case, snake_to_camel_case
from ocpp.routing import on
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from chainpilot.clock import SYSTEM, Clock
from chainpilot.testpki.app import EST_USER, TestPki
from chainpilot.wire.pnc.dialects import Dialect

__all__ = [
    "DIALECTS",
    "STATION",
    "TURNED_AWAY",
    "Forwarder",
    "Reply",
    "ask_responder",
    "forwarder_at",
    "signed_over_est",
]

STATION: Final = "CS-001"
PATIENCE: Final = 20.0
"""Seconds until a test says that something never happened."""
DIALECTS: Final = (Dialect.H, Dialect.O, Dialect.V201)
TURNED_AWAY: Final = "carrier"
"""A member of an answer in 1.6 that stands for all of it: the status of a DataTransfer without data."""
Message = dict[str, Any]
"""As the dialect writes it."""
Reply = Callable[[Message], Awaitable[Message]]
"""From a message to its answer."""
_VENDORS: Final = {Dialect.H: "iso15118", Dialect.O: "org.openchargealliance.iso15118pnc"}
_TRIGGERS: Final = {Dialect.H: "ExtendedTriggerMessage", Dialect.O: "TriggerMessage", Dialect.V201: "TriggerMessage"}
_CHAIN: Final = {
    Dialect.H: ("cert", "typeOfCertificate"),
    Dialect.O: ("certificateChain", "certificateType"),
    Dialect.V201: ("certificateChain", "certificateType"),
}
_DIGESTS: Final = {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}


class Forwarder:
    """What the CSMS was asked, and what it is to answer."""

    def __init__(self, dialect: Dialect, clock: Clock) -> None:
        self.dialect = dialect
        self.clock = clock
        self.replies: dict[str, Reply] = {}
        """By action; anything else isn't known here."""
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.port = 0
        self.station: Any = None
        """The connection that is open."""
        self._news = asyncio.Condition()

    @property
    def url(self) -> str:
        """Where a station finds it."""
        return f"ws://127.0.0.1:{self.port}/ocpp"

    def count(self, action: str) -> int:
        """How often that was asked so far."""
        return sum(one == action for one, _ in self.asked)

    async def until_asked(self, action: str, times: int) -> list[dict[str, Any]]:
        """All messages of that action, once there are so many."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: self.count(action) >= times)
        return [message for one, message in self.asked if one == action]

    async def trigger_secc_leaf(self, sign: Callable[[str], Awaitable[str]]) -> None:
        """Have the station make a request, sign it elsewhere, and send the chain."""
        begun = self.count("SignCertificate")

        async def accept(message: dict[str, Any]) -> dict[str, Any]:
            return {"status": "Accepted"}

        self.replies["SignCertificate"] = accept
        said = await self.ask(_TRIGGERS[self.dialect], {"requestedMessage": "SignV2GCertificate"})
        assert said["status"] == "Accepted", said
        *_, request = await self.until_asked("SignCertificate", begun + 1)
        chain, use = _CHAIN[self.dialect]
        signed = {chain: await sign(request["csr"]), use: "V2GCertificate"}
        assert (await self.ask("CertificateSigned", signed))["status"] == "Accepted"

    async def ask(self, action: str, message: dict[str, Any]) -> dict[str, Any]:
        """The station's answer to a message of ours."""
        vendor = _VENDORS.get(self.dialect)
        if vendor is None:
            call = getattr(ocpp.v201.call, action)(**camel_to_snake_case(message))
            answer = await self.station.call(call, suppress=False)
            return dict(vars(answer))
        said = await self.station.call(ocpp.v16.call.DataTransfer(vendor, action, json.dumps(message)), suppress=False)
        answered: dict[str, Any] = json.loads(said.data)
        return answered

    async def reply(self, action: str, message: dict[str, Any]) -> dict[str, Any] | None:
        """The answer; None for what isn't known here."""
        self.asked.append((action, message))
        async with self._news:
            self._news.notify_all()
        reply = self.replies.get(action)
        return await reply(message) if reply is not None else None

    async def _serve(self, connection: ServerConnection) -> None:
        made = _connection_201 if self.dialect is Dialect.V201 else _connection_16
        self.station = made(self, connection)
        working = asyncio.create_task(self.station.start())
        await connection.wait_closed()
        working.cancel()  # it may be in the middle of an answer that never comes
        with suppress(ConnectionClosed, asyncio.CancelledError):
            await working


def _connection_16(csms: Forwarder, connection: ServerConnection) -> Any:
    room = ocpp.v16

    class Connection(room.ChargePoint):  # type: ignore[misc, name-defined]  # - the library isn't typed
        @on("BootNotification")  # type: ignore[untyped-decorator]  # - the library isn't typed
        def on_boot(self, **_: Any) -> Any:
            return room.call_result.BootNotification(csms.clock.now().isoformat(), 86_400, "Accepted")

        @on("Heartbeat")  # type: ignore[untyped-decorator]  # - the library isn't typed
        def on_heartbeat(self) -> Any:
            return room.call_result.Heartbeat(csms.clock.now().isoformat())

        @on("SecurityEventNotification")  # type: ignore[untyped-decorator]  # - the library isn't typed
        def on_event(self, **_: Any) -> Any:
            return room.call_result.SecurityEventNotification()

        @on("DataTransfer")  # type: ignore[untyped-decorator]  # - the library isn't typed
        async def on_data(self, vendor_id: str, message_id: str, data: str) -> Any:
            if vendor_id != _VENDORS[csms.dialect]:
                return room.call_result.DataTransfer("UnknownVendorId")
            answer = await csms.reply(message_id, json.loads(data))
            if answer is None:
                return room.call_result.DataTransfer("UnknownMessageId")
            if TURNED_AWAY in answer:
                return room.call_result.DataTransfer(answer[TURNED_AWAY])
            return room.call_result.DataTransfer("Accepted", json.dumps(answer))

    return Connection(STATION, connection)


def _connection_201(csms: Forwarder, connection: ServerConnection) -> Any:
    room = ocpp.v201

    class Connection(room.ChargePoint):  # type: ignore[misc, name-defined]  # - the library isn't typed
        @on("BootNotification")  # type: ignore[untyped-decorator]  # - the library isn't typed
        def on_boot(self, **_: Any) -> Any:
            return room.call_result.BootNotification(csms.clock.now().isoformat(), 86_400, "Accepted")

        @on("Heartbeat")  # type: ignore[untyped-decorator]  # - the library isn't typed
        def on_heartbeat(self) -> Any:
            return room.call_result.Heartbeat(csms.clock.now().isoformat())

        @on("SecurityEventNotification")  # type: ignore[untyped-decorator]  # - the library isn't typed
        def on_event(self, **_: Any) -> Any:
            return room.call_result.SecurityEventNotification()

        async def _reply(self, action: str, fields: dict[str, Any]) -> Any:
            answer = await csms.reply(action, snake_to_camel_case(fields))
            assert answer is not None, f"the test has no answer to {action}"
            return getattr(room.call_result, action)(**camel_to_snake_case(answer))

        @on("SignCertificate")  # type: ignore[untyped-decorator]  # - the library isn't typed
        async def on_sign(self, **fields: Any) -> Any:
            return await self._reply("SignCertificate", fields)

        @on("GetCertificateStatus", skip_schema_validation=True)  # type: ignore[untyped-decorator]  # - untyped
        async def on_status(self, **fields: Any) -> Any:
            return await self._reply("GetCertificateStatus", fields)

        @on("Authorize", skip_schema_validation=True)  # type: ignore[untyped-decorator]  # - the library isn't typed
        async def on_authorize(self, **fields: Any) -> Any:
            return await self._reply("Authorize", fields)

        @on("Get15118EVCertificate", skip_schema_validation=True)  # type: ignore[untyped-decorator]  # - untyped
        async def on_ev_certificate(self, **fields: Any) -> Any:
            return await self._reply("Get15118EVCertificate", fields)

    return Connection(STATION, connection)


@asynccontextmanager
async def forwarder_at(dialect: Dialect, clock: Clock = SYSTEM) -> AsyncIterator[Forwarder]:
    """A CSMS on loopback that speaks that dialect alone."""
    csms = Forwarder(dialect, clock)
    version = "ocpp2.0.1" if dialect is Dialect.V201 else "ocpp1.6"
    async with serve(csms._serve, "127.0.0.1", 0, subprotocols=[Subprotocol(version)], compression=None) as server:
        csms.port = next(iter(server.sockets)).getsockname()[1]
        yield csms


async def ask_responder(data: dict[str, Any]) -> bytes:
    """What the OCSP responder answers that a station's OCSPRequestData names, in DER."""
    request = (
        ocsp.OCSPRequestBuilder()
        .add_certificate_by_hash(
            bytes.fromhex(data["issuerNameHash"]),
            bytes.fromhex(data["issuerKeyHash"]),
            int(data["serialNumber"], 16),
            _DIGESTS[data["hashAlgorithm"]],
        )
        .build()
    )
    headers = {"Content-Type": "application/ocsp-request"}
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            data["responderURL"], content=request.public_bytes(Encoding.DER), headers=headers, timeout=PATIENCE
        )
    assert answer.status_code == 200
    return answer.content


async def signed_over_est(pki: TestPki, csr_pem: str) -> str:
    """The chain that the test PKI makes for a request: the leaf by EST, the sub-CAs by `cacerts` order."""
    der = x509.load_pem_x509_csr(csr_pem.encode()).public_bytes(Encoding.DER)
    url = f"{pki.est_url}/.well-known/est/cpo/simpleenroll"
    headers = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}
    web_root = ssl.create_default_context(cafile=pki.directory / "web_root.pem")
    async with httpx.AsyncClient(verify=web_root, auth=(EST_USER, pki.password)) as client:
        answer = await client.post(url, content=base64.encodebytes(der), headers=headers, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    (leaf,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content))
    above = [(pki.directory / f"{name}.pem").read_text() for name in ("cpo_sub2", "cpo_sub1")]
    return "".join([leaf.public_bytes(Encoding.PEM).decode(), *above])
