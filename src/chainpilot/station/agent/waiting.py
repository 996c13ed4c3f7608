"""Waiting for time or for news, whichever comes first."""

import asyncio

from chainpilot.clock import Clock

__all__ = ["sleep_or"]


async def sleep_or(clock: Clock, seconds: float, news: asyncio.Event) -> None:
    """Return after that many seconds on the monotonic clock, or as soon as `news` is set."""
    waits = (
        asyncio.ensure_future(clock.sleep_until(clock.monotonic() + seconds)),
        asyncio.ensure_future(news.wait()),
    )
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
