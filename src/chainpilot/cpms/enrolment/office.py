"""What the use cases work with: the ports, the rules, the anchors, and whoever watches the steps."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from chainpilot.clock import Clock
from chainpilot.cpms.enrolment.request import CsrProfile
from chainpilot.cpms.enrolment.turnstile import Turnstile
from chainpilot.cpms.model import Enrolment, Job, JobOrder, Slot, Step, StepTaken
from chainpilot.cpms.ports import (
    CertificateAuthority,
    ClientStanding,
    Learner,
    Ledger,
    RevocationLists,
    RootStanding,
    StationLink,
)
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.trust import LeafUse, TrustAnchors, TrustDomain
from chainpilot.pki.verify import Rules

__all__ = ["CacertsShelf", "NoDecisions", "NoLists", "Office", "Policy", "put_off", "wait_after"]

_FIRST_WAIT: Final = timedelta(seconds=5)
_LONGEST_WAIT: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's rules; the defaults suit stations that enrol some times a year."""

    requests_per_hour: int = 20
    """New certificate requests judged for one station, refused ones too."""
    csr_per_station_per_day: int = 50
    """Enrolments begun for one station within 24 hours; each may cost money."""
    csr_fleet_per_hour: int = 1000
    """Enrolments begun for all stations within an hour: what a fault of the whole fleet may cost."""
    allow_insecure_csr: bool = False
    """Certificate requests are taken over security profiles 0 and 1 too."""
    issue_attempts: int = 60
    """Tries at the PKI before a person must look; with waits up to an hour, more than two days."""
    deliver_attempts: int = 8
    """Tries at a station that is connected and does not answer."""
    read_back_attempts: int = 3
    """Tries to read back what a station said it had installed."""
    calls_per_station: int = 100
    """Calls that may wait for one station."""
    call_attempts: int = 5
    """Times that a call which may have arrived is told a station without a usable answer."""
    call_days: int = 7
    """A call that has not been carried out by then is given up."""
    raise_profile: bool = True
    """A station once seen on a profile is refused on lower listeners from then on (A05.09)."""


class NoLists:
    """`RevocationLists` where none are asked for."""

    def rules(self) -> Rules:
        """No list, and none needed."""
        return Rules()

    async def ready(self, certificates: Iterable[Certificate]) -> None:
        """Nothing is fetched."""


class NoDecisions:
    """`RootStanding` and `ClientStanding` where nobody decides anything."""

    def objection_to_issuer(self, certificate: Certificate, domain: TrustDomain) -> str | None:
        """None."""

    def objection_to_root(self, certificate: Certificate, domain: TrustDomain) -> str | None:
        """None."""

    async def revoked(self, certificate: Certificate) -> str | None:
        """None."""


class CacertsShelf:
    """The last cacerts answer of each PKI; fetched again when a leaf does not chain (Sub2 rollover).

    `learner` is told of each answer: what is new in it is proposed to the operator, and trusted by nobody for that.
    """

    __slots__ = ("_kept", "_learner")

    def __init__(self, learner: Learner | None = None) -> None:
        self._kept: dict[str, tuple[Certificate, ...]] = {}
        self._learner = learner

    def kept(self, pki: str) -> tuple[Certificate, ...] | None:
        """The answer fetched last, None before the first."""
        return self._kept.get(pki)

    async def fetch(self, pki: str, authority: CertificateAuthority) -> tuple[Certificate, ...]:
        """Ask the PKI and keep the answer. Raises CaRefused, CaUndecided, LedgerFailed."""
        answered = self._kept[pki] = await authority.cacerts()
        if self._learner is not None:
            await self._learner.learn(pki, answered)
        return answered


@dataclass(frozen=True, slots=True)
class Office:
    """The use cases' surroundings; one per process."""

    ledger: Ledger
    links: StationLink
    authorities: Mapping[str, CertificateAuthority]
    issue_at: Mapping[LeafUse, str]
    """Which PKI signs which use."""
    anchors: Mapping[LeafUse, TrustAnchors]
    """Looked up once for each judgement: it may be a view of what an operator changes meanwhile."""
    policy: Policy
    clock: Clock
    watch: Callable[[StepTaken], None]
    """Called right after each step; what it raises is the step's failure."""
    nudge: Callable[[], None]
    """Tells the worker that a job became due."""
    allow_test_pki: bool = False
    """Roots of a test PKI may be put into stations."""
    lists: RevocationLists = field(default_factory=NoLists)
    roots: RootStanding = field(default_factory=NoDecisions)
    clients: ClientStanding = field(default_factory=NoDecisions)
    csr_profile: CsrProfile = CsrProfile.ANY
    """What the PKI that signs SECC certificates takes as a name."""
    shelf: CacertsShelf = field(default_factory=CacertsShelf)
    turnstile: Turnstile = field(default_factory=Turnstile)

    def tell(self, step: Step, enrolment: Enrolment, **facts: str) -> None:
        """Tell the watcher a step of this enrolment."""
        slot: Slot = enrolment.slot
        facts = {"common_name": slot.common_name, **facts}
        self.watch(StepTaken(step, slot.station_id, enrolment.enrolment_id, slot.use, facts))


def wait_after(attempts: int) -> timedelta:
    """The wait after so many attempts: it doubles with each, up to an hour."""
    doubled: timedelta = _FIRST_WAIT * 2 ** min(attempts - 1, 12)
    return min(doubled, _LONGEST_WAIT)


def put_off(job: Job, at: datetime, until: datetime | None = None) -> JobOrder:
    """The same work later: at `until`, or after a wait that grows with the attempts."""
    due = until or at + wait_after(job.attempts)
    return JobOrder(job.kind, job.enrolment_id, job.station_id, due, attempts=job.attempts)
