"""Open signing requests: the record that outlives a restart between a CSR and its certificate.

A record holds no secret; the key lies in its own file under the name `Layout.leaf_files` gives for the same word.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from chainpilot.errors import OwnError
from chainpilot.pki.csr import Csr, CsrError, inspect_csr
from chainpilot.pki.encoding import PemLabel, pem_encode
from chainpilot.station.layout import LEAF_TYPES, Layout
from chainpilot.station.model import Finding, LeafCertificateType
from chainpilot.station.vault import Look, VaultReadError

__all__ = ["PendingCsr", "PendingRecordError", "decode_pending", "encode_pending", "read_pending"]

_WORD: Final = re.compile(r"[A-Za-z0-9\-]{1,64}")


class PendingRecordError(OwnError):
    """A record is not one we wrote; `why` says what is wrong with it."""

    def __init__(self, why: str) -> None:
        super().__init__(f"not a record of a signing request: {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class PendingCsr:
    """A signing request whose certificate hasn't come yet."""

    word: str
    """Names the key file and this record."""
    kind: LeafCertificateType
    csr: Csr
    made_at: datetime
    """Timezone-aware UTC."""

    @property
    def pem(self) -> str:
        """The request as it is sent, each time the same."""
        return pem_encode(self.csr.der, PemLabel.CERTIFICATE_REQUEST)

    def is_open(self, at: datetime, lifetime_seconds: int) -> bool:
        """Whether its certificate is still waited for; a record from far in the future shows a clock set back."""
        return abs(at - self.made_at) < timedelta(seconds=lifetime_seconds)


@dataclass(frozen=True, slots=True)
class _Record:
    version: int
    word: str
    certificate_type: str
    made_at: datetime
    csr: bytes


def encode_pending(pending: PendingCsr) -> bytes:
    """The record as JSON."""
    return msgspec.json.encode(
        _Record(
            version=1,
            word=pending.word,
            certificate_type=pending.kind.value,
            made_at=pending.made_at,
            csr=pending.csr.der,
        )
    )


def decode_pending(data: bytes) -> PendingCsr:
    """Read a record.

    Raises:
        PendingRecordError: not JSON of our form, another version, or a request that doesn't prove its key.
    """
    try:
        record = msgspec.json.decode(data, type=_Record, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PendingRecordError(str(error)) from error
    kind = next((one for one in LEAF_TYPES if one.value == record.certificate_type), None)
    if record.version != 1 or kind is None or not _WORD.fullmatch(record.word):
        raise PendingRecordError("another version, type or name than ours")
    if record.made_at.tzinfo is None:
        raise PendingRecordError("a time without a timezone")
    try:
        csr = inspect_csr(record.csr)
    except CsrError as error:
        raise PendingRecordError(error.detail) from error
    return PendingCsr(record.word, kind, csr, record.made_at)


def read_pending(look: Look, layout: Layout) -> tuple[tuple[PendingCsr, ...], tuple[Finding, ...]]:
    """Every record in the order they were made, and the files that are none."""
    found: list[PendingCsr] = []
    findings: list[Finding] = []
    for path in look.names(layout.pending):
        try:
            found.append(decode_pending(look.read(path) or b""))
        except (PendingRecordError, VaultReadError) as error:
            findings.append(Finding(str(path), error.why))
    return tuple(sorted(found, key=lambda pending: pending.made_at)), tuple(findings)
