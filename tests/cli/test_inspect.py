"""`chainpilot inspect`: every kind explained to people and programs, every mistake a sentence with its exit code."""

import io
import itertools
import json
import os
import pty
import re
import subprocess
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.cli import Digest
from chainpilot.cli.inspect import explain, machine, parse_time, people
from chainpilot.cli.words import ending, name_words, plain, usage_word
from chainpilot.clock import SYSTEM
from chainpilot.pki.artifact import MAX_BYTES, ArtifactError
from chainpilot.pki.certificate import Certificate, load_certificate
from chainpilot.pki.hashdata import HashAlgorithm, hash_data
from forge import BEGIN, END, NOON, Forged, forge, v2g_hierarchy
from programs import program
from specimens import write_specimens

PROGRAM = Path(sys.executable).with_name("chainpilot")
HIERARCHY = v2g_hierarchy()
LEAF, SUB2, SUB1, ROOT = HIERARCHY.certificates
AT = "2026-11-20"


@pytest.fixture(scope="module")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files of every kind."""
    return write_specimens(Path(tmp_path_factory.mktemp("specimens")))


def inspect(*arguments: str | Path, stdin: bytes = b"", **settings: Any) -> subprocess.CompletedProcess[str]:
    """A run of the program, which never ends in a trace."""
    done = subprocess.run(
        [PROGRAM, "inspect", *arguments], input=stdin, capture_output=True, timeout=120, check=False, **settings
    )
    run = subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in run.stderr
    return run


def shown(*certificates: Certificate, at: datetime = NOON, extra: bytes = b"") -> str:
    """What people see of a PEM stack."""
    return seen("".join(one.to_pem() for one in certificates).encode() + extra, at=at)


def seen(data: bytes, *, at: datetime = NOON) -> str:
    """What people see in a pipe."""
    with redirect_stdout(io.StringIO()) as out:
        people.show(explain("some.pem", data, at=at))
    return out.getvalue()


def told(data: bytes, *, at: datetime = NOON, algorithm: HashAlgorithm = HashAlgorithm.SHA256) -> dict[str, Any]:
    """What programs get."""
    whole: dict[str, Any] = json.loads(machine.as_json(explain("some.pem", data, at=at, algorithm=algorithm)))
    return whole


def pem(*certificates: Certificate) -> bytes:
    return "".join(one.to_pem() for one in certificates).encode()


def key_pem(forged: Forged) -> bytes:
    return forged.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def codes(whole: dict[str, Any], severity: str = "error") -> list[tuple[str, list[int]]]:
    """The codes of the problems of that severity, each with its objects."""
    return [(one["code"], one["objects"]) for one in whole["problems"] if one["severity"] == severity]


def test_the_first_line_says_in_words_what_a_leaf_is() -> None:
    begin = datetime(2026, 11, 20, tzinfo=UTC)
    assert "\nSECC leaf of DE*ICE*E0001, ISO 15118-2, issued by CPO Sub2, ends in 42 days (1 Jan 2027)\n" in shown(
        LEAF, at=begin
    )
    assert "\nV2G root V2G Root, self-signed, ends in 9 years (30 Dec 2035)\n" in shown(ROOT)
    assert "\nV2G sub-CA CPO Sub1, issued by V2G Root, ends in 9 years" in shown(SUB1)


def test_a_stack_in_order_is_good_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "stack.pem").write_bytes(pem(LEAF, SUB2, SUB1))
    done = inspect(tmp_path / "stack.pem", "--at", AT)
    assert done.returncode == 0
    head = done.stdout.splitlines()[0]
    assert "3 objects in PEM; a stack in the right order, each signed by the next" in head
    assert "judged for 20 Nov 2026 00:00 UTC" in head
    assert "What to do" not in done.stdout
    assert done.stderr == ""


def test_a_stack_in_disorder_ends_with_the_right_order(tmp_path: Path) -> None:
    (tmp_path / "stack.pem").write_bytes(pem(SUB2, SUB1, LEAF))
    done = inspect(tmp_path / "stack.pem", "--at", AT)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == (
        "  3: the leaf is not first: order DE*ICE*E0001 (3), CPO Sub2 (1), CPO Sub1 (2)"
    )


def test_the_other_flaws_of_a_stack_are_told_with_what_to_do() -> None:
    assert "in the wrong order" in shown(LEAF, SUB1, SUB2)
    assert "order DE*ICE*E0001 (1), CPO Sub2 (3), CPO Sub1 (2)" in shown(LEAF, SUB1, SUB2)
    gap = shown(LEAF, SUB1)
    assert "put in the certificate of CPO Sub2 that signed DE*ICE*E0001 (1)" in gap
    stranger = forge("MO Root", ca=True, domain="MO").certificate
    assert "MO Root (5) doesn't belong to the chain of the leaf" in shown(LEAF, SUB2, SUB1, ROOT, stranger)
    assert codes(told(pem(LEAF, SUB2, SUB1, ROOT, stranger))) == [("stranger", [5])]


def test_a_certificate_is_told_whole_to_programs() -> None:
    whole = told(pem(LEAF, SUB2))
    assert (whole["source"], whole["at"], whole["ok"], whole["why"]) == ("some.pem", "2026-06-01T12:00:00Z", True, None)
    leaf = whole["objects"][0]
    data = hash_data(LEAF, SUB2)
    expected = {
        "number": 1,
        "kind": "certificate",
        "carrier": "pem",
        "pem_label": "CERTIFICATE",
        "role": "secc_leaf",
        "domain": "V2G",
        "iso15118_edition": "ISO15118-2",
        "is_test": False,
        "issuer_object": 2,
        "serial_number": f"{LEAF.serial_number:x}",
        "not_before": "2026-01-01T00:00:00Z",
        "not_after": "2027-01-01T00:00:00Z",
        "days_left": 213,
        "is_valid": True,
        "key": {"kind": "EC P-256", "spki_sha256": LEAF.spki_hash, "weakness": None},
        "key_usage": ["digitalSignature", "keyAgreement"],
        "key_usage_is_critical": True,
        "is_ca": False,
        "fingerprint_sha256": LEAF.fingerprint,
        "size": len(LEAF.der),
        "hash_data": {
            "hash_algorithm": "SHA256",
            "issuer_name_hash": data.issuer_name_hash,
            "issuer_key_hash": data.issuer_key_hash,
            "serial_number": data.serial_number,
        },
    }
    assert {key: leaf[key] for key in expected} == expected
    assert leaf["subject"] == {
        "text": "C=DE, O=Operator, CN=DE*ICE*E0001, DC=CPO",
        "common_name": "DE*ICE*E0001",
        "organization": "Operator",
        "country": "DE",
        "domain_component": "CPO",
    }
    assert leaf["profile"]["name"] == "SECC leaf (ISO 15118-2)"
    assert {one["severity"] for one in leaf["profile"]["findings"]} <= {"should"}
    assert whole["stack"]["chain"] == [1, 2]


def test_without_the_issuer_there_is_no_hash_data() -> None:
    assert told(pem(LEAF))["objects"][0]["hash_data"] is None
    assert "not in this input" in shown(LEAF)
    assert told(pem(ROOT))["objects"][0]["hash_data"]["serial_number"] == f"{ROOT.serial_number:x}"


@pytest.mark.parametrize("algorithm", HashAlgorithm)
def test_hash_data_come_in_the_digest_that_was_asked_for(algorithm: HashAlgorithm, tmp_path: Path) -> None:
    (tmp_path / "stack.pem").write_bytes(pem(LEAF, SUB2))
    done = inspect(tmp_path / "stack.pem", "--json", "--hash", algorithm.value.lower(), "--at", AT)
    found = json.loads(done.stdout)["objects"][0]["hash_data"]
    assert found["hash_algorithm"] == algorithm.value
    assert found["issuer_key_hash"] == hash_data(LEAF, SUB2, algorithm).issuer_key_hash


def test_the_option_s_digests_are_those_of_hash_data() -> None:
    assert [one.value for one in Digest] == [one.value for one in HashAlgorithm]


def test_validity_is_judged_at_the_time_given() -> None:
    after, before = END + timedelta(days=3), BEGIN - timedelta(days=3)
    assert "ended 3 days ago (1 Jan 2027)" in shown(LEAF, at=after)
    assert "What to do:\n  expired: have a new one issued" in shown(LEAF, at=after)
    assert codes(told(pem(LEAF), at=after)) == [("expired", [1])]
    assert told(pem(LEAF), at=after)["objects"][0]["days_left"] == -3
    assert "begins in 3 days (1 Jan 2026)" in shown(LEAF, at=before)
    assert codes(told(pem(LEAF), at=before)) == [("not_yet_valid", [1])]
    assert told(pem(LEAF), at=END)["ok"]
    assert not told(pem(LEAF), at=END + timedelta(seconds=1))["ok"]


def test_without_a_time_it_is_now(tmp_path: Path) -> None:
    over = forge("DE*ICE*E1", begin=BEGIN - timedelta(days=400), end=BEGIN - timedelta(days=300)).certificate
    (tmp_path / "over.pem").write_bytes(pem(over))
    done = inspect(tmp_path / "over.pem")
    assert done.returncode == 1
    assert "days ago (" in done.stdout
    assert "judged for" not in done.stdout


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (timedelta(days=731), "in 2 years"),
        (timedelta(days=730), "in 730 days"),
        (timedelta(days=1), "in 1 day "),
        (timedelta(hours=5), "in 5 hours"),
        (timedelta(hours=1), "in 1 hour "),
        (timedelta(minutes=1), "in 1 minute "),
        (timedelta(0), "in 0 minutes"),
    ],
)
def test_spans_are_told_in_the_unit_that_people_count_in(gap: timedelta, words: str) -> None:
    assert words in ending(BEGIN, NOON + gap, NOON)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2027-01-06", datetime(2027, 1, 6, tzinfo=UTC)),
        ("2027-01-06T12:00:00Z", datetime(2027, 1, 6, 12, tzinfo=UTC)),
        ("2027-01-06T12:00+02:00", datetime(2027, 1, 6, 10, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_utc_unless_they_say_otherwise(text: str, time: datetime) -> None:
    assert parse_time(text) == time


@pytest.mark.parametrize("text", ["yesterday", "", "2027-13-01", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_time_is_a_usage_error(text: str, specimens: Path) -> None:
    done = inspect(specimens / "certificate.pem", "--at", text)
    assert done.returncode == 2
    assert done.stderr == f"chainpilot: {text!r} is no time; write it as 2027-01-06 or 2027-01-06T12:00:00Z (--at)\n"


def test_a_test_certificate_is_marked() -> None:
    marked = v2g_hierarchy(test=True).leaf.certificate
    assert "TEST SECC leaf of DE*ICE*E0001" in shown(marked)
    assert "never for production" in shown(marked)
    assert told(pem(marked))["objects"][0]["is_test"]
    assert "TEST" not in shown(LEAF)


def test_what_a_linter_must_refuse_is_an_error_and_what_it_would_like_a_remark() -> None:
    unfit = forge("nobody", HIERARCHY.sub2).certificate
    whole = told(pem(unfit))
    assert ("profile.common-name", [1]) in codes(whole)
    assert ("profile.ocsp-url", [1]) in codes(whole, "warning")
    assert re.search(r"must: its common name .*nobody.* \[common-name\]", shown(unfit))
    assert "it may be refused as it is" in shown(unfit)


def test_nothing_is_held_against_a_certificate_of_no_known_use() -> None:
    assert told(pem(forge("somebody", domain="X", organization=None).certificate))["ok"]


def test_a_weak_digest_counts_but_not_a_root_s_own(specimens: Path) -> None:
    whole = told(b"".join((specimens / name).read_bytes() for name in ("sha1_root.pem", "sha1_leaf.pem")))
    assert [objects for code, objects in codes(whole) if code == "weak_digest"] == [[2]]
    assert whole["objects"][0]["role"] == "root"


def test_alternative_names_are_shown() -> None:
    names = x509.SubjectAlternativeName([x509.DNSName("csms.example"), x509.UniformResourceIdentifier("urn:x")])
    usage = (x509.oid.ExtendedKeyUsageOID.SERVER_AUTH,)
    server = forge("csms.example", domain="CSMS", eku=usage, extensions=((names, False),)).certificate
    assert "DNS csms.example, URI urn:x" in shown(server)
    assert told(pem(server))["objects"][0]["alternative_names"] == ["DNS csms.example", "URI urn:x"]
    assert "TLS server certificate of csms.example" in shown(server)


def test_a_leaf_with_its_key_belongs_together_and_a_foreign_key_does_not() -> None:
    whole = told(pem(LEAF) + key_pem(HIERARCHY.leaf))
    assert [one["same_key_as"] for one in whole["objects"]] == [[2], [1]]
    assert "same key     a certificate (1)" in seen(pem(LEAF) + key_pem(HIERARCHY.leaf))
    assert codes(told(pem(LEAF) + key_pem(HIERARCHY.sub2))) == [("foreign_key", [2])]
    assert told(key_pem(HIERARCHY.leaf))["ok"]


def test_of_many_renewals_with_one_key_a_few_are_named() -> None:
    renewals = [forge("DE*ICE*E1", HIERARCHY.sub2, key=HIERARCHY.leaf.key).certificate for _ in range(12)]
    assert re.search(r"same key +a certificate \(2\), .*, a certificate \(9\), and 3 more\n", shown(*renewals))
    assert told(pem(*renewals))["objects"][0]["same_key_as"] == list(range(2, 13))


def test_a_ca_says_how_many_may_stand_below_it() -> None:
    told_by = {
        0: "yes, with no CA below it",
        1: "yes, with at most one CA below it",
        3: "yes, with at most 3 CAs below it",
    }
    for length, words in told_by.items():
        assert f"CA           {words}\n" in shown(forge("V2G Root", ca=True, path_length=length).certificate)
    assert "CA           yes\n" in shown(ROOT)


def with_path_length(length: int) -> Certificate:
    """A root with that path length, whatever its size."""
    number = length.to_bytes(length.bit_length() // 8 + 1, "big", signed=True)
    body = b"\x01\x01\xff\x02\x82" + len(number).to_bytes(2, "big") + number
    raw = x509.UnrecognizedExtension(x509.BasicConstraints.oid, b"\x30\x82" + len(body).to_bytes(2, "big") + body)
    return forge("V2G Root", extensions=((raw, True),)).certificate


@pytest.mark.parametrize(("length", "is_told"), [(998, True), (999, True), (1000, False), (-1, False)])
def test_a_path_length_beyond_sense_is_told_as_such(length: int, *, is_told: bool) -> None:
    certificate = with_path_length(length)
    assert ("with a senseless path length" not in shown(certificate)) is is_told
    assert told(pem(certificate))["objects"][0]["path_length"] == length


def test_numbers_of_ten_thousand_digits_stop_nobody() -> None:
    certificate = with_path_length(1 << 60000)
    assert "with a senseless path length" in shown(certificate)
    assert told(pem(certificate))["objects"][0]["path_length"] == 1000


def test_a_senseless_number_of_a_list_stops_nobody() -> None:
    data = revocation_list(HIERARCHY.sub2, number=1 << 60000)
    assert "number       1000000" in seen(data)
    assert told(data)["objects"][0]["crl_number"].startswith("1000000")


def test_a_certificate_that_is_there_twice_is_told_once() -> None:
    output = shown(LEAF, LEAF)
    assert "it is object 1 once more" in output
    assert output.count("fingerprint") == 1
    assert told(pem(LEAF, LEAF))["ok"]


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("request.pem", "signing request (CSR) for DE*ICE*E1, signed by its own key", 0),
        ("bag.der", "PKCS#7 bag of 1 certificate", 1),
        ("crl.pem", "revocation list (CRL) of Root, nothing revoked, good until ", 0),
        ("ocsp_request.der", "OCSP request about 1 certificate", 0),
        ("ocsp_response.der", "OCSP response: unknown, counts until ", 1),
        ("ec_pkcs8.pem", "private key, EC P-256, not encrypted", 0),
        ("ec_encrypted.pem", "encrypted private key (AES-256-CBC)", 0),
        ("ssh_ecdsa", "encrypted private key, EC P-256 (aes256-ctr)", 0),
        ("rsa_public.pem", "public key, RSA 2048 bits", 0),
        ("parameters_and_ec.pem", "parameters of a key: the curve P-256", 0),
        ("container.p12", "PKCS#12 container (.p12, .pfx), not opened", 1),
        ("enveloped.pem", "a PKCS#7 bag that can't be read", 1),
    ],
)
def test_every_kind_is_explained_to_people_and_to_programs(name: str, words: str, code: int, specimens: Path) -> None:
    data, now = (specimens / name).read_bytes(), SYSTEM.now()
    assert words in seen(data, at=now)
    whole = told(data, at=now)
    assert words in {one["summary"][: len(words)] for one in whole["objects"]}
    assert whole["ok"] is (code == 0)
    assert all(re.fullmatch(r"[a-z0-9_]+", key) for one in whole["objects"] for key in one)


def test_no_private_material_is_printed(specimens: Path) -> None:
    for name in ("ec_pkcs8.pem", "ec_sec1.der", "rsa_pkcs1.pem", "ed448.pem", "ssh_ed25519", "ec_encrypted.pem"):
        whole = (specimens / name).read_bytes()
        output = seen(whole) + json.dumps(told(whole))
        lines = [line for line in whole.decode("latin-1").splitlines() if len(line) > 20 and "-----" not in line]
        assert not [line for line in lines if line[:20] in output]
    command = [program("openssl"), "ec", "-in", str(specimens / "ec_sec1.pem"), "-text", "-noout"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    secret = "".join(re.findall(r"[0-9a-f]{2}", text.partition("priv:")[2].partition("pub:")[0]))
    assert len(secret) >= 64
    assert secret[-64:] not in json.dumps(told((specimens / "ec_sec1.pem").read_bytes()))


def test_blocks_of_different_kinds_are_explained_in_order(specimens: Path) -> None:
    data = pem(LEAF) + key_pem(HIERARCHY.leaf) + (specimens / "crl.pem").read_bytes()
    output = seen(data)
    places = [output.rindex(words) for words in ("\n1  SECC leaf of", "\n2  private key", "\n3  revocation list")]
    assert places == sorted(places)


def parsed(certificate: Certificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(certificate.der)


def answer(status: ocsp.OCSPCertStatus) -> bytes:
    """A response about LEAF, named by SHA-1."""
    is_revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        parsed(LEAF),
        parsed(SUB2),
        hashes.SHA1(),
        status,
        NOON,
        NOON + timedelta(days=8),
        NOON if is_revoked else None,
        x509.ReasonFlags.key_compromise if is_revoked else None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, parsed(SUB2))
    key = HIERARCHY.sub2.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_an_ocsp_answer_is_judged_where_the_issuer_is_at_hand() -> None:
    good = answer(ocsp.OCSPCertStatus.GOOD)
    alone = told(good)["objects"][0]["answers"][0]
    assert (alone["status"], alone["is_believable"], alone["issuer_object"]) == ("good", None, None)
    assert "can't tell: the issuer's certificate is not in this input" in seen(good)
    whole = told(LEAF.der + SUB2.der + good)
    beside = whole["objects"][2]["answers"][0]
    assert (beside["is_believable"], beside["issuer_object"], beside["about"]["object"]) == (True, 2, 1)
    assert whole["ok"]
    assert "believed     yes, as the word of CPO Sub2 (2)" in seen(LEAF.der + SUB2.der + good)


def test_an_ocsp_answer_with_a_broken_signature_is_not_believed() -> None:
    good = answer(ocsp.OCSPCertStatus.GOOD)
    whole = told(SUB2.der + good[:-1] + bytes([good[-1] ^ 1]))
    assert codes(whole) == [("ocsp_not_believable", [2])]
    assert whole["objects"][1]["answers"][0]["is_believable"] is False


def test_stale_and_revoking_ocsp_answers_are_told() -> None:
    assert codes(told(answer(ocsp.OCSPCertStatus.REVOKED))) == [("revoked", [1])]
    assert "is revoked since 1 Jun 2026 (keyCompromise)" in seen(answer(ocsp.OCSPCertStatus.REVOKED))
    stale = told(answer(ocsp.OCSPCertStatus.GOOD), at=NOON + timedelta(days=9))
    assert codes(stale) == [("ocsp_stale", [1])]


def test_a_responder_that_answers_nothing_is_told() -> None:
    refusal = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    data = refusal.public_bytes(Encoding.DER)
    assert codes(told(data)) == [("ocsp_no_answer", [1])]
    assert "the responder says tryLater: ask again later" in seen(data)


def revocation_list(signer: Forged, *serials: int, number: int | None = None) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(parsed(SUB2).subject)
        .last_update(NOON)
        .next_update(NOON + timedelta(days=8))
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOON).build()
        builder = builder.add_revoked_certificate(entry)
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    assert isinstance(signer.key, ec.EllipticCurvePrivateKey)
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_a_list_that_names_a_certificate_beside_it_is_told() -> None:
    whole = told(pem(LEAF, SUB2) + revocation_list(HIERARCHY.sub2, LEAF.serial_number, 5))
    assert codes(whole) == [("revoked", [3, 1])]
    assert len(whole["objects"][2]["revoked"]) == 2


def test_a_list_by_another_s_key_and_one_out_of_date_are_told() -> None:
    assert codes(told(pem(SUB2) + revocation_list(HIERARCHY.sub1))) == [("crl_bad_signature", [2])]
    late = told(revocation_list(HIERARCHY.sub2), at=NOON + timedelta(days=9))
    assert codes(late) == [("crl_out_of_date", [1])]
    early = told(revocation_list(HIERARCHY.sub2), at=NOON - timedelta(days=1))
    assert codes(early) == [("crl_not_yet_valid", [1])]


def test_a_long_list_is_shown_in_part_and_told_whole() -> None:
    data = revocation_list(HIERARCHY.sub2, *range(1, 31))
    assert "and 20 more; --json lists them all" in seen(data)
    assert len(told(data)["objects"][0]["revoked"]) == 30


def test_sixty_certificates_begin_with_a_table_and_end_with_one_piece_of_advice() -> None:
    many = [forge(f"DE*ICE*E{number}", HIERARCHY.sub2).certificate for number in range(58)]
    output = shown(*many, SUB2, SUB1, at=END + timedelta(days=1))
    table = output.split("\n\n")[1].splitlines()
    assert len(table) == 60
    assert table[0].startswith(" 1  secc leaf  DE*ICE*E0   until 1 Jan 2027  expired")
    assert len({line.index("until") for line in table}) == 1
    (advice,) = [line for line in output.splitlines() if line.endswith("expired: have a new one issued")]
    assert advice.startswith("  1, 2, 3, ")


def test_nothing_is_cut_or_coloured_in_a_pipe() -> None:
    wide = forge("N" * 64, organization="O" * 64, ca=True).certificate
    output = shown(wide)
    assert f"O={'O' * 64}, CN={'N' * 64}, DC=CPO" in output
    assert "\x1b" not in output
    assert not [line for line in output.splitlines() if line != line.rstrip()]


def on_a_terminal(path: Path, columns: int, **environment: str) -> str:
    """What the program writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    settings = {"TERM": "xterm-256color", "COLUMNS": str(columns), "PATH": os.environ["PATH"], **environment}
    with subprocess.Popen([PROGRAM, "inspect", path, "--at", AT], stdout=theirs, stderr=theirs, env=settings) as run:
        os.close(theirs)
        output = b""
        while piece := _read(ours):
            output += piece
        run.wait(60)
    os.close(ours)
    return output.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says so when the other end is closed
        return b""


