"""Where a root pool's signed events come in: a small HTTP server of its own on aiohttp.

1. only POST to the one path; everything else is 404 or 405
2. the body is bounded in size (413) and time (408), before anything else is looked at
3. the HMAC over the body as it came, in constant time (401)
4. the event reads (400)
5. an event of an id that was done with is answered as the first time was, and does nothing

What an event leads to is decided in `chainpilot.cpms.trust.pool_watch`.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final
from uuid import uuid4

from aiohttp import web

from chainpilot.clock import SYSTEM, Clock
from chainpilot.cpms.config import WebhookConfig
from chainpilot.cpms.journal import journal
from chainpilot.cpms.trust import EventOutcome
from chainpilot.errors import OwnError, outline
from chainpilot.wire.opcp import MAX_EVENT, SIGNATURE_HEADER, OpcpError, RootEvent, is_signed, read_event

__all__ = ["Webhook", "WebhookSetupError"]

_READ_SECONDS: Final = 10.0
"""The time a body may take to arrive; an event is one packet or two."""
_CONNECTIONS: Final = 32
"""Requests at once; a pool sends some events a day."""
_SHUTDOWN_SECONDS: Final = 1.0
_LINES_AN_HOUR: Final = 20
"""Of the log about bodies without a good signature: anybody who reaches the listener can send any number."""

_log: Final = journal("chainpilot.cpms.webhook")


class WebhookSetupError(OwnError):
    """The webhook's listener can't be started. Field: `why`."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"[webhook] can't be set up: {why}")


class Webhook:
    """One listener; `take` is told each event whose signature is good, `clock` says how fast the log grows."""

    def __init__(
        self, config: WebhookConfig, take: Callable[[RootEvent], Awaitable[EventOutcome]], *, clock: Clock = SYSTEM
    ) -> None:
        self._config = config
        self._take = take
        self._clock = clock
        self._told: deque[float] = deque(maxlen=_LINES_AN_HOUR)
        self._busy = 0
        self._stack = AsyncExitStack()

    async def start(self) -> tuple[str, int]:
        """Listen; the address. Raises WebhookSetupError."""
        config = self._config
        app = web.Application(client_max_size=MAX_EVENT)
        app.router.add_post(config.path, self._answer)
        runner = web.AppRunner(
            app, access_log=None, keepalive_timeout=_READ_SECONDS, shutdown_timeout=_SHUTDOWN_SECONDS
        )
        await runner.setup()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(runner.cleanup)
            try:
                await web.TCPSite(runner, config.host, config.port, ssl_context=_context(config)).start()
            except OSError as error:
                raise WebhookSetupError(f"{config.host}:{config.port}: {error}") from error
            self._stack = stack.pop_all()
        host, port = runner.addresses[0][:2]
        return str(host), int(port)

    async def stop(self) -> None:
        """End the listener and what is being answered."""
        await self._stack.aclose()

    async def _answer(self, request: web.Request) -> web.Response:
        if self._busy >= _CONNECTIONS:
            return _said(503, "too many requests at once")
        self._busy += 1
        try:
            return await self._judge(request)
        except Exception as error:  # noqa: BLE001 - a connection loop's supervisor (house style 17)
            incident = uuid4().hex
            _log.error("event_failed", incident=incident, error=outline(error))
            return _said(500, f"not taken; incident {incident}")
        finally:
            self._busy -= 1

    async def _judge(self, request: web.Request) -> web.Response:
        body = await _read(request)  # 2
        if body is None:
            return _said(408, "the body did not come in time")
        if len(body) > MAX_EVENT:
            return _said(413, f"an event has at most {MAX_EVENT} bytes")
        if not is_signed(body, request.headers.get(SIGNATURE_HEADER), self._config.secret):  # 3
            self._tell_unsigned(request.remote, len(body))
            return _said(401, f"{SIGNATURE_HEADER} is not this body's signature")
        try:
            event = read_event(body)  # 4
        except OpcpError as error:
            _log.warning("event_unreadable", detail=error.why)
            return _said(400, error.why)
        outcome = await self._take(event)  # 5
        _log.info("event_taken", kind=event.kind.value if event.kind else None, detail=outcome.name.lower())
        return web.Response(status=204)

    def _tell_unsigned(self, address: str | None, size: int) -> None:
        at = self._clock.monotonic()
        if len(self._told) == _LINES_AN_HOUR and at - self._told[0] < 3600:
            return
        self._told.append(at)
        last = "; no more of these are told within an hour of the first" if len(self._told) == _LINES_AN_HOUR else ""
        _log.warning("event_unsigned", address=address, detail=f"{size} bytes without a good signature{last}")


async def _read(request: web.Request) -> bytes | None:
    """The body, or its first bytes when it is longer than an event; None when it isn't whole in time."""
    if (request.content_length or 0) > MAX_EVENT:
        return bytes(MAX_EVENT + 1)
    body = bytearray()
    try:
        async with asyncio.timeout(_READ_SECONDS):
            while len(body) <= MAX_EVENT and (part := await request.content.read(MAX_EVENT + 1 - len(body))):
                body += part
    except (TimeoutError, web.RequestPayloadError):
        return None
    return bytes(body)


def _said(status: int, why: str) -> web.Response:
    return web.Response(status=status, text=why + "\n")


def _context(config: WebhookConfig) -> ssl.SSLContext | None:
    """Raises WebhookSetupError."""
    if config.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(config.certificate.file, config.certificate.key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise WebhookSetupError(f"its certificate and key can't be used: {error}") from error
    return context
