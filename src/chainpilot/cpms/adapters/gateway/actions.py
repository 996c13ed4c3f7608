"""What a station asks, and what it is answered: Plug & Charge through the codec, the rest of OCPP 1.6 at its least.

Transactions, meter values and plain Authorize are not handled here yet and answered NotImplemented.
"""

from dataclasses import replace
from datetime import UTC

from chainpilot.cpms.adapters.gateway.sessions import Session
from chainpilot.cpms.enrolment import Office, accept
from chainpilot.cpms.model import Step, StepTaken
from chainpilot.link.ocpp import Answer, RpcFault
from chainpilot.wire.ocpp16 import BootNotification, Heartbeat, SchemaBreach, StatusNotification, read_message
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.pnc.codec import DecodeRefusal, decode_request, encode_response
from chainpilot.wire.pnc.messages import SignCertificateRequest
from chainpilot.wire.schema import Message

__all__ = ["Desk"]


class Desk:
    """Answers one connection's calls; who is asking is the session's station, never what a payload says."""

    def __init__(self, office: Office, session: Session, heartbeat_interval: int) -> None:
        self._office = office
        self._session = session
        self._heartbeat_interval = heartbeat_interval

    async def answer(self, action: str, payload: object) -> Answer:
        """Answer a call; from then on the station may be asked too.

        Raises RpcFault, and LedgerFailed as the link's InternalError.
        """
        return replace(await self._answer(action, payload), follow_up=self._session.hear)

    async def _answer(self, action: str, payload: object) -> Answer:
        match action:
            case "DataTransfer":
                return await self._data_transfer(action, payload)
            case "BootNotification":
                self._read(action, payload, BootNotification)
                interval = self._heartbeat_interval
                return Answer({"status": "Accepted", "currentTime": self._now(), "interval": interval})
            case "Heartbeat":
                self._read(action, payload, Heartbeat)
                return Answer({"currentTime": self._now()})
            case "StatusNotification":
                self._read(action, payload, StatusNotification)
                return Answer({})
            case _:
                raise RpcFault(ErrorCode.NOT_IMPLEMENTED, "this action is not served here")

    def _read(self, action: str, payload: object, message: type[Message]) -> None:
        """Only the schema counts: nothing of these messages is kept yet."""
        try:
            read_message(payload, message)
        except SchemaBreach as breach:
            self._tell_refusal(action, breach.code.value, breach.why)
            raise RpcFault(breach.code, breach.why) from breach

    def _tell_refusal(self, action: str, reason: str, detail: str) -> None:
        facts = {"kind": action, "reason": reason, "detail": detail}
        self._office.watch(StepTaken(Step.MESSAGE_REFUSED, self._session.station_id, facts=facts))

    async def _data_transfer(self, action: str, payload: object) -> Answer:
        decoded = decode_request(action, payload)
        if isinstance(decoded, DecodeRefusal):
            reason = decoded.fault.value if decoded.fault is not None else str(decoded.answer.get("status"))
            self._tell_refusal(action, reason, decoded.why)
            if decoded.fault is not None:
                raise RpcFault(decoded.fault, decoded.why)
            return Answer(decoded.answer)
        self._session.dialect = decoded.dialect
        if not isinstance(decoded.request, SignCertificateRequest):
            self._tell_refusal(action, "UnknownMessageId", "only a CSMS sends this message")
            return Answer({"status": "UnknownMessageId"})
        station = await self._office.ledger.station(self._session.station_id)
        if station is None:
            raise RpcFault(ErrorCode.SECURITY_ERROR, "the station's record was removed")
        response = await accept(self._office, station, decoded.request)
        return Answer(encode_response(response, decoded.dialect))

    def _now(self) -> str:
        """OCPP-J's moment: UTC, whole seconds."""
        return self._office.clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
