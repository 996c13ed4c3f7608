"""Every message in every dialect, both ways: written, valid by the schemas of PyPI's `ocpp`, and read back the same.

Dialect H has no schema of its own: it is held to OCPP 2.0's, with the departures that `ocpp20` lists.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.ocppj.frames import Call, CallResult, ErrorCode, decode, encode
from chainpilot.wire.pnc import messages as m
from chainpilot.wire.pnc import words as w
from chainpilot.wire.pnc.codec import (
    CarrierRefusal,
    DecodedRequest,
    DecodeRefusal,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
    is_pnc,
)
from chainpilot.wire.pnc.dialects import Dialect, MessageRow
from chainpilot.wire.pnc.fields import InexpressibleError, Quirk
from chainpilot.wire.pnc.tables import DIALECTS, NATIVE
from chainpilot.wire.version import OcppVersion
from examples import examples
from ocpp20 import breach

FOLDERS = {OcppVersion.V16: "v16", OcppVersion.V201: "v201", OcppVersion.V21: "v21"}
CARRIED = {Dialect.H, Dialect.O}
SCHEMAS_OF_CONTENTS = {Dialect.S: OcppVersion.V16, Dialect.V201: OcppVersion.V201, Dialect.V21: OcppVersion.V21}
"""Whose messages have schemas of their own; O's are those of 2.0.1 and H's those of 2.0, checked inside the carrier."""

ROWS = [(row.dialect, message) for row in DIALECTS.values() for message in row.messages]
MATRIX = [
    pytest.param(dialect, message, id=f"{dialect.value}-{message.request.of.__name__}") for dialect, message in ROWS
]

TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
DIGITS = st.text("0123456789abcdefABCDEF", min_size=2, max_size=128)
HASH = st.builds(
    CertificateHashData,
    st.sampled_from(HashAlgorithm),
    DIGITS,
    DIGITS,
    st.integers(0, 2**160 - 1).map(lambda number: f"{number:X}"),
)
QUESTION = st.builds(m.OcspRequestData, HASH, TEXT)
MOMENT = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - hypothesis takes bounds without a zone
    lambda moment: moment.replace(microsecond=0)
)
REASON = st.none() | st.sampled_from(
    ["Expired", "StoreFull: 2000 of 2000", "a sentence of more than twenty characters"]
)


def text_up_to(limit: int) -> SearchStrategy[str]:
    """Some text, or one of any length that is allowed."""
    return TEXT | st.integers(1, limit).map("A".__mul__)


CSR, CERTIFICATE, CHAIN = text_up_to(5_500), text_up_to(5_500), text_up_to(10_000)
EXI_REQUEST, EXI_RESPONSE, OCSP_RESULT = text_up_to(5_500), text_up_to(7_500), text_up_to(5_500)
NUMBER = st.none() | st.integers(0, 2**31 - 1)


def uses_of(message: MessageRow) -> list[w.CertificateUse]:
    """What the dialect has words for, told by what it can write."""
    field = next(one for one in message.request.fields if one.attribute in {"certificate_type", "certificate_types"})
    found = []
    for use in w.CertificateUse:
        try:
            field.kind.write(use if field.attribute == "certificate_type" else (use,))
        except InexpressibleError:
            continue
        found.append(use)
    return found


def triggers_of(message: MessageRow) -> list[w.MessageTrigger]:
    found = []
    for trigger in w.MessageTrigger:
        try:
            message.request.fields[0].kind.write(trigger)
        except InexpressibleError:
            continue
        found.append(trigger)
    return found


def requests_of(dialect: Dialect, message: MessageRow) -> SearchStrategy[Any]:
    """Every request of that kind that the dialect can say whole."""
    uses = st.none() if dialect is Dialect.S else st.none() | st.sampled_from(LeafUse)
    numbered = NUMBER if dialect is Dialect.V21 else st.none()
    match message.request.of:
        case m.AuthorizeRequest:
            token = st.builds(m.IdToken, TEXT.map(lambda text: text[:36]))
            return st.builds(
                m.AuthorizeRequest, token, st.none() | CERTIFICATE, st.lists(QUESTION, max_size=4).map(tuple)
            )
        case m.SignCertificateRequest:
            return st.builds(m.SignCertificateRequest, CSR, uses, numbered)
        case m.CertificateSignedRequest:
            return st.builds(m.CertificateSignedRequest, CHAIN, uses, numbered)
        case m.InstallCertificateRequest:
            return st.builds(m.InstallCertificateRequest, st.sampled_from(uses_of(message)), CERTIFICATE)
        case m.DeleteCertificateRequest:
            return st.builds(m.DeleteCertificateRequest, HASH)
        case m.GetInstalledCertificateIdsRequest:
            known = st.sampled_from(uses_of(message))
            one = dialect in {Dialect.H, Dialect.S}
            asked = st.tuples(known) if one else st.lists(known, unique=True, max_size=3).map(tuple)
            return st.builds(m.GetInstalledCertificateIdsRequest, asked)
        case m.Get15118EVCertificateRequest:
            action = (
                st.just(w.CertificateAction.INSTALL) if dialect is Dialect.H else st.sampled_from(w.CertificateAction)
            )
            emaids = st.lists(TEXT, max_size=8).map(tuple) if dialect is Dialect.V21 else st.just(())
            return st.builds(m.Get15118EVCertificateRequest, TEXT, EXI_REQUEST, action, numbered, emaids)
        case m.GetCertificateStatusRequest:
            return st.builds(m.GetCertificateStatusRequest, st.tuples(QUESTION))
        case _:
            return st.builds(m.TriggerMessageRequest, st.sampled_from(triggers_of(message)))


def answers_of(dialect: Dialect, message: MessageRow) -> SearchStrategy[Any]:
    """Every answer of that kind that the dialect can say whole."""
    reason = st.none() if dialect in {Dialect.H, Dialect.S} else REASON
    match message.response.of:
        case m.AuthorizeResponse:
            info = st.builds(m.IdTokenInfo, st.sampled_from(AuthorizationStatus), st.none() | MOMENT)
            said = [w.AuthorizeCertificateStatus.ACCEPTED, w.AuthorizeCertificateStatus.CERTIFICATE_REVOKED]
            status = st.sampled_from(said) if dialect is Dialect.H else st.sampled_from(w.AuthorizeCertificateStatus)
            return st.builds(m.AuthorizeResponse, info, st.none() | status)
        case m.SignCertificateResponse | m.CertificateSignedResponse:
            return st.builds(message.response.of, st.sampled_from(w.GenericStatus), reason)
        case m.InstallCertificateResponse:
            return st.builds(m.InstallCertificateResponse, st.sampled_from(w.InstallCertificateStatus), reason)
        case m.DeleteCertificateResponse:
            return st.builds(m.DeleteCertificateResponse, st.sampled_from(w.DeleteCertificateStatus), reason)
        case m.GetInstalledCertificateIdsResponse:
            return _lists(dialect, message)
        case m.Get15118EVCertificateResponse:
            accepted, failed = w.Iso15118EvCertificateStatus
            left = NUMBER if dialect is Dialect.V21 else st.none()
            return st.builds(
                m.Get15118EVCertificateResponse, st.just(accepted), EXI_RESPONSE, reason, left
            ) | st.builds(m.Get15118EVCertificateResponse, st.just(failed), st.just(""), reason, left)
        case m.GetCertificateStatusResponse:
            accepted_, failed_ = w.GetCertificateStatusStatus
            return st.builds(m.GetCertificateStatusResponse, st.just(accepted_), OCSP_RESULT, reason) | st.builds(
                m.GetCertificateStatusResponse, st.just(failed_), st.none(), reason
            )
        case _:
            return st.builds(m.TriggerMessageResponse, st.sampled_from(w.TriggerMessageStatus), reason)


def _lists(dialect: Dialect, message: MessageRow) -> SearchStrategy[Any]:
    found = w.GetInstalledCertificateStatus.ACCEPTED
    if dialect in {Dialect.H, Dialect.S}:
        use = st.just(w.CertificateUse.CSMS_ROOT_CERTIFICATE)
        chain = st.builds(m.CertificateHashDataChain, use, HASH)
    else:
        children = st.lists(HASH, max_size=4).map(tuple)
        chain = st.builds(m.CertificateHashDataChain, st.sampled_from(uses_of(message)), HASH, children)
    some = st.lists(chain, min_size=1, max_size=3).map(tuple)
    nothing = m.GetInstalledCertificateIdsResponse(w.GetInstalledCertificateStatus.NOT_FOUND)
    return st.builds(m.GetInstalledCertificateIdsResponse, st.just(found), some) | st.just(nothing)


def schema(version: OcppVersion, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(
        files("ocpp").joinpath(FOLDERS[version], "schemas", f"{name}.json").read_text(encoding="utf-8-sig")
    )
    return loaded


def request_schema(version: OcppVersion, action: str) -> dict[str, Any]:
    return schema(version, action if version is OcppVersion.V16 else f"{action}Request")


@pytest.mark.parametrize(("dialect", "message"), MATRIX)
@given(data=st.data())
@settings(max_examples=examples(100, least=25))
def test_a_request_is_valid_and_read_back_as_it_was_meant(
    dialect: Dialect, message: MessageRow, data: st.DataObject
) -> None:
    asked, version = data.draw(requests_of(dialect, message)), DIALECTS[dialect].version
    call = encode_request(asked, dialect)
    jsonschema.validate(call.payload, request_schema(version, call.action))
    if dialect is Dialect.O:
        inner = json.loads(str(call.payload["data"]))
        jsonschema.validate(inner, request_schema(OcppVersion.V201, message.action))
    if dialect is Dialect.H:
        assert breach("Request", message.action, json.loads(str(call.payload["data"]))) is None
    frame = decode(encode(Call("1", call.action, call.payload)))
    assert isinstance(frame, Call)
    assert is_pnc(frame.action, version)
    assert decode_request(frame.action, frame.payload, version) == DecodedRequest(dialect, asked)


@pytest.mark.parametrize(("dialect", "message"), MATRIX)
@given(data=st.data())
@settings(max_examples=examples(100, least=25))
def test_an_answer_is_valid_and_read_back_as_it_was_meant(
    dialect: Dialect, message: MessageRow, data: st.DataObject
) -> None:
    answer = data.draw(answers_of(dialect, message))
    asked = question_for(dialect, message)
    payload = encode_response(answer, dialect)
    if dialect in CARRIED:
        jsonschema.validate(payload, schema(OcppVersion.V16, "DataTransferResponse"))
    if dialect is Dialect.O:
        jsonschema.validate(json.loads(str(payload["data"])), schema(OcppVersion.V201, f"{message.action}Response"))
    if dialect is Dialect.H:
        assert breach("Response", message.action, json.loads(str(payload["data"]))) is None
    if dialect in SCHEMAS_OF_CONTENTS:
        jsonschema.validate(payload, schema(SCHEMAS_OF_CONTENTS[dialect], f"{message.action}Response"))
    frame = decode(encode(CallResult("1", payload)))
    assert isinstance(frame, CallResult)
    assert decode_response(asked, dialect, frame.payload) == answer


def question_for(dialect: Dialect, message: MessageRow) -> m.PncRequest:
    """Some request that the answer may be to; of installed certificates the use that flat lists are made of here."""
    hash_data = CertificateHashData(HashAlgorithm.SHA256, "aa", "bb", "1")
    made: dict[type, Callable[[], m.PncRequest]] = {
        m.AuthorizeRequest: lambda: m.AuthorizeRequest(m.IdToken("DE8AA1A2B3C4D5")),
        m.SignCertificateRequest: lambda: m.SignCertificateRequest("csr"),
        m.CertificateSignedRequest: lambda: m.CertificateSignedRequest("chain"),
        m.InstallCertificateRequest: lambda: m.InstallCertificateRequest(uses_of(message)[0], "root"),
        m.DeleteCertificateRequest: lambda: m.DeleteCertificateRequest(hash_data),
        m.GetInstalledCertificateIdsRequest: lambda: m.GetInstalledCertificateIdsRequest(
            (w.CertificateUse.CSMS_ROOT_CERTIFICATE,)
        ),
        m.Get15118EVCertificateRequest: lambda: m.Get15118EVCertificateRequest("urn", "exi"),
        m.GetCertificateStatusRequest: lambda: m.GetCertificateStatusRequest((m.OcspRequestData(hash_data),)),
        m.TriggerMessageRequest: lambda: m.TriggerMessageRequest(triggers_of(message)[0]),
    }
    del dialect
    return made[message.request.of]()


def test_the_matrix_holds_every_message() -> None:
    assert {message.request.of for _, message in ROWS} == set(get_args(m.PncRequest))
    assert {message.response.of for _, message in ROWS} == set(get_args(m.PncResponse))


SIDES = [side for _, message in ROWS for side in (message.request, message.response)]
NAMES = sorted({name for side in SIDES for field in side.fields for name in field.names})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)


@pytest.mark.parametrize(("dialect", "message"), MATRIX)
@given(payload=JSON)
@settings(max_examples=examples(100, least=25))
def test_whatever_comes_is_a_message_or_a_refusal(dialect: Dialect, message: MessageRow, payload: object) -> None:
    row = DIALECTS[dialect]
    outer = {"vendorId": row.vendor_id, "messageId": message.action, "data": payload}
    action, content = ("DataTransfer", outer) if row.vendor_id else (message.action, payload)
    found = decode_request(action, content, row.version)
    if isinstance(found, DecodeRefusal):
        assert found.why
        assert (found.fault is None) == (row.vendor_id is not None)
    answer = {"status": "Accepted", "data": payload} if row.vendor_id else payload
    read = decode_response(question_for(dialect, message), dialect, answer)
    assert isinstance(read, CarrierRefusal | message.response.of)


# What a dialect can't say


@pytest.mark.parametrize("kind", [m.AuthorizeRequest, m.Get15118EVCertificateRequest, m.GetCertificateStatusRequest])
def test_the_whitepaper_s_messages_have_no_word_for_a_contract(kind: type) -> None:
    asked = question_for(Dialect.V201, next(row for _, row in ROWS if row.request.of is kind))
    with pytest.raises(InexpressibleError):
        encode_request(asked, Dialect.S)


@pytest.mark.parametrize(
    "asked", [m.SignCertificateRequest("csr", LeafUse.V2G), m.CertificateSignedRequest("c", LeafUse.V2G)]
)
def test_the_whitepaper_s_messages_never_stand_for_a_leaf_of_v2g(asked: m.PncRequest) -> None:
    """They carry no use: the leaf would be taken for the station's client certificate."""
    with pytest.raises(InexpressibleError):
        encode_request(asked, Dialect.S)


