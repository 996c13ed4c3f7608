"""station-store.md section 1: every command with its arguments, its result and what is said of it there."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from certs import FROM, UNTIL, Pki, csms_pki, root, v2g_pki
from chainpilot.station import EvseSecurity
from chainpilot.station.model import (
    CaCertificateType,
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    CertificateType,
    CertificateValidationResult,
    DeleteCertificateResult,
    EncodingFormat,
    GetCertificateFullInfoResult,
    GetCertificateInfoResult,
    GetCertificateInfoStatus,
    GetCertificateSignRequestResult,
    GetInstalledCertificatesResult,
    GetInstalledCertificatesStatus,
    InstallCertificateResult,
    LeafCertificateType,
    OCSPRequestDataList,
)
from clocks import SetClock
from forge import Forged, forge
from stock import bundle_file, chains, descendants, info, leaf, listed, named, openssl, place, put, serial
from stores import EVSE, enrol, open_store, store_with

V2G = LeafCertificateType.V2G
CSMS = LeafCertificateType.CSMS
DOMAIN = CaCertificateType.V2G
INSTALLED, DELETED = CertificateStoreUpdateOperation.INSTALLED, CertificateStoreUpdateOperation.DELETED
URL = "http://ocsp.example/v2g"


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture
def store(tmp_path: Path, v2g: Pki) -> EvseSecurity:
    """A store with a root and a leaf in use."""
    made = store_with(tmp_path, (DOMAIN, v2g))
    place(made, v2g, leaf(v2g))
    return made


ARGUMENTS = {
    "install_ca_certificate": ["certificate", "certificate_type"],
    "delete_certificate": ["certificate_hash_data"],
    "update_leaf_certificate": ["certificate_chain", "certificate_type"],
    "verify_certificate": ["certificate_chain", "certificate_types"],
    "get_installed_certificates": ["certificate_types"],
    "get_v2g_ocsp_request_data": [],
    "get_mo_ocsp_request_data": ["certificate_chain"],
    "update_ocsp_cache": ["certificate_hash_data", "ocsp_response"],
    "is_ca_certificate_installed": ["certificate_type"],
    "generate_certificate_signing_request": ["certificate_type", "country", "organization", "common", "use_tpm"],
    "get_leaf_certificate_info": ["certificate_type", "encoding", "include_ocsp"],
    "get_all_valid_certificates_info": ["certificate_type", "encoding", "include_ocsp"],
    "get_verify_file": ["certificate_type"],
    "get_verify_location": ["certificate_type"],
    "get_leaf_expiry_days_count": ["certificate_type"],
    "verify_file_signature": ["file_path", "signing_certificate", "signature"],
}
"""The interface's commands with their arguments in order; what we add is keyword-only."""


@pytest.mark.parametrize("command", ARGUMENTS)
def test_a_command_takes_the_interface_s_arguments_in_its_order(command: str) -> None:
    parameters = list(inspect.signature(getattr(EvseSecurity, command)).parameters.values())[1:]
    positional = [one.name for one in parameters if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert positional == ARGUMENTS[command]
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in parameters[len(positional) :])


