"""What the store tells of itself, and how little one broken file matters."""

import gc
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

from certs import FROM, UNTIL, Pki, csms_pki, key_pem, root, v2g_pki
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    CertificateValidationResult,
    EncodingFormat,
    GetCertificateInfoStatus,
    GetInstalledCertificatesStatus,
    LeafCertificateType,
)
from chainpilot.station.store import Bundle
from clocks import SetClock
from forge import forge
from stock import info, leaf, place, put
from stores import EVSE, enrol, open_store, store_with

V2G = LeafCertificateType.V2G
ALL = list(CertificateType)


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


def named_by_pyca(certificate: Certificate, issuer: Certificate) -> tuple[str, str, str]:
    """Hash data as pyca's OCSP request builder computes it."""
    one, other = (x509.load_der_x509_certificate(each.der) for each in (certificate, issuer))
    request = ocsp.OCSPRequestBuilder().add_certificate(one, other, hashes.SHA256()).build()
    return request.issuer_name_hash.hex(), request.issuer_key_hash.hex(), f"{request.serial_number:x}"


def test_an_empty_store_answers_every_question(tmp_path: Path) -> None:
    store = open_store(tmp_path / "nothing" / "here")
    listed = store.get_installed_certificates(ALL)
    assert (listed.status, listed.certificate_hash_data_chain) == (GetInstalledCertificatesStatus.NOT_FOUND, ())
    assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.NOT_FOUND
    assert [store.get_verify_file(kind) for kind in CaCertificateType] == [""] * 4
    assert not store.open_requests()
    assert not store.findings()
    assert not (tmp_path / "nothing").exists(), "asking makes no directories"


def test_installed_certificates_come_in_the_order_asked_leaf_before_its_sub_cas(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g), (CaCertificateType.CSMS, csms_pki()))
    leaf = load_certificates(enrol(store, v2g))[0]
    kinds = [CertificateType.V2G_CERTIFICATE_CHAIN, CertificateType.CSMS_ROOT_CERTIFICATE]
    entries = store.get_installed_certificates(kinds).certificate_hash_data_chain
    assert [entry.certificate_type for entry in entries] == kinds
    chain = entries[0]
    expected = [
        named_by_pyca(leaf, v2g.issuing.certificate),
        named_by_pyca(v2g.issuing.certificate, v2g.sub1.certificate),
        named_by_pyca(v2g.sub1.certificate, v2g.root.certificate),
    ]
    told = [chain.certificate_hash_data, *chain.child_certificate_hash_data]
    assert [(one.issuer_name_hash, one.issuer_key_hash, one.serial_number) for one in told] == expected


def test_a_corrupt_file_is_passed_over_and_told_of(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g))
    enrol(store, v2g)
    bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    bundle.write_text(broken + bundle.read_text())
    for name, data in {"a.pem": b"garbage", "b.pem": broken.encode(), "c.der": b"\x30", "d.key": b"no key"}.items():
        (tmp_path / "client/cso" / name).write_bytes(data)
    (tmp_path / "client/cso/e.pem").symlink_to("/nowhere")
    (tmp_path / "client/cso/f.pem").mkdir()
    for name in ("client/cso/circle.pem", "client/cso/circle.key", "ca/mo/MO_ROOT_CA.pem"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(Path(name).name)
    assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.ACCEPTED
    assert len(store.get_installed_certificates(ALL).certificate_hash_data_chain) == 2
    enrol(store, v2g, common="DE*CHP*E1234*2")
    told = {Path(finding.path).name for finding in store.findings()}
    assert {"V2G_ROOT_CA.pem", "a.pem", "b.pem", "c.der", "circle.pem", "MO_ROOT_CA.pem"} <= told


@pytest.mark.parametrize("is_link", [False, True], ids=["a directory", "a link to one"])
def test_a_directory_in_a_key_s_place_is_told_of(tmp_path: Path, v2g: Pki, *, is_link: bool) -> None:
    """While another file is the leaf's key as well as when none is; then it isn't lost among others that don't open."""
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g))
    key = place(store, v2g, leaf(v2g)).key
    spare = key.rename(key.with_name("spare.key"))
    if is_link:
        (tmp_path / "elsewhere").mkdir()
        key.symlink_to(tmp_path / "elsewhere")
    else:
        key.mkdir()
    for asked in (store, open_store(tmp_path)):
        assert info(asked).key == str(spare)
        assert [(finding.path, finding.why) for finding in asked.findings()] == [(str(key), "is not a regular file")]
    spare.unlink()
    for number in range(5):
        put(key.with_name(f"AAA_{number}.key"), b"junk")
    reason = store.get_leaf_certificate_info(V2G).reason or ""
    assert "SECC_LEAF.key is not a regular file" in reason
    assert "and 3 more" in reason
    key.unlink() if is_link else key.rmdir()
    assert len(store.findings()) == 6, "five that don't open, and a leaf without a key"


