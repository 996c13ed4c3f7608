"""The whole agent on a full disk: it stays connected, refuses what it can't keep, and goes on once there is room.

The disk is a small file system in a name space of its own, filled to the last byte while the agent runs.
"""

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentprocess import AgentProcess, Place, command
from certs import Pki, csms_pki, root, v2g_pki
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.model import CaCertificateType
from chainpilot.wire.version import OcppVersion
from enrolling import PASSWORD, assert_enrolled_once
from issuing import IssuingCsms, issuing_csms

__all__: list[str] = []

pytestmark = pytest.mark.anyio

V16, V201 = OcppVersion.V16, OcppVersion.V201
VERSIONS = pytest.mark.parametrize("version", [V16, V201], ids=lambda one: one.value)
OPERATOR = {V16: "CpoName", V201: "SecurityCtrlr.OrganizationName"}
MOST = 600
"""Changes until the memory's file can't grow: what is written over takes no room."""
WARDEN = """
import os, shutil, subprocess, sys
from pathlib import Path
source, place, words = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
shutil.copytree(source, place, dirs_exist_ok=True)
ballast = place / "ballast"
def begin():
    return subprocess.Popen(words, stdin=subprocess.DEVNULL)
def fill():
    with ballast.open("ab", buffering=0) as file:
        for size in (65536, 4096, 256, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                assert error.errno == 28, error
agent = begin()
for line in sys.stdin:
    match line.strip():
        case "fill":
            fill()
        case "free":
            ballast.unlink()
        case "kill":
            agent.kill()
            agent.wait()
        case "begin":
            agent = begin()
        case "forget":
            shutil.rmtree(place / "state")
        case "wait":
            print("code", agent.wait(), file=sys.stderr, flush=True)
        case "stop":
            agent.terminate()
            print("ended", agent.wait(), file=sys.stderr, flush=True)
            shutil.copytree(place, source, dirs_exist_ok=True)
    print("done", line.strip(), file=sys.stderr, flush=True)
"""


@pytest.fixture(scope="module")
def pkis() -> tuple[Pki, Pki]:
    return v2g_pki(), csms_pki()


@pytest.fixture(autouse=True)
def may_mount() -> None:
    if subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount anything, not even for himself")


@asynccontextmanager
async def on_a_small_disk(
    directory: Path, pkis: tuple[Pki, Pki], version: OcppVersion
) -> AsyncIterator[tuple[IssuingCsms, Place, AgentProcess]]:
    """A CSMS that sends no certificate by itself, and a station that has booted."""
    roots = {
        CaCertificateType.V2G: pkis[0].root.certificate.to_pem(),
        CaCertificateType.CSMS: pkis[1].root.certificate.to_pem(),
    }
    disk = directory / "disk"
    disk.mkdir()
    (directory / "warden.py").write_text(WARDEN)
    async with issuing_csms(directory, *pkis) as csms:
        csms.delivers = False
        place = Place.make(directory, "CS-0001", version, csms.port, roots)
        csms.known[place.name].password = PASSWORD
        script = 'set -e; cd /; mount -t tmpfs -o size=3m,mode=700 none "$1"; shift; exec "$@"'
        python = command(disk / "station.toml")[0]
        warden = [python, str(directory / "warden.py"), str(place.directory), str(disk)]
        agent = AgentProcess(place)
        words = ["unshare", "-Urm", "sh", "-c", script, "sh", str(disk), *warden, *command(disk / "station.toml")]
        await agent.start(*words)
        csms.changed = agent.nudge
        try:
            await agent.until(lambda: csms.known[place.name].boots > 0)
            yield csms, place, agent
        finally:
            await agent.told_back("kill", "done")
            await agent.kill()


async def until_rejected(served: Any, name: str) -> int:
    """Change a setting until that can't be kept any more; how often it could."""
    for number in range(MOST):
        if await served.set(name, f"Operator {number}") == "Rejected":
            return number
    pytest.fail("the disk is full, and changes are still accepted")


