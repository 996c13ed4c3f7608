"""Clocks of tests: one that they set themselves, where time passes only when a test says so, and a quick one."""

import asyncio
from datetime import UTC, datetime, timedelta

from chainpilot.clock import SYSTEM

__all__ = ["HurriedClock", "QuickClock", "SetClock"]


class SetClock:
    """Shows the moment it was set to; sleepers wake when `advance` or `set` passes their moment."""

    def __init__(self, start: datetime = datetime(2026, 6, 1, tzinfo=UTC)) -> None:
        self._wall = start
        self._monotonic = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._slept = asyncio.Event()

    def now(self) -> datetime:
        """The wall-clock time set last."""
        return self._wall

    def monotonic(self) -> float:
        """Seconds advanced since the clock was made."""
        return self._monotonic

    async def sleep_until(self, moment: float) -> None:
        """Wait until `advance` has carried the clock to `moment`."""
        if moment <= self._monotonic:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((moment, future))
        self._slept.set()
        await future

    async def until_somebody_sleeps(self, *, until: float) -> None:
        """Return once somebody waits for the moment `until` seconds from now; other tasks run meanwhile."""
        async with asyncio.timeout(10):
            while not any(moment == self._monotonic + until for moment, _ in self._sleepers):
                self._slept.clear()
                await self._slept.wait()

    def set(self, wall: datetime) -> None:
        """Show another wall-clock time; the monotonic clock stands still."""
        self._wall = wall

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass on both clocks and wake whoever waited for less."""
        self._wall += timedelta(seconds=seconds)
        self._monotonic += seconds
        due = [future for moment, future in self._sleepers if moment <= self._monotonic]
        self._sleepers = [(moment, future) for moment, future in self._sleepers if moment > self._monotonic]
        for future in due:
            if not future.done():
                future.set_result(None)


class HurriedClock(SetClock):
    """Time passes as soon as somebody waits for it; the waits are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: asyncio.Queue[float] = asyncio.Queue()

    async def sleep_until(self, moment: float) -> None:
        self.waits.put_nowait(moment - self.monotonic())
        self.advance(moment - self.monotonic())


class QuickClock:
    """Runs as the system's clock does, but `times` as fast: minutes of waiting in seconds of a test."""

    def __init__(self, times: float = 10.0) -> None:
        self._times = times
        self._start = SYSTEM.now()
        self._origin = SYSTEM.monotonic()

    def now(self) -> datetime:
        """The start's wall-clock time and what has passed since."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return (SYSTEM.monotonic() - self._origin) * self._times

    async def sleep_until(self, moment: float) -> None:
        """Wait until `monotonic` reaches `moment`."""
        while (left := moment - self.monotonic()) > 0:  # noqa: ASYNC110 - time is what it waits for
            await asyncio.sleep(left / self._times)
