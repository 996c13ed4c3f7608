"""Work beside the stations: ended with the back office, and never gone without a word."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from chainpilot.cpms.background import keep_going

__all__: list[str] = []

pytestmark = pytest.mark.anyio


async def test_work_that_ends_by_a_fault_is_told_with_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    begun = asyncio.Event()

    async def break_down() -> None:
        begun.set()
        raise LookupError("a secret of somebody's")

    async with AsyncExitStack() as stack:
        keep_going(stack, "revocation-lists", break_down())
        await begun.wait()
    assert "revocation-lists has ended" in caplog.text
    assert "restart" in caplog.text
    assert "a secret" not in caplog.text


async def test_work_ends_with_the_back_office_and_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    ended = asyncio.Event()

    async def go_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with AsyncExitStack() as stack:
        keep_going(stack, "root-pool", go_on())
        await asyncio.sleep(0)
    assert ended.is_set()
    assert "has ended" not in caplog.text