@pytest.mark.parametrize("status", w.AuthorizeCertificateStatus)
def test_h_never_says_that_a_bad_chain_is_good(status: w.AuthorizeCertificateStatus) -> None:
    """Row 11: of the chain H says only that it was revoked; every other fault has to show in the token's status."""
    invalid = m.AuthorizeResponse(m.IdTokenInfo(AuthorizationStatus.INVALID), status)
    inner = json.loads(str(encode_response(invalid, Dialect.H)["data"]))
    revoked = status is w.AuthorizeCertificateStatus.CERTIFICATE_REVOKED
    assert inner == {
        "certificateStatus": "CertificateRevoked" if revoked else "Accepted",
        "idTokenInfo": {"status": "Invalid"},
    }
    good = m.AuthorizeResponse(m.IdTokenInfo(AuthorizationStatus.ACCEPTED), status)
    if status in {w.AuthorizeCertificateStatus.ACCEPTED, w.AuthorizeCertificateStatus.CERTIFICATE_REVOKED}:
        encode_response(good, Dialect.H)
    else:
        with pytest.raises(InexpressibleError):
            encode_response(good, Dialect.H)


@pytest.mark.parametrize("dialect", [Dialect.O, Dialect.V201, Dialect.V21])
def test_a_question_without_its_responder_is_written_by_h_alone(dialect: Dialect) -> None:
    asked = m.GetCertificateStatusRequest(
        (m.OcspRequestData(CertificateHashData(HashAlgorithm.SHA256, "aa", "bb", "1")),)
    )
    assert "responderURL" not in str(encode_request(asked, Dialect.H).payload["data"])
    with pytest.raises(InexpressibleError):
        encode_request(asked, dialect)


