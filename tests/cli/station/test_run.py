"""`run`: the agent as an operator starts it: a file, a process, a line for what happens, and a signal at the end."""

import asyncio
import gc
import json
import os
import signal
import stat
import weakref
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certs import Pki, csms_pki, v2g_pki
from chainpilot.cli.station.work.agent import tidying
from chainpilot.station.adapters.memory import FloorFile, SqliteMemory
from chainpilot.station.agent.settings.networks import MAX_URL
from chainpilot.station.agent.settings.record import DOCUMENT, write_record
from chainpilot.station.agent.settings.standing import Standing
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.model import CaCertificateType
from chainpilot.station.watch import Connected, ConnectFailed, Disconnected, StationEvent
from chainpilot.wire.version import OcppVersion
from cli.station.runs import PROGRAM, station
from csms import PASSWORD, STATION, Csms, csms_at
from stores import EVSE, store_with, tree

pytestmark = pytest.mark.anyio
NOWHERE = "wss://localhost:9/ocpp"


@pytest.fixture(scope="module")
def back() -> Pki:
    return csms_pki()


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


def configured(folder: Path, url: str = NOWHERE, more: str = "") -> Path:
    """A station's file, its password beside it."""
    (folder / "password").write_text(f"{PASSWORD}\n")
    (folder / "password").chmod(0o600)
    path = folder / "station.toml"
    path.write_text(
        f"""
certs_dir = "certs"

[agent]
station_id = "{STATION}"
csms_url = "{url}"
organisation = "Operator"
country = "DE"
secc_id = "{EVSE}"
state_dir = "agent"
password_file = "password"
versions = ["{OcppVersion.V16.value}"]
{more}
"""
    )
    return path


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[Process]:
    """The agent at work in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "station", "--config", config, "run", "--json", stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until(process: Process, event: str) -> dict[str, Any]:
    """The next line that tells of that event."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while line := await process.stdout.readline():
            told: dict[str, Any] = json.loads(line)
            if told["event"] == event:
                return told
    raise AssertionError(f"the agent ended without {event}")


def test_without_a_configuration_it_says_what_it_needs() -> None:
    done = station(None, "run")
    assert done.code == 2
    assert "--config FILE run" in done.err


