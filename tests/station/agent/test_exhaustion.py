"""A full disk is told as MemoryExhaustion: once an episode, of store and memory, and where nothing can be written."""

import asyncio
import errno
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agents_line import ScriptedLine
from agents_memory import PlainMemory
from certs import csms_pki
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.agent.agent import Agent
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.exhaustion import QUIET_SECONDS, Episode
from chainpilot.station.events import Room
from chainpilot.station.model import CaCertificateType, InstallCertificateResult
from chainpilot.station.vault import OsFiles
from chainpilot.wire.version import OcppVersion
from clocks import SetClock
from embedded import agent_in

pytestmark = pytest.mark.anyio

NOTIFICATION = "SecurityEventNotification"
EXHAUSTED = SecurityEventType.MEMORY_EXHAUSTION


# Episodes


def test_an_episode_is_new_once_and_over_only_after_a_write_and_a_quiet_time() -> None:
    one = Episode()
    assert one.full(0.0)
    assert not one.full(1.0)
    assert not one.full(10 * QUIET_SECONDS), "nothing was written meanwhile"
    one.wrote()
    assert not one.full(11 * QUIET_SECONDS - 1), "some bytes were free, and no more"
    one.wrote()
    assert one.full(12 * QUIET_SECONDS - 1)


# The store


class FullDisk(OsFiles):
    """Writes nothing while `fault` says why."""

    def __init__(self) -> None:
        self.fault: int | None = None

    def write(self, descriptor: int, data: bytes) -> None:
        if self.fault is not None:
            raise OSError(self.fault, os.strerror(self.fault))
        super().write(descriptor, data)


@pytest.mark.parametrize(
    ("fault", "heard"),
    [(errno.ENOSPC, [Room.NONE]), (errno.EDQUOT, [Room.NONE]), (errno.EIO, []), (None, [Room.ENOUGH])],
)
def test_the_store_tells_of_a_full_disk_by_the_errors_number(
    tmp_path: Path, fault: int | None, heard: list[Room]
) -> None:
    files = FullDisk()
    told: list[Room] = []
    store = EvseSecurity(StoreConfig(tmp_path), files=files)
    store.subscribe_room(told.append)
    files.fault = fault
    result = store.install_ca_certificate(csms_pki().root.certificate.to_pem(), CaCertificateType.CSMS)
    assert (result is InstallCertificateResult.ACCEPTED) == (fault is None)
    assert told == heard


# The agent


class Scene:
    """An agent whose store lies on a disk that fills up when the test says so."""

    def __init__(self, agent: Agent, memory: PlainMemory, clock: SetClock) -> None:
        self.agent = agent
        self.memory = memory
        self.clock = clock

    def told(self) -> list[str | None]:
        """The events' words, as far as they are written down."""
        return [one.tech_info for one in self.memory.log if one.type is EXHAUSTED]

    async def until_told(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.told()) < count:  # noqa: ASYNC110 - a thread writes it, and tells nobody
                await asyncio.sleep(0)

    async def settled(self) -> None:
        """Whatever was to be reported is reported: one that was rung for later is; then nothing waits any more."""
        for _ in range(3):
            await asyncio.sleep(0)
        await self.agent.report(SecurityEventType.RESET_OR_REBOOT)
        for waiting in self.memory.queued_events(99):
            self.memory.settle_event(waiting.number)


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    memory, time = PlainMemory(), SetClock()
    async with agent_in(folder, memory=memory, clock=time) as agent:
        yield Scene(agent, memory, time)


def install(one: Scene) -> Any:
    return one.agent.security.install_ca_certificate(csms_pki().root.certificate.to_pem(), CaCertificateType.CSMS)


async def test_a_store_without_room_is_told_once_however_often_is_tried_and_again_after_it_had_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with scene(tmp_path) as one:
        for episode in (1, 2):
            for _ in range(3):
                with monkeypatch.context() as patch:
                    patch.setattr(os, "write", full)
                    assert install(one) is InstallCertificateResult.WRITE_ERROR
                await one.until_told(episode)
                await one.settled()
                assert one.told() == ["the certificate store can't be written: the disk is full"] * episode
            assert install(one) is InstallCertificateResult.ACCEPTED
            one.clock.advance(QUIET_SECONDS)


def changing(one: Scene, line: ScriptedLine) -> Callable[[], Awaitable[object]]:
    """Changes a setting, and answers what the CSMS hears."""
    conversation = one.agent.converse(line, boots=False)
    numbers = itertools.count()

    async def change() -> object:
        payload = {"key": "CpoName", "value": f"Operator {next(numbers)}"}
        return (await conversation.answer("ChangeConfiguration", payload)).payload["status"]

    return change


async def test_a_memory_without_room_is_told_over_the_connection_though_nothing_can_be_written_down(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as one:
        line = ScriptedLine(OcppVersion.V16)
        change = changing(one, line)
        speaking = asyncio.ensure_future(one.agent.converse(line, boots=False).run())
        assert (await line.heard(NOTIFICATION)).payload["type"] == "StartupOfTheDevice"
        one.memory.full = True
        for _ in range(3):
            assert await change() == "Rejected"
        said = (await line.heard(NOTIFICATION)).payload
        assert said["type"] == "MemoryExhaustion"
        assert said["techInfo"] == "the agent's memory can't be written: the disk is full"
        await one.agent.report(SecurityEventType.RESET_OR_REBOOT)
        assert (await line.heard(NOTIFICATION)).payload["type"] == "ResetOrReboot"
        assert one.told() == []
        one.memory.full = False
        assert await change() == "Accepted"
        assert len(one.told()) == 1, "it is in the log once there is room"
        line.close()
        await asyncio.gather(speaking, return_exceptions=True)


async def test_a_memory_that_fails_otherwise_is_not_told_of_as_full(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        change = changing(one, ScriptedLine(OcppVersion.V16))
        one.memory.broken = True
        assert await change() == "Rejected"
        one.memory.broken = False
        await one.settled()
        assert one.told() == []