# What a reader survives, and what it never takes for good


@pytest.mark.parametrize("dialect", [Dialect.H, Dialect.O, Dialect.V201])
@pytest.mark.parametrize("missing", [{}, {"ocspResult": None}])
def test_an_accepted_ocsp_answer_that_is_not_there_is_a_failure(dialect: Dialect, missing: dict[str, object]) -> None:
    asked = m.GetCertificateStatusRequest(())
    found = decode_response(asked, dialect, carried(dialect, {"status": "Accepted", **missing}))
    assert isinstance(found, m.GetCertificateStatusResponse)
    assert found.status is w.GetCertificateStatusStatus.FAILED


@pytest.mark.parametrize("dialect", [Dialect.H, Dialect.O, Dialect.V201])
def test_an_accepted_contract_without_an_answer_for_the_vehicle_is_a_failure(dialect: Dialect) -> None:
    asked = m.Get15118EVCertificateRequest("urn", "exi")
    found = decode_response(asked, dialect, carried(dialect, {"status": "Accepted", "exiResponse": ""}))
    assert isinstance(found, m.Get15118EVCertificateResponse)
    assert found.status is w.Iso15118EvCertificateStatus.FAILED


def carried(dialect: Dialect, inner: dict[str, object]) -> dict[str, object]:
    return {"status": "Accepted", "data": json.dumps(inner)} if dialect in CARRIED else inner


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        (m.InstallCertificateRequest, w.InstallCertificateStatus.REJECTED),
        (m.DeleteCertificateRequest, w.DeleteCertificateStatus.FAILED),
        (m.TriggerMessageRequest, w.TriggerMessageStatus.REJECTED),
        (m.GetCertificateStatusRequest, w.GetCertificateStatusStatus.FAILED),
    ],
)
@pytest.mark.parametrize("dialect", Dialect)
def test_a_status_nobody_knows_is_a_refusal_and_its_word_is_kept(dialect: Dialect, kind: type, refused: object) -> None:
    row = next((one for one in DIALECTS[dialect].messages if one.request.of is kind), None)
    if row is None:
        assert dialect is Dialect.S
        return
    found = decode_response(question_for(dialect, row), dialect, carried(dialect, {"status": "WriteError"}))
    assert isinstance(found, row.response.of)
    assert getattr(found, "status") is refused  # noqa: B009 - the kinds share no base
    assert getattr(found, "reason") == "WriteError"  # noqa: B009 - as above


