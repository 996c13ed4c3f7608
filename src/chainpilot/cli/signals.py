"""How a command that stays learns that it should stop."""

import asyncio
import signal

__all__ = ["until_told_to_stop"]


async def until_told_to_stop() -> None:
    """Return at SIGINT (Ctrl-C) or SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
