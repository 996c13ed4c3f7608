"""A change of one or more files that happens whole or not at all.

New content is first written beside its place and synced. One file is then renamed into place. For several, a journal
is made durable first: from then on the change will be completed, by this process or by the next that opens the store.
An error before that point removes what was staged; an error after it is undone step by step, old files being kept
under a second name until the end. Taking the lock is the Vault's part.
"""

import contextlib
import errno
import logging
import os
import secrets
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Final

from chainpilot.station.vault.errors import VaultWriteError, write_error
from chainpilot.station.vault.files import FileOperations
from chainpilot.station.vault.journal import MAX_JOURNAL, Place, Step, Take, read_journal, write_journal
from chainpilot.station.vault.look import Look

__all__ = ["STAGED_PREFIX", "Change", "Modes", "complete_journal", "make_directories", "sweep"]

STAGED_PREFIX: Final = ".chainpilot-"
"""Names of unfinished files begin so; no reader of certificates takes a hidden file for one."""
_PUBLIC_DIRECTORY: Final = 0o755
_OWN_DIRECTORY: Final = 0o700
_GROUP_DIRECTORY: Final = 0o750

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Modes:
    """Modes and group of what is made; a public file that is replaced keeps its own."""

    key: int
    certificate: int
    group: int | None

    @property
    def private_directory(self) -> int:
        """Of a directory made for keys or our state: its owner's alone, unless a group may read keys."""
        return _OWN_DIRECTORY if self.group is None and not self.key & 0o070 else _GROUP_DIRECTORY


@dataclass(frozen=True, slots=True)
class _Put:
    path: Path
    data: bytes
    private: bool


@dataclass(frozen=True, slots=True)
class _Link:
    path: Path
    target: str


