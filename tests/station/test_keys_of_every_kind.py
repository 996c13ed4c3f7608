"""Keys of every kind from request to leaf in use, and every form in which an existing directory keeps them."""

import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from certs import FROM, UNTIL, Pki, csms_pki, v2g_pki
from chainpilot.pki.keys import KeySpec, PrivateKey, generate_private_key, key_spec_of
from chainpilot.station import EvseSecurity
from chainpilot.station.layout import ProfilePolicy
from chainpilot.station.model import (
    CaCertificateType,
    DeleteCertificateResult,
    GetCertificateInfoStatus,
    GetCertificateSignRequestStatus,
    InstallCertificateResult,
    LeafCertificateType,
)
from forge import Forged, forge
from programs import program
from stock import chains, info, leaf, named, openssl, place, put, serial
from stores import EVSE, open_store, store_with
from tokens import SoftTokens, soft_tokens

V2G = LeafCertificateType.V2G
CSMS = LeafCertificateType.CSMS
DOMAIN = CaCertificateType.V2G
SECCID = "DECHP" + "0" * 34
PASSWORD = "correct horse"
EDITION_20 = (KeySpec.P521, KeySpec.ED448)
SECC = (KeySpec.P256, *EDITION_20)
"""The keys that a profile of ISO 15118 names."""


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture(scope="module")
def pkis() -> dict[KeySpec, Pki]:
    """For the kinds of ISO 15118-20 a PKI that signs as that edition wants."""
    made: dict[KeySpec, Pki] = {}
    for spec in EDITION_20:
        keys = [generate_private_key(spec) for _ in range(3)]
        above = forge("V2G Root", ca=True, key=keys[0], begin=FROM, end=UNTIL)
        sub1 = forge("CPO Sub1", above, ca=True, key=keys[1], begin=FROM, end=UNTIL)
        made[spec] = Pki(above, sub1, forge("CPO Sub2", sub1, ca=True, key=keys[2], begin=FROM, end=UNTIL))
    return made


def digests(spec: KeySpec) -> dict[str, object]:
    """What the edition of that key signs over, where it isn't SHA-256."""
    return {"digest": hashes.SHA512()} if spec is KeySpec.P521 else {}


def enrolled(
    store: EvseSecurity, pki: Pki, kind: LeafCertificateType, common: str, spec: KeySpec, **options: object
) -> tuple[str, InstallCertificateResult]:
    """A request for a key of that kind, its stack, and what became of it."""
    made = store.generate_certificate_signing_request(kind, "DE", "Operator", common, key=spec, **options)  # type: ignore[arg-type]  # - the command's own
    assert made.csr is not None, made.reason
    signed = openssl("req", "-verify", "-noout", "-text", given=made.csr.encode())
    assert "DC = CPO" in signed or "DC=CPO" in signed
    chain = pki.enrol(made.csr, **(digests(spec) if kind is V2G else {}))
    return chain, store.update_leaf(chain, kind).result


def assert_in_use(store: EvseSecurity, kind: LeafCertificateType, chain: str, spec: KeySpec) -> None:
    told = info(store, kind)
    assert serial(Path(told.certificate_single or "")) == serial(chain)
    password = told.password.encode() if told.password else None
    key = load_pem_private_key(Path(told.key).read_bytes(), password)
    assert key_spec_of(key.public_key()) is spec  # type: ignore[arg-type]  # - a kind that certificates have


@pytest.mark.parametrize("password", ["", PASSWORD], ids=["plain", "encrypted"])
@pytest.mark.parametrize("spec", KeySpec)
def test_a_client_leaf_may_have_a_key_of_any_kind(tmp_path: Path, spec: KeySpec, password: str) -> None:
    csms = csms_pki()
    store = store_with(tmp_path, (CaCertificateType.CSMS, csms), private_key_password=password)
    chain, result = enrolled(store, csms, CSMS, "CS-001", spec)
    assert result is InstallCertificateResult.ACCEPTED
    assert_in_use(store, CSMS, chain, spec)


