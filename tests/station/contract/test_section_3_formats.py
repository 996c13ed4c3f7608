"""station-store.md section 3: hash data, file names, key formats, validity and what belongs together."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certs import FROM, UNTIL, Pki, csms_pki, key_pem, root, stack, v2g_pki
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, hash_data, normal_hex
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    CertificateValidationResult,
    DeleteCertificateResult,
    GetCertificateInfoStatus,
    LeafCertificateType,
)
from clocks import SetClock
from forge import Forged, forge
from stock import bundle_file, chains, info, leaf, listed, named, openssl, place, put, serial
from stores import EVSE, enrol, leaf_files, open_store, store_with

V2G = LeafCertificateType.V2G
CSMS = LeafCertificateType.CSMS
DOMAIN = CaCertificateType.V2G
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


class TestHashData:
    @pytest.mark.parametrize("algorithm", HashAlgorithm)
    def test_it_is_what_another_library_computes(self, v2g: Pki, algorithm: HashAlgorithm) -> None:
        for one, issuer in (
            (leaf(v2g).certificate, v2g.issuing.certificate),
            (v2g.issuing.certificate, v2g.sub1.certificate),
            (v2g.root.certificate, v2g.root.certificate),
        ):
            assert hash_data(one, issuer, algorithm) == named(one, issuer, algorithm)

    def test_sha_256_is_what_everything_is_listed_in(self, tmp_path: Path, v2g: Pki) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g))
        enrol(store, v2g)
        told = [
            data
            for entry in chains(store)
            for data in (entry.certificate_hash_data, *entry.child_certificate_hash_data)
        ]
        assert {data.hash_algorithm for data in told} == {HashAlgorithm.SHA256}
        assert {len(text) for data in told for text in (data.issuer_name_hash, data.issuer_key_hash)} == {64}

    def test_the_key_is_the_issuer_s_and_the_name_stands_in_the_certificate(self, v2g: Pki) -> None:
        same_name = forge("V2G Root", ca=True, begin=FROM, end=UNTIL).certificate
        one, other = (hash_data(v2g.sub1.certificate, issuer) for issuer in (v2g.root.certificate, same_name))
        assert one.issuer_name_hash == other.issuer_name_hash
        assert one.issuer_key_hash != other.issuer_key_hash

    @pytest.mark.parametrize(
        ("number", "text"), [(1, "1"), (10, "a"), (0x0A0B, "a0b"), (0xFF, "ff"), (2**159 - 1, f"{2**159 - 1:x}")]
    )
    def test_a_serial_number_is_lower_case_hex_without_leading_zeros(self, number: int, text: str) -> None:
        one = forge("Root", ca=True, serial=number).certificate
        assert hash_data(one, one).serial_number == text
        assert openssl("x509", "-noout", "-serial", given=one.to_pem().encode()).strip().lower() in (
            f"serial={text}",
            f"serial=0{text}",
        )

    @pytest.mark.parametrize(
        ("spelling", "normal"),
        [("0A", "a"), ("0", "0"), ("00", "0"), ("", "0"), ("0x0A", "a"), ("0XFF", "ff"), (" 1 ", "1")],
    )
    def test_spellings_of_a_number_become_one(self, spelling: str, normal: str) -> None:
        assert normal_hex(spelling) == normal

    def test_all_three_are_compared_without_regard_to_case(self, v2g: Pki) -> None:
        one = named(v2g.root.certificate, v2g.root.certificate)
        loud = CertificateHashData(
            one.hash_algorithm,
            one.issuer_name_hash.upper(),
            one.issuer_key_hash.upper(),
            f"0X00{one.serial_number.upper()}",
        )
        assert loud.matches(one)
        assert one.matches(loud)

    def test_a_ca_whose_issuer_is_not_at_hand_has_none(self, tmp_path: Path, v2g: Pki) -> None:
        store = open_store(tmp_path)
        bundle_file(store, DOMAIN, v2g.sub1.certificate)
        assert listed(store) == []
        subject = named(v2g.sub1.certificate, v2g.root.certificate)
        assert store.delete_certificate(subject) is DeleteCertificateResult.NOT_FOUND


class TestBelonging:
    def test_key_and_certificate_belong_together_when_their_public_keys_are_equal(
        self, tmp_path: Path, v2g: Pki
    ) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g))
        one, other = leaf(v2g), leaf(v2g, "DE*CHP*E1234*2")
        place(store, v2g, one, name="A", key=key_pem(other.key))
        place(store, v2g, other, name="B", key=key_pem(one.key))
        told = {common: Path(info(store, common_name=common).key).name for common in (EVSE, "DE*CHP*E1234*2")}
        assert told == {EVSE: "B.key", "DE*CHP*E1234*2": "A.key"}

    def test_an_existing_everest_store_is_read_as_it_is(self, tmp_path: Path, v2g: Pki) -> None:
        """The tree that EVerest's own certificate script makes, names and all."""
        csms = csms_pki()
        secc, client = leaf(v2g, "DEPNXE12345"), leaf(csms, "cp001")
        files: dict[str, bytes | str] = {
            "ca/v2g/V2G_ROOT_CA.pem": v2g.root.certificate.to_pem(),
            "ca/v2g/V2G_CA_BUNDLE.pem": stack(v2g.issuing.certificate, v2g.sub1.certificate, v2g.root.certificate),
            "ca/mo/MO_CA_BUNDLE.pem": root("MO Root", domain="MO").certificate.to_pem(),
            "ca/csms/CSMS_ROOT_CA.pem": csms.root.certificate.to_pem(),
            "ca/mf/MF_ROOT_CA.pem": root("MF Root").certificate.to_pem(),
            "client/cso/CPO_CERT_CHAIN.pem": v2g.stack(secc.certificate),
            "client/cso/SECC_LEAF.pem": secc.certificate.to_pem(),
            "client/cso/SECC_LEAF.der": secc.certificate.der,
            "client/cso/SECC_LEAF.key": key_pem(secc.key),
            "client/cso/SECC_LEAF_PASSWORD.txt": "123456",
            "client/csms/CSMS_LEAF.pem": csms.stack(client.certificate),
            "client/csms/CSMS_LEAF.key": key_pem(client.key),
            "client/cso/certs.p12": b"\x30\x82not for us",
        }
        for name, data in files.items():
            put(tmp_path / name, data)
        before = leaf_files(tmp_path)
        store = open_store(tmp_path, v2g_ca_bundle="ca/v2g/V2G_CA_BUNDLE.pem", mo_ca_bundle="ca/mo/MO_CA_BUNDLE.pem")
        for kind, key in ((V2G, "SECC_LEAF.key"), (CSMS, "CSMS_LEAF.key")):
            told = info(store, kind)
            assert (Path(told.key).name, told.certificate_count) == (key, 3)
        assert len(chains(store)) == 5
        assert all(store.get_verify_file(kind) for kind in CaCertificateType)
        store.run_housekeeping()
        assert leaf_files(tmp_path) == before
        assert not store.findings()