@pytest.mark.parametrize(
    ("word", "trigger"),
    [
        ("SignV2GCertificate", w.MessageTrigger.SIGN_V2G_CERTIFICATE),
        ("SignV2GCertifcate", w.MessageTrigger.SIGN_V2G_CERTIFICATE),
        ("SignCertificate", w.MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE),
        ("SignChargePointCertificate", w.MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE),
    ],
)
@pytest.mark.parametrize("message_id", ["ExtendedTriggerMessage", "TriggerMessage"])
@pytest.mark.parametrize("dialect", [Dialect.H, Dialect.O])
def test_a_trigger_is_understood_in_every_spelling(
    dialect: Dialect, message_id: str, word: str, trigger: w.MessageTrigger
) -> None:
    """Rows 1 and 3."""
    payload = {
        "vendorId": DIALECTS[dialect].vendor_id,
        "messageId": message_id,
        "data": json.dumps({"requestedMessage": word}),
    }
    assert decode_request("DataTransfer", payload) == DecodedRequest(dialect, m.TriggerMessageRequest(trigger))


def test_a_station_s_own_spellings_are_written_to_it() -> None:
    """Rows 1 and 2."""
    quirks = frozenset(Quirk)
    trigger = m.TriggerMessageRequest(w.MessageTrigger.SIGN_V2G_CERTIFICATE)
    assert json.loads(str(encode_request(trigger, Dialect.H, quirks).payload["data"])) == {
        "requestedMessage": "SignV2GCertifcate"
    }
    root = m.InstallCertificateRequest(w.CertificateUse.V2G_ROOT_CERTIFICATE, "pem")
    assert json.loads(str(encode_request(root, Dialect.H, quirks).payload["data"])) == {
        "certificateType": "V2GRootCertficate",
        "certificate": "pem",
    }


