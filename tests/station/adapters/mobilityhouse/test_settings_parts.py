"""A call about settings in two parts, and one answer of two."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.station.adapters.mobilityhouse.settings_parts import ACTIONS, divide, joined, unknown
from chainpilot.station.adapters.mobilityhouse.shares import SETTINGS
from chainpilot.wire.version import OcppVersion
from payloads import JSON

V16, V201 = OcppVersion.V16, OcppVersion.V201
OURS = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "OrganizationName"}}
OUR_OTHER = {"component": {"name": "iso15118ctrlr"}, "variable": {"name": "seccid"}}
THEIRS = {"component": {"name": "Connector", "evse": {"id": 1}}, "variable": {"name": "Brand"}}
NEAR = {"component": {"name": "SecurityCtrlr", "evse": {"id": 1}}, "variable": {"name": "OrganizationName"}}
variables = st.lists(st.sampled_from([OURS, OUR_OTHER, THEIRS, NEAR]), min_size=1, max_size=6)


def test_all_keys_are_asked_of_both_sides() -> None:
    divided = divide(V16, "GetConfiguration", {}, {"organisation", "pnc_enabled"})
    assert divided is not None
    assert divided.theirs == {}
    assert divided.ours == {"key": ["ISO15118PnCEnabled", "CpoName"]}


def test_a_key_that_both_have_is_the_agent_s() -> None:
    divided = divide(V16, "GetConfiguration", {}, SETTINGS)
    assert divided is not None
    own = {"key": "CpoName", "readonly": False, "value": "ours"}
    theirs: dict[str, object] = {
        "configurationKey": [{"key": "cpoNAME", "readonly": True}, {"key": "Brand", "readonly": True}],
        "unknownKey": ["x"],
    }
    answer = joined("GetConfiguration", divided, {"configurationKey": [own]}, theirs)
    assert answer == {
        "configurationKey": [own, {"key": "Brand", "readonly": True}],
        "unknownKey": ["x"],
    }


@given(asked=variables, words=st.text(max_size=5))
def test_variables_come_back_in_the_order_asked(asked: list[dict[str, Any]], words: str) -> None:
    payload = {"setVariableData": [{**one, "attributeValue": words} for one in asked]}
    divided = divide(V201, "SetVariables", payload, SETTINGS)
    assert divided is not None
    parts = [part["setVariableData"] if part else [] for part in (divided.ours, divided.theirs)]
    assert all(one in payload["setVariableData"] for part in parts for one in part)  # type: ignore[attr-defined] # - lists
    echoes = [{"setVariableResult": part} for part in parts]
    answer = joined("SetVariables", divided, echoes[0], echoes[1])
    assert answer == {"setVariableResult": payload["setVariableData"]}


@given(asked=variables)
def test_the_same_name_at_an_evse_is_not_ours(asked: list[dict[str, Any]]) -> None:
    divided = divide(V201, "GetVariables", {"getVariableData": asked}, SETTINGS)
    assert divided is not None
    assert divided.is_ours == tuple(one in (OURS, OUR_OTHER) for one in asked)
    assert (divided.ours is None) == (not any(divided.is_ours))
    assert (divided.theirs is None) == all(divided.is_ours)


def test_an_answer_of_another_length_than_asked_is_told_whole() -> None:
    divided = divide(V201, "GetVariables", {"getVariableData": [THEIRS, OURS]}, SETTINGS)
    assert divided is not None
    answer = joined("GetVariables", divided, {"getVariableResult": ["a"]}, {"getVariableResult": []})
    assert answer == {"getVariableResult": ["a"]}


def test_what_the_station_s_part_holds_beside_is_kept() -> None:
    extra = {"vendorId": "org.maker", "more": 1}
    divided = divide(V201, "GetVariables", {"getVariableData": [THEIRS, OURS], "customData": extra}, SETTINGS)
    assert divided is not None
    assert divided.theirs == {"getVariableData": [THEIRS], "customData": extra}
    assert divided.ours == {"getVariableData": [OURS]}


@pytest.mark.parametrize(
    ("action", "theirs", "answer"),
    [
        ("GetConfiguration", {"key": ["Brand"]}, {"unknownKey": ["Brand"]}),
        ("GetConfiguration", {}, {"unknownKey": []}),
        ("ChangeConfiguration", {"key": "Brand", "value": "x"}, {"status": "NotSupported"}),
        (
            "GetVariables",
            {"getVariableData": [{**THEIRS, "attributeType": "Target"}]},
            {"getVariableResult": [{"attributeStatus": "UnknownComponent", **THEIRS, "attributeType": "Target"}]},
        ),
        (
            "SetVariables",
            {"setVariableData": [{**THEIRS, "attributeValue": "secret"}]},
            {"setVariableResult": [{"attributeStatus": "UnknownComponent", **THEIRS}]},
        ),
    ],
)
def test_a_station_without_a_handler_has_no_such_settings(
    action: str, theirs: dict[str, object], answer: dict[str, object]
) -> None:
    assert unknown(action, theirs) == answer


@given(action=st.sampled_from(sorted(ACTIONS)), payload=JSON, version=st.sampled_from([V16, V201]))
def test_what_is_not_by_its_schema_is_not_divided(action: str, payload: object, version: OcppVersion) -> None:
    divided = divide(version, action, payload, SETTINGS)
    assert divided is None or isinstance(payload, dict)
