"""The client's half of EST, a rule a test, each named by its clause; what needs a socket is in tests/cpms/adapters."""

import base64
import random
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.csr import build_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.pkcs7 import write_certs_only
from chainpilot.wire.est.bodies import encode_body
from chainpilot.wire.est.client import (
    MAX_ANSWER,
    EstRefusal,
    Issued,
    Pending,
    RefusalKind,
    RetryClass,
    cacerts_request,
    csrattrs_request,
    judge_cacerts,
    judge_csrattrs,
    judge_enroll,
    simpleenroll_request,
    simplereenroll_request,
)
from chainpilot.wire.est.messages import HttpResponse
from chainpilot.wire.est.paths import OPCP, OPNC, RFC7030
from derwriter import integer, oid, sequence, tlv
from forge import BEGIN, END, Forged, v2g_hierarchy

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
PATHS = RFC7030.fill(label="cpo")
V2G = v2g_hierarchy()
CERTIFICATES = V2G.certificates
DER = write_certs_only(CERTIFICATES)
CSR = build_csr(generate_private_key(KeySpec.P256), DistinguishedName("DE", "Operator", "DE*ICE*E1", "CPO"))
CERTS_ONLY = "application/pkcs7-mime; smime-type=certs-only"


def answer(body: bytes, content_type: str | None = CERTS_ONLY, **headers: str) -> HttpResponse:
    given = {"Content-Type": content_type} if content_type is not None else {}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(200, tuple({**given, **named}.items()), body)


def certificates_in(body: bytes, content_type: str = CERTS_ONLY, **headers: str) -> set[Certificate]:
    """Those of an answer, read as cacerts and as an enrolment alike."""
    response = answer(body, content_type, **headers)
    bag, issued = judge_cacerts(response, AT), judge_enroll(response, AT)
    assert isinstance(bag, tuple), bag
    assert isinstance(issued, Issued), issued
    assert bag == issued.certificates
    return set(bag)


def refused(verdict: object) -> EstRefusal:
    assert isinstance(verdict, EstRefusal)
    return verdict


# ---- RFC 7030 section 3.2: HTTP


@pytest.mark.parametrize("label", ["", "cpo"])
def test_rfc7030_3_2_2_operations_lie_below_well_known_est_and_the_label(label: str) -> None:
    paths = RFC7030.fill(label=label)
    head = f"/.well-known/est/{label}/" if label else "/.well-known/est/"
    assert cacerts_request(paths).url_path == f"{head}cacerts"
    assert simpleenroll_request(paths, CSR).url_path == f"{head}simpleenroll"
    assert simplereenroll_request(paths, CSR).url_path == f"{head}simplereenroll"
    assert csrattrs_request(paths).url_path == f"{head}csrattrs"


def test_rfc7030_3_2_2_cacerts_and_csrattrs_are_asked_by_get_enrolments_posted() -> None:
    methods = [
        request.method
        for request in (
            cacerts_request(PATHS),
            csrattrs_request(PATHS),
            simpleenroll_request(PATHS, CSR),
            simplereenroll_request(PATHS, CSR),
        )
    ]
    assert methods == ["GET", "GET", "POST", "POST"]


@pytest.mark.parametrize("make", [simpleenroll_request, simplereenroll_request])
def test_rfc7030_3_2_4_a_csr_is_posted_as_application_pkcs10(make: type) -> None:
    request = make(PATHS, CSR)
    assert dict(request.headers)["Content-Type"] == "application/pkcs10"


@pytest.mark.parametrize("content_type", ["text/html", "application/octet-stream", "application/pkcs10", None])
def test_rfc7030_3_2_4_a_success_of_another_content_type_is_no_success(content_type: str | None) -> None:
    for judge in (judge_cacerts, judge_enroll):
        assert refused(judge(answer(encode_body(DER), content_type), AT)).kind is RefusalKind.UNREADABLE


def test_rfc7030_3_2_4_the_type_s_parameters_may_be_absent_or_more_and_case_means_nothing() -> None:
    for content_type in ("application/pkcs7-mime", 'APPLICATION/pkcs7-MIME; x=y; Smime-Type="Certs-Only"'):
        assert certificates_in(encode_body(DER), content_type) == set(CERTIFICATES)


