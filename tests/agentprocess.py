"""The station's agent as an operator runs it, in a process of its own, which tests read, kill and start again."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chainpilot.pki.trust import LeafUse
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.adapters.memory import SqliteMemory
from chainpilot.station.agent.events.types import SecurityEvent
from chainpilot.station.model import CaCertificateType
from chainpilot.wire.version import OcppVersion
from enrolling import LEAVES, PASSWORD, secc_name
from nursery import Child, fork

__all__ = ["AgentProcess", "Place", "command"]

PROGRAM = "chainpilot.cli:main"
PATIENCE = 60.0
"""Seconds until a test says that something never happened."""
CONFIG = """
certs_dir = "certs"
{store}
[agent]
station_id = "{name}"
csms_url = "wss://localhost:{port}/ocpp"
organisation = "Operator"
country = "DE"
secc_id = "{secc}"
state_dir = "state"
password_file = "password"
versions = ["{version}"]
[agent.settings]
cert_signing_wait_minimum = 1
cert_signing_repeat_times = 20
"""


@dataclass(frozen=True)
class Place:
    """One station's files: what of it outlasts a process."""

    directory: Path
    name: str

    @classmethod
    def make(
        cls, directory: Path, name: str, version: OcppVersion, port: int, roots: Mapping[CaCertificateType, str]
    ) -> "Place":
        """A station that knows its roots and its password, and has never run."""
        place = cls(directory / name, name)
        place.directory.mkdir(parents=True)
        words = {"name": name, "port": port, "secc": secc_name(name), "version": version.value, "store": ""}
        place.config.write_text(CONFIG.format(**words))
        (place.directory / "password").write_text(f"{PASSWORD}\n")
        (place.directory / "password").chmod(0o600)
        for kind, pem in roots.items():
            assert place.security().install_ca(pem, kind).accepted
        return place

    @property
    def config(self) -> Path:
        """The operator's file."""
        return self.directory / "station.toml"

    @property
    def store(self) -> Path:
        """Where the certificates are."""
        return self.directory / "certs"

    def security(self) -> EvseSecurity:
        """The store, seen from outside."""
        return EvseSecurity(StoreConfig(self.store))

    def is_enrolled(self, use: LeafUse) -> bool:
        """Whether a leaf is in use and nothing is open."""
        security = self.security()
        return security.get_leaf_certificate_info(LEAVES[use]).info is not None and not security.open_requests()

    def events(self) -> tuple[tuple[SecurityEvent, ...], tuple[SecurityEvent, ...]]:
        """The security log, and what of it waits for the CSMS; while no agent runs."""
        memory = SqliteMemory.open(self.directory / "state")
        try:
            assert memory.opened_anew is None
            return memory.security_log(None, None), tuple(one.event for one in memory.queued_events(1000))
        finally:
            memory.close()


def arguments(config: Path) -> list[str]:
    """What an operator types after the program's name."""
    return ["station", "--config", str(config), "run", "--json"]


def command(config: Path) -> list[str]:
    """What an operator types."""
    return [sys.executable, "-c", "from chainpilot.cli import main; main()", *arguments(config)]


@dataclass
class AgentProcess:
    """One life."""

    place: Place
    lines: list[dict[str, Any]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What came on standard error."""
    changed: Callable[[], None] = lambda: None
    """Called for each line."""

    async def start(self, *words: str) -> "AgentProcess":
        """Begin as a fork that spares the importing; `words` are a command in place of it, for a world of its own."""
        self._news = asyncio.Event()
        self.process: asyncio.subprocess.Process | Child
        self.process = await (self._begin(words) if words else fork(PROGRAM, *arguments(self.place.config)))
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read(self.process.stdout, lambda text: self.lines.append(json.loads(text)))),
            asyncio.create_task(self._read(self.process.stderr, self.remarks.append)),
        ]
        return self

    async def _begin(self, words: tuple[str, ...]) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, stderr=pipe)

    async def _read(self, stream: asyncio.StreamReader, take: Callable[[str], None]) -> None:
        while line := await stream.readline():
            take(line.decode())
            self._news.set()
            self.changed()

    @property
    def names(self) -> list[str]:
        """The events so far."""
        return [line["event"] for line in self.lines]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once that holds; it is asked after each line, and after `nudge`."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._news.clear()
                assert self.process.returncode is None, self.remarks
                await self._news.wait()

    async def told_back(self, line: str, answer: str) -> str:
        """Say a line to whatever runs it, and wait for one on standard error that begins with `answer`."""
        assert self.process.stdin is not None
        before = len(self.remarks)
        self.process.stdin.write(f"{line}\n".encode())

        def found() -> list[str]:
            return [text for text in self.remarks[before:] if text.startswith(answer)]

        await self.until(lambda: bool(found()))
        return found()[0].strip()

    def nudge(self) -> None:
        """Have `until` look again."""
        self._news.set()

    async def until_at_work(self) -> None:
        """Until it listens for signals."""
        await self.until(lambda: any("at work" in line for line in self.remarks))

    async def kill(self) -> None:
        """End it as a power cut does."""
        self.strike()
        await self._death()

    def strike(self) -> None:
        """SIGKILL, now."""
        with suppress(ProcessLookupError):
            self.process.kill()

    async def stop(self, seconds: float = 10.0) -> int:
        """SIGTERM; the exit code, which has to come within that time."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(seconds):
            return await self._death()

    async def _death(self) -> int:
        code = await self.process.wait()
        await asyncio.gather(*self._readers)
        return code
