"""An office at work in a test: real records, simulated CA and station, a set clock, a watcher that can kill."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from chainpilot.cpms.adapters.sql import SqlLedger
from chainpilot.cpms.enrolment import CacertsShelf, Office, Policy, accept, deliver, issue
from chainpilot.cpms.enrolment.turnstile import Turnstile
from chainpilot.cpms.model import Enrolment, Job, JobKind, SecurityProfile, StationRecord, Step, StepTaken
from chainpilot.cpms.ports import CertificateAuthority
from chainpilot.pki.encoding import TextEncoding
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import KeySpec, PrivateKey, generate_private_key
from chainpilot.pki.trust import LeafUse, TrustAnchors
from chainpilot.wire.pnc.messages import SignCertificateRequest, SignCertificateResponse
from clocks import SetClock
from forge import NOON
from sims import Ladder, SimulatedCa, SimulatedStation, csms_ladder, csr_text, v2g_ladder

__all__ = ["EVSE", "STATION", "STEPS", "Killed", "Scene", "Watcher", "open_scene"]

STATION = StationId("CS-0001")
EVSE = "DE*ICE*E0001"


STEPS = [
    Step.REQUEST_ACCEPTED,
    Step.SUBMIT_RECORDED,
    Step.POSTED,
    Step.ANSWER_RECORDED,
    Step.CACERTS_READ,
    Step.CHAIN_CHECKED,
    Step.ISSUE_RECORDED,
    Step.DELIVERY_RECORDED,
    Step.SIGNED_ANSWERED,
    Step.READ_BACK,
    Step.INSTALL_RECORDED,
]
"""The steps of an enrolment without a fault, beside those of the worker."""


class Killed(BaseException):
    """The process died; nothing catches it, as nothing catches a signal 9."""


@dataclass
class Watcher:
    """Notes the steps, and dies at the one it is told."""

    steps: list[StepTaken] = field(default_factory=list)
    kill_at: list[Step] = field(default_factory=list)
    """The next deaths, in order."""

    def __call__(self, taken: StepTaken) -> None:
        """Note the step; die if it is the one."""
        self.steps.append(taken)
        if self.kill_at and taken.step is self.kill_at[0]:
            self.kill_at.pop(0)
            raise Killed(taken.step)


@dataclass
class Scene:
    """Everything of one test."""

    path: Path
    ledger: SqlLedger
    ca: SimulatedCa
    csms_ca: SimulatedCa
    station: SimulatedStation
    clock: SetClock
    office: Office
    watcher: Watcher
    key: PrivateKey

    @property
    def steps(self) -> list[StepTaken]:
        """What was done so far."""
        return self.watcher.steps

    @property
    def names(self) -> list[Step]:
        """The steps so far."""
        return [taken.step for taken in self.steps]

    def office_with(self, **authorities: CertificateAuthority) -> Office:
        """The office with other PKIs, by their names: `v2g`, `own`."""
        return replace(self.office, authorities={**self.office.authorities, **authorities})

    def request(
        self,
        use: LeafUse | None = LeafUse.V2G,
        *,
        name: str | None = None,
        key: PrivateKey | None = None,
        encoding: TextEncoding = TextEncoding.PEM,
        organization: str = "Operator",
    ) -> SignCertificateRequest:
        """The station's request; its own key and name unless said otherwise."""
        common = name or (STATION if use is LeafUse.CSMS else EVSE)
        domain = None if use is LeafUse.CSMS else "CPO"
        text = csr_text(key or self.key, common, organization=organization, encoding=encoding, domain=domain)
        return SignCertificateRequest(text, use)

    async def ask(
        self,
        request: SignCertificateRequest | None = None,
        profile: SecurityProfile = SecurityProfile.TLS_BASIC,
    ) -> SignCertificateResponse:
        """The station asks."""
        record = await self.ledger.station(STATION)
        assert record is not None
        return await accept(self.office, record, request or self.request(), profile)

    async def take(self) -> tuple[Job, ...]:
        """The jobs due now."""
        now = self.clock.now()
        return await self.ledger.take_jobs(now, now + timedelta(minutes=1), 10)

    async def work(self, rounds: int = 10) -> None:
        """Run due jobs one after the other, until none is due."""
        for _ in range(rounds):
            jobs = await self.take()
            for job in jobs:
                await (issue if job.kind is JobKind.ISSUE else deliver)(self.office, job)
            if not jobs:
                return

    async def wait_and_work(self, wait: timedelta) -> None:
        """Let time pass, then work."""
        self.clock.advance(wait.total_seconds())
        await self.work()

    async def work_next(self, end: datetime) -> bool:
        """Let time pass until something is due, and work; False if nothing is until that end."""
        due = await self.ledger.next_due()
        if due is None or due > end:
            return False
        await self.wait_and_work(max(due - self.clock.now(), timedelta(0)))
        return True

    async def only(self) -> Enrolment:
        """The one enrolment there is."""
        (enrolment,) = await self.ledger.enrolments_of(STATION)
        return enrolment

    async def restart(self) -> None:
        """A new process on the same records: nothing in memory survives."""
        await self.ledger.close()
        self.ledger = await SqlLedger.open(self.path)
        self.office = replace(self.office, ledger=self.ledger, shelf=CacertsShelf(), turnstile=Turnstile())


@asynccontextmanager
async def open_scene(
    folder: Path,
    *,
    repost_safe: bool = False,
    policy: Policy | None = None,
    ladder: Ladder | None = None,
    nudge: Callable[[], None] = lambda: None,
) -> AsyncIterator[Scene]:
    """A station with a record, a CA for each use, and an empty database."""
    path = folder / "cpms.sqlite"
    ledger = await SqlLedger.open(path)
    clock = SetClock(NOON)
    v2g, csms = ladder or v2g_ladder(), csms_ladder()
    station_anchors = TrustAnchors.admit([v2g.root.certificate, csms.root.certificate])
    watcher = Watcher()
    ca, csms_ca = SimulatedCa(v2g, repost_safe), SimulatedCa(csms, repost_safe, client=True)
    station = SimulatedStation(STATION, station_anchors, NOON)
    office = Office(
        ledger=ledger,
        links=station,
        authorities={"v2g": ca, "own": csms_ca},
        issue_at={LeafUse.V2G: "v2g", LeafUse.CSMS: "own"},
        anchors={LeafUse.V2G: v2g.anchors, LeafUse.CSMS: csms.anchors},
        policy=policy or Policy(),
        clock=clock,
        watch=watcher,
        nudge=nudge,
    )
    key = generate_private_key(KeySpec.P256)
    scene = Scene(path, ledger, ca, csms_ca, station, clock, office, watcher, key)
    record = StationRecord(STATION, "", allowed_names=frozenset({EVSE}), organisation="Operator")
    await ledger.put_station(record)
    try:
        yield scene
    finally:
        await scene.ledger.close()
        await asyncio.sleep(0)
