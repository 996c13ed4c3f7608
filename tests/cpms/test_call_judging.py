"""What can't be wanted of a station is refused with a sentence before anything is written."""

import base64
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chainpilot.cpms.calls.judging import judge
from chainpilot.cpms.model import Enrolment, EnrolmentId, EnrolmentState, SecurityProfile, Slot, StationRecord
from chainpilot.cpms.model.demands import (
    ChangeConfiguration,
    ChangePassword,
    DeleteCertificate,
    Demand,
    GetConfiguration,
    GetInstalledCertificateIds,
    GetLog,
    GetVariables,
    InstallCertificate,
    Reset,
    SendCertificate,
    SetNetworkProfile,
    SetVariables,
    SignedUpdateFirmware,
    TriggerMessage,
    VariableName,
    VariableValue,
)
from chainpilot.pki.encoding import TextEncoding
from chainpilot.pki.hashdata import hash_data
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import SpkiHash
from chainpilot.pki.trust import LeafUse
from chainpilot.wire import ocpp201
from chainpilot.wire.pnc.words import CertificateUse, MessageTrigger
from chainpilot.wire.security import LogType
from forge import NOON, forge
from sims import csms_ladder

__all__: list[str] = []

LADDER = csms_ladder()
ROOT, SUB = LADDER.root.certificate, LADDER.issuing.certificate
ROOT_PEM, SUB_PEM = ROOT.to_pem(), SUB.to_pem()
CSMS_ROOT = CertificateUse.CSMS_ROOT_CERTIFICATE
STATION = StationRecord(StationId("CS-0001"), "hash", SecurityProfile.TLS_BASIC)
SIGNATURE = base64.b64encode(b"signature").decode()


def connection(profile: int, url: str = "wss://csms.example.org/ocpp") -> ocpp201.ConnectionData:
    """A way to a CSMS."""
    return ocpp201.ConnectionData(
        ocpp201.ProfileVersion.OCPP20,
        ocpp201.Transport.JSON,
        url,
        30,
        profile,
        ocpp201.NetworkInterface.WIRED0,
    )


def variable(name: str, value: str) -> VariableValue:
    """A setting of the security controller."""
    return VariableValue(VariableName("SecurityCtrlr", name), value)


FIRMWARE = SignedUpdateFirmware("https://fw.example.org/1", NOON, ROOT_PEM, SIGNATURE)
LOG = GetLog(LogType.SECURITY_LOG, "https://logs.example.org/")

REFUSED: list[tuple[Demand, str]] = [
    (InstallCertificate(CertificateUse.V2G_CERTIFICATE_CHAIN, ROOT_PEM), "installs roots"),
    (InstallCertificate(CSMS_ROOT, "nonsense"), "can't be read"),
    (InstallCertificate(CSMS_ROOT, ROOT_PEM + SUB_PEM), "there are 2"),
    (InstallCertificate(CSMS_ROOT, SUB_PEM), "can't be a root"),
    (DeleteCertificate(), "either by itself or by its hash data"),
    (DeleteCertificate(ROOT_PEM, hash_data(ROOT, ROOT)), "either by itself or by its hash data"),
    (DeleteCertificate(certificate=SUB_PEM), "name it by its hash data"),
    (DeleteCertificate(certificate="nonsense"), "can't be read"),
    (SendCertificate(EnrolmentId("0" * 32)), "no such enrolment"),
    (ChangeConfiguration("AuthorizationKey", "00" * 20), "use ChangePassword"),
    (ChangeConfiguration("authorizationKEY", "00" * 20), "use ChangePassword"),
    (ChangeConfiguration("SecurityProfile", "1"), "never lowered"),
    (ChangeConfiguration("securityprofile", "4"), "0, 1, 2 or 3"),
    (ChangeConfiguration("K" * 51, "v"), "longer than 50"),
    (ChangeConfiguration("Key", "v" * 501), "longer than 500"),
    (GetConfiguration(("K" * 51,)), "longer than 50"),
    (SetVariables(()), "too few"),
    (SetVariables((variable("SecurityProfile", "3"), variable("BasicAuthPassword", "x" * 20))), "use ChangePassword"),
    (SetVariables((variable("securityProfile", "0"),)), "never lowered"),
    (SetVariables((variable("OrganizationName", "v" * 1001),)), "longer than 1000"),
    (GetVariables(()), "too few"),
    (SetNetworkProfile(1, connection(1)), "never lowered"),
    (SetNetworkProfile(1, connection(7)), "0, 1, 2 or 3"),
    (SetNetworkProfile(1, connection(3, "wss://" + "h" * 510)), "longer than 512"),
    (GetLog(LogType.SECURITY_LOG, "https://" + "x" * 513), "longer than 512"),
    (GetLog(LogType.SECURITY_LOG, "ftp://h", NOON, NOON - timedelta(days=1)), "before its beginning"),
    (GetLog(LogType.SECURITY_LOG, "not a url"), "no URL"),
    (GetLog(LogType.SECURITY_LOG, ""), "no URL"),
    (GetLog(LogType.SECURITY_LOG, "https://h/", retries=-1), "not negative"),
    (ChangeConfiguration("", ""), "no name"),
    (SignedUpdateFirmware("https://h", NOON, "nonsense", SIGNATURE), "signing certificate: .* can't be read"),
    (SignedUpdateFirmware("https://h", NOON, ROOT_PEM, "*"), "not base64"),
    (SignedUpdateFirmware("https://h", NOON.replace(tzinfo=None), ROOT_PEM, SIGNATURE), "offset"),
    (SignedUpdateFirmware("https://" + "h" * 513, NOON, ROOT_PEM, SIGNATURE), "longer than 512"),
]
TAKEN: list[Demand] = [
    TriggerMessage(MessageTrigger.SIGN_V2G_CERTIFICATE),
    InstallCertificate(CSMS_ROOT, ROOT_PEM),
    DeleteCertificate(certificate=ROOT_PEM),
    DeleteCertificate(certificate_hash_data=hash_data(SUB, ROOT)),
    GetInstalledCertificateIds(),
    ChangePassword(),
    ChangeConfiguration("SecurityProfile", "3"),
    ChangeConfiguration("K" * 50, "v" * 500),
    GetConfiguration(),
    SetVariables((variable("OrganizationName", "v" * 1000),)),
    GetVariables((VariableName("SecurityCtrlr", "SecurityProfile"),)),
    SetNetworkProfile(1, connection(3)),
    Reset(),
    LOG,
    FIRMWARE,
]


