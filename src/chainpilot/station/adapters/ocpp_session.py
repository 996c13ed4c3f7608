"""What a station says and answers over one OCPP 1.6J connection: boot, heartbeats, and the enrolment in dialect H.

Store calls run in threads, so that a slow disk blocks no message. Everything else a CSMS may ask is answered with
NotImplemented. Dialling and dialling again are not here.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from chainpilot.clock import Clock
from chainpilot.errors import ChainpilotError
from chainpilot.link.ocpp import Answer, LinkClosed, MessageSocket, OcppLink, RpcFault
from chainpilot.pki.trust import LeafUse
from chainpilot.station.model import CertificateType, LeafCertificateType
from chainpilot.station.service import EvseSecurity
from chainpilot.station.store import PendingCsr
from chainpilot.station.watch import (
    Booted,
    CertificateReceived,
    InventoryAsked,
    SignCertificateAnswered,
    SignCertificateSent,
    StationWatch,
)
from chainpilot.wire.jsontext import UnwritableJsonError
from chainpilot.wire.ocppj.frames import MAX_MESSAGE_ID, CallResult, ErrorCode, UnwritableFrameError, encode
from chainpilot.wire.pnc.codec import (
    DATA_TRANSFER,
    CarrierRefusal,
    DecodeRefusal,
    carrier_answer,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from chainpilot.wire.pnc.dialects import CarrierStatus, Dialect
from chainpilot.wire.pnc.messages import (
    CertificateHashDataChain,
    CertificateSignedRequest,
    CertificateSignedResponse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    PncResponse,
    SignCertificateRequest,
    SignCertificateResponse,
)
from chainpilot.wire.pnc.words import CertificateUse, GenericStatus, GetInstalledCertificateStatus

__all__ = ["LEAF_TYPES_OF", "Identity", "Session"]

LEAF_TYPES_OF: Final = {LeafUse.V2G: LeafCertificateType.V2G, LeafUse.CSMS: LeafCertificateType.CSMS}
"""OCPP's uses in the store's words."""
_USES_OF: Final = {kind: use for use, kind in LEAF_TYPES_OF.items()}
_STORE_TYPES: Final = {
    CertificateUse.V2G_ROOT_CERTIFICATE: CertificateType.V2G_ROOT_CERTIFICATE,
    CertificateUse.MO_ROOT_CERTIFICATE: CertificateType.MO_ROOT_CERTIFICATE,
    CertificateUse.CSMS_ROOT_CERTIFICATE: CertificateType.CSMS_ROOT_CERTIFICATE,
    CertificateUse.MANUFACTURER_ROOT_CERTIFICATE: CertificateType.MF_ROOT_CERTIFICATE,
    CertificateUse.V2G_CERTIFICATE_CHAIN: CertificateType.V2G_CERTIFICATE_CHAIN,
}
_SUB_CA_TIERS: Final = {CertificateUse.CSO_SUB_CA1: 1, CertificateUse.CSO_SUB_CA2: 2}
"""OCPP 2.0's uses for the V2G intermediates (pnc-messages.md section 3 row 16); asked for by name only."""
_WIRE_USES: Final = {kind: use for use, kind in _STORE_TYPES.items()}
DEFAULT_INTERVAL: Final = 300
"""Seconds between heartbeats, and before another boot, where the CSMS names none that makes sense."""
MAX_INTERVAL: Final = 86_400
"""Seconds: a day; a CSMS that asks for more would never notice a silent station."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a BootNotification says of the station."""

    vendor: str
    model: str


