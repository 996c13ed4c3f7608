"""station-store.md section 6: each switch gives the reference's own answer to its row, and changes nothing else."""

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from certs import FROM, UNTIL, Pki, root, stack, v2g_pki
from chainpilot.station import EvseSecurity
from chainpilot.station.layout import Parity, ProfilePolicy
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    CertificateValidationResult,
    DeleteCertificateResult,
    InstallCertificateResult,
    LeafCertificateType,
)
from clocks import SetClock
from forge import Forged, forge
from stock import bundle_file, chains, descendants, info, leaf, listed, named, place, serial
from stores import EVSE, open_store, store_with

V2G = LeafCertificateType.V2G
DOMAIN = CaCertificateType.V2G
INSTALL = InstallCertificateResult
VALIDATION = CertificateValidationResult
NOW = SetClock().now()
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
SWITCHES = tuple(field.name for field in fields(Parity))
OTHERS = {name: Parity(**{one: one != name for one in SWITCHES}) for name in SWITCHES}
"""For each switch the parity in which every other one is on."""


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


def test_the_switches_are_those_of_the_contract_and_all_are_off() -> None:
    expected = {"times", "accept_any_ca", "profile", "newest_by_not_after", "path_errors_unknown"}
    assert set(SWITCHES) == expected
    assert not any(getattr(Parity(), name) for name in SWITCHES)


def alone(name: str) -> Parity:
    return Parity(**{name: True})


def with_changes(v2g: Pki, which: str, **changes: Any) -> str:
    """A good chain in which one certificate is different."""
    arguments: dict[str, dict[str, Any]] = {
        "sub2": {"ca": True, "begin": FROM, "end": UNTIL},
        "leaf": {"begin": FROM, "end": UNTIL},
    }
    arguments[which] |= changes
    sub2 = forge("CPO Sub2", v2g.sub1, **arguments["sub2"])
    one = forge(EVSE, sub2, **arguments["leaf"])
    return stack(one.certificate, sub2.certificate, v2g.sub1.certificate)


CRITICAL = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"), True)
CONSTRAINTS = (
    x509.NameConstraints(
        permitted_subtrees=[x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "XX")]))],
        excluded_subtrees=None,
    ),
    True,
)


def below_a_bounded_ca(v2g: Pki) -> str:
    """A chain with one CA more than the path length of another allows."""
    bounded = forge("Bounded", v2g.root, ca=True, path_length=0, begin=FROM, end=UNTIL)
    beyond = forge("Beyond", bounded, ca=True, begin=FROM, end=UNTIL)
    return stack(forge(EVSE, beyond, begin=FROM, end=UNTIL).certificate, beyond.certificate, bounded.certificate)


Offer = Callable[[Pki], str]
VERDICTS: dict[str, tuple[Offer, str, str, str]] = {
    "Sub2 has ended": (
        lambda v2g: with_changes(v2g, "sub2", begin=FROM, end=NOW - SECOND),
        "times",
        "Expired",
        "Valid",
    ),
    "Sub2 has not begun": (
        lambda v2g: with_changes(v2g, "sub2", begin=NOW + SECOND, end=UNTIL),
        "times",
        "Unknown",
        "Valid",
    ),
    "the leaf has not begun": (
        lambda v2g: with_changes(v2g, "leaf", begin=NOW + SECOND, end=UNTIL),
        "times",
        "Unknown",
        "Valid",
    ),
    "the leaf has ended": (
        lambda v2g: with_changes(v2g, "leaf", begin=FROM, end=NOW - SECOND),
        "times",
        "Expired",
        "Expired",
    ),
    "CA:false": (
        lambda v2g: with_changes(v2g, "sub2", ca=False, explicit_ca_false=True),
        "path_errors_unknown",
        "InvalidChain",
        "Unknown",
    ),
    "path length": (below_a_bounded_ca, "path_errors_unknown", "InvalidChain", "Unknown"),
    "a critical unknown extension": (
        lambda v2g: with_changes(v2g, "sub2", extensions=(CRITICAL,)),
        "path_errors_unknown",
        "InvalidChain",
        "Unknown",
    ),
    "name constraints": (
        lambda v2g: with_changes(v2g, "sub2", extensions=(CONSTRAINTS,)),
        "path_errors_unknown",
        "InvalidChain",
        "Unknown",
    ),
    "no issuer": (
        lambda v2g: leaf(v2g).certificate.to_pem(),
        "path_errors_unknown",
        "IssuerNotFound",
        "IssuerNotFound",
    ),
    "good": (lambda v2g: v2g.stack(leaf(v2g).certificate), "times", "Valid", "Valid"),
}
"""A chain, the switch it is about, our word, the reference's."""