@pytest.mark.parametrize("content_type", ["application/pkcs7", "application/pkcs7-mime"])
def test_opcp_may_call_the_type_by_its_short_name_and_nobody_else(content_type: str) -> None:
    paths = OPCP.fill(ca="cpo", iso="ISO15118-2", algorithm="secp256r1")
    response = answer(encode_body(DER), content_type)
    assert isinstance(judge_cacerts(response, AT, paths.bag_types), tuple)
    assert isinstance(judge_enroll(response, AT, paths.bag_types), Issued)
    other = OPNC.fill(ca="cpo", iso="ISO15118-2").bag_types
    assert isinstance(judge_cacerts(response, AT, other), tuple) is (content_type == "application/pkcs7-mime")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_rfc7030_3_2_1_a_redirect_is_shown_to_a_person_and_not_followed(status: int) -> None:
    response = HttpResponse(status, (("Location", "https://elsewhere.example/x"),))
    for judge in (judge_cacerts, judge_enroll, judge_csrattrs):
        refusal = refused(judge(response, AT))
        assert (refusal.kind, refusal.retry) == (RefusalKind.REDIRECT, RetryClass.AFTER_A_CHANGE)
        assert "elsewhere.example" in refusal.message


# ---- RFC 7030 sections 4.1 and 4.2: certificates


def test_rfc7030_4_1_3_cacerts_may_hold_the_root_and_sub_cas_and_says_nothing_of_trust() -> None:
    assert certificates_in(encode_body(DER)) >= {V2G.root.certificate, V2G.sub1.certificate, V2G.sub2.certificate}


def test_rfc7030_4_2_3_an_answer_with_the_leaf_alone_is_enough() -> None:
    assert certificates_in(encode_body(write_certs_only([V2G.leaf.certificate]))) == {V2G.leaf.certificate}


def test_rfc7030_4_2_3_202_names_when_to_post_the_same_csr_again_in_seconds() -> None:
    verdict = judge_enroll(HttpResponse(202, (("Retry-After", "120"),)), AT)
    assert verdict == Pending(AT + timedelta(minutes=2), "HTTP 202")


def test_rfc9110_10_2_3_or_by_date() -> None:
    verdict = judge_enroll(HttpResponse(202, (("Retry-After", "Mon, 01 Jun 2026 12:30:00 GMT"),)), AT)
    assert isinstance(verdict, Pending)
    assert verdict.retry_at == AT + timedelta(minutes=30)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 415, 422, 500, 503])
def test_rfc7030_4_2_3_an_error_may_be_told_in_plain_text(status: int) -> None:
    response = HttpResponse(status, (("Content-Type", "text/plain"),), b"The CSR has no subject\r\n")
    assert refused(judge_enroll(response, AT)).message == "The CSR has no subject"


@pytest.mark.parametrize(
    ("body", "message", "trace"),
    [
        (b'{"errorMessages":["one","two"],"traceId":"t-1"}', "one; two", "t-1"),
        (b'{"errorMessages":["one"]}', "one", None),
        (b'{"traceId":"t-1"}', "no message", "t-1"),
        (b"{broken", "{broken", None),
    ],
)
def test_opcp_or_in_json_with_a_trace_id_and_both_are_kept(body: bytes, message: str, trace: str | None) -> None:
    refusal = refused(judge_enroll(HttpResponse(403, (("Content-Type", "application/json"),), body), AT))
    assert (refusal.message, refusal.trace_id) == (message, trace)


@pytest.mark.parametrize(
    ("status", "retry"),
    [
        (400, RetryClass.NEVER),
        (401, RetryClass.AFTER_A_CHANGE),
        (403, RetryClass.AFTER_A_CHANGE),
        (429, RetryClass.BY_ITSELF),
        (500, RetryClass.BY_ITSELF),
        (503, RetryClass.BY_ITSELF),
    ],
)
def test_est_opcp_ocsp_1_403_waits_for_a_person_429_and_5xx_for_a_time(status: int, retry: RetryClass) -> None:
    response = HttpResponse(status, (("Retry-After", "60"),))
    refusal = refused(judge_enroll(response, AT))
    assert refusal.retry is retry
    assert refusal.retry_at == (AT + timedelta(minutes=1) if retry is RetryClass.BY_ITSELF else None)


