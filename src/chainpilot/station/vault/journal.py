"""The record of a change of several files: from when it is on the disk, the change will be completed.

Only the record's form is here; `change.py` writes and replays it.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

__all__ = ["MAX_JOURNAL", "Place", "Step", "Take", "read_journal", "write_journal"]

MAX_JOURNAL: Final = 1 << 20
"""Bytes: a step is about 200, and a change has a handful; deleting a root with 1000 descendants has one a file."""

_VERSION: Final = 2
"""Paths in it are Latin-1 of their bytes; version 1 had them as text."""


@dataclass(frozen=True, slots=True)
class Place:
    """Rename `staged` to `final`."""

    staged: Path
    final: Path


@dataclass(frozen=True, slots=True)
class Take:
    """Rename `final` to `trash`, which goes when the change is complete."""

    final: Path
    trash: Path


Step = Place | Take


@dataclass(frozen=True, slots=True)
class _Record:
    version: int
    place: list[tuple[str, str]]
    take: list[tuple[str, str]]


def write_journal(steps: tuple[Step, ...], root: Path) -> bytes:
    """The steps as JSON; paths below `root` are written relative to it, so that a store may be moved."""
    record = _Record(
        version=_VERSION,
        place=[
            (_relative(step.staged, root), _relative(step.final, root)) for step in steps if isinstance(step, Place)
        ],
        take=[(_relative(step.final, root), _relative(step.trash, root)) for step in steps if isinstance(step, Take)],
    )
    return msgspec.json.encode(record)


def read_journal(data: bytes, root: Path) -> tuple[Step, ...] | None:
    """The steps, placing before taking; None when the record isn't one of ours."""
    try:
        record = msgspec.json.decode(data, type=_Record, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if record.version not in {1, _VERSION}:
        return None
    path = _path if record.version == _VERSION else Path
    try:
        places = tuple(Place(root / path(staged), root / path(final)) for staged, final in record.place)
        takes = tuple(Take(root / path(final), root / path(trash)) for final, trash in record.take)
    except UnicodeEncodeError:
        return None
    return (*places, *takes)


def _relative(path: Path, root: Path) -> str:
    """Byte for byte: a name on the disk need not be UTF-8."""
    return os.fsencode(path.relative_to(root) if path.is_relative_to(root) else path).decode("latin-1")


def _path(text: str) -> Path:
    return Path(os.fsdecode(text.encode("latin-1")))