@pytest.mark.parametrize("prefix", ["", "iso"])
@pytest.mark.parametrize("dialect", [Dialect.H, Dialect.O])
def test_the_keys_of_15118_are_read_in_both_forms(dialect: Dialect, prefix: str) -> None:
    """Row 13."""
    hashes, version = f"{prefix}15118CertificateHashData", f"{prefix}15118SchemaVersion"
    entry = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "1"}
    inner: dict[str, object] = {"idToken": {"idToken": "DE8AA1A2B3C4D5", "type": "eMAID"}, hashes: [entry]}
    vendor = DIALECTS[dialect].vendor_id
    found = decode_request("DataTransfer", {"vendorId": vendor, "messageId": "Authorize", "data": json.dumps(inner)})
    assert isinstance(found, DecodedRequest)
    assert isinstance(found.request, m.AuthorizeRequest)
    assert len(found.request.certificate_hash_data) == 1
    asked = {version: "urn:iso", "action": "Install", "exiRequest": "gAA="}
    contract = decode_request(
        "DataTransfer", {"vendorId": vendor, "messageId": "Get15118EVCertificate", "data": json.dumps(asked)}
    )
    assert contract == DecodedRequest(dialect, m.Get15118EVCertificateRequest("urn:iso", "gAA="))


# OCPP's own messages: faults are CALLERRORs