# ---- RFC 7030 section 4.5 and RFC 9908: CSR attributes

EC_KEY, P256, SHA256 = "1.2.840.10045.2.1", "1.2.840.10045.3.1.7", "1.2.840.10045.4.3.2"
TEMPLATE = "1.2.840.113549.1.9.16.2.61"
"""id-aa-certificationRequestInfoTemplate (RFC 9908)."""


def attributes(*elements: bytes, content_type: str = "application/csrattrs") -> HttpResponse:
    return answer(encode_body(sequence(*elements)), content_type)


def test_rfc7030_4_5_2_attributes_are_identifiers_and_typed_values_in_any_order() -> None:
    response = attributes(oid(SHA256), sequence(oid(EC_KEY), tlv(0x31, oid(P256))), oid(SHA256))
    assert judge_csrattrs(response, AT) == (SHA256, EC_KEY)


def test_rfc9908_a_template_is_told_as_what_it_is() -> None:
    response = attributes(sequence(oid(TEMPLATE), tlv(0x31, sequence(integer(0), sequence()))))
    assert judge_csrattrs(response, AT) == (TEMPLATE,)


@pytest.mark.parametrize("status", [204, 404])
def test_rfc7030_4_5_2_no_attributes_are_no_fault(status: int) -> None:
    assert judge_csrattrs(HttpResponse(status, ()), AT) == ()


def test_rfc8951_4_an_empty_sequence_asks_for_nothing() -> None:
    assert judge_csrattrs(attributes(), AT) == ()


@pytest.mark.parametrize(
    "response",
    [
        attributes(oid(SHA256), content_type="application/pkcs7-mime"),
        answer(b"", "application/csrattrs"),
        answer(b"?", "application/csrattrs"),
        answer(encode_body(oid(SHA256)), "application/csrattrs"),
        attributes(sequence()),
        attributes(integer(5)),
        answer(b"A" * (MAX_ANSWER + 1), "application/csrattrs"),
        HttpResponse(403, ()),
        HttpResponse(500, ()),
    ],
)
def test_rfc7030_4_5_2_anything_else_is_no_set_of_attributes(response: HttpResponse) -> None:
    refused(judge_csrattrs(response, AT))


# ---- RFC 8951 section 3: transfer


@pytest.mark.parametrize("encoding", [None, "base64", "BASE64", "binary", "7bit", "application/pkcs10"])
def test_rfc8951_3_the_transfer_encoding_field_means_nothing(encoding: str | None) -> None:
    headers = {"Content_Transfer_Encoding": encoding} if encoding is not None else {}
    assert certificates_in(encode_body(DER), **headers) == set(CERTIFICATES)


ONE_LINE = base64.b64encode(DER)


@pytest.mark.parametrize(
    "body",
    [
        encode_body(DER),
        encode_body(DER).replace(b"\n", b"\r\n"),
        encode_body(DER).replace(b"\n", b"\r"),
        ONE_LINE,
        ONE_LINE + b"\x00",
        ONE_LINE + b"\r\n\x00",
        b" \t\r\n" + ONE_LINE[:77] + b" \t" + ONE_LINE[77:] + b"\t\n",
        b"-----BEGIN PKCS7-----\n" + encode_body(DER) + b"-----END PKCS7-----\n",
        b"\r\n-----BEGIN CMS-----\r\n" + encode_body(DER) + b"-----END CMS-----\r\n\x00",
        DER,
        DER + b"\r\n",
    ],
    ids=["LF", "CRLF", "CR", "one line", "NUL", "CRLF NUL", "blanks", "armour", "armour CRLF NUL", "raw", "raw CRLF"],
)
def test_est_opcp_ocsp_1_readers_take_what_the_field_sends(body: bytes) -> None:
    assert certificates_in(body) == set(CERTIFICATES)


