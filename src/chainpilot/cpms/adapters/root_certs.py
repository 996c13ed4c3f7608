"""OPCP's root pool over HTTPS: the port `RootSource` kept with httpx. What it offers is only ever proposed."""

import asyncio
import ssl
from types import TracebackType
from typing import Final, Self

import httpx

from chainpilot.cpms.config import RootPoolConfig
from chainpilot.cpms.journal import journal
from chainpilot.cpms.ports import OfferedRoot, RootsMissing
from chainpilot.pki.trust import TrustDomain
from chainpilot.wire.opcp import MAX_COLLECTION, OpcpError, read_roots, rootcerts_path

__all__ = ["RootCerts"]

_MAX_WORDS: Final = 300

_log: Final = journal("chainpilot.cpms.trust")


class RootCerts:
    """One configured pool."""

    def __init__(self, config: RootPoolConfig) -> None:
        self._url = config.url.rstrip("/")
        self._types = config.types
        self._seconds = config.timeout
        headers = {"User-Agent": "chainpilot", "Accept": "application/json", "Accept-Encoding": "identity"}
        if config.token:
            headers["Authorization"] = f"Bearer {config.token}"
        self._client = httpx.AsyncClient(
            verify=_context(config),
            headers=headers,
            timeout=config.timeout,
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def offered(self) -> tuple[OfferedRoot, ...]:
        """What the pool has for each type that is asked for. Raises RootsMissing."""
        found: list[OfferedRoot] = []
        for domain in self._types:
            found += await self._of(domain)
        return tuple(dict.fromkeys(found))

    async def _of(self, domain: TrustDomain) -> list[OfferedRoot]:
        """A root that names no type is what was asked for; one of another type is passed over."""
        body = await self._get(rootcerts_path(domain))
        try:
            roots, faults = read_roots(body)
        except OpcpError as error:
            raise RootsMissing(f"the root pool's answer for {domain.value}: {error.why}") from error
        for fault in faults:
            _log.warning("pool_root_unreadable", kind=domain.value, detail=fault)
        return [
            OfferedRoot(certificate, domain)
            for root in roots
            if root.domain in {domain, None}
            for certificate in root.certificates
        ]

    async def _get(self, path: str) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._fetch(path)
        except RootsMissing:
            raise
        except Exception as error:  # house style 4: one family leaves an adapter, whatever comes in
            raise RootsMissing(f"the root pool can't be asked: {type(error).__name__}: {error}"[:_MAX_WORDS]) from error

    async def _fetch(self, path: str) -> bytes:
        body = bytearray()
        async with self._client.stream("GET", self._url + path) as response:
            if response.status_code != 200:
                raise RootsMissing(
                    f"the root pool answers {response.status_code}{_HINTS.get(response.status_code, '')}"
                )
            async for part in response.aiter_raw():
                body += part
                if len(body) > MAX_COLLECTION:
                    raise RootsMissing(f"the root pool's answer is longer than {MAX_COLLECTION} bytes")
        return bytes(body)


_HINTS: Final = {401: ": our token is refused; renew it", 403: ": our token may not read the root pool"}


def _context(config: RootPoolConfig) -> ssl.SSLContext:
    anchors = config.tls_anchors
    context = ssl.create_default_context(cadata="".join(one.to_pem() for one in anchors) if anchors else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.13 sets it, earlier ones don't; real PKIs' servers lack what it demands (x509.md duty 9)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if anchors is not None and any(not one.is_self_signed for one in anchors):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a sub-CA named here is an anchor (x509.md duty 9)
    return context
