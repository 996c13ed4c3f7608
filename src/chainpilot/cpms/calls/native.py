"""The calls that have nothing to do with certificates, in the words of the station's version.

`messages` makes what is sent; it is called when a call is ordered too, so that what can't be written is refused then.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from chainpilot.cpms.calls.conversation import Conversation
from chainpilot.cpms.calls.facts import answer_of
from chainpilot.cpms.calls.secrecy import WITHHELD, file_name, is_harmless_key, is_harmless_variable
from chainpilot.cpms.model.calls import CallId
from chainpilot.cpms.model.demands import (
    ChangeConfiguration,
    ChangePassword,
    GetConfiguration,
    GetLog,
    GetVariables,
    Reset,
    ResetTime,
    SetNetworkProfile,
    SetVariables,
    SignedUpdateFirmware,
    VariableName,
    VariableValue,
)
from chainpilot.cpms.passwords import NewKey
from chainpilot.cpms.ports import NotSpoken, StationRefused, StationUndecided
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.schema import Message
from chainpilot.wire.version import OcppVersion

__all__ = ["Native", "change_password", "is_yes", "messages", "tell"]

V16, V201 = OcppVersion.V16, OcppVersion.V201

Native = (
    ChangeConfiguration
    | GetConfiguration
    | SetVariables
    | GetVariables
    | SetNetworkProfile
    | Reset
    | GetLog
    | SignedUpdateFirmware
)
"""Demands that one of OCPP's own messages says."""

_RESET_16: Final = {ResetTime.NOW: ocpp16.ResetType.HARD, ResetTime.IDLE: ocpp16.ResetType.SOFT}
_RESET_201: Final = {ResetTime.NOW: ocpp201.ResetType.IMMEDIATE, ResetTime.IDLE: ocpp201.ResetType.ON_IDLE}


def messages(demand: Native, call_id: CallId) -> Mapping[OcppVersion, Message]:
    """What says it, by the versions that can."""
    return _MESSAGES[type(demand)](demand, call_id)


def _set_variables(demand: SetVariables) -> ocpp201.SetVariables:
    return ocpp201.SetVariables(tuple(_set(one) for one in demand.variables))


def _get_variables(demand: GetVariables) -> ocpp201.GetVariables:
    return ocpp201.GetVariables(
        tuple(ocpp201.GetVariableData(_component(one), _variable(one)) for one in demand.variables)
    )


def _set(one: VariableValue) -> ocpp201.SetVariableData:
    return ocpp201.SetVariableData(one.value, _component(one.name), _variable(one.name))


def _component(name: VariableName) -> ocpp201.Component:
    return ocpp201.Component(name.component, instance=name.component_instance)


def _variable(name: VariableName) -> ocpp201.Variable:
    return ocpp201.Variable(name.variable, instance=name.variable_instance)


def _log(demand: GetLog, call_id: CallId) -> ocpp201.GetLog:
    parameters = ocpp201.LogParameters(demand.remote_location, demand.oldest_timestamp, demand.latest_timestamp)
    return ocpp201.GetLog(parameters, demand.log_type, call_id, demand.retries, demand.retry_interval)


def _update(demand: SignedUpdateFirmware, call_id: CallId) -> Mapping[OcppVersion, Message]:
    signed = ocpp16.SignedFirmware(
        demand.location,
        demand.retrieve_date_time,
        demand.signing_certificate,
        demand.signature,
        demand.install_date_time,
    )
    firmware = ocpp201.Firmware(
        demand.location,
        demand.retrieve_date_time,
        demand.install_date_time,
        demand.signing_certificate,
        demand.signature,
    )
    return {
        V16: ocpp16.SignedUpdateFirmware(call_id, signed, demand.retries, demand.retry_interval),
        V201: ocpp201.UpdateFirmware(call_id, firmware, demand.retries, demand.retry_interval),
    }


_MESSAGES: Final[Mapping[type[Any], Callable[[Any, CallId], Mapping[OcppVersion, Message]]]] = {
    ChangeConfiguration: lambda demand, _: {V16: ocpp16.ChangeConfiguration(demand.key, demand.value)},
    GetConfiguration: lambda demand, _: {V16: ocpp16.GetConfiguration(demand.keys)},
    SetVariables: lambda demand, _: {V201: _set_variables(demand)},
    GetVariables: lambda demand, _: {V201: _get_variables(demand)},
    SetNetworkProfile: lambda demand, _: {
        V201: ocpp201.SetNetworkProfile(demand.configuration_slot, demand.connection_data)
    },
    Reset: lambda demand, _: {V16: ocpp16.Reset(_RESET_16[demand.time]), V201: ocpp201.Reset(_RESET_201[demand.time])},
    GetLog: lambda demand, call_id: dict.fromkeys((V16, V201), _log(demand, call_id)),
    SignedUpdateFirmware: _update,
}


async def tell(talk: Conversation, demand: Native) -> Mapping[str, object]:
    """What the station told. Raises StationRefused if it said no to any of it, NotSpoken, StationUndecided."""
    version = talk.version
    message = messages(demand, talk.call.call_id).get(version)
    if message is None:
        raise NotSpoken(f"the station speaks {version.value}, which has no {type(demand).__name__}")
    response = await _told(talk, message)
    return talk.findings or _findings(message, response)


