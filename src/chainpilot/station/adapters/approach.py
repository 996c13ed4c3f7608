"""What a station dials with: of several passwords, CSMS roots and client certificates the one whose turn it is.

A new one is tried first, and the one before it is kept until the new one worked (OCPP A01, A02, M05).
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.station.adapters.ocpp_client import DialRefused, DialUndecided, ProfileNotReady, Target
from chainpilot.station.agent.itinerary import Mean, Means
from chainpilot.station.agent.settings.configuration import Configuration
from chainpilot.station.agent.settings.values import Network
from chainpilot.station.agent.setup import StationConfig, address
from chainpilot.station.model import CertificateInfo, LeafCertificateType, Secret
from chainpilot.station.service import EvseSecurity

__all__ = ["Approach", "leaf_file"]

_LEAVES: Final = 2
"""Client certificates tried: the one in use, and the one before it."""


@dataclass(frozen=True, slots=True)
class _Choice:
    leaves: tuple[CertificateInfo, ...]
    roots: tuple[Certificate, ...]
    passwords: tuple[Secret, ...]

    def count(self, mean: Mean) -> int:
        """How many there are of that kind."""
        return len({Mean.CLIENT: self.leaves, Mean.ROOT: self.roots, Mean.LOGIN: self.passwords}[mean])


class Approach:
    """Makes targets for the dialler, one means after the other."""

    def __init__(self, config: StationConfig, security: EvseSecurity, configuration: Configuration) -> None:
        self._config = config
        self._security = security
        self._configuration = configuration
        self._means = Means()
        self._unliked: set[str] = set()

    async def target(self, network: Network) -> Target:
        """What to dial now over that network."""
        choice = await self._choice(network)
        settings = self._configuration.settings
        target = Target(
            url=address(network.url, self._config.station_id),
            profile=network.security_profile,
            station_id=self._config.station_id,
            password=settings.password,
            versions=(network.version,) if network.version is not None else self._config.versions,
            use_ssl_default_verify_paths=self._config.use_ssl_default_verify_paths,
            ping_seconds=float(settings.web_socket_ping_interval),
        )
        if choice.leaves:
            target = replace(target, client=choice.leaves[self._index(Mean.CLIENT, choice)])
        if choice.passwords:
            target = replace(target, password=choice.passwords[self._index(Mean.LOGIN, choice)])
        if len(choice.roots) > 1:
            target = replace(target, anchors=(choice.roots[self._index(Mean.ROOT, choice)],))
        return target

    async def is_another_worth_trying(
        self, network: Network, target: Target, error: DialRefused | DialUndecided | ProfileNotReady
    ) -> bool:
        """Whether that failure may be the fault of something of which there is another, to be tried at once."""
        if error.blame is None:
            return False
        if error.blame is Mean.CLIENT and target.client is not None:
            self._unliked.add(leaf_file(target.client))
        choice = await self._choice(network)
        return self._means.another(error.blame, choice.count(error.blame))

    async def worked(self, target: Target, anchor: Certificate | None) -> None:
        """The CSMS accepted the station so: what was kept beside it for that moment may go."""
        self._means.begin_anew()
        if target.profile in (1, 2):
            await self._configuration.password_worked(target.password)
        if anchor is not None:
            await asyncio.to_thread(self._security.csms_root_worked, anchor)
        if target.client is not None:
            self._unliked.discard(leaf_file(target.client))

    async def has_newer_leaf(self, target: Target) -> bool:
        """Whether another client certificate than that target's is the one to use, and may be liked."""
        if target.client is None:
            return False
        found = await asyncio.to_thread(self._security.usable_leaves, LeafCertificateType.CSMS)
        first = next(iter(found), None)
        return first is not None and leaf_file(first) not in {leaf_file(target.client), *self._unliked}

    def _index(self, mean: Mean, choice: _Choice) -> int:
        return self._means.index(mean, choice.count(mean))

    async def _choice(self, network: Network) -> _Choice:
        leaves: tuple[CertificateInfo, ...] = ()
        roots: tuple[Certificate, ...] = ()
        passwords: tuple[Secret, ...] = ()
        if network.security_profile == 3:
            leaves = await asyncio.to_thread(self._security.usable_leaves, LeafCertificateType.CSMS)
        if network.security_profile in (2, 3) and self._security.layout.config.additional_root_certificate_check:
            roots = await asyncio.to_thread(self._security.csms_roots)
        if network.security_profile in (1, 2):
            passwords = self._configuration.passwords()
        return _Choice(leaves[:_LEAVES], roots, passwords)


def leaf_file(info: CertificateInfo) -> str:
    """Tells one client certificate from another."""
    return info.certificate or info.certificate_single or info.key
