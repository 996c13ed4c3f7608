"""The messages themselves, dialect-free and shaped as OCPP 2.0.1 has them (pnc-messages.md section 1).

A certificate or signing request is kept as the text that came; `pki.encoding` reads it. Hash data too is kept as it
came, since a station may compare it letter by letter when it is echoed (use case M04); `CertificateHashData.matches`
compares it. Which fields a dialect carries, and under what names, is `dialects`.
"""

from datetime import datetime

import msgspec

from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.pnc.words import (
    AuthorizeCertificateStatus,
    CertificateAction,
    CertificateUse,
    DeleteCertificateStatus,
    GenericStatus,
    GetCertificateStatusStatus,
    GetInstalledCertificateStatus,
    InstallCertificateStatus,
    Iso15118EvCertificateStatus,
    MessageTrigger,
    TriggerMessageStatus,
)

__all__ = [
    "AuthorizeRequest",
    "AuthorizeResponse",
    "CertificateChain",
    "CertificateHashDataChain",
    "CertificateSignedRequest",
    "CertificateSignedResponse",
    "DeleteCertificateRequest",
    "DeleteCertificateResponse",
    "Get15118EVCertificateRequest",
    "Get15118EVCertificateResponse",
    "GetCertificateStatusRequest",
    "GetCertificateStatusResponse",
    "GetInstalledCertificateIdsRequest",
    "GetInstalledCertificateIdsResponse",
    "IdToken",
    "IdTokenInfo",
    "InstallCertificateRequest",
    "InstallCertificateResponse",
    "OcspRequestData",
    "PncRequest",
    "PncResponse",
    "SignCertificateRequest",
    "SignCertificateResponse",
    "TriggerMessageRequest",
    "TriggerMessageResponse",
]


class IdToken(msgspec.Struct, frozen=True):
    """Whom an authorization is asked for."""

    id_token: str
    """The eMAID, as it came."""
    type: str = "eMAID"
    """A word of IdTokenEnumType; a free string since OCPP 2.1."""


class IdTokenInfo(msgspec.Struct, frozen=True):
    """What the CSMS thinks of a token."""

    status: AuthorizationStatus
    cache_expiry: datetime | None = None
    """Timezone-aware UTC; after it the answer counts no more."""


class OcspRequestData(msgspec.Struct, frozen=True):
    """A certificate as OCSP names it, and whom to ask."""

    certificate_hash_data: CertificateHashData
    responder_url: str | None = None
    """None where a peer of dialect H left it out (row 12)."""


class AuthorizeRequest(msgspec.Struct, frozen=True):
    """Station to CSMS: may this contract charge (use case C07)?"""

    id_token: IdToken
    certificate: str | None = None
    """The contract's chain without its root, where the station can't judge it itself."""
    certificate_hash_data: tuple[OcspRequestData, ...] = ()
    """Leaf, Sub2, Sub1."""


class AuthorizeResponse(msgspec.Struct, frozen=True):
    """Only when both are good, or no chain was asked about, may the contract charge."""

    id_token_info: IdTokenInfo
    certificate_status: AuthorizeCertificateStatus | None = None


class SignCertificateRequest(msgspec.Struct, frozen=True):
    """Station to CSMS: have this signing request signed (use cases A02, A03)."""

    csr: str
    """PEM, hexadecimal or base64 DER, as it came."""
    certificate_type: LeafUse | None = None
    """None: left out; what that means is decided by the common name (pnc-messages.md section 4)."""
    request_id: int | None = None
    """OCPP 2.1 only; CertificateSigned repeats it."""


class SignCertificateResponse(msgspec.Struct, frozen=True):
    """Accepted says that the CSMS can process the request, not that anything was issued."""

    status: GenericStatus
    reason: str | None = None
    """Why not, in a word or a raw status of the peer's; H and S do not carry it."""


class CertificateSignedRequest(msgspec.Struct, frozen=True):
    """CSMS to station: here is the certificate, leaf first, with its sub-CAs."""

    certificate_chain: str
    """PEM, hexadecimal or base64 DER, as it came; several are one text."""
    certificate_type: LeafUse | None = None
    request_id: int | None = None
    """OCPP 2.1 only: that of the SignCertificate."""


class CertificateSignedResponse(msgspec.Struct, frozen=True):
    """Accepted says that the station has verified and stored it."""

    status: GenericStatus
    reason: str | None = None
    """As SignCertificateResponse's."""


