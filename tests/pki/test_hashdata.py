"""Hash data: what OCSP computes, and one rule for comparing."""

import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from chainpilot.pki.chain import Chain
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, chain_hash_data, hash_data, normal_hex
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import VerifiedChain, verify
from forge import NOON, forge, v2g_hierarchy

V2G = v2g_hierarchy()


@pytest.mark.parametrize("algorithm", HashAlgorithm)
def test_openssl_computes_the_same_hashes(algorithm: HashAlgorithm, tmp_path: Path) -> None:
    (tmp_path / "leaf.pem").write_text(V2G.leaf.certificate.to_pem())
    (tmp_path / "issuer.pem").write_text(V2G.sub2.certificate.to_pem())
    digest = f"-{algorithm.value.lower()}"
    command = ["openssl", "ocsp", digest, "-issuer", "issuer.pem", "-cert", "leaf.pem", "-req_text", "-no_nonce"]
    printed = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    unwrapped = printed.replace("\\\n", "")
    found = dict(re.findall(r"(Issuer Name Hash|Issuer Key Hash|Serial Number): ([0-9A-F]+)", unwrapped))
    data = hash_data(V2G.leaf.certificate, V2G.sub2.certificate, algorithm)
    assert data.issuer_name_hash == found["Issuer Name Hash"].lower()
    assert data.issuer_key_hash == found["Issuer Key Hash"].lower()
    assert data.serial_number == normal_hex(found["Serial Number"])


def test_a_chain_gives_one_entry_a_certificate_leaf_first_without_the_root() -> None:
    chain = Chain(V2G.leaf.certificate, (V2G.sub2.certificate, V2G.sub1.certificate))
    verified = verify(chain, TrustAnchors.admit([V2G.root.certificate]), NOON)
    assert isinstance(verified, VerifiedChain)
    assert chain_hash_data(verified) == (
        hash_data(V2G.leaf.certificate, V2G.sub2.certificate),
        hash_data(V2G.sub2.certificate, V2G.sub1.certificate),
        hash_data(V2G.sub1.certificate, V2G.root.certificate),
    )


def test_the_issuer_name_is_hashed_as_it_stands_in_the_certificate() -> None:
    spelt = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "root")])
    root = forge("ROOT", ca=True, subject=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ROOT")]))
    upper = hash_data(forge("Leaf", root).certificate, root.certificate)
    lower = hash_data(forge("Leaf", root, issuer_name=spelt).certificate, root.certificate)
    assert upper.issuer_name_hash != lower.issuer_name_hash
    assert upper.issuer_key_hash == lower.issuer_key_hash


@pytest.mark.parametrize(
    ("text", "normal"),
    [("0A", "a"), ("0x0A", "a"), ("0", "0"), ("000", "0"), ("", "0"), ("FF00", "ff00"), (" 1 ", "1")],
)
def test_serial_numbers_have_one_form(text: str, normal: str) -> None:
    assert normal_hex(text) == normal


def test_comparison_disregards_case_prefix_and_leading_zeros() -> None:
    data = hash_data(forge("Leaf", serial=0x0ABC, end=NOON + timedelta(days=1)).certificate, V2G.root.certificate)
    shouted = CertificateHashData(
        data.hash_algorithm, data.issuer_name_hash.upper(), data.issuer_key_hash.upper(), "0x000ABC"
    )
    assert data.serial_number == "abc"
    assert data.matches(shouted)
    assert not data.matches(hash_data(V2G.leaf.certificate, V2G.sub2.certificate))
    other_digest = hash_data(V2G.leaf.certificate, V2G.sub2.certificate, HashAlgorithm.SHA512)
    assert not hash_data(V2G.leaf.certificate, V2G.sub2.certificate).matches(other_digest)
