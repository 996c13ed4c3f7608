"""Which CSMS roots may be deleted while the connection rests on one of two (OCPP M04.06 with M05.FR.10 to 14)."""

from pathlib import Path

import pytest

from certs import FROM, UNTIL, Pki, csms_pki, root
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.station import EvseSecurity
from chainpilot.station.agent.roots import RootsInUse
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from forge import Forged, forge
from stock import named
from stores import enrol, open_store

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def old() -> Pki:
    return csms_pki()


@pytest.fixture(scope="module")
def new(old: Pki) -> Forged:
    return forge("New CSMS Root", old.root, ca=True, begin=FROM, end=UNTIL)


@pytest.fixture
def store(tmp_path: Path, old: Pki, new: Forged) -> EvseSecurity:
    """A store with a root and its successor."""
    store = open_store(tmp_path, additional_root_certificate_check=True)
    for one in (old.root, new):
        assert store.install_ca(one.certificate.to_pem(), CaCertificateType.CSMS).accepted
    return store


def hashes(old: Pki, new: Forged, algorithm: HashAlgorithm = HashAlgorithm.SHA256) -> list[CertificateHashData]:
    """Of the old root and of its successor."""
    return [named(one, old.root.certificate, algorithm) for one in (old.root.certificate, new.certificate)]


@pytest.mark.parametrize("algorithm", HashAlgorithm)
async def test_the_root_that_the_connection_rests_on_stays_and_the_other_may_go(
    store: EvseSecurity, old: Pki, new: Forged, algorithm: HashAlgorithm
) -> None:
    roots = RootsInUse(store)
    of_old, of_new = hashes(old, new, algorithm)
    roots.rest_on(new.certificate)
    assert "rests on" in (await roots.objection_to_deleting(of_new) or "")
    assert await roots.objection_to_deleting(of_old) is None
    roots.rest_on(old.root.certificate)
    assert await roots.objection_to_deleting(of_new) is None
    assert "rests on" in (await roots.objection_to_deleting(of_old) or "")
    roots.rest_on(None)
    for one in (of_old, of_new):
        assert "may be the root" in (await roots.objection_to_deleting(one) or "")
    roots.rest_on_none()
    for one in (of_old, of_new):
        assert await roots.objection_to_deleting(one) is None


async def test_a_successor_whose_signer_is_gone_stays_while_it_is_needed(
    store: EvseSecurity, old: Pki, new: Forged
) -> None:
    roots = RootsInUse(store)
    assert store.csms_root_worked(new.certificate) == (old.root.certificate,)
    roots.rest_on(new.certificate)
    of_old, of_new = hashes(old, new)
    assert "New CSMS Root" in (await roots.objection_to_deleting(of_new) or "")
    assert await roots.objection_to_deleting(of_old) is None, "it isn't there"
    other = root("Stranger").certificate
    assert await roots.objection_to_deleting(named(other, other)) is None


async def test_the_root_of_the_client_certificate_stays(store: EvseSecurity, old: Pki, new: Forged) -> None:
    roots = RootsInUse(store)
    middle = forge("New CSMS Sub1", new, ca=True, begin=FROM, end=UNTIL)
    below = Pki(new, middle, forge("New CSMS Issuing", middle, ca=True, begin=FROM, end=UNTIL))
    enrol(store, below, LeafCertificateType.CSMS, "CS-001")
    of_old, of_new = hashes(old, new)
    assert "client certificate" in (await roots.objection_to_deleting(of_new) or "")
    assert await roots.objection_to_deleting(of_old) is None
    store.csms_root_worked(new.certificate)
    assert "client certificate" in (await roots.objection_to_deleting(of_new) or "")
