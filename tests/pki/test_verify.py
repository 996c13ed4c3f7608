"""verify: which chains lead to an anchor, when, and which reason a refusal gives."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.certificate import CertificateError, load_certificate, load_certificates
from chainpilot.pki.chain import Chain, chain_from_stack
from chainpilot.pki.paths import MAX_PATHS
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import Reason, Refusal, VerifiedChain, verify
from chains import Plan
from drafts import write
from forge import BEGIN, END, NOON, Forged, Hierarchy, forge, v2g_hierarchy


@pytest.fixture(scope="module")
def v2g() -> Hierarchy:
    return v2g_hierarchy()


def anchors(*forged: Forged) -> TrustAnchors:
    return TrustAnchors.admit([one.certificate for one in forged])


def judge(leaf: Forged, *others: Forged, to: Forged, at: datetime = NOON) -> VerifiedChain | Refusal:
    return verify(Chain(leaf.certificate, tuple(one.certificate for one in others)), anchors(to), at)


def assert_refused(verdict: VerifiedChain | Refusal, reason: Reason) -> Refusal:
    assert isinstance(verdict, Refusal), verdict
    assert verdict.reason is reason, verdict
    assert verdict.detail
    return verdict


def assert_chain_ok(verdict: VerifiedChain | Refusal) -> VerifiedChain:
    assert isinstance(verdict, VerifiedChain), verdict
    return verdict


def test_a_good_chain_leads_to_its_root(v2g: Hierarchy) -> None:
    verified = assert_chain_ok(judge(v2g.leaf, v2g.sub2, v2g.sub1, to=v2g.root))
    assert verified.anchor == v2g.root.certificate
    assert verified.chain.certificates == v2g.certificates[:3]
    assert verified.at == NOON


def test_the_order_of_the_intermediates_plays_no_part(v2g: Hierarchy) -> None:
    verified = assert_chain_ok(judge(v2g.leaf, v2g.sub1, v2g.sub2, to=v2g.root))
    assert verified.intermediates == v2g.certificates[1:3]


def test_one_process_judges_at_t_and_ten_years_later_and_at_t_again(v2g: Hierarchy) -> None:
    chain, trusted = Chain(v2g.certificates[0], v2g.certificates[1:3]), anchors(v2g.root)
    later = NOON + timedelta(days=3650)
    assert_chain_ok(verify(chain, trusted, NOON))
    assert_refused(verify(chain, trusted, later), Reason.EXPIRED)
    assert_chain_ok(verify(chain, trusted, NOON))


def test_threads_judging_at_different_times_do_not_disturb_each_other(v2g: Hierarchy) -> None:
    chain, trusted = Chain(v2g.certificates[0], v2g.certificates[1:3]), anchors(v2g.root)
    moments = [NOON, NOON + timedelta(days=3650)] * 200

    def is_good(at: datetime) -> bool:
        return isinstance(verify(chain, trusted, at), VerifiedChain)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(is_good, moments)) == [True, False] * 200


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (BEGIN - timedelta(seconds=1), Reason.NOT_YET_VALID),
        (BEGIN, None),
        (END, None),
        (END + timedelta(seconds=1), Reason.EXPIRED),
    ],
)
def test_validity_is_inclusive_at_both_ends(at: datetime, reason: Reason | None) -> None:
    root = forge("Root", ca=True, begin=BEGIN - timedelta(days=9), end=END + timedelta(days=9))
    leaf = forge("Leaf", root, begin=BEGIN, end=END)
    verdict = judge(leaf, to=root, at=at)
    if reason is None:
        assert_chain_ok(verdict)
    else:
        assert_refused(verdict, reason)


def test_a_time_in_another_zone_is_the_same_moment() -> None:
    root = forge("Root", ca=True, begin=BEGIN - timedelta(days=9), end=END + timedelta(days=9))
    leaf = forge("Leaf", root, begin=BEGIN, end=END)
    ahead = timezone(timedelta(hours=14))
    assert_chain_ok(judge(leaf, to=root, at=(END - timedelta(hours=1)).astimezone(ahead)))
    assert_refused(judge(leaf, to=root, at=(BEGIN - timedelta(hours=1)).astimezone(ahead)), Reason.NOT_YET_VALID)


def test_a_naive_time_is_our_own_mistake(v2g: Hierarchy) -> None:
    with pytest.raises(ValueError, match="timezone"):
        judge(v2g.leaf, to=v2g.root, at=datetime(2026, 6, 1))  # noqa: DTZ001 - the point of the test


def test_an_expired_intermediate_counts() -> None:
    root = forge("Root", ca=True, end=END + timedelta(days=99))
    sub = forge("Sub", root, ca=True, end=NOON - timedelta(days=1))
    leaf = forge("Leaf", sub)
    refusal = assert_refused(judge(leaf, sub, to=root), Reason.EXPIRED)
    assert refusal.depth == 1
    assert "Sub" in refusal.detail


def test_an_expired_root_counts() -> None:
    root = forge("Root", ca=True, end=NOON - timedelta(days=1))
    assert_refused(judge(forge("Leaf", root), to=root), Reason.EXPIRED)


def test_without_anchors_no_issuer_is_found(v2g: Hierarchy) -> None:
    verdict = verify(Chain(v2g.certificates[0], v2g.certificates[1:3]), TrustAnchors(), NOON)
    assert_refused(verdict, Reason.ISSUER_NOT_FOUND)


def test_a_missing_intermediate_is_an_issuer_not_found(v2g: Hierarchy) -> None:
    refusal = assert_refused(judge(v2g.leaf, v2g.sub1, to=v2g.root), Reason.ISSUER_NOT_FOUND)
    assert "CPO Sub2" in refusal.detail


def test_a_root_sent_along_is_no_anchor(v2g: Hierarchy) -> None:
    stranger = forge("Stranger", ca=True)
    verdict = judge(v2g.leaf, v2g.sub2, v2g.sub1, v2g.root, to=stranger)
    assert_refused(verdict, Reason.ISSUER_NOT_FOUND)


def test_a_namesake_of_the_root_with_another_key_is_a_bad_signature(v2g: Hierarchy) -> None:
    namesake = forge("V2G Root", ca=True, domain="V2G", key_ids=False)
    bare_sub = forge("Sub", forge("V2G Root", ca=True, domain="V2G", key_ids=False), ca=True, key_ids=False)
    leaf = forge("Leaf", bare_sub, key_ids=False)
    assert_refused(judge(leaf, bare_sub, to=namesake), Reason.BAD_SIGNATURE)


def test_a_leaf_signed_by_a_namesake_of_its_issuer_is_a_bad_signature() -> None:
    root = forge("Root", ca=True, key_ids=False)
    impostor = forge("Root", ca=True, key_ids=False)
    assert_refused(judge(forge("Leaf", impostor, key_ids=False), to=root), Reason.BAD_SIGNATURE)


def test_among_namesakes_the_right_one_is_found(v2g: Hierarchy) -> None:
    namesakes = [forge("V2G Root", ca=True, domain="V2G", key_ids=False) for _ in range(5)]
    right = forge("V2G Root", ca=True, domain="V2G", key_ids=False)
    leaf = forge("Leaf", right, key_ids=False)
    verdict = verify(Chain(leaf.certificate), anchors(*namesakes[:3], right, *namesakes[3:]), NOON)
    assert assert_chain_ok(verdict).anchor == right.certificate


def test_the_refusal_of_the_right_but_expired_namesake_is_told() -> None:
    expired = forge("Root", ca=True, key_ids=False, end=NOON - timedelta(days=1))
    wrong = forge("Root", ca=True, key_ids=False)
    leaf = forge("Leaf", expired, key_ids=False)
    assert_refused(verify(Chain(leaf.certificate), anchors(wrong, expired), NOON), Reason.EXPIRED)


def test_more_namesakes_than_the_budget_hide_the_right_one_no_more_than_one_does() -> None:
    namesakes = [forge("Root", ca=True, key_ids=False) for _ in range(MAX_PATHS + 8)]
    leaf = forge("Leaf", namesakes[-1], key_ids=False)
    assert_chain_ok(verify(Chain(leaf.certificate), anchors(*namesakes), NOON))
    assert_refused(verify(Chain(leaf.certificate), anchors(*namesakes[:-1]), NOON), Reason.BAD_SIGNATURE)


def test_a_crowd_of_renewed_sub_cas_does_not_use_up_the_budget() -> None:
    root = forge("Root", ca=True)
    firsts = [forge("Sub1", root, ca=True) for _ in range(9)]
    seconds = [forge("Sub2", firsts[0], ca=True) for _ in range(9)]
    leaf = forge("Leaf", seconds[-1])
    assert_chain_ok(judge(leaf, *firsts, *seconds, to=root))


def test_the_last_of_many_kept_sub_cas_still_helps() -> None:
    root = forge("Root", ca=True)
    subs = [forge(f"Sub {number}", root, ca=True) for number in range(40)]
    assert_chain_ok(judge(forge("Leaf", subs[-1]), *subs, to=root))


@pytest.mark.parametrize("first_trusted", [0, 1])
def test_a_cross_signed_sub_ca_leads_to_either_root(first_trusted: int) -> None:
    roots = [forge("Old Root", ca=True), forge("New Root", ca=True)]
    key = ec.generate_private_key(ec.SECP256R1())
    subs = [forge("Sub", root, ca=True, key=key) for root in roots]
    leaf = forge("Leaf", subs[0])
    verdict = judge(leaf, *subs, to=roots[first_trusted])
    assert assert_chain_ok(verdict).intermediates == (subs[first_trusted].certificate,)


def test_a_dead_cross_certificate_does_not_hide_the_living_path() -> None:
    root = forge("Root", ca=True)
    key = ec.generate_private_key(ec.SECP256R1())
    dead = forge("Sub", root, ca=True, key=key, end=NOON - timedelta(days=1))
    living = forge("Sub", root, ca=True, key=key)
    leaf = forge("Leaf", living)
    assert_chain_ok(judge(leaf, dead, living, to=root))
    assert_chain_ok(judge(leaf, living, dead, to=root))


def test_a_loop_of_cross_certificates_ends() -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    heads = [forge(name, ca=True, key=key) for name, key in zip(("A", "B"), keys, strict=True)]
    loop = [forge("A", heads[1], ca=True, key=keys[0]), forge("B", heads[0], ca=True, key=keys[1])]
    leaf = forge("Leaf", heads[0])
    assert_refused(judge(leaf, *loop, to=forge("Elsewhere", ca=True)), Reason.ISSUER_NOT_FOUND)


def test_a_configured_sub_ca_is_an_anchor_by_itself(v2g: Hierarchy) -> None:
    verified = assert_chain_ok(judge(v2g.leaf, to=v2g.sub2))
    assert verified.anchor == v2g.sub2.certificate


def test_a_ca_is_no_leaf(v2g: Hierarchy) -> None:
    assert_refused(judge(v2g.sub2, v2g.sub1, to=v2g.root), Reason.NOT_A_LEAF)
    assert_refused(judge(v2g.root, to=v2g.root), Reason.NOT_A_LEAF)


def test_a_leaf_that_may_sign_certificates_is_no_leaf(v2g: Hierarchy) -> None:
    leaf = forge("Leaf", v2g.root, usage={"digital_signature": True, "key_cert_sign": True})
    assert_refused(judge(leaf, to=v2g.root), Reason.NOT_A_LEAF)


def test_a_leaf_can_not_issue(v2g: Hierarchy) -> None:
    below = forge("Below", v2g.leaf)
    assert_refused(judge(below, v2g.leaf, v2g.sub2, v2g.sub1, to=v2g.root), Reason.INVALID_CHAIN)


def test_a_path_longer_than_its_ca_allows_is_an_invalid_chain(v2g: Hierarchy) -> None:
    extra = forge("Sub3", v2g.sub2, ca=True)
    leaf = forge("Leaf", extra)
    assert_refused(judge(leaf, extra, v2g.sub2, v2g.sub1, to=v2g.root), Reason.INVALID_CHAIN)


def test_an_unknown_critical_extension_is_an_invalid_chain(v2g: Hierarchy) -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    leaf = forge("Leaf", v2g.root, extensions=((odd, True),))
    assert_refused(judge(leaf, to=v2g.root), Reason.INVALID_CHAIN)


def test_name_constraints_on_distinguished_names_hold(v2g: Hierarchy) -> None:
    inside = x509.DirectoryName(
        x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "FR")]),
    )
    constraint = x509.NameConstraints(permitted_subtrees=[inside], excluded_subtrees=None)
    sub = forge("Sub", v2g.root, ca=True, extensions=((constraint, True),))
    assert_refused(judge(forge("Leaf", sub), sub, to=v2g.root), Reason.INVALID_CHAIN)


@pytest.mark.parametrize("critical", [True, False])
def test_a_ca_that_demands_policies_is_an_invalid_chain(v2g: Hierarchy, *, critical: bool) -> None:
    """No policy is configured here, and what can't be processed isn't passed over (RFC 5280 section 4.2)."""
    demand = x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)
    sub = forge("Sub", v2g.root, ca=True, extensions=((demand, critical),))
    refusal = assert_refused(judge(forge("Leaf", sub), sub, to=v2g.root), Reason.INVALID_CHAIN)
    assert "policy" in refusal.detail


def test_policies_that_nobody_demands_play_no_part(v2g: Hierarchy) -> None:
    policy = x509.PolicyInformation(x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"), None)
    sub = forge("Sub", v2g.root, ca=True, extensions=((x509.InhibitAnyPolicy(0), True),))
    leaf = forge("Leaf", sub, extensions=((x509.CertificatePolicies([policy]), True),))
    assert_chain_ok(judge(leaf, sub, to=v2g.root))


def test_a_malformed_extension_is_an_invalid_chain_and_no_missing_issuer(v2g: Hierarchy) -> None:
    broken = x509.UnrecognizedExtension(x509.NameConstraints.oid, b"\x04\x00")
    sub = forge("Sub", v2g.root, ca=True, extensions=((broken, True),))
    refusal = assert_refused(judge(forge("Leaf", sub), sub, to=v2g.root), Reason.INVALID_CHAIN)
    assert "Sub" in refusal.detail


def test_a_ca_of_version_1_with_extensions_is_an_invalid_chain() -> None:
    """OpenSSL takes its word (RFC 5280 section 6.1.4 (k) doesn't)."""
    plan = Plan(0, Random(20261120), NOON)
    root = plan.new_ca("Root", None)
    sub = plan.new_ca("Sub", root, version=1, has_extensions=True)
    leaf, *sent = (load_certificate(write(draft)) for draft in (plan.new_leaf("Leaf", sub), sub))
    trusted = TrustAnchors.admit([load_certificate(write(root))])
    refusal = assert_refused(verify(Chain(leaf, tuple(sent)), trusted, NOON), Reason.INVALID_CHAIN)
    assert "version 1" in refusal.detail


def test_of_a_weak_path_and_an_expired_one_the_weak_one_is_told() -> None:
    root = forge("Root", ca=True)
    weak = rsa.generate_private_key(65537, 1024)
    subs = [forge("Sub", root, ca=True, key=weak, end=end) for end in (NOON - timedelta(days=1), END)]
    assert_refused(judge(forge("Leaf", subs[0]), *subs, to=root), Reason.WEAK_ALGORITHM)


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP192R1())],
    ids=["rsa-1024", "p-192"],
)
def test_a_weak_leaf_key_is_refused(v2g: Hierarchy, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    assert_refused(judge(forge("Leaf", v2g.root, key=key), to=v2g.root), Reason.WEAK_ALGORITHM)


def test_a_sha1_signature_is_refused(v2g: Hierarchy, tmp_path: Path) -> None:
    """Made by openssl, since `cryptography` no longer signs over SHA-1."""
    key = v2g.root.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "root.key").write_bytes(key)
    (tmp_path / "root.pem").write_text(v2g.root.certificate.to_pem())
    script = """
        openssl ecparam -name prime256v1 -genkey -noout -out leaf.key
        openssl req -new -key leaf.key -subj /CN=Leaf -out leaf.csr
        openssl x509 -req -sha1 -in leaf.csr -CA root.pem -CAkey root.key -set_serial 7 -days 30 -out leaf.pem
    """
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True, capture_output=True)
    (leaf,) = load_certificates((tmp_path / "leaf.pem").read_text())
    assert leaf.signature_hash == "sha1"
    root = forge("V2G Root", ca=True, domain="V2G", key=v2g.root.key, end=leaf.not_after)
    assert_refused(verify(Chain(leaf), anchors(root), leaf.not_before), Reason.WEAK_ALGORITHM)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
        ed448.Ed448PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["p-384", "p-521", "ed25519", "ed448", "rsa-2048"],
)
def test_every_strong_kind_of_key_can_sign_and_be_certified(key: ec.EllipticCurvePrivateKey) -> None:
    root = forge("Root", ca=True, key=key)
    leaf = forge("Leaf", root, key=key)
    assert leaf.certificate.was_signed_by(root.certificate)
    assert_chain_ok(judge(leaf, to=root))