Ask = Callable[[EvseSecurity, Pki], Any]
RESULTS: dict[str, tuple[Ask, type]] = {
    "install_ca_certificate": (
        lambda store, v2g: store.install_ca_certificate(v2g.root.certificate.to_pem(), "V2G"),
        InstallCertificateResult,
    ),
    "delete_certificate": (
        lambda store, v2g: store.delete_certificate(named(v2g.root.certificate, v2g.root.certificate)),
        DeleteCertificateResult,
    ),
    "update_leaf_certificate": (
        lambda store, _: store.update_leaf_certificate(Path(info(store).certificate or "").read_text(), "V2G"),
        InstallCertificateResult,
    ),
    "verify_certificate": (
        lambda store, v2g: store.verify_certificate(v2g.stack(leaf(v2g).certificate), ["V2G"]),
        CertificateValidationResult,
    ),
    "get_installed_certificates": (
        lambda store, _: store.get_installed_certificates(["V2GRootCertificate"]),
        GetInstalledCertificatesResult,
    ),
    "get_v2g_ocsp_request_data": (lambda store, _: store.get_v2g_ocsp_request_data(), OCSPRequestDataList),
    "get_mo_ocsp_request_data": (
        lambda store, v2g: store.get_mo_ocsp_request_data(v2g.stack(leaf(v2g).certificate)),
        OCSPRequestDataList,
    ),
    "is_ca_certificate_installed": (lambda store, _: store.is_ca_certificate_installed("V2G"), bool),
    "generate_certificate_signing_request": (
        lambda store, _: store.generate_certificate_signing_request("V2G", "DE", "O", EVSE, False),
        GetCertificateSignRequestResult,
    ),
    "get_leaf_certificate_info": (
        lambda store, _: store.get_leaf_certificate_info("V2G", "PEM", True),
        GetCertificateInfoResult,
    ),
    "get_all_valid_certificates_info": (
        lambda store, _: store.get_all_valid_certificates_info("V2G", "PEM", True),
        GetCertificateFullInfoResult,
    ),
    "get_verify_file": (lambda store, _: store.get_verify_file("V2G"), str),
    "get_verify_location": (lambda store, _: store.get_verify_location("V2G"), str),
    "get_leaf_expiry_days_count": (lambda store, _: store.get_leaf_expiry_days_count("V2G"), int),
    "verify_file_signature": (
        lambda store, v2g: store.verify_file_signature("/nowhere", v2g.root.certificate.to_pem(), "AAAA"),
        bool,
    ),
}
GOOD = {"Accepted", "Valid", "True"}


@pytest.mark.parametrize("command", RESULTS)
def test_a_command_takes_the_wire_strings_and_answers_the_interface_s_type(
    store: EvseSecurity, v2g: Pki, command: str
) -> None:
    ask, kind = RESULTS[command]
    answer = ask(store, v2g)
    assert type(answer) is kind
    word = getattr(answer, "status", answer)
    assert kind in (str, int, OCSPRequestDataList) or str(getattr(word, "value", word)) in GOOD | {"False"}


class TestUpdates:
    """The variable certificate_store_update, published only after the files are final."""

    def watched(self, store: EvseSecurity) -> list[CertificateStoreUpdate]:
        seen: list[CertificateStoreUpdate] = []
        store.subscribe(seen.append)
        return seen

    @pytest.mark.parametrize("kind", CaCertificateType)
    def test_installing_and_deleting_a_ca_tells_its_domain(
        self, tmp_path: Path, v2g: Pki, kind: CaCertificateType
    ) -> None:
        store = open_store(tmp_path)
        seen = self.watched(store)
        one = v2g.root.certificate
        store.install_ca_certificate(one.to_pem(), kind)
        store.delete_certificate(named(one, one))
        assert seen == [CertificateStoreUpdate(word, ca_certificate_type=kind) for word in (INSTALLED, DELETED)]

    @pytest.mark.parametrize("kind", [V2G, CSMS])
    def test_installing_a_leaf_tells_its_domain(self, tmp_path: Path, v2g: Pki, kind: LeafCertificateType) -> None:
        store = store_with(tmp_path, (CaCertificateType(kind.value), v2g))
        seen = self.watched(store)
        enrol(store, v2g, kind)
        assert seen == [CertificateStoreUpdate(INSTALLED, leaf_certificate_type=kind)]

    def test_what_is_refused_or_was_there_already_tells_nobody(self, store: EvseSecurity, v2g: Pki) -> None:
        seen = self.watched(store)
        store.install_ca_certificate(v2g.root.certificate.to_pem(), DOMAIN)
        store.install_ca_certificate("rubbish", DOMAIN)
        store.update_leaf_certificate(Path(info(store).certificate or "").read_text(), V2G)
        store.update_leaf_certificate("rubbish", V2G)
        store.delete_certificate(named(v2g.sub1.certificate, v2g.root.certificate))
        assert seen == []

    def test_whoever_calls_straight_back_finds_what_was_told_of(self, tmp_path: Path, v2g: Pki) -> None:
        store = open_store(tmp_path, lock_timeout_seconds=0.1)
        seen: list[tuple[list[str], int]] = []
        store.subscribe(lambda _: seen.append((listed(store), store.get_leaf_expiry_days_count(V2G))))
        store.install_ca_certificate(v2g.root.certificate.to_pem(), DOMAIN)
        chain = enrol(store, v2g)
        assert [len(serials) for serials, _ in seen] == [1, 4]
        assert seen[1][0][1] == serial(chain)
        assert seen[1][1] > 0


