"""Puts the test PKI together and runs its two servers, on loopback by default. NEVER for production."""

import secrets
import ssl
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from chainpilot.clock import SYSTEM, Clock
from chainpilot.errors import OwnError
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import RevocationReason
from chainpilot.testpki.address import listen, reachable_names, url
from chainpilot.testpki.cabinet import PASSWORD_FILE, TOKEN_FILE, Cabinet, Ports
from chainpilot.testpki.control import serve_control
from chainpilot.testpki.declaration import HierarchyError
from chainpilot.testpki.est_app import EstApp, tls_server_context
from chainpilot.testpki.est_desk import EstDesk
from chainpilot.testpki.faults import Fault, Faults
from chainpilot.testpki.hierarchy import ORGANIZATION, Hierarchy
from chainpilot.testpki.http import Watch, serve
from chainpilot.testpki.issuer import Issuer
from chainpilot.testpki.logins import BasicLogin, BearerLogin
from chainpilot.testpki.ocsp_app import OcspApp
from chainpilot.testpki.office import SUPERSEDED, Issued, Office
from chainpilot.testpki.orders import Answer, Order, carry_out
from chainpilot.testpki.register import IssuedRecord
from chainpilot.testpki.responder import Responder
from chainpilot.testpki.tls_server import issue_tls_server

__all__ = ["EST_USER", "NotStarted", "TestPki"]

EST_USER: Final = "cpms"
_TLS_SERVER: Final = "tls-server"
"""The register's label for what was issued without EST."""
_APART: Final = frozenset({_TLS_SERVER, SUPERSEDED})


class NotStarted(OwnError):
    """The test PKI is asked to do something before it was started."""

    def __init__(self) -> None:
        super().__init__("the test PKI runs inside of `async with` only")


@dataclass(frozen=True, slots=True)
class _Running:
    """What a started test PKI consists of."""

    office: Office
    responder: Responder
    tls: ssl.SSLContext


