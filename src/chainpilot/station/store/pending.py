"""Open signing requests: the record that outlives a restart between a CSR and its certificate.

A record holds no secret; the key lies in its own file under the name `Layout.leaf_files` gives for the same word.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from chainpilot.errors import OwnError
from chainpilot.pki.csr import Csr, CsrError, inspect_csr
from chainpilot.pki.encoding import PemLabel, pem_encode
from chainpilot.pki.profiles import edition_of
from chainpilot.station.layout import LEAF_TYPES, Layout
from chainpilot.station.model import Finding, LeafCertificateType
from chainpilot.station.store.leaves import Slot, slot_name
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
    """A signing request whose certificate may still come."""

    word: str
    """Names the key file and this record."""
    kind: LeafCertificateType
    csr: Csr
    made_at: datetime
    """Timezone-aware UTC."""
    superseded_at: datetime | None = None
    """When a later request for its slot took its place, timezone-aware UTC; it is sent no more."""
    with_csms: bool = False
    """Whether it was handed to a CSMS that hasn't refused it."""

    @property
    def slot(self) -> Slot:
        """What the certificate will be for."""
        edition = edition_of(self.csr.public_key) if self.kind is LeafCertificateType.V2G else None
        return Slot(self.kind, slot_name(self.csr.common_name), edition)

    @property
    def is_open(self) -> bool:
        """Whether no later request took its place."""
        return self.superseded_at is None

    @property
    def pem(self) -> str:
        """The request as it is sent, each time the same."""
        return pem_encode(self.csr.der, PemLabel.CERTIFICATE_REQUEST)

    def is_fresh(self, at: datetime, lifetime_seconds: int) -> bool:
        """Whether it was made within the lifetime; one from far in the future shows a clock set back."""
        return abs(at - self.made_at) < timedelta(seconds=lifetime_seconds)

    def is_past(self, at: datetime, lifetime_seconds: int) -> bool:
        """Whether its lifetime is over, from when it was made or superseded; a clock set back makes it no older."""
        return at - (self.superseded_at or self.made_at) >= timedelta(seconds=lifetime_seconds)


@dataclass(frozen=True, slots=True)
class _Record:
    version: int
    word: str
    certificate_type: str
    made_at: datetime
    csr: bytes
    superseded_at: datetime | None = None
    with_csms: bool = False


def encode_pending(pending: PendingCsr) -> bytes:
    """The record as JSON."""
    return msgspec.json.encode(
        _Record(
            version=1,
            word=pending.word,
            certificate_type=pending.kind.value,
            made_at=pending.made_at,
            csr=pending.csr.der,
            superseded_at=pending.superseded_at,
            with_csms=pending.with_csms,
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
    if any(time is not None and time.tzinfo is None for time in (record.made_at, record.superseded_at)):
        raise PendingRecordError("a time without a timezone")
    try:
        csr = inspect_csr(record.csr)
    except CsrError as error:
        raise PendingRecordError(error.detail) from error
    return PendingCsr(record.word, kind, csr, record.made_at, record.superseded_at, record.with_csms)


def read_pending(look: Look, layout: Layout) -> tuple[tuple[PendingCsr, ...], tuple[Finding, ...]]:
    """Every record in the order they were made, and the files that are none."""
    found: list[PendingCsr] = []
    findings: list[Finding] = []
    try:
        paths = look.names(layout.pending)
    except VaultReadError as error:
        return (), (Finding(str(layout.pending), error.why),)
    for path in paths:
        try:
            record = look.recall(path, _made)
        except VaultReadError as error:
            findings.append(Finding(str(path), error.why))
            continue
        if isinstance(record, PendingCsr):
            found.append(record)
        elif record is not None:
            findings.append(record)
    return tuple(sorted(found, key=lambda pending: pending.made_at)), tuple(findings)


def _made(path: Path, data: bytes, before: object) -> PendingCsr | Finding:
    del before
    try:
        return decode_pending(data)
    except PendingRecordError as error:
        return Finding(str(path), error.why)
