"""A configuration of the agent over a plain memory, with facts that tests set and reports that they read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agents_memory import PlainMemory
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.ports import FloorUnreadable, Memory, MemoryFault, ProfileFloor
from chainpilot.station.agent.settings.configuration import About, Configuration
from chainpilot.station.agent.settings.values import Network, Settings
from chainpilot.station.model import Secret
from chainpilot.station.vault import VaultBusy
from chainpilot.wire.ocpp16 import ChangeConfiguration, ConfigurationStatus, GetConfiguration, KeyValue
from chainpilot.wire.ocpp201 import (
    Component,
    ConnectionData,
    GetVariableData,
    GetVariableResult,
    GetVariables,
    NetworkInterface,
    ProfileVersion,
    SetNetworkProfile,
    SetVariableData,
    SetVariableResult,
    SetVariables,
    Transport,
    Variable,
)

__all__ = [
    "HEX_PASSWORD",
    "OLD_PASSWORD",
    "PASSWORD",
    "NotedReport",
    "SetFacts",
    "SetFloor",
    "change",
    "connection_data",
    "get_key",
    "get_variable",
    "networked",
    "open_configuration",
    "profile_in_slot",
    "set_variable",
]

OLD_PASSWORD = "factory-password-0001"
PASSWORD = "correct-horse-battery"
HEX_PASSWORD = "00112233445566778899AABBCCDDEEFF"


@dataclass(slots=True)
class SetFacts:
    """What the store would say; `busy` makes it say nothing."""

    root: bool = True
    client_certificate: bool = True
    certificates: int = 3
    busy: bool = False

    def has_csms_root(self) -> bool:
        self._ask()
        return self.root

    def has_client_certificate(self) -> bool:
        self._ask()
        return self.client_certificate

    def installed_certificates(self) -> int:
        self._ask()
        return self.certificates

    def _ask(self) -> None:
        if self.busy:
            raise VaultBusy(Path("/certs"), 30.0)


@dataclass(slots=True)
class NotedReport:
    """Keeps the security events it is told."""

    told: list[tuple[SecurityEventType, str | None]] = field(default_factory=list)

    async def __call__(self, kind: SecurityEventType, tech_info: str | None = None, *, once: bool = False) -> None:
        self.told.append((kind, tech_info))

    @property
    def changed(self) -> list[str | None]:
        """What of the reconfigurations was named."""
        return [name for kind, name in self.told if kind is SecurityEventType.RECONFIGURATION_OF_SECURITY_PARAMETERS]


@dataclass(slots=True)
class SetFloor:
    """The second place of the floor, in RAM; `full` lets nothing be written, `spoiled` nothing be read."""

    profile: int | None = None
    full: bool = False
    spoiled: bool = False

    def read(self) -> int | None:
        if self.spoiled:
            raise FloorUnreadable("agent.floor can't be read")
        return self.profile

    def keep(self, profile: int) -> None:
        if self.full:
            raise MemoryFault("no space is left on the disk")
        self.profile, self.spoiled = profile, False


def networked(profile: int = 1, *, password: str = OLD_PASSWORD, **changes: Any) -> Settings:
    """Settings with one network, in slot 0, over which the CSMS accepted the station."""
    scheme = "wss" if profile >= 2 else "ws"
    network = Network(url=f"{scheme}://csms.example/ocpp", security_profile=profile)
    fields: dict[str, Any] = {
        "password": Secret(password),
        "networks": MappingProxyType({0: network}),
        "priority": (0,),
        "active_network": 0,
        **changes,
    }
    return Settings(**fields)


async def open_configuration(
    initial: Settings | None = None,
    memory: Memory | None = None,
    *,
    facts: SetFacts | None = None,
    report: NotedReport | None = None,
    floor: ProfileFloor | None = None,
    why_lost: str | None = None,
    url_by_profile: Mapping[int, str] | None = None,
) -> Configuration:
    """The configuration of the station CP1; over profile 1 unless the settings say otherwise."""
    return await Configuration.open(
        initial if initial is not None else networked(),
        memory if memory is not None else PlainMemory(),
        about=About(identity="CP1"),
        facts=facts or SetFacts(),
        report=report or NotedReport(),
        floor=floor,
        why_lost=why_lost,
        url_by_profile=url_by_profile or {},
    )


async def change(configuration: Configuration, key: str, value: str) -> ConfigurationStatus:
    """What ChangeConfiguration is answered with."""
    return (await configuration.change_configuration(ChangeConfiguration(key=key, value=value))).status


async def get_key(configuration: Configuration, key: str) -> KeyValue:
    """What GetConfiguration tells of one key that it knows."""
    answer = await configuration.get_configuration(GetConfiguration(key=(key,)))
    assert answer.unknown_key == ()
    (told,) = answer.configuration_key
    return told


async def set_variable(configuration: Configuration, name: str, value: str) -> SetVariableResult:
    """What SetVariables answers for one `Component.Variable`."""
    component, _, variable = name.partition(".")
    wanted = SetVariableData(
        attribute_value=value, component=Component(name=component), variable=Variable(name=variable)
    )
    (result,) = (await configuration.set_variables(SetVariables(set_variable_data=(wanted,)))).set_variable_result
    return result


async def get_variable(configuration: Configuration, name: str) -> GetVariableResult:
    """What GetVariables answers for one `Component.Variable`."""
    component, _, variable = name.partition(".")
    asked = GetVariableData(component=Component(name=component), variable=Variable(name=variable))
    (result,) = (await configuration.get_variables(GetVariables(get_variable_data=(asked,)))).get_variable_result
    return result


def connection_data(profile: int, **changes: Any) -> ConnectionData:
    """A network profile of OCPP 2.0.1 over JSON for that security profile."""
    scheme = "wss" if profile >= 2 else "ws"
    fields: dict[str, Any] = {
        "ocpp_version": ProfileVersion.OCPP20,
        "ocpp_transport": Transport.JSON,
        "ocpp_csms_url": f"{scheme}://other.example/ocpp",
        "message_timeout": 30,
        "security_profile": profile,
        "ocpp_interface": NetworkInterface.WIRED0,
        **changes,
    }
    return ConnectionData(**fields)


def profile_in_slot(slot: int, profile: int, **changes: Any) -> SetNetworkProfile:
    """The call that keeps that network profile in that slot."""
    return SetNetworkProfile(configuration_slot=slot, connection_data=connection_data(profile, **changes))
