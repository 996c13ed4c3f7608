"""Revocation lists: whose they are, when they are fetched, and what outlives a restart or a liar on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chainpilot.cpms.adapters.sql import SqlLedger, SqlTrustRecords
from chainpilot.cpms.trust import MAX_URLS, ListPolicy, RevocationDesk, due_at
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import load_crl
from clocks import SetClock
from forge import NOON, forge
from listsource import PlayedSource, with_list_at
from revocations import SINCE, entry, revocation_list
from sims import v2g_ladder

__all__: list[str] = []

pytestmark = pytest.mark.anyio

URL = "http://lists.example/root.crl"
LADDER = v2g_ladder()
ROOT = LADDER.root


@asynccontextmanager
async def list_desk(
    folder: Path,
    source: PlayedSource,
    policy: ListPolicy = ListPolicy.CHECK,
    *,
    known: tuple[Certificate, ...] = (ROOT.certificate,),
    at: datetime = NOON,
    urls: tuple[str, ...] = (URL,),
) -> AsyncIterator[RevocationDesk]:
    """A desk on the records in `folder`."""
    ledger = await SqlLedger.open(folder / "cpms.sqlite")
    desk = RevocationDesk(SqlTrustRecords(ledger), source, policy, known=lambda: known, clock=SetClock(at), urls=urls)
    try:
        await desk.open()
        yield desk
    finally:
        await desk.close()
        await ledger.close()


async def test_a_list_is_fetched_kept_and_counts_after_a_restart_without_being_fetched(tmp_path: Path) -> None:
    source = PlayedSource({URL: revocation_list(ROOT)})
    async with list_desk(tmp_path, source) as desk:
        await desk.refresh()
        assert [crl.der for crl in desk.rules().crls] == [source.bodies[URL]]
    silent = PlayedSource()
    async with list_desk(tmp_path, silent, at=NOON + timedelta(minutes=1)) as desk:
        await desk.refresh()
        assert [crl.der for crl in desk.rules().crls] == [source.bodies[URL]]
        assert silent.asked == []


async def test_it_is_fetched_again_within_a_day(tmp_path: Path) -> None:
    source = PlayedSource({URL: revocation_list(ROOT)})
    async with list_desk(tmp_path, source) as desk:
        due = await desk.refresh()
        assert due == NOON + timedelta(hours=1)
        (state,) = desk.states()
        assert (state.fault, state.tried_at) == (None, NOON)
    async with list_desk(tmp_path, source, at=NOON + timedelta(days=1)) as desk:
        await desk.refresh()
    assert source.asked == [URL, URL]


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        (timedelta(hours=4), timedelta(hours=2)),
        (timedelta(days=30), timedelta(days=1)),
        (timedelta(minutes=2), timedelta(minutes=5)),
    ],
)
def test_a_list_is_due_halfway_to_its_end_within_a_day_and_not_within_minutes(
    life: timedelta, expected: timedelta
) -> None:
    crl = load_crl(revocation_list(ROOT, until=NOON + life))
    assert due_at(crl, NOON) == NOON + expected


async def test_a_list_that_no_known_ca_signed_is_not_taken(tmp_path: Path) -> None:
    namesake = forge("V2G Root", ca=True, domain="V2G")
    async with list_desk(tmp_path, PlayedSource({URL: revocation_list(namesake)})) as desk:
        await desk.refresh()
        assert desk.rules().crls == ()
        assert desk.states()[0].fault == "no CA that is known here signed it"


async def test_an_older_list_does_not_take_a_newer_one_s_place(tmp_path: Path) -> None:
    newer = revocation_list(ROOT, entry(7), since=SINCE)
    source = PlayedSource({URL: newer})
    async with list_desk(tmp_path, source) as desk:
        await desk.refresh()
        source.bodies[URL] = revocation_list(ROOT, since=SINCE - timedelta(hours=1))
        desk._clock.advance(86400)  # type: ignore[attr-defined]  # - the clock is set by the test
        await desk.refresh()
        assert [crl.der for crl in desk.rules().crls] == [newer]
        fault = desk.states()[0].fault
        assert fault is not None
        assert "older than the one in hand" in fault


async def test_a_list_by_another_ca_than_the_address_belongs_to_pushes_nothing_out(tmp_path: Path) -> None:
    sub, other = with_list_at(ROOT, URL).certificate, LADDER.subs[0]
    real = revocation_list(ROOT, entry(sub.serial_number))
    source = PlayedSource({URL: real})
    known = (ROOT.certificate, other.certificate, sub)
    async with list_desk(tmp_path, source, known=known, urls=()) as desk:
        await desk.refresh()
        source.bodies[URL] = revocation_list(other)
        desk._clock.advance(86400)  # type: ignore[attr-defined]  # - the clock is set by the test
        await desk.refresh()
        assert [crl.der for crl in desk.rules().crls] == [real]


async def test_an_older_list_does_not_come_back_by_way_of_another_ca_s(tmp_path: Path) -> None:
    other = LADDER.subs[0]
    source = PlayedSource({URL: revocation_list(ROOT, entry(7))})
    async with list_desk(tmp_path, source, known=(ROOT.certificate, other.certificate)) as desk:
        older = revocation_list(ROOT, since=SINCE - timedelta(hours=1))
        for body in (source.bodies[URL], revocation_list(other), older):
            source.bodies[URL] = body
            await desk.refresh()
            desk._clock.advance(86400)  # type: ignore[attr-defined]  # - the clock is set by the test
        assert older not in [crl.der for crl in desk.rules().crls]


@pytest.mark.parametrize("body", [b"", b"<html>", b"\x30\x03\x02\x01\x01"])
async def test_what_is_no_list_leaves_the_one_in_hand(tmp_path: Path, body: bytes) -> None:
    source = PlayedSource({URL: revocation_list(ROOT)})
    async with list_desk(tmp_path, source) as desk:
        await desk.refresh()
        source.bodies[URL] = body
        desk._clock.advance(86400)  # type: ignore[attr-defined]  # - the clock is set by the test
        await desk.refresh()
        assert len(desk.rules().crls) == 1
        assert desk.states()[0].fault is not None


async def test_an_address_that_fails_is_not_asked_again_at_once(tmp_path: Path) -> None:
    source = PlayedSource()
    async with list_desk(tmp_path, source) as desk:
        await desk.refresh()
        await desk.refresh()
        assert source.asked == [URL]
        desk._clock.advance(300)  # type: ignore[attr-defined]  # - the clock is set by the test
        await desk.refresh()
        assert source.asked == [URL, URL]


async def test_of_several_addresses_in_a_certificate_the_next_is_asked_where_one_fails(tmp_path: Path) -> None:
    second = "http://mirror.example/root.crl"
    source = PlayedSource({second: revocation_list(ROOT)})
    async with list_desk(tmp_path, source, urls=()) as desk:
        await desk.ready([with_list_at(ROOT, URL, second, "http://third.example/x").certificate])
        assert source.asked == [URL, second]
        assert len(desk.rules().crls) == 1


async def test_a_sub_ca_nobody_knew_before_may_have_signed_the_list_of_its_own_chain(tmp_path: Path) -> None:
    sub = with_list_at(LADDER.subs[0], URL)
    source = PlayedSource({URL: revocation_list(LADDER.subs[0])})
    async with list_desk(tmp_path, source, urls=()) as desk:
        await desk.ready([sub.certificate, LADDER.subs[0].certificate])
        assert len(desk.rules().crls) == 1


async def test_who_asks_at_the_same_time_shares_one_request(tmp_path: Path) -> None:
    source = PlayedSource({URL: revocation_list(ROOT)})
    sub = with_list_at(ROOT, URL).certificate
    async with list_desk(tmp_path, source, urls=()) as desk:
        await asyncio.gather(*(desk.ready([sub]) for _ in range(5)))
        assert source.asked == [URL]


async def test_switched_off_nothing_is_fetched_and_nothing_counts(tmp_path: Path) -> None:
    source = PlayedSource({URL: revocation_list(ROOT)})
    async with list_desk(tmp_path, source) as desk:
        await desk.refresh()
    async with list_desk(tmp_path, source, ListPolicy.OFF) as desk:
        await desk.refresh()
        await desk.ready([with_list_at(ROOT, URL).certificate])
        assert (desk.rules().crls, desk.rules().needs_crls) == ((), False)
    assert source.asked == [URL]


async def test_required_lists_are_required_from_the_start(tmp_path: Path) -> None:
    async with list_desk(tmp_path, PlayedSource(), ListPolicy.REQUIRE) as desk:
        assert desk.rules().needs_crls


async def test_certificates_can_not_make_it_watch_any_number_of_addresses(tmp_path: Path) -> None:
    source = PlayedSource()
    many = with_list_at(ROOT, *(f"http://lists.example/{number}" for number in range(MAX_URLS + 1)))
    async with list_desk(tmp_path, source, urls=()) as desk:
        await desk.ready([many.certificate])
        assert len(source.asked) == MAX_URLS
