"""Security events: their words in each version, and which are critical."""

import pytest

from chainpilot.station.agent.events.types import (
    OtherEventType,
    SecurityEventType,
    is_critical,
    is_sendable,
    read_event_type,
    word_of,
)
from chainpilot.wire.version import OcppVersion

__all__: list[str] = []

BOTH = {
    "FirmwareUpdated",
    "SettingSystemTime",
    "StartupOfTheDevice",
    "ResetOrReboot",
    "SecurityLogWasCleared",
    "MemoryExhaustion",
    "TamperDetectionActivated",
}
NEITHER_16 = {
    "FailedToAuthenticateAtCentralSystem",
    "CentralSystemFailedToAuthenticate",
    "ReconfigurationOfSecurityParameters",
    "InvalidMessages",
    "AttemptedReplayAttacks",
}
ONLY_201 = {
    "InvalidFirmwareSignature",
    "InvalidFirmwareSigningCertificate",
    "InvalidCentralSystemCertificate",
    "InvalidChargePointCertificate",
    "InvalidTLSVersion",
    "InvalidTLSCipherSuite",
    "MaintenanceLoginAccepted",
    "MaintenanceLoginFailed",
}


def test_the_table_of_critical_events_is_that_of_the_whitepaper_and_of_2_0_1() -> None:
    words = {kind: word_of(kind, OcppVersion.V16) for kind in SecurityEventType}
    assert set(words.values()) == BOTH | NEITHER_16 | ONLY_201
    assert {words[kind] for kind in SecurityEventType if is_critical(kind, OcppVersion.V16)} == BOTH
    assert {words[kind] for kind in SecurityEventType if is_critical(kind, OcppVersion.V201)} == BOTH | ONLY_201


@pytest.mark.parametrize("kind", SecurityEventType)
def test_before_the_version_is_known_an_event_is_critical_that_is_so_in_either(kind: SecurityEventType) -> None:
    versions = (OcppVersion.V16, OcppVersion.V201)
    assert is_critical(kind) is any(is_critical(kind, version) for version in versions)


def test_only_1_6_has_words_of_its_own() -> None:
    differing = {
        word_of(kind, OcppVersion.V16)
        for kind in SecurityEventType
        if word_of(kind, OcppVersion.V16) != word_of(kind, OcppVersion.V201)
    }
    assert differing == {
        "FailedToAuthenticateAtCentralSystem",
        "CentralSystemFailedToAuthenticate",
        "InvalidCentralSystemCertificate",
        "InvalidChargePointCertificate",
    }
    assert all(word_of(kind, version) == kind.value for kind in SecurityEventType for version in _since_2())


@pytest.mark.parametrize("version", OcppVersion)
def test_every_word_fits_into_the_message(version: OcppVersion) -> None:
    assert all(len(word_of(kind, version)) <= 50 for kind in SecurityEventType)


@pytest.mark.parametrize("kind", SecurityEventType)
def test_each_type_is_read_from_its_word_and_can_be_sent(kind: SecurityEventType) -> None:
    assert read_event_type(kind.value) is kind
    assert is_sendable(kind)


@pytest.mark.parametrize("version", OcppVersion)
def test_a_word_that_is_in_no_list_is_told_as_it_stands(version: OcppVersion) -> None:
    assert word_of(read_event_type("CoverOpened"), version) == "CoverOpened"
    assert not is_critical(read_event_type("CoverOpened"))


@pytest.mark.parametrize(
    ("word", "sendable"), [("x" * 49, True), ("x" * 50, True), ("x" * 51, False), ("", False), ("a\nb", False)]
)
def test_a_word_is_sent_only_as_long_as_the_message_takes_it(word: str, sendable: bool) -> None:
    assert is_sendable(OtherEventType(word)) is sendable


def _since_2() -> tuple[OcppVersion, ...]:
    return OcppVersion.V201, OcppVersion.V21
