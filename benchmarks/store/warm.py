"""The child process that measures warm calls under one condition: a job comes in by standard input, figures go out.

Every number of roots and kind of bundle has a process of its own, and no leaf is judged twice in it, so that nothing
remembered of one condition serves another.
"""

import gc
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.store.ceilings import Ceiling, DurableWrite
from benchmarks.store.commands import Call, check, ready
from benchmarks.store.figures import WARM, Figure
from benchmarks.store.ground import BESIDE, CROWD, CROWD_UNNAMED, Ground
from benchmarks.store.material import Material
from benchmarks.store.plan import Bundle, RowName
from benchmarks.store.stopwatch import Cost, median, medians, settle, take
from chainpilot.clock import SYSTEM
from chainpilot.station import EvseSecurity

__all__ = ["MOST_CALLS", "WarmFound", "WarmJob"]

MOST_CALLS: Final = 100
"""Calls of a round at most; each verification takes a leaf of its own."""
_MOST_REQUESTS: Final = 20
"""Signing requests of a round at most; a station has few open ones."""
_READS: Final = (
    RowName.VERIFY,
    RowName.INSTALLED,
    RowName.LEAF,
    RowName.LEAF_OCSP,
    RowName.LEAF_CROWD,
    RowName.LEAF_CROWD_UNNAMED,
    RowName.OCSP_DATA,
)
_CHANGES: Final = (RowName.VERIFY_CHANGED, RowName.INSTALLED_CHANGED)
_PLACES: Final = {RowName.LEAF_CROWD: CROWD, RowName.LEAF_CROWD_UNNAMED: CROWD_UNNAMED}
_RECORD: Final = bytes(1000)
"""About what a signing request writes."""


@dataclass(frozen=True, slots=True)
class WarmJob:
    """What to measure, and how patiently."""

    material: str
    """Path of the material's JSON."""
    place: str
    bundle: str
    roots: int
    rounds: int
    round_seconds: float
    """A round of one call's repetitions lasts about this long."""
    writes: int
    """Roots to install and to delete again, one after another."""


@dataclass(frozen=True, slots=True)
class WarmFound:
    """The rows of that condition, and the ceilings of the same minutes."""

    rows: tuple[Figure, ...]
    chain_cpu_ms: float
    signature_cpu_ms: float


@dataclass(frozen=True, slots=True)
class _Sample:
    cost: Cost
    ceiling_cpu_ms: float
    fsync_ms: float | None = None
    calls: int = 1


