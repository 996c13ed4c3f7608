"""Our CPMS and our agent on one stage: the test PKI behind, a file server beside, every security profile on offer.

What they are to do together is a test's to say. All clocks but the PKI's are one, which stands still unless a test lets
time pass: nothing here waits for anything but what the other does.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from certs import Pki, csms_pki
from chainpilot.clock import SYSTEM
from chainpilot.cpms.app import Cpms
from chainpilot.cpms.config import load_config
from chainpilot.cpms.model import CallState, Enrolment, SecurityProfile, StationCall, StationRecord, Step, StepTaken
from chainpilot.cpms.model.demands import Demand
from chainpilot.cpms.passwords import hash_password, new_key
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.identity import StationId
from chainpilot.pki.trust import LeafUse
from chainpilot.station.adapters.memory import SqliteMemory
from chainpilot.station.agent.rerouting import SETTLE_SECONDS
from chainpilot.station.app import Station, StationConfig
from chainpilot.station.layout import StoreConfig
from chainpilot.station.model import CaCertificateType, CertificateInfo, LeafCertificateType, Secret
from chainpilot.station.service import EvseSecurity
from chainpilot.station.watch import Booted, Connected
from chainpilot.testpki.app import EST_USER, TestPki
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.schema import Message
from chainpilot.wire.version import OcppVersion
from clocks import SetClock
from fileserver import FileServer, file_server
from stations import PATIENCE, Running

__all__ = ["EVSE", "STATION", "Duet", "open_duet"]

STATION: Final = StationId("CS-0001")
EVSE: Final = "DE*ICE*E0001"
OPERATOR: Final = "Operator"
_LEAVES: Final = {LeafUse.V2G: LeafCertificateType.V2G, LeafUse.CSMS: LeafCertificateType.CSMS}
_SCHEMES: Final = ("ws", "ws", "wss", "wss")
_CONFIG: Final = """
[[listener]]
name = "0"
profile = 0
allow_insecure = true
host = "127.0.0.1"
port = 0
[[listener]]
name = "1"
profile = 1
allow_insecure = true
host = "127.0.0.1"
port = 0
[[listener]]
name = "2"
profile = 2
host = "127.0.0.1"
port = 0
certificate = "tls/tls_server.pem"
key = "tls/tls_server.key"
[[listener]]
name = "3"
profile = 3
host = "127.0.0.1"
port = 0
certificate = "tls/tls_server.pem"
key = "tls/tls_server.key"
client_ca = "pki/csms_root.pem"
[database]
file = "cpms.sqlite"
[pki.cpo]
url = "{url}"
label = "cpo"
username = "{user}"
password_file = "{password}"
tls_ca = "pki/web_root.pem"
timeout = {seconds}
[pki.csms]
url = "{url}"
label = "csms"
username = "{user}"
password_file = "{password}"
tls_ca = "pki/web_root.pem"
[issue]
v2g = "cpo"
csms = "csms"
[trust]
v2g = ["pki/v2g_root.pem"]
mo = ["pki/mo_root.pem"]
csms = ["pki/csms_root.pem"]
allow_test_pki = true
[ocsp]
allow_networks = ["127.0.0.0/8"]
timeout = {ocsp_seconds}
"""


class Steps:
    """What the CPMS took, and a way to wait for it."""

    def __init__(self) -> None:
        self.taken: list[StepTaken] = []
        self._more = asyncio.Event()

    def __call__(self, taken: StepTaken) -> None:
        """Note one."""
        self.taken.append(taken)
        self._more.set()

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait until that is so; it is looked at after every step."""
        async with asyncio.timeout(PATIENCE):
            while not happened():
                self._more.clear()
                await self._more.wait()

    def count(self, step: Step, **facts: str) -> int:
        """How often the step was taken, with these facts among its own."""
        return sum(one.step is step and facts.items() <= one.facts.items() for one in self.taken)


