"""A station made of PyPI's `ocpp` with our agent in it, and a CSMS made of the same, in OCPP 1.6 and 2.0.1.

The station's class has handlers of its own, written as its maker would; the CSMS signs with the tests' own CAs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import ocpp.v16
import ocpp.v201
from ocpp.routing import after, on
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from certs import Pki
from chainpilot.clock import SYSTEM
from chainpilot.station import StoreConfig
from chainpilot.station.adapters.mobilityhouse import Attached, attach
from chainpilot.station.agent.agent import Agent
from chainpilot.station.agent.setup import StationConfig
from chainpilot.station.embedding import embedded_agent
from chainpilot.station.model import CaCertificateType, Secret
from chainpilot.station.watch import StationWatch
from chainpilot.wire.version import OcppVersion
from stores import EVSE

__all__ = [
    "NEVER",
    "PATIENCE",
    "ROOMS",
    "V16",
    "V201",
    "EmbeddedStation",
    "Office",
    "agent_in",
    "dialled",
    "office",
    "peer_kind",
    "peer_over",
]

V16, V201 = OcppVersion.V16, OcppVersion.V201
ROOMS: Final[dict[OcppVersion, Any]] = {V16: ocpp.v16, V201: ocpp.v201}
STATION: Final = "CS-001"
PATIENCE: Final = 10.0
BOOTS: Final[dict[OcppVersion, dict[str, Any]]] = {
    V16: {"charge_point_vendor": "Maker", "charge_point_model": "One"},
    V201: {"charging_station": {"vendorName": "Maker", "model": "One"}, "reason": "PowerUp"},
}
Fields = dict[str, Any]
NEVER: Final[Fields] = {}
"""In place of an answer: none comes."""


def peer_kind(version: OcppVersion, answers: dict[str, Callable[..., Any]], *, afters: Any = None) -> Any:
    """A ChargePoint class with a handler for each of these actions, which notes what it is given in `heard`."""
    room = ROOMS[version]

    def handler(action: str, answer: Callable[..., Any]) -> Any:
        async def handle(self: Any, **fields: Any) -> Any:
            self.heard.append((action, fields))
            said = answer(self, **fields)
            return getattr(room.call_result, action)(**(await said if asyncio.iscoroutine(said) else said))

        handle.__name__ = f"on_{action}_of_peer"  # the library finds its handlers by their names
        return on(action)(handle)

    def follower(action: str, follow: Callable[..., Any]) -> Any:
        async def go_on(self: Any, **fields: Any) -> None:
            await follow(self, **fields)

        go_on.__name__ = f"after_{action}_of_peer"
        return after(action)(go_on)

    members = {f"on_{action}_of_peer": handler(action, answer) for action, answer in answers.items()}
    members |= {f"after_{action}_of_peer": follower(action, follow) for action, follow in (afters or {}).items()}
    return type("PeerChargePoint", (room.ChargePoint,), members)


def _time() -> Fields:
    return {"current_time": SYSTEM.now().isoformat(timespec="seconds").replace("+00:00", "Z")}


class Office:
    """The CSMS's side: what it heard, and how it signs."""

    def __init__(self, version: OcppVersion, v2g: Pki, back: Pki) -> None:
        self.version = version
        self.pkis = {"V2GCertificate": v2g, "ChargingStationCertificate": back}
        self.boot_answers: list[str] = []
        self.answers: dict[str, Fields] = {}
        """In place of the usual answers, by action."""
        self.heard: asyncio.Queue[tuple[str, Fields]] = asyncio.Queue()
        self.told: list[Fields] = []
        """Every security event."""
        self.signed: asyncio.Queue[str] = asyncio.Queue()
        """The status of each CertificateSigned."""
        self.connections: asyncio.Queue[Any] = asyncio.Queue()
        self.port = 0
        self.over = asyncio.Event()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp/{STATION}"

    async def until(self, action: str) -> Fields:
        """The next call of that action."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found, fields = await self.heard.get()
                if found == action:
                    return fields

    def heard_so_far(self) -> list[str]:
        """The actions of the calls that nobody has looked at, which is done with this."""
        return [self.heard.get_nowait()[0] for _ in range(self.heard.qsize())]

    async def connected(self) -> Any:
        """The next station that has connected."""
        async with asyncio.timeout(PATIENCE):
            return await self.connections.get()

    def _kind(self) -> Any:
        def told(action: str, usual: Fields) -> Callable[..., Any]:
            def answer(peer: Any, **fields: Any) -> Any:
                self.heard.put_nowait((action, fields))
                if action == "SecurityEventNotification":
                    self.told.append(fields)
                if self.answers.get(action) is NEVER:
                    return self.over.wait()
                if action == "BootNotification":
                    status = self.boot_answers.pop(0) if self.boot_answers else "Accepted"
                    return {**_time(), "interval": 300, "status": status}
                return self.answers.get(action, usual)

            return answer

        usual: dict[str, Fields] = {
            "BootNotification": {},
            "Heartbeat": _time(),
            "SecurityEventNotification": {},
            "SignCertificate": {"status": "Accepted"},
            "StatusNotification": {},
            "LogStatusNotification": {},
            "DataTransfer": {"status": "UnknownVendorId"},
        }
        if self.version is V201:
            usual["Get15118EVCertificate"] = {"status": "Accepted", "exi_response": "gAA="}
            usual["Authorize"] = {"id_token_info": {"status": "Accepted"}, "certificate_status": "Accepted"}
            usual["GetCertificateStatus"] = {"status": "Failed"}
        answers = {action: told(action, answer) for action, answer in usual.items()}
        return peer_kind(self.version, answers, afters={"SignCertificate": self._sign})

    async def _sign(self, peer: Any, csr: str, certificate_type: str = "ChargingStationCertificate") -> None:
        typed = {} if self.version is V16 else {"certificate_type": certificate_type}
        asked = ROOMS[self.version].call.CertificateSigned(
            certificate_chain=self.pkis[certificate_type].enrol(csr), **typed
        )
        self.signed.put_nowait((await peer.call(asked, suppress=False)).status)

    async def _serve(self, connection: ServerConnection) -> None:
        peer = self._kind()(STATION, connection, response_timeout=PATIENCE)
        peer.heard, peer.connection = [], connection
        self.connections.put_nowait(peer)
        with suppress(ConnectionClosed):
            await peer.start()


@asynccontextmanager
async def office(version: OcppVersion, v2g: Pki, back: Pki) -> AsyncIterator[Office]:
    """A CSMS on loopback without TLS."""
    csms = Office(version, v2g, back)
    listening = serve(csms._serve, "127.0.0.1", 0, subprotocols=[Subprotocol(version.value)], compression=None)
    async with listening as server:
        csms.port = next(iter(server.sockets)).getsockname()[1]
        try:
            yield csms
        finally:
            csms.over.set()


@asynccontextmanager
async def agent_in(
    folder: Path,
    *roots: tuple[CaCertificateType, str],
    station_id: str = STATION,
    secc_name: str = EVSE,
    password: str = "",
    watch: StationWatch = lambda event: None,
    **options: Any,
) -> AsyncIterator[Agent]:
    """An agent at work whose store trusts those roots."""
    config = StationConfig(
        station_id=station_id,
        csms_url="ws://127.0.0.1:1/ocpp",
        password=Secret(password),
        security_profile=1,
        allow_insecure=True,
        organisation="Operator",
        country="DE",
        secc_name=secc_name,
        store=StoreConfig(folder / "store"),
        state_dir=folder / "state",
        **options.pop("more", {}),
    )
    async with embedded_agent(config, watch=watch, **options) as agent:
        for kind, pem in roots:
            agent.security.install_ca_certificate(pem, kind)
        yield agent


class EmbeddedStation:
    """One connection of the station, as its maker would write it."""

    def __init__(self, version: OcppVersion, connection: Attached, charge_point: Any) -> None:
        self.version = version
        self.connection = connection
        self.charge_point = charge_point
        self.ended: asyncio.Future[None]

    async def boot(self) -> str:
        room = ROOMS[self.version]
        answer = await self.charge_point.call(room.call.BootNotification(**BOOTS[self.version]), suppress=False)
        return str(answer.status)


@asynccontextmanager
async def peer_over(
    agent: Agent,
    socket: Any,
    version: OcppVersion,
    own: dict[str, Callable[..., Any]] | None = None,
    *,
    station_id: str = STATION,
    boots: bool = True,
    **options: Any,
) -> AsyncIterator[EmbeddedStation]:
    """The station over an open WebSocket, with handlers of its own; booted, and served until the block ends."""
    connection = attach(agent, socket, **options)
    charge_point = peer_kind(version, own or {})(station_id, connection, response_timeout=PATIENCE)
    charge_point.heard = []
    station = EmbeddedStation(version, connection, charge_point)
    station.ended = asyncio.ensure_future(connection.serve(charge_point))
    try:
        if boots:
            assert await station.boot() == "Accepted"
        yield station
    finally:
        station.ended.cancel()
        await asyncio.gather(station.ended, return_exceptions=True)


def dialled(csms: Office) -> connect:
    """A WebSocket to that CSMS."""
    return connect(csms.url, subprotocols=[Subprotocol(csms.version.value)], compression=None)