class TestVerify:
    @pytest.mark.parametrize("types", [["V2G"], ["MO", "V2G"], ["V2G", "MO", "CSMS", "MF"], ("V2G", V2G), {V2G}])
    def test_it_judges_against_the_union_of_the_anchors_of_those_domains(
        self, store: EvseSecurity, v2g: Pki, types: Any
    ) -> None:
        chain = v2g.stack(leaf(v2g).certificate)
        assert store.verify_certificate(chain, types) is CertificateValidationResult.VALID
        assert store.verify_certificate(chain, ["MO", "CSMS"]) is CertificateValidationResult.ISSUER_NOT_FOUND

    def test_a_missing_issuer_is_told_apart_from_every_other_refusal(self, store: EvseSecurity, v2g: Pki) -> None:
        """It decides whether a contract chain is sent to the CSMS."""
        stranger, forger = v2g_pki(), Forged(v2g.issuing.certificate, leaf(v2g).key)
        missing = {
            "a root of a stranger": stranger.stack(leaf(stranger).certificate),
            "Sub2 is missing": leaf(v2g).certificate.to_pem(),
        }
        others = {
            "ended": v2g.stack(leaf(v2g, end=SetClock().now() - timedelta(seconds=1)).certificate),
            "not begun": v2g.stack(leaf(v2g, begin=SetClock().now() + timedelta(seconds=1)).certificate),
            "a CA": v2g.stack(forge("CA", v2g.issuing, ca=True, begin=FROM, end=UNTIL).certificate),
            "another's signature": v2g.stack(leaf(replace(v2g, issuing=forger), key_ids=False).certificate),
            "garbage": "garbage",
        }
        expected = CertificateValidationResult.ISSUER_NOT_FOUND
        assert {what: store.verify_certificate(chain, [V2G]) for what, chain in missing.items()} == dict.fromkeys(
            missing, expected
        )
        assert expected not in {store.verify_certificate(chain, [V2G]) for chain in others.values()}


class TestInstalled:
    def test_both_keys_are_always_present(self, tmp_path: Path) -> None:
        answer = open_store(tmp_path).get_installed_certificates(["V2GRootCertificate"])
        assert answer == GetInstalledCertificatesResult(GetInstalledCertificatesStatus.NOT_FOUND, ())

    @pytest.mark.parametrize("kind", CaCertificateType)
    def test_a_ca_is_installed_when_any_anchor_of_that_domain_is_valid(
        self, tmp_path: Path, kind: CaCertificateType
    ) -> None:
        clock = SetClock()
        store = open_store(tmp_path, clock=clock)
        ended = root("Ended", end=clock.now() - timedelta(seconds=1)).certificate
        later = root("Later", begin=clock.now() + timedelta(seconds=1)).certificate
        for held, expected in (
            ([], False),
            ([ended], False),
            ([later], False),
            ([ended, root("Now").certificate], True),
        ):
            bundle_file(store, kind, *held)
            assert store.is_ca_certificate_installed(kind) is expected


def with_urls(*urls: str) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    """An authority information access extension that names those responders."""
    access = [
        x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url)) for url in urls
    ]
    return ((x509.AuthorityInformationAccess(access), False),)


def pki_with_urls() -> Pki:
    above = root("V2G Root")
    sub1 = forge("CPO Sub1", above, ca=True, begin=FROM, end=UNTIL, extensions=with_urls(f"{URL}/1"))
    return Pki(above, sub1, forge("CPO Sub2", sub1, ca=True, begin=FROM, end=UNTIL, extensions=with_urls(f"{URL}/2")))


