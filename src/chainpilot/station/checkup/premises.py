"""What lies around the files and no Look tells: owners, modes, links, mounts, room on the disk.

Nothing here opens a file of the store. What can't be asked is answered by None or False: the doctor then claims
nothing. A port, so that a test may show what a machine of its own doesn't have.
"""

import os
import re
import stat
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, Protocol

__all__ = ["OS_PREMISES", "Entry", "EntryKind", "OsPremises", "Premises", "Space"]

_MOUNTS: Final = Path("/proc/self/mountinfo")
_MOUNT_POINT: Final = 4
"""The fifth field of a line (proc(5))."""
_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")
_MAX_MOUNTS_BYTES: Final = 1 << 20
"""Read of the table of mounts at most: about ten thousand mounts."""


class EntryKind(Enum):
    """What stands under a name."""

    FILE = "a file"
    DIRECTORY = "a directory"
    LINK = "a symbolic link"
    PIPE = "a pipe"
    SOCKET = "a socket"
    DEVICE = "a device"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the system says of a name."""

    kind: EntryKind
    mode: int
    """The permission bits."""
    owner: int
    group: int
    device: int
    size: int


@dataclass(frozen=True, slots=True)
class Space:
    """What a file system has left for us."""

    free_bytes: int
    free_files: int | None
    """None where the file system doesn't count them."""
    is_read_only: bool


class Premises(Protocol):
    """What the doctor asks of the system; no method raises."""

    def entry(self, path: Path, *, follow: bool = True) -> Entry | None:
        """What stands there, or what a link there leads to; None when nothing does, or it can't be seen."""

    def names(self, directory: Path) -> tuple[str, ...] | None:
        """Every name in a directory, hidden ones too, in order; None when it can't be listed."""

    def target(self, path: Path) -> str | None:
        """Where a symbolic link leads, as it is written; None when it is none."""

    def real(self, path: Path) -> Path:
        """The path with every link followed, as far as they lead anywhere."""

    def may_read(self, path: Path) -> bool:
        """Whether we may read the file, or list and enter the directory."""

    def may_write(self, directory: Path) -> bool:
        """Whether we may make files in the directory."""

    def space(self, path: Path) -> Space | None:
        """What is left of the file system that the path lies on."""

    def mounts(self) -> frozenset[Path]:
        """Every place that something is mounted on."""

    def user(self) -> int:
        """Who we are."""


class OsPremises:
    """The operating system's answers."""

    __slots__ = ()

    def entry(self, path: Path, *, follow: bool = True) -> Entry | None:
        """See Premises."""
        try:
            about = path.stat(follow_symlinks=follow)
        except (OSError, ValueError):
            return None
        kind = _KINDS.get(stat.S_IFMT(about.st_mode), EntryKind.DEVICE)
        mode = stat.S_IMODE(about.st_mode)
        return Entry(kind, mode, about.st_uid, about.st_gid, about.st_dev, about.st_size)

    def names(self, directory: Path) -> tuple[str, ...] | None:
        """See Premises."""
        try:
            return tuple(sorted(os.listdir(directory)))  # noqa: PTH208 - names, not paths
        except (OSError, ValueError):
            return None

    def target(self, path: Path) -> str | None:
        """See Premises."""
        try:
            return os.readlink(path)  # noqa: PTH115 - the text as it stands
        except (OSError, ValueError):
            return None

    def real(self, path: Path) -> Path:
        """See Premises."""
        try:
            return Path(os.path.realpath(path))
        except (OSError, ValueError):
            return path

    def may_read(self, path: Path) -> bool:
        """See Premises."""
        entry = self.entry(path)
        is_directory = entry is not None and entry.kind is EntryKind.DIRECTORY
        return _may(path, os.R_OK | os.X_OK if is_directory else os.R_OK)

    def may_write(self, directory: Path) -> bool:
        """See Premises."""
        return _may(directory, os.W_OK | os.X_OK)

    def space(self, path: Path) -> Space | None:
        """See Premises."""
        try:
            about = os.statvfs(path)
        except (OSError, ValueError):
            return None
        files = about.f_favail if about.f_files else None
        return Space(about.f_bavail * about.f_frsize, files, bool(about.f_flag & os.ST_RDONLY))

    def mounts(self) -> frozenset[Path]:
        """See Premises; none where the kernel has no such table."""
        try:
            with _MOUNTS.open("rb") as table:
                lines = table.read(_MAX_MOUNTS_BYTES).splitlines()
        except OSError:
            return frozenset()
        fields = (line.split(b" ") for line in lines)
        return frozenset(_mount_point(one[_MOUNT_POINT]) for one in fields if len(one) > _MOUNT_POINT)

    def user(self) -> int:
        """See Premises."""
        return os.geteuid()


OS_PREMISES: Final[Premises] = OsPremises()

_KINDS: Final = {
    stat.S_IFREG: EntryKind.FILE,
    stat.S_IFDIR: EntryKind.DIRECTORY,
    stat.S_IFLNK: EntryKind.LINK,
    stat.S_IFIFO: EntryKind.PIPE,
    stat.S_IFSOCK: EntryKind.SOCKET,
}


def _may(path: Path, rights: int) -> bool:
    try:
        return os.access(path, rights, effective_ids=os.access in os.supports_effective_ids)
    except (OSError, ValueError):
        return False


def _mount_point(field: bytes) -> Path:
    """Spaces and the like are written as three octal digits (proc(5))."""
    return Path(os.fsdecode(_ESCAPED.sub(lambda found: bytes((int(found[1], 8) & 0xFF,)), field)))