@pytest.mark.parametrize("policy", ProfilePolicy)
@pytest.mark.parametrize("spec", KeySpec)
def test_a_secc_leaf_has_the_keys_of_iso_15118_unless_nobody_looks(
    tmp_path: Path, v2g: Pki, pkis: dict[KeySpec, Pki], spec: KeySpec, policy: ProfilePolicy
) -> None:
    """station-store.md row 15: by use and configuration."""
    pki = pkis.get(spec, v2g)
    store = store_with(tmp_path, (DOMAIN, pki), v2g_profile=policy)
    chain, result = enrolled(store, pki, V2G, SECCID, spec)
    if spec in SECC or policy is not ProfilePolicy.ENFORCE:
        assert result is InstallCertificateResult.ACCEPTED
        assert_in_use(store, V2G, chain, spec)
        assert len(chains(store)) == 2
    else:
        assert result is InstallCertificateResult.INVALID_CERTIFICATE_CHAIN
        assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.NOT_FOUND


@pytest.mark.parametrize("spec", KeySpec)
def test_a_kind_may_be_configured_by_domain_and_by_name(tmp_path: Path, spec: KeySpec) -> None:
    store = open_store(
        tmp_path, csms_key=spec, secc_key=KeySpec.P384, keys_by_name={SECCID: spec}, v2g_profile=ProfilePolicy.OFF
    )
    for kind, common in ((CSMS, "CS-001"), (V2G, SECCID), (V2G, EVSE)):
        made = store.generate_certificate_signing_request(kind, "DE", "Operator", common)
        assert made.csr is not None, made.reason
    found = {pending.csr.common_name: key_spec_of(pending.csr.public_key) for pending in store.open_requests()}
    assert found == {"CS-001": spec, SECCID: spec, EVSE: KeySpec.P384}


