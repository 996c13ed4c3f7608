"""station-store.md section 2: names and defaults of the EVerest manifest, and limits that are configurable here."""

from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from certs import Pki, root, v2g_pki
from chainpilot.pki.certificate import load_certificates
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.layout import Layout, StoreConfigError
from chainpilot.station.model import (
    CaCertificateType,
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    CertificateType,
    InstallCertificateResult,
    LeafCertificateType,
)
from clocks import SetClock
from stock import info, leaf, listed, place, put, serial
from stores import EVSE, assert_store_unchanged, enrol, open_store, store_with, tree

V2G = LeafCertificateType.V2G
CSMS = LeafCertificateType.CSMS
DOMAIN = CaCertificateType.V2G
FULL = InstallCertificateResult.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED

MANIFEST = {
    "csms_ca_bundle": "ca/csms/CSMS_ROOT_CA.pem",
    "mf_ca_bundle": "ca/mf/MF_ROOT_CA.pem",
    "mo_ca_bundle": "ca/mo/MO_ROOT_CA.pem",
    "v2g_ca_bundle": "ca/v2g/V2G_ROOT_CA.pem",
    "csms_leaf_cert_directory": "client/csms",
    "csms_leaf_key_directory": "client/csms",
    "secc_leaf_cert_directory": "client/cso",
    "secc_leaf_key_directory": "client/cso",
    "private_key_password": "",
}
"""The manifest's nine keys with their defaults."""
LIMITS = {
    "max_certificates": 2000,
    "max_bytes": 50 * 1024 * 1024,
    "csr_lifetime_seconds": 3600,
    "garbage_collect_seconds": 1200,
    "kept_leaves": 10,
}
"""Limits that the reference has built in."""


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.mark.parametrize("key", [*MANIFEST, *LIMITS])
def test_a_key_has_the_name_and_the_default_of_the_reference(key: str) -> None:
    defaults = {field.name: field.default for field in fields(StoreConfig) if field.default is not MISSING}
    assert defaults[key] == (MANIFEST | LIMITS)[key]


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_that_lets_nothing_in_makes_no_store(tmp_path: Path, limit: str, value: Any) -> None:
    with pytest.raises(StoreConfigError, match=limit):
        open_store(tmp_path, **{limit: value})


def bundle_of(store: EvseSecurity) -> Path:
    return store.layout.bundles[DOMAIN]


PLACES: dict[str, tuple[str, Callable[[EvseSecurity], Path]]] = {
    "v2g_ca_bundle": ("roots/v2g.pem", bundle_of),
    "secc_leaf_cert_directory": ("certs-of-leaves", lambda store: store.layout.leaves[V2G].certificates),
    "secc_leaf_key_directory": ("keys-of-leaves", lambda store: store.layout.leaves[V2G].keys),
    "state_directory": ("state", lambda store: store.layout.state),
}


@pytest.mark.parametrize("is_absolute", [False, True], ids=["relative", "absolute"])
@pytest.mark.parametrize("key", PLACES)
def test_relative_paths_are_below_the_certificates_directory_and_absolute_ones_win(
    tmp_path: Path, v2g: Pki, key: str, *, is_absolute: bool
) -> None:
    name, of = PLACES[key]
    expected = (tmp_path / "elsewhere" if is_absolute else tmp_path / "certs") / name
    store = store_with(tmp_path / "certs", (DOMAIN, v2g), **{key: str(expected) if is_absolute else name})
    assert of(store) == expected
    enrol(store, v2g)
    assert expected.exists()
    told = info(store)
    assert Path(told.key).parent == store.layout.leaves[V2G].keys
    assert Path(told.certificate or "").parent == store.layout.leaves[V2G].certificates
    assert listed(store, CertificateType.V2G_ROOT_CERTIFICATE) == [serial(v2g.root)]


@pytest.mark.parametrize("name", ["ca/v2g", "ca/v2g.d", "roots.pem"])
@pytest.mark.parametrize("is_there", [False, True])
def test_a_bundle_may_be_a_file_or_a_directory(tmp_path: Path, v2g: Pki, name: str, *, is_there: bool) -> None:
    """What is there tells; else a name without a suffix is a directory's."""
    if is_there:
        (tmp_path / name).mkdir(parents=True)
    store = store_with(tmp_path, (DOMAIN, v2g), v2g_ca_bundle=name)
    assert (tmp_path / name).is_dir() is (is_there or name == "ca/v2g")
    second = root("Second").certificate
    assert store.install_ca(second.to_pem(), DOMAIN).accepted
    assert set(listed(store)) == {serial(v2g.root), serial(second)}
    files = list((tmp_path / name).glob("V2G_ROOT_*.pem")) if (tmp_path / name).is_dir() else [tmp_path / name]
    assert sum(len(load_certificates(path.read_bytes())) for path in files) == 2


