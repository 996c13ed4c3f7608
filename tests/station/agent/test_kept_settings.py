"""Changes are durable before they count: passwords, faults of the memory, restarts, and callers that stop waiting."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_configuration import (
    HEX_PASSWORD,
    OLD_PASSWORD,
    PASSWORD,
    NotedReport,
    change,
    get_key,
    networked,
    open_configuration,
    profile_in_slot,
    set_variable,
)
from agents_memory import PlainMemory
from chainpilot.station.agent.ports import MemoryFault
from chainpilot.station.agent.settings.configuration import Configuration
from chainpilot.station.agent.settings.kept import RETRY_SECONDS
from chainpilot.station.agent.settings.operator import objections
from chainpilot.station.agent.settings.record import DOCUMENT, read_record, write_record
from chainpilot.station.agent.settings.values import Network, Settings
from chainpilot.station.model import Secret
from chainpilot.wire.ocpp16 import ConfigurationStatus
from chainpilot.wire.ocpp201 import SetNetworkProfileStatus, SetVariableStatus
from clocks import SetClock

pytestmark = pytest.mark.anyio

PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"


class SlowMemory(PlainMemory):
    """Writes when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.writing = threading.Event()
        self.go_on = threading.Event()

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        self.writing.set()
        assert self.go_on.wait(10)
        super().write(changes)


# Passwords


async def test_tc_a_09_a_new_password_is_tried_first_and_the_old_one_until_it_worked() -> None:
    memory = PlainMemory()
    configuration = await open_configuration(memory=memory)
    result = await set_variable(configuration, "SecurityCtrlr.BasicAuthPassword", PASSWORD)
    assert result.attribute_status is SetVariableStatus.ACCEPTED
    assert configuration.passwords() == (Secret(PASSWORD), Secret(OLD_PASSWORD))

    restarted = await open_configuration(memory=memory)
    assert restarted.passwords() == (Secret(PASSWORD), Secret(OLD_PASSWORD))
    await restarted.password_worked(Secret(PASSWORD))
    assert restarted.passwords() == (Secret(PASSWORD),)
    assert (await open_configuration(memory=memory)).passwords() == (Secret(PASSWORD),)
    assert OLD_PASSWORD.encode() not in memory.documents[DOCUMENT]


async def test_tc_a_10_a_password_that_is_too_short_leaves_the_old_one() -> None:
    configuration = await open_configuration()
    result = await set_variable(configuration, "SecurityCtrlr.BasicAuthPassword", "a" * 15)
    assert result.attribute_status is SetVariableStatus.REJECTED
    assert configuration.passwords() == (Secret(OLD_PASSWORD),)


def spelt(digits: str) -> Secret:
    """What an AuthorizationKey's digits spell, bytes that are no UTF-8 as lone surrogates."""
    return Secret(bytes.fromhex(digits).decode("utf-8", "surrogateescape"))


async def test_tc_073_what_each_new_key_spells_is_tried_first_and_kept_to_once_it_worked() -> None:
    memory = PlainMemory()
    configuration = await open_configuration(memory=memory)
    for key in (HEX_PASSWORD, HEX_PASSWORD[::-1]):
        assert await change(configuration, "AuthorizationKey", key) is ConfigurationStatus.ACCEPTED
        assert configuration.passwords()[:2] == (spelt(key), Secret(key))
        await configuration.password_worked(spelt(key))
        assert configuration.passwords() == (spelt(key), Secret(key))
        assert (await open_configuration(memory=memory)).passwords() == configuration.passwords()


async def test_a_key_whose_digits_a_csms_takes_is_sent_as_digits_from_then_on() -> None:
    memory = PlainMemory()
    configuration = await open_configuration(memory=memory)
    await change(configuration, "AuthorizationKey", HEX_PASSWORD)
    await configuration.password_worked(Secret(HEX_PASSWORD))
    assert configuration.passwords() == (Secret(HEX_PASSWORD),)
    assert (await open_configuration(memory=memory)).passwords() == (Secret(HEX_PASSWORD),)


async def test_hex_digits_that_are_no_authorization_key_are_sent_as_they_are() -> None:
    configuration = await open_configuration(networked(2, password="ab" * 16))
    assert configuration.passwords() == (Secret("ab" * 16),)
    await set_variable(configuration, "SecurityCtrlr.BasicAuthPassword", "cd" * 16)
    assert configuration.passwords() == (Secret("cd" * 16), Secret("ab" * 16))


