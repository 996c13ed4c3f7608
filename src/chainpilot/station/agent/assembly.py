"""How the agent's flows are made and joined; nothing is asked or said here."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from chainpilot.clock import Clock
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.certificates import CertificateDesk
from chainpilot.station.agent.contracts.authorization import Contracts, LocalList
from chainpilot.station.agent.contracts.ev_certificate import EvCertificates
from chainpilot.station.agent.enrolment.renewal import Renewal
from chainpilot.station.agent.enrolment.signing import Signing
from chainpilot.station.agent.events.reporting import Reporter
from chainpilot.station.agent.exhaustion import Exhaustion, MindedMemory, Place
from chainpilot.station.agent.firmware.updates import FirmwareUpdates
from chainpilot.station.agent.flows import Flows, Voices
from chainpilot.station.agent.logs.text import security_lines
from chainpilot.station.agent.logs.upload import LogUploads
from chainpilot.station.agent.ocsp_upkeep import OcspUpkeep
from chainpilot.station.agent.ports import DiagnosticsLog, FirmwareInstaller, Host, Memory, ProfileFloor, Transfers
from chainpilot.station.agent.presence import Identity, Presence
from chainpilot.station.agent.resets import Resets
from chainpilot.station.agent.roots import RootsInUse
from chainpilot.station.agent.settings.configuration import Configuration
from chainpilot.station.agent.settings.facts import StoreFacts
from chainpilot.station.agent.settings.kept import About
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.agent.setup import StationConfig, initial_settings
from chainpilot.station.agent.speech import Dialects, Speech
from chainpilot.station.agent.timekeeping.keeper import Timekeeper
from chainpilot.station.service import EvseSecurity
from chainpilot.station.watch import StationWatch

__all__ = ["World", "assemble"]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is around an agent; see Agent."""

    security: EvseSecurity
    memory: Memory
    host: Host
    transfers: Transfers
    clock: Clock
    watch: StationWatch
    installer: FirmwareInstaller | None
    diagnostics: DiagnosticsLog | None
    local_list: LocalList | None
    staging: Path | None
    floor: ProfileFloor | None
    opened_anew: str | None


def assemble(config: StationConfig, world: World) -> Flows:
    """The flows of an agent, which read what was remembered; may block. Raises MemoryFault."""
    exhaustion = Exhaustion(world.clock)
    world.security.subscribe_room(partial(exhaustion.heard, Place.STORE))
    world = replace(world, memory=MindedMemory(world.memory, exhaustion))
    security, memory, clock = world.security, world.memory, world.clock
    report = Reporter(memory, clock=clock)
    configuration = _configuration(config, world, report)
    timekeeper = Timekeeper(clock, memory, report, assume_time_ok=config.assume_time_ok)
    voices, roots = Voices(), RootsInUse(security)

    def settings() -> Settings:
        return configuration.settings

    def voice() -> Speech | None:
        return voices.present

    signing = Signing(security, memory, settings, station_id=config.station_id, clock=clock, watch=world.watch)

    return Flows(
        clock=clock,
        configuration=configuration,
        certificates=CertificateDesk(
            security,
            settings,
            roots,
            report,
            world.watch,
            why_untimed=lambda: timekeeper.why_untrusted,
            asks_again_at=signing.asks_again_at,
        ),
        contracts=Contracts(
            security,
            memory,
            settings,
            voice,
            clock,
            is_time_trusted=lambda: timekeeper.is_trusted,
            local_list=world.local_list,
        ),
        dialects=Dialects(memory),
        ev_certificates=EvCertificates(settings, voice, clock),
        exhaustion=exhaustion,
        firmware=_firmware(world, report),
        host=world.host,
        logs=LogUploads(world.transfers, security_lines(report), world.diagnostics, clock=clock),
        presence=Presence(_identity(config), settings, clock=clock, watch=world.watch, heard=timekeeper.heard),
        renewal=_renewal(config, world, timekeeper, configuration),
        report=report,
        resets=Resets(world.host, clock),
        roots=roots,
        signing=signing,
        timekeeper=timekeeper,
        upkeep=OcspUpkeep(security, clock, timekeeper),
        voices=voices,
    )


def _identity(config: StationConfig) -> Identity:
    return Identity(config.vendor, config.model, config.serial_number, config.firmware_version)


def _configuration(config: StationConfig, world: World, report: Reporter) -> Configuration:
    return Configuration.begun(
        initial_settings(config),
        world.memory,
        about=About(identity=config.station_id),
        facts=StoreFacts(world.security, world.clock),
        report=report,
        floor=world.floor,
        why_lost=world.opened_anew,
        url_by_profile=config.urls,
    )


def _firmware(world: World, report: Reporter) -> FirmwareUpdates:
    return FirmwareUpdates(
        world.security,
        world.memory,
        world.transfers,
        world.installer if world.staging is not None else None,
        staging=world.staging or Path(),
        clock=world.clock,
        report=report,
        events_told=report.until_told,
    )


def _renewal(config: StationConfig, world: World, timekeeper: Timekeeper, configuration: Configuration) -> Renewal:
    def names(use: LeafUse) -> tuple[str, ...]:
        return (configuration.settings.secc_id if use is LeafUse.V2G else config.station_id,)

    return Renewal(
        world.security,
        world.clock,
        timekeeper,
        names=names,
        security_profile=lambda: configuration.settings.security_profile,
    )
