"""Renewal as a last resort: when it begins, what it leaves alone, and how often it tries."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_upkeep import PATIENCE, CountingClock, SetTrust, running
from certs import FROM, Pki, csms_pki, v2g_pki
from chainpilot.errors import OwnError
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.profiles import IsoEdition
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.enrolment.renewal import LAST_RESORT, Renewal, RenewalPolicy, is_due
from chainpilot.station.model import CaCertificateType, LeafCertificateType, LeafExpiring
from clocks import SetClock
from stock import leaf, place
from stores import EVSE, store_with

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
AT = SetClock().now()
STATION = "CS-001"
USES = {LeafUse.V2G: LeafCertificateType.V2G, LeafUse.CSMS: LeafCertificateType.CSMS}


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture(scope="module")
def csms() -> Pki:
    return csms_pki()


class NotToday(OwnError):
    """The enrolment is not begun."""


class Enrolments:
    """Begins enrolments in a store, or fails at it, and takes them down."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.begun: list[tuple[LeafUse, str]] = []
        self.fault: Exception | None = None
        self.is_hollow = False
        """Whether no request is made."""
        self._news = asyncio.Event()

    async def __call__(self, use: LeafUse, *, common_name: str) -> None:
        self.begun.append((use, common_name))
        self._news.set()
        if self.fault is not None:
            raise self.fault
        if not self.is_hollow:
            await asyncio.to_thread(
                self._store.generate_certificate_signing_request, USES[use], "DE", "Operator", common_name
            )

    async def until(self, count: int) -> None:
        """Return once that many were begun."""
        async with asyncio.timeout(PATIENCE):
            while len(self.begun) < count:
                self._news.clear()
                await self._news.wait()


class Desk:
    """A store, what begins enrolments in it, and the renewal between them."""

    def __init__(self, directory: Path, v2g: Pki, csms: Pki, *, config: dict[str, Any] | None = None) -> None:
        self.clock = CountingClock(AT)
        self.v2g, self.csms = v2g, csms
        domains = ((CaCertificateType.V2G, v2g), (CaCertificateType.CSMS, csms))
        self.store = store_with(directory, *domains, clock=self.clock, **(config or {}))
        self.trust = SetTrust()
        self.enrolments = Enrolments(self.store)
        self.policy = LAST_RESORT
        self.names: Callable[[LeafUse], Iterable[str]] | None = None
        self.profile: int | None = None
        self.spread = 0.0

    def put(
        self, end: datetime, name: str = EVSE, *, begin: datetime = FROM, file: str = "LEAF", **changes: Any
    ) -> None:
        """A leaf in the store; of the CSMS's PKI where it bears the station's id."""
        kind, pki = (LeafCertificateType.V2G, self.v2g)
        if name.startswith("CS-"):
            kind, pki = LeafCertificateType.CSMS, self.csms
        place(self.store, pki, leaf(pki, name, begin=begin, end=end, **changes), name=file, kind=kind)

    def work(self) -> running:
        """A renewal that starts now."""
        renewal = Renewal(
            self.store,
            self.clock,
            self.trust,
            policy=self.policy,
            names=self.names,
            security_profile=lambda: self.profile,
            jitter=lambda: self.spread,
        )
        return running(renewal.run(self.enrolments))

    async def look(self) -> list[tuple[LeafUse, str]]:
        """What a start begins."""
        begun = len(self.enrolments.begun)
        async with self.work():
            await self.clock.until_naps(self.clock.naps + 1)
        return self.enrolments.begun[begun:]


@pytest.fixture
def desk(tmp_path: Path, v2g: Pki, csms: Pki) -> Desk:
    return Desk(tmp_path, v2g, csms)


def lived(lifetime: timedelta, left: timedelta) -> LeafExpiring:
    end = AT + left
    return LeafExpiring(LeafCertificateType.V2G, EVSE, IsoEdition.ISO_2, end, end - lifetime)


