"""JSON to and from: exactly the field names, the enumerations and the limits of seed 001, and nothing of our own."""

import dataclasses
from enum import Enum
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.station import model
from chainpilot.station.model import (
    CaCertificateType,
    CertificateHashData,
    CertificateHashDataChain,
    CertificateInfo,
    CertificateOCSP,
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    CertificateType,
    GetCertificateFullInfoResult,
    GetCertificateInfoResult,
    GetCertificateInfoStatus,
    GetCertificateSignRequestResult,
    GetCertificateSignRequestStatus,
    GetInstalledCertificatesResult,
    GetInstalledCertificatesStatus,
    GetKeyPairResult,
    HashAlgorithm,
    KeyPair,
    LeafCertificateType,
    OCSPRequestData,
    OCSPRequestDataList,
    Secret,
)
from chainpilot.station.schema import ShapeError, from_json, to_json

ENUMERATIONS = {
    "EncodingFormat": ["DER", "PEM"],
    "CaCertificateType": ["V2G", "MO", "CSMS", "MF"],
    "LeafCertificateType": ["CSMS", "V2G", "MF", "MO"],
    "CertificateType": [
        "V2GRootCertificate",
        "MORootCertificate",
        "CSMSRootCertificate",
        "V2GCertificateChain",
        "MFRootCertificate",
    ],
    "HashAlgorithm": ["SHA256", "SHA384", "SHA512"],
    "InstallCertificateResult": [
        "InvalidSignature",
        "InvalidCertificateChain",
        "InvalidFormat",
        "InvalidCommonName",
        "NoRootCertificateInstalled",
        "Expired",
        "CertificateStoreMaxLengthExceeded",
        "WriteError",
        "Accepted",
    ],
    "CertificateValidationResult": [
        "Valid",
        "Expired",
        "InvalidSignature",
        "IssuerNotFound",
        "InvalidLeafSignature",
        "InvalidChain",
        "Unknown",
    ],
    "DeleteCertificateResult": ["Accepted", "Failed", "NotFound"],
    "GetInstalledCertificatesStatus": ["Accepted", "NotFound"],
    "GetCertificateSignRequestStatus": ["Accepted", "InvalidRequestedType", "KeyGenError", "GenerationError"],
    "GetCertificateInfoStatus": ["Accepted", "Rejected", "NotFound", "NotFoundValid", "PrivateKeyNotFound"],
    "CertificateStoreUpdateOperation": ["Installed", "Deleted"],
}
"""The enumerations of seed 001 with their strings."""

REQUIRED, OPTIONAL = True, False
FIELDS: dict[str, dict[str, bool]] = {
    "CertificateHashData": {
        "hash_algorithm": REQUIRED,
        "issuer_name_hash": REQUIRED,
        "issuer_key_hash": REQUIRED,
        "serial_number": REQUIRED,
    },
    "CertificateHashDataChain": {
        "certificate_type": REQUIRED,
        "certificate_hash_data": REQUIRED,
        "child_certificate_hash_data": OPTIONAL,
    },
    "GetInstalledCertificatesResult": {"status": REQUIRED, "certificate_hash_data_chain": REQUIRED},
    "OCSPRequestData": {"certificate_hash_data": REQUIRED, "responder_url": REQUIRED},
    "OCSPRequestDataList": {"ocsp_request_data_list": REQUIRED},
    "CertificateOCSP": {"hash": REQUIRED, "ocsp_path": OPTIONAL},
    "GetCertificateSignRequestResult": {"status": REQUIRED, "csr": OPTIONAL},
    "CertificateInfo": {
        "key": REQUIRED,
        "certificate_root": OPTIONAL,
        "certificate": OPTIONAL,
        "certificate_single": OPTIONAL,
        "certificate_count": REQUIRED,
        "password": OPTIONAL,
        "ocsp": OPTIONAL,
    },
    "GetCertificateInfoResult": {"status": REQUIRED, "info": OPTIONAL},
    "GetCertificateFullInfoResult": {"status": REQUIRED, "info": REQUIRED},
    "CertificateStoreUpdate": {
        "operation": REQUIRED,
        "leaf_certificate_type": OPTIONAL,
        "ca_certificate_type": OPTIONAL,
    },
    "KeyPair": {"key": REQUIRED, "certificate": REQUIRED, "password": OPTIONAL},
    "GetKeyPairResult": {"status": REQUIRED, "key_pair": OPTIONAL},
}
"""The objects of seed 001 with their fields, and the two of seed 000 (station-store.md section 1)."""

LIMITS = {"issuer_name_hash": 128, "issuer_key_hash": 128, "serial_number": 40, "responder_url": 512}
"""Characters at most (station-store.md section 1)."""

