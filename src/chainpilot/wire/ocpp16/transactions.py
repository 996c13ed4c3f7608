"""Tokens, transactions and meter values in OCPP 1.6, and how they are answered.

The fields and limits are those of the standard's JSON schemas.
"""

from datetime import datetime
from enum import Enum
from typing import Annotated

from msgspec import Meta

from chainpilot.wire.metering import Location, Phase, ReadingContext
from chainpilot.wire.schema import Message, String20

__all__ = [
    "AuthorizationStatus",
    "Authorize",
    "AuthorizeResponse",
    "IdTagInfo",
    "Measurand",
    "MeterValue",
    "MeterValues",
    "SampledValue",
    "StartTransaction",
    "StartTransactionResponse",
    "StopReason",
    "StopTransaction",
    "StopTransactionResponse",
    "TransactionData",
    "Unit",
    "ValueFormat",
]


class Authorize(Message, frozen=True):
    """May whoever showed this token charge (OCPP 1.6 section 6.1)? Plug & Charge asks by DataTransfer instead."""

    id_tag: String20


class AuthorizationStatus(Enum):
    """What holds of a token."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


class IdTagInfo(Message, frozen=True):
    """What holds of a token, and until when."""

    status: AuthorizationStatus
    expiry_date: datetime | None = None
    parent_id_tag: String20 | None = None


class AuthorizeResponse(Message, frozen=True):
    """What holds of the token (OCPP 1.6 section 6.2)."""

    id_tag_info: IdTagInfo


class StartTransaction(Message, frozen=True):
    """A transaction has begun (OCPP 1.6 section 6.45)."""

    connector_id: int
    id_tag: String20
    meter_start: int
    """Wh."""
    timestamp: datetime
    reservation_id: int | None = None


class StartTransactionResponse(Message, frozen=True):
    """The number the transaction bears from now on, whatever holds of its token (OCPP 1.6 section 6.46)."""

    id_tag_info: IdTagInfo
    transaction_id: int


class Measurand(Enum):
    """What was measured."""

    ENERGY_ACTIVE_EXPORT_REGISTER = "Energy.Active.Export.Register"
    ENERGY_ACTIVE_IMPORT_REGISTER = "Energy.Active.Import.Register"
    ENERGY_REACTIVE_EXPORT_REGISTER = "Energy.Reactive.Export.Register"
    ENERGY_REACTIVE_IMPORT_REGISTER = "Energy.Reactive.Import.Register"
    ENERGY_ACTIVE_EXPORT_INTERVAL = "Energy.Active.Export.Interval"
    ENERGY_ACTIVE_IMPORT_INTERVAL = "Energy.Active.Import.Interval"
    ENERGY_REACTIVE_EXPORT_INTERVAL = "Energy.Reactive.Export.Interval"
    ENERGY_REACTIVE_IMPORT_INTERVAL = "Energy.Reactive.Import.Interval"
    POWER_ACTIVE_EXPORT = "Power.Active.Export"
    POWER_ACTIVE_IMPORT = "Power.Active.Import"
    POWER_OFFERED = "Power.Offered"
    POWER_REACTIVE_EXPORT = "Power.Reactive.Export"
    POWER_REACTIVE_IMPORT = "Power.Reactive.Import"
    POWER_FACTOR = "Power.Factor"
    CURRENT_IMPORT = "Current.Import"
    CURRENT_EXPORT = "Current.Export"
    CURRENT_OFFERED = "Current.Offered"
    VOLTAGE = "Voltage"
    FREQUENCY = "Frequency"
    TEMPERATURE = "Temperature"
    SOC = "SoC"
    RPM = "RPM"


class ValueFormat(Enum):
    """How a value is written."""

    RAW = "Raw"
    SIGNED_DATA = "SignedData"


class Unit(Enum):
    """What a value is counted in."""

    WH = "Wh"
    KWH = "kWh"
    VARH = "varh"
    KVARH = "kvarh"
    W = "W"
    KW = "kW"
    VA = "VA"
    KVA = "kVA"
    VAR = "var"
    KVAR = "kvar"
    A = "A"
    V = "V"
    K = "K"
    CELCIUS = "Celcius"
    """The standard's own misspelling, corrected by its errata; both are in the schema."""
    CELSIUS = "Celsius"
    FAHRENHEIT = "Fahrenheit"
    PERCENT = "Percent"
    HERTZ = "Hertz"
    """Missing in the schema of StopTransaction, and taken there all the same."""


class SampledValue(Message, frozen=True):
    """One value of a meter."""

    value: str
    """A decimal number, or signed data."""
    context: ReadingContext | None = None
    """Left out: Sample.Periodic."""
    format: ValueFormat | None = None
    """Left out: Raw."""
    measurand: Measurand | None = None
    """Left out: Energy.Active.Import.Register."""
    phase: Phase | None = None
    location: Location | None = None
    """Left out: Outlet."""
    unit: Unit | None = None
    """Left out: Wh, if the measurand is an energy."""


class MeterValue(Message, frozen=True):
    """The values of one moment."""

    timestamp: datetime
    sampled_value: Annotated[tuple[SampledValue, ...], Meta(min_length=1)]


class MeterValues(Message, frozen=True):
    """What a connector's meter shows (OCPP 1.6 section 6.31)."""

    connector_id: int
    meter_value: Annotated[tuple[MeterValue, ...], Meta(min_length=1)]
    transaction_id: int | None = None


class TransactionData(Message, frozen=True):
    """The values of one moment of a transaction; the schema of StopTransaction lets there be none."""

    timestamp: datetime
    sampled_value: tuple[SampledValue, ...]


class StopReason(Enum):
    """Why a transaction ended."""

    EMERGENCY_STOP = "EmergencyStop"
    EV_DISCONNECTED = "EVDisconnected"
    HARD_RESET = "HardReset"
    LOCAL = "Local"
    OTHER = "Other"
    POWER_LOSS = "PowerLoss"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    SOFT_RESET = "SoftReset"
    UNLOCK_COMMAND = "UnlockCommand"
    DE_AUTHORIZED = "DeAuthorized"


class StopTransaction(Message, frozen=True):
    """A transaction has ended (OCPP 1.6 section 6.49)."""

    meter_stop: int
    """Wh."""
    timestamp: datetime
    transaction_id: int
    id_tag: String20 | None = None
    """Whose token ended it, if one did."""
    reason: StopReason | None = None
    """Left out: Local."""
    transaction_data: tuple[TransactionData, ...] = ()


class StopTransactionResponse(Message, frozen=True):
    """What holds of the token that ended the transaction, if one did (OCPP 1.6 section 6.50)."""

    id_tag_info: IdTagInfo | None = None