@pytest.mark.parametrize(
    ("lifetime", "margin"),
    [
        (730 * DAY, 30 * DAY),
        (200 * DAY, 30 * DAY),
        (199 * DAY, 0.15 * 199 * DAY),
        (60 * DAY, 9 * DAY),
        (DAY, timedelta(hours=3.6)),
    ],
)
@pytest.mark.parametrize(("off", "due"), [(-SECOND, True), (0 * SECOND, False), (SECOND, False)])
def test_a_leaf_is_due_below_30_days_and_below_a_share_of_its_lifetime(
    lifetime: timedelta, margin: timedelta, off: timedelta, due: bool
) -> None:
    assert is_due(lived(lifetime, margin + off), LAST_RESORT, AT) is due


@pytest.mark.parametrize(("off", "due"), [(-SECOND, True), (0 * SECOND, False), (SECOND, False)])
def test_the_policy_sets_both_bounds(off: timedelta, due: bool) -> None:
    policy = RenewalPolicy(at_most=10 * DAY, share=0.5)
    assert is_due(lived(100 * DAY, 10 * DAY + off), policy, AT) is due
    assert is_due(lived(10 * DAY, 5 * DAY + off), policy, AT) is due


def test_without_a_begin_the_days_alone_count() -> None:
    one = LeafExpiring(LeafCertificateType.V2G, EVSE, None, AT + 30 * DAY - SECOND)
    assert is_due(one, LAST_RESORT, AT)
    assert not is_due(one, LAST_RESORT, AT - SECOND)


@given(st.timedeltas(SECOND, 3650 * DAY), st.timedeltas(-3650 * DAY, 3650 * DAY))
def test_what_is_due_stays_due_and_what_has_ended_is(lifetime: timedelta, left: timedelta) -> None:
    one = lived(lifetime, left)
    if left < timedelta(0):
        assert is_due(one, LAST_RESORT, AT)
    if is_due(one, LAST_RESORT, AT):
        assert is_due(one, LAST_RESORT, AT + DAY)
        assert left < 30 * DAY
        assert left < lifetime * 0.15


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 0.0},
        {"share": 1.01},
        {"share": float("nan")},
        {"at_most": timedelta(0)},
        {"look_every": timedelta(0)},
        {"retry_after": -SECOND},
    ],
)
def test_a_policy_without_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        RenewalPolicy(**wrong)


@pytest.mark.parametrize(("off", "due"), [(-SECOND, True), (0 * SECOND, False), (SECOND, False)])
async def test_at_the_start_what_is_due_is_begun(desk: Desk, off: timedelta, due: bool) -> None:
    desk.put(AT + 30 * DAY + off)
    assert await desk.look() == ([(LeafUse.V2G, EVSE)] if due else [])


async def test_every_slot_that_is_due_is_begun_the_one_that_ends_first_first(desk: Desk) -> None:
    desk.put(AT + 20 * DAY, file="A")
    desk.put(AT + 10 * DAY, "DE*CHP*E1234*2", file="B")
    desk.put(AT + 15 * DAY, STATION, file="C")
    desk.put(AT + 90 * DAY, "DE*CHP*E1234*3", file="D")
    assert await desk.look() == [
        (LeafUse.V2G, "DE*CHP*E1234*2"),
        (LeafUse.CSMS, STATION),
        (LeafUse.V2G, EVSE),
    ]


async def test_a_slot_whose_successor_is_there_is_not_due(desk: Desk) -> None:
    desk.put(AT + 10 * DAY, file="A")
    desk.put(AT + 400 * DAY, begin=AT + 5 * DAY, file="B")
    assert await desk.look() == []


async def test_a_leaf_that_has_ended_is_due(desk: Desk) -> None:
    desk.put(AT - 10 * DAY)
    assert await desk.look() == [(LeafUse.V2G, EVSE)]


async def test_a_request_that_is_open_is_waited_for_over_restarts(desk: Desk) -> None:
    desk.put(AT + 10 * DAY)
    await asyncio.to_thread(
        desk.store.generate_certificate_signing_request, LeafCertificateType.V2G, "DE", "Operator", EVSE
    )
    assert await desk.look() == []
    desk.clock.advance((DAY - SECOND).total_seconds())
    assert await desk.look() == []


