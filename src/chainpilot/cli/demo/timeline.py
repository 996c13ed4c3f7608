"""What happened in the demo, line by line, and waiting for a line.

What an event means stands in `story`; how lines look stands in `playbill`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from chainpilot.cli.exits import Exit
from chainpilot.clock import Clock
from chainpilot.errors import OwnError, UndecidedError

__all__ = ["DemoFailed", "DemoTooSlow", "Line", "Timeline"]


class DemoFailed(OwnError):
    """A step of the demo did not hold; `step` is its sentence, `why` what was seen."""

    def __init__(self, step: str, why: str) -> None:
        super().__init__(f"{step}: {why}" if why else step)
        self.step = step
        self.why = why


class DemoTooSlow(UndecidedError):
    """A step of the demo did not come in time; `mark` names it."""

    exit = Exit.WAITED_TOO_LONG

    def __init__(self, mark: str, seconds: float) -> None:
        super().__init__(f"the step {mark} did not come within {seconds:g} seconds")
        self.mark = mark


@dataclass(frozen=True, slots=True)
class Line:
    """One step: when it was taken, by whom, what it was and what went over the wire."""

    seconds: float
    """Since the demo began."""
    mark: str
    """The step's name, such as `v2g.issued`; stable, for programs."""
    who: str
    what: str
    wire: str = ""
    ok: bool = True


class Timeline:
    """The lines so far, in the order they happened; used in one event loop."""

    def __init__(self, clock: Clock, show: Callable[[Line], None]) -> None:
        self._clock = clock
        self._begin = clock.monotonic()
        self._show = show
        self._changed = asyncio.Event()
        self.lines: list[Line] = []

    def add(self, mark: str, who: str, what: str, wire: str = "", *, ok: bool = True) -> None:
        """Note a step and show it."""
        line = Line(self._clock.monotonic() - self._begin, mark, who, what, wire, ok)
        self.lines.append(line)
        self._show(line)
        self._changed.set()

    async def until(self, mark: str, *, seconds: float = 30.0) -> Line:
        """The first line with that mark, waiting for it.

        Raises:
            DemoFailed: a step failed before it came.
            DemoTooSlow: it didn't come in time.
        """
        try:
            async with asyncio.timeout(seconds):
                while (line := self._find(mark)) is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            raise DemoTooSlow(mark, seconds) from error
        return line

    def _find(self, mark: str) -> Line | None:
        failed = next((line for line in self.lines if not line.ok), None)
        if failed is not None:
            raise DemoFailed(f"{failed.who}: {failed.what}", failed.wire)
        return next((line for line in self.lines if line.mark == mark), None)