@pytest.mark.parametrize("version", OcppVersion)
@pytest.mark.parametrize(
    ("payload", "in_16", "since_2"),
    [
        ({}, ErrorCode.PROTOCOL_ERROR, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
        ({"csr": 5}, ErrorCode.TYPE_CONSTRAINT_VIOLATION, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ({"csr": "x" * 5501}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ([], ErrorCode.FORMATION_VIOLATION, ErrorCode.FORMAT_VIOLATION),
    ],
)
def test_a_fault_in_ocpp_s_own_message_has_its_error_code(
    version: OcppVersion, payload: object, in_16: ErrorCode, since_2: ErrorCode
) -> None:
    found = decode_request("SignCertificate", payload, version)
    assert isinstance(found, DecodeRefusal)
    assert found.fault is (in_16 if version is OcppVersion.V16 else since_2)


@pytest.mark.parametrize("version", OcppVersion)
def test_an_action_of_another_version_is_not_ours(version: OcppVersion) -> None:
    for action in ("Update15118EVCertificate", "signcertificate", "BootNotification", ""):
        assert not is_pnc(action, version)
        found = decode_request(action, {}, version)
        assert isinstance(found, DecodeRefusal)
        assert found.fault is ErrorCode.NOT_IMPLEMENTED


def test_dialects_of_data_transfer_are_those_of_1_6() -> None:
    payload = {"vendorId": "iso15118", "messageId": "SignCertificate", "data": '{"csr":"a"}'}
    assert isinstance(decode_request("DataTransfer", payload), DecodedRequest)
    refused = decode_request("DataTransfer", payload, OcppVersion.V201)
    assert isinstance(refused, DecodeRefusal)
    assert refused.answer == {"status": "UnknownVendorId"}
    assert NATIVE.keys() == set(OcppVersion)