class Session:
    """One connection's conversation; `run` works until it closes."""

    def __init__(
        self,
        socket: MessageSocket,
        security: EvseSecurity,
        identity: Identity,
        *,
        clock: Clock,
        watch: StationWatch,
        on_booted: Callable[[], None],
    ) -> None:
        """Say nothing yet.

        Args:
            socket: an open connection, closed when `run` ends.
            security: the store.
            identity: for BootNotification.
            clock: for heartbeats and deadlines.
            watch: told of what happens.
            on_booted: called when the CSMS has accepted the station.
        """
        self._socket = socket
        self._security = security
        self._identity = identity
        self._clock = clock
        self._watch = watch
        self._on_booted = on_booted
        self._link = OcppLink(socket, self._handle, clock=clock, watch=watch, name="CSMS")
        self._is_booted = False
        self._signing = asyncio.Lock()
        self._asked: set[str] = set()

    @property
    def end(self) -> str:
        """How the connection ended, as a sentence."""
        return str(self._link.end or "the connection is open")

    async def run(self) -> None:
        """Boot, send the requests that are open, then heartbeats; returns when the connection is closed."""
        link = asyncio.create_task(self._link.run())
        routine = asyncio.create_task(self._routine())
        try:
            await asyncio.wait({link, routine}, return_when=asyncio.FIRST_COMPLETED)
            if routine.done():
                routine.result()
            await link
        finally:
            link.cancel()
            routine.cancel()
            await asyncio.gather(link, routine, return_exceptions=True)
            await self._socket.close(1000, "")

    async def close(self, reason: str) -> None:
        """Close the connection; `run` then returns."""
        await self._link.close(1000, reason)

    async def send_open_requests(self, *, again: PendingCsr | None = None) -> None:
        """Ask the CSMS to sign every open request that this connection hasn't carried yet, and `again` in any case.

        One after the other (OCPP A02). Does nothing before the CSMS has accepted the station: then all are sent.
        """
        if not self._is_booted:
            return
        async with self._signing:
            for pending in await asyncio.to_thread(self._security.open_requests):
                if pending.csr.spki_hash not in self._asked or pending == again:
                    await self._sign(pending)

    async def _routine(self) -> None:
        try:
            interval = await self._boot()
            await self.send_open_requests()
            while True:
                await self._clock.sleep_until(self._clock.monotonic() + interval)
                await self._heartbeat()
        except LinkClosed:
            return

    async def _boot(self) -> int:
        """Boot until accepted; answers the seconds between heartbeats."""
        payload: dict[str, object] = {
            "chargePointVendor": self._identity.vendor,
            "chargePointModel": self._identity.model,
        }
        while True:
            answer = await self._ask("BootNotification", payload)
            word, interval = _boot_word(answer), _interval(answer.get("interval"))
            if word == "Accepted":
                self._is_booted = True
                self._watch(Booted(accepted=True, status=word))
                self._on_booted()
                return interval
            self._watch(Booted(accepted=False, status=word))
            await self._clock.sleep_until(self._clock.monotonic() + interval)

    async def _heartbeat(self) -> None:
        await self._ask("Heartbeat", {})

    async def _ask(self, action: str, payload: dict[str, object]) -> dict[str, Any]:
        """The answer's payload; empty when the CSMS refused or didn't answer.

        Raises:
            LinkClosed: the connection is gone.
        """
        try:
            answer = await self._link.call(action, payload)
        except LinkClosed:
            raise
        except ChainpilotError as error:
            _log.warning("%s", error)
            return {}
        return answer if isinstance(answer, dict) else {}

    async def _sign(self, pending: PendingCsr) -> None:
        use, name = _USES_OF[pending.kind], pending.csr.common_name
        request = SignCertificateRequest(csr=pending.pem, certificate_type=use)
        call = encode_request(request, Dialect.H)
        self._asked.add(pending.csr.spki_hash)
        await asyncio.to_thread(self._security.mark_request, pending, with_csms=True)
        self._watch(SignCertificateSent(use, name))
        try:
            answer = decode_response(request, Dialect.H, await self._link.call(call.action, call.payload))
        except ChainpilotError as error:
            self._asked.discard(pending.csr.spki_hash)
            self._watch(SignCertificateAnswered(use, name, accepted=False, why=str(error)))
            if isinstance(error, LinkClosed):
                raise
            return
        accepted = isinstance(answer, SignCertificateResponse) and answer.status is GenericStatus.ACCEPTED
        if not accepted:
            await asyncio.to_thread(self._security.mark_request, pending, with_csms=False)
        self._watch(SignCertificateAnswered(use, name, accepted=accepted, why=None if accepted else _why(answer)))

    async def _handle(self, action: str, payload: object) -> Answer:
        if action != DATA_TRANSFER:
            raise RpcFault(ErrorCode.NOT_IMPLEMENTED, "this station doesn't know the action")
        decoded = decode_request(action, payload)
        if isinstance(decoded, DecodeRefusal):
            _log.warning("a DataTransfer was not understood: %s", decoded.why)
            if decoded.fault is not None:
                raise RpcFault(decoded.fault, decoded.why)
            return Answer(decoded.answer)
        match decoded.request:
            case CertificateSignedRequest() as signed:
                return _answer(await self._install(signed), decoded.dialect)
            case GetInstalledCertificateIdsRequest() as asked:
                return _answer(await self._inventory(asked), decoded.dialect)
            case _:
                return Answer(carrier_answer(CarrierStatus.UNKNOWN_MESSAGE_ID))

    async def _install(self, signed: CertificateSignedRequest) -> CertificateSignedResponse:
        kind = LEAF_TYPES_OF[signed.certificate_type] if signed.certificate_type else None
        outcome = await asyncio.to_thread(self._security.update_leaf, signed.certificate_chain, kind)
        self._watch(CertificateReceived(signed.certificate_type, outcome.result, outcome.reason))
        if outcome.accepted:
            return CertificateSignedResponse(GenericStatus.ACCEPTED)
        return CertificateSignedResponse(GenericStatus.REJECTED, outcome.result.value)

    async def _inventory(self, asked: GetInstalledCertificateIdsRequest) -> GetInstalledCertificateIdsResponse:
        uses = asked.certificate_types or tuple(_STORE_TYPES)
        chains = await asyncio.to_thread(self._installed, uses)
        self._watch(InventoryAsked(len(chains)))
        status = GetInstalledCertificateStatus.ACCEPTED if chains else GetInstalledCertificateStatus.NOT_FOUND
        return GetInstalledCertificateIdsResponse(status, chains)

    def _installed(self, uses: tuple[CertificateUse, ...]) -> tuple[CertificateHashDataChain, ...]:
        kinds = [_STORE_TYPES[use] for use in uses if use in _STORE_TYPES]
        listed = self._security.get_installed_certificates(kinds).certificate_hash_data_chain
        sub_cas = (
            CertificateHashDataChain(use, data)
            for use, tier in _SUB_CA_TIERS.items()
            if use in uses
            for data in self._security.get_installed_sub_cas(tier)
        )
        return (
            *(
                CertificateHashDataChain(
                    _WIRE_USES[chain.certificate_type], chain.certificate_hash_data, chain.child_certificate_hash_data
                )
                for chain in listed
            ),
            *sub_cas,
        )


def _answer(response: PncResponse, dialect: Dialect) -> Answer:
    """The response, if a frame can hold it: an inner fault is never a CALLERROR (pnc-messages.md section 2)."""
    try:
        payload = encode_response(response, dialect)
        encode(CallResult("x" * MAX_MESSAGE_ID, payload))
    except (UnwritableJsonError, UnwritableFrameError) as error:
        _log.error("a DataTransfer is answered Rejected because its answer can't be sent: %s", error)
        return Answer(carrier_answer(CarrierStatus.REJECTED))
    return Answer(payload)


def _boot_word(answer: dict[str, Any]) -> str:
    if not answer:
        return "no answer"
    return next(
        (word for word in ("Accepted", "Pending", "Rejected") if answer.get("status") == word), "not understood"
    )


def _interval(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_INTERVAL:
        return value
    return DEFAULT_INTERVAL


def _why(answer: object) -> str:
    match answer:
        case SignCertificateResponse(reason=reason):
            return f"the CSMS rejects the request{f' ({reason})' if reason else ''}"
        case CarrierRefusal(why=why):
            return why
        case _:
            return "the answer is of another kind"
