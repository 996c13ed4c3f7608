"""Meter values in OCPP 2.0.1.

The fields and limits are those of the JSON schemas of part 3.
"""

from datetime import datetime
from enum import Enum
from typing import Annotated

from msgspec import Meta

from chainpilot.wire.metering import Location, Phase, ReadingContext
from chainpilot.wire.schema import Message, String20, String50

__all__ = [
    "Measurand",
    "MeterValue",
    "MeterValues",
    "SampledValue",
    "SignedMeterValue",
    "UnitOfMeasure",
]

_Signed = Annotated[str, Meta(max_length=2500)]


class Measurand(Enum):
    """What was measured."""

    CURRENT_EXPORT = "Current.Export"
    CURRENT_IMPORT = "Current.Import"
    CURRENT_OFFERED = "Current.Offered"
    ENERGY_ACTIVE_EXPORT_REGISTER = "Energy.Active.Export.Register"
    ENERGY_ACTIVE_IMPORT_REGISTER = "Energy.Active.Import.Register"
    ENERGY_REACTIVE_EXPORT_REGISTER = "Energy.Reactive.Export.Register"
    ENERGY_REACTIVE_IMPORT_REGISTER = "Energy.Reactive.Import.Register"
    ENERGY_ACTIVE_EXPORT_INTERVAL = "Energy.Active.Export.Interval"
    ENERGY_ACTIVE_IMPORT_INTERVAL = "Energy.Active.Import.Interval"
    ENERGY_ACTIVE_NET = "Energy.Active.Net"
    ENERGY_REACTIVE_EXPORT_INTERVAL = "Energy.Reactive.Export.Interval"
    ENERGY_REACTIVE_IMPORT_INTERVAL = "Energy.Reactive.Import.Interval"
    ENERGY_REACTIVE_NET = "Energy.Reactive.Net"
    ENERGY_APPARENT_NET = "Energy.Apparent.Net"
    ENERGY_APPARENT_IMPORT = "Energy.Apparent.Import"
    ENERGY_APPARENT_EXPORT = "Energy.Apparent.Export"
    FREQUENCY = "Frequency"
    POWER_ACTIVE_EXPORT = "Power.Active.Export"
    POWER_ACTIVE_IMPORT = "Power.Active.Import"
    POWER_FACTOR = "Power.Factor"
    POWER_OFFERED = "Power.Offered"
    POWER_REACTIVE_EXPORT = "Power.Reactive.Export"
    POWER_REACTIVE_IMPORT = "Power.Reactive.Import"
    SOC = "SoC"
    VOLTAGE = "Voltage"


class SignedMeterValue(Message, frozen=True):
    """A value as its meter has signed it."""

    signed_meter_data: _Signed
    """Base64."""
    signing_method: String50
    encoding_method: String50
    public_key: _Signed
    """Base64; empty where the CSMS has it already."""


class UnitOfMeasure(Message, frozen=True):
    """What a value is counted in."""

    unit: String20 | None = None
    """Left out: Wh."""
    multiplier: int | None = None
    """The exponent of 10; left out: 0."""


class SampledValue(Message, frozen=True):
    """One value of a meter."""

    value: float
    context: ReadingContext | None = None
    """Left out: Sample.Periodic."""
    measurand: Measurand | None = None
    """Left out: Energy.Active.Import.Register."""
    phase: Phase | None = None
    location: Location | None = None
    """Left out: Outlet."""
    signed_meter_value: SignedMeterValue | None = None
    unit_of_measure: UnitOfMeasure | None = None


class MeterValue(Message, frozen=True):
    """The values of one moment."""

    timestamp: datetime
    sampled_value: Annotated[tuple[SampledValue, ...], Meta(min_length=1)]


class MeterValues(Message, frozen=True):
    """What an EVSE's meter shows outside transactions (use case J01)."""

    evse_id: int
    """0: the main meter."""
    meter_value: Annotated[tuple[MeterValue, ...], Meta(min_length=1)]
