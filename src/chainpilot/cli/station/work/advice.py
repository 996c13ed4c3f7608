"""What to do next, for everything that the store answers and that isn't what was wished for.

Total for each command over its answers: a test compares the tables with the interface's enumerations.
"""

from collections.abc import Mapping
from typing import Final

from chainpilot.station.model import (
    CertificateValidationResult,
    DeleteCertificateResult,
    GetCertificateInfoStatus,
    GetCertificateSignRequestStatus,
    InstallCertificateResult,
)

__all__ = ["DELETE", "INFO", "INSTALL", "REQUEST", "UPDATE", "VERIFY"]

_ROOM: Final = "remove certificates, or raise max_certificates or max_bytes in the configuration"
_WHAT: Final = "chainpilot inspect FILE tells what it is"
_CURRENT: Final = "check this machine's clock; if that is right, ask the CA for a current one"
_ASK: Final = "{store} generate-certificate-signing-request TYPE --country CC --organization NAME --common NAME"
_DISK: Final = "put right what the reason names; nothing was changed"

INSTALL: Final[Mapping[InstallCertificateResult, str]] = {
    InstallCertificateResult.INVALID_SIGNATURE: "get it from its CA again: its own signature doesn't hold",
    InstallCertificateResult.INVALID_CERTIFICATE_CHAIN: (
        "install the root first, then the CAs below it; a test PKI's count on a bench, with --allow-test-pki"
    ),
    InstallCertificateResult.INVALID_FORMAT: f"give exactly one certificate; {_WHAT}",
    InstallCertificateResult.INVALID_COMMON_NAME: "ask the CA for a certificate with the right name",
    InstallCertificateResult.NO_ROOT_CERTIFICATE_INSTALLED: "install the domain's root first",
    InstallCertificateResult.EXPIRED: _CURRENT,
    InstallCertificateResult.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED: _ROOM,
    InstallCertificateResult.WRITE_ERROR: _DISK,
}
UPDATE: Final[Mapping[InstallCertificateResult, str]] = {
    InstallCertificateResult.INVALID_SIGNATURE: "get the chain from the CA again: a signature in it doesn't hold",
    InstallCertificateResult.INVALID_CERTIFICATE_CHAIN: (
        "give the leaf first, then Sub2, then Sub1; a wrong profile or organization is the CA's to correct"
    ),
    InstallCertificateResult.INVALID_FORMAT: f"give the chain that came back for a request of this store; {_WHAT}",
    InstallCertificateResult.INVALID_COMMON_NAME: "let the CA correct its registration: the leaf bears another name",
    InstallCertificateResult.NO_ROOT_CERTIFICATE_INSTALLED: (
        "install the root, {store} install-ca-certificate FILE TYPE, and give the whole chain: leaf, Sub2, Sub1"
    ),
    InstallCertificateResult.EXPIRED: _CURRENT,
    InstallCertificateResult.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED: _ROOM,
    InstallCertificateResult.WRITE_ERROR: ("put right what the reason names; where the key is lost, ask anew: " + _ASK),
}
DELETE: Final[Mapping[DeleteCertificateResult, str]] = {
    DeleteCertificateResult.FAILED: "nothing was changed; a new client certificate takes the old one's place",
    DeleteCertificateResult.NOT_FOUND: "look what is installed: {store} show",
}
VERIFY: Final[Mapping[CertificateValidationResult, str]] = {
    CertificateValidationResult.EXPIRED: _CURRENT,
    CertificateValidationResult.INVALID_SIGNATURE: "get the chain from its CA again: a signature in it doesn't hold",
    CertificateValidationResult.ISSUER_NOT_FOUND: "install the root, or give the whole chain: leaf, then each issuer",
    CertificateValidationResult.INVALID_LEAF_SIGNATURE: "get the leaf from its CA again: its signature doesn't hold",
    CertificateValidationResult.INVALID_CHAIN: "give the leaf first, then its issuers; the CA corrects a wrong profile",
    CertificateValidationResult.UNKNOWN: _WHAT,
}
REQUEST: Final[Mapping[GetCertificateSignRequestStatus, str]] = {
    GetCertificateSignRequestStatus.INVALID_REQUESTED_TYPE: "ask for CSMS or V2G: the store keeps no other leaves",
    GetCertificateSignRequestStatus.KEY_GEN_ERROR: "look at the hardware, or make the key in a file: without --use-tpm",
    GetCertificateSignRequestStatus.GENERATION_ERROR: "correct what the reason names; no key was made",
}
INFO: Final[Mapping[GetCertificateInfoStatus, str]] = {
    GetCertificateInfoStatus.REJECTED: "ask for CSMS or V2G: the store keeps no other leaves",
    GetCertificateInfoStatus.NOT_FOUND: f"ask for a leaf: {_ASK}",
    GetCertificateInfoStatus.NOT_FOUND_VALID: (
        "check this machine's clock; if that is right, ask for a new leaf: " + _ASK
    ),
    GetCertificateInfoStatus.PRIVATE_KEY_NOT_FOUND: (
        "check the keys' password and hardware; if the key is lost, ask for a new leaf: " + _ASK
    ),
}
