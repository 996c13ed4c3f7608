"""What the flows' station keeps of what it is told, and what it says to it."""

import pytest

from chainpilot.station.model import Secret
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.schema import Message
from chainpilot.wire.security import GetLog, LogParameters, LogType
from flows.orders import ORDERS, Obedience, word_of
from flows.recorder import Recorder

SECURITY, NETWORK = ocpp201.Component("SecurityCtrlr"), ocpp201.Component("OCPPCommCtrlr")
WAY = ocpp201.ConnectionData(
    ocpp201.ProfileVersion.OCPP20,
    ocpp201.Transport.JSON,
    "wss://csms.example.org/ocpp/CS-0001",
    message_timeout=30,
    security_profile=3,
    ocpp_interface=ocpp201.NetworkInterface.WIRED0,
)


def setting(component: ocpp201.Component, variable: str, value: str) -> ocpp201.SetVariables:
    return ocpp201.SetVariables((ocpp201.SetVariableData(value, component, ocpp201.Variable(variable)),))


@pytest.mark.parametrize(
    ("order", "word"),
    [
        (ocpp16.ChangeConfiguration("AuthorizationKey", "new"), "Accepted"),
        (setting(SECURITY, "BasicAuthPassword", "new"), "RebootRequired"),
    ],
    ids=["1.6", "2.0.1"],
)
def test_a_password_is_for_the_next_connection_and_in_no_note(order: Message, word: str) -> None:
    recorder = Recorder()
    obedience = Obedience(Secret("old"), recorder)
    assert word_of(obedience.answer(order)) == word
    assert obedience.password == Secret("new")
    assert [line.text for line in recorder.lines()] == ["on disk: the new password, for the next connection"]


def test_the_way_is_the_slot_that_comes_first() -> None:
    obedience = Obedience(Secret("old"), Recorder())
    assert word_of(obedience.answer(ocpp201.SetNetworkProfile(2, WAY))) == "Accepted"
    assert obedience.way is None
    assert word_of(obedience.answer(setting(NETWORK, "NetworkConfigurationPriority", "2,1"))) == "RebootRequired"
    assert obedience.way == WAY


def test_a_variable_that_it_lacks_is_told() -> None:
    said = Obedience(Secret("old"), Recorder()).answer(setting(NETWORK, "Colour", "blue"))
    assert word_of(said) == "UnknownVariable"


def test_a_log_is_promised_under_the_number_it_was_asked_by() -> None:
    obedience = Obedience(Secret("old"), Recorder())
    asked = GetLog(LogParameters("https://logs.example.org"), LogType.SECURITY_LOG, 7)
    assert word_of(obedience.answer(asked)) == "Accepted"
    assert obedience.log_asked == 7


def test_the_orders_are_those_of_the_versions() -> None:
    assert {action for orders in ORDERS.values() for action in orders} >= {"Reset", "GetLog", "SetVariables"}
