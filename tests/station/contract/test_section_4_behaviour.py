"""station-store.md section 4, sentence by sentence: what each command answers."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from certs import FROM, UNTIL, Pki, csms_pki, issue, root, stack, v2g_pki
from chainpilot.pki.keys import KeySpec, PrivateKey, PublicKey
from chainpilot.station import EvseSecurity
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    CertificateValidationResult,
    DeleteCertificateResult,
    EncodingFormat,
    GetCertificateInfoStatus,
    GetCertificateSignRequestStatus,
    GetInstalledCertificatesResult,
    GetInstalledCertificatesStatus,
    InstallCertificateResult,
    LeafCertificateType,
)
from chainpilot.station.providers import FileKeys, KeyMakingError, MadeKey
from clocks import SetClock
from forge import Forged, forge
from stock import bundle_file, chains, descendants, info, leaf, listed, named, place, put, serial
from stores import EVSE, StoppingFiles, assert_store_unchanged, enrol, open_store, store_with

V2G, CSMS, MO, MF = (LeafCertificateType[name] for name in ("V2G", "CSMS", "MO", "MF"))
DOMAIN = CaCertificateType.V2G
INSTALL = InstallCertificateResult
VALIDATION = CertificateValidationResult
DELETE = DeleteCertificateResult
INFO = GetCertificateInfoStatus
CSR = GetCertificateSignRequestStatus
SECOND = timedelta(seconds=1)
NOW = SetClock().now()
ENDED: dict[str, Any] = {"begin": FROM, "end": NOW - SECOND}
FUTURE: dict[str, Any] = {"begin": NOW + SECOND, "end": UNTIL}


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture
def store(tmp_path: Path, v2g: Pki) -> EvseSecurity:
    """A store with the V2G root."""
    return store_with(tmp_path, (DOMAIN, v2g))


def requested(store: EvseSecurity, kind: LeafCertificateType = V2G, common: str = EVSE) -> str:
    made = store.generate_certificate_signing_request(kind, "DE", "Operator", common)
    assert made.csr is not None, made.reason
    return made.csr


class TestInstallCaCertificate:
    @pytest.mark.parametrize("full", [{"max_certificates": 1}, {"max_bytes": 1}], ids=["certificates", "bytes"])
    def test_store_full(self, tmp_path: Path, v2g: Pki, full: dict[str, Any]) -> None:
        store_with(tmp_path, (DOMAIN, v2g))
        with assert_store_unchanged(tmp_path):
            result = open_store(tmp_path, **full).install_ca_certificate(root("Second").certificate.to_pem(), DOMAIN)
        assert result is INSTALL.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED

    @pytest.mark.parametrize("count", [0, 2, 3])
    def test_not_exactly_one_certificate(self, store: EvseSecurity, count: int) -> None:
        text = stack(*(root(f"Root {number}").certificate for number in range(count)))
        assert store.install_ca_certificate(text, DOMAIN) is INSTALL.INVALID_FORMAT

    @pytest.mark.parametrize("times", [ENDED, FUTURE], ids=["expired", "not yet valid"])
    def test_expired_or_not_yet_valid(self, store: EvseSecurity, times: dict[str, Any]) -> None:
        assert store.install_ca_certificate(root("Root", **times).certificate.to_pem(), DOMAIN) is INSTALL.EXPIRED

    @pytest.mark.parametrize("bundle", ["ca/v2g/V2G_ROOT_CA.pem", "ca/v2g"], ids=["file", "directory"])
    @pytest.mark.parametrize("form", ["pem", "hex", "crlf"])
    def test_already_there(self, tmp_path: Path, v2g: Pki, bundle: str, form: str) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g), v2g_ca_bundle=bundle)
        pem = v2g.root.certificate.to_pem()
        text = {"pem": pem, "hex": v2g.root.certificate.der.hex(), "crlf": pem.replace("\n", "\r\n")}[form]
        with assert_store_unchanged(tmp_path):
            assert store.install_ca_certificate(text, DOMAIN) is INSTALL.ACCEPTED
        assert listed(store) == [serial(v2g.root)]

    def test_write_failure(self, tmp_path: Path, v2g: Pki) -> None:
        store_with(tmp_path, (DOMAIN, v2g))
        with assert_store_unchanged(tmp_path):
            broken = open_store(tmp_path, files=StoppingFiles(1, recovers=True))
            result = broken.install_ca_certificate(root("Second").certificate.to_pem(), DOMAIN)
        assert result is INSTALL.WRITE_ERROR


class TestDeleteCertificate:
    def test_a_ca_goes_with_its_descendants_in_every_domain_that_holds_it(self, store: EvseSecurity, v2g: Pki) -> None:
        for kind in CaCertificateType:
            for one in (v2g.root, v2g.sub1, v2g.issuing):
                assert store.install_ca(one.certificate.to_pem(), kind).accepted
        other = root("Other").certificate
        assert store.install_ca(other.to_pem(), DOMAIN).accepted
        assert store.delete_certificate(named(v2g.root.certificate, v2g.root.certificate)) is DELETE.ACCEPTED
        assert listed(store) == [serial(other)]

    def test_leaves_under_a_deleted_root_stay(self, store: EvseSecurity, v2g: Pki) -> None:
        placed = place(store, v2g, leaf(v2g))
        assert store.delete_certificate(named(v2g.root.certificate, v2g.root.certificate)) is DELETE.ACCEPTED
        assert info(store).key == str(placed.key)

    def test_of_a_secc_leaf_chain_single_key_and_ocsp_go(self, store: EvseSecurity, v2g: Pki, tmp_path: Path) -> None:
        one = leaf(v2g)
        place(store, v2g, one)
        data = named(one.certificate, v2g.issuing.certificate)
        lines = (data.hash_algorithm.value, data.issuer_name_hash, data.issuer_key_hash, data.serial_number)
        put(tmp_path / "client/cso/ocsp/1_ocsp.hash", "\n".join(lines))
        put(tmp_path / "client/cso/ocsp/1_ocsp.der", b"an answer, right or wrong")
        assert store.delete_certificate(data) is DELETE.ACCEPTED
        assert [path for path in (tmp_path / "client").rglob("*") if path.is_file()] == []

    def test_a_csms_leaf_is_failed(self, tmp_path: Path) -> None:
        csms = csms_pki()
        store = store_with(tmp_path, (CaCertificateType.CSMS, csms))
        one = leaf(csms, "CS-001")
        place(store, csms, one, kind=CSMS)
        with assert_store_unchanged(tmp_path):
            assert store.delete_certificate(named(one.certificate, csms.issuing.certificate)) is DELETE.FAILED

    def test_none_found(self, store: EvseSecurity, v2g: Pki, tmp_path: Path) -> None:
        with assert_store_unchanged(tmp_path):
            result = store.delete_certificate(named(v2g.sub1.certificate, v2g.root.certificate))
        assert result is DELETE.NOT_FOUND

    def test_an_emptied_bundle_file_stays_with_no_bytes(self, store: EvseSecurity, v2g: Pki, tmp_path: Path) -> None:
        store.delete_certificate(named(v2g.root.certificate, v2g.root.certificate))
        assert (tmp_path / "ca/v2g/V2G_ROOT_CA.pem").read_bytes() == b""


def other_signature(v2g: Pki) -> str:
    """A leaf that names Sub2 as its issuer and was signed by somebody else."""
    return v2g.stack(
        forge(EVSE, Forged(v2g.issuing.certificate, leaf(v2g).key), begin=FROM, end=UNTIL, key_ids=False).certificate
    )


def other_sub_signature(v2g: Pki) -> str:
    """A Sub2 that names Sub1 as its issuer and was signed by somebody else, and a leaf of it."""
    false = forge(
        "CPO Sub2", Forged(v2g.sub1.certificate, leaf(v2g).key), ca=True, begin=FROM, end=UNTIL, key_ids=False
    )
    one = forge(EVSE, false, begin=FROM, end=UNTIL, key_ids=False)
    return stack(one.certificate, false.certificate, v2g.sub1.certificate)


def with_sub2(v2g: Pki, **changes: Any) -> str:
    arguments: dict[str, Any] = {"ca": True, "begin": FROM, "end": UNTIL}
    sub2 = forge("CPO Sub2", v2g.sub1, **(arguments | changes))
    return stack(forge(EVSE, sub2, begin=FROM, end=UNTIL).certificate, sub2.certificate, v2g.sub1.certificate)


def tower(v2g: Pki) -> str:
    cas = [v2g.root]
    for number in range(11):
        cas.append(forge(f"CA {number}", cas[-1], ca=True, begin=FROM, end=UNTIL))
    return stack(
        forge(EVSE, cas[-1], begin=FROM, end=UNTIL).certificate, *(one.certificate for one in reversed(cas[1:]))
    )


CRITICAL = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"), True)
Offer = Callable[[Pki], str]
VERDICTS: dict[str, tuple[Offer, CertificateValidationResult, InstallCertificateResult]] = {
    "good": (lambda v2g: v2g.stack(leaf(v2g).certificate), VALIDATION.VALID, INSTALL.WRITE_ERROR),
    "expired": (lambda v2g: v2g.stack(leaf(v2g, **ENDED).certificate), VALIDATION.EXPIRED, INSTALL.EXPIRED),
    "expired Sub2": (lambda v2g: with_sub2(v2g, **ENDED), VALIDATION.EXPIRED, INSTALL.EXPIRED),
    "signature failure of the leaf": (other_signature, VALIDATION.INVALID_SIGNATURE, INSTALL.INVALID_SIGNATURE),
    "signature failure of Sub2": (other_sub_signature, VALIDATION.INVALID_SIGNATURE, INSTALL.INVALID_SIGNATURE),
    "no issuer": (
        lambda v2g: leaf(v2g).certificate.to_pem(),
        VALIDATION.ISSUER_NOT_FOUND,
        INSTALL.NO_ROOT_CERTIFICATE_INSTALLED,
    ),
    "a self-signed leaf": (
        lambda _: forge(EVSE, begin=FROM, end=UNTIL).certificate.to_pem(),
        VALIDATION.ISSUER_NOT_FOUND,
        INSTALL.NO_ROOT_CERTIFICATE_INSTALLED,
    ),
    "chain too long": (tower, VALIDATION.INVALID_CHAIN, INSTALL.INVALID_CERTIFICATE_CHAIN),
    "CA:false in Sub2": (
        lambda v2g: with_sub2(v2g, ca=False, explicit_ca_false=True),
        VALIDATION.INVALID_CHAIN,
        INSTALL.INVALID_CERTIFICATE_CHAIN,
    ),
    "a critical unknown extension": (
        lambda v2g: with_sub2(v2g, extensions=(CRITICAL,)),
        VALIDATION.INVALID_CHAIN,
        INSTALL.INVALID_CERTIFICATE_CHAIN,
    ),
    "the leaf is not first": (
        lambda v2g: stack(v2g.issuing.certificate, v2g.sub1.certificate, leaf(v2g).certificate),
        VALIDATION.INVALID_CHAIN,
        INSTALL.INVALID_CERTIFICATE_CHAIN,
    ),
    "anything else": (
        lambda v2g: with_sub2(v2g, begin=NOW + SECOND),
        VALIDATION.UNKNOWN,
        INSTALL.INVALID_FORMAT,
    ),
}
"""Chains with verify_certificate's word and update_leaf_certificate's (of a leaf without a key here)."""


class TestVerifyCertificate:
    @pytest.mark.parametrize("text", ["", "rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
    @pytest.mark.parametrize("has_root", [True, False])
    def test_no_certificate_or_unparsable(self, tmp_path: Path, v2g: Pki, text: str, *, has_root: bool) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g)) if has_root else open_store(tmp_path)
        assert store.verify_certificate(text, [V2G]) is VALIDATION.UNKNOWN

    @pytest.mark.parametrize("kinds", [[], [MO], [MO, CSMS, MF]], ids=["no domain", "one without", "three without"])
    def test_no_usable_anchor_in_any_named_domain_or_no_domain_named(
        self, store: EvseSecurity, v2g: Pki, kinds: list[LeafCertificateType]
    ) -> None:
        assert store.verify_certificate(v2g.stack(leaf(v2g).certificate), kinds) is VALIDATION.ISSUER_NOT_FOUND

    @pytest.mark.parametrize("case", VERDICTS)
    def test_the_outcome_has_its_word(self, store: EvseSecurity, v2g: Pki, case: str) -> None:
        offer, expected, _ = VERDICTS[case]
        outcome = store.validate(offer(v2g), [V2G])
        assert outcome.result is expected
        assert bool(outcome.reason) is (expected is not VALIDATION.VALID)

    def test_sub_cas_kept_in_the_bundle_complete_a_leaf_only_input(self, store: EvseSecurity, v2g: Pki) -> None:
        alone = leaf(v2g).certificate.to_pem()
        results = []
        for sub_ca in (v2g.sub1, v2g.issuing):
            results.append(store.verify_certificate(alone, [V2G]))
            assert store.install_ca(sub_ca.certificate.to_pem(), DOMAIN).accepted
        assert [*results, store.verify_certificate(alone, [V2G])] == [
            VALIDATION.ISSUER_NOT_FOUND,
            VALIDATION.ISSUER_NOT_FOUND,
            VALIDATION.VALID,
        ]

    @pytest.mark.parametrize("position", [1, 2, 3])
    def test_a_root_sent_along_is_harmless(self, store: EvseSecurity, v2g: Pki, position: int) -> None:
        sent = [leaf(v2g).certificate, v2g.issuing.certificate, v2g.sub1.certificate]
        for one, expected in ((v2g.root, VALIDATION.VALID), (root("V2G Root"), VALIDATION.VALID)):
            text = stack(*sent[:position], one.certificate, *sent[position:])
            assert store.verify_certificate(text, [V2G]) is expected

    def test_a_root_sent_along_is_trusted_by_nobody(self, tmp_path: Path, v2g: Pki) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g_pki()))
        text = v2g.stack(leaf(v2g).certificate) + v2g.root.certificate.to_pem()
        assert store.verify_certificate(text, [V2G]) is VALIDATION.ISSUER_NOT_FOUND


class TestUpdateLeafCertificate:
    @pytest.mark.parametrize("full", [{"max_certificates": 1}, {"max_bytes": 1}], ids=["certificates", "bytes"])
    def test_store_full(self, store: EvseSecurity, v2g: Pki, tmp_path: Path, full: dict[str, Any]) -> None:
        chain = v2g.enrol(requested(store))
        with assert_store_unchanged(tmp_path):
            result = open_store(tmp_path, **full).update_leaf_certificate(chain, V2G)
        assert result is INSTALL.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED

    @pytest.mark.parametrize("kind", [MO, MF])
    def test_type_not_csms_or_v2g(self, store: EvseSecurity, v2g: Pki, kind: LeafCertificateType) -> None:
        assert store.update_leaf_certificate(v2g.enrol(requested(store)), kind) is INSTALL.WRITE_ERROR

    def test_no_certificate(self, store: EvseSecurity) -> None:
        assert store.update_leaf_certificate("", V2G) is INSTALL.INVALID_FORMAT

    @pytest.mark.parametrize("case", VERDICTS)
    def test_verify_is_mapped(self, store: EvseSecurity, v2g: Pki, tmp_path: Path, case: str) -> None:
        offer, _, expected = VERDICTS[case]
        text = offer(v2g)
        with assert_store_unchanged(tmp_path):
            assert store.update_leaf_certificate(text, V2G) is expected

    def test_no_private_key(self, store: EvseSecurity, v2g: Pki) -> None:
        chain = v2g.stack(leaf(v2g).certificate)
        assert store.update_leaf_certificate(chain, V2G) is INSTALL.WRITE_ERROR

    def test_a_leaf_valid_only_in_the_future_is_accepted_and_becomes_active_then(
        self, tmp_path: Path, v2g: Pki
    ) -> None:
        clock = SetClock()
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
        begin = clock.now() + timedelta(days=10)
        assert store.update_leaf(v2g.enrol(requested(store), begin=begin), V2G).accepted
        assert store.get_leaf_certificate_info(V2G).status is INFO.NOT_FOUND_VALID
        clock.set(begin - SECOND)
        assert store.get_leaf_certificate_info(V2G).status is INFO.NOT_FOUND_VALID
        clock.set(begin)
        assert store.get_leaf_certificate_info(V2G).status is INFO.ACCEPTED

    def test_a_future_leaf_is_judged_at_its_not_before_with_all_that_is_above_it(self, tmp_path: Path) -> None:
        begin = NOW + timedelta(days=10)
        for end, expected in ((begin, INSTALL.ACCEPTED), (begin - SECOND, INSTALL.EXPIRED)):
            pki = v2g_pki()
            sub2 = forge("CPO Sub2", pki.sub1, ca=True, begin=FROM, end=end)
            store = store_with(tmp_path / str(end.second), (DOMAIN, pki))
            text = Pki(pki.root, pki.sub1, sub2).enrol(requested(store), begin=begin)
            assert store.update_leaf_certificate(text, V2G) is expected


class TestGetInstalledCertificates:
    def test_per_ca_type_in_the_order_asked(self, tmp_path: Path) -> None:
        pkis = {kind: v2g_pki() for kind in CaCertificateType}
        store = store_with(tmp_path, *pkis.items())
        enrol(store, pkis[DOMAIN])
        kinds = [
            CertificateType.MF_ROOT_CERTIFICATE,
            CertificateType.V2G_CERTIFICATE_CHAIN,
            CertificateType.V2G_ROOT_CERTIFICATE,
            CertificateType.CSMS_ROOT_CERTIFICATE,
            CertificateType.MO_ROOT_CERTIFICATE,
        ]
        for order in (kinds, kinds[::-1], kinds[2:]):
            assert [entry.certificate_type for entry in chains(store, *order)] == order

    def test_one_entry_per_root_with_its_descendants_in_the_bundle_as_children(
        self, store: EvseSecurity, v2g: Pki
    ) -> None:
        other = v2g_pki()
        for one in (v2g.sub1, other.root, v2g.issuing):
            assert store.install_ca(one.certificate.to_pem(), DOMAIN).accepted
        told = chains(store, CertificateType.V2G_ROOT_CERTIFICATE)
        assert [entry.certificate_hash_data for entry in told] == [
            named(pki.root.certificate, pki.root.certificate) for pki in (v2g, other)
        ]
        assert [set(entry.child_certificate_hash_data) for entry in told] == [set(descendants(v2g)), set()]

    def test_v2g_certificate_chain_is_per_valid_secc_leaf_with_a_key_and_without_the_root(
        self, store: EvseSecurity, v2g: Pki
    ) -> None:
        good = leaf(v2g)
        place(store, v2g, good, name="GOOD")
        place(store, v2g, leaf(v2g, **ENDED), name="ENDED")
        place(store, v2g, leaf(v2g, **FUTURE), name="FUTURE")
        place(store, v2g, leaf(v2g), name="KEYLESS").key.unlink()
        (entry,) = chains(store, CertificateType.V2G_CERTIFICATE_CHAIN)
        told = (entry.certificate_hash_data, *entry.child_certificate_hash_data)
        assert told == descendants(v2g, good.certificate), "leaf, Sub2, Sub1"

    @pytest.mark.parametrize("kinds", [[], list(CertificateType)], ids=["no type", "every type"])
    def test_nothing(self, tmp_path: Path, kinds: list[CertificateType]) -> None:
        answer = open_store(tmp_path).get_installed_certificates(kinds)
        assert answer == GetInstalledCertificatesResult(GetInstalledCertificatesStatus.NOT_FOUND, ())


class BrokenHardware:
    """A provider of hardware that makes no key now."""

    suffix = ".tkey"
    is_self_contained = True

    def make(self, spec: KeySpec, label: str) -> MadeKey:
        raise KeyMakingError(f"no {spec.value} key for {label}: the token was pulled")

    def recognises(self, data: bytes) -> bool:
        return False

    def public_half(self, data: bytes) -> PublicKey:
        return FileKeys().public_half(data)

    def signer(self, data: bytes) -> PrivateKey:
        return FileKeys().signer(data)

    def destroy(self, data: bytes) -> None:
        return

    def strays(self, kept: Iterable[bytes]) -> tuple[bytes, ...]:
        return ()


class TestGenerateCertificateSigningRequest:
    @pytest.mark.parametrize("kind", [MO, MF])
    def test_type_not_csms_or_v2g(self, store: EvseSecurity, kind: LeafCertificateType) -> None:
        result = store.generate_certificate_signing_request(kind, "DE", "Operator", EVSE)
        assert result.status is CSR.INVALID_REQUESTED_TYPE

    def test_use_tpm_without_a_configured_hardware_provider(self, store: EvseSecurity, tmp_path: Path) -> None:
        with assert_store_unchanged(tmp_path):
            result = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE, True)
        assert (result.status, result.csr) == (CSR.KEY_GEN_ERROR, None)

    @pytest.mark.parametrize("kind", [V2G, CSMS])
    def test_subject_and_extensions(self, store: EvseSecurity, kind: LeafCertificateType) -> None:
        request = x509.load_pem_x509_csr(requested(store, kind).encode())
        assert [(attribute.oid, attribute.value) for attribute in request.subject] == [
            (NameOID.COUNTRY_NAME, "DE"),
            (NameOID.ORGANIZATION_NAME, "Operator"),
            (NameOID.COMMON_NAME, EVSE),
            (NameOID.DOMAIN_COMPONENT, "CPO"),
        ]
        constraints = request.extensions.get_extension_for_class(x509.BasicConstraints)
        assert (constraints.critical, constraints.value.ca) == (True, False)
        usage = request.extensions.get_extension_for_class(x509.KeyUsage).value
        assert (usage.digital_signature, usage.key_agreement, usage.key_cert_sign) == (True, True, False)
        assert request.is_signature_valid

    def test_key_failure(self, tmp_path: Path) -> None:
        store = open_store(tmp_path, hardware_keys=(BrokenHardware(),))
        result = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE, True)
        assert (result.status, result.csr) == (CSR.KEY_GEN_ERROR, None)
        assert "the token was pulled" in (result.reason or "")
        assert not (tmp_path / "client").exists()

    @pytest.mark.parametrize(
        ("country", "organization", "common"),
        [("Germany", "Operator", EVSE), ("DE", "", EVSE), ("DE", "Operator", ""), ("DE", "Operator", "x" * 65)],
    )
    def test_any_other_failure(self, store: EvseSecurity, country: str, organization: str, common: str) -> None:
        result = store.generate_certificate_signing_request(V2G, country, organization, common)
        assert (result.status, bool(result.reason)) == (CSR.GENERATION_ERROR, True)

    def test_a_disk_that_fails(self, tmp_path: Path) -> None:
        store = open_store(tmp_path, files=StoppingFiles(3, recovers=True))
        result = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE)
        assert (result.status, result.csr) == (CSR.GENERATION_ERROR, None)

    def test_orphan_keys_of_unanswered_requests_are_collected_after_the_lifetime(self, tmp_path: Path) -> None:
        """Whose record is gone; an open request keeps its key (row 4)."""
        clock = SetClock()
        store = open_store(tmp_path, clock=clock)
        requested(store)
        (key,) = (tmp_path / "client/cso").iterdir()
        next((tmp_path / ".chainpilot/pending").iterdir()).unlink()
        clock.set(clock.now().fromtimestamp(key.stat().st_ctime, clock.now().tzinfo) + timedelta(seconds=3599))
        store.run_housekeeping()
        assert key.exists()
        clock.advance(1)
        store.run_housekeeping()
        assert not key.exists()


class TestGetLeafCertificateInfo:
    @pytest.mark.parametrize("kind", [MO, MF])
    def test_mo_and_mf(self, store: EvseSecurity, kind: LeafCertificateType) -> None:
        assert store.get_leaf_certificate_info(kind).status is INFO.REJECTED

    @pytest.mark.parametrize("kind", [V2G, CSMS])
    def test_none(self, store: EvseSecurity, kind: LeafCertificateType) -> None:
        assert store.get_leaf_certificate_info(kind).status is INFO.NOT_FOUND

    @pytest.mark.parametrize("times", [ENDED, FUTURE], ids=["ended", "of the future"])
    def test_none_valid_now(self, store: EvseSecurity, v2g: Pki, times: dict[str, Any]) -> None:
        place(store, v2g, leaf(v2g, **times))
        assert store.get_leaf_certificate_info(V2G).status is INFO.NOT_FOUND_VALID

    def test_valid_but_keyless(self, store: EvseSecurity, v2g: Pki) -> None:
        place(store, v2g, leaf(v2g)).key.unlink()
        assert store.get_leaf_certificate_info(V2G).status is INFO.PRIVATE_KEY_NOT_FOUND

    @pytest.mark.parametrize("password", ["", "another"])
    def test_a_key_not_readable_with_the_password(self, tmp_path: Path, v2g: Pki, password: str) -> None:
        enrol(store_with(tmp_path, (DOMAIN, v2g), private_key_password="right"), v2g)
        store = open_store(tmp_path, private_key_password=password)
        assert store.get_leaf_certificate_info(V2G).status is INFO.PRIVATE_KEY_NOT_FOUND

    def test_certificate_is_the_chain_file_and_certificate_single_the_leaf_only_file(
        self, store: EvseSecurity, v2g: Pki
    ) -> None:
        placed = place(store, v2g, leaf(v2g))
        told = info(store)
        assert (told.certificate, told.certificate_single) == (str(placed.chain), str(placed.single))


Ask = Callable[[EvseSecurity, Pki], object]
WRONG: dict[str, tuple[Ask, object]] = {
    "install": (
        lambda store, v2g: store.install_ca_certificate(v2g.root.certificate.to_pem(), "?"),
        INSTALL.WRITE_ERROR,
    ),
    "update": (
        lambda store, v2g: store.update_leaf_certificate(v2g.stack(leaf(v2g).certificate), "?"),
        INSTALL.WRITE_ERROR,
    ),
    "delete": (lambda store, v2g: store.delete_certificate(unknown_algorithm(v2g)), DELETE.FAILED),
    "verify": (
        lambda store, v2g: store.verify_certificate(v2g.stack(leaf(v2g).certificate), ["V2G", "?"]),
        VALIDATION.UNKNOWN,
    ),
    "CSR": (
        lambda store, _: store.generate_certificate_signing_request("?", "DE", "Operator", EVSE).status,
        CSR.GENERATION_ERROR,
    ),
    "leaf info": (lambda store, _: store.get_leaf_certificate_info("?").status, INFO.REJECTED),
    "leaf info's encoding": (lambda store, _: store.get_leaf_certificate_info(V2G, "?").status, INFO.REJECTED),
    "all valid infos": (lambda store, _: store.get_all_valid_certificates_info("?").status, INFO.REJECTED),
    "installed": (
        lambda store, _: store.get_installed_certificates(["V2GRootCertificate", "?"]),
        GetInstalledCertificatesResult(GetInstalledCertificatesStatus.NOT_FOUND, ()),
    ),
    "verify file": (lambda store, _: store.get_verify_file("?"), ""),
    "verify location": (lambda store, _: store.get_verify_location("?"), ""),
    "days": (lambda store, _: store.get_leaf_expiry_days_count("?"), 0),
    "is installed": (lambda store, _: store.is_ca_certificate_installed("?"), False),
}


def unknown_algorithm(v2g: Pki) -> Any:
    data = named(v2g.root.certificate, v2g.root.certificate)
    return type(data)("MD5", data.issuer_name_hash, data.issuer_key_hash, data.serial_number)  # type: ignore[arg-type]  # - wrong on purpose


@pytest.mark.parametrize("command", WRONG)
def test_an_enumeration_the_caller_got_wrong_is_answered(
    store: EvseSecurity, v2g: Pki, tmp_path: Path, command: str
) -> None:
    place(store, v2g, leaf(v2g))
    ask, expected = WRONG[command]
    with assert_store_unchanged(tmp_path):
        assert ask(store, v2g) == expected


BUSY: dict[str, tuple[Ask, object]] = {
    "install": (
        lambda store, _: store.install_ca_certificate(root("R").certificate.to_pem(), "V2G"),
        INSTALL.WRITE_ERROR,
    ),
    "update": (
        lambda store, v2g: store.update_leaf_certificate(v2g.stack(leaf(v2g).certificate), "V2G"),
        INSTALL.WRITE_ERROR,
    ),
    "delete": (
        lambda store, v2g: store.delete_certificate(named(v2g.root.certificate, v2g.root.certificate)),
        DELETE.FAILED,
    ),
    "verify": (
        lambda store, v2g: store.verify_certificate(v2g.stack(leaf(v2g).certificate), ["V2G"]),
        VALIDATION.UNKNOWN,
    ),
    "CSR": (
        lambda store, _: store.generate_certificate_signing_request("V2G", "DE", "Operator", EVSE).status,
        CSR.GENERATION_ERROR,
    ),
    "leaf info": (lambda store, _: store.get_leaf_certificate_info("V2G").status, INFO.NOT_FOUND),
    "all valid infos": (lambda store, _: store.get_all_valid_certificates_info("V2G").status, INFO.NOT_FOUND),
    "installed": (
        lambda store, _: store.get_installed_certificates(["V2GRootCertificate"]),
        GetInstalledCertificatesResult(GetInstalledCertificatesStatus.NOT_FOUND, ()),
    ),
    "OCSP requests": (lambda store, _: store.get_v2g_ocsp_request_data().ocsp_request_data_list, ()),
    "OCSP requests of a contract": (
        lambda store, v2g: store.get_mo_ocsp_request_data(v2g.stack(leaf(v2g).certificate)).ocsp_request_data_list,
        (),
    ),
    "OCSP answer": (
        lambda store, v2g: store.cache_ocsp(named(v2g.sub1.certificate, v2g.root.certificate), "AAAA").accepted,
        False,
    ),
    "verify file": (lambda store, _: store.get_verify_file("V2G"), ""),
    "verify location": (lambda store, _: store.get_verify_location("V2G"), ""),
    "days": (lambda store, _: store.get_leaf_expiry_days_count("V2G"), 0),
    "is installed": (lambda store, _: store.is_ca_certificate_installed("V2G"), False),
    "open requests": (lambda store, _: store.open_requests(), ()),
    "housekeeping": (lambda store, _: store.run_housekeeping().is_empty, True),
}
"""What every command answers while another process holds the store's lock for longer than anybody waits."""


