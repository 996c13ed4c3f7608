"""The floor under the security profile outlasts the memory: of two places the higher counts, and unknown is no zero."""

import contextlib
import logging
import zlib
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_configuration import SetFloor, change, networked, open_configuration
from agents_memory import PlainMemory
from chainpilot.station.agent.ports import FloorUnreadable, MemoryFault
from chainpilot.station.agent.settings.configuration import Configuration
from chainpilot.station.agent.settings.floor import Judged, judge_floor, read_floor, write_floor
from chainpilot.station.agent.settings.networks import MAX_URL
from chainpilot.station.agent.settings.record import DOCUMENT
from chainpilot.station.agent.settings.values import Network
from chainpilot.wire.ocpp16 import ConfigurationStatus

pytestmark = pytest.mark.anyio

UNREADABLE = FloorUnreadable("agent.floor can't be read")
LOST = "agent.db is missing"


def line(said: bytes) -> bytes:
    return b"%s %08x\n" % (said, zlib.crc32(said))


# The line


@pytest.mark.parametrize("profile", range(4))
def test_what_was_written_reads_as_the_same_profile(profile: int) -> None:
    assert read_floor(write_floor(profile)) == profile


@pytest.mark.parametrize("profile", range(4))
def test_a_line_of_which_any_byte_is_another_or_gone_is_unreadable(profile: int) -> None:
    whole = write_floor(profile)
    for place in range(len(whole)):
        for spoiled in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            with pytest.raises(FloorUnreadable):
                read_floor(spoiled)


@pytest.mark.parametrize("said", [b"chainpilot-floor 1 4", b"chainpilot-floor 1 02", b"chainpilot-floor 1 2 3"])
def test_a_whole_line_that_names_no_profile_is_unreadable(said: bytes) -> None:
    with pytest.raises(FloorUnreadable, match="names no security profile"):
        read_floor(line(said))


def test_a_line_of_a_newer_program_is_told_of_and_not_guessed_at() -> None:
    with pytest.raises(MemoryFault, match=r"newer program \(version 2, known is 1\)"):
        read_floor(line(b"chainpilot-floor 2 profile=3 reason=worked"))


@given(data=st.binary(max_size=64))
def test_no_bytes_escape_our_faults(data: bytes) -> None:
    with contextlib.suppress(FloorUnreadable, MemoryFault):
        assert read_floor(data) in range(4)


# What the two places come to


@pytest.mark.parametrize(
    ("apart", "recorded", "why_lost", "floor"),
    [
        (None, None, None, 0),
        (2, 1, None, 2),
        (1, 2, None, 2),
        (1, None, LOST, 1),
        (0, None, LOST, 0),
        (None, 1, None, 1),
        (UNREADABLE, 1, None, 1),
        (UNREADABLE, 3, LOST, 3),
    ],
)
def test_the_higher_of_what_is_known_counts(
    apart: int | FloorUnreadable | None, recorded: int | None, why_lost: str | None, floor: int
) -> None:
    assert judge_floor(apart, recorded, why_lost) == Judged(floor)


@pytest.mark.parametrize(("apart", "why_lost"), [(None, LOST), (UNREADABLE, LOST), (UNREADABLE, None)])
def test_where_none_is_known_and_something_was_there_profiles_without_tls_are_refused(
    apart: FloorUnreadable | None, why_lost: str | None
) -> None:
    judged = judge_floor(apart, None, why_lost)
    assert judged.profile == 2
    assert (why_lost or str(apart)) in (judged.why_presumed or "")


# The settings over both


def tried(configuration: Configuration) -> list[int]:
    return [network.security_profile for _, network in configuration.candidates()]


async def stepped_up(memory: PlainMemory, floor: SetFloor) -> Configuration:
    """A station over profile 1 that steps up to 2, which the CSMS has not accepted yet."""
    configuration = await open_configuration(networked(1), memory, floor=floor)
    assert await change(configuration, "SecurityProfile", "2") is ConfigurationStatus.ACCEPTED
    return configuration


