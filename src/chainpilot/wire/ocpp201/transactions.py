"""Tokens and transactions in OCPP 2.0.1. Authorize is `wire.pnc`'s.

The fields and limits are those of the JSON schemas of part 3.
"""

from datetime import datetime
from enum import Enum
from typing import Annotated

from msgspec import Meta

from chainpilot.wire.ocpp201.devices import Evse
from chainpilot.wire.ocpp201.metering import MeterValue
from chainpilot.wire.schema import Message, String50, String512

__all__ = [
    "AdditionalInfo",
    "AuthorizationStatus",
    "ChargingState",
    "IdToken",
    "IdTokenInfo",
    "IdTokenType",
    "MessageContent",
    "MessageFormat",
    "StoppedReason",
    "Transaction",
    "TransactionEvent",
    "TransactionEventResponse",
    "TransactionEventType",
    "TriggerReason",
]

_String36 = Annotated[str, Meta(max_length=36)]
_Language = Annotated[str, Meta(max_length=8)]
"""RFC 5646."""


class IdTokenType(Enum):
    """What kind of thing a token is."""

    CENTRAL = "Central"
    EMAID = "eMAID"
    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    KEY_CODE = "KeyCode"
    LOCAL = "Local"
    MAC_ADDRESS = "MacAddress"
    NO_AUTHORIZATION = "NoAuthorization"


class AdditionalInfo(Message, frozen=True):
    """What else a token says."""

    additional_id_token: _String36
    type: String50


class IdToken(Message, frozen=True):
    """What somebody showed in order to charge."""

    id_token: _String36
    type: IdTokenType
    additional_info: Annotated[tuple[AdditionalInfo, ...], Meta(min_length=1)] = ()


class AuthorizationStatus(Enum):
    """What holds of a token."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_TYPE_EVSE = "NotAllowedTypeEVSE"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


class MessageFormat(Enum):
    """How a text for people is written."""

    ASCII = "ASCII"
    HTML = "HTML"
    URI = "URI"
    UTF8 = "UTF8"


class MessageContent(Message, frozen=True):
    """A text for whoever stands at the station."""

    format: MessageFormat
    content: String512
    language: _Language | None = None


class IdTokenInfo(Message, frozen=True):
    """What holds of a token, and until when."""

    status: AuthorizationStatus
    cache_expiry_date_time: datetime | None = None
    charging_priority: int | None = None
    """From -9 to 9."""
    evse_id: Annotated[tuple[int, ...], Meta(min_length=1)] = ()
    """The EVSEs it is good for; empty: all."""
    group_id_token: IdToken | None = None
    language1: _Language | None = None
    language2: _Language | None = None
    personal_message: MessageContent | None = None


class TransactionEventType(Enum):
    """Where in its life a transaction is."""

    ENDED = "Ended"
    STARTED = "Started"
    UPDATED = "Updated"


class TriggerReason(Enum):
    """What led to an event."""

    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_RATE_CHANGED = "ChargingRateChanged"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    DEAUTHORIZED = "Deauthorized"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    EV_CONNECT_TIMEOUT = "EVConnectTimeout"
    METER_VALUE_CLOCK = "MeterValueClock"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TRIGGER = "Trigger"
    UNLOCK_COMMAND = "UnlockCommand"
    STOP_AUTHORIZED = "StopAuthorized"
    EV_DEPARTED = "EVDeparted"
    EV_DETECTED = "EVDetected"
    REMOTE_STOP = "RemoteStop"
    REMOTE_START = "RemoteStart"
    ABNORMAL_CONDITION = "AbnormalCondition"
    SIGNED_DATA_RECEIVED = "SignedDataReceived"
    RESET_COMMAND = "ResetCommand"


class ChargingState(Enum):
    """What a transaction is doing."""

    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


class StoppedReason(Enum):
    """Why a transaction ended."""

    DE_AUTHORIZED = "DeAuthorized"
    EMERGENCY_STOP = "EmergencyStop"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    EV_DISCONNECTED = "EVDisconnected"
    GROUND_FAULT = "GroundFault"
    IMMEDIATE_RESET = "ImmediateReset"
    LOCAL = "Local"
    LOCAL_OUT_OF_CREDIT = "LocalOutOfCredit"
    MASTER_PASS = "MasterPass"  # noqa: S105 - a kind of card, no password
    OTHER = "Other"
    OVERCURRENT_FAULT = "OvercurrentFault"
    POWER_LOSS = "PowerLoss"
    POWER_QUALITY = "PowerQuality"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    SOC_LIMIT_REACHED = "SOCLimitReached"
    STOPPED_BY_EV = "StoppedByEV"
    TIME_LIMIT_REACHED = "TimeLimitReached"
    TIMEOUT = "Timeout"


class Transaction(Message, frozen=True):
    """A transaction as it stands."""

    transaction_id: _String36
    """The station's."""
    charging_state: ChargingState | None = None
    time_spent_charging: int | None = None
    """Seconds."""
    stopped_reason: StoppedReason | None = None
    remote_start_id: int | None = None


class TransactionEvent(Message, frozen=True):
    """A transaction has begun, gone on or ended (use cases E01 to E15)."""

    event_type: TransactionEventType
    timestamp: datetime
    trigger_reason: TriggerReason
    seq_no: int
    transaction_info: Transaction
    meter_value: Annotated[tuple[MeterValue, ...], Meta(min_length=1)] = ()
    offline: bool | None = None
    """Left out: false."""
    number_of_phases_used: int | None = None
    cable_max_current: int | None = None
    """A."""
    reservation_id: int | None = None
    evse: Evse | None = None
    id_token: IdToken | None = None


class TransactionEventResponse(Message, frozen=True):
    """What holds of the token in the event, if there was one."""

    total_cost: float | None = None
    """In the currency of the CSMS, taxes included."""
    charging_priority: int | None = None
    """From -9 to 9."""
    id_token_info: IdTokenInfo | None = None
    updated_personal_message: MessageContent | None = None
