"""The disk: whether the store may write where it has to, and has room to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chainpilot.station.checkup.premises import Entry, EntryKind, Space
from chainpilot.station.checkup.problems import ByHand, Problem, Shell
from chainpilot.station.checkup.rows import disk as rows
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.checkup.words import counted

__all__ = ["check"]

_COPIES: Final = 2
"""Of the longest file: a change writes it anew beside the old one, and a copy of the anchors may follow."""
_MIN_FREE_FILES: Final = 64
"""A change of a leaf makes a handful, and as many second names while it is made."""


def check(scene: Scene) -> Iterator[Problem]:
    """Every directory that a change writes into; what is the file system's matter is told once for each."""
    by_device: dict[int, Path] = {}
    for directory, entry in _written(scene).items():
        is_first = by_device.setdefault(entry.device, directory) == directory
        space = scene.premises.space(directory)
        if space is not None and space.is_read_only:
            if is_first:
                remount = Shell.of("mount", "-o", "remount,rw", _mount_of(scene, directory))
                yield rows.READ_ONLY_FILE_SYSTEM.found(remount, path=directory)
        elif not scene.premises.may_write(directory):
            user = scene.premises.user()
            steps = (Shell.of("chown", f"{user}", directory), Shell.of("chmod", "u+rwx", directory))
            yield rows.DIRECTORY_NOT_WRITABLE.found(*steps, path=directory, user=user)
        if space is not None and is_first and _is_tight(scene, space):
            step = ByHand(f"Look what takes the room (df -h {directory}), and remove what is not needed.")
            yield rows.DISK_NEARLY_FULL.found(step, path=directory, free=_free(space))
    yield from _mounted_alone(scene)


def _written(scene: Scene) -> dict[Path, Entry]:
    """The directories themselves, or those in which they would be made."""
    found: dict[Path, Entry] = {}
    for wanted in scene.layout.written_directories:
        above = (wanted, *wanted.parents)
        place = next((path for path in above if scene.premises.entry(path) is not None), None)
        entry = scene.premises.entry(place) if place is not None else None
        if place is not None and entry is not None and entry.kind is EntryKind.DIRECTORY:
            found[place] = entry
    return found


def _is_tight(scene: Scene, space: Space) -> bool:
    has_no_files = space.free_files is not None and space.free_files < _MIN_FREE_FILES
    return has_no_files or space.free_bytes < _COPIES * scene.layout.config.max_file_bytes


def _free(space: Space) -> str:
    files = "" if space.free_files is None else f" in {counted(space.free_files, 'file')}"
    return f"{counted(space.free_bytes, 'byte')}{files}"


def _mount_of(scene: Scene, directory: Path) -> Path:
    mounts, real = scene.premises.mounts(), scene.premises.real(directory)
    return next((path for path in (real, *real.parents) if path in mounts), real)


def _mounted_alone(scene: Scene) -> Iterator[Problem]:
    """Bundle files that are mounts, by the system's table, or told by the device they are on."""
    mounts = scene.premises.mounts()
    for path in dict.fromkeys(scene.layout.bundles.values()):
        real = scene.premises.real(path)
        entry, above = scene.premises.entry(real), scene.premises.entry(real.parent)
        if entry is None or above is None or entry.kind is not EntryKind.FILE:
            continue
        if real in mounts or entry.device != above.device:
            step = ByHand(f"Mount {real.parent} in place of {real}, for instance as a volume of the container.")
            yield rows.BUNDLE_MOUNTED_ALONE.found(step, path=path)
