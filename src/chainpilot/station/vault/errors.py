"""What the vault raises. What it means for a command is mapped by the service."""

import errno
from pathlib import Path
from typing import Final

from chainpilot.errors import OwnError, UndecidedError

__all__ = ["VaultBusy", "VaultError", "VaultFull", "VaultReadError", "VaultWriteError", "write_error"]

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class VaultError(OwnError):
    """The file system doesn't do what the store needs: `path` and `why`."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


class VaultReadError(VaultError):
    """A file is there and can't be read, or is longer than its bound."""


class VaultWriteError(VaultError):
    """A change could not be made; the old state stands, or is completed at the next opening if it was past undoing."""


class VaultFull(VaultWriteError):
    """A change could not be made because the disk, or this user's share of it, is full."""


def write_error(path: Path, why: str, error: OSError) -> VaultWriteError:
    """The error of ours for the system's, which it is raised from."""
    return (VaultFull if error.errno in _FULL else VaultWriteError)(path, why)


class VaultBusy(UndecidedError):
    """Another process held the store's lock for longer than the configured wait (seconds)."""

    def __init__(self, path: Path, waited: float) -> None:
        super().__init__(f"{path}: still locked by another process after {waited:g} s")
        self.path = path
        self.waited = waited
