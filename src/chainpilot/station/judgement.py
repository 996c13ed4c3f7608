"""Chains judged against the store's bundles, and the reasons in EVerest's words (station-store.md section 4).

Keys and writing are the flows' matter. No verdict is remembered: what is kept between two judgements are parsed files.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from chainpilot.pki.certificate import Certificate, CertificateError, load_certificates
from chainpilot.pki.chain import Chain, ChainDefect, ChainError, chain_from_stack
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.profiles import Finding as ProfileFinding
from chainpilot.pki.profiles import lint
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import Reason, Refusal, Rules, VerifiedChain, verify
from chainpilot.station.layout import CrlPolicy, Layout, ProfilePolicy
from chainpilot.station.model import (
    CaCertificateType,
    CertificateValidationResult,
    InstallCertificateResult,
    LeafCertificateType,
    ValidationOutcome,
)
from chainpilot.station.requirements import profile_of
from chainpilot.station.store import Bundle, read_bundle, read_bundle_about, read_crls
from chainpilot.station.vault import Look, VaultReadError

__all__ = [
    "INSTALL_RESULTS",
    "MAX_STACK",
    "RESULTS",
    "StackRefusal",
    "anchors_of",
    "judge",
    "profiled",
    "read_stack",
    "rules_of",
    "validate",
]

MAX_STACK: Final = 100_000
"""Characters of a chain read at most; OCPP's limit is 10 000 (pnc-messages.md row 6), chains in use have 4000."""

RESULTS: Final[Mapping[Reason, CertificateValidationResult]] = MappingProxyType(
    {
        Reason.EXPIRED: CertificateValidationResult.EXPIRED,
        Reason.NOT_YET_VALID: CertificateValidationResult.UNKNOWN,
        Reason.BAD_SIGNATURE: CertificateValidationResult.INVALID_SIGNATURE,
        Reason.BAD_LEAF_SIGNATURE: CertificateValidationResult.INVALID_LEAF_SIGNATURE,
        Reason.ISSUER_NOT_FOUND: CertificateValidationResult.ISSUER_NOT_FOUND,
        Reason.INVALID_CHAIN: CertificateValidationResult.INVALID_CHAIN,
        Reason.REVOKED: CertificateValidationResult.UNKNOWN,
        Reason.REVOCATION_UNKNOWN: CertificateValidationResult.UNKNOWN,
        Reason.WEAK_ALGORITHM: CertificateValidationResult.INVALID_CHAIN,
        Reason.NOT_A_LEAF: CertificateValidationResult.INVALID_CHAIN,
        Reason.UNREADABLE: CertificateValidationResult.UNKNOWN,
    }
)
"""verify_certificate's word for every reason. Not yet valid is not Expired (x509.md duty 3)."""

INSTALL_RESULTS: Final[Mapping[CertificateValidationResult, InstallCertificateResult]] = MappingProxyType(
    {
        CertificateValidationResult.VALID: InstallCertificateResult.ACCEPTED,
        CertificateValidationResult.EXPIRED: InstallCertificateResult.EXPIRED,
        CertificateValidationResult.INVALID_SIGNATURE: InstallCertificateResult.INVALID_SIGNATURE,
        CertificateValidationResult.INVALID_LEAF_SIGNATURE: InstallCertificateResult.INVALID_SIGNATURE,
        CertificateValidationResult.INVALID_CHAIN: InstallCertificateResult.INVALID_CERTIFICATE_CHAIN,
        CertificateValidationResult.ISSUER_NOT_FOUND: InstallCertificateResult.NO_ROOT_CERTIFICATE_INSTALLED,
        CertificateValidationResult.UNKNOWN: InstallCertificateResult.INVALID_FORMAT,
    }
)
"""update_leaf_certificate's word for every outcome of the validation."""

_NO_ANCHOR: Final = ValidationOutcome(
    CertificateValidationResult.ISSUER_NOT_FOUND, "there is no trust anchor to lead to", Reason.ISSUER_NOT_FOUND
)
"""Goes before the order of the certificates (station-store.md section 4)."""
_LINTED: Final = (LeafCertificateType.MO, LeafCertificateType.MF)
"""Leaves whose profile verify_certificate looks at. A CSMS's own server certificate is verified in the domain CSMS too,
and leaves of CSMS and V2G are linted when they are installed."""


