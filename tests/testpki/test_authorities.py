"""CAs that roll over and end, and what a stopped rollover leaves."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.chain import Chain, chain_from_bag
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import VerifiedChain, verify
from chainpilot.testpki.authorities import Authorities, NoSuchAuthority, open_authorities
from chainpilot.testpki.cabinet import Cabinet, CabinetError
from chainpilot.testpki.hierarchy import SECC
from chainpilot.testpki.material import Material

EVSE = DistinguishedName("DE", "Operator", "DE*ICE*E123", "CPO").to_name()
KEY = ec.generate_private_key(ec.SECP256R1()).public_key()


def opened(folder: Path, at: datetime, seed: bytes = b"seed") -> Authorities:
    return open_authorities(Cabinet(folder), Material(seed), ocsp_url="http://127.0.0.1:1", at=at)


@pytest.fixture
def authorities(tmp_path: Path, at: datetime) -> Authorities:
    """Every CA, just made."""
    return opened(tmp_path, at)


def leaf_of(authorities: Authorities, at: datetime, context: bytes = b"") -> Certificate:
    return authorities["cpo_sub2"].issue_leaf(EVSE, KEY, SECC, at, context=context)


def assert_leads(leaf: Certificate, bag: tuple[Certificate, ...], root: Certificate, at: datetime) -> None:
    """The leaf's chain, ordered by signature out of what cacerts gives, ends at that root."""
    chain = chain_from_bag(leaf.spki_hash, (leaf, *bag))
    verdict = verify(chain, TrustAnchors.admit([root], allow_test_pki=True), at)
    assert isinstance(verdict, VerifiedChain), verdict


def test_a_rolled_over_sub2_has_another_key_and_serial_number_and_the_same_name(
    authorities: Authorities, at: datetime
) -> None:
    old = authorities["cpo_sub2"].certificate
    new = authorities.roll_over("cpo_sub2", at).certificate
    assert new.subject_der == old.subject_der
    assert new.spki_hash != old.spki_hash
    assert new.serial_number != old.serial_number
    assert new.was_signed_by(authorities["cpo_sub1"].certificate)


def test_leaves_before_and_after_a_rollover_lead_to_the_root_by_their_own_sub2(
    authorities: Authorities, at: datetime
) -> None:
    root, bag = authorities["v2g_root"].certificate, authorities.ca_certificates("cpo_sub2")
    before = leaf_of(authorities, at)
    authorities.roll_over("cpo_sub2", at)
    after = leaf_of(authorities, at, b"after")
    assert_leads(before, bag, root, at)
    assert_leads(after, authorities.ca_certificates("cpo_sub2"), root, at)
    assert not after.was_signed_by(bag[0])
    assert bag[0] not in authorities.ca_certificates("cpo_sub2")


def test_a_rolled_over_root_leaves_two_cross_certificates(authorities: Authorities, at: datetime) -> None:
    old = authorities["v2g_root"].certificate
    new = authorities.roll_over("v2g_root", at).certificate
    crossed = [each for each in authorities.ca_certificates("v2g_root") if each not in {old, new}]
    assert {(each.spki_hash, each.was_signed_by(old), each.was_signed_by(new)) for each in crossed} == {
        (old.spki_hash, False, True),
        (new.spki_hash, True, False),
    }
    assert all(each.is_self_issued and not each.is_self_signed and each.is_test for each in crossed)


def test_a_leaf_from_before_a_root_s_rollover_leads_to_either_root(authorities: Authorities, at: datetime) -> None:
    old, leaf = authorities["v2g_root"].certificate, leaf_of(authorities, at)
    new = authorities.roll_over("v2g_root", at).certificate
    sub2, sub1 = authorities["cpo_sub2"].certificate, authorities["cpo_sub1"].certificate
    (old_with_new,) = (
        each
        for each in authorities.ca_certificates("cpo_sub2")
        if each.spki_hash == old.spki_hash and each.was_signed_by(new)
    )
    for above, root in (((sub2, sub1), old), ((sub2, sub1, old_with_new), new)):
        chain = Chain(leaf, above)
        assert isinstance(verify(chain, TrustAnchors.admit([root], allow_test_pki=True), at), VerifiedChain)


