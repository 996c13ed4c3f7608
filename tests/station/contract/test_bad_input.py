"""The issue's list of bad input: each has its defined result, raises nothing, ends soon and loses nothing."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from certs import FROM, UNTIL, Pki, issue, key_pem, root, stack, v2g_pki
from chainpilot.pki.certificate import load_certificate
from chainpilot.pki.der import read_one, read_signed
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.first_interface import EvseSecurity2023
from chainpilot.station.layout import Layout, ProfilePolicy, StoreConfigError
from chainpilot.station.model import (
    CaCertificateType,
    CertificateHashData,
    CertificateType,
    CertificateValidationResult,
    DeleteCertificateResult,
    EncodingFormat,
    GetCertificateInfoStatus,
    GetCertificateSignRequestStatus,
    GetInstalledCertificatesStatus,
    HashAlgorithm,
    InstallCertificateResult,
    LeafCertificateType,
)
from chainpilot.station.schema import from_json, to_json
from derwriter import bit_string, integer, key_algorithm, sequence, signature
from forge import Forged, forge
from stock import bundle_file, info, leaf, listed, named, openssl, place, put, serial
from stores import EVSE, assert_store_unchanged, enrol, open_store, store_with, tree
from work import counted

V2G = LeafCertificateType.V2G
DOMAIN = CaCertificateType.V2G
MEGABYTES = 10 * 1024 * 1024


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


def stocked(directory: Path, v2g: Pki) -> EvseSecurity:
    """A store with a root and an enrolled leaf."""
    made = store_with(directory, (DOMAIN, v2g))
    enrol(made, v2g)
    return made


@pytest.fixture
def store(tmp_path: Path, v2g: Pki) -> Iterator[EvseSecurity]:
    """A store that, whatever is said to it, has its root, its leaf and its key afterwards."""
    made = stocked(tmp_path / "certs", v2g)
    yield made
    assert made.is_ca_certificate_installed(DOMAIN)
    assert Path(info(made).key).exists()
    assert len(listed(made)) == 4


BLOCK = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
UNREADABLE: dict[str, Any] = {
    "nothing": "",
    "prose": "no certificate at all",
    "garbage in an armour": BLOCK.format("AAAA"),
    "an armour around nothing": BLOCK.format(""),
    "broken base64": BLOCK.format("!!!!"),
    "half an armour": "-----BEGIN CERTIFICATE-----\nMIIB",
    "NUL bytes": "\0" * 200,
    "NUL bytes in an armour": BLOCK.format("\0"),
    "half a surrogate": BLOCK.format("\ud800"),
    "10 MB in an armour": BLOCK.format("MIIB" * (MEGABYTES // 4)),
    "10 MB of hexadecimal": "30" * (MEGABYTES // 2),
    "10 MB of base64": "MIIB" * (MEGABYTES // 4),
    "no text": None,
    "bytes": b"-----BEGIN CERTIFICATE-----",
    "a number": 7,
    "a list": [],
    "an object": {},
    "something else": object(),
}
"""Texts, and what is none, out of which nobody reads a certificate."""


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_is_no_certificate_has_the_same_answer_at_every_command(
    store: EvseSecurity, tmp_path: Path, v2g: Pki, what: str
) -> None:
    text, held = UNREADABLE[what], v2g.root.certificate.to_pem()
    with assert_store_unchanged(tmp_path), counted(3000):
        assert store.install_ca_certificate(text, DOMAIN) is InstallCertificateResult.INVALID_FORMAT
        assert store.update_leaf_certificate(text, V2G) is InstallCertificateResult.INVALID_FORMAT
        assert store.update_leaf(text, None).result is InstallCertificateResult.INVALID_FORMAT
        assert store.verify_certificate(text, [V2G]) is CertificateValidationResult.UNKNOWN
        assert EvseSecurity2023(store).verify_certificate(text, V2G) is InstallCertificateResult.INVALID_FORMAT
        asked = store.get_mo_ocsp_request_data(text)
        assert (asked.ocsp_request_data_list, len(asked.left_out)) == ((), 1)
        assert not store.verify_file_signature(str(tmp_path), text, "AAAA")
        assert not store.verify_file_signature(text, held, "AAAA")
        assert not store.verify_file_signature(__file__, held, text)
        assert not store.cache_ocsp(named(v2g.sub1.certificate, v2g.root.certificate), text).accepted


def test_two_certificates_are_no_ca_certificate(store: EvseSecurity, tmp_path: Path) -> None:
    both = stack(root("One").certificate, root("Two").certificate)
    with assert_store_unchanged(tmp_path):
        assert store.install_ca_certificate(both, DOMAIN) is InstallCertificateResult.INVALID_FORMAT


def test_a_leaf_is_no_ca_and_a_ca_is_no_leaf(store: EvseSecurity, tmp_path: Path, v2g: Pki) -> None:
    one = leaf(v2g).certificate.to_pem()
    above = stack(v2g.issuing.certificate, v2g.sub1.certificate)
    with assert_store_unchanged(tmp_path):
        assert store.install_ca_certificate(one, DOMAIN) is InstallCertificateResult.INVALID_CERTIFICATE_CHAIN
        assert store.update_leaf_certificate(above, V2G) is InstallCertificateResult.INVALID_CERTIFICATE_CHAIN
        assert store.verify_certificate(above, [V2G]) is CertificateValidationResult.INVALID_CHAIN


WRONG: dict[str, Any] = {
    "an unknown word": "Anything",
    "another case": "v2g",
    "an empty word": "",
    "NUL": "V2G\0",
    "a path": "../V2G",
    "10 MB": "V" * MEGABYTES,
    "half a surrogate": "\ud800",
    "nothing": None,
    "a number": 0,
    "a truth": True,
    "bytes": b"V2G",
    "a list": ["V2G"],
    "an object": {"V2G": 1},
    "a member of another enumeration": GetCertificateInfoStatus.ACCEPTED,
    "something else": object(),
}
"""What a caller may write where a word of an enumeration stands."""


@pytest.mark.parametrize("what", WRONG)
def test_a_word_of_no_enumeration_has_its_answer_at_every_command(
    store: EvseSecurity, tmp_path: Path, v2g: Pki, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """station-store.md section 4: enum the caller got wrong."""
    word, pem = WRONG[what], v2g.root.certificate.to_pem()
    with assert_store_unchanged(tmp_path), counted(3000):
        assert store.install_ca_certificate(pem, word) is InstallCertificateResult.WRITE_ERROR
        assert store.update_leaf_certificate(pem, word) is InstallCertificateResult.WRITE_ERROR
        assert store.verify_certificate(pem, [V2G, word]) is CertificateValidationResult.UNKNOWN
        assert store.generate_certificate_signing_request(word, "DE", "O", EVSE).status is (
            GetCertificateSignRequestStatus.GENERATION_ERROR
        )
        for one in (store.get_leaf_certificate_info, store.get_all_valid_certificates_info):
            assert one(word, EncodingFormat.PEM).status is GetCertificateInfoStatus.REJECTED
            assert one(V2G, word).status is GetCertificateInfoStatus.REJECTED
        answer = store.get_installed_certificates([CertificateType.V2G_ROOT_CERTIFICATE, word])
        assert answer.status is GetInstalledCertificatesStatus.NOT_FOUND
        assert answer.certificate_hash_data_chain == ()
        assert store.get_verify_file(word) == store.get_verify_location(word) == ""
        assert store.get_leaf_expiry_days_count(word) == 0
        assert not store.is_ca_certificate_installed(word)
        hashed = CertificateHashData(word, "0", "0", "0")
        assert store.delete_certificate(hashed) is DeleteCertificateResult.FAILED
        assert not store.cache_ocsp(hashed, "AAAA").accepted
    assert max(len(record.getMessage()) for record in caplog.records) < 1000, "what was said is not told at length"


NO_LIST: dict[str, Any] = {
    "nothing": None,
    "a word": "V2G",
    "no word": "",
    "bytes": b"",
    "a member": V2G,
    "a number": 1,
}


@pytest.mark.parametrize("what", NO_LIST)
def test_what_is_no_list_of_types_is_answered_too(store: EvseSecurity, v2g: Pki, what: str) -> None:
    chain = v2g.stack(leaf(v2g).certificate)
    assert store.verify_certificate(chain, NO_LIST[what]) is CertificateValidationResult.UNKNOWN
    assert store.get_installed_certificates(NO_LIST[what]).status is GetInstalledCertificatesStatus.NOT_FOUND


HASHES: dict[str, Callable[[CertificateHashData], Any]] = {
    "a serial number that is no number": lambda one: (one.hash_algorithm, *hexes(one), "xyz"),
    "an empty serial number": lambda one: (one.hash_algorithm, *hexes(one), ""),
    "a negative one": lambda one: (one.hash_algorithm, *hexes(one), "-1"),
    "one with underscores": lambda one: (one.hash_algorithm, *hexes(one), "1_0"),
    "NUL bytes": lambda one: (one.hash_algorithm, "\0", "\0", one.serial_number),
    "10 MB": lambda one: (one.hash_algorithm, "0" * MEGABYTES, "0", one.serial_number),
    "hashes of other things": lambda one: (one.hash_algorithm, "0" * 64, "0" * 64, one.serial_number),
    "hashes of another length": lambda one: (HashAlgorithm.SHA512, *hexes(one), one.serial_number),
    "no texts": lambda one: (one.hash_algorithm, None, 1, b"a"),
}
"""Hash data of no certificate, made of those of one that is there."""


def hexes(one: CertificateHashData) -> tuple[str, str]:
    return one.issuer_name_hash, one.issuer_key_hash


@pytest.mark.parametrize("what", HASHES)
def test_hash_data_of_nothing_finds_nothing(store: EvseSecurity, tmp_path: Path, v2g: Pki, what: str) -> None:
    for one in (
        named(v2g.root.certificate, v2g.root.certificate),
        store.get_installed_certificates(["V2GCertificateChain"]).certificate_hash_data_chain[0].certificate_hash_data,
    ):
        wrong = CertificateHashData(*HASHES[what](one))
        with assert_store_unchanged(tmp_path):
            assert store.delete_certificate(wrong) is DeleteCertificateResult.NOT_FOUND
            assert not store.cache_ocsp(wrong, "AAAA").accepted


@pytest.mark.parametrize("what", [None, "hash data", {}, 7, object()], ids=lambda one: type(one).__name__)
def test_what_is_no_hash_data_is_failed(store: EvseSecurity, tmp_path: Path, what: Any) -> None:
    with assert_store_unchanged(tmp_path):
        assert store.delete_certificate(what) is DeleteCertificateResult.FAILED
        assert not store.cache_ocsp(what, "AAAA").accepted


NAMES: dict[str, tuple[Any, Any, Any]] = {
    "a country in words": ("Germany", "O", EVSE),
    "no country": (None, "O", EVSE),
    "a country of bytes": (b"DE", "O", EVSE),
    "no organization": ("DE", None, EVSE),
    "an empty organization": ("DE", "", EVSE),
    "65 characters": ("DE", "O" * 65, EVSE),
    "half a surrogate": ("DE", "\ud800", EVSE),
    "no common name": ("DE", "O", None),
    "a number": ("DE", "O", 7),
    "a path": ("DE", "O", "../../etc/passwd"),
    "NUL": ("DE", "O", f"{EVSE}\0"),
    "a line end": ("DE", "O", f"{EVSE}\n"),
}


@pytest.mark.parametrize("what", NAMES)
def test_names_that_no_certificate_can_bear_make_no_request(store: EvseSecurity, tmp_path: Path, what: str) -> None:
    with assert_store_unchanged(tmp_path):
        result = store.generate_certificate_signing_request(V2G, *NAMES[what])
    assert result.status is GetCertificateSignRequestStatus.GENERATION_ERROR
    assert result.reason
    assert result.csr is None


@pytest.mark.parametrize("name", ["../../../escape", "/etc/passwd", "a/b", "..", "~", "$(id)"])
def test_a_common_name_like_a_path_leads_nowhere(store: EvseSecurity, tmp_path: Path, name: str) -> None:
    """Client leaves may have any name; no file's name is made of it."""
    result = store.generate_certificate_signing_request(LeafCertificateType.CSMS, "DE", "O", name)
    assert result.csr is not None
    assert {path.name for path in tmp_path.iterdir()} == {"certs"}
    (key,) = (tmp_path / "certs/client/csms").iterdir()
    assert key.name.startswith("CSMS_LEAF_20260601T000000-")


