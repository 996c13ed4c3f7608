"""The directory of the agent's memory: its owner's alone, worked in by one process, and never silently empty.

What is in the database file is `database`'s; here it is only opened for its owner, found missing, or moved aside.
"""

import contextlib
import errno
import fcntl
import logging
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from chainpilot.station.agent.ports import MemoryFault, MemoryFull

__all__ = [
    "DATABASE",
    "MAX_BROKEN",
    "Folder",
    "folder_objection",
    "in_words",
    "make_directory",
    "open_directory",
    "own_file",
]

DATABASE: Final = "agent.db"
MAX_BROKEN: Final = 5
"""Broken files kept beside it: enough to see a pattern, and a bound on what a failing flash can fill."""
_LOCK: Final = "agent.lock"
_COMPANIONS: Final = ("-wal", "-shm", "-journal")
_BEGUN: Final = b"A memory was begun here; agent.db without it was lost.\n"
_BROKEN: Final = re.compile(rf"{re.escape(DATABASE)}\.broken-(\d{{1,9}})(?:-[a-z]+)?").fullmatch
_MAGIC: Final = b"SQLite format 3\x00"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORMATS: Final = frozenset({1, 2})
"""SQLite's file format section 1.3.3: with another write version it would be read-only, and nobody would say why."""

_log = logging.getLogger(__name__)


def folder_objection(path: Path) -> str | None:
    """Why this user can't keep a memory there, as far as a look tells; None: nothing is known. It changes nothing."""
    try:
        with in_words(path), contextlib.ExitStack() as undo:
            if not os.path.lexists(path):
                is_there = path.parent.is_dir()
                return None if is_there else f"{path.parent} is missing: a disk that isn't mounted, or a misspelling"
            if path.is_dir() and not path.is_symlink():
                _check(path, path.stat())  # before it is opened: somebody else's may be closed to us
            descriptor = open_directory(path)
            undo.callback(os.close, descriptor)
            _check_alone(path, descriptor)
            for name in (_LOCK, DATABASE, *(DATABASE + companion for companion in _COMPANIONS)):
                with contextlib.suppress(FileNotFoundError):
                    _check_own(path / name, os.stat(name, dir_fd=descriptor, follow_symlinks=False))
    except MemoryFault as fault:
        return fault.why
    return None


