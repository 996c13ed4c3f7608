"""The agent inside a station that is written in Python and holds its connection to the CSMS itself.

`embedded_agent` makes an agent with its store and memory, and keeps it at its work whether there is a connection or
not. What is spoken over a connection is plugged in by `adapters.mobilityhouse` for PyPI's `ocpp`, and by
`Agent.converse` for any other library: a `Line` sends, `Conversation.answer` answers, `Conversation.run` says what
there is to be said. What firmware may call is the methods of `agent.agent.Agent`. A station that wants its connection
from here too is `app`'s.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chainpilot.clock import SYSTEM, Clock
from chainpilot.station.adapters.memory import SqliteMemory, floor_in
from chainpilot.station.adapters.transfers import transfers_of
from chainpilot.station.agent.agent import Agent
from chainpilot.station.agent.contracts.authorization import LocalList
from chainpilot.station.agent.ports import DiagnosticsLog, FirmwareInstaller, Host, Memory, ProfileFloor, Transfers
from chainpilot.station.agent.setup import StationConfig
from chainpilot.station.model import CertificateStoreUpdate
from chainpilot.station.service import EvseSecurity
from chainpilot.station.watch import StationEvent, StationWatch, StoreUpdated

__all__ = ["at_work", "embedded_agent"]

_log = logging.getLogger(__name__)


@asynccontextmanager
async def embedded_agent(
    config: StationConfig,
    *,
    host: Host | None = None,
    clock: Clock = SYSTEM,
    watch: StationWatch | None = None,
    memory: Memory | None = None,
    transfers: Transfers | None = None,
    installer: FirmwareInstaller | None = None,
    diagnostics: DiagnosticsLog | None = None,
    local_list: LocalList | None = None,
    floor: ProfileFloor | None = None,
) -> AsyncIterator[Agent]:
    """An agent at work until the block is left, over as many connections of the station's own as there are meanwhile.

    Args:
        config: the settings. The URL, the security profile and the password tell the agent how the station connects;
            it dials nothing itself.
        host: reconnects and resets where the CSMS asks the agent for it; None: where it is only given what
            `adapters.mobilityhouse` gives it by default, which asks for neither.
        clock: for all timers, and the time certificates are judged at.
        watch: told of everything that happens, in the event loop.
        memory: in place of the one in the configured directory.
        transfers: carries logs and firmware; None: HTTP and HTTPS.
        installer: puts firmware to work; None: none is taken from the CSMS.
        diagnostics: the station's diagnostics log.
        local_list: contracts that may charge while the CSMS can't be asked.
        floor: keeps the lowest security profile a second time; None: a file in the configured directory, if any.

    Raises:
        StoreConfigError: the store's paths or limits make none.
        MemoryFault: the memory can't be opened or read.
    """
    tell = watch or _tell_nobody
    kept = memory if memory is not None else await asyncio.to_thread(SqliteMemory.open, config.state_dir)
    try:
        security = await asyncio.to_thread(EvseSecurity, config.store, clock=clock)
        agent = Agent(
            config,
            security=security,
            memory=kept,
            host=host or _NoHost(),
            transfers=transfers or transfers_of(security),
            clock=clock,
            watch=tell,
            installer=installer,
            diagnostics=diagnostics,
            local_list=local_list,
            staging=config.state_dir,
            floor=floor or floor_in(config.state_dir),
            opened_anew=kept.opened_anew if isinstance(kept, SqliteMemory) else None,
        )
        async with at_work(agent, tell):
            yield agent
    finally:
        if memory is None and isinstance(kept, SqliteMemory):
            await asyncio.to_thread(kept.close)


@asynccontextmanager
async def at_work(agent: Agent, tell: StationWatch) -> AsyncIterator[None]:
    """Let the agent do what needs no connection, and tell of the store's changes, until the block is left."""
    loop = asyncio.get_running_loop()

    def pass_on(update: CertificateStoreUpdate) -> None:
        loop.call_soon_threadsafe(tell, StoreUpdated(update))

    unsubscribe = agent.security.subscribe(pass_on)
    await agent.begin()
    work = asyncio.create_task(agent.run(), name="agent")
    try:
        yield
    finally:
        unsubscribe()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def _tell_nobody(event: StationEvent) -> None:
    del event


class _NoHost:
    """Of a station whose agent has nothing to ask of it; what comes all the same is told."""

    async def reconnect(self, why: str) -> None:
        _log.warning("the station should connect anew (%s), and has given its agent no host to ask", why)

    async def reset(self, *, at_once: bool) -> None:
        del at_once
        _log.warning("the station should start again, and has given its agent no host to ask")
