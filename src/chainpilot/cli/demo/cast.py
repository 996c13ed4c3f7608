"""The three parts on one stage: the test PKI, the CPMS and one station, each with its own folder and its real protocol.

The CPMS is configured by the same TOML file an operator writes; it stays in the demo's folder to be read.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chainpilot.cli.demo.stage import Stage
from chainpilot.cli.demo.story import Story
from chainpilot.cpms.app import Cpms
from chainpilot.cpms.config import CpmsConfig, load_config
from chainpilot.cpms.model import StationRecord
from chainpilot.cpms.passwords import hash_password, new_key
from chainpilot.errors import OwnError
from chainpilot.pki.identity import StationId, parse_station_id
from chainpilot.station.app import Station, StationConfig
from chainpilot.station.layout import StoreConfig
from chainpilot.station.model import CaCertificateType, InstallCertificateResult, Secret
from chainpilot.testpki.app import EST_USER, TestPki
from chainpilot.wire.version import OcppVersion

__all__ = ["GUEST_ID", "GUEST_NAME", "ORGANISATION", "SECC_NAME", "STATION_ID", "Cast", "RootNotInstalled", "assemble"]

STATION_ID: Final = parse_station_id("BER-0001")
SECC_NAME: Final = "DE*CHP*E0001*1"
GUEST_ID: Final = parse_station_id("BER-0002")
"""A second station that the CPMS knows, for whoever brings one along to `--stay`."""
GUEST_NAME: Final = "DE*CHP*E0002*1"
ORGANISATION: Final = "Demo Operator"
COUNTRY: Final = "DE"

_ROOTS: Final = {
    CaCertificateType.V2G: "v2g_root.pem",
    CaCertificateType.MO: "mo_root.pem",
    CaCertificateType.CSMS: "csms_root.pem",
}

_CONFIG: Final = """\
# The CPMS of `chainpilot demo`. Paths are relative to this file.

[database]
file = "cpms.sqlite"

[[listener]]              # stations with a password: OCPP security profile 2
name = "password"
profile = 2
host = "127.0.0.1"
port = {password}                  # 0: any free port
certificate = "tls/tls_server.pem"
key = "tls/tls_server.key"

[[listener]]              # stations with a client certificate: OCPP security profile 3
name = "certificate"
profile = 3
host = "127.0.0.1"
port = {certificate}
certificate = "tls/tls_server.pem"
key = "tls/tls_server.key"
client_ca = "../pki/csms_root.pem"

[pki.cpo]                 # signs SECC certificates
url = "{est_url}"
label = "cpo"
username = "{user}"
password_file = "../pki/{password_file}"
tls_ca = "../pki/web_root.pem"
repost_safe = true        # this PKI answers the same CSR with the same certificate

[pki.csms]                # signs the stations' client certificates
url = "{est_url}"
label = "csms"
username = "{user}"
password_file = "../pki/{password_file}"
tls_ca = "../pki/web_root.pem"
repost_safe = true

[issue]
v2g = "cpo"
csms = "csms"

[policy]
requests_per_hour = 1000  # the defaults are soon used up by whoever tries things out
csr_per_station_per_day = 10000

[trust]
v2g = ["../pki/v2g_root.pem"]
mo = ["../pki/mo_root.pem"]
csms = ["../pki/csms_root.pem"]
allow_test_pki = true     # never in production: anybody may hold a test PKI's keys

[ocsp]
allow_networks = ["127.0.0.0/8"]      # where the test PKI's responder stands
"""


class RootNotInstalled(OwnError):
    """The station's store refused a root of the test PKI; `result` is its word, `why` its reason."""

    def __init__(self, kind: CaCertificateType, result: InstallCertificateResult, why: str | None) -> None:
        super().__init__(f"the store refused the {kind.value} root: {result.value}, {why}")
        self.result = result
        self.why = why


@dataclass(frozen=True, slots=True)
class Cast:
    """The parts, running."""

    pki: TestPki
    cpms: Cpms
    station: Station
    directory: Path

    @property
    def addresses(self) -> dict[str, str]:
        """Where everything listens."""
        return {
            "est": f"{self.pki.est_url}/.well-known/est/cpo",
            "ocsp": self.pki.ocsp_url,
            "ocpp-profile-2": _ocpp_url(self.cpms, "password"),
            "ocpp-profile-3": _ocpp_url(self.cpms, "certificate"),
        }

    @property
    def files(self) -> dict[str, str]:
        """Where everything lies."""
        return {
            "store": str(self.directory / "station" / "certs"),
            "cpms-config": str(self.directory / "cpms" / "cpms.toml"),
            "cpms-records": str(self.directory / "cpms" / "cpms.sqlite"),
            "pki": str(self.directory / "pki"),
            "guest-password": str(_guest_file(self.directory)),
        }


