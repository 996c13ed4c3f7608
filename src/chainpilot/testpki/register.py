"""What the test PKI has issued, one line a certificate in a file that only grows. NEVER for production.

It answers two questions: was this CSR signed already, and does this serial number exist.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate
from chainpilot.testpki.cabinet import CabinetError
from chainpilot.testpki.lines import append_line, whole_lines

__all__ = ["IssuedRecord", "Register", "csr_fingerprint"]

_ENCODER: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class IssuedRecord:
    """One issued leaf: under which label, for which request."""

    label: str
    """The EST label, or `tls-server` for what was issued without EST."""
    csr_fingerprint: str
    """Lower-case hex SHA-256 of the DER request; empty when there was none."""
    certificate: Certificate


class _Line(msgspec.Struct):
    label: str
    csr: str
    der: str


class Register:
    """The issued leaves, in order; kept in `path` over restarts.

    Raises:
        CabinetError: the file can't be read or written, or a line of it is no record.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records: list[IssuedRecord] = []
        self._by_request: dict[tuple[str, str], IssuedRecord] = {}
        self._by_serial: dict[tuple[bytes, int], list[Certificate]] = {}
        for number, line in enumerate(whole_lines(path), start=1):
            try:
                self._take(_parse(line))
            except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, CertificateError) as error:
                raise CabinetError(path, f"line {number} is no record of an issued certificate ({error})") from error

    def __len__(self) -> int:
        return len(self._records)

    @property
    def records(self) -> tuple[IssuedRecord, ...]:
        """Everything issued so far, oldest first."""
        return tuple(self._records)

    def find(self, label: str, fingerprint: str) -> IssuedRecord | None:
        """The newest certificate issued under `label` for that request."""
        return self._by_request.get((label, fingerprint))

    def knows(self, issuer: Certificate, serial: int) -> bool:
        """Whether that CA, by that key, has issued that serial number."""
        found = self._by_serial.get((issuer.subject_der, serial), ())
        return any(certificate.was_signed_by(issuer) for certificate in found)

    def with_serial(self, serial: int) -> tuple[IssuedRecord, ...]:
        """Everything that has that serial number, oldest first."""
        return tuple(record for record in self._records if record.certificate.serial_number == serial)

    def for_name(self, common_name: str) -> IssuedRecord | None:
        """The newest certificate for that common name."""
        named = (each for each in reversed(self._records) if each.certificate.subject.common_name == common_name)
        return next(named, None)

    def add(self, record: IssuedRecord) -> None:
        """Write a record down; it is in the file when this returns."""
        der = base64.b64encode(record.certificate.der).decode("ascii")
        append_line(self._path, _ENCODER.encode(_Line(record.label, record.csr_fingerprint, der)))
        self._take(record)

    def _take(self, record: IssuedRecord) -> None:
        self._records.append(record)
        if record.csr_fingerprint:
            self._by_request[record.label, record.csr_fingerprint] = record
        key = record.certificate.issuer_der, record.certificate.serial_number
        self._by_serial.setdefault(key, []).append(record.certificate)


def csr_fingerprint(der: bytes) -> str:
    """By what a request is recognised when it is posted again: lower-case hex SHA-256 of its DER."""
    return hashlib.sha256(der).hexdigest()


def _parse(line: bytes) -> IssuedRecord:
    fields = msgspec.json.decode(line, type=_Line)
    return IssuedRecord(fields.label, fields.csr, load_certificate(base64.b64decode(fields.der, validate=True)))
