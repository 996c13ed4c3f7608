"""The flows' own station answers every call of a CSMS, so that flows which begin there need no other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from certs import v2g_pki
from chainpilot.link.ocpp import Answer, CallRefused, OcppLink
from chainpilot.pki.trust import LeafUse
from chainpilot.station import StoreConfig
from chainpilot.station.app import StationConfig
from chainpilot.station.model import Secret
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.pnc.codec import decode_request, decode_response, encode_request, encode_response
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.fields import Quirk
from chainpilot.wire.pnc.messages import (
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    InstallCertificateRequest,
    InstallCertificateResponse,
    PncRequest,
    PncResponse,
    SignCertificateRequest,
    SignCertificateResponse,
    TriggerMessageRequest,
    TriggerMessageResponse,
)
from chainpilot.wire.pnc.tables import DIALECTS
from chainpilot.wire.pnc.words import (
    CertificateUse,
    DeleteCertificateStatus,
    GenericStatus,
    GetInstalledCertificateStatus,
    InstallCertificateStatus,
    MessageTrigger,
    TriggerMessageStatus,
)
from clocks import SetClock
from flows.recorder import Recorder
from flows.station import DialectStation
from flows.store_answers import PLAIN, Manners
from forge import NOON
from message_sockets import socket_pair

pytestmark = pytest.mark.anyio

ROOT = CertificateUse.V2G_ROOT_CERTIFICATE


class Csms:
    """The other end."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.link: OcppLink
        self.recorder = Recorder()
        self.asked: asyncio.Queue[PncRequest] = asyncio.Queue()

    async def ask(self, request: PncRequest) -> PncResponse:
        call = encode_request(request, self.dialect)
        answer = decode_response(request, self.dialect, await self.link.call(call.action, call.payload))
        assert isinstance(answer, PncResponse), answer
        return answer

    async def take(self, action: str, payload: object) -> Answer:
        decoded = decode_request(action, payload, DIALECTS[self.dialect].version)
        self.asked.put_nowait(decoded.request)  # type: ignore[union-attr] # - a refusal has none and fails the test
        return Answer(encode_response(SignCertificateResponse(GenericStatus.ACCEPTED), self.dialect))


@asynccontextmanager
async def connected(folder: Path, dialect: Dialect, manners: Manners = PLAIN) -> AsyncIterator[Csms]:
    csms, clock = Csms(dialect), SetClock(NOON)
    config = StationConfig(
        station_id="CS-0001",
        csms_url="wss://localhost/ocpp/CS-0001",
        password=Secret("p"),
        store=StoreConfig(folder / "certs"),
        organisation="Operator",
        country="DE",
        secc_name="DE*ICE*E0001",
    )
    station = DialectStation(config, dialect, csms.recorder, clock, manners)
    near, far = socket_pair()
    csms.link = OcppLink(
        near, csms.take, clock=clock, watch=csms.recorder.frame_at_cpms, version=DIALECTS[dialect].version
    )
    running = asyncio.create_task(csms.link.run())
    await station.speak(far)
    try:
        yield csms
    finally:
        await station.leave()
        await running


@pytest.mark.parametrize("dialect", [Dialect.H, Dialect.O, Dialect.V201], ids=lambda value: value.value)
async def test_a_root_is_installed_listed_and_deleted(tmp_path: Path, dialect: Dialect) -> None:
    root = v2g_pki().root.certificate
    async with connected(tmp_path, dialect) as csms:
        listing = GetInstalledCertificateIdsRequest((ROOT,))
        nothing = await csms.ask(listing)
        assert nothing == GetInstalledCertificateIdsResponse(GetInstalledCertificateStatus.NOT_FOUND)
        said = await csms.ask(InstallCertificateRequest(ROOT, root.to_pem()))
        assert said == InstallCertificateResponse(InstallCertificateStatus.ACCEPTED)
        listed = await csms.ask(listing)
        assert isinstance(listed, GetInstalledCertificateIdsResponse)
        (chain,) = listed.chains
        deleted = await csms.ask(DeleteCertificateRequest(chain.certificate_hash_data))
        assert deleted == DeleteCertificateResponse(DeleteCertificateStatus.ACCEPTED)
    await csms.recorder.until_ends_agree()
    notes = [line.text for line in csms.recorder.lines() if line.text.startswith("on disk")]
    assert notes == ["on disk: the V2G root", "on disk: the V2G root is deleted"]


@pytest.mark.parametrize("dialect", [Dialect.H, Dialect.S], ids=lambda value: value.value)
async def test_what_another_dialect_says_is_not_served(tmp_path: Path, dialect: Dialect) -> None:
    request = TriggerMessageRequest(MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE)
    async with connected(tmp_path, Dialect.O) as csms:
        call = encode_request(request, dialect)
        if dialect is Dialect.H:
            assert await csms.link.call(call.action, call.payload) == {"status": "UnknownVendorId"}
            return
        with pytest.raises(CallRefused) as refused:
            await csms.link.call(call.action, call.payload)
        assert refused.value.code is ErrorCode.NOT_IMPLEMENTED


async def test_a_station_may_know_the_misspelt_trigger_alone(tmp_path: Path) -> None:
    request = TriggerMessageRequest(MessageTrigger.SIGN_V2G_CERTIFICATE)
    async with connected(tmp_path, Dialect.H, Manners(only_misspelt=True)) as csms:
        right = encode_request(request, Dialect.H)
        assert await csms.link.call(right.action, right.payload) == {"status": "Rejected"}
        misspelt = encode_request(request, Dialect.H, frozenset({Quirk.MISSPELT_TRIGGER}))
        said = decode_response(request, Dialect.H, await csms.link.call(misspelt.action, misspelt.payload))
        assert said == TriggerMessageResponse(TriggerMessageStatus.ACCEPTED)


async def test_a_station_may_read_hexadecimal_certificates_alone(tmp_path: Path) -> None:
    root = v2g_pki().root.certificate
    async with connected(tmp_path, Dialect.H, Manners(only_hex=True)) as csms:
        refused = await csms.ask(InstallCertificateRequest(ROOT, root.to_pem()))
        assert refused == InstallCertificateResponse(InstallCertificateStatus.REJECTED)
        taken = await csms.ask(InstallCertificateRequest(ROOT, root.der.hex()))
        assert taken == InstallCertificateResponse(InstallCertificateStatus.ACCEPTED)


@pytest.mark.parametrize("dialect", [Dialect.H, Dialect.O, Dialect.S, Dialect.V201], ids=lambda value: value.value)
async def test_a_triggered_station_answers_and_then_asks(tmp_path: Path, dialect: Dialect) -> None:
    use = MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE
    async with connected(tmp_path, dialect) as csms:
        said = await csms.ask(TriggerMessageRequest(use))
        assert said == TriggerMessageResponse(TriggerMessageStatus.ACCEPTED)
        asked = await asyncio.wait_for(csms.asked.get(), 10)
        assert isinstance(asked, SignCertificateRequest)
        assert asked.certificate_type is (None if dialect is Dialect.S else LeafUse.CSMS)
