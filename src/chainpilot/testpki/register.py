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
from chainpilot.testpki.cabinet import CabinetError, telling

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
        self._serials: set[tuple[bytes, int]] = set()
        with telling(path):
            lines = _whole_lines(path)
        for number, line in enumerate(lines, start=1):
            try:
                self._take(_parse(line))
            except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, CertificateError) as error:
                raise CabinetError(path, f"line {number} is no record of an issued certificate ({error})") from error

    @property
    def records(self) -> tuple[IssuedRecord, ...]:
        """Everything issued so far, oldest first."""
        return tuple(self._records)

    def find(self, label: str, fingerprint: str) -> IssuedRecord | None:
        """The newest certificate issued under `label` for that request."""
        return self._by_request.get((label, fingerprint))

    def knows(self, issuer_der: bytes, serial: int) -> bool:
        """Whether the CA with that DER name has issued that serial number."""
        return (issuer_der, serial) in self._serials

    def add(self, record: IssuedRecord) -> None:
        """Write a record down; it is in the file when this returns."""
        der = base64.b64encode(record.certificate.der).decode("ascii")
        line = _ENCODER.encode(_Line(record.label, record.csr_fingerprint, der))
        with telling(self._path), self._path.open("ab") as file:
            file.write(line + b"\n")
        self._take(record)

    def _take(self, record: IssuedRecord) -> None:
        self._records.append(record)
        if record.csr_fingerprint:
            self._by_request[record.label, record.csr_fingerprint] = record
        self._serials.add((record.certificate.issuer_der, record.certificate.serial_number))


def csr_fingerprint(der: bytes) -> str:
    """By what a request is recognised when it is posted again: lower-case hex SHA-256 of its DER."""
    return hashlib.sha256(der).hexdigest()


def _whole_lines(path: Path) -> list[bytes]:
    """The lines that end; one cut off by a kill was never answered and is cut away."""
    if not path.exists():
        return []
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end != len(content):
        with path.open("r+b") as file:
            file.truncate(end)
    return content[:end].splitlines()


def _parse(line: bytes) -> IssuedRecord:
    fields = msgspec.json.decode(line, type=_Line)
    return IssuedRecord(fields.label, fields.csr, load_certificate(base64.b64decode(fields.der, validate=True)))