class InstallCertificateRequest(msgspec.Struct, frozen=True):
    """CSMS to station: trust this certificate (use case M05)."""

    certificate_type: CertificateUse
    certificate: str
    """PEM, hexadecimal or base64 DER, as it came."""


class InstallCertificateResponse(msgspec.Struct, frozen=True):
    """Anything but Accepted is a refusal (row 8)."""

    status: InstallCertificateStatus
    reason: str | None = None
    """As SignCertificateResponse's."""


class DeleteCertificateRequest(msgspec.Struct, frozen=True):
    """CSMS to station: remove this certificate (use case M04)."""

    certificate_hash_data: CertificateHashData


class DeleteCertificateResponse(msgspec.Struct, frozen=True):
    """Anything but Accepted and NotFound is Failed."""

    status: DeleteCertificateStatus
    reason: str | None = None
    """As SignCertificateResponse's."""


class GetInstalledCertificateIdsRequest(msgspec.Struct, frozen=True):
    """CSMS to station: which certificates do you hold (use case M03)?"""

    certificate_types: tuple[CertificateUse, ...] = ()
    """Empty: all. Dialects H and S ask for exactly one a call."""


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


class CertificateChain(msgspec.Struct, frozen=True):
    """A leaf and its sub-CAs as dialect H sends them beside an EXI answer (OCPP 2.0 CertificateChainType)."""

    certificate: str
    child_certificates: tuple[str, ...] = ()


class Get15118EVCertificateRequest(msgspec.Struct, frozen=True):
    """Station to CSMS: the vehicle's request for its contract certificate (use cases M01, M02)."""

    schema_version: str
    """Namespace of the 15118 schema that the EXI was written by."""
    exi_request: str
    """Base64, passed on untouched."""
    action: CertificateAction = CertificateAction.INSTALL
    """H has no word for it: what updates, and what installs, stands in the EXI."""
    maximum_contract_certificate_chains: int | None = None
    """OCPP 2.1 only."""
    prioritized_emaids: tuple[str, ...] = ()
    """OCPP 2.1 only."""


class Get15118EVCertificateResponse(msgspec.Struct, frozen=True):
    """Always an answer for the vehicle, or the reason why there is none."""

    status: Iso15118EvCertificateStatus
    exi_response: str = ""
    """Base64, passed on untouched; empty when Failed."""
    reason: str | None = None
    """As SignCertificateResponse's."""
    remaining_contracts: int | None = None
    """OCPP 2.1 only."""
    contract_chain: CertificateChain | None = None
    """Written by H, where it is known; read by nobody, since it stands in the EXI (row 14)."""
    provisioning_chain: CertificateChain | None = None
    """As `contract_chain`: that of the provisioning service, which signed the answer."""


class GetCertificateStatusRequest(msgspec.Struct, frozen=True):
    """Station to CSMS: what does the responder say of these (use case M06)? Only H may ask for several (row 9)."""

    ocsp_request_data: tuple[OcspRequestData, ...]


class GetCertificateStatusResponse(msgspec.Struct, frozen=True):
    """Accepted comes with an OCSP answer; without one it is read as Failed."""

    status: GetCertificateStatusStatus
    ocsp_result: str | None = None
    """Base64 of the DER of an OCSPResponse."""
    reason: str | None = None
    """As SignCertificateResponse's."""


class TriggerMessageRequest(msgspec.Struct, frozen=True):
    """CSMS to station: send that message now (use case F06; A02 for certificates). For the whole station."""

    requested_message: MessageTrigger


class TriggerMessageResponse(msgspec.Struct, frozen=True):
    """Accepted says that the message will come."""

    status: TriggerMessageStatus
    reason: str | None = None
    """As SignCertificateResponse's."""


PncRequest = (
    AuthorizeRequest
    | SignCertificateRequest
    | CertificateSignedRequest
    | InstallCertificateRequest
    | DeleteCertificateRequest
    | GetInstalledCertificateIdsRequest
    | Get15118EVCertificateRequest
    | GetCertificateStatusRequest
    | TriggerMessageRequest
)
PncResponse = (
    AuthorizeResponse
    | SignCertificateResponse
    | CertificateSignedResponse
    | InstallCertificateResponse
    | DeleteCertificateResponse
    | GetInstalledCertificateIdsResponse
    | Get15118EVCertificateResponse
    | GetCertificateStatusResponse
    | TriggerMessageResponse
)
