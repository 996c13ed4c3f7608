"""Every native message of OCPP 1.6 and 2.0.1 against the schemas inside PyPI's `ocpp`: what those refuse, we refuse."""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.inspect import IntType, StrType, StructType, Type, UnionType, VarTupleType, type_info

from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.jsontext import decode_json, encode_json
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.schema import SchemaBreach, UnwritableMessageError, read_answer, read_message, write_message
from chainpilot.wire.version import OcppVersion
from examples import examples
from payloads import ALL, CALLED, JSON, Known, changed, example, messages, sites, spoilt

__all__: list[str] = []

CODES = {
    OcppVersion.V16: {
        "shape": ErrorCode.FORMATION_VIOLATION,
        "missing": ErrorCode.PROTOCOL_ERROR,
        "count": ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
        "type": ErrorCode.TYPE_CONSTRAINT_VIOLATION,
        "property": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    },
    OcppVersion.V201: {
        "shape": ErrorCode.FORMAT_VIOLATION,
        "missing": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        "count": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        "type": ErrorCode.TYPE_CONSTRAINT_VIOLATION,
        "property": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    },
}
every_message = pytest.mark.parametrize("known", ALL, ids=str)
every_call = pytest.mark.parametrize("known", CALLED, ids=str)
every_call_of_201 = pytest.mark.parametrize(
    "known", [known for known in CALLED if known.version is OcppVersion.V201], ids=str
)
thorough = settings(max_examples=examples(40, least=12), deadline=None, suppress_health_check=[HealthCheck.too_slow])
SECRET = "s3cr3t-c0ffee"
CUSTOM_DEFECTS: list[tuple[object, str]] = [
    ({}, "missing"),
    (5, "type"),
    ({"vendorId": 5}, "type"),
    ({"vendorId": "v" * 256}, "property"),
]
COMPONENT, VARIABLE = ocpp201.Component("SecurityCtrlr"), ocpp201.Variable("BasicAuthPassword")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def breach_of(known: Known, payload: object) -> SchemaBreach | None:
    """How the payload is refused; None if it is taken."""
    try:
        read_message(payload, known.message, known.version)
    except SchemaBreach as breach:
        return breach
    return None


@every_message
def test_every_member_of_the_schema_is_read_and_written(known: Known) -> None:
    payload = example(known.schema)
    assert known.accepts(payload)
    assert write_message(read_message(payload, known.message, known.version)) == payload


@every_message
def test_every_word_and_every_length_that_the_schema_allows_is_read(known: Known) -> None:
    good = example(known.schema)
    for site in sites(known.schema):
        values = list(site.rule.get("enum", ()))
        if "maxLength" in site.rule and not values:
            values = ["x" * site.rule["maxLength"], "", "\U0001f50c" * site.rule["maxLength"]]
        for value in values:
            payload = changed(good, site.path, value)
            assert known.accepts(payload)
            assert write_message(read_message(payload, known.message, known.version)) == payload


@every_message
def test_what_the_schema_refuses_is_refused_with_the_code_of_its_defect(known: Known) -> None:
    for kind, payload in spoilt(known.schema):
        breach = breach_of(known, payload)
        assert breach is not None, (kind, payload)
        assert breach.code is CODES[known.version][kind], (kind, payload, str(breach))
        assert breach.__cause__ is None
        assert "s3cr3t" not in str(breach)


@every_call
def test_nothing_is_called_a_defect_that_the_schema_allows(known: Known) -> None:
    for kind, payload in spoilt(known.schema):
        if not _speaks_of_a_moment(kind, payload, known):
            assert not known.accepts(payload), (kind, payload)


def _speaks_of_a_moment(kind: str, payload: object, known: Known) -> bool:
    """The validator does not look at the form of moments; we do."""
    breach = breach_of(known, payload)
    return kind == "property" and breach is not None and breach.why.endswith("no moment")


@every_message
def test_a_member_that_is_null_counts_as_left_out(known: Known) -> None:
    good = example(known.schema)
    for site in sites(known.schema):
        if not site.required:
            read = read_message(changed(good, site.path, None), known.message, known.version)
            assert read == read_message(_without(good, site.path), known.message, known.version)


def _without(payload: Any, path: tuple[str | int, ...]) -> Any:
    payload = json.loads(json.dumps(payload))
    place = payload
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return payload


