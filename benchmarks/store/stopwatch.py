"""Taking the time of calls: CPU and wall, a call, in milliseconds."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

__all__ = ["SETTLED_SECONDS", "Cost", "median", "medians", "settle", "take"]

T = TypeVar("T")

SETTLED_SECONDS: Final = 0.03
"""After it, a store may believe that a file's times tell of every change: file clocks tick in milliseconds."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call took."""

    cpu_ms: float
    wall_ms: float


def take(calls: Sequence[Callable[[], T]]) -> tuple[Cost, list[T]]:
    """Make the calls in a row; answers the mean cost of one, and every answer."""
    cpu, wall = time.process_time(), time.perf_counter()
    answers = [call() for call in calls]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Cost(1000 * cpu / len(calls), 1000 * wall / len(calls)), answers


def medians(costs: Iterable[Cost]) -> Cost:
    """The median of each clock's readings."""
    costs = tuple(costs)
    return Cost(median(one.cpu_ms for one in costs), median(one.wall_ms for one in costs))


def median(values: Iterable[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def settle() -> None:
    """Let the files just written grow old enough to be believed."""
    time.sleep(SETTLED_SECONDS)
