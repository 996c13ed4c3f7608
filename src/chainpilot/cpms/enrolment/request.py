"""Is this certificate request one that this station may make? Numbered checks, no I/O."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from chainpilot.cpms.model import Reason, Slot, StationRecord
from chainpilot.pki.csr import Csr, CsrDefect, CsrError, inspect_csr
from chainpilot.pki.encoding import EncodingError, PemLabel, TextEncoding, recognise
from chainpilot.pki.identity import is_evseid, normal_evseid
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.messages import SignCertificateRequest

__all__ = ["Objection", "Wanted", "csr_digest", "judge_request"]

_MAX_CSR_TEXT: Final = 5500
"""Characters; SignCertificateRequest.csr of OCPP 2.0.1 and our own writer's bound (pnc-messages.md section 3 row 6)."""

_BY_DEFECT: Final = {
    CsrDefect.UNREADABLE: Reason.CSR_UNREADABLE,
    CsrDefect.BAD_SIGNATURE: Reason.CSR_BAD_SIGNATURE,
    CsrDefect.WEAK_KEY: Reason.CSR_WEAK_KEY,
    CsrDefect.WEAK_DIGEST: Reason.CSR_WEAK_DIGEST,
    CsrDefect.NO_COMMON_NAME: Reason.CSR_NAME_MISMATCH,
    CsrDefect.BAD_NAME: Reason.CSR_NAME_MISMATCH,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request that the station may make."""

    slot: Slot
    csr: Csr
    encoding: TextEncoding


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a request is refused, with what was understood of it."""

    reason: Reason
    detail: str
    use: LeafUse | None = None
    common_name: str | None = None
    encoding: TextEncoding | None = None


def csr_digest(request: SignCertificateRequest) -> str:
    """SHA-256 of the CSR's text as it came, hex."""
    return hashlib.sha256(request.csr.encode("utf-8", "surrogatepass")).hexdigest()


def judge_request(
    station: StationRecord, request: SignCertificateRequest, uses: Collection[LeafUse]
) -> Wanted | Objection:
    """Judge a request against the record of the station that sent it.

    1. one signing request, in an encoding we read
    2. proof of possession, a strong key, a common name
    3. the use: as given, or told by the name (pnc-messages.md section 4)
    4. the name is one of this station's for this use
    5. a PKI is configured for the use

    Args:
        station: the record of the authenticated connection's station.
        request: as it came.
        uses: those for which a PKI is configured.
    """
    read = _read(request)
    if isinstance(read, Objection):
        return read
    csr, encoding = read
    name = csr.common_name
    use = request.certificate_type or _use_by_name(station, name)  # 3
    if use is None:
        detail = f"no use was given, and {name} tells none: it is neither a name nor the id of this station"
        return Objection(Reason.CSR_USE_UNKNOWN, detail, None, name, encoding)
    misfit = _name_misfit(station, csr, use)  # 4
    if misfit is not None:
        return Objection(Reason.CSR_NAME_MISMATCH, misfit, use, name, encoding)
    if use not in uses:  # 5
        return Objection(Reason.NO_PKI_FOR_USE, f"[issue] names no PKI for {use.value}", use, name, encoding)
    return Wanted(Slot(station.station_id, use, name), csr, encoding)


def _read(request: SignCertificateRequest) -> tuple[Csr, TextEncoding] | Objection:
    try:
        found = recognise(request.csr, PemLabel.CERTIFICATE_REQUEST, limit=_MAX_CSR_TEXT)  # 1
    except EncodingError as error:
        return Objection(Reason.CSR_UNREADABLE, error.why, request.certificate_type)
    if len(found.blocks) != 1:
        detail = f"{len(found.blocks)} signing requests in one message"
        return Objection(Reason.CSR_UNREADABLE, detail, request.certificate_type, encoding=found.encoding)
    try:
        return inspect_csr(found.blocks[0]), found.encoding  # 2
    except CsrError as error:
        reason = _BY_DEFECT[error.defect]
        return Objection(reason, error.detail, request.certificate_type, encoding=found.encoding)


def _use_by_name(station: StationRecord, name: str) -> LeafUse | None:
    if name == station.station_id:
        return LeafUse.CSMS
    return LeafUse.V2G if _is_allowed(station, name) else None


def _is_allowed(station: StationRecord, name: str) -> bool:
    """EVSEIDs are compared without separators and case, which mean nothing in them."""
    if name in station.allowed_names:
        return True
    normal = normal_evseid(name)
    return is_evseid(name) and any(
        is_evseid(allowed) and normal_evseid(allowed) == normal for allowed in station.allowed_names
    )


def _name_misfit(station: StationRecord, csr: Csr, use: LeafUse) -> str | None:
    name = csr.common_name
    if use is LeafUse.V2G:
        allowed = ", ".join(sorted(station.allowed_names)) or "allowed none"
        return None if _is_allowed(station, name) else f"CSR asks for {name}; this station is {allowed}"
    if name != station.station_id:
        return f"CSR asks for {name}; this station is {station.station_id}"
    operator = csr.subject.organization
    if station.organisation and operator != station.organisation:
        return f"CSR names the operator {operator}; this station's is {station.organisation}"
    return None
