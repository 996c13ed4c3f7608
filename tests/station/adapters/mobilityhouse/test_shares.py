"""Whose a call of the CSMS is: every action of both versions, with and without a handler of the station's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.station.adapters.mobilityhouse.shares import ACTIONS, SETTINGS, Claim, Shares, SharesError, claim
from chainpilot.station.agent.settings.keys import TABLE
from chainpilot.wire.version import OcppVersion
from payloads import JSON

V16, V201 = OcppVersion.V16, OcppVersion.V201
NOTHING, ALL, PART = Claim.NOTHING, Claim.ALL, Claim.SETTINGS
WHOLE = ["CertificateSigned", "DeleteCertificate", "GetInstalledCertificateIds", "InstallCertificate"]


def of(version: OcppVersion, action: str, payload: object, *, handled: bool, shares: Shares | None = None) -> Claim:
    return claim(version, action, payload, shares or Shares(), is_handled=handled)


@pytest.mark.parametrize(
    ("version", "action"),
    [
        *((version, action) for version in (V16, V201) for action in WHOLE),
        (V16, "SignedUpdateFirmware"),
        (V201, "UpdateFirmware"),
    ],
)
def test_what_is_of_one_piece_is_the_station_s_where_it_has_a_handler(version: OcppVersion, action: str) -> None:
    assert of(version, action, {}, handled=False) is ALL
    assert of(version, action, {}, handled=True) is NOTHING
    assert of(version, action, {}, handled=True, shares=Shares(over_own=frozenset({action}))) is ALL
    assert of(version, action, {}, handled=False, shares=Shares(actions=frozenset())) is NOTHING


@pytest.mark.parametrize("handled", [True, False])
@pytest.mark.parametrize(
    ("version", "action"),
    [
        (V16, "UpdateFirmware"),
        (V16, "TriggerMessage"),
        (V16, "Reset"),
        (V16, "RemoteStartTransaction"),
        (V16, "GetVariables"),
        (V201, "Reset"),
        (V201, "SetNetworkProfile"),
        (V201, "ExtendedTriggerMessage"),
        (V201, "SignedUpdateFirmware"),
        (V201, "GetConfiguration"),
        (OcppVersion.V21, "InstallCertificate"),
    ],
)
def test_what_the_agent_does_not_answer_by_itself_is_never_claimed(
    version: OcppVersion, action: str, handled: bool
) -> None:
    assert of(version, action, {"requestedMessage": "StatusNotification"}, handled=handled) is NOTHING


@pytest.mark.parametrize("action", ["Reset", "SetNetworkProfile"])
def test_resets_and_networks_are_the_agent_s_where_the_station_says_so(action: str) -> None:
    assert of(V201, action, {}, handled=False, shares=Shares(actions=ACTIONS | {action})) is ALL


@pytest.mark.parametrize(
    ("version", "wanted", "handled", "whose"),
    [
        (V16, "SignChargePointCertificate", True, ALL),
        (V16, "SignChargePointCertificate", False, ALL),
        (V16, "LogStatusNotification", True, NOTHING),
        (V16, "LogStatusNotification", False, ALL),
        (V16, "BootNotification", True, NOTHING),
        (V16, "BootNotification", False, NOTHING),
        (V16, "Heartbeat", False, NOTHING),
        (V16, "MeterValues", True, NOTHING),
        (V16, "of the maker's own", True, NOTHING),
        (V201, "SignV2GCertificate", True, ALL),
        (V201, "SignChargingStationCertificate", True, ALL),
        (V201, "SignCombinedCertificate", True, NOTHING),
        (V201, "SignCombinedCertificate", False, ALL),
        (V201, "TransactionEvent", False, NOTHING),
    ],
)
def test_signing_triggers_are_the_agent_s_and_the_others_the_station_s(
    version: OcppVersion, wanted: str, handled: bool, whose: Claim
) -> None:
    action = "ExtendedTriggerMessage" if version is V16 else "TriggerMessage"
    assert of(version, action, {"requestedMessage": wanted}, handled=handled) is whose


@pytest.mark.parametrize(
    ("version", "vendor", "handled", "whose"),
    [
        (V16, "iso15118", True, ALL),
        (V16, "ISO15118", True, ALL),
        (V16, "org.openchargealliance.iso15118pnc", True, ALL),
        (V16, "org.maker", True, NOTHING),
        (V16, "org.maker", False, ALL),
        (V16, 7, True, NOTHING),
        (V201, "iso15118", True, NOTHING),
    ],
)
def test_data_transfer_is_the_agent_s_by_its_vendor(
    version: OcppVersion, vendor: object, handled: bool, whose: Claim
) -> None:
    assert of(version, "DataTransfer", {"vendorId": vendor}, handled=handled) is whose


@pytest.mark.parametrize("version", [V16, V201])
def test_the_security_log_is_the_agent_s_and_another_one_where_nobody_else_has_it(version: OcppVersion) -> None:
    assert of(version, "GetLog", {"logType": "SecurityLog"}, handled=True) is ALL
    assert of(version, "GetLog", {"logType": "DiagnosticsLog"}, handled=True) is NOTHING
    assert of(version, "GetLog", {"logType": "DiagnosticsLog"}, handled=False) is ALL


@pytest.mark.parametrize(
    ("key", "handled", "whose"),
    [
        ("CpoName", True, PART),
        ("cponame", True, PART),
        ("AuthorizationKey", True, NOTHING),
        ("AuthorizationKey", False, PART),
        ("HeartbeatInterval", True, NOTHING),
        ("Brand", True, NOTHING),
    ],
)
def test_keys_are_the_agent_s_by_their_names(key: str, handled: bool, whose: Claim) -> None:
    assert of(V16, "ChangeConfiguration", {"key": key, "value": "x"}, handled=handled) is whose


def test_more_settings_are_the_agent_s_where_the_station_says_so() -> None:
    shares = Shares(settings=SETTINGS | {"password"})
    change = {"key": "AuthorizationKey", "value": "x"}
    assert of(V16, "ChangeConfiguration", change, handled=True, shares=shares) is PART


def test_what_is_not_by_its_schema_is_left_to_the_station_s_handler() -> None:
    assert of(V16, "GetConfiguration", {"key": "CpoName"}, handled=True) is NOTHING
    assert of(V16, "GetConfiguration", {"key": "CpoName"}, handled=False) is PART


def test_only_settings_and_actions_that_there_are_can_be_shared() -> None:
    with pytest.raises(SharesError, match="RemoteStartTransaction"):
        Shares(actions=ACTIONS | {"RemoteStartTransaction"})
    with pytest.raises(SharesError, match="ClearCache"):
        Shares(over_own=frozenset({"ClearCache"}))
    with pytest.raises(SharesError, match="colour"):
        Shares(settings=frozenset({"colour"}))


def test_nothing_of_the_connection_s_is_shared_by_default() -> None:
    left = {setting.name for setting in TABLE} - SETTINGS
    assert left == {
        "active_network",
        "feature_profiles",
        "file_transfer_protocols",
        "heartbeat_interval",
        "identity",
        "message_timeout",
        "network_profile_connection_attempts",
        "password",
        "priority",
        "security_profile",
        "web_socket_ping_interval",
    }


@given(
    version=st.sampled_from(list(OcppVersion)),
    action=st.sampled_from([*sorted(ACTIONS), "Reset", "SetNetworkProfile", "ClearCache"]),
    payload=JSON,
    handled=st.booleans(),
)
def test_whatever_comes_is_somebody_s(version: OcppVersion, action: str, payload: object, handled: bool) -> None:
    assert of(version, action, payload, handled=handled) in Claim
