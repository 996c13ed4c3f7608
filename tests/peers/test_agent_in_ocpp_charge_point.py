"""Our agent in a station made of PyPI's `ocpp`, against a CSMS made of the same: 1.6 and 2.0.1 over a WebSocket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from certs import Pki, csms_pki, v2g_pki
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.agent import Agent
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from chainpilot.wire.version import OcppVersion
from embedded import PATIENCE, ROOMS, V16, V201, EmbeddedStation, Office, agent_in, dialled, office, peer_over

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("version", [V16, V201], ids=lambda version: version.value)


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture(scope="module")
def back() -> Pki:
    return csms_pki()


class Scene:
    """A CSMS, and an agent in a station that has not connected yet."""

    def __init__(self, csms: Office, agent: Agent, version: OcppVersion) -> None:
        self.csms = csms
        self.agent = agent
        self.version = version
        self.room = ROOMS[version]

    @asynccontextmanager
    async def connected(
        self, own: dict[str, Callable[..., Any]] | None = None, **options: Any
    ) -> AsyncIterator[tuple[Any, EmbeddedStation]]:
        """The station at work, and its end at the CSMS."""
        async with dialled(self.csms) as socket, peer_over(self.agent, socket, self.version, own, **options) as station:
            yield await self.csms.connected(), station

    async def ask(self, peer: Any, action: str, **fields: Any) -> Any:
        """The station's answer to a call of the CSMS."""
        async with asyncio.timeout(PATIENCE):
            return await peer.call(getattr(self.room.call, action)(**fields), suppress=False)

    async def trigger(self, peer: Any, wanted: str) -> str:
        action = "ExtendedTriggerMessage" if self.version is V16 else "TriggerMessage"
        return str((await self.ask(peer, action, requested_message=wanted)).status)

    async def signed(self) -> str:
        async with asyncio.timeout(PATIENCE):
            return await self.csms.signed.get()


@asynccontextmanager
async def scene(folder: Path, version: OcppVersion, v2g: Pki, back: Pki, **options: Any) -> AsyncIterator[Scene]:
    roots = (
        (CaCertificateType.V2G, v2g.root.certificate.to_pem()),
        (CaCertificateType.CSMS, back.root.certificate.to_pem()),
    )
    async with office(version, v2g, back) as csms, agent_in(folder, *roots, **options) as agent:
        yield Scene(csms, agent, version)


def has_leaf(agent: Agent, kind: LeafCertificateType) -> bool:
    return agent.security.get_leaf_certificate_info(kind).info is not None


@BOTH
async def test_an_enrolment_completes(tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion) -> None:
    async with scene(tmp_path, version, v2g, back) as stage, stage.connected():
        await stage.agent.enrol(LeafUse.CSMS)
        await stage.csms.until("SignCertificate")
        assert await stage.signed() == "Accepted"
        assert has_leaf(stage.agent, LeafCertificateType.CSMS)


async def test_an_secc_enrolment_completes_in_2_0_1(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    async with scene(tmp_path, V201, v2g, back) as stage, stage.connected():
        await stage.agent.enrol(LeafUse.V2G)
        assert (await stage.csms.until("SignCertificate"))["certificate_type"] == "V2GCertificate"
        assert await stage.signed() == "Accepted"
        assert has_leaf(stage.agent, LeafCertificateType.V2G)