@dataclass(frozen=True, slots=True)
class StackRefusal:
    """A text that is no chain: it could not be read, or its certificates are too many or in the wrong order."""

    why: str
    is_readable: bool = False

    @property
    def outcome(self) -> ValidationOutcome:
        """The refusal in verify_certificate's words."""
        cause = Reason.INVALID_CHAIN if self.is_readable else Reason.UNREADABLE
        return ValidationOutcome(RESULTS[cause], self.why, cause)


def read_stack(text: str) -> Chain | StackRefusal:
    """The leaf of a PEM stack (hexadecimal and base64 are read too) and what was sent with it, in any order.

    Which of it is the leaf's path is for `judge` to find.
    """
    try:
        return chain_from_stack(load_certificates(text, limit=MAX_STACK), by_signature=False)
    except (EncodingError, CertificateError) as error:
        return StackRefusal(error.why)
    except ChainError as error:
        return StackRefusal(error.why, is_readable=error.defect is not ChainDefect.EMPTY)


def anchors_of(look: Look, bundles: tuple[Bundle, ...], *, allow_test_pki: bool) -> TrustAnchors:
    """The anchors of all these bundles: their roots, those of test PKIs only where allowed."""
    return look.derive(
        ("anchors", allow_test_pki, tuple(bundle.kind for bundle in bundles)),
        bundles,
        lambda: TrustAnchors.union([bundle.anchors(allow_test_pki=allow_test_pki) for bundle in bundles]),
    )


def validate(
    look: Look, layout: Layout, text: str, kinds: Iterable[LeafCertificateType], at: datetime
) -> ValidationOutcome:
    """verify_certificate: whether a stack's leaf leads to an anchor of one of the domains and fits its profile."""
    chain = read_stack(text)
    asked = tuple(dict.fromkeys(kinds))
    domains = tuple(CaCertificateType(kind.value) for kind in asked)
    if isinstance(chain, StackRefusal):
        return chain.outcome if not chain.is_readable or _has_anchor(look, layout, domains) else _NO_ANCHOR
    verdict = judge(look, layout, chain, domains, at)
    return profiled(layout, verdict.leaf, asked) if isinstance(verdict, VerifiedChain) else verdict


def profiled(layout: Layout, leaf: Certificate, kinds: tuple[LeafCertificateType, ...]) -> ValidationOutcome:
    """What becomes of a leaf whose chain holds, by its profile and the policy for it."""
    findings = _profile_findings(layout, leaf, kinds)
    if not findings:
        return ValidationOutcome(CertificateValidationResult.VALID)
    if all(layout.config.profile_policy(kind) is ProfilePolicy.ENFORCE for kind in kinds):
        return ValidationOutcome(RESULTS[Reason.INVALID_CHAIN], findings[0].detail, Reason.INVALID_CHAIN)
    return ValidationOutcome(CertificateValidationResult.VALID, f"its profile: {findings[0].detail}")


def rules_of(look: Look, layout: Layout) -> Rules:
    """What a chain is verified by in this store: its revocation lists, and the parity of its times."""
    crls = read_crls(look, layout.crls).crls if layout.crls is not None else ()
    needed = layout.crls is not None and layout.config.crl_policy is CrlPolicy.REQUIRE
    return Rules(only_leaf_end=layout.config.parity.times, crls=crls, needs_crls=needed)


def _has_anchor(look: Look, layout: Layout, domains: tuple[CaCertificateType, ...]) -> bool:
    bundles = tuple(read_bundle(look, layout, domain) for domain in domains)
    return bool(len(anchors_of(look, bundles, allow_test_pki=layout.config.allow_test_pki)))


