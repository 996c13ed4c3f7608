"""The parts of a flow, all real and on loopback: the test PKI's EST server, the CPMS with its database, one station.

The clock shows the machine's time and stands still, so that only a scenario lets time pass.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from chainpilot.clock import SYSTEM
from chainpilot.cpms.adapters.est_http import EstHttp
from chainpilot.cpms.app import Cpms
from chainpilot.cpms.config import CpmsConfig, DatabaseConfig, ListenerConfig, PkiConfig, ServerCertificate
from chainpilot.cpms.model import SecurityProfile, StationCall, StationRecord, Step
from chainpilot.cpms.passwords import hash_password, new_key
from chainpilot.cpms.ports import CaPending, CertificateAuthority, IssuedBag
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.csr import Csr
from chainpilot.pki.encoding import TextEncoding
from chainpilot.pki.identity import StationId
from chainpilot.pki.trust import LeafUse, TrustAnchors, TrustDomain
from chainpilot.station import StoreConfig
from chainpilot.station.app import StationConfig
from chainpilot.station.model import CaCertificateType, Secret
from chainpilot.testpki.app import EST_USER, TestPki
from chainpilot.wire.est.paths import RFC7030
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.version import OcppVersion
from clocks import SetClock
from flows.recorder import Recorder
from flows.recording import Party, Recording
from flows.station import AgentStation, DialectStation, FlowStation
from flows.store_answers import PLAIN, Manners
from forge import forge

__all__ = ["EVSE", "OPERATOR", "STATION", "Cast", "Stage", "open_stage"]

STATION: Final = StationId("CS-0001")
EVSE: Final = "DE*ICE*E0001"
OPERATOR: Final = "Operator"
_LABELS: Final = {LeafUse.V2G: "cpo", LeafUse.CSMS: "csms"}
_ROOTS: Final = {
    CaCertificateType.V2G: "v2g_root.pem",
    CaCertificateType.MO: "mo_root.pem",
    CaCertificateType.CSMS: "csms_root.pem",
}
_HAD: Final = (CaCertificateType.V2G, CaCertificateType.CSMS)
"""What a station's store holds from the beginning."""
_FINDINGS: Final = ("encoding", "in_force")
"""Words among what calls found out."""
_LISTENERS: Final = (SecurityProfile.TLS_BASIC, SecurityProfile.MUTUAL_TLS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who plays, and how they behave."""

    dialect: Dialect
    agent: bool = False
    """The station is chainpilot's own agent, else a station of that dialect over chainpilot's store and link."""
    pending_first: bool = False
    """The PKI answers the first POST of a CSR with 202."""
    knows_v2g_root: bool = True
    """The station's store has the root that SECC certificates lead to."""
    is_of_operator: bool = True
    """The station's record names the operator that its requests name."""
    is_known: bool = False
    """The station's record says which dialect it speaks, and that it reads PEM unless its manners are others."""
    room: int | None = None
    """Certificates that the station's store has room for; None: more than any flow needs."""
    manners: Manners = PLAIN
    """Where the station differs from one that reads everything."""


class HeldPki:
    """A PKI whose answer to an enrolment may be held up; the port is kept by the real adapter behind it."""

    def __init__(self, behind: CertificateAuthority) -> None:
        self.repost_safe = behind.repost_safe
        self.door = asyncio.Event()
        self.door.set()
        self._behind = behind

    async def cacerts(self) -> tuple[Certificate, ...]:
        """As the PKI behind."""
        return await self._behind.cacerts()

    async def simpleenroll(self, csr: Csr) -> IssuedBag | CaPending:
        """As the PKI behind, once the door is open."""
        await self.door.wait()
        return await self._behind.simpleenroll(csr)


@dataclass
class Stage:
    """The parts at work."""

    recorder: Recorder
    clock: SetClock
    pki: TestPki
    cpms: Cpms
    station: FlowStation
    held: dict[LeafUse, HeldPki]

    def let_time_pass(self, seconds: float, why: str) -> None:
        """Both clocks go on, and the recording says why."""
        self.recorder.note(Party.CPMS, why)
        self.clock.advance(seconds)

    def root(self, kind: CaCertificateType) -> str:
        """The PKI's root, as PEM."""
        return (self.pki.directory / _ROOTS[kind]).read_text(encoding="ascii")

    def other_root(self, name: str) -> str:
        """A root of another PKI, as PEM."""
        at = self.clock.now()
        root = forge(name, ca=True, domain="CSMS", begin=at - timedelta(days=1), end=at + timedelta(days=3650))
        return root.certificate.to_pem()

    def install_root(self, kind: CaCertificateType, pem: str | None = None) -> None:
        """Put a root, the PKI's if it is not given, into the station's store."""
        outcome = self.station.security.install_ca(pem or self.root(kind), kind)
        assert outcome.accepted, outcome.reason

    async def until_gone(self) -> None:
        """The CPMS too has seen the connection end."""
        assert self.cpms._gateway is not None
        async with asyncio.timeout(10):
            while self.cpms._gateway._sessions.connected(STATION):  # noqa: ASYNC110 - no step tells of the end
                await asyncio.sleep(0)

    async def until_reached(self, profile: SecurityProfile) -> None:
        """The station's record says that it has come on that profile."""
        async with asyncio.timeout(10):
            while (await self._record()).minimum_profile < profile:  # noqa: ASYNC110 - no step tells of it
                await asyncio.sleep(0)

    async def _record(self) -> StationRecord:
        record = await self.cpms.ledger.station(STATION)
        assert record is not None
        return record

    async def records(self) -> tuple[str, ...]:
        """What the database and the PKI's register say."""
        said = [f"refusal: {one.reason.value}" for one in await self.cpms.ledger.refusals_of(STATION)]
        for one in await self.cpms.ledger.enrolments_of(STATION):
            words = [f"enrolment for {one.slot.use.value}: {one.state.value}", f"deliveries {one.deliveries}"]
            words += [f"proof {one.proof.value}"] if one.proof is not None else []
            words += [f"reason {one.failure.reason.value}"] if one.failure is not None else []
            said.append(", ".join(words))
        calls = await self.cpms.ledger.calls_of(STATION)
        said += [_told(call) for call in reversed(calls)]
        said += [await self._knowledge()] if calls else []
        return (*said, f"certificates issued by the PKI: {len(self.pki.issued)}")

    async def _knowledge(self) -> str:
        record = await self._record()
        known = [f"speaks {dialect.value}" for dialect in record.dialects]
        known += [f"reads certificates as {record.csr_encoding.value}"] if record.csr_encoding is not None else []
        known += [f"spells {quirk.value}" for quirk in record.quirks]
        known += [f"has reached security profile {record.minimum_profile.value}"]
        return f"known of the station: {', '.join(known)}"

    async def recording(self) -> Recording:
        """What was heard and written down so far. Raises EndsDisagree."""
        await self.recorder.until_ends_agree()
        recording = Recording(self.recorder.lines(), await self.records())
        refused = sum(taken.step is Step.REQUEST_REFUSED for taken in self.recorder.steps)
        assert refused == len(await self.cpms.ledger.refusals_of(STATION)), "a refusal that is drawn is on disk"
        return recording


@asynccontextmanager
async def open_stage(folder: Path, cast: Cast) -> AsyncIterator[Stage]:
    """Start PKI and CPMS; the station is there and not connected yet."""
    recorder, clock, password = Recorder(), SetClock(SYSTEM.now()), new_key()
    async with AsyncExitStack() as stack:
        pki = TestPki(folder / "pki", clock=clock, pending_first=cast.pending_first, watch=recorder.at_pki)
        await stack.enter_async_context(pki)
        config = _config(folder, pki)
        held = {}
        for use, label in _LABELS.items():
            est = await stack.enter_async_context(EstHttp(config.pkis[label], clock=clock))
            held[use] = HeldPki(est)
        cpms = Cpms(
            config,
            clock=clock,
            watch=recorder.at_cpms,
            watch_frames=recorder.frame_at_cpms,
            authorities={_LABELS[use]: one for use, one in held.items()},
        )
        await stack.enter_async_context(cpms)
        record = StationRecord(
            STATION,
            hash_password(password, generated=True),
            allowed_names=frozenset({EVSE}),
            organisation=OPERATOR if cast.is_of_operator else "Another Operator",
            dialects=(cast.dialect,) if cast.is_known else (),
            csr_encoding=TextEncoding.PEM if cast.is_known and not cast.manners.only_hex else None,
        )
        await cpms.add_station(record)
        settings = _settings(folder, cpms, password, cast)
        station: FlowStation = (
            AgentStation(settings, recorder, clock)
            if cast.agent
            else DialectStation(settings, cast.dialect, recorder, clock, cast.manners)
        )
        stack.push_async_callback(station.leave)
        stage = Stage(recorder, clock, pki, cpms, station, held)
        for kind in _HAD:
            if kind is not CaCertificateType.V2G or cast.knows_v2g_root:
                stage.install_root(kind)
        yield stage


def _config(folder: Path, pki: TestPki) -> CpmsConfig:
    def anchors(name: str) -> TrustAnchors:
        pem = (pki.directory / f"{name}_root.pem").read_text(encoding="ascii")
        return TrustAnchors.admit(load_certificates(pem), allow_test_pki=True)

    certificate = ServerCertificate(*pki.issue_tls_server(("127.0.0.1", "localhost"), folder / "tls"))
    return CpmsConfig(
        listeners=tuple(
            ListenerConfig(
                name=str(profile.value),
                profile=profile,
                host="127.0.0.1",
                port=0,
                certificates=(certificate,),
                client_anchors=anchors("csms") if profile is SecurityProfile.MUTUAL_TLS else TrustAnchors(),
            )
            for profile in _LISTENERS
        ),
        database=DatabaseConfig(folder / "cpms.sqlite"),
        pkis={label: _pki(label, pki, anchors("web")) for label in _LABELS.values()},
        issue=_LABELS,
        allow_test_pki=True,
        anchors={TrustDomain.V2G: anchors("v2g"), TrustDomain.CSMS: anchors("csms")},
    )


def _pki(label: str, pki: TestPki, tls_anchors: TrustAnchors) -> PkiConfig:
    paths = RFC7030.fill(label=label)
    return PkiConfig(label, pki.est_url, paths, EST_USER, pki.password, tls_anchors=tls_anchors)


def _told(call: StationCall) -> str:
    """A call and what became of it."""
    words = [f"call {type(call.demand).__name__}: {call.state.value}"]
    words += [f"reason {call.end.reason.value}"] if call.end is not None else []
    words += [f"told {said} {call.findings[said]}" for said in _FINDINGS if said in call.findings]
    words += [f"progress {call.progress.status}"] if call.progress is not None else []
    return ", ".join([*words, f"messages {len(call.exchanges)}"])


def _settings(folder: Path, cpms: Cpms, password: str, cast: Cast) -> StationConfig:
    def url(profile: SecurityProfile) -> str:
        host, port = cpms.listeners[str(profile.value)]
        return f"wss://{host}:{port}/ocpp/{STATION}"

    store = StoreConfig(folder / "certs", allow_test_pki=True)
    return StationConfig(
        station_id=STATION,
        csms_url=url(SecurityProfile.TLS_BASIC),
        profile3_url=url(SecurityProfile.MUTUAL_TLS),
        password=Secret(password),
        store=store if cast.room is None else replace(store, max_certificates=cast.room),
        organisation=OPERATOR,
        country="DE",
        secc_name=EVSE,
        versions=(OcppVersion.V16,),
    )
