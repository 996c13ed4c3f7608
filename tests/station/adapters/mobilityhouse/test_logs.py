"""PyPI's `ocpp` logs without payloads: whatever its lines hold, no secret is left in them."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpp.messages import Call
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result

from chainpilot.station.adapters.mobilityhouse import WithoutPayloads

pytestmark = pytest.mark.anyio

SECRET = "hunter2hunter2hunter2"


class Wire:
    """A connection that gives what a test has written, then waits."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.sent: asyncio.Queue[str] = asyncio.Queue()
        self.all_read = asyncio.Event()

    async def recv(self) -> str:
        if not self.texts:
            self.all_read.set()
            await asyncio.Event().wait()
        return self.texts.pop(0)

    async def send(self, text: str) -> None:
        self.sent.put_nowait(text)


class Station(ChargePoint):  # type: ignore[misc] # - the library isn't typed
    @on("ChangeConfiguration")  # type: ignore[untyped-decorator] # - the library isn't typed
    async def _change(self, key: str, value: str) -> Any:
        if key == "Broken":
            raise ValueError(value)
        return call_result.ChangeConfiguration("Accepted")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level("DEBUG", "ocpp")
    without, logger = WithoutPayloads(), logging.getLogger("ocpp")
    logger.addFilter(without)
    yield caplog
    logger.removeFilter(without)


async def said(*texts: str, answers: int) -> None:
    wire = Wire(*texts)
    serving = asyncio.ensure_future(Station("CS-001", wire).start())
    async with asyncio.timeout(10):
        for _ in range(answers):
            await wire.sent.get()
        await wire.all_read.wait()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_password_is_in_no_line(log: pytest.LogCaptureFixture) -> None:
    good = json.dumps([2, "id-1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}])
    failing = json.dumps([2, "id-2", "ChangeConfiguration", {"key": "Broken", "value": SECRET}])
    wrong = json.dumps([2, "id-3", "ChangeConfiguration", {"key": "AuthorizationKey", "valeu": SECRET}])
    await said(good, failing, wrong, f"no frame but {SECRET}", f'["{SECRET}"]', answers=3)
    assert SECRET not in log.text
    assert "CS-001: receive message CALL ChangeConfiguration id-1" in log.text
    assert "CS-001: send CALLRESULT id-1" in log.text
    assert "Error while handling request 'CALL ChangeConfiguration id-2' (ValueError)" in log.text


async def test_without_the_filter_it_would_be_there(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ocpp")
    await said(json.dumps([2, "id-1", "ChangeConfiguration", {"key": "K", "value": SECRET}]), answers=1)
    assert SECRET in caplog.text


CONTENTS = st.sampled_from(
    [SECRET, SECRET.encode(), f'[3,"x",{{"a":"{SECRET}"}}]', ValueError(SECRET), {"a": SECRET}, [SECRET]]
) | st.just(Call("x", "Reset", {"a": SECRET}))


@given(
    contents=st.lists(CONTENTS, max_size=3),
    template=st.sampled_from(["%s", "'%s' and 100%%: ", "receive: "]),
)
def test_no_argument_is_ever_shown(contents: list[Any], template: str) -> None:
    text = template + " %s" * max(0, len(contents) - template.count("%s"))
    while text.count("%s") > len(contents):
        contents = [*contents, SECRET]
    record = logging.LogRecord("ocpp", logging.INFO, "", 1, text, tuple(contents), None)
    assert WithoutPayloads().filter(record)
    assert SECRET not in record.getMessage()


def test_lines_that_do_not_fit_their_arguments_are_kept_all_the_same() -> None:
    record = logging.LogRecord("ocpp", logging.INFO, "", 1, "%s %d", (SECRET,), None)
    assert WithoutPayloads().filter(record)
    assert SECRET not in record.getMessage()
    alone = logging.LogRecord("ocpp", logging.INFO, "", 1, "50% done", None, None)
    assert WithoutPayloads().filter(alone)
    assert alone.getMessage() == "50% done"
