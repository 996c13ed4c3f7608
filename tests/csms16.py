"""A central system of OCPP 1.6 for tests: PyPI's `ocpp` behind doors of security profiles 1, 2 and 3 on loopback.

It speaks the security whitepaper's own messages, keeps everything that it hears, and holds each message against the
standard's JSON schema: what doesn't fit is a fault, and a fault fails the test.
"""

import asyncio
import base64
import json
import ssl
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ocpp.charge_point import camel_to_snake_case
from ocpp.exceptions import OCPPError
from ocpp.messages import unpack
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action, MessageTrigger
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from certs import Pki
from chainpilot.clock import SYSTEM

__all__ = ["KEY_TEXT", "PASSWORD", "PATIENCE", "STATION", "Csms16", "Door", "Heard", "Served16", "Upgrade", "csms16"]

STATION: Final = "CS-001"
PASSWORD: Final = "OCA_OCTT_admin_0"
"""16 characters, the fewest."""
KEY_TEXT: Final = "4F43415F4F4354545F61646D696E5F74657374"
"""AuthorizationKey that spells OCA_OCTT_admin_test."""
PATIENCE: Final = 20.0
"""Seconds until a test says that something never happened."""


@dataclass(frozen=True)
class Heard:
    """A call of the station that fits its schema."""

    action: str
    payload: dict[str, Any]
    served: "Served16"


@dataclass(frozen=True)
class Upgrade:
    """A station that asked for a WebSocket, and what TLS had found out by then."""

    profile: int
    path: str
    authorization: tuple[str, ...]
    """Each header of that name."""
    subprotocols: tuple[str, ...]
    extensions: str | None
    is_let_in: bool
    tls_version: str | None
    suite: str | None
    """The cipher suite that was agreed on."""
    offered: tuple[str, ...]
    """Cipher suites that client and server have in common, as the server knows them."""
    client: bytes | None
    """The client certificate, DER."""

    @property
    def login(self) -> tuple[str, bytes] | None:
        """User name and password of Basic authentication."""
        if not self.authorization:
            return None
        (header,) = self.authorization
        scheme, encoded = header.split(" ")
        assert scheme == "Basic"
        user, password = base64.b64decode(encoded, validate=True).split(b":", 1)
        return user.decode(), password


class Served16(ChargePoint):  # type: ignore[misc]  # - the library isn't typed
    """One station that was let in."""

    def __init__(self, csms: "Csms16", connection: ServerConnection, profile: int) -> None:
        super().__init__(STATION, connection, response_timeout=10)
        self.csms = csms
        self.connection = connection
        self.profile = profile
        """Security profile of the door that it came in by."""
        self._boot_word = ""

    async def ask(self, message: Any) -> Any:
        """The station's answer to a call; a CALLERROR, or what doesn't fit the schema, is raised."""
        return await self.call(message, suppress=False)

    async def status_of(self, message: Any) -> str:
        """The status that the station answers."""
        return str((await self.ask(message)).status)

    async def change(self, key: str, value: str) -> str:
        """ChangeConfiguration; the status."""
        return await self.status_of(call.ChangeConfiguration(key, value))

    async def setting(self, key: str) -> dict[str, Any]:
        """What GetConfiguration tells of one key."""
        told = await self.ask(call.GetConfiguration([key]))
        (one,) = told.configuration_key
        return dict(one)

    async def installed(self, use: str) -> list[dict[str, Any]]:
        """The hash data that GetInstalledCertificateIds lists; none where it answers NotFound."""
        told = await self.ask(call.GetInstalledCertificateIds(use))
        assert (told.status == "Accepted") == bool(told.certificate_hash_data), told
        return list(told.certificate_hash_data or ())

    async def renew(self, pki: Pki, *, expect: str = "Accepted", **changes: Any) -> str:
        """RENEW16; answers the chain that the station was sent. `changes` are those of the certificate."""
        trigger = call.ExtendedTriggerMessage(MessageTrigger.sign_charge_point_certificate)
        assert await self.status_of(trigger) == "Accepted"
        asked = await self.csms.hears("SignCertificate")
        chain = pki.enrol(asked.payload["csr"], **changes)
        assert await self.status_of(call.CertificateSigned(chain)) == expect
        return chain

    async def route_message(self, raw_msg: str) -> None:
        """Take a frame; one that is none is a fault."""
        self.csms.frames.append(raw_msg)
        self.csms.news.set()
        try:
            unpack(raw_msg)
        except OCPPError as error:
            self.csms.faults.append(f"no frame: {raw_msg[:200]}: {error}")
        await super().route_message(raw_msg)

    async def _handle_call(self, msg: Any) -> Any:
        """Noted once it is answered: what the test says then comes after the answer."""
        if msg.action in self.csms.silent:
            return None
        try:
            done = await super()._handle_call(msg)
        except OCPPError as error:
            self.csms.faults.append(f"{msg.action} {msg.payload}: {error!r}")
            raise
        payload = dict(camel_to_snake_case(msg.payload))
        if msg.action == "BootNotification":
            payload["answered"] = self._boot_word
        self.csms.take(Heard(msg.action, payload, self))
        return done

    async def _send(self, message: str) -> None:
        if json.loads(message)[0] == 4:
            self.csms.faults.append(f"the central system has to refuse a call: {message}")
        await super()._send(message)

    @on(Action.boot_notification)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _boot(self, **_: Any) -> Any:
        self._boot_word = self.csms.boot_answers.pop(0) if self.csms.boot_answers else "Accepted"
        return call_result.BootNotification(_text(self.csms.now()), self.csms.interval, self._boot_word)

    @on(Action.heartbeat)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _heartbeat(self) -> Any:
        return call_result.Heartbeat(_text(self.csms.now()))

    @on(Action.sign_certificate)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _sign(self, **_: Any) -> Any:
        return call_result.SignCertificate("Accepted" if self.csms.signs else "Rejected")

    @on(Action.security_event_notification)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _event(self, **_: Any) -> Any:
        return call_result.SecurityEventNotification()

    @on(Action.log_status_notification)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _log(self, **_: Any) -> Any:
        return call_result.LogStatusNotification()

    @on(Action.signed_firmware_status_notification)  # type: ignore[untyped-decorator] # - the library isn't typed
    def _firmware(self, **_: Any) -> Any:
        return call_result.SignedFirmwareStatusNotification()


