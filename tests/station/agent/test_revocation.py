"""M06 at work: what is asked about, when, and what one bad answer does to the rest."""

import asyncio
import logging
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_upkeep import (
    BriefMemory,
    CountingClock,
    Reports,
    Responder,
    SetTrust,
    StatusCsms,
    running,
)
from certs import Pki, v2g_pki
from chainpilot.link.faults import CallRefused, CallTimedOut, LinkClosed
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.station.agent.ocsp_upkeep import (
    BUSY,
    FIRST_RETRY,
    LAST_RETRY,
    LOOK_EVERY,
    WEEK,
    OcspUpkeep,
    refresh_at,
    retry_after,
)
from chainpilot.station.agent.ports import NotUnderstood
from chainpilot.station.agent.timekeeping.keeper import Timekeeper
from chainpilot.station.agent.timekeeping.watch import Jumped
from chainpilot.station.model import CaCertificateType, OcspKept
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.ocppj.rpc import QueueFullError
from chainpilot.wire.pnc.messages import GetCertificateStatusResponse
from chainpilot.wire.pnc.words import GetCertificateStatusStatus
from forge import NOON
from ocsp_answers import answer, cert_id, single
from stock import leaf, named, place
from stores import enrol, store_with

pytestmark = pytest.mark.anyio

ACTION = "GetCertificateStatus"
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
V2G = CaCertificateType.V2G
GONE = LinkClosed(ACTION, sent=True, code=1006)


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


class Desk:
    """A store with SECC leaves, the CSMS it asks, and the upkeep between them."""

    def __init__(self, directory: Path, v2g: Pki, *, leaves: int = 1, **settings: Any) -> None:
        self.clock = CountingClock(NOON)
        self.v2g = v2g
        self.store = store_with(
            directory, (V2G, v2g), clock=self.clock, default_ocsp_url="http://ocsp.example/", **settings
        )
        self.responder = Responder(v2g, self.clock)
        self.csms = StatusCsms(self.responder)
        self.trust = SetTrust()
        self.spread = 0.0
        self.leaves = [self.add(number) for number in range(leaves)]
        self.sub_cas = [f"{one.certificate.serial_number:x}" for one in (v2g.issuing, v2g.sub1)]
        self.restart()

    def add(self, number: int, **changes: Any) -> str:
        """Put a leaf beside the others, as another process does; answers its serial number."""
        forged = leaf(self.v2g, f"DE*CHP*E1234*{number}", **changes)
        place(self.store, self.v2g, forged, name=f"LEAF_{number}")
        self.responder.show(forged.certificate)
        return f"{forged.certificate.serial_number:x}"

    def restart(self) -> None:
        """The station starts: a new upkeep over the same store."""
        self.upkeep = OcspUpkeep(self.store, self.clock, self.trust, jitter=lambda: self.spread)

    @property
    def all(self) -> list[str]:
        return sorted((*self.leaves, *self.sub_cas))

    def connection(self) -> running:
        return running(self.upkeep.attend(self.csms))

    async def settled(self) -> None:
        """Return once a first round is over."""
        await self.clock.until_naps(self.clock.naps + 1)

    async def pass_by(self, time: timedelta) -> None:
        """Let time pass hour by hour, as looks do."""
        end = self.clock.monotonic() + time.total_seconds()
        while self.clock.monotonic() < end:
            await self.clock.pass_by(min(LOOK_EVERY.total_seconds(), end - self.clock.monotonic()))

    def kept(self) -> dict[str, OcspKept]:
        return {one.certificate_hash_data.serial_number: one for one in self.store.ocsp_standing()}


@pytest.fixture
def desk(tmp_path: Path, v2g: Pki) -> Desk:
    return Desk(tmp_path, v2g)


def failed(_: CertificateHashData) -> GetCertificateStatusResponse:
    return GetCertificateStatusResponse(GetCertificateStatusStatus.FAILED, reason="the responder is down")


def saying(der: bytes) -> Callable[[CertificateHashData], GetCertificateStatusResponse]:
    text = b64encode(der).decode()
    return lambda _: GetCertificateStatusResponse(GetCertificateStatusStatus.ACCEPTED, text)


