"""The station renews its own certificates as a last resort: when the CSMS, which plans renewals, has let them lapse.

The rules (use cases A02, A03; pnc-messages.md section 4):

1. A slot is due when its latest leaf has less left than `at_most`, and less than `share` of its lifetime as issued.
2. Renewed is what this station would ask for today: the names it has, in the edition its keys are made for.
3. A request that is open and younger than `retry_after` is waited for; an older one is stuck, and begun anew.
4. A slot is begun at most once within `retry_after`, whatever comes of it.
5. Nothing is begun while the clock isn't trusted: what is due is told by it.

Making a request and sending it is `signing`'s part, and the certificate comes by itself.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from chainpilot.clock import Clock
from chainpilot.errors import ChainpilotError
from chainpilot.pki.profiles import IsoEdition, edition_for
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.bell import Bell
from chainpilot.station.agent.timekeeping.keeper import TimeTrust
from chainpilot.station.agent.timekeeping.watch import told
from chainpilot.station.model import LeafCertificateType, LeafExpiring
from chainpilot.station.service import EvseSecurity
from chainpilot.station.store import PendingCsr, Slot, slot_name

__all__ = ["LAST_RESORT", "Enrol", "Renewal", "RenewalPolicy", "is_due"]

_USES: Final = {LeafCertificateType.V2G: LeafUse.V2G, LeafCertificateType.CSMS: LeafUse.CSMS}
_MUTUAL_TLS: Final = 3
"""The security profile that needs the client certificate."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalPolicy:
    """When the station begins by itself; the CSMS's own plan comes earlier (at two thirds of the lifetime)."""

    enabled: bool = True
    at_most: timedelta = timedelta(days=30)
    share: float = 0.15
    """Of the lifetime as issued: certificates that live for weeks aren't due from the first day."""
    look_every: timedelta = timedelta(hours=6)
    retry_after: timedelta = timedelta(hours=24)

    def __post_init__(self) -> None:
        """Raises ValueError for spans that are none, which is our own mistake: settings are judged where they come."""
        if not (0 < self.share <= 1 and min(self.at_most, self.look_every, self.retry_after) > timedelta(0)):
            raise ValueError("a share lies above 0 and up to 1, a span above 0")


LAST_RESORT: Final = RenewalPolicy()
"""What holds where nobody set anything."""


class Enrol(Protocol):
    """Begins an enrolment, or sends the open request of that slot again."""

    def __call__(self, use: LeafUse, *, common_name: str) -> Awaitable[object]:
        """Return when the request is durable; raises an error of ours when there is none."""
        ...


def is_due(leaf: LeafExpiring, policy: RenewalPolicy, at: datetime) -> bool:
    """Whether rule 1 holds at that moment for the latest leaf of a slot; one that has ended is due."""
    margin = policy.at_most
    if leaf.not_before is not None:
        margin = min(margin, (leaf.not_after - leaf.not_before) * policy.share)
    return leaf.not_after - at < margin