def test_a_terminal_gets_colours_and_folded_lines(tmp_path: Path) -> None:
    (tmp_path / "stack.pem").write_bytes(pem(SUB2, LEAF))
    output = on_a_terminal(tmp_path / "stack.pem", 60)
    assert "\x1b[" in output
    plainly = re.sub(r"\x1b\[[0-9;]*m", "", output)
    blocks = plainly.replace("\r", "").split("\n\n")[2:]
    assert max(len(line) for block in blocks for line in block.splitlines()) <= 60
    joined = "".join(line.strip() for line in blocks[0].splitlines())
    assert SUB2.fingerprint in joined


def test_no_color_is_honoured(tmp_path: Path) -> None:
    (tmp_path / "stack.pem").write_bytes(pem(SUB2, LEAF))
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", on_a_terminal(tmp_path / "stack.pem", 60, NO_COLOR="1"))


def test_names_can_not_steer_the_terminal() -> None:
    evil = forge("\x1b]0;owned\x07\u202egpj\x9b31m", ca=True).certificate
    assert re.search(r"CN=\\x1b\]0\\;owned\\x07\\u202egpj\\x9b31m", shown(evil))
    raw = machine.as_json(explain("x", pem(evil), at=NOON))
    assert raw.isascii()
    assert "\x1b" not in raw
    assert plain("Größe [red]日本") == "Größe [red]日本"


