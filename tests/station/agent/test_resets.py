"""The station is started again once, however often the CSMS asks, and nothing that should do it takes for ever."""

import asyncio

import pytest

from chainpilot.station.agent.resets import AT_ONCE_SECONDS, IDLE_SECONDS, Resets
from clocks import SetClock

pytestmark = pytest.mark.anyio


class Slow:
    """A starter that takes until the test lets it end."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.left: list[str] = []
        self.done = asyncio.Event()
        self._news = asyncio.Event()

    async def reset(self, *, at_once: bool) -> None:
        name = "at once" if at_once else "when idle"
        self.asked.append(name)
        self._news.set()
        try:
            await self.done.wait()
        finally:
            self.left.append(name)
            self._news.set()

    async def until(self, *, asked: int, left: int = 0) -> None:
        async with asyncio.timeout(10):
            while len(self.asked) < asked or len(self.left) < left:
                self._news.clear()
                await self._news.wait()


async def turn() -> None:
    """Whatever is to come at once has come."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("orders", "carried_out"),
    [
        ((True, True), ["at once"]),
        ((False, False), ["when idle"]),
        ((True, False), ["at once"]),
        ((False, True), ["when idle", "at once"]),
    ],
)
async def test_a_second_reset_has_an_effect_only_if_it_is_the_sooner_one(
    orders: tuple[bool, ...], carried_out: list[str]
) -> None:
    starter = Slow()
    resets = Resets(starter, SetClock())
    for at_once in orders:
        await resets.begin(at_once=at_once)
        await turn()
    assert starter.asked == carried_out
    assert starter.left == carried_out[:-1], "one that waited has made room"
    starter.done.set()
    await starter.until(asked=1, left=len(carried_out))


@pytest.mark.parametrize(("at_once", "under_way"), [(True, (True, True)), (False, (False, True))])
async def test_it_is_under_way_until_the_starter_is_done(*, at_once: bool, under_way: tuple[bool, bool]) -> None:
    starter = Slow()
    resets = Resets(starter, SetClock())
    await resets.begin(at_once=at_once)
    assert (resets.is_under_way(at_once=True), resets.is_under_way(at_once=False)) == under_way
    starter.done.set()
    await starter.until(asked=1, left=1)
    await turn()
    assert not resets.is_under_way(at_once=False)
    await resets.begin(at_once=at_once)
    await starter.until(asked=2)


@pytest.mark.parametrize(("at_once", "limit"), [(True, AT_ONCE_SECONDS), (False, IDLE_SECONDS)])
async def test_a_starter_that_never_ends_is_told_of_and_left(
    *, at_once: bool, limit: float, caplog: pytest.LogCaptureFixture
) -> None:
    starter, clock = Slow(), SetClock()
    resets = Resets(starter, clock)
    await resets.begin(at_once=at_once)
    await starter.until(asked=1)
    clock.advance(limit)
    await turn()
    assert not starter.left
    clock.advance(60)
    await starter.until(asked=1, left=1)
    await turn()
    assert "the station is not started again: what should do it took longer than" in caplog.text
    await resets.begin(at_once=at_once)
    await starter.until(asked=2)


class Broken:
    """A starter that fails."""

    async def reset(self, *, at_once: bool) -> None:
        raise RuntimeError(f"hunter2 {at_once}")


async def test_a_starter_that_fails_is_an_incident_and_the_next_reset_is_carried_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    resets = Resets(Broken(), SetClock())
    for _ in range(2):
        await resets.begin(at_once=True)
        await turn()
    assert caplog.text.count("the station is not started again: RuntimeError") == 2
    assert "hunter2" not in caplog.text
