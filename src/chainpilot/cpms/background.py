"""Work that goes on beside the stations until the back office stops: fetching lists, asking the root pool, following.

It sees to its own faults. Should it end by one that it doesn't know, that is told, since nobody waits for it.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Final

from chainpilot.cpms.journal import journal
from chainpilot.errors import outline

__all__ = ["keep_going"]

_log: Final = journal("chainpilot.cpms")


def keep_going(stack: AsyncExitStack, name: str, work: Coroutine[object, object, None]) -> None:
    """Begin the work; it is ended with the stack."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_tell_fault)
    stack.push_async_callback(_end, task)


def _tell_fault(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        detail = f"{task.get_name()} has ended and does nothing until a restart: restart the CPMS, and report this"
        _log.error("work_ended", detail=detail, error=outline(error))


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
