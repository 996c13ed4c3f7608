"""What was made of files, kept until the files change: no answer comes from what no longer lies there.

A file is known by device, inode, size, mtime and ctime in nanoseconds (station-store.md section 5). File systems stamp
with a clock that ticks every few milliseconds, so a file read within a moment of its last change might change again
without a trace: such a one is read again, and what was made of it serves on when its bytes are the same. What the
values mean is the store's matter; verdicts never come in here.
"""

import hashlib
import operator
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from chainpilot.clock import file_clock
from chainpilot.station.vault.errors import VaultReadError

__all__ = ["MAX_REMEMBERED", "Choice", "Listing", "Make", "Memory", "file_digest", "read_file"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

MAX_REMEMBERED: Final = 20_000
"""Files whose values are kept at most, of each kind; a full store has 2000 certificates and a few files each."""
_UNSETTLED: Final = 20_000_000
"""Nanoseconds after a change in which another one may carry the same time: older kernels' file clocks tick in 4 ms."""
_UNSETTLED_SECONDS: Final = 2_000_000_000
"""The same where a file system keeps whole seconds, or every other one (FAT)."""
_SECOND: Final = 1_000_000_000

_Stamp = tuple[int, int, int, int, int]

Choice = Callable[[str], object]
"""Tells by a file's name whether it is meant; the same function at every call."""


class Make(Protocol[T_co]):
    """Makes a value of a file's content; `before` is what it made of the earlier content, for what stayed the same."""

    def __call__(self, path: Path, data: bytes, before: Any, /) -> T_co:
        """Answer the value; never raises for anything that may lie in a file."""
        ...


@dataclass(frozen=True, slots=True)
class _Remembered:
    stamp: _Stamp
    settled: bool
    content: bytes
    """The bytes themselves, or a digest where they are secret."""
    value: Any


@dataclass(slots=True, eq=False)
class _Cell:
    """Where the latest record of a file stands. A record is replaced whole, so that no thread sees half of two."""

    record: _Remembered


@dataclass(slots=True)
class _Batch:
    """The files of a directory that one `make` is asked for, all three in the same order."""

    paths: tuple[Path, ...]
    """As they were asked for: other paths, if only another object, are another batch."""
    texts: tuple[str, ...]
    """The same as text, which is what the system is asked with."""
    cells: list[_Cell | None]
    """None, or the cell of a file that is gone, where nothing is known; looked for again at every call then."""
    whole: tuple[list[_Stamp | None], tuple[Any, ...]] | None = None
    """The stamps and values of all of them, from when every one was remembered: while those stamps are told, it is."""


@dataclass(frozen=True, eq=False)
class Listing:
    """The files of a directory at one moment, by name."""

    names: tuple[Path, ...] = ()
    texts: tuple[str, ...] = ()
    """The last part of each: asking a thousand paths for theirs takes a millisecond."""
    directories: frozenset[str] = frozenset()
    """The directories beside them, and links to some: they stand where a file might."""
    _chosen: dict[Choice, tuple[tuple[Path, ...], tuple[Path, ...]]] = field(default_factory=dict)
    """What was chosen, behind the names that it was chosen from."""

    def where(self, choice: Choice) -> tuple[Path, ...]:
        """Those of `names` that `choice` takes; the same object while it would be equal."""
        known = self._chosen.get(choice)
        if known is None or known[0] is not self.names:
            taken = tuple([path for text, path in zip(self.texts, self.names, strict=True) if choice(text)])
            known = self.names, known[1] if known is not None and known[1] == taken else taken
            self._chosen[choice] = known
        return known[1]

    @cached_property
    def by_name(self) -> dict[str, Path]:
        """Every one of `names` by its last part."""
        return dict(zip(self.texts, self.names, strict=True))

    def with_directories(self, paths: frozenset[Path]) -> "Listing":
        """The listing with some of its names as directories."""
        kept = [(path, text) for path, text in zip(self.names, self.texts, strict=True) if path not in paths]
        directories = self.directories.union(path.name for path in paths)
        return self.followed_by(tuple([path for path, _ in kept]), tuple([text for _, text in kept]), directories)

    def followed_by(self, names: tuple[Path, ...], texts: tuple[str, ...], directories: frozenset[str]) -> "Listing":
        """The listing of these, which knows what was chosen here: a choice that is equal stays the same object."""
        return Listing(names, texts, directories, dict(self._chosen))


@dataclass(slots=True)
class _Listed:
    stamp: _Stamp
    settled: bool
    listing: Listing
    links: frozenset[Path]
    """Those that are symbolic links: what they lead to may change while the directory doesn't."""
    filtered: tuple[frozenset[Path], Listing] | None = None
    """The links that lead to directories, and the listing with those as such."""


class Memory:
    """The values made of one store's files; safe between threads, which at worst make a value twice."""

    def __init__(self) -> None:
        self._made: dict[object, dict[Path, _Cell]] = {}
        self._batches: dict[tuple[object, Path], _Batch] = {}
        self._listings: dict[Path, _Listed] = {}
        self._derived: dict[object, tuple[tuple[object, ...], Any]] = {}
        self._notes: dict[object, object] = {}

    def recall(self, path: Path, make: Make[T], limit: int, *, secret: bool = False) -> T | None:
        """What `make` makes of a file; None when there is none.

        Args:
            path: a file, or a link to one.
            make: the same object at every call for the same kind of value.
            limit: bytes read at most.
            secret: the content must not stay in memory; a digest is kept instead, as of any file with a key in it.

        Raises:
            VaultReadError: it can't be read, isn't a regular file, or is longer than `limit`.
        """
        try:
            about = os.stat(path)  # noqa: PTH116 - Path.stat costs twice as much, a thousand times a command
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise VaultReadError(path, f"can't be opened: {error.strerror}") from error
        made = self._made.get(make)
        if made is None:
            made = self._made.setdefault(make, {})
        cell = made.get(path)
        known = cell.record if cell is not None else None
        if known is not None and known.settled and known.stamp == _stamp(about):
            value: T = known.value
            return value
        content = read_file(path, limit)
        if content is None:
            return None
        data, stamp, settled = content
        kept = hashlib.sha256(data).digest() if secret or b"PRIVATE KEY-----" in data else data
        if known is not None and known.content == kept:
            value = known.value
        else:
            value = make(path, data, known.value if known is not None else None)
        record = _Remembered(stamp, settled, kept, value)
        if cell is not None:
            cell.record = record
            return value
        if len(made) >= MAX_REMEMBERED:
            made.clear()
            self._batches.clear()
        made[path] = _Cell(record)
        return value

    def recall_all(self, directory: Path, paths: tuple[Path, ...], make: Make[T]) -> tuple[T | None, ...]:
        """What is remembered of every file of a directory, None where it has to be recalled one by one.

        The same as `recall` for each, at a third of the cost: a bundle may have a thousand files.
        """
        made = self._made.get(make, {})
        batch = self._batches.get((make, directory))
        if batch is None or batch.paths is not paths:
            batch = _Batch(paths, tuple(map(str, paths)), [made.get(path) for path in paths])
            self._batches[make, directory] = batch
        stamps = _stamps(batch.texts)
        whole = batch.whole
        if whole is not None and whole[0] == stamps:
            return whole[1]
        values = [_value(cell, stamp) for cell, stamp in zip(batch.cells, stamps, strict=True)]
        for number, value in enumerate(values):
            if value is None:  # it may have come to be known since, or have gone and come back with another cell
                batch.cells[number] = cell = made.get(paths[number])
                values[number] = _value(cell, stamps[number])
        told = tuple(values)
        if all(value is not None for value in told):
            batch.whole = stamps, told
        return told

    def listing(self, directory: Path) -> Listing:
        """The files in a directory, directories and hidden files left out; none when it isn't there.

        Raises:
            VaultReadError: the directory can't be listed.
        """
        try:
            stamp = _stamp(os.stat(directory))  # noqa: PTH116 - see recall
        except (FileNotFoundError, NotADirectoryError):
            return Listing()
        except OSError as error:
            raise VaultReadError(directory, f"can't be listed: {error.strerror}") from error
        known = self._listings.get(directory)
        if known is None or not known.settled or known.stamp != stamp:
            known = self._listed(directory, stamp, known)
        if not known.links:
            return known.listing
        elsewhere = frozenset(path for path in known.links if _leads_to_directory(path))
        if not elsewhere:
            return known.listing
        filtered = known.filtered
        if filtered is None or filtered[0] != elsewhere:
            filtered = known.filtered = elsewhere, known.listing.with_directories(elsewhere)
        return filtered[1]

    def _listed(self, directory: Path, stamp: _Stamp, before: _Listed | None) -> _Listed:
        settled = _is_settled(stamp, file_clock())
        try:
            with os.scandir(directory) as entries:
                shown = [entry for entry in entries if not entry.name.startswith(".")]
                directories = frozenset([entry.name for entry in shown if entry.is_dir(follow_symlinks=False)])
                found = sorted((entry.name, entry.is_symlink()) for entry in shown if entry.name not in directories)
        except (FileNotFoundError, NotADirectoryError):
            found, directories = [], frozenset()
        except OSError as error:
            raise VaultReadError(directory, f"can't be listed: {error.strerror}") from error
        listing = self._followed(directory, tuple([name for name, _ in found]), directories, before)
        links = frozenset(path for path, (_, is_link) in zip(listing.names, found, strict=True) if is_link)
        listed = _Listed(stamp, settled, listing, links)
        if len(self._listings) >= MAX_REMEMBERED:
            self._listings.clear()
        self._listings[directory] = listed
        return listed

    def _followed(
        self, directory: Path, texts: tuple[str, ...], directories: frozenset[str], before: _Listed | None
    ) -> Listing:
        """The listing of these files, with the paths and choices of the one before."""
        if before is None:
            return Listing(tuple([directory / name for name in texts]), texts, directories)
        listing = before.listing
        if listing.texts == texts:
            is_same = listing.directories == directories
            return listing if is_same else listing.followed_by(listing.names, texts, directories)
        known = listing.by_name
        names = tuple([known.get(name) or directory / name for name in texts])
        self._forget(known.values(), names)
        return listing.followed_by(names, texts, directories)

    def _forget(self, before: Iterable[Path], now: tuple[Path, ...]) -> None:
        gone = set(before).difference(now)
        for made in tuple(self._made.values()):
            for path in gone:
                made.pop(path, None)

    def note(self, key: object, value: object) -> None:
        """Keep where something was found last: a hint to look there first, never an answer."""
        if len(self._notes) >= MAX_REMEMBERED:
            self._notes.clear()
        self._notes[key] = value

    def noted(self, key: object) -> object:
        """What was noted last; None when nothing was."""
        return self._notes.get(key)

    def derive(self, key: object, parts: tuple[object, ...], factory: Callable[[], T]) -> T:
        """What `factory` makes of `parts`; made anew only when one of them is another object than last time."""
        known = self._derived.get(key)
        if known is not None and len(known[0]) == len(parts) and all(map(operator.is_, known[0], parts)):
            value: T = known[1]
            return value
        value = factory()
        if len(self._derived) >= MAX_REMEMBERED:
            self._derived.clear()
        self._derived[key] = (parts, value)
        return value


def read_file(path: Path, limit: int) -> tuple[bytes, _Stamp, bool] | None:
    """Content and stamp of a regular file, and whether that stamp will tell every later change; None for no file.

    Raises:
        VaultReadError: it can't be read, isn't a regular file, or is longer than `limit` bytes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise VaultReadError(path, f"can't be opened: {error.strerror}") from error
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise VaultReadError(path, "is not a regular file")
        now = file_clock()
        data = b"" if about.st_size > limit else _content(descriptor, limit)
    except OSError as error:
        raise VaultReadError(path, f"can't be read: {error.strerror}") from error
    finally:
        os.close(descriptor)
    if about.st_size > limit or len(data) > limit:
        raise VaultReadError(path, f"is longer than {limit} bytes")
    stamp = _stamp(about)
    return data, stamp, _is_settled(stamp, now)


def file_digest(path: Path) -> bytes:
    """SHA-256 over a regular file of any length, read in pieces.

    Raises:
        VaultReadError: it isn't there, can't be read or isn't a regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise VaultReadError(path, f"can't be opened: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise VaultReadError(path, "is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise VaultReadError(path, f"can't be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


def _content(descriptor: int, limit: int) -> bytes:
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(limit + 1)


_stamp: Final[Callable[[os.stat_result], _Stamp]] = operator.attrgetter(
    "st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns"
)


def _stamps(paths: tuple[str, ...]) -> list[_Stamp | None]:
    """The stamp of each, None where there is none to be had."""
    try:
        return list(map(_stamp, map(os.stat, paths)))
    except OSError:
        return [_stamp_of(path) for path in paths]


def _stamp_of(path: str) -> _Stamp | None:
    try:
        return _stamp(os.stat(path))  # noqa: PTH116 - see Memory.recall
    except OSError:
        return None


def _value(cell: _Cell | None, stamp: _Stamp | None) -> Any:
    """What is remembered of a file that has that stamp now; None when nothing that holds."""
    record = cell.record if cell is not None else None
    return record.value if record is not None and record.settled and record.stamp == stamp else None


def _is_settled(stamp: _Stamp, now: int) -> bool:
    """Whether any change from `now` on carries a later ctime; a clock that was set back makes it not so."""
    *_, mtime, ctime = stamp
    keeps_seconds = not mtime % _SECOND and not ctime % _SECOND
    return now - ctime > (_UNSETTLED_SECONDS if keeps_seconds else _UNSETTLED)


def _leads_to_directory(path: Path) -> bool:
    """A link that leads in a circle can't be asked; reading it tells what is wrong with it, and with it alone."""
    try:
        return path.is_dir()
    except OSError:
        return False