async def test_an_old_password_that_works_still_leaves_the_new_one_to_try() -> None:
    configuration = await open_configuration()
    await change(configuration, "AuthorizationKey", HEX_PASSWORD)
    await configuration.password_worked(Secret(OLD_PASSWORD))
    assert configuration.passwords() == (spelt(HEX_PASSWORD), Secret(HEX_PASSWORD), Secret(OLD_PASSWORD))


async def test_of_several_changes_the_last_two_and_the_one_that_worked_are_tried() -> None:
    memory = PlainMemory()
    configuration = await open_configuration(memory=memory)
    keys = [f"{number:032x}" for number in range(4)]
    for key in keys:
        await change(configuration, "AuthorizationKey", key)
    last, before = keys[3], keys[2]
    tried = (spelt(last), Secret(last), spelt(before), Secret(before), Secret(OLD_PASSWORD))
    assert configuration.passwords() == tried
    assert (await open_configuration(memory=memory)).passwords() == tried


async def test_a_password_set_back_is_tried_once() -> None:
    configuration = await open_configuration()
    other = "ab" * 16
    for key in (HEX_PASSWORD, other, HEX_PASSWORD):
        await change(configuration, "AuthorizationKey", key)
    digits = (spelt(HEX_PASSWORD), Secret(HEX_PASSWORD), spelt(other), Secret(other))
    assert configuration.passwords() == (*digits, Secret(OLD_PASSWORD))


async def test_without_a_password_there_is_none_to_try() -> None:
    configuration = await open_configuration(networked(3, password=""))
    assert configuration.passwords() == ()
    await change(configuration, "AuthorizationKey", HEX_PASSWORD)
    assert configuration.passwords() == (spelt(HEX_PASSWORD), Secret(HEX_PASSWORD))


# Faults


async def _password(configuration: Configuration) -> bool:
    return await change(configuration, "AuthorizationKey", HEX_PASSWORD) is ConfigurationStatus.ACCEPTED


async def _step_up(configuration: Configuration) -> bool:
    return await change(configuration, "SecurityProfile", "2") is ConfigurationStatus.ACCEPTED


async def _variable(configuration: Configuration) -> bool:
    result = await set_variable(configuration, "OCPPCommCtrlr.HeartbeatInterval", "60")
    if result.attribute_status is SetVariableStatus.REJECTED:
        assert result.attribute_status_info is not None
        assert result.attribute_status_info.reason_code == "InternalError"
    return result.attribute_status is SetVariableStatus.ACCEPTED


async def _network(configuration: Configuration) -> bool:
    answer = await configuration.set_network_profile(profile_in_slot(5, 2))
    if answer.status is not SetNetworkProfileStatus.ACCEPTED:
        assert answer.status is SetNetworkProfileStatus.FAILED
        assert answer.status_info is not None
    return answer.status is SetNetworkProfileStatus.ACCEPTED


_CHANGES: tuple[Callable[[Configuration], Awaitable[bool]], ...] = (
    _password,
    _step_up,
    _variable,
    _network,
)


async def test_a_memory_that_fails_at_any_write_leaves_the_state_before_it() -> None:
    for allowed in range(len(_CHANGES)):
        memory, report = PlainMemory(), NotedReport()
        configuration = await open_configuration(memory=memory, report=report)
        await change(configuration, "AuthorizationKey", "ab" * 16)
        report.told.clear()
        memory.allow(allowed)
        for number, make in enumerate(_CHANGES):
            before = (configuration.settings, configuration.passwords(), configuration.on_trial)
            reported = len(report.told)
            assert await make(configuration) is (number < allowed), make.__name__
            if number >= allowed:
                assert (configuration.settings, configuration.passwords(), configuration.on_trial) == before
                assert len(report.told) == reported
        memory.allow(None)
        again = await open_configuration(memory=memory)
        assert again.settings == configuration.settings
        assert again.passwords() == configuration.passwords()
        assert again.on_trial == configuration.on_trial


