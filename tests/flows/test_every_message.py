"""Every message in every dialect, both ways: the CPMS with its database, a real WebSocket, the station with its store.

A row is (message, dialect); what a dialect has no words for is not a row. OCPP 2.1 is known to the codec alone so far.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from chainpilot.cpms.model import CallId, CallState, EnrolmentState, Step
from chainpilot.cpms.model.demands import (
    DeleteCertificate,
    Demand,
    GetInstalledCertificateIds,
    InstallCertificate,
    TriggerMessage,
)
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, hash_data
from chainpilot.pki.trust import LeafUse
from chainpilot.station.model import CertificateType, GetCertificateInfoStatus, LeafCertificateType
from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import (
    AuthorizeRequest,
    AuthorizeResponse,
    Get15118EVCertificateRequest,
    Get15118EVCertificateResponse,
    GetCertificateStatusRequest,
    GetCertificateStatusResponse,
    IdToken,
    OcspRequestData,
)
from chainpilot.wire.pnc.tables import DIALECTS
from chainpilot.wire.pnc.words import (
    CertificateUse,
    GetCertificateStatusStatus,
    Iso15118EvCertificateStatus,
    MessageTrigger,
)
from flows.stage import STATION, Cast, Stage, open_stage
from flows.station import DialectStation
from sims import csms_ladder

__all__: list[str] = []

pytestmark = pytest.mark.anyio

SPOKEN: Final = (Dialect.H, Dialect.O, Dialect.S, Dialect.V201)
QUESTION: Final = OcspRequestData(CertificateHashData(HashAlgorithm.SHA256, "aa", "bb", "1"), "http://ocsp.example.org")
OTHER_ROOT: Final = csms_ladder().root.certificate
"""A root that the station does not have."""


async def called(stage: Stage, demand: Demand) -> CallState:
    """What became of it, as the database has it."""
    ordered = await stage.cpms.calls.order(STATION, demand)
    await stage.recorder.until(Step.CALL_ENDED)
    call = await stage.cpms.ledger.call(CallId(ordered.call_id))
    assert call is not None
    assert call.exchanges[-1].answer is not None
    return call.state


async def installed(stage: Stage) -> EnrolmentState:
    """The state of the one enrolment, as the database has it."""
    await stage.recorder.until(Step.INSTALL_RECORDED)
    (enrolment,) = await stage.cpms.ledger.enrolments_of(STATION)
    return enrolment.state


def listed(stage: Stage) -> list[CertificateHashData]:
    """The CSMS roots in the station's store."""
    kinds = [CertificateType.CSMS_ROOT_CERTIFICATE]
    return [
        one.certificate_hash_data
        for one in stage.station.security.get_installed_certificates(kinds).certificate_hash_data_chain
    ]


def own_root(stage: Stage) -> Certificate:
    """The CSMS root of the test PKI, which the station has."""
    return load_certificates((stage.pki.directory / "csms_root.pem").read_text(encoding="ascii"))[0]


async def sign_client(stage: Stage, station: DialectStation) -> None:
    """SignCertificate and CertificateSigned of the client certificate."""
    await station.enrol(LeafUse.CSMS)
    assert await installed(stage) is EnrolmentState.INSTALLED
    info = station.security.get_leaf_certificate_info(LeafCertificateType.CSMS)
    assert info.status is GetCertificateInfoStatus.ACCEPTED


async def sign_secc(stage: Stage, station: DialectStation) -> None:
    """The same of the SECC leaf, read back by GetInstalledCertificateIds."""
    await station.enrol(LeafUse.V2G)
    assert await installed(stage) is EnrolmentState.INSTALLED
    info = station.security.get_leaf_certificate_info(LeafCertificateType.V2G)
    assert info.status is GetCertificateInfoStatus.ACCEPTED


async def trigger(stage: Stage, station: DialectStation) -> None:
    """The station makes a request of its own then."""
    demand = TriggerMessage(MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE)
    assert await called(stage, demand) is CallState.DONE
    assert await installed(stage) is EnrolmentState.INSTALLED


