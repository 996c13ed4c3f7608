"""Several processes install and delete in one store at once: all that was accepted is there, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from certs import Pki, root, v2g_pki
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from stores import open_store

PROGRAM = """
import sys
from pathlib import Path
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.hashdata import hash_data
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.model import CaCertificateType
place, bundle, roots = sys.argv[1:]
store = EvseSecurity(StoreConfig(Path(place), v2g_ca_bundle=bundle, lock_timeout_seconds=120))
for number, root in enumerate(load_certificates(Path(roots).read_text())):
    print("install", root.fingerprint, store.install_ca(root.to_pem(), CaCertificateType.V2G).result.value)
    if number % 2:
        print("delete", root.fingerprint, store.delete_certificate(hash_data(root, root)).value)
"""


@pytest.mark.scaled
@pytest.mark.parametrize("bundle", ["ca/v2g/V2G_ROOT_CA.pem", "ca/v2g"], ids=["file", "directory"])
def test_two_processes_that_install_and_delete_two_hundred_times_lose_nothing(
    tmp_path: Path, scale: float, bundle: str
) -> None:
    count = max(20, round(200 * scale))
    key = root("First").key
    theirs = [[root(f"Root {process} {number}", key=key).certificate for number in range(count)] for process in "AB"]
    running = [_started(tmp_path, bundle, process, roots) for process, roots in zip("AB", theirs, strict=True)]
    told = [process.communicate(timeout=500)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    for text, roots in zip(told, theirs, strict=True):
        assert text.count(" Accepted\n") == len(text.splitlines()) == count + count // 2
        assert all(f"install {one.fingerprint} Accepted" in text for one in roots)
    kept = {one for roots in theirs for one in roots[::2]}
    store = open_store(tmp_path, v2g_ca_bundle=bundle)
    assert set(store.trust_anchors(CaCertificateType.V2G)) == kept
    assert not store.findings()


def _started(place: Path, bundle: str, name: str, roots: list[Certificate]) -> "subprocess.Popen[str]":
    file = place / f"{name}.pem"
    file.write_text("".join(one.to_pem() for one in roots))
    words = [sys.executable, "-c", PROGRAM, str(place), bundle, str(file)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


ENROLLING = """
import sys
from pathlib import Path
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.model import LeafCertificateType
store = EvseSecurity(StoreConfig(Path(sys.argv[1]), lock_timeout_seconds=120))
for number in range(int(sys.argv[3])):
    name = f"DE*CHP*E{sys.argv[2]}*{number}"
    print(store.generate_certificate_signing_request(LeafCertificateType.V2G, "DE", "Operator", name).status.value)
"""


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


def test_requests_made_by_several_processes_all_get_their_certificates(tmp_path: Path, v2g: Pki) -> None:
    store = open_store(tmp_path)
    assert store.install_ca(v2g.root.certificate.to_pem(), CaCertificateType.V2G).accepted
    words = [sys.executable, "-c", ENROLLING, str(tmp_path)]
    running = [subprocess.Popen([*words, name, "10"], stdout=subprocess.PIPE, text=True) for name in "123"]
    assert [process.communicate(timeout=500)[0] for process in running] == ["Accepted\n" * 10] * 3
    requests = store.open_requests()
    assert len({pending.csr.common_name for pending in requests}) == 30
    leaves = set()
    for pending in requests:
        chain = v2g.enrol(pending.pem)
        assert store.update_leaf(chain, LeafCertificateType.V2G).accepted
        leaves.add(load_certificates(chain)[0])
    assert store.open_requests() == ()
    for leaf in leaves:
        common = leaf.subject.common_name
        assert common is not None
        info = store.get_leaf_certificate_info(LeafCertificateType.V2G, common_name=common).info
        assert info is not None
        assert load_certificates(Path(info.certificate_single or "").read_text()) == (leaf,)
