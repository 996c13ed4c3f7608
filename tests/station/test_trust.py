"""install_ca_certificate: what becomes an anchor, what is kept below one, what is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from certs import FROM, UNTIL, Pki, root, stack, v2g_pki
from chainpilot.pki.certificate import load_certificates
from chainpilot.station.model import (
    CaCertificateType,
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    CertificateType,
    InstallCertificateResult,
    LeafCertificateType,
)
from clocks import SetClock
from forge import forge
from stores import EVSE, assert_store_unchanged, open_store, store_with, tree

RESULT = InstallCertificateResult
V2G = CaCertificateType.V2G


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.mark.parametrize("kind", list(CaCertificateType))
def test_a_root_is_installed_into_the_bundle_of_its_domain_and_published(
    tmp_path: Path, v2g: Pki, kind: CaCertificateType
) -> None:
    store = open_store(tmp_path)
    seen: list[tuple[CertificateStoreUpdate, bool]] = []
    store.subscribe(lambda update: seen.append((update, store.is_ca_certificate_installed(kind))))
    assert not store.is_ca_certificate_installed(kind)
    assert store.install_ca_certificate(v2g.root.certificate.to_pem(), kind) is RESULT.ACCEPTED
    update = CertificateStoreUpdate(CertificateStoreUpdateOperation.INSTALLED, ca_certificate_type=kind)
    assert seen == [(update, True)]
    assert Path(store.get_verify_file(kind)) == tmp_path / f"ca/{kind.value.lower()}/{kind.value}_ROOT_CA.pem"


def test_the_same_root_again_is_accepted_and_changes_nothing(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (V2G, v2g))
    with assert_store_unchanged(tmp_path):
        assert store.install_ca_certificate(v2g.root.certificate.to_pem(), V2G) is RESULT.ACCEPTED


def test_a_second_root_stands_behind_the_first_and_comments_stay(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (V2G, v2g))
    bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.write_text("# kept by hand\n" + bundle.read_text().rstrip("\n"))
    second = root("Second Root")
    assert store.install_ca_certificate(second.certificate.to_pem(), V2G) is RESULT.ACCEPTED
    assert bundle.read_text().startswith("# kept by hand\n")
    assert load_certificates(bundle.read_bytes()) == (v2g.root.certificate, second.certificate)
    assert bundle.stat().st_mode & 0o777 == 0o644


def test_a_bundle_behind_a_link_is_replaced_where_it_lies(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path / "certs", (V2G, v2g))
    bundle = tmp_path / "certs/ca/v2g/V2G_ROOT_CA.pem"
    real = tmp_path / "elsewhere.pem"
    bundle.rename(real)
    bundle.symlink_to(real)
    assert store.install_ca_certificate(root("Second Root").certificate.to_pem(), V2G) is RESULT.ACCEPTED
    assert bundle.is_symlink()
    assert len(load_certificates(real.read_bytes())) == 2


def test_a_bundle_may_be_a_directory_of_files(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (V2G, v2g), v2g_ca_bundle="ca/v2g")
    assert store.install_ca_certificate(root("Second Root").certificate.to_pem(), V2G) is RESULT.ACCEPTED
    assert len(list((tmp_path / "ca/v2g").glob("V2G_ROOT_*.pem"))) == 2
    assert len(load_certificates(Path(store.get_verify_file(V2G)).read_bytes())) == 2
    for path in (tmp_path / "ca/v2g").iterdir():
        path.unlink()
    assert store.get_verify_file(V2G) == ""


def test_a_der_bundle_becomes_pem_when_a_root_is_added(tmp_path: Path, v2g: Pki) -> None:
    bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.parent.mkdir(parents=True)
    bundle.write_bytes(v2g.root.certificate.der)
    store = open_store(tmp_path)
    assert store.is_ca_certificate_installed(V2G)
    assert store.install_ca_certificate(root("Second Root").certificate.to_pem(), V2G) is RESULT.ACCEPTED
    assert len(load_certificates(bundle.read_bytes())) == 2


def cut(pem: str) -> str:
    """A block that broke off, as a copy does when the disk is full."""
    return pem[: len(pem) // 2]


def test_a_cut_block_takes_no_other_with_it(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (V2G, v2g))
    bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
    third = root("Third").certificate.to_pem()
    second = root("Second Root").certificate
    held = bundle.read_text()
    for broken in (cut(third), "-----BEGIN CERTIF", third.removesuffix("-\n"), cut(third) + "\n" + cut(third)):
        for text in (broken + "\n" + held, broken + held, held + broken):
            bundle.write_text(text)
            assert tuple(store.trust_anchors(V2G)) == (v2g.root.certificate,), text
            assert "passed over" in store.findings()[0].why
            assert store.install_ca_certificate(second.to_pem(), V2G) is RESULT.ACCEPTED
            assert set(store.trust_anchors(V2G)) == {v2g.root.certificate, second}, text
            assert bundle.read_text().startswith(text), "what an operator left there stays"


def test_several_der_certificates_in_a_row_all_stay_anchors(tmp_path: Path, v2g: Pki) -> None:
    bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.parent.mkdir(parents=True)
    second, third = root("Second Root").certificate, root("Third Root").certificate
    bundle.write_bytes(v2g.root.certificate.der + second.der)
    store = open_store(tmp_path)
    assert tuple(store.trust_anchors(V2G)) == (v2g.root.certificate, second)
    assert store.install_ca_certificate(third.to_pem(), V2G) is RESULT.ACCEPTED
    assert load_certificates(bundle.read_bytes()) == (v2g.root.certificate, second, third)


@pytest.mark.parametrize("kind", ["UTF-16", "cut DER", "DER and more", "base64", "prose"])
def test_nothing_is_put_behind_or_over_what_can_not_be_read(tmp_path: Path, v2g: Pki, kind: str) -> None:
    bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.parent.mkdir(parents=True)
    der, pem = v2g.root.certificate.der, v2g.root.certificate.to_pem()
    texts = {
        "UTF-16": pem.encode("utf-16"),
        "cut DER": der + der[:200],
        "DER and more": der + b"more",
        "base64": "".join(pem.splitlines()[1:-1]).encode(),
        "prose": b"the roots are kept elsewhere\n",
    }
    bundle.write_bytes(texts[kind])
    store = open_store(tmp_path)
    assert store.findings()
    with assert_store_unchanged(tmp_path):
        outcome = store.install_ca(root("Second Root").certificate.to_pem(), V2G)
    assert outcome.result is RESULT.WRITE_ERROR
    assert "V2G_ROOT_CA.pem" in (outcome.reason or "")


def test_a_bundle_never_grows_past_what_is_read(tmp_path: Path, v2g: Pki) -> None:
    second = root("Second Root").certificate.to_pem()
    bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
    store_with(tmp_path, (V2G, v2g))
    size = bundle.stat().st_size + len(second)
    store = open_store(tmp_path, max_file_bytes=size - 1)
    with assert_store_unchanged(tmp_path):
        assert store.install_ca_certificate(second, V2G) is RESULT.WRITE_ERROR
    assert store.is_ca_certificate_installed(V2G)
    assert open_store(tmp_path, max_file_bytes=size).install_ca_certificate(second, V2G) is RESULT.ACCEPTED


def test_a_bundle_s_mode_outlives_an_install(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (V2G, v2g))
    bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.chmod(0o640)
    assert store.install_ca_certificate(root("Second Root").certificate.to_pem(), V2G) is RESULT.ACCEPTED
    assert bundle.stat().st_mode & 0o777 == 0o640


def test_programs_that_read_the_verify_file_trust_no_more_than_the_store(tmp_path: Path, v2g: Pki) -> None:
    bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
    store = store_with(tmp_path, (V2G, v2g))
    held = bundle.read_text()
    leaf = forge(EVSE, v2g.issuing, begin=FROM, end=UNTIL).certificate.to_pem()
    left_over = {
        "a root of a test PKI": root("Test Root", test=True).certificate.to_pem(),
        "a leaf": leaf,
        "a sub-CA of nobody here": v2g_pki().sub1.certificate.to_pem(),
        "a cut block": cut(leaf),
    }
    for what, text in left_over.items():
        bundle.write_text(text + "\n" + held)
        path = Path(store.get_verify_file(V2G))
        assert path != bundle, what
        assert load_certificates(path.read_text()) == (v2g.root.certificate,), what
        assert store.findings(), what
    bundle.write_text(held + v2g.sub1.certificate.to_pem())
    assert Path(store.get_verify_file(V2G)) == bundle, "a sub-CA of an anchor is as good as the anchor"
    bundle.write_bytes(v2g.root.certificate.der)
    path = Path(store.get_verify_file(V2G))
    assert load_certificates(path.read_text()) == (v2g.root.certificate,), "the answer is a PEM file"


def test_a_sub_ca_of_an_installed_root_is_listed_below_it_and_is_no_anchor(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (V2G, v2g))
    for sub_ca in (v2g.sub1, v2g.issuing):
        assert store.install_ca_certificate(sub_ca.certificate.to_pem(), V2G) is RESULT.ACCEPTED
    (entry,) = store.get_installed_certificates([CertificateType.V2G_ROOT_CERTIFICATE]).certificate_hash_data_chain
    serials = [data.serial_number for data in entry.child_certificate_hash_data]
    assert serials == [f"{sub_ca.certificate.serial_number:x}" for sub_ca in (v2g.sub1, v2g.issuing)]
    assert tuple(store.trust_anchors(V2G)) == (v2g.root.certificate,)
    leaf = forge(EVSE, v2g.issuing, begin=FROM, end=UNTIL).certificate
    assert store.validate(leaf.to_pem(), [LeafCertificateType.V2G]).reason is None


def test_test_pkis_are_admitted_only_where_configured(tmp_path: Path) -> None:
    pem = root("Test Root", test=True).certificate.to_pem()
    strict = open_store(tmp_path)
    outcome = strict.install_ca(pem, V2G)
    assert outcome.result is RESULT.INVALID_CERTIFICATE_CHAIN
    assert "allow_test_pki" in (outcome.reason or "")
    assert open_store(tmp_path, allow_test_pki=True).install_ca_certificate(pem, V2G) is RESULT.ACCEPTED
    assert not strict.is_ca_certificate_installed(V2G), "found on disk all the same, it is no anchor"
    assert strict.get_verify_file(V2G) == ""
    assert "allow_test_pki" in strict.findings()[0].why


def with_broken_signature(der: bytes) -> str:
    return (der[:-1] + bytes([der[-1] ^ 1])).hex()


def ca(common: str, **changes: Any) -> str:
    return root(common, **changes).certificate.to_pem()


REFUSALS: dict[str, tuple[Callable[[Pki], str], InstallCertificateResult]] = {
    "nothing": (lambda _: "", RESULT.INVALID_FORMAT),
    "half a block": (lambda v2g: cut(v2g.root.certificate.to_pem()), RESULT.INVALID_FORMAT),
    "two certificates": (lambda v2g: stack(v2g.root.certificate, v2g.sub1.certificate), RESULT.INVALID_FORMAT),
    "too long": (lambda v2g: v2g.root.certificate.to_pem() + " " * 60_000, RESULT.INVALID_FORMAT),
    "a leaf": (
        lambda v2g: forge(EVSE, v2g.root, begin=FROM).certificate.to_pem(),
        RESULT.INVALID_CERTIFICATE_CHAIN,
    ),
    "sub-CA of a stranger": (lambda _: v2g_pki().sub1.certificate.to_pem(), RESULT.INVALID_CERTIFICATE_CHAIN),
    "grandchild without its parent": (
        lambda v2g: forge("Root", v2g.issuing, ca=True, begin=FROM, end=UNTIL).certificate.to_pem(),
        RESULT.INVALID_CERTIFICATE_CHAIN,
    ),
    "no keyCertSign": (lambda _: ca("No", usage={"digital_signature": True}), RESULT.INVALID_CERTIFICATE_CHAIN),
    "weak key": (
        lambda _: ca("Weak", key=rsa.generate_private_key(65537, 1024)),
        RESULT.INVALID_CERTIFICATE_CHAIN,
    ),
    "expired": (lambda _: ca("Old", end=datetime(2026, 1, 1, tzinfo=UTC)), RESULT.EXPIRED),
    "not yet valid": (lambda _: ca("New", begin=datetime(2027, 1, 1, tzinfo=UTC)), RESULT.EXPIRED),
    "broken own signature": (
        lambda _: with_broken_signature(root("Claimed").certificate.der),
        RESULT.INVALID_SIGNATURE,
    ),
}
"""CA certificates that aren't taken, each with the answer."""


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_no_ca_of_the_domain_is_refused_with_a_reason(tmp_path: Path, v2g: Pki, case: str) -> None:
    store = store_with(tmp_path, (V2G, v2g))
    offer, expected = REFUSALS[case]
    text = offer(v2g)
    with assert_store_unchanged(tmp_path):
        outcome = store.install_ca(text, V2G)
    assert (outcome.result, bool(outcome.reason)) == (expected, True), outcome


