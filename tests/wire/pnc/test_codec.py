"""Dialect H: what is written fits OCPP 1.6's own schema, what is read survives every variant of section 3."""

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.ocppj.frames import Call, CallResult, ErrorCode, decode, encode
from chainpilot.wire.pnc.codec import (
    CarrierRefusal,
    DecodedRequest,
    DecodeRefusal,
    carrier_answer,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from chainpilot.wire.pnc.dialects import CarrierStatus, Dialect
from chainpilot.wire.pnc.fields import MAX_CHAIN_TEXT, MAX_SINGLE_TEXT, InexpressibleError
from chainpilot.wire.pnc.messages import (
    CertificateHashDataChain,
    CertificateSignedRequest,
    CertificateSignedResponse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    PncRequest,
    PncResponse,
    SignCertificateRequest,
    SignCertificateResponse,
)
from chainpilot.wire.pnc.words import CertificateUse, GenericStatus, GetInstalledCertificateStatus

ACCEPTED, NOT_FOUND = GetInstalledCertificateStatus.ACCEPTED, GetInstalledCertificateStatus.NOT_FOUND
V2G_CHAIN = CertificateUse.V2G_CERTIFICATE_CHAIN
SIGN = SignCertificateRequest("csr")
SIGNED = CertificateSignedRequest("cert")
ASK = GetInstalledCertificateIdsRequest((V2G_CHAIN,))

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200).filter(
    lambda text: bool(text.strip())
)
USES = st.none() | st.sampled_from(LeafUse)
DIGESTS = st.text("0123456789abcdef", min_size=1, max_size=128)
HASHES = st.builds(
    CertificateHashData,
    st.sampled_from(HashAlgorithm),
    DIGESTS,
    DIGESTS,
    st.integers(0, 2**160 - 1).map(lambda number: f"{number:x}"),
)
REQUESTS = (
    st.builds(SignCertificateRequest, TEXTS, USES)
    | st.builds(CertificateSignedRequest, TEXTS, USES)
    | st.builds(
        GetInstalledCertificateIdsRequest,
        st.tuples(st.sampled_from([use for use in CertificateUse if use is not CertificateUse.OEM_ROOT_CERTIFICATE])),
    )
)
CHAIN = st.builds(CertificateHashDataChain, st.just(V2G_CHAIN), HASHES, st.lists(HASHES, max_size=4).map(tuple)).filter(
    lambda chain: all(
        child.issuer_key_hash != chain.certificate_hash_data.issuer_key_hash
        for child in chain.child_certificate_hash_data
    )
)
ROOTS = st.lists(
    st.builds(CertificateHashDataChain, st.just(CertificateUse.V2G_ROOT_CERTIFICATE), HASHES), min_size=1, max_size=5
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["status", "data", "vendorId", "messageId", "csr", "cert", "certificateHashData", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
VENDORS = st.just("iso15118") | JSON
MESSAGES = st.sampled_from(["SignCertificate", "CertificateSigned", "GetInstalledCertificateIds"]) | JSON


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(files("ocpp").joinpath("v16", "schemas", name).read_text(encoding="utf-8"))
    return loaded


REQUEST_SCHEMA = schema("DataTransfer.json")
RESPONSE_SCHEMA = schema("DataTransferResponse.json")


def request(message_id: str, data: object, **outer: object) -> DecodedRequest | DecodeRefusal:
    payload: dict[str, object] = {"vendorId": "iso15118", "messageId": message_id, "data": data}
    return decode_request("DataTransfer", payload | outer)


def understood(message_id: str, inner: object) -> PncRequest:
    found = request(message_id, json.dumps(inner))
    assert isinstance(found, DecodedRequest), found
    return found.request


def assert_refused(found: DecodedRequest | DecodeRefusal, status: CarrierStatus) -> None:
    assert isinstance(found, DecodeRefusal)
    assert found.answer == {"status": status.value}
    assert found.fault is None
    jsonschema.validate(found.answer, RESPONSE_SCHEMA)


def answered(asked: PncRequest, inner: object) -> PncResponse | CarrierRefusal:
    return decode_response(asked, Dialect.H, {"status": "Accepted", "data": json.dumps(inner)})


def hashes(number: int, *, issuer: str = "aa") -> dict[str, str]:
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": f"{issuer}00",
        "issuerKeyHash": f"{issuer}11",
        "serialNumber": f"{number:x}",
    }


def named(number: int, *, issuer: str = "aa") -> CertificateHashData:
    return CertificateHashData(HashAlgorithm.SHA256, f"{issuer}00", f"{issuer}11", f"{number:x}")


# Writing and reading back


@given(REQUESTS)
def test_a_request_is_read_back_as_it_was_written(asked: PncRequest) -> None:
    call = encode_request(asked, Dialect.H)
    jsonschema.validate(call.payload, REQUEST_SCHEMA)
    frame = decode(encode(Call("1", call.action, call.payload)))
    assert isinstance(frame, Call)
    assert decode_request(frame.action, frame.payload) == DecodedRequest(Dialect.H, asked)


@given(st.sampled_from(GenericStatus))
def test_a_verdict_is_read_back_as_it_was_written(status: GenericStatus) -> None:
    for asked, answer in ((SIGN, SignCertificateResponse(status)), (SIGNED, CertificateSignedResponse(status))):
        assert_written_and_read_back(asked, answer)


@given(st.lists(CHAIN, min_size=1, max_size=3))
def test_leaves_with_their_children_are_read_back_as_the_flat_list_they_were_written_as(
    chains: list[CertificateHashDataChain],
) -> None:
    payload = encode_response(GetInstalledCertificateIdsResponse(ACCEPTED, tuple(chains)), Dialect.H)
    found = decode_response(ASK, Dialect.H, payload)
    assert isinstance(found, GetInstalledCertificateIdsResponse)
    assert [chain.entries for chain in found.chains] == [(entry,) for chain in chains for entry in chain.entries]


@given(ROOTS)
def test_roots_are_read_back_as_they_were_written(roots: list[CertificateHashDataChain]) -> None:
    asked = GetInstalledCertificateIdsRequest((CertificateUse.V2G_ROOT_CERTIFICATE,))
    assert_written_and_read_back(asked, GetInstalledCertificateIdsResponse(ACCEPTED, tuple(roots)))


def assert_written_and_read_back(asked: PncRequest, answer: PncResponse) -> None:
    payload = encode_response(answer, Dialect.H)
    jsonschema.validate(payload, RESPONSE_SCHEMA)
    frame = decode(encode(CallResult("1", payload)))
    assert isinstance(frame, CallResult)
    assert decode_response(asked, Dialect.H, frame.payload) == answer


def test_the_carrier_is_the_one_of_the_text() -> None:
    call = encode_request(SignCertificateRequest("abc", LeafUse.V2G), Dialect.H)
    assert call.action == "DataTransfer"
    assert call.payload["vendorId"] == "iso15118"
    assert call.payload["messageId"] == "SignCertificate"
    assert isinstance(call.payload["data"], str)
    assert json.loads(call.payload["data"]) == {"csr": "abc", "typeOfCertificate": "V2GCertificate"}


def test_the_chain_is_written_as_one_string_called_cert() -> None:
    call = encode_request(CertificateSignedRequest("abc"), Dialect.H)
    assert json.loads(str(call.payload["data"])) == {"cert": "abc"}


def test_nothing_found_leaves_the_list_out() -> None:
    payload = encode_response(GetInstalledCertificateIdsResponse(NOT_FOUND), Dialect.H)
    assert json.loads(str(payload["data"])) == {"status": "NotFound"}


def test_the_installed_list_is_flat_with_the_leaf_first() -> None:
    chain = CertificateHashDataChain(V2G_CHAIN, named(1), (named(2, issuer="bb"), named(3, issuer="cc")))
    payload = encode_response(GetInstalledCertificateIdsResponse(ACCEPTED, (chain,)), Dialect.H)
    assert json.loads(str(payload["data"])) == {
        "status": "Accepted",
        "certificateHashData": [hashes(1), hashes(2, issuer="bb"), hashes(3, issuer="cc")],
    }


def test_sub_cas_are_not_listed_behind_a_root_where_they_would_be_taken_for_roots() -> None:
    chain = CertificateHashDataChain(CertificateUse.V2G_ROOT_CERTIFICATE, named(1), (named(2),))
    payload = encode_response(GetInstalledCertificateIdsResponse(ACCEPTED, (chain,)), Dialect.H)
    assert json.loads(str(payload["data"]))["certificateHashData"] == [hashes(1)]


def test_h_does_not_carry_the_reason_of_a_refusal() -> None:
    payload = encode_response(SignCertificateResponse(GenericStatus.REJECTED, "CsrNameMismatch"), Dialect.H)
    assert payload == {"status": "Accepted", "data": '{"status":"Rejected"}'}


@pytest.mark.parametrize("types", [(), (V2G_CHAIN, CertificateUse.MO_ROOT_CERTIFICATE)])
def test_h_asks_for_one_type_a_call(types: tuple[CertificateUse, ...]) -> None:
    with pytest.raises(InexpressibleError):
        encode_request(GetInstalledCertificateIdsRequest(types), Dialect.H)


def test_limits_are_advisory_when_sending() -> None:
    encode_request(SignCertificateRequest("x" * (MAX_SINGLE_TEXT + 1)), Dialect.H)
    encode_request(CertificateSignedRequest("x" * (MAX_CHAIN_TEXT + 1)), Dialect.H)


# Error layers (section 2)


@given(st.text(max_size=20), JSON)
def test_arbitrary_calls_never_raise(action: str, payload: object) -> None:
    for name in (action, "DataTransfer"):
        assert isinstance(decode_request(name, payload), DecodedRequest | DecodeRefusal)


@given(VENDORS, MESSAGES, JSON | JSON.map(json.dumps))
def test_arbitrary_data_transfers_are_answered_as_the_schema_has_it(
    vendor: object, message: object, data: object
) -> None:
    found = decode_request("DataTransfer", {"vendorId": vendor, "messageId": message, "data": data})
    if isinstance(found, DecodeRefusal):
        jsonschema.validate(found.answer, RESPONSE_SCHEMA)
        assert found.why


@given(
    st.sampled_from([SIGN, SIGNED, ASK]),
    JSON | st.builds(dict, status=st.just("Accepted"), data=JSON | JSON.map(json.dumps)),
)
def test_arbitrary_answers_never_raise(asked: PncRequest, payload: object) -> None:
    assert decode_response(asked, Dialect.H, payload) is not None


@pytest.mark.parametrize("vendor", ["org.openchargealliance", "", "iso-15118"])
def test_an_unknown_vendor_is_told_so(vendor: str) -> None:
    assert_refused(request("SignCertificate", "{}", vendorId=vendor), CarrierStatus.UNKNOWN_VENDOR_ID)


@pytest.mark.parametrize("message_id", ["Update15118EVCertificate", "", None])
def test_an_unknown_action_is_told_so(message_id: str | None) -> None:
    found = decode_request("DataTransfer", {"vendorId": "iso15118", "messageId": message_id, "data": "{}"})
    assert_refused(found, CarrierStatus.UNKNOWN_MESSAGE_ID)
    assert_refused(decode_request("DataTransfer", {"vendorId": "iso15118"}), CarrierStatus.UNKNOWN_MESSAGE_ID)


def test_case_does_not_count_in_vendor_and_action() -> None:
    found = request("signcertificate", '{"csr":"a"}', vendorId="ISO15118")
    assert found == DecodedRequest(Dialect.H, SignCertificateRequest("a"))


@pytest.mark.parametrize(
    "data",
    [
        None,
        "",
        "not JSON",
        "[]",
        '"text"',
        "null",
        "{}",
        '{"csr":1}',
        '{"csr":""}',
        '{"csr":null}',
        '{"csr":"a","csr":"b"}',
        '{"csr":"a","typeOfCertificate":"Other"}',
        '{"csr":"a","typeOfCertificate":["V2GCertificate"]}',
        '{"csr":' + "[" * 40 + "]" * 40 + "}",
        '{"csr":"' + "x" * (MAX_SINGLE_TEXT + 1) + '"}',
        [],
        7,
    ],
)
def test_an_inner_fault_is_rejected_without_data(data: object) -> None:
    assert_refused(request("SignCertificate", data), CarrierStatus.REJECTED)


def test_a_refusal_quotes_nothing_of_the_payload() -> None:
    for data in ('{"csr":"a","typeOfCertificate":"hunter2"}', '{"csr":hunter2}', "hunter2"):
        found = request("SignCertificate", data)
        assert isinstance(found, DecodeRefusal)
        assert "hunter2" not in found.why


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        ({}, ErrorCode.PROTOCOL_ERROR),
        ({"messageId": "SignCertificate"}, ErrorCode.PROTOCOL_ERROR),
        ({"vendorId": 5}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ({"vendorId": "iso15118", "messageId": []}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ({"vendorId": "x" * 256}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"vendorId": "iso15118", "messageId": "x" * 51}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ([], ErrorCode.FORMATION_VIOLATION),
    ],
)
def test_what_breaks_the_outer_schema_is_marked_for_a_callerror(payload: object, fault: ErrorCode) -> None:
    found = decode_request("DataTransfer", payload)
    assert isinstance(found, DecodeRefusal)
    assert found.fault is fault


@pytest.mark.parametrize("status", CarrierStatus)
def test_every_carrier_answer_fits_the_schema(status: CarrierStatus) -> None:
    jsonschema.validate(carrier_answer(status), RESPONSE_SCHEMA)


# Tolerant reading (section 3)


def test_data_may_be_an_object() -> None:
    found = request("SignCertificate", {"csr": "a"})
    assert found == DecodedRequest(Dialect.H, SignCertificateRequest("a"))
    assert decode_response(SIGN, Dialect.H, {"status": "Accepted", "data": {"status": "Accepted"}}) == (
        SignCertificateResponse(GenericStatus.ACCEPTED)
    )


@pytest.mark.parametrize(
    ("inner", "chain"),
    [
        ({"cert": "a"}, "a"),
        ({"cert": ["a", "b", "c"]}, "a\nb\nc"),
        ({"certificateChain": "a"}, "a"),
        ({"cert": "a", "certificateChain": "a"}, "a"),
        ({"cert": None, "certificateChain": "a"}, "a"),
    ],
)
def test_the_certificate_may_be_a_string_an_array_or_called_as_in_2_0_1(inner: object, chain: str) -> None:
    assert understood("CertificateSigned", inner) == CertificateSignedRequest(chain)


@pytest.mark.parametrize(
    "inner",
    [{"cert": []}, {"cert": ["a", 1]}, {"cert": ["a", ""]}, {"cert": {}}, {"cert": "a", "certificateChain": "b"}],
)
def test_a_certificate_that_is_none_or_two_is_rejected(inner: object) -> None:
    assert_refused(request("CertificateSigned", json.dumps(inner)), CarrierStatus.REJECTED)


@pytest.mark.parametrize("length", [MAX_CHAIN_TEXT - 1, MAX_CHAIN_TEXT])
def test_a_chain_up_to_the_bound_is_read(length: int) -> None:
    assert understood("CertificateSigned", {"cert": "x" * length}) == CertificateSignedRequest("x" * length)


def test_a_chain_above_the_bound_is_rejected_also_in_parts() -> None:
    half = "x" * (MAX_CHAIN_TEXT // 2)
    for cert in ("x" * (MAX_CHAIN_TEXT + 1), [half, half]):
        assert_refused(request("CertificateSigned", json.dumps({"cert": cert})), CarrierStatus.REJECTED)


@pytest.mark.parametrize("length", [MAX_SINGLE_TEXT - 1, MAX_SINGLE_TEXT])
def test_a_signing_request_up_to_the_bound_is_read(length: int) -> None:
    assert understood("SignCertificate", {"csr": "x" * length}) == SignCertificateRequest("x" * length)


@pytest.mark.parametrize("name", ["typeOfCertificate", "certificateType"])
def test_the_use_is_read_under_both_names_and_may_be_left_out(name: str) -> None:
    for word, use in (("V2GCertificate", LeafUse.V2G), ("ChargingStationCertificate", LeafUse.CSMS), (None, None)):
        assert understood("SignCertificate", {"csr": "a", name: word}) == SignCertificateRequest("a", use)
        assert understood("CertificateSigned", {"cert": "a", name: word}) == CertificateSignedRequest("a", use)
    assert understood("SignCertificate", {"csr": "a"}) == SignCertificateRequest("a", None)


def test_members_we_do_not_know_are_passed_over() -> None:
    assert understood("SignCertificate", {"csr": "a", "customData": {"vendorId": "x"}}) == SignCertificateRequest("a")


@pytest.mark.parametrize(
    ("inner", "types"),
    [
        ({}, ()),
        ({"typeOfCertificate": None}, ()),
        ({"typeOfCertificate": []}, ()),
        ({"typeOfCertificate": "V2GCertificateChain"}, (V2G_CHAIN,)),
        (
            {"certificateType": ["V2GCertificateChain", "MORootCertificate"]},
            (V2G_CHAIN, CertificateUse.MO_ROOT_CERTIFICATE),
        ),
        ({"typeOfCertificate": ["CSOSubCA1", "CSOSubCA1"]}, (CertificateUse.CSO_SUB_CA1,)),
        ({"typeOfCertificate": "V2GRootCertficate"}, (CertificateUse.V2G_ROOT_CERTIFICATE,)),
        ({"typeOfCertificate": "CentralSystemRootCertificate"}, (CertificateUse.CSMS_ROOT_CERTIFICATE,)),
    ],
)
def test_the_types_asked_for_may_be_a_word_an_array_or_absent(inner: object, types: tuple[CertificateUse, ...]) -> None:
    assert understood("GetInstalledCertificateIds", inner) == GetInstalledCertificateIdsRequest(types)


def test_an_unknown_type_asked_for_is_rejected() -> None:
    for word in ("Other", ["Other"], 5):
        data = json.dumps({"typeOfCertificate": word})
        assert_refused(request("GetInstalledCertificateIds", data), CarrierStatus.REJECTED)


@pytest.mark.parametrize("status", [None, "Accepted"])
@pytest.mark.parametrize("name", ["certificateHashData", "certificateHashDataChain"])
def test_a_flat_list_stays_flat_since_it_says_nowhere_where_a_chain_ends(status: str | None, name: str) -> None:
    inner = {
        "status": status,
        name: [hashes(1), hashes(2, issuer="bb"), hashes(4, issuer="dd"), hashes(2, issuer="bb")],
    }
    entries = (named(1), named(2, issuer="bb"), named(4, issuer="dd"), named(2, issuer="bb"))
    assert answered(ASK, inner) == GetInstalledCertificateIdsResponse(
        ACCEPTED, tuple(CertificateHashDataChain(None, entry) for entry in entries)
    )


def test_chain_objects_as_in_2_0_1_are_read() -> None:
    inner = {
        "status": "Accepted",
        "certificateHashDataChain": [
            {
                "certificateType": "V2GCertificateChain",
                "certificateHashData": hashes(1),
                "childCertificateHashData": [hashes(2)],
            },
            {"certificateType": "V2GRootCertficate", "certificateHashData": hashes(3)},
        ],
    }
    assert answered(ASK, inner) == GetInstalledCertificateIdsResponse(
        ACCEPTED,
        (
            CertificateHashDataChain(V2G_CHAIN, named(1), (named(2),)),
            CertificateHashDataChain(CertificateUse.V2G_ROOT_CERTIFICATE, named(3)),
        ),
    )


@pytest.mark.parametrize("inner", [{}, {"status": "NotFound"}, {"certificateHashData": []}])
def test_no_list_means_nothing_found(inner: object) -> None:
    assert answered(ASK, inner) == GetInstalledCertificateIdsResponse(NOT_FOUND)


def test_a_single_object_counts_as_a_list_of_one() -> None:
    assert answered(ASK, {"certificateHashData": hashes(1)}) == GetInstalledCertificateIdsResponse(
        ACCEPTED, (CertificateHashDataChain(None, named(1)),)
    )


@pytest.mark.parametrize("serial", ["0x0AbC", "abc", "000ABC", "0X" + "0" * 37 + "abc"])
def test_hash_data_names_the_same_certificate_however_it_is_written(serial: str) -> None:
    entry = {"hashAlgorithm": "SHA384", "issuerNameHash": "0xAB", "issuerKeyHash": "00CD", "serialNumber": serial}
    found = answered(ASK, {"certificateHashData": [entry]})
    assert isinstance(found, GetInstalledCertificateIdsResponse)
    wanted = CertificateHashData(HashAlgorithm.SHA384, "ab", "00cd", "abc")
    assert found.chains[0].certificate_hash_data.matches(wanted)


@pytest.mark.parametrize("digits", [39, 40])
def test_a_serial_number_of_up_to_40_digits_is_read(digits: int) -> None:
    found = answered(ASK, {"certificateHashData": [hashes(1) | {"serialNumber": "f" * digits}]})
    assert isinstance(found, GetInstalledCertificateIdsResponse)


@pytest.mark.parametrize(
    "change",
    [
        {"serialNumber": "f" * 41},
        {"serialNumber": ""},
        {"serialNumber": "0x"},
        {"serialNumber": 7},
        {"serialNumber": None},
        {"issuerKeyHash": "g0"},
        {"issuerKeyHash": "a" * 129},
        {"issuerNameHash": []},
        {"hashAlgorithm": "MD5"},
        {"hashAlgorithm": None},
    ],
)
def test_broken_hash_data_makes_the_answer_unreadable_and_names_the_field(change: dict[str, object]) -> None:
    found = answered(ASK, {"certificateHashData": [hashes(1), hashes(2) | change]})
    assert isinstance(found, CarrierRefusal)
    assert found.status == "Accepted"
    assert f"certificateHashData[1].{next(iter(change))}" in found.why


def test_more_children_than_the_standard_allows_are_not_read() -> None:
    chain = {"certificateHashData": hashes(1), "childCertificateHashData": [hashes(n) for n in range(2, 6)]}
    assert isinstance(answered(ASK, {"certificateHashDataChain": [chain]}), GetInstalledCertificateIdsResponse)
    chain["childCertificateHashData"] = [hashes(n) for n in range(2, 7)]
    assert isinstance(answered(ASK, {"certificateHashDataChain": [chain]}), CarrierRefusal)


@pytest.mark.parametrize(("asked", "answer"), [(SIGN, SignCertificateResponse), (SIGNED, CertificateSignedResponse)])
def test_anything_but_accepted_is_a_refusal_that_keeps_the_peers_word(
    asked: PncRequest, answer: type[SignCertificateResponse | CertificateSignedResponse]
) -> None:
    assert answered(asked, {"status": "Accepted"}) == answer(GenericStatus.ACCEPTED)
    assert answered(asked, {"status": "Rejected"}) == answer(GenericStatus.REJECTED)
    assert answered(asked, {"status": "Failed"}) == answer(GenericStatus.REJECTED, "Failed")
    info = {"reasonCode": "NoRoot", "additionalInfo": "install one"}
    assert answered(asked, {"status": "Rejected", "statusInfo": info}) == answer(
        GenericStatus.REJECTED, "NoRoot: install one"
    )
    assert answered(asked, {"status": "Failed", "statusInfo": 5}) == answer(GenericStatus.REJECTED, "Failed")


@pytest.mark.parametrize("asked", [SIGN, SIGNED, ASK])
@pytest.mark.parametrize("data", [None, "", "not JSON", "[]", 5, '{"status":5}'])
def test_an_accepted_carrier_without_a_message_is_no_answer(asked: PncRequest, data: object) -> None:
    found = decode_response(asked, Dialect.H, {"status": "Accepted", "data": data})
    assert isinstance(found, CarrierRefusal)
    assert found.status == "Accepted"


@pytest.mark.parametrize("status", ["Rejected", "UnknownMessageId", "UnknownVendorId", "Whatever"])
@pytest.mark.parametrize("data", [None, "plain text", '{"status":"Rejected"}', {"status": "Rejected"}])
def test_a_refusing_carrier_may_say_anything_in_data(status: str, data: object) -> None:
    found = decode_response(SIGNED, Dialect.H, {"status": status, "data": data})
    assert isinstance(found, CarrierRefusal)
    assert found.status == status
    assert found.said == (data if isinstance(data, str) else None)
    assert "plain text" not in found.why


@pytest.mark.parametrize("payload", [None, [], "text", {}, {"status": None}, {"status": 5}])
def test_an_answer_without_a_status_is_no_answer(payload: object) -> None:
    found = decode_response(SIGN, Dialect.H, payload)
    assert isinstance(found, CarrierRefusal)
    assert found.status == ""


def test_what_a_peer_says_is_cut_and_made_printable() -> None:
    found = decode_response(SIGN, Dialect.H, {"status": "\x1b[31m" + "x" * 500, "data": "a\nb" + "x" * 500})
    assert isinstance(found, CarrierRefusal)
    assert found.said is not None
    assert len(found.status) == len(found.said) == 200
    assert found.status.isprintable()
    assert found.said.startswith("a?b")
