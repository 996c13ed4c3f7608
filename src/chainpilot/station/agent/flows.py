"""The agent's flows, side by side: what answers, what says something over a line, and what runs by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from chainpilot.clock import Clock
from chainpilot.station.agent.certificates import CertificateDesk
from chainpilot.station.agent.contracts.authorization import Contracts
from chainpilot.station.agent.contracts.ev_certificate import EvCertificates
from chainpilot.station.agent.enrolment.renewal import Renewal
from chainpilot.station.agent.enrolment.signing import Signing
from chainpilot.station.agent.events.reporting import Reporter
from chainpilot.station.agent.exhaustion import Exhaustion
from chainpilot.station.agent.firmware.updates import FirmwareUpdates
from chainpilot.station.agent.logs.upload import LogUploads
from chainpilot.station.agent.ocsp_upkeep import OcspUpkeep
from chainpilot.station.agent.ports import Host
from chainpilot.station.agent.presence import Presence
from chainpilot.station.agent.resets import Resets
from chainpilot.station.agent.roots import RootsInUse
from chainpilot.station.agent.settings.configuration import Configuration
from chainpilot.station.agent.speech import Dialects, Speech
from chainpilot.station.agent.timekeeping.keeper import Timekeeper

__all__ = ["Flows", "Voices"]


@dataclass(slots=True)
class Voices:
    """Whether the CSMS can be asked now: it has accepted the station over the connection that is open."""

    present: Speech | None = None

    @contextmanager
    def heard_over(self, speech: Speech) -> Iterator[None]:
        """Ask over that connection while it lasts."""
        self.present = speech
        try:
            yield
        finally:
            if self.present is speech:  # a later connection may have begun before this one was cleared away
                self.present = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """All of them, made once."""

    clock: Clock
    configuration: Configuration
    certificates: CertificateDesk
    contracts: Contracts
    dialects: Dialects
    ev_certificates: EvCertificates
    exhaustion: Exhaustion
    firmware: FirmwareUpdates
    host: Host
    logs: LogUploads
    presence: Presence
    renewal: Renewal
    report: Reporter
    resets: Resets
    roots: RootsInUse
    signing: Signing
    timekeeper: Timekeeper
    upkeep: OcspUpkeep
    voices: Voices = field(default_factory=Voices)
