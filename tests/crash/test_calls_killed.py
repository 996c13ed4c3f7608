"""kill -9 of a whole CPMS between any two steps of a call to a station, which lives on."""

import asyncio
import base64
import json
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from answering import AnsweringStation, Reply, Said
from chainpilot.cpms.model import CallState, Step
from chainpilot.cpms.model.demands import (
    ChangePassword,
    DeleteCertificate,
    Demand,
    InstallCertificate,
    Reset,
    demand_to_json,
)
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, hash_data
from chainpilot.wire import ocpp201
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import (
    CertificateHashDataChain,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    GetInstalledCertificateIdsResponse,
    InstallCertificateRequest,
    InstallCertificateResponse,
)
from chainpilot.wire.pnc.words import (
    CertificateUse,
    DeleteCertificateStatus,
    GetInstalledCertificateStatus,
    InstallCertificateStatus,
)
from nursery import fork
from sims import csms_ladder

__all__: list[str] = []

pytestmark = pytest.mark.anyio

STATION = "CS-001"
PASSWORD = "00112233445566778899aabbccddeeff00112233"
PATIENCE = 30.0
USE = CertificateUse.CSMS_ROOT_CERTIFICATE
CONFIG = """
[[listener]]
name = "password"
profile = 1
allow_insecure = true
host = "127.0.0.1"
port = {port}
[database]
file = "cpms.sqlite"
"""


@dataclass
class Station:
    """A station that holds roots, takes passwords and comes back when its connection breaks."""

    port: int
    root: Certificate
    held: list[CertificateHashData] = field(default_factory=list)
    passwords: list[str] = field(default_factory=lambda: [PASSWORD])
    resets: int = 0

    def reply(self, said: Said, text: str) -> Reply:
        """Do what is asked."""
        match said:
            case InstallCertificateRequest():
                self.held = [hash_data(self.root, self.root)]
                return InstallCertificateResponse(InstallCertificateStatus.ACCEPTED)
            case DeleteCertificateRequest():
                self.held.remove(said.certificate_hash_data)
                return DeleteCertificateResponse(DeleteCertificateStatus.ACCEPTED)
            case ocpp201.SetVariables():
                self.passwords.append(said.set_variable_data[0].attribute_value)
                one = said.set_variable_data[0]
                result = ocpp201.SetVariableResult(ocpp201.SetVariableStatus.ACCEPTED, one.component, one.variable)
                return ocpp201.SetVariablesResponse((result,))
            case ocpp201.Reset():
                self.resets += 1
                return ocpp201.ResetResponse(ocpp201.ResetStatus.ACCEPTED)
            case _:
                listed = tuple(CertificateHashDataChain(USE, one) for one in self.held)
                status = (
                    GetInstalledCertificateStatus.ACCEPTED if self.held else GetInstalledCertificateStatus.NOT_FOUND
                )
                return GetInstalledCertificateIdsResponse(status, listed)

    async def live(self) -> None:
        """Come in, answer, and come in again, for ever."""
        while True:
            with suppress(OSError, InvalidHandshake, ConnectionClosed):
                await self.come_in()
            await asyncio.sleep(0.05)  # how long this station waits before it knocks again

    async def come_in(self) -> None:
        """One connection, with the password it was given last."""
        credentials = base64.b64encode(f"{STATION}:{self.passwords[-1]}".encode()).decode()
        async with connect(
            f"ws://127.0.0.1:{self.port}/{STATION}",
            additional_headers={"Authorization": f"Basic {credentials}"},
            subprotocols=[Subprotocol("ocpp2.0.1")],
        ) as connection:
            end = AnsweringStation(connection, (Dialect.V201,), self.reply)
            await connection.send(json.dumps([2, "own", "Heartbeat", {}]))
            await end.serve()


