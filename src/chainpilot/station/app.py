"""A running station: the store, the connection that is kept up, and the enrolments it starts. The composition root.

Timers of repeated requests (OCPP A02), security events and OCSP come with the flows that need them.
"""

import asyncio
import logging
import secrets
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from chainpilot.clock import SYSTEM, Clock
from chainpilot.errors import ChainpilotError, OwnError, outline
from chainpilot.link.ocpp import LinkClosed
from chainpilot.link.websocket import WebSocket
from chainpilot.pki.identity import IdentityError, parse_station_id
from chainpilot.pki.trust import LeafUse
from chainpilot.station.adapters.ocpp_client import (
    DialRefused,
    DialUndecided,
    ProfileNotReady,
    Target,
    dial,
    tls_context,
)
from chainpilot.station.adapters.ocpp_session import LEAF_TYPES_OF, Identity, Session
from chainpilot.station.agent.signing import CsrNotMade
from chainpilot.station.layout import StoreConfig
from chainpilot.station.model import CertificateStoreUpdate, Secret
from chainpilot.station.service import EvseSecurity
from chainpilot.station.store import PendingCsr
from chainpilot.station.watch import (
    Connected,
    ConnectFailed,
    CsrMade,
    Disconnected,
    StationEvent,
    StationWatch,
    StoreUpdated,
)

__all__ = ["CsrNotMade", "Station", "StationConfig", "StationConfigError"]

FIRST_DELAY: Final = 1.0
"""Seconds before connecting again after a connection that worked; doubled for each one since that didn't."""
MAX_DELAY: Final = 120.0
"""Seconds between two tries at most: a CSMS that is back is found within two minutes."""

_log = logging.getLogger(__name__)


class StationConfigError(OwnError):
    """A station can't be run like this; `key` is the setting, `why` the objection."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key = key
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    """What an operator sets for one station."""

    station_id: str
    csms_url: str
    """Whole URL, the station's id at its end: `wss://host:port/ocpp/<id>`."""
    password: Secret
    """Basic authentication of security profiles 1 and 2."""
    store: StoreConfig
    organisation: str
    """O in every signing request."""
    country: str
    """C in every signing request, two capital letters."""
    secc_name: str
    """CN of the SECC certificate: an EVSEID or SECCID."""
    security_profile: int = 2
    profile3_url: str | None = None
    """Where security profile 3 is served; None: at `csms_url`."""
    vendor: str = "chainpilot"
    model: str = "station"


def _half_to_whole() -> float:
    return 0.5 + secrets.randbelow(1 << 20) / (1 << 21)


