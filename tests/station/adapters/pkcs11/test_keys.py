"""Keys on a token, with SoftHSM as the hardware: they sign there, are found again, and every way to fail is told."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chainpilot.pkcs11 import objects
from chainpilot.pkcs11.faults import meaning
from chainpilot.pkcs11.reference import KeyReference
from chainpilot.pkcs11.session import TokenSession
from chainpilot.pkcs11.settings import MAX_PIN_BYTES, TokenUnusable, read_pin
from chainpilot.pki.csr import build_csr, inspect_csr
from chainpilot.pki.encoding import PemLabel, pem_encode
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, key_spec_of, spki_hash
from chainpilot.station.adapters.pkcs11 import Pkcs11Keys
from chainpilot.station.adapters.pkcs11.keys import MAX_LABEL
from chainpilot.station.adapters.pkcs11.reference import read_reference, write_reference
from chainpilot.station.model import Secret
from chainpilot.station.providers import FileKeys, KeyFileError, KeyMakingError, KeyProvider, provider_of
from tokens import PIN, SoftTokens, soft_tokens

NAME = DistinguishedName("DE", "Operator", "DE*ICE*E1", "CPO")


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[SoftTokens]:
    with soft_tokens(tmp_path / "hsm") as made:
        yield made


@pytest.fixture
def keys(tokens: SoftTokens) -> Iterator[Pkcs11Keys]:
    provider = tokens.keys()
    yield provider
    provider.close()


def assert_not_made(provider: KeyProvider, why: str, spec: KeySpec = KeySpec.P256) -> None:
    with pytest.raises(KeyMakingError, match=why) as caught:
        provider.make(spec, "x")
    assert PIN not in str(caught.value)


def assert_not_had(provider: KeyProvider, data: bytes, why: str) -> None:
    for ask in (provider.public_half, provider.signer):
        with pytest.raises(KeyFileError, match=why) as caught:
            ask(data)
        assert PIN not in str(caught.value)


def assert_signs(provider: KeyProvider, data: bytes) -> None:
    csr = inspect_csr(build_csr(provider.signer(data), NAME))
    assert csr.spki_hash == spki_hash(provider.public_half(data))


def set_pin(tokens: SoftTokens, old: str, new: str) -> None:
    session = pkcs11.lib(str(tokens.module)).get_token(token_label="station").open(rw=True, user_pin=old)
    session.set_pin(old, new)
    session.close()


class TestMaking:
    @pytest.mark.parametrize("spec", KeySpec)
    def test_a_key_of_every_kind_is_made_and_its_request_passes_openssl(self, keys: Pkcs11Keys, spec: KeySpec) -> None:
        made = keys.make(spec, "SECC_LEAF_1")
        assert key_spec_of(made.signer.public_key()) is spec
        der = build_csr(made.signer, NAME)
        inspect_csr(der)
        pem = pem_encode(der, PemLabel.CERTIFICATE_REQUEST).encode()
        run = subprocess.run(["openssl", "req", "-verify", "-noout"], input=pem, check=True, capture_output=True)
        assert b"verify OK" in run.stderr
        assert keys.recognises(made.file)
        assert_signs(keys, made.file)

    def test_the_key_file_names_token_identity_and_label(self, keys: Pkcs11Keys) -> None:
        reference = read_reference(keys.make(KeySpec.P256, "SECC_LEAF_1").file)
        assert (reference.token, reference.label) == ("station", "chainpilot-SECC_LEAF_1")
        assert len(reference.id or b"") == 16
        assert keys.suffix == ".tkey"

    @pytest.mark.parametrize("spec", [KeySpec.P256, KeySpec.RSA2048, KeySpec.ED25519])
    def test_the_private_half_is_sensitive_stays_and_only_signs(self, tokens: SoftTokens, spec: KeySpec) -> None:
        keys = tokens.keys()
        keys.make(spec, "x")
        keys.close()
        session = pkcs11.lib(str(tokens.module)).get_token(token_label="station").open(user_pin=PIN)
        private: Any = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY)
        names = ("SENSITIVE", "EXTRACTABLE", "NEVER_EXTRACTABLE", "SIGN", "DECRYPT", "UNWRAP", "DERIVE", "PRIVATE")
        told = {name: private[pkcs11.Attribute[name]] for name in names}
        yes = {"SENSITIVE", "NEVER_EXTRACTABLE", "SIGN", "PRIVATE"}
        assert {name for name, value in told.items() if value} == yes
        session.close()

    def test_two_keys_of_one_label_are_two(self, keys: Pkcs11Keys) -> None:
        first, second = (keys.make(KeySpec.P256, "same") for _ in range(2))
        assert spki_hash(keys.public_half(first.file)) == spki_hash(first.signer.public_key())
        assert spki_hash(keys.public_half(second.file)) == spki_hash(second.signer.public_key())

    def test_a_kind_that_the_token_does_not_do_is_refused_and_others_are_made(self, tmp_path: Path) -> None:
        with soft_tokens(tmp_path / "hsm", mechanisms="CKM_EC_KEY_PAIR_GEN,CKM_ECDSA") as tokens:
            keys = tokens.keys()
            for spec in (KeySpec.ED448, KeySpec.RSA2048):
                assert_not_made(keys, f"no {spec.value} key could be made: the token station doesn't do", spec)
            assert_signs(keys, keys.make(KeySpec.P256, "x").file)

    def test_a_token_that_makes_another_kind_than_asked_for_is_refused_and_keeps_nothing(
        self, keys: Pkcs11Keys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        swapped = {**objects._PARAMETERS, KeySpec.P256: objects._PARAMETERS[KeySpec.P384]}
        monkeypatch.setattr(objects, "_PARAMETERS", swapped)
        assert_not_made(keys, "no P-256 key could be made: the token made a key of another kind")
        assert keys.strays([]) == ()

    def test_a_token_that_lets_private_halves_out_is_refused_and_keeps_nothing(
        self, keys: Pkcs11Keys, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lax = {pkcs11.Attribute.SENSITIVE: False, pkcs11.Attribute.EXTRACTABLE: True}
        monkeypatch.setattr(objects, "_PRIVATE", lax)
        assert_not_made(keys, "no P-256 key could be made: the token doesn't keep private keys to itself")
        assert keys.strays([]) == ()

    @pytest.mark.parametrize(("length", "fits"), [(0, False), (1, True), (MAX_LABEL, True), (MAX_LABEL + 1, False)])
    def test_a_label_has_a_bounded_length(self, keys: Pkcs11Keys, length: int, *, fits: bool) -> None:
        if fits:
            keys.make(KeySpec.P256, "x" * length)
            return
        with pytest.raises(KeyMakingError, match=f"a label of {length} characters"):
            keys.make(KeySpec.P256, "x" * length)


class TestSigning:
    def test_an_elliptic_key_signs_over_each_digest(self, keys: Pkcs11Keys) -> None:
        signer = keys.make(KeySpec.P256, "x").signer
        public = signer.public_key()
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        assert isinstance(public, ec.EllipticCurvePublicKey)
        for digest in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
            for number in range(20):  # r or s begins with a zero octet in one of 128
                message = f"message {number}".encode()
                public.verify(signer.sign(message, ec.ECDSA(digest)), message, ec.ECDSA(digest))

    def test_an_rsa_key_signs_over_each_digest_and_with_no_other_padding(self, keys: Pkcs11Keys) -> None:
        signer = keys.make(KeySpec.RSA2048, "x").signer
        public = signer.public_key()
        assert isinstance(signer, rsa.RSAPrivateKey)
        assert isinstance(public, rsa.RSAPublicKey)
        for digest in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
            signature = signer.sign(b"message", padding.PKCS1v15(), digest)
            public.verify(signature, b"message", padding.PKCS1v15(), digest)
        with pytest.raises(KeyFileError, match=r"PKCS#1 v1\.5"):
            signer.sign(b"message", padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        with pytest.raises(KeyFileError, match="SHA-256, SHA-384 and SHA-512"):
            signer.sign(b"message", padding.PKCS1v15(), hashes.SHA1())

    @pytest.mark.parametrize("spec", [KeySpec.P384, KeySpec.RSA2048, KeySpec.ED25519, KeySpec.ED448])
    def test_the_private_half_is_given_to_nobody(self, keys: Pkcs11Keys, spec: KeySpec) -> None:
        signer = keys.make(spec, "x").signer
        with pytest.raises(KeyFileError, match="stays on its token"):
            signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        assert "on a token" in repr(signer)

    def test_a_key_signs_after_its_provider_logged_out(self, keys: Pkcs11Keys) -> None:
        made = keys.make(KeySpec.P256, "x")
        keys.close()
        inspect_csr(build_csr(made.signer, NAME))


class TestFinding:
    def test_another_process_finds_the_key(self, tokens: SoftTokens, keys: Pkcs11Keys, tmp_path: Path) -> None:
        made = keys.make(KeySpec.P384, "x")
        (tmp_path / "key.tkey").write_bytes(made.file)
        (tmp_path / "pin").write_text(PIN + "\n")
        program = """if True:
            import sys
            from pathlib import Path
            from chainpilot.pki.csr import build_csr
            from chainpilot.pki.identity import DistinguishedName
            from chainpilot.station.adapters.pkcs11 import Pkcs11Keys, TokenSettings
            module, folder = map(Path, sys.argv[1:])
            keys = Pkcs11Keys(TokenSettings(module, "station", folder / "pin"))
            signer = keys.signer((folder / "key.tkey").read_bytes())
            sys.stdout.buffer.write(build_csr(signer, DistinguishedName("DE", "Operator", "x", "CPO")))
        """
        words = [sys.executable, "-c", program, str(tokens.module), str(tmp_path)]
        csr = inspect_csr(subprocess.run(words, check=True, capture_output=True).stdout)
        assert csr.spki_hash == spki_hash(made.signer.public_key())

    def test_a_forked_process_starts_the_library_anew_and_leaves_the_parent_logged_in(
        self, tokens: SoftTokens, tmp_path: Path
    ) -> None:
        program = """if True:
            import os, sys
            from pathlib import Path
            import pkcs11
            from chainpilot.pki.keys import KeySpec, spki_hash
            from chainpilot.station.adapters.pkcs11 import Pkcs11Keys, TokenSettings
            from chainpilot.station.model import Secret
            keys = Pkcs11Keys(TokenSettings(Path(sys.argv[1]), "station", Secret(sys.argv[2])))
            data = keys.make(KeySpec.P256, "x").file
            bystander = pkcs11.lib(sys.argv[1]).get_token(token_label="station").open()
            def tell(key):  # in one piece: both processes write to the same pipe
                os.write(1, f"{spki_hash(key)}\\n".encode())
            child = os.fork()
            tell(keys.public_half(data))
            if child:
                assert os.waitpid(child, 0)[1] == 0
                tell(keys.public_half(data))
                bystander.generate_random(64)
            else:
                try:
                    bystander.generate_random(64)
                except pkcs11.SessionHandleInvalid:
                    keys.close()
                else:
                    print("the child uses what it inherited")
        """
        words = [sys.executable, "-c", program, str(tokens.module), PIN]
        run = subprocess.run(words, check=True, capture_output=True, text=True)
        assert len(run.stdout.split()) == 3
        assert len(set(run.stdout.split())) == 1
        assert run.stderr == ""

    def test_a_reference_without_identity_finds_a_key_by_its_label_if_only_one_has_it(self, keys: Pkcs11Keys) -> None:
        made = keys.make(KeySpec.P256, "one")
        by_label = write_reference(KeyReference(None, None, "chainpilot-one"))
        assert spki_hash(keys.public_half(by_label)) == spki_hash(made.signer.public_key())
        keys.make(KeySpec.P256, "one")
        assert_not_had(keys, by_label, "several keys that fit")

    def test_the_store_tells_key_files_of_both_kinds_by_their_content(self, keys: Pkcs11Keys) -> None:
        files = FileKeys()
        in_hardware, in_file = keys.make(KeySpec.P256, "x").file, files.make(KeySpec.P256, "x").file
        assert provider_of([files, keys], in_hardware) is keys
        assert provider_of([files, keys], in_file) is files


class TestRefusals:
    def test_a_key_of_another_token_is_told_with_its_name(self, tokens: SoftTokens, keys: Pkcs11Keys) -> None:
        made = keys.make(KeySpec.P256, "x")
        tokens.add("spare")
        assert_not_had(tokens.keys("spare"), made.file, "names a key on the token station; spare is configured")

    def test_a_destroyed_key_is_not_to_be_had_and_destroying_it_again_is_no_error(self, keys: Pkcs11Keys) -> None:
        made, other = (keys.make(KeySpec.P256, name) for name in ("x", "y"))
        keys.destroy(made.file)
        assert_not_had(keys, made.file, "the token station doesn't hold the key")
        with pytest.raises(KeyFileError, match="names a key that can't sign"):
            build_csr(made.signer, NAME)
        keys.destroy(made.file)
        assert_signs(keys, other.file)

    def test_nothing_of_a_destroyed_pair_stays(self, tokens: SoftTokens) -> None:
        keys = tokens.keys()
        keys.destroy(keys.make(KeySpec.P256, "x").file)
        keys.close()
        session = pkcs11.lib(str(tokens.module)).get_token(token_label="station").open(user_pin=PIN)
        assert list(session.get_objects()) == []
        session.close()

    def test_a_public_half_whose_private_one_is_gone_is_no_key(self, tokens: SoftTokens, keys: Pkcs11Keys) -> None:
        made = keys.make(KeySpec.P256, "x")
        session = pkcs11.lib(str(tokens.module)).get_token(token_label="station").open(rw=True)
        session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY).destroy()
        assert_not_had(keys, made.file, "doesn't hold the key")

    def test_a_missing_token_is_told_and_found_once_it_is_there(self, tokens: SoftTokens) -> None:
        keys = tokens.keys("late")
        assert_not_made(keys, "no P-256 key could be made: no token labelled late is there; plug it in")
        assert_not_had(keys, write_reference(KeyReference("late", b"1", "x")), "no token labelled late is there")
        tokens.add("late")
        assert_signs(keys, keys.make(KeySpec.P256, "x").file)

    def test_a_pulled_token_is_told(self, tokens: SoftTokens, keys: Pkcs11Keys) -> None:
        assert not keys.is_self_contained
        made = keys.make(KeySpec.P256, "x")
        tokens.remove("station")
        assert_not_made(keys, "no token labelled station is there")
        assert_not_had(keys, made.file, "no token labelled station is there")
        with pytest.raises(KeyFileError, match="names a key that can't be destroyed now: no token labelled station"):
            keys.destroy(made.file)

    def test_a_token_that_was_made_anew_lacks_the_old_key_and_makes_new_ones(
        self, tokens: SoftTokens, keys: Pkcs11Keys
    ) -> None:
        made = keys.make(KeySpec.P256, "x")
        tokens.remove("station")
        tokens.add("station")
        assert_not_had(keys, made.file, "doesn't hold the key")
        assert_signs(keys, keys.make(KeySpec.P256, "x").file)

    @pytest.mark.parametrize("what", ["nowhere", "no library", "no PKCS#11"])
    def test_a_module_that_can_not_be_loaded_is_told(self, tokens: SoftTokens, tmp_path: Path, what: str) -> None:
        module, why = {
            "nowhere": (tmp_path / "nowhere.so", "isn't there"),
            "no library": (tmp_path / "text.so", "is no PKCS#11 library"),
            "no PKCS#11": (Path(pkcs11._pkcs11.__file__), "is no PKCS#11 library"),
        }[what]
        (tmp_path / "text.so").write_text("hello")
        assert_not_made(tokens.keys(module=module), f"the PKCS#11 module .* {why}")

    def test_without_the_extra_a_sentence_tells_what_to_install(self, tokens: SoftTokens) -> None:
        program = """if True:
            import sys
            sys.modules["pkcs11"] = None
            from pathlib import Path
            from chainpilot.pki.keys import KeySpec
            from chainpilot.station.adapters.pkcs11 import Pkcs11Keys, TokenSettings
            from chainpilot.station.providers import KeyMakingError
            keys = Pkcs11Keys(TokenSettings(Path(sys.argv[1]), "station"))
            assert not keys.recognises(b"")
            try:
                keys.make(KeySpec.P256, "x")
            except KeyMakingError as error:
                print(error.why)
        """
        words = [sys.executable, "-c", program, str(tokens.module)]
        said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        wanted = "no P-256 key could be made: python-pkcs11 isn't installed; pip install 'chainpilot[pkcs11]'\n"
        assert said == wanted

    def test_a_token_with_too_many_keys_is_told(self, tokens: SoftTokens, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(objects, "MAX_OBJECTS", 2)
        keys = tokens.keys()
        for _ in range(2):
            keys.make(KeySpec.P256, "x")
        assert len(keys.strays([])) == 2
        keys.make(KeySpec.P256, "x")
        with pytest.raises(KeyFileError, match="holds more than 2 keys"):
            keys.strays([])


class TestPins:
    def test_a_wrong_pin_is_told_and_tried_once_only(self, tokens: SoftTokens, tmp_path: Path) -> None:
        file = tmp_path / "pin"
        file.write_text("wrong one")
        keys = tokens.keys(pin=file)
        assert_not_made(keys, "the token station refuses the configured PIN")
        set_pin(tokens, PIN, "wrong one")
        assert_not_made(keys, "it isn't tried again before another one is configured, or a restart")
        set_pin(tokens, "wrong one", PIN)
        file.write_text(PIN)
        keys.make(KeySpec.P256, "x")

    def test_no_pin_where_one_is_wanted_is_told(self, tokens: SoftTokens) -> None:
        assert_not_made(tokens.keys(pin=None), "the token station wants a PIN; configure it")

    def test_a_pin_never_shows(self, tokens: SoftTokens, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        settings = tokens.settings()
        keys = Pkcs11Keys(settings)
        keys.make(KeySpec.P256, "x")
        assert PIN not in repr(settings) + repr(keys) + repr(vars(keys)) + caplog.text

    @pytest.mark.parametrize("content", [PIN, f"{PIN}\n", f"{PIN}\r\n", f"{PIN}\nsecond line\n"])
    def test_the_first_line_of_a_pin_file_counts(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "pin").write_bytes(content.encode())
        assert read_pin(tmp_path / "pin") == PIN

    def test_a_pin_that_stands_in_the_settings_is_taken_as_it_is(self) -> None:
        assert read_pin(Secret(PIN)) == PIN
        assert read_pin(None) is None

    @pytest.mark.parametrize("over", [-1, 0, 1])
    def test_a_pin_file_has_a_bounded_length(self, tmp_path: Path, over: int) -> None:
        (tmp_path / "pin").write_text("7" * (MAX_PIN_BYTES + over))
        if over <= 0:
            assert read_pin(tmp_path / "pin") == "7" * (MAX_PIN_BYTES + over)
            return
        with pytest.raises(TokenUnusable, match=f"is empty or has more than {MAX_PIN_BYTES} bytes"):
            read_pin(tmp_path / "pin")

    @pytest.mark.parametrize(
        ("content", "why"), [(None, "can't be read: No such file"), (b"", "is empty"), (b"\xff\xfe", "holds no text")]
    )
    def test_a_pin_file_without_a_pin_is_told(
        self, tokens: SoftTokens, tmp_path: Path, content: bytes | None, why: str
    ) -> None:
        if content is not None:
            (tmp_path / "pin").write_bytes(content)
        assert_not_made(tokens.keys(pin=tmp_path / "pin"), f"the PIN file {tmp_path / 'pin'} {why}")


class TestSessions:
    def test_a_session_that_was_reset_is_opened_again(
        self, tokens: SoftTokens, keys: Pkcs11Keys, capfd: pytest.CaptureFixture[str]
    ) -> None:
        made = keys.make(KeySpec.P256, "x")
        for ask in (keys.public_half, keys.signer, keys.destroy):
            tokens.reset()
            ask(made.file)
        tokens.reset()
        keys.make(KeySpec.P256, "x")
        assert capfd.readouterr().err == ""

    def test_two_providers_of_one_token_share_the_login_and_survive_each_others_logout(
        self, tokens: SoftTokens, keys: Pkcs11Keys
    ) -> None:
        made = keys.make(KeySpec.P256, "x")
        other = tokens.keys()
        assert_signs(other, made.file)
        keys.close()
        assert_signs(other, made.file)
        other.make(KeySpec.P256, "y")
        keys.make(KeySpec.P256, "z")
        other.close()
        assert_signs(keys, made.file)
        keys.destroy(made.file)

    def test_a_key_is_not_taken_for_destroyed_because_another_provider_logged_out(
        self, tokens: SoftTokens, keys: Pkcs11Keys
    ) -> None:
        first = keys.make(KeySpec.P256, "x")
        second = keys.make(KeySpec.P256, "y")
        other = tokens.keys()
        assert_signs(other, first.file)
        keys.close()
        other.destroy(first.file)
        keys.close()
        assert_not_had(other, first.file, "doesn't hold the key")
        assert other.strays([]) == (second.file,)
        assert_signs(other, second.file)

    def test_several_threads_make_sign_and_destroy_at_once(self, tokens: SoftTokens) -> None:
        shared = tokens.keys()
        start = threading.Barrier(6)

        def live(number: int) -> str:
            keys = shared if number % 2 else tokens.keys()
            start.wait()
            found = []
            for turn in range(5):
                made = keys.make(KeySpec.P256, f"{number}-{turn}")
                found.append(inspect_csr(build_csr(made.signer, NAME)).spki_hash)
                keys.destroy(made.file)
            return " ".join(found)

        with ThreadPoolExecutor(6) as pool:
            done = list(pool.map(live, range(6)))
        assert len({one for line in done for one in line.split()}) == 30
        assert shared.strays([]) == ()

    def test_a_thread_waits_for_the_token_only_so_long(self, tokens: SoftTokens) -> None:
        busy, hurried = TokenSession(tokens.settings()), tokens.keys(wait_seconds=0.01)
        begun, over = threading.Event(), threading.Event()

        def dawdle(_: object) -> None:
            begun.set()
            over.wait()

        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(busy.run, dawdle)
            begun.wait()
            try:
                assert_not_made(hurried, "another thread has been busy with a token for 0.01 seconds")
            finally:
                over.set()
            slow.result()


class TestComplaints:
    @pytest.mark.parametrize("kind", [pkcs11.PinLocked, pkcs11.DeviceMemory, pkcs11.FunctionRejected])
    def test_a_complaint_is_told_by_its_meaning_or_its_name_and_never_by_its_text(
        self, tokens: SoftTokens, kind: type[Exception]
    ) -> None:
        told = meaning(kind("what the library says"), tokens.settings())
        assert told.startswith("the token station ")
        assert "what the library says" not in told

    def test_a_code_that_the_wrapper_does_not_know_is_told_as_a_number(self, tokens: SoftTokens) -> None:
        told = meaning(pkcs11.PKCS11Error("Unmapped error code 0x140"), tokens.settings())
        assert told == "the token station answered with the code 0x140"


class TestStrays:
    def test_keys_that_no_key_file_names_are_strays(self, tokens: SoftTokens, keys: Pkcs11Keys) -> None:
        kept, lost = (keys.make(KeySpec.P256, name).file for name in ("kept", "lost"))
        in_file = FileKeys().make(KeySpec.P256, "x").file
        assert keys.strays([kept, in_file]) == (lost,)
        keys.destroy(lost)
        assert keys.strays([kept]) == ()

    def test_keys_that_somebody_else_labelled_are_none(self, tokens: SoftTokens, keys: Pkcs11Keys) -> None:
        tokens.keys(label_prefix="another-").make(KeySpec.P256, "x")
        assert keys.strays([]) == ()

    def test_strays_are_seen_after_another_provider_logged_out(self, tokens: SoftTokens, keys: Pkcs11Keys) -> None:
        lost = keys.make(KeySpec.P256, "lost").file
        other = tokens.keys()
        assert_signs(other, lost)
        keys.close()
        assert other.strays([]) == (lost,)

    def test_a_broken_reference_among_those_kept_leaves_nothing_a_stray(self, keys: Pkcs11Keys) -> None:
        made = keys.make(KeySpec.P256, "x").file
        with pytest.raises(KeyFileError):
            keys.strays([made[:60]])


def test_the_environment_of_the_tests_is_put_back(tmp_path: Path) -> None:
    before = os.environ.get("SOFTHSM2_CONF")
    with soft_tokens(tmp_path / "hsm"):
        assert os.environ["SOFTHSM2_CONF"] != before
    assert os.environ.get("SOFTHSM2_CONF") == before
