"""What a station asks, and what it is answered: Plug & Charge through the codec, the rest by the table of `answers`."""

from dataclasses import replace
from datetime import UTC

from chainpilot.cpms.adapters.gateway.answers import SERVED, Asked
from chainpilot.cpms.adapters.gateway.sessions import Session
from chainpilot.cpms.adapters.gateway.transactions import TransactionNumbers
from chainpilot.cpms.enrolment import Office, accept
from chainpilot.cpms.model import Step, StepTaken
from chainpilot.cpms.ports import TokenJudge, TokenVerdict
from chainpilot.link.ocpp import Answer, RpcFault
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.pnc.codec import DATA_TRANSFER, DecodeRefusal, decode_request, encode_response
from chainpilot.wire.pnc.messages import SignCertificateRequest
from chainpilot.wire.schema import M, SchemaBreach, read_message, write_message
from chainpilot.wire.version import OcppVersion

__all__ = ["Desk"]


class Desk:
    """Answers one connection's calls; who is asking is the session's station, never what a payload says.

    Args:
        office: the use cases' surroundings.
        session: the connection.
        heartbeat_interval: seconds, told at boot.
        version: what the connection speaks; Plug & Charge is served in 1.6's DataTransfer alone.
        tokens: judges what is no contract certificate.
        transactions: the process's numbers.
    """

    def __init__(
        self,
        office: Office,
        session: Session,
        heartbeat_interval: int,
        *,
        version: OcppVersion,
        tokens: TokenJudge,
        transactions: TransactionNumbers,
    ) -> None:
        self._office = office
        self._session = session
        self._heartbeat_interval = heartbeat_interval
        self._version = version
        self._tokens = tokens
        self._transactions = transactions

    async def answer(self, action: str, payload: object) -> Answer:
        """Answer a call; from then on the station may be asked too.

        Raises RpcFault, and LedgerFailed as the link's InternalError.
        """
        return replace(await self._answer(action, payload), follow_up=self._session.hear)

    async def _answer(self, action: str, payload: object) -> Answer:
        if action == DATA_TRANSFER and self._version is OcppVersion.V16:
            return await self._data_transfer(action, payload)
        served = SERVED.get((self._version, action))
        if served is None:
            raise RpcFault(ErrorCode.NOT_IMPLEMENTED, "this action is not served here")
        message = self._read(action, payload, served.message)
        return Answer(write_message(await served.answer(message, self._asked(action))))

    def _read(self, action: str, payload: object, message: type[M]) -> M:
        try:
            return read_message(payload, message, self._version)
        except SchemaBreach as breach:
            self._tell_refusal(action, breach.code.value, breach.why)
            raise RpcFault(breach.code, breach.why) from breach

    def _asked(self, action: str) -> Asked:
        def token_refused(verdict: TokenVerdict) -> None:
            self._tell(Step.CHARGING_REFUSED, action, verdict.status.value, verdict.why)

        return Asked(
            station_id=self._session.station_id,
            at=self._office.clock.now().astimezone(UTC).replace(microsecond=0),
            heartbeat_interval=self._heartbeat_interval,
            tokens=self._tokens,
            transactions=self._transactions,
            token_refused=token_refused,
        )

    def _tell_refusal(self, action: str, reason: str, detail: str) -> None:
        self._tell(Step.MESSAGE_REFUSED, action, reason, detail)

    def _tell(self, step: Step, action: str, reason: str, detail: str) -> None:
        facts = {"kind": action, "reason": reason, "detail": detail}
        self._office.watch(StepTaken(step, self._session.station_id, facts=facts))

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