class Station:
    """One charging station; `run` keeps it connected until it is cancelled."""

    def __init__(
        self,
        config: StationConfig,
        *,
        clock: Clock = SYSTEM,
        watch: StationWatch | None = None,
        jitter: Callable[[], float] = _half_to_whole,
    ) -> None:
        """Connect nothing yet.

        Args:
            config: the settings.
            clock: for all timers, and the time certificates are judged at.
            watch: told of everything that happens, in the event loop.
            jitter: factor on every delay before connecting again, so that stations don't come back all at once.

        Raises:
            StationConfigError: the station's id or profile makes no sense.
            StoreConfigError: the store's paths or limits make none.
        """
        self._config = _checked(config)
        self._clock = clock
        self._watcher = watch
        self._jitter = jitter
        self._security = EvseSecurity(config.store, clock=clock)
        self._target = Target(config.csms_url, config.security_profile, config.station_id, config.password)
        self._upgrade: tuple[Target, asyncio.Future[None]] | None = None
        self._session: Session | None = None
        self._hurry = asyncio.Event()

    @property
    def security(self) -> EvseSecurity:
        """Its store."""
        return self._security

    @property
    def profile(self) -> int:
        """The security profile that worked last, or that is tried first."""
        return self._target.profile

    async def run(self) -> None:
        """Connect, work, connect again with growing delays; ends only by cancelling."""
        loop = asyncio.get_running_loop()

        def pass_on(update: CertificateStoreUpdate) -> None:
            loop.call_soon_threadsafe(self._tell, StoreUpdated(update))

        unsubscribe = self._security.subscribe(pass_on)
        failures = 0
        try:
            await asyncio.to_thread(self._security.run_housekeeping)
            while True:
                worked = await self._try_once()
                failures = 0 if worked else failures + 1
                if self._upgrade is None:
                    await self._pause(min(MAX_DELAY, FIRST_DELAY * 2 ** min(failures, 10)) * self._jitter())
        finally:
            unsubscribe()
            self._give_up(self._upgrade, DialUndecided("the station stopped"))

    async def enrol(self, use: LeafUse) -> None:
        """Start an enrolment: a key and a request, sent now if the station is connected, else once it is.

        A request that is open already for that use and name is sent again. The certificate comes later, by itself.

        Raises:
            CsrNotMade: the store refused.
        """
        config = self._config
        name = config.secc_name if use is LeafUse.V2G else config.station_id
        before = await asyncio.to_thread(self._security.open_requests)
        result = await asyncio.to_thread(
            self._security.generate_certificate_signing_request,
            LEAF_TYPES_OF[use],
            config.country,
            config.organisation,
            name,
        )
        if result.csr is None:
            raise CsrNotMade(result.reason or result.status.value)
        self._tell(CsrMade(use, name))
        await asyncio.to_thread(self._security.run_housekeeping)
        if self._session is not None:
            await self._send(self._session, next((one for one in before if one.pem == result.csr), None))

    async def reconnect(self, *, profile: int, url: str | None = None) -> None:
        """Change to a higher security profile and return when the CSMS has accepted the station over it.

        When that fails the station goes back to the profile that worked (OCPP 1.6 security whitepaper A05).

        Raises:
            StationConfigError: the profile isn't higher, or a change is under way.
            ProfileNotReady: the store lacks what the profile needs; the connection stays as it is.
            DialRefused: the CSMS isn't who it should be or doesn't accept us over it.
            DialUndecided: it can't be reached, or the connection didn't last.
        """
        if profile <= self._target.profile or self._upgrade is not None:
            raise StationConfigError("security_profile", f"{profile} is no step up from {self._target.profile}")
        place = url or (self._config.profile3_url if profile == 3 else None) or self._target.url
        target = replace(self._target, url=place, profile=profile)
        await asyncio.to_thread(tls_context, self._security, target)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._upgrade = (target, done)
        self._hurry.set()
        if self._session is not None:
            await self._session.close("the security profile changes")
        await done

    async def _try_once(self) -> bool:
        """One connection; whatever it raises ends that connection and not the station."""
        upgrade = self._upgrade
        target = upgrade[0] if upgrade else self._target
        try:
            return await self._connect_once()
        except Exception as error:  # noqa: BLE001 - the connection loop is one of the two supervisors (house style 17)
            incident = secrets.token_hex(4)
            _log.error("incident %s: the connection to %s ended by %s", incident, target.place, outline(error))
            why = f"the station failed at it ({type(error).__name__}); the log has incident {incident}"
            self._tell(ConnectFailed(target.profile, target.url, why))
            self._give_up(upgrade, DialUndecided(why))
            return False

    async def _connect_once(self) -> bool:
        """One connection from dialling to its end; whether the CSMS accepted the station over it."""
        upgrade = self._upgrade
        target = upgrade[0] if upgrade else self._target
        try:
            socket = await dial(target, self._security)
        except (DialRefused, DialUndecided, ProfileNotReady) as error:
            _log.warning("not connected: %s", error.why)
            self._tell(ConnectFailed(target.profile, target.url, error.why))
            self._give_up(upgrade, error)
            return False
        self._tell(Connected(target.profile, target.url))
        worked = await self._converse(socket, target, upgrade)
        if not worked:
            self._give_up(upgrade, DialUndecided(f"the connection to the CSMS at {target.place} didn't last"))
        return worked

    async def _converse(
        self, socket: WebSocket, target: Target, upgrade: tuple[Target, asyncio.Future[None]] | None
    ) -> bool:
        if self._upgrade is not upgrade:  # asked for while this one was being dialled
            await socket.close(1000, "the security profile changes")
            return True
        booted = False

        def on_booted() -> None:
            nonlocal booted
            booted = True
            self._target = target
            if upgrade is not None:
                self._upgrade = None
                if not upgrade[1].done():
                    upgrade[1].set_result(None)

        identity = Identity(self._config.vendor, self._config.model)
        session = Session(socket, self._security, identity, clock=self._clock, watch=self._tell, on_booted=on_booted)
        self._session = session
        try:
            await session.run()
        finally:
            self._session = None
        self._tell(Disconnected(session.end))
        return booted

    async def _send(self, session: Session, again: PendingCsr | None) -> None:
        try:
            await session.send_open_requests(again=again)
        except LinkClosed:
            _log.info("the connection ended; open requests are sent at the next one")

    def _give_up(self, upgrade: tuple[Target, asyncio.Future[None]] | None, error: ChainpilotError) -> None:
        """End a change of profile that failed; the target that worked is tried next."""
        if upgrade is None or self._upgrade is not upgrade:
            return
        self._upgrade = None
        if not upgrade[1].done():
            upgrade[1].set_exception(error)

    async def _pause(self, seconds: float) -> None:
        """Wait, or less when somebody asks for another profile."""
        self._hurry.clear()
        waits = (
            asyncio.ensure_future(self._clock.sleep_until(self._clock.monotonic() + seconds)),
            asyncio.ensure_future(self._hurry.wait()),
        )
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _tell(self, event: StationEvent) -> None:
        if self._watcher is not None:
            self._watcher(event)


def _checked(config: StationConfig) -> StationConfig:
    try:
        parse_station_id(config.station_id)
    except IdentityError as error:
        raise StationConfigError("station_id", error.why) from error
    if config.security_profile not in (1, 2, 3):
        raise StationConfigError("security_profile", f"{config.security_profile} is not 1, 2 or 3")
    for key in ("csms_url", "profile3_url"):
        url = urllib.parse.urlsplit(getattr(config, key) or "wss://none")
        if url.scheme not in {"ws", "wss"} or not url.hostname or url.username is not None:
            raise StationConfigError(key, "not a ws:// or wss:// URL with a host and without a login")
    return config
