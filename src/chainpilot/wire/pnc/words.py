"""The words of the messages: every enumeration with the values of OCPP 2.0.1, and what other versions add."""

from enum import Enum

__all__ = [
    "AuthorizeCertificateStatus",
    "CertificateAction",
    "CertificateUse",
    "DeleteCertificateStatus",
    "GenericStatus",
    "GetCertificateStatusStatus",
    "GetInstalledCertificateStatus",
    "InstallCertificateStatus",
    "Iso15118EvCertificateStatus",
    "MessageTrigger",
    "TriggerMessageStatus",
]


class GenericStatus(Enum):
    """OCPP 2.0.1 GenericStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class GetInstalledCertificateStatus(Enum):
    """OCPP 2.0.1 GetInstalledCertificateStatusEnumType."""

    ACCEPTED = "Accepted"
    NOT_FOUND = "NotFound"


class InstallCertificateStatus(Enum):
    """OCPP 2.0.1 InstallCertificateStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    """The store is full, or the certificate is none that may be installed."""
    FAILED = "Failed"
    """It could not be written."""


class DeleteCertificateStatus(Enum):
    """OCPP 2.0.1 DeleteCertificateStatusEnumType."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_FOUND = "NotFound"


class GetCertificateStatusStatus(Enum):
    """OCPP 2.0.1 GetCertificateStatusEnumType."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"


class Iso15118EvCertificateStatus(Enum):
    """OCPP 2.0.1 Iso15118EVCertificateStatusEnumType."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"


class TriggerMessageStatus(Enum):
    """OCPP 2.0.1 TriggerMessageStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    NOT_IMPLEMENTED = "NotImplemented"


class CertificateAction(Enum):
    """OCPP 2.0.1 CertificateActionEnumType."""

    INSTALL = "Install"
    UPDATE = "Update"


class CertificateUse(Enum):
    """OCPP 2.0.1 GetCertificateIdUseEnumType, with what OCPP 2.0 had and 2.1 has beside it."""

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
    OEM_ROOT_CERTIFICATE = "OEMRootCertificate"
    """OCPP 2.1 only."""


class AuthorizeCertificateStatus(Enum):
    """OCPP 2.0.1 AuthorizeCertificateStatusEnumType: what is thought of the contract's chain (use case C07)."""

    ACCEPTED = "Accepted"
    SIGNATURE_ERROR = "SignatureError"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_REVOKED = "CertificateRevoked"
    NO_CERTIFICATE_AVAILABLE = "NoCertificateAvailable"
    CERT_CHAIN_ERROR = "CertChainError"
    CONTRACT_CANCELLED = "ContractCancelled"


class MessageTrigger(Enum):
    """OCPP 2.0.1 MessageTriggerEnumType, and 2.1's word for an ISO 15118-20 leaf."""

    SIGN_CHARGING_STATION_CERTIFICATE = "SignChargingStationCertificate"
    SIGN_V2G_CERTIFICATE = "SignV2GCertificate"
    SIGN_COMBINED_CERTIFICATE = "SignCombinedCertificate"
    SIGN_V2G20_CERTIFICATE = "SignV2G20Certificate"
    BOOT_NOTIFICATION = "BootNotification"
    FIRMWARE_STATUS_NOTIFICATION = "FirmwareStatusNotification"
    HEARTBEAT = "Heartbeat"
    LOG_STATUS_NOTIFICATION = "LogStatusNotification"
    METER_VALUES = "MeterValues"
    PUBLISH_FIRMWARE_STATUS_NOTIFICATION = "PublishFirmwareStatusNotification"
    STATUS_NOTIFICATION = "StatusNotification"
    TRANSACTION_EVENT = "TransactionEvent"
