"""TC_083, TC_084 and use case A05 of OCPP 1.6: a security profile is raised, and never lowered."""

from pathlib import Path

import pytest
from ocpp.v16 import call
from ocpp.v16.enums import ResetType

from case16 import Place, at_work, back, place
from certs import csms_pki
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.watch import ConnectFailed, Disconnected
from csms16 import PASSWORD, STATION, Csms16, Door, Served16

__all__: list[str] = []

pytestmark = pytest.mark.anyio


async def rises(served: Served16, profile: int) -> None:
    """SecurityProfile is set and the charge point reset; both are accepted over the old connection."""
    assert await served.change("SecurityProfile", str(profile)) == "Accepted"
    assert await served.status_of(call.Reset(ResetType.hard)) == "Accepted"


async def comes_back_higher(csms: Csms16, profile: int) -> Served16:
    """It boots over the new profile, tells it, and asks for no lower one."""
    served = await csms.boots(profile)
    assert (await served.setting("SecurityProfile"))["value"] == str(profile)
    return served


@pytest.mark.parametrize("reset", [ResetType.hard, ResetType.soft])
async def test_tc_083_cs_from_profile_1_to_2_and_never_back(tmp_path: Path, reset: ResetType) -> None:
    async with place(tmp_path) as here:
        csms = here.csms
        plain, secure = await csms.opened(1), await csms.opened(2)
        async with here.charge_point(plain, profile_urls={2: secure.url}) as running:
            served = await csms.boots(1)
            assert await served.change("SecurityProfile", "2") == "Accepted"
            assert await served.status_of(call.Reset(reset)) == "Accepted"
            await comes_back_higher(csms, 2)
            assert [upgrade.profile for upgrade in csms.upgrades] == [1, 2]

            await secure.shut()
            await running.until(Disconnected)
            for _ in range(4):  # only profile 1 is offered
                failed = await running.until(ConnectFailed)
                assert failed.profile == 2
            await secure.open()
            await csms.boots(2)
            assert [upgrade.profile for upgrade in csms.upgrades] == [1, 2, 2]


async def test_tc_083_cs_from_profile_2_to_3_after_its_certificate_was_renewed(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        csms = here.csms
        lower, higher = await csms.opened(2), await csms.opened(3)
        async with here.charge_point(lower, profile3_url=higher.url) as running:
            served = await csms.boots(2)
            await served.renew(back())
            await rises(served, 3)
            await comes_back_higher(csms, 3)
            assert csms.upgrades[-1].authorization == ()
            csms.cut()
            await csms.boots(3)
            assert [upgrade.profile for upgrade in csms.upgrades] == [2, 3, 3]
            assert running.station.profile == 3


@pytest.mark.parametrize("profile", [2, 3])
async def test_tc_084_cs_a_lower_profile_is_rejected(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as (csms, _):
        (served,) = csms.open_ones
        assert await served.change("SecurityProfile", str(profile - 1)) == "Rejected"
        assert (await served.setting("SecurityProfile"))["value"] == str(profile)
        csms.cut()
        await csms.boots(profile)


@pytest.mark.parametrize("profile", [1, 2, 3])
async def test_a05_fr_01_no_profile_up_to_the_present_one_is_accepted(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as (csms, _):
        (served,) = csms.open_ones
        for lower in range(profile + 1):
            assert await served.change("SecurityProfile", str(lower)) == "Rejected"
        for nonsense in ("4", "-1", "two", ""):
            assert await served.change("SecurityProfile", nonsense) == "Rejected"
        assert len(csms.upgrades) == 1


async def test_a05_fr_02_without_a_password_profiles_1_and_2_are_rejected(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.csms.passwords.add(b"")
        door = await here.csms.opened(0)
        async with here.charge_point(door, password=""):
            served = await here.csms.boots(0)
            for profile in ("1", "2"):
                assert await served.change("SecurityProfile", profile) == "Rejected"


async def test_a05_fr_03_without_a_root_of_the_central_system_profile_2_is_rejected(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        door = await here.csms.opened(1)
        async with here.charge_point(door, installs=False):
            served = await here.csms.boots(1)
            assert await served.change("SecurityProfile", "2") == "Rejected"
            root = back().root.certificate.to_pem()
            assert await served.status_of(call.InstallCertificate("CentralSystemRootCertificate", root)) == "Accepted"
            assert await served.change("SecurityProfile", "2") == "Accepted"


async def test_a05_fr_04_without_a_client_certificate_profile_3_is_rejected(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        (served,) = csms.open_ones
        assert await served.change("SecurityProfile", "3") == "Rejected"
        await served.renew(back())
        assert await served.change("SecurityProfile", "3") == "Accepted"


async def refused_there(here: Place, lower: Door, higher: Door, event: str | None = None) -> None:
    """The charge point is raised, fails over the new profile, and is back on the one that worked."""
    csms = here.csms
    once = Settings(network_profile_connection_attempts=1)  # further tries come minutes later: see test_connection
    async with here.charge_point(lower, profile_urls={2: higher.url}, settings=once) as running:
        served = await csms.boots(1)
        assert await served.change("SecurityProfile", "2") == "Accepted"
        await running.until(ConnectFailed, profile=2)
        served = await csms.boots(1)
        assert (await served.setting("SecurityProfile"))["value"] == "1"
        assert csms.upgrades[-1].login == (STATION, PASSWORD.encode())
        if event is not None:
            await csms.hears_event(event)


async def test_a05_fr_08_a_profile_that_fails_for_good_leaves_the_one_that_worked(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        lower = await here.csms.opened(1)
        higher = await here.csms.opened(2, server=csms_pki().server("localhost"))
        await refused_there(here, lower, higher, "InvalidCentralSystemCertificate")


async def test_a05_fr_08_a_profile_that_nobody_serves_leaves_the_one_that_worked(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        lower, higher = await here.csms.opened(1), await here.csms.opened(2)
        await higher.shut()
        await refused_there(here, lower, higher)


async def test_a05_fr_09_a_raised_profile_outlives_a_restart_whatever_the_operator_set(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        csms = here.csms
        lower, higher = await csms.opened(1), await csms.opened(2)
        async with here.charge_point(lower, profile_urls={2: higher.url}):
            await rises(await csms.boots(1), 2)
            await csms.boots(2)
        async with here.charge_point(lower, profile_urls={2: higher.url}):
            await csms.boots(2)
        assert [upgrade.profile for upgrade in csms.upgrades] == [1, 2, 2]


async def test_a05_fr_05_a_restart_in_the_middle_of_a_step_up_goes_on_with_it(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        csms = here.csms
        lower, higher = await csms.opened(1), await csms.opened(2)
        async with here.charge_point(lower, profile_urls={2: higher.url}):
            served = await csms.boots(1)
            assert await served.change("SecurityProfile", "2") == "Accepted"
        async with here.charge_point(lower, profile_urls={2: higher.url}):
            await csms.boots(2)
