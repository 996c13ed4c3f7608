"""What the certificate store says when the configuration asks: `networks.Facts` over the evse_security service.

What a fact decides is `networks`' and `standing`'s.
"""

from chainpilot.clock import Clock
from chainpilot.station.model import CaCertificateType, CertificateType, GetCertificateInfoStatus, LeafCertificateType
from chainpilot.station.service import EvseSecurity

__all__ = ["StoreFacts"]


class StoreFacts:
    """Asks the store each time; touches files, so the agent calls it by `to_thread`.

    All raise VaultError or VaultBusy where the store can't be read.
    """

    def __init__(self, security: EvseSecurity, clock: Clock) -> None:
        self._security = security
        self._clock = clock

    def has_csms_root(self) -> bool:
        """Whether a CSMS root is installed that is valid now."""
        now = self._clock.now()
        anchors = self._security.trust_anchors(CaCertificateType.CSMS).anchors
        return any(anchor.not_before <= now <= anchor.not_after for anchor in anchors)

    def has_client_certificate(self) -> bool:
        """Whether a CSMS leaf is valid now and its key is there."""
        self._demand_readable()
        found = self._security.get_leaf_certificate_info(LeafCertificateType.CSMS)
        return found.status is GetCertificateInfoStatus.ACCEPTED

    def installed_certificates(self) -> int:
        """How many GetInstalledCertificateIds lists: roots, and leaves of the SECC with their chains as one."""
        self._demand_readable()
        return len(self._security.get_installed_certificates(CertificateType).certificate_hash_data_chain)

    def _demand_readable(self) -> None:
        """The service's own commands answer that nothing is there when nothing can be read; this raises."""
        self._security.trust_anchors(CaCertificateType.CSMS)