async def test_what_a_connection_has_shown_counts_at_once_and_is_written_down_once_it_can_be(
    caplog: pytest.LogCaptureFixture,
) -> None:
    memory, clock = PlainMemory(), SetClock()
    configuration = await open_configuration(networked(1), memory)
    await _password(configuration)
    await _step_up(configuration)
    assert memory.writes == 2
    trial = configuration.on_trial
    assert trial is not None
    memory.full = True
    for _ in range(2):
        await configuration.accepted_over(trial)
        await configuration.password_worked(configuration.passwords()[0])
    assert configuration.on_trial is None
    assert [slot for slot, _ in configuration.candidates()] == [trial], "nothing below what worked is tried"
    assert len(configuration.passwords()) == 2, "what the new key spells, and its digits; nothing of before"
    assert not configuration.is_kept
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    work = asyncio.create_task(configuration.run(clock))
    for _ in range(3):
        await clock.until_somebody_sleeps(until=RETRY_SECONDS)
        clock.advance(RETRY_SECONDS)
    await clock.until_somebody_sleeps(until=RETRY_SECONDS)
    memory.full = False
    clock.advance(RETRY_SECONDS)
    await configuration.change(lambda standing: standing)  # after the one that is under way
    work.cancel()
    assert memory.writes == 3, "the change waited for that"
    again = await open_configuration(networked(1), memory)
    assert again.candidates() == configuration.candidates()
    assert again.passwords() == configuration.passwords()


async def test_a_change_is_refused_while_the_memory_is_full_and_brings_what_is_owed_along_afterwards() -> None:
    memory = PlainMemory()
    configuration = await open_configuration(networked(active_network=None), memory)
    memory.full = True
    await configuration.accepted_over(0)
    assert not await _variable(configuration)
    assert configuration.settings.active_network == 0
    memory.full = False
    assert await _variable(configuration)
    assert configuration.is_kept
    assert (await open_configuration(networked(active_network=None), memory)).settings.active_network == 0


async def test_a_change_that_failed_can_be_made_once_the_memory_is_well() -> None:
    memory = PlainMemory()
    configuration = await open_configuration(memory=memory)
    memory.full = True
    assert not await _password(configuration)
    memory.full = False
    assert await _password(configuration)


async def test_a_memory_that_can_not_be_read_at_the_start_is_no_empty_one() -> None:
    memory = PlainMemory()
    memory.broken = True
    with pytest.raises(MemoryFault):
        await open_configuration(memory=memory)


async def test_a_trial_of_the_operators_that_can_not_be_kept_raises() -> None:
    memory = PlainMemory()
    memory.full = True
    configuration = await open_configuration(memory=memory)
    with pytest.raises(MemoryFault):
        await configuration.begin_trial(2)
    assert configuration.on_trial is None


async def test_a_change_goes_on_when_its_caller_stops_waiting() -> None:
    memory = SlowMemory()
    configuration = await open_configuration(memory=memory)
    changed = asyncio.Event()
    configuration.subscribe(lambda old, new: changed.set())
    caller = asyncio.ensure_future(change(configuration, "AuthorizationKey", HEX_PASSWORD))
    await asyncio.to_thread(memory.writing.wait, 10)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    memory.go_on.set()
    async with asyncio.timeout(10):
        await changed.wait()
    assert configuration.settings.password == Secret(HEX_PASSWORD)
    assert (await open_configuration(memory=memory)).settings == configuration.settings


async def test_what_changes_nothing_is_not_written() -> None:
    memory = PlainMemory()
    configuration = await open_configuration(memory=memory)
    for _ in range(3):
        await configuration.accepted_over(0)
        await configuration.password_worked(Secret(OLD_PASSWORD))
        await configuration.gave_up(0)
        await change(configuration, "HeartbeatInterval", "60")
    assert memory.writes == 2


async def test_changes_at_once_are_all_kept() -> None:
    memory = PlainMemory()
    configuration = await open_configuration(memory=memory)
    wanted = {"HeartbeatInterval": "60", "WebSocketPingInterval": "30", "CpoName": "A", "CertSigningRepeatTimes": "1"}
    answers = await asyncio.gather(*(change(configuration, key, value) for key, value in wanted.items()))
    assert set(answers) == {ConfigurationStatus.ACCEPTED}
    again = await open_configuration(memory=memory)
    for key, value in wanted.items():
        assert (await get_key(again, key)).value == value


# Who listens


async def test_listeners_hear_old_and_new_after_the_change_is_durable() -> None:
    memory = PlainMemory()
    configuration = await open_configuration(memory=memory)
    heard: list[tuple[Settings, Settings, int]] = []
    end = configuration.subscribe(lambda old, new: heard.append((old, new, memory.writes)))
    before = configuration.settings
    await change(configuration, "HeartbeatInterval", "60")
    assert heard == [(before, configuration.settings, 1)]
    await change(configuration, "HeartbeatInterval", "60")
    await change(configuration, "HeartbeatInterval", "never")
    await configuration.accepted_over(0)
    assert len(heard) == 1
    end()
    await change(configuration, "HeartbeatInterval", "90")
    assert len(heard) == 1


# What is kept


