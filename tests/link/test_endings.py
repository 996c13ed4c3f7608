"""What an event loop says of a TLS connection that is over, and of everything else."""

import asyncio
import logging

import pytest

from chainpilot.link.endings import pass_over_dropped_tls

__all__: list[str] = []

pytestmark = pytest.mark.anyio

SAYS = "Fatal error on SSL protocol"


@pytest.mark.parametrize(
    ("message", "is_dropped", "error", "is_news"),
    [
        (SAYS, True, RuntimeError("the handler is closed"), False),
        (SAYS, False, RuntimeError("the handler is closed"), True),
        (SAYS, True, ValueError("something else"), True),
        ("another thing", True, RuntimeError("the handler is closed"), True),
    ],
)
async def test_only_what_is_said_of_a_dropped_tls_connection_is_passed_over(
    caplog: pytest.LogCaptureFixture, message: str, is_dropped: bool, error: Exception, is_news: bool
) -> None:
    loop = asyncio.get_running_loop()
    pass_over_dropped_tls(loop)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        if is_dropped:
            writer.transport.abort()
        loop.call_exception_handler({"message": message, "exception": error, "transport": writer.transport})
        writer.close()
    errors = [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]
    assert any(one.startswith(message) for one in errors) is is_news


async def test_what_is_said_of_no_connection_is_news(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    pass_over_dropped_tls(loop)
    loop.call_exception_handler({"message": SAYS})
    assert SAYS in caplog.text
