"""The messages themselves, dialect-free and shaped as OCPP 2.0.1 has them (pnc-messages.md section 1).

A certificate or signing request is kept as the text that came; `pki.encoding` reads it. Which fields a dialect carries,
and under what names, is `dialects`.
"""

from enum import Enum

import msgspec

from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.pki.trust import LeafUse

__all__ = [
    "CertificateHashDataChain",
    "CertificateSignedRequest",
    "CertificateSignedResponse",
    "CertificateUse",
    "GenericStatus",
    "GetInstalledCertificateIdsRequest",
    "GetInstalledCertificateIdsResponse",
    "GetInstalledCertificateStatus",
    "PncRequest",
    "PncResponse",
    "SignCertificateRequest",
    "SignCertificateResponse",
]


class GenericStatus(Enum):
    """OCPP 2.0.1 GenericStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class GetInstalledCertificateStatus(Enum):
    """OCPP 2.0.1 GetInstalledCertificateStatusEnumType."""

    ACCEPTED = "Accepted"
    NOT_FOUND = "NotFound"


class CertificateUse(Enum):
    """OCPP 2.0.1 GetCertificateIdUseEnumType, with the values of OCPP 2.0 it dropped."""

    V2G_ROOT_CERTIFICATE = "V2GRootCertificate"
    MO_ROOT_CERTIFICATE = "MORootCertificate"
    CSMS_ROOT_CERTIFICATE = "CSMSRootCertificate"
    V2G_CERTIFICATE_CHAIN = "V2GCertificateChain"
    """The SECC leaf with its sub-CAs; OCPP 2.0 has no type for it (pnc-messages.md section 3 row 16)."""
    MANUFACTURER_ROOT_CERTIFICATE = "ManufacturerRootCertificate"
    CSO_SUB_CA1 = "CSOSubCA1"
    """OCPP 2.0 only: the V2G intermediates of the first tier."""
    CSO_SUB_CA2 = "CSOSubCA2"
    """OCPP 2.0 only: the V2G intermediates of the second tier."""


class SignCertificateRequest(msgspec.Struct, frozen=True):
    """Station to CSMS: have this signing request signed (use cases A02, A03)."""

    csr: str
    """PEM, hexadecimal or base64 DER, as it came."""
    certificate_type: LeafUse | None = None
    """None: left out; what that means is decided by the common name (pnc-messages.md section 4)."""


class SignCertificateResponse(msgspec.Struct, frozen=True):
    """Accepted says that the CSMS can process the request, not that anything was issued."""

    status: GenericStatus
    reason: str | None = None
    """Why not, in a word or a raw status of the peer's; dialect H does not carry it."""


class CertificateSignedRequest(msgspec.Struct, frozen=True):
    """CSMS to station: here is the certificate, leaf first, with its sub-CAs."""

    certificate_chain: str
    """PEM, hexadecimal or base64 DER, as it came; several are one text."""
    certificate_type: LeafUse | None = None


class CertificateSignedResponse(msgspec.Struct, frozen=True):
    """Accepted says that the station has verified and stored it."""

    status: GenericStatus
    reason: str | None = None
    """Why not, in a word or a raw status of the peer's; dialect H does not carry it."""


class GetInstalledCertificateIdsRequest(msgspec.Struct, frozen=True):
    """CSMS to station: which certificates do you hold (use case M03)?"""

    certificate_types: tuple[CertificateUse, ...] = ()
    """Empty: all. Dialect H asks for exactly one a call."""


class CertificateHashDataChain(msgspec.Struct, frozen=True):
    """One installed certificate and, for a leaf, the sub-CAs stored with it."""

    certificate_type: CertificateUse | None
    """None in a flat list, whose entries say neither what they are nor where a chain ends: each stands alone."""
    certificate_hash_data: CertificateHashData
    child_certificate_hash_data: tuple[CertificateHashData, ...] = ()

    @property
    def entries(self) -> tuple[CertificateHashData, ...]:
        """The certificate and its children."""
        return (self.certificate_hash_data, *self.child_certificate_hash_data)


class GetInstalledCertificateIdsResponse(msgspec.Struct, frozen=True):
    """What the station holds; NotFound and no chains if it holds nothing of that type."""

    status: GetInstalledCertificateStatus
    chains: tuple[CertificateHashDataChain, ...] = ()


PncRequest = SignCertificateRequest | CertificateSignedRequest | GetInstalledCertificateIdsRequest
PncResponse = SignCertificateResponse | CertificateSignedResponse | GetInstalledCertificateIdsResponse
