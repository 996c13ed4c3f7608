"""How each dialect carries and spells the messages, as tables that serve both ends of the conversation.

A new dialect or message is a new row here (and its Struct in `messages`); `codec` reads and writes by the rows.
Row numbers are those of pnc-messages.md section 3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.fields import (
    MAX_CHAIN_TEXT,
    MAX_SINGLE_TEXT,
    ChainText,
    Choice,
    HashList,
    Kind,
    OneChoice,
    StatusInfo,
    Text,
    is_flat,
)
from chainpilot.wire.pnc.messages import (
    CertificateHashDataChain,
    CertificateSignedRequest,
    CertificateSignedResponse,
    CertificateUse,
    GenericStatus,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    GetInstalledCertificateStatus,
    PncRequest,
    SignCertificateRequest,
    SignCertificateResponse,
)

__all__ = ["ACTIONS", "DIALECTS", "VENDOR_IDS", "CarrierStatus", "Dialect", "DialectRow", "Field", "MessageRow", "Side"]


class Dialect(Enum):
    """A way to speak with a station (pnc-messages.md section 1)."""

    H = "H"
    """DataTransfer with vendorId `iso15118`: the OCPP 1.6 ISO 15118 extension, version 1.3 (seed 004)."""


class CarrierStatus(Enum):
    """What a DataTransfer answer says of its contents (OCPP 1.6 DataTransferStatus)."""

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


def _as_it_is(request: PncRequest, values: dict[str, Any]) -> dict[str, Any]:
    del request
    return values


@dataclass(frozen=True, slots=True)
class Side:
    """A request or an answer: its canonical type and its fields."""

    of: type
    fields: tuple[Field, ...]
    raw_word: tuple[str, str] | None = None
    """(wire name, attribute): a word that is none of ours is kept in the attribute, if that is still empty."""


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message in one dialect."""

    action: str
    request: Side
    response: Side
    complete: Complete = _as_it_is


@dataclass(frozen=True, slots=True)
class DialectRow:
    """One dialect carried in DataTransfer."""

    dialect: Dialect
    vendor_id: str
    messages: tuple[MessageRow, ...]


_LEAF_USE: Final = Choice(LeafUse)
_CERTIFICATE_USE: Final = Choice(
    CertificateUse,
    also_read={
        # The misspelling is that of OCPP 2.0's schema (row 2).
        "V2GRootCertficate": CertificateUse.V2G_ROOT_CERTIFICATE,
        # The word of the 1.6 security whitepaper for the same root.
        "CentralSystemRootCertificate": CertificateUse.CSMS_ROOT_CERTIFICATE,
    },
)
# Anything but Accepted is a refusal, whatever word a station finds for it (as row 8).
_ACCEPTED_OR_NOT: Final = Choice(GenericStatus, otherwise=GenericStatus.REJECTED)


def _verdict(answer: type) -> Side:
    """An answer that is a status and, from peers that go beyond H, a statusInfo."""
    return Side(
        answer,
        (
            Field("status", ("status",), _ACCEPTED_OR_NOT, required=True),
            Field("reason", ("statusInfo",), StatusInfo(), written=False),
        ),
        raw_word=("status", "reason"),
    )


def _complete_installed(request: PncRequest, values: dict[str, Any]) -> dict[str, Any]:
    """Row 7: the text has no status, and a flat list says neither the type nor where a chain ends.

    Roots are of the type asked for; entries of V2GCertificateChain may be leaf or child, so they stay without one.
    """
    chains: tuple[CertificateHashDataChain, ...] = values.get("chains") or ()
    asked = request.certificate_types if isinstance(request, GetInstalledCertificateIdsRequest) else ()
    if len(asked) == 1 and asked[0] is not CertificateUse.V2G_CERTIFICATE_CHAIN and is_flat(chains):
        chains = tuple(CertificateHashDataChain(asked[0], chain.certificate_hash_data) for chain in chains)
    found = GetInstalledCertificateStatus.ACCEPTED if chains else GetInstalledCertificateStatus.NOT_FOUND
    return {"status": values.get("status") or found, "chains": chains}


_H: Final = DialectRow(
    Dialect.H,
    "iso15118",
    (
        MessageRow(
            "SignCertificate",
            Side(
                SignCertificateRequest,
                (
                    Field("csr", ("csr",), Text(MAX_SINGLE_TEXT), required=True),
                    Field("certificate_type", ("typeOfCertificate", "certificateType"), _LEAF_USE),
                ),
            ),
            _verdict(SignCertificateResponse),
        ),
        MessageRow(
            "CertificateSigned",
            Side(
                CertificateSignedRequest,
                (
                    Field("certificate_chain", ("cert", "certificateChain"), ChainText(MAX_CHAIN_TEXT), required=True),
                    Field("certificate_type", ("typeOfCertificate", "certificateType"), _LEAF_USE),
                ),
            ),
            _verdict(CertificateSignedResponse),
        ),
        MessageRow(
            "GetInstalledCertificateIds",
            Side(
                GetInstalledCertificateIdsRequest,
                (Field("certificate_types", ("typeOfCertificate", "certificateType"), OneChoice(_CERTIFICATE_USE)),),
            ),
            Side(
                GetInstalledCertificateIdsResponse,
                (
                    Field("status", ("status",), Choice(GetInstalledCertificateStatus)),
                    Field(
                        "chains",
                        ("certificateHashData", "certificateHashDataChain"),
                        HashList(_CERTIFICATE_USE),
                        omit_empty=True,
                    ),
                ),
            ),
            _complete_installed,
        ),
    ),
)

DIALECTS: Final[dict[Dialect, DialectRow]] = {Dialect.H: _H}
"""Every dialect we speak."""
VENDOR_IDS: Final = frozenset(row.vendor_id for row in DIALECTS.values())
"""Every vendorId we know."""
ACTIONS: Final = frozenset(message.action for row in DIALECTS.values() for message in row.messages)
"""Every action we know inside DataTransfer."""