@every_call_of_201
def test_custom_data_is_let_pass_in_every_object_of_201(known: Known) -> None:
    good = example(known.schema)
    plain = read_message(good, known.message, known.version)
    for site in sites(known.schema):
        if site.rule["type"] != "object":
            continue
        inner = _at(good, site.path)
        payload = changed(good, site.path, {**inner, "customData": {"vendorId": "v" * 255, "more": [1]}})
        assert known.accepts(payload)
        assert read_message(payload, known.message, known.version) == plain
        for custom, kind in (
            ({}, "missing"),
            (5, "type"),
            ({"vendorId": 5}, "type"),
            ({"vendorId": "v" * 256}, "property"),
        ):
            payload = changed(good, site.path, {**inner, "customData": custom})
            assert not known.accepts(payload)
            breach = breach_of(known, payload)
            assert breach is not None
            assert breach.code is CODES[known.version][kind]


def _at(payload: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        payload = payload[step]
    return payload


def test_16_knows_no_custom_data() -> None:
    with pytest.raises(SchemaBreach, match="FormationViolation"):
        ocpp16.read_message({"customData": {"vendorId": "v"}}, ocpp16.Heartbeat)


@every_message
@given(data=st.data())
@thorough
def test_what_is_written_fits_the_schema_and_is_read_again(known: Known, data: st.DataObject) -> None:
    message = data.draw(messages(known.message))
    payload = write_message(message)
    if "Hertz" not in str(payload):  # allowed with MeterValues, missing in the schema of StopTransaction
        assert known.accepts(payload), payload
    again = read_message(decode_json(encode_json(payload)), known.message, known.version)
    assert again == message
    assert read_answer(payload, known.message, known.version) == message


@every_message
@given(data=st.data())
@thorough
def test_no_json_gets_anything_but_a_breach_out_of_the_reader(known: Known, data: st.DataObject) -> None:
    payload = data.draw(JSON)
    if data.draw(st.booleans()):
        site = data.draw(st.sampled_from(list(sites(known.schema))))
        payload = changed(example(known.schema), site.path, payload)
    breach = breach_of(known, payload)
    assert breach is None or breach.code in CODES[known.version].values()
    with contextlib.suppress(SchemaBreach):
        read_answer(payload, known.message, known.version)


@every_message
def test_an_answer_is_read_with_members_nobody_knows_and_beyond_its_limits(known: Known) -> None:
    for kind, payload in spoilt(known.schema):
        if kind == "count":
            read_answer(payload, known.message, known.version)
        elif kind == "shape" and isinstance(payload, dict):
            assert read_answer(payload, known.message, known.version) == read_message(
                example(known.schema), known.message, known.version
            )
        elif kind in {"missing", "type", "shape"}:
            with pytest.raises(SchemaBreach):
                read_answer(payload, known.message, known.version)


def test_an_answer_may_be_beyond_its_limits_and_hold_odd_custom_data() -> None:
    read = ocpp201.read_answer({"status": "Accepted", "filename": "x" * 300, "customData": 5}, ocpp201.GetLogResponse)
    assert read == ocpp201.GetLogResponse(ocpp201.LogStatus.ACCEPTED, "x" * 300)
    below = {"connectorId": -1, "errorCode": "NoError", "status": "Available"}
    assert ocpp16.read_answer(below, ocpp16.StatusNotification).connector_id == -1


def test_a_moment_of_half_a_character_is_a_breach() -> None:
    with pytest.raises(SchemaBreach, match="timestamp is no moment"):
        ocpp16.read_message({"type": "x", "timestamp": "\ud800"}, ocpp16.SecurityEventNotification)


def test_a_breach_deep_inside_names_its_place() -> None:
    values = {"timestamp": "2026-06-01T12:00:00Z", "sampledValue": [{"value": "1"}, {"value": "2", "unit": "s3cr3t"}]}
    with pytest.raises(SchemaBreach) as caught:
        ocpp16.read_message({"connectorId": 1, "meterValue": [values]}, ocpp16.MeterValues)
    assert caught.value.why == "meterValue[0].sampledValue[1].unit is no word of its enumeration"


def test_a_number_of_json_that_is_whole_counts_as_an_integer() -> None:
    reset = ocpp201.read_message({"type": "OnIdle", "evseId": 1.0}, ocpp201.Reset)
    assert reset == ocpp201.Reset(ocpp201.ResetType.ON_IDLE, 1)
    assert isinstance(reset.evse_id, int)


def test_a_moment_without_an_offset_counts_as_utc() -> None:
    payload = {"type": "x", "timestamp": "2026-06-01T12:00:00.5"}
    read = ocpp16.read_message(payload, ocpp16.SecurityEventNotification)
    assert read.timestamp == NOON.replace(microsecond=500_000)
    assert write_message(read)["timestamp"] == "2026-06-01T12:00:00.500Z"


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 6, 1, 12),  # noqa: DTZ001 - the missing offset is the test
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    ],
)
def test_a_moment_without_a_place_in_utc_is_not_written(moment: datetime) -> None:
    with pytest.raises(UnwritableMessageError, match="SecurityEventNotification cannot be written: a moment"):
        write_message(ocpp16.SecurityEventNotification("x", moment))


