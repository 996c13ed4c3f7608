"""The floor under the security profile in a file of its own: beside the database, and whole when that is broken.

What it says and how it is judged is `agent.settings.floor`'s.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

from chainpilot.station.adapters.memory.folder import in_words, make_directory, open_directory, own_file
from chainpilot.station.agent.ports import FloorUnreadable, MemoryFault, MemoryFull
from chainpilot.station.agent.settings.floor import read_floor, write_floor

__all__ = ["FLOOR", "FloorFile", "floor_in"]

FLOOR: Final = "agent.floor"
_NEW: Final = "agent.floor.new"
"""What isn't whole yet; a crash may leave it, and the next writing replaces it."""
_MAX_BYTES: Final = 256


class FloorFile:
    """`agent.ports.ProfileFloor` as the file `agent.floor` of a directory, its owner's alone."""

    def __init__(self, directory: Path) -> None:
        """Touch nothing yet."""
        self._directory = directory

    def read(self) -> int | None:
        """The floor; None where neither file nor directory is.

        Raises:
            FloorUnreadable: the file is there, and isn't what was written, or can't be read.
            MemoryFault: a newer program wrote it.
        """
        try:
            data = self._content()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FloorUnreadable(f"{self._path} can't be read: {error.strerror or error}") from error
        except MemoryFault as fault:
            raise FloorUnreadable(fault.why) from fault
        try:
            return read_floor(data)
        except FloorUnreadable as error:
            raise FloorUnreadable(f"{self._path} can't be read: {error.why}") from error

    def keep(self, profile: int) -> None:
        """Replace the file at once and durably, and make the directory where it is missing. Raises MemoryFault."""
        with in_words(self._directory), contextlib.ExitStack() as undo:
            make_directory(self._directory)
            directory = open_directory(self._directory)
            undo.callback(os.close, directory)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_NEW, dir_fd=directory)
            self._write(directory, write_floor(profile))
            os.rename(_NEW, FLOOR, src_dir_fd=directory, dst_dir_fd=directory)
            os.fsync(directory)

    @property
    def _path(self) -> Path:
        return self._directory / FLOOR

    def _content(self) -> bytes:
        directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            descriptor = own_file(self._directory, directory, FLOOR, os.O_RDONLY)
        finally:
            os.close(directory)
        try:
            return os.read(descriptor, _MAX_BYTES)
        finally:
            os.close(descriptor)

    def _write(self, directory: int, data: bytes) -> None:
        descriptor = own_file(self._directory, directory, _NEW, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            if os.write(descriptor, data) < len(data):
                raise MemoryFull("the disk is full")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def floor_in(directory: Path | None) -> FloorFile | None:
    """The file in that directory; None: a rehearsal, of which nothing is kept."""
    return FloorFile(directory) if directory is not None else None
