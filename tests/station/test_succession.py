"""AdditionalRootCertificateCheck: a CSMS root takes over from another (OCPP M05.FR.10 to 14; in 1.6 M05.08 to 13)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from certs import FROM, UNTIL, Pki, csms_pki, root, stack, v2g_pki
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.hashdata import HashAlgorithm
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.checkup import Severity
from chainpilot.station.layout import Layout, Parity, StoreConfigError
from chainpilot.station.model import (
    CaCertificateType,
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    CertificateType,
    CertificateValidationResult,
    DeleteCertificateResult,
    InstallCertificateResult,
    LeafCertificateType,
)
from clocks import SetClock
from forge import Forged, forge
from stock import bundle_file, chains, info, leaf, listed, named, openssl_takes, place, put, serial
from stores import StoppingFiles, assert_store_unchanged, enrol, leaf_files, open_store, tree

CSMS = CaCertificateType.CSMS
CLIENT = LeafCertificateType.CSMS
ROOTS = CertificateType.CSMS_ROOT_CERTIFICATE
RESULT = InstallCertificateResult
REFUSED = RESULT.INVALID_CERTIFICATE_CHAIN
DELETED = CertificateStoreUpdate(CertificateStoreUpdateOperation.DELETED, ca_certificate_type=CSMS)
BUNDLES = pytest.mark.parametrize("bundle", ["ca/csms/CSMS_ROOT_CA.pem", "ca/csms"], ids=["file", "directory"])
NOTED = ".chainpilot/csms_roots.pem"
GONE = DeleteCertificateResult.ACCEPTED


@pytest.fixture(scope="module")
def old() -> Pki:
    return csms_pki()


@pytest.fixture(scope="module")
def new(old: Pki) -> Pki:
    return successor(old)


def successor(old: Pki, name: str = "New CSMS Root", **changes: Any) -> Pki:
    """A PKI whose root the old one's root signed."""
    arguments: dict[str, Any] = {"ca": True, "begin": FROM, "end": UNTIL}
    top = forge(name, old.root, **(arguments | changes))
    middle = forge(f"{name} Sub1", top, **arguments)
    return Pki(top, middle, forge(f"{name} Issuing", middle, **arguments))


def checking(directory: Path, **settings: Any) -> EvseSecurity:
    """A store that checks additional roots."""
    return open_store(directory, additional_root_certificate_check=True, **settings)


def install(store: EvseSecurity, *forged: Forged | Pki) -> None:
    for one in forged:
        outcome = store.install_ca((one.root if isinstance(one, Pki) else one).certificate.to_pem(), CSMS)
        assert outcome.accepted, outcome


def refused(store: EvseSecurity, certificate: Certificate) -> str:
    """The reason for which a root isn't taken; nothing is changed by it."""
    with assert_store_unchanged(store.layout.root):
        outcome = store.install_ca(certificate.to_pem(), CSMS)
    assert outcome.result is REFUSED
    assert outcome.reason
    return outcome.reason


def ordered(store: EvseSecurity) -> list[Certificate]:
    return list(store.csms_roots())


def watched(store: EvseSecurity) -> list[CertificateStoreUpdate]:
    seen: list[CertificateStoreUpdate] = []
    store.subscribe(seen.append)
    return seen


STRANGERS: dict[str, Callable[[Pki], Forged]] = {
    "another root": lambda _: root("Another CSMS Root"),
    "a namesake of the old one": lambda _: root("CSMS Root"),
    "signed by a namesake of the old one": lambda _: forge("New", root("CSMS Root"), ca=True, begin=FROM, end=UNTIL),
    "signed by its key under another name": lambda old: forge(
        "New", Forged(root("Other", key=old.root.key).certificate, old.root.key), ca=True, begin=FROM, end=UNTIL
    ),
    "signed by the old one's sub-CA": lambda old: forge("New", old.sub1, ca=True, begin=FROM, end=UNTIL),
    "the old one as another root signed it": lambda old: forge(
        "CSMS Root", root("Elsewhere"), ca=True, key=old.root.key, begin=FROM, end=UNTIL
    ),
}

