"""The single file operations that a change consists of, as a port, and the operating system's own.

A test stops a change after any one of them by handing in its own. Their order is the business of `change.py`.
"""

import contextlib
import os
import stat
from pathlib import Path
from typing import Final, Protocol

__all__ = ["OS_FILES", "FileOperations", "OsFiles"]

_FIRST_MODE: Final = 0o600
"""Mode a file is born with: nobody else reads it before its own mode is set (station-store.md row 5)."""


class FileOperations(Protocol):
    """What a change does to a file system; every method may raise OSError and is one step of a crash test."""

    def make_directory(self, path: Path, mode: int, group: int | None) -> None:
        """Make one directory; its parent is there."""
        ...

    def create(self, path: Path) -> int:
        """Make a file that isn't there, readable by its owner only; answers its descriptor."""
        ...

    def give(self, descriptor: int, mode: int, group: int | None) -> None:
        """Set an empty file's group, then its mode."""
        ...

    def resemble(self, descriptor: int, about: os.stat_result) -> None:
        """Give an empty file the owner, group and mode of another; never more rights than that one gives."""
        ...

    def write(self, descriptor: int, data: bytes) -> None:
        """Write all of `data`."""
        ...

    def sync(self, descriptor: int) -> None:
        """Return when the file's content is on the disk."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Put `source` where `target` is, at once."""
        ...

    def link(self, source: Path, target: Path) -> None:
        """Give the file at `source` a second name."""
        ...

    def symlink(self, path: Path, target: str) -> None:
        """Make a symbolic link that leads to `target`."""
        ...

    def unlink(self, path: Path) -> None:
        """Take the name away; a name that isn't there is no error."""
        ...

    def sync_directory(self, path: Path) -> None:
        """Return when the directory's names are on the disk."""
        ...


class OsFiles:
    """The operating system's operations."""

    __slots__ = ()

    def make_directory(self, path: Path, mode: int, group: int | None) -> None:
        """Make one directory whatever the umask says; one that another process has just made is as good."""
        try:
            path.mkdir(mode=mode if group is None else mode & 0o700)
        except FileExistsError:
            if path.is_dir():
                return
            raise
        if group is not None:
            os.chown(path, -1, group)
        path.chmod(mode)

    def create(self, path: Path) -> int:
        """Make a new file with mode 0600, following no link."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(path, flags, _FIRST_MODE)

    def give(self, descriptor: int, mode: int, group: int | None) -> None:
        """Set group and mode whatever the umask says."""
        if group is not None:
            os.fchown(descriptor, -1, group)
        os.fchmod(descriptor, mode)

    def resemble(self, descriptor: int, about: os.stat_result) -> None:
        """Set what the system lets us; where the group is another one, it gets no more than everybody has."""
        mode = stat.S_IMODE(about.st_mode) & 0o777
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, -1, about.st_gid)
            os.fchown(descriptor, about.st_uid, -1)
        if os.fstat(descriptor).st_gid != about.st_gid:
            mode &= ~0o070 | (mode & 0o007) << 3
        os.fchmod(descriptor, mode)

    def write(self, descriptor: int, data: bytes) -> None:
        """Write all of `data`; a short write goes on until an error tells why."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def sync(self, descriptor: int) -> None:
        """Fsync the file."""
        os.fsync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Replace atomically."""
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """Make a hard link."""
        target.hardlink_to(source)

    def symlink(self, path: Path, target: str) -> None:
        """Make a symbolic link."""
        path.symlink_to(target)

    def unlink(self, path: Path) -> None:
        """Remove the name if it is there."""
        path.unlink(missing_ok=True)

    def sync_directory(self, path: Path) -> None:
        """Fsync the directory."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


OS_FILES: Final[FileOperations] = OsFiles()