async def test_at_the_start_every_leaf_and_sub_ca_is_asked_about_once_and_kept(tmp_path: Path, v2g: Pki) -> None:
    desk = Desk(tmp_path, v2g, leaves=3)
    desk.leaves.append(desk.add(9, begin=NOON + HOUR))
    desk.add(10, begin=NOON - 2 * HOUR, end=NOON - HOUR)
    async with desk.connection():
        await desk.settled()
    assert sorted(desk.csms.serials()) == desk.all, "a future leaf too, one that ended not"
    assert sorted(desk.kept()) == desk.all


async def test_a_restart_asks_again_and_a_new_connection_alone_does_not(desk: Desk) -> None:
    for _ in range(2):
        async with desk.connection():
            await desk.settled()
        assert len(desk.csms.asked) == 3
    desk.restart()
    async with desk.connection():
        await desk.settled()
    assert len(desk.csms.asked) == 6


async def test_a_connection_that_finds_no_answer_that_holds_asks_for_one(desk: Desk) -> None:
    async with desk.connection():
        await desk.settled()
    desk.clock.advance(timedelta(days=9).total_seconds())
    async with desk.connection():
        await desk.settled()
    assert len(desk.csms.asked) == 6


async def test_it_asks_before_an_answer_ends_and_not_earlier(desk: Desk) -> None:
    """A fifth of five days is left after four."""
    desk.responder.validity = timedelta(days=5)
    async with desk.connection():
        await desk.settled()
        await desk.pass_by(timedelta(days=4) - SECOND)
        assert len(desk.csms.asked) == 3
        await desk.pass_by(SECOND)
        assert sorted(desk.csms.serials(3)) == desk.all
        assert {one.until for one in desk.kept().values()} == {desk.clock.now() + desk.responder.validity}


async def test_each_answer_has_its_own_end(desk: Desk) -> None:
    short = desk.sub_cas[0]

    def soon(subject: CertificateHashData) -> GetCertificateStatusResponse:
        text = desk.responder.says(subject, until=desk.clock.now() + 10 * HOUR)
        return GetCertificateStatusResponse(GetCertificateStatusStatus.ACCEPTED, text)

    desk.csms.script[short] = soon
    async with desk.connection():
        await desk.settled()
        await desk.pass_by(8 * HOUR - SECOND)
        assert len(desk.csms.asked) == 3
        await desk.pass_by(SECOND)
        assert desk.csms.serials(3) == [short]


async def test_it_asks_weekly_however_long_answers_hold(desk: Desk) -> None:
    desk.responder.validity = timedelta(days=365)
    async with desk.connection():
        await desk.settled()
        await desk.pass_by(WEEK - SECOND)
        assert len(desk.csms.asked) == 3
        await desk.pass_by(SECOND)
        assert sorted(desk.csms.serials(3)) == desk.all


async def test_stations_of_a_fleet_ask_at_different_moments(desk: Desk) -> None:
    desk.responder.validity, desk.spread = timedelta(days=5), 1.0
    async with desk.connection():
        await desk.settled()
        await desk.pass_by(timedelta(days=3.5) - SECOND)
        assert len(desk.csms.asked) == 3
        await desk.pass_by(SECOND)
        assert len(desk.csms.asked) == 6, "half a margin earlier"


@pytest.mark.parametrize(
    "bad",
    [
        failed,
        lambda _: GetCertificateStatusResponse(GetCertificateStatusStatus.ACCEPTED),
        lambda _: GetCertificateStatusResponse(GetCertificateStatusStatus.ACCEPTED, "rubbish"),
        lambda _: CallRefused(ACTION, ErrorCode.INTERNAL_ERROR, "line one\nline two"),
        lambda _: CallTimedOut(ACTION, sent=True),
        lambda _: NotUnderstood(ACTION, "dialect H: it was answered Rejected", is_unknown=False),
    ],
    ids=["failed", "empty", "rubbish", "refused", "timed out", "turned away"],
)
@pytest.mark.parametrize("position", [0, 2, 4])
async def test_one_bad_answer_of_five_does_not_stop_the_others(
    tmp_path: Path, v2g: Pki, bad: Any, position: int, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path, v2g, leaves=3)
    order = [
        one.certificate_hash_data.serial_number for one in desk.store.get_v2g_ocsp_request_data().ocsp_request_data_list
    ]
    desk.csms.script[order[position]] = bad
    async with desk.connection():
        await desk.settled()
        assert desk.csms.serials() == order
        assert sorted(desk.kept()) == sorted(set(order) - {order[position]})
        assert f"serial number {order[position]}" in caplog.text
        assert "line one\nline two" not in caplog.text
        del desk.csms.script[order[position]]
        await desk.clock.pass_by(FIRST_RETRY.total_seconds())
        assert desk.csms.serials(5) == [order[position]]
        assert len(desk.kept()) == 5


