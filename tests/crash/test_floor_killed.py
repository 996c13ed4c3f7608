"""kill -9 between the floor's own file and the database, and a memory that breaks afterwards: no way back down."""

import logging
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from certs import csms_pki
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.adapters.memory import SqliteMemory
from chainpilot.station.agent.setup import StationConfig
from chainpilot.station.app import Station
from chainpilot.station.model import CaCertificateType, Secret

__all__: list[str] = []

PROGRAM = """
import asyncio, os, signal, sys
from pathlib import Path
from chainpilot.station.adapters.memory import SqliteMemory
from test_floor_killed import config
from chainpilot.station.app import Station

class Struck(SqliteMemory):
    def write(self, changes):
        if "settings" in changes and kill:
            os.kill(os.getpid(), signal.SIGKILL)
        super().write(changes)

async def step_up():
    global kill
    settings = station.agent.flows.configuration
    await settings.begin_trial(2)
    kill = sys.argv[2] == "between"
    await settings.accepted_over(settings.on_trial)
    os.kill(os.getpid(), signal.SIGKILL)

kill = False
place = Path(sys.argv[1])
station = Station(config(place), memory=Struck.open(place / "agent"))
asyncio.run(step_up())
"""


def config(place: Path) -> StationConfig:
    return StationConfig(
        station_id="CS-001",
        csms_url="ws://localhost:9/ocpp",
        password=Secret("0123456789abcdef"),
        organisation="Operator",
        country="DE",
        secc_name="DE*ABC*E1",
        security_profile=1,
        allow_insecure=True,
        profile_urls={2: "wss://localhost:9/ocpp"},
        store=StoreConfig(place / "certs"),
        state_dir=place / "agent",
    )


def profiles(place: Path) -> list[int]:
    """Those that a station which starts there now would try."""
    with closing(SqliteMemory.open(place / "agent")) as memory:
        station = Station(config(place), memory=memory)
        return [network.security_profile for _, network in station.agent.flows.configuration.candidates()]


def killed(place: Path, moment: str) -> None:
    """A station's first life: it is accepted over profile 2, and killed then."""
    root = csms_pki().root.certificate.to_pem()
    EvseSecurity(config(place).store).install_ca_certificate(root, CaCertificateType.CSMS)
    assert profiles(place) == [1]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(place), moment],
        env={"PYTHONPATH": ":".join((str(Path(__file__).parent), *sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("moment", ["between", "after"])
def test_killed_between_the_two_writes_the_station_never_goes_below_what_worked(tmp_path: Path, moment: str) -> None:
    killed(tmp_path, moment)
    assert profiles(tmp_path) == [2]
    (tmp_path / "agent/agent.db").write_bytes(b"no database at all")
    assert profiles(tmp_path) == [2]


def test_a_memory_and_a_floor_that_both_broke_refuse_profile_1_until_the_directory_is_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    killed(tmp_path, "after")
    (tmp_path / "agent/agent.db").write_bytes(b"no database at all")
    (tmp_path / "agent/agent.floor").write_bytes(b"no floor")
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            assert profiles(tmp_path) == [2]
    assert caplog.text.count("removes its state_dir") == 1
    for path in (tmp_path / "agent").iterdir():
        path.unlink()
    (tmp_path / "agent").rmdir()
    assert profiles(tmp_path) == [1]
