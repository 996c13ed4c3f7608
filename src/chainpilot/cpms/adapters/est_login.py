"""How we log in at a PKI: HTTP Basic, a Bearer token that stays, or OAuth2 client credentials.

A client certificate is not handled here: it belongs to the TLS connection. A secret is in no repr, log or error.
"""

import asyncio
import base64
from collections import deque
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpx

from chainpilot.clock import Clock
from chainpilot.cpms.adapters.est_transport import Carrier, EstSetupError, Progress, client_context, words_of
from chainpilot.cpms.config import OAuthConfig, PkiConfig
from chainpilot.cpms.ports import CaRefused, CaUndecided, Reason, RetryClass
from chainpilot.wire.est.oauth import MAX_TOKEN_ANSWER, AccessToken, TokenRefusal, judge_token, token_request

__all__ = ["EARLIER", "RENEWAL_PAUSE", "FixedLogin", "Login", "OAuthLogin", "login_of"]

EARLIER: Final = 60.0
"""Seconds before its end from which a token isn't used any more: a request and the servers' clocks take some."""
RENEWAL_PAUSE: Final = 60.0
"""Seconds after a token was renewed because it was refused in which refusals stand at once.

A thousand names that aren't registered are a thousand times 403, and not the token's fault.
"""
_REMEMBERED: Final = 3
"""Tokens hidden in what servers say: that in use, and those that it may have followed meanwhile."""


class Login(Protocol):
    """What stands in the Authorization field of a request."""

    async def field(self) -> str | None:
        """The field to send, None for none. Raises CaRefused, CaUndecided where it can't be had."""
        ...

    async def renewed(self, refused: str) -> str | None:
        """Another one after that was refused (401, 403); None where there is none. Raises CaRefused, CaUndecided."""
        ...

    def hide(self, text: str) -> str:
        """The text without our secrets, which a server may have echoed."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


def login_of(config: PkiConfig, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> Login:
    """The login that is configured; one without a field where none is. Raises EstSetupError."""
    if config.oauth is not None:
        return OAuthLogin(config, config.oauth, clock, transport)
    if config.token:
        return FixedLogin(f"Bearer {config.token}", (config.token,))
    if not config.username:
        return FixedLogin(None)
    if ":" in config.username:
        raise EstSetupError(config.name, "a user name with a colon can't be sent (RFC 7617 section 2)")
    packed = base64.b64encode(f"{config.username}:{config.password}".encode()).decode()
    return FixedLogin(f"Basic {packed}", (packed, config.password))


class FixedLogin:
    """The same field every time, or none."""

    __slots__ = ("_field", "_secrets")

    def __init__(self, field: str | None, secrets: tuple[str, ...] = ()) -> None:
        self._field = field
        self._secrets = secrets

    async def field(self) -> str | None:
        """The field."""
        return self._field

    async def renewed(self, refused: str) -> str | None:
        """There is no other."""
        del refused
        return None

    def hide(self, text: str) -> str:
        """The text without it."""
        return _without(text, self._secrets)

    async def aclose(self) -> None:
        """Nothing is open."""


class OAuthLogin:
    """Tokens of an OAuth2 service: fetched when needed, by one request at a time, kept until shortly before their end.

    Raises:
        EstSetupError: the service's URL or anchors can't be used.
    """

    def __init__(
        self,
        config: PkiConfig,
        oauth: OAuthConfig,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        parts = urlsplit(oauth.url)
        if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or parts.fragment:
            raise EstSetupError(config.name, "oauth.url must be https://host[:port]/path, without login or fragment")
        self._pki = config.name
        self._seconds = config.timeout
        self._oauth = oauth
        self._origin = f"https://{parts.netloc}"
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._clock = clock
        context = client_context(config.name, oauth.tls_anchors, key="oauth.tls_ca")
        self._carrier = Carrier(context, config.timeout, transport=transport)
        self._token: AccessToken | None = None
        self._sent: deque[str] = deque(maxlen=_REMEMBERED)
        self._until = 0.0
        self._renewed_at: float | None = None
        self._fetching: asyncio.Task[str] | None = None

    def __repr__(self) -> str:
        return f"<OAuthLogin for {self._pki} at {self._origin}>"

    async def field(self) -> str | None:
        """The token that is kept, or else a new one."""
        if self._token is not None and self._clock.monotonic() < self._until - EARLIER:
            return _field(self._token)
        return await self._fetched()

    async def renewed(self, refused: str) -> str | None:
        """A token other than the refused one; None where that is the best there is."""
        if self._fetching is None and self._token is not None and _field(self._token) == refused:
            at = self._clock.monotonic()
            if self._renewed_at is not None and at - self._renewed_at < RENEWAL_PAUSE:
                return None
            self._renewed_at = at
            self._token = None
        field = await self.field()
        return None if field == refused else field

    def hide(self, text: str) -> str:
        """The text without secret and token."""
        return _without(text, (*self._sent, self._oauth.credentials.client_secret))

    async def aclose(self) -> None:
        """End what is asked, and close the connections."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)
        await self._carrier.aclose()

    async def _fetched(self) -> str:
        """All who wait at once get the answer of one request, a failure too; none who gives up ends it."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch(), name=f"token for {self._pki}")
            self._fetching.add_done_callback(self._over)
        return await asyncio.shield(self._fetching)

    def _over(self, task: asyncio.Task[str]) -> None:
        self._fetching = None
        if not task.cancelled():
            task.exception()  # seen, even where nobody waits any more

    async def _fetch(self) -> str:
        request = token_request(self._path, self._oauth.credentials, self._oauth.body)
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._carrier.carry(self._origin, request, Progress(), limit=MAX_TOKEN_ANSWER)
        except Exception as error:  # house style 4: one family leaves an adapter, whatever comes in
            detail = f"no token for {self._pki} from {self._origin}: {words_of(error)}"
            raise CaUndecided(detail, sent=False) from error
        verdict = judge_token(response, self._clock.now(), self._oauth.credentials)
        if isinstance(verdict, TokenRefusal):
            raise self._refused(verdict)
        self._token = verdict
        self._sent.append(verdict.token)
        self._until = self._clock.monotonic() + verdict.lifetime.total_seconds()
        return _field(verdict)

    def _refused(self, refusal: TokenRefusal) -> CaRefused:
        detail = f"{self._origin} gives no token for {self._pki} ({refusal.status}): {refusal.message}"
        if refusal.is_final:
            return CaRefused(Reason.PKI_LOGIN_REFUSED, detail, RetryClass.AFTER_A_CHANGE)
        reason = Reason.PKI_RATE_LIMITED if refusal.status == 429 else Reason.PKI_UNAVAILABLE
        return CaRefused(reason, detail, RetryClass.BY_ITSELF, retry_at=refusal.retry_at)


def _field(token: AccessToken) -> str:
    return f"Bearer {token.token}"


def _without(text: str, secrets: tuple[str, ...]) -> str:
    for secret in filter(None, secrets):
        text = text.replace(secret, "(hidden)")
    return text
