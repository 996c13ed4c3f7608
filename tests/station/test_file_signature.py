"""verify_file_signature against openssl: SHA-256 over the file, RSA PKCS#1 v1.5 or ECDSA, and nothing else."""

import base64
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from certs import FROM, UNTIL, key_pem
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.station import EvseSecurity
from forge import Forged, forge
from stock import openssl, put
from stores import open_store

RSA = generate_private_key(KeySpec.RSA2048)
SIGNING = [
    KeySpec.P256,
    KeySpec.P384,
    KeySpec.P521,
    KeySpec.RSA2048,
    KeySpec.RSA3072,
]


@pytest.fixture
def store(tmp_path: Path) -> EvseSecurity:
    return open_store(tmp_path / "certs")


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    return put(tmp_path / "firmware.bin", os.urandom(300_000))


def signer(spec: KeySpec = KeySpec.P256) -> Forged:
    key = RSA if spec is KeySpec.RSA2048 else generate_private_key(spec)
    return forge("Manufacturer", key=key, begin=FROM, end=UNTIL)


def signed(firmware: Path, one: Forged, *options: str, digest: str = "-sha256") -> str:
    """What openssl signs, as base64."""
    key = put(firmware.with_suffix(".key"), key_pem(one.key))
    openssl("dgst", digest, "-sign", key, *options, "-out", firmware.with_suffix(".sig"), firmware)
    return base64.b64encode(firmware.with_suffix(".sig").read_bytes()).decode()


def holds(store: EvseSecurity, firmware: Path, one: Forged, signature: str) -> bool:
    return store.verify_file_signature(str(firmware), one.certificate.to_pem(), signature)


@pytest.mark.parametrize("spec", SIGNING)
def test_what_openssl_signs_holds(store: EvseSecurity, firmware: Path, spec: KeySpec) -> None:
    one = signer(spec)
    assert holds(store, firmware, one, signed(firmware, one))


@pytest.mark.parametrize("spec", [KeySpec.P256, KeySpec.RSA2048])
def test_of_another_key_file_or_signature_it_does_not(store: EvseSecurity, firmware: Path, spec: KeySpec) -> None:
    one = signer(spec)
    signature = signed(firmware, one)
    assert not holds(store, firmware, signer(KeySpec.P256), signature)
    made = base64.b64decode(signature)
    for wrong in (made[:-1], made + b"\0", made[:-1] + bytes([made[-1] ^ 1]), b"", bytes(len(made))):
        assert not holds(store, firmware, one, base64.b64encode(wrong).decode()), wrong
    data = firmware.read_bytes()
    for other in (data[:-1], data + b"\0", data[:1000] + b"\0" + data[1001:], b""):
        firmware.write_bytes(other)
        assert holds(store, firmware, one, signature) is (other == data)
    firmware.write_bytes(data)
    assert holds(store, firmware, one, signature)


@pytest.mark.parametrize("digest", ["-sha1", "-sha384", "-sha512"])
@pytest.mark.parametrize("spec", [KeySpec.P256, KeySpec.P521, KeySpec.RSA2048])
def test_another_digest_is_not_taken(store: EvseSecurity, firmware: Path, spec: KeySpec, digest: str) -> None:
    one = signer(spec)
    assert not holds(store, firmware, one, signed(firmware, one, digest=digest))


@pytest.mark.parametrize("salt", ["digest", "max", "0"])
def test_l01_04_rsa_pss_is_taken_and_only_over_that_file(store: EvseSecurity, firmware: Path, salt: str) -> None:
    one = signer(KeySpec.RSA2048)
    options = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", f"rsa_pss_saltlen:{salt}")
    signature = signed(firmware, one, *options)
    assert holds(store, firmware, one, signature)
    assert not holds(store, firmware, signer(KeySpec.P256), signature)
    assert not holds(store, firmware, one, signed(firmware, one, *options, digest="-sha512"))
    firmware.write_bytes(firmware.read_bytes() + b"\0")
    assert not holds(store, firmware, one, signature)


@pytest.mark.parametrize("spec", [KeySpec.ED25519, KeySpec.ED448])
def test_a_key_that_signs_no_digest_is_not_taken(store: EvseSecurity, firmware: Path, spec: KeySpec) -> None:
    one = signer(spec)
    signature = one.key.sign(firmware.read_bytes())  # type: ignore[call-arg]  # - an Edwards key signs so
    assert not holds(store, firmware, one, base64.b64encode(signature).decode())


def test_a_weak_key_is_not_taken(store: EvseSecurity, firmware: Path) -> None:
    for bits, expected in ((1024, False), (2047, False), (2048, True)):
        key = RSA if bits == 2048 else rsa.generate_private_key(65537, bits)
        one = forge("Manufacturer", key=key, begin=FROM, end=UNTIL)
        assert holds(store, firmware, one, signed(firmware, one)) is expected, bits


def test_the_first_certificate_of_a_chain_is_the_signer_s(store: EvseSecurity, firmware: Path) -> None:
    above = forge("MF Root", ca=True, begin=FROM, end=UNTIL)
    one = forge("Manufacturer", above, begin=FROM, end=UNTIL)
    signature = signed(firmware, one)
    chain = one.certificate.to_pem() + above.certificate.to_pem()
    assert store.verify_file_signature(str(firmware), chain, signature)
    assert not store.verify_file_signature(str(firmware), above.certificate.to_pem() + chain, signature)


def test_white_space_in_the_base64_means_nothing(store: EvseSecurity, firmware: Path) -> None:
    one = signer()
    signature = signed(firmware, one)
    lines = "\n".join(signature[start : start + 20] for start in range(0, len(signature), 20))
    assert holds(store, firmware, one, f" {lines}\r\n")
    assert not holds(store, firmware, one, signature.rstrip("=")[:-1] + "!")


def test_a_signature_is_read_up_to_its_bound(store: EvseSecurity, firmware: Path) -> None:
    one = signer()
    signature = signed(firmware, one)
    room = 8192 - len(signature)
    for spaces, expected in ((room - 1, True), (room, True), (room + 1, False)):
        assert holds(store, firmware, one, signature + " " * spaces) is expected, spaces


def test_what_is_no_readable_file_is_signed_by_nobody(store: EvseSecurity, firmware: Path, tmp_path: Path) -> None:
    one = signer()
    signature = signed(firmware, one)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    for path in (
        "",
        "/nowhere",
        str(tmp_path),
        str(tmp_path / "pipe"),
        str(tmp_path / "circle"),
        "a\0b",
        "/dev/null/x",
    ):
        assert not store.verify_file_signature(path, one.certificate.to_pem(), signature), path
    (tmp_path / "link").symlink_to(firmware)
    assert holds(store, tmp_path / "link", one, signature)


def test_an_empty_file_has_a_signature_like_any_other(store: EvseSecurity, tmp_path: Path) -> None:
    empty = put(tmp_path / "empty.bin", b"")
    one = signer()
    assert holds(store, empty, one, signed(empty, one))
