"""What bytes are: every kind that openssl writes is told, whatever it is wrapped in, and nothing else leaves."""

import base64
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.artifact import (
    MAX_BYTES,
    MAX_KEY_BYTES,
    MAX_PIECES,
    Arrangement,
    ArtifactError,
    Bag,
    Carrier,
    Domain,
    Flaw,
    Item,
    Key,
    Kind,
    OcspAnswer,
    RevocationList,
    Role,
    SigningRequest,
    Unreadable,
    issuers_within,
    judge_stack,
    purpose_of,
    read_artifacts,
)
from chainpilot.pki.certificate import Certificate, load_certificate
from chainpilot.pki.csr import CsrDefect
from chainpilot.pki.keys import spki_hash
from chainpilot.pki.ocsp import OcspRequestSummary
from chainpilot.pki.profiles import IsoEdition
from forge import forge, v2g_hierarchy
from specimens import write_specimens

HIERARCHY = v2g_hierarchy()
LEAF, SUB2, SUB1, ROOT = HIERARCHY.certificates
PEM = LEAF.to_pem()


@pytest.fixture(scope="module")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files of every kind."""
    return write_specimens(Path(tmp_path_factory.mktemp("specimens")))


def only(data: bytes | str) -> Item:
    """The one object of an input."""
    (item,) = read_artifacts(data.encode() if isinstance(data, str) else data)
    return item


def refusal(data: bytes | str) -> str:
    with pytest.raises(ArtifactError) as caught:
        read_artifacts(data.encode() if isinstance(data, str) else data)
    return caught.value.why


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("certificate.pem", Kind.CERTIFICATE, Certificate),
        ("certificate.der", Kind.CERTIFICATE, Certificate),
        ("certificate_trusted.pem", Kind.CERTIFICATE, Certificate),
        ("certificate_with_text.pem", Kind.CERTIFICATE, Certificate),
        ("request.pem", Kind.SIGNING_REQUEST, SigningRequest),
        ("request_old.pem", Kind.SIGNING_REQUEST, SigningRequest),
        ("request.der", Kind.SIGNING_REQUEST, SigningRequest),
        ("bag.pem", Kind.PKCS7, Bag),
        ("bag.der", Kind.PKCS7, Bag),
        ("enveloped.pem", Kind.PKCS7, Unreadable),
        ("container.p12", Kind.PKCS12, Unreadable),
        ("crl.pem", Kind.CRL, RevocationList),
        ("crl.der", Kind.CRL, RevocationList),
        ("ocsp_request.der", Kind.OCSP_REQUEST, OcspRequestSummary),
        ("ocsp_response.der", Kind.OCSP_RESPONSE, OcspAnswer),
        ("ec_public.pem", Kind.PUBLIC_KEY, Key),
        ("rsa_public.pem", Kind.PUBLIC_KEY, Key),
        ("rsa_public_pkcs1.pem", Kind.PUBLIC_KEY, Key),
    ],
)
def test_each_kind_of_openssl_s_files_is_told(name: str, kind: Kind, value: type, specimens: Path) -> None:
    item = only((specimens / name).read_bytes())
    assert item.kind is kind
    assert isinstance(item.value, value)
    assert item.remark is None
    assert item.carrier is (Carrier.PEM if name.endswith(".pem") else Carrier.DER)


@pytest.mark.parametrize(
    ("name", "form", "words", "cipher"),
    [
        ("ec_sec1.pem", "SEC 1", "EC P-256", None),
        ("ec_sec1.der", "SEC 1", "EC P-256", None),
        ("ec_pkcs8.pem", "PKCS#8", "EC P-256", None),
        ("ec_pkcs8.der", "PKCS#8", "EC P-256", None),
        ("p521.pem", "PKCS#8", "EC P-521", None),
        ("ec_encrypted.pem", "PKCS#8", None, "AES-256-CBC"),
        ("ec_encrypted.der", "PKCS#8", None, "AES-256-CBC"),
        ("ec_encrypted_old.pem", "PKCS#8", None, "PKCS#12 3DES"),
        ("ec_traditional_encrypted.pem", "traditional PEM", "EC", "AES-256-CBC"),
        ("rsa_pkcs1.pem", "PKCS#1", "RSA 2048 bits", None),
        ("rsa_pkcs8.pem", "PKCS#8", "RSA 2048 bits", None),
        ("ed448.pem", "PKCS#8", "Ed448", None),
        ("x25519.pem", "PKCS#8", "X25519", None),
        ("ssh_ed25519", "OpenSSH", "Ed25519", None),
        ("ssh_ecdsa", "OpenSSH", "EC P-256", "aes256-ctr"),
    ],
)
def test_a_private_key_shows_its_public_half_and_how_it_is_kept(
    name: str, form: str, words: str | None, cipher: str | None, specimens: Path
) -> None:
    key = only((specimens / name).read_bytes()).value
    assert isinstance(key, Key)
    assert (key.form, key.is_private, key.words, key.cipher) == (form, True, words, cipher)
    assert (key.spki_hash is None) == (cipher is not None and form != "OpenSSH")


def test_the_same_key_has_one_fingerprint_in_every_form(specimens: Path) -> None:
    names = ("ec_sec1.pem", "ec_pkcs8.der", "ec_public.pem")
    found = {only((specimens / name).read_bytes()).value for name in names}
    (certificate,) = {item.value for item in read_artifacts((specimens / "certificate.pem").read_bytes())}
    assert isinstance(certificate, Certificate)
    assert {key.spki_hash for key in found if isinstance(key, Key)} == {certificate.spki_hash}


@pytest.mark.parametrize(("name", "words"), [("ec", "the curve P-256"), ("dsa", "DSA parameters, all spelled out")])
def test_parameters_in_front_of_a_key_are_told_apart_from_it(name: str, words: str, specimens: Path) -> None:
    parameters, key = read_artifacts((specimens / f"parameters_and_{name}.pem").read_bytes())
    assert (parameters.kind, key.kind) == (Kind.PARAMETERS, Kind.PRIVATE_KEY)
    assert words in repr(parameters.value)


def test_no_private_material_stands_in_any_repr() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    shown = repr(read_artifacts(pem + PEM.encode()))
    secret = key.private_numbers().private_value
    for form in (str(secret), f"{secret:x}", pem.decode().splitlines()[1], repr(secret.to_bytes(32, "big"))[2:-1]):
        assert form not in shown


@pytest.mark.parametrize(
    "wrap",
    [
        lambda: PEM,
        lambda: PEM.replace("\n", "\r\n"),
        lambda: PEM.replace("\n", "\\n"),
        lambda: PEM.replace("\n", "\\r\\n"),
        lambda: json.dumps({"certificate": PEM}).replace("/", "\\/"),
        lambda: "Bag Attributes\n    friendlyName: x\nsubject=CN = x\n" + PEM + "\nnote\n",
        lambda: "\n".join("   " + line for line in PEM.splitlines()),
        lambda: PEM.encode("utf-16"),
        lambda: PEM.encode("utf-16-be"),
        lambda: PEM.encode("utf-16-le"),
        lambda: b"\xef\xbb\xbf" + PEM.encode(),
        lambda: "Größe\n".encode("latin-1") + PEM.encode(),
        lambda: b"\x1b[0m\x07" + PEM.encode(),
        lambda: PEM.encode() + b"\x00",
        lambda: LEAF.der,
        LEAF.der.hex,
        lambda: "0x" + LEAF.der.hex().upper(),
        lambda: ":".join(re.findall("..", LEAF.der.hex())),
        lambda: ", ".join(f"0x{octet:02x}" for octet in LEAF.der),
        lambda: "\n".join(re.findall(".{1,64}", LEAF.der.hex())),
        lambda: base64.b64encode(LEAF.der),
        lambda: base64.encodebytes(LEAF.der),
        lambda: base64.urlsafe_b64encode(LEAF.der).rstrip(b"="),
        lambda: json.dumps(base64.b64encode(LEAF.der).decode()) + ",",
        lambda: base64.b64encode(LEAF.der) + b"\x00",
        lambda: base64.b64encode(PEM.encode()),
        lambda: base64.b64encode(LEAF.der.hex().encode()),
        lambda: PEM.encode().hex(),
    ],
    ids=[
        "PEM",
        "CRLF",
        "literal line ends",
        "literal CRLF",
        "JSON",
        "text around",
        "indented",
        "UTF-16 with a mark",
        "UTF-16 BE",
        "UTF-16 LE",
        "UTF-8 with a mark",
        "latin-1 around",
        "terminal sequences around",
        "NUL behind",
        "DER",
        "hex",
        "HEX with 0x",
        "hex with colons",
        "C array",
        "wrapped hex",
        "base64",
        "wrapped base64",
        "URL-safe base64 without padding",
        "base64 in quotes",
        "base64 with a NUL behind",
        "base64 of PEM",
        "base64 of hex",
        "hex of PEM",
    ],
)
def test_a_certificate_is_found_in_whatever_it_is_wrapped(wrap: Callable[[], bytes | str]) -> None:
    item = only(wrap())
    assert item.value == LEAF
    assert item.remark is None


def test_blocks_of_different_kinds_are_read_in_order(specimens: Path) -> None:
    names = ("certificate.pem", "ec_pkcs8.pem", "crl.pem", "request.pem", "bag.pem")
    items = read_artifacts(b"".join((specimens / name).read_bytes() for name in names))
    assert [item.kind for item in items] == [
        Kind.CERTIFICATE,
        Kind.PRIVATE_KEY,
        Kind.CRL,
        Kind.SIGNING_REQUEST,
        Kind.PKCS7,
    ]


def test_der_values_in_a_row_are_read_in_order() -> None:
    assert [item.value for item in read_artifacts(LEAF.der + SUB2.der)] == [LEAF, SUB2]


@pytest.mark.parametrize(
    ("behind", "words"), [(b"\n", "1 byte follows the end"), (b"\x00" * 7, "7 bytes follow"), (b"0\x82\xff", "3 bytes")]
)
def test_what_follows_der_is_told_after_what_it_follows(behind: bytes, words: str) -> None:
    certificate, rest = read_artifacts(LEAF.der + behind)
    assert certificate.value == LEAF
    assert isinstance(rest.value, Unreadable)
    assert words in rest.value.why


def test_what_follows_inside_an_armour_is_told() -> None:
    body = base64.b64encode(LEAF.der + b"xyz").decode()
    item = only(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    assert item.value == LEAF
    assert item.remark == "3 bytes follow the end of the value in the same block"


def test_an_armour_that_says_something_else_than_it_holds_is_told() -> None:
    item = only(PEM.replace("CERTIFICATE", "CERTIFICATE REQUEST"))
    assert item.value == LEAF
    assert item.remark == "its armour says CERTIFICATE REQUEST, and inside is a certificate"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda pem: pem.replace("-----END CERTIFICATE-----", ""), "never ends"),
        (lambda pem: pem.replace("END CERTIFICATE", "END X509 CRL"), "ends as X509 CRL"),
        (lambda pem: pem[:40] + "*" + pem[40:], "the character '*'"),
        (lambda pem: pem[:40] + pem[41:], "cut off or has characters missing"),
        (lambda pem: pem.splitlines()[0] + "\n" + pem.splitlines()[-1], "the block is empty"),
        (lambda pem: pem[:93] + pem[93 + 64 :], "not a readable certificate"),
    ],
    ids=["endless", "other end", "foreign character", "character lost", "empty", "line lost"],
)
def test_a_spoilt_block_says_why_and_the_next_is_read(spoil: Callable[[str], str], why: str) -> None:
    first, second = read_artifacts((spoil(PEM) + "\n" + SUB2.to_pem()).encode())
    assert isinstance(first.value, Unreadable)
    assert first.kind is Kind.CERTIFICATE
    assert why in first.value.why
    assert second.value == SUB2


def test_cut_off_der_says_how_much_is_there() -> None:
    item = only(LEAF.der[:-10])
    assert isinstance(item.value, Unreadable)
    assert re.search(r"begins as DER does, and then: a value of \d+ bytes is cut off after \d+", item.value.why)


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (b"", "it is empty"),
        (b" \n\t", "nothing but white space"),
        (b"\x00" * 50, "nothing but white space"),
        (b"\x01" + b"\x00" * 50, "binary data (51 bytes) of no kind we know"),
        (gzip.compress(b"x", mtime=0), "gzip: unpack it first"),
        (b"PK\x03\x04xxxx\xff", "a ZIP archive"),
        (b"\xfe\xed\xfe\xed\x00\x00\x00\x02", "Java key store"),
        (b"<!DOCTYPE html>\n<html></html>", "an HTML page"),
        (b'<?xml version="1.0"?><a/>', "XML"),
        (b'{"status": "Accepted"}', "JSON"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE user", "an SSH public key"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "an HTTP answer"),
        (b"Certificate:\n    Data:\n        Version: 3", "as openssl -text prints it"),
        (b"hello", "plain text"),
        (b"a text of nothing but words is base64 only without its spaces", "plain text"),
        (b"cafe", "plain text"),
        (b"----BEGIN CERTIFICATE----\nMIIB", "PEM whose dashes are broken"),
        (b"-----BEGIN certificate-----\nMIIB", "no line such as -----BEGIN CERTIFICATE-----"),
        (b"3082012", "an odd number"),
        (b"3003020101AAAAAAAAAAAAAAAAA=AAAA", "plain text"),
        (b"MIIBMIIBMIIBMIIBMIIBMIIBM", "base64 that is cut off"),
        (base64.b64encode(b"no certificate at all, is it"), "base64 of 28 bytes; it looks like plain text"),
        (bytes.fromhex("809802286cb0f5397d8196").hex().encode(), "hexadecimal of 11 bytes; it looks like EXI"),
        ("Größe".encode("latin-1"), "binary data"),
    ],
)
def test_what_is_nothing_we_know_says_what_it_looks_like(data: bytes, looks: str) -> None:
    assert looks in refusal(data)


def test_text_wrapped_in_text_without_end_is_refused() -> None:
    data = LEAF.der
    for _ in range(3):
        data = base64.b64encode(data)
    assert only(data).value == LEAF
    assert "more than 3 times" in refusal(base64.b64encode(data))


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_the_bound_on_bytes_is_exact(more: int, *, fits: bool) -> None:
    data = PEM.encode().rjust(MAX_BYTES + more)
    if fits:
        assert only(data).value == LEAF
    else:
        assert f"longer than {MAX_BYTES} bytes" in refusal(data)


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_the_bound_on_objects_is_exact(more: int, *, fits: bool) -> None:
    data = b"\x30\x02\x05\x00" * (MAX_PIECES + more)
    if fits:
        assert len(read_artifacts(data)) == MAX_PIECES + more
    else:
        assert f"more than {MAX_PIECES} objects" in refusal(data)


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_the_bound_on_bytes_of_a_key_is_exact(more: int, *, fits: bool) -> None:
    """A PKCS#8 key with an attribute that fills it up."""
    bare = ed448.Ed448PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    room = MAX_KEY_BYTES + more - 4 - len(bare[2:]) - 4
    body = bare[2:] + b"\xa0\x82" + room.to_bytes(2, "big") + _filling(room)
    der = b"\x30\x82" + len(body).to_bytes(2, "big") + body
    assert len(der) == MAX_KEY_BYTES + more
    value = only(der).value
    if fits:
        assert isinstance(value, Key)
    else:
        assert isinstance(value, Unreadable)
        assert f"at most {MAX_KEY_BYTES}" in value.why


