"""A charge point of OCPP 1.6 at a central system, for the cases: in each security profile, and over restarts."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from certs import Pki, csms_pki, v2g_pki
from chainpilot.station import StoreConfig
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from chainpilot.wire.version import OcppVersion
from csms16 import PASSWORD, STATION, Csms16, Door, csms16
from stations import Running, running_station
from stores import open_store

__all__ = ["CPO", "ROOT_USE", "Place", "at_work", "back", "place"]

CPO = "Operator"
"""CpoName, unless a case changes it."""
ROOT_USE = "CentralSystemRootCertificate"


@cache
def back() -> Pki:
    """The PKI of the central system and of client certificates."""
    return csms_pki()


@cache
def v2g() -> Pki:
    """A V2G PKI, which 1.6's whitepaper doesn't speak of."""
    return v2g_pki()


@dataclass
class Place:
    """A central system, and the directories of a charge point that has to do with it."""

    csms: Csms16
    directory: Path
    store: dict[str, Any] = field(default_factory=dict)
    """Of StoreConfig."""

    @property
    def store_config(self) -> StoreConfig:
        """Of the charge point's certificates."""
        return StoreConfig(self.directory / "store", **self.store)

    def hold_client_certificate(self, **changes: Any) -> None:
        """Before the charge point starts: a client certificate of the central system's PKI, from its beginning."""
        store = open_store(self.directory / "store", **self.store)
        store.install_ca_certificate(back().root.certificate.to_pem(), CaCertificateType.CSMS)
        made = store.generate_certificate_signing_request(LeafCertificateType.CSMS, "DE", CPO, STATION)
        assert made.csr is not None, made.reason
        outcome = store.update_leaf(back().enrol(made.csr, **changes), LeafCertificateType.CSMS)
        assert outcome.accepted, outcome.reason

    @asynccontextmanager
    async def charge_point(
        self, door: Door, *, password: str = PASSWORD, parts: Mapping[str, Any] | None = None, **settings: Any
    ) -> AsyncIterator[Running]:
        """A charge point at work that connects to that door first; started again with the same memory each time."""
        url = door.url
        options: dict[str, Any] = {
            "security_profile": door.profile,
            "allow_insecure": door.profile < 2,
            "versions": (OcppVersion.V16,),
            "state_dir": self.directory / "state",
            "store": self.store_config,
            "installs": not (self.directory / "store/ca/csms").exists(),
        }
        async with running_station(
            self.directory / "store", url, v2g(), back(), password=password, parts=parts, **(options | settings)
        ) as running:
            yield running


@asynccontextmanager
async def place(directory: Path, **store: Any) -> AsyncIterator[Place]:
    """A central system without doors; `store` are settings of the charge point's StoreConfig."""
    async with csms16(directory, back()) as csms:
        yield Place(csms, directory, store)


@asynccontextmanager
async def at_work(
    directory: Path, profile: int, *, store: Mapping[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[Csms16, Running]]:
    """A charge point that has come in over that security profile and booted."""
    async with place(directory, **(store or {})) as here:
        door = await here.csms.opened(profile)
        if profile == 3:
            here.hold_client_certificate()
        async with here.charge_point(door, **settings) as running:
            await here.csms.boots(profile)
            yield here.csms, running
