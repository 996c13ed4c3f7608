"""The station as a whole: its settings, and how patiently it connects again."""

import asyncio
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from certs import csms_pki, v2g_pki
from chainpilot.pki.trust import LeafUse
from chainpilot.station import StoreConfig
from chainpilot.station.adapters.connection import Connection
from chainpilot.station.adapters.memory import FloorFile
from chainpilot.station.agent.ports import MemoryFault
from chainpilot.station.app import CsrNotMade, Station, StationConfig, StationConfigError
from chainpilot.station.model import CaCertificateType, LeafCertificateType, Secret
from chainpilot.station.store.requests import KEPT_SUPERSEDED
from chainpilot.station.watch import ConnectFailed, StationEvent
from clocks import HurriedClock, SetClock
from stations import JITTER, running_station
from stores import EVSE, enrol, open_store, store_with

pytestmark = pytest.mark.anyio

NOWHERE = "wss://localhost:9/ocpp/CS-001"


def config(directory: Path, **changes: Any) -> StationConfig:
    settings: dict[str, Any] = {
        "station_id": "CS-001",
        "csms_url": NOWHERE,
        "password": Secret("hunter2"),
        "store": StoreConfig(directory, private_key_password="hunter3"),
        "organisation": "Operator",
        "country": "DE",
        "secc_name": "DE*CHP*E1",
    }
    return StationConfig(**(settings | changes))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("station_id", ""),
        ("station_id", "a/b"),
        ("security_profile", 0),
        ("security_profile", 4),
        ("csms_url", "http://localhost/"),
        ("csms_url", "wss:///ocpp"),
        ("csms_url", "wss://me:secret@localhost/"),
        ("profile3_url", "localhost:9000"),
    ],
)
def test_a_setting_that_makes_no_station_is_refused_by_name(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(StationConfigError) as raised:
        Station(config(tmp_path, **{key: value}))
    assert raised.value.key == key
    assert "secret" not in str(raised.value)


def test_a_station_shows_none_of_its_passwords(tmp_path: Path) -> None:
    shown = repr(config(tmp_path))
    assert "hunter" not in shown


async def test_delays_double_to_their_bound_while_nobody_answers(tmp_path: Path) -> None:
    clock = HurriedClock()
    told: list[StationEvent] = []
    station = Station(config(tmp_path), clock=clock, watch=told.append)
    await station.agent.begin()
    connection = Connection(
        config(tmp_path), station.security, station.agent, clock=clock, watch=told.append, jitter=lambda: 1.0
    )
    task = asyncio.create_task(connection.run())
    waited = [await asyncio.wait_for(clock.waits.get(), 10) for _ in range(10)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert waited == [2, 4, 8, 16, 32, 64, 120, 120, 120, 120]
    assert all(isinstance(event, ConnectFailed) for event in told)


async def test_a_store_that_makes_no_request_says_why(tmp_path: Path) -> None:
    async with running_station(tmp_path, NOWHERE, v2g_pki(), csms_pki(), password="p") as running:
        (tmp_path / "client").write_text("a file stands where a directory should be")
        with pytest.raises(CsrNotMade, match="client"):
            await running.station.enrol(LeafUse.V2G)


class FailingClock(SetClock):
    """A wall clock that can't be read, as one on a bus that doesn't answer."""

    class OutOfOrderError(Exception):
        """Of no family of ours; its words must not get into a log."""

    broken = False

    def now(self) -> datetime:
        if self.broken:
            raise FailingClock.OutOfOrderError("hunter2")
        return super().now()


async def test_a_station_outlives_whatever_one_connection_raises_and_logs_it_as_an_incident(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FailingClock()
    csms = csms_pki()
    async with running_station(
        tmp_path, NOWHERE, v2g_pki(), csms, password="p", clock=clock, security_profile=3
    ) as running:
        await running.until(ConnectFailed)
        for failures in range(1, 4):
            clock.broken = True
            delay = 2**failures * JITTER
            await clock.until_somebody_sleeps(until=delay)
            clock.advance(delay)
            failed = await running.until(ConnectFailed)
            assert "OutOfOrderError" in failed.why
            assert f"incident {failed.why.rsplit(' ', 1)[1]}" in caplog.text
        clock.broken = False
        await clock.until_somebody_sleeps(until=2**4 * JITTER)
        clock.advance(2**4 * JITTER)
        failed = await running.until(ConnectFailed)
        assert "needs a client certificate" in failed.why
    assert "hunter2" not in caplog.text


async def test_a_station_ends_even_if_its_parts_fail_at_what_they_do_last(tmp_path: Path) -> None:
    clock = FailingClock()
    async with running_station(tmp_path, NOWHERE, v2g_pki(), csms_pki(), password="p", clock=clock) as running:
        await running.until(ConnectFailed)
        clock.broken = True
        async with asyncio.timeout(10):
            running.task.cancel()
            await asyncio.gather(running.task, return_exceptions=True)


async def test_a_directory_where_the_client_key_belongs_ends_no_station(tmp_path: Path) -> None:
    csms = csms_pki()
    enrol(store_with(tmp_path, (CaCertificateType.CSMS, csms)), csms, LeafCertificateType.CSMS, "CS-001")
    (key,) = (tmp_path / "client/csms").glob("*.key")
    key.rename(key.with_name("moved.key"))
    key.mkdir()
    async with running_station(tmp_path, NOWHERE, v2g_pki(), csms, password="p", security_profile=3) as running:
        failed = await running.until(ConnectFailed)
        assert "can't be reached" in failed.why, "the key was found under its other name"


async def test_a_station_keeps_house_when_it_starts(tmp_path: Path) -> None:
    clock = SetClock()
    store = open_store(tmp_path, clock=clock)
    for number in range(5):
        store.generate_certificate_signing_request(LeafCertificateType.V2G, "DE", f"Operator {number}", EVSE)
        clock.advance(1)
    clock.advance(4000)
    async with running_station(tmp_path, NOWHERE, v2g_pki(), csms_pki(), password="p", clock=clock) as running:
        await running.until(ConnectFailed)
    assert len(list((tmp_path / "client/cso").glob("*.key"))) == KEPT_SUPERSEDED + 1


def test_a_station_that_can_not_be_made_leaves_the_memory_to_the_next(tmp_path: Path) -> None:
    floor = tmp_path / "agent/agent.floor"
    FloorFile(floor.parent).keep(2)
    kept = floor.read_bytes()
    said = b"chainpilot-floor 9 2"
    floor.write_bytes(b"%s %08x\n" % (said, zlib.crc32(said)))
    for _ in range(2):
        with pytest.raises(MemoryFault, match="newer program"):
            Station(config(tmp_path / "certs", state_dir=floor.parent))
    floor.write_bytes(kept)
    assert Station(config(tmp_path / "certs", state_dir=floor.parent)).profile == 2
