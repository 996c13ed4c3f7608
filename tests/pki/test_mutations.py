"""verify under damaged certificates: no exception, and nothing accepted but what was issued."""

import random
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from cryptography.utils import CryptographyDeprecationWarning

from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate, load_certificates
from chainpilot.pki.chain import Chain, ChainError, chain_from_stack
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import Refusal, VerifiedChain, verify
from forge import NOON, Hierarchy, v2g_hierarchy
from mutations import damaged_der, damaged_text, grafted

FULL = 10_000
FEWEST = 500


@pytest.fixture(scope="module")
def v2g() -> Hierarchy:
    return v2g_hierarchy()


@pytest.fixture(autouse=True)
def odd_serials() -> Iterator[None]:
    """The library warns of serial numbers that aren't positive; what comes of them is what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        yield


def read(der: bytes) -> Certificate | None:
    try:
        return load_certificate(der)
    except CertificateError:
        return None


def judge(ders: Sequence[bytes], trusted: TrustAnchors) -> VerifiedChain | Refusal | None:
    """None when the first certificate can't be read: nobody asks about such a one."""
    leaf, *others = map(read, ders)
    return verify(Chain(leaf, tuple(one for one in others if one)), trusted, NOON) if leaf else None


@pytest.mark.scaled
def test_ten_thousand_mutated_chains_give_no_exception_and_no_false_accept(v2g: Hierarchy, scale: float) -> None:
    dice = random.Random(20261121)
    trusted = TrustAnchors.admit([v2g.root.certificate])
    originals = [one.der for one in v2g.certificates]
    told = Counter[str]()
    for _ in range(max(FEWEST, round(FULL * scale))):
        ders = originals[:3]
        for place in dice.sample(range(3), dice.choice((1, 1, 1, 2, 3))):
            other = dice.choice([one for one in originals if one != ders[place]])
            ders[place] = (
                grafted(ders[place], other, dice) if dice.random() < 0.1 else damaged_der(ders[place], dice)[1]
            )
        verdict = judge(ders, trusted)
        told["accepted" if isinstance(verdict, VerifiedChain) else type(verdict).__name__] += 1
        if isinstance(verdict, VerifiedChain):
            path = [one.der for one in (*verdict.chain.certificates, verdict.anchor)]
            assert path == originals, "a mutated certificate was accepted"
    assert told["Refusal"] > 0, "some mutations should leave a readable leaf, else the parser alone is tested"


@pytest.mark.scaled
def test_mutated_anchors_give_no_exception_and_lead_nowhere_else(v2g: Hierarchy, scale: float) -> None:
    """An anchor's own signature proves nothing, but its name and key must be the ones that signed."""
    dice = random.Random(20261122)
    leaf, *others = v2g.certificates[:3]
    for _ in range(max(FEWEST, round(FULL * scale))):
        anchor = read(damaged_der(v2g.root.certificate.der, dice)[1])
        if anchor is None:
            continue
        verdict = verify(Chain(leaf, tuple(others)), TrustAnchors.admit([anchor]), NOON)
        if isinstance(verdict, VerifiedChain):
            assert anchor.public_key == v2g.root.certificate.public_key
            assert anchor.subject_key == v2g.root.certificate.subject_key


@pytest.mark.scaled
def test_mutated_texts_give_no_exception_and_no_false_accept(v2g: Hierarchy, scale: float) -> None:
    dice = random.Random(20261123)
    trusted = TrustAnchors.admit([v2g.root.certificate])
    text = "".join(one.to_pem() for one in v2g.certificates[:3])
    accepted = 0
    for _ in range(max(FEWEST, round(FULL * scale))):
        _, mutated = damaged_text(text, dice)
        try:
            chain = chain_from_stack(load_certificates(mutated))
        except (EncodingError, CertificateError, ChainError):
            continue
        verdict = verify(chain, trusted, NOON)
        if isinstance(verdict, VerifiedChain):
            accepted += 1
            assert verdict.chain.certificates == v2g.certificates[:3]
    assert accepted > 0, "white space and order play no part, so that some texts still hold the chain"
