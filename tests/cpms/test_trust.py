"""Trust never arrives by itself: proposals wait, decisions name a fingerprint, and all of it is on disk first."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from chainpilot.cpms.adapters.sql import SqlLedger, SqlTrustRecords
from chainpilot.cpms.model import (
    FingerprintError,
    TrustChange,
    TrustSource,
    TrustState,
    parse_fingerprint,
)
from chainpilot.cpms.ports import LedgerConflict, LedgerFailed, TrustEntry
from chainpilot.cpms.trust import MAX_PROPOSALS, TrustDesk, TrustPolicy, TrustRefused
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.trust import TrustAnchors, TrustDomain
from clocks import SetClock
from forge import BEGIN, NOON, Forged, forge
from sims import v2g_ladder

__all__: list[str] = []

pytestmark = pytest.mark.anyio

FAR = BEGIN + timedelta(days=3650)
OPERATOR = "Ada"


def root(name: str = "New Root", **changes: object) -> Forged:
    """A root that may be an anchor."""
    return forge(name, ca=True, domain="V2G", **{"end": FAR, **changes})  # type: ignore[arg-type]  # - forge's own


@asynccontextmanager
async def trust_desk(
    folder: Path,
    *configured: Certificate,
    policy: TrustPolicy | None = None,
    told: list[TrustChange] | None = None,
) -> AsyncIterator[TrustDesk]:
    """A desk on the records in `folder`, V2G anchors from a file."""
    ledger = await SqlLedger.open(folder / "cpms.sqlite")
    desk = TrustDesk(
        SqlTrustRecords(ledger),
        {TrustDomain.V2G: TrustAnchors.admit(configured, allow_test_pki=True)},
        clock=SetClock(NOON),
        policy=policy,
        domains_of={"hubject": frozenset({TrustDomain.V2G})},
        tell=(told if told is not None else []).append,
    )
    try:
        await desk.open()
        yield desk
    finally:
        await desk.close()
        await ledger.close()


async def proposed(desk: TrustDesk, *certificates: Certificate, domain: TrustDomain = TrustDomain.V2G) -> None:
    """Propose them as a file would."""
    await desk.propose(certificates, domain, TrustSource.FILE, "a file")


def anchors(desk: TrustDesk) -> tuple[Certificate, ...]:
    """The V2G anchors in force."""
    return desk.pool.anchors_of(TrustDomain.V2G).anchors


async def test_where_a_root_came_from_is_not_told_as_the_reason_of_who_approved_it(tmp_path: Path) -> None:
    new = root().certificate
    async with trust_desk(tmp_path) as desk:
        await proposed(desk, new)
        await desk.approve(new.fingerprint, by=OPERATOR)
        assert [change.why for change in await desk.history()] == ["a file", ""]


async def test_a_proposed_root_is_no_anchor_until_its_whole_fingerprint_is_approved(tmp_path: Path) -> None:
    told: list[TrustChange] = []
    new = root().certificate
    async with trust_desk(tmp_path, told=told) as desk:
        await proposed(desk, new)
        assert anchors(desk) == ()
        with pytest.raises(FingerprintError, match="a part proves nothing"):
            await desk.approve(new.fingerprint[:63], by=OPERATOR)
        assert anchors(desk) == ()
        record = await desk.approve(new.fingerprint.upper(), by=OPERATOR, why="read out on the telephone")
        assert record.state is TrustState.APPROVED
        assert anchors(desk) == (new,)
    assert [(one.before, one.after, one.by) for one in told] == [
        (None, TrustState.PROPOSED, "file"),
        (TrustState.PROPOSED, TrustState.APPROVED, OPERATOR),
    ]
    async with trust_desk(tmp_path) as again:
        assert anchors(again) == (new,)
        assert list(await again.history()) == told
        assert await again.history(root("Another").certificate.fingerprint) == ()


async def test_what_was_rejected_or_withdrawn_stays_so_when_it_is_proposed_again(tmp_path: Path) -> None:
    bad, old = root("Bad").certificate, root("Old").certificate
    async with trust_desk(tmp_path) as desk:
        await proposed(desk, bad, old)
        await desk.reject(bad.fingerprint, by=OPERATOR, why="nobody knows it")
        await desk.approve(old.fingerprint, by=OPERATOR)
        await desk.withdraw(old.fingerprint, by=OPERATOR)
    async with trust_desk(tmp_path) as desk:
        again = await desk.propose([bad, old], TrustDomain.V2G, TrustSource.CACERTS, "cacerts of [pki.x]")
        assert [record.state for record in again.known] == [TrustState.REJECTED, TrustState.WITHDRAWN]
        assert anchors(desk) == ()


async def test_an_anchor_of_the_configuration_can_be_withdrawn_and_the_file_does_not_bring_it_back(
    tmp_path: Path,
) -> None:
    listed = root().certificate
    async with trust_desk(tmp_path, listed) as desk:
        assert anchors(desk) == (listed,)
        assert [(one.state, one.source) for one in desk.records()] == [(TrustState.APPROVED, TrustSource.CONFIGURATION)]
        with pytest.raises(TrustRefused, match="an anchor already"):
            await desk.approve(listed.fingerprint, by=OPERATOR)
        await desk.withdraw(listed.fingerprint, by=OPERATOR, why="its key was stolen")
        assert anchors(desk) == ()
    async with trust_desk(tmp_path, listed) as desk:
        assert anchors(desk) == ()
        await desk.approve(listed.fingerprint, by=OPERATOR)
        assert anchors(desk) == (listed,)


async def test_an_anchor_of_the_configuration_that_was_proposed_too_ends_with_its_file(tmp_path: Path) -> None:
    listed = root().certificate
    async with trust_desk(tmp_path) as desk:
        await proposed(desk, listed)
    async with trust_desk(tmp_path, listed) as desk:
        assert desk.records(TrustState.APPROVED)[0].certificate == listed
        await desk.report(parse_fingerprint(listed.fingerprint), "it is revoked", "hubject", revoked=True)
        assert anchors(desk) == (listed,)
    async with trust_desk(tmp_path) as desk:
        assert anchors(desk) == ()


def unfit() -> dict[str, Certificate]:
    """What can't be an anchor, by a word of the reason."""
    return {
        "not a CA": forge("Leaf", end=FAR).certificate,
        "doesn't let it sign": forge("Odd", ca=True, usage={"crl_sign": True}, end=FAR).certificate,
        "test PKI": root(test=True).certificate,
        "it ended": root(end=NOON - timedelta(days=1)).certificate,
    }


