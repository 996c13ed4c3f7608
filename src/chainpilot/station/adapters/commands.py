"""The station's own programs, run by the agent: one that puts firmware to work, one that starts the station again.

They are run without a shell, with the arguments as they are configured, and get none of the agent's secrets.
"""

import asyncio
import logging
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from chainpilot.station.agent.ports import Installed, InstallRefused
from chainpilot.station.agent.resets import AT_ONCE_SECONDS, IDLE_SECONDS

__all__ = ["REBOOTING", "CommandInstaller", "CommandStarter"]

REBOOTING: Final = 10
"""Exit code of an install command after which the station starts again by itself."""
_LONGEST: Final = 3600.0
"""Seconds that an installation may take."""
_ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}

_log = logging.getLogger(__name__)


class CommandInstaller:
    """Hands a verified image to a program: exit code 0 means that it is at work, 10 that the station restarts now."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)

    def install(self, image: Path) -> Installed:
        """Run the program with the image's path as its last argument. Raises InstallRefused."""
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own program, and no shell
                (*self._command, str(image)),
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InstallRefused(f"{self._command[0]} took longer than {_LONGEST:g} s") from None
        except OSError as error:
            raise InstallRefused(f"{self._command[0]} can't be run: {error.strerror or error}") from error
        if done.returncode == REBOOTING:
            return Installed.REBOOTING
        if done.returncode != 0:
            raise InstallRefused(f"{self._command[0]} ended with exit code {done.returncode}")
        return Installed.RUNNING


class CommandStarter:
    """Starts the station again by a program, to which `hard` or `soft` is added.

    Args:
        command: the program and its arguments.
        longest: seconds that it may take; None: those of `agent.resets`.
    """

    def __init__(self, command: Sequence[str], *, longest: float | None = None) -> None:
        self._command = tuple(command)
        self._longest = longest

    async def reset(self, *, at_once: bool) -> None:
        """Run it and wait for its end, `AT_ONCE_SECONDS` or `IDLE_SECONDS` at most; what it can't do is logged.

        One that is cancelled goes on: it may be what stops this process.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                "hard" if at_once else "soft",
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            _log.error("the station is not started again: %s can't be run: %s", self._command[0], error.strerror)
            return
        longest = self._longest or (AT_ONCE_SECONDS if at_once else IDLE_SECONDS)
        try:
            async with asyncio.timeout(longest):
                code = await process.wait()
        except TimeoutError:
            await _kill(process)
            _log.error("the station is not started again: %s took longer than %g s", self._command[0], longest)
            return
        if code != 0:
            _log.error("the station is not started again: %s ended with exit code %d", self._command[0], code)


async def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