@pytest.mark.parametrize("case", VERDICTS)
def test_a_verdict_changes_with_its_switch_and_with_no_other(tmp_path: Path, v2g: Pki, case: str) -> None:
    offer, switch, ours, theirs = VERDICTS[case]
    text = offer(v2g)
    for parity, expected in (
        (Parity(), ours),
        (alone(switch), theirs),
        (OTHERS[switch], ours),
        (Parity(**dict.fromkeys(SWITCHES, True)), theirs),
    ):
        store = open_store(tmp_path, parity=parity)
        bundle_file(store, DOMAIN, v2g.root.certificate)
        assert store.verify_certificate(text, [V2G]).value == expected, parity


class TestTimes:
    @pytest.mark.parametrize(
        ("begin", "end"), [(FROM, NOW - SECOND), (NOW + SECOND, UNTIL)], ids=["ended", "not begun"]
    )
    def test_a_root_s_times_do_not_count(self, tmp_path: Path, begin: datetime, end: datetime) -> None:
        above = root("V2G Root", begin=begin, end=end)
        pki = Pki(above, above, above)
        text = leaf(pki).certificate.to_pem()
        for parity, expected in ((alone("times"), True), (OTHERS["times"], False)):
            store = open_store(tmp_path, parity=parity)
            bundle_file(store, DOMAIN, above.certificate)
            assert (store.verify_certificate(text, [V2G]) is VALIDATION.VALID) is expected

    @pytest.mark.parametrize("is_on", [False, True])
    def test_a_leaf_of_the_future_is_installed_and_an_ended_one_isn_t(
        self, tmp_path: Path, v2g: Pki, *, is_on: bool
    ) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g), parity=Parity(times=is_on))
        for changes, expected in (
            ({"begin": NOW + DAY}, INSTALL.ACCEPTED),
            ({"end": NOW - SECOND}, INSTALL.EXPIRED),
        ):
            csr = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE).csr
            assert csr is not None
            assert store.update_leaf_certificate(v2g.enrol(csr, **changes), V2G) is expected