def _filling(room: int) -> bytes:
    """One attribute of that many bytes: { 1.2.3, { OCTET STRING } }."""
    inner = room - 4 - 4 - 4 - 4
    octets = b"\x04\x82" + inner.to_bytes(2, "big") + bytes(inner)
    values = b"\x31\x82" + len(octets).to_bytes(2, "big") + octets
    pair = b"\x06\x02\x2a\x03" + values
    return b"\x30\x82" + len(pair).to_bytes(2, "big") + pair


def test_a_request_with_a_weak_key_is_read_all_the_same() -> None:
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CS-1")])
    der = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    request = only(der.public_bytes(Encoding.DER)).value
    assert isinstance(request, SigningRequest)
    assert request.defect is CsrDefect.WEAK_KEY
    assert request.subject.common_name == "CS-1"
    assert request.spki_hash == spki_hash(key.public_key())


@given(st.binary(max_size=300))
def test_random_bytes_give_objects_or_our_own_error(data: bytes) -> None:
    _assert_answered(data)


@given(st.binary(max_size=200).map(lambda body: b"0\x81" + bytes([len(body)]) + body))
def test_random_der_gives_objects_or_our_own_error(data: bytes) -> None:
    _assert_answered(data)


@given(st.text(max_size=200).map(lambda text: f"-----BEGIN {text}".encode()))
def test_random_armour_gives_objects_or_our_own_error(data: bytes) -> None:
    _assert_answered(data)


