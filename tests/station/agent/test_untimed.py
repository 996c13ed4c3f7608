"""While the clock can't be trusted nothing is installed, and what is there isn't taken for missing."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents_configuration import NotedReport, profile_in_slot, set_variable
from agents_firmware import HandTransfers, HeardLine, StubbornInstaller
from agents_hosts import NotedHost
from agents_memory import PlainMemory
from agents_updates import Manufacturer, order_for
from certs import Pki, csms_pki, v2g_pki
from chainpilot.pki.trust import LeafUse
from chainpilot.station import EvseSecurity
from chainpilot.station.adapters.connection import Connection
from chainpilot.station.agent.agent import Agent
from chainpilot.station.agent.certificates import CertificateDesk
from chainpilot.station.agent.roots import RootsInUse
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.agent.setup import StationConfig
from chainpilot.station.model import CaCertificateType, LeafCertificateType, Secret
from chainpilot.station.watch import ConnectFailed, StationEvent
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import CertificateSignedRequest, InstallCertificateRequest
from chainpilot.wire.pnc.words import CertificateUse, GenericStatus, InstallCertificateStatus
from chainpilot.wire.schema import write_message
from chainpilot.wire.version import OcppVersion
from clocks import HurriedClock, SetClock
from stores import assert_store_unchanged, enrol, store_with

pytestmark = pytest.mark.anyio

UNSET = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


async def test_roots_and_leaves_are_refused_with_the_reason_and_taken_once_the_clock_is_trusted(
    tmp_path: Path, v2g: Pki
) -> None:
    why: list[str | None] = ["it shows 1970"]
    store, report = store_with(tmp_path, (CaCertificateType.V2G, v2g)), NotedReport()

    async def never(_: LeafUse | None) -> None:
        return None

    desk = CertificateDesk(
        store, Settings, RootsInUse(store), report, lambda _: None, why_untimed=lambda: why[0], asks_again_at=never
    )
    other = InstallCertificateRequest(CertificateUse.MO_ROOT_CERTIFICATE, v2g_pki().root.certificate.to_pem())
    made = store.generate_certificate_signing_request(LeafCertificateType.V2G, "DE", "Chargers Ltd", "DE*CHP*E1")
    leaf = CertificateSignedRequest(v2g.enrol(made.csr or ""))
    with assert_store_unchanged(tmp_path):
        installed = await desk.install(other)
        assert (installed.status, installed.reason) == (InstallCertificateStatus.FAILED, "ClockNotTrusted")
        taken = await desk.take_leaf(leaf, Dialect.V201)
        assert (taken.status, taken.reason) == (GenericStatus.REJECTED, "ClockNotTrusted")
    why[0] = None
    assert (await desk.install(other)).status is InstallCertificateStatus.ACCEPTED
    assert (await desk.take_leaf(leaf, Dialect.V201)).status is GenericStatus.ACCEPTED


def test_a_leaf_is_there_before_it_begins_and_until_it_ends_and_with_its_key(tmp_path: Path, v2g: Pki) -> None:
    clock = SetClock()
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g), clock=clock)
    assert not store.has_leaf(LeafCertificateType.V2G)
    enrol(store, v2g)
    (info,) = store.usable_leaves(LeafCertificateType.V2G)
    assert store.has_leaf(LeafCertificateType.V2G)
    clock.set(clock.now() - timedelta(days=20_000))
    assert store.usable_leaves(LeafCertificateType.V2G) == ()
    assert store.has_leaf(LeafCertificateType.V2G), "a clock that was never set makes nothing missing"
    assert not store.has_leaf(LeafCertificateType.CSMS)
    Path(info.key).unlink()
    assert not store.has_leaf(LeafCertificateType.V2G)


def agent_of(config: StationConfig, store: EvseSecurity, clock: SetClock, staging: Path) -> Agent:
    return Agent(
        config,
        security=store,
        memory=PlainMemory(),
        host=NotedHost(),
        transfers=HandTransfers(b""),
        clock=clock,
        watch=lambda _: None,
        installer=StubbornInstaller(),
        staging=staging,
    )


def config_of(store: EvseSecurity, url: str) -> StationConfig:
    return StationConfig(
        station_id="CS-001",
        csms_url=url,
        password=Secret("a password that is long enough"),
        store=store.layout.config,
        organisation="Operator",
        country="DE",
        secc_name="DE*CHP*E1",
    )


@pytest.mark.parametrize(
    ("version", "action", "reason"),
    [
        (OcppVersion.V16, "SignedUpdateFirmware", None),
        (OcppVersion.V201, "UpdateFirmware", "ClockNotTrusted"),
    ],
)
async def test_firmware_is_refused_without_blame_and_taken_once_the_clock_is_trusted(
    tmp_path: Path, version: OcppVersion, action: str, reason: str | None
) -> None:
    """Judged by an unset clock its signer would count as not yet valid, which is told as an attack."""
    maker, clock = Manufacturer.made(tmp_path), SetClock()
    now = clock.now()
    store = maker.store(tmp_path / "store", clock)
    agent = agent_of(config_of(store, "wss://csms.example"), store, clock, tmp_path / "staging")
    clock.set(UNSET)
    await agent.flows.timekeeper.begin()
    conversation = agent.converse(HeardLine(version))
    order = write_message(order_for(version, maker, retrieve_date_time=now))

    async def answer() -> Any:
        return (await conversation.answer(action, order)).payload

    refused = await answer()
    assert (refused["status"], refused.get("statusInfo", {}).get("reasonCode")) == ("Rejected", reason)
    assert agent.flows.report.security_log(None, None) == ()
    clock.set(now)
    assert (await answer())["status"] == "Accepted"


async def test_tries_that_an_untrusted_clock_stops_cost_no_network_its_turn(tmp_path: Path) -> None:
    clock, csms = HurriedClock(), csms_pki()
    now = clock.now()
    store = store_with(tmp_path, (CaCertificateType.CSMS, csms), clock=clock)
    config = config_of(store, "wss://localhost:9/first")
    agent = agent_of(config, store, clock, tmp_path / "staging")
    configuration = agent.flows.configuration
    await configuration.set_network_profile(profile_in_slot(5, 2, ocpp_csms_url="wss://localhost:9/second"))
    for name, value in (("NetworkConfigurationPriority", "1,5"), ("NetworkProfileConnectionAttempts", "1")):
        result = await set_variable(configuration, f"OCPPCommCtrlr.{name}", value)
        assert result.attribute_status_info is None, result
    clock.set(UNSET)
    await agent.flows.timekeeper.begin()
    failed: list[ConnectFailed] = []

    def watch(event: StationEvent) -> None:
        assert isinstance(event, ConnectFailed)
        failed.append(event)
        if len(failed) == 3:
            clock.set(now)

    connection = Connection(config, store, agent, clock=clock, watch=watch, jitter=lambda: 1.0)
    task = asyncio.create_task(connection.run())
    for _ in range(6):
        await asyncio.wait_for(clock.waits.get(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert ["can't be judged" in one.why for one in failed[:6]] == [True] * 3 + [False] * 3
    assert [one.url.split("/")[3] for one in failed[:6]] == ["first"] * 4 + ["second", "first"]
