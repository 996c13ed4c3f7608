"""What a dialect is made of: how messages are carried, and the fields of each; serves both ends of the conversation.

The dialects themselves stand in `tables`; `codec` reads and writes by them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from chainpilot.wire.pnc.fields import Kind
from chainpilot.wire.pnc.messages import PncRequest
from chainpilot.wire.version import OcppVersion

__all__ = [
    "CarrierStatus",
    "Check",
    "Dialect",
    "DialectRow",
    "Field",
    "MessageRow",
    "Side",
    "anything",
]


class Dialect(Enum):
    """A way to speak with a station (pnc-messages.md section 1)."""

    __hash__ = object.__hash__  # an Enum's own hashes the name, in Python, for every look-up in the tables

    H = "H"
    """DataTransfer with vendorId `iso15118`: the OCPP 1.6 ISO 15118 extension, version 1.3 (seed 004)."""
    O = "O"  # noqa: E741 - the specification's letter
    """DataTransfer with vendorId `org.openchargealliance.iso15118pnc`: the application note of 2020."""
    S = "S"
    """OCPP 1.6's own messages of the security whitepaper: CSMS roots, manufacturers' roots, the client certificate."""
    V201 = "2.0.1"
    """OCPP 2.0.1's own messages."""
    V21 = "2.1"
    """OCPP 2.1's own messages."""


class CarrierStatus(Enum):
    """What a DataTransfer answer says of its contents (OCPP DataTransferStatus)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_MESSAGE_ID = "UnknownMessageId"
    UNKNOWN_VENDOR_ID = "UnknownVendorId"


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of a message on the wire."""

    attribute: str
    """Name in the canonical message."""
    names: tuple[str, ...]
    """Wire names; the first is the one written, the others are read too."""
    kind: Kind
    required: bool = False
    written: bool = True
    """False: read where a peer sends it, never sent."""
    omit_empty: bool = False
    """Whether an empty list is left out when writing."""


Complete = Callable[[PncRequest, dict[str, Any]], dict[str, Any]]
"""Fills in what an answer leaves to its request."""
Check = Callable[[Any], None]
"""Raises InexpressibleError for a message that the dialect would say wrongly."""


def _as_it_is(request: PncRequest, values: dict[str, Any]) -> dict[str, Any]:
    del request
    return values


def anything(value: object) -> None:
    """A check that every message passes."""
    del value


@dataclass(frozen=True, slots=True)
class Side:
    """A request or an answer: its canonical type and its fields."""

    of: type
    fields: tuple[Field, ...]
    raw_word: tuple[str, str] | None = None
    """(wire name, attribute): a word that is none of ours is kept in the attribute, if that is still empty."""
    check: Check = anything


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message in one dialect."""

    action: str
    """The action, or the messageId inside DataTransfer; this one is written."""
    request: Side
    response: Side
    complete: Complete = _as_it_is
    also_read: tuple[str, ...] = field(default=())
    """Other names of it that peers use (row 3)."""


@dataclass(frozen=True, slots=True)
class DialectRow:
    """One dialect."""

    dialect: Dialect
    version: OcppVersion
    vendor_id: str | None
    """Of its DataTransfer; None where the messages are OCPP's own."""
    messages: tuple[MessageRow, ...]
