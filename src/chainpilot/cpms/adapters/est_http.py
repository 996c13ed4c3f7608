"""A PKI reached over EST and HTTPS (RFC 7030): the port `CertificateAuthority` kept with httpx.

Requests and judgements are `wire.est.client`'s; here is transport: TLS before the login, bounds on size and time, no
redirect, and the answer to the one question a broken exchange leaves: may the PKI have got it?
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import httpx

from chainpilot.clock import SYSTEM, Clock
from chainpilot.cpms.adapters.est_login import login_of
from chainpilot.cpms.adapters.est_transport import (
    Carrier,
    EstSetupError,
    Progress,
    client_context,
    origin_of,
    show_certificate,
    words_of,
)
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
    csrattrs_request,
    judge_cacerts,
    judge_csrattrs,
    judge_enroll,
    simpleenroll_request,
    simplereenroll_request,
)
from chainpilot.wire.est.messages import HttpRequest, HttpResponse, http_moment
from chainpilot.wire.est.paths import Operation

__all__ = ["EstExchange", "EstHttp"]

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
    date: datetime | None = None
    """The server's clock, by its Date field (RFC 9110 section 6.6.1)."""


class EstHttp:
    """One configured PKI.

    Args:
        config: its address, login and limits.
        clock: says when an answer came, from which Retry-After counts.
        watch: called after every answer.
        transport: in place of TLS over TCP, for tests that play what no server can be made to do.

    Raises:
        EstSetupError: the URL, the login, the client certificate or the anchors can't be used.
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
        self._config = config
        self._origin = origin_of(config)
        self._paths = config.paths
        self._clock = clock
        self._watch = watch
        self._login = login_of(config, clock, transport)
        self._context = client_context(config.name, config.tls_anchors, config.client)
        self._carrier = Carrier(self._context, config.timeout, keeps=config.repost_safe, transport=transport)

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
        await self._login.aclose()
        await self._carrier.aclose()

    def reload(self) -> None:
        """Read the client certificate again, if one is shown; connections from now on show it. Raises EstSetupError."""
        if self._config.client is not None:
            show_certificate(self.name, self._config.client, self._context)

    async def login(self) -> bool:
        """Get ready to log in, which fetches a token where one is needed; whether there is a login beside TLS.

        Raises CaRefused, CaUndecided.
        """
        return await self._login.field() is not None

    async def cacerts(self) -> tuple[Certificate, ...]:
        """The CA's own certificates, in no order. Raises CaRefused, CaUndecided."""
        response = await self._exchange(Operation.CACERTS, cacerts_request(self._paths))
        verdict = judge_cacerts(response, self._clock.now(), self._paths.bag_types)
        if isinstance(verdict, EstRefusal):
            raise self._refused(Operation.CACERTS, verdict)
        return verdict

    async def csrattrs(self) -> tuple[str, ...] | None:
        """What the CA wants in a CSR, as dotted identifiers; None where its paths have no such operation.

        Raises CaRefused, CaUndecided.
        """
        if not self._paths.csrattrs:
            return None
        response = await self._exchange(Operation.CSRATTRS, csrattrs_request(self._paths))
        verdict = judge_csrattrs(response, self._clock.now())
        if isinstance(verdict, EstRefusal):
            raise self._refused(Operation.CSRATTRS, verdict)
        return verdict

    async def simpleenroll(self, csr: Csr) -> IssuedBag | CaPending:
        """Ask for a certificate. Raises CaRefused, CaUndecided."""
        return await self._enroll(Operation.SIMPLEENROLL, simpleenroll_request(self._paths, csr.der), csr)

    async def simplereenroll(self, csr: Csr) -> IssuedBag | CaPending:
        """Ask for the successor of our own client certificate, which the connection shows (RFC 7030 section 4.2.2).

        For nobody else's: a station's key is in the station, and its certificate is renewed by a new CSR of its own.
        Raises CaRefused, CaUndecided, EstSetupError.
        """
        if self._config.client is None:
            why = "re-enrolment shows the certificate that is renewed; name it as client_certificate"
            raise EstSetupError(self.name, why)
        if not self._paths.simplereenroll:
            raise EstSetupError(self.name, "its paths have no simplereenroll")
        return await self._enroll(Operation.SIMPLEREENROLL, simplereenroll_request(self._paths, csr.der), csr)

    async def _enroll(self, operation: Operation, request: HttpRequest, csr: Csr) -> IssuedBag | CaPending:
        response = await self._exchange(operation, request)
        match judge_enroll(response, self._clock.now(), self._paths.bag_types):
            case Issued(certificates=certificates):
                return IssuedBag(certificates)
            case Pending(retry_at=retry_at):
                return CaPending(retry_at)
            case EstRefusal() as refusal if refusal.may_have_signed and not self.repost_safe:
                # as unknown as a broken connection (ADR 5); where a repetition is safe it is a refusal to wait after
                trace = f" (trace {refusal.trace_id})" if refusal.trace_id else ""
                raise CaUndecided(self._sentence(operation, refusal) + self._login.hide(trace), sent=True)
            case EstRefusal() as refusal:
                raise self._refused(operation, refusal, csr.common_name)

    async def _exchange(self, operation: Operation, request: HttpRequest) -> HttpResponse:
        """One call, logging in included, within the PKI's time-out."""
        progress = Progress()
        try:
            async with asyncio.timeout(self._config.timeout):
                response = await self._logged_in(request, progress)
        except (CaRefused, CaUndecided):
            raise  # no login to be had: nothing is open at the PKI
        except Exception as error:  # house style 4: one family leaves an adapter, whatever comes in
            detail = self._login.hide(f"{self.name} at {self._origin}: {words_of(error)}")
            raise CaUndecided(detail, sent=progress.may_have_arrived(error)) from error
        if self._watch is not None:
            date = http_moment(response.headers, "Date")
            exchange = EstExchange(operation.value, response.status, len(request.body), len(response.body), date)
            self._watch(exchange)
        return response

    async def _logged_in(self, request: HttpRequest, progress: Progress) -> HttpResponse:
        """A refused login is tried once more with a new token: 401 and 403 say for sure that nothing was issued."""
        field = await self._login.field()
        response = await self._send(request, field, progress)
        if response.status in (401, 403) and field is not None:
            renewed = await self._login.renewed(field)
            if renewed is not None:
                response = await self._send(request, renewed, progress)
        return response

    async def _send(self, request: HttpRequest, field: str | None, progress: Progress) -> HttpResponse:
        return await self._carrier.carry(self._origin, request, progress, limit=MAX_ANSWER, authorization=field)

    def _refused(self, operation: Operation, refusal: EstRefusal, name: str = "") -> CaRefused:
        reason, detail = _REASONS[refusal.kind], self._sentence(operation, refusal)
        if refusal.kind is RefusalKind.FORBIDDEN and operation is Operation.SIMPLEENROLL:
            reason = Reason.PKI_NAME_NOT_REGISTERED
            detail += f"; {name} must be registered with the PKI's registration authority beforehand, for our account"
        return CaRefused(
            reason,
            detail,
            RetryClass(refusal.retry.value),
            retry_at=refusal.retry_at,
            trace=self._login.hide(refusal.trace_id) if refusal.trace_id else None,
        )

    def _sentence(self, operation: Operation, refusal: EstRefusal) -> str:
        said = f"{self.name} answers {operation.value} with {refusal.status}: {refusal.message}"
        return self._login.hide(said)
