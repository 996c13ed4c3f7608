"""The test PKI's EST server: HTTPS and logins around `est_desk`. NEVER for production.

As the ecosystem's PKIs do, it asks for the login on cacerts too, which RFC 7030 section 4.1.1 would leave open.
"""

import ssl
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from aiohttp import web

from chainpilot.clock import Clock
from chainpilot.pki.certificate import Certificate
from chainpilot.testpki.est_desk import EstDesk
from chainpilot.testpki.est_faults import refusal_by_fault, spoilt
from chainpilot.testpki.faults import Fault, Faults
from chainpilot.testpki.http import READ_SECONDS, SLOW_SECONDS, Served, Watch, read_body, to_web
from chainpilot.testpki.logins import Login, Visitor, client_certificate, visitor
from chainpilot.wire.est.messages import HttpResponse
from chainpilot.wire.est.paths import Route
from chainpilot.wire.est.server import MAX_REQUEST, write_refusal, write_unauthorized

__all__ = ["REALM", "EstApp", "tls_server_context"]

REALM: Final = "chainpilot TEST PKI"
_NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME: whether a client certificate is out of date is judged by the test PKI's own clock, and
told in an answer, where TLS would only break off."""


def _never(_: Certificate) -> datetime | None:
    return None


class EstApp:
    """The handler of the EST server; answers go out exactly as `wire.est.server` wrote them.

    Args:
        desk: answers.
        logins: any of them admits, and so does a TLS client certificate.
        clock: decides whether such a certificate is in force.
        watch: called after every answer.
        faults: what is to go wrong.
        revoked: answers when a client certificate was revoked.
        read_seconds: the time that a body may take to arrive.
    """

    def __init__(
        self,
        desk: EstDesk,
        logins: Sequence[Login],
        clock: Clock,
        watch: Watch | None = None,
        *,
        faults: Faults | None = None,
        revoked: Callable[[Certificate], datetime | None] = _never,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._desk = desk
        self._logins = tuple(logins)
        self._faults = faults or Faults()
        self._revoked = revoked
        self._clock = clock
        self._watch = watch
        self._read_seconds = read_seconds

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request; the login comes first, so that a stranger learns nothing about paths."""
        received = 0
        route = self._desk.route(request.raw_path)
        operation = route.operation if route is not None else None
        who = self._visitor(request)
        if not who.is_admitted:
            answer = write_unauthorized(REALM, who.objection)
        else:
            body = await read_body(request, MAX_REQUEST, self._read_seconds)
            received = len(body or b"")
            if self._faults.strikes(Fault.SLOW, operation):
                await self._clock.sleep_until(self._clock.monotonic() + SLOW_SECONDS)
            refusal = refusal_by_fault(self._faults, operation, request.raw_path, REALM)
            answer = (
                refusal if refusal is not None else spoilt(self._faults, operation, self._answer(request, body, who))
            )
        self._tell(route, answer, received)
        if answer.status == 200 and self._faults.strikes(Fault.CUT, operation) and request.transport is not None:
            request.transport.close()
        response = to_web(answer)
        if not request.content.is_eof():
            response.force_close()
        return response

    def _visitor(self, request: web.Request) -> Visitor:
        given = request.headers.get("Authorization")
        shown = client_certificate(request)
        revoked = self._revoked(shown) if shown is not None else None
        by_secret = any(login.admits(given) for login in self._logins)
        return visitor(shown, revoked, by_secret=by_secret, at=self._clock.now())

    def _answer(self, request: web.Request, body: bytes | None, who: Visitor) -> HttpResponse:
        if body is None:
            return write_refusal(408, "the body did not arrive whole in time")
        content_type = request.headers.get("Content-Type")
        return self._desk.answer(
            request.method, request.raw_path, content_type, body, at=self._clock.now(), visitor=who
        )

    def _tell(self, route: Route | None, answer: HttpResponse, received: int) -> None:
        if self._watch is not None:
            operation, label = (route.operation.value, route.label) if route is not None else ("", "")
            self._watch(Served("est", operation, label, answer.status, received, len(answer.body)))


def tls_server_context(chain: Path, key: Path, client_cas: Iterable[Certificate] = ()) -> ssl.SSLContext:
    """TLS 1.2 or later (RFC 8996) with that certificate chain and key.

    Args:
        chain: a PEM file, the server's certificate first.
        key: the PEM file of its key.
        client_cas: roots and sub-CAs of client certificates, which may then be shown and need not.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    trusted = "".join(certificate.to_pem() for certificate in client_cas)
    if trusted:
        context.load_verify_locations(cadata=trusted)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= _NO_CHECK_TIME
    return context
