"""The agent as a whole: its flows made and joined, what runs without a connection, and what a station asks of it.

It needs no socket: `converse` speaks over whatever line there is, ours or that of another OCPP library. What firmware
calls are the methods of `Agent`; making one together with its store and memory is `embedding`'s, or `app`'s.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from chainpilot.clock import Clock
from chainpilot.errors import outline
from chainpilot.link.stretches import Stretch
from chainpilot.link.watch import FrameSeen
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.assembly import World, assemble
from chainpilot.station.agent.contracts.authorization import DEADLINE_SECONDS, LocalList
from chainpilot.station.agent.contracts.ev_certificate import DEADLINE_SECONDS as EV_DEADLINE_SECONDS
from chainpilot.station.agent.contracts.ev_certificate import EvCertificateAnswer
from chainpilot.station.agent.contracts.rules import ContractDecision
from chainpilot.station.agent.conversation import Conversation
from chainpilot.station.agent.enrolment.signing import LEAF_TYPES_OF, CsrNotMade
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.ports import (
    DiagnosticsLog,
    FirmwareInstaller,
    Host,
    Line,
    Memory,
    ProfileFloor,
    Transfers,
)
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.agent.setup import StationConfig
from chainpilot.station.model import Secret
from chainpilot.station.service import EvseSecurity
from chainpilot.station.vault import VaultBusy, VaultError
from chainpilot.station.watch import StationWatch
from chainpilot.wire.pnc.words import CertificateAction

__all__ = ["Agent"]

RESTART_SECONDS: Final = 60.0
"""Before a part that failed is begun again."""
MISSING_SECONDS: Final = 3600.0
"""Between two looks whether a leaf is missing that the station asks for by itself."""

_log = logging.getLogger(__name__)


class Agent:
    """A station's Plug & Charge over OCPP.

    Firmware calls `enrol`, `authorize_contract`, `install_ev_certificate` and `report` whenever it likes, connected or
    not, reads `settings`, and finds its certificates in `security`. What holds the connection calls `begin`, runs `run`
    from start to end, and for each connection takes one `converse`; where it boots by itself it passes the CSMS's
    answers to `hear_boot` and `hear_heartbeat`. All in one event loop.
    """

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
        floor: ProfileFloor | None = None,
        opened_anew: str | None = None,
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
            floor: where the lowest security profile is kept a second time; None: in the memory alone.
            opened_anew: why the memory knows nothing of before, if so it is.

        Raises:
            MemoryFault: the memory can't be read.
        """
        self._security = security
        self._clock = clock
        self._enrols = config.enrols
        self._opened_anew = opened_anew
        self._reports: set[asyncio.Future[None]] = set()
        self._invalid = Stretch()
        world = World(
            security=security,
            memory=memory,
            host=host,
            transfers=transfers,
            clock=clock,
            watch=watch,
            installer=installer,
            diagnostics=diagnostics,
            local_list=local_list,
            staging=staging,
            floor=floor,
            opened_anew=opened_anew,
        )
        self.flows = assemble(config, world)

    async def begin(self) -> None:
        """Note that the station has started, look at its clock, keep house; before anything else."""
        await self.flows.timekeeper.begin()
        if self._opened_anew is not None:
            await self.flows.report(SecurityEventType.SECURITY_LOG_WAS_CLEARED, self._opened_anew)
        await self.flows.report(SecurityEventType.STARTUP_OF_THE_DEVICE)
        await asyncio.to_thread(self._security.run_housekeeping)

    @property
    def clock(self) -> Clock:
        """By which it measures and judges."""
        return self._clock

    @property
    def security(self) -> EvseSecurity:
        """Its store: paths of certificates and keys, trust anchors, what is installed. Synchronous and thread-safe."""
        return self._security

    @property
    def settings(self) -> Settings:
        """The present settings; one consistent set, which a later change leaves as it is."""
        return self.flows.configuration.settings

    def subscribe_settings(self, listener: Callable[[Settings, Settings], None]) -> Callable[[], None]:
        """Have `listener(old, new)` called in the event loop after each durable change; the answer ends that.

        It is called before the CSMS has its answer, so it only notes what is to be done.
        """
        return self.flows.configuration.subscribe(listener)

    def passwords(self) -> tuple[Secret, ...]:
        """The passwords to dial with (profiles 1 and 2), as they are sent, the first to be tried first.

        Behind one that the CSMS set stands the one before it, which counts until `password_worked` (OCPP A01): a CSMS
        whose change got lost knows the old one.
        """
        return self.flows.configuration.passwords()

    async def password_worked(self, password: Secret) -> None:
        """The CSMS has accepted a station that dialled with that one of `passwords`: older ones may be forgotten."""
        await self.flows.configuration.password_worked(password)

    async def enrol(self, use: LeafUse, *, common_name: str | None = None) -> None:
        """Start an enrolment: a key and a request on disk, sent now if the CSMS is there, else once it is.

        A request that is open already for that use and name is sent again. The certificate comes later, by itself; the
        store tells of it (`security.subscribe`), and so does the watcher (CertificateReceived).

        Args:
            use: what the certificate is for.
            common_name: in place of the SECC id from the settings (V2G), or of the station's id (CSMS).

        Raises:
            CsrNotMade: the store refused, or a name is missing.
        """
        await self.flows.signing.enrol(use, common_name=common_name)

    async def report(self, kind: SecurityEventType, tech_info: str | None = None, *, once: bool = False) -> None:
        """Note a security event durably; it is sent when it can be (OCPP use case A04). Never raises.

        Args:
            kind: what happened.
            tech_info: more about it, at most 255 characters; no secret, since it goes into logs and to the CSMS.
            once: not while one of that kind still waits for the CSMS.
        """
        await self.flows.report(kind, tech_info, once=once)

    def hear_boot(self, answer: object) -> bool:
        """Take the CSMS's answer (its payload) to a BootNotification of the station's own; whether that was Accepted.

        The CSMS's time in it is compared with the clock. Only after Accepted may a conversation be run.
        """
        return self.flows.presence.overhear_boot(answer)

    def hear_heartbeat(self, answer: object) -> None:
        """Take the CSMS's answer (its payload) to a Heartbeat of the station's own: its time is compared."""
        self.flows.presence.overhear_heartbeat(answer)

    def hear_frame(self, frame: FrameSeen) -> None:
        """A frame went over the line: each that comes is a sign of life; those that nobody can read are told of.

        That is the security event InvalidMessages: the first at once, later ones at most once an hour with their count.
        """
        if frame.direction == "received":
            self.flows.presence.hear()
        if frame.is_malformed and (untold := self._invalid.came(self._clock.monotonic())) is not None:
            words = (frame.summary or "malformed") + (f"; {untold} more since it was told last" if untold else "")
            report = self.flows.report(SecurityEventType.INVALID_MESSAGES, words, once=True)
            task = asyncio.ensure_future(report)
            self._reports.add(task)
            task.add_done_callback(self._reports.discard)

    def converse(
        self, line: Line, *, boots: bool = True, on_accepted: Callable[[], Awaitable[None]] | None = None
    ) -> Conversation:
        """A conversation over a line that is open, or will be when its `run` is called; see Conversation.

        With `boots` a CSMS that answers nothing any more is left by the host's `reconnect`; frames that are passed to
        `hear_frame` count as life then.
        """
        return Conversation(line, self.flows, boots=boots, on_accepted=on_accepted)

    async def run(self) -> None:
        """Do what is done without a connection too, until cancelled: time, housekeeping, renewals, firmware."""
        flows = self.flows
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "timekeeping": flows.timekeeper.run,
            "settings": lambda: flows.configuration.run(self._clock),
            "full disks": lambda: flows.exhaustion.run(flows.report),
            "housekeeping": self._keep_house,
            "first certificates": self._ask_for_what_is_missing,
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

    async def install_ev_certificate(
        self,
        schema_version: str,
        exi_request_base64: str,
        action: CertificateAction,
        *,
        deadline_seconds: float = EV_DEADLINE_SECONDS,
    ) -> EvCertificateAnswer:
        """The CSMS's answer to a vehicle that wants its contract certificate (M01, M02); see EvCertificates.install."""
        return await self.flows.ev_certificates.install(
            schema_version, exi_request_base64, action, deadline_seconds=deadline_seconds
        )

    async def _renew(self, use: LeafUse, *, common_name: str) -> None:
        await self.flows.signing.enrol(use, common_name=common_name, again=False)

    async def _ask_for_what_is_missing(self) -> None:
        """Ask for each leaf that the station has none of and is to ask for by itself; again every hour.

        One that begins later isn't missing, and none is while the clock or the store can't tell.
        """
        while self._enrols:
            await self.flows.timekeeper.wait_trusted()
            next_look = self._clock.monotonic() + MISSING_SECONDS
            missing = [use for use in self._enrols if await self._is_missing(use)]
            self.flows.signing.note_next_look(missing, next_look)  # before a request may be refused
            for use in missing:
                await self._enrol_if_possible(use)
            await self._clock.sleep_until(next_look)

    async def _is_missing(self, use: LeafUse) -> bool:
        try:
            return not await asyncio.to_thread(self._security.has_leaf, LEAF_TYPES_OF[use])
        except (VaultError, VaultBusy) as fault:
            _log.warning("whether a %s leaf is missing can't be told: %s", use.name, fault)
            return False

    async def _enrol_if_possible(self, use: LeafUse) -> None:
        try:
            await self.flows.signing.enrol(use, again=False)
        except CsrNotMade as error:
            _log.warning("the %s leaf that is missing is not asked for: %s", use.name, error.why)

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
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    return  # it was to end, and failed at what it does last
            else:
                return
            await self._clock.sleep_until(self._clock.monotonic() + RESTART_SECONDS)
