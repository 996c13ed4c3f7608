"""Key providers: every form of key file opens by its password and by none else, and no secret shows in what is said."""

import subprocess
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.csr import build_csr, inspect_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, PrivateKey, generate_private_key, key_spec_of, spki_hash
from chainpilot.station.providers import (
    MAX_KEY_FILE_BYTES,
    FileKeys,
    KeyFileError,
    KeyMakingError,
    KeyProvider,
    provider_of,
)
from chainpilot.station.providers.armour import write_armour
from chainpilot.station.providers.derivation import MAX_DERIVATION_ROUNDS, MAX_SCRYPT_COST, derivation_objection
from chainpilot.station.providers.files import MAX_READ_RSA_BITS

PASSWORD = "correct horse battery"
KEY = generate_private_key(KeySpec.P256)
RSA_KEY = generate_private_key(KeySpec.RSA2048)
PLAIN, LOCKED = FileKeys(), FileKeys(PASSWORD)
ENCRYPTED_DER = KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))
NAME = DistinguishedName("DE", "Operator", "DE*ICE*E1", "CPO")


def pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def openssl(*words: str, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], input=given, check=True, capture_output=True).stdout


def assert_refused(provider: KeyProvider, data: bytes, why: str) -> None:
    for ask in (provider.public_half, provider.signer):
        with pytest.raises(KeyFileError, match=why) as caught:
            ask(data)
        assert PASSWORD not in str(caught.value)


def assert_opens(provider: KeyProvider, data: bytes, key: PrivateKey) -> None:
    assert provider.recognises(data)
    assert provider_of([provider], data) is provider
    assert spki_hash(provider.public_half(data)) == spki_hash(key.public_key())
    assert spki_hash(provider.signer(data).public_key()) == spki_hash(key.public_key())


def integer(value: int) -> bytes:
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def der(tag: int, *inside: bytes) -> bytes:
    content = b"".join(inside)
    assert len(content) < 128
    return bytes((tag, len(content))) + content


PBES2 = bytes.fromhex("06092a864886f70d01050d")
PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
SCRYPT = bytes.fromhex("06092b06010401da47040b")
AES = der(0x30, bytes.fromhex("060960864801650304012a"), der(0x04, bytes(16)))


def encrypted(derivation: bytes, *numbers: bytes) -> bytes:
    """An EncryptedPrivateKeyInfo of 16 octets under AES-256 (RFC 8018 appendix A.4), its numbers as given."""
    way = der(0x30, derivation, der(0x30, der(0x04, b"saltsalt"), *numbers))
    return der(0x30, der(0x30, PBES2, der(0x30, way, AES)), der(0x04, bytes(16)))


