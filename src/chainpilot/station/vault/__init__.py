"""The only room of the station that touches files: locked, bounded, atomic, durable.

A Vault hands out a `Look` (reads, among other readers) or a `Change` (reads and staged writes, alone); holding one is
holding the lock, so whatever takes one as an argument can't run without it. What the files mean is the store's matter.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from chainpilot.clock import SYSTEM, Clock
from chainpilot.station.vault.change import Change, Modes, complete_journal, make_directories, sweep
from chainpilot.station.vault.errors import (
    VaultBusy,
    VaultError,
    VaultFull,
    VaultReadError,
    VaultWriteError,
    write_error,
)
from chainpilot.station.vault.files import OS_FILES, FileOperations, OsFiles
from chainpilot.station.vault.lock import LockFiles, held_exclusively, release, take_shared
from chainpilot.station.vault.look import Look
from chainpilot.station.vault.memory import Make, Memory, file_digest

__all__ = [
    "OS_FILES",
    "Change",
    "FileOperations",
    "Look",
    "Make",
    "Modes",
    "OsFiles",
    "Vault",
    "VaultBusy",
    "VaultError",
    "VaultFull",
    "VaultReadError",
    "VaultWriteError",
    "file_digest",
]


class Vault:
    """The files of one store; safe between threads and between processes that all use a Vault."""

    def __init__(
        self,
        root: Path,
        state: Path,
        *,
        swept: tuple[Path, ...],
        modes: Modes,
        lock_timeout: float,
        max_file_bytes: int,
        files: FileOperations = OS_FILES,
        clock: Clock = SYSTEM,
    ) -> None:
        """Touch nothing yet.

        Args:
            root: the certificates directory.
            state: our own directory.
            swept: directories that unfinished files of a stopped process may lie in.
            modes: of what is written.
            lock_timeout: seconds that a look or a change waits for others.
            max_file_bytes: of one file read.
            files: the operations a change is made of.
            clock: its monotonic time bounds the waits.
        """
        self._root = root
        self._state = state
        self._swept = swept
        self._modes = modes
        self._lock_timeout = lock_timeout
        self._max_file_bytes = max_file_bytes
        self._files = files
        self._clock = clock
        self._lock = LockFiles(state / "lock", state / "turnstile")
        self._journal = state / "journal"
        self._is_swept = False
        self._memory = Memory()

    @contextmanager
    def look(self) -> Iterator[Look]:
        """Read while nobody changes.

        A store that nobody changed through a Vault yet has no lock, and a reader who may not open the lock holds none.

        Raises:
            VaultBusy: a change took longer than the lock's time limit.
            VaultReadError: the file system knows no locks.
            VaultWriteError: a change that another process left half done can't be completed.
        """
        while True:
            process, held = os.getpid(), self._taken()
            try:
                if held is None or not os.path.lexists(self._journal):
                    yield Look(self._max_file_bytes, self._memory)
                    return
            finally:
                if held is not None:
                    release(held, process)
            with self._alone():
                pass

    @contextmanager
    def change(self) -> Iterator[Change]:
        """Read and write while nobody else does either; nothing is written before `Change.commit`.

        Raises:
            VaultBusy: others held the lock for longer than its time limit.
            VaultWriteError: the state directory can't be made or locked, or a half-done change not completed; VaultFull
                where a full disk is why.
        """
        with self._alone():
            change = Change(
                self._max_file_bytes,
                self._memory,
                files=self._files,
                root=self._root,
                state=self._state,
                modes=self._modes,
            )
            try:
                yield change
            finally:
                change.end()

    def _taken(self) -> int | None:
        """Raises VaultBusy, and VaultReadError where the file system knows no locks."""
        try:
            return take_shared(self._lock, self._lock_timeout, self._clock)
        except OSError as error:
            raise VaultReadError(self._lock.lock, f"can't be locked: {error.strerror}") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with ExitStack() as held:
            with _told_as_write_error(self._state):
                make_directories(self._files, self._state, self._modes, private=True)
                held.enter_context(held_exclusively(self._lock, self._lock_timeout, self._clock))
                completed = complete_journal(self._files, self._root, self._journal)
            if completed or not self._is_swept:
                sweep(self._files, self._swept)
                self._is_swept = True
            yield


@contextmanager
def _told_as_write_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        blamed = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(path)
        raise write_error(Path(blamed), f"can't be used: {error.strerror or error}", error) from error