def test_sub_cas_rolled_over_after_their_root_are_signed_by_the_new_one(authorities: Authorities, at: datetime) -> None:
    new = authorities.roll_over("v2g_root", at).certificate
    authorities.roll_over("cpo_sub1", at)
    authorities.roll_over("cpo_sub2", at)
    assert_leads(leaf_of(authorities, at), authorities.ca_certificates("cpo_sub2")[:2], new, at)


def test_a_folder_opened_again_has_every_generation(tmp_path: Path, at: datetime) -> None:
    first = opened(tmp_path, at)
    leaf = leaf_of(first, at)
    for name in ("cpo_sub2", "v2g_root", "v2g_root", "cpo_sub1"):
        first.roll_over(name, at)
    again = opened(tmp_path, at)
    assert set(again.certificates()) == set(first.certificates())
    assert [issuer.generation for issuer in again.generations("v2g_root")] == [2, 0, 1]
    assert again.ca_certificates("cpo_sub2") == first.ca_certificates("cpo_sub2")
    issuer = again.issuer_of(leaf)
    assert issuer is not None
    assert (issuer.plan.name, issuer.generation) == ("cpo_sub2", 0)


@pytest.mark.parametrize("step", range(7))
def test_a_rollover_stopped_at_any_step_leaves_the_old_or_the_new_ca(step: int, tmp_path: Path, at: datetime) -> None:
    authorities = opened(tmp_path, at)
    old, before = authorities["v2g_root"].certificate, set(authorities.certificates())
    cabinet = authorities._cabinet

    class Stopped(Exception):
        """The process ends here."""

    left = step

    def counted(write: object) -> object:
        def stopping(*arguments: object) -> None:
            nonlocal left
            if left == 0:
                raise Stopped
            left -= 1
            write(*arguments)  # type: ignore[operator]  # - one of the cabinet's writers

        return stopping

    for name in ("put_key", "put_certificate", "promote_key"):
        setattr(cabinet, name, counted(getattr(cabinet, name)))
    with pytest.raises(Stopped):
        authorities.roll_over("v2g_root", at)
    again = opened(tmp_path, at)
    assert len(again.generations("v2g_root")) == (2 if step == 6 else 1)
    assert (again["v2g_root"].certificate == old) is (step < 6)
    if step < 6:
        assert set(again.certificates()) == before
    again.roll_over("v2g_root", at)
    assert opened(tmp_path, at)["v2g_root"].certificate == again["v2g_root"].certificate


def test_a_ca_that_was_made_to_end_has_its_key_and_name_and_no_future(authorities: Authorities, at: datetime) -> None:
    old = authorities["cpo_sub2"].certificate
    ended = authorities.expire("cpo_sub2", at).certificate
    assert (ended.spki_hash, ended.subject_der) == (old.spki_hash, old.subject_der)
    assert ended.not_before <= ended.not_after == at - timedelta(minutes=1)
    leaf = leaf_of(authorities, at)
    assert leaf.not_after > at
    assert leaf.was_signed_by(ended)


@pytest.mark.parametrize("name", ["cpo_sub2", "cpo_sub1", "v2g_root"])
def test_a_ca_that_was_made_to_end_is_opened_again(name: str, tmp_path: Path, at: datetime) -> None:
    ended = opened(tmp_path, at).expire(name, at).certificate
    again = opened(tmp_path, at)
    assert again[name].certificate == ended
    assert ended in again.ca_certificates("cpo_sub2")


def test_a_ca_that_has_ended_by_itself_is_a_mistake(tmp_path: Path, at: datetime) -> None:
    opened(tmp_path, at)
    with pytest.raises(CabinetError, match="set the clock right"):
        opened(tmp_path, at + timedelta(days=1000))


def test_another_name_is_none_of_the_hierarchy_s(authorities: Authorities, at: datetime) -> None:
    with pytest.raises(NoSuchAuthority, match="no CA 'cpo_sub3'; it has v2g_root, cpo_sub1"):
        authorities.roll_over("cpo_sub3", at)


def test_a_seed_makes_the_same_rollover_twice(tmp_path: Path, at: datetime) -> None:
    made = [opened(tmp_path / name, at).roll_over("cpo_sub2", at).certificate for name in ("one", "other")]
    assert made[0] == made[1]