async def test_only_what_was_changed_is_kept_and_the_rest_stays_the_operators() -> None:
    memory = PlainMemory()
    configuration = await open_configuration(networked(organisation="Old Ltd", country="DE"), memory)
    await change(configuration, "CpoName", "New Ltd")
    network = Network(url="ws://moved.example", security_profile=1)
    moved = networked(organisation="Older Ltd", country="FR", networks=MappingProxyType({0: network}))
    again = await open_configuration(moved, memory)
    assert again.settings.organisation == "New Ltd"
    assert again.settings.country == "FR"
    assert again.settings.networks[0] == network


async def test_an_active_slot_that_the_operator_took_away_is_no_longer_active() -> None:
    memory = PlainMemory()
    await (await open_configuration(memory=memory)).accepted_over(0)
    network = Network(url="ws://moved.example", security_profile=1)
    moved = networked(networks=MappingProxyType({4: network}), priority=(4,), active_network=None)
    again = await open_configuration(moved, memory)
    assert again.settings.active_network is None
    assert again.candidates() == ((4, network),)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"version": 1, "floor": 4}',
        b'{"version": 1, "floor": -1}',
        b'{"version": 1, "values": {"password": 7}}',
        b'{"version": 1, "networks": {"slots": {"99": {"url": "ws://a", "security_profile": 1}}, "priority": []}}',
        b'{"version": 1, "networks": {"slots": {"0": {"url": "ws://a", "security_profile": 7}}, "priority": []}}',
    ],
)
async def test_a_record_that_can_not_be_read_is_logged_and_counts_as_none(
    document: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    initial = networked(2)
    caplog.set_level(logging.ERROR)
    configuration = await open_configuration(initial, PlainMemory({DOCUMENT: document}))
    assert configuration.settings == initial
    assert "what the CSMS changed is lost" in caplog.text


async def test_a_kept_value_that_can_not_be_any_more_is_the_operators_again(caplog: pytest.LogCaptureFixture) -> None:
    document = msgspec.json.encode(
        {"version": 1, "values": {"country": "Germany", "heartbeat_interval": "60", "colour": "red"}}
    )
    configuration = await open_configuration(networked(country="FR"), PlainMemory({DOCUMENT: document}))
    assert (configuration.settings.country, configuration.settings.heartbeat_interval) == ("FR", 60)
    assert "country in memory is passed over" in caplog.text
    assert "Germany" not in caplog.text


@given(document=st.binary(max_size=200))
def test_no_bytes_in_memory_break_the_start(document: bytes) -> None:
    logging.disable(logging.ERROR)
    try:
        standing = read_record(document, networked())
    finally:
        logging.disable(logging.NOTSET)
    assert standing is None or read_record(write_record(standing), networked()) == standing


async def test_a_record_of_a_newer_program_is_an_error_and_stays_as_it_is() -> None:
    memory = PlainMemory({DOCUMENT: b'{"version": 2, "values": {"a": ["in another form"]}, "floor": 2}'})
    before = dict(memory.documents)
    with pytest.raises(MemoryFault, match=r"newer program \(version 2, known is 1\); install it again"):
        await open_configuration(memory=memory)
    assert memory.documents == before


# What an operator sets


def test_sound_settings_of_an_operator_have_no_objection() -> None:
    assert objections(networked(2, organisation="Chargers Ltd", country="DE", secc_id="DE*ABC*E1")) == ()
    assert objections(Settings()) == ()


def test_each_unsound_setting_of_an_operator_is_named() -> None:
    networks = {
        0: Network(url="ws://a.example", security_profile=2),
        9: Network(url="ws://a.example", security_profile=1),
        3: Network(url="ws://a.example", security_profile=5),
    }
    unsound = networked(
        country="Germany",
        cert_signing_wait_minimum=-1,
        certificate_store_max_length=-1,
        networks=MappingProxyType(networks),
        priority=(0, 0, 7),
    )
    told = "\n".join(objections(unsound))
    for words in (
        "country: ",
        "cert_signing_wait_minimum: ",
        "certificate_store_max_length: ",
        "in slot 0: the CSMS's URL",
        "no slot 9",
        "in slot 3: a security profile",
        "in the list twice",
        "no network is set in slot 7",
    ):
        assert words in told
    assert "Germany" not in told


def test_an_operator_keeps_at_most_eight_networks() -> None:
    networks = {slot: Network(url="ws://a.example", security_profile=1) for slot in range(9)}
    assert objections(networked(networks=MappingProxyType(networks))) == ("networks: 9; at most 8 are kept",)
