"""The dialects: H, O, S, 2.0.1 and 2.1. A new dialect or message is a new row here (and its Struct in `messages`).

Row numbers are those of pnc-messages.md section 3.
"""

from dataclasses import replace
from typing import Any, Final

from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.pnc.dialects import Dialect, DialectRow, Field
from chainpilot.wire.pnc.fields import (
    ChainObject,
    Choice,
    InexpressibleError,
    Quirk,
    StatusInfo,
    Text,
    TextList,
    WholeNumber,
)
from chainpilot.wire.pnc.rows import (
    ANSWERED_OR_NOT,
    authorize,
    certificate_status,
    contract,
    delete,
    install,
    list_installed,
    sign,
    signed,
    trigger,
)
from chainpilot.wire.pnc.words import (
    AuthorizeCertificateStatus,
    CertificateAction,
    CertificateUse,
    GetCertificateStatusStatus,
    MessageTrigger,
)
from chainpilot.wire.version import OcppVersion

__all__ = ["ACTIONS", "DIALECTS", "NATIVE", "VENDOR_IDS"]

_V2G_ROOT: Final = CertificateUse.V2G_ROOT_CERTIFICATE
_ROOTS: Final = (
    _V2G_ROOT,
    CertificateUse.MO_ROOT_CERTIFICATE,
    CertificateUse.CSMS_ROOT_CERTIFICATE,
    CertificateUse.MANUFACTURER_ROOT_CERTIFICATE,
)
_SUB_CAS: Final = (CertificateUse.CSO_SUB_CA1, CertificateUse.CSO_SUB_CA2)
_SPELT_USES: Final = {
    # of OCPP 2.0's schema (row 2)
    "V2GRootCertficate": _V2G_ROOT,
    # of the 1.6 security whitepaper, for the same root
    "CentralSystemRootCertificate": CertificateUse.CSMS_ROOT_CERTIFICATE,
}


def _uses(*only: CertificateUse) -> Choice[CertificateUse]:
    return Choice(
        CertificateUse,
        only=frozenset(only),
        also_read={word: use for word, use in _SPELT_USES.items() if use in only},
        misspelt={_V2G_ROOT: Quirk.MISSPELT_V2G_ROOT},
    )


_H_USES: Final = _uses(*_ROOTS, *_SUB_CAS, CertificateUse.V2G_CERTIFICATE_CHAIN)
_H_INSTALLED: Final = _uses(*_ROOTS, *_SUB_CAS)
_S_USES: Final = replace(
    _uses(CertificateUse.CSMS_ROOT_CERTIFICATE, CertificateUse.MANUFACTURER_ROOT_CERTIFICATE),
    written_as={CertificateUse.CSMS_ROOT_CERTIFICATE: "CentralSystemRootCertificate"},
)
_V201_USES: Final = _uses(*_ROOTS, CertificateUse.V2G_CERTIFICATE_CHAIN)
_V201_INSTALLED: Final = _uses(*_ROOTS)
_V21_USES: Final = _uses(*_ROOTS, CertificateUse.V2G_CERTIFICATE_CHAIN, CertificateUse.OEM_ROOT_CERTIFICATE)
_V21_INSTALLED: Final = _uses(*_ROOTS, CertificateUse.OEM_ROOT_CERTIFICATE)

_REASON: Final = Field("reason", ("statusInfo",), StatusInfo())
_REASON_READ: Final = replace(_REASON, written=False)
_REQUEST_ID: Final = Field("request_id", ("requestId",), WholeNumber())

