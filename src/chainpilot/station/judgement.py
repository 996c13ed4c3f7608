"""Chains judged against the store's bundles, and the reasons in EVerest's words (station-store.md section 4).

Profiles, keys and writing are the flows' matter. Nothing is remembered between two judgements.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from chainpilot.pki.certificate import CertificateError, load_certificates
from chainpilot.pki.chain import Chain, ChainDefect, ChainError, chain_from_stack
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import Reason, Refusal, VerifiedChain, verify
from chainpilot.station.model import (
    CertificateValidationResult,
    InstallCertificateResult,
    ValidationOutcome,
)
from chainpilot.station.store import Bundle

__all__ = ["INSTALL_RESULTS", "MAX_STACK", "RESULTS", "StackRefusal", "anchors_of", "judge", "read_stack"]

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


@dataclass(frozen=True, slots=True)
class StackRefusal:
    """A text that is no chain: whether it could not be read, or its certificates are in the wrong order."""

    why: str
    is_order: bool = False

    @property
    def outcome(self) -> ValidationOutcome:
        """The refusal in verify_certificate's words."""
        word = CertificateValidationResult.INVALID_CHAIN if self.is_order else CertificateValidationResult.UNKNOWN
        return ValidationOutcome(word, self.why)


def read_stack(text: str) -> Chain | StackRefusal:
    """The chain in a PEM stack (hexadecimal and base64 are read too) whose first certificate is the leaf."""
    try:
        return chain_from_stack(load_certificates(text, limit=MAX_STACK))
    except (EncodingError, CertificateError) as error:
        return StackRefusal(error.why)
    except ChainError as error:
        return StackRefusal(error.why, is_order=error.defect is ChainDefect.LEAF_NOT_FIRST)


def anchors_of(bundles: Iterable[Bundle], *, allow_test_pki: bool) -> TrustAnchors:
    """The anchors of all these bundles: their roots, those of test PKIs only where allowed."""
    roots = (root for bundle in bundles for root in bundle.roots)
    return TrustAnchors.admit(roots, allow_test_pki=allow_test_pki)


def judge(
    chain: Chain, bundles: Iterable[Bundle], at: datetime, *, allow_test_pki: bool
) -> VerifiedChain | ValidationOutcome:
    """Whether the chain leads to an anchor of one of the bundles; their sub-CAs may complete it.

    A chain whose only anchor was refused answers IssuerNotFound and says why the anchor doesn't count.
    """
    bundles = tuple(bundles)
    anchors = anchors_of(bundles, allow_test_pki=allow_test_pki)
    kept = tuple(one for bundle in bundles for one in bundle.intermediates)
    verdict = verify(Chain(chain.leaf, (*chain.intermediates, *kept)), anchors, at)
    if isinstance(verdict, VerifiedChain):
        return verdict
    return ValidationOutcome(RESULTS[verdict.reason], _words(verdict, anchors))


def _words(refusal: Refusal, anchors: TrustAnchors) -> str:
    if refusal.reason is not Reason.ISSUER_NOT_FOUND or not anchors.refused:
        return refusal.detail
    passed_over = "; ".join(f"{certificate.subject} doesn't count: {why}" for certificate, why in anchors.refused)
    return f"{refusal.detail} ({passed_over})"
