"""Trying again, breaking off and seeing through: the waits and bounds that logs and firmware share."""

import asyncio
import threading

import pytest

from chainpilot.station.agent.persistence import MAX_PAUSE, MAX_TRIES, Tries, done_or, to_end
from chainpilot.station.agent.waiting import sleep_or
from clocks import SetClock

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("retries", "interval", "expected"),
    [
        (None, None, Tries(3, 60)),
        (0, 0, Tries(1, 0)),
        (-1, -1, Tries(1, 0)),
        (1, 5, Tries(2, 5)),
        (MAX_TRIES - 2, MAX_PAUSE - 1, Tries(MAX_TRIES - 1, MAX_PAUSE - 1)),
        (MAX_TRIES - 1, MAX_PAUSE, Tries(MAX_TRIES, MAX_PAUSE)),
        (MAX_TRIES, MAX_PAUSE + 1, Tries(MAX_TRIES, MAX_PAUSE)),
        (10**300, 10**300, Tries(MAX_TRIES, MAX_PAUSE)),
    ],
)
def test_retries_are_honoured_within_bounds(retries: int | None, interval: int | None, expected: Tries) -> None:
    assert Tries.asked(retries, interval) == expected


async def test_a_sleep_ends_with_its_time() -> None:
    clock, news = SetClock(), asyncio.Event()
    sleeping = asyncio.create_task(sleep_or(clock, 5, news))
    await clock.until_somebody_sleeps(until=5)
    clock.advance(4)
    await clock.until_somebody_sleeps(until=1)
    assert not sleeping.done()
    clock.advance(1)
    await sleeping


async def test_a_sleep_ends_with_news() -> None:
    clock, news = SetClock(), asyncio.Event()
    sleeping = asyncio.create_task(sleep_or(clock, 5, news))
    await clock.until_somebody_sleeps(until=5)
    news.set()
    await sleeping
    assert clock.monotonic() == 0
    await sleep_or(clock, 5, news)


async def test_news_do_not_end_the_work_that_was_waited_for() -> None:
    work: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    news = asyncio.Event()
    news.set()
    await done_or(work, news)
    assert not work.done()
    news.clear()
    waiting = asyncio.create_task(done_or(work, news))
    await asyncio.sleep(0)
    work.set_result(1)
    await waiting


async def test_a_wait_that_is_cancelled_leaves_the_work_alone() -> None:
    work: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(done_or(work, asyncio.Event()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not work.done()
    work.cancel()


async def test_what_is_seen_through_ends_before_a_cancellation_does_however_often_it_comes() -> None:
    begun, gate = threading.Event(), threading.Event()
    done: list[int] = []

    def work() -> None:
        begun.set()
        gate.wait(20)
        done.append(1)

    task = asyncio.create_task(to_end(asyncio.to_thread(work)))
    assert await asyncio.to_thread(begun.wait, 20)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [1]


@pytest.mark.parametrize("cancelled", [False, True])
async def test_what_is_seen_through_answers_or_raises_as_it_does(cancelled: bool) -> None:
    gate = asyncio.Event()

    async def failing() -> None:
        await gate.wait()
        raise ZeroDivisionError

    async def answering() -> int:
        return 7

    assert await to_end(answering()) == 7
    task = asyncio.create_task(to_end(failing()))
    await asyncio.sleep(0)
    if cancelled:
        task.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError if cancelled else ZeroDivisionError):
        await task