@pytest.mark.parametrize("path", ["../elsewhere", "a/../../b", "..", "a\0b", ""])
@pytest.mark.parametrize(
    "key",
    [
        *(f"{domain}_ca_bundle" for domain in ("v2g", "mo", "csms", "mf")),
        *(f"{use}_leaf_{what}_directory" for use in ("csms", "secc") for what in ("cert", "key")),
        "state_directory",
    ],
)
def test_a_configured_path_that_steps_upwards_makes_no_store(tmp_path: Path, key: str, path: Any) -> None:
    with pytest.raises(StoreConfigError) as raised:
        Layout.of(StoreConfig(tmp_path, **{key: path}))
    assert raised.value.key == key


def test_a_bundle_that_is_a_link_out_of_the_directory_is_changed_where_it_leads(tmp_path: Path, v2g: Pki) -> None:
    store = stocked(tmp_path / "certs", v2g)
    outside = tmp_path / "outside.pem"
    bundle = store.layout.bundles[DOMAIN]
    bundle.rename(outside)
    bundle.symlink_to(outside)
    second = root("Second Root").certificate
    assert store.install_ca(second.to_pem(), DOMAIN).accepted
    assert store.delete_certificate(named(second, second)) is DeleteCertificateResult.ACCEPTED
    assert bundle.is_symlink()
    assert outside.read_text() == v2g.root.certificate.to_pem()


