"""The listeners: TLS or none, admission before the socket, one session per station.

Frames over the bound close the connection with 1009, which `websockets` does from `max_size`.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Final
from uuid import uuid4
from weakref import WeakKeyDictionary

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from chainpilot.cpms.adapters.gateway.actions import Desk, Judges
from chainpilot.cpms.adapters.gateway.admission import Admitted, Attempt, Gatekeeper, TurnedAway
from chainpilot.cpms.adapters.gateway.keyring import Keyring, ListenerSetupError
from chainpilot.cpms.adapters.gateway.knocking import OPENING, TLS_HANDSHAKE, Knocking, counted
from chainpilot.cpms.adapters.gateway.sessions import Session, Sessions
from chainpilot.cpms.adapters.gateway.tls import Doorway
from chainpilot.cpms.adapters.gateway.transactions import TransactionNumbers
from chainpilot.cpms.calls import CallDesk
from chainpilot.cpms.config import ListenerConfig, ServerConfig
from chainpilot.cpms.enrolment import Office, confirm_by_connection
from chainpilot.cpms.journal import journal
from chainpilot.cpms.model import Step, StepTaken
from chainpilot.cpms.passwords import PasswordChecker
from chainpilot.errors import outline
from chainpilot.link.inlet import Inlet
from chainpilot.link.ocpp import OcppLink
from chainpilot.link.watch import Watch
from chainpilot.link.websocket import InletSocket, WebSocket
from chainpilot.pki.identity import StationId
from chainpilot.wire.ocppj.rpc import RpcLimits
from chainpilot.wire.version import OcppVersion

__all__ = ["Gateway"]

_SUBPROTOCOLS: Final = tuple(Subprotocol(version.value) for version in (OcppVersion.V201, OcppVersion.V16))
"""Of several that a station offers the first of these is taken: 2.0.1 has every message without a detour."""
_CLOSING: Final = 5.0
"""Seconds for the closing handshake."""
_REPLACED: Final = "a newer connection of this station"

_log: Final = journal("chainpilot.cpms.gateway")


class Gateway:
    """Serves stations on every listener between `start` and `stop`."""

    def __init__(
        self,
        office: Office,
        sessions: Sessions,
        passwords: PasswordChecker,
        server: ServerConfig,
        *,
        calls: CallDesk,
        judges: Judges,
        watch_frames: Watch | None = None,
    ) -> None:
        self._office = office
        self._sessions = sessions
        self._server = server
        self._gatekeeper = Gatekeeper(office.ledger, passwords, office.clients)
        self._calls = calls
        self._judges = judges
        self._transactions = TransactionNumbers.of_process_started(office.clock.now())
        self._watch_frames = watch_frames
        self._admitted: WeakKeyDictionary[ServerConnection, Admitted] = WeakKeyDictionary()
        self._listening = AsyncExitStack()
        self._doorways: list[tuple[ListenerConfig, Doorway]] = []
        self._reloading = asyncio.Lock()

    async def start(self, listeners: tuple[ListenerConfig, ...]) -> Mapping[str, tuple[str, int]]:
        """Open every listener, or none; their addresses by name. Raises ListenerSetupError."""
        addresses: dict[str, tuple[str, int]] = {}
        async with AsyncExitStack() as opening:
            opening.callback(self._doorways.clear)
            for listener in listeners:
                server = await opening.enter_async_context(await self._open(listener))
                host, port = next(iter(server.sockets)).getsockname()[:2]
                addresses[listener.name] = (host, port)
            self._listening = opening.pop_all()
        return addresses

    async def stop(self) -> None:
        """Close every connection and listener."""
        await self._listening.aclose()

    async def reload(self) -> tuple[ListenerSetupError, ...]:
        """Read every listener's certificates and keys again; connections that are there go on.

        A listener whose files can't be used keeps what it showed, and its error is among those returned; the others
        change. The CAs of client certificates are not read again.
        """
        failed: list[ListenerSetupError] = []
        async with self._reloading:  # else the files read first might be shown last
            for listener, doorway in tuple(self._doorways):
                try:
                    keyring = await asyncio.to_thread(Keyring.read, listener)
                    doorway.show(keyring)
                except ListenerSetupError as error:
                    _log.error("server_certificate_kept", listener=listener.name, detail=error.why)
                    failed.append(error)
                else:
                    self._tell_certificates(listener, keyring)
        return tuple(failed)

    def _tell_certificates(self, listener: ListenerConfig, keyring: Keyring) -> None:
        for leaf in keyring.leaves:
            until = leaf.not_after.isoformat()
            _log.info("server_certificate_shown", listener=listener.name, fingerprint=leaf.fingerprint, until=until)
        for leaf, why in keyring.warnings(self._office.clock.now()):
            _log.warning("server_certificate_ends", listener=listener.name, fingerprint=leaf.fingerprint, detail=why)

    async def _set_up_tls(self, listener: ListenerConfig, knocking: Knocking) -> Doorway:
        keyring = await asyncio.to_thread(Keyring.read, listener)
        doorway = Doorway.open(listener, keyring, knocking)
        self._doorways.append((listener, doorway))
        self._tell_certificates(listener, keyring)
        return doorway

    async def _open(self, listener: ListenerConfig) -> Server:
        knocking = Knocking(self._office.clock)
        doorway = await self._set_up_tls(listener, knocking) if listener.profile.has_tls else None
        if doorway is None:
            _log.warning("insecure_listener", listener=listener.name, profile=str(listener.profile.value))

        async def admit(connection: ServerConnection, request: Request) -> Response | None:
            try:
                return await self._admit(connection, request, listener)
            finally:
                knocking.answered(_tls_of(connection) or connection)

        try:
            return await serve(
                self._work,
                listener.host,
                listener.port,
                ssl=doorway,
                ssl_handshake_timeout=TLS_HANDSHAKE if doorway else None,
                create_connection=Inlet if doorway else counted(knocking),
                process_request=admit,
                subprotocols=_SUBPROTOCOLS,
                compression=None,
                max_size=self._server.max_frame,
                open_timeout=OPENING,
                close_timeout=_CLOSING,
                ping_interval=self._server.ping_interval,
                server_header=None,
                logger=_quiet_logger(),
            )
        except OSError as error:
            raise ListenerSetupError(listener.name, str(error)) from error

    async def _admit(self, connection: ServerConnection, request: Request, listener: ListenerConfig) -> Response | None:
        """None lets the handshake go on; everything else is told as little as possible."""
        authorization = request.headers.get_all("Authorization")
        attempt = Attempt(
            path=request.path,
            authorization=authorization[0] if len(authorization) == 1 else None,
            certificate=_client_certificate(connection),
            address=_address(connection),
            profile=listener.profile,
        )
        try:
            judged = await self._gatekeeper.judge(attempt)
        except Exception as error:  # noqa: BLE001 - the connection's supervisor (house style 17): no verdict, no entry
            _log.error("admission_failed", incident=uuid4().hex, address=attempt.address, error=outline(error))
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "try again later\n")
        if isinstance(judged, TurnedAway):
            facts = {"reason": judged.why, "address": attempt.address, "listener": listener.name}
            self._office.watch(StepTaken(Step.TURNED_AWAY, judged.station_id, facts=facts))
            return _turn_away(connection, judged, listener)
        self._admitted[connection] = judged
        return None

    async def _work(self, connection: ServerConnection) -> None:
        """One station's session, from the open socket to its end."""
        admitted = self._admitted.pop(connection)
        socket = InletSocket(connection, self._server.max_frame) if isinstance(connection, Inlet) else None
        station_id = admitted.station.station_id
        spoken = dict.fromkeys(admitted.station.dialects)
        session = Session(station_id, admitted.profile, _version_of(connection), spoken)
        desk = Desk(
            self._office,
            session,
            self._server,
            calls=self._calls,
            judges=self._judges,
            transactions=self._transactions,
        )
        link = OcppLink(
            socket or WebSocket(connection),
            desk.answer,
            clock=self._office.clock,
            limits=RpcLimits(answer_timeout=self._server.call_timeout),
            watch=self._watch_frames,
            name=station_id,
            version=session.version,
        )
        session.link = link
        older = self._sessions.enter(session)
        closing = asyncio.create_task(older.link.close(1008, _REPLACED)) if older and older.link else None
        greeting = asyncio.create_task(self._greet(admitted, session))
        try:
            await link.run()
        except Exception as error:  # noqa: BLE001 - the connection loop is one of the two supervisors (house style 17)
            _log.error("session_failed", incident=uuid4().hex, station=station_id, error=outline(error))
        finally:
            self._sessions.leave(session)
            session.heard.set()  # a greeting that still waits for its first call waits for nobody
            await asyncio.gather(greeting, *([closing] if closing else []), return_exceptions=True)

    async def _greet(self, admitted: Admitted, session: Session) -> None:
        """What a connection means: a proven client certificate, a reached profile, and work that waited for it.

        The proof comes first, since it may end the work; none of them hinders the others.
        """
        office, station_id = self._office, admitted.station.station_id
        facts = {"profile": str(admitted.profile.value)}
        office.watch(StepTaken(Step.STATION_CONNECTED, station_id, None, None, facts))
        acts: list[Awaitable[object]] = []
        if admitted.new_password_hash is not None:
            acts.append(self._settle_password(station_id, admitted.new_password_hash))
        if admitted.fingerprint is not None:
            acts.append(confirm_by_connection(office, station_id, admitted.fingerprint))
        if admitted.profile > admitted.station.minimum_profile and office.policy.raise_profile:
            acts.append(office.ledger.raise_profile(station_id, admitted.profile))
        acts.append(self._wake(session))
        for act in acts:
            try:
                await act
            except Exception as error:  # noqa: BLE001 - the connection's supervisor (house style 17); it goes on
                _log.error("greeting_failed", incident=uuid4().hex, station=station_id, error=outline(error))

    async def _settle_password(self, station_id: StationId, password_hash: str) -> None:
        if await self._office.ledger.settle_password(station_id, password_hash):
            self._office.watch(StepTaken(Step.PASSWORD_CHANGED, station_id))

    async def _wake(self, session: Session) -> None:
        """What waited for the station is due once it may be asked."""
        await session.until_heard(self._office.clock)
        await self._office.ledger.wake(session.station_id, self._office.clock.now())
        self._office.nudge()


