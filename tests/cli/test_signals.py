"""A command that stays ends in order at SIGINT and SIGTERM, whenever they come."""

import asyncio
import os
import signal

import pytest

from chainpilot.cli.signals import Stops, heeded_stops

STOPS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


async def told(number: signal.Signals | None, stops: Stops) -> None:
    """Wait until it is told to stop; the signal comes meanwhile, where one is given."""
    waiting = asyncio.ensure_future(stops.until_told())
    await asyncio.sleep(0)
    if number is not None:
        assert not waiting.done()
        os.kill(os.getpid(), number)
    async with asyncio.timeout(5):
        await waiting


@STOPS
def test_a_signal_before_anybody_waits_is_heeded(number: signal.Signals) -> None:
    with heeded_stops() as stops:
        os.kill(os.getpid(), number)
        assert stops.is_told
        asyncio.run(told(None, stops))


@STOPS
def test_a_signal_while_somebody_waits_is_heeded(number: signal.Signals) -> None:
    with heeded_stops() as stops:
        asyncio.run(told(number, stops))
        assert stops.is_told


def test_afterwards_the_signals_do_what_they_did_before() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with heeded_stops() as stops:
        asyncio.run(told(signal.SIGTERM, stops))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
