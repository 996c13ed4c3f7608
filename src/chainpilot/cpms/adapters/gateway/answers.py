"""The least a CSMS answers to a station's native messages, by the version of OCPP and the action.

What a station tells is taken and not kept yet. Whether a token may charge is a `TokenJudge`'s to say; a transaction is
taken note of whatever is said, since its message tells what has happened already.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from chainpilot.cpms.adapters.gateway.transactions import TransactionNumbers
from chainpilot.cpms.ports import TokenJudge, TokenVerdict
from chainpilot.pki.identity import StationId
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.schema import EmptyAnswer, Message
from chainpilot.wire.version import OcppVersion

__all__ = ["SERVED", "Asked", "Served"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, when, and whom an answer may need."""

    station_id: StationId
    at: datetime
    """UTC, whole seconds."""
    heartbeat_interval: int
    """Seconds."""
    tokens: TokenJudge
    transactions: TransactionNumbers
    token_refused: Callable[[TokenVerdict], None]
    """Told of a verdict that lets nobody charge."""
    progressed: Callable[[int, str], Awaitable[None]]
    """Told the requestId and the status of work that a call of ours began. Raises LedgerFailed."""

    async def judge(self, token: str, kind: ocpp201.IdTokenType | None = None) -> ocpp201.AuthorizationStatus:
        """What holds of the token at this station. Raises LedgerFailed."""
        verdict = await self.tokens.judge(self.station_id, token, kind)
        if verdict.status is not ocpp201.AuthorizationStatus.ACCEPTED:
            self.token_refused(verdict)
        return verdict.status


@dataclass(frozen=True, slots=True)
class Served:
    """How one action is served: its message, and what answers it. The answer raises LedgerFailed."""

    message: type[Message]
    answer: Callable[[Any, Asked], Awaitable[Message]]


_IN_16: Final[Mapping[ocpp201.AuthorizationStatus, ocpp16.AuthorizationStatus]] = {
    ocpp201.AuthorizationStatus.ACCEPTED: ocpp16.AuthorizationStatus.ACCEPTED,
    ocpp201.AuthorizationStatus.BLOCKED: ocpp16.AuthorizationStatus.BLOCKED,
    ocpp201.AuthorizationStatus.CONCURRENT_TX: ocpp16.AuthorizationStatus.CONCURRENT_TX,
    ocpp201.AuthorizationStatus.EXPIRED: ocpp16.AuthorizationStatus.EXPIRED,
    ocpp201.AuthorizationStatus.INVALID: ocpp16.AuthorizationStatus.INVALID,
    ocpp201.AuthorizationStatus.NO_CREDIT: ocpp16.AuthorizationStatus.BLOCKED,
    ocpp201.AuthorizationStatus.NOT_ALLOWED_TYPE_EVSE: ocpp16.AuthorizationStatus.INVALID,
    ocpp201.AuthorizationStatus.NOT_AT_THIS_LOCATION: ocpp16.AuthorizationStatus.INVALID,
    ocpp201.AuthorizationStatus.NOT_AT_THIS_TIME: ocpp16.AuthorizationStatus.INVALID,
    ocpp201.AuthorizationStatus.UNKNOWN: ocpp16.AuthorizationStatus.INVALID,
}
"""1.6 has five of the ten words; the others are said by the nearest one that refuses."""


async def _take_note(message: Message, asked: Asked) -> Message:
    del message, asked
    return EmptyAnswer()


async def _note_progress(message: Any, asked: Asked) -> Message:
    """The status of an upload or an update; without a requestId it is of no call of ours (or says Idle)."""
    if message.request_id is not None:
        await asked.progressed(message.request_id, message.status.value)
    return EmptyAnswer()


async def _boot_16(message: Message, asked: Asked) -> Message:
    del message
    return ocpp16.BootNotificationResponse(asked.at, asked.heartbeat_interval, ocpp16.RegistrationStatus.ACCEPTED)


async def _boot_201(message: Message, asked: Asked) -> Message:
    del message
    return ocpp201.BootNotificationResponse(asked.at, asked.heartbeat_interval, ocpp201.RegistrationStatus.ACCEPTED)


