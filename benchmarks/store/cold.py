"""The child process that makes one call, the first of its life: a job comes in by standard input, its cost goes out.

What it imports is the store and what it takes to read the job; the clock starts when all of that is there.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.store.commands import check, ready
from benchmarks.store.ground import Ground
from benchmarks.store.material import HashFields
from benchmarks.store.plan import Bundle, RowName
from benchmarks.store.stopwatch import Cost, take
from chainpilot.station import EvseSecurity

__all__ = ["ColdFound", "ColdJob"]


@dataclass(frozen=True, slots=True)
class ColdJob:
    """One call."""

    place: str
    bundle: str
    roots: int
    """How many the V2G bundle holds before the call."""
    row: str
    leaves: str
    """The directory of the V2G leaves."""
    text: str = ""
    names: HashFields | None = None


@dataclass(frozen=True, slots=True)
class ColdFound:
    """Its cost, and how the process had come that far."""

    cost: Cost
    ready_at: float
    """On the clock that counts for the whole machine (CLOCK_MONOTONIC), in seconds."""
    ready_cpu_ms: float
    """CPU time of the process until then."""


def _main() -> None:
    ready_at, ready_cpu = time.perf_counter(), time.process_time()
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=ColdJob)
    row = RowName(job.row)
    config = Ground(Path(job.place), Bundle(job.bundle), job.roots).config(job.leaves)
    argument = job.names or job.text

    def first() -> object:
        return ready(row, EvseSecurity(config), argument)()

    cost, (answer,) = take([first])
    check(row, job.roots, answer)
    sys.stdout.buffer.write(msgspec.json.encode(ColdFound(cost, ready_at, 1000 * ready_cpu)))


if __name__ == "__main__":
    _main()