def judge(
    look: Look, layout: Layout, chain: Chain, domains: tuple[CaCertificateType, ...], at: datetime
) -> VerifiedChain | ValidationOutcome:
    """Whether the chain leads to an anchor of one of the domains; the sub-CAs of their bundles may complete it.

    A chain whose only anchor was refused answers IssuerNotFound and says why the anchor doesn't count.

    Raises:
        VaultReadError: nothing was found, and a file of a bundle can't be read: it may hold the issuer.
    """
    partial = tuple(read_bundle_about(look, layout, domain, chain.certificates) for domain in domains)
    verdict = _judged(look, layout, chain, partial, at)
    if isinstance(verdict, VerifiedChain):
        return verdict
    # what makes a chain good was found where it lies; what is missing may have come to any file of a directory
    whole = tuple(read_bundle(look, layout, domain) for domain in domains)
    if any(one is not other for one, other in zip(partial, whole, strict=True)):
        verdict = _judged(look, layout, chain, whole, at)
    if isinstance(verdict, ValidationOutcome) and verdict.result is CertificateValidationResult.ISSUER_NOT_FOUND:
        _check_readable(whole)
    return verdict


def _check_readable(bundles: Iterable[Bundle]) -> None:
    closed = next((file for bundle in bundles for file in bundle.read_from if file.is_closed), None)
    if closed is not None:
        raise VaultReadError(closed.path, closed.findings[0].why)


def _judged(
    look: Look, layout: Layout, chain: Chain, bundles: tuple[Bundle, ...], at: datetime
) -> VerifiedChain | ValidationOutcome:
    config = layout.config
    anchors = anchors_of(look, bundles, allow_test_pki=config.allow_test_pki)
    kept = tuple(one for bundle in bundles for one in bundle.above(chain.certificates))
    between = (*chain.intermediates, *kept)
    rules = rules_of(look, layout)
    verdict = verify(Chain(chain.leaf, between), anchors, at, rules)
    if not isinstance(verdict, VerifiedChain):
        return ValidationOutcome(_word(verdict, layout), _words(verdict, anchors), verdict.reason)
    test = None if config.allow_test_pki else _first_test(verdict)
    if test is None:
        return verdict
    # a way may lead past it: the same sub-CA may have another certificate
    others = tuple(one for one in between if not one.is_test)
    another = verify(Chain(chain.leaf, others), anchors, at, rules)
    if isinstance(another, VerifiedChain) and _first_test(another) is None:
        return another
    why = f"{test.subject} belongs to a test PKI; only allow_test_pki admits it"
    return ValidationOutcome(CertificateValidationResult.ISSUER_NOT_FOUND, why, Reason.ISSUER_NOT_FOUND)


def _word(refusal: Refusal, layout: Layout) -> CertificateValidationResult:
    is_path_error = refusal.reason is Reason.INVALID_CHAIN and refusal.depth is not None
    if is_path_error and layout.config.parity.path_errors_unknown:
        return CertificateValidationResult.UNKNOWN
    return RESULTS[refusal.reason]


def _first_test(verdict: VerifiedChain) -> Certificate | None:
    return next((one for one in (*verdict.chain.certificates, verdict.anchor) if one.is_test), None)


def _words(refusal: Refusal, anchors: TrustAnchors) -> str:
    if refusal.reason is not Reason.ISSUER_NOT_FOUND or not anchors.refused:
        return refusal.detail
    passed_over = "; ".join(f"{certificate.subject} doesn't count: {why}" for certificate, why in anchors.refused)
    return f"{refusal.detail} ({passed_over})"


def _profile_findings(
    layout: Layout, leaf: Certificate, kinds: tuple[LeafCertificateType, ...]
) -> tuple[ProfileFinding, ...]:
    """What keeps the leaf from every profile that was asked for; nothing when it fits one, or nobody looks.

    A contract is verified against the anchors of MO and V2G at once: the profile is the contract's then.
    """
    looked_at = [
        kind for kind in kinds if kind in _LINTED and layout.config.profile_policy(kind) is not ProfilePolicy.OFF
    ]
    judged = [lint(leaf, profile_of(kind, leaf)) for kind in looked_at]
    return min(judged, key=len) if judged else ()
