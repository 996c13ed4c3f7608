"""What a station asks, and what it is answered: Plug & Charge through the codec, the rest by the table of `answers`."""

from dataclasses import dataclass
from datetime import UTC
from functools import partial

from chainpilot.cpms.adapters.gateway.answers import SERVED, Asked
from chainpilot.cpms.adapters.gateway.sessions import Session
from chainpilot.cpms.adapters.gateway.transactions import TransactionNumbers
from chainpilot.cpms.calls import CallDesk
from chainpilot.cpms.config import ServerConfig
from chainpilot.cpms.enrolment import Office, accept, with_use
from chainpilot.cpms.model import Step, StepTaken
from chainpilot.cpms.ports import ContractOffice, StatusSource, TokenJudge, TokenVerdict
from chainpilot.link.ocpp import Answer, RpcFault
from chainpilot.wire.ocpp201 import IdTokenType
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.pnc.codec import (
    DATA_TRANSFER,
    DecodedRequest,
    DecodeRefusal,
    carrier_answer,
    decode_request,
    encode_response,
    is_pnc,
)
from chainpilot.wire.pnc.dialects import CarrierStatus, Dialect
from chainpilot.wire.pnc.messages import (
    AuthorizeRequest,
    AuthorizeResponse,
    Get15118EVCertificateRequest,
    GetCertificateStatusRequest,
    IdTokenInfo,
    PncRequest,
    PncResponse,
    SignCertificateRequest,
)
from chainpilot.wire.schema import M, SchemaBreach, read_message, write_message

__all__ = ["Desk", "Judges"]


@dataclass(frozen=True, slots=True)
class Judges:
    """Who decides what the gateway itself does not."""

    tokens: TokenJudge
    contracts: ContractOffice
    statuses: StatusSource


class Desk:
    """Answers one connection's calls; who is asking is the session's station, never what a payload says.

    Args:
        office: the use cases' surroundings.
        session: the connection.
        server: what holds for every connection.
        calls: told how far the work is that they began.
        judges: who decides what is not an enrolment's.
        transactions: the process's numbers.
    """

    def __init__(
        self,
        office: Office,
        session: Session,
        server: ServerConfig,
        *,
        calls: CallDesk,
        judges: Judges,
        transactions: TransactionNumbers,
    ) -> None:
        self._office = office
        self._session = session
        self._server = server
        self._calls = calls
        self._judges = judges
        self._transactions = transactions

    async def answer(self, action: str, payload: object) -> Answer:
        """Answer a call; from then on the station may be asked too.

        Raises RpcFault, and LedgerFailed as the link's InternalError.
        """
        answer = await self._answer(action, payload)
        return answer if self._session.heard.is_set() else Answer(answer.payload, self._session.hear)

    async def _answer(self, action: str, payload: object) -> Answer:
        if is_pnc(action, self._session.version):
            return await self._plug_and_charge(action, payload)
        served = SERVED.get((self._session.version, action))
        if served is None:
            raise RpcFault(ErrorCode.NOT_IMPLEMENTED, "this action is not served here")
        message = self._read(action, payload, served.message)
        return Answer(write_message(await served.answer(message, self._asked(action))))

    def _read(self, action: str, payload: object, message: type[M]) -> M:
        try:
            return read_message(payload, message, self._session.version)
        except SchemaBreach as breach:
            self._tell_refusal(action, breach.code.value, breach.why)
            raise RpcFault(breach.code, breach.why) from breach

    def _asked(self, action: str) -> Asked:
        def token_refused(verdict: TokenVerdict) -> None:
            self._tell(Step.CHARGING_REFUSED, action, verdict.status.value, verdict.why)

        return Asked(
            station_id=self._session.station_id,
            at=self._office.clock.now().astimezone(UTC).replace(microsecond=0),
            heartbeat_interval=self._server.heartbeat_interval,
            tokens=self._judges.tokens,
            transactions=self._transactions,
            token_refused=token_refused,
            progressed=partial(self._calls.note_progress, self._session.station_id),
        )

    def _tell_refusal(self, action: str, reason: str, detail: str) -> None:
        self._tell(Step.MESSAGE_REFUSED, action, reason, detail)

    def _tell(self, step: Step, action: str, reason: str, detail: str) -> None:
        facts = {"kind": action, "reason": reason, "detail": detail}
        self._office.watch(StepTaken(step, self._session.station_id, facts=facts))

    async def _plug_and_charge(self, action: str, payload: object) -> Answer:
        decoded = decode_request(action, payload, self._session.version)
        is_whole = isinstance(decoded, DecodedRequest) or decoded.fault is None
        if action == DATA_TRANSFER and is_whole and not self._server.data_transfer:
            self._tell_refusal(action, CarrierStatus.UNKNOWN_VENDOR_ID.value, "DataTransfer is switched off")
            return Answer(carrier_answer(CarrierStatus.UNKNOWN_VENDOR_ID))
        if isinstance(decoded, DecodeRefusal):
            reason = decoded.fault.value if decoded.fault is not None else str(decoded.answer.get("status"))
            self._tell_refusal(action, reason, decoded.why)
            if decoded.fault is not None:
                raise RpcFault(decoded.fault, decoded.why)
            return Answer(decoded.answer)
        if self._session.note(decoded.dialect):
            await self._office.ledger.note_dialects(self._session.station_id, tuple(self._session.spoken))
        response = await self._respond(decoded.request, decoded.dialect)
        if response is not None:
            return Answer(encode_response(response, decoded.dialect))
        self._tell_refusal(action, CarrierStatus.UNKNOWN_MESSAGE_ID.value, "only a CSMS sends this message")
        if action == DATA_TRANSFER:
            return Answer(carrier_answer(CarrierStatus.UNKNOWN_MESSAGE_ID))
        raise RpcFault(ErrorCode.NOT_SUPPORTED, "only a CSMS sends this message")

    async def _respond(self, request: PncRequest, dialect: Dialect) -> PncResponse | None:
        """None for what a station has no business sending."""
        station_id = self._session.station_id
        match request:
            case SignCertificateRequest():
                return await self._sign(with_use(request, dialect))
            case AuthorizeRequest():
                return await self._authorize(request)
            case Get15118EVCertificateRequest():
                return await self._judges.contracts.fetch(station_id, request)
            case GetCertificateStatusRequest():
                return await self._judges.statuses.status(station_id, request)
            case _:
                return None

    async def _sign(self, request: SignCertificateRequest) -> PncResponse:
        station = await self._office.ledger.station(self._session.station_id)
        if station is None:
            raise RpcFault(ErrorCode.SECURITY_ERROR, "the station's record was removed")
        return await accept(self._office, station, request, self._session.profile)

    async def _authorize(self, request: AuthorizeRequest) -> PncResponse:
        """A token of another kind than a contract's, without a certificate, is a card or a button (2.0.1 C01)."""
        token = request.id_token
        is_contract = token.type == IdTokenType.EMAID.value
        if is_contract or request.certificate is not None or request.certificate_hash_data:
            return await self._judges.contracts.authorize(self._session.station_id, request)
        kind = next((one for one in IdTokenType if one.value == token.type), None)
        status = await self._asked("Authorize").judge(token.id_token, kind)
        return AuthorizeResponse(IdTokenInfo(status))
