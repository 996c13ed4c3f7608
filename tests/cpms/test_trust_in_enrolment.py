"""A PKI that turns malicious reaches no station, and what an operator decides counts in the next judgement."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chainpilot.cpms.adapters.sql import SqlTrustRecords
from chainpilot.cpms.enrolment import CacertsShelf
from chainpilot.cpms.model import EnrolmentState, Reason, RetryClass, TrustSource, TrustState
from chainpilot.cpms.trust import ListPolicy, RevocationDesk, TrustDesk
from chainpilot.cpms.trust_office import AnchorsInForce
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.trust import TrustDomain
from chainpilot.wire.pnc.words import GenericStatus
from forge import Forged
from listsource import PlayedSource, with_list_at
from offices import Scene, open_scene
from revocations import entry, revocation_list
from sims import Ladder, v2g_ladder

__all__: list[str] = []

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def trusting_scene(
    folder: Path, ladder: Ladder, *, lists: PlayedSource | None = None, policy: ListPolicy = ListPolicy.CHECK
) -> AsyncIterator[tuple[Scene, TrustDesk]]:
    """A scene whose V2G anchors are those of a desk, the ladder's root being configured."""
    async with open_scene(folder, ladder=ladder) as scene:
        records = SqlTrustRecords(scene.ledger)
        desk = TrustDesk(
            records,
            {TrustDomain.V2G: ladder.anchors},
            clock=scene.clock,
            domains_of={"v2g": frozenset({TrustDomain.V2G})},
        )
        await desk.open()
        fetched = RevocationDesk(records, lists or PlayedSource(), policy, known=desk.known, clock=scene.clock)
        scene.office = replace(
            scene.office, anchors=AnchorsInForce(desk), shelf=CacertsShelf(desk), lists=fetched, roots=desk
        )
        yield scene, desk
        await desk.close()


async def test_a_new_root_in_cacerts_is_proposed_and_what_leads_to_it_reaches_no_station(tmp_path: Path) -> None:
    good, evil = v2g_ladder(), v2g_ladder("Evil Root")
    async with trusting_scene(tmp_path, good) as (scene, desk):
        scene.ca.ladder = evil
        await scene.ask()
        await scene.work()
        failed = await scene.only()
        assert failed.failure is not None
        assert (failed.state, failed.failure.reason) == (EnrolmentState.FAILED, Reason.CHAIN_NOT_TRUSTED)
        assert evil.root.certificate.fingerprint in failed.failure.detail
        assert not scene.station.installed
        found = {record.certificate: record for record in desk.records(TrustState.PROPOSED)}
        assert found[evil.root.certificate].source is TrustSource.CACERTS
        assert desk.pool.anchors_of(TrustDomain.V2G).anchors == (good.root.certificate,)


async def test_once_its_fingerprint_is_approved_the_certificate_in_hand_goes_on(tmp_path: Path) -> None:
    good, new = v2g_ladder(), v2g_ladder("New Root")
    async with trusting_scene(tmp_path, good) as (scene, desk):
        scene.ca.ladder = new
        scene.station.anchors = new.anchors
        await scene.ask()
        await scene.work()
        await desk.approve(new.root.certificate.fingerprint, by="Ada")
        assert (await scene.ask()).status is GenericStatus.ACCEPTED
        await scene.work()
        assert ((await scene.only()).state, scene.ca.posts) == (EnrolmentState.INSTALLED, 1)


async def test_an_anchor_withdrawn_before_delivery_keeps_the_certificate_from_the_station(tmp_path: Path) -> None:
    good = v2g_ladder()
    async with trusting_scene(tmp_path, good) as (scene, desk):
        scene.station.online = False
        await scene.ask()
        await scene.work()
        assert (await scene.only()).state is EnrolmentState.ISSUED
        await desk.withdraw(good.root.certificate.fingerprint, by="Ada", why="stolen")
        scene.station.online = True
        await scene.ledger.wake((await scene.only()).slot.station_id, scene.clock.now())
        await scene.work()
        failure = (await scene.only()).failure
        assert failure is not None
        assert failure.reason is Reason.CHAIN_NOT_TRUSTED
        assert not scene.station.installed