def rsa_of(bits: int) -> bytes:
    """An RSA key of that length whose factors are no primes: to make a real one would take a minute."""
    p, q = (3 << (half - 2) | 1 for half in (bits // 2, bits - bits // 2))
    d = 5
    public = rsa.RSAPublicNumbers(65537, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), 3, public)
    return pem(numbers.private_key(unsafe_skip_rsa_key_validation=True))


class TestMaking:
    @pytest.mark.parametrize("spec", KeySpec)
    def test_a_key_of_every_kind_is_made_signs_and_is_read_back(self, spec: KeySpec) -> None:
        made = LOCKED.make(spec, "SECC_LEAF_1")
        assert key_spec_of(LOCKED.public_half(made.file)) is spec
        assert inspect_csr(build_csr(LOCKED.signer(made.file), NAME)).spki_hash == spki_hash(made.signer.public_key())

    def test_a_password_encrypts_new_keys(self) -> None:
        made = LOCKED.make(KeySpec.P256, "x")
        assert made.file.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
        openssl("pkey", "-noout", "-passin", f"pass:{PASSWORD}", given=made.file)

    @pytest.mark.parametrize("provider", [PLAIN, FileKeys(PASSWORD, encrypt=False)], ids=["none", "not for new keys"])
    def test_without_a_password_for_new_keys_they_are_plain_pkcs8(self, provider: FileKeys) -> None:
        made = provider.make(KeySpec.P256, "x")
        assert made.file.startswith(b"-----BEGIN PRIVATE KEY-----\n")
        openssl("pkey", "-noout", given=made.file)

    def test_a_generator_that_fails_is_told_in_our_own_family(self) -> None:
        def broken(_: KeySpec) -> PrivateKey:
            raise MemoryError(PASSWORD)

        with pytest.raises(KeyMakingError, match=r"no P-256 key could be made: MemoryError$"):
            FileKeys(PASSWORD, generate=broken).make(KeySpec.P256, "x")

    def test_a_password_longer_than_the_library_takes_is_told_without_it(self) -> None:
        long = PASSWORD * 100
        with pytest.raises(KeyMakingError) as caught:
            FileKeys(long).make(KeySpec.P256, "x")
        assert PASSWORD not in str(caught.value)

    def test_no_secret_shows_in_a_repr(self) -> None:
        made = LOCKED.make(KeySpec.P256, "x")
        assert repr(LOCKED) == "FileKeys(encrypt=True)"
        assert repr(made) == "MadeKey()"


class TestForms:
    @pytest.mark.parametrize(
        "words",
        [
            ("pkey",),
            ("pkey", "-outform", "DER"),
            ("pkey", "-traditional"),
            ("pkey", "-traditional", "-outform", "DER"),
            ("pkcs8", "-topk8", "-nocrypt", "-outform", "DER"),
        ],
        ids=" ".join,
    )
    @pytest.mark.parametrize("key", [KEY, RSA_KEY], ids=["ec", "rsa"])
    @pytest.mark.parametrize("provider", [PLAIN, LOCKED], ids=["no password", "a password"])
    def test_a_key_that_is_not_encrypted_opens_with_a_password_and_without(
        self, provider: FileKeys, key: PrivateKey, words: tuple[str, ...]
    ) -> None:
        assert_opens(provider, openssl(*words, given=pem(key)), key)

    @pytest.mark.parametrize(
        "words",
        [
            ("pkey", "-aes256"),
            ("pkey", "-traditional", "-aes128"),
            ("pkey", "-traditional", "-des3"),
            ("pkcs8", "-topk8", "-v2", "aes-256-cbc", "-outform", "DER"),
            ("pkcs8", "-topk8", "-scrypt"),
            ("pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"),
        ],
        ids=" ".join,
    )
    def test_an_encrypted_key_opens_with_its_password_only(self, words: tuple[str, ...]) -> None:
        data = openssl(*words, "-passout", f"pass:{PASSWORD}", given=pem(KEY))
        assert_opens(LOCKED, data, KEY)
        assert_refused(PLAIN, data, "is encrypted, and no password is configured")
        assert_refused(FileKeys("another"), data, "can't be decrypted with the configured password, or is broken")

    def test_legacy_encryption_is_the_one_with_a_proc_type(self) -> None:
        data = openssl("pkey", "-traditional", "-aes128", "-passout", f"pass:{PASSWORD}", given=pem(KEY))
        assert b"Proc-Type: 4,ENCRYPTED" in data

    def test_curve_parameters_certificates_and_prose_may_stand_beside_a_key(self) -> None:
        both = openssl("ecparam", "-name", "prime256v1", "-genkey")
        assert both.startswith(b"-----BEGIN EC PARAMETERS-----")
        PLAIN.signer(both)
        certificate = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        assert_opens(PLAIN, b"Bag Attributes\n  friendlyName: x\n" + certificate + pem(KEY) + certificate, KEY)
        assert_opens(PLAIN, pem(KEY).replace(b"\n", b"\r\n"), KEY)

    def test_the_first_key_of_a_file_counts(self) -> None:
        assert_opens(PLAIN, pem(KEY) + pem(RSA_KEY), KEY)


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "why"),
        [
            (b"", "is empty"),
            (b"hello", "not a readable private key"),
            (b"\x30\x03\x02\x01\x00", "not a readable private key"),
            (pem(KEY)[:100], "holds a PRIVATE KEY that breaks off"),
            (b"-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n", "not a readable private key"),
            (b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nA\n-----END ENCRYPTED PRIVATE KEY-----\n", "broken base64"),
            (pem(KEY).replace(b"PRIVATE", b"PUBLIC"), "not a readable private key"),
        ],
        ids=["empty", "words", "DER of another thing", "cut off", "no base64", "broken base64", "public key"],
    )
    def test_what_is_no_key_is_told(self, data: bytes, why: str) -> None:
        assert_refused(LOCKED, data, why)

    @pytest.mark.parametrize(
        "key", [x25519.X25519PrivateKey.generate(), dsa.generate_private_key(2048)], ids=["X25519", "DSA"]
    )
    def test_a_key_of_a_kind_that_certificates_do_not_have_is_told(
        self, key: x25519.X25519PrivateKey | dsa.DSAPrivateKey
    ) -> None:
        data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        assert_refused(PLAIN, data, "of a kind that certificates here don't have")

    def test_a_curve_that_the_library_lacks_is_told(self) -> None:
        data = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp112r1")
        assert_refused(PLAIN, data, "isn't supported")

    def test_an_rsa_key_whose_parts_do_not_belong_together_does_not_sign(self) -> None:
        assert isinstance(RSA_KEY, rsa.RSAPrivateKey)
        numbers = RSA_KEY.private_numbers()
        wrong = rsa.RSAPrivateNumbers(
            numbers.p, numbers.q, numbers.d + 2, numbers.dmp1, numbers.dmq1, numbers.iqmp, numbers.public_numbers
        )
        data = pem(wrong.private_key(unsafe_skip_rsa_key_validation=True))
        assert spki_hash(PLAIN.public_half(data)) == spki_hash(RSA_KEY.public_key())
        with pytest.raises(KeyFileError, match="not a readable private key"):
            PLAIN.signer(data)

    @pytest.mark.parametrize("secret", [b"MIGHAgEAMBMGByqGSM49", b"\xff\xfe\x00secret"])
    def test_no_sentence_holds_what_the_file_holds(self, secret: bytes) -> None:
        data = b"-----BEGIN PRIVATE KEY-----\n" + secret + b"\n-----END PRIVATE KEY-----\n"
        with pytest.raises(KeyFileError) as caught:
            PLAIN.public_half(data)
        assert secret.decode("latin-1") not in str(caught.value)

    @given(st.binary(max_size=300))
    def test_no_bytes_escape_the_error_family(self, data: bytes) -> None:
        for whole in (data, b"\x30" + data, b"-----BEGIN PRIVATE KEY-----" + data + b"-----END PRIVATE KEY-----"):
            with pytest.raises(KeyFileError):
                LOCKED.public_half(whole)

    @given(st.integers(0, 10_000), st.integers(0, 255))
    def test_no_changed_octet_of_an_encrypted_key_escapes_the_error_family(self, place: int, octet: int) -> None:
        data = bytearray(ENCRYPTED_DER)
        data[place % len(data)] = octet
        with suppress(KeyFileError):
            LOCKED.public_half(bytes(data))


