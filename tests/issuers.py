"""`Issuers` of a test: what an anchor leads to, of the CAs that are shown at the moment."""

from collections.abc import Callable

from chainpilot.cpms.model import TrustRecord, TrustSource, TrustState
from chainpilot.cpms.trust import TrustPool
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.pki.trust import TrustDomain
from forge import NOON

__all__ = ["ShownIssuers"]


class ShownIssuers:
    """A pool made anew for each question."""

    def __init__(
        self,
        anchors: tuple[Certificate, ...] = (),
        shown: Callable[[], tuple[Certificate, ...]] = tuple,
    ) -> None:
        self._anchors = anchors
        self._shown = shown

    def issuer_of(self, subject: CertificateHashData) -> Certificate | None:
        """The CA that hash data name."""
        return self._pool().issuer_of(subject)

    def known(self) -> tuple[Certificate, ...]:
        """Anchors and what they lead to."""
        return self._pool().known()

    def _pool(self) -> TrustPool:
        records = [
            TrustRecord(
                one, TrustDomain.V2G, TrustState.PROPOSED, TrustSource.CACERTS, "cacerts", NOON, NOON, "cacerts"
            )
            for one in self._shown()
        ]
        return TrustPool.build({TrustDomain.V2G: self._anchors}, records)
