"""The agent as a whole: its flows made and joined, what runs without a connection, and what a station asks of it.

It needs no socket: `converse` speaks over whatever line there is, ours or that of another OCPP library.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from chainpilot.clock import Clock
from chainpilot.errors import outline
from chainpilot.link.watch import FrameSeen
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.certificates import CertificateDesk
from chainpilot.station.agent.configuration import Configuration
from chainpilot.station.agent.contract_rules import ContractDecision
from chainpilot.station.agent.contracts import DEADLINE_SECONDS, Contracts, LocalList
from chainpilot.station.agent.conversation import Conversation
from chainpilot.station.agent.ev_certificate import EvCertificates
from chainpilot.station.agent.firmware import FirmwareUpdates
from chainpilot.station.agent.flows import Flows, Voices
from chainpilot.station.agent.kept_settings import About
from chainpilot.station.agent.log_text import security_lines
from chainpilot.station.agent.log_upload import LogUploads
from chainpilot.station.agent.ports import DiagnosticsLog, FirmwareInstaller, Host, Line, Memory, Transfers
from chainpilot.station.agent.presence import Identity, Presence
from chainpilot.station.agent.renewal import Renewal
from chainpilot.station.agent.reporting import Reporter
from chainpilot.station.agent.revocation import OcspUpkeep
from chainpilot.station.agent.roots import RootsInUse
from chainpilot.station.agent.security_events import SecurityEventType
from chainpilot.station.agent.setup import StationConfig, initial_settings
from chainpilot.station.agent.signing import Signing
from chainpilot.station.agent.speech import Dialects
from chainpilot.station.agent.store_facts import StoreFacts
from chainpilot.station.agent.timekeeping import Timekeeper
from chainpilot.station.service import EvseSecurity
from chainpilot.station.watch import StationWatch

__all__ = ["Agent"]

RESTART_SECONDS: Final = 60.0
"""Before a part that failed is begun again."""

_log = logging.getLogger(__name__)


class Agent:
    """A station's Plug & Charge over OCPP."""

    def __init__(
        self,
        config: StationConfig,
        *,
        security: EvseSecurity,
        memory: Memory,
        host: Host,
        transfers: Transfers,
        clock: Clock,
        watch: StationWatch,
        installer: FirmwareInstaller | None = None,
        diagnostics: DiagnosticsLog | None = None,
        local_list: LocalList | None = None,
        staging: Path | None = None,
    ) -> None:
        """Read what was remembered; may block, and says nothing yet.

        Args:
            config: what is set.
            security: the store.
            memory: what is kept over restarts.
            host: what holds the connection and can start the station again.
            transfers: carries files to and from the CSMS's places.
            clock: for all times.
            watch: told of what happens, in the event loop.
            installer: puts firmware to work; None: the station takes none from the CSMS.
            diagnostics: the station's diagnostics log; None: only the security log is served.
            local_list: contracts that may charge while the CSMS can't be asked.
            staging: the directory for firmware images; None: the station takes none.

        Raises:
            MemoryFault: the memory can't be read.
        """
        self._security = security
        self._clock = clock
        self._reports: set[asyncio.Future[None]] = set()
        report = Reporter(memory, clock=clock)
        configuration = Configuration.begun(
            initial_settings(config),
            memory,
            about=About(identity=config.station_id),
            facts=StoreFacts(security, clock),
            report=report,
            url_by_profile=config.urls,
        )
        self._configuration = configuration
        timekeeper = Timekeeper(clock, memory, report)
        voices, roots = Voices(), RootsInUse(security)
        identity = Identity(config.vendor, config.model, config.serial_number, config.firmware_version)

        self.flows = Flows(
            configuration=configuration,
            certificates=CertificateDesk(security, lambda: configuration.settings, roots, report, watch),
            contracts=Contracts(
                security,
                memory,
                lambda: configuration.settings,
                lambda: voices.present,
                clock,
                is_time_trusted=lambda: timekeeper.is_trusted,
                local_list=local_list,
            ),
            dialects=Dialects(memory),
            ev_certificates=EvCertificates(lambda: configuration.settings, lambda: voices.present, clock),
            firmware=FirmwareUpdates(
                security,
                memory,
                transfers,
                installer if staging is not None else None,
                staging=staging or Path(),
                clock=clock,
                report=report,
            ),
            host=host,
            logs=LogUploads(transfers, security_lines(memory), diagnostics, clock=clock),
            presence=Presence(
                identity, lambda: configuration.settings, clock=clock, watch=watch, heard=timekeeper.heard
            ),
            renewal=Renewal(
                security, clock, timekeeper, security_profile=lambda: configuration.settings.security_profile
            ),
            report=report,
            roots=roots,
            signing=Signing(
                security, memory, lambda: configuration.settings, station_id=config.station_id, clock=clock, watch=watch
            ),
            timekeeper=timekeeper,
            upkeep=OcspUpkeep(security, clock, timekeeper),
            voices=voices,
        )

    async def begin(self, *, opened_anew: str | None = None) -> None:
        """Note that the station has started, look at its clock, keep house; before anything else.

        `opened_anew` says why its memory knows nothing of before, if so it is.
        """
        await self.flows.timekeeper.begin()
        if opened_anew is not None:
            await self.flows.report(SecurityEventType.SECURITY_LOG_WAS_CLEARED, opened_anew)
        await self.flows.report(SecurityEventType.STARTUP_OF_THE_DEVICE)
        await asyncio.to_thread(self._security.run_housekeeping)

    def hear_frame(self, frame: FrameSeen) -> None:
        """A frame went over the line: one that nobody can read is a security event, once until it was told."""
        if frame.direction == "received" and frame.kind == "MALFORMED":
            report = self.flows.report(SecurityEventType.INVALID_MESSAGES, frame.summary or "malformed", once=True)
            task = asyncio.ensure_future(report)
            self._reports.add(task)
            task.add_done_callback(self._reports.discard)

    def converse(
        self, line: Line, *, boots: bool = True, on_accepted: Callable[[], Awaitable[None]] | None = None
    ) -> Conversation:
        """A conversation over a line that is open, or will be when its `run` is called; see Conversation."""
        return Conversation(line, self.flows, boots=boots, on_accepted=on_accepted)

    async def run(self) -> None:
        """Do what is done without a connection too, until cancelled: time, housekeeping, renewals, firmware."""
        flows = self.flows
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "timekeeping": flows.timekeeper.run,
            "settings": lambda: flows.configuration.run(self._clock),
            "housekeeping": self._keep_house,
            "renewal": lambda: flows.renewal.run(self._renew),
            "firmware": flows.firmware.run,
            "logs": flows.logs.run,
        }
        tasks = [asyncio.create_task(self._supervised(name, part), name=name) for name, part in parts.items()]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def authorize_contract(
        self, chain_pem: str, emaid: str | None = None, *, deadline_seconds: float = DEADLINE_SECONDS
    ) -> ContractDecision:
        """Whether a vehicle's contract may charge (use case C07); see Contracts.authorize."""
        return await self.flows.contracts.authorize(chain_pem, emaid, deadline_seconds=deadline_seconds)

    async def _renew(self, use: LeafUse, *, common_name: str) -> None:
        await self.flows.signing.enrol(use, common_name=common_name, again=False)

    async def _keep_house(self) -> None:
        wait = self._security.layout.config.garbage_collect_seconds
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + wait)
            await asyncio.to_thread(self._security.run_housekeeping)

    async def _supervised(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        """A part that fails is told of and begun again; the others go on."""
        while True:
            try:
                await part()
            except Exception as error:  # noqa: BLE001 - the agent's own work is supervised as the connection is (house style 17)
                _log.error("incident %s: %s ended by %s", secrets.token_hex(4), name, outline(error))
            else:
                return
            await self._clock.sleep_until(self._clock.monotonic() + RESTART_SECONDS)
