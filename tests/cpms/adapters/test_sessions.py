"""What a station's answers mean: which refusals are final, which a moment's trouble, and which faults are our own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chainpilot.cpms.adapters.gateway import Sessions
from chainpilot.cpms.adapters.gateway.sessions import Session
from chainpilot.cpms.model import SecurityProfile
from chainpilot.cpms.ports import NotSpoken, StationRefused, StationUndecided
from chainpilot.link.ocpp import Answer, OcppLink
from chainpilot.pki.identity import StationId
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.pnc.codec import encode_request, encode_response
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import (
    CertificateSignedRequest,
    CertificateSignedResponse,
    GetInstalledCertificateIdsRequest,
    PncRequest,
)
from chainpilot.wire.pnc.words import CertificateUse, GenericStatus
from chainpilot.wire.version import OcppVersion
from clocks import SetClock
from message_sockets import MemorySocket, socket_pair

__all__: list[str] = []

pytestmark = pytest.mark.anyio

STATION = StationId("CS-0001")
SIGNED = CertificateSignedRequest("-----BEGIN CERTIFICATE-----", LeafUse.V2G)
ACCEPTED = CertificateSignedResponse(GenericStatus.ACCEPTED)
FINAL = {ErrorCode.NOT_IMPLEMENTED, ErrorCode.NOT_SUPPORTED}


async def _nothing_is_served(action: str, payload: object) -> Answer:
    return Answer({})


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Sessions, MemorySocket]]:
    """A station's session, and the socket of the station."""
    near, far = socket_pair()
    link = OcppLink(near, _nothing_is_served, clock=SetClock())
    sessions = Sessions()
    sessions.enter(Session(STATION, SecurityProfile.TLS_BASIC, link=link))
    async with asyncio.TaskGroup() as group:
        group.create_task(link.run())
        try:
            yield sessions, far
        finally:
            near.cut()


async def ask(sessions: Sessions, station: MemorySocket, *frame: object, kind: int = 3) -> object:
    """Ask, and let the station answer with the rest of a frame."""
    asking = asyncio.create_task(sessions.ask(STATION, SIGNED))
    call = json.loads(await station.recv())
    await station.send(json.dumps([kind, call[1], *frame]))
    return await asking


@pytest.mark.parametrize("code", list(ErrorCode))
async def test_only_what_a_station_never_serves_is_a_final_callerror(code: ErrorCode) -> None:
    async with connected() as (sessions, station):
        if code in FINAL:
            with pytest.raises(StationRefused, match=code.value):
                await ask(sessions, station, code.value, "no", {}, kind=4)
        else:
            with pytest.raises(StationUndecided, match=code.value) as caught:
                await ask(sessions, station, code.value, "too many tasks at work already", {}, kind=4)
            assert caught.value.sent


@pytest.mark.parametrize("status", ["Rejected", "UnknownMessageId", "UnknownVendorId"])
async def test_a_carrier_that_says_no_is_final(status: str) -> None:
    async with connected() as (sessions, station):
        with pytest.raises(StationRefused, match=status):
            await ask(sessions, station, {"status": status})


@pytest.mark.parametrize(
    "payload",
    [{}, {"status": 3}, {"status": "Perhaps"}, {"status": "Accepted"}, {"status": "Accepted", "data": "<xml/>"}],
)
async def test_an_answer_that_nobody_can_read_decides_nothing(payload: object) -> None:
    async with connected() as (sessions, station):
        with pytest.raises(StationUndecided) as caught:
            await ask(sessions, station, payload)
        assert caught.value.sent


async def test_an_inner_rejected_is_an_answer() -> None:
    async with connected() as (sessions, station):
        data = json.dumps({"status": "Rejected"})
        answer = await ask(sessions, station, {"status": "Accepted", "data": data})
        assert isinstance(answer, CertificateSignedResponse)
        assert answer.status is GenericStatus.REJECTED


@pytest.mark.parametrize(
    "request_",
    [
        GetInstalledCertificateIdsRequest((CertificateUse.V2G_CERTIFICATE_CHAIN, CertificateUse.V2G_ROOT_CERTIFICATE)),
        CertificateSignedRequest("A" * 2_000_000, LeafUse.V2G),
        CertificateSignedRequest("\ud800", LeafUse.V2G),
    ],
)
async def test_a_request_that_can_not_be_written_is_not_sent(request_: PncRequest) -> None:
    async with connected() as (sessions, _):
        with pytest.raises(NotSpoken):
            await sessions.ask(STATION, request_)


async def test_too_many_waiting_questions_were_not_sent() -> None:
    async with connected() as (sessions, _):
        asking = [asyncio.create_task(sessions.ask(STATION, SIGNED)) for _ in range(40)]
        refused, waiting = await asyncio.wait(asking, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        for one in refused:
            with pytest.raises(StationUndecided) as caught:
                one.result()
            assert not caught.value.sent
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize(
    ("version", "spoken", "use", "dialect"),
    [
        (OcppVersion.V16, (), LeafUse.V2G, Dialect.H),
        (OcppVersion.V16, (), LeafUse.CSMS, Dialect.H),
        (OcppVersion.V16, (Dialect.S,), LeafUse.CSMS, Dialect.S),
        (OcppVersion.V16, (Dialect.S,), LeafUse.V2G, Dialect.H),
        (OcppVersion.V16, (Dialect.O, Dialect.S), LeafUse.V2G, Dialect.O),
        (OcppVersion.V16, (Dialect.S, Dialect.H), LeafUse.CSMS, Dialect.S),
        (OcppVersion.V16, (Dialect.H, Dialect.O, Dialect.H), LeafUse.CSMS, Dialect.H),
        (OcppVersion.V16, (Dialect.V201,), LeafUse.V2G, Dialect.H),
        (OcppVersion.V16, (Dialect.O, Dialect.V201), LeafUse.V2G, Dialect.O),
        (OcppVersion.V201, (Dialect.O,), LeafUse.V2G, Dialect.V201),
        (OcppVersion.V201, (), LeafUse.V2G, Dialect.V201),
        (OcppVersion.V21, (Dialect.V21,), LeafUse.CSMS, Dialect.V21),
    ],
)
async def test_a_station_is_asked_in_its_dialect_that_has_words_for_it(
    version: OcppVersion, spoken: tuple[Dialect, ...], use: LeafUse, dialect: Dialect
) -> None:
    async with connected() as (sessions, station):
        older = sessions.enter(Session(STATION, SecurityProfile.TLS_BASIC))
        assert older is not None
        session = Session(STATION, SecurityProfile.TLS_BASIC, version=version, link=older.link)
        for one in spoken:
            session.note(one)
        sessions.enter(session)
        request = CertificateSignedRequest("chain", use)
        asking = asyncio.create_task(sessions.ask(STATION, request))
        _, message_id, action, payload = json.loads(await station.recv())
        expected = encode_request(request, dialect)
        assert (action, payload) == (expected.action, expected.payload)
        await station.send(json.dumps([3, message_id, encode_response(ACCEPTED, dialect)]))
        assert await asking == ACCEPTED


async def test_what_no_dialect_of_the_station_can_say_is_not_sent() -> None:
    async with connected() as (sessions, _):
        with pytest.raises(NotSpoken):
            await sessions.ask(STATION, GetInstalledCertificateIdsRequest())