@dataclass
class Duet:
    """The two and what a test needs to follow them."""

    folder: Path
    pki: TestPki
    pki_clock: SetClock
    clock: SetClock
    cpms: Cpms
    steps: Steps
    files: FileServer
    config: StationConfig
    lives: list[Running] = field(default_factory=list)
    """The station's, the present one last: each a process's worth of memory, on the same disk."""
    _task: asyncio.Task[None] | None = None
    _memory: SqliteMemory | None = None

    @property
    def station(self) -> Station:
        """The present life's."""
        return self.lives[-1].station

    def give_root(self, *kinds: CaCertificateType) -> None:
        """Put roots into the station's store, as its maker does; by default the one that TLS needs."""
        store = EvseSecurity(self.config.store)
        for kind in kinds or (CaCertificateType.CSMS,):
            outcome = store.install_ca(self.root(kind.value.lower()), kind)
            assert outcome.accepted, outcome.reason

    async def start(self) -> None:
        """Let the station run, on what is on its disk; returns when the CPMS has accepted it."""
        running = Running(self.config)
        memory = self._memory = SqliteMemory.open(self.config.state_dir)
        running.station = Station(self.config, watch=running.watch, jitter=lambda: 0.0, clock=self.clock, memory=memory)
        self.lives.append(running)
        self._task = asyncio.create_task(running.station.run())
        await running.until(Booted, accepted=True)
        await self._until_settled()

    async def stop(self) -> None:
        """End the station's life as SIGTERM does."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self._memory is not None:
            self._memory.close()

    async def let_it_settle(self) -> None:
        """The moment passes that the station stays after a change of the way to its CSMS."""
        await self.clock.until_somebody_sleeps(until=SETTLE_SECONDS)
        self.clock.advance(SETTLE_SECONDS)

    async def came(self, profile: int) -> None:
        """Until the station has come anew over that profile and was accepted, and both ends have written that down."""
        running = self.lives[-1]
        await running.until(Connected, profile=profile)
        await running.until(Booted, accepted=True)
        await self._until_settled()
        async with asyncio.timeout(PATIENCE):
            while (await self.record()).minimum_profile < profile:  # noqa: ASYNC110 - no step tells of it
                await asyncio.sleep(0)

    async def _until_settled(self) -> None:
        """The station has noted that it was accepted, and begins to speak."""
        async with asyncio.timeout(PATIENCE):
            while self.station.agent.flows.voices.present is None:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0)

    def let_time_pass(self, seconds: float) -> None:
        """All clocks go on."""
        self.pki_clock.advance(seconds)
        self.clock.advance(seconds)

    def profiles(self) -> list[int]:
        """Those of all the station's connections so far."""
        return [one.profile for life in self.lives for one in life.events if isinstance(one, Connected)]

    def url(self, profile: int) -> str:
        """Where the CPMS serves that profile; the station's id goes to its end."""
        return f"{_SCHEMES[profile]}://localhost:{self.cpms.listeners[str(profile)][1]}/ocpp"

    def root(self, name: str) -> str:
        """A root of the test PKI, as PEM."""
        return (self.folder / "pki" / f"{name}_root.pem").read_text(encoding="ascii")

    async def call(self, demand: Demand, state: CallState = CallState.DONE) -> StationCall:
        """Want something of the station, until the call has ended as it should."""
        ordered = await self.cpms.calls.order(STATION, demand)
        await self.steps.until(lambda: self.steps.count(Step.CALL_ENDED, call=str(ordered.call_id)))
        call = await self.cpms.ledger.call(ordered.call_id)
        assert call is not None
        assert call.state is state, (demand, call.state, call.end, call.exchanges)
        return call

    async def tell(self, message: Message) -> Message:
        """Say one of OCPP's own messages past the desk, which would not take such an order."""
        assert self.cpms._gateway is not None
        return await self.cpms._gateway._sessions.tell(STATION, message)

    async def record(self) -> StationRecord:
        """What the CPMS knows of the station."""
        record = await self.cpms.ledger.station(STATION)
        assert record is not None
        return record

    async def enrolments(self, use: LeafUse) -> list[Enrolment]:
        """Those of a use, the oldest first."""
        found = [one for one in await self.cpms.ledger.enrolments_of(STATION) if one.slot.use is use]
        return sorted(found, key=lambda one: one.created_at)

    def leaf(self, use: LeafUse) -> CertificateInfo:
        """The leaf in use."""
        info = self.station.security.get_leaf_certificate_info(_LEAVES[use]).info
        assert info is not None
        return info

    def in_use(self, use: LeafUse) -> Certificate:
        """The leaf in use itself."""
        return load_certificates(Path(self.leaf(use).certificate or "").read_text())[0]

    def leaves(self, use: LeafUse) -> list[Certificate]:
        """Every leaf on the station's disk, the latest last."""
        directory = self.station.security.layout.leaves[_LEAVES[use]].certificates
        files = [path for path in directory.glob("*_LEAF_*.pem") if "CHAIN" not in path.name]
        return sorted((load_certificates(path.read_text())[0] for path in files), key=lambda leaf: leaf.not_before)

    async def assert_store_holds_good(self, use: LeafUse) -> None:
        """OpenSSL takes the leaf in use for one of its root, and its key for the leaf's."""
        info, domain = self.leaf(use), CaCertificateType[use.name]
        root = str(self.station.security.layout.bundles[domain])
        chain = info.certificate or ""
        at = str(int(self.clock.now().timestamp()))
        checked = await _openssl("verify", "-attime", at, "-CAfile", root, "-untrusted", chain, chain)
        assert checked.endswith(": OK\n"), checked
        of_leaf = await _openssl("x509", "-in", chain, "-noout", "-pubkey")
        assert await _openssl("pkey", "-in", info.key, "-pubout") == of_leaf

    async def change_servers_pki(self) -> Pki:
        """The CPMS shows a certificate of another PKI from now on, to whoever connects."""
        other = csms_pki(domain="CSMS")
        chain, key = other.server("localhost")
        (self.folder / "tls" / "tls_server.pem").write_text(chain)
        (self.folder / "tls" / "tls_server.key").write_bytes(key)
        assert await self.cpms.reload() == ()
        return other