def test_of_a_leaf_behind_links_out_of_the_directory_only_the_links_go(tmp_path: Path, v2g: Pki) -> None:
    store = stocked(tmp_path / "certs", v2g)
    places = store.layout.leaves[V2G].certificates
    for path in tuple(places.iterdir()):
        moved = tmp_path / path.name
        path.rename(moved)
        path.symlink_to(moved)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    held = store.get_installed_certificates(["V2GCertificateChain"]).certificate_hash_data_chain[0]
    assert store.delete_certificate(held.certificate_hash_data) is DeleteCertificateResult.ACCEPTED
    assert not list(places.iterdir())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_a_wrong_password_finds_no_key_and_loses_none(tmp_path: Path, v2g: Pki) -> None:
    right = store_with(tmp_path, (DOMAIN, v2g), private_key_password="right")
    chain = enrol(right, v2g)
    csr = right.generate_certificate_signing_request(V2G, "DE", "Chargers Ltd", EVSE).csr
    assert csr is not None
    with assert_store_unchanged(tmp_path):
        wrong = open_store(tmp_path, private_key_password="wrong")
        assert wrong.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.PRIVATE_KEY_NOT_FOUND
        assert wrong.update_leaf_certificate(v2g.enrol(csr), V2G) is InstallCertificateResult.WRITE_ERROR
        assert wrong.update_leaf_certificate(chain, V2G) is InstallCertificateResult.WRITE_ERROR
        assert wrong.get_leaf_expiry_days_count(V2G) == 0
        assert listed(wrong) == [serial(v2g.root)]
        wrong.run_housekeeping()
    assert info(right).password == "right"
    assert right.update_leaf_certificate(v2g.enrol(csr), V2G) is InstallCertificateResult.ACCEPTED


