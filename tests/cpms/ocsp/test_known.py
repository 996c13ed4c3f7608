"""The CAs that are known: by signatures up to an anchor, and by nothing else."""

from dataclasses import replace

import pytest

from chainpilot.cpms.ocsp import KnownIssuers
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, hash_data
from forge import forge, v2g_hierarchy

__all__: list[str] = []

V2G = v2g_hierarchy()
ROOT, SUB1, SUB2, LEAF = (one.certificate for one in (V2G.root, V2G.sub1, V2G.sub2, V2G.leaf))


def known(*shown: Certificate, anchors: tuple[Certificate, ...] = (ROOT,)) -> KnownIssuers:
    return KnownIssuers(lambda: anchors, lambda: shown)


@pytest.mark.parametrize("algorithm", HashAlgorithm)
def test_an_issuer_is_found_in_every_digest_and_spelling(algorithm: HashAlgorithm) -> None:
    asked = hash_data(LEAF, SUB2, algorithm)
    loud = CertificateHashData(algorithm, asked.issuer_name_hash.upper(), f"0x{asked.issuer_key_hash}", "0xAB")
    assert known(SUB2, SUB1).issuer_of(asked) == known(SUB2, SUB1).issuer_of(loud) == SUB2
    assert known().issuer_of(hash_data(SUB1, ROOT, algorithm)) == ROOT


def test_a_ca_without_the_one_above_it_is_not_known() -> None:
    assert known(SUB2).issuer_of(hash_data(LEAF, SUB2)) is None


def test_a_ca_of_the_same_name_under_another_key_is_not_known() -> None:
    impostor = forge(SUB1.subject.common_name or "", ca=True).certificate
    assert impostor not in known(impostor, SUB1).known()


def test_what_is_no_ca_is_not_known() -> None:
    assert LEAF not in known(SUB1, SUB2, LEAF).known()


def test_another_root_that_is_shown_is_not_known() -> None:
    other = v2g_hierarchy()
    shown = (other.root.certificate, other.sub1.certificate)
    assert known(*shown).known() == (ROOT,)


def test_either_half_of_the_name_alone_finds_nothing() -> None:
    asked = hash_data(LEAF, SUB2)
    issuers = known(SUB1, SUB2)
    assert issuers.issuer_of(replace(asked, issuer_key_hash="0" * 64)) is None
    assert issuers.issuer_of(replace(asked, issuer_name_hash="0" * 64)) is None


def test_what_is_shown_later_is_known_then() -> None:
    shown: list[Certificate] = []
    issuers = KnownIssuers(lambda: (ROOT,), lambda: tuple(shown))
    assert issuers.issuer_of(hash_data(SUB2, SUB1)) is None
    shown.append(SUB1)
    assert issuers.issuer_of(hash_data(SUB2, SUB1)) == SUB1
    shown.clear()
    assert issuers.known() == (ROOT,)