class TestAcceptAnyCa:
    def offered(self, v2g: Pki) -> dict[str, Forged]:
        return {
            "a leaf": leaf(v2g),
            "an orphan sub-CA": v2g_pki().sub1,
            "a self-signed leaf": forge("Self", begin=FROM, end=UNTIL),
            "a CA that may not sign": root("No", usage={"digital_signature": True}),
        }

    @pytest.mark.parametrize("what", ["a leaf", "an orphan sub-CA", "a self-signed leaf", "a CA that may not sign"])
    def test_any_certificate_is_taken_as_a_ca(self, tmp_path: Path, v2g: Pki, what: str) -> None:
        one = self.offered(v2g)[what].certificate
        for number, (parity, expected) in enumerate(((alone("accept_any_ca"), True), (OTHERS["accept_any_ca"], False))):
            store = open_store(tmp_path / str(number), parity=parity)
            assert store.install_ca(one.to_pem(), DOMAIN).accepted is expected
            assert (one in store.trust_anchors(DOMAIN)) is expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("rubbish", INSTALL.INVALID_FORMAT),
            (root("A").certificate.to_pem() * 2, INSTALL.INVALID_FORMAT),
            (root("A", end=NOW - SECOND).certificate.to_pem(), INSTALL.EXPIRED),
            (root("A", begin=NOW + SECOND).certificate.to_pem(), INSTALL.EXPIRED),
        ],
        ids=["rubbish", "two", "ended", "not begun"],
    )
    def test_what_section_4_refuses_is_refused_all_the_same(
        self, tmp_path: Path, text: str, expected: InstallCertificateResult
    ) -> None:
        store = open_store(tmp_path, parity=alone("accept_any_ca"))
        assert store.install_ca_certificate(text, DOMAIN) is expected

    def test_a_sub_ca_is_an_anchor_that_chains_may_end_at(self, tmp_path: Path, v2g: Pki) -> None:
        text = stack(leaf(v2g).certificate, v2g.issuing.certificate)
        for number, (parity, expected) in enumerate(
            ((alone("accept_any_ca"), VALIDATION.VALID), (OTHERS["accept_any_ca"], VALIDATION.ISSUER_NOT_FOUND))
        ):
            store = open_store(tmp_path / str(number), parity=parity)
            bundle_file(store, DOMAIN, v2g.sub1.certificate)
            assert store.verify_certificate(text, [V2G]) is expected

    @pytest.mark.parametrize("is_on", [False, True])
    def test_a_root_is_listed_with_its_descendants_as_ever(self, tmp_path: Path, v2g: Pki, *, is_on: bool) -> None:
        """Section 4 tells the reference's own answers."""
        store = open_store(tmp_path, parity=Parity(accept_any_ca=is_on))
        bundle_file(store, DOMAIN, v2g.root.certificate, v2g.sub1.certificate, v2g.issuing.certificate)
        (entry,) = chains(store, CertificateType.V2G_ROOT_CERTIFICATE)
        assert entry.certificate_hash_data == named(v2g.root.certificate, v2g.root.certificate)
        assert set(entry.child_certificate_hash_data) == set(descendants(v2g))

    @pytest.mark.parametrize("is_on", [False, True])
    def test_a_root_is_deleted_with_its_descendants_as_ever(self, tmp_path: Path, v2g: Pki, *, is_on: bool) -> None:
        store = open_store(tmp_path, parity=Parity(accept_any_ca=is_on))
        other = root("Other").certificate
        bundle_file(store, DOMAIN, v2g.root.certificate, v2g.sub1.certificate, other, v2g.issuing.certificate)
        wanted = named(v2g.root.certificate, v2g.root.certificate)
        assert store.delete_certificate(wanted) is DeleteCertificateResult.ACCEPTED
        assert store.layout.bundles[DOMAIN].read_text() == other.to_pem()

    @pytest.mark.parametrize("is_on", [False, True])
    def test_a_sub_ca_is_deleted_with_its_own_alone(self, tmp_path: Path, v2g: Pki, *, is_on: bool) -> None:
        store = open_store(tmp_path, parity=Parity(accept_any_ca=is_on))
        bundle_file(store, DOMAIN, v2g.root.certificate, v2g.sub1.certificate, v2g.issuing.certificate)
        wanted = named(v2g.sub1.certificate, v2g.root.certificate)
        assert store.delete_certificate(wanted) is DeleteCertificateResult.ACCEPTED
        assert store.layout.bundles[DOMAIN].read_text() == v2g.root.certificate.to_pem()

    def test_orphans_and_leaves_can_not_be_listed(self, tmp_path: Path, v2g: Pki) -> None:
        store = open_store(tmp_path, parity=alone("accept_any_ca"))
        for one in (leaf(v2g), v2g_pki().sub1):
            assert store.install_ca(one.certificate.to_pem(), DOMAIN).accepted
        assert listed(store) == []

    @pytest.mark.parametrize("is_on", [False, True])
    def test_leaves_in_use_have_the_same_chains_and_roots(self, tmp_path: Path, v2g: Pki, *, is_on: bool) -> None:
        store = open_store(tmp_path, parity=Parity(accept_any_ca=is_on))
        bundle_file(store, DOMAIN, v2g.sub1.certificate, v2g.issuing.certificate, v2g.root.certificate)
        one = leaf(v2g)
        place(store, v2g, one)
        (entry,) = chains(store, CertificateType.V2G_CERTIFICATE_CHAIN)
        assert (entry.certificate_hash_data, *entry.child_certificate_hash_data) == descendants(v2g, one.certificate)
        assert info(store).certificate_root == v2g.root.certificate.to_pem()