@dataclass
class Door:
    """A port that a security profile is served at; it can be shut and opened again."""

    csms: "Csms16"
    profile: int
    port: int
    context: ssl.SSLContext | None
    server: Server | None = None

    @property
    def url(self) -> str:
        """Where a station finds it."""
        return f"{'ws' if self.context is None else 'wss'}://localhost:{self.port}/ocpp"

    def present(self, chain: str, key: bytes) -> None:
        """Show another server certificate from the next connection on."""
        assert self.context is not None
        self.csms.number += 1
        stem = self.csms.directory / f"server-{self.csms.number}"
        stem.with_suffix(".pem").write_text(chain)
        stem.with_suffix(".key").write_bytes(key)
        self.context.load_cert_chain(stem.with_suffix(".pem"), stem.with_suffix(".key"))

    async def open(self) -> None:
        """Listen, at the same port as before."""
        options: dict[str, Any] = {"subprotocols": self.csms.subprotocols, "compression": "deflate"}
        self.server = await serve(
            self._serve, "127.0.0.1", self.port, ssl=self.context, process_request=self._admit, **options
        )
        self.port = next(iter(self.server.sockets)).getsockname()[1]

    async def shut(self) -> None:
        """Listen no more, and end the connections that came in here."""
        if self.server is not None:
            server, self.server = self.server, None
            server.close()
            await server.wait_closed()

    @asynccontextmanager
    async def played_by(self, *command: str) -> AsyncIterator[None]:
        """Shut, and another server at the same port: a program that is given the port, certificate and key.

        A server of asyncio ends a failed handshake without TLS's alert, which other servers send.
        """
        await self.shut()
        stem = self.csms.directory / f"server-{self.csms.number}"
        files = ("-accept", f"127.0.0.1:{self.port}", "-cert_chain", f"{stem}.pem", "-cert", f"{stem}.pem")
        process = await asyncio.create_subprocess_exec(
            *command, *files, "-key", f"{stem}.key", stdin=PIPE, stdout=PIPE, stderr=DEVNULL
        )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(PATIENCE):
                while b"ACCEPT" not in (line := await process.stdout.readline()):
                    assert line, "the other server didn't start"
            yield
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()
            await self.open()

    async def _serve(self, connection: ServerConnection) -> None:
        served = Served16(self.csms, connection, self.profile)
        self.csms.open_ones.append(served)
        with suppress(ConnectionClosed):
            await served.start()
        self.csms.open_ones.remove(served)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        seen = self._seen(connection, request)
        self.csms.upgrades.append(seen)
        self.csms.news.set()
        return None if seen.is_let_in else connection.respond(401, "who?\n")

    def _seen(self, connection: ServerConnection, request: Request) -> Upgrade:
        tls = connection.transport.get_extra_info("ssl_object")
        headers = request.headers
        seen = Upgrade(
            self.profile,
            request.path,
            tuple(headers.get_all("Authorization")),
            tuple(one.strip() for line in headers.get_all("Sec-WebSocket-Protocol") for one in line.split(",")),
            headers.get("Sec-WebSocket-Extensions"),
            is_let_in=True,
            tls_version=tls.version() if tls else None,
            suite=tls.cipher()[0] if tls else None,
            offered=tuple(name for name, _, _ in tls.shared_ciphers() or ()) if tls else (),
            client=tls.getpeercert(binary_form=True) if tls else None,
        )
        if self.profile in (0, 3):
            return seen
        user, password = seen.login or ("", b"")
        is_known = user == STATION and password in self.csms.passwords
        return Upgrade(**{**vars(seen), "is_let_in": is_known})