@pytest.mark.parametrize("why", unfit())
async def test_what_can_not_be_an_anchor_is_refused_with_the_reason(tmp_path: Path, why: str) -> None:
    async with trust_desk(tmp_path) as desk:
        ended = await desk.propose([unfit()[why]], TrustDomain.V2G, TrustSource.FILE, "a file")
        assert [why in said for _, said in ended.refused] == [True]
        assert desk.records() == ()


async def test_test_roots_are_anchors_where_they_are_allowed(tmp_path: Path) -> None:
    test = root(test=True).certificate
    async with trust_desk(tmp_path, policy=TrustPolicy(allow_test_pki=True)) as desk:
        await proposed(desk, test)
        await desk.approve(test.fingerprint, by=OPERATOR)
        assert anchors(desk) == (test,)
    async with trust_desk(tmp_path) as desk:
        assert anchors(desk) == ()


async def test_a_proposal_that_ends_before_it_is_approved_is_refused(tmp_path: Path) -> None:
    short = root(end=NOON + timedelta(hours=1)).certificate
    async with trust_desk(tmp_path) as desk:
        await proposed(desk, short)
        desk._clock.advance(7200)  # type: ignore[attr-defined]  # - the clock is set by the test
        with pytest.raises(TrustRefused, match="it ended"):
            await desk.approve(short.fingerprint, by=OPERATOR)
        assert anchors(desk) == ()


async def test_a_root_known_for_two_domains_is_approved_for_the_one_that_is_named(tmp_path: Path) -> None:
    both = root().certificate
    async with trust_desk(tmp_path) as desk:
        await proposed(desk, both)
        await proposed(desk, both, domain=TrustDomain.MO)
        with pytest.raises(TrustRefused, match="V2G, MO: say for which"):
            await desk.approve(both.fingerprint, by=OPERATOR)
        await desk.approve(both.fingerprint, TrustDomain.MO, by=OPERATOR)
        assert (anchors(desk), desk.pool.anchors_of(TrustDomain.MO).anchors) == ((), (both,))