class Folder:
    """The directory, checked and locked for this process until `close`."""

    def __init__(self, path: Path, descriptor: int, lock: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._lock = lock

    @classmethod
    def take(cls, path: Path) -> Self:
        """Make the directory where it is missing, check whose it is, and lock it.

        Raises:
            MemoryFault: a link, somebody else's, writable by others, in use by another process, or not to be opened.
        """
        with in_words(path), contextlib.ExitStack() as undo:
            make_directory(path)
            descriptor = open_directory(path)
            undo.callback(os.close, descriptor)
            _check(path, os.fstat(descriptor))
            _check_alone(path, descriptor)
            os.fchmod(descriptor, 0o700)
            lock = own_file(path, descriptor, _LOCK, os.O_RDWR | os.O_CREAT)
            undo.callback(os.close, lock)
            _hold(path, lock)
            undo.pop_all()
        return cls(path, descriptor, lock)

    @property
    def database(self) -> Path:
        """The database file."""
        return self._path / DATABASE

    @property
    def begun(self) -> bool:
        """Whether a memory was made here before, so that an empty file is a loss. Raises MemoryFault."""
        with in_words(self._path):
            return os.fstat(self._lock).st_size > 0

    def damage(self) -> str | None:
        """Why the database file can't be the one that was written here; None where SQLite should look at it.

        Makes an empty file where none was begun. Must be asked before SQLite opens the file: closing another descriptor
        of it drops SQLite's locks.
        """
        with in_words(self._path):
            if not self.begun:
                os.close(self._file(DATABASE, os.O_RDWR | os.O_CREAT))
            for name in (DATABASE, *(DATABASE + companion for companion in _COMPANIONS)):
                with contextlib.suppress(FileNotFoundError):
                    os.close(self._file(name, os.O_RDWR))
            return self._judge()

    def _judge(self) -> str | None:
        try:
            descriptor = self._file(DATABASE, os.O_RDONLY)
        except FileNotFoundError:
            return f"{DATABASE} is missing"
        try:
            head = os.pread(descriptor, 20, 0)
        finally:
            os.close(descriptor)
        if not head:
            return f"{DATABASE} is empty" if self.begun else None
        if head[:16] != _MAGIC or not _FORMATS.issuperset(head[18:20]):
            return f"{DATABASE} is no database"
        return None

    def settle(self) -> None:
        """Make the names durable, and remember that there is a memory now."""
        with in_words(self._path):
            if not self.begun:
                os.pwrite(self._lock, _BEGUN, 0)
                os.fsync(self._lock)
            os.fsync(self._descriptor)

    def set_aside(self) -> None:
        """Rename the database and what belongs to it; the oldest of too many broken ones are removed.

        The database goes first: without its write-ahead log it would pass for a whole, older one.
        """
        with in_words(self._path):
            numbers = sorted({number for number, _ in self._broken()})
            number = numbers[-1] + 1 if numbers else 1
            aside = f"{DATABASE}.broken-{number}"
            for companion in ("", *_COMPANIONS):
                with contextlib.suppress(FileNotFoundError):
                    self._rename(DATABASE + companion, aside + companion)
            for old, name in list(self._broken()):
                if old <= number - MAX_BROKEN:
                    os.unlink(name, dir_fd=self._descriptor)
            os.close(self._file(DATABASE, os.O_RDWR | os.O_CREAT))
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Let another process work here."""
        os.close(self._lock)
        os.close(self._descriptor)

    def _broken(self) -> Iterator[tuple[int, str]]:
        for path in self._path.iterdir():
            if found := _BROKEN(path.name):
                yield int(found[1]), path.name

    def _rename(self, name: str, new: str) -> None:
        os.rename(name, new, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        os.fsync(self._descriptor)
        _log.error("%s was moved aside as %s", name, self._path / new)

    def _file(self, name: str, flags: int) -> int:
        return own_file(self._path, self._descriptor, name, flags)


def own_file(path: Path, directory: int, name: str, flags: int) -> int:
    """Open a file for its owner alone; raises MemoryFault for what is no file of this user's."""
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    descriptor = os.open(name, flags, 0o600, dir_fd=directory)
    about = os.fstat(descriptor)
    try:
        _check_own(path / name, about)
    except MemoryFault:
        os.close(descriptor)
        raise
    if about.st_mode & 0o077:
        os.fchmod(descriptor, 0o600)
    return descriptor


def _check_own(path: Path, about: os.stat_result) -> None:
    if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid():
        raise MemoryFault(f"{path} is no file of this user's")


def make_directory(path: Path) -> None:
    """One directory: a parent that is missing is a disk that is not mounted, or a misspelling."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def open_directory(path: Path) -> int:
    """Its descriptor; a link is no directory. Raises OSError or MemoryFault."""
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except NotADirectoryError:
        what = "a symbolic link" if path.is_symlink() else "no directory"
        raise MemoryFault(f"{path} is {what}; name the directory itself") from None


def _check(path: Path, about: os.stat_result) -> None:
    if about.st_uid != os.geteuid():
        raise MemoryFault(
            f"{path} belongs to user {about.st_uid}, and this is user {os.geteuid()}; give it to this one"
        )
    if about.st_mode & 0o022:
        mode = stat.S_IMODE(about.st_mode)
        raise MemoryFault(
            f"{path} can be written by others (mode {mode:04o}); look what they left there, then chmod 0700"
        )


def _check_alone(path: Path, descriptor: int) -> None:
    """A directory that others may look into and that holds what isn't ours is theirs: it must not be closed to them."""
    names = os.listdir(descriptor)
    if os.fstat(descriptor).st_mode & 0o055 and names and _LOCK not in names:
        raise MemoryFault(f"{path} holds other files, which others may read; name a directory for the agent alone")


def _hold(path: Path, lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise MemoryFault(f"{path} is in use by another agent; only one can work with it") from None


@contextlib.contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Failures of the system in it are MemoryFaults."""
    try:
        yield
    except OSError as error:
        place = path / os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else path
        kind = MemoryFull if error.errno in _FULL else MemoryFault
        raise kind(f"{place} can't be used: {error.strerror or error}") from error