@pytest.mark.parametrize("name", ["AAA.key", "zzz.key"])
def test_findings_are_the_same_whatever_was_asked_before(tmp_path: Path, v2g: Pki, name: str) -> None:
    """A key that doesn't open, before or behind the one that fits."""
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g))
    key = place(store, v2g, leaf(v2g)).key
    key.rename(key.with_name("SPARE.key"))
    put(key.with_name(name), b"junk")
    expected = [(str(key.with_name(name)), "holds no private key")]
    for number in range(3):
        asked = open_store(tmp_path)
        for _ in range(number):
            assert info(asked).certificate_count == 3
        for _ in range(2):
            assert [(finding.path, finding.why) for finding in asked.findings()] == expected


def test_an_unreadable_pending_record_is_passed_over(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g))
    pending = tmp_path / ".chainpilot/pending"
    pending.mkdir(parents=True)
    (pending / "x.json").write_bytes(b"{}")
    enrol(store, v2g)
    assert [Path(finding.path).name for finding in store.findings()] == ["x.json"]


def test_a_file_longer_than_the_bound_is_not_read(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g), max_file_bytes=5000)
    assert store.is_ca_certificate_installed(CaCertificateType.V2G)
    bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.write_bytes(bundle.read_bytes() + b"#" * (5000 - bundle.stat().st_size))
    assert store.is_ca_certificate_installed(CaCertificateType.V2G)
    bundle.write_bytes(bundle.read_bytes() + b"#")
    assert not store.is_ca_certificate_installed(CaCertificateType.V2G)
    assert "longer than 5000 bytes" in store.findings()[0].why


def test_files_changed_behind_our_back_are_seen_at_once(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g))
    enrol(store, v2g)
    bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
    held = bundle.read_bytes()
    for _ in range(3):
        bundle.write_bytes(b"")
        assert not store.is_ca_certificate_installed(CaCertificateType.V2G)
        bundle.write_bytes(held)
        assert store.is_ca_certificate_installed(CaCertificateType.V2G)


def test_roots_that_were_replaced_stay_nowhere(tmp_path: Path, v2g: Pki) -> None:
    """A station runs for years: what it remembers of a root goes with the root."""
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g))
    key = generate_private_key(KeySpec.P256)
    place(store, v2g, forge(EVSE, root("Root", key=key), begin=FROM, end=UNTIL))
    bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
    kept = []
    for _ in range(10):
        installed = root("Root", key=key).certificate.to_pem()
        put(bundle.with_name("new"), installed).replace(bundle)
        assert info(store).certificate_root == installed
        kept.append(len(store._vault._memory._derived))
    assert kept == kept[:1] * 10
    gc.collect()
    roots = [one for one in gc.get_objects() if isinstance(one, Bundle) and one.path == bundle and one.roots]
    assert len(roots) == 1, "of the bundles read before nothing is held"


