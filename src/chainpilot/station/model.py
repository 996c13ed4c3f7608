"""The vocabulary of EVerest's `evse_security` interface: enumerations and result values (seed 001).

Values of the enumerations are the wire strings. What is marked *ours* never goes over EVerest's wire: it carries the
reason that the interface has no place for. How any of these is decided is not handled here; JSON is `schema`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Final

from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.pki.profiles import IsoEdition
from chainpilot.pki.verify import Reason

__all__ = [
    "NEEDED",
    "OURS",
    "CaCertificateType",
    "CertificateHashData",
    "CertificateHashDataChain",
    "CertificateInfo",
    "CertificateOCSP",
    "CertificateStoreUpdate",
    "CertificateStoreUpdateOperation",
    "CertificateType",
    "CertificateValidationResult",
    "DeleteCertificateResult",
    "DeleteOutcome",
    "EncodingFormat",
    "Finding",
    "GetCertificateFullInfoResult",
    "GetCertificateInfoResult",
    "GetCertificateInfoStatus",
    "GetCertificateSignRequestResult",
    "GetCertificateSignRequestStatus",
    "GetInstalledCertificatesResult",
    "GetInstalledCertificatesStatus",
    "GetKeyPairResult",
    "HashAlgorithm",
    "InstallCertificateResult",
    "InstallOutcome",
    "KeyPair",
    "LeafCertificateType",
    "LeafExpiring",
    "OCSPRequestData",
    "OCSPRequestDataList",
    "OcspKept",
    "OcspOutcome",
    "Secret",
    "ValidationOutcome",
]


OURS: Final[Mapping[str, bool]] = MappingProxyType({"ours": True})
"""Metadata of a field that stays on this side of the interface: the reason it has no place for."""
NEEDED: Final[Mapping[str, bool]] = MappingProxyType({"needed": True})
"""Metadata of a list that is always there over the interface, if empty."""


class EncodingFormat(Enum):
    """Encoding of certificates or keys."""

    DER = "DER"
    PEM = "PEM"


class CaCertificateType(Enum):
    """Domain of a CA certificate."""

    V2G = "V2G"
    MO = "MO"
    CSMS = "CSMS"
    MF = "MF"


class LeafCertificateType(Enum):
    """Domain of a leaf certificate; the store keeps leaves of CSMS and V2G only."""

    CSMS = "CSMS"
    V2G = "V2G"
    MF = "MF"
    MO = "MO"


class CertificateType(Enum):
    """What get_installed_certificates lists."""

    V2G_ROOT_CERTIFICATE = "V2GRootCertificate"
    MO_ROOT_CERTIFICATE = "MORootCertificate"
    CSMS_ROOT_CERTIFICATE = "CSMSRootCertificate"
    V2G_CERTIFICATE_CHAIN = "V2GCertificateChain"
    MF_ROOT_CERTIFICATE = "MFRootCertificate"


class InstallCertificateResult(Enum):
    """Result of an attempt to install a certificate."""

    INVALID_SIGNATURE = "InvalidSignature"
    INVALID_CERTIFICATE_CHAIN = "InvalidCertificateChain"
    INVALID_FORMAT = "InvalidFormat"
    INVALID_COMMON_NAME = "InvalidCommonName"
    NO_ROOT_CERTIFICATE_INSTALLED = "NoRootCertificateInstalled"
    EXPIRED = "Expired"
    CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED = "CertificateStoreMaxLengthExceeded"
    WRITE_ERROR = "WriteError"
    ACCEPTED = "Accepted"


class CertificateValidationResult(Enum):
    """Result of an attempt to validate a certificate."""

    VALID = "Valid"
    EXPIRED = "Expired"
    INVALID_SIGNATURE = "InvalidSignature"
    ISSUER_NOT_FOUND = "IssuerNotFound"
    INVALID_LEAF_SIGNATURE = "InvalidLeafSignature"
    INVALID_CHAIN = "InvalidChain"
    UNKNOWN = "Unknown"


class DeleteCertificateResult(Enum):
    """Result of an attempt to delete a certificate."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_FOUND = "NotFound"


class GetInstalledCertificatesStatus(Enum):
    """Whether anything was found."""

    ACCEPTED = "Accepted"
    NOT_FOUND = "NotFound"


class GetCertificateSignRequestStatus(Enum):
    """Result of an attempt to make a signing request."""

    ACCEPTED = "Accepted"
    INVALID_REQUESTED_TYPE = "InvalidRequestedType"
    KEY_GEN_ERROR = "KeyGenError"
    GENERATION_ERROR = "GenerationError"


class GetCertificateInfoStatus(Enum):
    """Result of an attempt to find the leaf in use."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_FOUND = "NotFound"
    NOT_FOUND_VALID = "NotFoundValid"
    PRIVATE_KEY_NOT_FOUND = "PrivateKeyNotFound"


class CertificateStoreUpdateOperation(Enum):
    """What happened to the store."""

    INSTALLED = "Installed"
    DELETED = "Deleted"


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that no log, repr or error shows; `value` is read where it is used and nowhere else."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        """A mask, whatever the value."""
        return "***"


@dataclass(frozen=True, slots=True)
class CertificateHashDataChain:
    """Hash data of a root with its descendants, or of a leaf with its sub-CAs."""

    certificate_type: CertificateType
    certificate_hash_data: CertificateHashData
    child_certificate_hash_data: tuple[CertificateHashData, ...] = ()


@dataclass(frozen=True, slots=True)
class GetInstalledCertificatesResult:
    """Answer of get_installed_certificates; both keys are always present."""

    status: GetInstalledCertificatesStatus
    certificate_hash_data_chain: tuple[CertificateHashDataChain, ...] = field(default=(), metadata=NEEDED)


@dataclass(frozen=True, slots=True)
class CertificateOCSP:
    """The OCSP file that belongs to one certificate of a chain file."""

    hash: CertificateHashData
    ocsp_path: str | None = None


@dataclass(frozen=True, slots=True)
class CertificateInfo:
    """Paths of a leaf and its private key."""

    key: str
    certificate_count: int
    """Certificates in the chain file; 1 where only the leaf's own file is there."""
    certificate: str | None = None
    """Path of the chain file, leaf first."""
    certificate_single: str | None = None
    """Path of the file that holds the leaf alone."""
    certificate_root: str | None = None
    """PEM of the root that issued the chain; left out where it isn't installed."""
    password: str | None = field(default=None, repr=False)
    ocsp: tuple[CertificateOCSP, ...] | None = None
    """One entry per certificate of the chain file, in file order; None when not asked for."""