@given(st.data())
def test_a_mutated_file_of_any_kind_gives_objects_or_our_own_error(specimens: Path, data: st.DataObject) -> None:
    files = sorted(path for path in specimens.iterdir() if path.suffix in {".pem", ".der", ".p12", ""})
    whole = bytearray(data.draw(st.sampled_from(files)).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, 40))
    _assert_answered(bytes(whole[: len(whole) - cut]))


def _assert_answered(data: bytes) -> None:
    try:
        items = read_artifacts(data)
    except ArtifactError:
        return
    assert items


def test_the_roles_and_domains_of_a_v2g_hierarchy_are_told() -> None:
    told = {one.subject.common_name: purpose_of(one) for one in HIERARCHY.certificates}
    assert told["V2G Root"].role is Role.ROOT
    assert told["CPO Sub1"].role is Role.SUB_CA
    leaf = told["DE*ICE*E0001"]
    assert (leaf.role, leaf.domain, leaf.edition) == (Role.SECC, Domain.V2G, IsoEdition.ISO_2)
    assert leaf.evidence == "its domain component is CPO"


@pytest.mark.parametrize(
    ("name", "made", "role", "domain"),
    [
        ("Service", {"domain": "CPS"}, Role.CPS, Domain.CPS),
        ("DE8AAC1234567", {"domain": "MO"}, Role.CONTRACT, Domain.MO),
        ("WBA12345678901234", {"domain": "OEM"}, Role.OEM, Domain.OEM),
        ("CS-1", {"eku": ("1.3.6.1.5.5.7.3.2",)}, Role.STATION, Domain.CSMS),
        ("csms.example", {"eku": ("1.3.6.1.5.5.7.3.1",), "domain": "WEB"}, Role.SERVER, Domain.CSMS),
        ("Responder", {"eku": ("1.3.6.1.5.5.7.3.9",)}, Role.OCSP_SIGNER, Domain.V2G),
        ("Firmware", {"eku": ("1.3.6.1.5.5.7.3.3",), "domain": "X"}, Role.FIRMWARE, Domain.MF),
        ("DE*ICE*E1", {"domain": "X"}, Role.SECC, Domain.V2G),
        ("DE8AA123456789", {"domain": "X"}, Role.CONTRACT, Domain.MO),
        ("WBA12345678901234", {"domain": "X"}, Role.OEM, Domain.OEM),
        ("somebody", {"domain": "X"}, Role.LEAF, None),
        ("V2GRootCA", {"domain": "X", "ca": True}, Role.ROOT, Domain.V2G),
        ("MO_SUB", {"domain": "X", "ca": True}, Role.ROOT, Domain.MO),
        ("TEST CSMS Root CA", {"domain": "X", "ca": True}, Role.ROOT, Domain.CSMS),
        ("MOTOR PROVIDER", {"domain": "X", "ca": True}, Role.ROOT, None),
    ],
)
def test_a_certificate_s_part_is_told_by_what_it_says_of_itself(
    name: str, made: dict[str, Any], role: Role, domain: Domain | None
) -> None:
    eku = tuple(x509.ObjectIdentifier(dotted) for dotted in made.pop("eku", ()))
    purpose = purpose_of(forge(name, eku=eku, **made).certificate)
    assert (purpose.role, purpose.domain) == (role, domain)


