"""The pool: issuers are found by hash data of every digest and by name, and only what an anchor leads to is in it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.cpms.model import (
    TRUST_DECISIONS,
    FingerprintError,
    ImpossibleTrustDecision,
    TrustDecision,
    TrustRecord,
    TrustSource,
    TrustState,
    parse_fingerprint,
)
from chainpilot.cpms.trust import TrustPool
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import HashAlgorithm, hash_data
from chainpilot.pki.trust import TrustDomain
from forge import BEGIN, NOON, forge, v2g_hierarchy
from sims import v2g_ladder

__all__: list[str] = []

LADDER = v2g_ladder()
V2G = TrustDomain.V2G


def record(certificate: Certificate, state: TrustState = TrustState.PROPOSED) -> TrustRecord:
    """A record of it for V2G."""
    return TrustRecord(certificate, V2G, state, TrustSource.FILE, "a file", NOON, NOON, "Ada")


def pool(*records: TrustRecord) -> TrustPool:
    """The pool of the ladder's root and these."""
    return TrustPool.build({V2G: [LADDER.root.certificate]}, records)


@pytest.mark.parametrize("algorithm", HashAlgorithm)
def test_the_issuer_of_every_certificate_of_a_chain_is_found_by_its_hash_data(algorithm: HashAlgorithm) -> None:
    chain = v2g_hierarchy()
    leaf, sub2, sub1, root = chain.certificates
    known = TrustPool.build({V2G: [root]}, [record(sub2), record(sub1)])
    for child, issuer in ((leaf, sub2), (sub2, sub1), (sub1, root), (root, root)):
        named = hash_data(child, issuer, algorithm)
        assert known.issuer_of(named) == issuer
    assert set(known.known()) == {sub2, sub1, root}
    assert known.of_subject(sub2.subject_key) == (sub2,)


def test_an_issuer_is_found_in_every_spelling_and_not_by_half_of_its_name() -> None:
    sub1, sub2 = (sub.certificate for sub in LADDER.subs)
    known, asked = pool(record(sub1), record(sub2)), hash_data(forge("X", LADDER.issuing).certificate, sub2)
    loud = replace(asked, issuer_name_hash=asked.issuer_name_hash.upper(), issuer_key_hash=f"0x{asked.issuer_key_hash}")
    assert known.issuer_of(loud) == sub2
    assert known.issuer_of(replace(asked, issuer_key_hash="0" * 64)) is None
    assert known.issuer_of(replace(asked, issuer_name_hash="0" * 64)) is None


def test_an_issuer_nobody_knows_is_not_found() -> None:
    leaf = v2g_hierarchy()
    assert pool().issuer_of(hash_data(leaf.leaf.certificate, leaf.sub2.certificate)) is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_sub_cas_lead_to_an_anchor_in_whatever_order_they_are_known(order: tuple[int, int]) -> None:
    subs = [sub.certificate for sub in LADDER.subs]
    assert set(pool(*(record(subs[place]) for place in order)).issuers[V2G]) == set(subs)


def test_a_sub_ca_without_the_one_above_it_is_no_issuer() -> None:
    assert pool(record(LADDER.issuing.certificate)).issuers[V2G] == ()


@pytest.mark.parametrize("state", [TrustState.REJECTED, TrustState.WITHDRAWN])
def test_a_sub_ca_that_was_decided_against_leads_nowhere(state: TrustState) -> None:
    sub1, sub2 = (sub.certificate for sub in LADDER.subs)
    assert pool(record(sub1, state), record(sub2)).issuers[V2G] == ()


def test_a_sub_ca_by_a_namesake_of_the_anchor_is_no_issuer() -> None:
    stranger = v2g_ladder()
    assert pool(record(stranger.subs[0].certificate)).issuers[V2G] == ()


def test_a_proposed_root_is_neither_anchor_nor_issuer() -> None:
    stranger = v2g_ladder("Stranger")
    known = pool(*(record(one) for one in stranger.certificates))
    assert known.known() == (LADDER.root.certificate,)


def test_an_approved_sub_ca_is_an_anchor() -> None:
    stranger = v2g_ladder("Stranger")
    known = pool(record(stranger.issuing.certificate, TrustState.APPROVED))
    assert stranger.issuing.certificate in known.anchors_of(V2G).anchors
    assert known.anchors_of(TrustDomain.MO).anchors == ()


def test_of_two_certificates_of_one_ca_the_one_that_ends_last_is_found() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    ends = (BEGIN + timedelta(days=200), BEGIN + timedelta(days=700))
    old, new = (forge("CPO Sub1", LADDER.root, ca=True, key=key, end=end) for end in ends)
    leaf = forge("DE*ICE*E0001", old).certificate
    known = pool(record(new.certificate), record(old.certificate))
    assert known.issuer_of(hash_data(leaf, old.certificate)) == new.certificate


@given(st.binary(min_size=32, max_size=32), st.booleans(), st.sampled_from(["", ":", " "]))
def test_a_fingerprint_is_read_as_tools_print_it(digest: bytes, upper: bool, separator: str) -> None:
    text = digest.hex(separator) if separator else digest.hex()
    assert parse_fingerprint(text.upper() if upper else text) == digest.hex()


@pytest.mark.parametrize("text", ["", "ab", "0" * 63, "0" * 65, "0" * 40, "g" * 64, "abcd..."])
def test_what_is_no_whole_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(FingerprintError):
        parse_fingerprint(text)


@pytest.mark.parametrize("decision", TrustDecision)
@pytest.mark.parametrize("state", TrustState)
def test_every_decision_about_every_state_leads_somewhere_or_is_refused_with_a_sentence(
    state: TrustState, decision: TrustDecision
) -> None:
    before = record(LADDER.root.certificate, state)
    if (state, decision) in TRUST_DECISIONS:
        after = before.after(decision, NOON, "Ada", "")
        assert (after.state, after.version) == (TRUST_DECISIONS[state, decision], 1)
    else:
        with pytest.raises(ImpossibleTrustDecision, match="it is"):
            before.after(decision, NOON, "Ada", "")
