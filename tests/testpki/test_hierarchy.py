"""The declared hierarchy, and what is made of it."""

from datetime import datetime
from itertools import pairwise

import pytest

from chainpilot.pki.chain import Chain
from chainpilot.pki.extensions import KeyUsageBit
from chainpilot.pki.profiles import lint
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import VerifiedChain, verify
from chainpilot.testpki.authorities import Authorities
from chainpilot.testpki.declaration import packaged
from chainpilot.testpki.hierarchy import OcspSigner

AUTHORITIES = packaged().authorities
LABELS = packaged().labels
NAMES = [authority.name for authority in AUTHORITIES]


def test_parents_stand_before_their_children_and_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)
    for index, authority in enumerate(AUTHORITIES):
        assert authority.parent is None or authority.parent in NAMES[:index]


@pytest.mark.parametrize("name", NAMES)
def test_every_ca_says_test_and_fits_its_profile(name: str, issuers: Authorities, at: datetime) -> None:
    issuer = issuers[name]
    certificate, plan = issuer.certificate, issuer.plan
    assert certificate.is_test
    assert certificate.is_ca
    assert certificate.valid_at(at)
    assert lint(certificate, plan.profile) == ()
    assert certificate.extensions.path_length == plan.path_length
    assert certificate.extensions.key_usage_is_critical
    assert certificate.extensions.subject_key_id is not None
    assert certificate.extensions.authority_key_id is not None
    assert certificate.subject.domain_component == plan.domain


@pytest.mark.parametrize("name", NAMES)
def test_every_ca_leads_to_its_root(name: str, issuers: Authorities, at: datetime) -> None:
    issuer = issuers[name]
    above = list(issuer.path[1:])
    for child, parent in zip([issuers[name], *above], above, strict=False):
        assert child.certificate.was_signed_by(parent.certificate)
        assert child.certificate.not_after <= parent.certificate.not_after
    assert issuer.path[-1].certificate.is_self_signed


def test_the_anchors_are_refused_unless_a_test_pki_is_allowed(issuers: Authorities) -> None:
    roots = [issuer.certificate for issuer in issuers.values() if issuer.plan.parent is None]
    assert len(TrustAnchors.admit(roots)) == 0
    assert len(TrustAnchors.admit(roots, allow_test_pki=True)) == len(roots)


def test_only_what_has_a_responder_names_one(issuers: Authorities) -> None:
    for issuer in issuers.values():
        parent = issuer.plan.parent
        answered = parent is not None and issuers[parent].plan.ocsp is not OcspSigner.NOBODY
        assert bool(issuer.certificate.ocsp_urls) == answered


def test_cacerts_of_every_label_lead_from_its_ca_to_a_root(issuers: Authorities) -> None:
    for label in LABELS.values():
        chain = issuers.ca_certificates(label.authority)
        assert chain[0] == issuers[label.authority].certificate
        assert all(lower.was_signed_by(upper) for lower, upper in pairwise(chain))
        assert chain[-1].is_self_signed


def test_ca_keys_may_sign_certificates_and_lists(issuers: Authorities) -> None:
    for issuer in issuers.values():
        usage = issuer.certificate.extensions.key_usage or frozenset()
        assert {KeyUsageBit.KEY_CERT_SIGN, KeyUsageBit.CRL_SIGN} <= usage


def test_the_sub_cas_verify_against_the_v2g_root(issuers: Authorities, at: datetime) -> None:
    anchors = TrustAnchors.admit([issuers["v2g_root"].certificate], allow_test_pki=True)
    signer = issuers["cpo_sub2"].issue_ocsp_signer(issuers["cpo_sub2"].key, at)
    chain = Chain(signer, (issuers["cpo_sub2"].certificate, issuers["cpo_sub1"].certificate))
    assert isinstance(verify(chain, anchors, at), VerifiedChain)
