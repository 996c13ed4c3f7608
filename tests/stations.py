"""A running station for tests: its events in a queue, so that a test waits for what happens and never for time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from certs import Pki
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.agent.ports import Memory
from chainpilot.station.app import Station, StationConfig
from chainpilot.station.model import CaCertificateType, Secret
from chainpilot.station.watch import StationEvent
from stores import EVSE

__all__ = ["JITTER", "Running", "running_station"]

E = TypeVar("E")
JITTER = 0.02
"""Factor on the station's delays before it connects again."""
PATIENCE = 20.0
"""Seconds until a test says that something never happened."""


class Running:
    """A station at work and what it told so far."""

    def __init__(self, config: StationConfig) -> None:
        self.config = config
        self.station: Station
        self.task: asyncio.Task[None]
        """Its work, which a test may end before the block does."""
        self.events: list[StationEvent] = []
        self._news = asyncio.Condition()
        self._read = 0

    def watch(self, event: StationEvent) -> None:
        """Take an event down and wake whoever waits for one."""
        self.events.append(event)
        self._tasks = asyncio.ensure_future(self._wake())

    async def _wake(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, kind: type[E], **facts: Any) -> E:
        """The next event of that kind with those facts, after the last one that was waited for."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for position in range(self._read, len(self.events)):
                    event = self.events[position]
                    if isinstance(event, kind) and all(getattr(event, key) == value for key, value in facts.items()):
                        self._read = position + 1
                        return event
                async with self._news:
                    await self._news.wait()


@asynccontextmanager
async def running_station(
    directory: Path,
    url: str,
    v2g: Pki | None,
    csms: Pki | None,
    *,
    password: str,
    clock: Any = None,
    memory: Memory | None = None,
    store: StoreConfig | None = None,
    parts: Mapping[str, Any] | None = None,
    installs: bool = True,
    prepare: Callable[[EvseSecurity], object] = lambda _: None,
    **settings: Any,
) -> AsyncIterator[Running]:
    """A station that runs until the block ends; both roots are installed, unless told otherwise, and `prepare` done.

    `parts` are `Station`'s own arguments: an installer, transfers and the like.
    """
    config = StationConfig(
        station_id="CS-001",
        csms_url=url,
        password=Secret(password),
        organisation="Operator",
        country="DE",
        secc_name=EVSE,
        store=store or StoreConfig(directory),
        **settings,
    )
    running = Running(config)
    options = {"memory": memory} | dict(parts or {}) | ({} if clock is None else {"clock": clock})
    running.station = Station(config, watch=running.watch, jitter=lambda: JITTER, **options)
    for kind, pki in ((CaCertificateType.V2G, v2g), (CaCertificateType.CSMS, csms)) if installs else ():
        if pki is None:
            continue
        running.station.security.install_ca_certificate(pki.root.certificate.to_pem(), kind)
    prepare(running.station.security)
    running.task = asyncio.create_task(running.station.run())
    try:
        yield running
    finally:
        running.task.cancel()
        with suppress(asyncio.CancelledError):
            await running.task