@asynccontextmanager
async def assemble(stage: Stage, story: Story) -> AsyncIterator[Cast]:
    """Start the PKI, then the CPMS, then the station, which connects by itself; stop them in turn at the end.

    Raises:
        ChainpilotError, OSError: a part can't start, with its reason.
    """
    directory = stage.path
    async with AsyncExitStack() as stack:
        pki = await stack.enter_async_context(TestPki(directory / "pki", watch=story.of_pki))
        story.tell_pki(pki.est_url, pki.ocsp_url)
        config = await asyncio.to_thread(_write_config, stage, pki)
        cpms = await stack.enter_async_context(Cpms(config, watch=story.of_cpms))
        stage.keep_ports({name: port for name, (_, port) in cpms.listeners.items()})
        key = new_key()
        guest_key = await asyncio.to_thread(_guest_key, directory)
        await cpms.add_station(_record(STATION_ID, SECC_NAME, key), reset_profile=True)
        await cpms.add_station(_record(GUEST_ID, GUEST_NAME, guest_key), reset_profile=True)
        story.tell_cpms(_ocpp_url(cpms, "password"), _ocpp_url(cpms, "certificate"))
        station = _station(directory / "station" / "certs", cpms, key, story)
        await asyncio.to_thread(_install_roots, station, directory / "pki")
        story.tell_store(str(directory / "station" / "certs"), len(_ROOTS))
        running = asyncio.create_task(station.run(), name="station")
        running.add_done_callback(story.of_station_task)
        stack.push_async_callback(_end, running)
        yield Cast(pki, cpms, station, directory)


def _write_config(stage: Stage, pki: TestPki) -> CpmsConfig:
    directory = stage.path / "cpms"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    pki.issue_tls_server(("127.0.0.1", "localhost"), directory / "tls")
    config = directory / "cpms.toml"
    names = {"est_url": pki.est_url, "user": EST_USER, "password_file": pki.password_file.name}
    config.write_text(_CONFIG.format(**names, **stage.ports()), encoding="utf-8")
    return load_config(config, {})


def _guest_file(directory: Path) -> Path:
    return directory / "cpms" / f"{GUEST_ID}.password"


def _guest_key(directory: Path) -> str:
    """The guest's password: the one of an earlier run, else a new one in a file for its owner alone."""
    path = _guest_file(directory)
    if path.is_file() and (kept := path.read_text(encoding="ascii").strip()):
        return kept
    key = new_key()
    path.unlink(missing_ok=True)
    with open(path, "x", encoding="ascii", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(key)
    return key


def _record(station_id: StationId, common_name: str, key: str) -> StationRecord:
    return StationRecord(
        station_id=station_id,
        password_hash=hash_password(key, generated=True),
        allowed_names=frozenset({common_name}),
        organisation=ORGANISATION,
    )


def _station(certs: Path, cpms: Cpms, key: str, story: Story) -> Station:
    config = StationConfig(
        station_id=STATION_ID,
        csms_url=f"{_ocpp_url(cpms, 'password')}/{STATION_ID}",
        profile3_url=f"{_ocpp_url(cpms, 'certificate')}/{STATION_ID}",
        password=Secret(key),
        store=StoreConfig(certs, allow_test_pki=True),
        organisation=ORGANISATION,
        country=COUNTRY,
        secc_name=SECC_NAME,
        versions=(OcppVersion.V16,),
    )
    return Station(config, watch=story.of_station)


def _ocpp_url(cpms: Cpms, listener: str) -> str:
    host, port = cpms.listeners[listener]
    return f"wss://{host}:{port}/ocpp"


def _install_roots(station: Station, folder: Path) -> None:
    for kind, name in _ROOTS.items():
        outcome = station.security.install_ca((folder / name).read_text(encoding="ascii"), kind)
        if not outcome.accepted:
            raise RootNotInstalled(kind, outcome.result, outcome.reason)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