@dataclass
class Scene:
    """A folder of a CPMS, and the station at its door."""

    folder: Path
    station: Station

    def row(self) -> tuple[CallState, list[dict[str, Any]]]:
        """The state of the one call and its exchanges, read by nobody's code but SQLite's."""
        with sqlite3.connect(self.folder / "cpms.sqlite") as records:
            ((state, exchanges),) = records.execute("select state, exchanges from calls").fetchall()
        records.close()
        return CallState(state), json.loads(exchanges)

    async def life(self, *kill_at: str) -> None:
        """One life of the CPMS, up to the kill or the call's end."""
        files = [str(self.folder / name) for name in ("cpms.toml", "station.json")]
        process = await fork("crash.cpms_process:main", *files, *kill_at)
        try:
            async with asyncio.timeout(PATIENCE):
                while line := (await process.stdout.readline()).decode().strip():
                    if line == Step.CALL_ENDED.value and not kill_at:
                        return
                assert kill_at
                assert await process.wait() == -9
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


@asynccontextmanager
async def scene(folder: Path, demand: Demand, root: Certificate) -> AsyncIterator[Scene]:
    """A call that shall be ordered in the first life, and a station that lives on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "cpms.toml").write_text(CONFIG.format(port=port))
    record = {"id": STATION, "password": PASSWORD, "names": [], "organisation": "Operator", "profile": 1}
    (folder / "station.json").write_text(json.dumps({**record, "calls": [json.loads(demand_to_json(demand))]}))
    station = Station(port, root)
    living = asyncio.create_task(station.live())
    try:
        yield Scene(folder, station)
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)


ROOT = csms_ladder().root.certificate
INSTALL = InstallCertificate(USE, ROOT.to_pem())
DELETE = DeleteCertificate(certificate=ROOT.to_pem())
ONE_MESSAGE = ["call-ordered:1", "call-sent:1", "call-answered:1"]


@pytest.mark.parametrize("kill_at", ONE_MESSAGE)
async def test_a_root_is_installed_in_the_second_life(tmp_path: Path, kill_at: str) -> None:
    async with scene(tmp_path, INSTALL, ROOT) as one:
        await one.life(kill_at)
        await one.life()
        assert one.row()[0] is CallState.DONE
        assert one.station.held == [hash_data(ROOT, ROOT)]


@pytest.mark.parametrize("kill_at", [*ONE_MESSAGE, "call-sent:2", "call-answered:2"])
async def test_a_root_is_deleted_once_and_the_second_life_knows_it(tmp_path: Path, kill_at: str) -> None:
    async with scene(tmp_path, DELETE, ROOT) as one:
        one.station.held = [hash_data(ROOT, ROOT)]
        await one.life(kill_at)
        await one.life()
        state, exchanges = one.row()
        assert state is CallState.DONE
        assert one.station.held == []
        assert sum(exchange["action"] == "DeleteCertificate" for exchange in exchanges) <= 2


@pytest.mark.parametrize("kill_at", ONE_MESSAGE)
async def test_a_reset_is_never_said_twice(tmp_path: Path, kill_at: str) -> None:
    async with scene(tmp_path, Reset(), ROOT) as one:
        await one.life(kill_at)
        await one.life()
        state, exchanges = one.row()
        assert state is (CallState.OUTCOME_UNKNOWN if kill_at == "call-sent:1" else CallState.DONE)
        assert len(exchanges) == 1
        assert one.station.resets <= 1


@pytest.mark.parametrize("kill_at", ONE_MESSAGE)
async def test_a_station_comes_in_with_whichever_password_it_took(tmp_path: Path, kill_at: str) -> None:
    async with scene(tmp_path, ChangePassword(), ROOT) as one:
        await one.life(kill_at)
        await one.life()
        assert one.row()[0] is CallState.DONE
        assert 2 <= len(one.station.passwords) <= 3
        with sqlite3.connect(tmp_path / "cpms.sqlite") as records:
            ((kept,),) = records.execute("select password_hash from stations").fetchall()
        records.close()
        assert not any(password in kept for password in one.station.passwords)
