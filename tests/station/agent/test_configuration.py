"""What a CSMS is told of the configuration and may change of it, in the messages of 1.6 and 2.0.1."""

import logging

import pytest

from agents_configuration import (
    HEX_PASSWORD,
    OLD_PASSWORD,
    PASSWORD,
    NotedReport,
    SetFacts,
    change,
    get_key,
    get_variable,
    networked,
    open_configuration,
    profile_in_slot,
    set_variable,
)
from agents_memory import PlainMemory
from chainpilot.station.agent.settings.keys import TABLE, Access
from chainpilot.station.model import Secret
from chainpilot.wire.ocpp16 import ConfigurationStatus, GetConfiguration
from chainpilot.wire.ocpp201 import (
    Attribute,
    Component,
    Evse,
    GetVariableData,
    GetVariables,
    GetVariableStatus,
    SetNetworkProfileStatus,
    SetVariableData,
    SetVariables,
    SetVariableStatus,
    Variable,
)
from chainpilot.wire.schema import write_message

pytestmark = pytest.mark.anyio

ACCEPTED, REJECTED, NOT_SUPPORTED = (
    ConfigurationStatus.ACCEPTED,
    ConfigurationStatus.REJECTED,
    ConfigurationStatus.NOT_SUPPORTED,
)


async def test_all_keys_are_told_where_none_is_named() -> None:
    answer = await (await open_configuration()).get_configuration(GetConfiguration())
    told = {each.key: each for each in answer.configuration_key}
    assert told.keys() == {setting.key for setting in TABLE if setting.key}
    assert answer.unknown_key == ()
    assert told["ISO15118PnCEnabled"].value == "true"
    assert told["CertSigningWaitMinimum"].value == "300"
    assert told["SecurityProfile"].value == "1"
    assert told["CertificateSignedMaxChainSize"].value == "10000"
    assert told["SupportedFeatureProfiles"].value == "Core"
    assert {key for key, each in told.items() if each.readonly} == {
        "AdditionalRootCertificateCheck",
        "CertificateSignedMaxChainSize",
        "CertificateStoreMaxLength",
        "SupportedFeatureProfiles",
    }
    write_message(answer)


async def test_keys_are_compared_without_regard_to_case_and_unknown_ones_are_told_as_such() -> None:
    configuration = await open_configuration()
    answer = await configuration.get_configuration(
        GetConfiguration(key=("cponame", "Nonsense", "CPONAME", "nonsense", "securityprofile"))
    )
    assert [each.key for each in answer.configuration_key] == ["CpoName", "SecurityProfile"]
    assert [key.lower() for key in answer.unknown_key] == ["nonsense"]
    assert await change(configuration, "CPONAME", "Chargers Ltd") is ACCEPTED
    assert (await get_key(configuration, "CpoName")).value == "Chargers Ltd"


async def test_the_password_is_never_told_only_that_there_is_one() -> None:
    configuration = await open_configuration()
    assert await change(configuration, "AuthorizationKey", HEX_PASSWORD) is ACCEPTED
    told = await get_key(configuration, "AuthorizationKey")
    assert (told.key, told.readonly, told.value) == ("AuthorizationKey", False, None)
    variable = await get_variable(configuration, "SecurityCtrlr.BasicAuthPassword")
    assert variable.attribute_status is GetVariableStatus.REJECTED
    assert variable.attribute_value is None
    assert variable.attribute_status_info is not None
    assert variable.attribute_status_info.reason_code == "WriteOnly"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ISO15118PnCEnabled", "false"),
        ("ContractValidationOffline", "true"),
        ("CentralContractValidationAllowed", "true"),
        ("CertSigningWaitMinimum", "0"),
        ("CertSigningRepeatTimes", "0"),
        ("CpoName", "Chargers Ltd"),
        ("HeartbeatInterval", "60"),
        ("WebSocketPingInterval", "0"),
    ],
)
async def test_a_key_that_was_changed_is_told_so(key: str, value: str) -> None:
    memory = PlainMemory()
    configuration = await open_configuration(memory=memory)
    assert await change(configuration, key, value) is ACCEPTED
    assert (await get_key(configuration, key)).value == value
    again = await open_configuration(memory=memory)
    assert (await get_key(again, key)).value == value


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("Nonsense", "1", NOT_SUPPORTED),
        ("", "1", NOT_SUPPORTED),
        ("NetworkConfigurationPriority", "0", NOT_SUPPORTED),
        ("CertSigningWaitMinimum", "-1", REJECTED),
        ("CertSigningRepeatTimes", "-1", REJECTED),
        ("CertSigningWaitMinimum", "soon", REJECTED),
        ("HeartbeatInterval", "0", REJECTED),
        ("CpoName", " ", REJECTED),
        ("CpoName", "a" * 65, REJECTED),
        ("AdditionalRootCertificateCheck", "true", REJECTED),
        ("CertificateSignedMaxChainSize", "1", REJECTED),
        ("CertificateStoreMaxLength", "1", REJECTED),
        ("SupportedFeatureProfiles", "Core", REJECTED),
        ("AuthorizationKey", PASSWORD, REJECTED),
        ("AuthorizationKey", HEX_PASSWORD + "0", REJECTED),
        ("SecurityProfile", "4", REJECTED),
        ("SecurityProfile", "two", REJECTED),
    ],
)
async def test_what_can_not_be_changed_stays(key: str, value: str, status: ConfigurationStatus) -> None:
    memory = PlainMemory()
    configuration = await open_configuration(memory=memory)
    before = configuration.settings
    assert await change(configuration, key, value) is status
    assert configuration.settings == before
    assert memory.documents == {}


