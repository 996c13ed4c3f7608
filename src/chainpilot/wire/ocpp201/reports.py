"""What a station of OCPP 2.0.1 tells of its variables: NotifyReport and NotifyEvent.

The fields and limits are those of the JSON schemas of part 3.
"""

from datetime import datetime
from enum import Enum
from typing import Annotated, ClassVar

from msgspec import Meta

from chainpilot.wire.ocpp201.devices import Component, Variable
from chainpilot.wire.schema import Message, String50

__all__ = [
    "Attribute",
    "DataType",
    "EventData",
    "EventNotification",
    "EventTrigger",
    "Mutability",
    "NotifyEvent",
    "NotifyReport",
    "ReportData",
    "VariableAttribute",
    "VariableCharacteristics",
]

_Reported = Annotated[str, Meta(max_length=2500)]


class Attribute(Enum):
    """Which of a variable's values."""

    ACTUAL = "Actual"
    TARGET = "Target"
    MIN_SET = "MinSet"
    MAX_SET = "MaxSet"


class Mutability(Enum):
    """Whether a value may be read and set."""

    READ_ONLY = "ReadOnly"
    WRITE_ONLY = "WriteOnly"
    READ_WRITE = "ReadWrite"


class VariableAttribute(Message, frozen=True):
    """One value of a variable; it is in no repr, since a station may tell what it should keep to itself."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"value"})

    type: Attribute | None = None
    """Left out: Actual."""
    value: _Reported | None = None
    mutability: Mutability | None = None
    """Left out: ReadWrite."""
    persistent: bool | None = None
    """Left out: false."""
    constant: bool | None = None
    """Left out: false."""


class DataType(Enum):
    """What a variable's values are."""

    STRING = "string"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE_TIME = "dateTime"
    BOOLEAN = "boolean"
    OPTION_LIST = "OptionList"
    SEQUENCE_LIST = "SequenceList"
    MEMBER_LIST = "MemberList"


class VariableCharacteristics(Message, frozen=True):
    """What values a variable can have."""

    data_type: DataType
    supports_monitoring: bool
    unit: Annotated[str, Meta(max_length=16)] | None = None
    min_limit: float | None = None
    max_limit: float | None = None
    values_list: Annotated[str, Meta(max_length=1000)] | None = None
    """Separated by commas."""


class ReportData(Message, frozen=True):
    """A variable, its values and what they can be."""

    component: Component
    variable: Variable
    variable_attribute: Annotated[tuple[VariableAttribute, ...], Meta(min_length=1, max_length=4)]
    variable_characteristics: VariableCharacteristics | None = None


class NotifyReport(Message, frozen=True):
    """One part of a report that was asked for (use cases B06 to B08)."""

    request_id: int
    generated_at: datetime
    seq_no: int
    """From 0."""
    report_data: Annotated[tuple[ReportData, ...], Meta(min_length=1)] = ()
    tbc: bool | None = None
    """Whether another part follows; left out: false."""


class EventTrigger(Enum):
    """What made a monitor speak."""

    ALERTING = "Alerting"
    DELTA = "Delta"
    PERIODIC = "Periodic"


class EventNotification(Enum):
    """Who set a monitor up."""

    HARD_WIRED_NOTIFICATION = "HardWiredNotification"
    HARD_WIRED_MONITOR = "HardWiredMonitor"
    PRECONFIGURED_MONITOR = "PreconfiguredMonitor"
    CUSTOM_MONITOR = "CustomMonitor"


class EventData(Message, frozen=True):
    """One event; the value is in no repr, since a station may tell what it should keep to itself."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"actual_value"})

    event_id: int
    timestamp: datetime
    trigger: EventTrigger
    actual_value: _Reported
    event_notification_type: EventNotification
    component: Component
    variable: Variable
    cause: int | None = None
    """The id of the event that led to this one."""
    tech_code: String50 | None = None
    tech_info: Annotated[str, Meta(max_length=500)] | None = None
    cleared: bool | None = None
    transaction_id: Annotated[str, Meta(max_length=36)] | None = None
    variable_monitoring_id: int | None = None


class NotifyEvent(Message, frozen=True):
    """Events of a station (use case N07)."""

    generated_at: datetime
    seq_no: int
    """From 0."""
    event_data: Annotated[tuple[EventData, ...], Meta(min_length=1)]
    tbc: bool | None = None
    """Whether another part follows; left out: false."""