@dataclass(frozen=True, slots=True)
class GetCertificateInfoResult:
    """Answer of get_leaf_certificate_info."""

    status: GetCertificateInfoStatus
    info: CertificateInfo | None = None
    reason: str | None = field(default=None, metadata=OURS)


@dataclass(frozen=True, slots=True)
class GetCertificateFullInfoResult:
    """Answer of get_all_valid_certificates_info; both keys are always present."""

    status: GetCertificateInfoStatus
    info: tuple[CertificateInfo, ...] = field(default=(), metadata=NEEDED)
    reason: str | None = field(default=None, metadata=OURS)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Paths of a leaf and its private key in seed 000's shape."""

    key: str
    certificate: str
    """Path of the chain file, leaf first; of the leaf's own file where there is no chain file."""
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class GetKeyPairResult:
    """Answer of get_key_pair (seed 000)."""

    status: GetCertificateInfoStatus
    key_pair: KeyPair | None = None


@dataclass(frozen=True, slots=True)
class OCSPRequestData:
    """A certificate to ask about, and whom."""

    certificate_hash_data: CertificateHashData
    responder_url: str
    """At most 512 characters."""


@dataclass(frozen=True, slots=True)
class OCSPRequestDataList:
    """Answer of the OCSP request data commands."""

    ocsp_request_data_list: tuple[OCSPRequestData, ...] = field(default=(), metadata=NEEDED)
    left_out: tuple[str, ...] = field(default=(), metadata=OURS)
    """A sentence for every certificate that can't be asked about, and why."""


@dataclass(frozen=True, slots=True)
class GetCertificateSignRequestResult:
    """Answer of generate_certificate_signing_request."""

    status: GetCertificateSignRequestStatus
    csr: str | None = None
    """PEM."""
    reason: str | None = field(default=None, metadata=OURS)


@dataclass(frozen=True, slots=True)
class CertificateStoreUpdate:
    """What certificate_store_update tells; exactly one of the two types is set when one thing changed."""

    operation: CertificateStoreUpdateOperation
    leaf_certificate_type: LeafCertificateType | None = None
    ca_certificate_type: CaCertificateType | None = None


@dataclass(frozen=True, slots=True)
class InstallOutcome:
    """*Ours*: an install's result with its reason as a sentence, and what changed on disk (None: nothing)."""

    result: InstallCertificateResult
    reason: str | None = None
    update: CertificateStoreUpdate | None = None
    is_disk_fault: bool = False
    """Whether the store couldn't be read or written: that says nothing of the certificate, and may be over later."""

    @property
    def accepted(self) -> bool:
        """Whether the store now holds what was asked for."""
        return self.result is InstallCertificateResult.ACCEPTED


@dataclass(frozen=True, slots=True)
class DeleteOutcome:
    """*Ours*: a deletion's result with its reason as a sentence, and everything that changed on disk."""

    result: DeleteCertificateResult
    reason: str | None = None
    updates: tuple[CertificateStoreUpdate, ...] = ()


@dataclass(frozen=True, slots=True)
class OcspKept:
    """*Ours*: a kept OCSP answer that holds: whose it is, what it says, how long it counts. Times are UTC and aware."""

    certificate_hash_data: CertificateHashData
    this_update: datetime
    until: datetime
    """nextUpdate, or the greatest age of an answer without one."""
    revoked_at: datetime | None = None
    """None: good."""


@dataclass(frozen=True, slots=True)
class OcspOutcome:
    """*Ours*: whether update_ocsp_cache took an answer, and why not."""

    accepted: bool
    reason: str | None = None
    kept: OcspKept | None = None
    """The answer that was taken."""


@dataclass(frozen=True, slots=True)
class LeafExpiring:
    """*Ours*: the leaf of a slot ends soon, and whoever runs the store should ask for a new one (seed 000).

    A slot is a use, a common name and, for SECC leaves, the edition of ISO 15118.
    """

    certificate_type: LeafCertificateType
    common_name: str
    edition: IsoEdition | None
    not_after: datetime
    """End of the latest leaf of the slot, timezone-aware UTC."""
    not_before: datetime | None = None
    """Its begin, where it is told: the lifetime as issued."""


@dataclass(frozen=True, slots=True)
class ValidationOutcome:
    """*Ours*: a validation's result with its reason as a sentence."""

    result: CertificateValidationResult
    reason: str | None = None
    cause: Reason | None = None
    """Why it isn't Valid, in the verifier's words, which tell more apart; None where no chain was judged."""

    @property
    def is_revoked(self) -> bool:
        """Whether a certificate of the path was revoked, which the interface has no word for."""
        return self.cause is Reason.REVOKED


@dataclass(frozen=True, slots=True)
class Finding:
    """*Ours*: something in the store that was passed over, where it stands and why."""

    path: str
    why: str
