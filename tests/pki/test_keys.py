"""Kinds of keys: each is made as named, recognised by its public half, and signs over the digest of its strength."""

import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chainpilot.pki.keys import KeySpec, PublicKey, generate_private_key, key_spec_of, key_weakness, signing_hash

OPENSSL_SAYS = {
    KeySpec.P256: "NIST CURVE: P-256",
    KeySpec.P384: "NIST CURVE: P-384",
    KeySpec.P521: "NIST CURVE: P-521",
    KeySpec.ED25519: "ED25519 Private-Key:",
    KeySpec.ED448: "ED448 Private-Key:",
    KeySpec.RSA2048: "Private-Key: (2048 bit, 2 primes)",
    KeySpec.RSA3072: "Private-Key: (3072 bit, 2 primes)",
    KeySpec.RSA4096: "Private-Key: (4096 bit, 2 primes)",
}
DIGESTS = {
    KeySpec.P256: "sha256",
    KeySpec.P384: "sha384",
    KeySpec.P521: "sha512",
    KeySpec.ED25519: None,
    KeySpec.ED448: None,
    KeySpec.RSA2048: "sha256",
    KeySpec.RSA3072: "sha256",
    KeySpec.RSA4096: "sha256",
}


@pytest.mark.parametrize("spec", KeySpec)
def test_a_key_of_every_kind_is_what_its_name_says(spec: KeySpec) -> None:
    key = generate_private_key(spec)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    told = subprocess.run(["openssl", "pkey", "-noout", "-text"], input=pem, check=True, capture_output=True).stdout
    assert OPENSSL_SAYS[spec] in told.decode()
    assert key_spec_of(key.public_key()) is spec
    assert key_weakness(key.public_key()) is None


def test_an_rsa_key_has_the_usual_exponent() -> None:
    public = generate_private_key(KeySpec.RSA2048).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.public_numbers().e == 65537


@pytest.mark.parametrize("spec", KeySpec)
def test_a_key_signs_over_the_digest_of_its_strength(spec: KeySpec) -> None:
    digest = signing_hash(generate_private_key(spec).public_key())
    assert (digest.name if digest else None) == DIGESTS[spec]


@pytest.mark.parametrize(
    ("public", "digest"),
    [
        (ec.generate_private_key(ec.BrainpoolP256R1()).public_key(), "sha256"),
        (ec.generate_private_key(ec.BrainpoolP384R1()).public_key(), "sha384"),
        (ec.generate_private_key(ec.BrainpoolP512R1()).public_key(), "sha512"),
        (rsa.generate_private_key(65537, 2056).public_key(), "sha256"),
    ],
    ids=["brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "RSA of 2056 bits"],
)
def test_a_key_of_a_kind_that_we_never_make_has_no_name_and_still_a_digest(public: PublicKey, digest: str) -> None:
    assert key_spec_of(public) is None
    chosen = signing_hash(public)
    assert chosen is not None
    assert chosen.name == digest
