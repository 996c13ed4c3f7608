"""Orders to a running test PKI over the socket in its folder."""

import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chainpilot.testpki.app import TestPki
from chainpilot.testpki.control import CONTROL_FILE, OrderNotAnswered, OrderRefused, give_order
from chainpilot.testpki.faults import Fault
from chainpilot.testpki.orders import (
    Answer,
    FaultOrder,
    IssueOrder,
    Order,
    RevokeOrder,
    RollOverOrder,
    StatusOrder,
)


@pytest.fixture
async def pki(tmp_path: Path) -> AsyncIterator[TestPki]:
    """A running test PKI, deeper than the address of a socket may be long."""
    async with TestPki(tmp_path / ("deep" * 25) / "pki") as running:
        yield running


async def told(pki: TestPki, order: Order) -> Answer:
    return await asyncio.to_thread(give_order, pki.directory, order)


async def test_an_order_is_carried_out_in_the_running_pki(pki: TestPki) -> None:
    answer = await told(pki, IssueOrder("mo", "DEABCC123456789"))
    assert [record.certificate.to_pem() for record in pki.issued] == [answer.stack[: answer.stack.index("END") + 21]]
    assert answer.key.startswith("-----BEGIN PRIVATE KEY-----")
    await told(pki, RevokeOrder("DEABCC123456789"))
    assert pki.office.revoked_at(pki.issued[0].certificate) is not None
    await told(pki, FaultOrder("busy", times=3))
    assert list(pki.faults.active) == [Fault.BUSY]
    assert any("fault busy" in line for line in (await told(pki, StatusOrder())).said)
    await told(pki, FaultOrder("busy", is_on=False))
    assert list(pki.faults.active) == []


async def test_a_rollover_reaches_the_servers(pki: TestPki) -> None:
    before = pki.issuers["cpo_sub2"].certificate
    await told(pki, RollOverOrder("cpo_sub2"))
    assert pki.issuers["cpo_sub2"].certificate != before


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (RollOverOrder("nobody"), "no CA 'nobody'"),
        (IssueOrder("mo", "nobody"), "no eMAID"),
        (IssueOrder("nowhere", "x"), "no label 'nowhere'"),
        (FaultOrder("nonsense"), "no fault 'nonsense'"),
        (FaultOrder("busy", times=0), "times"),
    ],
)
async def test_an_order_that_can_not_be_carried_out_is_refused_in_words(order: Order, why: str, pki: TestPki) -> None:
    with pytest.raises(OrderRefused, match=why):
        await told(pki, order)


async def test_only_its_owner_may_use_the_socket_and_it_goes_with_the_pki(tmp_path: Path) -> None:
    async with TestPki(tmp_path / "pki"):
        mode = (tmp_path / "pki" / CONTROL_FILE).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not (tmp_path / "pki" / CONTROL_FILE).exists()


async def test_a_socket_that_a_kill_left_is_replaced(tmp_path: Path) -> None:
    async with TestPki(tmp_path) as pki:
        pass
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / CONTROL_FILE))
    async with pki:
        assert (await told(pki, StatusOrder())).said[0] == "running"


@pytest.mark.parametrize("line", [b"\n", b"nonsense\n", b'{"type":"format"}\n', b"\xff\n", b"{" * 300_000])
async def test_what_is_no_order_is_refused_and_changes_nothing(line: bytes, tmp_path: Path) -> None:
    async with TestPki(tmp_path) as pki:
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / CONTROL_FILE))
        writer.write(line)
        answer = await reader.read(-1)
        assert answer == b"" or b'"refused":"' in answer
        writer.close()
        assert pki.issued == ()


async def test_nobody_there_is_told_as_undecided(tmp_path: Path) -> None:
    with pytest.raises(OrderNotAnswered, match="gave no answer"):
        await asyncio.to_thread(give_order, tmp_path, StatusOrder())
