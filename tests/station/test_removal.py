"""delete_certificate: what goes with a certificate, what stays, who is told (station-store.md section 4)."""

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs import FROM, UNTIL, Pki, csms_pki, issue, key_pem, root, stack, v2g_pki
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.station import EvseSecurity
from chainpilot.station.model import (
    CaCertificateType,
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    CertificateType,
    DeleteCertificateResult,
    GetCertificateInfoStatus,
    LeafCertificateType,
)
from clocks import SetClock
from forge import NOON, Forged, forge
from ocsp_answers import answer, cert_id, single
from stock import bundle_file, info, leaf, listed, named, openssl_takes, place, put, serial
from stores import EVSE, assert_store_unchanged, enrol, leaf_files, open_store, store_with

V2G = CaCertificateType.V2G
MO = CaCertificateType.MO
SECC = LeafCertificateType.V2G
RESULT = DeleteCertificateResult
DELETED = CertificateStoreUpdateOperation.DELETED
ROOTS = CertificateType.V2G_ROOT_CERTIFICATE


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


def own(certificate: Certificate) -> CertificateHashData:
    """Hash data of a root."""
    return named(certificate, certificate)


def with_sub_cas(directory: Path, v2g: Pki, **settings: object) -> EvseSecurity:
    """A store with root, Sub1 and Sub2 in its V2G bundle."""
    store = store_with(directory, (V2G, v2g), **settings)
    for sub_ca in (v2g.sub1, v2g.issuing):
        assert store.install_ca(sub_ca.certificate.to_pem(), V2G).accepted
    return store


def watched(store: EvseSecurity) -> list[CertificateStoreUpdate]:
    seen: list[CertificateStoreUpdate] = []
    store.subscribe(seen.append)
    return seen


