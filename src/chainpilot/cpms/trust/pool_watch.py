"""What a root pool says, turned into proposals: asked from time to time, and told by its signed events.

An event's signature is judged before this; here its id is, since a copy of it is as well signed.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from enum import Enum, auto
from typing import Final

from chainpilot.clock import Clock
from chainpilot.cpms.model import TrustSource, parse_fingerprint
from chainpilot.cpms.ports import LedgerConflict, LedgerFailed, RootsMissing, RootSource, TrustEntry, TrustRecords
from chainpilot.cpms.trust.desk import TrustDesk
from chainpilot.cpms.trust.terms import Proposals
from chainpilot.wire.opcp import RootEvent, RootEventKind

__all__ = ["EventOutcome", "PoolWatch"]

_SEEN_FROM: Final = "the root pool"
_AFTER_A_FAULT: Final = timedelta(minutes=15)


class EventOutcome(Enum):
    """What became of an event."""

    TAKEN = auto()
    REPEATED = auto()
    """An event of that id was done with: a replay, or sent again; nothing is done twice."""
    PASSED_OVER = auto()
    """It is of nothing that is kept here."""


class PoolWatch:
    """Asks a pool and takes its events.

    Args:
        desk: where roots are proposed.
        records: where the ids of events are kept.
        clock: says when the pool is asked next.
        source: the pool; None: only its events count.
        every: how often it is asked.
        tell: told how each asking ended, as a sentence.
    """

    def __init__(
        self,
        desk: TrustDesk,
        records: TrustRecords,
        *,
        clock: Clock,
        source: RootSource | None = None,
        every: timedelta = timedelta(days=1),
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._desk = desk
        self._records = records
        self._clock = clock
        self._source = source
        self._every = every
        self._tell = tell
        self._wanted = asyncio.Event()
        self._turn = asyncio.Lock()

    async def ask(self) -> tuple[Proposals, ...]:
        """Propose what the pool has now. Raises RootsMissing, LedgerFailed."""
        if self._source is None:
            raise RootsMissing("no root pool is configured: [roots] names one")
        offered = await self._source.offered()
        domains = dict.fromkeys(one.domain for one in offered)
        return tuple(
            [
                await self._desk.propose(
                    (one.certificate for one in offered if one.domain is domain),
                    domain,
                    TrustSource.ROOT_POOL,
                    _SEEN_FROM,
                )
                for domain in domains
            ]
        )

    async def run(self) -> None:
        """Ask at once, then from time to time and when an event says that something is new, until cancelled."""
        while self._source is not None:
            self._wanted.clear()
            wait = self._every
            try:
                ended = await self.ask()
                self._tell(f"{sum(len(one.added) for one in ended)} new, {sum(len(one.known) for one in ended)} known")
            except (RootsMissing, LedgerFailed, LedgerConflict) as error:
                self._tell(str(error))
                wait = min(wait, _AFTER_A_FAULT)
            await self._pause(wait.total_seconds())

    async def take(self, event: RootEvent) -> EventOutcome:
        """Do what an event says, once. Raises LedgerFailed; then it was not done with and may come again."""
        async with self._turn:
            if await self._records.has_event(event.event_id):
                return EventOutcome.REPEATED
            outcome = await self._take(event)
            await self._records.write(TrustEntry(event_id=event.event_id, at=self._clock.now()))
            return outcome

    async def _take(self, event: RootEvent) -> EventOutcome:
        match event.kind:
            case None:
                return EventOutcome.PASSED_OVER
            case RootEventKind.ADDED:
                await self._added(event)
            case RootEventKind.EXPIRED | RootEventKind.REVOKED if event.fingerprint is not None:
                is_revoked = event.kind is RootEventKind.REVOKED
                notice = (
                    f"{_SEEN_FROM} says that it {'was revoked' if is_revoked else 'ended'} (event {event.event_id})"
                )
                await self._desk.report(parse_fingerprint(event.fingerprint), notice, "webhook", revoked=is_revoked)
            case _:
                self._tell(f"event {event.event_id}, {event.kind.value}, names no root by its SHA-256 fingerprint")
        return EventOutcome.TAKEN

    async def _added(self, event: RootEvent) -> None:
        """What it brings is proposed; the pool is asked as well, since events may bring nothing."""
        self._wanted.set()
        root = event.root
        if root is not None and root.domain is not None:
            await self._desk.propose(root.certificates, root.domain, TrustSource.WEBHOOK, f"{_SEEN_FROM}'s webhook")

    async def _pause(self, seconds: float) -> None:
        waits = (
            asyncio.create_task(self._wanted.wait()),
            asyncio.create_task(self._clock.sleep_until(self._clock.monotonic() + seconds)),
        )
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