async def accept(configuration: Configuration) -> None:
    assert configuration.on_trial is not None
    await configuration.accepted_over(configuration.on_trial)


async def test_a_new_station_begins_with_the_operators_profile_and_notes_that_it_has_begun() -> None:
    floor = SetFloor()
    assert tried(await open_configuration(networked(1), floor=floor)) == [1]
    assert floor.profile == 0


async def test_a_floor_outlasts_a_memory_that_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    floor = SetFloor()
    await accept(await stepped_up(PlainMemory(), floor))
    assert floor.profile == 2
    memory = PlainMemory()
    again = await open_configuration(networked(1), memory, floor=floor, why_lost=LOST)
    assert (again.floor, tried(again)) == (2, [2])
    assert "isn't tried: it isn't set, or below security profile 2" in caplog.text
    assert await change(again, "SecurityProfile", "1") is ConfigurationStatus.REJECTED
    assert tried(await open_configuration(networked(1), memory)) == [2], "it is in the memory again"


async def test_a_floor_outlasts_a_record_that_can_not_be_read() -> None:
    floor, memory = SetFloor(), PlainMemory()
    await accept(await stepped_up(memory, floor))
    memory.documents[DOCUMENT] = b"{"
    assert tried(await open_configuration(networked(1), memory, floor=floor)) == [2]


async def test_a_memory_that_was_replaced_by_an_older_one_lowers_nothing() -> None:
    floor, memory = SetFloor(), PlainMemory()
    configuration = await stepped_up(memory, floor)
    older = dict(memory.documents)
    await accept(configuration)
    assert tried(await open_configuration(networked(1), PlainMemory(older), floor=floor)) == [2]


async def test_a_floor_from_before_there_was_a_second_place_is_put_there() -> None:
    memory, floor = PlainMemory(), SetFloor()
    configuration = await open_configuration(networked(1), memory)
    await change(configuration, "SecurityProfile", "2")
    await accept(configuration)
    await open_configuration(networked(1), memory, floor=floor)
    assert floor.profile == 2


@pytest.mark.parametrize("place", [SetFloor(spoiled=True), SetFloor()], ids=["unreadable", "gone"])
async def test_without_any_floor_profiles_without_tls_are_refused_from_then_on_and_what_to_do_is_said(
    place: SetFloor, caplog: pytest.LogCaptureFixture
) -> None:
    memory = PlainMemory()
    lost = await open_configuration(networked(1), memory, floor=place, why_lost=LOST)
    assert tried(lost) == [2]
    assert f"what worked before isn't known ({LOST}" in caplog.text
    assert "Set security_profile = 2" in caplog.text
    assert "removes its state_dir" in caplog.text
    assert tried(await open_configuration(networked(1), memory, floor=place)) == [2], "the next start knows it too"
    assert tried(await open_configuration(networked(2), memory, floor=place)) == [2]


async def test_a_record_that_can_not_be_read_is_no_new_station_for_who_keeps_no_second_place() -> None:
    assert tried(await open_configuration(networked(1), PlainMemory({DOCUMENT: b"{"}))) == [2]


async def test_a_spoiled_second_place_is_mended_from_the_memory() -> None:
    floor, memory = SetFloor(), PlainMemory()
    await accept(await stepped_up(memory, floor))
    floor.spoiled, floor.profile = True, None
    assert tried(await open_configuration(networked(2), memory, floor=floor)) == [2]
    assert floor.read() == 2


# The way back to the CSMS, where the operator's file names less than the floor


def dialled(configuration: Configuration) -> list[tuple[int, str]]:
    return [(network.security_profile, network.url) for _, network in configuration.candidates()]


