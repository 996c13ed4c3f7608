"""Our agent in a station made of PyPI's `ocpp`, against our CPMS, over TLS: 1.6 and 2.0.1."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.typing import Subprotocol

from agents_memory import PlainMemory
from answering import carried_out
from backoffice import EVSE, STATION, BackOffice, open_back_office
from chainpilot.cpms.model import CallState, EnrolmentState, Proof, Step
from chainpilot.cpms.model import demands as d
from chainpilot.pki.trust import LeafUse
from chainpilot.station.adapters.ocpp_client import Target, tls_context
from chainpilot.station.agent.agent import Agent
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.model import CaCertificateType, LeafCertificateType, Secret
from chainpilot.wire.pnc.words import CertificateUse, MessageTrigger
from chainpilot.wire.version import OcppVersion
from clocks import SetClock
from embedded import PATIENCE, V16, V201, EmbeddedStation, agent_in, peer_over
from forge import NOON, forge

__all__: list[str] = []

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("version", [V16, V201], ids=lambda version: version.value)


@asynccontextmanager
async def scene(folder: Path, **more: Any) -> AsyncIterator[tuple[BackOffice, Agent]]:
    """The back office, and an agent that trusts its roots and hasn't connected."""
    async with open_back_office(folder) as office:
        roots = (
            (CaCertificateType.V2G, office.v2g.root.certificate.to_pem()),
            (CaCertificateType.CSMS, office.csms.root.certificate.to_pem()),
        )
        options: dict[str, Any] = {"station_id": STATION, "secc_name": EVSE, "clock": SetClock(NOON), **more}
        async with agent_in(folder, *roots, **options) as agent:
            yield office, agent


@asynccontextmanager
async def connected(
    office: BackOffice, agent: Agent, version: OcppVersion, own: Any = None, **options: Any
) -> AsyncIterator[EmbeddedStation]:
    dialling = office.dial(subprotocols=[Subprotocol(version.value)], **options)
    async with dialling as socket, peer_over(agent, socket, version, own, station_id=STATION) as station:
        yield station


@BOTH
async def test_an_embedded_agent_gets_its_secc_certificate_and_lists_it(tmp_path: Path, version: OcppVersion) -> None:
    async with scene(tmp_path) as (office, agent), connected(office, agent, version):
        await agent.enrol(LeafUse.V2G)
        await office.steps.until(Step.INSTALL_RECORDED)
        (enrolment,) = await office.cpms.ledger.enrolments_of(STATION)
        assert (enrolment.state, enrolment.proof) == (EnrolmentState.INSTALLED, Proof.READ_BACK)
        info = agent.security.get_leaf_certificate_info(LeafCertificateType.V2G).info
        assert info is not None
        assert info.certificate_count == 3


@BOTH
async def test_the_cpms_triggers_a_client_certificate_that_opens_the_next_connection(
    tmp_path: Path, version: OcppVersion
) -> None:
    async with scene(tmp_path) as (office, agent):
        trigger = d.TriggerMessage(MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE)
        async with connected(office, agent, version):
            assert (await carried_out(office, trigger)).state is CallState.DONE
            await office.steps.until(Step.INSTALL_RECORDED)
        target = Target(office.url(3), profile=3, station_id=STATION, password=Secret(""))
        context = tls_context(agent.security, target)
        async with connected(office, agent, version, profile=3, context=context, password=None):
            await office.steps.until(Step.CLIENT_CERTIFICATE_SEEN)
        (enrolment,) = await office.cpms.ledger.enrolments_of(STATION)
        assert enrolment.proof is Proof.CONNECTED


@BOTH
async def test_the_cpms_installs_lists_and_deletes_roots_but_not_the_one_in_use(
    tmp_path: Path, version: OcppVersion
) -> None:
    use = CertificateUse.CSMS_ROOT_CERTIFICATE
    other = forge("Another CSMS Root", ca=True, domain="CSMS").certificate.to_pem()
    async with scene(tmp_path) as (office, agent), connected(office, agent, version):
        present = office.csms.root.certificate.to_pem()
        installed = await carried_out(office, d.InstallCertificate(use, other))
        listed = await carried_out(office, d.GetInstalledCertificateIds((use,)))
        deleted = await carried_out(office, d.DeleteCertificate(certificate=other, certificate_type=use))
        refused = await carried_out(office, d.DeleteCertificate(certificate=present, certificate_type=use))
        answers = [call.exchanges[-1].answer for call in (installed, listed, deleted)]
        assert answers == ["Accepted", "Accepted: 2 listed", "Accepted"]
        assert refused.exchanges[-1].answer is not None
        assert refused.exchanges[-1].answer.startswith("Failed")
        assert agent.security.is_ca_certificate_installed(CaCertificateType.CSMS)


async def test_over_tls_that_was_not_verified_no_csms_root_is_deleted(tmp_path: Path) -> None:
    other = forge("Another CSMS Root", ca=True, domain="CSMS").certificate.to_pem()
    use = CertificateUse.CSMS_ROOT_CERTIFICATE
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    async with scene(tmp_path) as (office, agent), connected(office, agent, V16, context=unverified):
        await carried_out(office, d.InstallCertificate(use, other))
        refused = await carried_out(office, d.DeleteCertificate(certificate=other, certificate_type=use))
        assert str(refused.exchanges[-1].answer).startswith("Failed")


class Confirmed(PlainMemory):
    """Says when an event was confirmed by the CSMS."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: asyncio.Queue[int] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def settle_event(self, number: int) -> None:
        super().settle_event(number)
        self._loop.call_soon_threadsafe(self.settled.put_nowait, number)


@BOTH
async def test_security_events_reach_the_cpms(tmp_path: Path, version: OcppVersion) -> None:
    memory = Confirmed()
    async with scene(tmp_path, memory=memory) as (office, agent), connected(office, agent, version):
        await agent.report(SecurityEventType.TAMPER_DETECTION_ACTIVATED, "the door is open")
        async with asyncio.timeout(PATIENCE):
            for _ in range(2):
                await memory.settled.get()
        assert not memory.queued_events(10)
        told = {event.type for event in memory.log}
        assert told == {SecurityEventType.STARTUP_OF_THE_DEVICE, SecurityEventType.TAMPER_DETECTION_ACTIVATED}