class TestPki:
    """A whole V2G PKI in one directory: `async with TestPki(directory) as pki`. NEVER for production.

    Leaving the block and entering a new one with the same directory continues with the same certificates, password and,
    where they are free, ports. One at a time runs on a directory.

    Args:
        directory: where everything lies: `<name>.pem` for every CA of the hierarchy, `est_password`, `est_token`,
            `hierarchy.toml`, `keys/`. Made if it isn't there, else it must be empty but for a `hierarchy.toml`, or a
            test PKI's.
        clock: decides validities. TLS parties judge the EST server's certificate by the machine's own time.
        hierarchy: the CAs and labels (see `declaration`); None takes what the directory declares, else the default.
        seed: makes keys, serial numbers and signatures follow from it, so that with the same clock, names, ports and
            requests the same certificates are issued, those with RSA keys excepted; None takes them at random. The
            secrets are always random.
        host: the address to listen on, named in the EST server's certificate.
        names: DNS names or IP addresses by which others reach it, needed where `host` stands for every address; they go
            into the EST server's certificate, the first of them into `est_url` and `ocsp_url`.
        est_port: 0 takes the one used last if it is free, else any.
        ocsp_port: the same for the responder.
        repost_safe: the same CSR gets the same certificate; False issues anew at every POST.
        pending_first: the first POST of a CSR is answered with 202 and Retry-After 1: the fault of that name is on.
        watch: called after every answer.
    """

    __test__ = False
    """It is no test, whatever its name makes pytest think."""

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock = SYSTEM,
        hierarchy: Hierarchy | None = None,
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
        """`https://name:port` once started; paths are RFC 7030's under the hierarchy's labels."""
        self.ocsp_url = ""
        self.password = ""
        """The password of `EST_USER` at the EST server, once started."""
        self.token = ""
        """The bearer token that does the same."""
        self.faults = Faults()
        """What is to go wrong; may be switched at any time."""
        if pending_first:
            self.faults.on(Fault.PENDING_FIRST)
        self._names = tuple(names)
        self._asked = Ports(est_port, ocsp_port)
        self._clock = clock
        self._hierarchy = hierarchy
        self._seed = seed
        self._repost_safe = repost_safe
        self._watch = watch
        self._stack = AsyncExitStack()
        self._running: _Running | None = None

    async def __aenter__(self) -> Self:
        """Open or make the hierarchy and start both servers.

        Raises:
            ForeignFolderError: the directory holds something else.
            FolderInUseError: another test PKI runs there.
            CabinetError: the directory or a file of an earlier run can't be used.
            HierarchyError: the directory's hierarchy can't be used or is another than asked for.
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
    def office(self) -> Office:
        """The folder, open. Raises NotStarted."""
        return self._parts.office

    @property
    def issuers(self) -> Mapping[str, Issuer]:
        """Every CA by its name; empty before the start."""
        return self._running.office.authorities if self._running is not None else {}

    @property
    def issued(self) -> tuple[IssuedRecord, ...]:
        """Every leaf issued so far, in this run and those before it, oldest first; servers' and CAs' apart."""
        records = self._running.office.register.records if self._running is not None else ()
        return tuple(record for record in records if record.label not in _APART)

    def issue(
        self,
        label: str,
        common_name: str = "",
        *,
        csr: str | bytes | None = None,
        organization: str = ORGANIZATION,
        country: str | None = "DE",
        lifetime: timedelta | None = None,
    ) -> Issued:
        """A leaf without EST; see `Office.issue`."""
        return self.office.issue(
            label,
            at=self._clock.now(),
            common_name=common_name,
            csr=csr,
            organization=organization,
            country=country,
            lifetime=lifetime,
        )

    def revoke(
        self, target: str | Certificate, reason: RevocationReason = RevocationReason.UNSPECIFIED
    ) -> tuple[Certificate, ...]:
        """Revoke a certificate, a CA by its name, a serial number or a common name; see `Office.revoke`."""
        return self.office.revoke(target, at=self._clock.now(), reason=reason)

    def roll_over(self, name: str) -> Certificate:
        """Give a CA another key, a root cross certificates too; see `Authorities.roll_over`."""
        certificate = self.office.roll_over(name, at=self._clock.now())
        self._take_over()
        return certificate

    def expire(self, target: str) -> Certificate:
        """End a CA, or a leaf's twin; see `Office.expire`."""
        certificate = self.office.expire(target, at=self._clock.now())
        self._take_over()
        return certificate

    def obey(self, order: Order) -> Answer:
        """Carry out an order of the command line. Raises ChainpilotError when it can't."""
        answer = carry_out(order, self.office, self.faults, self._clock.now())
        self._take_over()
        return answer

    def issue_tls_server(self, names: Sequence[str], directory: Path) -> tuple[Path, Path]:
        """A server certificate for DNS names or IP addresses from the CA for CSMSes, for the CPMS's listener.

        Returns:
            the files with the chain (leaf, issuing CA) and the key (mode 0600).

        Raises:
            IssueError: nothing that fits the profile can be made of it.
            CabinetError: the files can't be written.
            HierarchyError: the hierarchy names no CA for it.
        """
        signer = self.office.authorities.hierarchy.csms_server
        if signer is None:
            raise HierarchyError("csms_server", "this hierarchy names no CA that signs TLS certificates of CSMSes")
        return self._issue_tls(self.office, signer, names, directory, "tls_server")

    @property
    def _parts(self) -> _Running:
        if self._running is None:
            raise NotStarted
        return self._running

    def _take_over(self) -> None:
        """Tell the servers of CAs that have changed."""
        self._parts.responder.refresh()
        trusted = "".join(certificate.to_pem() for certificate in self.office.authorities.certificates())
        self._parts.tls.load_verify_locations(cadata=trusted)

    async def _start(self, stack: AsyncExitStack) -> None:
        office = Office(self.directory, self._clock.now(), hierarchy=self._hierarchy, seed=self._seed)
        cabinet = office.cabinet
        stack.enter_context(cabinet.lock())
        last = cabinet.ports()
        est_socket = stack.enter_context(listen(self.host, self._asked.est, last.est))
        ocsp_socket = stack.enter_context(listen(self.host, self._asked.ocsp, last.ocsp))
        names = reachable_names(self.host, est_socket, self._names)
        ports = est_socket.getsockname()[1], ocsp_socket.getsockname()[1]
        self.est_url, self.ocsp_url = url("https", names[0], ports[0]), url("http", names[0], ports[1])
        cabinet.put_ports(Ports(*ports, self.est_url, self.ocsp_url))
        office.open(self.ocsp_url)
        responder = Responder(office.authorities, office.register, office.revocations, self.faults)
        ocsp_app = OcspApp(
            responder, self._clock, self._watch, faults=self.faults, revocation_list=office.revocation_list
        )
        ocsp = await serve(ocsp_app.handle, ocsp_socket)
        stack.push_async_callback(ocsp.cleanup)
        tls = self._tls(office, names)
        est = await serve(self._est_app(office).handle, est_socket, tls)
        stack.push_async_callback(est.cleanup)
        self._running = _Running(office, responder, tls)
        await stack.enter_async_context(serve_control(self.directory, self))

    def _est_app(self, office: Office) -> EstApp:
        cabinet = office.cabinet
        self.password, self.token = _secret(cabinet, PASSWORD_FILE), _secret(cabinet, TOKEN_FILE)
        desk = EstDesk(office.authorities, office.register, repost_safe=self._repost_safe, faults=self.faults)
        logins = (BasicLogin(EST_USER, self.password), BearerLogin(self.token))
        return EstApp(desk, logins, self._clock, self._watch, faults=self.faults, revoked=office.revoked_at)

    def _tls(self, office: Office, names: Sequence[str]) -> ssl.SSLContext:
        signer = office.authorities.hierarchy.est_server
        files = self._issue_tls(office, signer, names, self.directory / "keys", "est_server")
        return tls_server_context(*files, office.authorities.certificates())

    def _issue_tls(
        self, office: Office, signer: str, names: Sequence[str], directory: Path, stem: str
    ) -> tuple[Path, Path]:
        key = office.material.key(f"{stem} {' '.join(names)}")
        issued = issue_tls_server(office.authorities[signer], names, key, self._clock.now())
        office.register.add(IssuedRecord(_TLS_SERVER, "", issued.leaf))
        return issued.write(directory, stem)


def _secret(cabinet: Cabinet, name: str) -> str:
    """The secret kept under that name, made when there is none."""
    kept = cabinet.secret(name)
    if not kept:
        kept = secrets.token_urlsafe(24)
        cabinet.put_secret(name, kept)
    return kept
