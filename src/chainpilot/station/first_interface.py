"""The first version of the evse_security interface (seed 000, EVerest 2023-09), over the newest one.

The same store and the same judgement; only the shapes of questions and answers are older.
"""

from typing import Final

from chainpilot.station.judgement import INSTALL_RESULTS
from chainpilot.station.model import (
    CaCertificateType,
    CertificateHashData,
    CertificateType,
    DeleteCertificateResult,
    EncodingFormat,
    GetCertificateInfoResult,
    GetInstalledCertificatesResult,
    GetKeyPairResult,
    InstallCertificateResult,
    KeyPair,
    LeafCertificateType,
    OCSPRequestDataList,
)
from chainpilot.station.service import EvseSecurity

__all__ = ["EvseSecurity2023"]

_NO_REQUEST: Final = ""
"""A signing request that could not be made: this version has no status for it."""


class EvseSecurity2023:
    """Seed 000's commands, one method each, over a store."""

    def __init__(self, store: EvseSecurity) -> None:
        self._store = store

    def install_ca_certificate(
        self, certificate: str, certificate_type: CaCertificateType | str
    ) -> InstallCertificateResult:
        """Add a CA certificate to a domain."""
        return self._store.install_ca_certificate(certificate, certificate_type)

    def delete_certificate(self, certificate_hash_data: CertificateHashData) -> DeleteCertificateResult:
        """Delete a certificate."""
        return self._store.delete_certificate(certificate_hash_data)

    def update_leaf_certificate(
        self, certificate_chain: str, certificate_type: LeafCertificateType | str
    ) -> InstallCertificateResult:
        """Install or renew a leaf."""
        return self._store.update_leaf_certificate(certificate_chain, certificate_type)

    def verify_certificate(
        self, certificate_chain: str, certificate_type: LeafCertificateType | str
    ) -> InstallCertificateResult:
        """The judgement in the words of update_leaf_certificate: Valid is Accepted."""
        return INSTALL_RESULTS[self._store.verify_certificate(certificate_chain, [certificate_type])]

    def get_installed_certificates(
        self, certificate_types: list[CertificateType | str]
    ) -> GetInstalledCertificatesResult:
        """Hash data of what is installed."""
        return self._store.get_installed_certificates(certificate_types)

    def get_ocsp_request_data(self) -> OCSPRequestDataList:
        """Every SECC leaf and its sub-CAs, with the responder to ask about each."""
        return self._store.get_v2g_ocsp_request_data()

    def update_ocsp_cache(self, certificate_hash_data: CertificateHashData, ocsp_response: str) -> None:
        """Keep an OCSP answer (base64 of DER)."""
        self._store.update_ocsp_cache(certificate_hash_data, ocsp_response)

    def is_ca_certificate_installed(self, certificate_type: CaCertificateType | str) -> bool:
        """Whether a domain has a valid anchor."""
        return self._store.is_ca_certificate_installed(certificate_type)

    def generate_certificate_signing_request(
        self, certificate_type: LeafCertificateType | str, country: str, organization: str, common: str
    ) -> str:
        """The request as PEM; "" when it can't be made, the reason being in the log."""
        result = self._store.generate_certificate_signing_request(certificate_type, country, organization, common)
        return result.csr or _NO_REQUEST

    def get_key_pair(
        self, certificate_type: LeafCertificateType | str, encoding: EncodingFormat | str
    ) -> GetKeyPairResult:
        """Paths of the leaf in use and of its key."""
        found: GetCertificateInfoResult = self._store.get_leaf_certificate_info(certificate_type, encoding)
        if found.info is None:
            return GetKeyPairResult(found.status)
        info = found.info
        certificate = info.certificate or info.certificate_single or ""
        return GetKeyPairResult(found.status, KeyPair(info.key, certificate, info.password))

    def get_verify_file(self, certificate_type: CaCertificateType | str) -> str:
        """Path of a PEM file with the domain's anchors; "" when there is none."""
        return self._store.get_verify_file(certificate_type)

    def get_leaf_expiry_days_count(self, certificate_type: LeafCertificateType | str) -> int:
        """Whole days until the leaf in use ends; 0 when there is none."""
        return self._store.get_leaf_expiry_days_count(certificate_type)