class TestProfile:
    MISFITS: tuple[dict[str, Any], ...] = (
        {"domain": "MO"},
        {"usage_critical": False},
        {"usage": {"key_agreement": True}},
    )

    @pytest.mark.parametrize("changes", MISFITS)
    def test_nobody_looks_at_profiles(self, tmp_path: Path, v2g: Pki, changes: dict[str, Any]) -> None:
        for number, (parity, expected) in enumerate(
            ((alone("profile"), INSTALL.ACCEPTED), (OTHERS["profile"], INSTALL.INVALID_CERTIFICATE_CHAIN))
        ):
            store = store_with(tmp_path / str(number), (DOMAIN, v2g), parity=parity)
            csr = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE).csr
            assert csr is not None
            assert store.update_leaf_certificate(v2g.enrol(csr, **changes), V2G) is expected

    def test_whatever_the_policies_say(self, tmp_path: Path) -> None:
        names = [f"{kind.value.lower()}_profile" for kind in LeafCertificateType]
        settings: dict[str, Any] = dict.fromkeys(names, ProfilePolicy.ENFORCE)
        for parity, expected in ((alone("profile"), ProfilePolicy.OFF), (OTHERS["profile"], ProfilePolicy.ENFORCE)):
            config = open_store(tmp_path, parity=parity, **settings).layout.config
            assert {config.profile_policy(kind) for kind in LeafCertificateType} == {expected}

    def test_a_request_may_be_for_any_name(self, tmp_path: Path) -> None:
        for parity, expected in ((alone("profile"), True), (OTHERS["profile"], False)):
            made = open_store(tmp_path, parity=parity).generate_certificate_signing_request(V2G, "DE", "O", "station 7")
            assert (made.csr is not None) is expected


def test_newest_is_the_leaf_that_ends_last(tmp_path: Path, v2g: Pki) -> None:
    long, young = leaf(v2g), leaf(v2g, begin=FROM + DAY, end=NOW + DAY)
    for parity, expected in ((alone("newest_by_not_after"), long), (OTHERS["newest_by_not_after"], young)):
        store = store_with(tmp_path, (DOMAIN, v2g), parity=parity)
        for name, one in (("LONG", long), ("YOUNG", young)):
            place(store, v2g, one, name=name)
        assert serial(Path(info(store).certificate_single or "")) == serial(expected)


@pytest.mark.parametrize("parity", [Parity(), Parity(**dict.fromkeys(SWITCHES, True))], ids=["ours", "parity"])
class TestNothingElseIsReverted:
    """Every other row holds with every switch on."""

    def test_weak_algorithms_are_refused(self, tmp_path: Path, v2g: Pki, parity: Parity) -> None:
        store = open_store(tmp_path, parity=parity)
        weak = forge("V2G Root", ca=True, begin=FROM, end=UNTIL, key=rsa.generate_private_key(65537, 1024))
        bundle_file(store, DOMAIN, weak.certificate)
        text = forge(EVSE, weak, begin=FROM, end=UNTIL).certificate.to_pem()
        assert store.verify_certificate(text, [V2G]) is VALIDATION.INVALID_CHAIN

    def test_a_ca_is_no_leaf(self, tmp_path: Path, v2g: Pki, parity: Parity) -> None:
        store = open_store(tmp_path, parity=parity)
        bundle_file(store, DOMAIN, v2g.root.certificate)
        text = stack(v2g.issuing.certificate, v2g.sub1.certificate)
        assert store.verify_certificate(text, [V2G]) is VALIDATION.INVALID_CHAIN

    def test_keys_are_private_and_bad_names_refused(self, tmp_path: Path, parity: Parity) -> None:
        store = open_store(tmp_path, parity=parity)
        assert store.generate_certificate_signing_request(V2G, "Germany", "O", EVSE).csr is None
        assert store.generate_certificate_signing_request(V2G, "DE", "O", EVSE).csr is not None
        (key,) = (tmp_path / "client/cso").iterdir()
        assert key.stat().st_mode & 0o777 == 0o600

    def test_a_corrupt_file_disables_nothing(self, tmp_path: Path, v2g: Pki, parity: Parity) -> None:
        store: EvseSecurity = open_store(tmp_path, parity=parity)
        bundle = bundle_file(store, DOMAIN, v2g.root.certificate)
        bundle.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + bundle.read_text())
        assert store.is_ca_certificate_installed(DOMAIN)
        assert store.verify_certificate(v2g.stack(leaf(v2g).certificate), [V2G]) is VALIDATION.VALID
