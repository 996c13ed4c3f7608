"""An agent without a connection of its own: made, at work, and called by firmware."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from agents_line import ScriptedLine
from agents_memory import PlainMemory
from certs import v2g_pki
from chainpilot.link.faults import RpcFault
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.enrolment.signing import CsrNotMade
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.ports import MemoryFault
from chainpilot.station.agent.rerouting import SETTLE_SECONDS
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.model import CaCertificateType
from chainpilot.station.watch import Booted, CsrMade, StationEvent, StoreUpdated
from chainpilot.wire.pnc.words import CertificateAction
from chainpilot.wire.version import OcppVersion
from clocks import SetClock
from embedded import agent_in

pytestmark = pytest.mark.anyio


async def test_it_is_at_work_from_the_start_and_its_memory_is_free_at_the_end(tmp_path: Path) -> None:
    async with agent_in(tmp_path) as agent:
        await agent.report(SecurityEventType.MAINTENANCE_LOGIN_ACCEPTED, "at the door")
        with pytest.raises(MemoryFault):
            async with agent_in(tmp_path):
                pass
    async with agent_in(tmp_path) as again:
        line = ScriptedLine()
        speaking = asyncio.ensure_future(again.converse(line, boots=False).run())
        said = [(await line.heard("SecurityEventNotification")).payload["type"] for _ in range(3)]
        line.close()
        await speaking
    assert said == ["StartupOfTheDevice", "MaintenanceLoginAccepted", "StartupOfTheDevice"]


async def test_the_watcher_is_told_of_the_store_and_of_requests(tmp_path: Path) -> None:
    told: asyncio.Queue[StationEvent] = asyncio.Queue()
    async with agent_in(tmp_path, watch=told.put_nowait) as agent:
        agent.security.install_ca_certificate(v2g_pki().root.certificate.to_pem(), CaCertificateType.V2G)
        assert isinstance(await told.get(), StoreUpdated)
        await agent.enrol(LeafUse.CSMS, common_name="another name")
        made = await told.get()
        assert isinstance(made, CsrMade)
        assert (made.use, made.common_name) == (LeafUse.CSMS, "another name")


async def test_a_request_that_can_not_be_made_is_told_in_words(tmp_path: Path) -> None:
    async with agent_in(tmp_path, secc_name="") as agent:
        with pytest.raises(CsrNotMade, match="common name"):
            await agent.enrol(LeafUse.V2G)


async def test_settings_are_read_and_watched(tmp_path: Path) -> None:
    changes: list[tuple[str, str]] = []

    def note(old: Settings, new: Settings) -> None:
        changes.append((old.organisation, new.organisation))

    async with agent_in(tmp_path) as agent:
        conversation = agent.converse(ScriptedLine(OcppVersion.V16), boots=False)
        before, unsubscribe = agent.settings, agent.subscribe_settings(note)
        change = {"key": "CpoName", "value": "Another Operator"}
        assert (await conversation.answer("ChangeConfiguration", change)).payload == {"status": "Accepted"}
        assert (before.organisation, agent.settings.organisation) == ("Operator", "Another Operator")
        unsubscribe()
        await conversation.answer("ChangeConfiguration", {**change, "value": "A third one"})
    assert changes == [("Operator", "Another Operator")]


async def test_firmware_has_an_answer_for_its_vehicles_without_a_csms(tmp_path: Path) -> None:
    async with agent_in(tmp_path, clock=SetClock()) as agent:
        decision = await agent.authorize_contract("no chain", "DE8AA1A2B3C4D5")
        assert not decision.accepted
        answer = await agent.install_ev_certificate("urn:iso:15118:2:2013:MsgDef", "gAA=", CertificateAction.INSTALL)
        assert answer.reason == "there is no connection to the CSMS"


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        ({"status": "Accepted", "currentTime": "2026-06-01T00:00:00Z", "interval": 5}, True),
        ({"status": "Pending"}, False),
        ({"status": ["Accepted"]}, False),
        ({}, False),
        ("Accepted", False),
        (None, False),
    ],
)
async def test_a_boot_of_the_station_s_own_is_judged(tmp_path: Path, answer: object, accepted: bool) -> None:
    told: list[StationEvent] = []
    async with agent_in(tmp_path, watch=told.append) as agent:
        assert agent.hear_boot(answer) is accepted
        assert [event.accepted for event in told if isinstance(event, Booted)] == [accepted]


async def test_the_time_of_a_heartbeat_is_compared(tmp_path: Path) -> None:
    clock, line = SetClock(), ScriptedLine()
    async with agent_in(tmp_path, clock=clock, memory=PlainMemory()) as agent:
        speaking = asyncio.ensure_future(agent.converse(line, boots=False).run())
        await line.heard("SecurityEventNotification")
        for nonsense in (None, "now", {"currentTime": 7}, {"currentTime": "yesterday"}):
            agent.hear_heartbeat(nonsense)
        agent.hear_heartbeat({"currentTime": (clock.now() + timedelta(hours=1)).isoformat()})
        said = await line.heard("SecurityEventNotification")
        assert "2026-06-01T01:00:00Z" in str(said.payload["techInfo"])
        line.close()
        await speaking


class QueuedHost:
    """Tells a test what it was asked to do."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[str] = asyncio.Queue()

    async def reconnect(self, why: str) -> None:
        self.asked.put_nowait(f"reconnect: {why}")

    async def reset(self, *, at_once: bool) -> None:
        self.asked.put_nowait("reset at once" if at_once else "reset when idle")


