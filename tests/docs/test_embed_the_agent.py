"""What docs/howto/embed-the-agent.md tells: its station runs, and its tables are what the adapter takes."""

import asyncio
import contextlib
import io
import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agents_line import ScriptedLine
from certs import Pki, csms_pki, v2g_pki
from chainpilot.link.faults import CallRefused, CallTimedOut, LinkClosed
from chainpilot.station.adapters.mobilityhouse import ACTIONS, SETTINGS, Attached, Shares
from chainpilot.station.agent.settings.keys import TABLE
from chainpilot.station.model import CaCertificateType
from chainpilot.wire.pnc.tables import VENDOR_IDS
from chainpilot.wire.version import OcppVersion
from csms import PASSWORD, STATION, csms_at
from embedded import agent_in
from message_sockets import MemorySocket

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[2] / "docs/howto/embed-the-agent.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
STATIONS, CHOICE, PASSWORDS, FIRMWARE, CONTRACT, LOG, LINE = BLOCKS
(RECIPE,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


async def run(code: str, names: dict[str, Any]) -> str:
    """What an excerpt of the page prints, where it may await."""
    said = io.StringIO()
    lines = "".join(f"    {line}\n" for line in code.splitlines())
    program = f"async def page(names):\n{lines}    names.update(locals())\n"
    exec(program, names)
    with contextlib.redirect_stdout(said):
        await names["page"](names)
    return said.getvalue()


def placed(code: str, folder: Path, url: str) -> str:
    """An excerpt of the page with this test's places in it, and without its pauses."""
    places = {
        "/var/lib/charger": str(folder),
        "/tmp/rehearsal": str(folder),
        "wss://csms.example.org/ocpp/BER-0001": url,
        "BER-0001": STATION,
        "asyncio.sleep(5)": "asyncio.sleep(0)",
    }
    return re.sub("|".join(map(re.escape, places)), lambda found: places[found[0]], code)


def provided(folder: Path, v2g: Pki, back: Pki) -> None:
    """What the page's station finds on its disk."""
    (folder / "CSMS.pem").write_text(back.root.certificate.to_pem())
    (folder / "V2G.pem").write_text(v2g.root.certificate.to_pem())
    (folder / "password").write_text(PASSWORD + "\n")


async def test_the_page_s_station_enrols_tells_its_connectors_and_goes_on_after_a_broken_connection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    v2g, back = v2g_pki(), csms_pki()
    provided(tmp_path, v2g, back)
    async with csms_at(tmp_path, back) as csms:
        csms.signs = lambda csr, use: v2g.enrol(csr)
        names: dict[str, Any] = {"__name__": "page"}
        exec(placed(STATIONS, tmp_path, csms.url()), names)
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
    assert csms.connectors[:2] == [(0, "Available"), (1, "Available")]
    assert "disconnected: " in capsys.readouterr().out


async def test_the_page_s_station_says_in_words_what_goes_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    v2g, back = v2g_pki(), csms_pki()
    provided(tmp_path, v2g, back)
    (tmp_path / "password").write_text("another")
    (tmp_path / "V2G.pem").write_text("rubbish")
    async with csms_at(tmp_path, back) as csms:
        names: dict[str, Any] = {"__name__": "page"}
        exec(placed(STATIONS, tmp_path, csms.url()), names)
        running = asyncio.ensure_future(names["main"]())
        said = ""
        async with asyncio.timeout(20):
            while "not connected: " not in said:
                await asyncio.sleep(0.005)
                said += capsys.readouterr().out
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert f"not connected: the CSMS at {csms.url()} refuses the station {STATION} or its password (401)" in said
    assert said.startswith("V2G root: InvalidFormat, ")
    assert "another" not in said


async def test_the_page_s_station_tries_the_former_password_behind_one_that_the_csms_set_and_does_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    back = csms_pki()
    root = (CaCertificateType.CSMS, back.root.certificate.to_pem())
    async with csms_at(tmp_path, back) as csms:
        names: dict[str, Any] = {"__name__": "page"}
        exec(placed(STATIONS + PASSWORDS, tmp_path, csms.url()), names)
        host = names["MyHost"]()
        async with agent_in(tmp_path, root, password=PASSWORD, host=host) as agent:
            change = {"key": "AuthorizationKey", "value": "ab" * 16}
            await agent.converse(ScriptedLine(OcppVersion.V16), boots=False).answer("ChangeConfiguration", change)
            running = asyncio.ensure_future(names["connected_with_any"](agent, host))
            async with asyncio.timeout(20):
                served = await csms.stations.get()
                await served.ask("GetInstalledCertificateIds", json.dumps({"typeOfCertificate": "V2GCertificateChain"}))
                await host.reconnect("over")
                await asyncio.gather(running, return_exceptions=True)
            former = [one.value for one in agent.passwords()][-1]
    assert former == PASSWORD, "the new one hasn't worked yet"
    assert capsys.readouterr().out.count("refuses the station CS-001 or its password (401)") == 2


def test_the_page_s_contract_is_made_and_judged_as_it_stands(tmp_path: Path) -> None:
    subprocess.run(["/bin/sh", "-ec", RECIPE], cwd=tmp_path, check=True, capture_output=True)
    program = tmp_path / "contract.py"
    program.write_text(placed(CONTRACT, tmp_path, ""))
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    root, first, second = done.stdout.splitlines()
    assert root == "MO root: Accepted "
    assert first.startswith("True ")
    assert second.startswith("False ")
    assert "Traceback" not in done.stderr


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
