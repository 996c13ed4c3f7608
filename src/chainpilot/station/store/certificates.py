"""Reading the certificates of one file, block by block: a broken one is told of and the others still count."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate, load_certificates
from chainpilot.pki.encoding import EncodingError
from chainpilot.station.model import Finding
from chainpilot.station.vault import Look, VaultReadError

__all__ = ["CertificateFile", "has_armour", "read_certificate_file"]

_BLOCK: Final = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----.*?-----END [^-]*-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A file's certificates in their order, and what could not be read in it."""

    path: Path
    certificates: tuple[Certificate, ...]
    findings: tuple[Finding, ...] = ()


def read_certificate_file(look: Look, path: Path) -> CertificateFile:
    """The certificates of a PEM or DER file; a missing or empty file has none."""
    try:
        data = look.read(path)
    except VaultReadError as error:
        return CertificateFile(path, (), (Finding(str(path), error.why),))
    if not data or not data.strip():
        return CertificateFile(path, ())
    return _read_armoured(path, data) if has_armour(data) else _read_der(path, data)


def has_armour(data: bytes) -> bool:
    """Whether the content is PEM, so that another block may be put behind it."""
    return b"-----BEGIN " in data


def _read_armoured(path: Path, data: bytes) -> CertificateFile:
    certificates: list[Certificate] = []
    findings: list[Finding] = []
    for number, block in enumerate(_BLOCK.findall(data), start=1):
        try:
            certificates.extend(load_certificates(block))
        except (EncodingError, CertificateError) as error:
            findings.append(Finding(str(path), f"certificate {number} passed over: {error.why}"))
    if not certificates and not findings:
        findings.append(Finding(str(path), "holds no whole certificate"))
    return CertificateFile(path, tuple(certificates), tuple(findings))


def _read_der(path: Path, data: bytes) -> CertificateFile:
    try:
        return CertificateFile(path, (load_certificate(data),))
    except CertificateError as error:
        return CertificateFile(path, (), (Finding(str(path), f"neither PEM nor a DER certificate: {error.why}"),))