async def test_an_answer_the_store_refuses_is_not_kept(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """For another certificate, by another signer, of long ago, and one that says unknown."""
    (first,) = desk.leaves
    other = leaf(desk.v2g, "DE*CHP*E9*9").certificate
    issuing, sub1 = desk.v2g.issuing, desk.v2g.sub1
    mine = next(
        one.certificate_hash_data
        for one in desk.store.get_v2g_ocsp_request_data().ocsp_request_data_list
        if one.certificate_hash_data.serial_number == first
    )
    serial = int(first, 16)
    named_mine = cert_id(other, issuing.certificate, serial=serial)
    assert named(other, issuing.certificate, HashAlgorithm.SHA256).issuer_key_hash == mine.issuer_key_hash
    answers = (
        answer(issuing, single(cert_id(other, issuing.certificate))),
        answer(sub1, single(named_mine)),
        answer(issuing, single(named_mine, since=NOON - 9 * HOUR, until=NOON - HOUR)),
        answer(issuing, single(named_mine, unknown=True)),
    )
    for number, der in enumerate(answers):
        desk.csms.script[first] = saying(der)
        desk.restart()
        async with desk.connection():
            await desk.settled()
        assert sorted(desk.kept()) == sorted(desk.sub_cas)
        assert caplog.text.count("no fresh OCSP answer") == number + 1


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """The lines about what has no fresh answer, with their levels."""
    lines = [(one.levelno, one.getMessage()) for one in caplog.records]
    return [(level, line) for level, line in lines if line.startswith("no fresh OCSP answer")]


async def test_a_csms_that_serves_no_ocsp_is_told_of_once_and_then_at_info_once_a_connection(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "chainpilot")
    desk.csms.otherwise = failed
    async with desk.connection():
        await desk.settled()
        await desk.clock.pass_by(FIRST_RETRY.total_seconds())
    assert len(desk.csms.asked) == 6
    async with desk.connection():
        await desk.settled()
        await desk.clock.pass_by(2 * FIRST_RETRY.total_seconds())
    assert len(desk.csms.asked) == 9
    (first, line), (second, same) = told(caplog)
    assert (first, second) == (logging.WARNING, logging.INFO)
    assert line == same
    assert line.startswith("no fresh OCSP answer about 3 certificates (serial numbers ")
    assert line.endswith(": 'the CSMS answers Failed, the responder is down'")
    assert all(serial in line for serial in desk.all)


async def test_another_reason_is_told_as_a_warning_again_and_so_is_the_old_one_after_an_answer(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    right = desk.csms.otherwise
    desk.csms.otherwise = failed
    async with desk.connection():
        await desk.settled()
        desk.csms.script[desk.leaves[0]] = lambda _: CallTimedOut(ACTION, sent=True)
        await desk.clock.pass_by(FIRST_RETRY.total_seconds())
        desk.csms.script.clear()
        desk.csms.otherwise = right
        await desk.clock.pass_by(2 * FIRST_RETRY.total_seconds())
        assert len(desk.kept()) == 3
        desk.csms.otherwise = failed
        await desk.pass_by(WEEK)
    levels = [level for level, _ in told(caplog)]
    assert levels == [logging.WARNING] * 3
    _, mixed, _ = (line for _, line in told(caplog))
    assert f"the certificate with serial number {desk.leaves[0]}: 'GetCertificateStatus was not answered" in mixed
    assert "about 2 certificates (serial numbers " in mixed


async def test_a_refusal_is_tried_again_ever_later_up_to_a_day(desk: Desk) -> None:
    desk.csms.otherwise = failed
    waits: list[timedelta] = []
    async with desk.connection():
        await desk.settled()
        asked, last = 3, desk.clock.now()
        while len(waits) < 10:
            await desk.clock.pass_by(60)
            if len(desk.csms.asked) > asked:
                asked += 3
                waits.append(desk.clock.now() - last)
                last = desk.clock.now()
    minutes = [15, 30, 60, 120, 240, 480, 960, 1440, 1440, 1440]
    assert waits == [timedelta(minutes=one) for one in minutes]


async def test_after_an_answer_waits_begin_small_again(desk: Desk) -> None:
    desk.csms.otherwise, right = failed, desk.csms.otherwise
    async with desk.connection():
        await desk.settled()
        await desk.clock.pass_by(FIRST_RETRY.total_seconds())
        desk.csms.otherwise = right
        await desk.clock.pass_by(2 * FIRST_RETRY.total_seconds())
        assert len(desk.kept()) == 3
        desk.csms.otherwise = failed
        while len(desk.csms.asked) < 12:
            await desk.pass_by(HOUR)
        await desk.clock.pass_by(FIRST_RETRY.total_seconds())
    assert len(desk.csms.asked) == 15


async def test_a_new_leaf_ends_the_waiting_after_a_refusal(desk: Desk) -> None:
    desk.csms.otherwise, right = failed, desk.csms.otherwise
    async with desk.connection():
        await desk.settled()
        desk.csms.otherwise = right
        desk.csms.gate = asyncio.Event()
        _shown(desk, await asyncio.to_thread(enrol, desk.store, desk.v2g))
        desk.csms.gate.set()
        await desk.csms.until_asked(7)
        await desk.settled()
    assert len(desk.kept()) == 4


async def test_waiting_after_a_refusal_outlasts_the_connection(desk: Desk) -> None:
    desk.csms.otherwise = failed
    for _ in range(3):
        async with desk.connection():
            await desk.settled()
    assert len(desk.csms.asked) == 3


async def test_a_csms_that_repeats_an_old_answer_is_not_asked_all_the_time(desk: Desk) -> None:
    said: dict[str, str] = {}

    def again(subject: CertificateHashData) -> GetCertificateStatusResponse:
        text = said.setdefault(subject.serial_number, desk.responder.says(subject))
        return GetCertificateStatusResponse(GetCertificateStatusStatus.ACCEPTED, text)

    desk.responder.validity = timedelta(hours=10)
    desk.csms.otherwise = again
    async with desk.connection():
        await desk.settled()
        await desk.pass_by(8 * HOUR)
        assert len(desk.csms.asked) == 6
        await desk.clock.pass_by(FIRST_RETRY.total_seconds() - 1)
        assert len(desk.csms.asked) == 6
        await desk.clock.pass_by(1)
        assert len(desk.csms.asked) == 9
        assert len(desk.kept()) == 3, "it still holds"


async def test_an_older_answer_never_replaces_a_later_revocation(desk: Desk) -> None:
    (first,) = desk.leaves
    old = desk.responder.says(next(iter(await _subjects(desk, first))))
    desk.clock.advance(HOUR.total_seconds())
    desk.responder.revoked.add(first)
    async with desk.connection():
        await desk.settled()
    desk.csms.script[first] = lambda _: GetCertificateStatusResponse(GetCertificateStatusStatus.ACCEPTED, old)
    desk.restart()
    async with desk.connection():
        await desk.settled()
    assert desk.kept()[first].revoked_at is not None


async def _subjects(desk: Desk, serial: str) -> list[CertificateHashData]:
    entries = desk.store.get_v2g_ocsp_request_data().ocsp_request_data_list
    return [one.certificate_hash_data for one in entries if one.certificate_hash_data.serial_number == serial]


async def test_a_revoked_certificate_is_kept_and_said_loudly(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    (first,) = desk.leaves
    desk.responder.revoked.add(first)
    async with desk.connection():
        await desk.settled()
    assert desk.kept()[first].revoked_at == NOON
    (line,) = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert f"{first} is REVOKED since 2026-06-01T12:00:00Z" in line


async def test_a_new_leaf_leads_to_a_round_about_everything(desk: Desk) -> None:
    async with desk.connection():
        await desk.settled()
        desk.csms.gate = asyncio.Event()
        fresh = _shown(desk, await asyncio.to_thread(enrol, desk.store, desk.v2g))
        desk.csms.gate.set()
        await desk.csms.until_asked(7)
        await desk.settled()
    assert sorted(desk.csms.serials(3)) == sorted((*desk.all, fresh))
    assert fresh in desk.kept()


def _shown(desk: Desk, chain: str) -> str:
    """Let the responder know the leaf of a stack."""
    certificate = load_certificates(chain.encode())[0]
    desk.responder.show(certificate)
    return f"{certificate.serial_number:x}"


async def test_a_new_leaf_during_a_round_leads_to_another_one_after_it(desk: Desk) -> None:
    desk.csms.gate = asyncio.Event()
    async with desk.connection():
        await desk.csms.until_asked(1)
        chain = await asyncio.to_thread(enrol, desk.store, desk.v2g)
        fresh = _shown(desk, chain)
        assert len(desk.csms.asked) == 1, "one round, one question at a time"
        desk.csms.gate.set()
        await desk.csms.until_asked(7)
        await desk.settled()
    assert sorted(desk.csms.serials()[:3]) == desk.all, "the round that was under way knows nothing of it"
    assert sorted(desk.csms.serials(3)) == sorted((*desk.all, fresh))


async def test_a_new_leaf_while_there_is_no_connection_is_asked_about_at_the_next(desk: Desk) -> None:
    async with desk.connection():
        await desk.settled()
    _shown(desk, await asyncio.to_thread(enrol, desk.store, desk.v2g))
    async with desk.connection():
        await desk.csms.until_asked(7)
        await desk.settled()
    assert len(desk.csms.asked) == 7


async def test_a_leaf_another_process_put_there_is_found_within_the_hour(desk: Desk) -> None:
    async with desk.connection():
        await desk.settled()
        fresh = desk.add(7)
        await desk.pass_by(LOOK_EVERY)
        assert desk.csms.serials(3) == [fresh]


async def test_a_connection_that_ends_in_mid_round_is_told_and_the_next_asks_for_the_rest(desk: Desk) -> None:
    order = [
        one.certificate_hash_data.serial_number for one in desk.store.get_v2g_ocsp_request_data().ocsp_request_data_list
    ]
    desk.csms.script[order[1]] = lambda _: GONE
    with pytest.raises(LinkClosed):
        await desk.upkeep.attend(desk.csms)
    assert desk.csms.serials() == order[:2]
    del desk.csms.script[order[1]]
    async with desk.connection():
        await desk.settled()
    assert desk.csms.serials(2) == order[1:]


async def test_a_round_that_is_cancelled_is_taken_up_by_the_next_connection(desk: Desk) -> None:
    desk.csms.gate = asyncio.Event()
    async with desk.connection():
        await desk.csms.until_asked(1)
    desk.csms.gate = None
    async with desk.connection():
        await desk.settled()
    assert sorted(desk.csms.serials(1)) == desk.all


async def test_two_connections_at_once_ask_one_after_the_other(desk: Desk) -> None:
    desk.csms.gate = asyncio.Event()
    async with desk.connection():
        await desk.csms.until_asked(1)
        async with desk.connection():
            desk.csms.gate.set()
            await desk.csms.until_asked(3)
            await desk.settled()
    assert sorted(desk.csms.serials()) == desk.all


async def test_a_csms_that_does_not_know_the_message_is_asked_once_a_connection_and_told_of_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.csms.otherwise = lambda _: NotUnderstood(ACTION, "NotImplemented")
    for _ in range(2):
        await asyncio.wait_for(desk.upkeep.attend(desk.csms), 10)
    assert len(desk.csms.asked) == 2
    assert caplog.text.count("NotImplemented") == 1


async def test_nothing_is_asked_while_the_clock_is_not_trusted(desk: Desk) -> None:
    desk.trust.set(is_trusted=False)
    desk.csms.gate = asyncio.Event()
    async with desk.connection():
        await desk.trust.until_waited(1)
        assert desk.csms.asked == []
        desk.trust.set(is_trusted=True)
        await desk.csms.until_asked(1)
        desk.trust.set(is_trusted=False)
        desk.csms.gate.set()
        await desk.trust.until_waited(2)
        assert len(desk.csms.asked) == 1, "nor is the rest of a round"
        desk.trust.set(is_trusted=True)
        await desk.csms.until_asked(3)
        await desk.settled()
    assert sorted(desk.csms.serials()) == desk.all


async def test_a_clock_that_jumps_ahead_is_noticed_at_once(desk: Desk) -> None:
    async with desk.connection():
        await desk.settled()
        old = desk.clock.now()
        desk.clock.set(old + timedelta(days=30))
        desk.trust.tell(Jumped(old, desk.clock.now()))
        await desk.csms.until_asked(6)
        await desk.settled()
    assert {one.this_update for one in desk.kept().values()} == {old + timedelta(days=30)}


async def test_with_a_real_timekeeper_a_station_that_starts_at_1970_asks_once_its_clock_is_set(desk: Desk) -> None:
    desk.clock.set(datetime(1970, 1, 1, tzinfo=UTC))
    keeper = Timekeeper(desk.clock, BriefMemory(), Reports())
    upkeep = OcspUpkeep(desk.store, desk.clock, keeper, jitter=lambda: 0.0)
    async with running(keeper.run()), running(upkeep.attend(desk.csms)):
        await desk.clock.until_naps(1)
        await desk.clock.pass_by(60)
        assert desk.csms.asked == []
        desk.clock.set(NOON)
        desk.clock.advance(10)
        await desk.csms.until_asked(3)
    assert sorted(desk.csms.serials()) == desk.all


async def test_what_has_no_responder_is_said_once(tmp_path: Path, v2g: Pki, caplog: pytest.LogCaptureFixture) -> None:
    clock = CountingClock(NOON)
    store = store_with(tmp_path, (V2G, v2g), clock=clock)
    place(store, v2g, leaf(v2g))
    upkeep = OcspUpkeep(store, clock, SetTrust(), jitter=lambda: 0.0)
    csms = StatusCsms(Responder(v2g, clock))
    async with running(upkeep.attend(csms)):
        await clock.until_naps(1)
        for _ in range(3):
            await clock.pass_by(LOOK_EVERY.total_seconds())
    assert csms.asked == []
    assert caplog.text.count("names no OCSP responder") == 3, "leaf and two sub-CAs"


async def test_an_ended_leaf_is_asked_about_no_more(tmp_path: Path, v2g: Pki) -> None:
    desk = Desk(tmp_path, v2g)
    ending = desk.add(5, end=NOON + 2 * HOUR)
    async with desk.connection():
        await desk.settled()
        await desk.pass_by(timedelta(days=8))
    asked = dict(desk.csms.times_asked())
    assert asked[ending] == 1
    assert all(count == 2 for serial, count in asked.items() if serial != ending)


async def test_a_closed_upkeep_hears_of_nothing_more(desk: Desk) -> None:
    async with desk.connection():
        await desk.settled()
    desk.upkeep.close()
    await asyncio.to_thread(enrol, desk.store, desk.v2g)
    assert desk.upkeep._has_new_leaf is False


SUBJECT = CertificateHashData(HashAlgorithm.SHA256, "00", "00", "1")


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650)), st.floats(0, 1))
def test_a_refresh_lies_within_the_validity_and_leaves_a_margin(validity: timedelta, spread: float) -> None:
    at = refresh_at(OcspKept(SUBJECT, NOON, NOON + validity), spread)
    assert NOON + validity * 0.24 <= at <= NOON + validity
    left = NOON + validity - at
    assert left >= min(HOUR, validity / 2) - SECOND
    assert left >= validity * 0.2 - SECOND


