"""OCPP's own test cases for stations, by their ids, with our CPMS in the tester's place: those that one in order plays.

The others need a CSMS that misbehaves (a bad certificate, a broken signature, an answer that is no answer); all of them
are played against PyPI's `ocpp` in tests/station/cases.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from chainpilot.cpms.model import CallState, Step
from chainpilot.cpms.model.demands import (
    DeleteCertificate,
    InstallCertificate,
    SetNetworkProfile,
    SetVariables,
    TriggerMessage,
    VariableValue,
)
from chainpilot.pki.trust import LeafUse
from chainpilot.station.watch import Connected
from chainpilot.wire.pnc.words import CertificateUse, MessageTrigger
from flows.duet import Duet, open_duet
from flows.orders_to_agent import (
    CSMS_ROOT,
    MO_ROOT,
    PRIORITY,
    WAYS,
    Way,
    change_password,
    enrol,
    fetch_log,
    listed,
    named,
    network,
    renew_client,
    replace_root,
    step_up,
    try_to_lower,
)

__all__: list[str] = []

pytestmark = pytest.mark.anyio

V201, V16 = WAYS["2.0.1"], WAYS["S"]
MF_ROOT = CertificateUse.MANUFACTURER_ROOT_CERTIFICATE
BOTH = pytest.mark.parametrize("way", [V201, V16], ids=["TC_2_0_1", "TC_1_6"])


@asynccontextmanager
async def standing(folder: Path, way: Way, profile: int, *, has_root: bool = True) -> AsyncIterator[Duet]:
    """A station that has come over that security profile."""
    async with open_duet(folder, way.version, way.dialects, min(profile, 2)) as duet:
        if has_root:
            duet.give_root()
        await duet.start()
        if profile == 3:
            await enrol(duet, way, LeafUse.CSMS)
            await step_up(duet, way, 3)
            await duet.steps.until(lambda: duet.steps.count(Step.CLIENT_CERTIFICATE_SEEN))
        yield duet


@pytest.mark.parametrize(
    ("way", "profile"),
    [(V201, 1), (V201, 2), (V201, 3), (V16, 1), (V16, 2), (V16, 3)],
    ids=["TC_A_01", "TC_A_01-A_04", "TC_A_07", "TC_085", "TC_085-086", "TC_087"],
)
async def test_the_station_comes_by_its_profile(tmp_path: Path, way: Way, profile: int) -> None:
    async with standing(tmp_path, way, profile) as duet:
        connected = [one for one in duet.lives[-1].events if isinstance(one, Connected)]
        assert connected[-1].profile == profile
        assert duet.steps.count(Step.STATION_CONNECTED, profile=str(profile)) == 1


@pytest.mark.parametrize("profile", [1, 2])
@pytest.mark.parametrize("way", [V201, V16], ids=["TC_A_09", "TC_073"])
async def test_a_new_password_is_used_from_the_next_connection_on(tmp_path: Path, way: Way, profile: int) -> None:
    async with standing(tmp_path, way, profile) as duet:
        for _ in range(2):
            await change_password(duet, profile)


@pytest.mark.parametrize("way", [V201, V16], ids=["TC_A_11", "TC_074"])
async def test_the_client_certificate_is_renewed(tmp_path: Path, way: Way) -> None:
    async with standing(tmp_path, way, 3) as duet:
        await renew_client(duet, way)


@pytest.mark.parametrize("way", [V201], ids=["TC_A_15"])
async def test_a_refused_request_leaves_the_certificate_before_in_use(tmp_path: Path, way: Way) -> None:
    async with standing(tmp_path, way, 3) as duet:
        before = duet.in_use(LeafUse.CSMS)
        await duet.cpms.add_station(replace(await duet.record(), organisation="Somebody else"))
        await duet.call(TriggerMessage(MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE))
        await duet.steps.until(lambda: duet.steps.count(Step.REQUEST_REFUSED))
        assert duet.in_use(LeafUse.CSMS) == before
        assert duet.station.profile == 3


@pytest.mark.parametrize("profile", [1, 2])
@pytest.mark.parametrize("way", [V201, V16], ids=["TC_A_19", "TC_083"])
async def test_the_station_goes_up_by_one_profile(tmp_path: Path, way: Way, profile: int) -> None:
    async with standing(tmp_path, way, profile) as duet:
        if profile == 2:
            await enrol(duet, way, LeafUse.CSMS)
        await step_up(duet, way, profile + 1)
        assert duet.profiles() == [profile, profile + 1]


@pytest.mark.parametrize("profile", [1, 2], ids=["TC_A_20", "TC_A_21"])
async def test_without_what_the_profile_needs_the_station_does_not_go_up(tmp_path: Path, profile: int) -> None:
    async with standing(tmp_path, V201, profile, has_root=profile == 2) as duet:
        present = duet.station.agent.flows.configuration.settings.active_network
        slot = 1 if present != 1 else 2
        await duet.call(SetNetworkProfile(slot, network(duet, profile + 1)))
        await duet.call(SetVariables((VariableValue(PRIORITY, f"{slot},{present}"),)), CallState.REFUSED)
        assert duet.profiles() == [profile]


@pytest.mark.parametrize("way", [V201, V16], ids=["TC_A_22", "TC_084"])
async def test_the_station_goes_down_by_no_profile(tmp_path: Path, way: Way) -> None:
    async with standing(tmp_path, way, 3) as duet:
        await try_to_lower(duet, way)
        assert duet.station.profile == 3


@pytest.mark.parametrize(
    ("way", "use", "root"),
    [(V201, CSMS_ROOT, "web"), (V201, MF_ROOT, "mf"), (V16, CSMS_ROOT, "web"), (V16, MF_ROOT, "mf")],
    ids=["TC_M_01-M_12", "TC_M_02-M_13", "TC_075_2", "TC_075_1"],
)
async def test_a_root_is_installed_and_listed(tmp_path: Path, way: Way, use: CertificateUse, root: str) -> None:
    async with standing(tmp_path, way, 2) as duet:
        await duet.call(InstallCertificate(use, duet.root(root)))
        assert named(use, duet.root(root)) in await listed(duet, use)


async def test_tc_m_17_18_19_roots_are_listed_by_type_and_all_together(tmp_path: Path) -> None:
    async with standing(tmp_path, V201, 2) as duet:
        await duet.call(InstallCertificate(MF_ROOT, duet.root("mf")))
        both = {named(CSMS_ROOT, duet.root("csms")), named(MF_ROOT, duet.root("mf"))}
        assert await listed(duet, CSMS_ROOT, MF_ROOT) == both
        assert await listed(duet) == both
        assert await listed(duet, MO_ROOT) == set()


@pytest.mark.parametrize("way", [V201, V16], ids=["TC_M_20", "TC_076"])
async def test_a_root_that_is_not_in_use_is_deleted(tmp_path: Path, way: Way) -> None:
    async with standing(tmp_path, way, 2) as duet:
        await duet.call(InstallCertificate(CSMS_ROOT, duet.root("web")))
        await duet.call(DeleteCertificate(certificate=duet.root("web"), certificate_type=CSMS_ROOT))
        assert await listed(duet, CSMS_ROOT) == {named(CSMS_ROOT, duet.root("csms"))}


async def test_tc_m_30_the_station_goes_over_to_a_new_root(tmp_path: Path) -> None:
    async with standing(tmp_path, V201, 3) as duet:
        await replace_root(duet)


@BOTH
async def test_tc_079_the_security_log_is_uploaded(tmp_path: Path, way: Way) -> None:
    async with standing(tmp_path, way, 2) as duet:
        await duet.call(InstallCertificate(CSMS_ROOT, duet.root("web")))  # something that the log tells of
        await fetch_log(duet)