def test_a_cross_certificate_is_no_root() -> None:
    old, new = forge("V2G Root", ca=True, domain="V2G"), forge("V2G Root", ca=True, domain="V2G")
    cross = forge("V2G Root", old, ca=True, domain="V2G", key=new.key)
    assert purpose_of(cross.certificate).role is Role.CROSS


def test_keys_of_iso_15118_20_are_told() -> None:
    for key in (ec.generate_private_key(ec.SECP521R1()), ed448.Ed448PrivateKey.generate()):
        assert purpose_of(forge("DE*ICE*E1", key=key).certificate).edition is IsoEdition.ISO_20


def judged(*certificates: Certificate) -> tuple[Arrangement, tuple[int, ...], tuple[Flaw, ...]]:
    stack = judge_stack(certificates, issuers_within(certificates))
    assert stack is not None
    return stack.arrangement, stack.chain, stack.flaws


STRANGER = forge("MO Root", ca=True, domain="MO").certificate


@pytest.mark.parametrize(
    ("certificates", "chain", "flaws"),
    [
        ((LEAF, SUB2, SUB1), (0, 1, 2), ()),
        ((LEAF, SUB2, SUB1, ROOT), (0, 1, 2, 3), ()),
        ((LEAF, SUB1, SUB2), (0, 2, 1), (Flaw.OUT_OF_ORDER,)),
        ((SUB2, SUB1, LEAF), (2, 0, 1), (Flaw.LEAF_NOT_FIRST,)),
        ((ROOT, SUB1, SUB2, LEAF), (3, 2, 1, 0), (Flaw.LEAF_NOT_FIRST,)),
        ((LEAF, SUB1), (0,), (Flaw.MISSING_LINK,)),
        ((LEAF, SUB1, ROOT), (0,), (Flaw.MISSING_LINK,)),
        ((LEAF, SUB2, SUB1, ROOT, STRANGER), (0, 1, 2, 3), (Flaw.STRANGER,)),
        ((LEAF, SUB2, ROOT), (0, 1), (Flaw.MISSING_LINK,)),
        ((LEAF, LEAF, SUB2), (0, 2), ()),
    ],
)
def test_a_stack_is_judged_by_its_signatures(
    certificates: tuple[Certificate, ...], chain: tuple[int, ...], flaws: tuple[Flaw, ...]
) -> None:
    assert judged(*certificates) == (Arrangement.STACK, chain, flaws)


