"""PyPI's `ocpp` plays the station at our desk, in 1.6 and 2.0.1: it checks what we answer and ask, and answers us."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import ocpp.v16
import ocpp.v201
import pytest
from ocpp.charge_point import camel_to_snake_case
from ocpp.routing import on

from chainpilot.wire.schema import read_answer, read_message, write_message
from chainpilot.wire.version import OcppVersion
from desks import OF_CSMS, OF_STATIONS, Counter, open_desk
from offices import STATION
from payloads import Known, example

__all__: list[str] = []

pytestmark = pytest.mark.anyio

PEERS = {OcppVersion.V16: ocpp.v16, OcppVersion.V201: ocpp.v201}


def peer_station(counter: Counter, known: Known) -> Any:
    """A station of somebody else's making that answers the call, if it is one it is asked."""
    room = PEERS[known.version]

    class PeerStation(room.ChargePoint):  # type: ignore[misc, name-defined]  # - the peer is untyped
        heard: list[dict[str, Any]] = []  # noqa: RUF012 - one class a test

        @on(known.action)  # type: ignore[untyped-decorator]  # - the peer is untyped
        def on_call(self, **fields: Any) -> Any:
            self.heard.append(fields)
            return getattr(room.call_result, known.action)(**camel_to_snake_case(example(known.answer.schema)))

    return PeerStation(STATION, counter.socket)


@asynccontextmanager
async def started(station: Any) -> AsyncIterator[Any]:
    """The peer at work."""
    running = asyncio.create_task(station.start())
    try:
        yield station
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("known", OF_STATIONS, ids=str)
async def test_an_ocpp_station_is_content_with_our_answer(tmp_path: Path, known: Known) -> None:
    async with open_desk(tmp_path, known.version) as counter, started(peer_station(counter, known)) as station:
        request = getattr(PEERS[known.version].call, known.action)(**camel_to_snake_case(example(known.schema)))
        answer = await station.call(request, suppress=False)
        assert type(answer).__name__ == known.action


@pytest.mark.parametrize("known", OF_CSMS, ids=str)
async def test_an_ocpp_station_understands_our_call_and_we_its_answer(tmp_path: Path, known: Known) -> None:
    async with open_desk(tmp_path, known.version) as counter, started(peer_station(counter, known)) as station:
        request = read_message(example(known.schema), known.message, known.version)
        answer = await counter.link.call(known.action, write_message(request))
        expected = read_message(example(known.answer.schema), known.answer.message, known.version)
        assert read_answer(answer, known.answer.message, known.version) == expected
        assert station.heard == [camel_to_snake_case(example(known.schema))]
