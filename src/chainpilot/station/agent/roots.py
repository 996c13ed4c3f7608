"""Which CSMS roots the agent's connection rests on: those are not deleted (OCPP M04.06).

Which connection there is, and what it was verified by, the connection loop tells. That a root's fall-back goes once a
connection with the root has worked (M05.FR.13) is the store's to do, by `EvseSecurity.csms_root_worked`.
"""

import asyncio

from chainpilot.pki.certificate import Certificate, CertificateError, load_certificates
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.station.model import LeafCertificateType
from chainpilot.station.service import EvseSecurity
from chainpilot.station.vault import VaultBusy, VaultError

__all__ = ["RootsInUse"]


class RootsInUse:
    """What the present connection was verified by."""

    def __init__(self, security: EvseSecurity) -> None:
        self._security = security
        self._is_verified = False
        self._anchor: Certificate | None = None

    def rest_on(self, anchor: Certificate | None) -> None:
        """A connection was verified by TLS, up to `anchor`; None: nobody can say up to which one."""
        self._is_verified, self._anchor = True, anchor

    def rest_on_none(self) -> None:
        """There is no connection, or one without TLS."""
        self._is_verified, self._anchor = False, None

    async def objection_to_deleting(self, wanted: CertificateHashData) -> str | None:
        """Why that certificate must stay, as a sentence; None where the connection doesn't rest on it."""
        return await asyncio.to_thread(self._objection, wanted)

    def _objection(self, wanted: CertificateHashData) -> str | None:
        try:
            meant = self._security.csms_roots_named(wanted)
        except (VaultError, VaultBusy) as error:
            return f"whether it is in use can't be told: {error}"
        if not meant:
            return None
        if self._is_verified and (self._anchor is None or self._anchor in meant):
            which = "is the root" if self._anchor is not None else "may be the root"
            return f"{meant[0].subject} {which} that this connection to the CSMS rests on"
        own = self._root_of_client()
        if own is not None and own in meant:
            return f"the station's own client certificate leads to {own.subject}"
        return None

    def _root_of_client(self) -> Certificate | None:
        info = self._security.get_leaf_certificate_info(LeafCertificateType.CSMS).info
        if info is None or info.certificate_root is None:
            return None
        try:
            return load_certificates(info.certificate_root)[0]
        except (EncodingError, CertificateError, IndexError):
            return None
