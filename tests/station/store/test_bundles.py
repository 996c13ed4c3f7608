"""Bundles that are directories: the files are looked at that may hold what stands above a leaf, and all of those."""

from pathlib import Path

import pytest

from certs import FROM, UNTIL, root, v2g_pki
from chainpilot.station import EvseSecurity
from chainpilot.station.model import CaCertificateType, CertificateValidationResult, LeafCertificateType
from chainpilot.station.store import bundles, read_bundle, read_bundle_about
from forge import Forged, forge
from stock import put, rewrite, settle
from stores import EVSE, open_store

V2G = LeafCertificateType.V2G
DOMAIN = CaCertificateType.V2G
VALIDATION = CertificateValidationResult


def below(issuer: Forged) -> str:
    """A leaf that this CA signed."""
    return forge(EVSE, issuer, begin=FROM, end=UNTIL).certificate.to_pem()


def directory_bundle(directory: Path, *roots: Forged) -> tuple[EvseSecurity, list[Path]]:
    """A store whose V2G bundle is a directory with a file for each root, and those files."""
    store = open_store(directory, v2g_ca_bundle="ca/v2g")
    (directory / "ca/v2g").mkdir(parents=True)
    files = [put(directory / f"ca/v2g/{number}.pem", one.certificate.to_pem()) for number, one in enumerate(roots)]
    settle(directory)
    return store, files


def test_a_root_replaced_in_place_no_longer_stands_above_its_leaves(tmp_path: Path) -> None:
    """The files of one leaf's issuers tell nothing about those of another's."""
    roots = root("Root"), root("Other Root")
    store, files = directory_bundle(tmp_path, *roots)
    leaves = [below(one) for one in roots]

    def verdicts() -> list[CertificateValidationResult]:
        return [store.verify_certificate(one, [V2G]) for one in leaves]

    for _ in range(2):
        assert verdicts() == [VALIDATION.VALID] * 2
    rewrite(files[1], root("Third").certificate.to_pem().encode())
    for _ in range(2):
        assert verdicts() == [VALIDATION.VALID, VALIDATION.ISSUER_NOT_FOUND]


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_files_of_a_bounded_number_of_issuers_are_kept(tmp_path: Path, more: int) -> None:
    top = root("Root")
    store, _ = directory_bundle(tmp_path, top)
    with store._vault.look() as look:
        bundle = read_bundle(look, store.layout, DOMAIN)
    leaf = forge(EVSE, top).certificate
    first = bundle.files_above([leaf])
    assert first == bundle.files
    for count in range(2, bundles._MAX_KEPT + more + 1):
        assert bundle.files_above([leaf] * count) == first, "as many issuers, all of one name"
    again = bundle.files_above([leaf])
    assert again == first
    assert (again is first) is (more <= 0), "beyond the bound it is looked for again"


def test_a_bundle_that_was_an_empty_directory_is_read_again(tmp_path: Path) -> None:
    """That nothing is listed doesn't tell that nothing came: a file in its place lists nothing either."""
    pki = v2g_pki()
    store, _ = directory_bundle(tmp_path)
    with store._vault.look() as look:
        assert not read_bundle(look, store.layout, DOMAIN).certificates
    (tmp_path / "ca/v2g").rmdir()
    put(tmp_path / "ca/v2g", pki.root.certificate.to_pem())
    with store._vault.look() as look:
        about = read_bundle_about(look, store.layout, DOMAIN, [pki.sub1.certificate])
    assert about.roots == (pki.root.certificate,)
