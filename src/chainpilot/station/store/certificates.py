"""Reading the certificates of one file, block by block: a broken one is told of and the others still count."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate, load_certificates
from chainpilot.pki.der import DerError, read_all
from chainpilot.pki.encoding import EncodingError
from chainpilot.station.layout import CERTIFICATE_SUFFIXES
from chainpilot.station.model import Finding
from chainpilot.station.vault import Look, VaultReadError

__all__ = ["CertificateFile", "certificates_in", "has_armour", "read_certificate_file", "read_directory"]

_BEGINS: Final = re.compile(rb"(?=-----BEGIN )")
_LABEL: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]*)-----")
_CERTIFICATE_LABELS: Final = frozenset({b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"})


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A file's certificates in their order, and what could not be read in it."""

    path: Path
    certificates: tuple[Certificate, ...]
    findings: tuple[Finding, ...] = ()
    is_pem: bool = False


def read_certificate_file(look: Look, path: Path) -> CertificateFile:
    """The certificates of a PEM or DER file; a missing or empty file has none."""
    try:
        data = look.read(path)
    except VaultReadError as error:
        return CertificateFile(path, (), (Finding(str(path), error.why),))
    return certificates_in(path, data or b"")


def read_directory(look: Look, directory: Path) -> tuple[CertificateFile, ...]:
    """The certificate files of a directory by name; one that can't be listed is a finding and no more."""
    try:
        paths = look.names(directory)
    except VaultReadError as error:
        return (CertificateFile(directory, (), (Finding(str(directory), error.why),)),)
    return tuple(read_certificate_file(look, path) for path in paths if path.suffix in CERTIFICATE_SUFFIXES)


def certificates_in(path: Path, data: bytes) -> CertificateFile:
    """The certificates in what stands, or is to stand, in a file: PEM blocks, or DER values in a row."""
    if not data.strip():
        return CertificateFile(path, ())
    return _read_armoured(path, data) if has_armour(data) else _read_der(path, data)


def has_armour(data: bytes) -> bool:
    """Whether the content is PEM, so that another block may be put behind it."""
    return b"-----BEGIN " in data


def _read_armoured(path: Path, data: bytes) -> CertificateFile:
    """A block ends where the next one begins: one that was cut short takes no other with it."""
    _, *blocks = _BEGINS.split(data)
    readings = [_read_block(path, number, block) for number, block in enumerate(blocks, start=1)]
    certificates = tuple(certificate for reading in readings for certificate in reading.certificates)
    findings = tuple(finding for reading in readings for finding in reading.findings)
    if not certificates and not findings:
        findings = (Finding(str(path), "holds no whole certificate"),)
    return CertificateFile(path, certificates, findings, is_pem=True)


def _read_block(path: Path, number: int, block: bytes) -> CertificateFile:
    """Armours of other things, a key's say, are passed over in silence; one that breaks off may have been anything."""
    label = _LABEL.match(block)
    if label is not None and label[1] not in _CERTIFICATE_LABELS:
        return CertificateFile(path, ())
    try:
        return CertificateFile(path, load_certificates(block))
    except (EncodingError, CertificateError) as error:
        return CertificateFile(path, (), (Finding(str(path), f"block {number} passed over: {error.why}"),))


def _read_der(path: Path, data: bytes) -> CertificateFile:
    try:
        return CertificateFile(path, tuple(load_certificate(element.encoding) for element in read_all(data)))
    except (CertificateError, DerError) as error:
        return CertificateFile(path, (), (Finding(str(path), f"neither PEM nor DER certificates: {error.why}"),))
