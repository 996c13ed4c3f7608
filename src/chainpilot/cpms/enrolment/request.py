"""Is this certificate request one that this station may make? Numbered checks, no I/O."""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from chainpilot.cpms.enrolment.rights import excess
from chainpilot.cpms.model import Reason, Slot, StationRecord
from chainpilot.pki.csr import Csr, CsrDefect, CsrError, inspect_csr
from chainpilot.pki.encoding import EncodingError, PemLabel, TextEncoding, recognise
from chainpilot.pki.identity import is_evseid, is_seccid, normal_evseid
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import SignCertificateRequest

__all__ = ["CsrProfile", "Objection", "Wanted", "csr_digest", "judge_request", "with_use"]

_TOLD_BY_NAME: Final = frozenset({Dialect.H, Dialect.O})
"""Dialects in which a request that gives no use means the one its common name tells (pnc-messages.md section 4)."""

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

_ATTRIBUTES: Final = frozenset({"2.5.4.6", "2.5.4.10", "2.5.4.3", "0.9.2342.19200300.100.1.25"})
"""C, O, CN and DC: what the profiles of both uses have in a subject, and what a CA is known to copy."""


class CsrProfile(Enum):
    """What a PKI takes as the common name of a SECC's request; values as configurations have them."""

    EVSEID = "evseid"
    SECCID = "seccid"
    ANY = "any"
    """Either of them."""

    def admits(self, name: str) -> bool:
        """Whether the PKI would take that name."""
        if self is CsrProfile.EVSEID:
            return is_evseid(name)
        return is_seccid(name) or (self is CsrProfile.ANY and is_evseid(name))


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


def with_use(request: SignCertificateRequest, dialect: Dialect) -> SignCertificateRequest:
    """The request with the use that its dialect means where none was given.

    OCPP 1.6's own message is about the client certificate only; 2.0.1 counts a use left out as that too. In H and O
    the common name tells it, which `judge_request` looks at.
    """
    if request.certificate_type is not None or dialect in _TOLD_BY_NAME:
        return request
    return SignCertificateRequest(request.csr, LeafUse.CSMS, request.request_id)


def judge_request(
    station: StationRecord,
    request: SignCertificateRequest,
    uses: Collection[LeafUse],
    profile: CsrProfile = CsrProfile.ANY,
) -> Wanted | Objection:
    """Judge a request against the record of the station that sent it.

    What passes is signed and paid for, so a certificate made as it asks must fit its use's profile and its station.

    1. one signing request, in an encoding we read
    2. proof of possession, a strong key, a common name
    3. the use: as given, or told by the name (pnc-messages.md section 4)
    4. the name is one of this station's for this use
    5. the rest of the subject is the profile's, with this station's operator, and holds nothing else
    6. the key is of the profile's kind
    7. no name, right or purpose is asked for beyond those of the use
    8. a PKI is configured for the use, and takes names of this kind

    Args:
        station: the record of the authenticated connection's station.
        request: as it came.
        uses: those for which a PKI is configured.
        profile: what the PKI that signs SECC certificates takes as a name.
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
    misfit = next(_misfits(station, csr, use), None)
    if misfit is not None:
        reason, detail = misfit
        return Objection(reason, detail, use, name, encoding)
    if use not in uses:  # 8
        return Objection(Reason.NO_PKI_FOR_USE, f"[issue] names no PKI for {use.value}", use, name, encoding)
    if use is LeafUse.V2G and not profile.admits(name):  # 8
        detail = f"CSR asks for {name}, which is no {profile.value.upper()}, and the PKI takes nothing else"
        return Objection(Reason.CSR_NAME_MISMATCH, detail, use, name, encoding)
    return Wanted(Slot.of(station.station_id, use, name), csr, encoding)


def _misfits(station: StationRecord, csr: Csr, use: LeafUse) -> Iterator[tuple[Reason, str]]:
    name_misfit = _name_misfit(station, csr, use)
    if name_misfit is not None:
        yield Reason.CSR_NAME_MISMATCH, name_misfit  # 4
    for subject_misfit in _subject_misfits(station, csr, use):
        yield Reason.CSR_NAME_MISMATCH, subject_misfit  # 5
    if use is LeafUse.V2G and not _is_p256(csr):
        yield Reason.CSR_KEY_KIND, "ISO 15118-2 wants a key on the curve P-256"  # 6
    beyond = excess(csr.extensions, use)
    if beyond is not None:
        yield Reason.CSR_EXTENSION_REFUSED, f"CSR asks for {beyond}"  # 7


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
        if not _is_allowed(station, name):
            return f"CSR asks for {name}; this station is {allowed}"
        fits = is_evseid(name) or is_seccid(name)
        return None if fits else f"CSR asks for {name}, which is neither an EVSEID nor a SECCID"
    return None if name == station.station_id else f"CSR asks for {name}; this station is {station.station_id}"


def _subject_misfits(station: StationRecord, csr: Csr, use: LeafUse) -> Iterator[str]:
    """What is wrong with the subject beside its common name, a sentence each."""
    given = [attribute for relative in csr.subject_name for attribute, _ in relative]
    foreign = sorted(set(given) - _ATTRIBUTES)
    if foreign:
        yield f"CSR asks for attributes other than C, O, CN and DC: {', '.join(foreign)}"
    if len(given) != len(set(given)):
        yield "CSR gives an attribute of its subject more than once"
    operator, domain = csr.subject.organization, csr.subject.domain_component
    if not operator:
        yield "CSR names no operator (O)"
    if use is LeafUse.CSMS and not station.organisation:
        yield "this station's record names no organisation, and without one no client certificate lets it in"
    if station.organisation and operator != station.organisation:
        yield f"CSR names the operator {operator}; this station's is {station.organisation}"
    if use is LeafUse.V2G and domain != "CPO":
        yield f"CSR names the domain {domain}; an SECC's is CPO (ISO 15118-2 table F.4)"


def _is_p256(csr: Csr) -> bool:
    return isinstance(csr.public_key, ec.EllipticCurvePublicKey) and csr.public_key.curve.name == "secp256r1"
