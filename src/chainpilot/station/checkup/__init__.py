"""The doctor: every problem that can be found in a store, why it matters, and what to do about it.

Reads through a Look, asks the system through `Premises`, changes nothing. What it can't see it doesn't claim: where
something can't be read, that is the problem. Problems are judged for a given moment; how they are shown is the command
line's matter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chainpilot.station.checkup import (
    authorities,
    chains,
    disk,
    files,
    hardware,
    key_leaks,
    keys,
    leaves,
    lists,
    profiles,
    revocation,
    state,
    times,
)
from chainpilot.station.checkup.premises import OS_PREMISES, Premises
from chainpilot.station.checkup.problems import ByHand, Command, Need, Problem, Row, Setting, Severity, Shell, Step
from chainpilot.station.checkup.refusals import of_busy, of_missing, of_stuck, of_unlocked
from chainpilot.station.checkup.rows import SECTIONS, TABLE
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.layout import Layout
from chainpilot.station.vault import Look

__all__ = [
    "OS_PREMISES",
    "SECTIONS",
    "TABLE",
    "ByHand",
    "Command",
    "Examination",
    "Need",
    "Premises",
    "Problem",
    "Row",
    "Setting",
    "Severity",
    "Shell",
    "Step",
    "examine",
    "of_busy",
    "of_stuck",
    "of_unlocked",
]

_ORDER: Final = {row.code: number for number, row in enumerate(TABLE)}
_SEVERITIES: Final = tuple(Severity)
_CHECKS: Final = (
    times.check,
    authorities.check,
    leaves.check,
    chains.check,
    profiles.check,
    keys.check,
    key_leaks.check,
    hardware.check,
    files.check_places,
    files.check,
    revocation.check,
    lists.check,
    state.check,
    disk.check,
)


@dataclass(frozen=True, slots=True)
class Examination:
    """What the doctor found, the worst first, and how much was looked at."""

    problems: tuple[Problem, ...]
    certificates: int = 0
    """Different ones."""
    keys: int = 0
    """Files of private keys, readable or not."""


def examine(look: Look, layout: Layout, at: datetime, premises: Premises = OS_PREMISES) -> Examination:
    """Look at everything.

    Args:
        look: the files of the store.
        layout: where they lie.
        at: the moment to judge for, timezone-aware.
        premises: what lies around the files.
    """
    missing = of_missing(layout, premises)
    if missing is not None:
        return Examination((missing,))
    scene = Scene(look, layout, premises, at)
    found = (problem for check in _CHECKS for problem in check(scene))
    keys_held = sum(len(scene.ring(directory).paths()) for directory in scene.key_directories)
    return Examination(_sorted(_once(found)), len(scene.certificates), keys_held)


def _once(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Of one kind and about one thing each: an OCSP answer and a list may both tell of a revocation."""
    told: set[tuple[object, ...]] = set()
    for one in problems:
        key = (one.code, one.path, one.subject)
        if key not in told:
            told.add(key)
            yield one


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    def rank(one: Problem) -> tuple[int, int, str, str]:
        return _SEVERITIES.index(one.severity), _ORDER[one.code], str(one.path), one.subject or ""

    return tuple(sorted(problems, key=rank))
