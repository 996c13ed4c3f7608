"""Bounded reading of the store's files while no change can be half done."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from chainpilot.station.vault.memory import Choice, Listing, Make, Memory, read_file

__all__ = ["Look"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look:
    """Reads; handed out by a Vault and good until its block ends.

    A file that isn't there is an answer, not an error: operators and test rigs change files behind our back. One look
    is one moment: what was recalled or listed in it once is not looked at again.
    """

    max_file_bytes: int
    memory: Memory = field(repr=False)
    _once: dict[object, Any] = field(default_factory=dict, repr=False)
    _directories: dict[Path, bool] = field(default_factory=dict, repr=False)
    _listings: dict[Path, Listing] = field(default_factory=dict, repr=False)
    _seen: dict[object, dict[Path, Any]] = field(default_factory=dict, repr=False)

    def read(self, path: Path) -> bytes | None:
        """The content of a regular file; None when there is none.

        Raises:
            VaultReadError: it can't be read, isn't a regular file, or is longer than `max_file_bytes`.
        """
        content = read_file(path, self.max_file_bytes)
        return content[0] if content is not None else None

    def recall(self, path: Path, make: Make[T], *, secret: bool = False) -> T | None:
        """What `make` makes of a file, made anew only when its content changed; None when there is none.

        `secret` content doesn't stay in memory.

        Raises:
            VaultReadError: as `read`.
        """
        seen = self._seen.get(make)
        if seen is None:
            seen = self._seen[make] = {}
        elif path in seen:
            known: T | None = seen[path]
            return known
        value = seen[path] = self.memory.recall(path, make, self.max_file_bytes, secret=secret)
        return value

    def recall_all(self, directory: Path, paths: tuple[Path, ...], make: Make[T]) -> tuple[T | None, ...]:
        """What is remembered of a directory's files and still holds; None where `recall` has to look."""
        return self.memory.recall_all(directory, paths, make)

    def once(self, key: object, factory: Callable[[], T]) -> T:
        """What `factory` answers the first time in this look."""
        value: T = self._once.get(key, self)  # None may be the answer; the look itself never is
        if value is self:
            value = self._once[key] = factory()
        return value

    def derive(self, key: object, parts: tuple[object, ...], factory: Callable[[], T]) -> T:
        """What `factory` makes of recalled values, made anew only when one of them was."""
        return self.memory.derive(key, parts, factory)

    def names(self, directory: Path) -> tuple[Path, ...]:
        """The files in a directory by name, directories and hidden files left out; none when it isn't there.

        Raises:
            VaultReadError: the directory can't be listed.
        """
        return self._listing(directory).names

    def names_where(self, directory: Path, choice: Choice) -> tuple[Path, ...]:
        """Those of `names` that `choice`, always the same function, takes by their last part.

        Raises:
            VaultReadError: the directory can't be listed.
        """
        return self._listing(directory).where(choice)

    def named(self, directory: Path, name: str) -> Path | None:
        """What stands in a directory under that name, be it a directory itself; what is hidden is left out.

        Raises:
            VaultReadError: the directory can't be listed.
        """
        listing = self._listing(directory)
        return listing.by_name.get(name) or (directory / name if name in listing.directories else None)

    def _listing(self, directory: Path) -> Listing:
        known = self._listings.get(directory)
        if known is None:
            known = self._listings[directory] = self.memory.listing(directory)
        return known

    def link_target(self, path: Path) -> str | None:
        """Where a symbolic link leads, as it is written; None when it is none."""
        try:
            return os.readlink(path)  # noqa: PTH115 - the text as it stands, no path made of it
        except OSError:
            return None

    def exists(self, path: Path) -> bool:
        """Whether anything stands there, be it a link that leads nowhere."""
        return os.path.lexists(path)

    def is_directory(self, path: Path) -> bool:
        """Whether a directory stands there, as far as can be seen."""
        known = self._directories.get(path)
        if known is None:
            try:
                known = stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - Path.is_dir costs twice as much
            except (OSError, ValueError):
                known = False
            self._directories[path] = known
        return known

    def changed_at(self, path: Path) -> datetime | None:
        """When the file says it was last written, timezone-aware UTC; None for no file.

        A time that no calendar holds is the last one.
        """
        try:
            return _moment(path.stat().st_mtime)
        except OSError:
            return None

    def arrived_at(self, path: Path) -> datetime | None:
        """When the file was last written or came there, the later of both; a copy may bear its original's times."""
        try:
            about = path.stat()
        except OSError:
            return None
        return _moment(max(about.st_mtime, about.st_ctime))

    def size(self, path: Path) -> int:
        """Bytes of the file; 0 when there is none."""
        try:
            return path.stat().st_size
        except OSError:
            return 0


def _moment(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)
