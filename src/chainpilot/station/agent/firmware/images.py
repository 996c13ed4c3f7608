"""Where firmware images lie between download and installation: one file a job, for nobody else to read.

What an image is worth is `firmware`'s to find out, each time anew.
"""

import logging
from pathlib import Path
from typing import Final

__all__ = ["FirmwareImages"]

_PREFIX: Final = "firmware-"
_SUFFIX: Final = ".image"

_log = logging.getLogger(__name__)


class FirmwareImages:
    """The images in a directory of the agent's own. Synchronous: the agent calls it by `to_thread`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path_of(self, number: int) -> Path:
        """Where the image of that job lies, or would."""
        return self._directory / f"{_PREFIX}{number}{_SUFFIX}"

    def make_room(self, number: int) -> Path:
        """The path of that job's image, where nothing lies now. Raises OSError."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.path_of(number)
        path.unlink(missing_ok=True)
        return path

    def remove_all_but(self, number: int | None) -> None:
        """Remove every image but that job's; what can't be removed is logged."""
        keep = None if number is None else self.path_of(number)
        for path in self._directory.glob(f"{_PREFIX}*{_SUFFIX}"):
            if path != keep:
                _remove(path)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("%s can't be removed: %s", path.name, error.strerror)