class TestBounds:
    @pytest.mark.parametrize("over", [-1, 0, 1])
    def test_a_key_file_has_a_bounded_length(self, over: int) -> None:
        data = pem(KEY).ljust(MAX_KEY_FILE_BYTES + over, b"\n")
        if over <= 0:
            assert_opens(PLAIN, data, KEY)
            return
        assert_refused(PLAIN, data, f"has {MAX_KEY_FILE_BYTES + 1} bytes; a key file has at most {MAX_KEY_FILE_BYTES}")
        with pytest.raises(KeyFileError, match="at most"):
            provider_of([PLAIN], data)

    @pytest.mark.parametrize("bits", [MAX_READ_RSA_BITS - 1, MAX_READ_RSA_BITS, MAX_READ_RSA_BITS + 1])
    def test_an_rsa_key_has_a_bounded_length(self, bits: int) -> None:
        data = rsa_of(bits)
        if bits <= MAX_READ_RSA_BITS:
            assert PLAIN.public_half(data).key_size == bits  # type: ignore[union-attr]  # - it is an RSA key
        else:
            assert_refused(PLAIN, data, f"an RSA key of {bits} bits; at most {MAX_READ_RSA_BITS} are read")

    @pytest.mark.parametrize("over", [-1, 0, 1])
    def test_rounds_from_password_to_key_are_bounded(self, over: int) -> None:
        objection = derivation_objection(encrypted(PBKDF2, integer(MAX_DERIVATION_ROUNDS + over)))
        assert (objection is None) is (over <= 0)

    @pytest.mark.parametrize("over", [-1, 0, 1])
    def test_the_cost_of_scrypt_is_bounded(self, over: int) -> None:
        objection = derivation_objection(encrypted(SCRYPT, *map(integer, (MAX_SCRYPT_COST + over, 1, 1, 32))))
        assert (objection is None) is (over <= 0)

    @pytest.mark.parametrize("form", ["PEM", "DER"])
    def test_a_file_that_asks_for_too_many_rounds_is_refused_before_they_are_spent(self, form: str) -> None:
        der = encrypted(PBKDF2, integer(MAX_DERIVATION_ROUNDS + 1))
        assert_refused(
            LOCKED, der if form == "DER" else write_armour("ENCRYPTED PRIVATE KEY", der), "asks for more than"
        )
        assert_refused(LOCKED, encrypted(PBKDF2, integer(2048)), "can't be decrypted")


class TestChoosing:
    def test_each_file_goes_to_the_first_that_recognises_it(self) -> None:
        first, second = FileKeys("one"), FileKeys("two")
        assert provider_of([first, second], pem(KEY)) is first

    @pytest.mark.parametrize("label", ["TSS2 PRIVATE KEY", "OPENSSH PRIVATE KEY", "PKCS#11 PROVIDER URI"])
    def test_a_file_of_a_provider_that_is_not_configured_is_told_with_its_kind(self, label: str) -> None:
        data = write_armour(label, b"\x30\x00")
        assert not PLAIN.recognises(data)
        with pytest.raises(KeyFileError, match=f"holds a {label}, and no provider that opens one is configured"):
            provider_of([PLAIN], data)

    def test_a_file_that_nobody_recognises_is_told(self) -> None:
        with pytest.raises(KeyFileError, match="holds no private key"):
            provider_of([PLAIN], b"hello")

    def test_destroying_and_strays_mean_nothing_to_files(self) -> None:
        assert PLAIN.is_self_contained
        PLAIN.destroy(pem(KEY))
        assert PLAIN.strays([]) == ()