def test_validity_counts_to_the_second_at_both_ends(tmp_path: Path) -> None:
    begin, end = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
    pem = root("Short", begin=begin, end=end).certificate.to_pem()
    clock = SetClock(begin - timedelta(seconds=1))
    store = open_store(tmp_path, clock=clock)
    assert store.install_ca_certificate(pem, V2G) is RESULT.EXPIRED
    clock.set(begin)
    assert store.install_ca_certificate(pem, V2G) is RESULT.ACCEPTED
    clock.set(end)
    assert store.is_ca_certificate_installed(V2G)
    clock.set(end + timedelta(seconds=1))
    assert not store.is_ca_certificate_installed(V2G)


def test_a_full_store_takes_no_further_ca(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (V2G, v2g), max_certificates=1)
    with assert_store_unchanged(tmp_path):
        result = store.install_ca_certificate(root("Second").certificate.to_pem(), V2G)
    assert result is RESULT.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED
    small = open_store(tmp_path, max_bytes=sum(map(len, tree(tmp_path).values())))
    result = small.install_ca_certificate(root("Second").certificate.to_pem(), V2G)
    assert result is RESULT.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED


def test_no_damaged_copy_of_an_installed_root_passes_for_its_cross_signed_form(tmp_path: Path, v2g: Pki) -> None:
    """Row 17 keeps a root that another CA signed, whose signature can't be checked here."""
    store = store_with(tmp_path, (V2G, v2g))
    der = v2g.root.certificate.der
    with assert_store_unchanged(tmp_path):
        for place in range(len(der)):
            for change in (1, 0x80):
                damaged = bytearray(der)
                damaged[place] ^= change
                assert store.install_ca_certificate(damaged.hex(), V2G) is not RESULT.ACCEPTED, place
    other = root("Another Root")
    cross = forge("V2G Root", other, ca=True, key=v2g.root.key, begin=FROM, end=UNTIL)
    assert store.install_ca_certificate(cross.certificate.to_pem(), V2G) is RESULT.ACCEPTED