class Renewal:
    """Looks at the leaves now and then, and has enrolments begun."""

    def __init__(
        self,
        security: EvseSecurity,
        clock: Clock,
        time: TimeTrust,
        *,
        policy: RenewalPolicy = LAST_RESORT,
        names: Callable[[LeafUse], Iterable[str]] | None = None,
        security_profile: Callable[[], int | None] = lambda: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Look at nothing yet.

        Args:
            security: the store.
            clock: for the leaves' ends and all waits.
            time: whether that clock can be trusted.
            policy: when a leaf is due.
            names: the common names that the station has now for a use; None: whatever the leaves say.
            security_profile: of the connection, to tell what an ended client certificate means; None: not known.
            jitter: from 0 to 1, how much earlier than `look_every` to look; drawn anew each time.
        """
        self._security = security
        self._clock = clock
        self._time = time
        self._policy = policy
        self._names = names
        self._security_profile = security_profile
        self._jitter = jitter
        self._begun_at: dict[Slot, float] = {}
        self._said: set[tuple[object, ...]] = set()

    async def run(self, enrol: Enrol) -> None:
        """Begin what is due through `enrol`, until cancelled; returns at once where the policy is off.

        It looks at the start, every `look_every`, whenever the store changes and when the clock becomes trusted.
        """
        if not self._policy.enabled:
            _log.info("the station renews nothing by itself: that is switched off")
            return
        bell = Bell()
        unsubscribes = (
            self._security.subscribe(lambda _: bell.ring()),
            self._time.subscribe(lambda _: bell.ring()),
        )
        try:
            while True:
                await self._time.wait_trusted()
                await self._look(enrol)
                pause = self._policy.look_every * (1 - self._jitter() / 4)
                await bell.wait(self._clock, self._clock.monotonic() + pause.total_seconds())
        finally:
            for unsubscribe in unsubscribes:
                unsubscribe()

    async def _look(self, enrol: Enrol) -> None:
        now = self._clock.now()
        ending = await asyncio.to_thread(self._security.leaves_due, now + self._policy.at_most)
        due = [one for one in ending if is_due(one, self._policy, now)]
        if not due:
            return
        pending = await asyncio.to_thread(self._security.open_requests)
        for leaf in due:
            name = self._name_of(leaf)
            if name is None:
                continue
            self._say_if_ended(leaf, now)
            if not self._is_under_way(leaf, pending, now):
                await self._begin(enrol, leaf, name)

    def _name_of(self, leaf: LeafExpiring) -> str | None:
        """The common name to ask for, as the station spells it; None where it would ask for no such leaf (rule 2)."""
        use = _USES[leaf.certificate_type]
        names = (leaf.common_name,) if self._names is None else tuple(self._names(use))
        folded = slot_name(leaf.common_name)
        name = next((one for one in names if one and slot_name(one) == folded), None)
        if name is None:
            self._say_once(leaf, "it is left to end, since the station has another name now")
        elif leaf.edition is not None and leaf.edition is not self._edition_of(name):
            self._say_once(leaf, f"it is left to end, since keys for that name aren't of {leaf.edition.value} any more")
            return None
        return name

    def _edition_of(self, name: str) -> IsoEdition:
        return edition_for(self._security.layout.key_spec(LeafCertificateType.V2G, name))

    def _is_under_way(self, leaf: LeafExpiring, pending: Iterable[PendingCsr], now: datetime) -> bool:
        """Rules 3 and 4."""
        slot, span = _slot(leaf), self._policy.retry_after.total_seconds()
        begun_at = self._begun_at.get(slot)
        if begun_at is not None and self._clock.monotonic() - begun_at < span:
            return True
        return any(one.slot == slot and one.is_fresh(now, int(span)) for one in pending)

    async def _begin(self, enrol: Enrol, leaf: LeafExpiring, name: str) -> None:
        use = _USES[leaf.certificate_type]
        _log.warning(
            "the %s of %r ends %s, and no CSMS has renewed it: the station asks for a new one",
            use.value,
            name,
            told(leaf.not_after),
        )
        self._begun_at[_slot(leaf)] = self._clock.monotonic()
        try:
            await enrol(use, common_name=name)
        except ChainpilotError as error:
            hours = self._policy.retry_after.total_seconds() / 3600
            _log.error("no renewal of %r was begun, the next try is in %.0f hours: %.300r", name, hours, str(error))

    def _say_if_ended(self, leaf: LeafExpiring, now: datetime) -> None:
        if leaf.certificate_type is not LeafCertificateType.CSMS or leaf.not_after >= now:
            return
        if self._security_profile() in {None, _MUTUAL_TLS}:
            self._say_once(
                leaf,
                f"it has ended ({told(leaf.not_after)}), and with security profile 3 no connection comes about without "
                "it. Let the station connect with profile 2 until it has a new one, or install one by hand: make a "
                "signing request, have it issued, install what comes back",
            )

    def _say_once(self, leaf: LeafExpiring, why: str) -> None:
        key = (_slot(leaf), leaf.not_after, why)
        if key not in self._said:
            self._said.add(key)
            _log.warning("the %s of %r: %s", _USES[leaf.certificate_type].value, leaf.common_name, why)


def _slot(leaf: LeafExpiring) -> Slot:
    return Slot(leaf.certificate_type, slot_name(leaf.common_name), leaf.edition)