@dataclass
class Csms16:
    """What the central system holds, how it behaves and what it saw."""

    directory: Path
    pki: Pki
    passwords: set[bytes] = field(default_factory=lambda: {PASSWORD.encode()})
    """With one of these a station is let in."""
    silent: set[str] = field(default_factory=set)
    """Actions that it reads and doesn't answer."""
    signs: bool = True
    """Whether it takes signing requests; what is signed, the test sends."""
    boot_answers: list[str] = field(default_factory=list)
    interval: int = 300
    now: Callable[[], datetime] = SYSTEM.now
    subprotocols: tuple[str, ...] = ("ocpp1.6",)
    heard: list[Heard] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    """From stations, as they came."""
    faults: list[str] = field(default_factory=list)
    upgrades: list[Upgrade] = field(default_factory=list)
    doors: list[Door] = field(default_factory=list)
    open_ones: list[Served16] = field(default_factory=list)
    number: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _read: dict[str, int] = field(default_factory=dict)

    async def opened(self, profile: int, *, server: tuple[str, bytes] | None = None, port: int = 0) -> Door:
        """A door of that security profile; `server` are certificate and key in place of good ones."""
        context = None
        if profile >= 2:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        door = Door(self, profile, port, context)
        if context is not None:
            door.present(*(server or self.pki.server("localhost")))
            if profile == 3:
                context.load_verify_locations(cadata=self.pki.root.certificate.to_pem())
                context.verify_mode = ssl.CERT_REQUIRED
        await door.open()
        self.doors.append(door)
        return door

    def take(self, heard: Heard) -> None:
        """Note what a station said."""
        self.heard.append(heard)
        self.news.set()

    async def hears(self, action: str, **facts: Any) -> Heard:
        """The next call of that action with those fields, after the last of that action that was waited for."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self.news.clear()
                for position in range(self._read.get(action, 0), len(self.heard)):
                    one = self.heard[position]
                    if one.action == action and all(one.payload.get(key) == value for key, value in facts.items()):
                        self._read[action] = position + 1
                        return one
                await self.news.wait()

    async def boots(self, profile: int | None = None) -> Served16:
        """The station that boots next, and is accepted."""
        served = (await self.hears("BootNotification", answered="Accepted")).served
        assert profile is None or served.profile == profile
        return served

    async def settles(self, profile: int | None = None) -> Served16:
        """`boots`, and the station has written down what its acceptance proves: only then it answers."""
        served = await self.boots(profile)
        await served.setting("SecurityProfile")
        return served

    async def hears_event(self, word: str) -> Heard:
        """The next security event of that type."""
        return await self.hears("SecurityEventNotification", type=word)

    async def knocked(self, count: int) -> Upgrade:
        """The upgrade of that number, the first is 1."""
        async with asyncio.timeout(PATIENCE):
            while len(self.upgrades) < count:
                self.news.clear()
                await self.news.wait()
        return self.upgrades[count - 1]

    async def reads(self, text: str) -> None:
        """Return once a frame with that text has come, answered or not."""
        async with asyncio.timeout(PATIENCE):
            while not any(text in frame for frame in self.frames):
                self.news.clear()
                await self.news.wait()

    def all_of(self, action: str) -> list[dict[str, Any]]:
        """Every payload of that action, in order."""
        return [one.payload for one in self.heard if one.action == action]

    def events(self) -> list[str]:
        """The types of all security events, in order."""
        return [str(payload["type"]) for payload in self.all_of("SecurityEventNotification")]

    def cut(self) -> None:
        """Drop every connection without a word."""
        for served in self.open_ones:
            served.connection.transport.abort()


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


@asynccontextmanager
async def csms16(directory: Path, pki: Pki) -> AsyncIterator[Csms16]:
    """A central system without a door yet; its faults fail the test when it ends."""
    csms = Csms16(directory, pki)
    try:
        yield csms
    finally:
        for door in csms.doors:
            await door.shut()
    assert csms.faults == []
