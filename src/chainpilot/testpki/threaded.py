"""A running test PKI for code that isn't asynchronous: it runs in a thread of its own. NEVER for production."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import RevocationReason
from chainpilot.testpki.app import EST_USER, TestPki
from chainpilot.testpki.faults import Faults
from chainpilot.testpki.office import Issued
from chainpilot.testpki.register import IssuedRecord

__all__ = ["ThreadedPki"]

_SECONDS: Final = 60.0
"""The time for anything it is asked to do, on a machine that has much else to do."""
_Result = TypeVar("_Result")


class ThreadedPki:
    """A test PKI that runs while its block does: `with ThreadedPki(directory) as pki`. NEVER for production.

    Its methods may be called from any thread.

    Args:
        directory: where everything lies.
        options: those of `TestPki`.
    """

    user: Final = EST_USER
    """The user name at the EST server."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self._pki = TestPki(directory, **options)
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(),), name="test PKI", daemon=True)

    def __enter__(self) -> Self:
        """Start it. Raises as `TestPki` does."""
        self._thread.start()
        self._ready.result(_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ready.result().call_soon_threadsafe(self._end.set)
        self._thread.join(_SECONDS)

    @property
    def directory(self) -> Path:
        """Where its files lie."""
        return self._pki.directory

    @property
    def est_url(self) -> str:
        """`https://name:port`; paths are `/.well-known/est/<label>/...`."""
        return self._pki.est_url

    @property
    def ocsp_url(self) -> str:
        """`http://name:port`."""
        return self._pki.ocsp_url

    @property
    def password(self) -> str:
        """The password of `user`."""
        return self._pki.password

    @property
    def token(self) -> str:
        """The bearer token."""
        return self._pki.token

    @property
    def tls_root(self) -> Path:
        """The file of the root that the EST server's TLS certificate leads to."""
        return self.certificate_file(self._pki.office.authorities.hierarchy.est_server)

    @property
    def faults(self) -> Faults:
        """What is to go wrong."""
        return self._pki.faults

    @property
    def issued(self) -> tuple[IssuedRecord, ...]:
        """Every leaf issued so far, oldest first."""
        return self._pki.issued

    def certificate(self, name: str) -> Certificate:
        """The current certificate of a CA."""
        return self._pki.issuers[name].certificate

    def certificate_file(self, name: str) -> Path:
        """The PEM file of a CA's current certificate."""
        return self.directory / f"{name}.pem"

    def issue(
        self,
        label: str,
        common_name: str = "",
        *,
        csr: str | bytes | None = None,
        lifetime: timedelta | None = None,
    ) -> Issued:
        """A leaf without EST; see `Office.issue`."""
        return self._in_thread(lambda: self._pki.issue(label, common_name, csr=csr, lifetime=lifetime))

    def revoke(
        self, target: str | Certificate, reason: RevocationReason = RevocationReason.UNSPECIFIED
    ) -> tuple[Certificate, ...]:
        """Revoke what is meant; see `Office.revoke`."""
        return self._in_thread(lambda: self._pki.revoke(target, reason))

    def roll_over(self, name: str) -> Certificate:
        """Give a CA another key; see `Authorities.roll_over`."""
        return self._in_thread(lambda: self._pki.roll_over(name))

    def expire(self, target: str) -> Certificate:
        """End a CA, or a leaf's twin; see `Office.expire`."""
        return self._in_thread(lambda: self._pki.expire(target))

    def issue_tls_server(self, names: Sequence[str], directory: Path) -> tuple[Path, Path]:
        """Chain and key of a TLS server for the CSMS; see `TestPki.issue_tls_server`."""
        return self._in_thread(lambda: self._pki.issue_tls_server(names, directory))

    def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        async def done() -> _Result:
            return work()

        return asyncio.run_coroutine_threadsafe(done(), self._ready.result()).result(_SECONDS)

    async def _run(self) -> None:
        try:
            async with self._pki:
                self._ready.set_result(asyncio.get_running_loop())
                await self._end.wait()
        except BaseException as error:  # whatever it is, the thread that waits for the start has to be told
            if self._ready.done():
                raise
            self._ready.set_exception(error)
