"""What the station answers the CSMS, message by message, in whatever dialect it was asked.

An answer comes from the flow that knows it; what is to follow it is done once it is on the wire. What nobody here knows
is refused in its version's words.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

from chainpilot.link.faults import RpcFault
from chainpilot.link.ocpp import Answer
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.enrolment.signing import CsrNotMade
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.flows import Flows
from chainpilot.station.agent.ports import Line
from chainpilot.station.agent.rerouting import Rerouting
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.jsontext import UnwritableJsonError
from chainpilot.wire.ocppj.frames import MAX_MESSAGE_ID, CallResult, ErrorCode, UnwritableFrameError, encode
from chainpilot.wire.pnc.codec import (
    DATA_TRANSFER,
    DecodedRequest,
    DecodeRefusal,
    carrier_answer,
    decode_request,
    encode_response,
    is_pnc,
)
from chainpilot.wire.pnc.dialects import CarrierStatus
from chainpilot.wire.pnc.messages import (
    CertificateSignedRequest,
    DeleteCertificateRequest,
    GetInstalledCertificateIdsRequest,
    InstallCertificateRequest,
    PncResponse,
    TriggerMessageRequest,
    TriggerMessageResponse,
)
from chainpilot.wire.pnc.words import MessageTrigger, TriggerMessageStatus
from chainpilot.wire.schema import Message, SchemaBreach, read_message, write_message
from chainpilot.wire.security import GetLog, UpdateFirmwareStatus
from chainpilot.wire.version import OcppVersion

__all__ = ["Answers"]

ORDERS: Final[Mapping[OcppVersion, Mapping[str, type[Message]]]] = {
    version: {kind.__name__: kind for kind in answers}
    for version, answers in ((OcppVersion.V16, ocpp16.ANSWERS), (OcppVersion.V201, ocpp201.ANSWERS))
}
"""What is asked in OCPP's own messages beside Plug & Charge, by its action."""
_UNSIGNED_UPDATE: Final = "UpdateFirmware"
_SIGNING: Final = {
    MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE: LeafUse.CSMS,
    MessageTrigger.SIGN_V2G_CERTIFICATE: LeafUse.V2G,
}
_Setting = (
    ocpp16.GetConfiguration
    | ocpp16.ChangeConfiguration
    | ocpp201.GetVariables
    | ocpp201.SetVariables
    | ocpp201.SetNetworkProfile
)
FollowUp = Callable[[], Awaitable[None]] | None

_log = logging.getLogger(__name__)


