"""`run --check` judges whether the agent can write where it must: rights, owners, room on the disk; and only looks."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chainpilot.cli.station.work.room import LEAST_BYTES, Disk, crowding, image_room
from chainpilot.station.adapters.memory import SqliteMemory
from chainpilot.station.agent.firmware.updates import MAX_IMAGE
from cli.station.runs import Run, station
from cli.station.test_run import configured
from stores import tree

_AS_NOBODY = """
import contextlib, io, os, sys
from chainpilot.cli import app
arguments = ["station", "--config", sys.argv[1], "run", "--check"]
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    app(arguments, standalone_mode=False)  # loads everything: nobody may not read this Python
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
app(arguments)
"""
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
PLACE = Path("/var/lib/x")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory that everybody may reach and read: pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def as_nobody(config: Path) -> Run:
    """The check by a user who owns nothing here."""
    (config.parent / "password").chmod(0o644)
    command = [sys.executable, "-c", _AS_NOBODY, str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return Run(done.returncode, done.stdout, done.stderr)


@only_root
def test_directories_that_can_not_be_made_are_missing_rights(folder: Path) -> None:
    done = as_nobody(configured(folder))
    give = f"run this as the account that the agent has, or give it to this one: chown -R nobody {folder}"
    assert done.code == 1
    assert f"Missing: the right to write in {folder} (certs_dir); {give}\n" in done.out
    assert done.out.count("the right to write") == 1, "of both directories"


@only_root
def test_a_memory_and_a_store_of_another_account_are_told_of_and_left_alone(folder: Path) -> None:
    config = configured(folder)
    SqliteMemory.open(folder / "agent").close()
    (folder / "certs/client/cso").mkdir(parents=True)
    key = folder / "certs/client/cso/SECC_LEAF.key"
    key.write_text("made by root")
    key.chmod(0o600)
    before = tree(folder)
    done = as_nobody(config)
    (folder / "password").chmod(0o600)
    assert done.code == 1
    assert f"a directory for the agent's memory (agent.state_dir): {folder}/agent belongs to user 0" in done.out
    assert f"the right to write in {folder}/certs (certs_dir)" in done.out
    assert f"the right to read {key}, one of 1 such files" in done.out
    assert tree(folder) == before


@only_root
def test_a_store_that_is_closed_to_this_account_is_told_of_once(folder: Path) -> None:
    config = configured(folder, more='install_command = ["/bin/true"]')
    (folder / "certs/ca/v2g").mkdir(parents=True)
    (folder / "certs").chmod(0o700)
    done = as_nobody(config)
    assert done.code == 1
    assert done.out.count(f"the right to write in {folder}/certs (certs_dir); run this as the account") == 1
    assert "Permission denied" not in done.out


def test_a_state_directory_whose_parent_is_missing_is_told_of(tmp_path: Path) -> None:
    config = configured(tmp_path)
    config.write_text(config.read_text().replace('"agent"', '"nowhere/agent"'))
    done = station(None, "--config", config, "run", "--check")
    assert f"(agent.state_dir): {tmp_path}/nowhere is missing: a disk that isn't mounted, or a misspelling" in done.out
    assert not (tmp_path / "nowhere").exists()


def test_a_state_directory_that_others_may_write_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent").chmod(0o777)
    done = station(None, "--config", configured(tmp_path), "run", "--check")
    assert f"{tmp_path}/agent can be written by others (mode 0777)" in done.out


def test_a_file_where_a_directory_of_the_store_belongs_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "certs/client").mkdir(parents=True)
    (tmp_path / "certs/client/csms").touch()
    done = station(None, "--config", configured(tmp_path), "run", "--check")
    assert f"a directory: {tmp_path}/certs/client/csms (certs_dir) is none" in done.out


@pytest.mark.parametrize(
    ("disk", "words"),
    [
        (
            Disk(is_read_only=True, free_bytes=LEAST_BYTES, free_files=1),
            "that of /var/lib/x (certs_dir) is read-only; mount it writable",
        ),
        (
            Disk(is_read_only=False, free_bytes=LEAST_BYTES - 1, free_files=1),
            "room on the disk of /var/lib/x (certs_dir): 31 MB are free, 32 are needed",
        ),
        (Disk(is_read_only=False, free_bytes=LEAST_BYTES, free_files=0), "it takes no further file (no inode is free)"),
    ],
)
def test_a_disk_that_takes_nothing_is_told_with_what_to_do(disk: Disk, words: str) -> None:
    assert words in (crowding(disk, PLACE, "certs_dir") or "")


@pytest.mark.parametrize(
    "disk",
    [
        Disk(is_read_only=False, free_bytes=LEAST_BYTES, free_files=1),
        Disk(is_read_only=False, free_bytes=LEAST_BYTES + 1, free_files=None),
        Disk(is_read_only=False, free_bytes=None, free_files=1),
    ],
)
def test_a_disk_with_room_is_no_matter(disk: Disk) -> None:
    assert crowding(disk, PLACE, "certs_dir") is None


@pytest.mark.parametrize(("free", "is_told"), [(MAX_IMAGE + LEAST_BYTES, False), (MAX_IMAGE, True), (None, False)])
def test_a_disk_that_holds_no_firmware_image_is_noted(free: int | None, is_told: bool) -> None:
    note = image_room(Disk(is_read_only=False, free_bytes=free, free_files=1), PLACE)
    words = "firmware images of up to 512 MB are taken; 512 MB are free for them in /var/lib/x"
    assert note == (words if is_told else None)


def test_a_disk_tells_of_itself(tmp_path: Path) -> None:
    disk = Disk.of(tmp_path)
    assert not disk.is_read_only
    assert disk.free_bytes is None or disk.free_bytes > 0
