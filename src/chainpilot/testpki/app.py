"""Puts the test PKI together and runs its two servers, on loopback by default. NEVER for production."""

import secrets
import ssl
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from chainpilot.clock import SYSTEM, Clock
from chainpilot.testpki.address import listen, reachable_names, url
from chainpilot.testpki.authorities import open_authorities
from chainpilot.testpki.cabinet import PASSWORD_FILE, TOKEN_FILE, Cabinet, Ports
from chainpilot.testpki.est_app import EstApp, tls_server_context
from chainpilot.testpki.est_desk import EstDesk
from chainpilot.testpki.http import Watch, serve
from chainpilot.testpki.issuer import Issuer
from chainpilot.testpki.logins import BasicLogin, BearerLogin
from chainpilot.testpki.material import Material
from chainpilot.testpki.ocsp_app import OcspApp
from chainpilot.testpki.register import IssuedRecord, Register
from chainpilot.testpki.responder import Responder
from chainpilot.testpki.tls_server import issue_tls_server

__all__ = ["EST_USER", "TestPki"]

EST_USER: Final = "cpms"
_TLS_SERVER: Final = "tls-server"
"""The register's label for what was issued without EST."""


class TestPki:
    """A whole V2G PKI in one directory: `async with TestPki(directory) as pki`. NEVER for production.

    Leaving the block and entering a new one with the same directory continues with the same certificates, password and,
    where they are free, ports. One at a time runs on a directory.

    Args:
        directory: where everything lies: `<name>.pem` for every CA of the hierarchy, `est_password`, `keys/`. Made if
            it isn't there, else it must be empty or a test PKI's.
        clock: decides validities. TLS parties judge the EST server's certificate by the machine's own time.
        seed: makes keys, serial numbers and signatures follow from it, so that with the same clock, names, ports and
            requests the same certificates are issued; None takes them at random. The password is always random.
        host: the address to listen on, named in the EST server's certificate.
        names: DNS names or IP addresses by which others reach it, needed where `host` stands for every address; they go
            into the EST server's certificate, the first of them into `est_url` and `ocsp_url`.
        est_port: 0 takes the one used last if it is free, else any.
        ocsp_port: the same for the responder.
        repost_safe: the same CSR gets the same certificate; False issues anew at every POST.
        pending_first: the first POST of a CSR is answered with 202 and Retry-After 1.
        watch: called after every answer.
    """

    __test__ = False
    """It is no test, whatever its name makes pytest think."""

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock = SYSTEM,
        seed: bytes | None = None,
        host: str = "127.0.0.1",
        names: Sequence[str] = (),
        est_port: int = 0,
        ocsp_port: int = 0,
        repost_safe: bool = True,
        pending_first: bool = False,
        watch: Watch | None = None,
    ) -> None:
        self.directory = directory
        self.host = host
        self.est_url = ""
        """`https://name:port` once started; paths are RFC 7030's under the labels `cpo` and `csms`."""
        self.ocsp_url = ""
        self.password = ""
        """The password of `EST_USER` at the EST server, once started."""
        self.token = ""
        """The bearer token that does the same."""
        self.issuers: dict[str, Issuer] = {}
        self._names = tuple(names)
        self._asked = Ports(est_port, ocsp_port)
        self._clock = clock
        self._material = Material(seed)
        self._repost_safe = repost_safe
        self._pending_first = pending_first
        self._watch = watch
        self._stack = AsyncExitStack()
        self._register: Register | None = None

    async def __aenter__(self) -> Self:
        """Open or make the hierarchy and start both servers.

        Raises:
            ForeignFolderError: the directory holds something else.
            FolderInUseError: another test PKI runs there.
            CabinetError: the directory or a file of an earlier run can't be used.
            ListenError: the address can't be listened on, or an asked port is taken.
            HostNameError, NameMissingError: there is no name by which others could reach it.
        """
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def password_file(self) -> Path:
        """The file that holds the password, one line."""
        return self.directory / PASSWORD_FILE

    @property
    def token_file(self) -> Path:
        """The file that holds the bearer token, one line."""
        return self.directory / TOKEN_FILE

    @property
    def issued(self) -> tuple[IssuedRecord, ...]:
        """Every leaf issued over EST so far, in this run and those before it, oldest first."""
        records = self._register.records if self._register is not None else ()
        return tuple(record for record in records if record.label != _TLS_SERVER)

    def issue_tls_server(self, names: Sequence[str], directory: Path) -> tuple[Path, Path]:
        """A server certificate for DNS names or IP addresses from the CSMS issuing CA, for the CPMS's listener.

        Returns:
            the files with the chain (leaf, issuing CA) and the key (mode 0600).

        Raises:
            IssueError: nothing that fits the profile can be made of it.
            CabinetError: the files can't be written.
        """
        return self._issue_tls("csms_issuing", names, directory, "tls_server")

    async def _start(self, stack: AsyncExitStack) -> None:
        cabinet = Cabinet(self.directory)
        stack.enter_context(cabinet.lock())
        last = cabinet.ports()
        est_socket = stack.enter_context(listen(self.host, self._asked.est, last.est))
        ocsp_socket = stack.enter_context(listen(self.host, self._asked.ocsp, last.ocsp))
        names = reachable_names(self.host, est_socket, self._names)
        ports = Ports(est_socket.getsockname()[1], ocsp_socket.getsockname()[1])
        cabinet.put_ports(ports)
        self.est_url, self.ocsp_url = url("https", names[0], ports.est), url("http", names[0], ports.ocsp)
        register = self._register = Register(self.directory / "issued.jsonl")
        at = self._clock.now()
        self.issuers = open_authorities(cabinet, self._material, ocsp_url=self.ocsp_url, at=at)
        responder = Responder(self.issuers, register, self._material, at)
        ocsp = await serve(OcspApp(responder, self._clock, self._watch).handle, ocsp_socket)
        stack.push_async_callback(ocsp.cleanup)
        est = await serve(self._est_app(cabinet, register).handle, est_socket, self._tls(names))
        stack.push_async_callback(est.cleanup)

    def _est_app(self, cabinet: Cabinet, register: Register) -> EstApp:
        self.password, self.token = _secret(cabinet, PASSWORD_FILE), _secret(cabinet, TOKEN_FILE)
        desk = EstDesk(self.issuers, register, repost_safe=self._repost_safe, pending_first=self._pending_first)
        logins = (BasicLogin(EST_USER, self.password), BearerLogin(self.token))
        return EstApp(desk, logins, self._clock, self._watch)

    def _tls(self, names: Sequence[str]) -> ssl.SSLContext:
        files = self._issue_tls("web_root", names, self.directory / "keys", "est_server")
        return tls_server_context(*files, [issuer.certificate for issuer in self.issuers.values()])

    def _issue_tls(self, issuer_name: str, names: Sequence[str], directory: Path, stem: str) -> tuple[Path, Path]:
        key = self._material.key(f"{stem} {' '.join(names)}")
        issued = issue_tls_server(self.issuers[issuer_name], names, key, self._clock.now())
        if self._register is not None:
            self._register.add(IssuedRecord(_TLS_SERVER, "", issued.leaf))
        return issued.write(directory, stem)


def _secret(cabinet: Cabinet, name: str) -> str:
    """The secret kept under that name, made when there is none."""
    kept = cabinet.secret(name)
    if not kept:
        kept = secrets.token_urlsafe(24)
        cabinet.put_secret(name, kept)
    return kept
