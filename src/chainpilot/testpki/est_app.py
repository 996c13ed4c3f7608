"""The test PKI's EST server: HTTPS and HTTP Basic around `est_desk`. NEVER for production.

As the ecosystem's PKIs do, it asks for the login on cacerts too, which RFC 7030 section 4.1.1 would leave open.
"""

import base64
import binascii
import hashlib
import hmac
import ssl
from pathlib import Path
from typing import Final

from aiohttp import web

from chainpilot.clock import Clock
from chainpilot.testpki.est_desk import EstDesk
from chainpilot.testpki.http import READ_SECONDS, Served, Watch, read_body, to_web
from chainpilot.wire.est.messages import HttpResponse
from chainpilot.wire.est.server import MAX_REQUEST, write_refusal, write_unauthorized

__all__ = ["REALM", "BasicLogin", "EstApp", "tls_server_context"]

REALM: Final = "chainpilot TEST PKI"


class BasicLogin:
    """One user name and password (RFC 7617), kept and compared as digests so that time tells nothing."""

    __slots__ = ("_expected",)

    def __init__(self, user: str, password: str) -> None:
        self._expected = hashlib.sha256(f"{user}:{password}".encode()).digest()

    def admits(self, authorization: str | None) -> bool:
        """Whether an Authorization field carries this login."""
        scheme, _, packed = (authorization or "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(packed.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(hashlib.sha256(given).digest(), self._expected)


class EstApp:
    """The handler of the EST server; answers go out exactly as `wire.est.server` wrote them."""

    def __init__(
        self,
        desk: EstDesk,
        login: BasicLogin,
        clock: Clock,
        watch: Watch | None = None,
        *,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._desk = desk
        self._login = login
        self._clock = clock
        self._watch = watch
        self._read_seconds = read_seconds

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request; the login comes first, so that a stranger learns nothing about paths."""
        received = 0
        if not self._login.admits(request.headers.get("Authorization")):
            answer = write_unauthorized(REALM)
        else:
            body = await read_body(request, MAX_REQUEST, self._read_seconds)
            received = len(body or b"")
            answer = self._answer(request, body)
        self._tell(request.raw_path, answer, received)
        response = to_web(answer)
        if not request.content.is_eof():
            response.force_close()
        return response

    def _answer(self, request: web.Request, body: bytes | None) -> HttpResponse:
        if body is None:
            return write_refusal(408, "the body did not arrive whole in time")
        content_type = request.headers.get("Content-Type")
        return self._desk.answer(request.method, request.raw_path, content_type, body, at=self._clock.now())

    def _tell(self, path: str, answer: HttpResponse, received: int) -> None:
        if self._watch is not None:
            operation, label = self._desk.describe(path)
            self._watch(Served("est", operation, label, answer.status, received, len(answer.body)))


def tls_server_context(chain: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or later (RFC 8996) with that certificate chain and key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    return context