def test_what_is_over_its_limit_is_not_written_and_not_quoted() -> None:
    with pytest.raises(UnwritableMessageError) as caught:
        write_message(ocpp16.ChangeConfiguration("AuthorizationKey", SECRET * 50))
    assert str(caught.value) == "ChangeConfiguration cannot be written: value is longer than 500 characters"
    assert SECRET not in repr(caught.value)
    with pytest.raises(UnwritableMessageError, match="setVariableData has too few entries"):
        write_message(ocpp201.SetVariables(()))


SECRETIVE = [
    ocpp16.ChangeConfiguration("AuthorizationKey", SECRET),
    ocpp16.GetConfigurationResponse((ocpp16.KeyValue("AuthorizationKey", readonly=False, value=SECRET),)),
    ocpp16.GetLog(ocpp16.LogParameters(f"ftp://user:{SECRET}@logs"), ocpp16.LogType.SECURITY_LOG, 1),
    ocpp16.SignedUpdateFirmware(1, ocpp16.SignedFirmware(f"ftp://user:{SECRET}@images", NOON, "PEM", "sig")),
    ocpp201.UpdateFirmware(1, ocpp201.Firmware(f"ftp://user:{SECRET}@images", NOON)),
    ocpp201.SetVariables((ocpp201.SetVariableData(SECRET, COMPONENT, VARIABLE),)),
    ocpp201.GetVariablesResponse(
        (ocpp201.GetVariableResult(ocpp201.GetVariableStatus.ACCEPTED, COMPONENT, VARIABLE, attribute_value=SECRET),)
    ),
    ocpp201.ReportData(COMPONENT, VARIABLE, (ocpp201.VariableAttribute(value=SECRET),)),
    ocpp201.EventData(
        1,
        NOON,
        ocpp201.EventTrigger.DELTA,
        SECRET,
        ocpp201.EventNotification.CUSTOM_MONITOR,
        COMPONENT,
        VARIABLE,
    ),
    ocpp201.SetNetworkProfile(
        1,
        ocpp201.ConnectionData(
            ocpp201.ProfileVersion.OCPP20,
            ocpp201.Transport.JSON,
            f"wss://user:{SECRET}@csms",
            30,
            2,
            ocpp201.NetworkInterface.WIRED0,
            ocpp201.Apn("apn", ocpp201.ApnAuthentication.PAP, "user", SECRET, 271828),
            ocpp201.Vpn("vpn", "user", SECRET, SECRET, ocpp201.VpnType.IKEV2),
        ),
    ),
]


@pytest.mark.parametrize("message", SECRETIVE, ids=lambda message: type(message).__name__)
def test_a_secret_is_written_and_shown_in_no_repr(message: Any) -> None:
    assert SECRET in encode_json(write_message(message))
    for shown in (repr(message), str(message), f"{[message]}", repr(message.__rich_repr__())):
        assert SECRET not in shown
        assert "271828" not in shown


def test_a_repr_shows_what_is_no_secret() -> None:
    shown = repr(ocpp16.ChangeConfiguration("AuthorizationKey", SECRET))
    assert shown == "ChangeConfiguration(key='AuthorizationKey')"


@every_message
def test_hidden_names_are_names_of_fields(known: Known) -> None:
    for kind in _kinds(type_info(known.message)):
        if isinstance(kind, StructType):
            assert set(kind.cls.__struct_fields__) >= kind.cls.HIDDEN  # type: ignore[attr-defined]  # - a Message


@every_message
def test_no_message_has_a_limit_that_the_reader_does_not_look_at(known: Known) -> None:
    for kind in _kinds(type_info(known.message)):
        limits = {name for name in kind.__struct_fields__ if name in LIMITS and getattr(kind, name) is not None}
        assert limits <= LOOKED_AT.get(type(kind), set()), kind


LIMITS = {"gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "tz"}
LOOKED_AT: dict[type[Type], set[str]] = {
    StrType: {"max_length"},
    IntType: {"ge"},
    VarTupleType: {"min_length", "max_length"},
}


def _kinds(kind: Type) -> Iterator[Type]:
    yield kind
    if isinstance(kind, StructType):
        for field in kind.fields:
            yield from _kinds(field.type)
    elif isinstance(kind, UnionType):
        for member in kind.types:
            yield from _kinds(member)
    elif isinstance(kind, VarTupleType):
        yield from _kinds(kind.item_type)