def pkcs8(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def traditional(key: PrivateKey) -> bytes:
    """SEC1 for a curve, PKCS#1 for RSA."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def der(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def traditional_der(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def encrypted(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))


def encrypted_der(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))


def encrypted_traditional(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(PASSWORD.encode()))


def by_openssl(key: PrivateKey) -> bytes:
    command = [program("openssl"), "pkcs8", "-topk8", "-v2", "aes-128-cbc", "-passout", f"pass:{PASSWORD}"]
    return subprocess.run(command, input=pkcs8(key), capture_output=True, check=True).stdout


def with_parameters(key: PrivateKey) -> bytes:
    """As `openssl ecparam -genkey` writes it: the curve first, then the key."""
    return b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + traditional(key)


FORMS: dict[str, Callable[[PrivateKey], bytes]] = {
    one.__name__: one
    for one in (
        pkcs8,
        traditional,
        der,
        traditional_der,
        encrypted,
        encrypted_der,
        encrypted_traditional,
        by_openssl,
        with_parameters,
    )
}
LOCKED = ("encrypted", "encrypted_der", "encrypted_traditional", "by_openssl")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["SECC_LEAF.key", "another_name.key", "SECC_LEAF.tkey"])
def test_a_key_of_an_existing_directory_is_found_in_every_form_and_under_every_name(
    tmp_path: Path, v2g: Pki, form: str, name: str
) -> None:
    one = leaf(v2g)
    store = store_with(tmp_path, (DOMAIN, v2g), private_key_password=PASSWORD)
    placed = place(store, v2g, one)
    placed.key.unlink()
    key = put(tmp_path / "client/cso" / name, FORMS[form](one.key))
    told = info(store)
    assert told.key == str(key)
    assert told.password == PASSWORD, "one value for possibly several keys, encrypted or not (seed 002)"
    assert store.update_leaf(v2g.stack(one.certificate), V2G).accepted
    assert key.read_bytes() == FORMS[form](one.key) or form in LOCKED
    for wrong in ("", "another"):
        status = open_store(tmp_path, private_key_password=wrong).get_leaf_certificate_info(V2G).status
        opens = form not in LOCKED
        assert status is (
            GetCertificateInfoStatus.ACCEPTED if opens else GetCertificateInfoStatus.PRIVATE_KEY_NOT_FOUND
        )


@cache
def key_of(spec: KeySpec) -> PrivateKey:
    """One key of each kind: making an RSA key takes long."""
    return generate_private_key(spec)


@pytest.mark.parametrize("spec", KeySpec)
@pytest.mark.parametrize("form", ["pkcs8", "der", "encrypted", "by_openssl"])
def test_keys_of_every_kind_are_found_in_an_existing_directory(
    tmp_path: Path, v2g: Pki, spec: KeySpec, form: str
) -> None:
    one = leaf(v2g, key=key_of(spec))
    store = store_with(tmp_path, (DOMAIN, v2g), private_key_password=PASSWORD)
    placed = place(store, v2g, one, key=FORMS[form](one.key))
    assert info(store).key == str(placed.key)


class TestLookUp:
    """Section 3: the same file stem beside the certificate (`.key`, `.tkey`), then any key in the key directory."""

    def prepared(self, tmp_path: Path, v2g: Pki) -> tuple[EvseSecurity, Forged]:
        store = store_with(tmp_path, (DOMAIN, v2g), secc_leaf_key_directory="client/keys")
        one = leaf(v2g)
        place(store, v2g, one).key.unlink()
        return store, one

    def test_each_place_gives_way_to_the_one_before_it(self, tmp_path: Path, v2g: Pki) -> None:
        places = [
            "client/keys/zzz.key",
            "client/keys/SECC_LEAF.tkey",
            "client/keys/SECC_LEAF.key",
            "client/cso/SECC_LEAF.tkey",
            "client/cso/SECC_LEAF.key",
        ]
        store, one = self.prepared(tmp_path, v2g)
        for place_of_key in places:
            put(tmp_path / place_of_key, pkcs8(one.key))
            fresh = open_store(tmp_path, secc_leaf_key_directory="client/keys")
            assert info(fresh).key == str(tmp_path / place_of_key), "a store that is opened now"
            assert Path(info(store).key).read_bytes() == pkcs8(one.key), "one that looked before"
        for place_of_key in reversed(places):
            assert info(open_store(tmp_path, secc_leaf_key_directory="client/keys")).key == str(tmp_path / place_of_key)
            (tmp_path / place_of_key).unlink()
        assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.PRIVATE_KEY_NOT_FOUND

    def test_a_file_of_the_right_name_with_another_key_is_passed_over(self, tmp_path: Path, v2g: Pki) -> None:
        store, one = self.prepared(tmp_path, v2g)
        put(tmp_path / "client/cso/SECC_LEAF.key", pkcs8(generate_private_key(KeySpec.P256)))
        right = put(tmp_path / "client/keys/aaa.key", pkcs8(one.key))
        assert info(store).key == str(right)

    @pytest.mark.parametrize("name", ["SECC_LEAF.pem", "SECC_LEAF.txt", ".SECC_LEAF.key", "SECC_LEAF.key.bak"])
    def test_other_suffixes_and_hidden_files_are_no_keys(self, tmp_path: Path, v2g: Pki, name: str) -> None:
        store, one = self.prepared(tmp_path, v2g)
        put(tmp_path / "client/keys" / name, pkcs8(one.key))
        assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.PRIVATE_KEY_NOT_FOUND


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[SoftTokens]:
    with soft_tokens(tmp_path / "hsm") as made:
        yield made


class TestHardware:
    """use_tpm means the configured hardware provider, end to end on a token."""

    def test_a_key_on_a_token_goes_from_request_to_leaf_and_away(
        self, tmp_path: Path, v2g: Pki, tokens: SoftTokens
    ) -> None:
        keys = tokens.keys()
        store = store_with(tmp_path / "certs", (DOMAIN, v2g), hardware_keys=(keys,))
        chain, result = enrolled(store, v2g, V2G, EVSE, KeySpec.P256, use_tpm=True)
        assert result is InstallCertificateResult.ACCEPTED
        told = info(store)
        content = Path(told.key).read_bytes()
        assert b"PRIVATE KEY" not in content, "a reference; the key never leaves the token"
        assert Path(told.key).stat().st_mode & 0o777 == 0o600
        assert len(chains(store)) == 2
        assert keys.strays([content]) == ()
        reopened = open_store(tmp_path / "certs", hardware_keys=(tokens.keys(),))
        assert info(reopened).key == told.key
        subject = chains(store)[1].certificate_hash_data
        assert store.delete_certificate(subject) is DeleteCertificateResult.ACCEPTED
        assert keys.strays([]) == (), "the key on the token is gone with its file"
        assert not list((tmp_path / "certs/client/cso").iterdir())
        assert serial(chain) == subject.serial_number

    def test_keys_in_files_and_on_a_token_live_side_by_side(self, tmp_path: Path, v2g: Pki, tokens: SoftTokens) -> None:
        store = store_with(tmp_path / "certs", (DOMAIN, v2g), hardware_keys=(tokens.keys(),))
        for common, in_hardware in ((EVSE, True), ("DE*CHP*E1234*2", False)):
            _, result = enrolled(store, v2g, V2G, common, KeySpec.P256, use_tpm=in_hardware)
            assert result is InstallCertificateResult.ACCEPTED
        content = [Path(info(store, common_name=common).key).read_bytes() for common in (EVSE, "DE*CHP*E1234*2")]
        assert [b"PRIVATE KEY" in one for one in content] == [False, True]

    def test_without_the_token_the_leaf_has_no_key_and_with_it_again(
        self, tmp_path: Path, v2g: Pki, tokens: SoftTokens
    ) -> None:
        store = store_with(tmp_path / "certs", (DOMAIN, v2g), hardware_keys=(tokens.keys(),))
        enrolled(store, v2g, V2G, EVSE, KeySpec.P256, use_tpm=True)
        held = info(store)
        without = open_store(tmp_path / "certs")
        result = without.get_leaf_certificate_info(V2G)
        assert result.status is GetCertificateInfoStatus.PRIVATE_KEY_NOT_FOUND
        assert result.reason
        without.run_housekeeping()
        assert info(store) == held

    def test_a_key_that_the_token_can_not_make_is_a_key_gen_error(self, tmp_path: Path, tokens: SoftTokens) -> None:
        store = open_store(tmp_path / "certs", hardware_keys=(tokens.keys(pin=None),))
        made = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE, use_tpm=True)
        assert (made.status, made.csr) == (GetCertificateSignRequestStatus.KEY_GEN_ERROR, None)
        assert made.reason
        assert not (tmp_path / "certs/client").exists()

    def test_a_request_that_fails_leaves_no_key_on_the_token(
        self, tmp_path: Path, v2g: Pki, tokens: SoftTokens
    ) -> None:
        keys = tokens.keys()
        store = store_with(tmp_path / "certs", (DOMAIN, v2g), hardware_keys=(keys,))
        for country, common in (("Germany", EVSE), ("DE", "no evse"), ("DE", "x" * 65)):
            made = store.generate_certificate_signing_request(V2G, country, "Operator", common, use_tpm=True)
            assert made.status is GetCertificateSignRequestStatus.GENERATION_ERROR
        assert keys.strays([]) == ()

    def test_the_deleted_leaf_of_a_shared_key_leaves_it_on_the_token(
        self, tmp_path: Path, v2g: Pki, tokens: SoftTokens
    ) -> None:
        keys = tokens.keys()
        store = store_with(tmp_path / "certs", (DOMAIN, v2g), hardware_keys=(keys,))
        made = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE, use_tpm=True)
        assert made.csr is not None
        first, second = v2g.enrol(made.csr), v2g.enrol(made.csr)
        for chain in (first, second):
            assert store.update_leaf(chain, V2G).accepted
        one, other = (entry.certificate_hash_data for entry in chains(store)[1:])
        assert store.delete_certificate(one) is DeleteCertificateResult.ACCEPTED
        assert serial(Path(info(store).certificate_single or "")) == other.serial_number
        assert store.delete_certificate(other) is DeleteCertificateResult.ACCEPTED
        assert keys.strays([]) == ()


def test_a_root_of_the_other_kind_is_no_hindrance(tmp_path: Path, v2g: Pki, pkis: dict[KeySpec, Pki]) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g), *((DOMAIN, one) for one in pkis.values()))
    for spec, pki in ((KeySpec.P256, v2g), *pkis.items()):
        chain, result = enrolled(store, pki, V2G, SECCID, spec)
        assert result is InstallCertificateResult.ACCEPTED, spec
        root = pki.root.certificate
        assert named(root, root) in [entry.certificate_hash_data for entry in chains(store)]
        assert store.validate(chain, [V2G]).reason is None