class _Session:
    """One condition being measured."""

    def __init__(self, job: WarmJob) -> None:
        self._job = job
        self._material = msgspec.json.decode(Path(job.material).read_bytes(), type=Material)
        self._ground = Ground(Path(job.place), Bundle(job.bundle), job.roots)
        self._ceiling = Ceiling(self._material, SYSTEM.now())
        self._stores = {place: EvseSecurity(self._ground.config(place)) for place in (BESIDE, *_PLACES.values())}
        self._stacks = (leaf + self._material.sub_cas for leaf in self._material.strangers)
        self._names = (f"DE*BEN*E{number:06}*1" for number in count())
        self._samples: dict[RowName, list[_Sample]] = defaultdict(list)
        self._chains: list[Cost] = []
        self._signatures: list[Cost] = []

    def measure(self) -> WarmFound:
        """All rows; those that write come last, each from the same files."""
        self._reads()
        self._changes()
        self._requests()
        self._installs()
        chain, signature = medians(self._chains), medians(self._signatures)
        return WarmFound(tuple(self._figure(row) for row in RowName), chain.cpu_ms, signature.cpu_ms)

    def _call(self, row: RowName) -> Call:
        store = self._stores[_PLACES.get(row, BESIDE)]
        if row in {RowName.VERIFY, RowName.VERIFY_CHANGED}:
            return ready(row, store, next(self._stacks))
        return ready(row, store, next(self._names) if row is RowName.CSR else "")

    def _take(
        self,
        row: RowName,
        calls: list[Call],
        roots: int,
        *,
        fsync: Callable[[], None] | None = None,
        change: Callable[[], None] | None = None,
    ) -> None:
        """One sample between two readings of the ceiling; with `fsync` between two bare writes as well.

        `change` is made, untimed, at the last moment.
        """
        gc.collect()  # what was left lying before this sample is not its cost
        self._signatures.append(self._ceiling.signature())
        low = self._ceiling.chain()
        before = take([fsync])[0].wall_ms if fsync else None
        if change is not None:
            change()
        cost, answers = take(calls)
        bare = (before + take([fsync])[0].wall_ms) / 2 if fsync and before is not None else None
        high = self._ceiling.chain()
        for answer in answers:
            check(row, roots, answer)
        self._chains += (low, high)
        self._samples[row].append(_Sample(cost, (low.cpu_ms + high.cpu_ms) / 2, bare, len(calls)))

    def _warm_up(self, row: RowName) -> float:
        """Call until nothing is new to the store any more; answers the seconds a call then takes."""
        for _ in range(2):
            self._call(row)()
            settle()
        return take([self._call(row)])[0].wall_ms / 1000

    def _reads(self) -> None:
        settle()
        calls = {row: self._calls_a_round(self._warm_up(row), MOST_CALLS) for row in _READS}
        for _ in range(self._job.rounds):
            for row in _READS:
                self._take(row, [self._call(row) for _ in range(calls[row])], self._job.roots)

    def _calls_a_round(self, seconds: float, most: int) -> int:
        return max(1, min(most, int(self._job.round_seconds / seconds)))

    def _changes(self) -> None:
        """The first call after another process changed the bundle, in a store that is warm but for that."""
        for row in _CHANGES:
            changed = self._ground.other_process(self._material.spares[0].pem)
            for step in range(2 * ((self._job.rounds + 1) // 2)):
                for warm in _CHANGES:
                    self._call(warm)()
                settle()
                roots = self._job.roots + (step + 1) % 2
                self._take(row, [self._call(row)], roots, change=changed)
                settle()

    def _requests(self) -> None:
        """A new common name at every call; between rounds the requests' files are taken away again."""
        before = self._ground.snapshot()
        write = DurableWrite(self._ground.scratch, _RECORD)
        calls = self._calls_a_round(self._warm_up(RowName.CSR), _MOST_REQUESTS)
        for _ in range(self._job.rounds):
            before.restore()
            settle()
            self._call(RowName.CSR)()
            self._take(RowName.CSR, [self._call(RowName.CSR) for _ in range(calls)], self._job.roots, fsync=write)
        before.restore()

    def _installs(self) -> None:
        """A root comes and goes again, each time another one; the bare write has the new bundle's size."""
        store = self._stores[BESIDE]
        write = DurableWrite(self._ground.scratch, self._ground.content_with(self._material.spares[0].pem))
        for spare in self._material.spares[: self._job.writes]:
            for row, argument in ((RowName.INSTALL, spare.pem), (RowName.DELETE, spare.names)):
                settle()
                self._call(RowName.INSTALLED)()
                self._take(row, [ready(row, store, argument)], self._job.roots, fsync=write)

    def _figure(self, row: RowName) -> Figure:
        samples = self._samples[row]
        cost = medians(sample.cost for sample in samples)
        ratio = median(sample.cost.cpu_ms / sample.ceiling_cpu_ms for sample in samples)
        bare = [(sample.cost.wall_ms, sample.fsync_ms) for sample in samples if sample.fsync_ms is not None]
        return Figure(
            row.value,
            self._job.roots,
            self._job.bundle,
            WARM,
            cpu_ms=cost.cpu_ms,
            wall_ms=cost.wall_ms,
            ceiling_ratio=ratio,
            fsync_ms=median(fsync for _, fsync in bare) if bare else None,
            above_fsync_ms=median(wall - fsync for wall, fsync in bare) if bare else None,
            fsync_ratio=median(wall / fsync for wall, fsync in bare) if bare else None,
            calls=sum(sample.calls for sample in samples),
        )


def _main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=WarmJob)
    sys.stdout.buffer.write(msgspec.json.encode(_Session(job).measure()))


if __name__ == "__main__":
    _main()