class Answers:
    """Answers over one line."""

    def __init__(self, flows: Flows, line: Callable[[], Line], rerouting: Rerouting) -> None:
        """Answer nothing yet.

        Args:
            flows: who knows the answers.
            line: where what follows an answer is said; asked for then.
            rerouting: told when the way to the CSMS was changed.
        """
        self._flows = flows
        self._line = line
        self._rerouting = rerouting

    async def answer(self, version: OcppVersion, action: str, payload: object) -> Answer:
        """The answer to a call of the CSMS; raises RpcFault for a CALLERROR."""
        order = ORDERS.get(version, {}).get(action)
        if order is not None:
            return await self._obey(version, order, payload)
        if is_pnc(action, version):
            return await self._speak(version, action, payload)
        if action == _UNSIGNED_UPDATE:
            raise RpcFault(ErrorCode.NOT_SUPPORTED, "firmware is taken with a signature only: SignedUpdateFirmware")
        raise RpcFault(ErrorCode.NOT_IMPLEMENTED, "this station doesn't know the action")

    async def _obey(self, version: OcppVersion, order: type[Message], payload: object) -> Answer:
        try:
            asked = read_message(payload, order, version)
        except SchemaBreach as breach:
            raise RpcFault(breach.code, breach.why) from breach
        done, follow_up = await self._carry_out(version, asked)
        return Answer(write_message(done), follow_up)

    async def _carry_out(self, version: OcppVersion, asked: Message) -> tuple[Message, FollowUp]:
        flows = self._flows
        match asked:
            case ocpp16.GetConfiguration() | ocpp201.GetVariables() | ocpp201.SetNetworkProfile():
                return await self._configure(asked), None
            case ocpp16.ChangeConfiguration() | ocpp201.SetVariables():
                return await self._set(asked)
            case ocpp16.Reset() | ocpp201.Reset():
                return await self._reset(asked)
            case GetLog():
                return await flows.logs.order(version, asked)
            case ocpp16.SignedUpdateFirmware() | ocpp201.UpdateFirmware():
                return await self._update(version, asked)
            case _:
                raise RpcFault(ErrorCode.NOT_IMPLEMENTED, "this station doesn't know the action")

    async def _update(
        self, version: OcppVersion, asked: ocpp16.SignedUpdateFirmware | ocpp201.UpdateFirmware
    ) -> tuple[Message, FollowUp]:
        if self._flows.timekeeper.is_trusted:
            return await self._flows.firmware.order(version, asked)
        if isinstance(asked, ocpp16.SignedUpdateFirmware):
            return ocpp16.SignedUpdateFirmwareResponse(UpdateFirmwareStatus.REJECTED), None
        why = ocpp201.StatusInfo("ClockNotTrusted", "whether the signing certificate holds can't be judged now")
        return ocpp201.UpdateFirmwareResponse(UpdateFirmwareStatus.REJECTED, why), None

    async def _configure(self, asked: _Setting) -> Message:
        configuration = self._flows.configuration
        match asked:
            case ocpp16.GetConfiguration():
                return await configuration.get_configuration(asked)
            case ocpp16.ChangeConfiguration():
                return await configuration.change_configuration(asked)
            case ocpp201.GetVariables():
                return await configuration.get_variables(asked)
            case ocpp201.SetVariables():
                return await configuration.set_variables(asked)
            case ocpp201.SetNetworkProfile():
                return await configuration.set_network_profile(asked)

    async def _set(self, wanted: ocpp16.ChangeConfiguration | ocpp201.SetVariables) -> tuple[Message, FollowUp]:
        """Make the change; what concerns the connection is used by making a new one."""
        configuration = self._flows.configuration
        before = configuration.settings.password, configuration.candidates()[:1]
        done = await self._configure(wanted)
        self._flows.signing.wake()
        if (configuration.settings.password, configuration.candidates()[:1]) == before:
            return done, None
        return done, self._rerouting.way_changed

    async def _reset(self, asked: ocpp16.Reset | ocpp201.Reset) -> tuple[Message, FollowUp]:
        """One at a time: see `resets`."""
        if isinstance(asked, ocpp201.Reset):
            if asked.evse_id is not None:
                why = ocpp201.StatusInfo("NotEnabled", "the agent starts the station again as a whole, not one EVSE")
                return ocpp201.ResetResponse(ocpp201.ResetStatus.REJECTED, why), None
            at_once = asked.type is ocpp201.ResetType.IMMEDIATE
            done: Message = ocpp201.ResetResponse(ocpp201.ResetStatus.ACCEPTED)
        else:
            at_once = asked.type is ocpp16.ResetType.HARD
            done = ocpp16.ResetResponse(ocpp16.ResetStatus.ACCEPTED)
        resets = self._flows.resets
        if resets.is_under_way(at_once=at_once):
            return done, None
        await self._flows.report(SecurityEventType.RESET_OR_REBOOT, f"asked for by the CSMS: {asked.type.value}")
        return done, partial(resets.begin, at_once=at_once)

    async def _speak(self, version: OcppVersion, action: str, payload: object) -> Answer:
        decoded = decode_request(action, payload, version)
        if isinstance(decoded, DecodeRefusal):
            _log.warning("%s was not understood: %s", action, decoded.why)
            if decoded.fault is not None:
                raise RpcFault(decoded.fault, decoded.why)
            return Answer(decoded.answer)
        said = await self._take(version, decoded)
        if said is None:
            if action != DATA_TRANSFER:
                raise RpcFault(ErrorCode.NOT_IMPLEMENTED, "this station doesn't know the action")
            return Answer(carrier_answer(CarrierStatus.UNKNOWN_MESSAGE_ID))
        response, follow_up = said
        return _written(response, decoded, follow_up)

    async def _take(self, version: OcppVersion, decoded: DecodedRequest) -> tuple[PncResponse, FollowUp] | None:
        certificates = self._flows.certificates
        match decoded.request:
            case CertificateSignedRequest() as signed:
                return await certificates.take_leaf(signed, decoded.dialect), None
            case InstallCertificateRequest() as asked:
                return await certificates.install(asked), None
            case DeleteCertificateRequest() as asked:
                return await certificates.delete(asked), None
            case GetInstalledCertificateIdsRequest() as asked:
                return await certificates.list_installed(asked), None
            case TriggerMessageRequest() as asked:
                return await self._trigger(version, decoded, asked.requested_message)
            case _:
                return None

    async def _trigger(
        self, version: OcppVersion, decoded: DecodedRequest, wanted: MessageTrigger
    ) -> tuple[PncResponse, FollowUp]:
        status, flows = TriggerMessageStatus, self._flows
        if wanted in _SIGNING:
            return await self._sign(decoded, _SIGNING[wanted])
        says: Mapping[MessageTrigger, Callable[[], Awaitable[None]]] = {
            MessageTrigger.BOOT_NOTIFICATION: lambda: flows.presence.boot_again(self._line()),
            MessageTrigger.HEARTBEAT: lambda: flows.presence.heartbeat(self._line()),
            MessageTrigger.LOG_STATUS_NOTIFICATION: lambda: self._tell(flows.logs.current_status(version)),
            MessageTrigger.FIRMWARE_STATUS_NOTIFICATION: lambda: self._tell(flows.firmware.current_status(version)),
        }
        if wanted not in says:
            return TriggerMessageResponse(status.NOT_IMPLEMENTED), None
        is_second_boot = wanted is MessageTrigger.BOOT_NOTIFICATION and flows.presence.is_accepted
        if is_second_boot and version is not OcppVersion.V16:  # F06.FR.17
            return TriggerMessageResponse(status.REJECTED, "AlreadyAccepted"), None
        return TriggerMessageResponse(status.ACCEPTED), says[wanted]

    async def _sign(self, decoded: DecodedRequest, use: LeafUse) -> tuple[PncResponse, FollowUp]:
        """The request is on disk before Accepted is said: a power cut after it loses nothing."""
        status = TriggerMessageStatus
        if use is LeafUse.V2G and not self._flows.configuration.settings.v2g_certificate_installation_enabled:
            return TriggerMessageResponse(status.REJECTED, "NotEnabled"), None
        try:
            await self._flows.signing.prepare(use, dialect=decoded.dialect)
        except CsrNotMade as error:
            _log.warning("a trigger for %s is rejected: %s", use.value, error)
            return TriggerMessageResponse(status.REJECTED, "CsrNotMade"), None
        return TriggerMessageResponse(status.ACCEPTED), self._wake

    async def _wake(self) -> None:
        self._flows.signing.wake()

    async def _tell(self, status: Awaitable[Message]) -> None:
        message = await status
        await self._line().call(type(message).__name__, write_message(message))


def _written(response: PncResponse, decoded: DecodedRequest, follow_up: FollowUp) -> Answer:
    """The response, if a frame can hold it: an inner fault is never a CALLERROR (pnc-messages.md section 2)."""
    try:
        payload = encode_response(response, decoded.dialect)
        encode(CallResult("x" * MAX_MESSAGE_ID, payload))
    except (UnwritableJsonError, UnwritableFrameError) as error:
        _log.error("an answer can't be sent and is answered Rejected: %s", error)
        return Answer(carrier_answer(CarrierStatus.REJECTED))
    return Answer(payload, follow_up)
