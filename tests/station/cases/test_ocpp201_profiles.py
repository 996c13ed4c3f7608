"""OCPP 2.0.1's cases of a station's security profile: TC_A_19 to 22."""

from pathlib import Path
from typing import Any

import pytest
from ocpp.v201 import call

from casework201 import at_work, back, get_variable, network_profile, renew, reset, set_variable, station_of
from chainpilot.station.watch import ConnectFailed
from csms201 import Served201, basic, csms201_at, tls_identity

pytestmark = pytest.mark.anyio

PRIORITY = ("OCPPCommCtrlr", "NetworkConfigurationPriority")
PROFILE = ("SecurityCtrlr", "SecurityProfile")
SLOT = 2
"""A free one: what the operator set is in slot 1."""


async def slots(station: Served201) -> list[str]:
    """NetworkConfigurationPriority."""
    return (await get_variable(station, *PRIORITY)).split(",")


@pytest.mark.parametrize("present", [1, 2])
async def test_tc_a_19_cs_the_next_security_profile(tmp_path: Path, present: int) -> None:
    async with at_work(tmp_path, present) as case:
        csms, raised = case.csms, present + 1
        if present == 2:
            assert (await renew(case)).status == "Accepted"
        assert await network_profile(case.station, SLOT, csms.url(raised), raised) == "Accepted"
        assert await set_variable(case.station, *PRIORITY, f"{SLOT},1") in {"Accepted", "RebootRequired"}
        await reset(case.station)
        station = await case.again()
        assert csms.arrivals[-1].profile == raised
        assert await get_variable(station, *PROFILE) == str(raised)
        assert await slots(station) == [str(SLOT)]
        assert case.running.station.profile == raised
        # and never back again, whatever comes
        csms.served = frozenset({present})
        await station.drop()
        for _ in range(4):
            await case.running.until(ConnectFailed, profile=raised)
        csms.served = frozenset({present, raised})
        await case.again()
        assert {one.profile for one in csms.arrivals[1:]} == {raised}


@pytest.mark.parametrize("present", [1, 2])
async def test_tc_a_19_cs_without_a_reset_the_change_is_used_too(tmp_path: Path, present: int) -> None:
    async with at_work(tmp_path, present) as case:
        csms, raised = case.csms, present + 1
        if present == 2:
            assert (await renew(case)).status == "Accepted"
        assert await network_profile(case.station, SLOT, csms.url(raised), raised) == "Accepted"
        assert await set_variable(case.station, *PRIORITY, f"{SLOT},1") == "Accepted"
        station = await case.again()
        assert csms.arrivals[-1].profile == raised
        assert await get_variable(station, *PROFILE) == str(raised)


async def test_tc_a_19_cs_a_higher_profile_outlasts_a_restart(tmp_path: Path) -> None:
    async with csms201_at(tmp_path, back()) as csms:
        async with station_of(tmp_path, csms, 1):
            station = await csms.station()
            assert await network_profile(station, SLOT, csms.url(2), 2) == "Accepted"
            assert await set_variable(station, *PRIORITY, f"{SLOT},1") == "Accepted"
            await csms.station()
        # what the operator set is still security profile 1
        async with station_of(tmp_path, csms, 1):
            await csms.station()
        assert [one.profile for one in csms.arrivals] == [1, 2, 2]


async def test_tc_a_19_cs_a_higher_profile_that_fails_leaves_the_present_one(tmp_path: Path) -> None:
    async with at_work(tmp_path, 1) as case:
        csms = case.csms
        csms.shown = tls_identity(back(), "csms.example")
        assert await network_profile(case.station, SLOT, csms.url(2), 2) == "Accepted"
        assert await set_variable(case.station, *PRIORITY, f"{SLOT},1") == "Accepted"
        await case.running.until(ConnectFailed, profile=2)
        station = await case.again()
        assert csms.arrivals[-1].profile == 1
        assert await get_variable(station, *PROFILE) == "1"
        assert await slots(station) == [str(SLOT), "1"]
        await csms.event("InvalidCsmsCertificate")


async def is_unchanged(case: Any, profile: int) -> None:
    """The station is where it was, and comes back so."""
    assert await get_variable(case.station, *PROFILE) == str(profile)
    assert await slots(case.station) == ["1"]
    await case.reconnected()
    assert [one.profile for one in case.csms.arrivals] == [profile, profile]


@pytest.mark.parametrize("raised", [2, 3])
async def test_tc_a_20_cs_no_upgrade_without_a_csms_root(tmp_path: Path, raised: int) -> None:
    async with at_work(tmp_path, 1, has_root=False) as case:
        assert await network_profile(case.station, SLOT, case.csms.url(raised), raised) == "Accepted"
        assert await set_variable(case.station, *PRIORITY, f"{SLOT},1") == "Rejected"
        await is_unchanged(case, 1)


@pytest.mark.parametrize("present", [1, 2])
async def test_tc_a_21_cs_no_upgrade_without_a_client_certificate(tmp_path: Path, present: int) -> None:
    async with at_work(tmp_path, present) as case:
        assert await network_profile(case.station, SLOT, case.csms.url(3), 3) == "Accepted"
        assert await set_variable(case.station, *PRIORITY, f"{SLOT},1") == "Rejected"
        await is_unchanged(case, present)


@pytest.mark.parametrize(("present", "lower"), [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
async def test_tc_a_22_cs_no_downgrade(tmp_path: Path, present: int, lower: int) -> None:
    async with at_work(tmp_path, present) as case:
        assert await network_profile(case.station, SLOT, case.csms.url(max(lower, 1)), lower) == "Rejected"
        assert await set_variable(case.station, *PRIORITY, f"{SLOT},1") == "Rejected"
        await is_unchanged(case, present)


async def test_tc_a_22_cs_the_profile_itself_is_no_variable_to_set(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2) as case:
        for profile in ("0", "1", "2", "3"):
            assert await set_variable(case.station, *PROFILE, profile) == "Rejected"
        await is_unchanged(case, 2)


async def test_tc_a_22_cs_the_password_comes_over_the_raised_profile_only(tmp_path: Path) -> None:
    async with at_work(tmp_path, 1) as case:
        csms = case.csms
        assert await network_profile(case.station, SLOT, csms.url(2), 2) == "Accepted"
        assert await set_variable(case.station, *PRIORITY, f"{SLOT},1") == "Accepted"
        station = await case.again()
        assert csms.arrivals[-1].authorization == basic(csms.password)
        assert await network_profile(station, 3, csms.url(1), 1) == "Rejected"
        answer = await station.ask(
            call.GetVariables([{"component": {"name": PROFILE[0]}, "variable": {"name": PROFILE[1]}}])
        )
        assert answer.get_variable_result[0]["attribute_value"] == "2"
