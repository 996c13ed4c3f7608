"""Chains are ordered by signature; positions, names and doubles mean nothing."""

from itertools import permutations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.chain import MAX_CERTIFICATES, Chain, ChainDefect, ChainError, chain_from_bag, chain_from_stack
from chainpilot.pki.pkcs7 import read_certs_only, write_certs_only
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import VerifiedChain, verify
from forge import END, NOON, forge, v2g_hierarchy

LATER = END.replace(year=2040)
V2G = v2g_hierarchy()
LEAF, SUB2, SUB1, ROOT = V2G.certificates
WHOLE = Chain(LEAF, (SUB2, SUB1))
STRANGERS = (forge("Stranger", ca=True).certificate, forge("Lonely sub", forge("Far", ca=True), ca=True).certificate)


@pytest.mark.parametrize("rest", list(permutations((SUB2, SUB1, ROOT))))
def test_a_stack_with_its_leaf_first_may_have_the_rest_in_any_order(rest: tuple[Certificate, ...]) -> None:
    assert chain_from_stack((LEAF, *rest)) == WHOLE


def test_a_stack_whose_leaf_is_not_first_is_refused() -> None:
    with pytest.raises(ChainError) as caught:
        chain_from_stack((SUB2, LEAF, SUB1))
    assert caught.value.defect is ChainDefect.LEAF_NOT_FIRST
    assert "leaf is not first" in caught.value.why


def test_an_empty_stack_and_an_endless_one_are_refused() -> None:
    with pytest.raises(ChainError) as caught:
        chain_from_stack(())
    assert caught.value.defect is ChainDefect.EMPTY
    chain_from_stack((LEAF,) * MAX_CERTIFICATES)
    with pytest.raises(ChainError) as caught:
        chain_from_stack((LEAF,) * (MAX_CERTIFICATES + 1))
    assert caught.value.defect is ChainDefect.TOO_MANY


@given(st.permutations((LEAF, SUB2, SUB1, ROOT, SUB2, LEAF, *STRANGERS)))
def test_any_permutation_of_a_bag_gives_the_same_chain(bag: list[Certificate]) -> None:
    assert chain_from_bag(LEAF.spki_hash, bag) == WHOLE


@given(st.permutations((LEAF, SUB2, SUB1, ROOT)))
def test_a_bag_that_went_through_pkcs7_gives_the_same_chain(bag: list[Certificate]) -> None:
    assert chain_from_bag(LEAF.spki_hash, read_certs_only(write_certs_only(bag))) == WHOLE


def test_a_bag_without_the_key_of_the_request_has_no_leaf() -> None:
    with pytest.raises(ChainError) as caught:
        chain_from_bag(forge("Other").certificate.spki_hash, (LEAF, SUB2))
    assert caught.value.defect is ChainDefect.NO_LEAF_FOR_KEY


def test_a_bag_with_two_certificates_for_the_key_is_ambiguous() -> None:
    twin = forge("DE*ICE*E0001", V2G.sub2, key=V2G.leaf.key).certificate
    with pytest.raises(ChainError) as caught:
        chain_from_bag(LEAF.spki_hash, (LEAF, twin))
    assert caught.value.defect is ChainDefect.SEVERAL_LEAVES_FOR_KEY


def test_a_namesake_of_a_sub_ca_is_not_taken_for_it() -> None:
    namesake = forge("CPO Sub2", V2G.sub1, ca=True, path_length=0).certificate
    assert chain_from_bag(LEAF.spki_hash, (namesake, LEAF, SUB1, SUB2)) == WHOLE


def test_of_two_certificates_of_one_sub_ca_both_are_kept_the_one_that_ends_last_first() -> None:
    renewed = forge("CPO Sub2", V2G.sub1, ca=True, key=V2G.sub2.key, end=SUB2.not_after.replace(year=2040)).certificate
    assert chain_from_bag(LEAF.spki_hash, (SUB2, LEAF, SUB1, renewed)).intermediates == (renewed, SUB2, SUB1)


@pytest.mark.parametrize("trusted", [0, 1])
def test_a_cross_signed_sub_ca_leads_to_whichever_root_is_trusted(trusted: int) -> None:
    roots = [forge("Root A", ca=True), forge("Root B", ca=True)]
    key = ec.generate_private_key(ec.SECP256R1())
    subs = [forge("Sub", root, ca=True, key=key, end=end) for root, end in zip(roots, (END, LATER), strict=True)]
    leaf = forge("Leaf", subs[0])
    chain = chain_from_stack([leaf.certificate, *(sub.certificate for sub in subs)])
    verified = verify(chain, TrustAnchors.admit([roots[trusted].certificate]), NOON)
    assert isinstance(verified, VerifiedChain), verified
    assert verified.chain.certificates == (leaf.certificate, subs[trusted].certificate)


def test_a_chain_as_a_pem_stack_reads_back_in_its_order() -> None:
    assert load_certificates(WHOLE.to_pem()) == (LEAF, SUB2, SUB1)