async def test_a_host_is_asked_to_reconnect_and_to_reset(tmp_path: Path) -> None:
    clock, host, line = SetClock(), QueuedHost(), ScriptedLine(OcppVersion.V16)
    async with agent_in(tmp_path, host=host, clock=clock) as agent:
        conversation = agent.converse(line, boots=False)
        speaking = asyncio.ensure_future(conversation.run())
        change = {"key": "AuthorizationKey", "value": "00" * 20}
        for action, payload in (("ChangeConfiguration", change), ("Reset", {"type": "Soft"})):
            answer = await conversation.answer(action, payload)
            assert answer.follow_up is not None
            await answer.follow_up()
        assert await host.asked.get() == "reset when idle"
        await clock.until_somebody_sleeps(until=SETTLE_SECONDS)
        clock.advance(SETTLE_SECONDS)
        assert await host.asked.get() == "reconnect: the way to the CSMS was changed"
        line.close()
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)


async def test_without_a_host_what_should_be_done_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with agent_in(tmp_path) as agent:
        await agent.flows.host.reset(at_once=True)
        await agent.flows.host.reconnect("the way to the CSMS was changed")
    assert caplog.text.count("has given its agent no host to ask") == 2


async def test_what_the_agent_does_not_know_it_leaves(tmp_path: Path) -> None:
    async with agent_in(tmp_path) as agent:
        with pytest.raises(RpcFault, match="NotImplemented"):
            await agent.converse(ScriptedLine(OcppVersion.V16), boots=False).answer("ClearCache", {})


def test_the_adapter_needs_no_library_of_anybody_s_ocpp() -> None:
    program = (
        "import sys; import chainpilot.station.embedding, chainpilot.station.adapters.mobilityhouse;"
        "print([name for name in sys.modules if name.split('.')[0] in ('ocpp', 'jsonschema')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_former_password_is_there_to_be_tried_until_the_new_one_worked(tmp_path: Path) -> None:
    async with agent_in(tmp_path, password="the first one") as agent:
        change = {"key": "AuthorizationKey", "value": "ab" * 16}
        await agent.converse(ScriptedLine(OcppVersion.V16), boots=False).answer("ChangeConfiguration", change)
        new, *_, former = agent.passwords()
        assert former.value == "the first one"
        await agent.password_worked(former)
        assert former in agent.passwords(), "the CSMS may have the new one yet"
        await agent.password_worked(new)
        assert former not in agent.passwords()
