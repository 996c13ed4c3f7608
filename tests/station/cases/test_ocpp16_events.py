"""Use case A04 of OCPP 1.6: security events in 1.6's words, sent at least once, over outages and restarts."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from ocpp.v16 import call

from case16 import at_work, place
from chainpilot.clock import SYSTEM
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.watch import ConnectFailed
from fileserver import file_server

__all__: list[str] = []

pytestmark = pytest.mark.anyio

WORDS: Final = frozenset(
    {
        "FirmwareUpdated",
        "FailedToAuthenticateAtCentralSystem",
        "CentralSystemFailedToAuthenticate",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "ReconfigurationOfSecurityParameters",
        "MemoryExhaustion",
        "InvalidMessages",
        "AttemptedReplayAttacks",
        "TamperDetectionActivated",
        "InvalidFirmwareSignature",
        "InvalidFirmwareSigningCertificate",
        "InvalidCentralSystemCertificate",
        "InvalidChargePointCertificate",
        "InvalidTLSVersion",
        "InvalidTLSCipherSuite",
    }
)
"""The whitepaper's list of security events."""
OF_201: Final = {SecurityEventType.MAINTENANCE_LOGIN_ACCEPTED, SecurityEventType.MAINTENANCE_LOGIN_FAILED}
"""That 1.6 doesn't have."""


async def test_a04_fr_01_every_event_is_told_in_the_words_of_1_6(tmp_path: Path) -> None:
    """A04.03: one after the other, each once it is confirmed."""
    async with at_work(tmp_path, 2) as (csms, running):
        await csms.hears_event("StartupOfTheDevice")
        kinds = [kind for kind in SecurityEventType if kind not in OF_201]
        for kind in kinds:
            await running.station.agent.flows.report(kind, "why \x00 it was")
        for _ in kinds:
            heard = await csms.hears("SecurityEventNotification")
            assert heard.payload.keys() == {"type", "timestamp", "tech_info"}
        assert set(csms.events()) == WORDS
        assert len(csms.events()) == len(kinds) + 1


async def test_a04_fr_02_events_wait_in_order_for_a_connection_and_outlive_restarts(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        csms = here.csms
        door = await csms.opened(2)
        await door.shut()
        for number in range(2):
            async with here.charge_point(door) as running:
                await running.until(ConnectFailed)
                await running.station.agent.flows.report(SecurityEventType.TAMPER_DETECTION_ACTIVATED, f"lid {number}")
        await door.open()
        async with here.charge_point(door):
            await csms.boots(2)
            for _ in range(5):
                await csms.hears("SecurityEventNotification")
        told = [(one["type"], one.get("tech_info")) for one in csms.all_of("SecurityEventNotification")]
        start = ("StartupOfTheDevice", None)
        tampered = [("TamperDetectionActivated", f"lid {number}") for number in range(2)]
        assert told == [start, tampered[0], start, tampered[1], start]


async def test_a04_fr_02_nothing_is_said_before_the_charge_point_is_accepted(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        csms = here.csms
        csms.boot_answers, csms.interval = ["Pending", "Rejected"], 1
        door = await csms.opened(2)
        async with here.charge_point(door):
            await csms.boots(2)
            await csms.hears_event("StartupOfTheDevice")
        assert [one.action for one in csms.heard[:3]] == ["BootNotification"] * 3


async def test_a04_fr_04_every_event_is_in_the_security_log(tmp_path: Path) -> None:
    with file_server() as server:
        async with at_work(tmp_path, 2) as (csms, running):
            for kind in SecurityEventType:
                if kind not in OF_201:
                    await running.station.agent.flows.report(kind)
            (served,) = csms.open_ones
            asked = call.GetLog({"remote_location": f"{server.url}/logs/"}, "SecurityLog", 1)
            assert await served.status_of(asked) == "Accepted"
            await csms.hears("LogStatusNotification", status="Uploaded")
            (content,) = server.files.values()
            assert {line.split("\t")[1] for line in content.decode().splitlines()} == WORDS


async def test_a_frame_that_nobody_can_read_is_an_invalid_message(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        (served,) = csms.open_ones
        for nonsense in ("this is no frame", "[2]", '{"a": 1}', json.dumps([9, "x", "Reset", {}])):
            await served.connection.send(nonsense)
        await csms.hears_event("InvalidMessages")
        await served.setting("CpoName")


async def test_a_restart_that_is_ordered_is_told(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        assert await csms.open_ones[0].status_of(call.Reset("Hard")) == "Accepted"
        await csms.boots(2)
        assert "Hard" in (await csms.hears_event("ResetOrReboot")).payload["tech_info"]


async def test_a_central_system_whose_clock_differs_is_told_of_it(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.csms.now = lambda: SYSTEM.now() + timedelta(days=3)
        door = await here.csms.opened(2)
        async with here.charge_point(door):
            await here.csms.boots(2)
            await here.csms.hears_event("SettingSystemTime")


async def test_a_memory_that_was_lost_is_told_as_a_cleared_log(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        door = await here.csms.opened(2)
        async with here.charge_point(door):
            await here.csms.boots(2)
            await here.csms.hears_event("StartupOfTheDevice")
        (database,) = (tmp_path / "state").glob("*.db")
        database.write_bytes(b"no database" * 1000)
        async with here.charge_point(door):
            await here.csms.boots(2)
            await here.csms.hears_event("SecurityLogWasCleared")


async def test_a04_fr_03_an_event_that_was_not_confirmed_is_sent_again(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2) as (csms, running):
        await csms.hears_event("StartupOfTheDevice")
        csms.silent.add("SecurityEventNotification")
        await running.station.agent.flows.report(SecurityEventType.MEMORY_EXHAUSTION)
        await csms.reads("MemoryExhaustion")
        csms.silent.clear()
        csms.cut()
        await csms.boots(2)
        await csms.hears_event("MemoryExhaustion")
        assert sum("MemoryExhaustion" in frame for frame in csms.frames) == 2
