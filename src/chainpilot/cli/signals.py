"""How a command that stays learns that it should stop."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

__all__ = ["Stops", "heeded_stops", "until_told_to_stop"]

_STOPS: Final = (signal.SIGINT, signal.SIGTERM)


class Stops:
    """Whether SIGINT or SIGTERM came since `heeded_stops` was entered."""

    def __init__(self) -> None:
        self.is_told = False

    async def until_told(self) -> None:
        """Return at SIGINT (Ctrl-C) or SIGTERM, at once if one came before."""
        stopped = _listening()  # in place of `note`, which has noted what came before
        if not self.is_told:
            await stopped.wait()
            self.is_told = True

    def note(self, number: int, frame: FrameType | None) -> None:
        """Take down that a signal came; a handler of `signal.signal`."""
        del number, frame
        self.is_told = True


@contextmanager
def heeded_stops() -> Iterator[Stops]:
    """Note SIGINT and SIGTERM in place of what they do otherwise; to be entered before anything takes its time.

    What is done meanwhile isn't broken off: whoever waits for `until_told`, or looks at `is_told`, ends in order.
    """
    stops = Stops()
    before = {number: signal.signal(number, stops.note) for number in _STOPS}
    try:
        yield stops
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def until_told_to_stop() -> None:
    """Return at SIGINT (Ctrl-C) or SIGTERM."""
    await _listening().wait()


def _listening() -> asyncio.Event:
    """Set at either of the signals from now on."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _STOPS:
        loop.add_signal_handler(number, stopped.set)
    return stopped