@pytest.mark.parametrize(
    ("validity", "left"),
    [
        (HOUR, HOUR / 2),
        (2 * HOUR, HOUR),
        (5 * HOUR, HOUR),
        (10 * HOUR, 2 * HOUR),
        (timedelta(days=5), timedelta(days=1)),
    ],
)
def test_the_margin_is_a_fifth_and_an_hour_at_least(validity: timedelta, left: timedelta) -> None:
    assert refresh_at(OcspKept(SUBJECT, NOON, NOON + validity), 0.0) == NOON + validity - left


@given(st.integers(1, 10_000))
def test_waits_grow_to_a_day_and_never_past_it(failures: int) -> None:
    assert FIRST_RETRY <= retry_after(failures) <= retry_after(failures + 1) <= LAST_RETRY


async def test_a_connection_with_too_many_calls_is_waited_for_and_no_certificate_pays_for_it(desk: Desk) -> None:
    usual = desk.csms.otherwise
    desk.csms.otherwise = lambda _: QueueFullError(ACTION, 16)
    async with desk.connection():
        await desk.settled()
        for round_ in range(1, 4):
            assert len(desk.csms.asked) == round_, "the others would find no room either"
            await desk.clock.pass_by(BUSY.total_seconds())
        desk.csms.otherwise = usual
        await desk.clock.pass_by(BUSY.total_seconds())
        assert sorted(desk.kept()) == desk.all
