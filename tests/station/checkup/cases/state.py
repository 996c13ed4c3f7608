"""The store's own state, not as it should be."""

import errno
import os
import subprocess
from pathlib import Path
from unittest import mock

from certs import root
from chainpilot.station.layout import Parity
from chainpilot.station.vault.journal import Place, write_journal
from station.checkup.bench import SECOND, V2G, Bench, Planted, SteadyClock
from stock import put

__all__ = ["CASES"]


def held(bench: Bench) -> None:
    """Another process has the lock."""
    command = ["flock", "-o", str(bench.state / "lock"), "sh", "-c", "echo held; exec sleep 600"]
    bench.holder = bench.stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
    bench.stack.callback(bench.holder.kill)
    assert bench.holder.stdout is not None
    bench.holder.stdout.readline()
    bench.clock = SteadyClock()
    bench.settings["lock_timeout_seconds"] = 0.01


def let_go(bench: Bench) -> None:
    bench.holder.kill()
    bench.holder.wait()


def without_locks(bench: Bench) -> None:
    """The system answers as one does whose file server keeps no locks."""
    refusal = OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    bench.patches.enter_context(mock.patch("fcntl.flock", side_effect=refusal))


def journal(bench: Bench, final: Path) -> None:
    """A change that a stopped process left half done: a file is still to be renamed to `final`."""
    staged = put(bench.leaves / ".chainpilot-0123456789abcdef", root("MO Root", domain="MO").certificate.to_pem())
    put(bench.state / "journal", write_journal((Place(staged, final),), bench.directory))


def unlocked_journal(bench: Bench) -> None:
    (bench.directory / "ca/mo").mkdir()
    journal(bench, bench.directory / "ca/mo/MO_ROOT_CA.pem")
    (bench.state / "lock").unlink()


def asked(bench: Bench, organization: str = "Chargers Ltd", common: str = SECOND) -> None:
    made = bench.open().generate_certificate_signing_request(V2G, "DE", organization, common)
    assert made.csr is not None, made.reason


def keyless_request(bench: Bench) -> None:
    before = set(bench.leaves.iterdir())
    asked(bench)
    (key,) = set(bench.leaves.iterdir()) - before
    key.unlink()


def old_request(bench: Bench) -> None:
    asked(bench)
    bench.clock.advance(7200)


def many_requests(bench: Bench) -> None:
    """Three were superseded long ago, one just now, and the open one is young."""
    for number in range(3):
        asked(bench, f"Operator {number}")
    asked(bench, "Operator 3")
    bench.clock.advance(7200)
    asked(bench, "Operator 4")


def held_certificates(bench: Bench) -> int:
    """Two roots, two leaves with chains of three beside them."""
    return 2 + 2 * 4


def nearly_full(bench: Bench) -> None:
    put(bench.leaves / "notes.txt", b" " * 60_000)
    bench.settings["max_bytes"] = bench.weight * 110 // 100


CASES = {
    "StoreLocked": Planted(plant=held, by_hand=let_go, told=lambda bench: (bench.state / "lock", "0.01 seconds")),
    "LocksMissing": Planted(
        plant=without_locks, by_hand=lambda bench: bench.patches.close(), told=lambda bench: (bench.state / "lock",)
    ),
    "ChangeStuck": Planted(
        plant=lambda bench: journal(bench, bench.directory / "nowhere/root.pem"),
        left=("UnfinishedFiles",),
        told=lambda bench: ("No such file", ".chainpilot-0123456789abcdef"),
    ),
    "StoreFull": Planted(
        plant=lambda bench: bench.settings.update(max_certificates=held_certificates(bench) + 3),
        told=lambda bench: ("10 certificates", "13"),
    ),
    "StoreNearlyFull": Planted(
        plant=nearly_full,
        told=lambda bench: (f"{bench.weight} bytes",),
    ),
    "UnfinishedChange": Planted(plant=unlocked_journal, told=lambda bench: (bench.state / "journal",)),
    "JournalDamaged": Planted(
        plant=lambda bench: put(bench.state / "journal.damaged", b"?"), told=lambda _: ("journal.damaged",)
    ),
    "RequestKeyMissing": Planted(plant=keyless_request, told=lambda _: (SECOND,)),
    "RecordUnreadable": Planted(
        plant=lambda bench: put(bench.state / "pending/junk.json", b"{"), told=lambda _: ("junk.json",)
    ),
    "RequestOld": Planted(plant=old_request, told=lambda _: (SECOND, "2026-06-01 00:00")),
    "StateOpenToOthers": Planted(
        plant=lambda bench: bench.state.chmod(0o755), told=lambda bench: (bench.state, "0755", "0700")
    ),
    "UnfinishedFiles": Planted(
        plant=lambda bench: put(bench.state / ".chainpilot-0123", b""), told=lambda _: (".chainpilot-0123", "1 ")
    ),
    "RequestsSuperseded": Planted(plant=many_requests, told=lambda _: ("2 signing requests",)),
    "ParityOn": Planted(
        plant=lambda bench: bench.settings.update(parity=Parity(times=True, newest_by_not_after=True)),
        told=lambda _: ("parity.times, parity.newest_by_not_after",),
    ),
}