_SIGNING_TRIGGERS: Final = (MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE, MessageTrigger.SIGN_V2G_CERTIFICATE)
_REPORTS: Final = (
    MessageTrigger.BOOT_NOTIFICATION,
    MessageTrigger.FIRMWARE_STATUS_NOTIFICATION,
    MessageTrigger.HEARTBEAT,
    MessageTrigger.LOG_STATUS_NOTIFICATION,
    MessageTrigger.METER_VALUES,
    MessageTrigger.STATUS_NOTIFICATION,
)
_V201_TRIGGERS: Final = (
    *_SIGNING_TRIGGERS,
    MessageTrigger.SIGN_COMBINED_CERTIFICATE,
    MessageTrigger.PUBLISH_FIRMWARE_STATUS_NOTIFICATION,
    MessageTrigger.TRANSACTION_EVENT,
    *_REPORTS,
)
_SPELT_TRIGGERS: Final = {
    # the text of H (row 1)
    "SignV2GCertifcate": MessageTrigger.SIGN_V2G_CERTIFICATE,
    # the message itself, and the 1.6 whitepaper's word
    "SignCertificate": MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE,
    "SignChargePointCertificate": MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE,
}


def _triggers(*only: MessageTrigger) -> Choice[MessageTrigger]:
    return Choice(
        MessageTrigger,
        only=frozenset(only),
        also_read={word: trigger for word, trigger in _SPELT_TRIGGERS.items() if trigger in only},
        misspelt={MessageTrigger.SIGN_V2G_CERTIFICATE: Quirk.MISSPELT_TRIGGER},
    )


_H_ANSWERED_OR_NOT: Final = replace(  # row 9
    ANSWERED_OR_NOT,
    also_read={"Rejected": GetCertificateStatusStatus.FAILED},
    written_as={GetCertificateStatusStatus.FAILED: "Rejected"},
)


_H_CERTIFICATE_STATUS: Final[Choice[AuthorizeCertificateStatus]] = Choice(
    AuthorizeCertificateStatus,
    written_as={
        status: AuthorizeCertificateStatus.ACCEPTED.value
        for status in AuthorizeCertificateStatus
        if status is not AuthorizeCertificateStatus.CERTIFICATE_REVOKED
    },
)


def _check_said(value: Any) -> None:
    """Row 11: H says of the chain only that it was revoked, so any other fault has to show in the token's status."""
    said = (None, AuthorizeCertificateStatus.ACCEPTED, AuthorizeCertificateStatus.CERTIFICATE_REVOKED)
    if value.certificate_status not in said and value.id_token_info.status is AuthorizationStatus.ACCEPTED:
        why = (
            f"an accepted token with {value.certificate_status.value} would be read as a good contract in this dialect"
        )
        raise InexpressibleError(why)


_ACTION: Final = Field("action", ("action",), Choice(CertificateAction), required=True)
_H_TYPE: Final = ("typeOfCertificate", "certificateType")
_TYPE: Final = ("certificateType", "typeOfCertificate")
_H_HASHES: Final = ("15118CertificateHashData", "iso15118CertificateHashData")
_HASHES: Final = ("iso15118CertificateHashData", "15118CertificateHashData")
_H_VERSION: Final = ("15118SchemaVersion", "iso15118SchemaVersion")
_VERSION: Final = ("iso15118SchemaVersion", "15118SchemaVersion")
_FLAT: Final = ("certificateHashData", "certificateHashDataChain")
_CHAINS: Final = ("certificateHashDataChain", "certificateHashData")
_CHAIN: Final = ("certificateChain", "cert")

