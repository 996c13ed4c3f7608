"""Stop a change of the store after every single file operation: it opens with the old or the new state."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from shutil import copytree

import pytest

from certs import Pki, root, v2g_pki
from chainpilot.station import EvseSecurity
from chainpilot.station.model import CaCertificateType, InstallCertificateResult, LeafCertificateType
from chainpilot.station.store.requests import KEPT_SUPERSEDED
from clocks import SetClock
from stores import EVSE, KillingFiles, StoppingFiles, leaf_files, open_store, store_with, tree

V2G = LeafCertificateType.V2G
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
"""The forked child runs one command and ends; it waits for no thread of its parent (the warning is Python 3.12's)."""
MAX_OPERATIONS = 60
"""More than any change has; reaching it means that a change never ends."""

Command = Callable[[EvseSecurity], bool]


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


def prepared(directory: Path, v2g: Pki) -> dict[str, Command]:
    """A store with one root, one open request and four superseded ones, and the commands to be stopped."""
    store = store_with(directory, (CaCertificateType.V2G, v2g))
    earlier = open_store(directory, clock=SetClock(SetClock().now() - timedelta(days=1)))
    for number in range(4):
        earlier.generate_certificate_signing_request(V2G, "DE", f"Former Operator {number}", EVSE)
    csr = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE).csr
    assert csr is not None
    return commands(v2g.enrol(csr), root("Second Root").certificate.to_pem())


def commands(chain: str, second: str) -> dict[str, Command]:
    """Each answers whether it did what it should."""
    return {
        "update_leaf_certificate": lambda store: store.update_leaf(chain, V2G).accepted,
        "install_ca_certificate": lambda store: store.install_ca(second, CaCertificateType.V2G).accepted,
        "generate_certificate_signing_request": lambda store: (
            store.generate_certificate_signing_request(V2G, "DE", "Operator", "DE*CHP*E1234*2").csr is not None
        ),
        "replace_signing_request": lambda store: (
            store.generate_certificate_signing_request(V2G, "DE", "Other Operator", EVSE).csr is not None
        ),
        "mark_request": marked,
        "run_housekeeping": tidied,
    }


def marked(store: EvseSecurity) -> bool:
    store.mark_request(store.open_requests()[0], with_csms=True)
    return store.open_requests()[0].with_csms


def tidied(store: EvseSecurity) -> bool:
    store.run_housekeeping()
    return len(list(store.layout.leaves[V2G].keys.glob("*.key"))) == 1 + KEPT_SUPERSEDED


COMMANDS = tuple(commands("", ""))


def state(directory: Path) -> dict[str, int]:
    """What the store holds, in words that don't depend on random names: files by kind, and by size of bundles."""
    reopened = open_store(directory)
    counts: dict[str, int] = {"open": len(reopened.open_requests()), "unreadable": len(reopened.findings())}
    with_lock = reopened.generate_certificate_signing_request(LeafCertificateType.MO, "DE", "O", "CN")
    assert with_lock.csr is None, "opens the store for a change, which finishes or removes what was left"
    for name, data in leaf_files(directory).items():
        kind = Path(name).suffix if "client" in name else f"{name} {len(data)}"
        counts[kind] = counts.get(kind, 0) + 1
    counts["chainpilot files"] = sum(1 for name in tree(directory) if ".chainpilot" in name)
    counts["for another operator"] = sum(
        pending.csr.subject.organization != "Operator" for pending in reopened.open_requests()
    )
    counts["with a CSMS"] = sum(pending.with_csms for pending in reopened.open_requests())
    counts["leaf"] = reopened.get_leaf_certificate_info(V2G).info is not None
    return counts


@pytest.mark.parametrize("command", COMMANDS)
def test_a_process_killed_after_any_file_operation_leaves_the_old_or_the_new_state(
    tmp_path: Path, v2g: Pki, command: str
) -> None:
    run = prepared(tmp_path / "before", v2g)[command]
    old = state(tmp_path / "before")
    copytree(tmp_path / "before", tmp_path / "after")
    assert run(open_store(tmp_path / "after"))
    new = state(tmp_path / "after")
    assert old != new
    seen = []
    for allowed in range(MAX_OPERATIONS):
        place = tmp_path / f"killed-{allowed}"
        copytree(tmp_path / "before", place)
        if _killed(run, open_store(place, files=KillingFiles(allowed))):
            seen.append(state(place))
            assert seen[-1] in (old, new), f"after {allowed} file operations"
        else:
            break
    assert len(seen) < MAX_OPERATIONS
    assert seen[0] == old
    assert seen[-1] == new
    assert seen == sorted(seen, key=lambda one: one == new), "once the new state holds, it holds"


def _killed(run: Command, store: EvseSecurity) -> bool:
    """Run the command in a child process; whether it was killed before its end."""
    child = os.fork()
    if child == 0:
        os._exit(0 if run(store) else 1)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9), f"exit code {code}"
    return code == 9


@pytest.mark.parametrize("recovers", [True, False], ids=["one operation fails", "all later ones fail"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_disk_that_fails_at_any_operation_leaves_what_the_answer_says(
    tmp_path: Path, v2g: Pki, command: str, *, recovers: bool
) -> None:
    run = prepared(tmp_path / "before", v2g)[command]
    old = state(tmp_path / "before")
    copytree(tmp_path / "before", tmp_path / "after")
    assert run(open_store(tmp_path / "after"))
    new = state(tmp_path / "after")
    for allowed in range(MAX_OPERATIONS):
        place = tmp_path / f"failed-{allowed}"
        copytree(tmp_path / "before", place)
        files = StoppingFiles(allowed, recovers=recovers)
        accepted = run(open_store(place, files=files))
        if not files.stopped:
            break
        after = state(place)
        if accepted:
            assert after == new, f"accepted at operation {allowed}"
        elif recovers:
            assert after == old, f"refused at operation {allowed}"
        else:
            assert after in (old, new), f"refused at operation {allowed}, and undoing failed too"
    else:
        pytest.fail("the change never ended")


FULL_DISK = """
import resource, sys
from pathlib import Path
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.model import CaCertificateType
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
store = EvseSecurity(StoreConfig(Path(sys.argv[1])))
outcome = store.install_ca(sys.stdin.read(), CaCertificateType.V2G)
print(outcome.result.value, outcome.reason)
"""


def test_a_write_that_does_not_fit_is_a_write_error_and_keeps_every_anchor(tmp_path: Path, v2g: Pki) -> None:
    store_with(tmp_path, (CaCertificateType.V2G, v2g))
    before = tree(tmp_path)
    size = len(before["ca/v2g/V2G_ROOT_CA.pem"])
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), str(size + 100)],
        input=root("Second Root").certificate.to_pem(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("WriteError"), done.stdout
    assert "File too large" in done.stdout
    assert tree(tmp_path) == before


def test_a_directory_that_can_not_be_made_is_a_write_error(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g))
    (tmp_path / "client").write_text("a file stands where a directory should be")
    result = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE)
    assert result.csr is None
    assert "client" in (result.reason or "")
    for name in ("lock", "turnstile"):
        (tmp_path / ".chainpilot" / name).unlink()
    (tmp_path / ".chainpilot").rmdir()
    (tmp_path / ".chainpilot").write_text("and here")
    second = root("Second Root").certificate.to_pem()
    assert store.install_ca_certificate(second, CaCertificateType.V2G) is InstallCertificateResult.WRITE_ERROR
    assert store.is_ca_certificate_installed(CaCertificateType.V2G)