BAD: dict[str, tuple[Callable[[Pki], Forged], InstallCertificateResult]] = {
    "ended": (lambda old: successor(old, end=datetime(2026, 1, 1, tzinfo=UTC)).root, RESULT.EXPIRED),
    "not begun": (lambda old: successor(old, begin=datetime(2027, 1, 1, tzinfo=UTC)).root, RESULT.EXPIRED),
    "a leaf": (lambda old: forge("CSMS", old.root, begin=FROM, end=UNTIL), REFUSED),
    "no keyCertSign": (lambda old: successor(old, usage={"digital_signature": True}).root, REFUSED),
    "weak": (lambda old: successor(old, key=rsa.generate_private_key(65537, 1024)).root, REFUSED),
    "of a test PKI": (lambda old: successor(old, test=True).root, REFUSED),
}


class TestInstalling:
    @BUNDLES
    def test_tc_m_01_a_root_that_the_old_one_signed_is_installed_and_listed_by_itself(
        self, tmp_path: Path, old: Pki, new: Pki, bundle: str
    ) -> None:
        store = checking(tmp_path, csms_ca_bundle=bundle)
        install(store, old)
        seen = watched(store)
        install(store, new)
        assert [one.operation for one in seen] == [CertificateStoreUpdateOperation.INSTALLED]
        entries = {one.certificate_hash_data: one.child_certificate_hash_data for one in chains(store, ROOTS)}
        first, second = old.root.certificate, new.root.certificate
        assert entries == {named(first, first): (), named(second, first): ()}
        assert ordered(store) == [second, first]
        assert set(store.trust_anchors(CSMS)) == {first, second}
        assert not store.findings()

    def test_the_first_root_is_taken_as_without_the_check(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        store = checking(tmp_path)
        refused(store, new.root.certificate)
        refused(store, old.sub1.certificate)
        install(store, old)
        assert ordered(store) == [old.root.certificate]
        assert NOTED not in tree(tmp_path)

    @pytest.mark.parametrize("case", STRANGERS)
    def test_tc_m_09_a_root_that_the_old_one_did_not_sign_is_refused(self, tmp_path: Path, old: Pki, case: str) -> None:
        store = checking(tmp_path)
        install(store, old)
        why = refused(store, STRANGERS[case](old).certificate)
        assert "CSMS Root" in why
        assert listed(store, ROOTS) == [serial(old.root)]

    @pytest.mark.parametrize("case", BAD)
    def test_tc_m_07_a_successor_must_be_as_good_as_any_root(self, tmp_path: Path, old: Pki, case: str) -> None:
        store = checking(tmp_path)
        install(store, old)
        make, expected = BAD[case]
        bad = make(old).certificate
        with assert_store_unchanged(tmp_path):
            assert store.install_ca(bad.to_pem(), CSMS).result is expected

    def test_a_damaged_successor_is_refused(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        store = checking(tmp_path)
        install(store, old)
        der = bytearray(new.root.certificate.der)
        der[-1] ^= 1
        with assert_store_unchanged(tmp_path):
            assert not store.install_ca(der.hex(), CSMS).accepted

    def test_no_third_root_is_taken_while_the_second_has_its_fall_back(
        self, tmp_path: Path, old: Pki, new: Pki
    ) -> None:
        store = checking(tmp_path)
        install(store, old, new)
        third = successor(new, "Third")
        for one in (third, successor(old, "Third")):
            why = refused(store, one.root.certificate)
            assert "New CSMS Root" in why
            assert "fall-back" in why
        assert store.delete_certificate(named(old.root.certificate, old.root.certificate)) is GONE
        install(store, third)
        assert ordered(store) == [third.root.certificate, new.root.certificate]

    def test_what_is_there_already_is_accepted_and_changes_nothing(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        store = checking(tmp_path)
        install(store, old, new)
        with assert_store_unchanged(tmp_path):
            install(store, new, old)
        store.csms_root_worked(new.root.certificate)
        with assert_store_unchanged(tmp_path):
            install(store, new)

    def test_other_domains_take_any_number_of_roots(self, tmp_path: Path) -> None:
        store = checking(tmp_path)
        for kind in (CaCertificateType.V2G, CaCertificateType.MO, CaCertificateType.MF):
            for _ in range(3):
                assert store.install_ca(root("Some Root").certificate.to_pem(), kind).accepted
        sub = v2g_pki()
        for one in (sub.root, sub.sub1):
            assert store.install_ca(one.certificate.to_pem(), CaCertificateType.V2G).accepted
        assert sub.sub1.certificate not in store.trust_anchors(CaCertificateType.V2G)

    def test_a_full_store_takes_no_successor(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        store = checking(tmp_path, max_certificates=1)
        install(store, old)
        with assert_store_unchanged(tmp_path):
            result = store.install_ca(new.root.certificate.to_pem(), CSMS).result
        assert result is RESULT.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED


class TestWorking:
    @BUNDLES
    def test_tc_m_30_once_a_connection_with_the_new_root_worked_the_old_one_goes(
        self, tmp_path: Path, old: Pki, new: Pki, bundle: str
    ) -> None:
        store = checking(tmp_path, csms_ca_bundle=bundle)
        install(store, old, new)
        seen = watched(store)
        assert store.csms_root_worked(new.root.certificate) == (old.root.certificate,)
        assert seen == [DELETED]
        for one in (store, checking(tmp_path, csms_ca_bundle=bundle)):
            assert ordered(one) == [new.root.certificate]
            (entry,) = chains(one, ROOTS)
            assert entry.certificate_hash_data == named(new.root.certificate, old.root.certificate)
            assert not one.findings()
        with assert_store_unchanged(tmp_path):
            assert store.csms_root_worked(new.root.certificate) == ()
        assert seen == [DELETED]

    def test_tc_m_31_a_connection_with_the_old_root_leaves_both(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        store = checking(tmp_path)
        install(store, old, new)
        seen = watched(store)
        stranger = root("CSMS Root").certificate
        with assert_store_unchanged(tmp_path):
            for one in (old.root.certificate, stranger, new.sub1.certificate):
                assert store.csms_root_worked(one) == ()
        assert not seen
        assert ordered(store) == [new.root.certificate, old.root.certificate]
        assert listed(store, ROOTS) == [serial(old.root), serial(new.root)]

    @pytest.mark.parametrize("algorithm", HashAlgorithm)
    def test_a_root_can_be_deleted_when_the_one_that_signed_it_is_gone(
        self, tmp_path: Path, old: Pki, new: Pki, algorithm: HashAlgorithm
    ) -> None:
        store = checking(tmp_path)
        install(store, old, new)
        store.csms_root_worked(new.root.certificate)
        wanted = named(new.root.certificate, old.root.certificate, algorithm)
        assert store.csms_roots_named(wanted) == (new.root.certificate,)
        assert store.delete_certificate(wanted) is GONE
        assert ordered(store) == []
        assert NOTED not in tree(tmp_path), "nothing is noted of what is nowhere"

    def test_each_of_many_generations_takes_over_from_the_one_before(self, tmp_path: Path, old: Pki) -> None:
        store = checking(tmp_path)
        install(store, old)
        before = old
        for number in range(4):
            after = successor(before, f"Root {number}")
            install(store, after)
            assert ordered(store) == [after.root.certificate, before.root.certificate]
            assert store.csms_root_worked(after.root.certificate) == (before.root.certificate,)
            (entry,) = chains(store, ROOTS)
            assert entry.certificate_hash_data == named(after.root.certificate, before.root.certificate)
            before = after
        assert len(load_certificates((tmp_path / NOTED).read_bytes())) == 2, "it and the one that signed it"

    def test_deleting_the_old_root_by_hash_leaves_the_new_one(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        store = checking(tmp_path)
        install(store, old, new)
        assert store.delete_certificate(named(old.root.certificate, old.root.certificate)) is GONE
        assert ordered(store) == [new.root.certificate]
        (entry,) = chains(store, ROOTS)
        assert entry.certificate_hash_data == named(new.root.certificate, old.root.certificate)

    def test_deleting_the_new_root_leaves_the_store_as_it_was_before_it(
        self, tmp_path: Path, old: Pki, new: Pki
    ) -> None:
        store = checking(tmp_path)
        install(store, old)
        with assert_store_unchanged(tmp_path):
            install(store, new)
            assert store.delete_certificate(named(new.root.certificate, old.root.certificate)) is GONE
        bundle_file(store, CSMS, old.root.certificate, new.root.certificate)
        assert ordered(store) == [old.root.certificate], "put back by hand it is a sub-CA like any other"

    def test_a_root_renewed_under_its_own_key_takes_over_from_itself(self, tmp_path: Path, old: Pki) -> None:
        renewed = root("CSMS Root", key=old.root.key, begin=FROM - timedelta(days=1)).certificate
        store = checking(tmp_path)
        install(store, old, Forged(renewed, old.root.key))
        assert ordered(store) == [renewed, old.root.certificate]
        assert store.csms_root_worked(renewed) == (old.root.certificate,)
        assert ordered(checking(tmp_path)) == [renewed]
        assert NOTED not in tree(tmp_path)

    def test_a_new_key_under_the_old_name_takes_over(self, tmp_path: Path, old: Pki) -> None:
        """RFC 4210 section 4.4: the new key signed by the old one, and later by itself."""
        rolled = successor(old, "CSMS Root")
        store = checking(tmp_path)
        install(store, old, rolled)
        server = Forged(leaf(rolled, "csms.example").certificate, rolled.issuing.key).certificate
        assert store.validate(rolled.stack(server), [CLIENT]).reason is None
        store.csms_root_worked(rolled.root.certificate)
        assert store.validate(rolled.stack(server), [CLIENT]).reason is None
        itself = root("CSMS Root", key=rolled.root.key)
        install(store, itself)
        assert store.csms_root_worked(itself.certificate) == (rolled.root.certificate,)
        assert store.validate(rolled.stack(server), [CLIENT]).reason is None
        assert listed(store, ROOTS) == [serial(itself)]

    def test_a_disk_that_fails_leaves_both_and_the_next_connection_makes_up_for_it(
        self, tmp_path: Path, old: Pki, new: Pki
    ) -> None:
        install(checking(tmp_path), old, new)
        with assert_store_unchanged(tmp_path):
            failing = checking(tmp_path, files=StoppingFiles(1, recovers=True))
            seen = watched(failing)
            assert failing.csms_root_worked(new.root.certificate) == ()
        assert not seen
        assert checking(tmp_path).csms_root_worked(new.root.certificate) == (old.root.certificate,)

    def test_sub_cas_of_the_old_root_go_with_it_and_those_of_the_new_one_stay(
        self, tmp_path: Path, old: Pki, new: Pki
    ) -> None:
        store = checking(tmp_path)
        install(store, old, new)
        held = (old.root, old.sub1, new.root, new.sub1)
        bundle_file(store, CSMS, *(one.certificate for one in held))
        assert [serial(one) for one in held] == listed(store, ROOTS)
        store.csms_root_worked(new.root.certificate)
        assert listed(store, ROOTS) == [serial(new.root), serial(new.sub1)]
        assert not store.findings()

    def test_a_root_that_people_put_beside_them_stays(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        store = checking(tmp_path)
        install(store, old, new)
        other = root("Another").certificate
        bundle_file(store, CSMS, other, old.root.certificate, new.root.certificate)
        assert store.csms_root_worked(new.root.certificate) == (old.root.certificate,)
        assert ordered(store) == [new.root.certificate, other]

    def test_links_by_hash_lead_to_the_roots_that_are_left(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        store = checking(tmp_path, csms_ca_bundle="ca/csms")
        install(store, old)
        assert store.get_verify_location(CSMS) == str(tmp_path / "ca/csms")
        install(store, new)
        store.csms_root_worked(new.root.certificate)
        directory = store.get_verify_location(CSMS)
        assert directory == str(tmp_path / "ca/csms")
        trusting = ["verify", "-partial_chain", "-CApath", directory, "-no-CAfile", "-no-CAstore"]
        assert openssl_takes(*trusting, put(tmp_path / "sub.pem", new.sub1.certificate.to_pem()))
        assert not openssl_takes(*trusting, put(tmp_path / "old.pem", old.sub1.certificate.to_pem()))


class TestWithoutTheCheck:
    def test_a_ca_that_a_root_signed_is_its_sub_ca(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        store = open_store(tmp_path)
        install(store, old, new)
        assert list(store.trust_anchors(CSMS)) == ordered(store) == [old.root.certificate]
        with assert_store_unchanged(tmp_path):
            assert store.csms_root_worked(new.root.certificate) == ()
        assert store.delete_certificate(named(old.root.certificate, old.root.certificate)) is GONE
        assert not listed(store, ROOTS)

    def test_roots_are_tried_in_the_order_in_which_they_begin_the_latest_first(self, tmp_path: Path) -> None:
        begins = [FROM, FROM + timedelta(days=2), FROM + timedelta(days=1)]
        roots = [root(f"Root {number}", begin=begin) for number, begin in enumerate(begins)]
        store = open_store(tmp_path)
        install(store, *roots)
        assert ordered(store) == [roots[place].certificate for place in (1, 2, 0)]

    def test_a_check_that_is_taken_back_leaves_the_station_its_root(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        store = checking(tmp_path)
        install(store, old, new)
        store.csms_root_worked(new.root.certificate)
        later = open_store(tmp_path)
        assert ordered(later) == [new.root.certificate]
        assert listed(later, ROOTS) == [serial(new.root)]
        install(later, root("Another"))
        assert len(ordered(later)) == 2

    def test_sub_cas_that_were_there_before_the_check_take_over_from_nobody(
        self, tmp_path: Path, old: Pki, new: Pki
    ) -> None:
        install(open_store(tmp_path), old, old.sub1)
        store = checking(tmp_path)
        assert ordered(store) == [old.root.certificate]
        assert store.csms_root_worked(old.sub1.certificate) == ()
        assert listed(store, ROOTS) == [serial(old.root), serial(old.sub1)]
        install(store, new)
        assert ordered(store) == [new.root.certificate, old.root.certificate]

    def test_what_was_a_sub_ca_takes_over_when_it_is_installed_as_a_root(
        self, tmp_path: Path, old: Pki, new: Pki
    ) -> None:
        install(open_store(tmp_path), old, new)
        store = checking(tmp_path)
        assert ordered(store) == [old.root.certificate]
        before = leaf_files(tmp_path)
        install(store, new)
        assert leaf_files(tmp_path) == before, "its certificate lies there"
        assert ordered(store) == [new.root.certificate, old.root.certificate]

    def test_roots_that_lay_side_by_side_stay_until_people_leave_one(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        other = root("Another", begin=FROM - timedelta(days=1)).certificate
        install(open_store(tmp_path), old, Forged(other, old.root.key))
        store = checking(tmp_path)
        assert store.csms_root_worked(ordered(store)[0]) == ()
        assert "2 CSMS roots" in refused(store, new.root.certificate)
        assert store.delete_certificate(named(other, other)) is GONE
        install(store, new)


class TestChains:
    @BUNDLES
    def test_a_leaf_leads_to_the_root_that_it_is_under_before_and_after_the_change(
        self, tmp_path: Path, old: Pki, new: Pki, bundle: str
    ) -> None:
        store = checking(tmp_path, csms_ca_bundle=bundle)
        install(store, old)
        enrol(store, old, CLIENT, "CS-001")
        assert info(store, CLIENT).certificate_root == old.root.certificate.to_pem()
        install(store, new)
        assert info(store, CLIENT).certificate_root == old.root.certificate.to_pem()
        renewed = load_certificates(enrol(store, new, CLIENT, "CS-001"))[0]
        for one in (store, checking(tmp_path, csms_ca_bundle=bundle)):
            roots = {each.certificate_root for each in one.get_all_valid_certificates_info(CLIENT).info}
            assert roots == {pki.root.certificate.to_pem() for pki in (old, new)}
        store.csms_root_worked(new.root.certificate)
        assert store.validate(new.stack(renewed), [CLIENT]).reason is None
        roots = {each.certificate_root for each in store.get_all_valid_certificates_info(CLIENT).info}
        assert roots == {new.root.certificate.to_pem(), None}

    def test_a_root_that_is_sent_along_is_harmless(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        store = checking(tmp_path)
        install(store, old, new)
        server = leaf(new, "csms.example").certificate
        sent = (new.stack(server), new.stack(server) + stack(new.root.certificate, old.root.certificate))
        for text in sent:
            assert store.validate(text, [CLIENT]).reason is None
        store.csms_root_worked(new.root.certificate)
        for text in sent:
            assert store.validate(text, [CLIENT]).reason is None
        former = store.validate(old.stack(leaf(old, "csms.example").certificate), [CLIENT])
        assert former.result is CertificateValidationResult.ISSUER_NOT_FOUND

    @BUNDLES
    def test_programs_that_read_the_bundle_trust_the_same(
        self, tmp_path: Path, old: Pki, new: Pki, bundle: str
    ) -> None:
        store = checking(tmp_path, csms_ca_bundle=bundle)
        install(store, old, new)
        held = load_certificates(Path(store.get_verify_file(CSMS)).read_bytes())
        assert set(held) == {old.root.certificate, new.root.certificate}
        store.csms_root_worked(new.root.certificate)
        path = store.get_verify_file(CSMS)
        assert load_certificates(Path(path).read_bytes()) == (new.root.certificate,)
        chain = put(tmp_path / "chain.pem", new.stack(leaf(new, "csms.example").certificate))
        asked = ("verify", "-partial_chain", "-CAfile", path, "-no-CApath", "-no-CAstore", "-untrusted", chain, chain)
        assert openssl_takes(*asked)

    def test_the_client_leaf_under_a_former_root_is_known_and_no_reason_to_worry(
        self, tmp_path: Path, old: Pki, new: Pki
    ) -> None:
        store = checking(tmp_path)
        install(store, old)
        held = load_certificates(enrol(store, old, CLIENT, "CS-001"))[0]
        before = {one.code for one in store.checkup()}
        install(store, new)
        assert {one.code for one in store.checkup()} == before
        store.csms_root_worked(new.root.certificate)
        told = {one.code: one for one in store.checkup() if one.code not in before}
        assert set(told) == {"ChainOfFormerRoot"}
        assert told["ChainOfFormerRoot"].severity is Severity.NOTICE
        assert store.delete_certificate(named(held, old.issuing.certificate)) is DeleteCertificateResult.FAILED
        assert info(store, CLIENT).key

    def test_a_client_leaf_right_below_a_former_root_keeps_its_hash_data(
        self, tmp_path: Path, old: Pki, new: Pki
    ) -> None:
        store = checking(tmp_path)
        install(store, old, new)
        direct = forge("CS-001", old.root, begin=FROM, end=UNTIL, organization="Chargers Ltd")
        place(store, Pki(old.root, old.root, old.root), direct, kind=CLIENT, name="CSMS_LEAF")
        store.csms_root_worked(new.root.certificate)
        wanted = named(direct.certificate, old.root.certificate)
        assert store.delete_certificate(wanted) is DeleteCertificateResult.FAILED, "the client certificate, M04.FR.06"

    def test_a_former_root_that_ended_takes_its_leaf_with_it(self, tmp_path: Path, new: Pki) -> None:
        clock = SetClock(datetime(2026, 6, 1, tzinfo=UTC))
        ending = csms_pki(end=datetime(2026, 7, 1, tzinfo=UTC))
        after = successor(ending)
        store = checking(tmp_path, clock=clock)
        install(store, ending)
        enrol(store, ending, CLIENT, "CS-001")
        install(store, after)
        store.csms_root_worked(after.root.certificate)
        clock.set(datetime(2026, 8, 1, tzinfo=UTC))
        told = {one.code: one for one in store.checkup()}
        assert "ended on 2026-07-01" in told["ChainBroken"].seen
        assert "SubCaExpired" not in told

    def test_a_snapshot_tells_the_successor_with_its_hash_data(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        store = checking(tmp_path)
        install(store, old, new)
        store.csms_root_worked(new.root.certificate)
        (bundle,) = (one for one in store.snapshot(detailed=True).bundles if one.kind is CSMS)
        ((held,), orphans) = bundle.roots, bundle.orphans
        assert (held.root, held.issuer, held.objection) == (new.root.certificate, old.root.certificate, None)
        assert not orphans


class TestWhatIsNoted:
    @pytest.mark.parametrize("damage", [-200, 200], ids=["the end", "the beginning"])
    def test_what_can_not_be_read_is_told_and_nothing_is_changed_by_guess(
        self, tmp_path: Path, old: Pki, new: Pki, damage: int
    ) -> None:
        store = checking(tmp_path)
        install(store, old, new)
        store.csms_root_worked(new.root.certificate)
        whole = (tmp_path / NOTED).read_bytes()
        put(tmp_path / NOTED, whole[:damage] if damage < 0 else whole[:damage] + whole[damage + 9 :])
        assert any(one.path.endswith("csms_roots.pem") for one in store.findings())
        told = {one.code for one in store.checkup()}
        assert told & {"CertificateBroken", "CertificateUnreadable"}
        assert "RootMissing" not in told
        with assert_store_unchanged(tmp_path):
            for one in (successor(new, "Third").root, root("Stranger")):
                assert store.install_ca(one.certificate.to_pem(), CSMS).result is RESULT.WRITE_ERROR
            assert store.csms_root_worked(new.root.certificate) == ()
            wanted = named(new.root.certificate, old.root.certificate)
            assert store.delete_certificate(wanted) is not GONE
        put(tmp_path / NOTED, whole)
        assert ordered(store) == [new.root.certificate]

    @pytest.mark.parametrize("bundle", ["ca/csms/CSMS_ROOT_CA.pem", "ca/csms"], ids=["file", "directory"])
    def test_a_note_that_is_out_of_reach_is_not_the_same_as_none(
        self, tmp_path: Path, old: Pki, new: Pki, bundle: str
    ) -> None:
        store = checking(tmp_path, csms_ca_bundle=bundle)
        install(store, old, new)
        store.csms_root_worked(new.root.certificate)
        chain = new.stack(leaf(new, "csms.example").certificate)
        assert store.validate(chain, [CLIENT]).reason is None
        (tmp_path / NOTED).unlink()
        (tmp_path / NOTED).mkdir()
        assert store.validate(chain, [CLIENT]).result is CertificateValidationResult.UNKNOWN
        wanted = named(new.root.certificate, old.root.certificate)
        assert store.delete_certificate(wanted) is not GONE

    def test_without_the_note_a_successor_is_an_orphan_and_no_anchor(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        store = checking(tmp_path)
        install(store, old, new)
        store.csms_root_worked(new.root.certificate)
        (tmp_path / NOTED).unlink()
        assert not ordered(store)
        assert not store.is_ca_certificate_installed(CSMS)
        assert "OrphanCa" in {one.code for one in store.checkup()}

    def test_a_root_whose_signer_was_taken_out_of_the_note_is_told_of(self, tmp_path: Path, old: Pki, new: Pki) -> None:
        store = checking(tmp_path)
        install(store, old, new)
        store.csms_root_worked(new.root.certificate)
        put(tmp_path / NOTED, new.root.certificate.to_pem())
        assert ordered(store) == [new.root.certificate]
        assert not listed(store, ROOTS)
        assert "can't be listed" in store.findings()[0].why

    def test_who_stands_in_the_note_alone_is_no_anchor(self, tmp_path: Path, old: Pki) -> None:
        store = checking(tmp_path)
        install(store, old)
        stranger = root("Stranger").certificate
        put(tmp_path / NOTED, stack(old.root.certificate, stranger))
        assert ordered(store) == [old.root.certificate]
        assert list(store.trust_anchors(CSMS)) == [old.root.certificate]

    def test_a_left_over_root_of_a_test_pki_is_replaced_by_nobody(self, tmp_path: Path, old: Pki) -> None:
        test = csms_pki(test=True)
        bundle_file(checking(tmp_path), CSMS, test.root.certificate)
        store = checking(tmp_path)
        install(store, old)
        assert ordered(store) == [old.root.certificate]


class TestSettings:
    @pytest.mark.parametrize(
        "settings",
        [
            {"csms_ca_bundle": "ca/v2g/V2G_ROOT_CA.pem"},
            {"mf_ca_bundle": "ca/csms/CSMS_ROOT_CA.pem"},
            {"parity": Parity(accept_any_ca=True)},
        ],
        ids=["shared with V2G", "shared with MF", "any CA"],
    )
    def test_a_bundle_of_which_the_check_could_not_be_true_makes_no_store(self, settings: dict[str, Any]) -> None:
        config = StoreConfig(Path("/certs"), additional_root_certificate_check=True, **settings)
        with pytest.raises(StoreConfigError, match="additional_root_certificate_check"):
            Layout.of(config)
        Layout.of(StoreConfig(Path("/certs"), **settings))