async def test_every_variable_can_be_asked_for() -> None:
    configuration = await open_configuration(networked(2), facts=SetFacts(certificates=7))
    expected = {
        "SecurityCtrlr.Identity": "CP1",
        "SecurityCtrlr.CertificateEntries": "7",
        "SecurityCtrlr.SecurityProfile": "2",
        "SecurityCtrlr.MaxCertificateChainSize": "10000",
        "OCPPCommCtrlr.NetworkConfigurationPriority": "0",
        "OCPPCommCtrlr.ActiveNetworkProfile": "0",
        "OCPPCommCtrlr.MessageTimeout": "30",
        "OCPPCommCtrlr.FileTransferProtocols": "HTTPS",
        "OCPPCommCtrlr.HeartbeatInterval": "",
        "ISO15118Ctrlr.PnCEnabled": "true",
    }
    for setting in TABLE:
        for name in setting.variables:
            told = await get_variable(configuration, str(name))
            if Access.READ not in setting.access:
                continue
            assert told.attribute_status is GetVariableStatus.ACCEPTED
            assert told.attribute_value == expected.get(str(name), told.attribute_value)
            assert told.attribute_value is not None


async def test_one_organisation_has_the_names_of_both_components_and_of_1_6() -> None:
    configuration = await open_configuration()
    assert (await set_variable(configuration, "SecurityCtrlr.OrganizationName", "Chargers Ltd")).attribute_status is (
        SetVariableStatus.ACCEPTED
    )
    assert (await get_variable(configuration, "ISO15118Ctrlr.OrganizationName")).attribute_value == "Chargers Ltd"
    assert (await get_key(configuration, "CpoName")).value == "Chargers Ltd"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iso15118ctrlr.pncenabled", "false"),
        ("ISO15118Ctrlr.V2GCertificateInstallationEnabled", "false"),
        ("ISO15118Ctrlr.ContractCertificateInstallationEnabled", "false"),
        ("ISO15118Ctrlr.SeccId", "DE*ABC*E123*1"),
        ("ISO15118Ctrlr.CountryName", "DE"),
        ("SecurityCtrlr.CertSigningWaitMinimum", "30"),
        ("SecurityCtrlr.CertSigningRepeatTimes", "1"),
        ("OCPPCommCtrlr.HeartbeatInterval", "300"),
        ("OCPPCommCtrlr.WebSocketPingInterval", "30"),
        ("OCPPCommCtrlr.NetworkProfileConnectionAttempts", "2"),
        ("OCPPCommCtrlr.NetworkConfigurationPriority", "0"),
    ],
)
async def test_a_variable_that_was_set_is_told_so(name: str, value: str) -> None:
    configuration = await open_configuration()
    result = await set_variable(configuration, name, value)
    assert result.attribute_status is SetVariableStatus.ACCEPTED
    assert result.attribute_status_info is None
    assert (await get_variable(configuration, name)).attribute_value == value