async def _told(talk: Conversation, message: Message, **facts: str) -> Message:
    """The answer, if it says yes to all that was asked.

    Raises StationRefused if it says no to any of it, StationUndecided if it leaves something out, NotSpoken.
    """
    response = await talk.tell(message, **facts)
    match message, response:
        case ocpp201.SetVariables(data), ocpp201.SetVariablesResponse(results):
            said = {str(_name(one)): result.attribute_status.value for one, result in _matched(data, results)}
            talk.findings = {"variables": said}
            refused = [f"{name} {status}" for name, status in said.items() if status not in _YES]
            if refused:
                raise StationRefused(", ".join(refused))
        case ocpp16.GetConfiguration() | ocpp201.GetVariables(), _:
            pass  # what could not be told stands among the findings
        case _ if not is_yes(answer_of(response)):
            raise StationRefused(answer_of(response))
        case _:
            pass
    return response


_YES: Final = frozenset({"Accepted", "AcceptedCanceled", "RebootRequired", "Scheduled"})
"""Words of any of these answers that say that it is done, or will be."""

_Q = TypeVar("_Q", ocpp201.SetVariableData, ocpp201.GetVariableData)
_R = TypeVar("_R", ocpp201.SetVariableResult, ocpp201.GetVariableResult)


def is_yes(answer: str) -> bool:
    """Whether an answer, as it is recorded, says that it is done or will be."""
    return answer.partition(":")[0] in _YES


def _matched(asked: tuple[_Q, ...], results: tuple[_R, ...]) -> list[tuple[_Q, _R]]:
    """Each question with its one result; the names are ours. Raises StationUndecided where one has none or several."""
    pairs = []
    for one in asked:
        mine = [result for result in results if str(_name(result)).lower() == str(_name(one)).lower()]
        if len(mine) != 1:
            raise StationUndecided(f"its answer has {len(mine)} results for {_name(one)}", sent=True)
        pairs.append((one, mine[0]))
    return pairs


def _findings(message: Message, response: Message) -> Mapping[str, object]:
    """Values are kept of what is known to be harmless alone: a station may tell what it should keep to itself."""
    match message, response:
        case ocpp16.GetConfiguration(), ocpp16.GetConfigurationResponse():
            told = {
                one.key: one.value if one.value is None or is_harmless_key(one.key) else WITHHELD
                for one in response.configuration_key
            }
            return {"keys": told, "unknown": list(response.unknown_key)}
        case ocpp201.GetVariables(data), ocpp201.GetVariablesResponse(told_of):
            return {"variables": {str(_name(one)): _value(one, result) for one, result in _matched(data, told_of)}}
        case _, ocpp16.GetLogResponse() | ocpp201.GetLogResponse() if response.filename is not None:
            return {"status": response.status.value, "filename": file_name(response.filename)}
        case _:
            return {"status": answer_of(response).partition(":")[0]}


def _value(asked: ocpp201.GetVariableData, result: ocpp201.GetVariableResult) -> dict[str, str]:
    status = {"status": result.attribute_status.value}
    if result.attribute_value is None:
        return status
    return {**status, "value": result.attribute_value if is_harmless_variable(_name(asked)) else WITHHELD}


def _name(
    one: ocpp201.SetVariableData | ocpp201.GetVariableData | ocpp201.SetVariableResult | ocpp201.GetVariableResult,
) -> VariableName:
    return VariableName(one.component.name, one.variable.name, one.component.instance, one.variable.instance)


_PASSWORD_201: Final = VariableName("SecurityCtrlr", "BasicAuthPassword")


async def change_password(talk: Conversation, demand: ChangePassword) -> Mapping[str, object]:
    """Whether the station uses it at once. Raises StationRefused, StationUndecided.

    The password is made here and exists nowhere else but in the message; the ledger holds its hashes before it is sent.
    Until it is known which one the station took, the old one and every new one let it in; Accepted ends the old one
    (A01.03), RebootRequired only once the station has come in with the new one.
    """
    del demand
    ledger, station_id = talk.office.ledger, talk.call.station_id
    taken = _mark((await talk.station()).password_hash)
    if any(taken in one.sent.get(_OFFER, "").split() for one in talk.call.exchanges):
        return {"in_force": "at once"}  # an earlier try's answer got lost, and the station came in with its password
    key = NewKey.make()
    message: Message
    if talk.version is V16:
        message, hashes = ocpp16.ChangeConfiguration("AuthorizationKey", key.text), key.hashes
    else:
        message, hashes = ocpp201.SetVariables((_set(VariableValue(_PASSWORD_201, key.text)),)), key.hashes[:1]
    await ledger.offer_password(station_id, hashes)
    try:
        response = await _told(talk, message, **{_OFFER: " ".join(map(_mark, hashes))})
    except StationRefused:
        await ledger.withdraw_password(station_id, hashes)
        raise
    needs_reboot = "RebootRequired" in answer_of(response)
    if not needs_reboot:
        await ledger.set_password(station_id, hashes[0], hashes[1:])
    return {"in_force": "after a reset" if needs_reboot else "at once"}


_OFFER: Final = "offer"


def _mark(password_hash: str) -> str:
    """What tells one stored hash from another and nothing of the password."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]
