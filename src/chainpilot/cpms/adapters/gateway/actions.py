"""What a station asks, and what it is answered: Plug & Charge through the codec, the rest of OCPP 1.6 at its least.

Transactions, meter values and plain Authorize are not handled here yet and answered NotImplemented.
"""

from dataclasses import replace
from datetime import UTC

from chainpilot.cpms.adapters.gateway.sessions import Session
from chainpilot.cpms.enrolment import Office, accept
from chainpilot.link.ocpp import Answer, RpcFault
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.pnc.codec import DecodeRefusal, decode_request, encode_response
from chainpilot.wire.pnc.messages import SignCertificateRequest

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
                interval = self._heartbeat_interval
                return Answer({"status": "Accepted", "currentTime": self._now(), "interval": interval})
            case "Heartbeat":
                return Answer({"currentTime": self._now()})
            case "StatusNotification":
                return Answer({})
            case _:
                raise RpcFault(ErrorCode.NOT_IMPLEMENTED, "this action is not served here")

    async def _data_transfer(self, action: str, payload: object) -> Answer:
        decoded = decode_request(action, payload)
        if isinstance(decoded, DecodeRefusal):
            if decoded.fault is not None:
                raise RpcFault(decoded.fault, decoded.why)
            return Answer(decoded.answer)
        self._session.dialect = decoded.dialect
        if not isinstance(decoded.request, SignCertificateRequest):
            return Answer({"status": "UnknownMessageId"})
        station = await self._office.ledger.station(self._session.station_id)
        if station is None:
            raise RpcFault(ErrorCode.SECURITY_ERROR, "the station's record was removed")
        response = await accept(self._office, station, decoded.request)
        return Answer(encode_response(response, decoded.dialect))

    def _now(self) -> str:
        """OCPP-J's moment: UTC, whole seconds."""
        return self._office.clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
