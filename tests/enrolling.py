"""A station that enrols while a test breaks its connection, and what must hold of its store afterwards."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from chainpilot.link.watch import FrameSeen
from chainpilot.pki.trust import LeafUse
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.adapters.memory import SqliteMemory
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.app import Station, StationConfig
from chainpilot.station.checkup import Severity
from chainpilot.station.model import CaCertificateType, GetCertificateInfoStatus, LeafCertificateType, Secret
from chainpilot.station.watch import Booted, Connected, StationEvent, StoreUpdated
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.version import OcppVersion
from fastclock import FastClock

__all__ = ["PASSWORD", "SPEECHES", "Enrolling", "Speech", "assert_enrolled_once", "enrolling", "secc_name"]

PASSWORD = "00112233445566778899aabbccddeeff00112233"
PATIENCE = 60.0
"""Seconds until a test says that something never happened."""
LEAVES = {LeafUse.V2G: LeafCertificateType.V2G, LeafUse.CSMS: LeafCertificateType.CSMS}
FOLDERS = {LeafUse.V2G: "cso", LeafUse.CSMS: "csms"}
SETTINGS = Settings(cert_signing_wait_minimum=3, cert_signing_repeat_times=5)
TIMES = 20.0
"""As fast as the machine's runs the station's clock."""


@dataclass(frozen=True)
class Speech:
    """How a station and its CSMS speak, and of which certificate."""

    version: OcppVersion
    dialect: Dialect | None
    """Of 1.6; the station has learned it in an earlier life."""
    use: LeafUse

    def __str__(self) -> str:
        return f"{self.dialect.value if self.dialect else self.version.value}-{self.use.name}"


SPEECHES = (
    Speech(OcppVersion.V16, Dialect.H, LeafUse.V2G),
    Speech(OcppVersion.V16, Dialect.H, LeafUse.CSMS),
    Speech(OcppVersion.V16, Dialect.O, LeafUse.V2G),
    Speech(OcppVersion.V16, Dialect.S, LeafUse.CSMS),
    Speech(OcppVersion.V201, None, LeafUse.V2G),
    Speech(OcppVersion.V201, None, LeafUse.CSMS),
)


def secc_name(station: str) -> str:
    """The name in that station's SECC certificate."""
    return f"DE*CHP*E{station.rpartition('-')[2]}"


class Enrolling:
    """One station at work, and what it told."""

    def __init__(
        self, directory: Path, name: str, speech: Speech, port: int, roots: Mapping[CaCertificateType, str]
    ) -> None:
        self.speech = speech
        self.name = name
        self.directory = directory / name
        self.installed = 0
        self.boots = 0
        self.connections = 0
        self.on_frame: Callable[[FrameSeen], None] = lambda _: None
        self._news = asyncio.Event()
        config = StationConfig(
            station_id=name,
            csms_url=f"wss://localhost:{port}/ocpp",
            password=Secret(PASSWORD),
            store=StoreConfig(self.directory, allow_test_pki=True),
            organisation="Operator",
            country="DE",
            secc_name=secc_name(name),
            versions=(speech.version,),
            settings=SETTINGS,
        )
        memory = SqliteMemory.open(None)
        if speech.dialect is not None:
            topic = "v2g" if speech.use is LeafUse.V2G else "client"
            memory.write({"dialects": f'{{"version":1,"dialects":{{"{topic}":"{speech.dialect.value}"}}}}'.encode()})
        clock = FastClock(TIMES)
        self.station = Station(config, clock=clock, watch=self._watch, jitter=lambda: 0.5, memory=memory)
        for kind, pem in roots.items():
            assert self.security.install_ca(pem, kind).accepted

    @property
    def security(self) -> EvseSecurity:
        """Its store."""
        return self.station.security

    def _watch(self, event: StationEvent) -> None:
        match event:
            case StoreUpdated(update) if update.leaf_certificate_type is LEAVES[self.speech.use]:
                self.installed += 1
            case Booted(accepted=True):
                self.boots += 1
            case Connected():
                self.connections += 1
            case FrameSeen():
                self.on_frame(event)
        self.nudge()

    def nudge(self) -> None:
        """Have `until` look again."""
        self._news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once that holds; it is looked at whenever something happens, and after a `nudge`."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._news.clear()
                await self._news.wait()

    def assert_enrolled_once(self) -> None:
        """It installed once, and its store shows no more."""
        assert self.installed == 1
        assert_enrolled_once(self.security, self.directory, self.speech.use)


def assert_enrolled_once(security: EvseSecurity, directory: Path, use: LeafUse, *, still_open: int = 0) -> None:
    """One certificate with its key in use, nothing beside them, nothing else open, and nothing to complain about."""
    info = security.get_leaf_certificate_info(LEAVES[use])
    assert info.status is GetCertificateInfoStatus.ACCEPTED, info.reason
    files = sorted(path.name for path in (directory / "client" / FOLDERS[use]).iterdir())
    leaves = [name for name in files if name.endswith(".pem") and "CHAIN" not in name]
    keys = [name for name in files if name.endswith((".key", ".tkey"))]
    assert (len(leaves), len(keys)) == (1, 1), files
    assert len(security.open_requests()) == still_open
    found = [one for one in security.checkup() if one.severity is not Severity.NOTICE]
    assert not [one for one in found if not one.code.startswith("Ocsp")], "OCSP answers are no part of an enrolment"


@asynccontextmanager
async def enrolling(
    directory: Path, name: str, speech: Speech, port: int, roots: Mapping[CaCertificateType, str]
) -> AsyncIterator[Enrolling]:
    """A station that runs until the block ends."""
    one = Enrolling(directory, name, speech, port, roots)
    task = asyncio.create_task(one.station.run())
    try:
        yield one
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