def test_names_are_written_with_their_special_characters_escaped() -> None:
    name = (frozenset({("2.5.4.3", 'a,b+"c"')}), frozenset({("2.5.4.10", "O"), ("1.2.3.4", "x")}))
    assert name_words(name) == 'CN=a\\,b\\+\\"c\\", 1.2.3.4=x+O=O'
    assert usage_word("1.2.3") == "1.2.3"


def test_a_locale_without_umlauts_shows_the_rest(tmp_path: Path) -> None:
    (tmp_path / "one.pem").write_bytes(pem(forge("Größe", ca=True).certificate))
    done = inspect(tmp_path / "one.pem", "--at", AT, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "Gr\\xf6\\xdfe" in done.stdout


def with_serial_zero(issuer: Forged) -> bytes:
    """The DER of a leaf whose serial number is 0."""
    der = forge("DE*ICE*E1", issuer, serial=0x7F).certificate.der
    place = der.index(b"\x02\x01\x7f")
    return der[: place + 2] + b"\x00" + der[place + 3 :]


def test_the_library_s_own_warnings_stay_away(tmp_path: Path) -> None:
    """A serial number of zero is one that the library warns of."""
    der = with_serial_zero(HIERARCHY.sub2)
    (tmp_path / "odd.der").write_bytes(der)
    done = inspect(tmp_path / "odd.der", "--at", AT)
    assert done.stderr == ""
    assert "serial       0\n" in done.stdout


def test_standard_input_is_read(specimens: Path) -> None:
    done = inspect("-", "--json", stdin=(specimens / "request.pem").read_bytes())
    whole = json.loads(done.stdout)
    assert (whole["source"], whole["objects"][0]["kind"]) == ("standard input", "signing_request")


def test_a_missing_file_is_told_with_the_name_that_may_be_meant(tmp_path: Path) -> None:
    (tmp_path / "leaf.pem").write_bytes(pem(LEAF))
    done = inspect(tmp_path / "laef.pem")
    assert done.returncode == 3
    wanted = f"chainpilot: there is no file {tmp_path / 'laef.pem'}; did you mean {tmp_path / 'leaf.pem'}?\n"
    assert (done.stdout, done.stderr) == ("", wanted)
    assert inspect(tmp_path / "nowhere" / "x").stderr.endswith("; is the path right?\n")
    as_json = inspect(tmp_path / "laef.pem", "--json")
    assert (as_json.returncode, as_json.stderr) == (3, "")
    assert json.loads(as_json.stdout)["why"].startswith("there is no file ")


def test_a_directory_is_told_with_a_file_in_it(tmp_path: Path) -> None:
    (tmp_path / "leaf.pem").write_bytes(pem(LEAF))
    done = inspect(tmp_path)
    assert done.returncode == 2
    wanted = f"chainpilot: {tmp_path} is a directory; name a file in it, such as {tmp_path / 'leaf.pem'}\n"
    assert done.stderr == wanted


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(key_pem(HIERARCHY.leaf))
    path.chmod(0)
    script = (  # root may read everything, so it becomes somebody else once all is loaded
        "import os; from chainpilot.cli.inspect import run_inspect;"
        "os.geteuid() or os.seteuid(65534);"
        f"raise SystemExit(run_inspect({str(path)!r}, as_json=False, at=None, algorithm='SHA256'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr.startswith(f"chainpilot: {path} may not be read by you; ")


def test_a_file_that_breaks_while_it_is_read_is_told() -> None:
    done = inspect("/proc/self/mem")
    assert done.returncode == 1
    assert done.stderr == "chainpilot: /proc/self/mem can't be read: Input/output error\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"\x80\x98\x02\x00garbage\xff", "it looks like EXI"),
        (bytes(range(128, 168)) + b"\xff\xfe\x00", "it looks like binary data"),
        (b"hello\n", "it looks like plain text"),
    ],
)
def test_rubbish_is_told_in_a_sentence_with_code_1(data: bytes, words: str) -> None:
    done = inspect("-", stdin=data)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"chainpilot: standard input: {words}")
    whole = json.loads(inspect("-", "--json", stdin=data).stdout)
    assert (whole["ok"], whole["objects"]) == (False, [])
    assert words in whole["why"]


