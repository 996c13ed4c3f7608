"""Whatever a CSMS sends and a disk does: defined answers, sound settings, no lower profile, the same on restart."""

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agents_configuration import (
    HEX_PASSWORD,
    PASSWORD,
    SetFacts,
    change,
    connection_data,
    get_key,
    get_variable,
    networked,
    open_configuration,
    set_variable,
)
from agents_memory import PlainMemory
from chainpilot.station.agent.settings.configuration import Configuration
from chainpilot.station.agent.settings.keys import BY_KEY, TABLE, Access
from chainpilot.station.agent.settings.operator import objections
from chainpilot.station.agent.settings.values import Settings
from chainpilot.wire.ocpp16 import ConfigurationStatus
from chainpilot.wire.ocpp201 import (
    GetVariableStatus,
    ProfileVersion,
    SetNetworkProfile,
    SetNetworkProfileStatus,
    SetVariableStatus,
)
from chainpilot.wire.schema import write_message

_KEYS = st.sampled_from([setting.key for setting in TABLE if setting.key]) | st.text(max_size=50)
_VARIABLES = st.sampled_from([str(name) for setting in TABLE for name in setting.variables])
_VALUES = st.one_of(
    st.sampled_from(
        ["true", "FALSE", "0", "1", "2", "3", "-1", "0,1", "1,0", "2,1,0", "DE", "DE*ABC*E1", "Chargers Ltd"]
    ),
    st.sampled_from([HEX_PASSWORD, "cd" * 16, PASSWORD]),
    st.integers(-10, 10**9).map(str),
    st.text(max_size=70),
)
_NETWORKS = st.builds(
    connection_data,
    st.integers(-1, 4),
    ocpp_version=st.sampled_from(ProfileVersion),
    message_timeout=st.integers(-1, 700),
    ocpp_csms_url=st.sampled_from(["ws://a.example", "wss://a.example", "wss://me:pw@a.example"]),
)
_MOVES = st.one_of(
    st.tuples(st.just("key"), _KEYS, _VALUES),
    st.tuples(st.just("variable"), _VARIABLES, _VALUES),
    st.tuples(st.just("network"), st.integers(-1, 10), _NETWORKS),
    st.tuples(st.just("accepted"), st.integers(0, 8)),
    st.tuples(st.just("gave up"), st.integers(0, 8)),
    st.tuples(st.just("password worked"), st.integers(0, 2)),
    st.tuples(st.just("facts"), st.booleans(), st.booleans(), st.booleans()),
    st.tuples(st.just("disk"), st.booleans()),
    st.tuples(st.just("restart")),
)


@dataclasses.dataclass(slots=True)
class _World:
    """A station, its disk and its store."""

    initial: Settings
    memory: PlainMemory = dataclasses.field(default_factory=PlainMemory)
    facts: SetFacts = dataclasses.field(default_factory=SetFacts)

    async def start(self) -> Configuration:
        return await open_configuration(self.initial, self.memory, facts=self.facts)


def _state(configuration: Configuration) -> tuple[object, ...]:
    told = configuration
    return told.settings, told.passwords(), told.candidates(), told.on_trial


async def _change_key(configuration: Configuration, key: str, value: str) -> None:
    before = _state(configuration)
    status = await change(configuration, key, value)
    setting = BY_KEY.get(key.lower())
    assert (status is ConfigurationStatus.NOT_SUPPORTED) == (setting is None)
    if status is not ConfigurationStatus.ACCEPTED or setting is None:
        assert _state(configuration) == before
    elif setting.name == "security_profile":
        # what is told is the profile of the connection; the new one is tried first
        assert configuration.candidates()[0][1].security_profile == int(value)
    elif Access.READ in setting.access:
        told = (await get_key(configuration, key)).value
        assert told is not None
        assert setting.form.read(told) == setting.form.read(value)


async def _set(configuration: Configuration, name: str, value: str) -> None:
    before = _state(configuration)
    result = await set_variable(configuration, name, value)
    write_message(result)
    if result.attribute_status is not SetVariableStatus.ACCEPTED:
        assert result.attribute_status_info is not None
        assert _state(configuration) == before
        return
    told = await get_variable(configuration, name)
    if told.attribute_status is GetVariableStatus.ACCEPTED:
        again = await set_variable(configuration, name, told.attribute_value or "")
        assert again.attribute_status is not SetVariableStatus.UNKNOWN_VARIABLE
        assert (await get_variable(configuration, name)).attribute_value == told.attribute_value


async def _move(world: _World, configuration: Configuration, move: tuple[Any, ...]) -> Configuration:
    match move:
        case ("key", key, value):
            await _change_key(configuration, key, value)
        case ("variable", name, value):
            await _set(configuration, name, value)
        case ("network", slot, data):
            before = _state(configuration)
            wanted = SetNetworkProfile(configuration_slot=slot, connection_data=data)
            answer = await configuration.set_network_profile(wanted)
            assert (answer.status_info is None) == (answer.status is SetNetworkProfileStatus.ACCEPTED)
            assert answer.status is SetNetworkProfileStatus.ACCEPTED or _state(configuration) == before
        case ("facts", root, client_certificate, busy):
            world.facts.root, world.facts.client_certificate, world.facts.busy = root, client_certificate, busy
        case ("disk", full):
            world.memory.full = full
        case ("restart",):
            before, was_kept = _state(configuration), configuration.is_kept
            configuration = await world.start()
            assert _state(configuration) == before or not was_kept
        case _:
            await _connected(configuration, move)
    return configuration


async def _connected(configuration: Configuration, move: tuple[Any, ...]) -> None:
    candidates, passwords = configuration.candidates(), configuration.passwords()
    match move:
        case ("accepted", number):
            await configuration.accepted_over(candidates[number % len(candidates)][0])
        case ("gave up", slot):
            await configuration.gave_up(slot)
        case (_, number):
            await configuration.password_worked(passwords[number % len(passwords)])


@given(profile=st.integers(0, 3), moves=st.lists(_MOVES, max_size=25))
@settings(max_examples=150)
def test_no_sequence_of_changes_makes_unsound_settings_or_lowers_the_profile(
    profile: int, moves: Sequence[tuple[Any, ...]]
) -> None:
    async def play() -> None:
        world = _World(networked(profile))
        configuration = await world.start()
        lowest, was_owing = 0, False
        for move in moves:
            configuration = await _move(world, configuration, move)
            if move[0] == "restart" and was_owing:
                lowest = 0
            if move[0] == "accepted":
                lowest = max(lowest, configuration.settings.security_profile)
            was_owing = not configuration.is_kept
            now = configuration.settings
            assert objections(now) == ()
            assert now.security_profile >= lowest
            assert configuration.candidates(), "a station that tries nothing is lost"
            assert all(network.security_profile >= lowest for _, network in configuration.candidates())
            assert configuration.on_trial is None or configuration.on_trial in now.priority
        world.memory.full = False
        await configuration.change(lambda standing: standing)
        assert configuration.is_kept, "the next change writes down what a connection has shown"
        assert _state(await world.start()) == _state(configuration)

    asyncio.run(play())
