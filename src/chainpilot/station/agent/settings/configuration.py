"""The agent's configuration as a CSMS sees it: keys of OCPP 1.6, variables and network profiles of 2.0.1.

Every change is durable before it is answered. What a value may be is `forms`', `networks`' and `standing`'s, how it is
kept is `kept_settings`'; dialling the networks is not handled here.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from chainpilot.station.agent.ports import MemoryFault
from chainpilot.station.agent.settings import standing as steps
from chainpilot.station.agent.settings.forms import HEX_PASSWORD
from chainpilot.station.agent.settings.kept import About, KeptSettings, Step, ask_store
from chainpilot.station.agent.settings.keys import BY_KEY, COMPONENTS, Access, Setting, Source, VariableName, variable
from chainpilot.station.agent.settings.networks import read_network
from chainpilot.station.agent.settings.refusals import ReasonCode, SettingRefused
from chainpilot.station.agent.settings.values import Network
from chainpilot.station.model import Secret
from chainpilot.wire.ocpp16 import (
    ChangeConfiguration,
    ChangeConfigurationResponse,
    ConfigurationStatus,
    GetConfiguration,
    GetConfigurationResponse,
    KeyValue,
)
from chainpilot.wire.ocpp201 import (
    Attribute,
    GetVariableData,
    GetVariableResult,
    GetVariables,
    GetVariablesResponse,
    GetVariableStatus,
    SetNetworkProfile,
    SetNetworkProfileResponse,
    SetNetworkProfileStatus,
    SetVariableData,
    SetVariableResult,
    SetVariables,
    SetVariablesResponse,
    SetVariableStatus,
    StatusInfo,
)

__all__ = ["About", "Configuration"]

_NO_NETWORK: Final = Network(url="", security_profile=0)
_NOT_KEPT: Final = "the station's memory can't be written now"
_WRITE_ONLY: Final = "it is a secret, and can only be set"

_log = logging.getLogger(__name__)


class Configuration(KeptSettings):
    """What a CSMS asks and changes, in the messages of either version; made by `open`."""

    # OCPP 1.6.

    async def get_configuration(self, asked: GetConfiguration) -> GetConfigurationResponse:
        """The keys asked for, or all; of AuthorizationKey only that there is one (OCPP 1.6 section 5.8)."""
        wanted = {key.lower(): key for key in asked.key} or {key: key for key in BY_KEY}
        known = [await self._key_value(BY_KEY[key]) for key in wanted if key in BY_KEY]
        return GetConfigurationResponse(
            configuration_key=tuple(known),
            unknown_key=tuple(key for small, key in wanted.items() if small not in BY_KEY),
        )

    async def _key_value(self, setting: Setting) -> KeyValue:
        told = None
        if Access.READ in setting.access:
            told = await self._told(setting) or None
        return KeyValue(key=setting.key or "", readonly=Access.WRITE not in setting.access, value=told)

    async def change_configuration(self, wanted: ChangeConfiguration) -> ChangeConfigurationResponse:
        """Change a key; Accepted once it is durable (OCPP 1.6 section 5.3)."""
        setting = BY_KEY.get(wanted.key.lower())
        if setting is None or setting.key is None:
            return ChangeConfigurationResponse(status=ConfigurationStatus.NOT_SUPPORTED)
        try:
            await self._set(setting, wanted.value, setting.key)
        except SettingRefused as refused:
            _log.info("%s is not changed: %s", setting.key, refused.why)
            return ChangeConfigurationResponse(status=ConfigurationStatus.REJECTED)
        return ChangeConfigurationResponse(status=ConfigurationStatus.ACCEPTED)

    # OCPP 2.0.1.

    async def get_variables(self, asked: GetVariables) -> GetVariablesResponse:
        """Each variable's value, or why it isn't told (use case B06)."""
        return GetVariablesResponse(
            get_variable_result=tuple([await self._get_variable(one) for one in asked.get_variable_data])
        )

    async def _get_variable(self, asked: GetVariableData) -> GetVariableResult:
        told = None
        found = _find(asked)
        status, info = GetVariableStatus.ACCEPTED, None
        if isinstance(found, _NotThere):
            status, info = GetVariableStatus(found.status.value), found.info
        elif Access.READ not in found[1].access:
            status, info = (
                GetVariableStatus.REJECTED,
                _info(ReasonCode.WRITE_ONLY, _WRITE_ONLY),
            )
        else:
            try:
                told = await self._told(found[1])
            except SettingRefused as refused:
                status, info = GetVariableStatus.REJECTED, _info(refused.code, refused.why)
        return GetVariableResult(
            attribute_status=status,
            component=asked.component,
            variable=asked.variable,
            attribute_type=asked.attribute_type,
            attribute_value=told,
            attribute_status_info=info,
        )

    async def set_variables(self, wanted: SetVariables) -> SetVariablesResponse:
        """Set each variable by itself, in order; Accepted once it is durable (use case B05)."""
        return SetVariablesResponse(
            set_variable_result=tuple([await self._set_variable(one) for one in wanted.set_variable_data])
        )

    async def _set_variable(self, wanted: SetVariableData) -> SetVariableResult:
        found = _find(wanted)
        status, info = SetVariableStatus.ACCEPTED, None
        if isinstance(found, _NotThere):
            status, info = found.status, found.info
        else:
            name, setting = found
            try:
                await self._set(setting, wanted.attribute_value, str(name))
            except SettingRefused as refused:
                _log.info("%s is not changed: %s", name, refused.why)
                status, info = SetVariableStatus.REJECTED, _info(refused.code, refused.why)
        return SetVariableResult(
            attribute_status=status,
            component=wanted.component,
            variable=wanted.variable,
            attribute_type=wanted.attribute_type,
            attribute_status_info=info,
        )

    async def set_network_profile(self, wanted: SetNetworkProfile) -> SetNetworkProfileResponse:
        """Keep a network in a slot that isn't in use; NetworkConfigurationPriority puts it to use (use case B09)."""
        slot = wanted.configuration_slot
        try:
            network = read_network(wanted.connection_data)
            await self.change(
                lambda standing: steps.with_network(standing, slot, network), changing=f"network profile {slot}"
            )
        except SettingRefused as refused:
            _log.info("the network profile is not kept: %s", refused.why)
            return SetNetworkProfileResponse(
                status=SetNetworkProfileStatus.REJECTED, status_info=_info(refused.code, refused.why)
            )
        except MemoryFault as fault:
            _log.error("the network profile is not kept: %s", fault)
            return SetNetworkProfileResponse(
                status=SetNetworkProfileStatus.FAILED, status_info=_info(ReasonCode.INTERNAL_ERROR, _NOT_KEPT)
            )
        return SetNetworkProfileResponse(status=SetNetworkProfileStatus.ACCEPTED)

    # What both versions share.

    async def _told(self, setting: Setting) -> str:
        """The present text; raises SettingRefused where the store doesn't say."""
        if setting.source is Source.STORE:
            return setting.form.write(await asyncio.to_thread(ask_store, getattr(self._facts, setting.name)))
        return setting.form.write(getattr(self._holder(setting.source), setting.name))

    def _holder(self, source: Source) -> object:
        settings = self._standing.settings
        match source:
            case Source.STATION:
                return self._about
            case Source.NETWORK:
                slot = settings.active_network
                return settings.networks.get(slot, _NO_NETWORK) if slot is not None else _NO_NETWORK
            case _:
                return settings

    async def _set(self, setting: Setting, text: str, called: str) -> None:
        """Change what a row is about, `called` so in that version; raises SettingRefused."""
        if Access.WRITE not in setting.access:
            raise SettingRefused(ReasonCode.READ_ONLY, "it can't be set")
        step = self._step(setting, setting.form.read(text))
        try:
            await self.change(step, changing=called if setting.bears_on_security else None)
        except MemoryFault as fault:
            _log.error("%s can't be kept: %s", called, fault)
            raise SettingRefused(ReasonCode.INTERNAL_ERROR, _NOT_KEPT) from fault

    def _step(self, setting: Setting, value: object) -> Step:
        match setting.name, value:
            case "security_profile", int(profile):
                return self.step_up(profile, None)
            case "priority", tuple(slots):
                return lambda standing: steps.with_priority(standing, slots, self._facts)
            case "password", Secret() as password:
                is_spelled = setting.form is HEX_PASSWORD
                return lambda standing: steps.with_password(standing, password, spelled=is_spelled)
            case _:
                return lambda standing: steps.with_value(standing, setting.name, value)


@dataclass(frozen=True, slots=True)
class _NotThere:
    """A variable that is none of ours."""

    status: SetVariableStatus
    info: StatusInfo


def _find(asked: GetVariableData | SetVariableData) -> tuple[VariableName, Setting] | _NotThere:
    component = asked.component
    if component.name.lower() not in COMPONENTS or component.instance is not None or component.evse is not None:
        info = _info(ReasonCode.NOT_FOUND, "the station has no such component")
        return _NotThere(SetVariableStatus.UNKNOWN_COMPONENT, info)
    found = variable(component, asked.variable)
    if found is None:
        info = _info(ReasonCode.NOT_FOUND, "the component has no such variable")
        return _NotThere(SetVariableStatus.UNKNOWN_VARIABLE, info)
    if asked.attribute_type not in {None, Attribute.ACTUAL}:
        info = _info(ReasonCode.UNSUPPORTED_PARAM, "variables have the attribute Actual alone")
        return _NotThere(SetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE, info)
    return found


def _info(code: ReasonCode, why: str) -> StatusInfo:
    return StatusInfo(reason_code=code.value, additional_info=why)
