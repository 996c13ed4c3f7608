"""The program that starts the station again."""

import sys
from pathlib import Path

import pytest

from chainpilot.station.adapters.commands import CommandStarter

pytestmark = pytest.mark.anyio


def program(folder: Path, body: str) -> list[str]:
    script = folder / "reset"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return [str(script)]


@pytest.mark.parametrize(("at_once", "word"), [(True, "hard"), (False, "soft")])
async def test_it_is_told_how(tmp_path: Path, *, at_once: bool, word: str) -> None:
    await CommandStarter(program(tmp_path, f'echo "$1" > {tmp_path}/told')).reset(at_once=at_once)
    assert (tmp_path / "told").read_text() == f"{word}\n"


async def test_one_that_never_ends_is_killed_and_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(1000)"]
    await CommandStarter(command, longest=0.05).reset(at_once=True)
    assert "took longer than 0.05 s" in caplog.text


@pytest.mark.parametrize("body", ["exit 3", None])
async def test_what_it_can_not_do_is_told(tmp_path: Path, body: str | None, caplog: pytest.LogCaptureFixture) -> None:
    command = program(tmp_path, body) if body else [str(tmp_path / "nowhere")]
    await CommandStarter(command).reset(at_once=True)
    assert "the station is not started again" in caplog.text