@pytest.mark.parametrize("urls", [{2: "wss://csms.example/ocpp", 3: "wss://csms.example:8444/ocpp"}, {}])
async def test_a_station_that_lost_its_memory_dials_the_operators_url_of_the_profile_that_worked(
    urls: dict[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    lost = await open_configuration(networked(2), floor=SetFloor(3), why_lost=LOST, url_by_profile=urls)
    (way,) = dialled(lost)
    assert way == (3, urls.get(3, "wss://csms.example/ocpp"))
    assert f"instead {way[1]} is tried with security profile 3" in caplog.text


async def test_where_the_floor_is_presumed_each_higher_profile_that_the_operator_names_is_tried_too() -> None:
    urls = {0: "ws://a.example", 1: "ws://csms.example/ocpp", 3: "wss://csms.example:8444/ocpp"}
    lost = await open_configuration(networked(1), why_lost=LOST, url_by_profile=urls)
    assert dialled(lost) == [(2, "wss://csms.example/ocpp"), (3, urls[3])]


async def test_networks_of_an_older_memory_that_are_all_below_the_floor_make_room_for_the_operators() -> None:
    memory, floor = PlainMemory(), SetFloor()
    await accept(await stepped_up(memory, floor))
    floor.profile = 3
    assert dialled(await open_configuration(networked(1), memory, floor=floor)) == [(3, "wss://csms.example/ocpp")]


async def test_a_file_that_is_mended_holds_over_what_was_dialled_in_its_place() -> None:
    memory, floor = PlainMemory(), SetFloor(3)
    lost = await open_configuration(networked(2), memory, floor=floor, why_lost=LOST)
    await lost.accepted_over(lost.candidates()[0][0])
    assert lost.settings.security_profile == 3
    mended = Network("wss://other.example/ocpp", 3)
    settings = networked(networks=MappingProxyType({0: mended}), active_network=None)
    assert dialled(await open_configuration(settings, memory, floor=floor)) == [(3, "wss://other.example/ocpp")]


async def test_an_operators_url_that_fits_no_profile_above_the_floor_is_not_dialled() -> None:
    long = Network("ws://csms.example/" + "a" * (MAX_URL - len("ws://csms.example/")), 1)
    settings = networked(networks=MappingProxyType({0: long}))
    assert tried(await open_configuration(settings, floor=SetFloor(2), why_lost=LOST)) == []


# Power cuts and full disks


async def test_a_cut_between_the_two_writes_leaves_the_profile_that_worked() -> None:
    floor, memory = SetFloor(), PlainMemory()
    configuration = await stepped_up(memory, floor)
    memory.full = True
    await accept(configuration)
    assert floor.profile == 2
    memory.full = False
    assert tried(await open_configuration(networked(1), PlainMemory(memory.documents), floor=floor)) == [2]


async def test_a_second_place_that_is_full_is_owed_and_the_memory_holds_the_floor_meanwhile(
    caplog: pytest.LogCaptureFixture,
) -> None:
    floor, memory = SetFloor(), PlainMemory()
    configuration = await stepped_up(memory, floor)
    floor.full = True
    with caplog.at_level(logging.ERROR):
        await accept(configuration)
        await configuration.change(lambda standing: standing)
    assert caplog.text.count("kept in one place only for now") == 1
    was_kept = configuration.is_kept
    assert not was_kept
    assert tried(await open_configuration(networked(1), memory)) == [2]
    floor.full = False
    await configuration.change(lambda standing: standing)
    assert configuration.is_kept
    assert floor.profile == 2


async def test_a_start_on_a_full_disk_goes_on_and_owes_the_floor() -> None:
    floor, memory = SetFloor(2, full=True), PlainMemory()
    memory.full = True
    configuration = await open_configuration(networked(1), memory, floor=floor, why_lost=LOST)
    was_kept = configuration.is_kept
    assert (tried(configuration), was_kept) == ([2], False)
    memory.full = False
    await configuration.change(lambda standing: standing)
    assert configuration.is_kept
