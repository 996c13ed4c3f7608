"""Why something was refused or failed, and when it is worth another try.

The codes are those of the reason table; the sentences around them are written where the values are known.
"""

from enum import Enum

__all__ = ["Reason", "RetryClass"]


class RetryClass(Enum):
    """When a failed thing may be tried again."""

    BY_ITSELF = "by-itself"
    """We try again at a known time; nobody needs to act."""
    AFTER_A_CHANGE = "after-a-change"
    """A person must change something first."""
    NEVER = "never"
    """Trying again can't help: only a new request can."""


class Reason(Enum):
    """The code of a refusal or failure; the value is what people and programs read."""

    CSR_UNREADABLE = "CsrUnreadable"
    CSR_BAD_SIGNATURE = "CsrBadSignature"
    CSR_WEAK_KEY = "CsrWeakKey"
    CSR_WEAK_DIGEST = "CsrWeakDigest"
    CSR_KEY_KIND = "CsrKeyKind"
    """The key is strong, but not of the kind that the use's profile takes."""
    CSR_NAME_MISMATCH = "CsrNameMismatch"
    CSR_EXTENSION_REFUSED = "CsrExtensionRefused"
    """It asks for rights or names beyond those of its use; a CA that honours that would give them."""
    CSR_KEY_REUSED = "CsrKeyReused"
    CSR_SUPERSEDED = "CsrSuperseded"
    CSR_USE_UNKNOWN = "CsrUseUnknown"
    TOO_MANY_REQUESTS = "TooManyRequests"
    STATION_QUOTA_SPENT = "StationQuotaSpent"
    FLEET_QUOTA_SPENT = "FleetQuotaSpent"
    INSECURE_CONNECTION = "InsecureConnection"
    """It came without TLS, where anybody on the way may have put another key into it."""
    NO_PKI_FOR_USE = "NoPkiForUse"
    PKI_LOGIN_REFUSED = "PkiLoginRefused"
    PKI_NAME_NOT_REGISTERED = "PkiNameNotRegistered"
    PKI_REFUSED = "PkiRefused"
    PKI_RATE_LIMITED = "PkiRateLimited"
    PKI_UNAVAILABLE = "PkiUnavailable"
    PKI_ANSWER_UNREADABLE = "PkiAnswerUnreadable"
    PKI_UNREACHABLE = "PkiUnreachable"
    PKI_STILL_PENDING = "PkiStillPending"
    """The PKI answered 202 more often than we ask."""
    ISSUE_OUTCOME_UNKNOWN = "IssueOutcomeUnknown"
    LEAF_KEY_MISMATCH = "LeafKeyMismatch"
    LEAF_SUBJECT_MISMATCH = "LeafSubjectMismatch"
    LEAF_IS_CA = "LeafIsCa"
    LEAF_PROFILE_MISMATCH = "LeafProfileMismatch"
    LEAF_EXPIRED = "LeafExpired"
    SUB_CA_EXPIRED = "SubCaExpired"
    CHAIN_NOT_TRUSTED = "ChainNotTrusted"
    CHAIN_REVOKED = "ChainRevoked"
    """A CA of the chain, or the leaf itself, is on its issuer's revocation list."""
    REVOCATION_UNKNOWN = "RevocationUnknown"
    """A current revocation list is demanded and can't be had."""
    STATION_REJECTED_SIGNED = "StationRejectedSigned"
    STATION_SILENT = "StationSilent"
    STATION_LEAF_MISSING = "StationLeafMissing"
    CALL_EXPIRED = "CallExpired"
    CALL_NOT_SPOKEN = "CallNotSpoken"
    """The station speaks nothing that can say it."""
    CALL_UNFIT = "CallUnfit"
    """It could be wanted when it was ordered, and can't be any more."""
    CALL_REFUSED = "CallRefused"
    """The station said no."""
    CALL_OUTCOME_UNKNOWN = "CallOutcomeUnknown"
    CALL_BROKEN = "CallBroken"
    """Our own fault, again and again; the log has it."""
    CALL_SECRET_LOST = "CallSecretLost"  # noqa: S105 - a word for people
    """Its secret was kept in memory alone, and the process that held it has ended."""
    CERTIFICATE_NOT_LISTED = "CertificateNotListed"
    """The station does not hold the certificate that was to be deleted."""
    CERTIFICATE_NOT_SENT = "CertificateNotSent"
    """There is none that could be sent."""
