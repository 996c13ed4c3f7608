"""What a station of the flows makes of OCPP's own orders: settings, network profiles, restarts, logs."""

from collections.abc import Mapping
from typing import Final

from chainpilot.station.model import Secret
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.schema import Message
from chainpilot.wire.version import OcppVersion
from flows.recorder import Recorder
from flows.recording import Party, durable

__all__ = ["ORDERS", "Obedience", "word_of"]

ORDERS: Final[Mapping[OcppVersion, Mapping[str, type[Message]]]] = {
    version: {kind.__name__: kind for kind in answers}
    for version, answers in ((OcppVersion.V16, ocpp16.ANSWERS), (OcppVersion.V201, ocpp201.ANSWERS))
}
"""By the action that says them."""
_PASSWORD_16: Final = "AuthorizationKey"
_PASSWORD_201: Final = "BasicAuthPassword"
_PRIORITY: Final = "NetworkConfigurationPriority"
_SET = ocpp201.SetVariableStatus
_LOG: Final = "security.log"


class Obedience:
    """Keeps what it is told, and uses it from the next connection on.

    Args:
        password: the one that the station came with.
        recorder: told what is kept.
    """

    def __init__(self, password: Secret, recorder: Recorder) -> None:
        self.password = password
        self.log_asked: int | None = None
        """The requestId of the last GetLog."""
        self._recorder = recorder
        self._slots: dict[int, ocpp201.ConnectionData] = {}
        self._first: int | None = None

    @property
    def way(self) -> ocpp201.ConnectionData | None:
        """The network profile that comes first, if one was chosen among those that were set."""
        return self._slots[self._first] if self._first is not None else None

    def answer(self, message: Message) -> Message:
        """Do it, and say so."""
        match message:
            case ocpp16.ChangeConfiguration(key=key) if key == _PASSWORD_16:
                self._take(message.value)
                return ocpp16.ChangeConfigurationResponse(ocpp16.ConfigurationStatus.ACCEPTED)
            case ocpp201.SetVariables():
                return ocpp201.SetVariablesResponse(tuple(self._set(one) for one in message.set_variable_data))
            case ocpp201.SetNetworkProfile(configuration_slot=slot, connection_data=data):
                self._slots[slot] = data
                self._keep(f"network profile in slot {slot}, for security profile {data.security_profile}")
                return ocpp201.SetNetworkProfileResponse(ocpp201.SetNetworkProfileStatus.ACCEPTED)
            case ocpp16.Reset():
                return ocpp16.ResetResponse(ocpp16.ResetStatus.ACCEPTED)
            case ocpp201.Reset():
                return ocpp201.ResetResponse(ocpp201.ResetStatus.ACCEPTED)
            case ocpp201.GetLog(request_id=request_id):  # 1.6 has the same one
                self.log_asked = request_id
                return ocpp201.GetLogResponse(ocpp201.LogStatus.ACCEPTED, _LOG)
            case _:
                raise NotImplementedError(type(message).__name__)

    def _set(self, one: ocpp201.SetVariableData) -> ocpp201.SetVariableResult:
        match one.variable.name:
            case name if name == _PASSWORD_201:
                self._take(one.attribute_value)
                status = _SET.REBOOT_REQUIRED
            case name if name == _PRIORITY:
                self._first = int(one.attribute_value.split(",")[0])
                self._keep(f"slot {self._first} comes first")
                status = _SET.REBOOT_REQUIRED
            case _:
                status = _SET.UNKNOWN_VARIABLE
        return ocpp201.SetVariableResult(status, one.component, one.variable)

    def _take(self, password: str) -> None:
        self.password = Secret(password)
        self._keep("the new password, for the next connection")

    def _keep(self, what: str) -> None:
        self._recorder.tell(durable(Party.STATION, what))


def word_of(response: Message) -> str:
    """The status words of an answer to an order."""
    if isinstance(response, ocpp201.SetVariablesResponse):
        return ", ".join(one.attribute_status.value for one in response.set_variable_result)
    status = getattr(response, "status", None)
    return str(getattr(status, "value", ""))