HASH = CertificateHashData(HashAlgorithm.SHA256, "ab" * 32, "cd" * 32, "1f")
INFO = CertificateInfo(
    key="/k",
    certificate_count=3,
    certificate="/c",
    certificate_single="/s",
    certificate_root="PEM",
    password="pw",
    ocsp=(CertificateOCSP(HASH, "/o"), CertificateOCSP(HASH)),
)
FULL: dict[str, Any] = {
    "CertificateHashData": HASH,
    "CertificateHashDataChain": CertificateHashDataChain(CertificateType.V2G_ROOT_CERTIFICATE, HASH, (HASH, HASH)),
    "GetInstalledCertificatesResult": GetInstalledCertificatesResult(
        GetInstalledCertificatesStatus.ACCEPTED,
        (CertificateHashDataChain(CertificateType.MO_ROOT_CERTIFICATE, HASH, (HASH,)),),
    ),
    "OCSPRequestData": OCSPRequestData(HASH, "http://o"),
    "OCSPRequestDataList": OCSPRequestDataList((OCSPRequestData(HASH, "http://o"),), ("somebody was left out",)),
    "CertificateOCSP": CertificateOCSP(HASH, "/o"),
    "GetCertificateSignRequestResult": GetCertificateSignRequestResult(
        GetCertificateSignRequestStatus.ACCEPTED, "PEM", "a reason"
    ),
    "CertificateInfo": INFO,
    "GetCertificateInfoResult": GetCertificateInfoResult(GetCertificateInfoStatus.ACCEPTED, INFO, "a reason"),
    "GetCertificateFullInfoResult": GetCertificateFullInfoResult(
        GetCertificateInfoStatus.ACCEPTED, (INFO, INFO), "a reason"
    ),
    "CertificateStoreUpdate": CertificateStoreUpdate(
        CertificateStoreUpdateOperation.DELETED, LeafCertificateType.V2G, CaCertificateType.MO
    ),
    "KeyPair": KeyPair("/k", "/c", "pw"),
    "GetKeyPairResult": GetKeyPairResult(GetCertificateInfoStatus.ACCEPTED, KeyPair("/k", "/c", "pw")),
}
"""Every object with everything in it, what is only ours included."""


def kind_of(name: str) -> type:
    found: type = getattr(model, name)
    return found


def told(value: object) -> dict[str, Any]:
    read = to_json(value)
    assert isinstance(read, dict)
    return read


@pytest.mark.parametrize("name", ENUMERATIONS)
def test_an_enumeration_has_the_strings_of_the_seed(name: str) -> None:
    kind = kind_of(name)
    assert issubclass(kind, Enum)
    assert {member.value for member in kind} == set(ENUMERATIONS[name])
    assert [to_json(kind(word)) for word in ENUMERATIONS[name]] == ENUMERATIONS[name]


@pytest.mark.parametrize("name", FIELDS)
def test_an_object_tells_exactly_the_fields_of_the_seed(name: str) -> None:
    assert type(FULL[name]) is kind_of(name)
    assert set(told(FULL[name])) == set(FIELDS[name])


@pytest.mark.parametrize("name", FIELDS)
def test_what_was_told_is_read_back_but_for_what_is_only_ours(name: str) -> None:
    ours = {one.name: one.default for one in dataclasses.fields(FULL[name]) if one.name not in FIELDS[name]}
    assert from_json(kind_of(name), to_json(FULL[name])) == dataclasses.replace(FULL[name], **ours)


FIELD_ROWS = [(name, field, need) for name, fields in FIELDS.items() for field, need in fields.items()]


@pytest.mark.parametrize(("name", "field", "needed"), FIELD_ROWS)
def test_only_required_fields_must_be_there(name: str, field: str, needed: bool) -> None:
    words = told(FULL[name])
    del words[field]
    if needed:
        with pytest.raises(ShapeError, match=field):
            from_json(kind_of(name), words)
    else:
        assert field not in told(from_json(kind_of(name), words)) or field == "child_certificate_hash_data"


@pytest.mark.parametrize(("name", "field", "needed"), FIELD_ROWS)
@pytest.mark.parametrize("wrong", [1.5, True, b"x", {}, [7]], ids=repr)
def test_a_field_of_a_wrong_type_is_refused_with_its_place(name: str, field: str, needed: bool, wrong: Any) -> None:
    with pytest.raises(ShapeError, match=rf"\$\.{field}"):
        from_json(kind_of(name), told(FULL[name]) | {field: wrong})


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    "wrong", [None, 1, "x", [], [[]], b"x", object()], ids=["null", "1", "x", "[]", "[[]]", "b", "o"]
)
def test_what_is_no_object_is_refused(name: str, wrong: Any) -> None:
    with pytest.raises(ShapeError):
        from_json(kind_of(name), wrong)


