"""kill -9 of a whole CPMS between any two steps of an enrolment, with the real PKI and a real station around it."""

import asyncio
import json
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chainpilot.cpms.model import EnrolmentState, Step
from chainpilot.pki.trust import LeafUse
from chainpilot.station.app import Station, StationConfig
from chainpilot.station.layout import StoreConfig
from chainpilot.station.model import CaCertificateType, GetCertificateInfoStatus, LeafCertificateType, Secret
from chainpilot.station.watch import Booted, StationEvent, StoreUpdated
from chainpilot.testpki.app import EST_USER, TestPki
from nursery import Child, fork
from offices import STEPS

__all__: list[str] = []

pytestmark = pytest.mark.anyio

LAST = f"{Step.INSTALL_RECORDED.value}:1"
"""After this step the records say all; no second life is needed."""
KILL_POINTS = [*(f"{step.value}:1" for step in STEPS), f"{Step.JOB_TAKEN.value}:1", f"{Step.JOB_TAKEN.value}:2"]
PENDING_STEPS = [
    f"{Step.POSTED.value}:1",
    f"{Step.POSTPONED.value}:1",
    f"{Step.SUBMIT_RECORDED.value}:2",
    f"{Step.POSTED.value}:2",
]
"""Where the road differs if the PKI first answers 202."""
CLIENT_STEPS = [
    f"{Step.POSTED.value}:1",
    f"{Step.DELIVERY_RECORDED.value}:1",
    f"{Step.SIGNED_ANSWERED.value}:1",
    LAST,
]
"""Where the road of a client certificate differs: another PKI, and nothing to read back."""
_LEAVES = {LeafUse.V2G: LeafCertificateType.V2G, LeafUse.CSMS: LeafCertificateType.CSMS}
AMBIGUOUS = {f"{Step.SUBMIT_RECORDED.value}:1", f"{Step.POSTED.value}:1"}
"""Between the record before the POST and the record of its answer nobody can tell whether the CA has issued."""
STATION = "CS-001"
NAME = "DE*CHP*E0001"
PASSWORD = "00112233445566778899aabbccddeeff00112233"
PATIENCE = 30.0

CONFIG = """
[[listener]]
name = "password"
profile = 2
host = "127.0.0.1"
port = {port}
certificate = "tls/tls_server.pem"
key = "tls/tls_server.key"
[database]
file = "cpms.sqlite"
[pki.cpo]
url = "{est_url}"
label = "cpo"
username = "{user}"
password_file = "{password_file}"
tls_ca = "{pki}/web_root.pem"
repost_safe = {repost_safe}
[pki.own]
url = "{est_url}"
label = "csms"
username = "{user}"
password_file = "{password_file}"
tls_ca = "{pki}/web_root.pem"
repost_safe = {repost_safe}
[issue]
v2g = "cpo"
csms = "own"
[trust]
v2g = ["{pki}/v2g_root.pem"]
csms = ["{pki}/csms_root.pem"]
allow_test_pki = true
"""


class Scene:
    """A test PKI and a station that live on while the CPMS between them dies."""

    def __init__(self, directory: Path, pki: TestPki, *, repost_safe: bool) -> None:
        self.directory = directory
        self.pki = pki
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        pki.issue_tls_server(("127.0.0.1",), directory / "tls")
        (directory / "cpms.toml").write_text(
            CONFIG.format(
                port=port,
                est_url=pki.est_url,
                user=EST_USER,
                password_file=pki.password_file,
                pki=pki.directory,
                repost_safe=str(repost_safe).lower(),
            )
        )
        record = {"id": STATION, "password": PASSWORD, "names": [NAME], "organisation": "Operator"}
        (directory / "station.json").write_text(json.dumps(record))
        self.events: asyncio.Queue[StationEvent] = asyncio.Queue()
        self.installed = 0
        config = StationConfig(
            station_id=STATION,
            csms_url=f"wss://127.0.0.1:{port}/ocpp/{STATION}",
            password=Secret(PASSWORD),
            store=StoreConfig(directory / "certs", allow_test_pki=True),
            organisation="Operator",
            country="DE",
            secc_name=NAME,
        )
        self.station = Station(config, watch=self._watch, jitter=lambda: 0.1)
        roots = {CaCertificateType.V2G: "v2g_root.pem", CaCertificateType.CSMS: "csms_root.pem"}
        for kind, name in roots.items():
            assert self.station.security.install_ca((pki.directory / name).read_text(), kind).accepted

    def _watch(self, event: StationEvent) -> None:
        if isinstance(event, StoreUpdated) and event.update.leaf_certificate_type in set(_LEAVES.values()):
            self.installed += 1
        self.events.put_nowait(event)

    async def until_booted(self) -> None:
        """Until the station was accepted by a CPMS that lives."""
        async with asyncio.timeout(PATIENCE):
            while not isinstance(await self.events.get(), Booted):
                pass

    def state(self) -> tuple[EnrolmentState, int]:
        """The state of the one enrolment and how many there are, read by nobody's code but SQLite's."""
        with sqlite3.connect(self.directory / "cpms.sqlite") as records:
            rows = records.execute("select state from enrolments").fetchall()
        records.close()
        return EnrolmentState(rows[0][0]), len(rows)

    def assert_one_leaf_in_the_store(self) -> None:
        """One SECC leaf, in use, with nothing beside it."""
        info = self.station.security.get_leaf_certificate_info(LeafCertificateType.V2G)
        assert info.status is GetCertificateInfoStatus.ACCEPTED
        assert len(list((self.directory / "certs" / "client" / "cso").glob("SECC_LEAF_*.pem"))) == 1