class TestOcspRequests:
    def asked(self, result: OCSPRequestDataList) -> list[tuple[str, str]]:
        return [(one.certificate_hash_data.serial_number, one.responder_url) for one in result.ocsp_request_data_list]

    def test_every_secc_leaf_and_its_sub_cas_are_asked_about_and_no_root(self, tmp_path: Path) -> None:
        pki = pki_with_urls()
        store = store_with(tmp_path, (DOMAIN, pki))
        for number in range(2):
            one = leaf(pki, f"DE*CHP*E1234*{number}", extensions=with_urls(URL))
            place(store, pki, one, name=f"LEAF_{number}")
        told = store.get_v2g_ocsp_request_data()
        assert len(told.ocsp_request_data_list) == 4, "two leaves, and each sub-CA once"
        assert not told.left_out
        subjects = {one.certificate_hash_data for one in told.ocsp_request_data_list}
        assert subjects >= set(descendants(pki))
        assert named(pki.root.certificate, pki.root.certificate) not in subjects
        assert {url for _, url in self.asked(told)} == {URL, f"{URL}/1", f"{URL}/2"}

    def test_hash_data_are_what_openssl_asks_with(self, tmp_path: Path) -> None:
        pki = pki_with_urls()
        store = store_with(tmp_path, (DOMAIN, pki))
        placed = place(store, pki, leaf(pki, extensions=with_urls(URL)))
        issuer = put(tmp_path / "issuer.pem", pki.issuing.certificate.to_pem())
        text = openssl("ocsp", "-sha256", "-issuer", issuer, "-cert", placed.single, "-req_text").lower()
        one = store.get_v2g_ocsp_request_data().ocsp_request_data_list[0].certificate_hash_data
        assert f"issuer name hash: {one.issuer_name_hash}" in text
        assert f"issuer key hash: {one.issuer_key_hash}" in text
        assert f"serial number: {one.serial_number.zfill(len(one.serial_number) + len(one.serial_number) % 2)}" in text

    @pytest.mark.parametrize(
        ("urls", "configured", "expected"),
        [
            ([URL], "", URL),
            ([URL, "http://second.example"], "", URL),
            ([], URL, URL),
            ([], "", None),
            (["ldap://directory.example/cn"], "", None),
            (["ldap://directory.example/cn", URL], "", URL),
            (["ldap://directory.example/cn"], URL, URL),
            ([""], "", None),
            (["http://" + "x" * 504], "", "http://" + "x" * 504),
            (["http://" + "x" * 505], "", "http://" + "x" * 505),
            (["http://" + "x" * 506], "", None),
            (["http://" + "x" * 506], URL, URL),
        ],
    )
    def test_the_responder_is_its_own_else_the_configured_one_else_the_entry_is_left_out_and_told_of(
        self, tmp_path: Path, urls: list[str], configured: str, expected: str | None
    ) -> None:
        """At most 512 characters; never ""; never two in one text."""
        pki = pki_with_urls()
        store = store_with(tmp_path, (DOMAIN, pki), default_ocsp_url=configured)
        one = leaf(pki, extensions=with_urls(*urls) if urls else ())
        place(store, pki, one)
        for told in (
            store.get_v2g_ocsp_request_data(),
            store.get_mo_ocsp_request_data(pki.stack(one.certificate)),
        ):
            found = dict(self.asked(told))
            assert found.get(serial(one)) == expected
            assert len(found) == 2 + (expected is not None)
            assert len(told.left_out) == (expected is None)
            assert all(0 < len(url) <= 512 for url in found.values())

    @pytest.mark.parametrize("kind", CaCertificateType)
    def test_a_contract_is_judged_against_v2g_and_mo_anchors(self, tmp_path: Path, kind: CaCertificateType) -> None:
        pki = pki_with_urls()
        store = store_with(tmp_path, (kind, pki))
        contract = leaf(pki, "DEABCC12345678", domain="MO", extensions=with_urls(URL))
        told = store.get_mo_ocsp_request_data(pki.stack(contract.certificate))
        if kind.value in ("V2G", "MO"):
            subjects = tuple(one.certificate_hash_data for one in told.ocsp_request_data_list)
            assert subjects == descendants(pki, contract.certificate)
        else:
            assert told.ocsp_request_data_list == ()
            assert told.left_out

    def test_a_contract_that_is_no_good_is_not_asked_about_and_why_is_told(self, tmp_path: Path) -> None:
        pki, clock = pki_with_urls(), SetClock()
        store = store_with(tmp_path, (CaCertificateType.MO, pki), clock=clock)
        for chain in (
            pki.stack(leaf(pki, end=clock.now() - timedelta(seconds=1)).certificate),
            leaf(pki).certificate.to_pem(),
            "rubbish",
        ):
            told = store.get_mo_ocsp_request_data(chain)
            assert (told.ocsp_request_data_list, len(told.left_out)) == ((), 1)