def test_names_that_differ_in_case_and_space_still_chain(v2g: Hierarchy) -> None:
    root = forge("Some   Root", ca=True, organization="ACME", key_ids=False)
    other_spelling = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "acme"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, "some root"),
            x509.NameAttribute(x509.NameOID.DOMAIN_COMPONENT, "cpo"),
        ]
    )
    leaf = forge("Leaf", root, issuer_name=other_spelling, key_ids=False)
    assert_chain_ok(judge(leaf, to=root))


def test_a_certificate_that_says_ca_false_in_so_many_bytes_is_read_and_judged(v2g: Hierarchy) -> None:
    leaf = forge("Leaf", v2g.root, explicit_ca_false=True)
    assert not leaf.certificate.is_ca
    assert_chain_ok(judge(leaf, to=v2g.root))


def test_chains_without_key_identifiers_are_judged_by_their_signatures() -> None:
    root = forge("Root", ca=True, key_ids=False)
    sub = forge("Sub", root, ca=True, key_ids=False)
    assert_chain_ok(judge(forge("Leaf", sub, key_ids=False), sub, to=root))


def test_test_pki_anchors_are_refused_unless_allowed() -> None:
    pretend = v2g_hierarchy(test=True)
    chain = chain_from_stack(pretend.certificates)
    plain = TrustAnchors.admit([pretend.root.certificate])
    assert len(plain) == 0
    assert "test PKI" in plain.refused[0][1]
    assert_refused(verify(chain, plain, NOON), Reason.ISSUER_NOT_FOUND)
    assert_chain_ok(verify(chain, TrustAnchors.admit([pretend.root.certificate], allow_test_pki=True), NOON))


