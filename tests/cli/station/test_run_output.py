"""`run` where nobody takes what it prints: the agent goes on, and says so once in its log."""

import asyncio
import fcntl
import logging
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import IO, Any

import pytest

from certs import csms_pki, v2g_pki
from chainpilot.cli.station.work.lines import MAX_LINES, LineHandler, Lines
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from cli.station.runs import PROGRAM
from cli.station.test_run import configured
from csms import csms_at
from stores import store_with

pytestmark = pytest.mark.anyio
LOST = "standard output takes no lines"


@asynccontextmanager
async def printing_to(stdout: IO[Any] | int, folder: Path) -> AsyncIterator[Process]:
    """An agent with that standard output, which has got the SECC certificate it asked for."""
    v2g, back = v2g_pki(), csms_pki()
    store_with(folder / "certs", (CaCertificateType.CSMS, back), (CaCertificateType.V2G, v2g))
    store = EvseSecurity(StoreConfig(folder / "certs"))
    async with csms_at(folder, back) as csms:
        csms.signs = lambda csr, _: v2g.enrol(csr)
        config = configured(folder, csms.url(), 'enrols = ["V2G"]')
        process = await asyncio.create_subprocess_exec(
            PROGRAM, "station", "--config", config, "run", stdout=stdout, stderr=PIPE
        )
        try:
            async with asyncio.timeout(30):
                assert await csms.answers.get() == {"status": "Accepted"}
                assert store.get_leaf_certificate_info(LeafCertificateType.V2G).info is not None
                yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def stopped(process: Process) -> str:
    """What it had logged when it had stopped as it was told to."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        _, logged = await process.communicate()
    assert process.returncode == 0
    return logged.decode()


@pytest.mark.parametrize(("place", "why"), [("a pipe", "Broken pipe"), ("/dev/full", "No space left on device")])
async def test_an_output_that_is_dead_or_full_doesnt_keep_the_agent_from_its_work(
    tmp_path: Path, place: str, why: str
) -> None:
    if place == "a pipe":
        ours, its = os.pipe()
        os.close(ours)
    else:
        its = os.open(place, os.O_WRONLY)
    async with printing_to(its, tmp_path) as process:
        os.close(its)
        logged = await stopped(process)
    assert logged.count(LOST) == 1
    assert f"({why})" in logged
    assert "Traceback" not in logged


async def test_a_reader_that_reads_nothing_doesnt_keep_the_agent_from_its_work_or_its_end(tmp_path: Path) -> None:
    ours, its = os.pipe()
    try:
        fcntl.fcntl(its, fcntl.F_SETPIPE_SZ, 4096)
        os.write(its, b"x" * 4096)
        async with printing_to(its, tmp_path) as process:
            assert "Traceback" not in await stopped(process)
    finally:
        os.close(ours)
        os.close(its)


async def test_an_output_that_is_closed_from_the_beginning_is_none(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_shell(
        f"exec {PROGRAM} station --config {configured(tmp_path)} run >&-", stderr=PIPE
    )
    assert process.stderr is not None
    assert await process.stderr.readline() == b"The agent is at work. Stop it with Ctrl-C.\n"
    assert "Traceback" not in await stopped(process)


def test_what_no_reader_takes_is_dropped_beyond_a_bound_and_told_of_once() -> None:
    ours, its = os.pipe()
    fcntl.fcntl(its, fcntl.F_SETPIPE_SZ, 4096)
    os.write(its, b"x" * 4096)
    lost: list[str] = []
    with closing(os.fdopen(its, "w")) as stream, Lines(stream, on_loss=lost.append) as lines:
        for number in range(MAX_LINES + 3):
            lines.tell(str(number))
        assert lost == ["nobody reads it"]
        with os.fdopen(ours, "rb") as reader:
            reader.read(4096)
            lines.tell("the last one")
            taken = [reader.readline() for _ in range(2)]
    assert taken == [b"0\n", b"1\n"]


def test_log_records_are_lines_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("w", encoding="ascii") as stream, Lines(stream, on_loss=lambda _: None) as lines:
        handler = LineHandler(lines)
        for word in ("one", "two", "zw\N{LATIN SMALL LETTER O WITH DIAERESIS}lf"):
            handler.handle(logging.makeLogRecord({"msg": word}))
    assert path.read_text() == "one\ntwo\nzw\\xf6lf\n"
