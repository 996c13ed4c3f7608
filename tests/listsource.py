"""Where revocation lists come from in a test, and CAs that say so."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography import x509

from chainpilot.cpms.ports import ListMissing
from forge import BEGIN, Forged, forge

__all__ = ["PlayedSource", "with_list_at"]


@dataclass
class PlayedSource:
    """`ListSource` that has what a test gives it, and counts."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def fetch(self, url: str) -> bytes:
        """The body for that address."""
        self.asked.append(url)
        await asyncio.sleep(0)
        if url not in self.bodies:
            raise ListMissing(url, "nobody answers")
        return self.bodies[url]


def with_list_at(issuer: Forged, *urls: str, name: str = "CPO Sub2") -> Forged:
    """A sub-CA that says where its issuer's list is."""
    names = [x509.UniformResourceIdentifier(url) for url in urls]
    points = [x509.DistributionPoint([one], None, None, None) for one in names]
    extension = (x509.CRLDistributionPoints(points), False)
    return forge(name, issuer, ca=True, path_length=0, end=BEGIN + timedelta(days=3650), extensions=(extension,))