@pytest.mark.parametrize(
    ("name", "value", "status", "code"),
    [
        ("Nonsense.Identity", "1", SetVariableStatus.UNKNOWN_COMPONENT, "NotFound"),
        ("SecurityCtrlr.PnCEnabled", "1", SetVariableStatus.UNKNOWN_VARIABLE, "NotFound"),
        ("SecurityCtrlr.Identity", "CP2", SetVariableStatus.REJECTED, "ReadOnly"),
        ("SecurityCtrlr.SecurityProfile", "2", SetVariableStatus.REJECTED, "ReadOnly"),
        ("SecurityCtrlr.CertificateEntries", "2", SetVariableStatus.REJECTED, "ReadOnly"),
        ("OCPPCommCtrlr.ActiveNetworkProfile", "1", SetVariableStatus.REJECTED, "ReadOnly"),
        ("OCPPCommCtrlr.MessageTimeout", "1", SetVariableStatus.REJECTED, "ReadOnly"),
        ("OCPPCommCtrlr.FileTransferProtocols", "FTP", SetVariableStatus.REJECTED, "ReadOnly"),
        ("ISO15118Ctrlr.PnCEnabled", "maybe", SetVariableStatus.REJECTED, "InvalidValue"),
        ("ISO15118Ctrlr.SeccId", "CP1", SetVariableStatus.REJECTED, "InvalidValue"),
        ("ISO15118Ctrlr.CountryName", "Germany", SetVariableStatus.REJECTED, "InvalidValue"),
        ("SecurityCtrlr.CertSigningWaitMinimum", "-1", SetVariableStatus.REJECTED, "ValueOutOfRange"),
        ("OCPPCommCtrlr.NetworkProfileConnectionAttempts", "0", SetVariableStatus.REJECTED, "ValueOutOfRange"),
        ("OCPPCommCtrlr.NetworkConfigurationPriority", "", SetVariableStatus.REJECTED, "InvalidValue"),
        ("OCPPCommCtrlr.NetworkConfigurationPriority", "0,3", SetVariableStatus.REJECTED, "InvalidConfSlot"),
    ],
)
async def test_every_refusal_of_a_variable_has_a_reason(
    name: str, value: str, status: SetVariableStatus, code: str
) -> None:
    memory = PlainMemory()
    configuration = await open_configuration(memory=memory)
    result = await set_variable(configuration, name, value)
    assert result.attribute_status is status
    assert result.attribute_status_info is not None
    assert result.attribute_status_info.reason_code == code
    assert result.attribute_status_info.additional_info
    assert memory.documents == {}
    write_message(result)


async def test_an_instance_or_evse_that_is_not_there_is_an_unknown_component() -> None:
    configuration = await open_configuration()
    for component in (
        Component(name="SecurityCtrlr", instance="2"),
        Component(name="ISO15118Ctrlr", evse=Evse(id=1)),
    ):
        asked = GetVariables(
            get_variable_data=(GetVariableData(component=component, variable=Variable(name="Enabled")),)
        )
        (told,) = (await configuration.get_variables(asked)).get_variable_result
        assert told.attribute_status is GetVariableStatus.UNKNOWN_COMPONENT
        assert told.component == component
        assert told.attribute_status_info is not None


@pytest.mark.parametrize("attribute", [Attribute.TARGET, Attribute.MIN_SET, Attribute.MAX_SET])
async def test_attributes_other_than_actual_are_not_supported(attribute: Attribute) -> None:
    configuration = await open_configuration()
    component, variable = Component(name="OCPPCommCtrlr"), Variable(name="HeartbeatInterval")
    asked = GetVariableData(component=component, variable=variable, attribute_type=attribute)
    wanted = SetVariableData(attribute_value="60", component=component, variable=variable, attribute_type=attribute)
    (told,) = (await configuration.get_variables(GetVariables(get_variable_data=(asked,)))).get_variable_result
    (made,) = (await configuration.set_variables(SetVariables(set_variable_data=(wanted,)))).set_variable_result
    assert told.attribute_status is GetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE
    assert made.attribute_status is SetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE
    assert told.attribute_type is made.attribute_type is attribute
    assert told.attribute_status_info is not None
    assert made.attribute_status_info is not None


async def test_the_attribute_actual_may_be_named() -> None:
    asked = GetVariableData(
        component=Component(name="SecurityCtrlr"), variable=Variable(name="Identity"), attribute_type=Attribute.ACTUAL
    )
    configuration = await open_configuration()
    (told,) = (await configuration.get_variables(GetVariables(get_variable_data=(asked,)))).get_variable_result
    assert (told.attribute_status, told.attribute_value) == (GetVariableStatus.ACCEPTED, "CP1")


