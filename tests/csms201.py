"""A CSMS of OCPP 2.0.1 for tests: PyPI's `ocpp` on loopback, at one port for each security profile.

What it shows a station, and whom it lets in, can be changed while it runs. It writes down everything that is said, and
judges it by that library's JSON schemas: what breaks them, and every CALLERROR, fails the test.
"""

import asyncio
import base64
import json
import ssl
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from ocpp.exceptions import OCPPError
from ocpp.messages import Call, CallResult, unpack, validate_payload
from ocpp.routing import after, on
from ocpp.v201 import ChargePoint, call_result
from ocpp.v201.enums import Action
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from certs import FROM, UNTIL, Pki, key_pem
from chainpilot.clock import SYSTEM
from forge import forge

__all__ = [
    "PASSWORD",
    "STATION",
    "Arrival",
    "Asked",
    "Csms201",
    "Served201",
    "TlsIdentity",
    "csms201_at",
    "tls_identity",
]

STATION = "CS-001"
PASSWORD = "correct-horse=battery"
PATIENCE = 20.0
"""Seconds until a test says that something never happened."""


@dataclass(frozen=True)
class TlsIdentity:
    """What a TLS server shows: a PEM stack and its key."""

    chain: str
    key: bytes


def tls_identity(pki: Pki, host: str = "localhost", **changes: Any) -> TlsIdentity:
    """A server's certificate of that PKI for that name; `changes` are `forge`'s arguments."""
    alternative = (x509.SubjectAlternativeName([x509.DNSName(host)]), False)
    given = {"begin": FROM, "end": UNTIL, "eku": (ExtendedKeyUsageOID.SERVER_AUTH,), "extensions": (alternative,)}
    leaf = forge(host, pki.issuing, **{**given, **changes})
    return TlsIdentity(pki.stack(leaf.certificate), key_pem(leaf.key))


@dataclass(frozen=True)
class Arrival:
    """A station at the door: it has come through TLS, where there is any, and asks for a WebSocket."""

    profile: int
    path: str
    authorization: str | None
    tls_version: str | None
    cipher: str | None
    client: x509.Certificate | None
    admitted: bool


@dataclass
class Asked:
    """A CALL of the station."""

    action: str
    payload: dict[str, Any]
    connection: int
    """The number of the connection, the first being 1."""
    is_claimed: bool = False
    """Whether a test has waited for it."""