def test_a_check_says_what_is_missing_and_leaves_no_trace(tmp_path: Path) -> None:
    config = configured(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = station(None, "--config", config, "run", "--check")
    assert done.code == 1
    assert f"{STATION} would connect to {NOWHERE}/{STATION}, offering ocpp1.6" in done.out
    assert f"install-ca-certificate FILE CSMS" in done.out  # noqa: F541 - as the program prints it
    assert sorted(tmp_path.rglob("*")) == before
    assert PASSWORD not in done.out + done.err


def test_a_check_for_programs_is_one_object(tmp_path: Path, back: Pki) -> None:
    store_with(tmp_path / "certs", (CaCertificateType.CSMS, back))
    done = station(None, "--config", configured(tmp_path), "run", "--check", "--json")
    told = done.told
    assert (told["url"], told["security_profile"]) == (f"{NOWHERE}/{STATION}", 2)
    assert len(told["missing"]) == 1
    assert "V2G root" in told["missing"][0]


@pytest.mark.parametrize("damage", ["gone", "garbage"])
def test_a_check_tells_of_a_lost_memory_and_leaves_that_to_the_agent_to_report(
    tmp_path: Path, v2g: Pki, back: Pki, damage: str
) -> None:
    store_with(tmp_path / "certs", (CaCertificateType.CSMS, back), (CaCertificateType.V2G, v2g))
    SqliteMemory.open(tmp_path / "agent").close()
    database = tmp_path / "agent/agent.db"
    database.unlink() if damage == "gone" else database.write_bytes(b"no database at all")
    before = tree(tmp_path / "agent")
    done = station(None, "--config", configured(tmp_path), "run", "--check")
    assert done.code == 1
    assert "the memory of before" in done.out
    assert tree(tmp_path / "agent") == before
    with closing(SqliteMemory.open(tmp_path / "agent")) as memory:
        assert memory.opened_anew is not None


def test_a_check_tells_that_there_is_no_way_back_below_a_profile_that_worked(tmp_path: Path) -> None:
    with closing(SqliteMemory.open(tmp_path / "agent")) as memory:
        memory.write({DOCUMENT: write_record(Standing(settings=Settings(), floor=3))})
    config = configured(tmp_path, more='profile_urls = { 3 = "wss://localhost:8/ocpp" }')
    done = station(None, "--config", config, "run", "--check")
    assert f"{STATION} would connect to wss://localhost:8/ocpp/{STATION}" in done.out
    assert f"Note: security profile 2 of {config} isn't used: 3 worked before" in done.out
    assert "set agent.security_profile = 3 and the URL that serves it" in done.out


def test_a_check_tells_that_no_url_of_the_file_serves_a_profile_that_worked(tmp_path: Path) -> None:
    FloorFile(tmp_path / "agent").keep(2)
    url = "ws://localhost:9/" + "a" * (MAX_URL - len("ws://localhost:9/"))
    config = configured(tmp_path, url, more="security_profile = 1\nallow_insecure = true")
    SqliteMemory.open(tmp_path / "agent").close()
    done = station(None, "--config", config, "run", "--check")
    assert done.code == 1
    assert f"there is no way back; set agent.security_profile = 2 and the URL that serves it in {config}" in done.out


def test_a_check_tells_that_a_lost_memory_gives_no_way_below_what_worked(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    store_with(tmp_path / "certs", (CaCertificateType.CSMS, back), (CaCertificateType.V2G, v2g))
    SqliteMemory.open(tmp_path / "agent").close()
    (tmp_path / "agent/agent.db").unlink()
    FloorFile(tmp_path / "agent").keep(3)
    done = station(None, "--config", configured(tmp_path), "run", "--check")
    assert done.code == 1
    assert f"would connect to {NOWHERE}/{STATION}" in done.out
    assert "security profile  3" in done.out
    assert "Missing: a client certificate, which security profile 3 needs" in done.out


def test_a_check_of_a_station_that_lacks_nothing_says_how_to_go_on(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    store_with(tmp_path / "certs", (CaCertificateType.CSMS, back), (CaCertificateType.V2G, v2g))
    done = station(None, "--config", configured(tmp_path), "run", "--check")
    assert done.code == 0
    assert "Nothing is missing. Next: chainpilot station --config" in done.out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("stationid = 1", "agent.stationid: there is no such setting; the nearest is station_id"),
        ("security_profile = 1", "agent.security_profile: 1 proves nobody's name; allow_insecure = true"),
        ("security_profile = '2'", "agent.security_profile: is a whole number, without quotation marks"),
        ("allow_test_pki = true", "agent.allow_test_pki: is a setting of the store: write it above the line [agent]"),
        ("settings = { pnc = true }", "agent.settings.pnc: there is no such setting; the nearest is pnc_enabled"),
        ("settings = { cert_signing_repeat_times = 99 }", "agent.settings.cert_signing_repeat_times: 0 to 20"),
        ("vendor = hunter2", "line 13, column 10), where vendor is set; a text stands in quotation marks"),
        ("model = 'a'\nmodel = 'hunter2'", "line 14, column 18), where model is set"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_file_name_and_fix_and_nothing_runs(
    tmp_path: Path, more: str, words: str
) -> None:
    config = configured(tmp_path, more=more)
    done = station(None, "--config", config, "run")
    assert done.code == 2
    assert done.err.startswith(f"chainpilot: {config}: ")
    assert words in done.err
    assert "hunter2" not in done.err


def test_a_store_s_setting_that_makes_none_is_told_with_the_file_too(tmp_path: Path) -> None:
    config = configured(tmp_path)
    config.write_text(f'csms_ca_bundle = ""\n{config.read_text()}')
    done = station(None, "--config", config, "run")
    assert (done.code, done.err) == (2, f"chainpilot: {config}: csms_ca_bundle: the path is empty\n")


@pytest.mark.parametrize(
    ("written", "instead", "words"),
    [
        (
            f'csms_url = "{NOWHERE}"',
            'csms_url = "ws://localhost:9/ocpp"',
            "agent.csms_url: the CSMS's URL: security profile 2",
        ),
        ('country = "DE"', 'country = "Germany"', "agent.country: a country is two capital letters"),
        (f'secc_id = "{EVSE}"', 'secc_id = "E0002"', "agent.secc_id: neither an EVSEID"),
    ],
)
def test_a_value_that_no_csms_could_set_is_refused_in_the_file_too(
    tmp_path: Path, written: str, instead: str, words: str
) -> None:
    config = configured(tmp_path)
    text = config.read_text()
    assert written in text
    config.write_text(text.replace(written, instead))
    done = station(None, "--config", config, "run", "--check")
    assert done.code == 2
    assert words in done.err


def test_a_password_file_that_is_missing_is_told_of(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (tmp_path / "password").unlink()
    done = station(None, "--config", config, "run")
    assert done.code == 3
    assert f"{config}: agent.password_file: there is no file {tmp_path / 'password'}; make it" in done.err


@asynccontextmanager
async def served(folder: Path, v2g: Pki, back: Pki) -> AsyncIterator[Csms]:
    store_with(folder / "certs", (CaCertificateType.CSMS, back), (CaCertificateType.V2G, v2g))
    async with csms_at(folder, back) as csms:
        csms.signs = lambda csr, _: v2g.enrol(csr)
        yield csms


async def test_it_asks_for_what_it_has_none_of_and_ends_at_sigterm_with_0(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    async with served(tmp_path, v2g, back) as csms:
        config = configured(tmp_path, csms.url(), 'enrols = ["V2G"]')
        async with running(config) as process:
            assert (await until(process, "booted"))["accepted"] is True
            received = await until(process, "certificate_received")
            assert (received["use"], received["result"]) == ("V2GCertificate", "Accepted")
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                assert await process.wait() == 0
            assert process.stderr is not None
            said = (await process.stderr.read()).decode()
        assert "Traceback" not in said
        assert PASSWORD not in said
    for path in (tmp_path / "agent").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_while_it_still_begins_ends_it_in_order_too(tmp_path: Path, number: signal.Signals) -> None:
    config = configured(tmp_path)
    (tmp_path / "password").unlink()
    os.mkfifo(tmp_path / "password", 0o600)
    async with running(config) as process:
        # it reads its password now, and waits for what is written here
        with await asyncio.to_thread((tmp_path / "password").open, "w") as password:
            process.send_signal(number)
            password.write(f"{PASSWORD}\n")
        async with asyncio.timeout(30):
            assert await process.wait() == 0
        assert process.stderr is not None
        assert b"Traceback" not in await process.stderr.read()
    SqliteMemory.open(tmp_path / "agent").close()


async def test_a_request_that_the_csms_refuses_is_told_with_the_time_of_the_next_look(
    tmp_path: Path, v2g: Pki, back: Pki
) -> None:
    async with served(tmp_path, v2g, back) as csms:
        csms.accepts = False
        config = configured(tmp_path, csms.url(), 'enrols = ["V2G", "CSMS"]')
        async with running(config) as process:
            told = [await until(process, "sign_certificate_answered") for _ in range(2)]
    assert {one["use"]: one["accepted"] for one in told} == {
        "V2GCertificate": False,
        "ChargingStationCertificate": False,
    }
    ahead = [datetime.fromisoformat(one["asks_again"]) - datetime.fromisoformat(one["at"]) for one in told]
    assert all(timedelta(minutes=59) < one <= timedelta(hours=1) for one in ahead)


async def test_two_agents_never_share_a_state_directory(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    async with served(tmp_path, v2g, back) as csms:
        config = configured(tmp_path, csms.url())
        async with running(config) as first:
            await until(first, "booted")
            async with running(config) as second:
                async with asyncio.timeout(30):
                    assert await second.wait() == 1
                assert second.stderr is not None
                assert b"another agent" in await second.stderr.read()


def test_what_a_connection_leaves_behind_goes_when_the_next_is_there_or_was_tried() -> None:
    class Knot:
        itself: "Knot"

    told: list[StationEvent] = []
    watch = tidying(told.append)
    events = (Connected(3, NOWHERE), ConnectFailed(3, NOWHERE, "it is away"), Disconnected("it left"))
    alive: list[bool] = []
    gc.disable()
    try:
        for event in events:
            knot = Knot()
            knot.itself = knot
            left = weakref.ref(knot)
            del knot
            watch(event)
            alive.append(left() is not None)
    finally:
        gc.enable()
    assert told == list(events)
    assert alive == [False, False, True]
