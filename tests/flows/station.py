"""The stations of the flows: chainpilot's own agent, and a station of any dialect over chainpilot's store and link.

The agent speaks dialect H; the other one says by hand what an agent says by itself, in every dialect, and what it
answers comes from a real store.
"""

import asyncio
import base64
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol

from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from chainpilot.clock import Clock
from chainpilot.link.ocpp import Answer, MessageSocket, OcppLink
from chainpilot.link.websocket import WebSocket
from chainpilot.pki.trust import LeafUse
from chainpilot.station.adapters.ocpp_client import Target, tls_context
from chainpilot.station.adapters.ocpp_session import LEAF_TYPES_OF
from chainpilot.station.app import Station, StationConfig
from chainpilot.station.model import CaCertificateType, CertificateStoreUpdate, CertificateType, LeafCertificateType
from chainpilot.station.service import EvseSecurity
from chainpilot.station.watch import (
    Booted,
    CertificateReceived,
    Connected,
    CsrMade,
    Disconnected,
    InventoryAsked,
    SignCertificateAnswered,
    StationEvent,
    StoreUpdated,
)
from chainpilot.wire.pnc.codec import DecodedRequest, decode_request, decode_response, encode_request, encode_response
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import (
    AuthorizeResponse,
    CertificateHashDataChain,
    CertificateSignedRequest,
    CertificateSignedResponse,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    InstallCertificateRequest,
    InstallCertificateResponse,
    PncRequest,
    PncResponse,
    SignCertificateRequest,
    TriggerMessageRequest,
    TriggerMessageResponse,
)
from chainpilot.wire.pnc.tables import DIALECTS
from chainpilot.wire.pnc.words import (
    CertificateUse,
    DeleteCertificateStatus,
    GenericStatus,
    GetInstalledCertificateStatus,
    InstallCertificateStatus,
    MessageTrigger,
    TriggerMessageStatus,
)
from chainpilot.wire.version import OcppVersion
from flows.recorder import Recorder
from flows.recording import Party

__all__ = ["AgentStation", "DialectStation", "FlowStation"]

_BOOTS: Final[dict[OcppVersion, dict[str, object]]] = {
    OcppVersion.V16: {"chargePointVendor": "chainpilot", "chargePointModel": "station"},
    OcppVersion.V201: {
        "chargingStation": {"vendorName": "chainpilot", "model": "station"},
        "reason": "PowerUp",
    },
}
_LISTED: Final = {
    CertificateUse.V2G_ROOT_CERTIFICATE: CertificateType.V2G_ROOT_CERTIFICATE,
    CertificateUse.MO_ROOT_CERTIFICATE: CertificateType.MO_ROOT_CERTIFICATE,
    CertificateUse.CSMS_ROOT_CERTIFICATE: CertificateType.CSMS_ROOT_CERTIFICATE,
    CertificateUse.V2G_CERTIFICATE_CHAIN: CertificateType.V2G_CERTIFICATE_CHAIN,
}
_USES: Final = {kind: use for use, kind in _LISTED.items()}
_ROOTS: Final = {
    CertificateUse.V2G_ROOT_CERTIFICATE: CaCertificateType.V2G,
    CertificateUse.MO_ROOT_CERTIFICATE: CaCertificateType.MO,
    CertificateUse.CSMS_ROOT_CERTIFICATE: CaCertificateType.CSMS,
}
_SAME_CSR: Final = "the CSR that is open, once more"
_TRIGGERED: Final = {
    MessageTrigger.SIGN_V2G_CERTIFICATE: LeafUse.V2G,
    MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE: LeafUse.CSMS,
}


class FlowStation(Protocol):
    """What a scenario makes a station do."""

    @property
    def security(self) -> EvseSecurity:
        """Its store."""
        ...

    async def come(self) -> None:
        """Connect with TLS and password, and boot."""
        ...

    async def enrol(self, use: LeafUse) -> None:
        """Make a key and a CSR where none is open, send SignCertificate, and take the answer."""
        ...

    async def return_with_certificate(self) -> None:
        """Connect anew with mutual TLS, and boot."""
        ...

    async def leave(self) -> None:
        """End the connection."""
        ...