class _OutspokenTls(ssl.SSLObject):
    """Sends the alert that says why a handshake failed, as servers do; asyncio drops it with the connection."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as failed:
            raise ssl.SSLWantReadError from failed  # what is to be sent is sent; the peer ends it then


class _Turnstile(ssl.SSLContext):
    """Each connection gets the context that stands when it comes."""

    turn: Callable[[], ssl.SSLContext]

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        return self.turn().wrap_bio(*args, **options)


class _Heard:
    """The connection as the library sees it; each frame is written down and judged on its way."""

    def __init__(self, connection: ServerConnection, csms: "Csms201", number: int) -> None:
        self._connection = connection
        self._csms = csms
        self._number = number
        self._actions: dict[str, str] = {}

    async def recv(self) -> str:
        text = await self._connection.recv()
        assert isinstance(text, str)
        await self._judge(text, is_ours=False)
        return text

    async def send(self, text: str) -> None:
        await self._judge(text, is_ours=True)
        await self._connection.send(text)

    async def _judge(self, text: str, *, is_ours: bool) -> None:
        """Ours are judged too: a test that asks wrongly shows nothing."""
        who = "the CSMS" if is_ours else "the station"
        self._csms.frames.append((is_ours, text))
        try:
            frame = unpack(text)
            if isinstance(frame, Call):
                self._actions[frame.unique_id] = frame.action
                await validate_payload(frame, "2.0.1")
            elif isinstance(frame, CallResult):
                frame.action = self._actions.pop(frame.unique_id)
                await validate_payload(frame, "2.0.1")
            elif is_ours or frame.error_code not in self._csms.wanted_errors:
                self._csms.faults.append(f"{who} said {text}")
        except (OCPPError, KeyError) as error:
            self._csms.faults.append(f"{who} said {text}: {error!r}")
            return
        if not is_ours and isinstance(frame, Call):
            await self._csms.take_down(Asked(frame.action, json.loads(text)[3], self._number))


class Served201(ChargePoint):  # type: ignore[misc]  # - the library isn't typed
    """One connected station, as the CSMS sees it."""

    def __init__(self, csms: "Csms201", connection: ServerConnection, number: int) -> None:
        super().__init__(STATION, _Heard(connection, csms, number), response_timeout=PATIENCE)
        self.csms = csms
        self.connection = connection
        self.number = number
        self.status: str | None = None
        """What its last BootNotification was answered."""

    async def ask(self, payload: Any) -> Any:
        """The station's answer to a call; a CALLERROR is raised."""
        return await self.call(payload, suppress=False)

    async def drop(self) -> None:
        """End the connection."""
        await self.connection.close()

    @on(Action.boot_notification)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _boot(self, **_: Any) -> Any:
        self.status = self.csms.boot_answers.pop(0) if self.csms.boot_answers else "Accepted"
        return call_result.BootNotification(self.csms.told_time(), self.csms.interval, self.status)

    @after(Action.boot_notification)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _booted(self, **_: Any) -> None:
        if self.status == "Accepted":
            self.csms.stations.put_nowait(self)

    @on(Action.heartbeat)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _heartbeat(self, **_: Any) -> Any:
        return call_result.Heartbeat(self.csms.told_time())

    @on(Action.security_event_notification)  # type: ignore[untyped-decorator] # - the library isn't typed
    async def _event(self, **_: Any) -> Any:
        await self.csms.hears_events.wait()
        return call_result.SecurityEventNotification()

    @on(Action.sign_certificate)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _sign(self, **_: Any) -> Any:
        return call_result.SignCertificate(self.csms.sign_status)

    @on(Action.log_status_notification)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _log_status(self, **_: Any) -> Any:
        return call_result.LogStatusNotification()

    @on(Action.firmware_status_notification)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _firmware_status(self, **_: Any) -> Any:
        return call_result.FirmwareStatusNotification()

    @on(Action.authorize)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _authorize(self, **_: Any) -> Any:
        status, certificate_status = self.csms.authorizes
        return call_result.Authorize({"status": status}, certificate_status)

    @on(Action.get_certificate_status)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _ocsp(self, ocsp_request_data: dict[str, str], **_: Any) -> Any:
        found = self.csms.ocsp_answers.get(ocsp_request_data["serial_number"])
        return call_result.GetCertificateStatus("Accepted" if found else "Failed", ocsp_result=found)

    @on(Action.get_15118_ev_certificate)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _ev_certificate(self, **_: Any) -> Any:
        return call_result.Get15118EVCertificate("Accepted", self.csms.exi_response)


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class Csms201:
    """What the test CSMS saw, and how it is to behave."""

    directory: Path
    shown: TlsIdentity
    """Its certificate."""
    client_roots: tuple[Pki, ...]
    """Whose client certificates it takes."""
    password: str = PASSWORD
    tls: tuple[ssl.TLSVersion, ssl.TLSVersion] = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    """The lowest and the highest that it speaks."""
    ciphers: str | None = None
    """Suites of TLS 1.2 in OpenSSL's words."""
    served: frozenset[int] = frozenset({1, 2, 3})
    """Security profiles over which it lets stations in; at the others it answers 403."""
    is_away: bool = False
    """Whether it answers 503 to everybody."""
    boot_answers: list[str] = field(default_factory=list)
    interval: int = 300
    sign_status: str = "Accepted"
    hears_events: asyncio.Event = field(default_factory=_set)
    """While it is clear no SecurityEventNotification is answered, nor anything that comes behind it."""
    authorizes: tuple[str, str | None] = ("Accepted", "Accepted")
    """idTokenInfo.status and certificateStatus."""
    ocsp_answers: dict[str, str] = field(default_factory=dict)
    """By serial number, in base64."""
    exi_response: str = "gJgC"
    now: Callable[[], datetime] = SYSTEM.now

    ports: dict[int, int] = field(default_factory=dict)
    stations: asyncio.Queue[Served201] = field(default_factory=asyncio.Queue)
    """Those that have come in and booted."""
    arrivals: list[Arrival] = field(default_factory=list)
    handshakes: Counter[int] = field(default_factory=Counter)
    """TLS handshakes that were begun, by security profile."""
    asked: list[Asked] = field(default_factory=list)
    frames: list[tuple[bool, str]] = field(default_factory=list)
    """Everything that was said, and whether by this side."""
    wanted_errors: set[str] = field(default_factory=set)
    """The codes of CALLERRORs that a test has the station answer."""
    faults: list[str] = field(default_factory=list)
    """What can't be right."""
    connections: int = 0
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, profile: int, host: str = "localhost") -> str:
        """Where a station finds it over that security profile."""
        return f"{'wss' if profile >= 2 else 'ws'}://{host}:{self.ports[profile]}/ocpp/{STATION}"

    def told_time(self) -> str:
        """Its clock, in OCPP's words."""
        return self.now().astimezone(UTC).isoformat().replace("+00:00", "Z")

    async def station(self) -> Served201:
        """The next station that has come in and booted."""
        async with asyncio.timeout(PATIENCE):
            return await self.stations.get()

    async def until(self, action: str, **facts: Any) -> Asked:
        """The first CALL of the station with those facts that nobody has waited for yet."""
        async with asyncio.timeout(PATIENCE), self._news:
            while True:
                for one in self.asked:
                    is_it = one.action == action and all(one.payload.get(key) == value for key, value in facts.items())
                    if is_it and not one.is_claimed:
                        one.is_claimed = True
                        return one
                await self._news.wait()

    async def event(self, word: str) -> Asked:
        """The next SecurityEventNotification of that type."""
        return await self.until("SecurityEventNotification", type=word)

    def all_of(self, action: str, **facts: Any) -> list[Asked]:
        """Every such CALL so far."""
        return [
            one
            for one in self.asked
            if one.action == action and all(one.payload.get(key) == value for key, value in facts.items())
        ]

    def events(self, word: str) -> list[Asked]:
        """Every SecurityEventNotification of that type so far."""
        return self.all_of("SecurityEventNotification", type=word)

    async def take_down(self, asked: Asked) -> None:
        """A station has called."""
        async with self._news:
            self.asked.append(asked)
            self._news.notify_all()

    async def serve(self, profile: int, connection: ServerConnection) -> None:
        """One station, until it goes."""
        self.connections += 1
        station = Served201(self, connection, self.connections)
        with suppress(ConnectionClosed):
            await station.start()

    def admit(self, profile: int, connection: ServerConnection, request: Request) -> Response | None:
        """Whether a station comes in, by what its profile asks of it."""
        tls = connection.transport.get_extra_info("ssl_object")
        der = tls.getpeercert(binary_form=True) if tls is not None else None
        client = x509.load_der_x509_certificate(der) if der else None
        authorization = request.headers.get("Authorization")
        refusal = self._refusal(profile, request.path, authorization, client)
        self.arrivals.append(
            Arrival(
                profile,
                request.path,
                authorization,
                tls.version() if tls is not None else None,
                tls.cipher()[0] if tls is not None else None,
                client,
                admitted=refusal is None,
            )
        )
        return connection.respond(refusal, "no\n") if refusal is not None else None

    def _refusal(
        self, profile: int, path: str, authorization: str | None, client: x509.Certificate | None
    ) -> int | None:
        if self.is_away:
            return 503
        if profile not in self.served or path != f"/ocpp/{STATION}":
            return 403
        if profile == 3:
            names = client.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME) if client is not None else []
            return None if [one.value for one in names] == [STATION] else 401
        return None if authorization == basic(self.password) else 401

    def context(self, profile: int) -> ssl.SSLContext:
        """The TLS of this moment."""
        self.handshakes[profile] += 1
        chain, key = self.directory / "csms.pem", self.directory / "csms.key"
        chain.write_text(self.shown.chain)
        key.write_bytes(self.shown.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sslobject_class = _OutspokenTls
        context.load_cert_chain(chain, key)
        if self.ciphers is not None:
            context.set_ciphers(self.ciphers)
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of TLS 1.1, which is the point
            context.minimum_version, context.maximum_version = self.tls
        if profile == 3:
            context.verify_mode = ssl.CERT_REQUIRED
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.load_verify_locations(cadata="".join(one.root.certificate.to_pem() for one in self.client_roots))
        return context


def basic(password: str) -> str:
    """The header of Basic authentication (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{STATION}:{password}'.encode()).decode('ascii')}"


@asynccontextmanager
async def csms201_at(directory: Path, pki: Pki) -> AsyncIterator[Csms201]:
    """A CSMS whose certificate is of that PKI and for localhost, as its stations' are; nothing wrong may be said."""
    csms = Csms201(directory, tls_identity(pki), (pki,))
    async with AsyncExitStack() as stack:
        for profile in (1, 2, 3):
            turnstile = _Turnstile(ssl.PROTOCOL_TLS_SERVER)
            turnstile.turn = partial(csms.context, profile)
            server = await stack.enter_async_context(
                serve(
                    partial(csms.serve, profile),
                    "127.0.0.1",
                    0,
                    ssl=turnstile if profile >= 2 else None,
                    subprotocols=["ocpp2.0.1"],  # type: ignore[list-item] # - a NewType of str
                    process_request=partial(csms.admit, profile),
                    compression=None,
                )
            )
            csms.ports[profile] = next(iter(server.sockets)).getsockname()[1]
        try:
            yield csms
        finally:
            csms.hears_events.set()
    assert not csms.faults, "\n".join(csms.faults)
