"""References to keys on tokens: their bytes are those of OpenSSL's pkcs11-provider, and nothing in them goes astray."""

import base64
import subprocess
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pkcs11.reference import MAX_URI, KeyReference
from chainpilot.station.adapters.pkcs11.reference import (
    LABEL,
    is_reference,
    read_reference,
    write_reference,
)
from chainpilot.station.providers import KeyFileError
from chainpilot.station.providers.armour import find_armour, write_armour

REFERENCE = KeyReference("station", bytes.fromhex("00ff3b25"), "chainpilot-SECC_LEAF_1")
URI = "pkcs11:token=station;id=%00%FF%3B%25;object=chainpilot-SECC_LEAF_1;type=private"


def of_uri(uri: str, description: str = "PKCS#11 Provider URI v1.0") -> bytes:
    """A key file by OpenSSL's own ASN.1 writer."""
    fields = f'description="VISIBLESTRING:{description}"\nuri="FORMAT:UTF8,UTF8String:{uri}"\n'
    recipe = f"asn1=SEQUENCE:file\n[file]\n{fields}"
    words = ["openssl", "asn1parse", "-genconf", "/dev/stdin", "-noout", "-out", "/dev/stdout"]
    der = subprocess.run(words, input=recipe.encode(), check=True, capture_output=True).stdout
    return write_armour(LABEL, der)


def test_the_bytes_are_those_that_openssl_writes_for_the_same_uri() -> None:
    assert write_reference(REFERENCE) == of_uri(URI)


def test_the_lines_are_those_of_a_pem_file() -> None:
    lines = write_reference(REFERENCE).decode().splitlines()
    assert lines[0] == "-----BEGIN PKCS#11 PROVIDER URI-----"
    assert lines[-1] == "-----END PKCS#11 PROVIDER URI-----"
    assert URI.encode() in base64.b64decode("".join(lines[1:-1]))


@given(
    st.text(max_size=32),
    st.binary(min_size=1, max_size=32),
    st.text(max_size=40),
)
def test_what_is_written_is_read_back(token: str, identity: bytes, label: str) -> None:
    reference = KeyReference(token or None, identity, label or None)
    assert is_reference(write_reference(reference))
    assert read_reference(write_reference(reference)) == reference


@pytest.mark.parametrize(
    ("uri", "reference"),
    [
        ("pkcs11:id=%01", KeyReference(None, b"\x01", None)),
        ("pkcs11:object=my%20key", KeyReference(None, None, "my key")),
        ("pkcs11:model=SoftHSM%20v2;serial=1;token=x;id=%01", KeyReference("x", b"\x01", None)),
        ("pkcs11:id=%01;type=private?pin-source=file:/run/pin", KeyReference(None, b"\x01", None)),
        ("pkcs11:token=a%3Bb%3Dc;id=A%42", KeyReference("a;b=c", b"AB", None)),
    ],
)
def test_a_reference_that_somebody_else_wrote_is_read(uri: str, reference: KeyReference) -> None:
    assert read_reference(of_uri(uri)) == reference


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", f"holds no {LABEL}"),
        (write_reference(REFERENCE)[:60], "breaks off"),
        (write_armour(LABEL, b"\x30\x02\x0c\x00"), f"holds a broken {LABEL}"),
        (write_armour(LABEL, b"\x30\x7f"), f"holds a broken {LABEL}"),
        (of_uri(URI, description="PKCS#11 Provider URI v9.9"), f"holds a broken {LABEL}"),
        (of_uri("https:id=%01"), "doesn't begin with pkcs11:"),
        (of_uri("pkcs11:id=%01;id=%02"), "an attribute stands twice"),
        (of_uri("pkcs11:id=%01;object=%FF"), "a name that is no UTF-8"),
        (of_uri("pkcs11:id=%01;type=cert"), "names an object that is no private key"),
        (of_uri("pkcs11:token=station"), "names a token and no key on it"),
        (of_uri("pkcs11:id=;object="), "names a token and no key on it"),
    ],
)
def test_what_names_no_private_key_is_told(data: bytes, why: str) -> None:
    with pytest.raises(KeyFileError, match=why):
        read_reference(data)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_a_uri_has_a_bounded_length(over: int) -> None:
    data = of_uri("pkcs11:id=%01;object=".ljust(MAX_URI + over, "x"))
    if over <= 0:
        read_reference(data)
        return
    with pytest.raises(KeyFileError, match=f"holds a URI of {MAX_URI + 1} characters; at most {MAX_URI} are read"):
        read_reference(data)


@given(st.binary(max_size=200))
def test_no_bytes_escape_the_error_family(data: bytes) -> None:
    for whole in (data, write_armour(LABEL, data)):
        with pytest.raises(KeyFileError):
            read_reference(whole)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_no_changed_octet_escapes_the_error_family(place: int, octet: int) -> None:
    armour = find_armour(write_reference(REFERENCE))
    assert armour is not None
    der = bytearray(armour.der())
    der[place % len(der)] = octet
    with suppress(KeyFileError):
        read_reference(write_armour(LABEL, bytes(der)))
