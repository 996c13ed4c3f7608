"""The pages of docs/flows are what the flows do now: each is played again and compared."""

import re

import pytest

from chainpilot.wire.pnc.dialects import Dialect
from flows.catalogue import FLOWS
from flows.flow import Flow
from flows.pages import FOLDER, index_page, path_of, written_page
from flows.stage import EVSE, OPERATOR, STATION

pytestmark = pytest.mark.anyio

AGAIN = "python tools/flow_pages.py writes it anew"


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
async def test_a_flow_goes_as_its_page_shows(flow: Flow) -> None:
    assert path_of(flow).read_text(encoding="utf-8") == await written_page(flow), AGAIN


def test_the_list_of_the_flows_has_every_page_and_no_other() -> None:
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == index_page(), AGAIN
    assert set(FOLDER.iterdir()) == {FOLDER / "README.md", *map(path_of, FLOWS)}, AGAIN


def test_every_dialect_that_is_served_has_a_flow() -> None:
    shown = {cast.dialect for flow in FLOWS for cast in flow.casts}
    assert shown == {Dialect.H, Dialect.O, Dialect.S, Dialect.V201}


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_a_page_holds_no_payload_no_name_and_no_time(flow: Flow) -> None:
    page = path_of(flow).read_text(encoding="utf-8")
    for text in (STATION, EVSE, OPERATOR + ",", "BEGIN", "127.0.0.1"):
        assert text not in page
    assert not re.search(r"[0-9a-f]{8}|\d{2}:\d{2}|20\d\d-", page)
