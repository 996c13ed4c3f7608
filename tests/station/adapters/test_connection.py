"""The connection that is kept up: how long it waits before the next try, when it gives a network up, how it ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agents_configuration import SetFloor
from agents_memory import PlainMemory
from certs import Pki, csms_pki, v2g_pki
from chainpilot.link import websocket
from chainpilot.link.watch import FrameSeen
from chainpilot.station.adapters.connection import (
    BOOT_SECONDS,
    FIRST_DELAY,
    QUIET_SECONDS,
    SHORT_ONES,
    SHORT_SECONDS,
    STEP_UP_DELAY,
)
from chainpilot.station.agent.presence import DEFAULT_INTERVAL, MAX_INTERVAL, MAX_SILENT
from chainpilot.station.agent.rerouting import SETTLE_SECONDS
from chainpilot.station.agent.settings.record import DOCUMENT, write_record
from chainpilot.station.agent.settings.standing import Standing
from chainpilot.station.agent.settings.values import Network, Settings
from chainpilot.station.watch import Booted, Connected, ConnectFailed, Disconnected
from chainpilot.wire.ocppj.rpc import DEFAULT_LIMITS
from chainpilot.wire.version import OcppVersion
from clocks import SetClock
from scripted import ScriptedCsms, obliging, result, scripted_csms
from stations import JITTER, Running, running_station

pytestmark = pytest.mark.anyio
NOWHERE = "wss://localhost:9/ocpp"
V16 = OcppVersion.V16


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture(scope="module")
def back() -> Pki:
    return csms_pki()


@pytest.fixture
async def csms(tmp_path: Path, back: Pki) -> AsyncIterator[ScriptedCsms]:
    async with scripted_csms(tmp_path, back, V16) as csms:
        yield csms


def knowing(*networks: Network, **record: Any) -> PlainMemory:
    """A memory in which the CSMS has set these networks, to be tried in this order, each once before the next."""
    slots = dict(enumerate(networks, 1))
    active = record.pop("active_network", None)
    settings = Settings(networks=slots, priority=tuple(slots), active_network=active)
    memory = PlainMemory()
    memory.documents[DOCUMENT] = write_record(Standing(settings=settings, own_networks=True, **record))
    return memory


@asynccontextmanager
async def at(
    directory: Path, url: str, v2g: Pki, back: Pki, *, attempts: int = 1, **options: Any
) -> AsyncIterator[tuple[Running, SetClock]]:
    """A station whose time passes when a test says so."""
    clock = options.pop("clock", None) or SetClock()
    options = {"password": "p" * 16, "versions": (V16,), "clock": clock} | options
    settings = Settings(network_profile_connection_attempts=attempts)
    async with running_station(directory / "store", url, v2g, back, settings=settings, **options) as running:
        yield running, clock


async def waits(clock: SetClock, seconds: float) -> None:
    """The station waits just so long before its next try, and that time passes."""
    await clock.until_somebody_sleeps(until=seconds * JITTER)
    clock.advance(seconds * JITTER)


async def test_a_csms_that_is_gone_without_a_word_is_noticed_by_heartbeats_and_left(
    tmp_path: Path, csms: ScriptedCsms, v2g: Pki, back: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "CLOSE_SECONDS", 0.05)
    async with at(tmp_path, csms.url, v2g, back) as (running, clock):
        talk = await csms.conversation()
        await running.until(Booted, accepted=True)
        await running.until(FrameSeen, direction="received", action="SecurityEventNotification")
        talk.connection.transport.pause_reading()  # it takes the close no more than the heartbeats
        for _ in range(MAX_SILENT):
            for seconds in (300, DEFAULT_LIMITS.answer_timeout):
                await clock.until_somebody_sleeps(until=seconds)
                clock.advance(seconds)
        gone = await running.until(Disconnected)
        assert f"left {MAX_SILENT} Heartbeat messages in a row unanswered" in gone.why
        await csms.conversation()
        await running.until(Booted, accepted=True)
        talk.connection.transport.abort()


async def test_a_csms_that_is_gone_just_when_the_way_to_it_changed_is_left_too(
    tmp_path: Path, csms: ScriptedCsms, v2g: Pki, back: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "CLOSE_SECONDS", 0.05)
    async with at(tmp_path, csms.url, v2g, back) as (running, clock):
        talk = await csms.conversation()
        await running.until(Booted, accepted=True)
        await running.until(FrameSeen, direction="received", action="SecurityEventNotification")
        csms.answers = lambda *_: []
        change = {"key": "AuthorizationKey", "value": "0" * 32}
        assert (await talk.call("ChangeConfiguration", change))[2] == {"status": "Accepted"}
        await talk.called("SecurityEventNotification", times=2)  # whose end, with the connection's, ends who closes it
        talk.connection.transport.pause_reading()
        for seconds in (SETTLE_SECONDS, QUIET_SECONDS):
            await clock.until_somebody_sleeps(until=seconds)
            clock.advance(seconds)
        assert "the way to the CSMS was changed" in (await running.until(Disconnected)).why
        talk.connection.transport.abort()


async def until_ended(running: Running, csms: ScriptedCsms, code: int = 1000, *, booted: bool = True) -> Disconnected:
    """One connection, over which the station is accepted unless told otherwise, and which the CSMS ends."""
    talk = await csms.conversation()
    if booted:
        await running.until(Booted, accepted=True)
    await talk.connection.close(code, "go")
    return await running.until(Disconnected)


async def test_connections_that_are_accepted_and_end_soon_are_made_ever_more_slowly(
    tmp_path: Path, csms: ScriptedCsms, v2g: Pki, back: Pki
) -> None:
    async with at(tmp_path, csms.url, v2g, back) as (running, clock):
        for number in range(1, SHORT_ONES + 4):
            await until_ended(running, csms)
            await waits(clock, FIRST_DELAY * 2 ** max(0, number - SHORT_ONES))
        talk = await csms.conversation()
        await running.until(Booted, accepted=True)
        clock.advance(SHORT_SECONDS)
        await talk.connection.close()
        await running.until(Disconnected)
        await waits(clock, FIRST_DELAY)


async def test_a_csms_that_drives_the_station_out_is_not_dialled_without_a_pause(
    tmp_path: Path, csms: ScriptedCsms, v2g: Pki, back: Pki
) -> None:
    async with at(tmp_path, csms.url, v2g, back) as (running, clock):
        for number in range(1, 4):
            ended = await until_ended(running, csms, 1008)
            assert "does another program, or another agent, work under this station's id?" in ended.why
            await waits(clock, FIRST_DELAY * 2**number)


def pending(message_id: str, action: str, payload: Any) -> list[str | bytes]:
    """Accepts the station never."""
    if action != "BootNotification":
        return obliging(message_id, action, payload)
    told = {"currentTime": "2026-06-01T00:00:00Z", "interval": MAX_INTERVAL, "status": "Pending"}
    return [result(message_id, told)]


async def test_a_csms_that_never_accepts_the_station_makes_room_for_another_network(
    tmp_path: Path, csms: ScriptedCsms, v2g: Pki, back: Pki
) -> None:
    csms.answers = pending
    memory = knowing(Network(csms.url, 2), Network(NOWHERE, 2))
    async with at(tmp_path, csms.url, v2g, back, memory=memory) as (running, clock):
        await running.until(Booted, accepted=False)
        await clock.until_somebody_sleeps(until=BOOT_SECONDS)
        clock.advance(BOOT_SECONDS - 1)
        await clock.until_somebody_sleeps(until=1.0)
        assert not any(isinstance(event, Disconnected) for event in running.events)
        clock.advance(1.0)
        assert "the station was not accepted" in (await running.until(Disconnected)).why
        await waits(clock, FIRST_DELAY * 2)
        assert (await running.until(ConnectFailed)).url.startswith(NOWHERE)


async def test_a_csms_that_never_accepts_the_station_is_kept_where_there_is_no_other(
    tmp_path: Path, csms: ScriptedCsms, v2g: Pki, back: Pki
) -> None:
    csms.answers = pending
    async with at(tmp_path, csms.url, v2g, back) as (running, clock):
        talk = await csms.conversation()
        await running.until(Booted, accepted=False)
        await clock.until_somebody_sleeps(until=BOOT_SECONDS)
        clock.advance(BOOT_SECONDS)
        assert (await talk.call("GetConfiguration", {"key": ["CpoName"]}))[0] == 3


class FailingClock(SetClock):
    """A wall clock that can't be read, as one on a bus that doesn't answer."""

    broken = False

    def now(self) -> datetime:
        if self.broken:
            raise RuntimeError("no answer on the bus")
        return super().now()


async def test_an_incident_counts_as_a_try_of_its_network(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    first, second = "wss://localhost:9/first", "wss://localhost:9/second"
    clock, memory = FailingClock(), knowing(Network(first, 2), Network(second, 2))
    async with at(tmp_path, NOWHERE, v2g, back, memory=memory, clock=clock) as (running, _):
        assert (await running.until(ConnectFailed)).url.startswith(first)
        clock.broken = True
        for failures, url in enumerate((second, first, second), 1):
            await waits(clock, FIRST_DELAY * 2**failures)
            failed = await running.until(ConnectFailed)
            assert "the log has incident" in failed.why
            assert failed.url == url


BELOW = Network("ws://localhost:9/below", 1)
STEPS = pytest.mark.parametrize("record", [{"trial": 1}, {}], ids=["1.6's SecurityProfile", "2.0.1's priority"])
"""How a step up is kept: on trial, or just as the first network of the list."""


@STEPS
async def test_the_tries_of_a_step_up_that_nobody_answers_take_minutes(
    tmp_path: Path, v2g: Pki, back: Pki, record: dict[str, Any]
) -> None:
    memory = knowing(Network(NOWHERE, 2), BELOW, active_network=2, floor=1, **record)
    async with at(tmp_path, NOWHERE, v2g, back, attempts=3, memory=memory) as (running, clock):
        for delay in (2 * STEP_UP_DELAY, 4 * STEP_UP_DELAY, FIRST_DELAY * 2**3):
            assert (await running.until(ConnectFailed)).profile == 2
            await waits(clock, delay)
        assert (await running.until(ConnectFailed)).profile == 1
        assert running.station.agent.flows.configuration.on_trial is None


@STEPS
async def test_a_csms_that_starts_again_meanwhile_keeps_its_step_up(
    tmp_path: Path, csms: ScriptedCsms, v2g: Pki, back: Pki, record: dict[str, Any]
) -> None:
    memory = knowing(Network(csms.url, 2), BELOW, active_network=2, floor=1, **record)
    async with at(tmp_path, csms.url, v2g, back, attempts=3, memory=memory) as (running, clock):
        for delay in (2 * STEP_UP_DELAY, 4 * STEP_UP_DELAY):
            await until_ended(running, csms, 1012, booted=False)
            await waits(clock, delay)
        await running.until(Booted, accepted=True)
        await running.until(FrameSeen, direction="sent", action="SecurityEventNotification")  # that is taken in
        assert running.station.profile == 2


async def test_a_step_up_that_the_csms_refuses_is_not_waited_for(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    async with scripted_csms(tmp_path, csms_pki(), V16) as stranger:
        memory = knowing(Network(stranger.url, 2), BELOW, active_network=2, floor=1, trial=1)
        async with at(tmp_path, stranger.url, v2g, back, attempts=2, memory=memory) as (running, clock):
            assert "we don't trust" in (await running.until(ConnectFailed)).why
            await waits(clock, FIRST_DELAY * 2)
            assert (await running.until(ConnectFailed)).profile == 2
            await waits(clock, FIRST_DELAY * 4)
            assert (await running.until(ConnectFailed)).profile == 1


@pytest.mark.parametrize("record", [{}, {"active_network": 1, "floor": 1}], ids=["the first ever", "raised in place"])
async def test_the_only_network_is_no_step_up(tmp_path: Path, v2g: Pki, back: Pki, record: dict[str, Any]) -> None:
    memory = knowing(Network(NOWHERE, 2), **record)
    async with at(tmp_path, NOWHERE, v2g, back, attempts=3, memory=memory) as (running, clock):
        await running.until(ConnectFailed)
        await waits(clock, FIRST_DELAY * 2)


async def test_a_csms_that_opens_connections_and_never_says_a_word_makes_room_for_another_network(
    tmp_path: Path, csms: ScriptedCsms, v2g: Pki, back: Pki
) -> None:
    csms.answers = lambda *_: []
    memory = knowing(Network(csms.url, 2), Network(NOWHERE, 2))
    async with at(tmp_path, csms.url, v2g, back, memory=memory) as (running, clock):
        await csms.conversation()
        for boot in range(1, MAX_SILENT + 1):
            await clock.until_somebody_sleeps(until=DEFAULT_LIMITS.answer_timeout)
            clock.advance(DEFAULT_LIMITS.answer_timeout)
            if boot < MAX_SILENT:
                await clock.until_somebody_sleeps(until=DEFAULT_INTERVAL)
                clock.advance(DEFAULT_INTERVAL)
        assert "unanswered" in (await running.until(Disconnected)).why
        assert (await running.until(ConnectFailed)).url.startswith(NOWHERE)


async def test_a_station_that_lost_its_memory_comes_back_over_the_profile_that_worked(
    tmp_path: Path, csms: ScriptedCsms, v2g: Pki, back: Pki
) -> None:
    options: dict[str, Any] = {
        "memory": PlainMemory(),
        "parts": {"floor": SetFloor(2)},
        "security_profile": 1,
        "allow_insecure": True,
        "profile_urls": {2: csms.url},
    }
    async with at(tmp_path, BELOW.url, v2g, back, **options) as (running, _):
        assert (await running.until(Connected)).profile == 2
        await running.until(Booted, accepted=True)
        assert not any(isinstance(event, ConnectFailed) for event in running.events)
