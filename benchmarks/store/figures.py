"""What a run found, as the JSON holds it."""

from dataclasses import dataclass
from typing import Final

__all__ = ["COLD", "WARM", "Figure", "Figures"]

WARM: Final = "warm"
COLD: Final = "cold"


@dataclass(frozen=True, slots=True)
class Figure:
    """One call under one condition; milliseconds a call, medians."""

    row: str
    roots: int
    bundle: str
    state: str
    """`warm`, or `cold`: the first call of a new process, opening the store included."""
    cpu_ms: float
    wall_ms: float
    calls: int
    """How many were timed."""
    ceiling_ratio: float | None = None
    """CPU time in those of the pre-parsed verification beside it; None for cold calls."""
    fsync_ms: float | None = None
    """Wall time of one durable write of the same size; None for calls that write nothing, and for cold ones."""
    above_fsync_ms: float | None = None
    """Wall time less that write's."""
    fsync_ratio: float | None = None
    """Wall time in those of that write."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A whole run."""

    machine: dict[str, str]
    run: dict[str, str]
    """What was asked for, and how long it took."""
    ceilings: dict[str, float]
    """Medians over the run, CPU milliseconds."""
    start: dict[str, float]
    """Of a new process until the store can be opened: interpreter and imports, CPU and wall milliseconds."""
    rows: tuple[Figure, ...]