@pytest.mark.parametrize(
    "body",
    [b"", b"\r\n", ONE_LINE[:-9], ONE_LINE + b"AAAA", DER[:-1], DER + b"\x30", b"\xff" * 900, b"A" * (MAX_ANSWER + 1)],
    ids=["empty", "blank", "cut", "more behind", "raw cut", "raw with more", "garbage", "too long"],
)
def test_est_opcp_ocsp_1_what_is_not_one_whole_bag_is_refused(body: bytes) -> None:
    for judge in (judge_cacerts, judge_enroll):
        assert refused(judge(answer(body), AT)).kind is RefusalKind.UNREADABLE


@pytest.mark.parametrize("make", [simpleenroll_request, simplereenroll_request])
def test_rfc8951_3_a_csr_is_base64_of_der_wrapped_at_64_and_its_length_told(make: type) -> None:
    request = make(PATHS, CSR)
    lines = request.body.split(b"\n")
    assert base64.b64decode(request.body) == CSR
    assert {len(line) for line in lines[:-2]} == {64}
    headers = dict(request.headers)
    assert headers["Content-Length"] == str(len(request.body))
    assert "Transfer-Encoding" not in headers


def test_est_opcp_ocsp_1_header_names_are_in_title_case() -> None:
    opcp = OPCP.fill(ca="cpo", iso="ISO15118-2", algorithm="ed448")
    for request in (cacerts_request(PATHS), cacerts_request(opcp), simpleenroll_request(PATHS, CSR)):
        assert all(name == "-".join(word.capitalize() for word in name.split("-")) for name, _ in request.headers)


# ---- RFC 5652: the bag


def bag(*certificates: bytes, tag: int = 0xA0, rest: bytes = b"") -> bytes:
    """SignedData in the order given, which DER forbids and BER doesn't."""
    data = sequence(oid("1.2.840.113549.1.7.1"))
    signed = sequence(integer(1), tlv(0x31), data, tlv(tag, *certificates), rest, tlv(0x31))
    return sequence(oid("1.2.840.113549.1.7.2"), tlv(0xA0, signed))


def crl(issuer: Forged) -> bytes:
    builder = x509.CertificateRevocationListBuilder(
        x509.load_der_x509_certificate(issuer.certificate.der).subject, BEGIN, END
    )
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("seed", range(5))
def test_rfc5652_5_1_a_bag_is_a_set_its_order_means_nothing(seed: int) -> None:
    shuffled = [one.der for one in CERTIFICATES]
    random.Random(seed).shuffle(shuffled)
    assert certificates_in(encode_body(bag(*shuffled))) == set(CERTIFICATES)


def test_rfc5652_5_1_duplicates_count_once() -> None:
    doubled = bag(*(one.der for one in (*CERTIFICATES, *CERTIFICATES)))
    judged = judge_cacerts(answer(encode_body(doubled)), AT)
    assert isinstance(judged, tuple)
    assert len(judged) == len(CERTIFICATES)


def test_rfc5652_5_1_revocation_lists_beside_are_passed_over() -> None:
    beside = tlv(0xA1, crl(V2G.sub2), crl(V2G.root))
    assert certificates_in(encode_body(bag(*(one.der for one in CERTIFICATES), rest=beside))) == set(CERTIFICATES)


def test_x690_8_1_3_6_the_indefinite_lengths_of_ber_are_read() -> None:
    inner = b"".join(one.der for one in CERTIFICATES)
    certificates = b"\xa0\x80" + inner + b"\x00\x00"
    signed = b"\x30\x80" + integer(1) + tlv(0x31) + sequence(oid("1.2.840.113549.1.7.1")) + certificates
    signed += tlv(0x31) + b"\x00\x00"
    whole = b"\x30\x80" + oid("1.2.840.113549.1.7.2") + b"\xa0\x80" + signed + b"\x00\x00" + b"\x00\x00"
    assert certificates_in(encode_body(whole)) == set(CERTIFICATES)


def test_rfc5652_5_1_a_bag_without_certificates_is_no_success() -> None:
    for empty in (bag(), bag(tag=0xA1)):
        assert refused(judge_enroll(answer(encode_body(empty)), AT)).kind is RefusalKind.UNREADABLE
