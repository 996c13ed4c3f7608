"""The whole back office on loopback with simulated CAs, and stations' ends of its TLS sockets."""

import asyncio
import base64
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from chainpilot.cpms.app import Cpms
from chainpilot.cpms.config import CpmsConfig, DatabaseConfig, ListenerConfig, ServerCertificate, ServerConfig
from chainpilot.cpms.enrolment import Policy
from chainpilot.cpms.model import SecurityProfile, StationRecord, Step, StepTaken
from chainpilot.cpms.passwords import hash_password
from chainpilot.cpms.ports import CertificateAuthority
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.trust import LeafUse, TrustAnchors, TrustDomain
from clocks import SetClock
from forge import NOON, Forged, forge
from sims import Ladder, SimulatedCa, csms_ladder, private_key_pem, v2g_ladder

__all__ = ["EVSE", "KEY", "OPERATOR", "STATION", "BackOffice", "StepLog", "open_back_office", "write_server_files"]

STATION = StationId("CS-0001")
EVSE = "DE*ICE*E0001"
KEY = "c0ffee" * 6
OPERATOR = "Operator"


class BrokenWatcher(Exception):
    """The watcher is out of order."""


class StepLog:
    """The steps taken, and a way to wait for one without asking again and again."""

    def __init__(self) -> None:
        self.taken: list[StepTaken] = []
        self.broken: Counter[Step] = Counter()
        """How often more a step fails for the watcher's sake, by step."""
        self._more = asyncio.Event()

    def __call__(self, taken: StepTaken) -> None:
        """Note one."""
        self.taken.append(taken)
        self._more.set()
        if self.broken[taken.step] > 0:
            self.broken[taken.step] -= 1
            raise BrokenWatcher(taken.step)

    def count(self, step: Step) -> int:
        """How often the step was taken so far."""
        return sum(taken.step is step for taken in self.taken)

    async def until(self, step: Step, times: int = 1) -> StepTaken:
        """The `times`-th such step, waiting for it at most ten seconds."""
        async with asyncio.timeout(10):
            while True:
                found = [taken for taken in self.taken if taken.step is step]
                if len(found) >= times:
                    return found[times - 1]
                self._more.clear()
                await self._more.wait()


@dataclass
class BackOffice:
    """A running back office and what a test needs to knock at its doors."""

    cpms: Cpms
    folder: Path
    v2g: Ladder
    csms: Ladder
    ca: SimulatedCa
    csms_ca: SimulatedCa
    steps: StepLog
    clock: SetClock

    @property
    def authorities(self) -> dict[str, CertificateAuthority]:
        """What it was built with, for another one on the same records."""
        return {"v2g": self.ca, "own": self.csms_ca}

    def port(self, profile: int = 2) -> int:
        """Where the listener of that profile is."""
        return self.cpms.listeners[f"profile-{profile}"][1]

    def url(self, profile: int = 2, path: str = f"/ocpp/{STATION}") -> str:
        """The address a station is given."""
        scheme = "wss" if SecurityProfile(profile).has_tls else "ws"
        return f"{scheme}://127.0.0.1:{self.port(profile)}{path}"

    def context(self, client: Forged | None = None) -> ssl.SSLContext:
        """A station's TLS: trusts the CSMS root, shows `client` with its issuing CA."""
        context = ssl.create_default_context(cadata=self.csms.root.certificate.to_pem())
        if client is not None:
            chain, key = self.folder / "client.pem", self.folder / "client.key"
            chain.write_text(client.certificate.to_pem() + self.csms.issuing.certificate.to_pem())
            key.write_bytes(private_key_pem(client.key))
            context.load_cert_chain(chain, key)
        return context

    def client(self, common_name: str = STATION, organization: str = OPERATOR, **changes: Any) -> Forged:
        """A client certificate from the CSMS's issuing CA."""
        issuer = changes.pop("issuer", self.csms.issuing)
        eku = (ExtendedKeyUsageOID.CLIENT_AUTH,)
        return forge(common_name, issuer, organization=organization, eku=eku, **changes)

    def dial(
        self,
        *,
        user: str = STATION,
        password: str | bytes | None = KEY,
        path: str = f"/ocpp/{STATION}",
        profile: int = 2,
        client: Forged | None = None,
        context: ssl.SSLContext | None = None,
        **options: Any,
    ) -> connect:
        """Connect as a station does."""
        headers = {}
        if password is not None:
            secret = password.encode() if isinstance(password, str) else password
            credentials = base64.b64encode(f"{user}:".encode() + secret).decode()
            headers["Authorization"] = f"Basic {credentials}"
        settings = {
            "subprotocols": [Subprotocol("ocpp1.6")],
            "compression": None,
            "additional_headers": headers,
            **options,
        }
        tls = context or self.context(client) if SecurityProfile(profile).has_tls else None
        return connect(self.url(profile, path), ssl=tls, **settings)


