"""The connection that is kept up: network after network with back-off, up to a higher profile and never down again.

What is said over it is the agent's; what a connection is dialled with is `approach`'s.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any, Final

from chainpilot.clock import Clock
from chainpilot.errors import ChainpilotError, outline
from chainpilot.link.ocpp import OcppLink
from chainpilot.station.adapters.approach import Approach
from chainpilot.station.adapters.ocpp_client import (
    CsmsSocket,
    DialRefused,
    DialUndecided,
    ProfileNotReady,
    Target,
    dial,
    tls_context,
)
from chainpilot.station.agent.agent import Agent
from chainpilot.station.agent.itinerary import Itinerary
from chainpilot.station.agent.settings.values import Network
from chainpilot.station.agent.setup import StationConfig, StationConfigError
from chainpilot.station.agent.waiting import sleep_or
from chainpilot.station.model import CertificateStoreUpdate, LeafCertificateType
from chainpilot.station.service import EvseSecurity
from chainpilot.station.watch import Connected, ConnectFailed, Disconnected, StationWatch
from chainpilot.wire.ocppj.rpc import RpcLimits

__all__ = ["FIRST_DELAY", "MAX_DELAY", "Connection"]

FIRST_DELAY: Final = 1.0
"""Seconds before connecting again after a connection that worked; doubled for each one since that didn't."""
MAX_DELAY: Final = 120.0
"""Seconds between two tries at most: a CSMS that is back is found within two minutes."""
STEP_UP_DELAY: Final = 30.0
"""In place of FIRST_DELAY, and doubled likewise, while a network of a higher security profile than any that worked is
tried and it can't be told whether the CSMS serves it: that may be starting again, and a step up that is given up is
lost. The three tries that NetworkProfileConnectionAttempts (use cases A05, B10) begins with take three minutes so."""
QUIET_SECONDS: Final = 3.0
"""For the CSMS's answers, and ours, before the station ends a connection: a round trip on a poor modem."""
SHORT_SECONDS: Final = 60.0
SHORT_ONES: Final = 3
"""So many connections that the CSMS accepted and that ended so soon count as if they had worked; further ones don't."""
BOOT_SECONDS: Final = 900.0
"""That the CSMS may take to accept the station, where another network may serve: three boots at the usual interval."""
LEAF_CHECK_SECONDS: Final = 600.0
"""Between two looks whether another client certificate has come into force."""

_DRIVEN_OUT: Final = 1008
"""WebSocket code (RFC 6455 section 7.4.1) by which a CSMS ends a connection that it doesn't want: of two stations with
one id each would drive the other out, without a pause."""

_log = logging.getLogger(__name__)


