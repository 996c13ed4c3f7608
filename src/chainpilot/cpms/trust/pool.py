"""The CAs that count at one moment, as one immutable value: judgements take it once and see nothing half changed.

Anchors are what the configuration lists and what was approved, less what was rejected or withdrawn. A sub-CA that an
anchor or another such sub-CA signed is an issuer: it may stand in a chain and be asked about, and ends no path.
Whether anything is valid at some time is not said here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from chainpilot.cpms.model import TrustRecord, TrustState
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.pki.identity import Name
from chainpilot.pki.ocsp import CertIdDigest, issuer_id
from chainpilot.pki.trust import TrustAnchors, TrustDomain

__all__ = ["MAX_ISSUERS", "TrustPool"]

MAX_ISSUERS: Final = 2000
"""Sub-CAs of one domain that are linked to anchors; the root pools of today have some hundred CAs in all."""

_NOT_COUNTED: Final = frozenset({TrustState.REJECTED, TrustState.WITHDRAWN})
_HashKey = tuple[HashAlgorithm, str, str]


@dataclass(frozen=True, slots=True)
class TrustPool:
    """Anchors and the issuers that lead to them, per domain; made by `build`."""

    anchors: Mapping[TrustDomain, TrustAnchors] = field(default_factory=dict)
    issuers: Mapping[TrustDomain, tuple[Certificate, ...]] = field(default_factory=dict)
    """Sub-CAs that lead to an anchor by signature, those nearer to it first."""
    _by_hash: Mapping[_HashKey, Certificate] = field(default_factory=dict, repr=False, compare=False)
    _by_subject: Mapping[Name, tuple[Certificate, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def build(
        cls,
        configured: Mapping[TrustDomain, Iterable[Certificate]],
        records: Iterable[TrustRecord],
        *,
        allow_test_pki: bool = False,
    ) -> "TrustPool":
        """The pool of these records on top of the configuration's anchors; a decision against one of those wins."""
        written = tuple(records)
        anchors: dict[TrustDomain, TrustAnchors] = {}
        issuers: dict[TrustDomain, tuple[Certificate, ...]] = {}
        for domain in TrustDomain:
            mine = [record for record in written if record.domain is domain]
            banned = {record.certificate for record in mine if record.state in _NOT_COUNTED}
            approved = [record.certificate for record in mine if record.state is TrustState.APPROVED]
            chosen = [one for one in (*configured.get(domain, ()), *approved) if one not in banned]
            anchors[domain] = TrustAnchors.admit(chosen, allow_test_pki=allow_test_pki)
            proposed = [record.certificate for record in mine if record.state is TrustState.PROPOSED]
            issuers[domain] = _leading_to(anchors[domain], proposed, allow_test_pki=allow_test_pki)
        everything = dict.fromkeys(
            one for domain in TrustDomain for one in (*anchors[domain].anchors, *issuers[domain])
        )
        return cls(MappingProxyType(anchors), MappingProxyType(issuers), _hashed(everything), _named(everything))

    def issuer_of(self, subject: CertificateHashData) -> Certificate | None:
        """The CA that the hash data's name hash and key hash name; None: unknown. See `ports.Issuers`."""
        normal = subject.normal()
        return self._by_hash.get((normal.hash_algorithm, normal.issuer_name_hash, normal.issuer_key_hash))

    def known(self) -> tuple[Certificate, ...]:
        """All anchors and issuers, each once. See `ports.Issuers`."""
        return tuple(one for named in self._by_subject.values() for one in named)

    def of_subject(self, subject_key: Name) -> tuple[Certificate, ...]:
        """The CAs of that name, folded as `Certificate.subject_key` is."""
        return self._by_subject.get(subject_key, ())

    def anchors_of(self, domain: TrustDomain) -> TrustAnchors:
        """Where chains of that domain may end."""
        return self.anchors.get(domain, TrustAnchors())


def _leading_to(
    anchors: TrustAnchors, proposed: Iterable[Certificate], *, allow_test_pki: bool
) -> tuple[Certificate, ...]:
    """Of what is proposed, the sub-CAs that signatures lead down to; names are compared first, since that is cheap."""
    waiting: dict[Name, list[Certificate]] = {}
    for one in proposed:
        if one.is_ca and not one.is_self_signed and (allow_test_pki or not one.is_test):
            waiting.setdefault(one.issuer_key, []).append(one)
    reached: list[Certificate] = list(anchors)
    found: dict[Certificate, None] = {}
    for above in reached:
        for below in waiting.get(above.subject_key, ()):
            if below not in found and len(found) < MAX_ISSUERS and below.was_signed_by(above):
                found[below] = None
                reached.append(below)
    return tuple(found)


def _hashed(certificates: Iterable[Certificate]) -> Mapping[_HashKey, Certificate]:
    """By name and key, which is how hash data name an issuer; of two for both (renewed, cross-signed) who ends last."""
    found: dict[_HashKey, Certificate] = {}
    for one in sorted(certificates, key=lambda one: one.not_after):
        for algorithm in HashAlgorithm:
            named = issuer_id(one, "0", CertIdDigest.of(algorithm))
            found[algorithm, named.issuer_name_hash, named.issuer_key_hash] = one
    return MappingProxyType(found)


def _named(certificates: Iterable[Certificate]) -> Mapping[Name, tuple[Certificate, ...]]:
    found: dict[Name, tuple[Certificate, ...]] = {}
    for one in certificates:
        found[one.subject_key] = (*found.get(one.subject_key, ()), one)
    return MappingProxyType(found)
