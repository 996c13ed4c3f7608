"""Bounded reading of the store's files while no change can be half done."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from chainpilot.station.vault.errors import VaultReadError

__all__ = ["Look"]


@dataclass(frozen=True, slots=True)
class Look:
    """Reads; handed out by a Vault and good until its block ends.

    A file that isn't there is an answer, not an error: operators and test rigs change files behind our back.
    """

    max_file_bytes: int

    def read(self, path: Path) -> bytes | None:
        """The content of a regular file; None when there is none.

        Raises:
            VaultReadError: it can't be read, isn't a regular file, or is longer than `max_file_bytes`.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise VaultReadError(path, f"can't be opened: {error.strerror}") from error
        try:
            return self._content(descriptor, path)
        except OSError as error:
            raise VaultReadError(path, f"can't be read: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def names(self, directory: Path) -> tuple[Path, ...]:
        """The files in a directory by name, directories and hidden files left out; none when it isn't there.

        Raises:
            VaultReadError: the directory can't be listed.
        """
        try:
            with os.scandir(directory) as entries:
                found = sorted(entry.name for entry in entries if _may_be_a_file(entry))
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise VaultReadError(directory, f"can't be listed: {error.strerror}") from error
        return tuple(directory / name for name in found)

    def is_directory(self, path: Path) -> bool:
        """Whether a directory stands there, as far as can be seen."""
        try:
            return path.is_dir()
        except OSError:
            return False

    def size(self, path: Path) -> int:
        """Bytes of the file; 0 when there is none."""
        try:
            return path.stat().st_size
        except OSError:
            return 0

    def _content(self, descriptor: int, path: Path) -> bytes:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise VaultReadError(path, "is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(self.max_file_bytes + 1)
        if len(data) > self.max_file_bytes:
            raise VaultReadError(path, f"is longer than {self.max_file_bytes} bytes")
        return data


def _may_be_a_file(entry: os.DirEntry[str]) -> bool:
    """A link that leads in a circle can't be asked; reading it tells what is wrong with it, and with it alone."""
    if entry.name.startswith("."):
        return False
    try:
        return not entry.is_dir()
    except OSError:
        return True