class TestCas:
    @pytest.mark.parametrize("bundle", ["ca/v2g/V2G_ROOT_CA.pem", "ca/v2g"], ids=["file", "directory"])
    def test_a_root_goes_with_its_descendants_and_others_stay(self, tmp_path: Path, v2g: Pki, bundle: str) -> None:
        store = with_sub_cas(tmp_path, v2g, v2g_ca_bundle=bundle)
        other = root("Other Root").certificate
        assert store.install_ca(other.to_pem(), V2G).accepted
        seen = watched(store)
        assert store.delete_certificate(own(v2g.root.certificate)) is RESULT.ACCEPTED
        assert listed(store) == [serial(other)]
        assert seen == [CertificateStoreUpdate(DELETED, ca_certificate_type=V2G)]
        assert not store.findings(), "no sub-CA is left without its root"

    @pytest.mark.parametrize("bundle", ["ca/v2g/V2G_ROOT_CA.pem", "ca/v2g"], ids=["file", "directory"])
    def test_a_sub_ca_goes_with_what_is_below_it_and_its_root_stays(
        self, tmp_path: Path, v2g: Pki, bundle: str
    ) -> None:
        store = with_sub_cas(tmp_path, v2g, v2g_ca_bundle=bundle)
        assert store.delete_certificate(named(v2g.sub1.certificate, v2g.root.certificate)) is RESULT.ACCEPTED
        assert listed(store) == [serial(v2g.root)]
        assert not store.findings(), "no sub-CA is left without its own"
        store = with_sub_cas(tmp_path, v2g, v2g_ca_bundle=bundle)
        assert store.delete_certificate(named(v2g.issuing.certificate, v2g.sub1.certificate)) is RESULT.ACCEPTED
        assert listed(store) == [serial(v2g.root), serial(v2g.sub1)]

    def test_it_goes_from_every_domain_that_holds_it_and_each_is_told_of(self, tmp_path: Path, v2g: Pki) -> None:
        store = with_sub_cas(tmp_path, v2g)
        for kind in (MO, CaCertificateType.MF):
            assert store.install_ca(v2g.root.certificate.to_pem(), kind).accepted
        assert store.install_ca(v2g.sub1.certificate.to_pem(), MO).accepted
        seen = watched(store)
        assert store.delete_certificate(own(v2g.root.certificate)) is RESULT.ACCEPTED
        assert listed(store) == []
        told = {(update.operation, update.ca_certificate_type, update.leaf_certificate_type) for update in seen}
        assert told == {(DELETED, kind, None) for kind in (V2G, MO, CaCertificateType.MF)}
        assert len(seen) == 3

    def test_domains_that_share_a_bundle_are_both_told(self, tmp_path: Path, v2g: Pki) -> None:
        store = store_with(tmp_path, (V2G, v2g), mo_ca_bundle="ca/v2g/V2G_ROOT_CA.pem")
        seen = watched(store)
        assert store.delete_certificate(own(v2g.root.certificate)) is RESULT.ACCEPTED
        assert {update.ca_certificate_type for update in seen} == {V2G, MO}
        assert not store.is_ca_certificate_installed(MO)

    def test_who_is_told_finds_the_store_changed_and_unlocked(self, tmp_path: Path, v2g: Pki) -> None:
        store = store_with(tmp_path, (V2G, v2g), lock_timeout_seconds=0.1)
        answers: list[bool] = []

        def told(update: CertificateStoreUpdate) -> None:
            if update.operation is DELETED:
                answers.append(store.is_ca_certificate_installed(V2G))
                answers.append(store.install_ca(root("Another").certificate.to_pem(), V2G).accepted)

        store.subscribe(told)
        store.delete_certificate(own(v2g.root.certificate))
        assert answers == [False, True]

    def test_leaves_under_a_deleted_root_stay(self, tmp_path: Path, v2g: Pki) -> None:
        store = store_with(tmp_path, (V2G, v2g))
        enrol(store, v2g)
        held = info(store)
        before = leaf_files(tmp_path / "client")
        assert store.delete_certificate(own(v2g.root.certificate)) is RESULT.ACCEPTED
        assert leaf_files(tmp_path / "client") == before
        assert info(store).key == held.key
        kept = [serial(Path(held.certificate or "")), serial(v2g.issuing)]
        assert listed(store, CertificateType.V2G_CERTIFICATE_CHAIN) == kept, "whose issuer came with it has hash data"

    def test_an_emptied_bundle_file_stays_with_no_bytes(self, tmp_path: Path, v2g: Pki) -> None:
        store = with_sub_cas(tmp_path, v2g)
        assert store.delete_certificate(own(v2g.root.certificate)) is RESULT.ACCEPTED
        assert (tmp_path / "ca/v2g/V2G_ROOT_CA.pem").read_bytes() == b""
        assert store.install_ca(v2g.root.certificate.to_pem(), V2G).accepted
        assert listed(store) == [serial(v2g.root)]

    @pytest.mark.parametrize("ends", ["\n", "\r\n", "\n\n", ""], ids=repr)
    def test_it_has_no_bytes_whatever_its_lines_end_with(self, tmp_path: Path, v2g: Pki, ends: str) -> None:
        store = open_store(tmp_path)
        blocks = [one.certificate.to_pem().rstrip("\n") for one in (v2g.root, v2g.sub1)]
        text = (ends or "\n").join(blocks).replace("\n", "\r\n" if ends == "\r\n" else "\n") + ends
        bundle = put(store.layout.bundles[V2G], text)
        assert store.delete_certificate(own(v2g.root.certificate)) is RESULT.ACCEPTED
        assert bundle.read_bytes() == b""

    def test_what_stands_between_the_blocks_stays(self, tmp_path: Path, v2g: Pki) -> None:
        store = open_store(tmp_path)
        second, third = root("Second").certificate, root("Third").certificate
        cut = root("Cut").certificate.to_pem()[:200]
        key = key_pem(v2g.root.key).decode()
        parts = [f"# first\n{v2g.root.certificate.to_pem()}", f"# second\n{second.to_pem()}", f"{key}", cut, "\n"]
        bundle = put(store.layout.bundles[V2G], "".join([*parts, f"# third\n{third.to_pem()}# end\n"]))
        assert store.delete_certificate(own(second)) is RESULT.ACCEPTED
        left = bundle.read_text()
        assert left == "".join([parts[0], "# second\n", key, cut, "\n", f"# third\n{third.to_pem()}# end\n"])
        assert load_certificates(left.replace(cut, "")) == (v2g.root.certificate, third)

    def test_of_a_directory_the_emptied_file_goes_and_a_shared_one_stays(self, tmp_path: Path, v2g: Pki) -> None:
        store = open_store(tmp_path, v2g_ca_bundle="ca/v2g")
        second = root("Second").certificate
        put(tmp_path / "ca/v2g/both.pem", stack(v2g.root.certificate, second))
        put(tmp_path / "ca/v2g/alone.crt", v2g.sub1.certificate.to_pem())
        put(tmp_path / "ca/v2g/copy.der", v2g.root.certificate.der)
        put(tmp_path / "ca/v2g/broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        assert store.delete_certificate(own(v2g.root.certificate)) is RESULT.ACCEPTED
        assert sorted(path.name for path in (tmp_path / "ca/v2g").iterdir()) == ["both.pem", "broken.pem"]
        assert load_certificates((tmp_path / "ca/v2g/both.pem").read_bytes()) == (second,)

    def test_a_der_bundle_stays_der(self, tmp_path: Path, v2g: Pki) -> None:
        store = open_store(tmp_path)
        second = root("Second").certificate
        bundle = put(store.layout.bundles[V2G], v2g.root.certificate.der + second.der)
        assert store.delete_certificate(own(v2g.root.certificate)) is RESULT.ACCEPTED
        assert bundle.read_bytes() == second.der
        assert store.delete_certificate(own(second)) is RESULT.ACCEPTED
        assert bundle.read_bytes() == b""

    @pytest.mark.parametrize("algorithm", HashAlgorithm)
    @pytest.mark.parametrize("spelt", [str.lower, str.upper], ids=["lower", "upper"])
    @pytest.mark.parametrize("zeros", ["", "0", "0000"], ids=["plain", "one zero", "zeros"])
    def test_hash_data_may_be_of_any_digest_case_and_length(
        self, tmp_path: Path, v2g: Pki, algorithm: HashAlgorithm, spelt: Callable[[str], str], zeros: str
    ) -> None:
        """station-store.md row 12: one rule for CAs and leaves."""
        store = with_sub_cas(tmp_path, v2g)
        chain = load_certificates(enrol(store, v2g))
        for one, issuer in (
            (chain[0], chain[1]),
            (v2g.issuing.certificate, v2g.sub1.certificate),
            (v2g.root.certificate, v2g.root.certificate),
        ):
            wanted = named(one, issuer, algorithm)
            texts = (wanted.issuer_name_hash, wanted.issuer_key_hash, zeros + wanted.serial_number)
            assert store.delete_certificate(CertificateHashData(algorithm, *map(spelt, texts))) is RESULT.ACCEPTED
        assert listed(store) == []

    def test_a_number_may_be_spelt_with_a_prefix(self, tmp_path: Path, v2g: Pki) -> None:
        one = forge("One", ca=True, begin=FROM, end=UNTIL, serial=1).certificate
        store = store_with(tmp_path, (V2G, v2g))
        assert store.install_ca(one.to_pem(), V2G).accepted
        for spelling in ("1", "01", "0x1", "0X01"):
            wanted = own(one)
            told = CertificateHashData(wanted.hash_algorithm, wanted.issuer_name_hash, wanted.issuer_key_hash, spelling)
            assert store.delete_certificate(told) is RESULT.ACCEPTED, spelling
            assert store.install_ca(one.to_pem(), V2G).accepted

    def test_two_roots_with_the_same_number_are_told_apart_by_their_keys(self, tmp_path: Path) -> None:
        pair = [forge("Same", ca=True, begin=FROM, end=UNTIL, serial=7).certificate for _ in range(2)]
        store = open_store(tmp_path)
        bundle_file(store, V2G, *pair)
        assert store.delete_certificate(own(pair[1])) is RESULT.ACCEPTED
        assert tuple(store.trust_anchors(V2G)) == (pair[0],)

    def test_whatever_has_the_same_hash_data_goes_with_it(self, tmp_path: Path, v2g: Pki) -> None:
        """A root that was renewed with its key and its number, as `openssl req -x509 -set_serial 1` does."""
        old = forge("Root", ca=True, begin=FROM, end=UNTIL, serial=1)
        new = forge("Root", ca=True, begin=FROM + timedelta(days=1), end=UNTIL, serial=1, key=old.key)
        below = forge("Sub", new, ca=True, begin=FROM, end=UNTIL)
        assert own(old.certificate) == own(new.certificate)
        store = open_store(tmp_path)
        bundle_file(store, V2G, *(one.certificate for one in (old, v2g.root, new, below)))
        assert store.delete_certificate(own(old.certificate)) is RESULT.ACCEPTED
        assert listed(store) == [serial(v2g.root)]
        assert not store.findings()
        assert store.delete_certificate(own(old.certificate)) is RESULT.NOT_FOUND

    def test_a_sub_ca_below_two_roots_stays_below_the_other(self, tmp_path: Path, v2g: Pki) -> None:
        store = with_sub_cas(tmp_path, v2g)
        other = root("Other Root")
        renewed = forge("V2G Root", other, ca=True, key=v2g.root.key, begin=FROM, end=UNTIL).certificate
        for one in (other.certificate, renewed):
            assert store.install_ca(one.to_pem(), V2G).accepted
        assert store.delete_certificate(own(other.certificate)) is RESULT.ACCEPTED
        assert set(listed(store)) == {serial(one) for one in (v2g.root, v2g.sub1, v2g.issuing)}

    def test_a_sub_ca_that_another_certificate_of_its_issuer_stands_above_stays(self, tmp_path: Path, v2g: Pki) -> None:
        """Sub1 renewed with the same key: whichever goes, Sub2 is below the other."""
        renewed = forge("CPO Sub1", v2g.root, ca=True, key=v2g.sub1.key, begin=FROM, end=UNTIL).certificate
        for number, (gone, kept) in enumerate(((v2g.sub1.certificate, renewed), (renewed, v2g.sub1.certificate))):
            store = open_store(tmp_path / str(number))
            bundle_file(store, V2G, v2g.root.certificate, v2g.sub1.certificate, renewed, v2g.issuing.certificate)
            assert store.delete_certificate(named(gone, v2g.root.certificate)) is RESULT.ACCEPTED
            assert set(listed(store)) == {serial(one) for one in (v2g.root, kept, v2g.issuing)}
            assert not store.findings()

    def test_a_root_s_cross_signed_form_goes_with_it(self, tmp_path: Path, v2g: Pki) -> None:
        store = store_with(tmp_path, (V2G, v2g))
        cross = forge("V2G Root", root("Elsewhere"), ca=True, key=v2g.root.key, begin=FROM, end=UNTIL).certificate
        assert store.install_ca(cross.to_pem(), V2G).accepted
        assert store.delete_certificate(own(v2g.root.certificate)) is RESULT.ACCEPTED
        assert (tmp_path / "ca/v2g/V2G_ROOT_CA.pem").read_bytes() == b""

    @pytest.mark.parametrize("begin", [FROM, datetime(2030, 1, 1, tzinfo=UTC)], ids=["ended", "of the future"])
    def test_a_root_that_is_not_valid_now_can_be_deleted(self, tmp_path: Path, begin: datetime) -> None:
        store = open_store(tmp_path)
        one = root("Root", begin=begin, end=begin + timedelta(days=30)).certificate
        bundle_file(store, V2G, one)
        assert store.delete_certificate(own(one)) is RESULT.ACCEPTED

    def test_what_nobody_has_is_not_found(self, tmp_path: Path, v2g: Pki) -> None:
        store = with_sub_cas(tmp_path, v2g)
        seen = watched(store)
        with assert_store_unchanged(tmp_path):
            assert store.delete_certificate(own(root("V2G Root").certificate)) is RESULT.NOT_FOUND
        assert not seen


class TestLeaves:
    def test_a_leaf_goes_with_chain_single_key_and_ocsp_answer(self, tmp_path: Path, v2g: Pki) -> None:
        store = store_with(tmp_path, (V2G, v2g), clock=SetClock(NOON))
        one = load_certificates(enrol(store, v2g))[0]
        subject = named(one, v2g.issuing.certificate)
        der = answer(v2g.issuing, single(cert_id(one, v2g.issuing.certificate)))
        assert store.cache_ocsp(subject, b64encode(der).decode()).accepted
        other = place(store, v2g, leaf(v2g, "DE*CHP*E1234*2"), name="SECC_LEAF_OTHER")
        seen = watched(store)
        assert store.delete_certificate(subject) is RESULT.ACCEPTED
        left = {path for path in (tmp_path / "client").rglob("*") if path.is_file()}
        assert left == {other.chain, other.single, other.key}
        assert seen == [CertificateStoreUpdate(DELETED, leaf_certificate_type=SECC)]
        assert store.delete_certificate(subject) is RESULT.NOT_FOUND

    @pytest.mark.parametrize(
        ("begin", "end"),
        [(FROM, datetime(2026, 1, 1, tzinfo=UTC)), (datetime(2030, 1, 1, tzinfo=UTC), UNTIL)],
        ids=["ended", "of the future"],
    )
    def test_a_leaf_that_is_not_valid_now_can_be_deleted(
        self, tmp_path: Path, v2g: Pki, begin: datetime, end: datetime
    ) -> None:
        """station-store.md row 7."""
        store = store_with(tmp_path, (V2G, v2g))
        placed = place(store, v2g, leaf(v2g, begin=begin, end=end))
        subject = named(placed.leaf.certificate, v2g.issuing.certificate)
        assert store.delete_certificate(subject) is RESULT.ACCEPTED
        assert not placed.key.exists()

    def test_a_leaf_without_its_root_or_its_key_can_be_deleted(self, tmp_path: Path, v2g: Pki) -> None:
        store = open_store(tmp_path)
        placed = place(store, v2g, leaf(v2g))
        placed.key.unlink()
        subject = named(placed.leaf.certificate, v2g.issuing.certificate)
        assert store.delete_certificate(subject) is RESULT.ACCEPTED
        assert not list((tmp_path / "client/cso").iterdir())

    def test_every_copy_of_a_leaf_and_of_its_key_goes(self, tmp_path: Path, v2g: Pki) -> None:
        store = store_with(tmp_path, (V2G, v2g))
        one = leaf(v2g)
        for name in ("SECC_LEAF", "SECC_LEAF_COPY"):
            place(store, v2g, one, name=name)
        put(tmp_path / "client/cso/again.der", one.certificate.der)
        assert store.delete_certificate(named(one.certificate, v2g.issuing.certificate)) is RESULT.ACCEPTED
        assert not list((tmp_path / "client/cso").iterdir())

    def test_a_key_that_another_certificate_uses_stays(self, tmp_path: Path, v2g: Pki) -> None:
        """station-store.md row 13."""
        store = store_with(tmp_path, (V2G, v2g))
        old = leaf(v2g)
        renewed = Forged(leaf(v2g, key=old.key, begin=FROM + timedelta(days=1)).certificate, old.key)
        first, second = place(store, v2g, old), place(store, v2g, renewed, name="SECC_LEAF_NEW")
        second.key.unlink()
        assert store.delete_certificate(named(old.certificate, v2g.issuing.certificate)) is RESULT.ACCEPTED
        assert info(store).key == str(first.key)
        assert store.delete_certificate(named(renewed.certificate, v2g.issuing.certificate)) is RESULT.ACCEPTED
        assert not first.key.exists()

    def test_a_key_that_an_open_request_uses_stays(self, tmp_path: Path, v2g: Pki) -> None:
        store = store_with(tmp_path, (V2G, v2g))
        csr = store.generate_certificate_signing_request(SECC, "DE", "Operator", EVSE).csr
        assert csr is not None
        early = issue(v2g.issuing, csr)
        put(tmp_path / "client/cso/early.pem", v2g.stack(early))
        assert store.delete_certificate(named(early, v2g.issuing.certificate)) is RESULT.ACCEPTED
        assert [one.pem for one in store.open_requests()] == [csr]
        assert store.update_leaf(v2g.enrol(csr), SECC).accepted

    def test_a_key_that_the_same_certificate_uses_in_the_other_domain_stays(self, tmp_path: Path, v2g: Pki) -> None:
        shared = {"secc_leaf_key_directory": "client/keys", "csms_leaf_key_directory": "client/keys"}
        store = store_with(tmp_path, (V2G, v2g), (CaCertificateType.CSMS, v2g), **shared)
        one = leaf(v2g)
        placed = [place(store, v2g, one, kind=kind) for kind in (SECC, LeafCertificateType.CSMS)]
        assert store.delete_certificate(named(one.certificate, v2g.issuing.certificate)) is RESULT.ACCEPTED
        assert info(store, LeafCertificateType.CSMS).key == str(placed[0].key)
        assert store.get_leaf_certificate_info(SECC).status is GetCertificateInfoStatus.NOT_FOUND

    def test_a_key_beside_the_certificate_goes_too_where_keys_have_a_place_of_their_own(
        self, tmp_path: Path, v2g: Pki
    ) -> None:
        store = store_with(tmp_path, (V2G, v2g), secc_leaf_key_directory="client/keys")
        one = leaf(v2g)
        placed = place(store, v2g, one)
        placed.key.unlink()
        key = put(tmp_path / "client/cso/SECC_LEAF.key", key_pem(one.key))
        assert info(store).key == str(key)
        assert store.delete_certificate(named(one.certificate, v2g.issuing.certificate)) is RESULT.ACCEPTED
        assert not list((tmp_path / "client/cso").iterdir())

    def test_a_client_leaf_is_never_deleted(self, tmp_path: Path) -> None:
        """OCPP M04.FR.06."""
        csms = csms_pki()
        store = store_with(tmp_path, (CaCertificateType.CSMS, csms))
        one = load_certificates(enrol(store, csms, LeafCertificateType.CSMS, "CS-001"))[0]
        seen = watched(store)
        with assert_store_unchanged(tmp_path):
            assert store.delete_certificate(named(one, csms.issuing.certificate)) is RESULT.FAILED
        assert not seen

    def test_a_store_that_can_not_write_answers_failed(self, tmp_path: Path, v2g: Pki) -> None:
        store = store_with(tmp_path, (V2G, v2g))
        state = tmp_path / ".chainpilot"
        for path in state.iterdir():
            path.unlink()
        state.rmdir()
        state.write_text("a file stands where our state should be")
        outcome = store.delete(own(v2g.root.certificate))
        assert (outcome.result, bool(outcome.reason), outcome.updates) == (RESULT.FAILED, True, ())
        assert store.is_ca_certificate_installed(V2G)


def test_after_a_deletion_openssl_finds_no_link_to_what_is_gone(tmp_path: Path, v2g: Pki) -> None:
    store = open_store(tmp_path, v2g_ca_bundle="ca/v2g")
    second = root("Second").certificate
    put(tmp_path / "ca/v2g/both.pem", stack(v2g.root.certificate, second))
    put(tmp_path / "ca/v2g/third.pem", root("Third").certificate.to_pem())
    directory = store.get_verify_location(V2G)
    assert store.delete_certificate(own(v2g.root.certificate)) is RESULT.ACCEPTED
    names = {path.name[:8] for path in Path(directory).iterdir() if path.is_symlink()}
    assert len(names) == 2
    trusting = ["verify", "-CApath", directory, "-no-CAfile", "-no-CAstore"]
    assert openssl_takes(*trusting, put(tmp_path / "second.pem", second.to_pem()))
    assert not openssl_takes(*trusting, put(tmp_path / "first.pem", v2g.root.certificate.to_pem()))