class TestLeafInfo:
    def test_the_info_has_its_key_its_count_and_its_files(self, store: EvseSecurity, v2g: Pki) -> None:
        told = info(store)
        assert told.certificate_count == 3
        assert told.certificate_root == v2g.root.certificate.to_pem()
        assert told.password is None
        assert told.ocsp is None
        assert [Path(path or "").name for path in (told.key, told.certificate, told.certificate_single)] == [
            "SECC_LEAF.key",
            "CPO_CERT_SECC_LEAF_CHAIN.pem",
            "SECC_LEAF.pem",
        ]

    @pytest.mark.parametrize("gone", ["chain", "single"])
    def test_one_file_of_the_two_is_enough(self, tmp_path: Path, v2g: Pki, gone: str) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g))
        placed = place(store, v2g, leaf(v2g))
        getattr(placed, gone).unlink()
        told = info(store)
        assert (told.certificate, told.certificate_single, told.certificate_count) == (
            (None, str(placed.single), 1) if gone == "chain" else (str(placed.chain), None, 3)
        )

    def test_ocsp_has_exactly_one_entry_a_certificate_of_the_chain_file_in_file_order(
        self, tmp_path: Path, v2g: Pki
    ) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g))
        one = leaf(v2g)
        placed = place(store, v2g, one)
        leaf_hash, sub2_hash, sub1_hash = descendants(v2g, one.certificate)
        orders = {
            (one, v2g.issuing, v2g.sub1): [leaf_hash, sub2_hash, sub1_hash],
            (one, v2g.sub1, v2g.issuing): [leaf_hash, sub1_hash, sub2_hash],
            (one, v2g.issuing, v2g.sub1, v2g.root): [
                leaf_hash,
                sub2_hash,
                sub1_hash,
                named(v2g.root.certificate, v2g.root.certificate),
            ],
        }
        for order, expected in orders.items():
            put(placed.chain, "".join(each.certificate.to_pem() for each in order))
            told = info(store, include_ocsp=True)
            assert told.ocsp is not None
            assert [entry.hash for entry in told.ocsp] == expected
            assert [entry.ocsp_path for entry in told.ocsp] == [None] * told.certificate_count


def test_csms_leaves_are_never_listed_and_secc_leaves_are(tmp_path: Path, v2g: Pki) -> None:
    csms = csms_pki()
    store = store_with(tmp_path, (DOMAIN, v2g), (CaCertificateType.CSMS, csms))
    enrol(store, csms, CSMS, "CS-001")
    chain = enrol(store, v2g)
    (entry,) = chains(store, CertificateType.V2G_CERTIFICATE_CHAIN)
    assert entry.certificate_hash_data.serial_number == serial(chain)


def test_every_leaf_info_of_a_root_is_in_the_full_result(store: EvseSecurity) -> None:
    result = store.get_all_valid_certificates_info(V2G, EncodingFormat.PEM, True)
    assert result.status is GetCertificateInfoStatus.ACCEPTED
    assert result.info == (info(store, include_ocsp=True),)
