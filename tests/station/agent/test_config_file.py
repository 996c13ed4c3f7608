"""The `[agent]` table of a station's file: every setting of it, and a sentence for every mistake."""

import tomllib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.errors import OwnError
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.config_file import SETTINGS, AgentTable, read_agent_table
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.agent.setup import StationConfig, StationConfigError, address, initial_settings
from chainpilot.station.config_file import StoreFile, read_store_file
from chainpilot.station.layout import StoreConfig, StoreConfigError
from chainpilot.station.model import Secret
from chainpilot.wire.version import OcppVersion

LEAST: dict[str, Any] = {
    "station_id": "CS-001",
    "csms_url": "wss://csms.example/ocpp",
    "organisation": "Chargers Ltd",
    "country": "DE",
    "secc_id": "DE*CHP*E1234*1",
    "state_dir": "agent",
}
STORE = StoreConfig(Path("/var/lib/chainpilot/certs"), max_certificates=50)
FOLDER = Path("/etc/chainpilot")


def config(**changes: Any) -> StationConfig:
    table = read_agent_table(StoreFile(agent={**LEAST, **changes}))
    return table.config(STORE, FOLDER, Secret("p" * 20))


def test_the_least_file_makes_a_station_of_profile_2_that_offers_both_versions() -> None:
    made = config()
    assert made.security_profile == 2
    assert made.versions == (OcppVersion.V201, OcppVersion.V16)
    assert made.state_dir == FOLDER / "agent"
    assert made.enrols == ()
    assert made.settings == Settings()
    held = initial_settings(made)
    assert (held.organisation, held.country, held.secc_id) == ("Chargers Ltd", "DE", "DE*CHP*E1234*1")
    assert held.security_profile == 2
    assert held.certificate_store_max_length == 50


EVERYTHING = """
certs_dir = "certs"

[agent]
station_id = "CS-001"
csms_url = "ws://csms.example/ocpp"
organisation = "Chargers Ltd"
country = "DE"
secc_id = "DE*CHP*E1234*1"
state_dir = "/var/lib/agent"
password_file = "password"
enrols = ["V2G", "CSMS"]
security_profile = 1
allow_insecure = true
profile_urls = { 2 = "wss://csms.example/two", 3 = "wss://csms.example/three" }
versions = ["ocpp1.6"]
use_ssl_default_verify_paths = true
assume_time_ok = true
vendor = "Maker"
model = "M1"
serial_number = "7"
firmware_version = "1.2"
install_command = ["/usr/bin/install-firmware", "-f"]
reset_command = ["/sbin/reboot-station"]

[agent.settings]
pnc_enabled = false
contract_validation_offline = true
central_contract_validation_allowed = true
v2g_certificate_installation_enabled = false
contract_certificate_installation_enabled = false
cert_signing_wait_minimum = 0
cert_signing_repeat_times = 7
certificate_signed_max_chain_size = 9000
network_profile_connection_attempts = 4
heartbeat_interval = 60
web_socket_ping_interval = 0
"""