@pytest.mark.parametrize(("given", "by", "why"), [("00" * 32, OPERATOR, "import it first"), ("00" * 32, " ", "who")])
async def test_a_decision_needs_a_known_certificate_and_somebody_who_decides(
    tmp_path: Path, given: str, by: str, why: str
) -> None:
    async with trust_desk(tmp_path) as desk:
        with pytest.raises(TrustRefused, match=why):
            await desk.approve(given, by=by)


async def test_one_source_can_not_fill_the_disk_with_new_roots(tmp_path: Path) -> None:
    key = generate_private_key(KeySpec.P256)
    flood = [root(f"Root {number}", key=key).certificate for number in range(MAX_PROPOSALS + 1)]
    async with trust_desk(tmp_path) as desk:
        report = await desk.propose(flood, TrustDomain.V2G, TrustSource.CACERTS, "cacerts of [pki.bad]")
        assert len(report.added) == MAX_PROPOSALS
        ((refused, why),) = report.refused
        assert refused == flood[-1]
        assert "wait for a decision" in why
        await proposed(desk, flood[-1])
        assert len(desk.records()) == MAX_PROPOSALS + 1


async def test_what_a_pki_shows_is_proposed_for_the_domains_it_issues_for_and_for_no_other(tmp_path: Path) -> None:
    ladder = v2g_ladder()
    async with trust_desk(tmp_path) as desk:
        await desk.learn("hubject", ladder.certificates)
        await desk.learn("somebody", v2g_ladder("Other").certificates)
        records = desk.records()
        assert {record.certificate for record in records} == set(ladder.certificates)
        assert {(record.domain, record.source) for record in records} == {(TrustDomain.V2G, TrustSource.CACERTS)}
        assert desk.known() == ()


class Rollover:
    """An old root, a new one, and the new one's name and key signed by the old one."""

    def __init__(self, **changes: object) -> None:
        key = generate_private_key(KeySpec.P256)
        self.old = root("Root G1")
        self.new = root("Root G2", key=key)
        arguments = {"ca": True, "domain": "V2G", "end": FAR, "key": key, **changes}
        self.cross = forge("Root G2", self.old, **arguments)  # type: ignore[arg-type]  # - forge's own


BY_SIGNATURE = TrustPolicy(approve_cross_signed=True)


async def test_a_successor_that_an_anchor_signed_becomes_an_anchor_where_the_policy_says_so(tmp_path: Path) -> None:
    roll = Rollover()
    async with trust_desk(tmp_path, roll.old.certificate, policy=BY_SIGNATURE) as desk:
        await proposed(desk, roll.new.certificate)
        assert anchors(desk) == (roll.old.certificate,)
        await proposed(desk, roll.cross.certificate)
        assert anchors(desk) == (roll.old.certificate, roll.new.certificate)
        last = (await desk.history(roll.new.certificate.fingerprint))[-1]
        assert (last.source, last.after) == (TrustSource.SIGNATURE, TrustState.APPROVED)
        assert roll.old.certificate.fingerprint in last.why


async def test_without_that_policy_it_waits_for_a_person(tmp_path: Path) -> None:
    roll = Rollover()
    async with trust_desk(tmp_path, roll.old.certificate) as desk:
        await proposed(desk, roll.new.certificate, roll.cross.certificate)
        assert anchors(desk) == (roll.old.certificate,)
        assert desk.pool.issuers[TrustDomain.V2G] == (roll.cross.certificate,)


