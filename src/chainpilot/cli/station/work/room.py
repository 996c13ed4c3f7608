"""Whether what the agent writes has a place: who may write there, and how much fits. It only looks."""

import os
import pwd
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chainpilot.station.adapters.memory import folder_objection
from chainpilot.station.agent.firmware.updates import MAX_IMAGE
from chainpilot.station.layout import Layout

__all__ = ["LEAST_BYTES", "Disk", "crowding", "image_room", "is_so", "room_objections"]

LEAST_BYTES: Final = 32 << 20
"""Free at least: a full memory takes some 20 MB of documents, security log and its write-ahead log, and a change of the
store twice a file of at most 4 MB."""
_MEGABYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system, as far as it bears on writing."""

    is_read_only: bool
    free_bytes: int | None
    """For whoever isn't root; None: it doesn't tell."""
    free_files: int | None
    """How many more files it takes; None: it has no such bound."""

    @classmethod
    def of(cls, path: Path) -> "Disk":
        """The one that the directory lies on."""
        about = os.statvfs(path)
        return cls(
            is_read_only=bool(about.f_flag & os.ST_RDONLY),
            free_bytes=about.f_bavail * about.f_frsize if about.f_blocks else None,
            free_files=about.f_favail if about.f_files else None,
        )


def room_objections(layout: Layout, state_dir: Path | None) -> Iterator[str]:
    """What is missing before the agent can write its store and its memory, with what to do; none: nothing."""
    told: set[Path] = set()
    files = {path for path in layout.bundles.values() if is_so(path.is_file)}  # what replaces one is written beside it
    directories = [path for path in layout.written_directories if files.isdisjoint((path, path.parent))]
    for path in (layout.root, *directories):
        yield from _about(path, "certs_dir", told)
    yield from _about_files(directories)
    if state_dir is not None:
        why = folder_objection(state_dir)
        if why is not None:
            yield f"a directory for the agent's memory (agent.state_dir): {why}"
        else:
            yield from _about(state_dir, "agent.state_dir", told)
    yield from _about(Path(tempfile.gettempdir()), "temporary files; the variable TMPDIR names another", told)


def image_room(disk: Disk, place: Path) -> str | None:
    """That the largest firmware image doesn't fit beside the memory; None: it does, or the disk doesn't tell."""
    if disk.free_bytes is None or disk.free_bytes >= MAX_IMAGE + LEAST_BYTES:
        return None
    free, most = disk.free_bytes // _MEGABYTE, MAX_IMAGE // _MEGABYTE
    return f"firmware images of up to {most} MB are taken; {free} MB are free for them in {place}"


def is_so(look: Callable[[], bool]) -> bool:
    """What the look says; False where one may not look."""
    try:
        return look()
    except OSError:
        return False


def crowding(disk: Disk, place: Path, purpose: str) -> str | None:
    """Why nothing can be written on that file system, whoever asks, and what to do."""
    if disk.is_read_only:
        return (
            f"a disk that can be written: that of {place} ({purpose}) is read-only; mount it writable, or name another"
        )
    if disk.free_bytes is not None and disk.free_bytes < LEAST_BYTES:
        free, least = disk.free_bytes // _MEGABYTE, LEAST_BYTES // _MEGABYTE
        return f"room on the disk of {place} ({purpose}): {free} MB are free, {least} are needed; remove something"
    if disk.free_files == 0:
        return f"room on the disk of {place} ({purpose}): it takes no further file (no inode is free); remove some"
    return None


def _about(path: Path, purpose: str, told: set[Path]) -> Iterator[str]:
    """Of the directory, or of the one in which it would be made."""
    try:
        place = next(one for one in (path, *path.parents) if one.exists())
        if place in told:
            return
        told.add(place)
        why = crowding(Disk.of(place), place, purpose)
    except OSError as error:
        if told.isdisjoint(path.parents):  # else what is above it is why
            yield f"a look at {path} ({purpose}): {error.strerror}; {_give(path)}"
        return
    if why is not None:
        yield why
    elif not place.is_dir():
        yield f"a directory: {place} ({purpose}) is none"
    elif not _may(place, os.W_OK | os.X_OK):
        yield f"the right to write in {place} ({purpose}); {_give(place)}"


def _about_files(directories: Iterable[Path]) -> Iterator[str]:
    """Files that another account made, root above all, and kept to itself."""
    for directory in directories:
        if is_so(directory.is_dir) and _may(directory, os.R_OK | os.X_OK):
            closed = sorted(one for one in directory.iterdir() if one.is_file() and not _may(one, os.R_OK))
            if closed:
                yield f"the right to read {closed[0]}, one of {len(closed)} such files; {_give(closed[0])}"


def _give(path: Path) -> str:
    """What to do about a place that belongs to somebody else."""
    return f"run this as the account that the agent has, or give it to this one: chown -R {_account()} {path}"


def _account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)