def test_a_leaf_is_never_admitted_as_an_anchor(v2g: Hierarchy) -> None:
    admitted = TrustAnchors.admit([v2g.leaf.certificate])
    assert len(admitted) == 0
    assert "not a CA" in admitted.refused[0][1]


def test_nobody_but_the_verifier_makes_a_verified_chain(v2g: Hierarchy) -> None:
    with pytest.raises(TypeError, match="verify"):
        VerifiedChain(Chain(v2g.leaf.certificate), v2g.root.certificate, NOON, proof=object())
    verified = assert_chain_ok(judge(v2g.leaf, v2g.sub2, v2g.sub1, to=v2g.root))
    with pytest.raises(AttributeError, match="changed"):
        verified.anchor = v2g.leaf.certificate


def test_openssl_on_the_command_line_agrees(v2g: Hierarchy, tmp_path: Path) -> None:
    for name, pem in {
        "root.pem": v2g.root.certificate.to_pem(),
        "subs.pem": v2g.sub1.certificate.to_pem() + v2g.sub2.certificate.to_pem(),
        "leaf.pem": v2g.leaf.certificate.to_pem(),
    }.items():
        (tmp_path / name).write_text(pem)
    moment = str(int(NOON.timestamp()))
    command = ["openssl", "verify", "-attime", moment, "-CAfile", "root.pem", "-untrusted", "subs.pem", "leaf.pem"]
    assert subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout == "leaf.pem: OK\n"


@given(st.binary(max_size=600))
def test_no_bytes_escape_the_error_family_of_certificates(data: bytes) -> None:
    with pytest.raises(CertificateError):
        load_certificate(data)


def test_a_certificate_longer_than_the_bound_is_not_parsed(v2g: Hierarchy) -> None:
    with pytest.raises(CertificateError, match="at most"):
        load_certificate(v2g.leaf.certificate.der.ljust(16 * 1024 + 1, b"\x00"))


def test_times_of_certificates_are_utc(v2g: Hierarchy) -> None:
    assert v2g.root.certificate.not_before == BEGIN
    assert v2g.root.certificate.not_before.tzinfo is UTC
