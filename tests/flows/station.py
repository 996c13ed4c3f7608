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
from chainpilot.link.ocpp import Answer, MessageSocket, OcppLink, RpcFault
from chainpilot.link.websocket import WebSocket
from chainpilot.pki.trust import LeafUse
from chainpilot.station.adapters.ocpp_client import Target, tls_context
from chainpilot.station.agent.enrolment.signing import LEAF_TYPES_OF
from chainpilot.station.app import Station, StationConfig
from chainpilot.station.model import CertificateStoreUpdate, LeafCertificateType
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
from chainpilot.wire import ocpp201
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.pnc.codec import (
    DATA_TRANSFER,
    DecodedRequest,
    carrier_answer,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
    is_pnc,
)
from chainpilot.wire.pnc.dialects import CarrierStatus, Dialect
from chainpilot.wire.pnc.messages import PncRequest, PncResponse, SignCertificateRequest, TriggerMessageRequest
from chainpilot.wire.pnc.tables import DIALECTS
from chainpilot.wire.schema import Message, read_message, write_message
from chainpilot.wire.version import OcppVersion
from flows import orders, store_answers
from flows.orders import ORDERS, Obedience
from flows.recorder import Recorder
from flows.recording import Party
from flows.store_answers import PLAIN, TRIGGERED, Manners, StoreAnswers

__all__ = ["AgentStation", "DialectStation", "FlowStation"]

_BOOTS: Final[dict[OcppVersion, dict[str, object]]] = {
    OcppVersion.V16: {"chargePointVendor": "chainpilot", "chargePointModel": "station"},
    OcppVersion.V201: {
        "chargingStation": {"vendorName": "chainpilot", "model": "station"},
        "reason": "PowerUp",
    },
}
_SAME_CSR: Final = "the CSR that is open, once more"
_EMPTY: Final = "an empty answer"


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
        recorder.hears_agent = True
        self._station = Station(config, clock=clock, watch=self._hear)
        self._booted = asyncio.Event()
        self._answered = asyncio.Event()
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
        """As an operator asks it to, in the dialect of the scenario."""
        if await asyncio.to_thread(_is_open, self.security, LEAF_TYPES_OF[use]):
            self._recorder.note(Party.STATION, _SAME_CSR)
        signing = self._station.agent.flows.signing
        self._answered.clear()
        await signing.prepare(use, dialect=Dialect.H, again=True)
        signing.wake()
        async with asyncio.timeout(10):
            await self._answered.wait()

    async def return_with_certificate(self) -> None:
        """As an operator asks it to."""
        await self._station.step_up(3)

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
            case SignCertificateAnswered():
                self._recorder.said("SignCertificate", "Accepted" if event.accepted else "Rejected")
                self._answered.set()
            case CertificateReceived():
                self._recorder.said("CertificateSigned", "Rejected" if event.why else "Accepted")
            case InventoryAsked():
                self._recorder.said("GetInstalledCertificateIds", "Accepted" if event.chains else "NotFound")
            case _:
                pass
        self._recorder.at_station(event)


class DialectStation:
    """Speaks one dialect over a real connection and answers from a real store."""

    def __init__(
        self,
        config: StationConfig,
        dialect: Dialect,
        recorder: Recorder,
        clock: Clock,
        manners: Manners = PLAIN,
    ) -> None:
        self._config = config
        self._dialect = dialect
        self._version = DIALECTS[dialect].version
        self._recorder = recorder
        self._clock = clock
        self._security = EvseSecurity(config.store, clock=clock)
        self._manners = manners
        self._answers = StoreAnswers(self._security, recorder, manners)
        self._obedience = Obedience(config.password, recorder)
        self._unsubscribe: Callable[[], None] | None = None
        self._link: OcppLink | None = None
        self._running: asyncio.Task[None] | None = None
        self._left = asyncio.Event()
        """Set while there is no connection: what waited for its end may go."""

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

    async def start_again(self) -> None:
        """Leave, and come as the settings now are."""
        way = self._obedience.way
        await self.leave()
        await self._connect(way.security_profile if way else 2, way.ocpp_csms_url if way else self._config.csms_url)

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
        self._recorder.said(_name(call.action, call.payload), store_answers.word_of(response))
        return response

    async def upload_log(self) -> None:
        """Tell how far the log is that was asked for, from the beginning to the end."""
        for status in (ocpp201.UploadLogStatus.UPLOADING, ocpp201.UploadLogStatus.UPLOADED):  # 1.6 has the same words
            await self._tell(ocpp201.LogStatusNotification(status, self._obedience.log_asked))

    async def _tell(self, message: Message) -> None:
        assert self._link is not None
        action = type(message).__name__
        await self._link.call(action, write_message(message))
        self._recorder.said(action, _EMPTY)

    async def leave(self) -> None:
        """End the connection."""
        if self._link is None or self._running is None or self._unsubscribe is None:
            return
        await self._link.close()
        self._left.set()
        await self._running
        self._unsubscribe()
        self._link = self._running = self._unsubscribe = None
        self._recorder.at_station(Disconnected("it leaves"))

    async def _connect(self, profile: int, url: str) -> None:
        target = Target(url, profile, self._config.station_id, self._obedience.password)
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

        self._left.clear()
        self._unsubscribe = self._security.subscribe(pass_on)
        self._link = OcppLink(
            socket, self._answer, clock=self._clock, watch=self._recorder.at_station, version=self._version
        )
        self._running = asyncio.create_task(self._link.run())

    async def _boot(self) -> None:
        assert self._link is not None
        await self._link.call("BootNotification", _BOOTS[self._version])

    async def _answer(self, action: str, payload: object) -> Answer:
        if self._manners.never_answers:
            await self._left.wait()
            raise RpcFault(ErrorCode.INTERNAL_ERROR, "nobody is there to hear it")
        order = ORDERS[self._version].get(action)
        if order is not None:
            done = self._obedience.answer(read_message(payload, order, self._version))
            self._recorder.said(action, orders.word_of(done))
            return Answer(write_message(done))
        decoded = decode_request(action, payload, self._version) if is_pnc(action, self._version) else None
        if not isinstance(decoded, DecodedRequest) or decoded.dialect is not self._dialect:
            return self._refuse(action, payload, CarrierStatus.UNKNOWN_VENDOR_ID)
        strange = self._manners.strange_word(str(payload))
        if strange is not None:
            self._recorder.note(Party.STATION, f"{strange} is no word that is known here")
            return self._refuse(action, payload, CarrierStatus.REJECTED)
        request = decoded.request
        response = await self._answers.answer(request)
        self._recorder.said(_name(action, payload), store_answers.word_of(response))
        follow_up = None
        if isinstance(request, TriggerMessageRequest) and request.requested_message in TRIGGERED:
            follow_up = partial(self.enrol, TRIGGERED[request.requested_message])
        return Answer(encode_response(response, self._dialect), follow_up)

    def _refuse(self, action: str, payload: object, status: CarrierStatus) -> Answer:
        """What another dialect says is a vendor's message that nobody knows here, or an action that is not served."""
        self._recorder.said(_name(action, payload), "")
        if action != DATA_TRANSFER:
            raise RpcFault(ErrorCode.NOT_IMPLEMENTED, "not served")
        return Answer(carrier_answer(status))


def _is_open(security: EvseSecurity, kind: LeafCertificateType) -> bool:
    return any(one.kind is kind for one in security.open_requests())


def _name(action: str, payload: Any) -> str:
    """The message, whatever carries it."""
    return str(payload.get("messageId", action))
