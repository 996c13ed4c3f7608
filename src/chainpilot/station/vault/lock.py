"""One lock for all processes and threads of a store: flock on a file in the state directory, with a bounded wait.

Every holder opens the file anew, so threads of one process exclude each other as processes do. The system drops the
lock of a process that dies. Readers pass a turnstile, a second file, which a writer holds shut while it waits: however
many readers come and go, a writer waits only for those that were before it.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chainpilot.clock import Clock
from chainpilot.station.vault.errors import VaultBusy

__all__ = ["LockFiles", "held_exclusively", "release", "take_shared"]

_POLL_SECONDS: Final = 0.004
"""Between two attempts; flock itself knows no time limit."""
_WRITING: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_READING: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class LockFiles:
    """The two files that a lock consists of, side by side."""

    lock: Path
    turnstile: Path


@contextmanager
def held_exclusively(files: LockFiles, wait: float, clock: Clock) -> Iterator[None]:
    """Hold the lock alone; its file is made when it isn't there.

    Raises:
        VaultBusy: not free within `wait` seconds of the clock's monotonic time.
        OSError: the lock file can't be opened.
    """
    patience = _Patience(files, wait, clock.monotonic() + wait, clock)
    while True:
        with _opened(files.lock, _WRITING) as lock:
            with _opened(files.turnstile, _WRITING) as turnstile:
                patience.acquire(turnstile, fcntl.LOCK_EX, files.turnstile)
                patience.acquire(lock, fcntl.LOCK_EX, files.lock)
            if _still_named(lock, files.lock):
                yield
                return


def take_shared(files: LockFiles, wait: float, clock: Clock) -> int | None:
    """Hold the lock among readers until `release`; None, and nothing held, where there is no lock file to open.

    A plain function, since every command that reads takes the lock: a context manager costs more than the lock.

    Raises:
        VaultBusy: writers held it, or waited for it, for longer than `wait` seconds of the clock's monotonic time.
    """
    patience = _Patience(files, wait, clock.monotonic() + wait, clock)
    while True:
        try:
            descriptor = os.open(files.lock, _READING)
        except OSError:
            return None
        held = False
        try:
            patience.pass_turnstile()
            patience.acquire(descriptor, fcntl.LOCK_SH, files.lock)
            if held := _still_named(descriptor, files.lock):
                return descriptor
        finally:
            if not held:
                release(descriptor, os.getpid())


def release(descriptor: int, process: int) -> None:
    """Let go of a lock that `process` took: unlocked first, since a process forked meanwhile holds a copy of it.

    The copy's own process unlocks nothing, since that would take the lock from its parent.
    """
    if os.getpid() == process:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _Patience:
    """How long one holder waits, for the turnstile and the lock together."""

    files: LockFiles
    wait: float
    deadline: float
    clock: Clock

    def acquire(self, descriptor: int, kind: int, path: Path) -> None:
        """Return with the lock, or without it when `path` names another file by now."""
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if not _still_named(descriptor, path):
                    return
                if self.clock.monotonic() >= self.deadline:
                    raise VaultBusy(self.files.lock, self.wait) from None
                threading.Event().wait(_POLL_SECONDS)
            else:
                return

    def pass_turnstile(self) -> None:
        """Wait until no writer waits; a turnstile that can't be opened stops nobody."""
        try:
            turnstile = os.open(self.files.turnstile, _READING)
        except OSError:
            return
        process = os.getpid()
        try:
            self.acquire(turnstile, fcntl.LOCK_SH, self.files.turnstile)
        finally:
            release(turnstile, process)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    process = os.getpid()
    descriptor = os.open(path, flags, 0o600)
    try:
        yield descriptor
    finally:
        release(descriptor, process)


def _still_named(descriptor: int, path: Path) -> bool:
    """Whether `path` still names what was locked: somebody may have removed the state directory meanwhile."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))  # noqa: PTH116 - at every command; half the cost
    except OSError:
        return False