@pytest.mark.parametrize("source", ["file", "standard input", "endless"])
def test_what_is_too_long_is_refused(source: str, tmp_path: Path) -> None:
    path = tmp_path / "long.pem"
    path.touch()
    os.truncate(path, 50_000_000)
    if source == "standard input":
        with path.open("rb") as file:
            done = subprocess.run([PROGRAM, "inspect", "-"], stdin=file, capture_output=True, text=True, check=False)
    else:
        done = inspect(path if source == "file" else "/dev/zero")
    assert done.returncode == 1
    assert f"it is longer than {MAX_BYTES} bytes" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["a", "--hash", "md5"], ["a", "--no-such-option"]])
def test_mistakes_on_the_command_line_are_usage_errors(arguments: list[str]) -> None:
    assert inspect(*arguments).returncode == 2


def test_a_full_disk_is_told_in_a_sentence(specimens: Path) -> None:
    for options in ([], ["--json"]):
        with Path("/dev/full").open("wb") as full:
            command: list[str | Path] = [PROGRAM, "inspect", specimens / "request.pem", *options]
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr == "chainpilot: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("option", ["", "--json"])
def test_a_reader_that_leaves_early_leaves_no_trace(option: str, tmp_path: Path) -> None:
    path = tmp_path / "many.pem"
    path.write_bytes(pem(*[forge(f"DE*ICE*E{number}", HIERARCHY.sub2).certificate for number in range(100)]))
    command = f"'{PROGRAM}' inspect '{path}' {option} | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_the_help_teaches_with_two_examples_that_work(specimens: Path) -> None:
    text = inspect("--help").stdout
    examples = [line.strip() for line in text.splitlines() if "chainpilot inspect " in line and "Usage" not in line]
    assert len(examples) == 2
    assert examples[0].startswith("chainpilot inspect ")
    assert examples[1].endswith("| chainpilot inspect - --json")
    for option in ("--json", "--at", "--hash"):
        assert option in text