async def test_a_request_older_than_a_day_is_stuck_and_begun_anew(desk: Desk) -> None:
    """A round of sending is over after some minutes; the enrolment begins another one with the same request."""
    desk.put(AT + 10 * DAY)
    await asyncio.to_thread(
        desk.store.generate_certificate_signing_request, LeafCertificateType.V2G, "DE", "Operator", EVSE
    )
    desk.clock.advance(DAY.total_seconds())
    assert await desk.look() == [(LeafUse.V2G, EVSE)]


async def test_an_open_request_of_another_slot_stops_nothing(desk: Desk) -> None:
    desk.put(AT + 10 * DAY)
    await asyncio.to_thread(
        desk.store.generate_certificate_signing_request, LeafCertificateType.CSMS, "DE", "Operator", STATION
    )
    assert await desk.look() == [(LeafUse.V2G, EVSE)]


async def test_a_slot_that_fails_is_tried_once_a_day_and_the_others_are_tried_too(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.put(AT + 10 * DAY, file="A")
    desk.put(AT + 12 * DAY, STATION, file="B")
    desk.enrolments.fault = NotToday("no organisation is set")
    async with desk.work():
        await desk.clock.until_naps(1)
        assert len(desk.enrolments.begun) == 2
        assert caplog.text.count("no organisation is set") == 2
        for _ in range(3):
            await desk.clock.pass_by(6 * 3600)
        await desk.clock.pass_by(6 * 3600 - 1)
        assert len(desk.enrolments.begun) == 2
        await desk.clock.pass_by(1)
        assert len(desk.enrolments.begun) == 4


async def test_a_store_that_changes_all_the_time_does_not_hurry_the_tries(desk: Desk) -> None:
    desk.put(AT + 10 * DAY)
    desk.enrolments.is_hollow = True
    async with desk.work():
        await desk.clock.until_naps(1)
        for number in range(3):
            naps = desk.clock.naps
            other = v2g_pki()
            await asyncio.to_thread(
                desk.store.install_ca_certificate, other.root.certificate.to_pem(), CaCertificateType.MO
            )
            await desk.clock.until_naps(naps + 1)
            assert len(desk.enrolments.begun) == 1, number


async def test_it_looks_every_six_hours_or_a_little_earlier(desk: Desk) -> None:
    desk.put(AT + 30 * DAY + timedelta(hours=2))
    async with desk.work():
        await desk.clock.until_naps(1)
        await desk.clock.pass_by(6 * 3600 - 1)
        assert desk.enrolments.begun == []
        await desk.clock.pass_by(1)
        assert desk.enrolments.begun == [(LeafUse.V2G, EVSE)]


async def test_stations_look_at_different_moments(desk: Desk) -> None:
    desk.put(AT + 30 * DAY + timedelta(hours=2))
    desk.spread = 1.0
    async with desk.work():
        await desk.clock.until_naps(1)
        await desk.clock.pass_by(4.5 * 3600)
        assert desk.enrolments.begun == [(LeafUse.V2G, EVSE)]


async def test_a_change_of_the_store_is_looked_at_at_once(desk: Desk) -> None:
    async with desk.work():
        await desk.clock.until_naps(1)
        csr = await asyncio.to_thread(
            desk.store.generate_certificate_signing_request, LeafCertificateType.V2G, "DE", "Operator", EVSE
        )
        assert csr.csr is not None
        chain = desk.v2g.enrol(csr.csr, end=AT + 10 * DAY)
        outcome = await asyncio.to_thread(desk.store.update_leaf, chain, LeafCertificateType.V2G)
        assert outcome.accepted, outcome.reason
        await desk.enrolments.until(1)
    assert desk.enrolments.begun == [(LeafUse.V2G, EVSE)]


async def test_it_waits_for_a_clock_that_can_be_trusted(desk: Desk) -> None:
    desk.put(AT + 10 * DAY)
    desk.trust.set(is_trusted=False)
    async with desk.work():
        await desk.trust.until_waited(1)
        assert desk.enrolments.begun == []
        desk.trust.set(is_trusted=True)
        await desk.enrolments.until(1)


async def test_a_clock_that_jumps_is_looked_at_at_once(desk: Desk) -> None:
    desk.put(AT + 60 * DAY)
    async with desk.work():
        await desk.clock.until_naps(1)
        desk.clock.set(AT + 50 * DAY)
        desk.trust.set(is_trusted=True)
        await desk.enrolments.until(1)


async def test_switched_off_it_begins_nothing_and_says_so(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    desk.put(AT - DAY)
    desk.policy = RenewalPolicy(enabled=False)
    renewal = Renewal(desk.store, desk.clock, desk.trust, policy=desk.policy)
    await asyncio.wait_for(renewal.run(desk.enrolments), 10)
    assert desk.enrolments.begun == []
    assert "switched off" in caplog.text


async def test_it_asks_for_the_name_as_the_station_spells_it(desk: Desk) -> None:
    """A CA may leave an EVSEID's separators out."""
    desk.put(AT + 10 * DAY, EVSE.replace("*", ""))
    desk.names = lambda use: (EVSE,) if use is LeafUse.V2G else (STATION,)
    assert await desk.look() == [(LeafUse.V2G, EVSE)]


async def test_a_name_the_station_no_longer_has_is_left_to_end_and_told_of_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.put(AT + 10 * DAY, "DE*CHP*E9*9")
    desk.put(AT - DAY, "CS-OLD", file="OLD")
    desk.names = lambda use: (EVSE,) if use is LeafUse.V2G else (STATION, "")
    async with desk.work():
        await desk.clock.until_naps(1)
        await desk.clock.pass_by(6 * 3600)
    assert desk.enrolments.begun == []
    assert caplog.text.count("has another name now") == 2
    assert "profile 3" not in caplog.text


async def test_an_edition_the_station_makes_no_keys_for_is_left_to_end(tmp_path: Path, v2g: Pki, csms: Pki) -> None:
    """What would come back were a leaf of another slot, and the old one due for ever."""
    name = f"DECHP{'0' * 33}1"
    desk = Desk(tmp_path, v2g, csms, config={"keys_by_name": {name: KeySpec.P521}})
    desk.put(AT + 10 * DAY, name, file="OLD")
    desk.put(AT + 20 * DAY, name, file="NEW", key=generate_private_key(KeySpec.P521))
    assert await desk.look() == [(LeafUse.V2G, name)]
    assert await desk.look() == []
    (pending,) = desk.store.open_requests()
    assert pending.slot.edition is IsoEdition.ISO_20


@pytest.mark.parametrize(("profile", "is_told"), [(None, True), (3, True), (2, False), (1, False)])
async def test_an_ended_client_certificate_is_told_of_with_advice_once(
    desk: Desk, caplog: pytest.LogCaptureFixture, profile: int | None, is_told: bool
) -> None:
    desk.put(AT - SECOND, STATION)
    desk.profile = profile
    async with desk.work():
        await desk.clock.until_naps(1)
        for _ in range(5):
            await desk.clock.pass_by(6 * 3600)
    assert caplog.text.count("with security profile 3 no connection comes about") == is_told
    assert desk.enrolments.begun[0] == (LeafUse.CSMS, STATION), "it is renewed all the same"


async def test_a_client_certificate_that_still_holds_is_no_such_case(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.put(AT, STATION)
    assert await desk.look() == [(LeafUse.CSMS, STATION)]
    assert "no connection comes about" not in caplog.text


async def test_what_is_not_ours_to_handle_ends_it(desk: Desk) -> None:
    desk.put(AT + DAY)
    desk.enrolments.fault = LookupError("a mistake")
    renewal = Renewal(desk.store, desk.clock, desk.trust)
    with pytest.raises(LookupError):
        await renewal.run(desk.enrolments)


async def test_a_renewal_that_ended_leaves_no_subscriber(desk: Desk) -> None:
    async with desk.work():
        await desk.clock.until_naps(1)
    assert desk.trust._subscribers == []