class Connection:
    """Connects, lets the agent speak, and connects again."""

    def __init__(
        self,
        config: StationConfig,
        security: EvseSecurity,
        agent: Agent,
        *,
        clock: Clock,
        watch: StationWatch,
        jitter: Callable[[], float],
    ) -> None:
        self._config = config
        self._security = security
        self._agent = agent
        self._clock = clock
        self._tell = watch
        self._jitter = jitter
        self._configuration = agent.flows.configuration
        self._approach = Approach(config, security, self._configuration)
        self._itinerary = Itinerary()
        self._upgrade: asyncio.Future[None] | None = None
        self._link: OcppLink | None = None
        self._hurry = asyncio.Event()
        self._is_patient = False
        """Whether what was tried last is a step up that the next try may bring about."""
        self._closings: set[asyncio.Future[None]] = set()

    async def run(self) -> None:
        """Connect, work, connect again with growing delays; ends only by cancelling."""
        failures = short = 0
        try:
            while True:
                begun = self._clock.monotonic()
                self._is_patient = False
                worked = await self._try_once()
                short = short + 1 if self._clock.monotonic() - begun < SHORT_SECONDS and not self._hurry.is_set() else 0
                failures = max(0, short - SHORT_ONES) if worked else failures + 1
                if not self._hurry.is_set():
                    first = STEP_UP_DELAY if self._is_patient else FIRST_DELAY
                    delay = min(MAX_DELAY, first * 2 ** min(failures, 10)) * self._jitter()
                    await sleep_or(self._clock, delay, self._hurry)
                self._hurry.clear()
        finally:
            self._end_upgrade(DialUndecided("the station stopped"))

    async def renew(self, why: str) -> None:
        """End the connection, once what is asked over it is answered, and make a new one at once.

        Where the networks are still the same, one over which the CSMS didn't accept the station has had a try.
        """
        self._hurry.set()
        link = self._link
        if link is not None:
            # whoever asks may be what the end of the connection cancels, and a peer that is gone has to be dropped
            closing = asyncio.ensure_future(_close(link, why))
            self._closings.add(closing)
            closing.add_done_callback(self._closings.discard)
            await asyncio.shield(closing)

    async def step_up(self, profile: int, url: str | None) -> None:
        """Change to a higher security profile; see `app.Station.step_up`."""
        present = self._configuration.settings.security_profile
        if profile <= present or self._upgrade is not None:
            raise StationConfigError("security_profile", f"{profile} is no step up from {present}")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._upgrade = done  # before anything is waited for: a second step up is refused from now on
        with ExitStack() as undo:
            undo.callback(self._forget_upgrade)
            place = url or self._config.urls.get(profile) or self._config.csms_url
            target = await self._approach.target(Network(place, profile))
            await asyncio.to_thread(tls_context, self._security, target)
            await self._configuration.begin_trial(profile, place)
            undo.pop_all()
        await self.renew("the security profile changes")
        await done

    def _forget_upgrade(self) -> None:
        self._upgrade = None

    async def _try_once(self) -> bool:
        """One network, with every means that may serve; whatever is raised ends that and not the station."""
        chosen = self._itinerary.next(self._configuration.candidates())
        if chosen is None:
            self._tell(ConnectFailed(self._configuration.floor, self._config.csms_url, self._no_way()))
            return False
        slot, network = chosen
        try:
            return await self._connect(slot, network)
        except Exception as error:  # noqa: BLE001 - the connection loop is one of the two supervisors (house style 17)
            incident = secrets.token_hex(4)
            _log.error("incident %s: the connection ended by %s", incident, outline(error))
            why = f"the station failed at it ({type(error).__name__}); the log has incident {incident}"
            self._tell(ConnectFailed(network.security_profile, network.url, why))
            self._itinerary.failed(self._configuration.candidates(), self._attempts)
            self._end_upgrade(DialUndecided(why))
            return False

    def _no_way(self) -> str:
        """Why there is nothing to dial, and what to do."""
        floor = self._configuration.floor
        why = (
            f"no URL that is set serves security profile {floor}, and there is no way back below it: the CSMS accepted "
            f"this station over it, or what worked before was lost; set security_profile = {floor} and the URL that "
            "serves it"
        )
        _log.error("%s", why)
        return why

    async def _connect(self, slot: int, network: Network) -> bool:
        """One connection from dialling to its end; whether the CSMS accepted the station over it."""
        dialled = await self._dial(slot, network)
        if dialled is None:
            return False
        socket, target = dialled
        if self._hurry.is_set():  # something was asked for while this one was being dialled
            await socket.close(1000, "the way to the CSMS changes")
            return True
        self._tell(Connected(target.profile, target.url))
        worked = await self._converse(socket, slot, target)
        if not worked:
            await self._failed(slot, DialUndecided(f"the connection to the CSMS at {target.place} didn't last"))
        return worked

    async def _dial(self, slot: int, network: Network) -> tuple[CsmsSocket, Target] | None:
        """Dial with one password, root or certificate after the other, as long as another one may help."""
        while True:
            target = await self._approach.target(network)
            if (why := self._objection_to_the_time(target)) is not None:
                self._tell(ConnectFailed(target.profile, target.url, why))
                return None  # nothing was tried, so nothing is given up
            try:
                return await dial(target, self._security), target
            except (DialRefused, DialUndecided, ProfileNotReady) as error:
                _log.warning("not connected: %s", error.why)
                self._tell(ConnectFailed(target.profile, target.url, error.why))
                if error.event is not None:
                    await self._agent.flows.report(error.event, error.why, once=True)
                if not await self._approach.is_another_worth_trying(network, target, error):
                    await self._failed(slot, error)
                    return None

    def _objection_to_the_time(self, target: Target) -> str | None:
        why = self._agent.flows.timekeeper.why_untrusted
        is_needed = why is not None and target.profile in (2, 3)
        return f"the CSMS's certificate can't be judged: {why}" if is_needed else None

    async def _converse(self, socket: CsmsSocket, slot: int, target: Target) -> bool:
        network = self._configuration.settings.networks.get(slot)
        accepted = False

        async def on_accepted() -> None:
            nonlocal accepted
            accepted = True
            await self._accepted(socket, slot, target)

        link = OcppLink(
            socket,
            lambda action, payload: conversation.answer(action, payload),  # noqa: PLW0108 - it is made below
            clock=self._clock,
            limits=RpcLimits(answer_timeout=float(network.message_timeout if network else 30)),
            watch=self._tell,
            name="CSMS",
            version=socket.version,
        )
        conversation = self._agent.converse(link, on_accepted=on_accepted)
        roots = self._agent.flows.roots
        if socket.is_verified:
            roots.rest_on(socket.anchor)
        self._link = link
        try:
            await _run(
                link.run(),
                conversation.run(),
                self._watch_client_leaf(target),
                self._bound_the_boot(link, lambda: accepted),
            )
        finally:
            self._link = None
            roots.rest_on_none()
            await socket.close(1000, "")
        self._tell(Disconnected(_end_in_words(link)))
        return accepted and (link.end is None or link.end.code != _DRIVEN_OUT)

    async def _bound_the_boot(self, link: OcppLink, is_accepted: Callable[[], bool]) -> None:
        """A network that lets us in and never accepts us must not keep us from another one."""
        await self._clock.sleep_until(self._clock.monotonic() + BOOT_SECONDS)
        if not is_accepted() and len(self._configuration.candidates()) > 1:
            await link.close(1000, "the station was not accepted")

    async def _watch_client_leaf(self, target: Target) -> None:
        """Connect anew once another client certificate is the one to use (A02.08: in force from its notBefore)."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def heard(update: CertificateStoreUpdate) -> None:
            if update.leaf_certificate_type is LeafCertificateType.CSMS:
                loop.call_soon_threadsafe(news.set)

        unsubscribe = self._security.subscribe(heard)
        try:
            while not await self._approach.has_newer_leaf(target):
                news.clear()
                await sleep_or(self._clock, LEAF_CHECK_SECONDS, news)
        finally:
            unsubscribe()
        await self.renew("there is a new client certificate")

    async def _accepted(self, socket: CsmsSocket, slot: int, target: Target) -> None:
        """What was on trial has worked: the network, the password, the root, the certificate."""
        self._itinerary.begin_anew()
        is_upgrade = self._configuration.on_trial == slot
        await self._configuration.accepted_over(slot)
        await self._approach.worked(target, socket.anchor)
        if is_upgrade and self._upgrade is not None:
            if not self._upgrade.done():
                self._upgrade.set_result(None)
            self._upgrade = None

    async def _failed(self, slot: int, error: DialRefused | DialUndecided | ProfileNotReady) -> None:
        """A network failed: its turn may be over, and with it a step up to a higher profile."""
        is_upgrade = self._upgrade is not None and self._configuration.on_trial == slot
        attempts = 1 if is_upgrade else self._attempts
        is_over = self._itinerary.failed(self._configuration.candidates(), attempts) or is_upgrade
        self._is_patient = not is_over and isinstance(error, DialUndecided) and self._is_step_up(slot)
        if is_over:
            await self._configuration.gave_up(slot)
        if is_upgrade:
            self._hurry.set()
            self._end_upgrade(error)

    def _is_step_up(self, slot: int) -> bool:
        """Whether that network is of a higher security profile than any that worked, and there is one that did."""
        configuration = self._configuration
        if len(configuration.candidates()) < 2:
            return False
        network = configuration.settings.networks.get(slot)
        is_higher = network is not None and network.security_profile > configuration.floor
        return slot == configuration.on_trial or (configuration.settings.active_network is not None and is_higher)

    @property
    def _attempts(self) -> int:
        return self._configuration.settings.network_profile_connection_attempts

    def _end_upgrade(self, error: ChainpilotError) -> None:
        """End a change of profile that failed; the network that worked is tried next."""
        done, self._upgrade = self._upgrade, None
        if done is not None and not done.done():
            done.set_exception(error)
            done.exception()  # looked at, if nobody waits any more


async def _close(link: OcppLink, why: str) -> None:
    await link.until_quiet(QUIET_SECONDS)
    await link.close(1000, why)


def _end_in_words(link: OcppLink) -> str:
    said = str(link.end or "the connection is open")
    if link.end is None or link.end.code != _DRIVEN_OUT:
        return said
    return f"{said}; does another program, or another agent, work under this station's id?"


async def _run(link: Coroutine[Any, Any, None], *beside: Coroutine[Any, Any, None]) -> None:
    """All of them until the connection is closed; what fails ends it and is raised."""
    running, *others = tasks = [asyncio.create_task(one) for one in (link, *beside)]
    try:
        while not running.done():
            waited = [running, *(task for task in others if not task.done())]
            done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