def _version_of(connection: ServerConnection) -> OcppVersion:
    """That of the subprotocol agreed on; 1.6 is that of stations which name none."""
    return OcppVersion(connection.subprotocol) if connection.subprotocol is not None else OcppVersion.V16


def _turn_away(connection: ServerConnection, verdict: TurnedAway, listener: ListenerConfig) -> Response:
    response = connection.respond(HTTPStatus(verdict.status), HTTPStatus(verdict.status).phrase + "\n")
    if verdict.status == HTTPStatus.UNAUTHORIZED and listener.profile.has_password:
        response.headers["WWW-Authenticate"] = 'Basic realm="ocpp", charset="UTF-8"'
    if verdict.status == HTTPStatus.TOO_MANY_REQUESTS:
        response.headers["Retry-After"] = "60"
    return response


def _client_certificate(connection: ServerConnection) -> bytes | None:
    tls = _tls_of(connection)
    return tls.getpeercert(binary_form=True) if tls is not None else None


def _tls_of(connection: ServerConnection) -> ssl.SSLObject | None:
    tls = connection.transport.get_extra_info("ssl_object")
    return tls if isinstance(tls, ssl.SSLObject) else None


def _address(connection: ServerConnection) -> str:
    peer = connection.remote_address
    return str(peer[0]) if peer else "unknown"


def _quiet_logger() -> logging.Logger:
    """Never at DEBUG, where `websockets` writes payloads and headers."""
    logger = logging.getLogger("chainpilot.cpms.gateway.websockets")
    logger.setLevel(logging.ERROR)
    return logger
