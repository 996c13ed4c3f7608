"""What docs/howto/embed-the-agent.md tells: its station runs, and its tables are what the adapter takes."""

import asyncio
import contextlib
import io
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from certs import csms_pki, v2g_pki
from chainpilot.link.faults import CallRefused, CallTimedOut, LinkClosed
from chainpilot.station.adapters.mobilityhouse import ACTIONS, SETTINGS, Attached, Shares
from chainpilot.station.agent.settings.keys import TABLE
from chainpilot.wire.pnc.tables import VENDOR_IDS
from csms import PASSWORD, STATION, csms_at
from embedded import agent_in
from message_sockets import MemorySocket

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[2] / "docs/howto/embed-the-agent.md").read_text()
STATIONS, CHOICE, FIRMWARE, LOG, LINE = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


async def run(code: str, names: dict[str, Any]) -> str:
    """What an excerpt of the page prints, where it may await."""
    said = io.StringIO()
    lines = "".join(f"    {line}\n" for line in code.splitlines())
    program = f"async def page(names):\n{lines}    names.update(locals())\n"
    exec(program, names)
    with contextlib.redirect_stdout(said):
        await names["page"](names)
    return said.getvalue()


async def test_the_page_s_station_enrols_and_goes_on_after_a_broken_connection(tmp_path: Path) -> None:
    v2g, back = v2g_pki(), csms_pki()
    (tmp_path / "CSMS.pem").write_text(back.root.certificate.to_pem())
    (tmp_path / "V2G.pem").write_text(v2g.root.certificate.to_pem())
    (tmp_path / "password").write_text(PASSWORD + "\n")
    async with csms_at(tmp_path, back) as csms:
        csms.signs = lambda csr, use: v2g.enrol(csr)
        places = {
            "/var/lib/charger": str(tmp_path),
            "wss://csms.example.org/ocpp/BER-0001": csms.url(),
            "BER-0001": STATION,
            "asyncio.sleep(5)": "asyncio.sleep(0)",
        }
        code = re.sub("|".join(map(re.escape, places)), lambda found: places[found[0]], STATIONS)
        names: dict[str, Any] = {"__name__": "page"}
        exec(code, names)
        running = asyncio.ensure_future(names["main"]())
        async with asyncio.timeout(20):
            assert await csms.answers.get() == {"status": "Accepted"}
            first = await csms.stations.get()
            await first.connection.close()
            second = await csms.stations.get()
            while (await listed(second))["status"] != "Accepted":
                pass
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert list((tmp_path / "certs/client/cso").glob("*.key"))


async def listed(station: Any) -> Any:
    return await station.ask("GetInstalledCertificateIds", json.dumps({"typeOfCertificate": "V2GCertificateChain"}))


async def test_the_page_s_choice_is_one_that_can_be_made(tmp_path: Path) -> None:
    socket = MemorySocket()
    socket.subprotocol = "ocpp1.6"  # type: ignore[attr-defined] # - as a WebSocket has it
    async with agent_in(tmp_path) as agent:
        names: dict[str, Any] = {"agent": agent, "socket": socket}
        exec(CHOICE, names)
    assert isinstance(names["connection"], Attached)
    assert isinstance(names["shares"], Shares)


async def test_the_page_s_firmware_is_answered(tmp_path: Path) -> None:
    async with agent_in(tmp_path) as agent:
        said = await run(FIRMWARE, {"agent": agent, "chain_pem": "", "emaid": "DE8AA1A2B3C4D5", "exi": "gAA="})
    first, second = said.splitlines()
    assert first.startswith("False ")
    assert second == "Failed "


def test_the_page_s_log_has_no_payloads(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("ocpp")
    before = list(logger.filters)
    try:
        exec(LOG, {})
        logger.warning("%s: receive message %s", STATION, '[2,"1","Reset",{"type":"hunter2"}]')
    finally:
        logger.filters[:] = before
    assert "CALL Reset 1" in caplog.text
    assert "hunter2" not in caplog.text


class MyCallError(Exception):
    """Of somebody's link."""

    code, description = "NotSupported", "no"


class MyLink:
    """Somebody's link, at its worst."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.said: list[str] = []

    async def call(self, action: str, payload: Any, seconds: float) -> Any:
        self.said.append(action)
        if self.fault is not None:
            raise self.fault
        return {}


class Respond:
    """How somebody's link answers."""

    def __init__(self) -> None:
        self.answers: list[Any] = []

    async def error(self, code: str, description: str) -> None:
        self.answers.append((code, description))

    async def result(self, payload: Any) -> None:
        self.answers.append(payload)


async def test_the_page_s_line_serves_another_library(tmp_path: Path) -> None:
    async with agent_in(tmp_path) as agent:
        names: dict[str, Any] = {"agent": agent, "my_link": MyLink(), "MyCallError": MyCallError}
        exec(LINE, names)
        respond = Respond()
        await names["csms_calls"]("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}, respond)
        await names["csms_calls"]("ClearCache", {}, respond)
        assert respond.answers == [{"status": "Accepted"}, ("NotImplemented", "this station doesn't know the action")]
        faults = [(TimeoutError(), CallTimedOut), (ConnectionError(), LinkClosed), (MyCallError(), CallRefused)]
        for fault, ours in faults:
            names["my_link"].fault = fault
            with pytest.raises(ours):
                await names["MyLine"]().call("Heartbeat", {})
        await names["csms_accepted"]({"status": "Pending"})
        names["my_link"].fault = ConnectionError()
        await asyncio.wait_for(names["csms_accepted"]({"status": "Accepted"}), 10)
        assert "SecurityEventNotification" in names["my_link"].said


def table(heading: str) -> str:
    found = re.search(rf"^{re.escape(heading)}.*?\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert found is not None
    return found[1]


def test_every_action_is_on_the_page() -> None:
    rows = table("| action |")
    told = {name for row in rows.splitlines()[1:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert told == set(ACTIONS)
    assert all(f"`{vendor}`" in rows for vendor in VENDOR_IDS)


def test_every_setting_is_on_the_page() -> None:
    rows = table("| 1.6 | 2.0.1 |").splitlines()[1:]
    told = {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    ours = [setting for setting in TABLE if setting.name in SETTINGS]
    names = {setting.key for setting in ours if setting.key} | {str(one) for row in ours for one in row.variables}
    assert told == names