def test_a_store_written_by_everest_is_read_as_it_is(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g))
    leaf = forge(EVSE, v2g.issuing, begin=FROM, end=UNTIL)
    places = tmp_path / "client/cso"
    places.mkdir(parents=True)
    (places / "CPO_CERT_CHAIN.pem").write_text(v2g.stack(leaf.certificate))
    (places / "SECC_LEAF.pem").write_text(leaf.certificate.to_pem())
    (places / "SECC_LEAF.key").write_bytes(key_pem(leaf.key))
    info = store.get_leaf_certificate_info(V2G, EncodingFormat.PEM, include_ocsp=True).info
    assert info is not None
    assert [Path(name or "").name for name in (info.certificate, info.certificate_single, info.key)] == [
        "CPO_CERT_CHAIN.pem",
        "SECC_LEAF.pem",
        "SECC_LEAF.key",
    ]
    assert info.certificate_root == v2g.root.certificate.to_pem()
    assert info.ocsp is not None
    assert len(info.ocsp) == info.certificate_count == 3


def test_leaf_info_tells_missing_expired_and_keyless_leaves_apart(tmp_path: Path, v2g: Pki) -> None:
    clock = SetClock()
    store = open_store(tmp_path, clock=clock)
    store.install_ca_certificate(v2g.root.certificate.to_pem(), CaCertificateType.V2G)
    assert store.get_leaf_certificate_info(LeafCertificateType.MO).status is GetCertificateInfoStatus.REJECTED
    assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.NOT_FOUND
    enrol(store, v2g)
    begun = clock.now()
    clock.set(UNTIL + timedelta(seconds=1))
    assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.NOT_FOUND_VALID
    clock.set(begun)
    next((tmp_path / "client/cso").glob("*.key")).unlink()
    assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.PRIVATE_KEY_NOT_FOUND
    assert not store.get_installed_certificates([CertificateType.V2G_CERTIFICATE_CHAIN]).certificate_hash_data_chain


def test_leaves_in_pem_and_in_der_are_told_apart_in_one_store(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g))
    other = leaf(v2g, "DE*CHP*E1234*2")
    in_pem = place(store, v2g, leaf(v2g)).single
    in_der = put(tmp_path / "client/cso/other.der", other.certificate.der)
    put(tmp_path / "client/cso/other.key", key_pem(other.key))
    for _ in range(2):
        for encoding, expected in ((EncodingFormat.PEM, in_pem), (EncodingFormat.DER, in_der)):
            assert info(store, encoding=encoding).certificate_single == str(expected)
            told = store.get_all_valid_certificates_info(V2G, encoding).info
            assert [one.certificate_single for one in told] == [str(expected)]


def test_one_chain_is_judged_at_a_time_ten_years_later_and_again(tmp_path: Path, v2g: Pki) -> None:
    clock = SetClock()
    store = open_store(tmp_path, clock=clock)
    store.install_ca_certificate(v2g.root.certificate.to_pem(), CaCertificateType.V2G)
    leaf = forge(EVSE, v2g.issuing, begin=FROM, end=clock.now() + timedelta(days=90)).certificate
    begun = clock.now()
    seen = []
    for moment in (begun, begun + timedelta(days=3650), begun, begun - timedelta(days=3650)):
        clock.set(moment)
        seen.append(store.verify_certificate(v2g.stack(leaf), [V2G]))
    result = CertificateValidationResult
    assert seen == [result.VALID, result.EXPIRED, result.VALID, result.UNKNOWN]


def test_a_chain_is_judged_against_the_named_domains_only(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g))
    chain = v2g.stack(forge(EVSE, v2g.issuing, begin=FROM, end=UNTIL).certificate)
    result = CertificateValidationResult
    assert store.verify_certificate(chain, [LeafCertificateType.MO, V2G]) is result.VALID
    assert store.verify_certificate(chain, [LeafCertificateType.MO]) is result.ISSUER_NOT_FOUND
    assert store.verify_certificate(chain, []) is result.ISSUER_NOT_FOUND
    assert store.verify_certificate("", [V2G]) is result.UNKNOWN
