"""The back office as a whole: it starts or leaves nothing behind, and goes on where it stopped."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from backoffice import EVSE, STATION, open_back_office
from chainpilot.cpms.adapters.gateway.tls import ListenerSetupError
from chainpilot.cpms.adapters.sql import DatabaseInUseError
from chainpilot.cpms.app import Cpms
from chainpilot.cpms.model import EnrolmentState, Step
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.trust import TrustAnchors
from sims import csr_text

__all__: list[str] = []

pytestmark = pytest.mark.anyio


async def test_a_listener_that_can_not_be_started_leaves_nothing_open(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        good = office.cpms.config
    for listener in (
        replace(good.listeners[0], key=tmp_path / "nowhere.key"),
        replace(good.listeners[1], client_anchors=TrustAnchors()),
        replace(good.listeners[0], host="203.0.113.1"),
    ):
        with pytest.raises(ListenerSetupError, match=listener.name):
            async with Cpms(replace(good, listeners=(good.listeners[0], listener))):
                pass
    async with Cpms(good) as cpms:
        assert set(cpms.listeners) == {"profile-2", "profile-3"}


async def test_a_second_back_office_on_the_same_database_is_refused(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        with pytest.raises(DatabaseInUseError):
            async with Cpms(office.cpms.config):
                pass


async def test_outside_its_context_it_has_no_records(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        cpms = office.cpms
    with pytest.raises(RuntimeError, match="not running"):
        _ = cpms.ledger


async def test_a_delivery_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        async with office.dial() as socket:
            csr = csr_text(generate_private_key(KeySpec.P256), EVSE)
            data = {"vendorId": "iso15118", "messageId": "SignCertificate", "data": json.dumps({"csr": csr})}
            await socket.send(json.dumps([2, "1", "DataTransfer", data]))
            await socket.recv()
            await office.steps.until(Step.DELIVERY_RECORDED)
        await office.steps.until(Step.WAITS_FOR_STATION)
        config = office.cpms.config
    async with Cpms(config) as cpms:
        (enrolment,) = await cpms.ledger.enrolments_of(STATION)
        assert enrolment.state is EnrolmentState.DELIVERED
        assert await cpms.ledger.wake(STATION, enrolment.changed_at) == 1
        await asyncio.sleep(0)
