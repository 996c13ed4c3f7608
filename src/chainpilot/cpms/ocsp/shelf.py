"""Answers kept while they hold, failures for a moment, and one request under way for each question."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from chainpilot.clock import Clock
from chainpilot.cpms.model import Reason
from chainpilot.pki.ocsp import CertId, Good, Revoked, Unknown

__all__ = ["AnswerShelf", "Answered", "Question", "Unanswered"]

MAX_KEPT: Final = 20_000
"""Answers; about 1200 bytes each. The one not asked for longest goes first."""
FAILURE_SECONDS: Final = 60.0
"""For which a responder isn't asked again what it could not answer: its stations would knock at it by the hundred."""
SHARE_LEFT: Final = 0.5
"""Of an answer's life that must be left, or it is asked for anew: stations ask again when a third to a fifth is left,
and are not helped by the same answer then."""
LEAST_LEFT: Final = timedelta(minutes=5)
"""Left at least."""
MAX_FLIGHTS: Final = 64
"""Questions under way at once; further ones are told to come later."""

Question = tuple[str, tuple[CertId, ...]]
"""The responder's URL, and what it is asked about."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A response that was judged and may be passed on."""

    der: bytes
    verdicts: tuple[Good | Revoked | Unknown, ...]
    """One for each certificate, in the order they were asked about."""

    @property
    def until(self) -> datetime:
        """The last moment at which all of it counts."""
        return min(one.until for one in self.verdicts)

    def serves_at(self, at: datetime) -> bool:
        """Whether enough of its life is left to hand it out once more."""
        life = self.until - min(one.this_update for one in self.verdicts)
        return self.until - at >= max(LEAST_LEFT, life * SHARE_LEFT)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """There is no believable answer: the reason's code and a sentence."""

    reason: Reason
    detail: str


class AnswerShelf:
    """The answers of one back office; used from one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[Question, Answered] = OrderedDict()
        self._failed: dict[Question, tuple[Unanswered, float]] = {}
        self._flights: dict[Question, asyncio.Task[Answered | Unanswered]] = {}

    async def get(
        self, question: Question, fetch: Callable[[], Awaitable[Answered | Unanswered]]
    ) -> Answered | Unanswered:
        """The answer to a question: kept, on its way, or fetched now.

        Whoever asks first and goes away leaves the request to those who wait with him. An answer that is kept still
        stands in for one that can't be had, while it holds.
        """
        kept = self._kept.get(question)
        if kept is not None and kept.serves_at(self._clock.now()):
            self._kept.move_to_end(question)
            return kept
        failed = self._failed.get(question)
        if failed is not None and self._clock.monotonic() - failed[1] < FAILURE_SECONDS:
            return self._instead(question, failed[0])
        flight = self._flights.get(question)
        if flight is None:
            if len(self._flights) >= MAX_FLIGHTS:
                return Unanswered(Reason.OCSP_BUSY, f"{MAX_FLIGHTS} questions are under way already")
            flight = self._flights[question] = asyncio.create_task(self._fetch(question, fetch))
        return await asyncio.shield(flight)

    async def close(self) -> None:
        """Break off what is under way."""
        flights = tuple(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _fetch(
        self, question: Question, fetch: Callable[[], Awaitable[Answered | Unanswered]]
    ) -> Answered | Unanswered:
        try:
            found = await fetch()
        finally:
            del self._flights[question]
        self._failed.pop(question, None)
        if isinstance(found, Answered):
            self._kept[question] = found
            self._kept.move_to_end(question)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            return found
        now = self._clock.monotonic()
        self._failed = {key: one for key, one in self._failed.items() if now - one[1] < FAILURE_SECONDS}
        if len(self._failed) < MAX_KEPT:
            self._failed[question] = found, now
        return self._instead(question, found)

    def _instead(self, question: Question, failure: Unanswered) -> Answered | Unanswered:
        kept = self._kept.get(question)
        return kept if kept is not None and kept.until > self._clock.now() else failure