@pytest.mark.parametrize("command", BUSY)
def test_a_store_that_stays_locked_answers_every_command(tmp_path: Path, v2g: Pki, command: str) -> None:
    """Never leave a command unanswered."""
    holder = store_with(tmp_path, (DOMAIN, v2g))
    place(holder, v2g, leaf(v2g))
    waiting = open_store(tmp_path, clock=PassingClock(), lock_timeout_seconds=1)
    ask, expected = BUSY[command]
    with holder._vault.change():
        assert ask(waiting, v2g) == expected


class PassingClock(SetClock):
    """A second passes every time somebody asks for the monotonic time."""

    def monotonic(self) -> float:
        now = super().monotonic()
        super().advance(1)
        return now


def test_no_answer_comes_from_a_stale_cache(store: EvseSecurity, v2g: Pki, tmp_path: Path) -> None:
    """test_files_changed.py tries every command with every manipulation."""
    placed = place(store, v2g, leaf(v2g))
    assert store.get_leaf_certificate_info(V2G, EncodingFormat.PEM).status is INFO.ACCEPTED
    held = placed.key.read_bytes()
    placed.key.unlink()
    assert store.get_leaf_certificate_info(V2G).status is INFO.PRIVATE_KEY_NOT_FOUND
    placed.key.write_bytes(held)
    assert store.get_leaf_certificate_info(V2G).status is INFO.ACCEPTED
    bundle_file(store, DOMAIN)
    assert not store.is_ca_certificate_installed(DOMAIN)


def test_a_deleted_root_leaves_its_leaf_listed_as_long_as_its_issuer_is_at_hand(tmp_path: Path, v2g: Pki) -> None:
    store = open_store(tmp_path)
    one = leaf(v2g)
    placed = place(store, v2g, one)
    (entry,) = chains(store)
    assert entry.certificate_hash_data == named(one.certificate, v2g.issuing.certificate)
    put(placed.chain, one.certificate.to_pem())
    assert chains(store) == ()


def test_a_leaf_that_was_requested_is_issued_and_installed(store: EvseSecurity, v2g: Pki) -> None:
    """The table above refuses every chain; this is what it takes to be accepted."""
    text = v2g.stack(issue(v2g.issuing, requested(store)))
    assert store.update_leaf_certificate(text, V2G) is INSTALL.ACCEPTED