@dataclass(frozen=True, slots=True)
class Change(Look):
    """Reads, and stages what is to become of the files; nothing happens before `commit`.

    What was staged isn't seen by `read`. Handed out by a Vault and good until its block ends.
    """

    _: KW_ONLY
    files: FileOperations
    root: Path
    state: Path
    modes: Modes
    _puts: dict[Path, _Put | _Link] = field(default_factory=dict)
    _removals: dict[Path, None] = field(default_factory=dict)
    _afterwards: list[Callable[[], None]] = field(default_factory=list)
    _otherwise: list[Callable[[], None]] = field(default_factory=list)

    @property
    def journal(self) -> Path:
        """Where the journal lies while a change of several files is under way."""
        return self.state / "journal"

    def put(self, path: Path, data: bytes, *, private: bool = False) -> None:
        """Stage new content for `path`; a link is followed, so that the file it names is replaced.

        A public file that is there keeps its owner, group and mode. A private one always gets the configured ones.

        Raises:
            VaultWriteError: the path is a link that leads nowhere; what is missing there is not made.
        """
        if path.is_symlink() and not path.exists():
            raise VaultWriteError(path, "is a link that leads nowhere; remove it, or bring back what it leads to")
        real = Path(os.path.realpath(path))
        self._puts[real] = _Put(real, data, private)

    def put_link(self, path: Path, target: str) -> None:
        """Stage a symbolic link at `path`, in the place of whatever is there; its directory is there."""
        self._puts[path] = _Link(path, target)

    def remove(self, path: Path) -> None:
        """Stage the removal of `path`; a name that isn't there is no error."""
        self._removals[Path(os.path.realpath(path.parent)) / path.name] = None

    def afterwards(self, act: Callable[[], None]) -> None:
        """Have something done once all that is staged is durable; it must not raise."""
        self._afterwards.append(act)

    def otherwise(self, act: Callable[[], None]) -> None:
        """Have something done should the change end without being made; it must not raise."""
        self._otherwise.append(act)

    def end(self) -> None:
        """Do what was asked for should the change not have been made: its block ends.

        A journal that stands will be completed by whoever opens the store next, so the change is as good as made.
        """
        if os.path.lexists(self.journal):
            self._otherwise.clear()
        while self._otherwise:
            self._otherwise.pop()()

    def commit(self) -> bool:
        """Do all that was staged, durably; answers whether that was anything.

        Raises:
            VaultWriteError: it could not be done, and the old state stands; VaultFull where a full disk is why.
        """
        puts = tuple(self._puts.values())
        removals = tuple(path for path in self._removals if os.path.lexists(path))
        self._puts.clear()
        self._removals.clear()
        staged: dict[Path, Path] = {}
        try:
            steps: tuple[Step, ...] = (
                *(self._stage(put, staged) for put in puts),
                *(Take(path, _beside(path)) for path in removals),
            )
            if len(steps) > 1:
                self._write_journal(steps, staged)
            if steps:
                self._carry_out(steps)
        except OSError as error:
            if not os.path.lexists(self.journal):  # else what is staged is still needed to complete the change
                for path in staged:
                    _remove_quietly(self.files, path)
            raise write_error(_blamed(error, staged, self.root), _words(error), error) from error
        self._otherwise.clear()
        while self._afterwards:
            self._afterwards.pop(0)()
        return bool(steps)

    def _stage(self, put: _Put | _Link, staged: dict[Path, Path]) -> Place:
        temporary = _beside(put.path)
        if isinstance(put, _Link):
            staged[temporary] = put.path
            self.files.symlink(temporary, put.target)
            return Place(temporary, put.path)
        make_directories(self.files, put.path.parent, self.modes, private=put.private)
        staged[temporary] = put.path
        mode = self.modes.key if put.private else self.modes.certificate
        self._write(temporary, put.data, mode, None if put.private else _about(put.path))
        return Place(temporary, put.path)

    def _write(self, path: Path, data: bytes, mode: int, like: os.stat_result | None = None) -> None:
        descriptor = self.files.create(path)
        try:
            if like is None:
                self.files.give(descriptor, mode, self.modes.group)
            else:
                self.files.resemble(descriptor, like)
            self.files.write(descriptor, data)
            self.files.sync(descriptor)
        finally:
            os.close(descriptor)

    def _write_journal(self, steps: tuple[Step, ...], staged: dict[Path, Path]) -> None:
        data = write_journal(steps, self.root)
        if len(data) > MAX_JOURNAL:
            raise OSError(errno.EFBIG, "the change has too many steps", str(self.journal))
        _sync_directories(self.files, tuple(step for step in steps if isinstance(step, Place)))
        temporary = _beside(self.journal)
        staged[temporary] = self.journal
        self._write(temporary, data, 0o600)
        self.files.rename(temporary, self.journal)

    def _carry_out(self, steps: tuple[Step, ...]) -> None:
        done: list[tuple[Step, Path | None]] = []
        try:
            if len(steps) > 1:
                self.files.sync_directory(self.state)
            for step in steps:
                done.append((step, self._keep(step)))
                _apply(self.files, step)
            _sync_directories(self.files, steps)
        except OSError:
            self._undo(done, journalled=len(steps) > 1)
            raise
        if len(steps) > 1:
            self._forget_journal()
        for step, kept in done:
            for leftover in (kept, step.trash if isinstance(step, Take) else None):
                if leftover is not None:
                    _remove_quietly(self.files, leftover)

    def _keep(self, step: Step) -> Path | None:
        """Keep the file that a step replaces under a second name, else as a copy; None when there is none."""
        if not isinstance(step, Place) or not os.path.lexists(step.final):
            return None
        kept = _beside(step.final)
        if step.final.is_symlink():
            self.files.symlink(kept, os.readlink(step.final))  # noqa: PTH115 - the text as it stands
            return kept
        try:
            self.files.link(step.final, kept)
        except OSError:
            self._write(kept, step.final.read_bytes(), self.modes.key, step.final.stat())
        return kept

    def _forget_journal(self) -> None:
        """The change is durable; a journal that stays is replayed once more at the next opening and changes nothing."""
        with contextlib.suppress(OSError):
            self.files.unlink(self.journal)
            self.files.sync_directory(self.state)

    def _undo(self, done: list[tuple[Step, Path | None]], *, journalled: bool) -> None:
        """Back to the old state; what can't be undone is completed from the journal at the next opening.

        Until the journal goes, every step can still be carried out from it: a crash in here completes the change.
        """
        try:
            for step, kept in reversed(done):
                _revert(self.files, step, kept, journalled=journalled)
            _sync_directories(self.files, tuple(step for step, _ in done))
            if journalled:
                self.files.unlink(self.journal)
                self.files.sync_directory(self.state)
        except OSError:
            _log.exception("a change could neither be made nor undone; it is completed at the next opening")


