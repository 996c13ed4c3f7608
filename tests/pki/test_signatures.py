"""Signed: an algorithm counts in one spelling, and only the key that made a signature is told to have made it."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519

from chainpilot.pki.der import DerError, read_one
from chainpilot.pki.signatures import Signed
from derwriter import bit_string, key_algorithm, octets, oid, sequence, signature

CONTENT = sequence(octets(b"what is signed"))
KEYS: dict[str, Any] = {
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-521": ec.generate_private_key(ec.SECP521R1()),
    "RSA": rsa.generate_private_key(65537, 2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "Ed448": ed448.Ed448PrivateKey.generate(),
}
CASES = [
    *((kind, digest, False) for kind in ("P-256", "P-521", "RSA") for digest in ("sha256", "sha384", "sha512")),
    *(("RSA", digest, True) for digest in ("sha256", "sha384", "sha512")),
    ("Ed25519", "sha512", False),
    ("Ed448", "sha512", False),
]


def made(kind: str, digest: str, *, pss: bool = False, content: bytes = CONTENT) -> Signed:
    key = KEYS[kind]
    algorithm = read_one(key_algorithm(key, digest, pss=pss))
    return Signed(content, algorithm, signature(key, CONTENT, digest, pss=pss))


@pytest.mark.parametrize(("kind", "digest", "pss"), CASES)
def test_the_key_that_signed_is_told_from_all_others(kind: str, digest: str, *, pss: bool) -> None:
    signed = made(kind, digest, pss=pss)
    assert signed.weakness is None
    assert [other for other, key in KEYS.items() if signed.was_made_by(key.public_key())] == [kind]
    assert not made(kind, digest, pss=pss, content=CONTENT + b"\x00").was_made_by(KEYS[kind].public_key())


@pytest.mark.parametrize(
    ("kind", "digest", "name"),
    [
        ("P-256", "sha256", "ecdsa-with-SHA256"),
        ("P-521", "sha512", "ecdsa-with-SHA512"),
        ("RSA", "sha384", "sha384WithRSA"),
        ("Ed448", "sha512", "Ed448"),
    ],
)
def test_an_algorithm_is_told_in_the_words_of_its_standard(kind: str, digest: str, name: str) -> None:
    assert made(kind, digest).algorithm_name == name


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        (sequence(oid("1.2.840.10045.4.1")), "ecdsa-with-SHA1"),
        (sequence(oid("1.2.840.113549.1.1.5"), b"\x05\x00"), "sha1WithRSA"),
        (sequence(oid("1.2.840.113549.1.1.4"), b"\x05\x00"), "md5WithRSA"),
        (sequence(oid("1.2.840.10045.4.3.1")), "ecdsa-with-SHA224"),
        (sequence(oid("1.2.840.113549.1.1.10"), sequence()), "RSASSA-PSS with parameters not in use here"),
        (sequence(oid("1.2.3.4")), "1.2.3.4"),
        (sequence(oid("1.2.840.10045.4.3.2"), b"\x05\x00"), "1.2.840.10045.4.3.2"),
        (sequence(oid("1.2.840.113549.1.1.11")), "1.2.840.113549.1.1.11"),
    ],
)
def test_what_doesnt_count_is_named_and_never_holds(algorithm: bytes, name: str) -> None:
    for key in KEYS.values():
        signed = Signed(CONTENT, read_one(algorithm), signature(key, CONTENT, "sha256"))
        assert signed.algorithm_name == name
        assert signed.weakness is not None
        assert name in signed.weakness
        assert not signed.was_made_by(key.public_key())


def test_a_key_that_makes_no_signatures_made_none() -> None:
    agreement: Any = x25519.X25519PrivateKey.generate().public_key()
    assert not any(made(kind, digest, pss=pss).was_made_by(agreement) for kind, digest, pss in CASES)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [CONTENT, sequence(oid("1.2.3"))],
        [CONTENT, sequence(oid("1.2.3")), octets(b"\x00x")],
        [CONTENT, sequence(oid("1.2.3")), bit_string(b"x", 1)],
    ],
)
def test_what_isnt_content_algorithm_and_whole_octets_is_refused(parts: list[bytes]) -> None:
    with pytest.raises(DerError):
        Signed.from_parts([read_one(part) for part in parts])


def test_an_algorithm_that_is_none_has_no_name() -> None:
    for algorithm in (octets(b""), sequence(), sequence(octets(b"1"))):
        with pytest.raises(DerError):
            _ = Signed(CONTENT, read_one(algorithm), b"").algorithm_name
