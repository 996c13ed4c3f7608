"""Trust domains, the uses of a leaf, and the immutable set of anchors a judgement ends at.

Where anchors come from and who approved them is not handled here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.identity import Name

__all__ = ["LeafUse", "TrustAnchors", "TrustDomain"]


class TrustDomain(Enum):
    """The CA certificate domains of a charging station (seed 002)."""

    V2G = "V2G"
    MO = "MO"
    CSMS = "CSMS"
    MF = "MF"


class LeafUse(Enum):
    """What a station's leaf is for; values of OCPP 2.0.1 CertificateSigningUseEnumType."""

    V2G = "V2GCertificate"
    CSMS = "ChargingStationCertificate"

    @property
    def domain(self) -> TrustDomain:
        """The domain whose anchors such a leaf must lead to."""
        return TrustDomain.V2G if self is LeafUse.V2G else TrustDomain.CSMS


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """Certificates that a chain may end at; made by `admit`.

    `refused` holds what was offered and not taken, each with the reason as a sentence.
    """

    anchors: tuple[Certificate, ...] = ()
    refused: tuple[tuple[Certificate, str], ...] = ()
    _by_subject: dict[Name, tuple[Certificate, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def admit(
        cls, certificates: Iterable[Certificate], *, allow_test_pki: bool = False, accept_any: bool = False
    ) -> "TrustAnchors":
        """Take the CA certificates among `certificates`, each once.

        A sub-CA given here is an anchor too: whoever configures one means it (x509.md duty 9). A certificate of a
        test PKI is refused unless `allow_test_pki`, since anybody may hold its keys. `accept_any` takes what is no CA
        too, which only the reference does.
        """
        taken: dict[Certificate, None] = {}
        refused: list[tuple[Certificate, str]] = []
        for certificate in certificates:
            why = _objection(certificate, allow_test_pki=allow_test_pki, accept_any=accept_any)
            if why is None:
                taken[certificate] = None
            else:
                refused.append((certificate, why))
        by_subject: dict[Name, tuple[Certificate, ...]] = {}
        for certificate in taken:
            key = certificate.subject_key
            by_subject[key] = (*by_subject.get(key, ()), certificate)
        return cls(tuple(taken), tuple(refused), by_subject)

    @classmethod
    def union(cls, sets: Sequence["TrustAnchors"]) -> "TrustAnchors":
        """The anchors of all of these together; one set is itself."""
        if len(sets) == 1:
            return sets[0]
        merged: dict[Name, tuple[Certificate, ...]] = {}
        for one in sets:
            for key, named in one._by_subject.items():  # noqa: SLF001 - of its own kind
                merged[key] = tuple(dict.fromkeys((*merged.get(key, ()), *named)))
        anchors = tuple(dict.fromkeys(anchor for one in sets for anchor in one.anchors))
        return cls(anchors, tuple(dict.fromkeys(pair for one in sets for pair in one.refused)), merged)

    def possible_issuers(self, certificate: Certificate) -> tuple[Certificate, ...]:
        """The anchors whose subject is the certificate's issuer, names compared as OpenSSL does."""
        return self._by_subject.get(certificate.issuer_key, ())

    def __iter__(self) -> Iterator[Certificate]:
        """The anchors in the order they were given."""
        return iter(self.anchors)

    def __len__(self) -> int:
        """How many anchors there are."""
        return len(self.anchors)


def _objection(certificate: Certificate, *, allow_test_pki: bool, accept_any: bool) -> str | None:
    if not certificate.is_ca and not accept_any:
        return "it is not a CA certificate"
    if certificate.is_test and not allow_test_pki:
        return "it belongs to a test PKI; only allow_test_pki admits it"
    return None