def make_directories(files: FileOperations, path: Path, modes: Modes, *, private: bool) -> None:
    """Make a directory and what is missing above it, each durable in its parent; those that are there stay as they are.

    Only the last one is private: what is above it holds no keys.

    Raises:
        OSError: one can't be made.
    """
    missing: list[Path] = []
    above = path
    while not above.is_dir():
        missing.append(above)
        above = above.parent
    for directory in reversed(missing):
        is_private = private and directory == path
        mode = modes.private_directory if is_private else _PUBLIC_DIRECTORY
        files.make_directory(directory, mode, modes.group if is_private else None)
        files.sync_directory(directory.parent)


def complete_journal(files: FileOperations, root: Path, journal: Path) -> bool:
    """Carry out what a journal still asks for; answers whether there was one.

    A journal that isn't one of ours is set aside and told of: no crash makes one, it is renamed into place whole.

    Raises:
        OSError: the steps can't be carried out.
    """
    try:
        data = journal.read_bytes()
    except FileNotFoundError:
        return False
    steps = read_journal(data, root)
    if steps is None:
        _log.error("%s is not a journal of ours; set aside", journal)
        files.rename(journal, journal.with_name("journal.damaged"))
        return True
    for step in steps:
        if os.path.lexists(step.staged if isinstance(step, Place) else step.final):
            _apply(files, step)
    _sync_directories(files, steps)
    files.unlink(journal)
    files.sync_directory(journal.parent)
    return True


def sweep(files: FileOperations, directories: tuple[Path, ...]) -> None:
    """Remove unfinished files that a stopped process left; the lock is held and no journal is there.

    A bundle may be a link to a file elsewhere: what replaces it is staged there.
    """
    waiting = list(directories)
    for directory in waiting:
        with contextlib.suppress(OSError), os.scandir(directory) as entries:
            for entry in tuple(entries):
                if entry.name.startswith(STAGED_PREFIX):
                    files.unlink(directory / entry.name)
                elif entry.is_symlink():
                    elsewhere = Path(os.path.realpath(entry.path)).parent
                    if elsewhere not in waiting:
                        waiting.append(elsewhere)


def _beside(path: Path) -> Path:
    return path.parent / f"{STAGED_PREFIX}{secrets.token_hex(8)}"


def _apply(files: FileOperations, step: Step) -> None:
    if isinstance(step, Place):
        files.rename(step.staged, step.final)
    else:
        files.rename(step.final, step.trash)


def _revert(files: FileOperations, step: Step, kept: Path | None, *, journalled: bool) -> None:
    """Undo a step; with a journal so that the step can still be carried out from it."""
    if isinstance(step, Take):
        if os.path.lexists(step.trash):
            files.rename(step.trash, step.final)
    elif os.path.lexists(step.staged):
        if kept is not None:
            _remove_quietly(files, kept)
    elif kept is not None and step.final.is_symlink():
        files.symlink(step.staged, os.readlink(step.final))  # noqa: PTH115 - the text as it stands
        files.rename(kept, step.final)
    elif kept is not None and not journalled:
        files.rename(kept, step.final)
    elif kept is not None:
        files.link(step.final, step.staged)
        files.rename(kept, step.final)
    else:
        files.rename(step.final, step.staged)


def _sync_directories(files: FileOperations, steps: tuple[Step, ...]) -> None:
    for directory in dict.fromkeys(step.final.parent for step in steps):
        files.sync_directory(directory)


def _remove_quietly(files: FileOperations, path: Path) -> None:
    """Remove what is of no more use; a leftover is swept at the next opening."""
    with contextlib.suppress(OSError):
        files.unlink(path)


def _about(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _blamed(error: OSError, staged: dict[Path, Path], root: Path) -> Path:
    """The file that people know: behind an unfinished one stands the one that it was to become."""
    for name in (error.filename2, error.filename):
        path = Path(name) if isinstance(name, str) else root
        path = staged.get(path, path)
        if path != root and not path.name.startswith(STAGED_PREFIX):
            return path
    return root


def _words(error: OSError) -> str:
    if error.errno == errno.EBUSY:
        return "can't be replaced because something is mounted on it; mount its directory, not the file"
    return f"can't be written: {error.strerror or error}"
