"""Whether certificates that stations come with still count, for `app` alone: own CAs' records, then revocation lists.

A list that is missing shuts nobody out here, whatever `[revocation] policy` says: it would be the whole fleet.
"""

from collections.abc import Mapping

from chainpilot.clock import Clock
from chainpilot.cpms.issuing import LocalCa
from chainpilot.cpms.trust_office import TrustOffice
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import Revoked, revocation

__all__ = ["ClientRevocations"]


class ClientRevocations:
    """The port `ClientStanding`."""

    def __init__(self, trust: TrustOffice, cas: Mapping[str, LocalCa], clock: Clock) -> None:
        self._trust = trust
        self._cas = cas
        self._clock = clock

    async def revoked(self, certificate: Certificate) -> str | None:
        """That it was revoked, as a sentence; None where nobody says so. Raises LedgerFailed."""
        for ca in self._cas.values():
            found = await ca.revocation_of(certificate)
            if found is not None:
                return f"by {found.by} on {found.at.isoformat()}, {found.reason.value}"
        crls = self._trust.lists.rules().crls
        for issuer in self._trust.desk.pool.of_subject(certificate.issuer_key) if crls else ():
            listed = revocation(crls, certificate, issuer, self._clock.now())
            if isinstance(listed, Revoked):
                return f"{issuer.subject} lists it since {listed.revoked_at.isoformat()}, {listed.reason.value}"
        return None
