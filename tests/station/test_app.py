"""The station as a whole: its settings, and how patiently it connects again."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from certs import csms_pki, v2g_pki
from chainpilot.pki.trust import LeafUse
from chainpilot.station import StoreConfig
from chainpilot.station.app import CsrNotMade, Station, StationConfig, StationConfigError
from chainpilot.station.model import Secret
from chainpilot.station.watch import ConnectFailed, StationEvent
from clocks import SetClock
from stations import running_station

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


class HurriedClock(SetClock):
    """Time passes as soon as somebody waits for it; the waits are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: asyncio.Queue[float] = asyncio.Queue()

    async def sleep_until(self, moment: float) -> None:
        self.waits.put_nowait(moment - self.monotonic())
        self.advance(moment - self.monotonic())


async def test_delays_double_to_their_bound_while_nobody_answers(tmp_path: Path) -> None:
    clock = HurriedClock()
    told: list[StationEvent] = []
    station = Station(config(tmp_path), clock=clock, watch=told.append, jitter=lambda: 1.0)
    task = asyncio.create_task(station.run())
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
