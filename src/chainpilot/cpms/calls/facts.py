"""What a record of a call tells of its messages: allow-listed facts, by the message's type.

A message that is not here has no facts; a new one is no leak.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, Final

from chainpilot.cpms.calls.secrecy import WITHHELD, is_harmless_key, is_harmless_variable
from chainpilot.cpms.model.demands import VariableName
from chainpilot.pki.certificate import CertificateError, load_certificates
from chainpilot.pki.encoding import EncodingError, PemLabel, recognise
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.pnc.messages import (
    CertificateSignedRequest,
    DeleteCertificateRequest,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    InstallCertificateRequest,
    PncRequest,
    PncResponse,
    TriggerMessageRequest,
)
from chainpilot.wire.schema import Message

__all__ = ["action_of", "answer_of", "facts_of", "hash_facts"]


def action_of(request: PncRequest | Message) -> str:
    """The message's name in OCPP."""
    return type(request).__name__.removesuffix("Request")


def facts_of(request: PncRequest | Message) -> dict[str, str]:
    """What may be told of a message that we send."""
    facts = _FACTS.get(type(request))
    return facts(request) if facts is not None else {}


def _of_install(request: InstallCertificateRequest) -> dict[str, str]:
    return {"certificateType": request.certificate_type.value, **_leaf_facts(request.certificate)}


def _of_signed(request: CertificateSignedRequest) -> dict[str, str]:
    use = request.certificate_type
    return {**({"certificateType": use.value} if use else {}), **_leaf_facts(request.certificate_chain)}


def _of_list(request: GetInstalledCertificateIdsRequest) -> dict[str, str]:
    return {"certificateType": " ".join(use.value for use in request.certificate_types) or "all"}


def _of_profile(request: ocpp201.SetNetworkProfile) -> dict[str, str]:
    data = request.connection_data
    profile, version = str(data.security_profile), data.ocpp_version.value
    return {"configurationSlot": str(request.configuration_slot), "securityProfile": profile, "ocppVersion": version}


def _of_update(request: ocpp16.SignedUpdateFirmware | ocpp201.UpdateFirmware) -> dict[str, str]:
    return {"requestId": str(request.request_id), **_leaf_facts(request.firmware.signing_certificate or "")}


def _of_setting(request: ocpp16.ChangeConfiguration) -> dict[str, str]:
    return {"key": request.key, "value": request.value if is_harmless_key(request.key) else WITHHELD}


def _name(one: ocpp201.SetVariableData | ocpp201.GetVariableData) -> VariableName:
    return VariableName(one.component.name, one.variable.name, one.component.instance, one.variable.instance)


def _variables(values: Iterable[tuple[VariableName, str]]) -> dict[str, str]:
    return {str(name): value if is_harmless_variable(name) else WITHHELD for name, value in values}


def hash_facts(entry: CertificateHashData) -> dict[str, str]:
    """Hash data as the station wrote it, by OCPP's names."""
    return {
        "hashAlgorithm": entry.hash_algorithm.value,
        "issuerNameHash": entry.issuer_name_hash,
        "issuerKeyHash": entry.issuer_key_hash,
        "serialNumber": entry.serial_number,
    }


def _leaf_facts(text: str) -> dict[str, str]:
    try:
        first, *_ = load_certificates(text)
    except (CertificateError, EncodingError, ValueError):
        return {}
    return {"fingerprint": first.fingerprint, "encoding": recognise(text, PemLabel.CERTIFICATE).encoding.value}


_FACTS: Final[Mapping[type[Any], Callable[[Any], dict[str, str]]]] = {
    TriggerMessageRequest: lambda request: {"requestedMessage": request.requested_message.value},
    InstallCertificateRequest: _of_install,
    CertificateSignedRequest: _of_signed,
    DeleteCertificateRequest: lambda request: hash_facts(request.certificate_hash_data),
    GetInstalledCertificateIdsRequest: _of_list,
    ocpp16.ChangeConfiguration: _of_setting,
    ocpp16.GetConfiguration: lambda request: {"key": " ".join(request.key) or "all"},
    ocpp201.SetVariables: lambda request: _variables(
        (_name(one), one.attribute_value) for one in request.set_variable_data
    ),
    ocpp201.GetVariables: lambda request: {"variables": " ".join(str(_name(one)) for one in request.get_variable_data)},
    ocpp201.SetNetworkProfile: _of_profile,
    ocpp16.Reset: lambda request: {"type": request.type.value},
    ocpp201.Reset: lambda request: {"type": request.type.value},
    ocpp16.GetLog: lambda request: {"logType": request.log_type.value, "requestId": str(request.request_id)},
    ocpp16.SignedUpdateFirmware: _of_update,
    ocpp201.UpdateFirmware: _of_update,
}


def answer_of(response: PncResponse | Message) -> str:
    """The station's answer in a word, and its reason where it gave one."""
    if isinstance(response, GetInstalledCertificateIdsResponse):
        return f"{response.status.value}: {len(response.chains)} listed"
    if isinstance(response, ocpp16.GetConfigurationResponse):
        told, unknown = len(response.configuration_key), len(response.unknown_key)
        return f"{told} told, {unknown} unknown"
    if isinstance(response, ocpp201.SetVariablesResponse):
        return _words(one.attribute_status for one in response.set_variable_result)
    if isinstance(response, ocpp201.GetVariablesResponse):
        return _words(one.attribute_status for one in response.get_variable_result)
    status, reason = getattr(response, "status", None), _reason_of(response)
    word = status.value if isinstance(status, Enum) else "answered"
    return f"{word}: {reason}" if reason else str(word)


def _reason_of(response: Any) -> str | None:
    info = getattr(response, "status_info", None)
    if isinstance(info, ocpp201.StatusInfo):
        return ": ".join(part for part in (info.reason_code, info.additional_info) if part)
    reason = getattr(response, "reason", None)
    return reason if isinstance(reason, str) else None


def _words(statuses: Iterable[Enum]) -> str:
    return " ".join(dict.fromkeys(str(status.value) for status in statuses))