@pytest.mark.parametrize(("demand", "why"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_it_is_refused_with_the_reason(demand: Demand, why: str) -> None:
    said = judge(demand, STATION, None, NOON)
    assert said is not None
    with pytest.raises(ValueError, match=why):
        raise ValueError(said)


@pytest.mark.parametrize("demand", TAKEN, ids=lambda demand: type(demand).__name__)
def test_it_is_taken(demand: Demand) -> None:
    assert judge(demand, STATION, None, NOON) is None


@pytest.mark.parametrize(
    ("at", "why"),
    [(ROOT.not_after + timedelta(days=1), "has expired"), (ROOT.not_before - timedelta(days=1), "valid from")],
    ids=["later", "earlier"],
)
@pytest.mark.parametrize("demand", [InstallCertificate(CSMS_ROOT, ROOT_PEM), FIRMWARE], ids=["root", "firmware"])
def test_a_certificate_that_is_not_in_force_is_refused(demand: Demand, at: datetime, why: str) -> None:
    said = judge(demand, STATION, None, at)
    assert said is not None
    assert why in said


def test_a_test_pki_s_root_is_installed_only_where_that_is_allowed() -> None:
    pem = forge("TEST V2G Root", ca=True, test=True).certificate.to_pem()
    demand = InstallCertificate(CertificateUse.V2G_ROOT_CERTIFICATE, pem)
    said = judge(demand, STATION, None, NOON)
    assert said is not None
    assert "allow_test_pki" in said
    assert judge(demand, STATION, None, NOON, allow_test_pki=True) is None


def test_a_station_with_a_colon_in_its_id_gets_no_password() -> None:
    said = judge(ChangePassword(), replace(STATION, station_id=StationId("CS:1")), None, NOON)
    assert said is not None
    assert "colon" in said


def test_an_enrolment_without_a_certificate_and_one_of_another_station_are_refused() -> None:
    enrolment = Enrolment(
        EnrolmentId("1" * 32),
        Slot(STATION.station_id, LeafUse.V2G, "DE*ICE*E0001"),
        SpkiHash("aa"),
        b"csr",
        TextEncoding.PEM,
        "v2g",
        EnrolmentState.PENDING,
        NOON,
        NOON,
    )
    demand = SendCertificate(enrolment.enrolment_id)
    said = judge(demand, STATION, enrolment, NOON)
    assert said is not None
    assert "Pending" in said
    issued = replace(enrolment, chain="chain", state=EnrolmentState.ISSUED)
    assert judge(demand, STATION, issued, NOON) is None
    said = judge(demand, replace(STATION, station_id=StationId("CS-0002")), issued, NOON)
    assert said == "the station has no such enrolment"