async def _tell_time_16(message: Message, asked: Asked) -> Message:
    del message
    return ocpp16.HeartbeatResponse(asked.at)


async def _tell_time_201(message: Message, asked: Asked) -> Message:
    del message
    return ocpp201.HeartbeatResponse(asked.at)


async def _authorize_16(message: ocpp16.Authorize, asked: Asked) -> Message:
    return ocpp16.AuthorizeResponse(await _info_16(message.id_tag, asked))


async def _start_16(message: ocpp16.StartTransaction, asked: Asked) -> Message:
    """A station told once more, because the answer was lost, gets another number: 1.6 gives no sign of it."""
    return ocpp16.StartTransactionResponse(await _info_16(message.id_tag, asked), asked.transactions.take())


async def _info_16(id_tag: str, asked: Asked) -> ocpp16.IdTagInfo:
    return ocpp16.IdTagInfo(_IN_16[await asked.judge(id_tag)])


async def _stop_16(message: Message, asked: Asked) -> Message:
    """Nothing is said of the token: it has ended its transaction."""
    del message, asked
    return ocpp16.StopTransactionResponse()


async def _transaction_201(message: ocpp201.TransactionEvent, asked: Asked) -> Message:
    token = message.id_token
    if token is None:
        return ocpp201.TransactionEventResponse()
    status = await asked.judge(token.id_token, token.type)
    return ocpp201.TransactionEventResponse(id_token_info=ocpp201.IdTokenInfo(status))


SERVED: Final[Mapping[tuple[OcppVersion, str], Served]] = {
    (OcppVersion.V16, "BootNotification"): Served(ocpp16.BootNotification, _boot_16),
    (OcppVersion.V16, "Heartbeat"): Served(ocpp16.Heartbeat, _tell_time_16),
    (OcppVersion.V16, "StatusNotification"): Served(ocpp16.StatusNotification, _take_note),
    (OcppVersion.V16, "Authorize"): Served(ocpp16.Authorize, _authorize_16),
    (OcppVersion.V16, "StartTransaction"): Served(ocpp16.StartTransaction, _start_16),
    (OcppVersion.V16, "StopTransaction"): Served(ocpp16.StopTransaction, _stop_16),
    (OcppVersion.V16, "MeterValues"): Served(ocpp16.MeterValues, _take_note),
    (OcppVersion.V16, "DiagnosticsStatusNotification"): Served(ocpp16.DiagnosticsStatusNotification, _take_note),
    (OcppVersion.V16, "FirmwareStatusNotification"): Served(ocpp16.FirmwareStatusNotification, _take_note),
    (OcppVersion.V16, "SecurityEventNotification"): Served(ocpp16.SecurityEventNotification, _take_note),
    (OcppVersion.V16, "LogStatusNotification"): Served(ocpp16.LogStatusNotification, _note_progress),
    (OcppVersion.V16, "SignedFirmwareStatusNotification"): Served(
        ocpp16.SignedFirmwareStatusNotification, _note_progress
    ),
    (OcppVersion.V201, "BootNotification"): Served(ocpp201.BootNotification, _boot_201),
    (OcppVersion.V201, "Heartbeat"): Served(ocpp201.Heartbeat, _tell_time_201),
    (OcppVersion.V201, "StatusNotification"): Served(ocpp201.StatusNotification, _take_note),
    (OcppVersion.V201, "MeterValues"): Served(ocpp201.MeterValues, _take_note),
    (OcppVersion.V201, "TransactionEvent"): Served(ocpp201.TransactionEvent, _transaction_201),
    (OcppVersion.V201, "NotifyReport"): Served(ocpp201.NotifyReport, _take_note),
    (OcppVersion.V201, "NotifyEvent"): Served(ocpp201.NotifyEvent, _take_note),
    (OcppVersion.V201, "SecurityEventNotification"): Served(ocpp201.SecurityEventNotification, _take_note),
    (OcppVersion.V201, "LogStatusNotification"): Served(ocpp201.LogStatusNotification, _note_progress),
    (OcppVersion.V201, "FirmwareStatusNotification"): Served(ocpp201.FirmwareStatusNotification, _note_progress),
}
"""Every native message that is served; Plug & Charge's are the codec's."""
