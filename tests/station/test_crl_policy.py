"""Revocation lists in a configured directory: what `require` and `if-present` make of each state of the lists."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from certs import Pki, v2g_pki
from chainpilot.station import EvseSecurity
from chainpilot.station.layout import CrlPolicy
from chainpilot.station.model import (
    CaCertificateType,
    CertificateValidationResult,
    InstallCertificateResult,
    LeafCertificateType,
)
from clocks import SetClock
from forge import NOON, Forged
from revocations import NEXT, SINCE, entry, pem, revocation_list
from stock import info, leaf, named, openssl_takes, place, put, rewrite
from stores import EVSE, open_store, store_with

V2G = LeafCertificateType.V2G
DOMAIN = CaCertificateType.V2G
RESULT = CertificateValidationResult
POLICIES = pytest.mark.parametrize("policy", CrlPolicy, ids=lambda one: one.value)


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


class Case:
    """A store at noon that asks revocation lists, and a leaf to judge."""

    def __init__(self, directory: Path, v2g: Pki, policy: CrlPolicy) -> None:
        self.lists = directory / "crls"
        self.clock = SetClock(NOON)
        self.v2g = v2g
        settings = {"crl_directory": "crls", "crl_policy": policy}
        self.store: EvseSecurity = store_with(directory, (DOMAIN, v2g), clock=self.clock, **settings)
        self.leaf = leaf(v2g)

    def put(self, name: str, issuer: Forged, *revoked: Forged, **changes: object) -> Path:
        entries = [entry(one.certificate.serial_number) for one in revoked]
        data = revocation_list(issuer, *entries, **changes)  # type: ignore[arg-type]  # - revocation_list checks them
        return put(self.lists / name, pem(data) if name.endswith(".pem") else data)

    def put_all(self, *revoked: Forged) -> None:
        """A current list of every issuer."""
        for name, issuer in (("root", self.v2g.root), ("sub1", self.v2g.sub1), ("sub2", self.v2g.issuing)):
            self.put(f"{name}.crl", issuer, *revoked)

    def judged(self) -> CertificateValidationResult:
        return self.store.verify_certificate(self.v2g.stack(self.leaf.certificate), [V2G])

    def why(self) -> str:
        return self.store.validate(self.v2g.stack(self.leaf.certificate), [V2G]).reason or ""


@POLICIES
def test_with_current_lists_of_every_issuer_a_chain_is_valid(tmp_path: Path, v2g: Pki, policy: CrlPolicy) -> None:
    case = Case(tmp_path, v2g, policy)
    case.put_all()
    assert case.judged() is RESULT.VALID


@POLICIES
@pytest.mark.parametrize("which", ["leaf", "sub2", "sub1"])
def test_whatever_of_the_chain_is_revoked_the_answer_is_unknown(
    tmp_path: Path, v2g: Pki, policy: CrlPolicy, which: str
) -> None:
    """This enumeration has no word for revoked; the reason says it."""
    case = Case(tmp_path, v2g, policy)
    case.put_all({"leaf": case.leaf, "sub2": v2g.issuing, "sub1": v2g.sub1}[which])
    assert case.judged() is RESULT.UNKNOWN
    assert "was revoked" in case.why()
    assert case.store.validate(v2g.stack(case.leaf.certificate), [V2G]).is_revoked


def test_what_no_list_tells_of_is_not_called_revoked(tmp_path: Path, v2g: Pki) -> None:
    case = Case(tmp_path, v2g, CrlPolicy.REQUIRE)
    outcome = case.store.validate(v2g.stack(case.leaf.certificate), [V2G])
    assert outcome.result is RESULT.UNKNOWN
    assert not outcome.is_revoked


State = Callable[[Case], object]


def without(case: Case, name: str) -> None:
    case.put_all()
    (case.lists / name).unlink()


def with_other(case: Case, issuer: Forged | None = None, **changes: object) -> None:
    case.put_all()
    case.put("sub2.crl", issuer or case.v2g.issuing, **changes)


def with_bytes(case: Case, data: bytes) -> None:
    case.put_all()
    put(case.lists / "sub2.crl", data)


def renamed(case: Case, name: str) -> None:
    case.put_all()
    (case.lists / "sub2.crl").rename(case.lists / name)


STATES: dict[str, State] = {
    "no directory": lambda _: None,
    "an empty directory": lambda case: case.lists.mkdir(),
    "no list of the leaf's issuer": lambda case: without(case, "sub2.crl"),
    "no list of the root": lambda case: without(case, "root.crl"),
    "a list that has ended": lambda case: with_other(case, until=NOON - timedelta(seconds=1)),
    "a list of tomorrow": lambda case: with_other(case, since=NOON + timedelta(days=1)),
    "a list by another key": lambda case: with_other(case, Forged(case.v2g.issuing.certificate, leaf(case.v2g).key)),
    "a broken list": lambda case: with_bytes(case, b"\x30\x80broken"),
    "an empty file": lambda case: with_bytes(case, b""),
    "a certificate in its place": lambda case: with_bytes(case, case.v2g.issuing.certificate.to_pem().encode()),
    "a list under a name that isn't read": lambda case: renamed(case, "sub2.txt"),
}
"""States of the directory in which one certificate has no current list."""


@POLICIES
@pytest.mark.parametrize("state", STATES)
def test_a_missing_list_never_means_good_where_lists_are_required(
    tmp_path: Path, v2g: Pki, policy: CrlPolicy, state: str
) -> None:
    case = Case(tmp_path, v2g, policy)
    STATES[state](case)
    assert case.judged() is (RESULT.UNKNOWN if policy is CrlPolicy.REQUIRE else RESULT.VALID)


@POLICIES
@pytest.mark.parametrize("name", ["list.crl", "list.pem", "list.der"])
def test_lists_are_read_in_pem_and_der(tmp_path: Path, v2g: Pki, policy: CrlPolicy, name: str) -> None:
    case = Case(tmp_path, v2g, policy)
    case.put_all()
    (case.lists / "sub2.crl").unlink()
    case.put(name, v2g.issuing, case.leaf)
    assert case.judged() is RESULT.UNKNOWN
    assert "was revoked" in case.why()


def test_without_a_configured_directory_no_list_is_asked(tmp_path: Path, v2g: Pki) -> None:
    case = Case(tmp_path, v2g, CrlPolicy.REQUIRE)
    case.put_all(case.leaf)
    store = open_store(tmp_path, clock=case.clock)
    assert store.verify_certificate(v2g.stack(case.leaf.certificate), [V2G]) is RESULT.VALID


@POLICIES
def test_a_revoked_leaf_is_not_installed(tmp_path: Path, v2g: Pki, policy: CrlPolicy) -> None:
    """station-store.md section 4: Unknown -> InvalidFormat."""
    case = Case(tmp_path, v2g, policy)
    case.put_all()
    csr = case.store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE).csr
    assert csr is not None
    chain = v2g.enrol(csr)
    case.put_all(v2g.issuing)
    outcome = case.store.update_leaf(chain, V2G)
    assert outcome.result is InstallCertificateResult.INVALID_FORMAT
    assert "was revoked" in (outcome.reason or "")
    case.put_all()
    assert case.store.update_leaf(chain, V2G).accepted


def test_a_list_that_changes_behind_our_back_counts_at_once(tmp_path: Path, v2g: Pki) -> None:
    case = Case(tmp_path, v2g, CrlPolicy.REQUIRE)
    case.put_all()
    good = (case.lists / "sub2.crl").read_bytes()
    bad = revocation_list(v2g.issuing, entry(case.leaf.certificate.serial_number))
    for _ in range(3):
        assert case.judged() is RESULT.VALID
        rewrite(case.lists / "sub2.crl", bad)
        assert case.judged() is RESULT.UNKNOWN
        rewrite(case.lists / "sub2.crl", good)


def test_lists_are_current_to_the_second_at_both_ends(tmp_path: Path, v2g: Pki) -> None:
    case = Case(tmp_path, v2g, CrlPolicy.REQUIRE)
    case.put_all()
    for moment, expected in (
        (SINCE, RESULT.VALID),
        (NEXT, RESULT.VALID),
        (NEXT + timedelta(seconds=1), RESULT.UNKNOWN),
    ):
        case.clock.set(moment)
        assert case.judged() is expected, moment


def test_what_is_no_list_is_told_of(tmp_path: Path, v2g: Pki) -> None:
    case = Case(tmp_path, v2g, CrlPolicy.IF_PRESENT)
    assert [Path(one.path).name for one in case.store.findings()] == ["crls"]
    case.put_all()
    assert not case.store.findings()
    put(case.lists / "broken.crl", b"rubbish")
    assert [Path(one.path).name for one in case.store.findings()] == ["broken.crl"]


@POLICIES
def test_openssl_comes_to_the_same_result(tmp_path: Path, v2g: Pki, policy: CrlPolicy) -> None:
    case = Case(tmp_path, v2g, policy)
    one = put(tmp_path / "leaf.pem", case.leaf.certificate.to_pem())
    between = put(tmp_path / "between.pem", v2g.issuing.certificate.to_pem() + v2g.sub1.certificate.to_pem())
    moment = str(int(NOON.timestamp()))
    for revoked in ([], [case.leaf], [v2g.sub1]):
        case.put_all(*revoked)
        lists = put(tmp_path / "all.pem", b"".join(pem(path.read_bytes()) for path in sorted(case.lists.iterdir())))
        trusted = Path(case.store.get_verify_file(DOMAIN))
        command = ["verify", "-crl_check_all", "-attime", moment]
        taken = openssl_takes(*command, "-CRLfile", lists, "-CAfile", trusted, "-untrusted", between, one)
        assert (case.judged() is RESULT.VALID) is taken is (not revoked)


@POLICIES
def test_what_is_installed_is_used_and_listed_whatever_lists_say(tmp_path: Path, v2g: Pki, policy: CrlPolicy) -> None:
    """Lists judge what is to be installed or verified; what the station has in use is its own to replace."""
    case = Case(tmp_path, v2g, policy)
    placed = place(case.store, v2g, case.leaf)
    case.put_all(case.leaf)
    assert info(case.store).key == str(placed.key)
    (entry_of_leaf,) = case.store.get_installed_certificates(["V2GCertificateChain"]).certificate_hash_data_chain
    assert entry_of_leaf.certificate_hash_data == named(case.leaf.certificate, v2g.issuing.certificate)
