"""Work within a deadline: in time its answer, late nothing, and nobody waits for what is late."""

import asyncio
import gc
import warnings

import pytest

from chainpilot.errors import UndecidedError
from chainpilot.station.agent.contracts.deadline import within
from clocks import SetClock

pytestmark = pytest.mark.anyio


async def test_work_in_time_answers() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert await within(SetClock(), 1.0, work()) == 7


async def test_what_the_work_raises_comes_out() -> None:
    async def work() -> int:
        raise UndecidedError("gone")

    with pytest.raises(UndecidedError, match="gone"):
        await within(SetClock(), 1.0, work())


@pytest.mark.parametrize(("passed", "is_done"), [(0.9, False), (1.0, True), (1.1, True)])
async def test_late_work_is_cancelled_at_the_moment_itself(passed: float, is_done: bool) -> None:
    clock, ended = SetClock(), asyncio.Event()

    async def work() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 7

    waiting = asyncio.ensure_future(within(clock, 1.0, work()))
    await clock.until_somebody_sleeps(until=1.0)
    clock.advance(passed)
    for _ in range(5):
        await asyncio.sleep(0)
    assert waiting.done() is is_done
    clock.advance(1.0)
    assert await waiting is None
    await ended.wait()


@pytest.mark.parametrize("end", [0.0, -1.0])
async def test_when_the_time_is_over_nothing_is_begun(end: float) -> None:
    begun = False

    async def work() -> int:
        nonlocal begun
        begun = True
        return 7

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert await within(SetClock(), end, work()) is None
        gc.collect()
    assert not begun


async def test_work_that_does_not_stop_when_told_holds_nobody_up_and_what_it_raises_is_nobody_s(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, go, raised = SetClock(), asyncio.Event(), asyncio.Event()

    async def stubborn() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await go.wait()
            raised.set()
            raise UndecidedError("too late") from None
        return 7

    waiting = asyncio.ensure_future(within(clock, 1.0, stubborn()))
    await clock.until_somebody_sleeps(until=1.0)
    clock.advance(1.0)
    assert await waiting is None
    go.set()
    await raised.wait()
    await asyncio.sleep(0)
    gc.collect()
    assert caplog.text == ""


async def test_whoever_is_cancelled_takes_the_work_along() -> None:
    clock, begun, ended = SetClock(), asyncio.Event(), asyncio.Event()

    async def work() -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 7

    waiting = asyncio.ensure_future(within(clock, 1.0, work()))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await ended.wait()
