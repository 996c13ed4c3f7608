"""OCPP 1.6's own messages against the schemas inside PyPI's `ocpp`: what those refuse, we refuse, with its code."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ocpp.v16
import pytest
from jsonschema import Draft4Validator

from chainpilot.wire.ocpp16 import (
    BootNotification,
    ChargePointErrorCode,
    ChargePointStatus,
    Heartbeat,
    SchemaBreach,
    StatusNotification,
    read_message,
)
from chainpilot.wire.ocppj.frames import ErrorCode

__all__: list[str] = []

BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
SCHEMAS = Path(ocpp.v16.__file__).with_name("schemas")
MESSAGES: dict[str, Any] = {
    "BootNotification": BootNotification,
    "Heartbeat": Heartbeat,
    "StatusNotification": StatusNotification,
}
GOOD: dict[str, dict[str, Any]] = {"BootNotification": BOOT, "Heartbeat": {}, "StatusNotification": STATUS}


def schema_of(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8-sig"))
    return schema


def code_for(name: str, payload: object) -> ErrorCode | None:
    """The code that answers the payload; None if it is taken."""
    try:
        read_message(payload, MESSAGES[name])
    except SchemaBreach as breach:
        return breach.code
    return None


def test_a_good_message_is_read() -> None:
    assert read_message({**BOOT, "iccid": None}, BootNotification) == BootNotification("v", "m")
    read = read_message({**STATUS, "timestamp": "2026-06-01T12:00:00Z"}, StatusNotification)
    moment = datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert read == StatusNotification(1, ChargePointErrorCode.NO_ERROR, ChargePointStatus.AVAILABLE, timestamp=moment)


@pytest.mark.parametrize(
    ("name", "payload", "code"),
    [
        ("BootNotification", {}, ErrorCode.PROTOCOL_ERROR),
        ("BootNotification", {"chargePointVendor": "v"}, ErrorCode.PROTOCOL_ERROR),
        ("BootNotification", {**BOOT, "chargePointModel": None}, ErrorCode.PROTOCOL_ERROR),
        ("BootNotification", {**BOOT, "chargePointVendor": 5}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ("BootNotification", {**BOOT, "chargePointVendor": "x" * 21}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ("BootNotification", {**BOOT, "colour": "red"}, ErrorCode.FORMATION_VIOLATION),
        ("BootNotification", [], ErrorCode.FORMATION_VIOLATION),
        ("Heartbeat", {"now": 1}, ErrorCode.FORMATION_VIOLATION),
        ("StatusNotification", {**STATUS, "connectorId": "no"}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ("StatusNotification", {**STATUS, "connectorId": True}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ("StatusNotification", {**STATUS, "connectorId": -1}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ("StatusNotification", {**STATUS, "status": "Asleep"}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ("StatusNotification", {**STATUS, "status": 3}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ("StatusNotification", {**STATUS, "timestamp": "noon"}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
    ],
)
def test_a_breach_of_the_schema_has_its_code(name: str, payload: object, code: ErrorCode) -> None:
    assert code_for(name, payload) is code


def test_a_breach_names_the_member_and_quotes_no_value() -> None:
    for payload in ({**STATUS, "status": "s3cr3t"}, {**STATUS, "info": "s3cr3t" * 10}, {**STATUS, "s3cr3t": 1}):
        with pytest.raises(SchemaBreach) as caught:
            read_message(payload, StatusNotification)
        assert "s3cr3t" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("name", GOOD)
def test_every_member_and_limit_is_the_schemas(name: str) -> None:
    schema = schema_of(name)
    validator = Draft4Validator(schema)
    assert set(schema["required"] if name != "Heartbeat" else []) == set(GOOD[name])
    for member, rule in schema["properties"].items():
        limit = rule.get("maxLength", 3)
        for value in ("x" * limit, "x" * (limit + 1), "", 7, 7.5, [], {}, True, *rule.get("enum", ())):
            payload = {**GOOD[name], member: value}
            if rule.get("format") == "date-time" and isinstance(value, str):
                continue  # the schema's validator doesn't look at formats; we do
            assert (code_for(name, payload) is None) == validator.is_valid(payload), (member, value)
