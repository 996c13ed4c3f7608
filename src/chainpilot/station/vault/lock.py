"""One lock for all processes and threads of a store: flock on a file in the state directory, with a bounded wait.

Every holder opens the file anew, so threads of one process exclude each other as processes do. The system drops the
lock of a process that dies.
"""

import fcntl
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from chainpilot.station.vault.errors import VaultBusy

__all__ = ["held_exclusively", "held_shared"]

_POLL_SECONDS: Final = 0.004
"""Between two attempts; flock itself knows no time limit."""


@contextmanager
def held_exclusively(path: Path, wait: float) -> Iterator[None]:
    """Hold the lock alone; its file is made when it isn't there.

    Raises:
        VaultBusy: not free within `wait` seconds.
        OSError: the lock file can't be opened.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            _acquire(descriptor, fcntl.LOCK_EX, path, wait)
            if _still_named(descriptor, path):
                yield
                return
        finally:
            os.close(descriptor)


@contextmanager
def held_shared(path: Path, wait: float) -> Iterator[bool]:
    """Hold the lock among readers; answers False, and holds nothing, where there is no lock file to open.

    Raises:
        VaultBusy: a writer held it for longer than `wait` seconds.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        yield False
        return
    try:
        _acquire(descriptor, fcntl.LOCK_SH, path, wait)
        yield True
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, kind: int, path: Path, wait: float) -> None:
    pause = threading.Event()
    for _ in range(max(1, math.ceil(wait / _POLL_SECONDS))):
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            pause.wait(_POLL_SECONDS)
        else:
            return
    raise VaultBusy(path, wait)


def _still_named(descriptor: int, path: Path) -> bool:
    """Whether `path` still names what was locked: somebody may have removed the state directory meanwhile."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