def places(value: Any, place: str = "$") -> list[tuple[str, dict[str, Any]]]:
    """Every object inside, with where it stands."""
    found = [(place, value)] if isinstance(value, dict) else []
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        found += places(one, f"{place}.{key}" if isinstance(value, dict) else f"{place}[{key}]")
    return found


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("field", ["bogus", "reason", "left_out", "KEY", ""])
def test_an_unknown_field_is_refused_wherever_it_stands(name: str, field: str) -> None:
    for number in range(len(places(told(FULL[name])))):
        words = told(FULL[name])
        place, inside = places(words)[number]
        inside[field] = "x"
        with pytest.raises(ShapeError) as raised:
            from_json(kind_of(name), words)
        assert raised.value.why == f"unknown field {field!r} - at `{place}`" or raised.value.why.endswith(
            f" - at `{place}.{field}`"
        )


@pytest.mark.parametrize("name", FIELDS)
def test_a_deep_value_in_an_unknown_field_is_refused_as_any_other(name: str) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for number in range(len(places(told(FULL[name])))):
        words = told(FULL[name])
        places(words)[number][1]["bogus"] = deep
        with pytest.raises(ShapeError):
            from_json(kind_of(name), words)
    while deep:  # taken apart by hand: a deep list ends its own interpreter
        deep = deep[0]


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, field, _ in FIELD_ROWS if field in LIMITS])
def test_texts_are_as_long_as_their_limit_and_no_longer(name: str, field: str) -> None:
    for length in (LIMITS[field] - 1, LIMITS[field]):
        read: Any = from_json(kind_of(name), told(FULL[name]) | {field: "a" * length})
        assert getattr(read, field) == "a" * length
    with pytest.raises(ShapeError, match=f"{field} has {LIMITS[field] + 1} characters"):
        from_json(kind_of(name), told(FULL[name]) | {field: "a" * (LIMITS[field] + 1)})


def test_a_limit_holds_deep_inside_too() -> None:
    words = told(FULL["GetCertificateFullInfoResult"])
    words["info"][1]["ocsp"][1]["hash"]["serial_number"] = "1" * 41
    with pytest.raises(ShapeError, match=r"\$\.info\[1\]\.ocsp\[1\]\.hash"):
        from_json(GetCertificateFullInfoResult, words)


@pytest.mark.parametrize("name", ENUMERATIONS)
@pytest.mark.parametrize("word", ["", "accepted", "ACCEPTED", "v2g", " V2G", "V2G\0"])
def test_a_word_of_no_enumeration_is_refused(name: str, word: str) -> None:
    with pytest.raises(ShapeError):
        from_json(kind_of(name), word)


def test_a_secret_or_anything_else_of_ours_is_never_told() -> None:
    for value in (Secret("hunter2"), b"bytes", 1.5, object(), {"a": 1}, (Secret("hunter2"),), Secret):
        with pytest.raises(TypeError) as raised:
            to_json(value)
        assert "hunter2" not in str(raised.value)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
STRATEGIES: dict[object, st.SearchStrategy[Any]] = {str: TEXTS, int: st.integers(-(2**63), 2**64 - 1)}


def made(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of that type, what is only ours left at its default."""
    if kind in STRATEGIES:
        return STRATEGIES[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return st.builds(kind, **{field: made(hints[field]) for field in FIELDS[kind.__name__]})
    inside = [one for one in get_args(kind) if one not in (type(None), ...)]
    if ... in get_args(kind):
        return st.lists(made(inside[0]), max_size=3).map(tuple)
    return st.one_of(st.none(), *(made(one) for one in inside))


@given(st.sampled_from(sorted(FIELDS)).flatmap(lambda name: made(kind_of(name))))
def test_every_value_survives_json(value: Any) -> None:
    text = msgspec.json.encode(to_json(value))
    assert from_json(type(value), msgspec.json.decode(text)) == value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from([*FIELDS, "status", "info"]), inside),
    max_leaves=8,
)


@given(st.sampled_from(sorted(FIELDS)), JSON, st.data())
def test_no_json_escapes_the_error_family(name: str, value: Any, data: st.DataObject) -> None:
    words = told(FULL[name]) | {data.draw(st.sampled_from(sorted(FIELDS[name]))): value}
    for one in (value, words):
        try:
            read: object = from_json(kind_of(name), one)
        except ShapeError:
            continue
        assert from_json(kind_of(name), to_json(read)) == read