def test_every_setting_can_be_made_in_the_file() -> None:
    table = read_agent_table(read_store_file(EVERYTHING))
    document = tomllib.loads(EVERYTHING)["agent"]
    assert set(document) == set(AgentTable.__struct_fields__)
    assert set(document["settings"]) == set(SETTINGS)
    made = table.config(STORE, FOLDER, Secret("p"))
    assert made.enrols == (LeafUse.V2G, LeafUse.CSMS)
    assert made.urls == {
        1: "ws://csms.example/ocpp",
        2: "wss://csms.example/two",
        3: "wss://csms.example/three",
    }
    assert made.settings == replace(Settings(), **document["settings"])
    assert table.install_command == ("/usr/bin/install-firmware", "-f")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stationid": "x"}, "the nearest is station_id"),
        ({"station_id": 7}, "agent.station_id: is a text, in quotation marks"),
        ({"station_id": "a/b"}, "station_id"),
        ({"enrols": "V2G"}, "agent.enrols: is a list of texts"),
        ({"enrols": [7]}, "agent.enrols[0]: is a text"),
        ({"allow_insecure": "no"}, "agent.allow_insecure: is true or false"),
        ({"profile_urls": "wss://x"}, "agent.profile_urls: is a table"),
        ({"organisation": " "}, "agent.organisation: is empty"),
        ({"allow_test_pki": True}, "agent.allow_test_pki: is a setting of the store: write it above the line [agent]"),
        ({"settings": {"certs_dir": "x"}}, "agent.settings.certs_dir: is a setting of the store"),
        ({"csms_url": "ws://csms.example"}, "agent.csms_url: the CSMS's URL: security profile 2 goes with wss://"),
        ({"profile_urls": {"3": "ws://x"}}, "agent.profile_urls.3: the CSMS's URL"),
        ({"csms_url": "https://csms.example"}, "agent.csms_url: not a ws:// or wss:// URL"),
        ({"csms_url": "wss://me:hunter2@csms.example"}, "without a login"),
        ({"csms_url": "wss://[csms"}, "csms_url"),
        ({"security_profile": 4}, "security_profile: 4 is not"),
        ({"security_profile": 1}, "allow_insecure = true"),
        ({"security_profile": "2"}, "agent.security_profile: is a whole number"),
        ({"profile_urls": {"4": "wss://x"}}, "agent.profile_urls.4"),
        ({"profile_urls": {"3": "http://x"}}, "profile_urls.3"),
        ({"versions": []}, "versions: at least one"),
        ({"versions": ["ocpp1.5"]}, "none of ocpp2.0.1, ocpp1.6"),
        ({"enrols": ["MO"]}, "none of"),
        ({"state_dir": "/var/lib/chainpilot/certs/agent"}, "must lie apart"),
        ({"state_dir": "/var/lib/chainpilot"}, "must lie apart"),
        ({"settings": {"pnc": True}}, "the nearest is pnc_enabled"),
        ({"settings": {"pnc_enabled": 1}}, "is true or false"),
        ({"settings": {"cert_signing_wait_minimum": -1}}, "isn't negative"),
        ({"settings": {"cert_signing_wait_minimum": True}}, "whole number"),
        ({"settings": {"password": "hunter2"}}, "there is no such setting"),
    ],
)
def test_a_mistake_is_told_by_its_name_and_never_with_a_secret(changes: dict[str, Any], words: str) -> None:
    with pytest.raises((StoreConfigError, StationConfigError)) as raised:
        config(**changes)
    assert words in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("name", LEAST)
def test_what_is_needed_is_missed_by_name(name: str) -> None:
    given_values = {key: value for key, value in LEAST.items() if key != name}
    with pytest.raises(StationConfigError, match=f'agent.{name}: is needed, as in {name} = "'):
        read_agent_table(StoreFile(agent=given_values))


def test_a_file_without_the_table_is_told_so() -> None:
    with pytest.raises(StationConfigError, match="no such table"):
        read_agent_table(read_store_file('certs_dir = "certs"'))


def test_the_url_of_the_profile_that_it_begins_with_may_stand_among_the_others() -> None:
    held = initial_settings(config(profile_urls={"2": "wss://two.example", "3": "wss://three.example"}))
    assert [one.url for one in held.networks.values()] == ["wss://two.example"]


def test_the_password_is_in_no_repr() -> None:
    assert "pppp" not in repr(config())


@given(st.dictionaries(st.sampled_from(AgentTable.__struct_fields__), st.one_of(st.integers(), st.text(), st.none())))
def test_whatever_stands_there_is_a_station_or_a_sentence(changes: dict[str, Any]) -> None:
    with suppress(OwnError):
        config(**changes)


@pytest.mark.parametrize(
    ("url", "dialled"),
    [
        ("wss://csms.example/ocpp", "wss://csms.example/ocpp/CS-001"),
        ("wss://csms.example/ocpp/", "wss://csms.example/ocpp/CS-001"),
        ("wss://csms.example/ocpp/CS-001", "wss://csms.example/ocpp/CS-001"),
        ("wss://csms.example", "wss://csms.example/CS-001"),
        ("wss://csms.example:8443/a?b=c", "wss://csms.example:8443/a/CS-001?b=c"),
    ],
)
def test_the_stations_id_is_the_last_part_of_the_url(url: str, dialled: str) -> None:
    assert address(url, "CS-001") == dialled


def test_an_id_with_odd_characters_is_written_as_a_url_can() -> None:
    assert address("wss://csms.example/ocpp", "CS 1*2") == "wss://csms.example/ocpp/CS%201%2A2"
