"""Installing CA certificates: what becomes an anchor, what is kept below one, and what is refused.

Removing them is `removal`'s; what a CSMS root that takes over from another must fulfil is `succession`'s.
"""

from datetime import datetime
from typing import Final

from chainpilot.pki.certificate import Certificate, CertificateError, load_certificates
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.hashdata import naming_objection
from chainpilot.pki.keys import key_weakness
from chainpilot.pki.profiles import ROOT_CA, SUB_CA, lint
from chainpilot.pki.trust import TrustAnchors
from chainpilot.station import succession
from chainpilot.station.layout import Layout
from chainpilot.station.model import (
    CaCertificateType,
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    InstallCertificateResult,
    InstallOutcome,
)
from chainpilot.station.store import Bundle, new_word, read_bundle, room_objection, stage_ca
from chainpilot.station.vault import Change

__all__ = ["MAX_CA_TEXT", "install_ca"]

MAX_CA_TEXT: Final = 50_000
"""Characters read at most for one CA certificate; OCPP's own limit is 5500."""


def install_ca(change: Change, layout: Layout, text: str, kind: CaCertificateType, at: datetime) -> InstallOutcome:
    """Stage a CA certificate for its domain's bundle, when all of the following holds.

    1. the text is exactly one certificate (InvalidFormat);
    2. hash data can name it, and it is a CA that fits the profile of a root or sub-CA, with a strong key
       (InvalidCertificateChain);
    3. it is valid at `at`; this enumeration has no word for "not yet" (Expired);
    4. it isn't of a test PKI, unless allowed; a root signed itself (InvalidSignature); another CA is signed by a CA of
       that bundle, or is the cross-signed form of one of its roots (InvalidCertificateChain); where additional CSMS
       roots are checked and one is there, that one signed it, whatever it is else (`succession.objection`);
    5. it isn't there already (Accepted, nothing to write);
    6. it fits into the store (CertificateStoreMaxLengthExceeded).

    Parity's `accept_any_ca` leaves 2 and 4 out, but for its name and the test PKI.

    Raises:
        VaultReadError: the bundle is there and can't be read.
        VaultWriteError: nothing can be put behind what the bundle file holds.
    """
    # 1
    try:
        certificates = load_certificates(text, limit=MAX_CA_TEXT)
    except (EncodingError, CertificateError) as error:
        return InstallOutcome(InstallCertificateResult.INVALID_FORMAT, error.why)
    if len(certificates) != 1:
        return InstallOutcome(
            InstallCertificateResult.INVALID_FORMAT, f"{len(certificates)} certificates; one is needed"
        )
    certificate = certificates[0]
    bundle = read_bundle(change, layout, kind)
    roots = succession.checked_roots(change, layout, bundle)
    refusal = _refusal(certificate, bundle, roots, layout, at)  # 2, 3, 4
    if refusal is not None:
        return refusal
    # 5
    takes_over = len(roots) > 0 and certificate not in roots
    is_held = bundle.holds(certificate)
    if is_held and not takes_over:
        return InstallOutcome(InstallCertificateResult.ACCEPTED, "already installed")
    # 6
    size = 0 if is_held else len(certificate.to_pem())
    objection = room_objection(change, layout, certificates=int(not is_held), size=size)
    if objection is not None:
        return InstallOutcome(InstallCertificateResult.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED, objection)
    if not is_held:
        stage_ca(change, layout, bundle, certificate, new_word(at))
    if takes_over:
        succession.stage_successor(change, layout, bundle, certificate, roots[0])
    update = CertificateStoreUpdate(CertificateStoreUpdateOperation.INSTALLED, ca_certificate_type=kind)
    return InstallOutcome(InstallCertificateResult.ACCEPTED, update=update)


def _refusal(
    certificate: Certificate, bundle: Bundle, roots: tuple[Certificate, ...], layout: Layout, at: datetime
) -> InstallOutcome | None:
    if (objection := naming_objection(certificate)) is not None:
        return InstallOutcome(InstallCertificateResult.INVALID_CERTIFICATE_CHAIN, objection)
    allow_test_pki = layout.config.allow_test_pki
    if layout.config.parity.accept_any_ca:
        return _refuse_time(certificate, at) or _refuse_test(certificate, allow_test_pki=allow_test_pki)
    refusal = _refuse_kind(certificate, bundle) or _refuse_time(certificate, at)
    refusal = refusal or _refuse_test(certificate, allow_test_pki=allow_test_pki)
    return refusal or (_refuse_successor(certificate, roots) if roots else _refuse_place(certificate, bundle))


def _refuse_kind(certificate: Certificate, bundle: Bundle) -> InstallOutcome | None:
    is_pretender = certificate.is_ca and certificate.is_self_issued and not certificate.is_self_signed
    if is_pretender and bundle.issuer_of(certificate) is None and not bundle.is_cross_form(certificate):
        why = "it claims to be its own issuer and its key didn't sign it"
        return InstallOutcome(InstallCertificateResult.INVALID_SIGNATURE, why)
    findings = lint(certificate, ROOT_CA if certificate.is_self_signed else SUB_CA)
    if findings:
        return InstallOutcome(InstallCertificateResult.INVALID_CERTIFICATE_CHAIN, findings[0].detail)
    if (weakness := key_weakness(certificate.public_key)) is not None:
        return InstallOutcome(InstallCertificateResult.INVALID_CERTIFICATE_CHAIN, f"it has {weakness}")
    return None


def _refuse_time(certificate: Certificate, at: datetime) -> InstallOutcome | None:
    if certificate.valid_at(at):
        return None
    ended = at > certificate.not_after
    why = f"ended {certificate.not_after.isoformat()}" if ended else f"begins {certificate.not_before.isoformat()}"
    return InstallOutcome(InstallCertificateResult.EXPIRED, why)


def _refuse_test(certificate: Certificate, *, allow_test_pki: bool) -> InstallOutcome | None:
    refused = TrustAnchors.admit((certificate,), allow_test_pki=allow_test_pki, accept_any=True).refused
    if refused:
        return InstallOutcome(InstallCertificateResult.INVALID_CERTIFICATE_CHAIN, refused[0][1])
    return None


def _refuse_place(certificate: Certificate, bundle: Bundle) -> InstallOutcome | None:
    if certificate.is_self_signed or bundle.issuer_of(certificate) is not None or bundle.is_cross_form(certificate):
        return None
    why = f"no CA of the {bundle.kind.value} bundle signed it"
    return InstallOutcome(InstallCertificateResult.INVALID_CERTIFICATE_CHAIN, why)


def _refuse_successor(certificate: Certificate, roots: tuple[Certificate, ...]) -> InstallOutcome | None:
    why = succession.objection(certificate, roots) if certificate not in roots else None
    return InstallOutcome(InstallCertificateResult.INVALID_CERTIFICATE_CHAIN, why) if why is not None else None
