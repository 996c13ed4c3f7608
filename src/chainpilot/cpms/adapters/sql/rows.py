"""Records to rows and back."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from chainpilot.cpms.model import (
    CertificateRecord,
    Enrolment,
    EnrolmentId,
    EnrolmentState,
    Failure,
    Job,
    JobKind,
    Proof,
    Reason,
    RefusedRequest,
    RetryClass,
    SecurityProfile,
    Slot,
    StationRecord,
)
from chainpilot.pki.encoding import TextEncoding
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import SpkiHash
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.fields import Quirk

__all__ = [
    "Row",
    "certificate_from",
    "certificate_row",
    "dialect_words",
    "enrolment_from",
    "enrolment_row",
    "hash_lines",
    "job_from",
    "quirk_words",
    "refusal_from",
    "refusal_row",
    "station_from",
    "station_row",
]

Row = Mapping[str, Any]


def station_row(record: StationRecord) -> dict[str, Any]:
    """A station's columns."""
    return {
        "station_id": record.station_id,
        "password_hash": record.password_hash,
        "minimum_profile": int(record.minimum_profile),
        "allowed_names": json.dumps(sorted(record.allowed_names)),
        "organisation": record.organisation,
        "station_group": record.group,
        "csr_encoding": record.csr_encoding.value if record.csr_encoding else None,
        "dialects": dialect_words(record.dialects),
        "quirks": quirk_words(record.quirks),
        "next_password_hashes": hash_lines(record.next_password_hashes),
    }


def station_from(row: Row) -> StationRecord:
    """A station from its columns."""
    return StationRecord(
        station_id=StationId(row["station_id"]),
        password_hash=row["password_hash"],
        minimum_profile=SecurityProfile(row["minimum_profile"]),
        allowed_names=frozenset(json.loads(row["allowed_names"])),
        organisation=row["organisation"],
        group=row["station_group"],
        dialects=tuple(Dialect(word) for word in (row["dialects"] or "").split()),
        csr_encoding=TextEncoding(row["csr_encoding"]) if row["csr_encoding"] else None,
        quirks=frozenset(Quirk(word) for word in (row["quirks"] or "").split()),
        next_password_hashes=tuple((row["next_password_hashes"] or "").split()),
    )


def dialect_words(dialects: Iterable[Dialect]) -> str | None:
    """Dialects as one text; None for none."""
    return " ".join(dialect.value for dialect in dialects) or None


def quirk_words(quirks: Iterable[Quirk]) -> str | None:
    """Quirks as one text; None for none."""
    return " ".join(sorted(quirk.value for quirk in quirks)) or None


def hash_lines(hashes: Iterable[str]) -> str | None:
    """Password hashes as one text; None for none."""
    return "\n".join(hashes) or None


def enrolment_row(enrolment: Enrolment) -> dict[str, Any]:
    """An enrolment's columns."""
    failure = enrolment.failure
    return {
        "enrolment_id": enrolment.enrolment_id,
        "station_id": enrolment.slot.station_id,
        "leaf_use": enrolment.slot.use.value,
        "common_name": enrolment.slot.common_name,
        "slot_taken": enrolment.is_open,
        "spki_hash": enrolment.spki_hash,
        "csr": enrolment.csr,
        "encoding": enrolment.encoding.value,
        "pki": enrolment.pki,
        "state": enrolment.state.value,
        "version": enrolment.version,
        "created_at": enrolment.created_at,
        "changed_at": enrolment.changed_at,
        "retry_at": enrolment.retry_at,
        "postponements": enrolment.postponements,
        "failure_reason": failure.reason.value if failure else None,
        "failure_detail": failure.detail if failure else None,
        "failure_retry": failure.retry.value if failure else None,
        "failure_retry_at": failure.retry_at if failure else None,
        "answer": enrolment.answer,
        "chain": enrolment.chain,
        "fingerprint": enrolment.fingerprint,
        "deliveries": enrolment.deliveries,
        "proof": enrolment.proof.value if enrolment.proof else None,
    }


def enrolment_from(row: Row) -> Enrolment:
    """An enrolment from its columns."""
    return Enrolment(
        enrolment_id=EnrolmentId(row["enrolment_id"]),
        slot=Slot(StationId(row["station_id"]), LeafUse(row["leaf_use"]), row["common_name"]),
        spki_hash=SpkiHash(row["spki_hash"]),
        csr=row["csr"],
        encoding=TextEncoding(row["encoding"]),
        pki=row["pki"],
        state=EnrolmentState(row["state"]),
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        version=row["version"],
        retry_at=row["retry_at"],
        postponements=row["postponements"],
        failure=_failure_from(row),
        answer=row["answer"],
        chain=row["chain"],
        fingerprint=row["fingerprint"],
        deliveries=row["deliveries"],
        proof=Proof(row["proof"]) if row["proof"] else None,
    )


def _failure_from(row: Row) -> Failure | None:
    if row["failure_reason"] is None:
        return None
    return Failure(
        reason=Reason(row["failure_reason"]),
        detail=row["failure_detail"],
        retry=RetryClass(row["failure_retry"]),
        retry_at=row["failure_retry_at"],
    )


def certificate_row(record: CertificateRecord) -> dict[str, Any]:
    """A certificate's columns."""
    return {
        "fingerprint": record.fingerprint,
        "station_id": record.station_id,
        "enrolment_id": record.enrolment_id,
        "leaf_use": record.use.value,
        "common_name": record.common_name,
        "issuer": record.issuer,
        "serial_number": record.serial_number,
        "not_before": record.not_before,
        "not_after": record.not_after,
        "chain": record.chain,
        "recorded_at": record.recorded_at,
        "seen_at": record.seen_at,
    }


def certificate_from(row: Row) -> CertificateRecord:
    """A certificate from its columns."""
    return CertificateRecord(
        fingerprint=row["fingerprint"],
        station_id=StationId(row["station_id"]),
        enrolment_id=EnrolmentId(row["enrolment_id"]),
        use=LeafUse(row["leaf_use"]),
        common_name=row["common_name"],
        issuer=row["issuer"],
        serial_number=row["serial_number"],
        not_before=row["not_before"],
        not_after=row["not_after"],
        chain=row["chain"],
        recorded_at=row["recorded_at"],
        seen_at=row["seen_at"],
    )


def refusal_row(refused: RefusedRequest) -> dict[str, Any]:
    """A refusal's columns."""
    return {
        "station_id": refused.station_id,
        "leaf_use": refused.use.value if refused.use else None,
        "common_name": refused.common_name,
        "reason": refused.reason.value,
        "detail": refused.detail,
        "csr_digest": refused.csr_digest,
        "refused_at": refused.at,
    }


def refusal_from(row: Row) -> RefusedRequest:
    """A refusal from its columns."""
    return RefusedRequest(
        station_id=StationId(row["station_id"]),
        use=LeafUse(row["leaf_use"]) if row["leaf_use"] else None,
        common_name=row["common_name"],
        reason=Reason(row["reason"]),
        detail=row["detail"],
        csr_digest=row["csr_digest"],
        at=row["refused_at"],
    )


def job_from(row: Row) -> Job:
    """A taken job from its columns."""
    return Job(
        kind=JobKind(row["kind"]),
        enrolment_id=EnrolmentId(row["enrolment_id"]),
        station_id=StationId(row["station_id"]),
        attempts=row["attempts"],
        lease_until=row["lease_until"],
    )
