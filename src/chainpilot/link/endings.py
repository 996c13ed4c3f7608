"""What an event loop says of TLS connections that are over, and what of it is news.

uvloop reads on for a moment in a TLS connection that was dropped under it, can't write any more, and tells of that as
of a fatal error, with a traceback (seen with 0.22). Whoever dropped it has told why.
"""

import asyncio
import logging
from typing import Any, Final

__all__ = ["pass_over_dropped_tls"]

_SAYS: Final = "Fatal error on SSL protocol"
_LOG: Final = logging.getLogger("chainpilot.link")


def pass_over_dropped_tls(loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop log errors of TLS connections that are closed already for whoever looks closely, and no others."""
    loop.set_exception_handler(_handle)


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    transport, error = context.get("transport"), context.get("exception")
    is_closed = transport is not None and transport.is_closing()
    if context.get("message") == _SAYS and is_closed and isinstance(error, RuntimeError):
        _LOG.debug("a TLS connection was read after its end: %s", error)
    else:
        loop.default_exception_handler(context)
