"""Whether certificates that stations come with still count, for `app` alone.

Own CAs' records say so, then revocation lists, then what was decided about the CAs above: the listener's `client_ca` is
a file that no decision changes.

A list that is missing shuts nobody out here, whatever `[revocation] policy` says: it would be the whole fleet.
"""

from collections.abc import Mapping
from typing import Final

from chainpilot.clock import Clock
from chainpilot.cpms.issuing import LocalCa
from chainpilot.cpms.model import TrustRecord, TrustState
from chainpilot.cpms.trust import why_no_anchor
from chainpilot.cpms.trust_office import TrustOffice
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import Revoked, revocation
from chainpilot.pki.trust import TrustDomain

__all__ = ["ClientRevocations"]

_AGAINST: Final = frozenset({TrustState.REJECTED, TrustState.WITHDRAWN})


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
        return self._decided(certificate)

    def _decided(self, certificate: Certificate) -> str | None:
        """What was decided against a CA above it, unless another way leads to an anchor all the same."""
        records = [one for one in self._trust.desk.records() if one.domain is TrustDomain.CSMS]
        if not any(one.state in _AGAINST for one in records):
            return None
        against: TrustRecord | None = None
        rising = [certificate]
        for below in rising:
            for above in records:
                one = above.certificate
                if one.subject_key != below.issuer_key or one in rising or not below.was_signed_by(one):
                    continue
                if above.state is TrustState.APPROVED:
                    return None
                if above.state in _AGAINST:
                    against = above
                else:
                    rising.append(one)
        return f"it leads to {against.certificate.subject}, and {why_no_anchor(against)}" if against else None