@pytest.mark.parametrize(
    "changes",
    [{"path_length": 1}, {"end": NOON - timedelta(days=1)}, {"ca": False}],
    ids=["bound in length", "ended", "not a CA"],
)
async def test_a_cross_certificate_that_binds_or_says_nothing_approves_nobody(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    roll = Rollover(**changes)
    async with trust_desk(tmp_path, roll.old.certificate, policy=BY_SIGNATURE) as desk:
        await proposed(desk, roll.new.certificate, roll.cross.certificate)
        assert anchors(desk) == (roll.old.certificate,)


async def test_a_signature_by_a_namesake_of_an_anchor_approves_nobody(tmp_path: Path) -> None:
    roll, namesake = Rollover(), root("Root G1")
    async with trust_desk(tmp_path, namesake.certificate, policy=BY_SIGNATURE) as desk:
        await proposed(desk, roll.new.certificate, roll.cross.certificate)
        assert anchors(desk) == (namesake.certificate,)


async def test_a_successor_that_was_rejected_is_not_approved_by_a_signature(tmp_path: Path) -> None:
    roll = Rollover()
    async with trust_desk(tmp_path, roll.old.certificate, policy=BY_SIGNATURE) as desk:
        await proposed(desk, roll.new.certificate)
        await desk.reject(roll.new.certificate.fingerprint, by=OPERATOR)
        await proposed(desk, roll.cross.certificate)
        assert anchors(desk) == (roll.old.certificate,)


@pytest.mark.parametrize(("obeys", "left"), [(False, 1), (True, 0)])
async def test_an_anchor_reported_revoked_is_marked_and_withdrawn_only_where_the_policy_obeys(
    tmp_path: Path, obeys: bool, left: int
) -> None:
    listed = root().certificate
    async with trust_desk(tmp_path, listed, policy=TrustPolicy(withdraw_reported=obeys)) as desk:
        fingerprint = parse_fingerprint(listed.fingerprint)
        (record,) = await desk.report(fingerprint, "revoked, says the pool", "the root pool", revoked=True)
        assert (record.notice, len(anchors(desk))) == ("revoked, says the pool", left)
        assert await desk.report(fingerprint, "revoked, says the pool", "the root pool", revoked=True) == ()


async def test_a_proposal_that_its_source_takes_back_is_withdrawn(tmp_path: Path) -> None:
    new = root().certificate
    async with trust_desk(tmp_path) as desk:
        await proposed(desk, new)
        fingerprint = parse_fingerprint(new.fingerprint)
        (record,) = await desk.report(fingerprint, "it ended", "the root pool", revoked=False)
        assert record.state is TrustState.WITHDRAWN


async def test_whoever_gives_up_waiting_leaves_records_and_pool_in_agreement(tmp_path: Path) -> None:
    new = root().certificate
    async with trust_desk(tmp_path) as desk:
        await proposed(desk, new)
        deciding = asyncio.create_task(desk.approve(new.fingerprint, by=OPERATOR))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        deciding.cancel()
        await asyncio.gather(deciding, return_exceptions=True)
        await desk.close()
        assert anchors(desk) == (new,)


async def test_a_change_that_can_not_be_written_is_not_in_force(tmp_path: Path) -> None:
    new = root().certificate
    ledger = await SqlLedger.open(tmp_path / "cpms.sqlite")
    desk = TrustDesk(SqlTrustRecords(ledger), {}, clock=SetClock(NOON))
    await desk.open()
    await proposed(desk, new)
    await ledger.close()
    with pytest.raises(LedgerFailed):
        await desk.approve(new.fingerprint, by=OPERATOR)
    assert anchors(desk) == ()


async def test_a_record_decided_on_an_older_version_is_not_written(tmp_path: Path) -> None:
    async with trust_desk(tmp_path) as desk:
        await proposed(desk, root().certificate)
        (record,) = desk.records()
        for entry in (TrustEntry(added=(record,)), TrustEntry(changed=(record,))):
            with pytest.raises(LedgerConflict):
                await desk._store.write(entry)


async def test_records_that_can_not_be_read_stop_the_start(tmp_path: Path) -> None:
    async with trust_desk(tmp_path) as desk:
        await proposed(desk, root().certificate)
    ledger = await SqlLedger.open(tmp_path / "cpms.sqlite")
    await ledger.write(lambda connection: connection.exec_driver_sql("UPDATE trust_records SET certificate = x'30'"))
    with pytest.raises(LedgerFailed):
        await SqlTrustRecords(ledger).records()
    await ledger.close()


APPROVING = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_trust import trust_desk
async def approve() -> None:
    async with trust_desk(Path(sys.argv[1])) as desk:
        await desk.approve(sys.argv[2], by="Ada")
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(approve())
"""


async def test_an_approval_that_was_answered_survives_a_signal_9(tmp_path: Path) -> None:
    new = root().certificate
    async with trust_desk(tmp_path) as desk:
        await proposed(desk, new)
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{here.parent}"}
    dead = await asyncio.create_subprocess_exec(
        sys.executable, "-c", APPROVING, str(tmp_path), new.fingerprint, str(here), env=environment
    )
    assert await dead.wait() == -signal.SIGKILL
    async with trust_desk(tmp_path) as desk:
        assert anchors(desk) == (new,)