async def _openssl(*words: str) -> str:
    command = ["openssl", *words]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@asynccontextmanager
async def open_duet(
    folder: Path,
    version: OcppVersion,
    dialects: tuple[Dialect, ...],
    profile: int,
    *,
    pki_seconds: float = 30.0,
    ocsp_seconds: float = 5.0,
    **more: Any,
) -> AsyncIterator[Duet]:
    """Everything runs but the station, whose store is empty but for the root that TLS needs.

    Args:
        folder: for everything.
        version: that the station offers.
        dialects: that the CPMS knows of the station.
        profile: that the station begins with; with profile 0 it has no password.
        pki_seconds: for which the CPMS waits for the PKI of SECC certificates.
        ocsp_seconds: for which it waits for a responder.
        more: of its StationConfig.
    """
    clock, pki_clock, password = SetClock(SYSTEM.now()), SetClock(SYSTEM.now()), new_key() if profile else ""
    async with AsyncExitStack() as stack:
        pki = await stack.enter_async_context(TestPki(folder / "pki", clock=pki_clock))
        pki.issue_tls_server(("localhost",), folder / "tls")
        login = {"url": pki.est_url, "user": EST_USER, "password": pki.password_file}
        names = {**login, "seconds": pki_seconds, "ocsp_seconds": ocsp_seconds}
        (folder / "cpms.toml").write_text(_CONFIG.format(**names))
        steps = Steps()
        cpms = Cpms(load_config(folder / "cpms.toml", {}), clock=clock, watch=steps)
        await stack.enter_async_context(cpms)
        files = stack.enter_context(file_server())
        record = StationRecord(
            STATION,
            hash_password(password, generated=True) if password else "",
            minimum_profile=SecurityProfile(profile),
            allowed_names=frozenset({EVSE}),
            organisation=OPERATOR,
            dialects=dialects,
        )
        await cpms.add_station(record)
        duet = Duet(folder, pki, pki_clock, clock, cpms, steps, files, _station(folder, password, profile))
        urls = {one: duet.url(one) for one in range(4)}
        duet.config = _station(
            folder, password, profile, csms_url=urls[profile], profile_urls=urls, versions=(version,), **more
        )
        stack.push_async_callback(duet.stop)
        yield duet


def _station(folder: Path, password: str, profile: int, **more: Any) -> StationConfig:
    given: dict[str, Any] = {"csms_url": f"{_SCHEMES[profile]}://localhost", **more}
    return StationConfig(
        station_id=STATION,
        password=Secret(password),
        store=StoreConfig(folder / "certs", allow_test_pki=True),
        organisation=OPERATOR,
        country="DE",
        secc_name=EVSE,
        security_profile=profile,
        allow_insecure=profile < 2,
        state_dir=folder / "state",
        **given,
    )