class TestFileNames:
    @pytest.mark.parametrize(("kind", "prefix", "place_of"), [(V2G, "SECC", "cso"), (CSMS, "CSMS", "csms")])
    def test_leaves_bear_the_names_of_the_reference(
        self, tmp_path: Path, v2g: Pki, kind: LeafCertificateType, prefix: str, place_of: str
    ) -> None:
        store = store_with(tmp_path, (CaCertificateType(kind.value), v2g))
        enrol(store, v2g, kind)
        names = sorted(path.name for path in (tmp_path / "client" / place_of).iterdir())
        unique = names[1].removeprefix(f"{prefix}_LEAF_").removesuffix(".key")
        assert names == sorted(
            [f"CPO_CERT_{prefix}_LEAF_CHAIN_{unique}.pem", f"{prefix}_LEAF_{unique}.key", f"{prefix}_LEAF_{unique}.pem"]
        )
        assert re.fullmatch(r"[A-Za-z0-9\-]+", unique)

    @pytest.mark.parametrize("kind", CaCertificateType)
    def test_a_ca_in_a_directory_bears_the_name_of_the_reference(
        self, tmp_path: Path, v2g: Pki, kind: CaCertificateType
    ) -> None:
        store = open_store(tmp_path, **{f"{kind.value.lower()}_ca_bundle": "roots"})  # type: ignore[arg-type]  # - a path
        assert store.install_ca(v2g.root.certificate.to_pem(), kind).accepted
        (name,) = [path.name for path in (tmp_path / "roots").iterdir()]
        assert re.fullmatch(rf"{kind.value}_ROOT_[A-Za-z0-9\-]+\.pem", name)

    def test_no_two_files_ever_get_the_same_name(self, tmp_path: Path, v2g: Pki) -> None:
        """The clock stands still: the name doesn't come from it alone."""
        store = store_with(tmp_path, (DOMAIN, v2g), v2g_ca_bundle="roots")
        for number in range(20):
            assert store.install_ca(root(f"Root {number}").certificate.to_pem(), DOMAIN).accepted
            enrol(store, v2g, common=f"DE*CHP*E1234*{number}")
        assert len(list((tmp_path / "roots").iterdir())) == 21
        assert len(list((tmp_path / "client/cso").iterdir())) == 60