def test_cross_signed_sub_cas_are_no_strangers() -> None:
    other = forge("Other Root", ca=True, domain="V2G")
    cross = forge("CPO Sub1", other, ca=True, key=HIERARCHY.sub1.key).certificate
    stack = judge_stack((LEAF, SUB2, SUB1, cross), issuers_within((LEAF, SUB2, SUB1, cross)))
    assert stack is not None
    assert stack.flaws == ()


def test_cas_alone_and_several_leaves_have_no_order() -> None:
    assert judged(SUB2, ROOT, SUB1) == (Arrangement.AUTHORITIES, (), ())
    assert judged(forge("B").certificate, LEAF, SUB2) == (Arrangement.LEAVES, (), ())
    assert judge_stack((LEAF,), issuers_within((LEAF,))) is None
    assert judge_stack((LEAF, LEAF), issuers_within((LEAF, LEAF))) is None


def test_the_right_issuer_is_found_in_a_crowd_of_namesakes() -> None:
    crowd = tuple(forge("CPO Sub2", ca=True).certificate for _ in range(20))
    certificates = (LEAF, *crowd, SUB2)
    assert issuers_within(certificates)[0] == len(certificates) - 1


def test_a_name_without_the_signature_is_no_link() -> None:
    impostor = forge("CPO Sub2", ca=True).certificate
    assert issuers_within((LEAF, impostor)) == (None, 1)


def test_a_certificate_reads_as_its_own_reader_reads_it() -> None:
    assert only(PEM).value == load_certificate(LEAF.der)
