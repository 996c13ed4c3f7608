"""Work that may take until a moment of the clock and no longer; what comes later is dropped."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from chainpilot.clock import Clock

__all__ = ["within"]

T = TypeVar("T")


async def within(clock: Clock, end: float, work: Coroutine[Any, Any, T]) -> T | None:
    """What `work` answers; None where it hasn't by the moment `end` of `clock.monotonic()`, or that has passed already.

    Late work is cancelled and not waited for: what it still answers or raises is nobody's any more. Raises what the
    work raises.
    """
    if clock.monotonic() >= end:
        work.close()
        return None
    doing, waiting = asyncio.ensure_future(work), asyncio.ensure_future(clock.sleep_until(end))
    try:
        await asyncio.wait((doing, waiting), return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else None
    finally:
        for one in (doing, waiting):
            one.add_done_callback(_dropped)
            one.cancel()


def _dropped(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()
