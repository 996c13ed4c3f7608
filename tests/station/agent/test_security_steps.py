"""Up from one security profile to the next, and never down: use cases A05, B09 and B10 as the agent decides them."""

import logging
from types import MappingProxyType

import pytest

from agents_configuration import (
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
from chainpilot.station.agent.itinerary import Itinerary
from chainpilot.station.agent.settings.configuration import Configuration
from chainpilot.station.agent.settings.networks import LAST_SLOT
from chainpilot.station.agent.settings.refusals import StepRefused
from chainpilot.station.agent.settings.values import MAX_NETWORKS, Network, Settings
from chainpilot.wire.ocpp16 import ConfigurationStatus
from chainpilot.wire.ocpp201 import (
    Apn,
    ApnAuthentication,
    ProfileVersion,
    SetNetworkProfileStatus,
    SetVariableStatus,
    Transport,
)
from chainpilot.wire.version import OcppVersion

pytestmark = pytest.mark.anyio

PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"
ACCEPTED, REJECTED = ConfigurationStatus.ACCEPTED, ConfigurationStatus.REJECTED


def _slots(configuration: Configuration) -> list[int]:
    return [slot for slot, _ in configuration.candidates()]


async def _refusal(configuration: Configuration, slot: int, profile: int, **changes: object) -> str:
    before = configuration.settings
    answer = await configuration.set_network_profile(profile_in_slot(slot, profile, **changes))
    assert answer.status is SetNetworkProfileStatus.REJECTED
    assert answer.status_info is not None
    assert answer.status_info.additional_info
    assert configuration.settings == before
    return answer.status_info.reason_code


# 1.6


@pytest.mark.parametrize("profile", [1, 2])
async def test_tc_083_a_step_up_is_tried_first_and_ends_the_old_profile_once_it_worked(profile: int) -> None:
    memory = PlainMemory()
    configuration = await open_configuration(networked(profile), memory)
    assert await change(configuration, "SecurityProfile", str(profile + 1)) is ACCEPTED
    (new, first), (old, second) = configuration.candidates()
    assert (first.security_profile, second.security_profile, old) == (profile + 1, profile, 0)
    assert first.url == "wss://csms.example/ocpp"
    assert configuration.on_trial == new
    assert (await get_key(configuration, "SecurityProfile")).value == str(profile)

    after_reset = await open_configuration(networked(profile), memory)
    assert _slots(after_reset) == [new, old]
    await after_reset.accepted_over(new)
    assert _slots(after_reset) == [new]
    assert after_reset.on_trial is None
    assert after_reset.settings.networks.keys() == {new}
    assert (await get_key(after_reset, "SecurityProfile")).value == str(profile + 1)

    later = await open_configuration(networked(profile), memory)
    assert later.settings == after_reset.settings
    assert _slots(later) == [new]


@pytest.mark.parametrize("current", [1, 2, 3])
async def test_tc_084_a_profile_that_is_not_higher_is_rejected(current: int) -> None:
    configuration = await open_configuration(networked(current))
    for profile in range(current + 1):
        assert await change(configuration, "SecurityProfile", str(profile)) is REJECTED
    assert _slots(configuration) == [0]


@pytest.mark.parametrize(
    ("current", "wanted", "facts", "password", "status"),
    [
        (0, 1, SetFacts(), "", REJECTED),
        (0, 1, SetFacts(root=False, client_certificate=False), "a password", ACCEPTED),
        (1, 2, SetFacts(), "", REJECTED),
        (1, 2, SetFacts(root=False), "a password", REJECTED),
        (1, 2, SetFacts(client_certificate=False), "a password", ACCEPTED),
        (2, 3, SetFacts(root=False), "a password", REJECTED),
        (2, 3, SetFacts(client_certificate=False), "a password", REJECTED),
        (1, 3, SetFacts(), "", ACCEPTED),
    ],
)
async def test_a_step_up_needs_what_its_profile_needs(
    current: int, wanted: int, facts: SetFacts, password: str, status: ConfigurationStatus
) -> None:
    configuration = await open_configuration(networked(current, password=password), facts=facts)
    assert await change(configuration, "SecurityProfile", str(wanted)) is status
    assert (configuration.on_trial is not None) == (status is ACCEPTED)


async def test_a_step_up_goes_to_the_url_of_its_profile() -> None:
    urls = {2: "wss://tls.example:8443/ocpp"}
    configuration = await open_configuration(url_by_profile=urls)
    assert await change(configuration, "SecurityProfile", "2") is ACCEPTED
    assert configuration.candidates()[0][1].url == urls[2]


async def test_a_step_up_keeps_what_else_the_network_is() -> None:
    network = Network(url="ws://a.example", security_profile=1, version=OcppVersion.V16, message_timeout=7)
    settings = networked(networks=MappingProxyType({0: network}))
    configuration = await open_configuration(settings)
    await change(configuration, "SecurityProfile", "2")
    raised = Network(url="wss://a.example", security_profile=2, version=OcppVersion.V16, message_timeout=7)
    assert configuration.candidates()[0][1] == raised


async def test_a_url_of_the_operator_that_does_not_fit_the_profile_is_not_tried() -> None:
    configuration = await open_configuration(url_by_profile={2: "ws://plain.example"})
    assert await change(configuration, "SecurityProfile", "2") is REJECTED


async def test_a_step_up_that_failed_leaves_the_old_network_alone() -> None:
    memory = PlainMemory()
    configuration = await open_configuration(memory=memory)
    await change(configuration, "SecurityProfile", "2")
    trial = configuration.on_trial
    assert trial is not None
    await configuration.gave_up(trial)
    assert _slots(configuration) == [0]
    assert configuration.on_trial is None
    assert configuration.settings.security_profile == 1
    assert (await open_configuration(memory=memory)).settings == configuration.settings
    assert await change(configuration, "SecurityProfile", "2") is ACCEPTED


async def test_giving_up_a_network_that_is_not_on_trial_changes_nothing() -> None:
    configuration = await open_configuration()
    await change(configuration, "SecurityProfile", "2")
    before = configuration.settings
    for slot in (0, 7, -1):
        await configuration.gave_up(slot)
    assert configuration.settings == before


async def test_behind_a_step_up_that_is_given_up_stands_what_worked_last_whatever_the_priority_says() -> None:
    configuration = await open_configuration()
    await change(configuration, "SecurityProfile", "2")
    trial = configuration.on_trial
    assert trial is not None
    assert (await set_variable(configuration, PRIORITY, str(trial))).attribute_status is SetVariableStatus.ACCEPTED
    (worked,) = set(_slots(configuration)) - {trial}
    assert _slots(configuration) == [trial, worked]
    await configuration.gave_up(trial)
    assert _slots(configuration) == [worked]


async def test_the_old_network_accepted_again_leaves_the_trial_for_another_try() -> None:
    configuration = await open_configuration()
    await change(configuration, "SecurityProfile", "2")
    before = configuration.settings
    await configuration.accepted_over(0)
    assert configuration.settings == before


async def test_another_step_up_takes_the_place_of_the_one_on_trial_in_a_slot_of_its_own() -> None:
    configuration = await open_configuration()
    await change(configuration, "SecurityProfile", "2")
    first = configuration.on_trial
    assert first is not None
    assert await change(configuration, "SecurityProfile", "3") is ACCEPTED
    second = configuration.on_trial
    assert _slots(configuration) == [second, 0]
    assert second != first
    await configuration.accepted_over(first)
    assert configuration.settings.security_profile == 1


async def test_a_trial_is_no_longer_one_once_the_csms_takes_it_out_of_the_priority() -> None:
    configuration = await open_configuration()
    await change(configuration, "SecurityProfile", "2")
    assert (await set_variable(configuration, PRIORITY, "0")).attribute_status is SetVariableStatus.ACCEPTED
    assert configuration.on_trial is None
    assert _slots(configuration) == [0]


async def test_a_step_up_finds_no_room_where_all_networks_are_kept() -> None:
    networks = {slot: Network(url="ws://a.example", security_profile=1) for slot in range(MAX_NETWORKS)}
    configuration = await open_configuration(networked(networks=MappingProxyType(networks)))
    assert await change(configuration, "SecurityProfile", "2") is REJECTED


async def test_without_any_network_there_is_nothing_to_step_up_from() -> None:
    configuration = await open_configuration(Settings())
    assert await change(configuration, "SecurityProfile", "3") is REJECTED


# An operator's own step


async def test_an_operator_steps_up_as_the_csms_does() -> None:
    configuration = await open_configuration()
    await configuration.begin_trial(2, "wss://tls.example")
    assert configuration.candidates()[0][1].url == "wss://tls.example"
    assert configuration.on_trial is not None


@pytest.mark.parametrize(
    ("profile", "url", "why"),
    [
        (1, None, "only a higher one"),
        (4, None, "0, 1, 2 or 3"),
        (-1, None, "0, 1, 2 or 3"),
        (2, "ws://plain.example", "wss://"),
        (3, None, "client certificate"),
    ],
)
async def test_an_operators_step_that_can_not_be_says_why(profile: int, url: str | None, why: str) -> None:
    configuration = await open_configuration(facts=SetFacts(client_certificate=False))
    with pytest.raises(StepRefused, match=why):
        await configuration.begin_trial(profile, url)
    assert configuration.on_trial is None


# 2.0.1


@pytest.mark.parametrize("current", [1, 2])
async def test_tc_a_19_a_new_network_of_a_higher_profile_ends_the_old_one(current: int) -> None:
    memory = PlainMemory()
    configuration = await open_configuration(networked(current), memory)
    kept = await configuration.set_network_profile(profile_in_slot(1, current + 1))
    assert kept.status is SetNetworkProfileStatus.ACCEPTED
    assert _slots(configuration) == [0]
    assert (await set_variable(configuration, PRIORITY, "1,0")).attribute_status is SetVariableStatus.ACCEPTED
    assert _slots(configuration) == [1, 0]

    rebooted = await open_configuration(networked(current), memory)
    await rebooted.accepted_over(1)
    profile = await get_variable(rebooted, "SecurityCtrlr.SecurityProfile")
    assert profile.attribute_value == str(current + 1)
    assert (await get_variable(rebooted, PRIORITY)).attribute_value == "1"
    assert (await get_variable(rebooted, "OCPPCommCtrlr.ActiveNetworkProfile")).attribute_value == "1"
    assert (await set_variable(rebooted, PRIORITY, "1,0")).attribute_status is SetVariableStatus.REJECTED


@pytest.mark.parametrize("profile", [2, 3])
async def test_tc_a_20_no_step_up_without_a_csms_root(profile: int) -> None:
    configuration = await open_configuration(facts=SetFacts(root=False))
    kept = await configuration.set_network_profile(profile_in_slot(1, profile))
    assert kept.status is SetNetworkProfileStatus.ACCEPTED
    result = await set_variable(configuration, PRIORITY, "1,0")
    assert result.attribute_status is SetVariableStatus.REJECTED
    assert result.attribute_status_info is not None
    assert "root" in str(result.attribute_status_info.additional_info)
    assert _slots(configuration) == [0]
    assert configuration.settings.security_profile == 1


async def test_tc_a_21_no_step_up_without_a_client_certificate() -> None:
    configuration = await open_configuration(facts=SetFacts(client_certificate=False))
    await configuration.set_network_profile(profile_in_slot(1, 3))
    result = await set_variable(configuration, PRIORITY, "1,0")
    assert result.attribute_status is SetVariableStatus.REJECTED
    assert result.attribute_status_info is not None
    assert "client certificate" in str(result.attribute_status_info.additional_info)
    assert configuration.settings.priority == (0,)


@pytest.mark.parametrize("current", [2, 3])
async def test_tc_a_22_no_network_of_a_lower_profile_is_kept(current: int) -> None:
    configuration = await open_configuration(networked(current))
    for profile in range(current):
        assert await _refusal(configuration, 1, profile) == "NoSecurityDowngrade"


async def test_a_network_of_profile_1_or_2_needs_a_password_before_it_is_tried() -> None:
    configuration = await open_configuration(networked(0, password=""))
    await configuration.set_network_profile(profile_in_slot(1, 1))
    assert (await set_variable(configuration, PRIORITY, "1,0")).attribute_status is SetVariableStatus.REJECTED
    await set_variable(configuration, "SecurityCtrlr.BasicAuthPassword", "a" * 16)
    assert (await set_variable(configuration, PRIORITY, "1,0")).attribute_status is SetVariableStatus.ACCEPTED


async def test_the_active_network_may_stay_in_the_priority_whatever_is_missing_now() -> None:
    facts = SetFacts()
    configuration = await open_configuration(networked(2), facts=facts)
    facts.root = False
    assert (await set_variable(configuration, PRIORITY, "0")).attribute_status is SetVariableStatus.ACCEPTED


async def test_the_active_network_stays_the_last_way_although_the_priority_names_it_no_more() -> None:
    memory = PlainMemory()
    configuration = await open_configuration(networked(2), memory)
    await configuration.set_network_profile(profile_in_slot(1, 2))
    assert (await set_variable(configuration, PRIORITY, "1")).attribute_status is SetVariableStatus.ACCEPTED
    assert (await get_variable(configuration, PRIORITY)).attribute_value == "1"
    assert _slots(configuration) == [1, 0]
    assert _slots(await open_configuration(networked(2), memory)) == [1, 0]
    await configuration.accepted_over(1)
    assert _slots(configuration) == [1], "another one works now"


async def test_the_active_network_is_no_way_any_more_below_a_profile_that_worked() -> None:
    configuration = await open_configuration(networked(2))
    await configuration.set_network_profile(profile_in_slot(1, 3))
    await set_variable(configuration, PRIORITY, "1")
    await configuration.accepted_over(1)
    assert _slots(configuration) == [1]


async def test_a_mistyped_network_gives_way_to_the_active_one_and_has_its_turn_again() -> None:
    configuration = await open_configuration(networked(2))
    await configuration.set_network_profile(profile_in_slot(1, 2, ocpp_csms_url="wss://mistyped.example"))
    await set_variable(configuration, PRIORITY, "1")
    itinerary, tried = Itinerary(), []
    for _ in range(5):
        chosen = itinerary.next(configuration.candidates())
        assert chosen is not None
        tried.append(chosen[0])
        itinerary.failed(configuration.candidates(), 2)
    assert tried == [1, 1, 0, 0, 1]


@pytest.mark.parametrize("slot", [-1, LAST_SLOT + 1, 2**31])
async def test_a_slot_that_is_none_is_refused(slot: int) -> None:
    assert await _refusal(await open_configuration(), slot, 2) == "InvalidConfSlot"


@pytest.mark.parametrize("slot", [1, LAST_SLOT])
async def test_the_first_and_the_last_slot_can_be_used(slot: int) -> None:
    configuration = await open_configuration()
    answer = await configuration.set_network_profile(profile_in_slot(slot, 2))
    assert answer.status is SetNetworkProfileStatus.ACCEPTED
    assert configuration.settings.networks[slot].version is OcppVersion.V201


async def test_a_slot_in_use_is_not_overwritten_and_another_one_is() -> None:
    configuration = await open_configuration()
    assert await _refusal(configuration, 0, 2) == "PriorityNetworkConf"
    await configuration.set_network_profile(profile_in_slot(1, 2))
    await configuration.set_network_profile(profile_in_slot(1, 3))
    assert configuration.settings.networks[1].security_profile == 3
    await set_variable(configuration, PRIORITY, "1")
    assert await _refusal(configuration, 1, 2) == "PriorityNetworkConf"
    assert await _refusal(configuration, 0, 2) == "PriorityNetworkConf"


async def test_no_more_networks_are_kept_than_there_is_room_for() -> None:
    configuration = await open_configuration()
    for slot in range(1, MAX_NETWORKS):
        answer = await configuration.set_network_profile(profile_in_slot(slot, 1))
        assert answer.status is SetNetworkProfileStatus.ACCEPTED
    assert await _refusal(configuration, MAX_NETWORKS, 1) == "OutOfStorage"
    replaced = await configuration.set_network_profile(profile_in_slot(MAX_NETWORKS - 1, 2))
    assert replaced.status is SetNetworkProfileStatus.ACCEPTED


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ocpp_version": ProfileVersion.OCPP12}, "InvalidNetworkConf"),
        ({"ocpp_version": ProfileVersion.OCPP15}, "InvalidNetworkConf"),
        ({"ocpp_transport": Transport.SOAP}, "InvalidNetworkConf"),
        ({"apn": Apn(apn="a", apn_authentication=ApnAuthentication.AUTO)}, "InvalidNetworkConf"),
        ({"message_timeout": 0}, "InvalidNetworkConf"),
        ({"ocpp_csms_url": "ws://csms.example"}, "InvalidURL"),
        ({"ocpp_csms_url": "wss://a:b@csms.example"}, "InvalidURL"),
        ({"ocpp_csms_url": "wss://csms.example/".ljust(513, "a")}, "InvalidURL"),
    ],
)
async def test_a_network_profile_that_can_not_be_used_is_refused(changes: dict[str, object], code: str) -> None:
    assert await _refusal(await open_configuration(), 1, 2, **changes) == code


