"""The demo's folder: made or found again, marked, and held by one demo at a time.

A folder with something in it that no demo made is refused, since the demo writes into it and in the end names it for
removal.
"""

import fcntl
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chainpilot.cli.exits import Exit
from chainpilot.errors import OwnError

__all__ = ["FolderInUse", "FolderRefused", "Stage", "open_stage"]

_MARKER: Final = ".chainpilot-demo"
_PORTS: Final = ("password", "certificate")


class FolderRefused(OwnError):
    """The demo can't use a folder; `why` says what is wrong and what to do."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"the folder {path} can't be used: {why}")
        self.path = path
        self.why = why


class FolderInUse(OwnError):
    """Another demo runs in the folder."""

    exit = Exit.CONFLICT

    def __init__(self, path: Path) -> None:
        super().__init__(f"another demo runs in {path}; stop it, or name another folder with --dir")
        self.path = path


@dataclass(frozen=True, slots=True)
class Stage:
    """A folder that is this demo's alone, with the ports its CPMS had last time (0: any)."""

    path: Path

    def ports(self) -> dict[str, int]:
        """The ports of the listeners by name: those of the last run where they are free."""
        last: dict[str, int] = {}
        with suppress(OSError, ValueError):
            last = json.loads((self.path / _MARKER).read_text(encoding="ascii") or "{}")
        return {name: port if _is_free(port := int(last.get(name, 0))) else 0 for name in _PORTS}

    def keep_ports(self, ports: dict[str, int]) -> None:
        """Remember the ports for the next run in this folder."""
        (self.path / _MARKER).write_text(json.dumps(ports), encoding="ascii")


@contextmanager
def open_stage(directory: Path | None) -> Iterator[Stage]:
    """Make the folder, or find it again, and hold it; None takes a new one in the temporary folder.

    Raises:
        FolderRefused: it can't be made or written, or holds what no demo made.
        FolderInUse: another demo holds it.
    """
    path = Path(tempfile.mkdtemp(prefix="chainpilot-demo-")) if directory is None else directory.absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(path.iterdir()) and not (path / _MARKER).is_file():
            raise FolderRefused(path, "it is not empty and no demo made it; name a new or an empty one with --dir")
        held = os.open(path / _MARKER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FolderRefused(path, error.strerror or str(error)) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Stage(path)
    except BlockingIOError as error:
        raise FolderInUse(path) from error
    finally:
        os.close(held)


def _is_free(port: int) -> bool:
    if not 0 < port < 1 << 16:
        return False
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False
