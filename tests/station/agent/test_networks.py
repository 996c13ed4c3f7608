"""What a network profile must be before it is kept, and what must be there before it is tried."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_configuration import SetFacts, connection_data
from chainpilot.station.agent.settings.networks import (
    MAX_MESSAGE_TIMEOUT,
    MAX_URL,
    check_url,
    demand_prerequisites,
    read_network,
    with_scheme,
)
from chainpilot.station.agent.settings.refusals import ReasonCode, SettingRefused
from chainpilot.wire.ocpp201 import (
    Apn,
    ApnAuthentication,
    NetworkInterface,
    ProfileVersion,
    Transport,
    Vpn,
    VpnType,
)
from chainpilot.wire.version import OcppVersion

_VPN = Vpn(server="vpn.example", user="me", password="vpn-secret", key="vpn-key", type=VpnType.IPSEC)
_APN = Apn(apn="iot.example", apn_authentication=ApnAuthentication.NONE)


@pytest.mark.parametrize(
    ("url", "profile"),
    [
        ("ws://csms.example", 0),
        ("ws://csms.example:8080/ocpp", 1),
        ("wss://csms.example/ocpp/1.6", 2),
        ("wss://[2001:db8::1]:8443/ocpp", 3),
        ("WSS://CSMS.example", 2),
    ],
)
def test_a_websocket_url_that_fits_its_profile_can_be_dialled(url: str, profile: int) -> None:
    check_url(url, profile)


@pytest.mark.parametrize(
    ("url", "profile"),
    [
        ("", 1),
        ("csms.example", 1),
        ("ws://csms.example", 2),
        ("ws://csms.example", 3),
        ("wss://csms.example", 0),
        ("wss://csms.example", 1),
        ("https://csms.example", 2),
        ("wss://", 2),
        ("wss:///ocpp", 2),
        ("wss:csms.example", 2),
        ("wss://:443/ocpp", 2),
        ("wss://me:hunter2@csms.example", 2),
        ("wss://@csms.example", 2),
        ("wss://csms.example:0", 2),
        ("wss://csms.example:65536", 2),
        ("wss://csms.example:http", 2),
        ("wss://[::1", 2),
        ("wss://csms.example/ocpp?token=1", 2),
        ("wss://csms.example/ocpp?", 2),
        ("wss://csms.example/ocpp#", 2),
        ("wss://csms.example/o cpp", 2),
        ("wss://csms.example\\ocpp", 2),
        ("wss://csms.example\n", 2),
        ("wss://csmsé.example", 2),
    ],
)
def test_other_urls_are_refused_with_a_reason(url: str, profile: int) -> None:
    with pytest.raises(SettingRefused) as caught:
        check_url(url, profile)
    assert caught.value.code is ReasonCode.INVALID_URL
    assert "hunter2" not in str(caught.value)


def test_a_url_has_at_most_512_characters() -> None:
    longest = "wss://csms.example/".ljust(MAX_URL, "a")
    check_url(longest, 2)
    with pytest.raises(SettingRefused):
        check_url(longest + "a", 2)


@given(url=st.text(), profile=st.integers(0, 3))
def test_any_text_is_a_url_or_is_refused(url: str, profile: int) -> None:
    try:
        check_url(url, profile)
    except SettingRefused:
        return
    assert url.lower().startswith("wss://" if profile >= 2 else "ws://")


def test_only_the_scheme_changes_with_the_profile() -> None:
    assert with_scheme("ws://csms.example:80/ocpp", 2) == "wss://csms.example:80/ocpp"
    assert with_scheme("wss://csms.example", 1) == "ws://csms.example"


def test_ocpp_1_6_and_2_0_1_over_json_are_spoken() -> None:
    assert read_network(connection_data(2)).version is OcppVersion.V201
    assert read_network(connection_data(2, ocpp_version=ProfileVersion.OCPP16)).version is OcppVersion.V16
    for interface in NetworkInterface:
        read_network(connection_data(2, ocpp_interface=interface))


@pytest.mark.parametrize(
    "change",
    [
        {"ocpp_version": ProfileVersion.OCPP12},
        {"ocpp_version": ProfileVersion.OCPP15},
        {"ocpp_transport": Transport.SOAP},
        {"vpn": _VPN},
        {"apn": _APN},
        {"security_profile": 4},
        {"security_profile": -1},
        {"message_timeout": 0},
        {"message_timeout": -30},
        {"message_timeout": MAX_MESSAGE_TIMEOUT + 1},
    ],
)
def test_a_profile_that_the_agent_can_not_use_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(SettingRefused) as caught:
        read_network(connection_data(2, **change))
    assert caught.value.code is ReasonCode.INVALID_NETWORK_CONF
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("seconds", [1, MAX_MESSAGE_TIMEOUT])
def test_an_answer_may_take_a_second_to_ten_minutes(seconds: int) -> None:
    assert read_network(connection_data(2, message_timeout=seconds)).message_timeout == seconds


@pytest.mark.parametrize(
    ("profile", "facts", "has_password", "needs"),
    [
        (0, SetFacts(root=False, client_certificate=False), False, None),
        (1, SetFacts(root=False, client_certificate=False), True, None),
        (1, SetFacts(), False, "password"),
        (2, SetFacts(client_certificate=False), True, None),
        (2, SetFacts(), False, "password"),
        (2, SetFacts(root=False), True, "root"),
        (3, SetFacts(), False, None),
        (3, SetFacts(root=False), True, "root"),
        (3, SetFacts(client_certificate=False), True, "client certificate"),
    ],
)
def test_each_profile_has_its_prerequisites(
    profile: int, facts: SetFacts, has_password: bool, needs: str | None
) -> None:
    if needs is None:
        demand_prerequisites(profile, facts, has_password=has_password)
        return
    with pytest.raises(SettingRefused, match=needs) as caught:
        demand_prerequisites(profile, facts, has_password=has_password)
    assert caught.value.code is ReasonCode.MISSING_PARAM
