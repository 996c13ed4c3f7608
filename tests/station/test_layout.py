"""Paths and settings of a store."""

from pathlib import Path
from typing import Any

import pytest

from chainpilot.station import StoreConfig
from chainpilot.station.layout import Layout, StoreConfigError
from chainpilot.station.model import CaCertificateType, LeafCertificateType

ROOT = Path("/etc/everest/certs")


def test_the_defaults_are_those_of_the_everest_manifest() -> None:
    layout = Layout.of(StoreConfig(ROOT))
    assert {kind.value: str(path.relative_to(ROOT)) for kind, path in layout.bundles.items()} == {
        "CSMS": "ca/csms/CSMS_ROOT_CA.pem",
        "MF": "ca/mf/MF_ROOT_CA.pem",
        "MO": "ca/mo/MO_ROOT_CA.pem",
        "V2G": "ca/v2g/V2G_ROOT_CA.pem",
    }
    assert layout.leaf_directories == (ROOT / "client/csms", ROOT / "client/cso")
    assert layout.state == ROOT / ".chainpilot"


def test_files_of_a_leaf_bear_the_names_of_the_reference() -> None:
    files = Layout.of(StoreConfig(ROOT)).leaf_files(LeafCertificateType.V2G, "1")
    names = [path.name for path in (files.key, files.single, files.chain)]
    assert names == ["SECC_LEAF_1.key", "SECC_LEAF_1.pem", "CPO_CERT_SECC_LEAF_CHAIN_1.pem"]


def test_an_absolute_path_wins_over_the_directory() -> None:
    layout = Layout.of(StoreConfig(ROOT, mo_ca_bundle="/media/roots.pem", secc_leaf_key_directory="/keys"))
    assert layout.bundles[CaCertificateType.MO] == Path("/media/roots.pem")
    assert layout.leaves[LeafCertificateType.V2G].keys == Path("/keys")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("v2g_ca_bundle", ""),
        ("v2g_ca_bundle", "../elsewhere.pem"),
        ("key_mode", 0o644),
        ("key_mode", 0o200),
        ("certificate_mode", 0o666),
        ("state_directory", "client/cso"),
        ("state_directory", "client/cso/state"),
        ("csr_lifetime_seconds", 0),
        ("max_certificates", 0),
        ("lock_timeout_seconds", 0),
    ],
)
def test_a_setting_that_makes_no_store_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(StoreConfigError) as raised:
        Layout.of(StoreConfig(ROOT, **{key: value}))
    assert raised.value.key == key
    assert str(raised.value).startswith(key)


def test_a_relative_certificates_directory_is_refused() -> None:
    with pytest.raises(StoreConfigError, match="certs_dir"):
        Layout.of(StoreConfig(Path("certs")))
