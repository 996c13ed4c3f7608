"""Work in the task at hand: it tells when it waits, and is cancelled and timed out like any other."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from chainpilot.link.unwaiting import begin

pytestmark = pytest.mark.anyio


async def run(work: Coroutine[Any, Any, None]) -> bool:
    """Do it, and tell whether it had to wait."""
    rest = begin(work)
    if rest is not None:
        await rest
    return rest is not None


async def test_work_that_need_not_wait_is_done_in_one_go() -> None:
    async def work() -> None:
        done.append(asyncio.current_task())

    done: list[object] = []
    assert not await run(work())
    assert done == [asyncio.current_task()]


async def test_work_that_waits_says_so_and_keeps_its_task() -> None:
    async def work() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            await asyncio.to_thread(int)
            done.append(asyncio.current_task())

    done: list[object] = []
    assert await run(work())
    assert done == [asyncio.current_task()] * 3


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_what_the_work_raises_comes_out(turns: int) -> None:
    async def work() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await run(work())


async def test_cancelling_the_task_cancels_what_the_work_waits_for() -> None:
    async def work() -> None:
        try:
            await waited_for
        finally:
            ended.append(waited_for.cancelled())

    ended: list[bool] = []
    waited_for = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run(work()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


async def test_work_may_catch_its_cancelling_and_go_on() -> None:
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            ended.append("tidied")

    ended: list[str] = []
    task = asyncio.create_task(run(work()))
    await asyncio.sleep(0)
    task.cancel()
    assert await task
    assert ended == ["tidied"]


async def test_a_time_out_begun_before_the_first_wait_ends_it() -> None:
    async def work() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))

    assert await run(work())


async def test_work_that_is_given_up_is_closed() -> None:
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("closed")

    ended: list[str] = []
    rest = begin(work())
    assert rest is not None
    steps = rest.__await__()
    next(steps)
    steps.close()
    assert ended == ["closed"]