class Tower:
    """A root, so many CAs above each other, and a leaf below the last of them."""

    def __init__(self, height: int) -> None:
        self.root = root("Root")
        self.cas: list[Forged] = []
        for number in range(height):
            above = self.cas[-1] if self.cas else self.root
            self.cas.append(forge(f"CA {number}", above, ca=True, begin=FROM, end=UNTIL))
        self.leaf = forge(EVSE, self.cas[-1], begin=FROM, end=UNTIL)

    @property
    def stack(self) -> str:
        return stack(self.leaf.certificate, *(one.certificate for one in reversed(self.cas)))


@pytest.mark.parametrize(
    ("height", "expected"),
    [
        (9, CertificateValidationResult.VALID),
        (10, CertificateValidationResult.VALID),
        (11, CertificateValidationResult.INVALID_CHAIN),
        (31, CertificateValidationResult.INVALID_CHAIN),
        (32, CertificateValidationResult.INVALID_CHAIN),
        (60, CertificateValidationResult.INVALID_CHAIN),
    ],
)
def test_a_chain_may_be_so_deep_and_no_deeper(
    tmp_path: Path, height: int, expected: CertificateValidationResult
) -> None:
    """station-store.md section 4: chain too long -> InvalidChain."""
    tower = Tower(height)
    store = open_store(tmp_path)
    bundle_file(store, DOMAIN, tower.root.certificate)
    with counted(60_000):
        assert store.verify_certificate(tower.stack, [V2G]) is expected
    bundle_file(store, DOMAIN, tower.root.certificate, *(one.certificate for one in tower.cas))
    with counted(60_000):
        assert store.verify_certificate(tower.leaf.certificate.to_pem(), [V2G]) is expected
        assert len(listed(store)) == 1 + height, "all of them are installed all the same"