async def install(stage: Stage, station: DialectStation) -> None:
    """The root is in the store."""
    demand = InstallCertificate(CertificateUse.CSMS_ROOT_CERTIFICATE, OTHER_ROOT.to_pem())
    assert await called(stage, demand) is CallState.DONE
    assert hash_data(OTHER_ROOT, OTHER_ROOT) in listed(stage)


async def delete(stage: Stage, station: DialectStation) -> None:
    """The root is not in the store any more."""
    root = own_root(stage)
    assert hash_data(root, root) in listed(stage)
    demand = DeleteCertificate(certificate=root.to_pem(), certificate_type=CertificateUse.CSMS_ROOT_CERTIFICATE)
    assert await called(stage, demand) is CallState.DONE
    assert listed(stage) == []


async def get_ids(stage: Stage, station: DialectStation) -> None:
    """The database has what the store has."""
    assert await called(stage, GetInstalledCertificateIds((CertificateUse.CSMS_ROOT_CERTIFICATE,))) is CallState.DONE
    (call,) = await stage.cpms.ledger.calls_of(STATION)
    (entry,) = listed(stage)
    told = call.findings["certificates"]
    assert isinstance(told, list)
    assert [one["serialNumber"] for one in told] == [entry.serial_number]


async def authorize(stage: Stage, station: DialectStation) -> None:
    """Refused with the reason until contracts are judged."""
    answer = await station.ask(AuthorizeRequest(IdToken("DE8AA1A2B3C4D5"), certificate_hash_data=(QUESTION,)))
    assert isinstance(answer, AuthorizeResponse)
    assert answer.id_token_info.status is AuthorizationStatus.INVALID


async def ev_certificate(stage: Stage, station: DialectStation) -> None:
    """Failed, with an empty answer for the vehicle."""
    answer = await station.ask(Get15118EVCertificateRequest("urn:iso:15118:2:2013:MsgDef", "gAA="))
    assert isinstance(answer, Get15118EVCertificateResponse)
    assert (answer.status, answer.exi_response) == (Iso15118EvCertificateStatus.FAILED, "")


async def certificate_status(stage: Stage, station: DialectStation) -> None:
    """Failed: nothing missing ever means good."""
    answer = await station.ask(GetCertificateStatusRequest((QUESTION,)))
    assert isinstance(answer, GetCertificateStatusResponse)
    assert answer.status is GetCertificateStatusStatus.FAILED


ACTS: Final[dict[str, tuple[Callable[[Stage, DialectStation], Awaitable[None]], tuple[str, ...]]]] = {
    "client-certificate": (sign_client, ("SignCertificate", "CertificateSigned")),
    "secc-leaf": (sign_secc, ("SignCertificate", "CertificateSigned", "GetInstalledCertificateIds")),
    "trigger": (trigger, ("TriggerMessage", "ExtendedTriggerMessage")),
    "install": (install, ("InstallCertificate",)),
    "delete": (delete, ("DeleteCertificate",)),
    "installed-ids": (get_ids, ("GetInstalledCertificateIds",)),
    "authorize": (authorize, ("Authorize",)),
    "ev-certificate": (ev_certificate, ("Get15118EVCertificate",)),
    "certificate-status": (certificate_status, ("GetCertificateStatus",)),
}
"""What is done, and the messages of the tables that it is made of."""
ROWS: Final = [
    (name, dialect)
    for name, (_, actions) in ACTS.items()
    for dialect in SPOKEN
    if {message.action for message in DIALECTS[dialect].messages} & set(actions)
    and not (name == "secc-leaf" and dialect is Dialect.S)
]


def test_every_message_of_every_dialect_is_in_a_row() -> None:
    for dialect in SPOKEN:
        played = {action for name, one in ROWS if one is dialect for action in ACTS[name][1]}
        assert {message.action for message in DIALECTS[dialect].messages} <= played


@pytest.mark.parametrize(("name", "dialect"), ROWS, ids=[f"{name}-{dialect.value}" for name, dialect in ROWS])
async def test_it_goes_through_database_socket_and_store(tmp_path: Path, name: str, dialect: Dialect) -> None:
    async with open_stage(tmp_path, Cast(dialect=dialect)) as stage:
        station = stage.station
        assert isinstance(station, DialectStation)
        await station.come()
        await ACTS[name][0](stage, station)
        await stage.recorder.until_ends_agree()
