"""What a clock's own past, this release and the CSMS say of it: pure judgement, numbered as `timekeeping` has it.

Looking at the clock, telling others and writing down is not handled here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from chainpilot import BUILT_AT

__all__ = [
    "APART",
    "BEHIND",
    "CLOSE",
    "JUMP",
    "LEAP",
    "SETTLING",
    "Apart",
    "ClockFinding",
    "ClockWatch",
    "Jumped",
    "TimeJudgement",
    "TrustChanged",
    "told",
]

JUMP: Final = timedelta(seconds=30)
"""Between two looks; a clock that is slewed (500 ppm) or steps over a leap second stays far below."""
BEHIND: Final = timedelta(minutes=5)
"""The tolerance that OCSP answers have too: a correction of that size is no attack and hurts nothing."""
LEAP: Final = timedelta(hours=1)
"""Ahead of the latest moment by more, a clock has to settle; a station that was off for less starts as it stopped."""
SETTLING: Final = 3600.0
"""Seconds: time from the network comes within minutes, if it comes."""
APART: Final = timedelta(seconds=60)
"""A CSMS tells whole seconds, and its answer may take some; within it the two agree."""
CLOSE: Final = APART / 2
"""As near the two must come before being apart is told again."""


@dataclass(frozen=True, slots=True)
class Jumped:
    """The clock was set, or the machine slept."""

    old: datetime
    """What it showed at the look before, at most `LOOK_EVERY` earlier in a machine at work."""
    new: datetime


@dataclass(frozen=True, slots=True)
class Apart:
    """The clock and the CSMS's differ by more than APART."""

    clock: datetime
    csms: datetime


@dataclass(frozen=True, slots=True)
class TrustChanged:
    """The clock is trusted from now on, or no more; the first look tells it too."""

    why: str | None
    """Why it isn't, as a sentence; None: it is."""


ClockFinding = Jumped | Apart | TrustChanged


@dataclass(frozen=True, slots=True)
class TimeJudgement:
    """What a look at the clock says."""

    why_untrusted: str | None
    """As a sentence; None: the clock is trusted."""
    found: tuple[ClockFinding, ...] = ()
    """What is new since the look before, in the order it happened."""

    @property
    def is_trusted(self) -> bool:
        """Whether times may be judged by the clock."""
        return self.why_untrusted is None


class ClockWatch:
    """Judges a clock by what it showed before; computes only, and is told the time."""

    def __init__(self, *, built_at: datetime = BUILT_AT, assume_time_ok: bool = False) -> None:
        """Know nothing yet; with `assume_time_ok` the latest moment never makes a clock untrusted (rule 2)."""
        self._built_at = built_at
        self._assume_time_ok = assume_time_ok
        self._latest: datetime | None = None
        self._seen: tuple[datetime, float] | None = None
        self._settled_from = 0.0
        self._judged: TimeJudgement | None = None
        self._is_apart = False

    @property
    def latest(self) -> datetime | None:
        """The latest moment that was held for true, to be written down; None where none was yet."""
        return self._latest

    def remember(self, latest: datetime) -> None:
        """Take what was written down before; of two moments the later counts."""
        self._latest = latest if self._latest is None else max(self._latest, latest)

    def look(self, wall: datetime, monotonic: float) -> TimeJudgement:
        """Judge the clock, which shows `wall` (timezone-aware UTC) while the monotonic one shows seconds."""
        return self._judge(wall, monotonic, self._seen_now(wall, monotonic))

    def heard(self, csms: datetime, wall: datetime, monotonic: float) -> TimeJudgement:
        """Judge the clock anew by the CSMS's time (timezone-aware), which has just come."""
        found = self._seen_now(wall, monotonic)
        gap = abs(wall - csms)
        # 2 and 3: agreement, for which the clock itself must be possible
        if gap <= APART and wall >= self._built_at:
            self._settled_from = monotonic
            self._give_up_later_than(wall)
        # 6
        if gap > APART and not self._is_apart:
            self._is_apart = True
            found.append(Apart(wall, csms))
        elif gap <= CLOSE:
            self._is_apart = False
        return self._judge(wall, monotonic, found)

    def _seen_now(self, wall: datetime, monotonic: float) -> list[ClockFinding]:
        """Rule 5, and where a leap of rule 3 begins."""
        seen, self._seen = self._seen, (wall, monotonic)
        found: list[ClockFinding] = []
        if seen is not None:
            drift = (wall - seen[0]) - timedelta(seconds=monotonic - seen[1])
            if abs(drift) <= JUMP:
                return found
            found.append(Jumped(seen[0], wall))
        has_leapt = self._latest is None or wall - self._latest > LEAP
        self._settled_from = monotonic + SETTLING if has_leapt else monotonic
        return found

    def _judge(self, wall: datetime, monotonic: float, found: list[ClockFinding]) -> TimeJudgement:
        why = self._objection(wall)
        # 3
        if why is None and monotonic >= self._settled_from:
            self._give_up_later_than(wall)
            self._latest = wall if self._latest is None else max(self._latest, wall)
        if self._judged is None or self._judged.is_trusted is not (why is None):
            found.append(TrustChanged(why))
        self._judged = TimeJudgement(why, tuple(found))
        return self._judged

    def _objection(self, wall: datetime) -> str | None:
        # 1
        if wall < self._built_at:
            return f"the clock says {told(wall)}, and this release is not older than {told(self._built_at)}"
        # 2
        if self._latest is not None and self._latest - wall > BEHIND and not self._assume_time_ok:
            return f"the clock says {told(wall)}, and the station was already past {told(self._latest)}"
        return None

    def _give_up_later_than(self, wall: datetime) -> None:
        if self._latest is not None and self._latest - wall > BEHIND:
            self._latest = wall


def told(at: datetime) -> str:
    """A moment for logs and events, to the second."""
    try:
        at = at.astimezone(UTC)
    except OverflowError:  # a CSMS may say the first day of the calendar in a zone ahead of UTC
        return at.isoformat(timespec="seconds")
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
