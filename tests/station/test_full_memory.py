"""The agent's memory can't be written: the connection stays, what can't be kept is refused, and no event is lost."""

from pathlib import Path
from typing import Any

import pytest

from agents_memory import PlainMemory
from badtalk import SECRET, Talk, met
from certs import Pki, csms_pki, v2g_pki
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.model import Secret
from chainpilot.station.watch import Booted, CertificateReceived, Disconnected
from chainpilot.wire.version import OcppVersion
from fastclock import FastClock

__all__: list[str] = []

pytestmark = pytest.mark.anyio

V16, V201 = OcppVersion.V16, OcppVersion.V201
VERSIONS = pytest.mark.parametrize("version", [V16, V201], ids=lambda one: one.value)
NEW = "00112233445566778899aabbccddeeff"


@pytest.fixture(scope="module")
def pkis() -> tuple[Pki, Pki]:
    return v2g_pki(), csms_pki()


async def set_to(one: Talk, name: str, value: str) -> object:
    """The status of a change: `CpoName` or `AuthorizationKey`."""
    if one.version is V16:
        return (await one.talk.call("ChangeConfiguration", {"key": name, "value": value}))[2]["status"]
    variable = {"CpoName": "OrganizationName", "AuthorizationKey": "BasicAuthPassword"}[name]
    data = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": variable}, "attributeValue": value}
    frame = await one.talk.call("SetVariables", {"setVariableData": [data]})
    return frame[2]["setVariableResult"][0]["attributeStatus"]


def is_kept(one: Talk) -> bool:
    """Whether all that counts is written down."""
    return one.running.station.agent.flows.configuration.is_kept


def told(one: Talk) -> list[str]:
    """Types of the events that the CSMS was told over the present connection."""
    return [call[3]["type"] for call in one.talk.calls("SecurityEventNotification")]


@VERSIONS
async def test_a_station_whose_memory_is_full_from_the_start_connects_enrols_and_stays(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion
) -> None:
    memory = PlainMemory()
    memory.full = True
    async with met(tmp_path, *pkis, version, memory=memory) as one:
        await one.begin()
        await one.assert_serves(pkis[0])
        await one.talk.called("SecurityEventNotification")
        assert SecurityEventType.STARTUP_OF_THE_DEVICE.value in told(one)
        assert not [event for event in one.running.events if isinstance(event, Disconnected)]
        assert one.csms.conversations.empty()


@VERSIONS
async def test_a_change_that_cannot_be_kept_is_rejected_and_changes_nothing(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion
) -> None:
    memory = PlainMemory()
    async with met(tmp_path, *pkis, version, memory=memory) as one:
        await one.begin()
        memory.full = True
        assert await set_to(one, "CpoName", "Another") == "Rejected"
        assert await set_to(one, "AuthorizationKey", NEW) == "Rejected"
        settings = one.running.station.agent.flows.configuration.settings
        assert (settings.organisation, settings.password) == ("Operator", Secret(SECRET))
        memory.full = False
        assert await set_to(one, "CpoName", "Another") == "Accepted"
        assert one.csms.conversations.empty()


@VERSIONS
async def test_a_password_that_cannot_be_noted_as_proved_ends_no_connection(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion
) -> None:
    memory = PlainMemory()
    async with met(tmp_path, *pkis, version, memory=memory) as one:
        await one.begin()
        configuration = one.running.station.agent.flows.configuration
        assert await set_to(one, "AuthorizationKey", NEW) == "Accepted"
        memory.full = True
        await one.running.until(Disconnected)
        await one.begin()
        await one.assert_serves(pkis[0])
        forms = 2 if version is OcppVersion.V16 else 1  # what a key of 1.6 spells, and its digits
        assert len(configuration.passwords()) == forms, "the one of before is forgotten"
        assert not is_kept(one)
        memory.full = False
        assert await set_to(one, "CpoName", "Another") == "Accepted"
        assert is_kept(one)
        assert one.csms.conversations.empty()


@VERSIONS
async def test_events_are_held_while_nothing_can_be_written_and_told_all_the_same(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion
) -> None:
    memory = PlainMemory()
    async with met(tmp_path, *pkis, version, memory=memory) as one:
        await one.begin()
        memory.full = True
        await one.open_request()
        assert await one.ask("CertificateSigned", one.chain("rubbish")) == "Rejected"
        await one.talk.until(lambda: any(word.startswith("InvalidCharg") for word in told(one)))
        await one.talk.send("no JSON")
        await one.talk.until(lambda: "InvalidMessages" in told(one))
        memory.full = False
        await one.running.station.agent.flows.report(SecurityEventType.RESET_OR_REBOOT)
        await one.talk.until(lambda: "ResetOrReboot" in told(one))
        logged = [event.type for event in memory.log]
        assert SecurityEventType.INVALID_MESSAGES in logged, "it is in the log once there is room"
        assert one.csms.conversations.empty()


@VERSIONS
async def test_a_memory_that_cannot_even_be_read_leaves_the_connection_alone(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion
) -> None:
    memory = PlainMemory()
    quick: dict[str, Any] = {"clock": FastClock(40.0), "settings": Settings(cert_signing_wait_minimum=1)}
    async with met(tmp_path, *pkis, version, memory=memory, **quick) as one:
        await one.begin()
        memory.broken = True
        await one.assert_serves(pkis[0])
        await one.running.station.reconnect("for the test")
        await one.begin()
        await one.assert_serves(pkis[0])
        memory.broken = False
        await one.assert_serves(pkis[0])
        received = [event for event in one.running.events if isinstance(event, CertificateReceived)]
        assert len(received) == 3
        assert len([event for event in one.running.events if isinstance(event, Booted)]) == 2
