"""`watch`: changes of any process, told as they happen; Ctrl-C is its proper end."""

import asyncio
import fcntl
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certs import Pki, issue, v2g_pki
from chainpilot.cli.station.work.watching import INTERVAL, follow
from chainpilot.clock import SYSTEM
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.changes import CertificateChanged, Difference
from chainpilot.station.model import CaCertificateType, LeafCertificateType, LeafExpiring
from chainpilot.station.snapshot import Snapshot
from chainpilot.station.vault import VaultBusy
from cli.station.runs import END, PROGRAM, run_program
from clocks import SetClock
from stores import EVSE, enrol, open_store

V2G = CaCertificateType.V2G
LEAF = LeafCertificateType.V2G


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


class Watching:
    """A watch in a process of its own, at work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.out = process.stdout
        self.greeting = process.stderr.readline()

    def line(self) -> str:
        """The next line; waits for it."""
        return self.out.readline().rstrip("\n")

    def told(self) -> dict[str, Any]:
        """The next object."""
        told: dict[str, Any] = json.loads(self.line())
        return told

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Its exit code at a signal, and what it printed meanwhile."""
        self.process.send_signal(number)
        rest = self.out.read()
        return self.process.wait(30), rest


@contextmanager
def watching(certs: Path, *arguments: str | Path) -> Iterator[Watching]:
    command = [str(PROGRAM), "station", "--certs", str(certs), "watch", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Watching(process)
        finally:
            process.kill()


def test_what_another_process_does_is_told_line_by_line(tmp_path: Path, v2g: Pki) -> None:
    certs = tmp_path / "certs"
    certs.mkdir()
    store = EvseSecurity(StoreConfig(certs))
    given = tmp_path / "root.pem"
    given.write_text(v2g.root.certificate.to_pem())
    with watching(certs, "--json") as watch:
        assert watch.greeting == (
            f"Watching {certs}: 0 CA certificates, 0 leaves, 0 open requests. Stop it with Ctrl-C.\n"
        )
        assert run_program("station", "--certs", certs, "install-ca-certificate", given, "V2G").code == 0
        told = watch.told()
        assert told.pop("at").endswith("Z")
        assert told.pop("days_left") > 0
        assert told == {
            "event": "certificate_store_update",
            "operation": "Installed",
            "ca_certificate_type": "V2G",
            "subject": "C=DE, O=Operator, CN=V2G Root, DC=CPO",
            "common_name": "V2G Root",
            "issuer": "V2G Root",
            "serial_number": f"{v2g.root.certificate.serial_number:x}",
            "fingerprint": v2g.root.certificate.fingerprint,
            "not_before": "2025-01-01T00:00:00Z",
            "not_after": "2045-01-01T00:00:00Z",
        }
        made = store.generate_certificate_signing_request(LEAF, "DE", "Chargers Ltd", EVSE)
        assert made.csr is not None
        told = watch.told()
        assert (told["event"], told["certificate_type"], told["common_name"]) == ("signing_request_opened", "V2G", EVSE)
        end = (SYSTEM.now() + timedelta(days=3, hours=1)).replace(microsecond=0)
        assert store.update_leaf(v2g.stack(issue(v2g.issuing, made.csr, end=end)), LEAF).accepted
        installed, closed, due = watch.told(), watch.told(), watch.told()
        assert (installed["operation"], installed["leaf_certificate_type"]) == ("Installed", "V2G")
        assert (installed["common_name"], installed["days_left"]) == (EVSE, 3)
        assert (closed["event"], closed["why"]) == ("signing_request_closed", "Answered")
        assert (due["event"], due["common_name"], due["days_left"]) == ("leaf_expiring", EVSE, 3)
        (certs / "ca/v2g/V2G_ROOT_CA.pem").unlink()
        told = watch.told()
        assert (told["operation"], told["ca_certificate_type"]) == ("Deleted", "V2G")
        assert watch.stop() == (0, "")


def test_people_read_sentences(tmp_path: Path, v2g: Pki) -> None:
    store = EvseSecurity(StoreConfig(tmp_path))
    with watching(tmp_path) as watch:
        assert store.install_ca(v2g.root.certificate.to_pem(), V2G).accepted
        assert watch.line()[8:] == f"  Installed V2G CA V2G Root, {END}"
        made = store.generate_certificate_signing_request(LEAF, "DE", "Chargers Ltd", EVSE)
        assert made.csr is not None
        assert watch.line()[8:] == f"  Asked for a V2G leaf of {EVSE}"
        assert store.update_leaf(v2g.enrol(made.csr), LEAF).accepted
        assert watch.line()[8:] == f"  Installed V2G leaf {EVSE}, {END}"
        assert watch.line()[8:] == f"  No longer asked for: V2G leaf of {EVSE}, its certificate is installed"
        assert watch.stop(signal.SIGTERM) == (0, "")


def test_a_reader_that_goes_away_ends_it_without_a_trace(tmp_path: Path, v2g: Pki) -> None:
    store = EvseSecurity(StoreConfig(tmp_path))
    with watching(tmp_path, "--json") as watch:
        watch.out.close()
        assert store.install_ca(v2g.root.certificate.to_pem(), V2G).accepted
        assert watch.process.stderr is not None
        assert watch.process.wait(30) == 1
        assert watch.process.stderr.read() == ""


def test_a_missing_directory_is_a_sentence(tmp_path: Path) -> None:
    run = run_program("station", "--certs", tmp_path / "none", "watch")
    assert (run.code, run.out) == (3, "")
    assert run.err.startswith("chainpilot: there is no directory ")


class Notes:
    """Takes down what is told."""

    def __init__(self) -> None:
        self.told: list[Difference] = []

    def __call__(self, snapshot: Snapshot, difference: Difference) -> None:
        del snapshot
        self.told.append(difference)

    def take(self) -> list[Difference]:
        """What was told since the last time."""
        taken, self.told = self.told, []
        return taken


async def test_it_looks_again_after_each_interval_of_its_clock(
    tmp_path: Path, v2g: Pki, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, notes = SetClock(), Notes()
    store = open_store(tmp_path, clock=clock)
    following = asyncio.create_task(follow(store, notes, clock=clock))
    await clock.until_somebody_sleeps(until=INTERVAL)
    assert "0 CA certificates, 0 leaves, 0 open requests" in capsys.readouterr().err
    assert open_store(tmp_path).install_ca(v2g.root.certificate.to_pem(), V2G).accepted
    assert notes.take() == []
    clock.advance(INTERVAL)
    await clock.until_somebody_sleeps(until=INTERVAL)
    (one,) = notes.take()
    assert isinstance(one, CertificateChanged)
    assert one.certificate == v2g.root.certificate
    clock.advance(INTERVAL)
    await clock.until_somebody_sleeps(until=INTERVAL)
    assert notes.take() == []
    following.cancel()


async def test_leaves_that_are_due_already_are_told_at_the_start_and_once(tmp_path: Path, v2g: Pki) -> None:
    clock, notes = SetClock(), Notes()
    store = open_store(tmp_path, clock=clock)
    assert store.install_ca(v2g.root.certificate.to_pem(), V2G).accepted
    made = store.generate_certificate_signing_request(LEAF, "DE", "Chargers Ltd", EVSE)
    assert made.csr is not None
    end = clock.now() + timedelta(days=40)
    assert store.update_leaf(v2g.stack(issue(v2g.issuing, made.csr, end=end)), LEAF).accepted
    following = asyncio.create_task(follow(store, notes, clock=clock))
    await clock.until_somebody_sleeps(until=INTERVAL)
    assert notes.take() == []
    clock.set(clock.now() + timedelta(days=11))
    clock.advance(INTERVAL)
    await clock.until_somebody_sleeps(until=INTERVAL)
    (one,) = notes.take()
    assert isinstance(one, LeafExpiring)
    clock.advance(INTERVAL)
    await clock.until_somebody_sleeps(until=INTERVAL)
    assert notes.take() == []
    following.cancel()
    clock.advance(INTERVAL)
    again = asyncio.create_task(follow(store, notes, clock=clock))
    await clock.until_somebody_sleeps(until=INTERVAL)
    assert notes.take() == [one]
    again.cancel()


async def test_a_store_that_is_locked_for_a_while_is_looked_at_again(
    tmp_path: Path, v2g: Pki, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, notes = SetClock(), Notes()
    store = EvseSecurity(StoreConfig(tmp_path, lock_timeout_seconds=0.01))
    enrolled = open_store(tmp_path)
    assert enrolled.install_ca(v2g.root.certificate.to_pem(), V2G).accepted
    following = asyncio.create_task(follow(store, notes, clock=clock))
    await clock.until_somebody_sleeps(until=INTERVAL)
    with (tmp_path / ".chainpilot/lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for _ in range(2):
            clock.advance(INTERVAL)
            await clock.until_somebody_sleeps(until=INTERVAL)
    said = capsys.readouterr().err
    assert said.count("still locked by another process after 0.01 s; trying again") == 1
    enrol(enrolled, v2g)
    clock.advance(INTERVAL)
    await clock.until_somebody_sleeps(until=INTERVAL)
    assert len(notes.take()) == 1
    following.cancel()


async def test_a_store_that_is_locked_from_the_start_ends_it(tmp_path: Path, v2g: Pki) -> None:
    assert open_store(tmp_path).install_ca(v2g.root.certificate.to_pem(), V2G).accepted
    store = EvseSecurity(StoreConfig(tmp_path, lock_timeout_seconds=0.01))
    with (tmp_path / ".chainpilot/lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(VaultBusy):
            await follow(store, Notes(), clock=SetClock())