async def test_networks_of_the_same_profile_stay_when_one_of_them_worked() -> None:
    configuration = await open_configuration(networked(2))
    await configuration.set_network_profile(profile_in_slot(1, 2))
    await set_variable(configuration, PRIORITY, "1,0")
    await configuration.accepted_over(1)
    assert _slots(configuration) == [1, 0]
    assert configuration.settings.active_network == 1


# Never down


async def test_a_profile_that_worked_is_a_floor_whatever_the_operators_file_says_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    memory = PlainMemory()
    await (await open_configuration(networked(2), memory)).accepted_over(0)
    caplog.set_level(logging.WARNING)
    lowered = await open_configuration(networked(1), memory)
    assert [network.security_profile for _, network in lowered.candidates()] == [2]
    assert "below security profile 2" in caplog.text
    await lowered.accepted_over(0)
    assert [network.security_profile for _, network in lowered.candidates()] == [2]


async def test_the_floor_holds_for_what_a_csms_sets_too() -> None:
    memory = PlainMemory()
    await (await open_configuration(networked(3), memory)).accepted_over(0)
    network = Network(url="ws://a.example", security_profile=1)
    lowered = networked(networks=MappingProxyType({4: network}), priority=(4,), active_network=None)
    configuration = await open_configuration(lowered, memory)
    assert configuration.settings.security_profile == 3
    assert await _refusal(configuration, 2, 2) == "NoSecurityDowngrade"
    assert await change(configuration, "SecurityProfile", "3") is REJECTED


async def test_a_lower_network_of_the_operators_does_not_get_into_the_priority() -> None:
    networks = {
        0: Network(url="wss://a.example", security_profile=2),
        1: Network(url="ws://a.example", security_profile=1),
    }
    configuration = await open_configuration(networked(networks=MappingProxyType(networks)))
    result = await set_variable(configuration, PRIORITY, "0,1")
    assert result.attribute_status is SetVariableStatus.REJECTED
    assert result.attribute_status_info is not None
    assert result.attribute_status_info.reason_code == "NoSecurityDowngrade"


async def test_a_trial_below_a_network_that_worked_is_over() -> None:
    configuration = await open_configuration()
    await configuration.set_network_profile(profile_in_slot(5, 3))
    await configuration.begin_trial(2)
    trial = configuration.on_trial
    await set_variable(configuration, PRIORITY, f"5,{trial},0")
    assert configuration.on_trial == trial
    await configuration.accepted_over(5)
    assert configuration.on_trial is None
    assert _slots(configuration) == [5]


async def test_an_accepted_network_that_was_emptied_meanwhile_changes_nothing() -> None:
    configuration = await open_configuration()
    before = configuration.settings
    await configuration.accepted_over(5)
    assert configuration.settings == before
