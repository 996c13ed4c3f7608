"""Every message of a 2.0.1 station fits the standard's schemas, and a test would fail if one didn't."""

import json
from pathlib import Path
from typing import Any

import pytest
from ocpp.v201 import call
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from agents_contracts import EMAID, contract, mo_pki
from casework201 import (
    Case,
    at_work,
    back,
    get_variable,
    listed,
    network_profile,
    renew,
    reset,
    set_variable,
    trigger,
    v2g,
)
from certs import csms_pki
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.settings.keys import TABLE, Access
from chainpilot.wire.pnc.words import CertificateAction
from csms201 import basic, csms201_at
from fileserver import file_server

pytestmark = pytest.mark.anyio

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
BAD_FRAMES = [
    ("a field is missing", "BootNotification", {"reason": "PowerUp"}),
    ("a field too many", "BootNotification", {**BOOT, "colour": "red"}),
    ("a word that is none", "BootNotification", {**BOOT, "reason": "Boredom"}),
    ("a text too long", "BootNotification", {**BOOT, "chargingStation": {"model": "M" * 21, "vendorName": "V"}}),
    ("no such message", "SendTea", {}),
]


async def a_station_says(directory: Path, action: str, payload: dict[str, Any]) -> list[Any]:
    """A station that isn't ours comes in and says one thing; the answer, unless the CSMS finds fault with it."""
    async with csms201_at(directory, back()) as csms:
        headers = {"Authorization": basic(csms.password)}
        offered = [Subprotocol("ocpp2.0.1")]
        async with connect(csms.url(1), subprotocols=offered, additional_headers=headers, compression=None) as socket:
            await socket.send(json.dumps([2, "1", action, payload]))
            answer: list[Any] = json.loads(await socket.recv())
    return answer


@pytest.mark.parametrize(("_why", "action", "payload"), BAD_FRAMES, ids=lambda one: one if isinstance(one, str) else "")
async def test_a_station_that_breaks_the_schemas_is_found_out(
    tmp_path: Path, _why: str, action: str, payload: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError, match="the station said"):
        await a_station_says(tmp_path, action, payload)


async def test_a_station_that_keeps_to_them_is_not(tmp_path: Path) -> None:
    assert (await a_station_says(tmp_path, "BootNotification", BOOT))[2]["status"] == "Accepted"


def said(case: Case) -> set[str]:
    """The actions of everything that the station has asked."""
    return {one.action for one in case.csms.asked}


async def test_whatever_a_station_says_fits_the_schemas(tmp_path: Path) -> None:
    async with at_work(tmp_path, 3) as case:
        agent = case.running.station.agent
        await case.csms.event("StartupOfTheDevice")
        mo = mo_pki()
        pem = mo.root.certificate.to_pem()
        assert (await case.station.ask(call.InstallCertificate("MORootCertificate", pem))).status == "Accepted"
        for kind in SecurityEventType:
            await agent.report(kind, "Zoë's \N{SNOWMAN} \x00\x1f\u2028" + "x" * 300)
        await agent.authorize_contract(mo.stack(contract(mo).certificate), EMAID)
        await agent.install_ev_certificate("urn:iso:15118:2:2013:MsgDef", "gJgB", CertificateAction.UPDATE)
        for wanted in ("Heartbeat", "LogStatusNotification", "FirmwareStatusNotification"):
            assert await trigger(case.station, wanted) == "Accepted"
            await case.csms.until(wanted)
        assert (await renew(case, v2g(), use="V2GCertificate")).status == "Accepted"
        assert (await renew(case, csms_pki(), use="V2GCertificate")).status == "Rejected"
        with file_server() as files:
            await case.station.ask(call.GetLog({"remote_location": f"{files.url}/"}, "SecurityLog", 1))
            await case.csms.until("LogStatusNotification", status="Uploaded")
        for kind in SecurityEventType:
            await case.csms.event(kind.value)
        assert said(case) == {
            "Authorize",
            "BootNotification",
            "FirmwareStatusNotification",
            "Get15118EVCertificate",
            "Heartbeat",
            "LogStatusNotification",
            "SecurityEventNotification",
            "SignCertificate",
        }


async def test_every_variable_is_told_and_refused_in_the_schemas_words(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        names = [(name, setting.access) for setting in TABLE for name in setting.variables]
        for name, access in names:
            variable = {"name": name.variable, **({"instance": name.instance} if name.instance else {})}
            asked = {"component": {"name": name.component}, "variable": variable}
            told = (await case.station.ask(call.GetVariables([asked]))).get_variable_result[0]
            assert told["attribute_status"] == ("Accepted" if Access.READ in access else "Rejected")
            wanted = {**asked, "attribute_value": "\x07 no value of anything " * 10}
            done = (await case.station.ask(call.SetVariables([wanted]))).set_variable_result[0]
            assert done["attribute_status"] == "Rejected"
        assert await set_variable(case.station, "TeaCtrlr", "Cups", "1") == "UnknownComponent"
        assert await set_variable(case.station, "SecurityCtrlr", "Cups", "1") == "UnknownVariable"
        assert await get_variable(case.station, "ISO15118Ctrlr", "SeccId")


async def test_every_refusal_fits_the_schemas(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        station = case.station
        assert await network_profile(station, 2, "http://no.websocket", 2) == "Rejected"
        assert await network_profile(station, 1, case.csms.url(2), 2) == "Rejected"
        assert await network_profile(station, 99, case.csms.url(2), 2) == "Rejected"
        for use in ("CSMSRootCertificate", "MORootCertificate", "V2GRootCertificate", "ManufacturerRootCertificate"):
            assert (await station.ask(call.InstallCertificate(use, "no certificate"))).status == "Rejected"
        for signed in ("ChargingStationCertificate", "V2GCertificate", None):
            assert (await station.ask(call.CertificateSigned("no certificate", signed))).status == "Rejected"
        assert (await station.ask(call.Reset("Immediate", evse_id=1))).status == "Rejected"
        for wanted in ("MeterValues", "TransactionEvent", "StatusNotification", "SignCombinedCertificate"):
            assert await trigger(station, wanted) == "NotImplemented"
        assert await trigger(station, "BootNotification") == "Rejected"
        assert (
            await station.ask(call.GetLog({"remote_location": "gopher://x/"}, "SecurityLog", 1))
        ).status == "Rejected"
        assert await listed(station, "MORootCertificate") is None
        firmware = {"location": "https://localhost/f", "retrieve_date_time": case.csms.told_time()}
        assert (await station.ask(call.UpdateFirmware(1, firmware))).status in {"Rejected", "InvalidCertificate"}
        case.csms.wanted_errors = {"NotImplemented"}
        with pytest.raises(Exception, match="NotImplemented"):
            await station.ask(call.ClearCache())
        await reset(station)
        await case.again()