def rings(size: int) -> tuple[list[Forged], Forged]:
    """So many certificates of two CAs that signed each other, and a leaf of the first: no way leads out."""
    ends = [root(name) for name in ("CA A", "CA B")]
    held = [
        forge(name, other, ca=True, key=own.key, begin=FROM, end=UNTIL)
        for _ in range(size // 2)
        for name, own, other in (("CA A", ends[0], ends[1]), ("CA B", ends[1], ends[0]))
    ]
    return held, forge(EVSE, ends[0], begin=FROM, end=UNTIL)


def namesakes(size: int) -> tuple[list[Forged], Forged]:
    """So many CAs of one name with a key each, and a leaf of the last."""
    above = root("Nowhere")
    held = [forge("CA", above, ca=True, begin=FROM, end=UNTIL) for _ in range(size)]
    return held, forge(EVSE, held[-1], begin=FROM, end=UNTIL)


CROWDS = {"loops": rings, "namesakes": namesakes}


@pytest.mark.parametrize("crowd", CROWDS)
@pytest.mark.parametrize("size", [4, 60])
def test_loops_and_crowds_cost_little_wherever_they_lie(tmp_path: Path, v2g: Pki, crowd: str, size: int) -> None:
    held, bottom = CROWDS[crowd](size)
    certificates = [one.certificate for one in held]
    store = open_store(tmp_path)
    bundle_file(store, DOMAIN, v2g.root.certificate)
    good = leaf(v2g, "DE*CHP*E1234*2")
    place(store, v2g, good, name="SECC_LEAF_GOOD")
    sent = stack(bottom.certificate, *certificates[-31:])
    with counted(60_000):
        assert store.verify_certificate(sent, [V2G]) is CertificateValidationResult.ISSUER_NOT_FOUND
    for place_of_the_crowd in ("in the chain file", "in the bundle"):
        if place_of_the_crowd == "in the bundle":
            bundle_file(store, DOMAIN, v2g.root.certificate, *certificates)
        put(tmp_path / "client/cso/CROWD.pem", stack(bottom.certificate, *certificates))
        put(tmp_path / "client/cso/CROWD.key", key_pem(bottom.key))
        with counted(200_000):
            assert serial(bottom) in listed(store)
            assert store.verify_certificate(bottom.certificate.to_pem(), [V2G]) is (
                CertificateValidationResult.ISSUER_NOT_FOUND
            )
            assert store.get_all_valid_certificates_info(V2G, include_ocsp=True).info
            assert store.get_v2g_ocsp_request_data().left_out
            assert store.get_verify_file(DOMAIN)
            assert store.findings() is not None
            store.run_housekeeping()
    assert serial(good) in listed(store)


def test_a_crowd_around_the_right_ca_hides_it_from_nobody(tmp_path: Path, v2g: Pki) -> None:
    decoys = [forge("CPO Sub2", root("Nowhere"), ca=True, begin=FROM, end=UNTIL) for _ in range(60)]
    one = leaf(v2g).certificate
    store = open_store(tmp_path)
    bundle_file(store, DOMAIN, *(decoy.certificate for decoy in decoys), v2g.root.certificate, v2g.sub1.certificate)
    with counted(60_000):
        around = stack(one, *(decoy.certificate for decoy in decoys[:30]), v2g.issuing.certificate)
        assert store.verify_certificate(around, [V2G]) is CertificateValidationResult.VALID
    bundle_file(
        store,
        DOMAIN,
        *(decoy.certificate for decoy in decoys),
        *(one.certificate for one in (v2g.root, v2g.sub1, v2g.issuing)),
    )
    with counted(60_000):
        assert store.verify_certificate(one.to_pem(), [V2G]) is CertificateValidationResult.VALID


SHELVES: dict[str, Callable[[Path], object]] = {
    "10 MB of garbage": lambda path: put(path, b"\xa5" * MEGABYTES),
    "10 MB in an armour": lambda path: put(path, BLOCK.format("MIIB" * (MEGABYTES // 4))),
    "3 MB in an armour": lambda path: put(path, BLOCK.format("MIIB" * (3 * MEGABYTES // 40))),
    "NUL bytes": lambda path: put(path, bytes(5000)),
    "an empty file": lambda path: put(path, b""),
    "a link in a circle": lambda path: path.symlink_to(path.name),
    "a link to nowhere": lambda path: path.symlink_to(path.parent / "nowhere/at/all"),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a directory": lambda path: path.mkdir(),
}
"""What may lie in a directory of the store under a name that it reads."""


@pytest.mark.parametrize("what", SHELVES)
@pytest.mark.parametrize("name", ["client/cso/aaa.pem", "client/cso/aaa.key", "client/cso/ocsp/aaa_ocsp.hash"])
def test_a_bad_file_disables_nothing(store: EvseSecurity, tmp_path: Path, v2g: Pki, what: str, name: str) -> None:
    path = tmp_path / "certs" / name
    path.parent.mkdir(exist_ok=True)
    SHELVES[what](path)
    with counted(60_000):
        assert serial(v2g.root) in listed(store)
        assert info(store, include_ocsp=True).certificate_count == 3
        assert store.get_v2g_ocsp_request_data() is not None
        assert store.findings() is not None


@pytest.mark.parametrize("what", SHELVES)
def test_a_bad_file_in_the_place_of_a_bundle_concerns_its_domain_alone(tmp_path: Path, v2g: Pki, what: str) -> None:
    store = stocked(tmp_path / "certs", v2g)
    bundle = store.layout.bundles[CaCertificateType.MO]
    bundle.parent.mkdir(parents=True)
    SHELVES[what](bundle)
    assert not store.is_ca_certificate_installed(CaCertificateType.MO)
    chain = v2g.stack(leaf(v2g).certificate)
    types = [LeafCertificateType.MO, V2G]
    assert store.verify_certificate(chain, types) is CertificateValidationResult.VALID
    before = tree(tmp_path) if what != "a link to a device" else {}
    taken = store.install_ca(root("MO Root").certificate.to_pem(), CaCertificateType.MO)
    assert taken.accepted is (what in ("an empty file", "a directory", "3 MB in an armour"))
    assert taken.accepted or taken.result is InstallCertificateResult.WRITE_ERROR
    if not taken.accepted and before:
        assert tree(tmp_path) == before


def test_a_key_of_another_kind_than_the_leaf_s_is_not_its_key(store: EvseSecurity) -> None:
    used = Path(info(store).key)
    held = used.read_bytes()
    for spec in (KeySpec.P256, KeySpec.ED448):
        used.write_bytes(key_pem(generate_private_key(spec)))
        assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.PRIVATE_KEY_NOT_FOUND
    used.write_bytes(held)
    assert "PRIVATE KEY" in openssl("pkey", "-in", used)


def numbered(forged: Forged, issuer: Forged, number: int) -> Forged:
    """The same certificate with a serial number that no builder writes."""
    algorithm = key_algorithm(issuer.key, "sha256")
    fields = [field.encoding for field in read_one(read_signed(forged.certificate.der).encoding).children()]
    content = sequence(fields[0], integer(number), *fields[2:])
    der = sequence(content, algorithm, bit_string(signature(issuer.key, content, "sha256")))
    return Forged(load_certificate(der), forged.key)


LONG = 1 << 160
"""21 octets, one hexadecimal digit more than the interface's limit of 40."""
NUMBERS = [(LONG - 1, True), (LONG, False), (LONG * LONG, False), (-5, False)]


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive:UserWarning")
@pytest.mark.parametrize(("number", "fits"), NUMBERS, ids=["40 digits", "41 digits", "81 digits", "negative"])
class TestSerialNumbers:
    """One certificate that hash data can't name must not spoil the list of all the others."""

    def assert_answers_fit(self, store: EvseSecurity) -> None:
        listing, asked = store.get_installed_certificates(list(CertificateType)), store.get_v2g_ocsp_request_data()
        assert from_json(type(listing), to_json(listing)) == listing
        assert from_json(type(asked), to_json(asked)) == dataclasses.replace(asked, left_out=())

    def test_a_ca_is_refused(self, store: EvseSecurity, number: int, *, fits: bool) -> None:
        one = root("Numbered")
        outcome = store.install_ca(numbered(one, one, number).certificate.to_pem(), CaCertificateType.MO)
        assert outcome.accepted is fits
        assert fits or outcome.result is InstallCertificateResult.INVALID_CERTIFICATE_CHAIN
        self.assert_answers_fit(store)
        if fits:
            (entry,) = store.get_installed_certificates(["MORootCertificate"]).certificate_hash_data_chain
            assert store.delete_certificate(entry.certificate_hash_data) is DeleteCertificateResult.ACCEPTED

    def test_a_leaf_or_its_sub_ca_is_refused(self, tmp_path: Path, v2g: Pki, number: int, *, fits: bool) -> None:
        for which in ("leaf", "sub2"):
            store = store_with(tmp_path / which, (DOMAIN, v2g))
            csr = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE).csr
            assert csr is not None
            issuing = numbered(v2g.issuing, v2g.sub1, number) if which == "sub2" else v2g.issuing
            made = Forged(issue(issuing, csr), issuing.key)
            one = numbered(made, issuing, number) if which == "leaf" else made
            text = stack(one.certificate, issuing.certificate, v2g.sub1.certificate)
            outcome = store.update_leaf(text, V2G)
            assert outcome.accepted is fits
            assert fits or outcome.result is InstallCertificateResult.INVALID_CERTIFICATE_CHAIN

    def test_found_on_disk_all_the_same_it_is_left_out_and_told_of(
        self, tmp_path: Path, v2g: Pki, number: int, *, fits: bool
    ) -> None:
        store = open_store(tmp_path, default_ocsp_url="http://ocsp.example")
        one = root("Numbered")
        bundle_file(store, DOMAIN, numbered(one, one, number).certificate, v2g.root.certificate)
        place(store, v2g, leaf(v2g), name="GOOD")
        place(store, v2g, numbered(leaf(v2g, "DE*CHP*E1234*2"), v2g.issuing, number), name="NUMBERED")
        self.assert_answers_fit(store)
        assert len(listed(store)) == (8 if fits else 4)
        assert len(store.get_v2g_ocsp_request_data().left_out) == (not fits)
        assert len([finding for finding in store.findings() if "can't be listed" in finding.why]) == (0 if fits else 2)


@pytest.mark.parametrize("name", ["a\0b", "\0", "a\nb", "\x7f", "evil\u202egnp.exe", " ", "\u00ad"])
@pytest.mark.parametrize("kind", ["CSMS", "V2G"])
def test_a_name_with_characters_that_nobody_sees_makes_no_request(tmp_path: Path, kind: str, name: str) -> None:
    """Programs that read names as C strings see another name than the CA signed."""
    store = open_store(tmp_path, v2g_profile=ProfilePolicy.OFF)
    for organization, common in ((name, "CS-001"), ("Operator", name)):
        with assert_store_unchanged(tmp_path):
            result = store.generate_certificate_signing_request(kind, "DE", organization, common)
        assert result.status is GetCertificateSignRequestStatus.GENERATION_ERROR
        assert result.reason