@pytest.mark.parametrize("password", ["", "correct horse"])
def test_keys_are_pkcs8_pem_encrypted_when_a_password_is_configured(tmp_path: Path, password: str) -> None:
    store = open_store(tmp_path, private_key_password=password)
    store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE)
    (path,) = (tmp_path / "client/cso").iterdir()
    label = "ENCRYPTED PRIVATE KEY" if password else "PRIVATE KEY"
    assert path.read_bytes().startswith(f"-----BEGIN {label}-----\n".encode())
    load_pem_private_key(path.read_bytes(), password.encode() or None)
    assert "PRIVATE KEY" in openssl("pkey", "-in", path, "-passin", f"pass:{password}")


Moment = Callable[[Certificate], datetime]
MOMENTS: list[tuple[Moment, bool]] = [
    (lambda one: one.not_before - SECOND, False),
    (lambda one: one.not_before, True),
    (lambda one: one.not_after, True),
    (lambda one: one.not_after + SECOND, False),
]


@pytest.mark.parametrize(("moment", "is_valid"), MOMENTS, ids=["before", "first second", "last second", "after"])
def test_valid_is_from_the_first_to_the_last_second_for_everything(
    tmp_path: Path, moment: Moment, *, is_valid: bool
) -> None:
    """notBefore <= now <= notAfter, inclusive: anchors, chains, leaves in use, answers."""
    v2g = v2g_pki()
    clock = SetClock()
    store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
    one = leaf(v2g, begin=FROM + timedelta(days=1), end=UNTIL - timedelta(days=1))
    place(store, v2g, one)
    clock.set(moment(one.certificate))
    verdict = store.verify_certificate(v2g.stack(one.certificate), [V2G])
    assert (verdict is CertificateValidationResult.VALID) is is_valid
    assert (store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.ACCEPTED) is is_valid
    assert bool(chains(store, CertificateType.V2G_CERTIFICATE_CHAIN)) is is_valid
    clock.set(moment(v2g.root.certificate))
    assert store.is_ca_certificate_installed(DOMAIN) is is_valid
    assert bool(store.get_verify_file(DOMAIN)) is is_valid
    assert (
        open_store(tmp_path / "new", clock=clock).install_ca(v2g.root.certificate.to_pem(), DOMAIN).accepted is is_valid
    )


def test_one_request_may_be_open_per_slot(tmp_path: Path) -> None:
    """A slot is (use, common name, ISO edition)."""
    store = open_store(tmp_path)
    asked = [(V2G, EVSE), (V2G, "DE*CHP*E1234*2"), (CSMS, EVSE), (V2G, EVSE), (CSMS, EVSE)]
    made = [store.generate_certificate_signing_request(kind, "DE", "O", common).csr for kind, common in asked]
    assert len({one for one in made if one}) == len(store.open_requests()) == 3
    assert (made[3], made[4]) == (made[0], made[2])


def test_the_root_of_another_key_and_the_same_name_is_another_issuer(tmp_path: Path, v2g: Pki) -> None:
    namesake = Forged(root("V2G Root").certificate, v2g.root.key)
    store = open_store(tmp_path)
    bundle_file(store, DOMAIN, namesake.certificate)
    place(store, v2g, leaf(v2g))
    told = chains(store, CertificateType.V2G_CERTIFICATE_CHAIN)
    assert [len(entry.child_certificate_hash_data) for entry in told] == [1], "Sub1 has no issuer at hand"
    assert serial(v2g.sub1) not in listed(store)
