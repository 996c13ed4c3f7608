"""Whatever a station says over a real WebSocket, each call gets one answer of its own and the connection lives on."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from backoffice import open_back_office
from chainpilot.cpms.adapters.gateway.answers import SERVED
from chainpilot.wire.pnc.tables import ACTIONS, VENDOR_IDS
from chainpilot.wire.version import OcppVersion

__all__: list[str] = []

WORDS = sorted({"csr", "idToken", "data", "status", "certificate", "exiRequest", "ocspRequestData", "hashAlgorithm"})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(sorted({*ACTIONS, *(action for _, action in SERVED), "DataTransfer"})) | st.text(max_size=60)
TRANSFERS = st.fixed_dictionaries(
    {},
    optional={
        "vendorId": st.sampled_from(sorted(VENDOR_IDS)) | JSON,
        "messageId": st.sampled_from(sorted(ACTIONS)) | JSON,
        "data": JSON.map(json.dumps) | JSON,
    },
)
CALLS = st.tuples(st.just("DataTransfer"), TRANSFERS | JSON) | st.tuples(NAMES, JSON)
"""An action and its payload."""
NOISE = (JSON | st.lists(JSON, max_size=5)).map(json.dumps) | st.text(max_size=80)
"""Texts that are no call of ours, or hardly one."""


async def _answers(socket: ClientConnection, texts: list[str], ids: set[str]) -> list[list[Any]]:
    """The frames that came, up to the last of these calls' answers."""
    for text in texts:
        await socket.send(text)
    found: list[list[Any]] = []
    async with asyncio.timeout(10):
        while not ids <= {frame[1] for frame in found}:
            found.append(json.loads(await socket.recv()))
    return found


@pytest.mark.parametrize("version", [OcppVersion.V16, OcppVersion.V201], ids=lambda version: version.value)
def test_no_message_ends_the_connection_and_each_call_has_its_one_answer(tmp_path: Path, version: OcppVersion) -> None:
    subprotocols = [Subprotocol(version.value)]
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(open_back_office(tmp_path)) as office,
        portal.wrap_async_context_manager(office.dial(subprotocols=subprotocols)) as socket,
    ):
        _say_anything(portal, socket)


def _say_anything(portal: BlockingPortal, socket: ClientConnection) -> None:
    numbers = iter(range(10**9))

    @given(calls=st.lists(CALLS, max_size=3), noise=st.lists(NOISE, max_size=2))
    def say(calls: list[tuple[str, Any]], noise: list[str]) -> None:
        ids = [f"call-{next(numbers)}" for _ in calls]
        end = f"end-{next(numbers)}"
        said = [json.dumps([2, one, *call]) for one, call in zip(ids, calls, strict=True)]
        texts = [*noise, *said, json.dumps([2, end, "Heartbeat", {}])]
        found = portal.call(_answers, socket, texts, {*ids, end})
        assert all(frame[0] in {3, 4} for frame in found)
        told = Counter(frame[1] for frame in found)
        assert [told[one] for one in (*ids, end)] == [1] * (len(ids) + 1)

    say()
