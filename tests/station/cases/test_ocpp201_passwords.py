"""OCPP 2.0.1's cases of a station's password: TC_A_09 and TC_A_10."""

from pathlib import Path

import pytest
from ocpp.v201 import call

from casework201 import at_work, back, set_variable, station_of
from csms201 import PASSWORD, basic, csms201_at

pytestmark = pytest.mark.anyio

BY_PASSWORD = pytest.mark.parametrize("profile", [1, 2])
NEW = "Another_pass=word:2026"
CTRLR = ("SecurityCtrlr", "BasicAuthPassword")


@BY_PASSWORD
@pytest.mark.parametrize("new", [NEW, "n" * 16, "N" * 40], ids=["usual", "shortest", "longest"])
async def test_tc_a_09_cs_a_new_password_is_used_from_the_next_connection_on(
    tmp_path: Path, profile: int, new: str
) -> None:
    async with at_work(tmp_path, profile) as case:
        assert await set_variable(case.station, *CTRLR, new) in {"Accepted", "RebootRequired"}
        case.csms.password = new
        await case.again()
        assert case.csms.arrivals[-1].admitted
        await case.reconnected()
        assert {one.authorization for one in case.csms.arrivals[1:]} == {basic(new)}


@BY_PASSWORD
async def test_tc_a_09_cs_a_new_password_outlasts_a_restart_and_is_never_told(
    tmp_path: Path, profile: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "chainpilot")
    async with csms201_at(tmp_path, back()) as csms:
        async with station_of(tmp_path, csms, profile) as running:
            station = await csms.station()
            assert await set_variable(station, *CTRLR, NEW) == "Accepted"
            csms.password = NEW
            station = await csms.station()
            changed = await csms.event("ReconfigurationOfSecurityParameters")
            assert "BasicAuthPassword" in changed.payload["techInfo"]
            asked = {"component": {"name": CTRLR[0]}, "variable": {"name": CTRLR[1]}}
            told = await station.ask(call.GetVariables([asked]))
            assert told.get_variable_result[0]["attribute_status"] == "Rejected"
            said = [text for is_ours, text in csms.frames if not is_ours]
            assert not [text for text in (*said, repr(running.events), caplog.text) if NEW in text]
        # what the operator set is still the old password: the CSMS's wins
        async with station_of(tmp_path, csms, profile):
            await csms.station()
        assert [one.authorization for one in csms.arrivals] == [basic(PASSWORD), basic(NEW), basic(NEW)]


@BY_PASSWORD
async def test_tc_a_09_cs_the_old_password_is_tried_again_when_the_csms_has_lost_the_new_one(
    tmp_path: Path, profile: int
) -> None:
    async with at_work(tmp_path, profile) as case:
        assert await set_variable(case.station, *CTRLR, NEW) == "Accepted"
        await case.again()
        assert [one.authorization for one in case.csms.arrivals[1:]] == [basic(NEW), basic(PASSWORD)]


@BY_PASSWORD
@pytest.mark.parametrize(
    "bad",
    ["", "x" * 15, "y" * 41, "sixteen letters!", "pass word of enough", "pässwörter genug"],
    ids=["none", "too short", "too long", "no sign of it", "a blank", "umlauts"],
)
async def test_tc_a_10_cs_a_password_that_is_none_changes_nothing(tmp_path: Path, profile: int, bad: str) -> None:
    async with at_work(tmp_path, profile) as case:
        assert await set_variable(case.station, *CTRLR, bad) == "Rejected"
        await case.reconnected()
        assert [one.authorization for one in case.csms.arrivals] == [basic(PASSWORD)] * 2
        assert not case.csms.events("ReconfigurationOfSecurityParameters")


async def test_tc_a_10_cs_a_password_in_a_security_profile_without_one_is_kept_for_nothing(tmp_path: Path) -> None:
    async with at_work(tmp_path, 3) as case:
        assert await set_variable(case.station, *CTRLR, "x" * 15) == "Rejected"
        await case.reconnected()
        assert [one.authorization for one in case.csms.arrivals] == [None] * 2
