"""A running station: the store, the agent and the connection, put together. The composition root."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import ExitStack, closing

from chainpilot.clock import SYSTEM, Clock
from chainpilot.link.watch import FrameSeen
from chainpilot.pki.trust import LeafUse
from chainpilot.station.adapters.connection import Connection
from chainpilot.station.adapters.memory import SqliteMemory, floor_in
from chainpilot.station.adapters.transfers import transfers_of
from chainpilot.station.agent.agent import Agent
from chainpilot.station.agent.contracts.authorization import LocalList
from chainpilot.station.agent.enrolment.signing import CsrNotMade
from chainpilot.station.agent.ports import DiagnosticsLog, FirmwareInstaller, Memory, ProfileFloor, Starter, Transfers
from chainpilot.station.agent.setup import StationConfig, StationConfigError
from chainpilot.station.embedding import at_work
from chainpilot.station.service import EvseSecurity
from chainpilot.station.watch import StationEvent, StationWatch
from chainpilot.wire.ocpp201 import BootReason

__all__ = ["CsrNotMade", "Station", "StationConfig", "StationConfigError"]


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
        memory: Memory | None = None,
        starter: Starter | None = None,
        transfers: Transfers | None = None,
        installer: FirmwareInstaller | None = None,
        diagnostics: DiagnosticsLog | None = None,
        local_list: LocalList | None = None,
        floor: ProfileFloor | None = None,
    ) -> None:
        """Open the store and the memory, and connect nothing yet.

        Args:
            config: the settings.
            clock: for all timers, and the time certificates are judged at.
            watch: told of everything that happens, in the event loop.
            jitter: factor on every delay before connecting again, so that stations don't come back all at once.
            memory: in place of the one in the configured directory.
            starter: starts the station again when the CSMS asks; None: only the agent's connection is begun anew.
            transfers: carries logs and firmware; None: HTTP and HTTPS.
            installer: puts firmware to work; None: none is taken from the CSMS.
            diagnostics: the station's diagnostics log.
            local_list: contracts that may charge while the CSMS can't be asked.
            floor: keeps the lowest security profile a second time; None: a file in the configured directory, if any.

        Raises:
            StoreConfigError: the store's paths or limits make none.
            MemoryFault: the memory can't be opened or read.
        """
        self._watcher = watch
        self._starter = starter
        self._security = EvseSecurity(config.store, clock=clock)
        self._own_memory: SqliteMemory | None = None
        with ExitStack() as undo:  # another station may work with what is opened here, if this one isn't made
            if memory is None:
                memory = self._own_memory = undo.enter_context(closing(SqliteMemory.open(config.state_dir)))
            self._agent = Agent(
                config,
                security=self._security,
                memory=memory,
                host=self,
                transfers=transfers or transfers_of(self._security),
                clock=clock,
                watch=self._tell,
                installer=installer,
                diagnostics=diagnostics,
                local_list=local_list,
                staging=config.state_dir,
                floor=floor or floor_in(config.state_dir),
                opened_anew=memory.opened_anew if isinstance(memory, SqliteMemory) else None,
            )
            self._connection = Connection(
                config, self._security, self._agent, clock=clock, watch=self._tell, jitter=jitter
            )
            undo.pop_all()

    @property
    def security(self) -> EvseSecurity:
        """Its store."""
        return self._security

    @property
    def agent(self) -> Agent:
        """What it says and answers."""
        return self._agent

    @property
    def profile(self) -> int:
        """The security profile that worked last, or that is tried first."""
        return self._agent.flows.configuration.settings.security_profile

    async def run(self) -> None:
        """Connect, work, connect again with growing delays; ends only by cancelling, and then for good.

        The memory that the station opened itself is closed then: another station may work with it.
        """
        try:
            async with at_work(self._agent, self._tell):
                await self._connection.run()
        finally:
            if self._own_memory is not None:
                await asyncio.to_thread(self._own_memory.close)

    async def enrol(self, use: LeafUse) -> None:
        """Start an enrolment: a key and a request, sent now if the station is connected, else once it is.

        A request that is open already for that use and name is sent again. The certificate comes later, by itself.

        Raises:
            CsrNotMade: the store refused.
        """
        await self._agent.flows.signing.enrol(use)

    async def step_up(self, profile: int, *, url: str | None = None) -> None:
        """Change to a higher security profile and return when the CSMS has accepted the station over it.

        When that fails the station goes back to the profile that worked (OCPP 1.6 security whitepaper A05).

        Raises:
            StationConfigError: the profile isn't higher, or a change is under way.
            ProfileNotReady: the store lacks what the profile needs; the connection stays as it is.
            DialRefused: the CSMS isn't who it should be or doesn't accept us over it.
            DialUndecided: it can't be reached, or the connection didn't last.
        """
        await self._connection.step_up(profile, url)

    async def reconnect(self, why: str) -> None:
        """End the connection and make a new one, with the passwords, roots and certificates that there are now."""
        await self._connection.renew(why)

    async def reset(self, *, at_once: bool) -> None:
        """Start the station again by its starter; without one only the connection is begun anew, with a boot."""
        if self._starter is not None:
            await self._starter.reset(at_once=at_once)
            return
        self._agent.flows.presence.reason = BootReason.REMOTE_RESET
        await self.reconnect("the CSMS asked for a reset")

    def _tell(self, event: StationEvent) -> None:
        if isinstance(event, FrameSeen):
            self._agent.hear_frame(event)
        if self._watcher is not None:
            self._watcher(event)
