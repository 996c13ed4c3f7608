"""OCSP over HTTP (RFC 6960 appendix A): the port `Responders` kept with httpx.

What is asked and what an answer means is `cpms.ocsp`'s; here is transport: where a name leads is judged before anybody
is connected to, no redirect is followed, and size and time are bounded.
"""

import asyncio
from collections.abc import Sequence
from ipaddress import IPv6Address
from types import TracebackType
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

import httpx

from chainpilot.cpms.adapters.outbound import Address, AddressRefused, Network, look_up
from chainpilot.cpms.model import Reason
from chainpilot.cpms.ports import ResponderSilent

__all__ = ["MAX_ANSWER", "OcspHttp"]

MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer read at most (est-opcp-ocsp.md section 3); real ones have about 900."""
_MAX_CONNECTIONS: Final = 16
"""At once, to all responders. None is used twice: under one address there may be several names, each with TLS of its
own."""
_MAX_ADDRESSES: Final = 4
"""Tried of those behind a name."""
_TO_CONNECT: Final = 0.3
"""Of the time for a request, at most for one address: where the way to the first is dead, the next has a chance."""
_HEADERS: Final = {
    "Content-Type": "application/ocsp-request",
    "Accept": "application/ocsp-response",
    "Accept-Encoding": "identity",
    "User-Agent": "chainpilot",
    "Connection": "close",
}
_RESPONSE: Final = "application/ocsp-response"
_PORTS: Final = {"http": 80, "https": 443}


class OcspHttp:
    """Asks responders by POST.

    Args:
        timeout: seconds for one request, looking up the name included.
        allow_networks: networks that are no public ones and may be connected to all the same.
        transport: in place of TCP, for tests that play what no server can be made to do.
    """

    def __init__(
        self,
        *,
        timeout: float = 5.0,
        allow_networks: Sequence[Network] = (),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._seconds = timeout
        self._allowed = tuple(allow_networks)
        self._client = httpx.AsyncClient(
            headers=_HEADERS,
            timeout=httpx.Timeout(timeout, connect=timeout * _TO_CONNECT),
            transport=transport,
            limits=httpx.Limits(max_connections=_MAX_CONNECTIONS, max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def ask(self, url: str, request: bytes) -> bytes:
        """The DER bytes a responder answers. Raises ResponderSilent, and nothing else."""
        host = urlsplit(url).hostname or ""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(url, request)
        except ResponderSilent:
            raise
        except AddressRefused as refused:
            raise ResponderSilent(Reason.OCSP_RESPONDER_NOT_ALLOWED, str(refused)) from refused
        except TimeoutError as error:
            why = f"{host} gives no answer within {self._seconds:g} s"
            raise ResponderSilent(Reason.OCSP_UNREACHABLE, why) from error
        except Exception as error:  # house style 4: one family leaves an adapter, whatever comes in
            why = f"{host} can't be asked ({type(error).__name__})"
            raise ResponderSilent(Reason.OCSP_UNREACHABLE, why) from error

    async def _post(self, url: str, request: bytes) -> bytes:
        """Try the addresses behind the name until one can be connected to."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        *rest, last = (await look_up(host, port, self._allowed))[:_MAX_ADDRESSES]
        for address in rest:
            try:
                return await self._post_to(address, parts, port, request)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._post_to(last, parts, port, request)

    async def _post_to(self, address: Address, parts: SplitResult, port: int, request: bytes) -> bytes:
        host = parts.hostname or ""
        shown = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
        message = self._client.build_request(
            "POST",
            parts._replace(netloc=f"{shown}:{port}").geturl(),
            headers={"Host": parts.netloc},
            content=request,
            extensions={"sni_hostname": host},
        )
        response = await self._client.send(message, stream=True)
        try:
            _check(response, host)
            return await _read(response, host)
        finally:
            await response.aclose()


def _check(response: httpx.Response, host: str) -> None:
    if response.status_code != httpx.codes.OK:
        what = "redirects, which is not followed" if response.is_redirect else f"answers HTTP {response.status_code}"
        raise ResponderSilent(Reason.OCSP_REFUSED, f"{host} {what}")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != _RESPONSE:
        raise ResponderSilent(Reason.OCSP_UNREADABLE, f"{host} answers {kind[:100]!a}, not {_RESPONSE}")


async def _read(response: httpx.Response, host: str) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise ResponderSilent(Reason.OCSP_UNREADABLE, f"{host} answers more than {MAX_ANSWER} bytes")
    return bytes(body)