@pytest.mark.parametrize("moment", ["before the request", "before delivery"])
async def test_a_sub_ca_that_was_rejected_leads_no_certificate_to_a_station(tmp_path: Path, moment: str) -> None:
    ladder = v2g_ladder()
    async with trusting_scene(tmp_path, ladder) as (scene, desk):
        sub = ladder.issuing.certificate
        await desk.propose([sub], TrustDomain.V2G, TrustSource.CACERTS, "cacerts of [pki.v2g]")
        scene.station.online = moment == "before the request"
        if moment == "before the request":
            await desk.reject(sub.fingerprint, by="Ada", why="its key was stolen")
        await scene.ask()
        await scene.work()
        if moment == "before delivery":
            assert (await scene.only()).state is EnrolmentState.ISSUED
            await desk.reject(sub.fingerprint, by="Ada", why="its key was stolen")
            scene.station.online = True
            await scene.ledger.wake((await scene.only()).slot.station_id, scene.clock.now())
            await scene.work()
        failure = (await scene.only()).failure
        assert not scene.station.installed
        assert failure is not None
        assert failure.reason is Reason.CHAIN_NOT_TRUSTED
        assert "its key was stolen" in failure.detail


URL = "http://lists.example/sub2.crl"


def ladder_with_list() -> Ladder:
    """A ladder whose Sub2 says where Sub1's list is."""
    plain = v2g_ladder()
    return Ladder(plain.root, (plain.subs[0], with_list_at(plain.subs[0], URL)))


def list_of(issuer: Forged, *revoked: Certificate) -> bytes:
    """Its list."""
    return revocation_list(issuer, *(entry(one.serial_number) for one in revoked))


async def test_a_sub_ca_on_its_issuer_s_list_ends_the_enrolment(tmp_path: Path) -> None:
    ladder = ladder_with_list()
    lists = PlayedSource({URL: list_of(ladder.subs[0], ladder.issuing.certificate)})
    async with trusting_scene(tmp_path, ladder, lists=lists) as (scene, _):
        await scene.ask()
        await scene.work()
        failure = (await scene.only()).failure
        assert failure is not None
        assert (failure.reason, failure.retry) == (Reason.CHAIN_REVOKED, RetryClass.NEVER)
        assert not scene.station.installed


async def test_a_list_that_can_not_be_had_refuses_nothing_where_lists_are_only_checked(tmp_path: Path) -> None:
    async with trusting_scene(tmp_path, ladder_with_list()) as (scene, _):
        await scene.ask()
        await scene.work()
        assert (await scene.only()).state is EnrolmentState.INSTALLED


async def test_where_lists_are_required_an_enrolment_waits_for_one_and_then_goes_on_by_itself(tmp_path: Path) -> None:
    ladder = ladder_with_list()
    lists = PlayedSource()
    async with trusting_scene(tmp_path, ladder, lists=lists, policy=ListPolicy.REQUIRE) as (scene, _):
        await scene.ask()
        await scene.work()
        failure = (await scene.only()).failure
        assert failure is not None
        assert (failure.reason, failure.retry) == (Reason.REVOCATION_UNKNOWN, RetryClass.BY_ITSELF)
        assert not scene.station.installed
        leaf_url, root_url = "http://lists.example/leaf.crl", "http://lists.example/root.crl"
        lists.bodies = {
            URL: list_of(ladder.subs[0]),
            leaf_url: list_of(ladder.issuing),
            root_url: list_of(ladder.root),
        }
        desk = scene.office.lists
        assert isinstance(desk, RevocationDesk)
        desk._configured = (leaf_url, root_url)
        scene.clock.advance(600)
        await desk.refresh()
        await scene.wait_and_work(timedelta(hours=1))
        assert (await scene.only()).state is EnrolmentState.INSTALLED
        assert scene.ca.posts == 1
