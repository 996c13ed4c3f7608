"""A PKI reached over EST and HTTPS (RFC 7030): the port `CertificateAuthority` kept with httpx.

Requests and judgements are `wire.est.client`'s; here is transport: TLS before the login, bounds on size and time, no
redirect, and the answer to the one question a broken exchange leaves: may the PKI have got it?
OAuth and client certificates are not handled here.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import httpx

from chainpilot.clock import SYSTEM, Clock
from chainpilot.cpms.adapters.est_transport import Progress, client_context, login_of, origin_of, paths_of, words_of
from chainpilot.cpms.config import PkiConfig
from chainpilot.cpms.ports import CaPending, CaRefused, CaUndecided, IssuedBag, Reason, RetryClass
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.csr import Csr
from chainpilot.wire.est.client import (
    MAX_ANSWER,
    EstRefusal,
    Issued,
    Pending,
    RefusalKind,
    cacerts_request,
    judge_cacerts,
    judge_enroll,
    simpleenroll_request,
)
from chainpilot.wire.est.messages import HttpRequest, HttpResponse
from chainpilot.wire.est.paths import Operation

__all__ = ["EstExchange", "EstHttp"]

_MAX_CONNECTIONS: Final = 8
"""To one PKI at once; a worker posts one CSR after the other."""
_KEEP_ALIVE_SECONDS: Final = 5.0
"""How long a connection waits for the next request; only where a POST may be repeated.

A PKI that closes it at that moment leaves the outcome of the next POST unknown; so where a certificate may cost money
every request gets a connection of its own.
"""

_REASONS: Final[dict[RefusalKind, Reason]] = {
    RefusalKind.LOGIN: Reason.PKI_LOGIN_REFUSED,
    RefusalKind.FORBIDDEN: Reason.PKI_REFUSED,
    RefusalKind.REQUEST: Reason.PKI_REFUSED,
    RefusalKind.REDIRECT: Reason.PKI_REFUSED,
    RefusalKind.LIMITED: Reason.PKI_RATE_LIMITED,
    RefusalKind.SERVER: Reason.PKI_UNAVAILABLE,
    RefusalKind.GATEWAY: Reason.PKI_UNAVAILABLE,
    RefusalKind.UNREADABLE: Reason.PKI_ANSWER_UNREADABLE,
}


@dataclass(frozen=True, slots=True)
class EstExchange:
    """One exchange that brought an answer, for whoever watches; never a payload."""

    operation: str
    """`cacerts` or `simpleenroll`."""
    status: int
    bytes_sent: int
    """Of the request's body."""
    bytes_received: int
    """Of the answer's body."""


class EstHttp:
    """One configured PKI.

    Args:
        config: its address, login and limits.
        clock: says when an answer came, from which Retry-After counts.
        watch: called after every answer.
        transport: in place of TLS over TCP, for tests that play what no server can be made to do.

    Raises:
        EstSetupError: the URL, the preset, the user name or the file of anchors can't be used.
        PathError: the label doesn't fit the preset.
    """

    def __init__(
        self,
        config: PkiConfig,
        *,
        clock: Clock = SYSTEM,
        watch: Callable[[EstExchange], None] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = config.name
        self.repost_safe = config.repost_safe
        self._origin = origin_of(config)
        self._paths = paths_of(config)
        self._seconds = config.timeout
        self._clock = clock
        self._watch = watch
        self._client = httpx.AsyncClient(
            auth=login_of(config),
            verify=client_context(config),
            transport=transport,
            headers={
                "User-Agent": "chainpilot",
                "Accept-Encoding": "identity",
                "Connection": "keep-alive" if config.repost_safe else "close",
            },
            timeout=httpx.Timeout(config.timeout, connect=config.timeout / 3, pool=config.timeout / 3),
            limits=httpx.Limits(
                max_connections=_MAX_CONNECTIONS,
                max_keepalive_connections=_MAX_CONNECTIONS if config.repost_safe else 0,
                keepalive_expiry=_KEEP_ALIVE_SECONDS,
            ),
            follow_redirects=False,
            trust_env=False,
        )

    def __repr__(self) -> str:
        return f"<EstHttp {self.name} at {self._origin}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def cacerts(self) -> tuple[Certificate, ...]:
        """The CA's own certificates, in no order. Raises CaRefused, CaUndecided."""
        response = await self._exchange(Operation.CACERTS, cacerts_request(self._paths))
        verdict = judge_cacerts(response, self._clock.now())
        if isinstance(verdict, EstRefusal):
            raise self._refused(Operation.CACERTS, verdict)
        return verdict

    async def simpleenroll(self, csr: Csr) -> IssuedBag | CaPending:
        """Ask for a certificate. Raises CaRefused, CaUndecided."""
        response = await self._exchange(Operation.SIMPLEENROLL, simpleenroll_request(self._paths, csr.der))
        match judge_enroll(response, self._clock.now()):
            case Issued(certificates=certificates):
                return IssuedBag(certificates)
            case Pending(retry_at=retry_at):
                return CaPending(retry_at)
            case EstRefusal() as refusal if refusal.may_have_signed and not self.repost_safe:
                # as unknown as a broken connection (ADR 5); where a repetition is safe it is a refusal to wait after
                raise CaUndecided(self._sentence(Operation.SIMPLEENROLL, refusal), sent=True)
            case EstRefusal() as refusal:
                raise self._refused(Operation.SIMPLEENROLL, refusal)

    async def _exchange(self, operation: Operation, request: HttpRequest) -> HttpResponse:
        progress = Progress()
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._send(request, progress)
        except Exception as error:  # house style 4: one family leaves an adapter, whatever comes in
            detail = f"{self.name} at {self._origin}: {words_of(error)}"
            raise CaUndecided(detail, sent=progress.may_have_arrived(error)) from error
        if self._watch is not None:
            exchange = EstExchange(operation.value, response.status, len(request.body), len(response.body))
            self._watch(exchange)
        return response

    async def _send(self, request: HttpRequest, progress: Progress) -> HttpResponse:
        """Send and read; of a body over `MAX_ANSWER` only so much that its excess shows."""
        message = self._client.build_request(
            request.method,
            f"{self._origin}{request.url_path}",
            headers=list(request.headers),
            content=request.body or None,
            extensions={"trace": progress.note},
        )
        response = await self._client.send(message, stream=True)
        body = bytearray()
        try:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_ANSWER:
                    break
        finally:
            await response.aclose()
        headers = tuple(response.headers.multi_items())
        return HttpResponse(response.status_code, headers, bytes(body[: MAX_ANSWER + 1]))

    def _refused(self, operation: Operation, refusal: EstRefusal) -> CaRefused:
        reason = _REASONS[refusal.kind]
        if refusal.kind is RefusalKind.FORBIDDEN and operation is Operation.SIMPLEENROLL:
            reason = Reason.PKI_NAME_NOT_REGISTERED
        return CaRefused(
            reason,
            self._sentence(operation, refusal),
            RetryClass(refusal.retry.value),
            retry_at=refusal.retry_at,
            trace=refusal.trace_id,
        )

    def _sentence(self, operation: Operation, refusal: EstRefusal) -> str:
        return f"{self.name} answers {operation.value} with {refusal.status}: {refusal.message}"
