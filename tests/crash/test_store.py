"""Stop a change of the store after every single file operation: it opens with the old or the new state."""

import base64
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from certs import FROM, UNTIL, Pki, root, v2g_pki
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.hashdata import hash_data
from chainpilot.station import EvseSecurity
from chainpilot.station.model import (
    CaCertificateType,
    DeleteCertificateResult,
    InstallCertificateResult,
    LeafCertificateType,
)
from chainpilot.station.store.requests import KEPT_SUPERSEDED
from clocks import SetClock
from forge import Forged, forge
from ocsp_answers import answer, cert_id, single
from stores import EVSE, KillingFiles, StoppingFiles, enrol, leaf_files, open_store, store_with, tree

V2G = LeafCertificateType.V2G
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
"""The forked child runs one command and ends; it waits for no thread of its parent (the warning is Python 3.12's)."""
MAX_OPERATIONS = 120
"""More than any change has; reaching it means that a change never ends."""

Command = Callable[[EvseSecurity], bool]


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


def opened(directory: Path, **settings: Any) -> EvseSecurity:
    """A store whose MO bundle is a directory, and which checks additional CSMS roots."""
    settings |= {"mo_ca_bundle": "ca/mo", "additional_root_certificate_check": True}
    return open_store(directory, kept_leaves=1, **settings)


def prepared(directory: Path, v2g: Pki) -> dict[str, Command]:
    """A store in use, and the commands to be stopped.

    Two V2G roots, the second with a sub-CA in the bundle; two MO roots in a directory with hash links; a CSMS root; a
    leaf with its OCSP answer, one open request and four superseded ones.
    """
    second, mo, csms = v2g_pki(), root("MO Root"), root("CSMS Root")
    installed = (
        (v2g.root, CaCertificateType.V2G),
        (second.root, CaCertificateType.V2G),
        (second.sub1, CaCertificateType.V2G),
        (mo, CaCertificateType.MO),
        (root("Second MO Root"), CaCertificateType.MO),
        (csms, CaCertificateType.CSMS),
    )
    store = opened(directory)
    for forged, kind in installed:
        assert store.install_ca(forged.certificate.to_pem(), kind).accepted
    assert store.get_verify_location(CaCertificateType.MO) == str(directory / "ca/mo")
    leaf = load_certificates(enrol(store, v2g, common="DE*CHP*E1234*3"))[0]
    good = ocsp_answer(v2g.issuing, leaf, SetClock().now() - timedelta(hours=2))
    assert store.cache_ocsp(hash_data(leaf, v2g.issuing.certificate), good).accepted
    earlier = opened(directory, clock=SetClock(SetClock().now() - timedelta(days=1)))
    for number in range(4):
        earlier.generate_certificate_signing_request(V2G, "DE", f"Former Operator {number}", EVSE)
    csr = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE).csr
    assert csr is not None
    new_csms = forge("New CSMS Root", csms, ca=True, begin=FROM, end=UNTIL).certificate
    return commands(v2g, v2g.enrol(csr), leaf, second, mo.certificate) | succession(csms.certificate, new_csms)


def succession(old: Certificate, new: Certificate) -> dict[str, Command]:
    """What replaces a CSMS root; the second is done after the first, and so is the third."""
    return {
        "install_successor": lambda store: store.install_ca(new.to_pem(), CaCertificateType.CSMS).accepted,
        "csms_root_worked": lambda store: store.csms_root_worked(new) == (old,),
        "delete_successor": lambda store: (
            store.delete_certificate(hash_data(new, old)) is DeleteCertificateResult.ACCEPTED
        ),
    }


def commands(v2g: Pki, chain: str, leaf: Certificate, second: Pki, mo: Certificate) -> dict[str, Command]:
    """Each answers whether it did what it should."""
    third = root("Third Root").certificate.to_pem()
    later = ocsp_answer(v2g.issuing, leaf, SetClock().now())
    named = hash_data(leaf, v2g.issuing.certificate)
    deleted = DeleteCertificateResult.ACCEPTED
    return {
        "update_leaf_certificate": lambda store: store.update_leaf(chain, V2G).accepted,
        "install_ca_certificate": lambda store: store.install_ca(third, CaCertificateType.V2G).accepted,
        "install_into_directory": lambda store: store.install_ca(third, CaCertificateType.MO).accepted,
        "delete_root_with_sub_ca": lambda store: (
            store.delete_certificate(hash_data(second.root.certificate, second.root.certificate)) is deleted
        ),
        "delete_from_directory": lambda store: store.delete_certificate(hash_data(mo, mo)) is deleted,
        "delete_leaf": lambda store: store.delete_certificate(named) is deleted,
        "update_ocsp_cache": lambda store: store.cache_ocsp(named, later).accepted,
        "get_verify_location": relinked,
        "get_verify_file": lambda store: Path(store.get_verify_file(CaCertificateType.MO)).is_file(),
        "generate_certificate_signing_request": lambda store: (
            store.generate_certificate_signing_request(V2G, "DE", "Operator", "DE*CHP*E1234*2").csr is not None
        ),
        "replace_signing_request": lambda store: (
            store.generate_certificate_signing_request(V2G, "DE", "Other Operator", EVSE).csr is not None
        ),
        "mark_request": marked,
        "run_housekeeping": tidied,
    }


