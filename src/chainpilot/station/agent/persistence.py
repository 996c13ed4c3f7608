"""Work that is tried again, broken off or seen through: what the file flows (logs, firmware) share.

How a transfer is done is the adapters'; what is told of it is the flows'.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

__all__ = ["MAX_PAUSE", "MAX_TRIES", "Tries", "done_or", "to_end"]

T = TypeVar("T")

MAX_TRIES: Final = 20
"""Of one transfer: with the default pause that is 20 minutes of a server that is down."""
MAX_PAUSE: Final = 86_400
"""Seconds between two tries at most."""
_TRIES: Final = 3
_PAUSE: Final = 60
"""Where the CSMS says nothing, which leaves it to the station."""


@dataclass(frozen=True, slots=True)
class Tries:
    """How often a transfer is tried."""

    count: int
    """At least one, at most MAX_TRIES."""
    pause: int
    """Seconds between two tries, at most MAX_PAUSE."""

    @classmethod
    def asked(cls, retries: int | None, interval: int | None) -> "Tries":
        """What `retries` and `retryInterval` of a request come to; nonsense counts as the nearest sense."""
        count = _TRIES if retries is None else min(max(retries, 0) + 1, MAX_TRIES)
        return cls(count, _PAUSE if interval is None else min(max(interval, 0), MAX_PAUSE))


async def done_or(work: asyncio.Future[Any], news: asyncio.Event) -> None:
    """Return when `work` is done, or as soon as `news` is set; the work goes on in any case."""
    heard = asyncio.ensure_future(news.wait())
    try:
        await asyncio.wait((work, heard), return_when=asyncio.FIRST_COMPLETED)
    finally:
        heard.cancel()
        await asyncio.wait((heard,))


async def to_end(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is seen through even if the caller is cancelled meanwhile; it then stays cancelled.

    For what a thread does: nobody can stop it, and it must not go on behind the back of whoever comes next.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # looked at: the cancellation goes before it
        raise cancelled
    return task.result()