def test_the_other_commands_packages_stay_unloaded(specimens: Path) -> None:
    """A station without the back office's extras can look at its certificates."""
    script = (
        "import sys; from chainpilot.cli.inspect import run_inspect;"
        f"run_inspect({str(specimens / 'certificate.pem')!r}, as_json=True, at=None, algorithm='SHA256');"
        "sys.exit(bool({'aiohttp', 'websockets', 'sqlalchemy', 'httpx', 'pydantic_settings'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


def completed(words: str, folder: Path) -> list[str]:
    """What bash offers behind those words."""
    script = (
        'set -eu; source <("$PROGRAM" --show-completion bash); read -ra COMP_WORDS <<< "$WORDS";'
        ' [[ "$WORDS" == *" " ]] && COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1));'
        ' _chainpilot_completion "$PROGRAM"; printf "%s\\n" "${COMPREPLY[@]:-}"; complete -p chainpilot'
    )
    settings = {**os.environ, "PROGRAM": str(PROGRAM), "WORDS": words}
    command = [program("bash"), "-c", script]
    done = subprocess.run(command, env=settings, cwd=folder, capture_output=True, text=True, check=True)
    *offered, registered = done.stdout.splitlines()
    assert registered == "complete -o default -F _chainpilot_completion chainpilot"
    return [one for one in offered if one]


def test_bash_completes_commands_options_and_digests(tmp_path: Path) -> None:
    assert completed("chainpilot ins", tmp_path) == ["inspect"]
    assert completed("chainpilot inspect --j", tmp_path) == ["--json"]
    assert completed("chainpilot inspect --hash ", tmp_path) == ["SHA256", "SHA384", "SHA512"]


def test_files_are_left_to_bash_itself(tmp_path: Path) -> None:
    (tmp_path / "leaf.pem").touch()
    assert completed("chainpilot inspect le", tmp_path) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_shown_for_each_shell_by_name(shell: str) -> None:
    command: list[str | Path] = [PROGRAM, "--show-completion", shell]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert f"complete_{shell}" in done.stdout


def test_completion_is_installed_at_home_for_a_shell_by_name(tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text("alias ll='ls -l'\n")
    settings = {**os.environ, "HOME": str(tmp_path)}
    for _ in range(2):
        command: list[str | Path] = [PROGRAM, "--install-completion", "bash"]
        subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    script = (tmp_path / ".bash_completions" / "chainpilot.sh").read_text()
    assert "complete -o default -F _chainpilot_completion chainpilot" in script
    lines = (tmp_path / ".bashrc").read_text().splitlines()
    assert lines[0] == "alias ll='ls -l'"
    assert len([line for line in lines if line.startswith("source ")]) == 1


def test_an_unknown_shell_is_a_usage_error() -> None:
    command: list[str | Path] = [PROGRAM, "--show-completion", "tcsh"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2


@given(st.binary(max_size=200))
def test_random_bytes_are_explained_or_refused(data: bytes) -> None:
    _assert_explained(data)


@given(st.data())
def test_mutated_files_are_explained_or_refused(specimens: Path, data: st.DataObject) -> None:
    files = sorted(path for path in specimens.iterdir() if path.suffix in {".pem", ".der", ".p12", ""})
    pieces = data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=3))
    whole = bytearray(b"".join(path.read_bytes() for path in pieces))
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    _assert_explained(bytes(whole))


@given(st.permutations([LEAF, SUB2, SUB1, ROOT, LEAF]), st.integers(1, 5))
def test_any_part_of_a_chain_in_any_order_is_explained(certificates: list[Certificate], count: int) -> None:
    _assert_explained(pem(*certificates[:count]))


def _assert_explained(data: bytes) -> None:
    """In both forms, with one block for each object."""
    try:
        survey = explain("some.pem", data, at=NOON)
    except ArtifactError:
        return
    whole = json.loads(machine.as_json(survey))
    assert [one["number"] for one in whole["objects"]] == list(range(1, len(survey.entries) + 1))
    with redirect_stdout(io.StringIO()) as out:
        people.show(survey)
    assert all(line.isprintable() for line in out.getvalue().splitlines())
    assert all(one["summary"] and one["summary"] in out.getvalue() for one in whole["objects"])


def test_two_thousand_namesakes_are_all_told() -> None:
    crowd = [forge("CPO Sub2", HIERARCHY.sub1, ca=True).certificate for _ in range(40)]
    many = list(itertools.islice(itertools.cycle(crowd), 1999))
    whole = told(pem(LEAF, *many))
    assert len(whole["objects"]) == 2000


def test_a_certificate_that_its_issuer_here_did_not_sign_is_told(tmp_path: Path) -> None:
    v2g = v2g_hierarchy(years=30)
    der = bytearray(v2g.leaf.certificate.der)
    der[-1] ^= 1
    damaged = load_certificate(bytes(der)).to_pem()
    path = tmp_path / "stack.pem"
    path.write_text(damaged + "".join(one.to_pem() for one in v2g.certificates[1:]))
    run = inspect(path, "--json", "--at", "2026-06-01")
    told = {one["code"]: one["objects"] for one in json.loads(run.stdout)["problems"]}
    assert told["bad_signature"] == [1]
    assert run.returncode == 1
    path.write_text("".join(one.to_pem() for one in v2g.certificates))
    assert "bad_signature" not in inspect(path, "--json", "--at", "2026-06-01").stdout
