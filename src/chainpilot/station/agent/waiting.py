"""Waiting for time or for news, whichever comes first."""

import asyncio

from chainpilot.clock import Clock

__all__ = ["sleep_or", "sleep_until_or"]


async def sleep_or(clock: Clock, seconds: float, news: asyncio.Event) -> None:
    """Return after that many seconds on the monotonic clock, or as soon as `news` is set."""
    await sleep_until_or(clock, clock.monotonic() + seconds, news)


async def sleep_until_or(clock: Clock, moment: float, news: asyncio.Event) -> None:
    """Return when the clock's `monotonic()` has reached that moment, or as soon as `news` is set."""
    waits = (asyncio.ensure_future(clock.sleep_until(moment)), asyncio.ensure_future(news.wait()))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
