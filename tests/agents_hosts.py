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
        self.news: asyncio.Queue[str] = asyncio.Queue()
        """The same, for who waits for it."""

    async def reconnect(self, why: str) -> None:
        self._note(f"reconnect: {why}")

    async def reset(self, *, at_once: bool) -> None:
        self._note("reset at once" if at_once else "reset when idle")

    def _note(self, what: str) -> None:
        self.asked.append(what)
        self.news.put_nowait(what)


class NoTransfers:
    """Knows no place."""

    def fetch(self, url: str, into: Path, *, limit: int) -> None:
        raise TransferRefused("nothing is fetched here")

    def bring(self, url: str, content: Iterable[bytes], *, filename: str) -> None:
        raise TransferRefused("nothing is brought anywhere here")
