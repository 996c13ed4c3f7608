"""The world around an agent where a test has no use for it: nobody reconnects, and no file goes anywhere."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from chainpilot.station.agent.ports import TransferRefused

__all__ = ["NoTransfers", "NotedHost"]


class NotedHost:
    """Takes down what it was asked to do."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._more = asyncio.Event()

    async def reconnect(self, why: str) -> None:
        self._note(f"reconnect: {why}")

    async def reset(self, *, at_once: bool) -> None:
        self._note("reset at once" if at_once else "reset when idle")

    async def until_asked(self, count: int) -> None:
        """Return once it was asked so often."""
        async with asyncio.timeout(10):
            while len(self.asked) < count:
                self._more.clear()
                await self._more.wait()

    def _note(self, what: str) -> None:
        self.asked.append(what)
        self._more.set()


class NoTransfers:
    """Knows no place."""

    def fetch(self, url: str, into: Path, *, limit: int) -> None:
        raise TransferRefused("nothing is fetched here")

    def bring(self, url: str, content: Iterable[bytes], *, filename: str) -> None:
        raise TransferRefused("nothing is brought anywhere here")