async def test_several_variables_are_set_each_by_itself_in_order() -> None:
    configuration = await open_configuration()
    component = Component(name="OCPPCommCtrlr")
    items = tuple(
        SetVariableData(attribute_value=value, component=component, variable=Variable(name="HeartbeatInterval"))
        for value in ("60", "never", "90")
    )
    answer = await configuration.set_variables(SetVariables(set_variable_data=items))
    assert [result.attribute_status for result in answer.set_variable_result] == [
        SetVariableStatus.ACCEPTED,
        SetVariableStatus.REJECTED,
        SetVariableStatus.ACCEPTED,
    ]
    assert configuration.settings.heartbeat_interval == 90


async def test_a_store_that_can_not_be_read_rejects_what_needs_it_and_says_so() -> None:
    configuration = await open_configuration(facts=SetFacts(busy=True))
    told = await get_variable(configuration, "SecurityCtrlr.CertificateEntries")
    assert told.attribute_status is GetVariableStatus.REJECTED
    assert told.attribute_status_info is not None
    assert told.attribute_status_info.reason_code == "InternalError"
    assert "/certs" not in str(told.attribute_status_info)
    assert await change(configuration, "SecurityProfile", "2") is REJECTED
    assert configuration.on_trial is None


async def test_what_bears_on_security_is_reported_by_name_alone() -> None:
    report = NotedReport()
    configuration = await open_configuration(report=report)
    await change(configuration, "AuthorizationKey", HEX_PASSWORD)
    await set_variable(configuration, "securityctrlr.basicauthpassword", PASSWORD)
    await change(configuration, "CpoName", "Chargers Ltd")
    await change(configuration, "HeartbeatInterval", "60")
    await configuration.set_network_profile(profile_in_slot(1, 2))
    await set_variable(configuration, "OCPPCommCtrlr.NetworkConfigurationPriority", "1,0")
    await change(configuration, "SecurityProfile", "3")
    assert report.changed == [
        "AuthorizationKey",
        "SecurityCtrlr.BasicAuthPassword",
        "CpoName",
        "network profile 1",
        "OCPPCommCtrlr.NetworkConfigurationPriority",
        "SecurityProfile",
    ]
    assert HEX_PASSWORD not in str(report.told)


async def test_what_changed_nothing_is_not_reported() -> None:
    report = NotedReport()
    configuration = await open_configuration(report=report)
    await change(configuration, "AuthorizationKey", "short")
    await change(configuration, "SecurityProfile", "0")
    await change(configuration, "CpoName", "")
    await set_variable(configuration, "SecurityCtrlr.BasicAuthPassword", OLD_PASSWORD)
    assert report.told == []


async def test_no_secret_is_in_any_log_answer_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    memory = PlainMemory()
    configuration = await open_configuration(memory=memory)
    secrets = [OLD_PASSWORD, HEX_PASSWORD, PASSWORD, "too-short-secret"[:15], "login-secret"]
    await change(configuration, "AuthorizationKey", HEX_PASSWORD)
    await change(configuration, "AuthorizationKey", secrets[3])
    answers: list[object] = [await set_variable(configuration, "SecurityCtrlr.BasicAuthPassword", PASSWORD)]
    answers.append(await set_variable(configuration, "SecurityCtrlr.BasicAuthPassword", secrets[3]))
    answers.append(await configuration.get_configuration(GetConfiguration()))
    wanted = profile_in_slot(2, 2, ocpp_csms_url="wss://me:login-secret@csms.example")
    answers.append(await configuration.set_network_profile(wanted))
    memory.full = True
    answers.append(await change(configuration, "AuthorizationKey", HEX_PASSWORD))
    memory.full = False
    memory.documents["settings"] = memory.documents["settings"][:-5]
    await open_configuration(memory=memory)
    text = "\n".join([caplog.text, *map(repr, answers), repr(configuration.settings), repr(configuration.passwords())])
    assert caplog.records
    for secret in secrets:
        assert secret not in text


async def test_a_network_profile_that_is_refused_says_why() -> None:
    configuration = await open_configuration(networked(2))
    answer = await configuration.set_network_profile(profile_in_slot(1, 1))
    assert answer.status is SetNetworkProfileStatus.REJECTED
    assert answer.status_info is not None
    assert answer.status_info.reason_code == "NoSecurityDowngrade"
    write_message(answer)


async def test_passwords_of_1_6_are_kept_as_their_text() -> None:
    configuration = await open_configuration()
    await change(configuration, "AuthorizationKey", HEX_PASSWORD.lower())
    assert configuration.settings.password == Secret(HEX_PASSWORD.lower())