def write_server_files(
    folder: Path, ladder: Ladder, kind: str = "ecdsa", *, end: datetime | None = None
) -> tuple[ServerCertificate, Forged]:
    """A certificate for loopback with a key of that kind, instead of the one of this kind that was there."""
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
    server = forge(
        "localhost",
        ladder.issuing,
        key=generate_private_key(KeySpec.RSA2048 if kind == "rsa" else KeySpec.P256),
        usage={"digital_signature": True, "key_encipherment": True},
        eku=(ExtendedKeyUsageOID.SERVER_AUTH,),
        extensions=((names, False),),
        end=end or ladder.issuing.certificate.not_after,
    )
    files = ServerCertificate(folder / f"{kind}.pem", folder / f"{kind}.key")
    files.file.write_text(server.certificate.to_pem() + ladder.issuing.certificate.to_pem())
    files.key.write_bytes(private_key_pem(server.key))
    return files, server


@asynccontextmanager
async def open_back_office(
    folder: Path,
    *,
    server: ServerConfig | None = None,
    policy: Policy | None = None,
    make_ca: Callable[[Ladder], SimulatedCa] = SimulatedCa,
    authorities: Mapping[str, CertificateAuthority] | None = None,
    profiles: Iterable[int] = (2, 3),
    kinds: Iterable[str] = ("ecdsa",),
    static_rsa: bool = True,
    ends: datetime | None = None,
    minimum: SecurityProfile = SecurityProfile.TLS_BASIC,
) -> AsyncIterator[BackOffice]:
    """A listener for each profile with a certificate of each kind, and one station with a generated key."""
    v2g, csms = v2g_ladder(), csms_ladder()
    certificates = tuple(write_server_files(folder, csms, kind, end=ends)[0] for kind in kinds)
    listeners = tuple(
        ListenerConfig(
            name=f"profile-{profile.value}",
            profile=profile,
            host="127.0.0.1",
            port=0,
            certificates=certificates if profile.has_tls else (),
            static_rsa=static_rsa,
            client_anchors=csms.anchors if profile is SecurityProfile.MUTUAL_TLS else TrustAnchors(),
        )
        for profile in map(SecurityProfile, profiles)
    )
    config = CpmsConfig(
        listeners=listeners,
        database=DatabaseConfig(folder / "cpms.sqlite"),
        issue={LeafUse.V2G: "v2g", LeafUse.CSMS: "own"},
        anchors={TrustDomain.V2G: v2g.anchors, TrustDomain.CSMS: csms.anchors},
        server=server or ServerConfig(),
        policy=policy or Policy(),
    )
    ca, csms_ca = make_ca(v2g), SimulatedCa(csms, client=True)
    steps = StepLog()
    clock = SetClock(NOON)
    cpms = Cpms(config, clock=clock, watch=steps, authorities={"v2g": ca, "own": csms_ca, **(authorities or {})})
    async with cpms:
        record = StationRecord(
            STATION,
            hash_password(KEY, generated=True),
            minimum,
            allowed_names=frozenset({EVSE}),
            organisation=OPERATOR,
        )
        await cpms.add_station(record)
        yield BackOffice(cpms, folder, v2g, csms, ca, csms_ca, steps, clock)