class AgentStation:
    """`chainpilot.station.app.Station` as it is."""

    def __init__(self, config: StationConfig, recorder: Recorder, clock: Clock) -> None:
        self._recorder = recorder
        self._station = Station(config, clock=clock, watch=self._hear)
        self._booted = asyncio.Event()
        self._again = False
        self._running: asyncio.Task[None] | None = None

    @property
    def security(self) -> EvseSecurity:
        """Its store."""
        return self._station.security

    async def come(self) -> None:
        """Let it run, until it has booted."""
        self._running = asyncio.create_task(self._station.run())
        async with asyncio.timeout(10):
            await self._booted.wait()

    async def enrol(self, use: LeafUse) -> None:
        """As an operator asks it to."""
        self._again = await asyncio.to_thread(_is_open, self.security, LEAF_TYPES_OF[use])
        await self._station.enrol(use)

    async def return_with_certificate(self) -> None:
        """As an operator asks it to."""
        await self._station.reconnect(profile=3)

    async def leave(self) -> None:
        """Stop it."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    def _hear(self, event: StationEvent) -> None:
        match event:
            case Booted(accepted=True):
                self._booted.set()
            case CsrMade() if self._again:  # the event comes for a request that was open before, too
                self._recorder.note(Party.STATION, _SAME_CSR)
                return
            case SignCertificateAnswered():
                self._recorder.said("SignCertificate", "Accepted" if event.accepted else "Rejected")
            case CertificateReceived():
                self._recorder.said("CertificateSigned", "Rejected" if event.why else "Accepted")
            case InventoryAsked():
                self._recorder.said("GetInstalledCertificateIds", "Accepted" if event.chains else "NotFound")
            case _:
                pass
        self._recorder.at_station(event)


class DialectStation:
    """Speaks one dialect over a real connection and answers from a real store."""

    def __init__(self, config: StationConfig, dialect: Dialect, recorder: Recorder, clock: Clock) -> None:
        self._config = config
        self._dialect = dialect
        self._version = DIALECTS[dialect].version
        self._recorder = recorder
        self._clock = clock
        self._security = EvseSecurity(config.store, clock=clock)
        self._unsubscribe: Callable[[], None] | None = None
        self._link: OcppLink | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def security(self) -> EvseSecurity:
        """Its store."""
        return self._security

    async def come(self) -> None:
        """Connect with TLS and password, and boot."""
        await self._connect(2, self._config.csms_url)

    async def return_with_certificate(self) -> None:
        """Connect anew with mutual TLS, and boot."""
        await self.leave()
        await self._connect(3, self._config.profile3_url or "")

    async def enrol(self, use: LeafUse) -> None:
        """The request that is open for the use, else a new one, in SignCertificate."""
        config = self._config
        name = config.secc_name if use is LeafUse.V2G else config.station_id
        again = await asyncio.to_thread(_is_open, self._security, LEAF_TYPES_OF[use])
        made = await asyncio.to_thread(
            self._security.generate_certificate_signing_request,
            LEAF_TYPES_OF[use],
            config.country,
            config.organisation,
            name,
        )
        assert made.csr is not None, made.reason
        if again:
            self._recorder.note(Party.STATION, _SAME_CSR)
        else:
            self._recorder.at_station(CsrMade(use, name))
        await self.ask(SignCertificateRequest(made.csr, None if self._dialect is Dialect.S else use))

    async def ask(self, request: PncRequest) -> PncResponse:
        """Any call of a station, and its answer."""
        assert self._link is not None
        call = encode_request(request, self._dialect)
        response = decode_response(request, self._dialect, await self._link.call(call.action, call.payload))
        assert isinstance(response, PncResponse), response
        self._recorder.said(_name(call.action, call.payload), _word(response))
        return response

    async def leave(self) -> None:
        """End the connection."""
        if self._link is None or self._running is None or self._unsubscribe is None:
            return
        await self._link.close()
        await self._running
        self._unsubscribe()
        self._link = self._running = self._unsubscribe = None
        self._recorder.at_station(Disconnected("it leaves"))

    async def _connect(self, profile: int, url: str) -> None:
        target = Target(url, profile, self._config.station_id, self._config.password)
        pair = f"{target.station_id}:{target.password.value}".encode()
        login = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        connection = await connect(
            url,
            subprotocols=[Subprotocol(self._version.value)],
            additional_headers={} if profile == 3 else login,
            compression=None,
            proxy=None,
            ssl=await asyncio.to_thread(tls_context, self._security, target),
        )
        self._recorder.at_station(Connected(profile, url))
        await self.speak(WebSocket(connection))
        await self._boot()

    async def speak(self, socket: MessageSocket) -> None:
        """Be at work on an open connection, until `leave`."""
        loop = asyncio.get_running_loop()

        def pass_on(update: CertificateStoreUpdate) -> None:
            loop.call_soon_threadsafe(self._recorder.at_station, StoreUpdated(update))

        self._unsubscribe = self._security.subscribe(pass_on)
        self._link = OcppLink(
            socket, self._answer, clock=self._clock, watch=self._recorder.at_station, version=self._version
        )
        self._running = asyncio.create_task(self._link.run())

    async def _boot(self) -> None:
        assert self._link is not None
        await self._link.call("BootNotification", _BOOTS[self._version])

    async def _answer(self, action: str, payload: object) -> Answer:
        decoded = decode_request(action, payload, self._version)
        assert isinstance(decoded, DecodedRequest), decoded
        assert decoded.dialect is self._dialect
        request = decoded.request
        response = await self._respond(request)
        self._recorder.said(_name(action, payload), _word(response))
        follow_up = None
        if isinstance(request, TriggerMessageRequest) and request.requested_message in _TRIGGERED:
            follow_up = partial(self.enrol, _TRIGGERED[request.requested_message])
        return Answer(encode_response(response, self._dialect), follow_up)

    async def _respond(self, request: PncRequest) -> PncResponse:
        """What the store makes of a call of the CSMS."""
        match request:
            case CertificateSignedRequest():
                return await self._update_leaf(request)
            case GetInstalledCertificateIdsRequest():
                return await asyncio.to_thread(self._list, request)
            case InstallCertificateRequest():
                return await asyncio.to_thread(self._install, request)
            case DeleteCertificateRequest():
                deleted = await asyncio.to_thread(self._security.delete_certificate, request.certificate_hash_data)
                return DeleteCertificateResponse(DeleteCertificateStatus(deleted.value))
            case TriggerMessageRequest():
                is_known = request.requested_message in _TRIGGERED
                return TriggerMessageResponse(
                    TriggerMessageStatus.ACCEPTED if is_known else TriggerMessageStatus.NOT_IMPLEMENTED
                )
            case _:
                raise NotImplementedError(type(request).__name__)

    async def _update_leaf(self, signed: CertificateSignedRequest) -> CertificateSignedResponse:
        use = signed.certificate_type or LeafUse.CSMS
        outcome = await asyncio.to_thread(self._security.update_leaf, signed.certificate_chain, LEAF_TYPES_OF[use])
        self._recorder.at_station(CertificateReceived(use, outcome.result, outcome.reason))
        status = GenericStatus.ACCEPTED if outcome.accepted else GenericStatus.REJECTED
        return CertificateSignedResponse(status, None if outcome.accepted else outcome.result.value)

    def _install(self, asked: InstallCertificateRequest) -> InstallCertificateResponse:
        outcome = self._security.install_ca(asked.certificate, _ROOTS[asked.certificate_type])
        status = InstallCertificateStatus.ACCEPTED if outcome.accepted else InstallCertificateStatus.REJECTED
        return InstallCertificateResponse(status, None if outcome.accepted else outcome.result.value)

    def _list(self, asked: GetInstalledCertificateIdsRequest) -> GetInstalledCertificateIdsResponse:
        kinds = [_LISTED[use] for use in asked.certificate_types or _LISTED]
        chains = tuple(
            CertificateHashDataChain(
                _USES[one.certificate_type], one.certificate_hash_data, one.child_certificate_hash_data
            )
            for one in self._security.get_installed_certificates(kinds).certificate_hash_data_chain
        )
        status = GetInstalledCertificateStatus.ACCEPTED if chains else GetInstalledCertificateStatus.NOT_FOUND
        return GetInstalledCertificateIdsResponse(status, chains)


def _is_open(security: EvseSecurity, kind: LeafCertificateType) -> bool:
    return any(one.kind is kind for one in security.open_requests())


def _name(action: str, payload: Any) -> str:
    """The message, whatever carries it."""
    return str(payload.get("messageId", action))


def _word(response: PncResponse) -> str:
    """The status words of an answer."""
    if isinstance(response, AuthorizeResponse):
        chain = response.certificate_status
        said = f"idTokenInfo {response.id_token_info.status.value}"
        return said if chain is None else f"{said}, certificateStatus {chain.value}"
    return str(response.status.value)