def ocsp_answer(issuer: Forged, leaf: Certificate, at: datetime) -> str:
    """That the leaf is good, as OCPP carries it."""
    about = single(cert_id(leaf, issuer.certificate), since=at, until=at + timedelta(days=7))
    return base64.b64encode(answer(issuer, about, produced=at)).decode()


def relinked(store: EvseSecurity) -> bool:
    """A link that leads elsewhere is set right; before the command it was somebody's mistake."""
    location = Path(store.get_verify_location(CaCertificateType.MO))
    return location == store.layout.bundles[CaCertificateType.MO] and not list(location.glob("*.9"))


def misplace_a_link(directory: Path) -> None:
    """A gap in the numbers: OpenSSL finds nothing behind it."""
    link = next((directory / "ca/mo").glob("*.0"))
    link.rename(link.with_suffix(".9"))


def marked(store: EvseSecurity) -> bool:
    store.mark_request(store.open_requests()[0], with_csms=True)
    return store.open_requests()[0].with_csms


def tidied(store: EvseSecurity) -> bool:
    """Superseded requests beyond the kept ones go, an ended leaf and an answer of nobody; all else stays."""
    store.run_housekeeping()
    return len(list(store.layout.leaves[V2G].keys.glob("*.key"))) == 2 + KEPT_SUPERSEDED


COMMANDS = (
    "update_leaf_certificate",
    "install_ca_certificate",
    "install_into_directory",
    "delete_root_with_sub_ca",
    "delete_from_directory",
    "delete_leaf",
    "update_ocsp_cache",
    "get_verify_location",
    "get_verify_file",
    "generate_certificate_signing_request",
    "replace_signing_request",
    "mark_request",
    "run_housekeeping",
    "install_successor",
    "csms_root_worked",
    "delete_successor",
)


def ready(directory: Path, v2g: Pki, command: str) -> Command:
    """A prepared store, and the command to be stopped in copies of it."""
    run = prepared(directory, v2g)
    assert tuple(run) == COMMANDS
    if command == "run_housekeeping":
        ended = forge(
            "DE*CHP*E1234*3", v2g.issuing, begin=FROM, end=FROM + timedelta(days=1), organization="Chargers Ltd"
        )
        (directory / "client/cso/ended.pem").write_text(v2g.stack(ended.certificate))
        (directory / "client/cso/ocsp/gone_ocsp.der").write_bytes(b"of a certificate that is gone")
    if command == "get_verify_location":
        misplace_a_link(directory)
    if command in ("csms_root_worked", "delete_successor"):
        assert run["install_successor"](opened(directory))
    return run[command]


def state(directory: Path) -> dict[str, int]:
    """What the store holds, in words that don't depend on random names: files by kind, and by size of bundles."""
    reopened = opened(directory)
    counts: dict[str, int] = {"open": len(reopened.open_requests()), "unreadable": len(reopened.findings())}
    with_lock = reopened.generate_certificate_signing_request(LeafCertificateType.MO, "DE", "O", "CN")
    assert with_lock.csr is None, "opens the store for a change, which finishes or removes what was left"
    for name, data in leaf_files(directory).items():
        path = Path(name)
        kind = path.suffix if "client" in name or "MO_ROOT_" in path.stem else f"{name} {len(data)}"
        kind = f"{kind} {zlib.crc32(data)}" if "ocsp" in name else kind
        counts[kind] = counts.get(kind, 0) + 1
    counts["chainpilot files"] = sum(1 for name in tree(directory) if ".chainpilot" in name)
    counts["for another operator"] = sum(
        pending.csr.subject.organization != "Operator" for pending in reopened.open_requests()
    )
    counts["with a CSMS"] = sum(pending.with_csms for pending in reopened.open_requests())
    counts["CSMS roots"] = len(reopened.csms_roots())
    counts["leaves"] = len(reopened.leaves_due(datetime.max.replace(tzinfo=UTC)))
    return counts


@pytest.mark.parametrize("command", COMMANDS)
def test_a_process_killed_after_any_file_operation_leaves_the_old_or_the_new_state(
    tmp_path: Path, v2g: Pki, command: str
) -> None:
    run = ready(tmp_path / "before", v2g, command)
    old = state(tmp_path / "before")
    copytree(tmp_path / "before", tmp_path / "after", symlinks=True)
    assert run(opened(tmp_path / "after"))
    new = state(tmp_path / "after")
    assert old != new
    seen = []
    for allowed in range(MAX_OPERATIONS):
        place = tmp_path / f"killed-{allowed}"
        copytree(tmp_path / "before", place, symlinks=True)
        if _killed(run, opened(place, files=KillingFiles(allowed))):
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
    run = ready(tmp_path / "before", v2g, command)
    old = state(tmp_path / "before")
    copytree(tmp_path / "before", tmp_path / "after", symlinks=True)
    assert run(opened(tmp_path / "after"))
    new = state(tmp_path / "after")
    for allowed in range(MAX_OPERATIONS):
        place = tmp_path / f"failed-{allowed}"
        copytree(tmp_path / "before", place, symlinks=True)
        files = StoppingFiles(allowed, recovers=recovers)
        accepted = run(opened(place, files=files))
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