_H: Final = DialectRow(
    Dialect.H,
    OcppVersion.V16,
    "iso15118",
    (
        authorize(_H_HASHES, _H_CERTIFICATE_STATUS, needs_url=False, check=_check_said),
        sign(_H_TYPE, _REASON_READ),
        signed(("cert", "certificateChain"), _H_TYPE, _REASON_READ),
        install(_H_INSTALLED, _REASON_READ),
        delete(_REASON_READ),
        list_installed(_H_TYPE, _FLAT, _H_USES, is_flat_list=True),
        contract(
            _H_VERSION,
            (Field("action", ("action",), Choice(CertificateAction), written=False),),
            _REASON_READ,
            Field("contract_chain", ("contractSignatureCertificateChain",), ChainObject()),
            Field("provisioning_chain", ("saProvisioningCertificateChain",), ChainObject()),
        ),
        certificate_status(_H_ANSWERED_OR_NOT, _REASON_READ, needs_url=False),
        trigger("ExtendedTriggerMessage", "TriggerMessage", _triggers(*_SIGNING_TRIGGERS), _REASON_READ),
    ),
)
_AS_201: Final = (
    authorize(_HASHES, Choice(AuthorizeCertificateStatus), needs_url=True),
    sign(_TYPE, _REASON),
    signed(_CHAIN, _TYPE, _REASON),
    install(_V201_INSTALLED, _REASON),
    delete(_REASON),
    list_installed(_TYPE, _CHAINS, _V201_USES, is_flat_list=False),
    contract(_VERSION, (_ACTION,), _REASON),
    certificate_status(ANSWERED_OR_NOT, _REASON, needs_url=True),
)
"""What O has of 2.0.1, which is all but the trigger."""

_O: Final = DialectRow(
    Dialect.O,
    OcppVersion.V16,
    "org.openchargealliance.iso15118pnc",
    (
        *_AS_201,
        trigger("TriggerMessage", "ExtendedTriggerMessage", _triggers(*_SIGNING_TRIGGERS), _REASON),
    ),
)
_S: Final = DialectRow(
    Dialect.S,
    OcppVersion.V16,
    None,
    (
        sign((), _REASON_READ),
        signed(_CHAIN, (), _REASON_READ),
        install(_S_USES, _REASON_READ),
        delete(_REASON_READ),
        list_installed(_TYPE, _FLAT, _S_USES, is_flat_list=True),
        trigger(
            "ExtendedTriggerMessage",
            "",
            replace(
                _triggers(MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE, *_REPORTS),
                written_as={MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE: "SignChargePointCertificate"},
            ),
            _REASON_READ,
        ),
    ),
)
_V201: Final = DialectRow(
    Dialect.V201,
    OcppVersion.V201,
    None,
    (
        *_AS_201,
        trigger("TriggerMessage", "", _triggers(*_V201_TRIGGERS), _REASON),
    ),
)
_V21: Final = DialectRow(
    Dialect.V21,
    OcppVersion.V21,
    None,
    (
        authorize(_HASHES, Choice(AuthorizeCertificateStatus), needs_url=True),
        sign(_TYPE, _REASON, _REQUEST_ID),
        signed(_CHAIN, _TYPE, _REASON, _REQUEST_ID),
        install(_V21_INSTALLED, _REASON),
        delete(_REASON),
        list_installed(_TYPE, _CHAINS, _V21_USES, is_flat_list=False),
        contract(
            _VERSION,
            (
                _ACTION,
                Field("maximum_contract_certificate_chains", ("maximumContractCertificateChains",), WholeNumber()),
                Field("prioritized_emaids", ("prioritizedEMAIDs",), TextList(Text(255), 8), omit_empty=True),
            ),
            _REASON,
            Field("remaining_contracts", ("remainingContracts",), WholeNumber()),
        ),
        certificate_status(ANSWERED_OR_NOT, _REASON, needs_url=True),
        trigger("TriggerMessage", "", _triggers(*_V201_TRIGGERS, MessageTrigger.SIGN_V2G20_CERTIFICATE), _REASON),
    ),
)

DIALECTS: Final[dict[Dialect, DialectRow]] = {row.dialect: row for row in (_H, _O, _S, _V201, _V21)}
"""Every dialect we speak."""
NATIVE: Final[dict[OcppVersion, DialectRow]] = {row.version: row for row in DIALECTS.values() if row.vendor_id is None}
"""The dialect of OCPP's own messages in each version."""
VENDOR_IDS: Final = frozenset(row.vendor_id for row in DIALECTS.values() if row.vendor_id is not None)
"""Every vendorId we know."""
ACTIONS: Final = frozenset(
    name for row in DIALECTS.values() for message in row.messages for name in (message.action, *message.also_read)
)
"""Every action we know, inside DataTransfer or outside."""