@pytest.mark.parametrize("bundle", ["ca/all.pem", "ca/all"], ids=["file", "directory"])
def test_several_domains_may_share_one_bundle(tmp_path: Path, v2g: Pki, bundle: str) -> None:
    names: dict[str, Any] = {f"{domain}_ca_bundle": bundle for domain in ("v2g", "mo", "csms", "mf")}
    store = open_store(tmp_path, **names)
    seen: list[CertificateStoreUpdate] = []
    store.subscribe(seen.append)
    assert store.install_ca(v2g.root.certificate.to_pem(), DOMAIN).accepted
    installed = CertificateStoreUpdateOperation.INSTALLED
    assert seen == [CertificateStoreUpdate(installed, ca_certificate_type=DOMAIN)]
    assert all(store.is_ca_certificate_installed(kind) for kind in CaCertificateType)
    with assert_store_unchanged(tmp_path):
        for kind in CaCertificateType:
            assert store.install_ca(v2g.root.certificate.to_pem(), kind).accepted
    assert len(listed(store)) == 4, "one entry for each domain"
    with assert_store_unchanged(tmp_path):
        small = open_store(tmp_path, **names, max_certificates=1)
        assert small.install_ca(root("Second").certificate.to_pem(), DOMAIN).result is FULL, "it is counted once"
    assert (
        open_store(tmp_path, **names, max_certificates=2)
        .install_ca(root("Second").certificate.to_pem(), DOMAIN)
        .accepted
    )


class TestLimits:
    @pytest.mark.parametrize(("limit", "fits"), [(2, False), (3, True), (4, True)])
    def test_certificates_are_taken_up_to_the_limit(self, tmp_path: Path, v2g: Pki, limit: int, *, fits: bool) -> None:
        store = open_store(tmp_path, max_certificates=limit)
        for number in range(2):
            assert store.install_ca(root(f"Root {number}").certificate.to_pem(), DOMAIN).accepted
        outcome = store.install_ca(v2g.root.certificate.to_pem(), DOMAIN)
        assert outcome.accepted is fits
        assert fits or outcome.result is FULL

    @pytest.mark.parametrize(("spare", "fits"), [(-1, False), (0, True), (1, True)])
    def test_bytes_are_taken_up_to_the_limit(self, tmp_path: Path, v2g: Pki, spare: int, *, fits: bool) -> None:
        first, second = (root(name).certificate.to_pem() for name in ("One", "Two"))
        store = open_store(tmp_path, max_bytes=len(first) + len(second) + spare)
        assert store.install_ca(first, DOMAIN).accepted
        outcome = store.install_ca(second, DOMAIN)
        assert outcome.accepted is fits
        assert fits or outcome.result is FULL

    @pytest.mark.parametrize(("age", "is_same"), [(59, True), (60, False), (61, False)])
    def test_a_pending_request_lives_as_long_as_configured(self, tmp_path: Path, age: int, *, is_same: bool) -> None:
        clock = SetClock()
        store = open_store(tmp_path, clock=clock, csr_lifetime_seconds=60)
        first = store.generate_certificate_signing_request(V2G, "DE", "O", EVSE).csr
        clock.advance(age)
        assert (store.generate_certificate_signing_request(V2G, "DE", "O", EVSE).csr == first) is is_same

    @pytest.mark.parametrize(("spare", "is_read"), [(-1, False), (0, True), (1, True)])
    def test_a_file_is_read_up_to_its_limit(self, tmp_path: Path, v2g: Pki, spare: int, *, is_read: bool) -> None:
        pem = v2g.root.certificate.to_pem()
        store = open_store(tmp_path, max_file_bytes=len(pem) + spare)
        put(bundle_of(store), pem)
        assert store.is_ca_certificate_installed(DOMAIN) is is_read
        assert bool(store.findings()) is not is_read


class TestPassword:
    """Empty: keys are not encrypted. Seed 002 and the reference differ; section 3 takes the reference's way."""

    @pytest.mark.parametrize(
        ("settings", "is_encrypted"),
        [
            ({}, False),
            ({"private_key_password": "x"}, True),
            ({"private_key_password": "x", "encrypt_generated_keys": False}, False),
            ({"encrypt_generated_keys": True}, False),
        ],
    )
    @pytest.mark.parametrize("kind", [V2G, CSMS])
    def test_generated_keys_are_encrypted_where_a_password_is_configured(
        self, tmp_path: Path, v2g: Pki, settings: dict[str, Any], kind: LeafCertificateType, *, is_encrypted: bool
    ) -> None:
        store = store_with(tmp_path, (CaCertificateType(kind.value), v2g), **settings)
        enrol(store, v2g, kind)
        told = info(store, kind)
        assert (b"ENCRYPTED" in Path(told.key).read_bytes()) is is_encrypted
        assert told.password == settings.get("private_key_password"), "readers are handed it"


def test_state_of_ours_lies_in_no_directory_of_the_manifest(tmp_path: Path, v2g: Pki) -> None:
    """Section 3: lock, journal, pending CSRs in `<certs>/.chainpilot/`."""
    store = store_with(tmp_path, (DOMAIN, v2g))
    enrol(store, v2g)
    store.generate_certificate_signing_request(CSMS, "DE", "O", "CS-001")
    store.get_verify_location(DOMAIN)
    outside = {Path(name).parts[0] for name in tree(tmp_path)}
    assert outside == {"ca", "client", ".chainpilot"}
    foreign = [name for name in tree(tmp_path) if not name.startswith(".chainpilot/")]
    assert all(Path(name).suffix in (".pem", ".key") for name in foreign)
    place(store, v2g, leaf(v2g), name="OTHER")
    assert Layout.of(StoreConfig(tmp_path)).state == tmp_path / ".chainpilot"


@pytest.mark.parametrize("inside", ["ca/v2g", "ca/v2g/state", "client/cso", "client/csms/a/b"])
def test_state_inside_a_directory_that_others_list_makes_no_store(tmp_path: Path, inside: str) -> None:
    with pytest.raises(StoreConfigError, match="state_directory"):
        open_store(tmp_path, v2g_ca_bundle="ca/v2g", state_directory=inside)
