"""Keys and serial numbers of the test PKI."""

from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.keys import spki_hash
from chainpilot.testpki.material import Material


@given(st.binary(max_size=40), st.text(max_size=20))
def test_a_seed_decides_every_key_and_serial_number(seed: bytes, name: str) -> None:
    one, other = Material(seed), Material(seed)
    assert one.is_deterministic
    assert spki_hash(one.key(name).public_key()) == spki_hash(other.key(name).public_key())
    assert one.serial(name.encode()) == other.serial(name.encode())


def test_another_name_or_context_gives_another_value() -> None:
    material = Material(b"seed")
    assert spki_hash(material.key("a").public_key()) != spki_hash(material.key("b").public_key())
    assert material.serial(b"ab", b"c") != material.serial(b"a", b"bc")


def test_without_a_seed_nothing_repeats() -> None:
    material = Material()
    assert not material.is_deterministic
    assert material.serial(b"a") != material.serial(b"a")
    assert spki_hash(material.key("a").public_key()) != spki_hash(material.key("a").public_key())


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_serial_numbers_are_positive_and_of_at_most_20_octets(seed: bytes, context: bytes) -> None:
    assert 0 < Material(seed).serial(context) < 1 << 159
