"""A wait that the clock or anybody's ring ends."""

import asyncio
import threading

import pytest

from chainpilot.station.agent.bell import Bell
from clocks import SetClock

pytestmark = pytest.mark.anyio


async def test_a_wait_ends_at_its_moment_and_not_before() -> None:
    clock, bell = SetClock(), Bell()
    wait = asyncio.ensure_future(bell.wait(clock, 10.0))
    await clock.until_somebody_sleeps(until=10.0)
    clock.advance(9.5)
    await asyncio.sleep(0)
    assert not wait.done()
    clock.advance(0.5)
    await asyncio.wait_for(wait, 10)


async def test_a_ring_from_another_thread_ends_the_wait() -> None:
    clock, bell = SetClock(), Bell()
    wait = asyncio.ensure_future(bell.wait(clock, 10.0))
    await clock.until_somebody_sleeps(until=10.0)
    thread = threading.Thread(target=bell.ring)
    thread.start()
    await asyncio.wait_for(wait, 10)
    thread.join()


async def test_a_ring_before_the_wait_ends_it_at_once_and_only_once() -> None:
    clock, bell = SetClock(), Bell()
    bell.ring()
    bell.ring()
    await asyncio.wait_for(bell.wait(clock, 10.0), 10)
    second = asyncio.ensure_future(bell.wait(clock, 20.0))
    await clock.until_somebody_sleeps(until=20.0)
    assert not second.done()
    bell.ring()
    await asyncio.wait_for(second, 10)


def test_a_ring_after_the_loop_has_ended_is_no_error() -> None:
    bell = Bell()
    bell.ring()
    asyncio.run(bell.wait(SetClock(), 10.0))
    bell.ring()
