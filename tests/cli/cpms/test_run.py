"""`chainpilot cpms run` in a process of its own: it serves, takes renewed certificates, stops in order, checks."""

import asyncio
import json
import shutil
import signal
import ssl
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chainpilot.cli import app
from chainpilot.cli.exits import Exit
from chainpilot.cpms.adapters.sql import SqlLedger
from chainpilot.cpms.app import patience_of
from chainpilot.cpms.config import CpmsConfig, DatabaseConfig
from rawserver import make_identity

pytestmark = pytest.mark.anyio
PROGRAM = Path(sys.executable).with_name("chainpilot")


def configured(folder: Path, more: str = "") -> Path:
    """A CPMS with one listener on any free port."""
    make_identity(folder, "127.0.0.1")
    config = folder / "cpms.toml"
    config.write_text(
        f"""
[database]
file = "cpms.sqlite"
[[listener]]
name = "password"
profile = 2
host = "127.0.0.1"
port = 0
certificate = "server.pem"
key = "server.key"
{more}
"""
    )
    return config


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[tuple[Process, int]]:
    """The process, and the port of its listener."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "cpms", "run", "--config", config, "--json", stdout=PIPE, stderr=PIPE
    )
    try:
        assert process.stdout is not None
        told: dict[str, Any] = json.loads(await process.stdout.readline())
        yield process, told["listeners"]["password"]["port"]
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def serial_shown(port: int) -> bytes:
    """The certificate that the listener shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return shown


async def test_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    async with running(configured(tmp_path)) as (process, port):
        assert await serial_shown(port)
        process.send_signal(signal.SIGTERM)
        _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == Exit.DONE
    assert b'"event": "stopping"' in said
    assert b"Traceback" not in said


async def test_sighup_shows_the_renewed_certificate_and_keeps_the_old_where_the_new_is_broken(tmp_path: Path) -> None:
    async with running(configured(tmp_path)) as (process, port):
        await until(process, b"server_certificate_shown")
        before = await serial_shown(port)
        make_identity(tmp_path / "newer", "127.0.0.1")
        for name in ("server.pem", "server.key"):
            shutil.copy(tmp_path / "newer" / name, tmp_path / name)
        process.send_signal(signal.SIGHUP)
        await until(process, b"server_certificate_shown")
        after = await serial_shown(port)
        (tmp_path / "server.key").write_text("broken")
        process.send_signal(signal.SIGHUP)
        await until(process, b"kept as it was")
        assert await serial_shown(port) == after != before


async def until(process: Process, words: bytes) -> None:
    """Read the log up to a line with these words."""
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while words not in await process.stderr.readline():
            pass


async def test_a_second_one_on_the_same_database_is_a_conflict(tmp_path: Path) -> None:
    config = configured(tmp_path)
    ledger = await SqlLedger.open(tmp_path / "cpms.sqlite")
    try:
        process = await asyncio.create_subprocess_exec(PROGRAM, "cpms", "run", "--config", config, stderr=PIPE)
        _, said = await asyncio.wait_for(process.communicate(), 60)
    finally:
        await ledger.close()
    assert process.returncode == Exit.CONFLICT
    assert said.splitlines()[-1].startswith(b"chainpilot: ")


def check(config: Path, *arguments: str) -> tuple[int, str]:
    """`run --check` within this process: its exit code, and what it printed."""
    done = CliRunner().invoke(app, ["cpms", "run", "--config", str(config), "--check", *arguments])
    assert isinstance(done.exception, SystemExit | None), done.exception
    return done.exit_code, done.stdout


def test_check_says_what_the_configuration_means_and_makes_nothing(tmp_path: Path) -> None:
    config = configured(tmp_path, '[pki.own]\nurl = "https://pki.example"\n[issue]\nv2g = "own"')
    before = sorted(tmp_path.rglob("*"))
    code, said = check(config)
    assert code == Exit.NEEDS_SOMEBODY
    assert "SECC certificates  own, https://pki.example" in said
    assert "Missing: an anchor in trust.v2g" in said
    assert sorted(tmp_path.rglob("*")) == before


def test_check_finds_files_that_can_not_be_used(tmp_path: Path) -> None:
    more = '[pki.own]\nurl = "https://pki.example"\nclient_certificate = "no.pem"\nclient_key = "no.key"'
    config = configured(tmp_path, more)
    (tmp_path / "server.key").write_text("broken")
    code, said = check(config, "--json")
    assert code == Exit.NEEDS_SOMEBODY
    told = json.loads(said)
    assert len(told["missing"]) == 2
    assert "server.key" in told["missing"][0]
    assert "no.pem" in told["missing"][1]


def test_where_nothing_is_missing_it_names_the_next_step(tmp_path: Path) -> None:
    config = configured(tmp_path)
    code, said = check(config)
    assert code == Exit.DONE
    assert f"chainpilot cpms check-pki --config {config}" in said


def test_the_systemd_unit_names_a_command_that_there_is_and_waits_as_long_as_a_stop_may_take() -> None:
    unit = (Path(__file__).parents[3] / "packaging/chainpilot-cpms.service").read_text()
    settings = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and not line.startswith("#"))
    program, *words = settings["ExecStart"].split()
    assert program.endswith("/chainpilot")
    assert words[:2] == ["cpms", "run"]
    longest = patience_of(CpmsConfig((), DatabaseConfig(Path("x"))))
    assert int(settings["TimeoutStopSec"]) > longest
    assert settings["RestartPreventExitStatus"].split() == [str(int(Exit.USAGE)), str(int(Exit.CONFLICT))]
