"""A whole run: the material is made, and each condition laid out and handed to child processes one after another."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.store.cold import ColdFound, ColdJob
from benchmarks.store.commands import hash_data
from benchmarks.store.figures import COLD, Figure, Figures
from benchmarks.store.ground import BESIDE, CROWD, CROWD_UNNAMED, Ground
from benchmarks.store.machine import machine_facts
from benchmarks.store.material import Material, make_material
from benchmarks.store.plan import ROWS, Bundle, RowName
from benchmarks.store.stopwatch import median, medians
from benchmarks.store.warm import MOST_CALLS, WarmFound, WarmJob
from chainpilot.clock import SYSTEM
from chainpilot.station import EvseSecurity
from chainpilot.station.model import CaCertificateType

__all__ = ["Patience", "run"]

_TOP: Final = Path(__file__).parents[2]
_COLD_ROWS: Final = tuple(row.name for row in ROWS if row.is_cold_too)
_PLACES: Final = {RowName.LEAF_CROWD: CROWD, RowName.LEAF_CROWD_UNNAMED: CROWD_UNNAMED}
_CEILING_LEAVES: Final = 64


@dataclass(frozen=True, slots=True)
class Patience:
    """How much is measured."""

    roots: tuple[int, ...]
    rounds: int
    """Of each warm call."""
    round_seconds: float
    writes: int
    """Roots installed and deleted under each condition."""
    cold: int
    """New processes for each call under each condition."""

    @property
    def leaves(self) -> int:
        """Leaves to be judged at most, each once in a process: full rounds, warming up, and after every change."""
        return MOST_CALLS * self.rounds + 4 * (self.rounds + 2) + 8 + _CEILING_LEAVES


def run(patience: Patience, scratch: Path | None) -> Figures:
    """Measure everything; progress goes to standard error.

    Args:
        patience: how much.
        scratch: an existing directory to work below, whose file system is measured; None for the system's own.
    """
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="chainpilot-bench-", dir=scratch) as name:
        place = Path(name)
        machine = machine_facts(place)
        material = make_material(
            SYSTEM.now(), roots=max(patience.roots), spares=patience.writes, strangers=patience.leaves
        )
        path = place / "material.json"
        path.write_bytes(msgspec.json.encode(material))
        warm, cold = _conditions(patience, place, material, path)
    return Figures(
        machine=machine,
        run=_about(patience, time.perf_counter() - begun),
        ceilings={
            "openssl_chain_cpu_ms": median(found.chain_cpu_ms for found in warm),
            "ecdsa_p256_verify_cpu_ms": median(found.signature_cpu_ms for found in warm),
        },
        start=cold.start,
        rows=(*(row for found in warm for row in found.rows), *cold.figures),
    )


def _about(patience: Patience, seconds: float) -> dict[str, str]:
    return {
        "at": SYSTEM.now().isoformat(timespec="seconds"),
        "seconds": f"{seconds:.0f}",
        "rounds": str(patience.rounds),
        "cold processes": str(patience.cold),
        "installs": str(patience.writes),
    }


def _conditions(
    patience: Patience, place: Path, material: Material, path: Path
) -> tuple[list[WarmFound], "_ColdCalls"]:
    warm: list[WarmFound] = []
    cold = _ColdCalls(material, patience.cold)
    for roots in patience.roots:
        for bundle in Bundle:
            begun = time.perf_counter()
            ground = Ground(place / f"{roots}-{bundle.value}", bundle, roots)
            ground.lay_out(material)
            _take_into_use(ground, material)
            warm.append(_measure_warm(patience, ground, path))
            cold.measure(ground)
            shutil.rmtree(ground.place)
            words = f"{roots} roots in a {bundle.value}: {time.perf_counter() - begun:.0f} s"
            print(words, file=sys.stderr, flush=True)
    return warm, cold


def _take_into_use(ground: Ground, material: Material) -> None:
    """What a store in use has: its lock files, and the OCSP responses of its leaf."""
    store = EvseSecurity(ground.config())
    answer = store.install_ca_certificate(material.roots[-1], CaCertificateType.V2G)
    if answer.value != "Accepted":
        raise SystemExit(f"the store doesn't take the root that it holds: {answer.value}")
    for one in material.responses:
        store.update_ocsp_cache(hash_data(one.names), one.response)


def _measure_warm(patience: Patience, ground: Ground, material: Path) -> WarmFound:
    job = WarmJob(
        material=str(material),
        place=str(ground.place),
        bundle=ground.bundle.value,
        roots=ground.roots,
        rounds=patience.rounds,
        round_seconds=patience.round_seconds,
        writes=patience.writes,
    )
    return msgspec.json.decode(_child("warm", msgspec.json.encode(job)), type=WarmFound)


class _ColdCalls:
    """First calls of new processes, and what starting each of those took."""

    def __init__(self, material: Material, times: int) -> None:
        self._material = material
        self._times = times
        self._names = (f"DE*BEN*E8{number:06}*1" for number in count())
        self._starts: list[tuple[float, float]] = []
        self.figures: list[Figure] = []

    @property
    def start(self) -> dict[str, float]:
        """Medians."""
        cpu, wall = zip(*self._starts, strict=True)
        return {"cpu_ms": median(cpu), "wall_ms": median(wall)}

    def measure(self, ground: Ground) -> None:
        """Every row under this condition; what a call leaves behind is taken away again."""
        found: dict[RowName, list[ColdFound]] = {row: [] for row in _COLD_ROWS}
        before = ground.snapshot()
        for _ in range(self._times):
            for row, job in self._jobs(ground):
                found[row].append(self._make(job))
                if row in {RowName.CSR, RowName.DELETE}:
                    before.restore()
            before.restore()
        for row, calls in found.items():
            cost = medians(one.cost for one in calls)
            self.figures.append(
                Figure(
                    row.value,
                    ground.roots,
                    ground.bundle.value,
                    COLD,
                    cpu_ms=cost.cpu_ms,
                    wall_ms=cost.wall_ms,
                    calls=len(calls),
                )
            )

    def _jobs(self, ground: Ground) -> Iterator[tuple[RowName, ColdJob]]:
        spare = self._material.spares[0]
        texts = {
            RowName.VERIFY: self._material.strangers[0] + self._material.sub_cas,
            RowName.CSR: next(self._names),
            RowName.INSTALL: spare.pem,
        }
        for row in _COLD_ROWS:
            yield (
                row,
                ColdJob(
                    place=str(ground.place),
                    bundle=ground.bundle.value,
                    roots=ground.roots,
                    row=row.value,
                    leaves=_PLACES.get(row, BESIDE),
                    text=texts.get(row, ""),
                    names=spare.names if row is RowName.DELETE else None,
                ),
            )

    def _make(self, job: ColdJob) -> ColdFound:
        begun = time.perf_counter()
        found = msgspec.json.decode(_child("cold", msgspec.json.encode(job)), type=ColdFound)
        self._starts.append((found.ready_cpu_ms, 1000 * (found.ready_at - begun)))
        return found


def _child(module: str, job: bytes) -> bytes:
    command = [sys.executable, "-m", f"benchmarks.store.{module}"]
    done = subprocess.run(command, input=job, stdout=subprocess.PIPE, cwd=_TOP, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    return done.stdout