@VERSIONS
async def test_on_a_full_disk_the_agent_stays_refuses_and_goes_on_once_there_is_room(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion
) -> None:
    async with on_a_small_disk(tmp_path, pkis, version) as (csms, place, agent):
        known = csms.known[place.name]
        served = known.served
        assert await served.trigger(LeafUse.V2G) == "Accepted"
        await agent.until(lambda: "sign_certificate_answered" in agent.names)
        (key,) = known.chains
        await agent.told_back("fill", "done")
        kept = await until_rejected(served, OPERATOR[version])
        assert await served.trigger(LeafUse.CSMS) == "Rejected"
        for _ in range(2):
            assert await served.bring(known.chains[key], LeafUse.V2G, key) == "Rejected"
        assert await served.install(root("Another").certificate.to_pem()) in {"Failed", "Rejected"}
        assert await served.get(OPERATOR[version]) == (f"Operator {kept - 1}" if kept else "Operator")
        await agent.told_back("free", "done")
        assert await served.bring(known.chains[key], LeafUse.V2G, key) == "Accepted"
        assert await served.set(OPERATOR[version], "Operator at last") == "Accepted"
        assert await served.trigger(LeafUse.CSMS) == "Accepted"
        await agent.until(lambda: len(set(known.asked)) == 2)
        assert known.boots == 1, "the connection stayed"
        assert await agent.told_back("stop", "ended") == "ended 0"
        await agent.until(lambda: "done stop\n" in agent.remarks)
        assert not [line for line in agent.remarks if "incident" in line or "Traceback" in line]
        assert not [word for word, _ in known.events if word.startswith("Invalid")], "the certificate was good"
        told = [word for word, _ in known.events].count(SecurityEventType.MEMORY_EXHAUSTION.value)
        assert told in {1, 2}, "once for the memory, and once for the store unless the first still waited"
    assert_enrolled_once(place.security(), place.store, LeafUse.V2G, still_open=1)


@VERSIONS
async def test_events_of_a_time_without_room_are_told_and_logged_afterwards(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion
) -> None:
    async with on_a_small_disk(tmp_path, pkis, version) as (csms, place, agent):
        known = csms.known[place.name]
        served = known.served
        await agent.until(lambda: len(known.events) >= 2)
        await agent.told_back("fill", "done")
        await until_rejected(served, OPERATOR[version])
        for number in range(3):
            assert await served.bring(f"rubbish {number}", LeafUse.V2G, "") == "Rejected"
        await agent.until(lambda: sum(word.startswith("InvalidCharg") for word, _ in known.events) == 3)
        await agent.told_back("free", "done")
        assert await served.set(OPERATOR[version], "Operator at last") == "Accepted"
        await agent.until(lambda: known.events[-1][0].startswith("Reconfiguration"))
        assert await agent.told_back("stop", "ended") == "ended 0"
        await agent.until(lambda: "done stop\n" in agent.remarks)
        logged, waiting = place.events()
    words = [event.type for event in logged]
    assert words.count(SecurityEventType.INVALID_CHARGING_STATION_CERTIFICATE) == 3
    assert len(waiting) <= 1, "the last one may have been told without its being written down"


@VERSIONS
async def test_an_agent_that_is_started_again_on_a_full_disk_connects_and_stays(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion
) -> None:
    async with on_a_small_disk(tmp_path, pkis, version) as (csms, place, agent):
        known = csms.known[place.name]
        await agent.told_back("fill", "done")
        kept = await until_rejected(known.served, OPERATOR[version])
        await agent.told_back("kill", "done")
        await agent.told_back("begin", "done")
        await agent.until(lambda: known.boots == 2)
        assert await known.served.set(OPERATOR[version], "Another") == "Rejected"
        assert await known.served.get(OPERATOR[version]) == (f"Operator {kept - 1}" if kept else "Operator")
        await agent.until(lambda: len([1 for word, _ in known.events if word == "StartupOfTheDevice"]) >= 2)
        await agent.told_back("free", "done")
        assert await known.served.set(OPERATOR[version], "Another") == "Accepted"
        assert await agent.told_back("stop", "ended") == "ended 0"
        await agent.until(lambda: "done stop\n" in agent.remarks)
        assert known.boots == 2, "it stayed connected"
    logged, _ = place.events()
    assert [event.type for event in logged].count(SecurityEventType.STARTUP_OF_THE_DEVICE) == 2


@VERSIONS
async def test_an_agent_that_is_started_for_the_first_time_on_a_full_disk_says_so_and_ends(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion
) -> None:
    async with on_a_small_disk(tmp_path, pkis, version) as (_, _, agent):
        await agent.told_back("kill", "done")
        await agent.told_back("forget", "done")
        await agent.told_back("fill", "done")
        before = len(agent.remarks)
        await agent.told_back("begin", "done")
        code = await agent.told_back("wait", "code")
        assert code not in {"code 0", "code None"}
        assert any("No space left" in line or "disk is full" in line for line in agent.remarks[before:])
        assert not any("Traceback" in line for line in agent.remarks)