class Process:
    """The CPMS of one life."""

    def __init__(self, process: Child) -> None:
        self._process = process
        self.steps: list[str] = []

    async def until(self, *words: str) -> str:
        """Read its lines up to one of `words`."""
        async with asyncio.timeout(PATIENCE):
            while line := (await self._process.stdout.readline()).decode().strip():
                self.steps.append(line)
                if line in words:
                    return line
        pytest.fail(f"the CPMS ended before {words}: {self.steps}")

    async def death(self) -> int:
        """Its exit code; negative for a signal."""
        async with asyncio.timeout(PATIENCE):
            return await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end and wait."""
        if self._process.returncode is None:
            self._process.terminate()
        await self.death()


@asynccontextmanager
async def cpms(scene: Scene, *kill_at: str) -> AsyncIterator[Process]:
    """A CPMS that serves; it is ended by its process id."""
    files = [str(scene.directory / name) for name in ("cpms.toml", "station.json")]
    process = Process(await fork("crash.cpms_process:main", *files, *kill_at))
    try:
        await process.until("ready")
        yield process
    finally:
        await process.stop()


@asynccontextmanager
async def scene(directory: Path, *, repost_safe: bool, pending_first: bool = False) -> AsyncIterator[Scene]:
    """The PKI and the station, running."""
    async with TestPki(directory / "pki", repost_safe=repost_safe, pending_first=pending_first) as pki:
        one = Scene(directory, pki, repost_safe=repost_safe)
        running = asyncio.create_task(one.station.run())
        try:
            yield one
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def live_and_die(one: Scene, kill_at: str, use: LeafUse = LeafUse.V2G) -> None:
    """One life, up to the kill."""
    async with cpms(one, kill_at) as process:
        await one.until_booted()
        await one.station.enrol(use)
        assert await process.death() == -9


@pytest.mark.parametrize("kill_at", KILL_POINTS)
async def test_with_a_repost_safe_pki_one_certificate_is_issued_and_one_installed(tmp_path: Path, kill_at: str) -> None:
    async with scene(tmp_path, repost_safe=True) as one:
        await live_and_die(one, kill_at)
        if kill_at != LAST:
            async with cpms(one) as process:
                await process.until(Step.INSTALL_RECORDED.value)
        assert one.state() == (EnrolmentState.INSTALLED, 1)
        assert len(one.pki.issued) == 1
        assert one.installed == 1
        one.assert_one_leaf_in_the_store()


@pytest.mark.parametrize("kill_at", KILL_POINTS)
async def test_without_it_a_kill_around_the_post_ends_in_outcome_unknown_and_any_other_as_before(
    tmp_path: Path, kill_at: str
) -> None:
    async with scene(tmp_path, repost_safe=False) as one:
        await live_and_die(one, kill_at)
        if kill_at != LAST:
            async with cpms(one) as process:
                await process.until(Step.INSTALL_RECORDED.value, Step.OUTCOME_UNKNOWN.value)
        if kill_at in AMBIGUOUS:
            assert one.state() == (EnrolmentState.OUTCOME_UNKNOWN, 1)
            assert len(one.pki.issued) == (1 if kill_at.startswith(Step.POSTED.value) else 0)
            assert one.installed == 0
        else:
            assert one.state() == (EnrolmentState.INSTALLED, 1)
            assert len(one.pki.issued) == 1
            assert one.installed == 1
            one.assert_one_leaf_in_the_store()


@pytest.mark.parametrize("kill_at", PENDING_STEPS)
async def test_a_request_that_the_pki_had_put_off_gives_one_certificate_too(tmp_path: Path, kill_at: str) -> None:
    async with scene(tmp_path, repost_safe=True, pending_first=True) as one:
        await live_and_die(one, kill_at)
        async with cpms(one) as process:
            await process.until(Step.INSTALL_RECORDED.value)
        assert one.state() == (EnrolmentState.INSTALLED, 1)
        assert (len(one.pki.issued), one.installed) == (1, 1)
        one.assert_one_leaf_in_the_store()


@pytest.mark.parametrize("kill_at", CLIENT_STEPS)
async def test_a_client_certificate_is_issued_and_held_once_too(tmp_path: Path, kill_at: str) -> None:
    async with scene(tmp_path, repost_safe=True) as one:
        await live_and_die(one, kill_at, LeafUse.CSMS)
        if kill_at != LAST:
            async with cpms(one) as process:
                await process.until(Step.INSTALL_RECORDED.value)
        assert one.state() == (EnrolmentState.INSTALLED, 1)
        assert len(one.pki.issued) == 1
        info = one.station.security.get_leaf_certificate_info(LeafCertificateType.CSMS)
        assert info.status is GetCertificateInfoStatus.ACCEPTED
