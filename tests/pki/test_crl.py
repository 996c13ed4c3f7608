"""Revocation lists: whole lists by the issuer itself are believed while in force, all others say nothing."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import crypto

from certs import FROM, UNTIL, key_pem
from chainpilot.clock import SYSTEM
from chainpilot.pki.certificate import Certificate, load_certificate
from chainpilot.pki.crl import (
    CLOCK_TOLERANCE,
    MAX_CRL_BYTES,
    MAX_CRLS,
    Crl,
    CrlError,
    CrlVerdict,
    NoCurrentCrl,
    NotRevoked,
    RevocationReason,
    Revoked,
    load_crl,
    load_crls,
    revocation,
)
from chainpilot.pki.encoding import PemLabel, pem_encode
from derwriter import extension, sequence, tlv
from forge import NOON, Forged, forge, v2g_hierarchy
from programs import program
from revocations import NEXT, SINCE, entry, pem, revocation_list

V2G = v2g_hierarchy()
ISSUER, LEAF = V2G.sub2, V2G.leaf.certificate
SERIAL = LEAF.serial_number
SECOND = timedelta(seconds=1)
AROUND = [(-1, True), (0, True), (1, False)]


def ask(*ders: bytes, certificate: Certificate = LEAF, issuer: Forged = ISSUER, at: datetime = NOON) -> CrlVerdict:
    return revocation(map(load_crl, ders), certificate, issuer.certificate, at)


def assert_cannot_tell(verdict: CrlVerdict, words: str) -> None:
    assert isinstance(verdict, NoCurrentCrl), verdict
    assert words in verdict.why


# Reading.


def test_a_list_is_read_whole() -> None:
    der = revocation_list(ISSUER, entry(7, reason=1), entry(SERIAL), number=0x1234567890ABCDEF)
    crl = load_crl(der)
    assert (crl.this_update, crl.next_update, crl.number) == (SINCE, NEXT, 0x1234567890ABCDEF)
    assert crl.issuer_key == ISSUER.certificate.subject_key
    assert dict(crl.revoked) == {
        7: Revoked(SINCE, RevocationReason.KEY_COMPROMISE),
        SERIAL: Revoked(SINCE, RevocationReason.UNSPECIFIED),
    }
    assert crl.der == der
    assert crl == load_crl(pem(der))
    assert hash(crl) == hash(load_crl(der))
    assert "revoked" not in repr(crl)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (0, RevocationReason.UNSPECIFIED),
        (1, RevocationReason.KEY_COMPROMISE),
        (2, RevocationReason.CA_COMPROMISE),
        (3, RevocationReason.AFFILIATION_CHANGED),
        (4, RevocationReason.SUPERSEDED),
        (5, RevocationReason.CESSATION_OF_OPERATION),
        (6, RevocationReason.CERTIFICATE_HOLD),
        (8, RevocationReason.REMOVE_FROM_CRL),
        (9, RevocationReason.PRIVILEGE_WITHDRAWN),
        (10, RevocationReason.AA_COMPROMISE),
    ],
)
def test_every_reason_of_the_standard_is_told(number: int, reason: RevocationReason) -> None:
    assert ask(revocation_list(ISSUER, entry(SERIAL, reason=number))) == Revoked(SINCE, reason)


def test_a_list_of_version_1_and_an_empty_one_are_lists() -> None:
    assert ask(revocation_list(ISSUER, number=None)) == NotRevoked(NEXT)
    first = revocation_list(ISSUER, entry(SERIAL), number=None)
    assert load_crl(first).number is None
    assert isinstance(ask(first), Revoked)


def test_all_lists_of_a_pem_text_are_read_in_order_and_other_blocks_passed_over() -> None:
    ders = [revocation_list(ISSUER, number=number) for number in (3, 1, 2)]
    text = b"prose\r\n" + pem_encode(LEAF.der, PemLabel.CERTIFICATE).encode() + b"".join(map(pem, ders))
    assert [crl.number for crl in load_crls(text)] == [3, 1, 2]
    assert [crl.der for crl in load_crls(text.replace(b"\n", b"\r\n"))] == ders


def test_of_a_certificate_named_twice_the_earlier_date_counts() -> None:
    early, late = entry(SERIAL, revoked=SINCE - timedelta(days=9), reason=1), entry(SERIAL, reason=4)
    for order in ((early, late), (late, early)):
        found = load_crl(revocation_list(ISSUER, *order)).revoked[SERIAL]
        assert found == Revoked(SINCE - timedelta(days=9), RevocationReason.KEY_COMPROMISE)


def test_what_is_revoked_cant_be_changed() -> None:
    revoked: Any = load_crl(revocation_list(ISSUER, entry(7))).revoked
    with pytest.raises(TypeError):
        revoked[7] = None


POINT = tlv(0xA0, tlv(0xA0, tlv(0x86, b"http://crl.test/1")))
INVALIDITY = tlv(0x18, b"20260101000000Z")
UNUSABLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "no bytes": (lambda: b"", "not a usable CRL"),
    "no ASN.1": (lambda: b"<html>404</html>", "not a usable CRL"),
    "a certificate": (lambda: LEAF.der, "not a usable CRL"),
    "a certificate in PEM": (lambda: LEAF.to_pem().encode(), "not a usable CRL"),
    "bytes behind it": (lambda: revocation_list(ISSUER) + b"\x00", "not a usable CRL"),
    "cut off": (lambda: revocation_list(ISSUER)[:-1], "not a usable CRL"),
    "PEM that never ends": (lambda: pem(revocation_list(ISSUER))[:-5], "never ends"),
    "PEM of broken base64": (lambda: pem(revocation_list(ISSUER)).replace(b"A", b"!"), "base64"),
    "bits left over in the signature": (lambda: revocation_list(ISSUER, unused=1), "not a usable CRL"),
    "another algorithm inside": (
        lambda: revocation_list(ISSUER, inside=sequence(bytes.fromhex("06082a8648ce3d040303"))),
        "do not match",
    ),
    "without nextUpdate": (lambda: revocation_list(ISSUER, until=None), "nextUpdate"),
    "an end before its begin": (lambda: revocation_list(ISSUER, until=SINCE - SECOND), "before"),
    "a delta": (
        lambda: revocation_list(ISSUER, extensions=(extension("2.5.29.27", b"\x02\x01\x01", critical=True),)),
        "delta",
    ),
    "a delta not marked critical": (
        lambda: revocation_list(ISSUER, extensions=(extension("2.5.29.27", b"\x02\x01\x01"),)),
        "delta",
    ),
    "for one distribution point": (
        lambda: revocation_list(ISSUER, extensions=(extension("2.5.29.28", sequence(POINT), critical=True),)),
        "part",
    ),
    "for leaves only": (
        lambda: revocation_list(
            ISSUER, extensions=(extension("2.5.29.28", sequence(tlv(0x81, b"\xff")), critical=True),)
        ),
        "part",
    ),
    "indirect": (
        lambda: revocation_list(
            ISSUER, extensions=(extension("2.5.29.28", sequence(tlv(0x84, b"\xff")), critical=True),)
        ),
        "another CA's",
    ),
    "indirect by its entries": (
        lambda: revocation_list(
            ISSUER,
            entry(
                1,
                extensions=(
                    extension("2.5.29.29", sequence(tlv(0xA4, V2G.root.certificate.subject_der)), critical=True),
                ),
            ),
        ),
        "indirect",
    ),
    "a critical extension": (
        lambda: revocation_list(ISSUER, extensions=(extension("1.2.3.4", b"\x05\x00", critical=True),)),
        "1.2.3.4",
    ),
    "a critical extension of an entry": (
        lambda: revocation_list(ISSUER, entry(1, extensions=(extension("1.2.3.4", b"\x05\x00", critical=True),))),
        "1.2.3.4",
    ),
    "an extension twice": (
        lambda: revocation_list(ISSUER, extensions=(extension("2.5.29.20", b"\x02\x01\x01"),)),
        "twice",
    ),
    "an entry's extension twice": (
        lambda: revocation_list(ISSUER, entry(1, reason=1, extensions=(extension("2.5.29.21", b"\x0a\x01\x01"),))),
        "not a usable CRL",
    ),
    "a reason nobody knows": (lambda: revocation_list(ISSUER, entry(1, reason=7)), "not a usable CRL"),
    "a number that is none": (
        lambda: revocation_list(ISSUER, number=None, extensions=(extension("2.5.29.20", b"\x05\x00"),)),
        "not a usable CRL",
    ),
}


@pytest.mark.parametrize(("make", "words"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_list_with_one_thing_wrong_is_refused(make: Callable[[], bytes], words: str) -> None:
    with pytest.raises(CrlError) as caught:
        load_crl(make())
    assert words in str(caught.value)


def test_extensions_that_change_nothing_are_passed_over() -> None:
    odd = extension("1.2.3.4", b"\x05\x00")
    key_id = extension("2.5.29.35", sequence(tlv(0x80, b"12345678")))
    harmless = extension("2.5.29.24", INVALIDITY, critical=True)
    der = revocation_list(ISSUER, entry(SERIAL, extensions=(odd, harmless)), extensions=(odd, key_id))
    assert isinstance(ask(der), Revoked)


def test_where_one_list_is_expected_several_are_refused() -> None:
    with pytest.raises(CrlError, match="2 lists"):
        load_crl(pem(revocation_list(ISSUER)) * 2)


@pytest.mark.parametrize(("more", "fits"), AROUND)
def test_bytes_of_a_file(more: int, *, fits: bool) -> None:
    text = pem(revocation_list(ISSUER))
    data = text + b"\n" * (MAX_CRL_BYTES + more - len(text))
    if fits:
        assert len(load_crls(data)) == 1
    else:
        with pytest.raises(CrlError, match="at most"):
            load_crls(data)


@pytest.mark.parametrize(("more", "fits"), AROUND)
def test_lists_of_a_file(more: int, *, fits: bool) -> None:
    data = pem(revocation_list(ISSUER)) * (MAX_CRLS + more)
    if fits:
        assert len(load_crls(data)) == MAX_CRLS + more
    else:
        with pytest.raises(CrlError, match="at most"):
            load_crls(data)


def test_a_list_as_long_as_the_bound_allows_is_read() -> None:
    serials = range(1 << 130, (1 << 130) + 115_000)
    der = revocation_list(ISSUER, *(entry(serial) for serial in serials))
    assert MAX_CRL_BYTES * 0.9 < len(der) <= MAX_CRL_BYTES
    assert len(load_crl(der).revoked) == len(serials)


# Believing.


def test_what_isnt_named_isnt_revoked_until_the_lists_end() -> None:
    assert ask(revocation_list(ISSUER, entry(SERIAL + 1))) == NotRevoked(NEXT)


def test_no_list_says_nothing() -> None:
    assert_cannot_tell(ask(), "there is no list by")


def test_another_cas_list_says_nothing() -> None:
    assert_cannot_tell(ask(revocation_list(V2G.sub1, entry(SERIAL))), "there is no list by")


def test_a_list_by_the_issuers_key_in_another_name_says_nothing() -> None:
    der = revocation_list(ISSUER, name=V2G.sub1.certificate.subject_der)
    assert load_crl(der).was_signed_by(ISSUER.certificate)
    assert_cannot_tell(ask(der), "there is no list by")


def test_a_list_in_the_issuers_name_by_another_key_says_nothing() -> None:
    namesake = forge("CPO Sub2", V2G.sub1, ca=True)
    assert_cannot_tell(ask(revocation_list(namesake)), "properly signed")
    assert_cannot_tell(ask(revocation_list(Forged(ISSUER.certificate, namesake.key))), "properly signed")


def test_an_issuer_that_may_not_sign_lists_says_nothing() -> None:
    shy = forge("Shy", ca=True, usage={"key_cert_sign": True})
    leaf = forge("Leaf", shy).certificate
    assert_cannot_tell(ask(revocation_list(shy), certificate=leaf, issuer=shy), "properly signed")


def test_an_issuer_without_a_key_usage_may_sign_lists() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Old Root")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOON, NOON)
    der = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    issuer = Forged(load_certificate(der), key)
    assert issuer.certificate.extensions.key_usage is None
    assert load_crl(revocation_list(issuer)).was_signed_by(issuer.certificate)
    assert not load_crl(revocation_list(V2G.root)).was_signed_by(issuer.certificate)


def test_an_issuer_with_a_weak_key_says_nothing() -> None:
    weak = forge("Weak", ca=True, key=rsa.generate_private_key(65537, 1024))
    leaf = forge("Leaf", weak).certificate
    assert_cannot_tell(ask(revocation_list(weak), certificate=leaf, issuer=weak), "properly signed")


def test_a_list_over_sha1_says_nothing() -> None:
    assert_cannot_tell(ask(revocation_list(ISSUER, digest="sha1")), "properly signed")


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
        ed448.Ed448PrivateKey.generate(),
    ],
    ids=["P-521", "RSA", "Ed25519", "Ed448"],
)
def test_every_sound_kind_of_key_may_sign(key: Any) -> None:
    issuer = forge("Sub", ca=True, key=key)
    leaf = forge("Leaf", issuer).certificate
    for digest in ("sha256", "sha384", "sha512"):
        assert ask(revocation_list(issuer, digest=digest), certificate=leaf, issuer=issuer) == NotRevoked(NEXT)
    if isinstance(key, rsa.RSAPrivateKey):
        assert ask(revocation_list(issuer, pss=True), certificate=leaf, issuer=issuer) == NotRevoked(NEXT)


def test_a_certificate_of_another_issuer_isnt_looked_up() -> None:
    der = revocation_list(V2G.sub1)
    assert_cannot_tell(ask(der, issuer=V2G.sub1), "was not issued by")
    namesake = forge("CPO Sub2", V2G.sub1, ca=True)
    assert_cannot_tell(ask(revocation_list(namesake), issuer=namesake), "was not issued by")
    renamed = forge("Renamed", V2G.sub1, ca=True, key=ISSUER.key)
    assert LEAF.was_signed_by(renamed.certificate)
    assert_cannot_tell(ask(revocation_list(renamed), issuer=renamed), "was not issued by")


def test_both_ends_of_a_list_are_inclusive_and_its_begin_tolerant() -> None:
    der = revocation_list(ISSUER, since=NOON)
    for at in (NOON - CLOCK_TOLERANCE, NOON, NEXT):
        assert ask(der, at=at) == NotRevoked(NEXT)
    for at in (NOON - CLOCK_TOLERANCE - SECOND, NEXT + SECOND, datetime(9999, 12, 31, tzinfo=UTC)):
        assert_cannot_tell(ask(der, at=at), "in force")


def test_of_several_lists_in_force_the_newest_counts() -> None:
    held = revocation_list(ISSUER, entry(SERIAL, reason=6), since=SINCE - timedelta(days=1), number=1)
    freed = revocation_list(ISSUER, number=2)
    assert isinstance(ask(held), Revoked)
    for order in ((held, freed), (freed, held)):
        assert ask(*order) == NotRevoked(NEXT)


def test_of_lists_of_one_moment_the_higher_number_counts() -> None:
    first, second = revocation_list(ISSUER, number=1), revocation_list(ISSUER, entry(SERIAL), number=2)
    for order in ((first, second), (second, first)):
        assert isinstance(ask(*order), Revoked)


def test_a_list_that_has_ended_or_is_forged_doesnt_hide_one_in_force() -> None:
    ended = revocation_list(ISSUER, since=SINCE - timedelta(days=9), until=NOON - SECOND)
    ahead = revocation_list(ISSUER, since=NOON + timedelta(days=1), number=9)
    forged = revocation_list(Forged(ISSUER.certificate, V2G.root.key), number=99)
    current = revocation_list(ISSUER, entry(SERIAL))
    assert isinstance(ask(ended, ahead, forged, current), Revoked)


def test_a_certificate_that_was_revoked_stays_so_when_the_list_has_ended() -> None:
    old: dict[str, Any] = {"since": SINCE - timedelta(days=9), "until": NOON - SECOND}
    assert isinstance(ask(revocation_list(ISSUER, entry(SERIAL), **old)), Revoked)
    assert_cannot_tell(ask(revocation_list(ISSUER, entry(SERIAL, reason=6), **old)), "in force")
    ahead: dict[str, Any] = {"since": NOON + timedelta(days=1), "until": NEXT + timedelta(days=9)}
    assert_cannot_tell(ask(revocation_list(ISSUER, entry(SERIAL), **ahead)), "in force")


def test_names_are_compared_without_regard_to_case() -> None:
    shouted = ISSUER.certificate.subject_der.replace(b"CPO Sub2", b"CPO SUB2")
    assert isinstance(ask(revocation_list(ISSUER, entry(SERIAL), name=shouted)), Revoked)


def test_a_time_without_a_zone_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="timezone"):
        ask(revocation_list(ISSUER), at=NOON.replace(tzinfo=None))


# Bytes of any kind.


def test_no_bit_of_a_list_can_be_turned_without_losing_its_word() -> None:
    der = revocation_list(ISSUER, entry(SERIAL + 1, reason=1))
    kept = [(at, bit) for at in range(len(der)) for bit in range(8) if not _says_nothing(_flipped(der, at, bit))]
    assert not _says_nothing(der)
    assert kept == []


@given(st.binary(max_size=300))
def test_nothing_but_our_own_error_leaves_the_reader(data: bytes) -> None:
    for text in (data, pem(data), b"-----BEGIN X509 CRL-----" + data):
        with pytest.raises(CrlError):
            load_crls(text)


SHORT = revocation_list(ISSUER, entry(SERIAL + 1))


@given(st.data())
def test_a_list_that_was_cut_stretched_or_overwritten_says_nothing_or_is_unchanged(data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(SHORT)))
    end = data.draw(st.integers(begin, len(SHORT)))
    changed = SHORT[:begin] + data.draw(st.binary(max_size=12)) + SHORT[end:]
    assert changed == SHORT or _says_nothing(changed)


def _says_nothing(der: bytes) -> bool:
    try:
        return isinstance(ask(der), NoCurrentCrl)
    except CrlError:
        return True


def _flipped(data: bytes, position: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


# openssl.

CA = forge("CPO Sub2", ca=True, begin=FROM, end=UNTIL)
GOOD = forge("DE*ICE*E0001", CA, begin=FROM, end=UNTIL).certificate
BAD = forge("DE*ICE*E0002", CA, begin=FROM, end=UNTIL).certificate
CA_CONFIG = """
[ca]
default_ca = here
[here]
database = index.txt
crlnumber = number
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_crl_days = 30
policy = any
[any]
commonName = optional
[leaves]
issuingDistributionPoint = critical, @point
[point]
onlyuser = TRUE
"""


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """A folder of `openssl ca` for CA, which has issued GOOD and BAD."""
    (tmp_path / "ca.pem").write_text(CA.certificate.to_pem())
    (tmp_path / "ca.key").write_bytes(key_pem(CA.key))
    (tmp_path / "openssl.cnf").write_text(CA_CONFIG)
    (tmp_path / "numberless.cnf").write_text(CA_CONFIG.replace("crlnumber", "# crlnumber"))
    (tmp_path / "number").write_text("2A\n")
    (tmp_path / "index.txt").write_text("")
    for name, certificate in (("good", GOOD), ("bad", BAD)):
        (tmp_path / f"{name}.pem").write_text(certificate.to_pem())
    return tmp_path


def openssl(folder: Path, *arguments: str) -> str:
    command = [program("openssl"), *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def published(folder: Path, *options: str, config: str = "openssl.cnf") -> Crl:
    """The list of `openssl ca` after BAD was revoked."""
    openssl(folder, "ca", "-config", config, "-revoke", "bad.pem", "-crl_reason", "cessationOfOperation")
    openssl(folder, "ca", "-config", config, "-gencrl", "-out", "list.pem", *options)
    return load_crl((folder / "list.pem").read_bytes())


@pytest.mark.parametrize(("config", "number"), [("openssl.cnf", 0x2A), ("numberless.cnf", None)])
def test_a_list_of_openssl_ca_is_believed(ca: Path, config: str, number: int | None) -> None:
    crl, now = published(ca, config=config), SYSTEM.now()
    assert crl.number == number
    assert revocation([crl], GOOD, CA.certificate, now) == NotRevoked(crl.next_update)
    verdict = revocation([crl], BAD, CA.certificate, now)
    assert isinstance(verdict, Revoked)
    assert verdict.reason is RevocationReason.CESSATION_OF_OPERATION
    assert timedelta() <= now - verdict.revoked_at < timedelta(minutes=5)
    after = revocation([crl], GOOD, CA.certificate, now + timedelta(days=31))
    assert_cannot_tell(after, "in force")


def test_a_list_of_openssl_ca_for_leaves_only_is_refused(ca: Path) -> None:
    with pytest.raises(CrlError, match="part"):
        published(ca, "-crlexts", "leaves")


def test_the_list_serves_openssls_own_judgement(ca: Path) -> None:
    crl = published(ca)
    store = crypto.X509Store()
    store.add_cert(CA.certificate.openssl)
    store.add_crl(crl.openssl)
    store.set_flags(crypto.X509StoreFlags.CRL_CHECK)
    crypto.X509StoreContext(store, GOOD.openssl).verify_certificate()
    with pytest.raises(crypto.X509StoreContextError, match="revoked"):
        crypto.X509StoreContext(store, BAD.openssl).verify_certificate()


def test_openssl_reads_and_verifies_the_lists_we_forge(ca: Path) -> None:
    """So that the forge's good lists are good by a second opinion, too."""
    der = revocation_list(CA, entry(BAD.serial_number, reason=1), number=77)
    (ca / "forged.der").write_bytes(der)
    done = subprocess.run(
        [program("openssl"), "crl", "-inform", "DER", "-in", "forged.der", "-CAfile", "ca.pem", "-text"],
        cwd=ca,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "verify OK" in done.stderr
    assert "Key Compromise" in done.stdout
    assert load_crl(done.stdout[done.stdout.index("-----BEGIN") :].encode()) == load_crl(der)
